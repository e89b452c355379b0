"""Every reason and every refusal of the contract, and how often some bills reach each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from tests.oracle.calculation.answer import answer
from tests.oracle.calculation.packs import Packs


def reached(lines: Iterable[bytes], packs: Packs) -> Counter[str]:
    """How often each `stage: reason` and each refusal code came up."""
    counts: Counter[str] = Counter()
    for line in lines:
        got = answer(line, packs)
        counts["settled" if "stages" in got else "refused"] += 1
        counts.update(f"{stage['stage']}: {stage['reason']}" for stage in got.get("stages", []))
        counts.update({code for _, code in got.get("errors", [])})
    return counts


def everything_to_reach() -> list[str]:
    reasons = [f"{stage}: {reason}" for stage, names in EVERY_REASON.items() for reason in names.split()]
    return reasons + list(EVERY_CODE)


EVERY_REASON = {
    "deductible": "not_enabled waived applied nothing_left",
    "basic_insurance": "referral_not_compliant out_of_area nothing_left threshold_not_reached cap_reached applied",
    "critical_illness": "not_enabled nothing_left threshold_not_reached cap_reached applied",
    "medical_assistance": "not_enabled status_not_covered nothing_left threshold_not_reached cap_reached applied",
    "emergency_aid": "none_approved nothing_left applied",
    "second_reimbursement": "not_enabled status_not_covered nothing_left cap_reached applied",
    "backstop": "not_enabled status_not_covered referral_not_compliant target_met nothing_left cap_reached applied",
    "local_subsidy": "not_enabled status_not_covered nothing_left threshold_not_reached cap_reached applied",
}
EVERY_CODE = (
    "not_json",
    "too_many_lines",
    "field_invalid",
    "amount_out_of_range",
    "facility_not_designated",
    "dates_invalid",
    "no_policy_in_force",
    "work_injury_liability",
    "third_party_liability",
    "line_no_duplicate",
    "line_invalid",
    "line_amount_mismatch",
    "self_pay_ratio_invalid",
    "essential_medicine_invalid",
    "refund_exceeds_charge",
    "bill_total_not_positive",
)
