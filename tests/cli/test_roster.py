"""`onestop roster`: all rows of a file, or nothing; errors by row and column, never a person's id."""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest

from app.access.pseudonyms import Pseudonyms
from app.store.ledger import Ledger
from app.store.roster import ask_roster
from tests.ledger_commands.books import Ended, onestop

HEAD = "person_id,status,county,valid_from,valid_to"
GOOD = [
    "P1,registered_poor,451022,2018-01-01,2018-12-31",
    "P2,low_income,451022,2018-06-15,",
    "P1,extremely_poor,451023,2019-01-01,",
]


@pytest.fixture(autouse=True)
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    url = f"sqlite:///{tmp_path}/onestop.db"
    monkeypatch.setenv("ONESTOP_DATABASE_URL", url)
    monkeypatch.chdir(tmp_path)
    assert onestop("db", "upgrade").status == 0
    return url


def imported(content: bytes, *options: str, name: str = "roster.csv") -> Ended:
    Path(name).write_bytes(content)
    return onestop("roster", "import", name, *options)


def table(*rows: str) -> bytes:
    return "\r\n".join([HEAD, *rows, ""]).encode()


def status_of(url: str, person: str, day: str) -> str | None:
    ledger = Ledger(url)
    word = ledger.read(lambda connection: ask_roster(connection, Pseudonyms().person(person), date.fromisoformat(day)))
    ledger.close()
    return None if word is None else word.status


def test_a_roster_says_who_was_what_on_which_day(database: str) -> None:
    assert status_of(database, "P1", "2018-06-01") is None
    content = table(*GOOD)
    ended = imported(content, "--as-of", "2018-06-01")
    hashed = hashlib.sha256(content).hexdigest()
    assert (ended.status, ended.output) == (0, f"roster.csv: 3 rows imported, as of 2018-06-01, sha256:{hashed}\n")
    for person, day, status in (
        ("P1", "2017-12-31", None), ("P1", "2018-01-01", "registered_poor"), ("P1", "2018-12-31", "registered_poor"),
        ("P1", "2019-01-01", "extremely_poor"), ("P2", "2018-06-14", None), ("P2", "2018-06-15", "low_income"),
        ("P2", "2099-01-01", "low_income"), ("P3", "2018-06-15", None),
    ):  # fmt: skip # one day each
        assert status_of(database, person, day) == status


def test_the_newest_import_counts_alone(database: str) -> None:
    imported(table(*GOOD))
    imported(table("P2,registered_poor,451022,2018-01-01,"))
    assert status_of(database, "P1", "2018-06-01") is None
    assert status_of(database, "P2", "2018-06-01") == "registered_poor"


ERRORS: dict[str, tuple[list[str], list[str]]] = {
    "a status that is none": (["P1,poor,451022,2018-01-01,"], ["row 1, status"]),
    "ordinary is no row": (["P1,ordinary,451022,2018-01-01,"], ["row 1, status"]),
    "no person": ([",low_income,451022,2018-01-01,"], ["row 1, person_id"]),
    "a control character": (["P\u0001,low_income,451022,2018-01-01,"], ["row 1, person_id"]),
    "a county of five digits": ([GOOD[1], "P3,low_income,45102,2018-01-01,"], ["row 2, county"]),
    "no day": (["P1,low_income,451022,,"], ["row 1, valid_from"]),
    "no real days": (["P1,low_income,451022,2018-02-30,2018-13-01"], ["row 1, valid_from", "row 1, valid_to"]),
    "an end before the beginning": (["P1,low_income,451022,2018-01-02,2018-01-01"], ["row 1, valid_to"]),
    "too few columns": (["P1,low_income,451022"], ["row 1, valid_from"]),
    "too many columns": (["P1,low_income,451022,2018-01-01,,x"], ["row 1"]),
    "the same days twice": ([GOOD[0], GOOD[1], "P1,low_income,451022,2018-12-31,"], ["row 3, valid_from"]),
    "an open end behind an open end": ([GOOD[1], "P2,low_income,451022,2030-01-01,"], ["row 2, valid_from"]),
    "all rows are looked at": (["P1,x,451022,2018-01-01,", GOOD[1], "P3,y,451022,2018-01-01,"], ["row 1, status", "row 3, status"]),
}  # fmt: skip # one mistake a line


@pytest.mark.parametrize("name", ERRORS)
def test_an_error_is_told_by_row_and_column_and_nothing_is_imported(database: str, name: str) -> None:
    imported(table(GOOD[1]))
    rows, places = ERRORS[name]
    ended = imported(table(*rows))
    *told, last = ended.errors.splitlines()
    assert [line.partition(": ")[0] for line in told] == [f"roster.csv, {place}" for place in places]
    assert all("expected " in line for line in told)
    assert last == f"onestop roster import: {len(places)} errors, so nothing is imported"
    assert (ended.status, ended.output) == (1, "")
    assert status_of(database, "P2", "2018-06-15") == "low_income"
    assert not [line for line in told if "P1" in line or "P2" in line or "P3" in line]


def test_of_very_many_errors_the_first_thousand_are_shown() -> None:
    ended = imported(table(*["P,x,451022,2018-01-01,"] * 1_500))
    lines = ended.errors.splitlines()
    assert len(lines) == 1_002
    assert lines[-2:] == ["… and 500 more", "onestop roster import: 1,500 errors, so nothing is imported"]


@pytest.mark.parametrize(("content", "told"), [
    (b"", "Expected the columns person_id, status, county, valid_from, valid_to and no others."),
    (b"person_id,status\r\n", "Expected the columns person_id, status, county, valid_from, valid_to and no others."),
    (b"\xff\xfe", "The file is not UTF-8."),
    (HEAD.encode() + b'\r\n"P', "The file is not CSV: line 2 cannot be read."),
])  # fmt: skip
def test_a_file_that_is_none_is_told_in_one_line(content: bytes, told: str) -> None:
    ended = imported(content)
    assert (ended.status, ended.errors) == (2, f"onestop roster import: roster.csv: {told}\n")


def test_what_cannot_be_meant_is_refused(tmp_path: Path) -> None:
    for arguments, told in (
        (("roster.txt",), "roster.txt: expected a name that ends with .csv or .parquet"),
        (("nowhere.csv",), "nowhere.csv: there is no such file"),
        (("roster.csv", "--as-of", "yesterday"), "--as-of: expected a day such as 2026-11-30"),
    ):
        Path("roster.csv").write_bytes(table())
        ended = onestop("roster", "import", *arguments)
        assert (ended.status, ended.errors) == (2, f"onestop roster import: {told}\n")


@pytest.mark.parametrize("content", [
    "\ufeff".encode() + table(*GOOD), table(*GOOD).replace(b"\r\n", b"\n"), table(*[f"{row}\r\n" for row in GOOD]),
    b"valid_to,valid_from,county,status,person_id\n,2018-06-15,451022,low_income,P2\n",
], ids=["with a mark", "lines of another kind", "empty lines", "columns in another order"])  # fmt: skip
def test_a_table_may_be_written_in_several_ways(database: str, content: bytes) -> None:
    assert imported(content).status == 0
    assert status_of(database, "P2", "2018-06-15") == "low_income"


def parquet(rows: list[dict[str, Any]]) -> bytes:
    kinds = {
        "person_id": pa.string(),
        "status": pa.string(),
        "county": pa.string(),
        "valid_from": pa.date32(),
        "valid_to": pa.date32(),
    }
    out = io.BytesIO()
    arrays = [pa.array([row[name] for row in rows], kind) for name, kind in kinds.items()]
    pyarrow.parquet.write_table(pa.table(arrays, names=list(kinds)), out)
    return out.getvalue()


def test_parquet_says_the_same(database: str) -> None:
    row = {
        "person_id": "P2",
        "status": "low_income",
        "county": "451022",
        "valid_from": date(2018, 6, 15),
        "valid_to": None,
    }
    assert imported(parquet([row]), name="roster.parquet").status == 0
    assert status_of(database, "P2", "2018-06-15") == "low_income"
    ended = imported(parquet([row | {"valid_from": None}]), name="roster.parquet")
    assert ended.errors.startswith("roster.parquet, row 1, valid_from: expected ")


def test_the_standing_is_shown_without_persons() -> None:
    assert onestop("roster", "show").status == 0
    imported(table(*GOOD), "--as-of", "2018-06-01")
    imported(table(GOOD[1]), "--as-of", "2018-07-01")
    shown = onestop("roster", "show").output
    assert shown.index("2018-07-01") < shown.index("2018-06-01")
    assert "low_income │    1" in shown
    assert "P2" not in shown
    assert Pseudonyms().person("P2") not in shown


PEAK = """
import pathlib, sys
from app.cli import main
sys.argv = ["onestop", "roster", "import", "large.csv"]
try:
    main()
finally:
    status = pathlib.Path("/proc/self/status").read_text("ascii").splitlines()
    print(*[int(line.split()[1]) // 1024 for line in status if line.startswith("VmHWM:")], file=sys.stderr)
"""


@pytest.mark.slow
def test_a_large_roster_takes_no_more_memory(database: str) -> None:
    rows = [f"{number:018},registered_poor,451022,2018-01-01," for number in range(200_000)]
    Path("large.csv").write_bytes(table(*rows))
    ended = subprocess.run(
        [sys.executable, "-c", PEAK], env=os.environ | {"ONESTOP_DATABASE_URL": database}, capture_output=True, text=True,
        timeout=120, check=False,
    )  # fmt: skip # one call
    assert "200,000 rows imported" in ended.stdout, ended.stderr
    assert int(ended.stderr.split()[-1]) < 150
    assert status_of(database, f"{199_999:018}", "2018-06-01") == "registered_poor"
