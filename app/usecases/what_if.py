"""Settle the recorded bills again with other packs: who would be owed, and who would owe. Records nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from app.settlement.money import ZERO, Fen
from app.settlement.result import Payers
from app.settlement.settle import Refused, settle
from app.settlement.year import NO_YEAR, YearToDate
from app.store.replay import bills_in_force, read_through
from app.store.settlements import PersonYear, Record

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from sqlalchemy import Connection

    from app.policies.catalogue import Catalogue
    from app.settlement.pack import Pack
    from app.store.ledger import Ledger
    from app.usecases.recording import StoredRequest
    from app.usecases.replay_settlement import Reading


class Otherwise(NamedTuple):
    """One bill as recorded, and what each payer pays under the other packs; `refused` is a code, "" where settled."""

    record: Record
    payers: Payers
    refused: str


class Sums(NamedTuple):
    """What was paid and what would be, in fen."""

    old: Fen
    new: Fen

    @property
    def difference(self) -> Fen:
        """What would be paid more; less where it is negative."""
        return self.new - self.old

    def plus(self, old: Fen, new: Fen) -> Sums:
        """These with one bill more."""
        return Sums(self.old + old, self.new + new)


NOTHING = Sums(ZERO, ZERO)


class WhatIf:
    """The sums over all bills: by payer, by tier and payer, and by person what is left to the patient."""

    def __init__(self) -> None:
        self.bills = self.changed = self.refused = 0
        self.by_payer: dict[str, Sums] = dict.fromkeys(Payers._fields, NOTHING)
        self.by_tier: dict[tuple[str, str], Sums] = {}
        self.by_person: dict[str, Sums] = {}

    def add(self, bill: Otherwise) -> None:
        """Count a bill."""
        old, new = bill.record.payers, bill.payers
        self.bills += 1
        self.changed += old != new
        self.refused += bool(bill.refused)
        for payer, before, after in zip(Payers._fields, old, new, strict=True):
            self.by_payer[payer] = self.by_payer[payer].plus(before, after)
            of_tier = bill.record.tier, payer
            self.by_tier[of_tier] = self.by_tier.get(of_tier, NOTHING).plus(before, after)
        person = bill.record.person_year.person
        self.by_person[person] = self.by_person.get(person, NOTHING).plus(old.patient, new.patient)


def what_if(
    ledger: Ledger,
    catalogue: Catalogue,
    reading: Reading,
    receiver: Callable[[], AbstractContextManager[Callable[[Otherwise], None]]],
) -> WhatIf:
    """Settle all bills in force again with other packs, in the order in which they were recorded.

    Each person's year to date goes on from bill to bill as these packs have it; a bill whose request brought one
    keeps that. A bill that they refuse stays as it is. `receiver` opens what is told of each bill, anew where the
    reading has to begin again. Raises what `read_through` raises, `ValueError` for a request that cannot be read.
    """

    def work(connection: Connection) -> WhatIf:
        sums = WhatIf()
        years: dict[PersonYear, YearToDate] = {}
        with receiver() as tell:
            for record in bills_in_force(connection):
                bill = _settle_otherwise(record, catalogue, reading, years)
                sums.add(bill)
                tell(bill)
        return sums

    return read_through(ledger, work)


def _settle_otherwise(
    record: Record, catalogue: Catalogue, reading: Reading, years: dict[PersonYear, YearToDate]
) -> Otherwise:
    stored = reading.read_recorded(record.request)
    pack = catalogue.in_force(stored.bill.patient.pooling_area, stored.bill.encounter.discharged_on)
    person_year = _person_year(record, pack)
    ledgers = years.get(person_year, NO_YEAR)
    year = ledgers if stored.year_to_date is None else stored.year_to_date
    settled = settle(stored.bill, pack, year)
    if isinstance(settled, Refused):
        years[person_year] = _as_it_was(record, stored, year, reading)
        return Otherwise(record, record.payers, settled.findings[0].code)
    years[person_year] = settled.year_to_date
    return Otherwise(record, settled.payers, "")


def _person_year(record: Record, pack: Pack | None) -> PersonYear:
    return record.person_year if pack is None else record.person_year._replace(scheme=pack.scheme or "")


def _as_it_was(record: Record, stored: StoredRequest, year: YearToDate, reading: Reading) -> YearToDate:
    """The year with what the bill added to it when it was recorded."""
    then = record.before if stored.year_to_date is None else stored.year_to_date
    after = reading.year_after(record.answer)
    added = [end - start for end, start in zip(after, then, strict=True)]
    return YearToDate._make([fen + more for fen, more in zip(year, added, strict=True)])
