"""The year to date that a preview takes from the ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.settlement.year import NO_YEAR
from app.store.person_years import read_year
from app.store.settlements import PersonYear

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from app.policies.catalogue import Catalogue
    from app.settlement.bill import Bill
    from app.settlement.year import YearToDate
    from app.store.ledger import Ledger


def ledger_year(bill: Bill, persons: tuple[str, ...], catalogue: Catalogue, ledger: Ledger) -> YearToDate:
    """The ledger's own year to date of a person, named by the pseudonyms under each key, the oldest first.

    Zeros for one that it does not know.

    Raises what `Ledger.read` raises.
    """
    discharged_on = bill.encounter.discharged_on
    pack = catalogue.in_force(bill.patient.pooling_area, discharged_on)
    if pack is None:
        # The bill is refused for this, whatever the year was.
        return NO_YEAR
    years = [PersonYear(person, discharged_on.year, pack.scheme or "") for person in persons]

    def work(connection: Connection) -> YearToDate:
        # Persons move from earlier keys to later ones alone: who is not under one is, or will not be, under a later.
        found = (read_year(connection, year) for year in years)
        return next((year for year in found if year is not None), NO_YEAR)

    return ledger.read(work)
