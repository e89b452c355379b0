"""Whether a ledger holds together: each record behind the one before it, the two tables of state as these leave them."""

from __future__ import annotations

from app.api import records
from app.settlement.settle import Refused, settle
from app.settlement.year import YearToDate
from app.store.settlements import NO_RECORD, PersonYear, Record, Reversal, record_hash, record_of, reversal_of
from app.usecases.recording import Stamp
from tests.store.desk import CATALOGUE, RECORDS, Json, answer

PACKS = {pack.hash: pack for pack in CATALOGUE.packs}
Dump = dict[str, list[Json]]


def records_of(dump: Dump) -> dict[PersonYear, list[tuple[Record | Reversal, str]]]:
    """The records of each person-year in their order, each with the hash that the ledger has of it."""
    years: dict[PersonYear, list[tuple[Record | Reversal, str]]] = {}
    for table, read in (("settlements", record_of), ("reversals", reversal_of)):
        for row in dump[table]:
            record: Record | Reversal = read(row)
            years.setdefault(PersonYear(*record.person_year), []).append((record, row["record_hash"]))
    return {key: sorted(found, key=lambda each: each[0].link.sequence) for key, found in years.items()}


def faults(dump: Dump) -> list[str]:
    """All that does not hold together."""
    assert set(dump) == {table.name for table in RECORDS}
    reversed_ids = {row["settlement_id"] for row in dump["reversals"]}
    in_force = {
        (row["facility_code"], row["bill_id"], row["settlement_id"], row["insurance_year"])
        for row in dump["settlements"]
        if row["settlement_id"] not in reversed_ids
    }
    found = []
    if {tuple(row.values()) for row in dump["open_bills"]} != in_force:
        found.append("open bills are not the settlements in force")
    states = {PersonYear(*values[:3]): values[3:] for values in map(list, map(dict.values, dump["person_years"]))}
    years = records_of(dump)
    if set(years) - set(states):
        found.append("a year has records and no row")
    for key, state in states.items():
        chain = years.get(key, [])
        sums, last, broken = walked(chain)
        found += broken
        if state != [*sums, len(chain), last]:
            found.append("the year's row is not what its records leave")
    return found


def walked(chain: list[tuple[Record | Reversal, str]]) -> tuple[YearToDate, str, list[str]]:
    """Where the records of a year leave it, the hash of the last one, and what does not hold together on the way."""
    previous, sums, found = NO_RECORD, YearToDate(), []
    before: dict[str, YearToDate] = {}
    for place, (record, hashed) in enumerate(chain, start=1):
        if record.link != (place, previous):
            found.append(f"record {place} does not stand behind the one before it")
        if record_hash(record) != hashed:
            found.append(f"record {place} is not what was recorded")
        if isinstance(record, Reversal):
            sums = before[record.settlement_id]
        else:
            if record.before != sums:
                found.append(f"record {place} does not begin where the year was")
            if settled_again(record, sums) != record.answer:
                found.append(f"record {place} is not what its request settles to")
            before[record.settlement_id] = sums
            sums = year_after(record)
        previous = hashed
    return sums, previous, found


def settled_again(record: Record, sums: YearToDate) -> bytes:
    """The answer that the calculation alone gives on top of the ledger's year, with nothing of the ledger in between."""
    stored = records.read_recorded(record.request)
    bill, year = stored.bill, stored.year_to_date
    settlement = settle(bill, PACKS[record.pack_hash], sums if year is None else year)
    assert not isinstance(settlement, Refused), settlement
    stamp = Stamp(record.settlement_id, record.settled_at, "ledger" if year is None else "request", record.replaces)
    return records.write_settled(settlement, stamp)


def year_after(record: Record) -> YearToDate:
    """The year to date that an answer tells."""
    told = answer(record)["year_to_date"]
    return YearToDate._make(int(value.replace(".", "")) for value in told.values())
