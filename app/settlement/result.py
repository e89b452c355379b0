"""What goes out: every line's scope, every stage with its inputs and reason, the payers and the year after."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple, TypeAlias

from app.settlement.money import ZERO, Fen, Rate
from app.settlement.pack import Pack, Source
from app.settlement.year import YearToDate

StageName = Literal[
    "deductible",
    "basic_insurance",
    "critical_illness",
    "medical_assistance",
    "emergency_aid",
    "second_reimbursement",
    "backstop",
    "local_subsidy",
]
RatioFrom = Literal["line", "category", "default", "essential_medicine"]


# Why a stage paid or did not (settlement.md §6).
Reason = Literal[
    "applied",
    "waived",
    "not_enabled",
    "status_not_covered",
    "referral_not_compliant",
    "out_of_area",
    "threshold_not_reached",
    "cap_reached",
    "target_met",
    "nothing_left",
    "none_approved",
]

# What one line contributes: line_no, full_self_pay, over_ceiling, first_self_pay and eligible, signed, in fen; then a
# class B line's self_pay_ratio and where that came from. A plain tuple: named ones take three times as long to make,
# and a bill has up to five thousand.
LineScope: TypeAlias = "tuple[int, Fen, Fen, Fen, Fen, Rate | None, RatioFrom | None]"


class Costs(NamedTuple):
    """T, C, O, P and E of settlement.md §4, in fen: always T = C + O + P + E."""

    total: Fen
    full_self_pay: Fen
    over_ceiling: Fen
    first_self_pay: Fen
    eligible: Fen


class StageResult(NamedTuple):
    """One stage's answer: amounts in fen, `inputs` in fen (None: no cap), `rates` in ten-thousandths."""

    stage: StageName
    reason: Reason
    amount: Fen
    rate: Rate | None
    source: Source | None
    inputs: Mapping[str, Fen | None]
    rates: Mapping[str, Rate]

    @property
    def applied(self) -> bool:
        """Whether the stage changed what is paid: an amount above 0, or a waiver."""
        return self.amount > 0 or self.reason == "waived"


_NO_RATES: Final[Mapping[str, Rate]] = {}


def nothing(
    stage: StageName,
    reason: Reason,
    source: Source | None,
    inputs: Mapping[str, Fen | None],
    rate: Rate | None = None,
) -> StageResult:
    """A stage that never came to calculating; `inputs` are what it was given, in fen, and hold no `base`."""
    return StageResult(stage, reason, ZERO, rate, source, inputs, _NO_RATES)


def last(amount: Fen, wanted: Fen) -> Reason:
    """Give §6's LAST: the cap lowered the amount, or something was paid, or nothing was left to pay."""
    if amount < wanted:
        return "cap_reached"
    return "applied" if amount > 0 else "nothing_left"


class Payers(NamedTuple):
    """Who pays what, in fen; the sum is the bill's total."""

    basic_insurance: Fen
    critical_illness: Fen
    medical_assistance: Fen
    emergency_aid: Fen
    second_reimbursement: Fen
    backstop: Fen
    local_subsidy: Fen
    patient: Fen


class CatalogueDrugRatio(NamedTuple):
    """The share of drugs within the catalogue (用药保障), what is asked for, and whether the exact share meets it."""

    ratio: Rate
    threshold: Rate
    met: bool


class Settlement(NamedTuple):
    """One settled bill with every reason; all money in fen."""

    bill_id: str
    facility_code: str
    pack: Pack
    insurance_year: int
    costs: Costs
    deductible: Fen
    deductible_waived: Fen
    payers: Payers
    actual_reimbursement_ratio: Rate
    deposit_required: bool
    amount_due: Fen
    refund_due: Fen
    catalogue_drug_ratio: CatalogueDrugRatio | None
    year_to_date: YearToDate
    stages: tuple[StageResult, ...]
    lines: list[LineScope]
