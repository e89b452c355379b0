"""Ask the roster (身份标注) about a bill that is not recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.store.roster import ask_roster
from app.usecases.check_roster import check_status

if TYPE_CHECKING:
    from app.settlement.bill import Bill
    from app.store.ledger import Ledger
    from app.usecases.check_roster import StatusCheck


def ask_and_check(bill: Bill, person: str, ledger: Ledger) -> StatusCheck:
    """Compare a bill's status with what the newest roster says of the person. Raises what `Ledger.read` raises."""
    day = bill.encounter.discharged_on
    return check_status(bill, ledger.read(lambda connection: ask_roster(connection, person, day)))
