"""§5.3: critical-illness insurance (大病保险)."""

from __future__ import annotations

from typing import Final

from app.settlement.case import Case
from app.settlement.money import ZERO, Fen, under_cap
from app.settlement.pack import CriticalIllnessPolicy
from app.settlement.result import Costs, Reason, StageName, StageResult, last, nothing
from app.settlement.year import YearToDate

STAGE: Final[StageName] = "critical_illness"


def critical_illness(  # noqa: PLR0913 # the clause names these six things
    case: Case, costs: Costs, deductible: Fen, basic: Fen, year: YearToDate, policy: CriticalIllnessPolicy | None
) -> StageResult:
    """Pay by bands what the year's own share adds above the threshold.

    桂人社发〔2017〕74号 二(二)4: for the registered poor the threshold is halved and every rate ten points higher
    (起付线降低50%、报销比例提高10个百分点). The payment is f(after) − f(before), so that it does not depend on how a
    year is cut into bills.
    """
    if policy is None:
        return nothing(STAGE, "not_enabled", None, {"eligible": costs.eligible, "basic_insurance": basic})
    ladder = policy.poor if case.poor else policy.ordinary
    base = costs.eligible - basic
    if policy.include_first_self_pay:
        base = base + costs.first_self_pay
    if not policy.include_deductible:
        base = base - deductible
    before = year.critical_illness_base
    after = before + base
    paid_at_before = ladder.paid_up_to(before)
    paid_at_after = ladder.paid_up_to(after)
    wanted = paid_at_after - paid_at_before
    assert ZERO <= wanted <= base, "rates are within 0..1, so f rises by no more than its base"
    amount = under_cap(wanted, policy.annual_cap, year.critical_illness_paid)
    reason: Reason
    if base == 0:
        reason = "nothing_left"
    elif not ladder.reached(after):
        reason = "threshold_not_reached"
    else:
        reason = last(amount, wanted)
    return StageResult(
        STAGE,
        reason,
        amount,
        None,
        policy.preference_source if case.poor else policy.source,
        {
            "eligible": costs.eligible,
            "basic_insurance": basic,
            "first_self_pay": costs.first_self_pay if policy.include_first_self_pay else ZERO,
            "deductible_left_out": ZERO if policy.include_deductible else deductible,
            "base": base,
            "before": before,
            "after": after,
            "threshold": policy.threshold,
            "paid_at_before": paid_at_before,
            "paid_at_after": paid_at_after,
            "annual_cap": policy.annual_cap,
            "paid_before": year.critical_illness_paid,
            **ladder.shown_bounds,
        },
        {"threshold_factor": ladder.factor, **ladder.shown_rates},
    )
