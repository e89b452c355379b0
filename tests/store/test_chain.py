"""The chain: all records of a person-year behind each other, and its end in the year's row."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text

from app.store.settlements import NO_RECORD, PersonYear, Record, Reversal, record_hash
from app.store.tables import person_years
from tests.store.chain import faults, records_of
from tests.store.desk import Desk, bill


@pytest.fixture
def busy(desk: Desk) -> Desk:
    """A ledger in which everything has happened."""
    first = desk.record(bill(1))
    desk.reverse(desk.record(bill(2)).settlement_id)
    desk.record(bill(3))
    desk.record(bill(4, year=2019))
    desk.correct(first.settlement_id, bill(1, "10000.00"))
    desk.correct(desk.record(bill(5)).settlement_id, bill(5, person="2"))
    return desk


def test_it_links_all_records_of_a_person_year(busy: Desk) -> None:
    dump = busy.dump()
    assert faults(dump) == []
    years = records_of(dump)
    assert sorted(map(len, years.values())) == [1, 1, 10]
    for row in busy.rows(person_years):
        chain = years[PersonYear(row["person"], row["insurance_year"], row["scheme"])]
        hashes = [hashed for _, hashed in chain]
        assert [record.link.previous_hash for record, _ in chain] == [NO_RECORD, *hashes[:-1]]
        assert [record.link.sequence for record, _ in chain] == list(range(1, len(chain) + 1))
        assert (row["record_hash"], row["sequence"]) == (hashes[-1], len(chain))
    assert len({hashed for chain in years.values() for _, hashed in chain}) == 12


def test_a_records_hash_is_of_all_that_it_says_and_of_its_place(busy: Desk) -> None:
    for chain in records_of(busy.dump()).values():
        for record, hashed in chain:
            links = [record.link._replace(sequence=99), record.link._replace(previous_hash="f" * 64)]
            others: list[Record | Reversal] = [record._replace(link=link) for link in links]
            another: list[dict[str, Any]] = [{name: b"another"} for name in record._fields]
            others += [record._replace(**change) for change in another]
            assert record_hash(record) == hashed
            assert len({hashed, *map(record_hash, others)}) == 1 + len(others)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE settlements SET tier = 'primary' WHERE sequence = 1",
        "UPDATE settlements SET paid_patient = 0, paid_backstop = paid_backstop + paid_patient",
        "UPDATE settlements SET discharged_on = '2018-06-16' WHERE sequence = 1",
        "UPDATE settlements SET replaces = NULL",
        "UPDATE settlements SET fingerprint = record_hash",
        "UPDATE reversals SET reason = 'another'",
        "UPDATE person_years SET total_cost = total_cost + 1",
        "UPDATE person_years SET record_hash = person",
        "UPDATE person_years SET sequence = sequence + 1",
        "DELETE FROM person_years WHERE insurance_year = 2019",
        "DELETE FROM open_bills",
        "DELETE FROM reversals WHERE settlement_id NOT IN (SELECT replaces FROM settlements WHERE replaces <> '')",
    ],
)
def test_it_tells_of_every_change(busy: Desk, change: str) -> None:
    with busy.ledger.engine.begin() as connection:
        connection.execute(text(change))
    assert faults(busy.dump()) != []
