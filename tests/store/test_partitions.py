"""Partitions (PostgreSQL): a year's settlements are a table of their own, and who names the year looks there alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import pytest
from sqlalchemy import Connection, event, text
from sqlalchemy.exc import IntegrityError

from app.api import recorded, records
from app.store.person_keys import kept_keys
from app.store.replay import WHOLE
from app.store.settlements import Filter, find_settlement, is_latest, list_settlements, unreversed_from
from app.store.tables import backstop_payments, corrections, reversals, settlements
from app.usecases.replay_ledger import Days, Replayer, check_beside_chains
from tests.ledger_commands.books import onestop
from tests.store.databases import Postgresql, Sqlite, migrate
from tests.store.desk import ENDLESS, RECORDS, Desk, Json, bill, person_year
from tests.store.test_constraints import HASH, NEW, correction, reversal, settlement
from tests.store.test_correct import corrected

YEARS = {
    2018: "settlements_earlier",
    2023: "settlements_earlier",
    2024: "settlements_2024",
    2026: "settlements_2026",
    2028: "settlements_2028",
    2033: "settlements_other",
    2040: "settlements_other",
}
ALL = {"settlements_earlier", *[f"settlements_{year}" for year in range(2024, 2029)], "settlements_other"}


@pytest.fixture
def desk(postgresql: Postgresql, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """The use cases on a ledger whose tables nobody else uses."""
    with postgresql.empty() as url:
        migrate(url)
        monkeypatch.setenv("ONESTOP_DATABASE_URL", url)
        made = Desk(url, ENDLESS)
        yield made
        made.close()


def places(desk: Desk) -> dict[int, str]:
    """The years of the settlements, and where they are."""
    query = "SELECT insurance_year, tableoid::regclass::text FROM settlements"
    with desk.ledger.engine.connect() as connection:
        return {row[0]: row[1] for row in connection.execute(text(query))}


def replayed(desk: Desk) -> set[str]:
    """What `onestop replay` finds wrong."""
    seen = Replayer(desk.ledger, records, recorded, Days()).replay(WHOLE)
    return {fault.what for fault in [*seen.faults.found, *check_beside_chains(desk.ledger, records, recorded).found]}


def looked_at(desk: Desk, work: Callable[[Connection], Any]) -> set[str]:
    """The partitions that a piece of work reads."""
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, values: Any, *_: Any) -> None:
        asked.append((statement, values))

    with desk.ledger.engine.connect() as connection:
        event.listen(connection, "before_cursor_execute", note)
        work(connection)
        event.remove(connection, "before_cursor_execute", note)
        plans = [
            json.dumps(connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement}", values).scalar_one())
            for statement, values in asked
        ]
    return {name for name in ALL if any(f'"Relation Name": "{name}"' in plan for plan in plans)}


def test_each_year_is_in_its_table_and_no_year_is_refused(desk: Desk) -> None:
    ids = {year: desk.record(bill(year, year=year)).settlement_id for year in reversed(YEARS)}
    assert places(desk) == YEARS
    # Listed in the order in which they were recorded, wherever they are.
    listed = desk.ledger.read(lambda connection: list_settlements(connection, Filter(), 10))
    assert [json.loads(each.answer)["settlement_id"] for each in listed] == list(ids.values())
    assert [each.ordinal for each in listed] == [1, 2, 3, 4, 5, 6, 7]


SPRING = Filter(discharged_from=date(2026, 2, 1), discharged_to=date(2026, 4, 30))
NEW_YEAR = SPRING._replace(discharged_from=date(2025, 12, 31))


@pytest.mark.parametrize(
    ("work", "partitions"),
    [
        (lambda connection: unreversed_from(connection, person_year(year=2026), 1), {"settlements_2026"}),
        (lambda connection: list_settlements(connection, SPRING, 10), {"settlements_2026"}),
        (lambda connection: list_settlements(connection, NEW_YEAR, 10), {"settlements_2025", "settlements_2026"}),
        (lambda connection: find_settlement(connection, NEW), ALL),
    ],
    ids=["a person's year", "a list of days", "a list over New Year", "an id alone"],
)
def test_who_names_the_year_looks_into_its_table_alone(
    desk: Desk, work: Callable[[Connection], Any], partitions: set[str]
) -> None:
    desk.record(bill(year=2026))
    assert looked_at(desk, work) == partitions


def test_whether_a_settlement_is_the_latest_is_asked_of_its_year(desk: Desk) -> None:
    made = desk.record(bill(year=2026))
    record = desk.ledger.read(lambda connection: find_settlement(connection, made.settlement_id))
    assert record is not None
    assert looked_at(desk, lambda connection: is_latest(connection, record)) == {"settlements_2026"}


def payment(desk: Desk, **members: Any) -> Json:
    (row,) = desk.rows(settlements)
    said = {"payment": "paid", "reference": "R", "said_at": "now", "key_id": "k"}
    return said | {name: row[name] for name in ("settlement_id", "insurance_year")} | members


@pytest.mark.parametrize(
    ("table", "make"), [(reversals, reversal), (corrections, correction), (backstop_payments, payment)]
)
def test_what_names_a_settlement_names_its_year(desk: Desk, table: Any, make: Any) -> None:
    desk.record(bill())
    with pytest.raises(IntegrityError):
        desk.put((table, make(desk, insurance_year=2019)))
    desk.put((table, make(desk)))


def test_what_the_constraints_of_partitions_cannot_refuse_the_replay_names(desk: Desk) -> None:
    wrong = desk.record(bill()).settlement_id
    row = settlement(desk, insurance_year=2019, sequence=1, replaces=wrong)
    corrected(desk.correct(wrong, bill(1, "10000.00")))
    assert replayed(desk) == set()
    desk.put((settlements, row))
    assert "2 settlements replace 1 others: one of these was replaced twice" in replayed(desk)


def test_a_year_gets_its_table_with_what_is_there_already(desk: Desk) -> None:
    for year in (2026, 2033, 2034, 2040):
        first = desk.record(bill(f"{year}-1", year=year))
        desk.record(bill(f"{year}-2", year=year))
        corrected(desk.correct(first.settlement_id, bill(f"{year}-1", "10000.00", year=year)))
    before = desk.dump(*RECORDS)
    ended = onestop("db", "add-years", "--to", 2034)
    assert (ended.status, ended.errors) == (0, "")
    assert [line.partition(": ")[2] for line in ended.output.splitlines()] == [
        *[f"{year} has its table now; 0 settlements were moved into it" for year in range(2029, 2033)],
        "2033 has its table now; 4 settlements were moved into it",
        "2034 has its table now; 4 settlements were moved into it",
    ]
    assert places(desk) == {
        2026: "settlements_2026",
        2033: "settlements_2033",
        2034: "settlements_2034",
        2040: "settlements_other",
    }
    assert desk.dump(*RECORDS) == before
    desk.record(bill("new", year=2033))
    assert desk.rows(settlements)[-1]["ordinal"] == before["settlements"][-1]["ordinal"] + 1
    assert replayed(desk) == set()
    again = onestop("db", "add-years", "--to", 2034)
    assert again.output.endswith(": every year up to 2034 has its table already\n")


def test_a_moved_settlement_is_still_one_that_others_name(desk: Desk) -> None:
    desk.record(bill(year=2033))
    onestop("db", "add-years", "--to", 2033)
    with pytest.raises(IntegrityError), desk.ledger.engine.begin() as connection:
        connection.execute(text("DELETE FROM settlements"))
    with pytest.raises(IntegrityError):
        desk.put((reversals, reversal(desk, settlement_id=NEW, record_hash=HASH)))
    desk.put((reversals, reversal(desk)))


def test_while_somebody_records_no_year_is_added(desk: Desk) -> None:
    desk.record(bill(year=2033))
    with desk.ledger.engine.connect() as connection:
        kept_keys(connection)
        ended = onestop("db", "add-years", "--to", 2033)
    assert (ended.status, ended.output) == (2, "")
    assert ended.errors.startswith("onestop db add-years: ")
    assert ": a lock did not come in time" in ended.errors
    assert places(desk) == {2033: "settlements_other"}
    assert onestop("db", "add-years", "--to", 2033).status == 0


def test_a_year_that_is_far_away_is_a_mistake(desk: Desk) -> None:
    ended = onestop("db", "add-years", "--to", 20330)
    assert (ended.status, ended.output) == (2, "")
    assert ended.errors.startswith("onestop db add-years: --to 20330: expected 20")


def test_sqlite_has_one_table_for_all_years(sqlite: Sqlite, monkeypatch: pytest.MonkeyPatch) -> None:
    with sqlite.migrated() as url:
        monkeypatch.setenv("ONESTOP_DATABASE_URL", url)
        ended = onestop("db", "add-years", "--to", 2033)
    assert (ended.status, ended.errors) == (0, "")
    assert ended.output.endswith(": one table holds all years, there is nothing to do\n")
