"""Ask the roster (身份标注) about a bill that is not recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.store.roster import ask_roster
from app.usecases.check_roster import check_status
from app.usecases.known_persons import known_persons

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection

    from app.settlement.bill import Bill
    from app.store.ledger import Ledger
    from app.store.roster import RosterWord
    from app.usecases.check_roster import StatusCheck


def ask_and_check(bill: Bill, named: Mapping[str, str], ledger: Ledger) -> StatusCheck:
    """Compare a bill's status with what the newest roster says of the person, named as for `ledger_year`.

    Raises what `Ledger.read` raises.
    """
    day = bill.encounter.discharged_on

    def work(connection: Connection) -> RosterWord | None:
        word = None
        for person in known_persons(connection, named):
            word = ask_roster(connection, person, day)
            if word is None or word.status is not None:
                return word
        return word

    return check_status(bill, ledger.read(work))
