"""Records removed, swapped, inserted and rewritten, with and without hashes that fit: `onestop replay` names them."""

from __future__ import annotations

import json
import sqlite3
from datetime import date
from typing import Any

import pytest

from app.store.settlements import record_hash, record_of, reversal_of
from app.store.tables import METADATA

from .books import opened, replay
from .tampering import change, rehash


def year_of(connection: sqlite3.Connection, least: int = 3) -> tuple[Any, ...]:
    """A person-year with that many records, none of them a reversal."""
    row: tuple[Any, ...] = connection.execute(
        "SELECT person, insurance_year, scheme FROM person_years WHERE sequence >= ? AND NOT EXISTS "
        "(SELECT 1 FROM reversals WHERE reversals.person = person_years.person) ORDER BY person",
        (least,),
    ).fetchone()
    return tuple(row)


def ids_of(connection: sqlite3.Connection, year: tuple[Any, ...]) -> list[str]:
    query = "SELECT settlement_id FROM settlements WHERE (person, insurance_year, scheme) = (?, ?, ?) ORDER BY sequence"
    return [row[0] for row in connection.execute(query, year)]


def remove(connection: sqlite3.Connection, settlement_id: str) -> None:
    for table in ("settlements", "open_bills"):
        connection.execute(f"DELETE FROM {table} WHERE settlement_id = ?", (settlement_id,))


def test_a_record_removed_in_the_middle_is_named_by_the_one_behind_it(ledger):
    with opened(ledger) as connection:
        ids = ids_of(connection, year_of(connection))
        remove(connection, ids[1])
    ended = replay()
    assert ended.status == 1
    assert "sequence 3 follows 1" in ended.output
    assert ids[2] in ended.output.splitlines()


def test_a_record_removed_at_the_end_is_seen_from_the_year(ledger):
    with opened(ledger) as connection:
        year = year_of(connection)
        remove(connection, ids_of(connection, year)[-1])
    ended = replay("--format=json")
    assert ended.status == 1
    faults = json.loads(ended.output)["faults"]
    assert {fault["of"] for fault in faults} == {"person-year"}
    assert {fault["person_year"] for fault in faults} == {f"{year[0][:12]}… {year[1]} {year[2]}"}
    assert faults[0]["what"] == "it counts 3 records, the last one is 2: missing or inserted"


def test_all_records_of_a_year_removed_are_seen_from_the_year(ledger):
    with opened(ledger) as connection:
        year = year_of(connection)
        for each in ids_of(connection, year):
            remove(connection, each)
    ended = replay()
    assert ended.status == 1
    assert "it counts 3 records, there are none" in " ".join(ended.output.replace("│", " ").split())


def test_a_years_row_removed_is_seen_from_its_records(ledger):
    with opened(ledger) as connection:
        year = year_of(connection)
        connection.execute("DELETE FROM person_years WHERE (person, insurance_year, scheme) = (?, ?, ?)", year)
    faults = json.loads(replay("--format=json").output)["faults"]
    assert [(fault["of"], fault["person_year"][:12], fault["what"]) for fault in faults] == [
        ("person-year", year[0][:12], "3 records, and no row that says where they leave the year")
    ]


@pytest.mark.parametrize("columns", [["sequence"], ["sequence", "previous_hash"]])
def test_a_swapped_pair_is_named(ledger, columns):
    with opened(ledger) as connection:
        ids = ids_of(connection, year_of(connection))
        one, other = (
            connection.execute("SELECT * FROM settlements WHERE settlement_id = ?", (each,)).fetchone()
            for each in ids[:2]
        )
        connection.execute("UPDATE settlements SET sequence = 99 WHERE settlement_id = ?", (ids[0],))
        for settlement_id, row in ((ids[1], one), (ids[0], other)):
            for column in columns:
                update = f"UPDATE settlements SET {column} = ? WHERE settlement_id = ?"
                connection.execute(update, (row[column], settlement_id))
    ended = replay()
    assert ended.status == 1
    assert set(ids[:2]) <= set(ended.output.splitlines())


def forge(connection: sqlite3.Connection, year: tuple[Any, ...]) -> str:
    """Insert a copy of a year's last settlement behind it, with all hashes as they should be."""
    last = connection.execute(
        "SELECT * FROM settlements WHERE (person, insurance_year, scheme) = (?, ?, ?) ORDER BY sequence DESC", year
    ).fetchone()
    values = dict(last) | {"ordinal": 10_000, "settlement_id": "01979e0a-5a00-7000-8000-000000000001"}
    values |= {"sequence": last["sequence"] + 1, "previous_hash": last["record_hash"], "bill_id": "forged"}
    values["record_hash"] = record_hash(
        record_of(values | {"discharged_on": date.fromisoformat(values["discharged_on"])})
    )
    names = ", ".join(values)
    connection.execute(f"INSERT INTO settlements ({names}) VALUES ({', '.join('?' * len(values))})", [*values.values()])
    return str(values["settlement_id"])


@pytest.mark.parametrize("moves_the_year", [False, True])
def test_a_forged_row_is_named_however_well_its_hashes_fit(ledger, moves_the_year):
    with opened(ledger) as connection:
        year = year_of(connection)
        forged = forge(connection, year)
        if moves_the_year:
            connection.execute(
                "UPDATE person_years SET sequence = sequence + 1, record_hash = "
                "(SELECT record_hash FROM settlements WHERE settlement_id = ?) "
                "WHERE (person, insurance_year, scheme) = (?, ?, ?)",
                (forged, *year),
            )
    ended = replay()
    assert ended.status == 1
    assert forged in ended.output.splitlines()


# What a record says of itself alone, and what is only the place of a record.
NOT_CALCULATED = {"ordinal", "key_id", "fingerprint", "sequence", "previous_hash", "record_hash"}
CALCULATED = [column.name for column in METADATA.tables["settlements"].columns if column.name not in NOT_CALCULATED]


@pytest.mark.parametrize("column", CALCULATED)
def test_a_forged_value_is_found_by_calculation_where_every_hash_fits(ledger, column):
    with opened(ledger) as connection:
        query = "SELECT rowid AS rowid, * FROM settlements WHERE bill_id = 'N2'"
        row = connection.execute(query).fetchone()
        change(connection, "settlements", column, row)
        hashed = rehash(connection, "settlements", row["ordinal"])
        now = connection.execute("SELECT * FROM settlements WHERE ordinal = ?", (row["ordinal"],)).fetchone()
        connection.execute(
            "UPDATE person_years SET record_hash = ?, person = ?, insurance_year = ?, scheme = ? WHERE person = ?",
            (hashed, now["person"], now["insurance_year"], now["scheme"], row["person"]),
        )
        update = "UPDATE open_bills SET facility_code = ?, bill_id = ?, settlement_id = ? WHERE bill_id = 'N2'"
        connection.execute(update, (now["facility_code"], now["bill_id"], now["settlement_id"]))
    ended = replay("--format=json")
    assert ended.status == 1
    assert now["settlement_id"] in json.loads(ended.output)["differing"]


@pytest.mark.parametrize("column", ["key_id", "fingerprint"])
def test_what_no_calculation_shows_is_found_by_the_record_behind_it(ledger, column):
    with opened(ledger) as connection:
        ids = ids_of(connection, year_of(connection))
        row = connection.execute(
            "SELECT rowid AS rowid, * FROM settlements WHERE settlement_id = ?", ids[:1]
        ).fetchone()
        change(connection, "settlements", column, row)
        rehash(connection, "settlements", row["ordinal"])
    faults = json.loads(replay("--format=json").output)["faults"]
    assert [(fault["id"], fault["what"]) for fault in faults] == [
        (ids[1], "previous_hash is not that of the record before it")
    ]


def test_the_ledger_s_own_sums_count_also_where_the_request_brought_a_year(ledger):
    with opened(ledger) as connection:
        row = connection.execute("SELECT ordinal, settlement_id FROM settlements WHERE bill_id = 'Y'").fetchone()
        connection.execute("UPDATE settlements SET before_covered = 7 WHERE ordinal = ?", (row["ordinal"],))
        rehash(connection, "settlements", row["ordinal"])
    faults = json.loads(replay("--format=json").output)["faults"]
    assert (row["settlement_id"], "before_covered: not what the record before it left") in [
        (fault["id"], fault["what"]) for fault in faults
    ]


@pytest.mark.parametrize("column", ["reversal_id", "reversed_at", "reason", "answer"])
def test_a_reversal_s_answer_is_written_again(ledger, column):
    with opened(ledger) as connection:
        row = connection.execute("SELECT rowid AS rowid, * FROM reversals ORDER BY ordinal DESC LIMIT 1").fetchone()
        change(connection, "reversals", column, row)
        hashed = rehash(connection, "reversals", row["ordinal"])
        connection.execute("UPDATE person_years SET record_hash = ? WHERE person = ?", (hashed, row["person"]))
    faults = json.loads(replay("--format=json").output)["faults"]
    assert [(fault["of"], fault["what"]) for fault in faults] == [
        ("reversal", "the answer differs from the one written again")
    ]


def test_a_forged_reversal_is_named(ledger):
    with opened(ledger) as connection:
        year = year_of(connection)
        row = connection.execute("SELECT * FROM reversals").fetchone()
        ids = ids_of(connection, year)
        values = dict(row) | dict(zip(("person", "insurance_year", "scheme"), year, strict=True))
        values |= {"ordinal": 10_000, "reversal_id": "forged", "settlement_id": ids[0], "sequence": 4}
        values["record_hash"] = record_hash(reversal_of(values))
        names = ", ".join(values)
        connection.execute(
            f"INSERT INTO reversals ({names}) VALUES ({', '.join('?' * len(values))})", [*values.values()]
        )
    ended = replay("--format=json")
    assert ended.status == 1
    assert "it does not reverse the latest settlement in force" in [
        fault["what"] for fault in json.loads(ended.output)["faults"] if fault["id"] == "forged"
    ]


def test_a_removed_correction_is_missed(ledger):
    with opened(ledger) as connection:
        connection.execute("DELETE FROM corrections WHERE ordinal = 1")
    ended = replay()
    assert ended.status == 1
    assert "one is missing or inserted" in " ".join(ended.output.replace("│", " ").split())
