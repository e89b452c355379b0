"""§5.7: the backstop to the target share of the cost (兜底)."""

from __future__ import annotations

from typing import Final

from app.settlement.case import Case
from app.settlement.money import ZERO, Fen, times, under_cap
from app.settlement.pack import BackstopPolicy
from app.settlement.result import Costs, Reason, StageName, StageResult, last, nothing
from app.settlement.year import NO_YEAR, YearToDate

STAGE: Final[StageName] = "backstop"


def backstop(  # noqa: PLR0913 # the clause names these six things
    case: Case, costs: Costs, covered: Fen, burden: Fen, year: YearToDate, policy: BackstopPolicy | None
) -> StageResult:
    """Raise what all payers cover to the target share of the cost (商业健康保险补偿).

    桂人社发〔2017〕74号 二(二)5: 实际报销比例未达到90%，探索由商业健康保险补偿到90%.
    On the annual basis earlier stays count on both sides, those that bypassed the referral rules on neither.
    """
    given = {"covered": covered, "burden": burden}
    if policy is None or not policy.enabled:
        return nothing(STAGE, "not_enabled", policy.source if policy else None, given)
    if not case.poor:
        return nothing(STAGE, "status_not_covered", policy.source, given)
    if not case.compliant:
        return nothing(STAGE, "referral_not_compliant", policy.source, given, policy.target)
    earlier = year if policy.basis == "annual" else NO_YEAR
    base = _base(costs, policy)
    owed = times(earlier.backstop_base + base, policy.target)
    needed = owed - (earlier.backstop_covered + covered)
    wanted = min(max(ZERO, needed), burden)
    amount = under_cap(wanted, policy.annual_cap, year.backstop_paid)
    reason: Reason
    if needed <= 0:
        reason = "target_met"
    elif burden == 0:
        reason = "nothing_left"
    else:
        reason = last(amount, wanted)
    return StageResult(
        STAGE,
        reason,
        amount,
        policy.target,
        policy.source,
        {
            "base": base,
            "base_before": earlier.backstop_base,
            "covered": covered,
            "covered_before": earlier.backstop_covered,
            "owed": owed,
            "needed": needed,
            "burden": burden,
            "annual_cap": policy.annual_cap,
            "paid_before": year.backstop_paid,
        },
        {},
    )


def _base(costs: Costs, policy: BackstopPolicy) -> Fen:
    """K of settlement.md §5.7, in fen: the whole cost, or only what is in the catalogue, as the pack says."""
    return costs.total if policy.base == "total" else costs.eligible + costs.first_self_pay
