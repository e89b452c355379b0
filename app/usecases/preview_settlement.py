"""Preview: calculate a settlement and record nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.settlement.settle import Refused, settle

if TYPE_CHECKING:
    from app.policies.catalogue import Catalogue
    from app.settlement.bill import Bill
    from app.settlement.result import Settlement
    from app.settlement.year import YearToDate


def preview_settlement(bill: Bill, year: YearToDate, catalogue: Catalogue) -> Settlement | Refused:
    """Settle a bill under the pack in force for the patient's pooling area on the day of discharge."""
    pack = catalogue.in_force(bill.patient.pooling_area, bill.encounter.discharged_on)
    return settle(bill, pack, year)
