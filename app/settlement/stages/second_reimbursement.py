"""§5.6: second reimbursement (二次报销)."""

from __future__ import annotations

from typing import Final

from app.settlement.case import Case
from app.settlement.money import Fen, times, under_cap
from app.settlement.pack import SecondReimbursementPolicy
from app.settlement.result import StageName, StageResult, last, nothing

STAGE: Final[StageName] = "second_reimbursement"


def second_reimbursement(
    case: Case, left_in_catalogue: Fen, paid_before: Fen, policy: SecondReimbursementPolicy | None
) -> StageResult:
    """Reimburse once more part of what is left of the costs in the catalogue, out of the fund's surplus.

    桂人社发〔2017〕74号 二(二)4: 其余的医疗费用（不含自费药品及自费项目）给予不高于40%的二次报销,
    where the pooling area enables it for the year.
    """
    given = {"left_in_catalogue": left_in_catalogue}
    if policy is None or not policy.enabled:
        return nothing(STAGE, "not_enabled", policy.source if policy else None, given)
    if not case.poor:
        return nothing(STAGE, "status_not_covered", policy.source, given)
    wanted = times(left_in_catalogue, policy.rate)
    amount = under_cap(wanted, policy.annual_cap, paid_before)
    return StageResult(
        STAGE,
        "nothing_left" if left_in_catalogue == 0 else last(amount, wanted),
        amount,
        policy.rate,
        policy.source,
        {
            "base": left_in_catalogue,
            "calculated": wanted,
            "annual_cap": policy.annual_cap,
            "paid_before": paid_before,
        },
        {},
    )
