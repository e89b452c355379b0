"""§5.4: medical assistance (医疗救助)."""

from __future__ import annotations

from typing import Final

from app.settlement.case import Case
from app.settlement.money import ZERO, Fen, times, under_cap
from app.settlement.pack import MedicalAssistancePolicy
from app.settlement.result import Reason, StageName, StageResult, last, nothing
from app.settlement.year import YearToDate

STAGE: Final[StageName] = "medical_assistance"


def medical_assistance(
    case: Case, left_in_scope: Fen, year: YearToDate, policy: MedicalAssistancePolicy | None
) -> StageResult:
    """Pay a share, by status, of the eligible cost that insurance left, above an annual deductible.

    桂人社发〔2017〕74号 二(二)4 names assistance beside basic and critical-illness insurance; `left_in_scope` is m of
    settlement.md §5.4, in fen.
    """
    given = {"left_in_scope": left_in_scope}
    if policy is None:
        return nothing(STAGE, "not_enabled", None, given)
    row = policy.statuses.get(case.status)
    if row is None:
        return nothing(STAGE, "status_not_covered", policy.source, given)
    before = year.medical_assistance_base
    deductible = row.annual_deductible
    usable = max(ZERO, before + left_in_scope - deductible) - max(ZERO, before - deductible)
    wanted = times(usable, row.rate)
    amount = under_cap(wanted, row.annual_cap, year.medical_assistance_paid)
    reason: Reason
    if left_in_scope == 0:
        reason = "nothing_left"
    elif usable == 0:
        reason = "threshold_not_reached"
    else:
        reason = last(amount, wanted)
    return StageResult(
        STAGE,
        reason,
        amount,
        row.rate,
        row.source,
        {
            "base": left_in_scope,
            "before": before,
            "annual_deductible": deductible,
            "usable": usable,
            "calculated": wanted,
            "annual_cap": row.annual_cap,
            "paid_before": year.medical_assistance_paid,
        },
        {},
    )
