"""`onestop replay`: a ledger as it was recorded replays clean, and whatever is changed in it is named."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from app.policies.catalogue import load_folder
from app.store.settlements import record_hash, record_of, reversal_of
from app.store.tables import METADATA

from .books import bill, opened, replay, window

# Settlements: 6 persons × 3, three anew, two corrections of two each, Y, Z, N1, N2; reversals: 3, 2 × 2, N1.
SETTLEMENTS, REVERSALS, PERSON_YEARS = 29, 8, 9

# What may change without anybody being paid otherwise.
NO_MATTER = {
    "settlements.ordinal": "the order of lists; a record's place is its sequence",
    "reversals.ordinal": "the order of lists; a record's place is its sequence",
    "corrections.ordinal": "the order of lists",
}
COLUMNS = [f"{table.name}.{column.name}" for table in METADATA.sorted_tables for column in table.columns]


def test_a_ledger_as_it_was_recorded_replays_clean(ledger):
    ended = replay()
    assert (ended.status, ended.errors) == (0, "")
    head, _, rate = ended.output.partition(", in ")
    assert head == f"{SETTLEMENTS + REVERSALS} records in {PERSON_YEARS} person-years, {SETTLEMENTS} recalculated"
    assert rate.endswith("bills a second): no fault\n")


def test_the_json_says_the_same(ledger):
    said = json.loads(replay("--format=json").output)
    assert {name: said[name] for name in ("records", "recalculated", "person_years", "fault_count", "faults")} == {
        "records": SETTLEMENTS + REVERSALS,
        "recalculated": SETTLEMENTS,
        "person_years": PERSON_YEARS,
        "fault_count": 0,
        "faults": [],
    }


def changed(value: Any) -> Any:
    """Another value: one bit of a byte, some more, the next day."""
    if isinstance(value, int):
        return value + 10
    if isinstance(value, bytes):
        middle = len(value) // 2
        return value[:middle] + bytes([value[middle] ^ 1]) + value[middle + 1 :]
    try:
        return str(date.fromisoformat(value) + timedelta(days=1))
    except ValueError:
        return value[:-1] + chr(ord(value[-1]) ^ 64)


def change(connection: sqlite3.Connection, table: str, column: str, row: sqlite3.Row) -> None:
    if column == "replaces":
        value = connection.execute("SELECT settlement_id FROM settlements ORDER BY ordinal LIMIT 1").fetchone()[0]
    elif column == "year_to_date_source":
        value = {"ledger": "request", "request": "ledger"}[row[column]]
    elif column == "files":
        # A comment is free: what counts of a pack is what it says.
        value = row["files"].replace("target: 0.90", "target: 0.91", 1)
    else:
        value = changed(row[column])
    assert value != row[column]
    connection.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (value, row["rowid"]))


def named(table: str, row: sqlite3.Row) -> list[str]:
    """The words by which a fault must name what was changed: one of these."""
    own = {
        "settlements": ["settlement_id"],
        "reversals": ["reversal_id"],
        "corrections": ["settlement_id"],
        "packs": ["hash"],
        "open_bills": ["settlement_id"],
    }
    if table == "person_years":
        return [f"{row['person'][:12]}…"]
    return [row[name] for name in own[table]]


@pytest.mark.parametrize("name", [each for each in COLUMNS if each not in NO_MATTER])
def test_a_change_in_any_column_is_named(ledger, name):
    table, column = name.split(".")
    with opened(ledger) as connection:
        rows = connection.execute(f"SELECT rowid AS rowid, * FROM {table} WHERE {column} IS NOT NULL").fetchall()
        row = rows[len(rows) // 2]
        change(connection, table, column, row)
        now = connection.execute(f"SELECT rowid AS rowid, * FROM {table} WHERE rowid = ?", (row["rowid"],)).fetchone()
    ended = replay("--format=json")
    assert (ended.status, ended.errors) == (1, "")
    faults = json.loads(ended.output)["faults"]
    told = [" ".join(fault.values()) for fault in faults]
    assert any(word in line for word in named(table, row) + named(table, now) for line in told), told
    # Not one fault behind every later record: what is changed can be found; but a pack is that of all.
    assert len(faults) <= 9 or table == "packs"


@pytest.mark.parametrize("name", NO_MATTER)
def test_a_column_that_does_not_matter_is_free(ledger, name):
    table, column = name.split(".")
    with opened(ledger) as connection:
        connection.execute(f"UPDATE {table} SET {column} = {column} + 100000")
    assert replay().status == 0


@pytest.mark.parametrize("value", ["x", b"\xff\xfe", 1.5, None], ids=["text", "bytes", "fraction", "null"])
@pytest.mark.parametrize("column", ["total", "insurance_year", "discharged_on", "answer", "settled_at", "request"])
def test_a_value_that_is_never_written_there_is_named_and_not_stumbled_over(ledger, column, value):
    if value is None:
        with opened(ledger) as connection:
            connection.execute("PRAGMA writable_schema = ON")
            connection.execute(
                "UPDATE sqlite_schema SET sql = replace(sql, ' NOT NULL', '') WHERE name = 'settlements'"
            )
    with opened(ledger) as connection:
        row = connection.execute("SELECT settlement_id FROM settlements LIMIT 1 OFFSET 4").fetchone()
        connection.execute(f"UPDATE settlements SET {column} = ? WHERE settlement_id = ?", (value, row[0]))
    ended = replay()
    assert (ended.status, ended.errors) == (1, "")
    assert row[0] in ended.output.splitlines()


def test_text_that_is_no_text_is_named(ledger):
    with opened(ledger) as connection:
        row = connection.execute("SELECT settlement_id FROM settlements").fetchone()
        connection.execute("UPDATE settlements SET bill_id = CAST(x'41ff' AS TEXT) WHERE settlement_id = ?", tuple(row))
    assert row[0] in replay().output.splitlines()


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


def rehash(connection: sqlite3.Connection, table: str, ordinal: int) -> str:
    """Give a changed record the hash that it should have then."""
    row = dict(connection.execute(f"SELECT * FROM {table} WHERE ordinal = ?", (ordinal,)).fetchone())
    if table == "settlements":
        hashed = record_hash(record_of(row | {"discharged_on": date.fromisoformat(row["discharged_on"])}))
    else:
        hashed = record_hash(reversal_of(row))
    connection.execute(f"UPDATE {table} SET record_hash = ? WHERE ordinal = ?", (hashed, ordinal))
    return hashed


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


def test_days_choose_what_is_recalculated_and_chains_are_walked_whole(ledger):
    # The ninth record is of midday of the second day; a correction counts as one moment.
    with opened(ledger) as connection:
        days = [row[0][:10] for row in connection.execute("SELECT settled_at FROM settlements ORDER BY ordinal")]
        connection.execute(
            "UPDATE settlements SET total = total + 1, paid_patient = paid_patient + 1 WHERE ordinal = 1"
        )
        changed_id = connection.execute("SELECT settlement_id FROM settlements WHERE ordinal = 1").fetchone()[0]
    assert days[0] == "2026-01-01"
    assert days[-1] > "2026-01-02"
    ended = replay("--from=2026-01-02", "--to=2026-01-02", "--format=json")
    said = json.loads(ended.output)
    assert said["recalculated"] == days.count("2026-01-02")
    assert said["records"] == SETTLEMENTS + REVERSALS
    assert [(fault["id"], fault["what"]) for fault in said["faults"]] == [
        (changed_id, "record_hash is not that of what the record says")
    ]


def test_the_law_s_files_are_not_needed(tmp_path, monkeypatch):
    packs = tmp_path / "packs"
    packs.mkdir()
    text = Path("app/policies/guangxi.yaml").resolve().read_text("utf-8")
    packs.joinpath("own.yaml").write_text(text.replace('target: "0.9000"', 'target: "0.9100"'), "utf-8")
    url = f"sqlite:///{tmp_path}/onestop.db"
    with window(url, load_folder(packs)) as at:
        at.settle(bill("A", "P"))
    shutil.rmtree(packs)
    monkeypatch.setenv("ONESTOP_DATABASE_URL", url)
    assert replay().status == 0


def test_at_most_a_thousand_faults_are_shown_and_all_are_counted(ledger, monkeypatch):
    monkeypatch.setattr("app.usecases.faults.MOST_SHOWN", 5)
    with opened(ledger) as connection:
        connection.execute("UPDATE settlements SET key_id = 'x'")
    ended = replay()
    assert ended.status == 1
    assert f"… and {SETTLEMENTS - 5} more" in ended.output.splitlines()
    assert ended.last_line.endswith(f": {SETTLEMENTS} faults")


def test_signs_that_a_terminal_would_obey_are_not_printed(ledger):
    with opened(ledger) as connection:
        connection.execute("UPDATE settlements SET settlement_id = ? WHERE ordinal = 1", ("\x1b[2Jgone",))
    ended = replay()
    assert "\x1b" not in ended.output
    assert "\N{REPLACEMENT CHARACTER}[2Jgone" in ended.output.splitlines()


def with_workers(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    """`onestop replay` in a process of its own, with workers however few the records are."""
    program = "import app.commands.replay as r, app.cli as c; r._FEW_RECORDS = 0; c.main()"
    command = [sys.executable, "-c", program, "replay", "--workers=2", *arguments]
    return subprocess.run(command, capture_output=True, check=False, timeout=60, cwd=Path(__file__).parents[2])


def test_workers_find_what_one_process_finds(ledger):
    clean = with_workers()
    assert (clean.returncode, clean.stderr) == (0, b"")
    assert clean.stdout.startswith(f"{SETTLEMENTS + REVERSALS} records in {PERSON_YEARS} person-years".encode())
    with opened(ledger) as connection:
        connection.execute("UPDATE settlements SET answer = answer || x'20' WHERE sequence = 2")
        connection.execute("DELETE FROM open_bills WHERE bill_id = 'C3'")
    there = json.loads(with_workers("--format=json").stdout)
    here = json.loads(replay("--format=json").output)
    assert there["faults"] == here["faults"] != []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--format=xml"], "expected table or json"),
        (["--out=x.csv"], "goes with --what-if alone"),
        (["--what-if=.", "--from=2026-01-01"], "do not go with it"),
        (["--from=yesterday"], "yesterday"),
    ],
)
def test_a_wrong_option_is_refused(ledger, arguments, words):
    ended = replay(*arguments)
    assert (ended.status, ended.output) == (2, "")
    assert words in " ".join(ended.errors.replace("│", " ").split())


def test_a_damaged_file_is_told_in_one_line(ledger):
    with ledger.open("r+b") as file:
        size = ledger.stat().st_size
        for page in range(2, size // 4096):
            file.seek(page * 4096)
            file.write(b"\xff" * 64)
    ended = replay()
    assert (ended.status, ended.output) == (2, "")
    assert ended.errors.startswith(f"onestop replay: {ledger}: ")
    assert len(ended.errors.splitlines()) == 1
