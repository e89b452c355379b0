"""What goes out: every line's scope, every stage with its inputs and reason, the payers and the year after."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from app.settlement.money import ZERO, Fen, Rate, capped, room

if TYPE_CHECKING:
    from collections.abc import Mapping

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


class Reason(StrEnum):
    """Why a stage paid or did not (settlement.md §6)."""

    APPLIED = "applied"
    WAIVED = "waived"
    NOT_ENABLED = "not_enabled"
    STATUS_NOT_COVERED = "status_not_covered"
    REFERRAL_NOT_COMPLIANT = "referral_not_compliant"
    OUT_OF_AREA = "out_of_area"
    THRESHOLD_NOT_REACHED = "threshold_not_reached"
    CAP_REACHED = "cap_reached"
    TARGET_MET = "target_met"
    NOTHING_LEFT = "nothing_left"
    NONE_APPROVED = "none_approved"


class LineScope(NamedTuple):
    """What one line contributes, signed, in fen; a class B line also says its ratio and where that came from."""

    line_no: int
    full_self_pay: Fen
    over_ceiling: Fen
    first_self_pay: Fen
    eligible: Fen
    self_pay_ratio: Rate | None
    ratio_from: RatioFrom | None


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
        return self.amount > 0 or self.reason is Reason.WAIVED


_NO_INPUTS: Final[Mapping[str, Fen | None]] = {}
_NO_RATES: Final[Mapping[str, Rate]] = {}


def nothing(stage: StageName, reason: Reason, source: Source | None, rate: Rate | None = None) -> StageResult:
    """A stage that never came to calculating."""
    return StageResult(stage, reason, ZERO, rate, source, _NO_INPUTS, _NO_RATES)


def last(amount: Fen, wanted: Fen) -> Reason:
    """Give §6's LAST: the cap lowered the amount, or something was paid, or nothing was left to pay."""
    if amount < wanted:
        return Reason.CAP_REACHED
    return Reason.APPLIED if amount > 0 else Reason.NOTHING_LEFT


def under_cap(wanted: Fen, annual_cap: Fen | None, paid_before: Fen) -> Fen:
    """What of `wanted` fits under an annual cap of which `paid_before` is used up, in fen."""
    return capped(wanted, room(annual_cap, paid_before))


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
