"""§5.2: basic medical insurance, paid by the pooled fund (基本医疗保险统筹基金)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from app.settlement.bill import Tier
from app.settlement.case import Case
from app.settlement.money import NO_RATE, WHOLE, Fen, times, under_cap
from app.settlement.pack import BasicInsurancePolicy, ChronicOutpatientPolicy, TierRate
from app.settlement.result import Reason, StageName, StageResult, last

STAGE: Final[StageName] = "basic_insurance"


def basic_insurance(  # noqa: PLR0913 # the clause names these six things
    case: Case,
    eligible: Fen,
    deductible: Fen,
    paid_before: Fen,
    policy: BasicInsurancePolicy,
    chronic: ChronicOutpatientPolicy | None,
) -> StageResult:
    """Reimburse what is eligible above the deductible at the tier's rate.

    桂人社发〔2017〕74号 二(二)3: the registered poor who keep the referral rules get five points more, in the area,
    outside it and for chronic outpatient care.
    """
    base_rate, source = _table(case, policy, chronic)[case.tier]
    unreferred = case.inpatient and case.in_area and not case.compliant
    reduction = policy.unreferred_reduction if unreferred else NO_RATE
    bonus = policy.rate_bonus if case.preferred else NO_RATE
    if reduction:
        source = policy.reduction_source
    elif bonus:
        source = policy.preference_source
    rate = min(WHOLE, max(NO_RATE, base_rate - reduction) + bonus)

    above = eligible - deductible
    wanted = times(above, rate)
    amount = under_cap(wanted, policy.annual_cap, paid_before)
    reason: Reason
    if rate == 0 and case.inpatient and not case.compliant:
        reason = "referral_not_compliant"
    elif rate == 0 and case.inpatient and not case.in_area:
        reason = "out_of_area"
    elif eligible == 0:
        reason = "nothing_left"
    elif above == 0:
        reason = "threshold_not_reached"
    else:
        reason = last(amount, wanted)
    return StageResult(
        STAGE,
        reason,
        amount,
        rate,
        source,
        {
            "eligible": eligible,
            "deductible": deductible,
            "calculated": wanted,
            "annual_cap": policy.annual_cap,
            "paid_before": paid_before,
        },
        {"base_rate": base_rate, "unreferred_reduction": reduction, "rate_bonus": bonus},
    )


def _table(
    case: Case, policy: BasicInsurancePolicy, chronic: ChronicOutpatientPolicy | None
) -> Mapping[Tier, TierRate]:
    if not case.inpatient:
        assert chronic is not None, "a chronic outpatient bill under a pack without that block is refused before"
        return chronic.rates
    if case.in_area:
        return policy.in_area
    return policy.out_of_area_approved if case.compliant else policy.out_of_area_unapproved
