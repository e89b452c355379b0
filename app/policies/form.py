"""The contract of a pack's file (policy-pack.md) as data: every key, its form, and whether it is required."""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias, get_args

from app.settlement.bill import CATEGORIES, STATUSES, TIERS
from app.settlement.money import MONEY_PLACES, RATE_PLACES, WHOLE, Rate, plain_number
from app.settlement.pack import BackstopBase, BackstopBasis

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.policies.strict_yaml import Scalar
    from app.policies.tree import Unit, Value

# 桂人社发〔2017〕74号 二(二)4: 给予不高于40%的二次报销. A rule about packs, not a number that any bill is settled with.
SECOND_REIMBURSEMENT_AT_MOST: Final = Rate(4_000)

_PLAIN: Final = re.compile(r"[0-9]+(\.[0-9]+)?", re.ASCII)
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_AREA: Final = re.compile(r"[0-9]{6}", re.ASCII)
# A name becomes a part of the id, and the id a part of an address.
_NAME: Final = re.compile(r"[^\s@/?#]{1,64}")
_ID: Final = re.compile(rf"{_NAME.pattern}@{_DAY.pattern}")


class Form(NamedTuple):
    """The form of one scalar: what is expected, in words, and its reader, which gives None for any other."""

    expected: str
    read: Callable[[Scalar], Value]
    unit: Unit | None = None


class Record(NamedTuple):
    """A mapping: the form of each key. Any record but a title may hold a `source`."""

    required: dict[str, AnyForm]
    optional: dict[str, AnyForm]
    sourced: bool = True

    def form(self, key: str) -> AnyForm | None:
        """Give the form of a key, None for one that is unknown here."""
        return self.required.get(key) or self.optional.get(key)

    @property
    def keys(self) -> str:
        """All keys, for an error's words."""
        source = ("source",) if self.sourced and "source" not in self.required else ()
        return ", ".join((*self.required, *self.optional, *source))


class BandList(NamedTuple):
    """The bands of critical-illness insurance, on the excess over the threshold."""

    band: Record


class SourceForm(NamedTuple):
    """Where numbers come from."""

    expected: str = "a source: {document, clause} for the law, or {assumed: words}"


AnyForm: TypeAlias = Form | Record | BandList | SourceForm


def _share(most: Rate = WHOLE, why: str = "") -> Form:
    def read(scalar: Scalar) -> Value:
        number = plain_number(scalar.text, RATE_PLACES) if _PLAIN.fullmatch(scalar.text) else None
        return number if number is not None and number <= most else None

    upper = "1" if most == WHOLE else f"0.{most:04d}".rstrip("0")
    words = "with at most four decimals, without sign, exponent or underscore, such as 0.95"
    return Form(f"a rate from 0 to {upper}{why}, a plain decimal {words}", read, "share")


def _money(scalar: Scalar) -> Value:
    return plain_number(scalar.text, MONEY_PLACES) if _PLAIN.fullmatch(scalar.text) else None


def _flag(scalar: Scalar) -> Value:
    return None if scalar.quoted else {"true": True, "false": False}.get(scalar.text)


def _day(scalar: Scalar) -> Value:
    try:
        return date.fromisoformat(scalar.text) if _DAY.fullmatch(scalar.text) else None
    except ValueError:
        return None


def _choice(*words: str) -> Form:
    return Form(" or ".join(words), lambda scalar: scalar.text if scalar.text in words else None)


def _matching(pattern: re.Pattern[str], expected: str) -> Form:
    return Form(expected, lambda scalar: scalar.text if pattern.fullmatch(scalar.text) else None)


def _area(scalar: Scalar) -> Value:
    return scalar.text if scalar.quoted and _AREA.fullmatch(scalar.text) else None


def _record(required: dict[str, AnyForm], optional: dict[str, AnyForm] | None = None) -> Record:
    return Record(required, optional or {})


RATE: Final = _share()
MONEY: Final = Form(
    "an amount of yuan from 0, a plain decimal with at most two decimals, without sign, exponent or underscore, "
    "such as 1200 or 1200.50",
    _money,
    "yuan",
)
FLAG: Final = Form("true or false, without quotes", _flag)
DAY: Final = Form("a day as YYYY-MM-DD", _day)
AREA: Final = Form('an administrative division code, six digits in quotes, such as "450100"', _area)
WORDS: Final = Form("words", lambda scalar: scalar.text if scalar.text.strip() else None)
NAME: Final = _matching(_NAME, "a name without spaces and the signs @ / ? #, such as guangxi")
ID: Final = _matching(_ID, "a region's id, such as guangxi@2017-12-13")
SOURCE: Final = SourceForm()

_TIER_RATES: Final = _record(dict.fromkeys(TIERS, RATE))
_CAP: Final[dict[str, AnyForm]] = {"annual_cap": MONEY}
_BAND: Final = _record({"rate": RATE}, {"up_to": MONEY})
_STATUS: Final = _record({"rate": RATE}, {"annual_deductible": MONEY, **_CAP})


def _block(required: dict[str, AnyForm], optional: dict[str, AnyForm] | None = None) -> Record:
    return Record({"source": SOURCE, **required}, optional or {})


_SCOPE: Final = _block(
    {
        "class_b_self_pay_ratio": _record({"default": RATE}, dict.fromkeys(CATEGORIES, RATE)),
        "essential_medicine_as_class_a": FLAG,
    }
)
_DEDUCTIBLE: Final = _block(
    {
        "tiers": _record({tier: _record({"first": MONEY, "repeat": MONEY}) for tier in TIERS}),
        "waived_for_registered_poor": FLAG,
    }
)
_BASIC_INSURANCE: Final = _block(
    {
        "rate": _TIER_RATES,
        "unreferred_reduction": RATE,
        "out_of_area": _record({"approved": _TIER_RATES, "unapproved": _TIER_RATES}),
        "preference": _record({"rate_bonus": RATE}),
    },
    _CAP,
)
_CHRONIC_OUTPATIENT: Final = _block({"deductible": MONEY, "rate": _TIER_RATES})
_CRITICAL_ILLNESS: Final = _block(
    {
        "threshold": MONEY,
        "bands": BandList(_BAND),
        "preference": _record({"threshold_factor": RATE, "rate_bonus": RATE}),
    },
    {"include_first_self_pay": FLAG, "include_deductible": FLAG, **_CAP},
)
_MEDICAL_ASSISTANCE: Final = _block({"statuses": _record({}, dict.fromkeys(STATUSES, _STATUS))})
_SECOND_REIMBURSEMENT: Final = _block(
    {"enabled": FLAG, "rate": _share(SECOND_REIMBURSEMENT_AT_MOST, " (桂人社发〔2017〕74号 二(二)4)")}, _CAP
)
_BACKSTOP: Final = _block(
    {
        "enabled": FLAG,
        "target": RATE,
        "base": _choice(*get_args(BackstopBase)),
        "basis": _choice(*get_args(BackstopBasis)),
    },
    {**_CAP, "payer": WORDS},
)
_LOCAL_SUBSIDY: Final = _block({"enabled": FLAG, "own_share": RATE, "share": RATE}, _CAP)
_CATALOGUE_DRUG_RATIO: Final = _block({"threshold": RATE})

BLOCKS: Final[dict[str, AnyForm]] = {
    "scope": _SCOPE,
    "deductible": _DEDUCTIBLE,
    "basic_insurance": _BASIC_INSURANCE,
}
OPTIONAL_BLOCKS: Final[dict[str, AnyForm]] = {
    "chronic_outpatient": _CHRONIC_OUTPATIENT,
    "critical_illness": _CRITICAL_ILLNESS,
    "medical_assistance": _MEDICAL_ASSISTANCE,
    "second_reimbursement": _SECOND_REIMBURSEMENT,
    "backstop": _BACKSTOP,
    "local_subsidy": _LOCAL_SUBSIDY,
    "catalogue_drug_ratio": _CATALOGUE_DRUG_RATIO,
}
_TITLE: Final = Record({"zh-CN": WORDS, "en": WORDS}, {}, sourced=False)

REGION: Final = Record(
    {"name": NAME, "area": AREA, "effective_from": DAY, **BLOCKS},
    {"title": _TITLE, "scheme": WORDS, "effective_to": DAY, **OPTIONAL_BLOCKS},
    sourced=False,
)
# What an overlay leaves out it has from its region; what it gives keeps the region's form and may be no null there.
OVERLAY: Final = Record(
    {"extends": ID, "area": AREA, "effective_from": DAY, **BLOCKS},
    {"effective_to": DAY, "title": _TITLE, **OPTIONAL_BLOCKS},
    sourced=False,
)
