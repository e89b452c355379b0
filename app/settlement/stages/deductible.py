"""§5.1: the deductible (起付线) and its waiver."""

from __future__ import annotations

from typing import Final

from app.settlement.case import Case
from app.settlement.money import ZERO, Fen
from app.settlement.pack import ChronicOutpatientPolicy, DeductiblePolicy
from app.settlement.result import Reason, StageName, StageResult

STAGE: Final[StageName] = "deductible"


def deductible(
    case: Case, eligible: Fen, policy: DeductiblePolicy, chronic: ChronicOutpatientPolicy | None
) -> StageResult:
    """Take off what the patient bears before the fund pays; for the registered poor in the area, nothing.

    桂人社发〔2017〕74号 二(二)5: 因病在统筹区内定点医疗机构住院治疗的，取消住院基金起付标准.
    """
    if case.inpatient:
        tier = policy.tiers[case.tier]
        threshold, source = tier.repeat if case.repeat_stay else tier.first
        waived = case.poor and case.in_area and policy.waived_for_registered_poor
    else:
        assert chronic is not None, "a chronic outpatient bill under a pack without that block is refused before"
        threshold, waived, source = chronic.deductible, False, chronic.source
    reason: Reason = "applied" if eligible > 0 else "nothing_left"
    if threshold == 0:
        reason, waived = "not_enabled", False
    elif waived:
        reason, source = "waived", policy.waiver_source
    within = min(threshold, eligible)
    return StageResult(
        STAGE,
        reason,
        ZERO if waived else within,
        None,
        source,
        {"deductible": threshold, "eligible": eligible, "waived": within if waived else ZERO},
        {},
    )
