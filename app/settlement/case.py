"""The facts of a bill that the stages ask for (settlement.md §2, "Derived")."""

from __future__ import annotations

from typing import NamedTuple

from app.settlement.bill import Bill, Status, Tier


class Case(NamedTuple):
    """Who is treated where, under which conditions of the law.

    `compliant` is 符合分级诊疗、转诊转院规范; `preferred` is the condition of 二(二)3; `poor` is 建档立卡贫困人口.
    """

    status: Status
    tier: Tier
    inpatient: bool
    repeat_stay: bool
    in_area: bool
    in_county: bool
    compliant: bool
    poor: bool
    preferred: bool


def case_of(bill: Bill) -> Case:
    """Derive the case. The bill is at a designated facility: any other is refused before."""
    facility, patient, encounter = bill.facility, bill.patient, bill.encounter
    in_area = facility.pooling_area == patient.pooling_area
    referral = encounter.referral
    compliant = referral != "none" and (in_area or referral != "not_required")
    poor = patient.status == "registered_poor"
    return Case(
        patient.status,
        facility.tier,
        encounter.type != "chronic_outpatient",
        encounter.admission_number > 1,
        in_area,
        facility.county is not None and facility.county == patient.county,
        compliant,
        poor,
        poor and compliant and facility.designated,
    )
