"""§5.8: the local subsidy (适当补助)."""

from __future__ import annotations

from typing import Final

from app.settlement.case import Case
from app.settlement.money import ZERO, Fen, times, under_cap
from app.settlement.pack import LocalSubsidyPolicy
from app.settlement.result import Reason, StageName, StageResult, last, nothing
from app.settlement.year import YearToDate

STAGE: Final[StageName] = "local_subsidy"


def local_subsidy(
    case: Case, total: Fen, burden: Fen, year: YearToDate, policy: LocalSubsidyPolicy | None
) -> StageResult:
    """Bear a share of what the patient still pays above his own share of the year's cost.

    桂人社发〔2017〕74号 二(二)5: 个人自付费用仍超过10%的部分，鼓励有条件的地方予以适当补助.
    """
    given = {"burden": burden}
    if policy is None or not policy.enabled:
        return nothing(STAGE, "not_enabled", policy.source if policy else None, given)
    if not case.poor:
        return nothing(STAGE, "status_not_covered", policy.source, given)
    own_before = year.total_cost - year.covered - year.local_subsidy_paid
    own_limit = times(year.total_cost + total, policy.own_share)
    excess = min(max(ZERO, own_before + burden - own_limit), burden)
    wanted = times(excess, policy.share)
    amount = under_cap(wanted, policy.annual_cap, year.local_subsidy_paid)
    reason: Reason
    if burden == 0:
        reason = "nothing_left"
    elif excess == 0:
        reason = "threshold_not_reached"
    else:
        reason = last(amount, wanted)
    return StageResult(
        STAGE,
        reason,
        amount,
        policy.share,
        policy.source,
        {
            "burden": burden,
            "own_before": own_before,
            "own_limit": own_limit,
            "excess": excess,
            "calculated": wanted,
            "annual_cap": policy.annual_cap,
            "paid_before": year.local_subsidy_paid,
        },
        {"own_share": policy.own_share},
    )
