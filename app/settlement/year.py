"""The year to date (年度累计): what a person already has in the insurance year."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from app.settlement.money import ZERO, Fen

if TYPE_CHECKING:
    from datetime import date


class YearToDate(NamedTuple):
    """Sums over the earlier settlements of one person, insurance year and scheme, all in fen.

    `covered` is what all payers but the patient and the local subsidy paid, backstop included; `backstop_base` and
    `backstop_covered` count only the stays that the backstop looked at (settlement.md §5.7, §6).
    """

    total_cost: Fen = ZERO
    basic_paid: Fen = ZERO
    critical_illness_base: Fen = ZERO
    critical_illness_paid: Fen = ZERO
    medical_assistance_base: Fen = ZERO
    medical_assistance_paid: Fen = ZERO
    second_reimbursement_paid: Fen = ZERO
    covered: Fen = ZERO
    backstop_base: Fen = ZERO
    backstop_covered: Fen = ZERO
    backstop_paid: Fen = ZERO
    local_subsidy_paid: Fen = ZERO


NO_YEAR: Final = YearToDate()


def insurance_year(discharged_on: date) -> int:
    """The insurance year (参保年度) of a stay: the calendar year of its discharge (settlement.md §1)."""
    return discharged_on.year
