"""The year to date that a preview takes from the ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.settlement.year import NO_YEAR, insurance_year
from app.store.person_years import read_year
from app.store.settlements import PersonYear
from app.usecases.known_persons import known_persons

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection

    from app.policies.catalogue import Catalogue
    from app.settlement.bill import Bill
    from app.settlement.year import YearToDate
    from app.store.ledger import Ledger


def ledger_year(bill: Bill, named: Mapping[str, str], catalogue: Catalogue, ledger: Ledger) -> YearToDate:
    """The ledger's own year to date of a person, of whom `named` has the pseudonym under each key.

    Zeros for one that it does not know.

    Raises what `Ledger.read` raises.
    """
    discharged_on = bill.encounter.discharged_on
    pack = catalogue.in_force(bill.patient.pooling_area, discharged_on)
    if pack is None:
        # The bill is refused for this, whatever the year was.
        return NO_YEAR
    whose = (insurance_year(discharged_on), pack.scheme or "")

    def work(connection: Connection) -> YearToDate:
        for person in known_persons(connection, named):
            year = read_year(connection, PersonYear(person, *whose))
            if year is not None:
                return year
        return NO_YEAR

    return ledger.read(work)
