"""The words that settlement.md §2 derives from a bill."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

INPATIENT_TYPES = ("inpatient", "maternity_inpatient")
DRUGS = ("drug", "herbal_drug")


@dataclass(frozen=True)
class Stay:
    """The words of §2 under "Derived"."""

    in_area: bool
    in_county: bool
    compliant: bool
    poor: bool
    designated: bool
    inpatient: bool

    @property
    def preferred(self) -> bool:
        return self.poor and self.compliant and self.designated


def stay_of(bill: dict[str, Any]) -> Stay:
    facility, patient, encounter = bill["facility"], bill["patient"], bill["encounter"]
    in_area = facility["pooling_area"] == patient["pooling_area"]
    referral = encounter["referral"]
    if not in_area and referral == "not_required":
        referral = "none"
    return Stay(
        in_area=in_area,
        in_county=facility["county"] is not None and facility["county"] == patient["county"],
        compliant=referral != "none",
        poor=patient["status"] == "registered_poor",
        designated=facility["designated"],
        inpatient=encounter["type"] in INPATIENT_TYPES,
    )
