"""`onestop db upgrade` and `onestop db check`: what they print, how they end, and that no password is told."""

from __future__ import annotations

import itertools
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.exc import OperationalError

from app.store import schema
from app.store.ledger import Ledger, LedgerUnreachable
from app.store.reasons import reason_of
from app.usecases.replay_chain import Chain
from tests.postgresql import running_postgresql

from .books import bill, fill, onestop, opened, replay, window

HEAD = schema.head()
CHECKS = ["reachable", "schema", "durability", "damage", "chains", "person-years", "open bills"]


def checked(output: str) -> dict[str, list[str]]:
    """The table's rows: the check, then the word, then what is wrong, folded lines joined."""
    rows: dict[str, list[str]] = {}
    name = ""
    for line in output.splitlines():
        cells = [cell.strip() for cell in line.strip("│").split("│")]
        if not line.startswith("│"):
            continue
        name = cells[0] or name
        rows[name] = [f"{old} {new}".strip() for old, new in zip(rows.get(name, ["", ""]), cells[1:], strict=True)]
    return rows


def words(output: str) -> dict[str, str]:
    return {name: row[0] for name, row in checked(output).items()}


def test_upgrade_makes_an_embedded_database_and_says_from_where_to_where(tmp_path, monkeypatch):
    file = tmp_path / "new/folder/onestop.db"
    monkeypatch.setenv("ONESTOP_DATABASE_URL", f"sqlite:///{file}")
    assert onestop("db", "upgrade") == (0, f"{file}: from no tables to {HEAD}\n", "")
    assert onestop("db", "upgrade") == (0, f"{file}: already at {HEAD}\n", "")


def test_the_file_of_the_default_settings_is_the_one_that_is_made(tmp_path, monkeypatch):
    monkeypatch.delenv("ONESTOP_DATABASE_URL", raising=False)
    monkeypatch.chdir(tmp_path)
    assert onestop("db", "upgrade").output == f"var/onestop.db: from no tables to {HEAD}\n"
    assert Path("var/onestop.db").is_file()


@pytest.mark.parametrize("command", [["db", "upgrade"], ["replay"]])
def test_a_newer_database_is_refused_in_one_line(ledger, command):
    with opened(ledger) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    ended = onestop(*command)
    assert (ended.status, ended.output) == (2, "")
    assert ended.errors == (
        f"onestop {' '.join(command)}: {ledger}: the database is at 9999, newer than this release's {HEAD}: "
        "install the newer release\n"
    )


@pytest.mark.parametrize("command", [["db", "upgrade"], ["replay"], ["db", "check"], ["db", "backup", "x"]])
@pytest.mark.parametrize(
    "url",
    [
        "postgresql://onestop:s3cret@127.0.0.1:1/ledger",
        "postgresql://onestop@127.0.0.1:1/ledger?password=s3cret",
        "postgresql://onestop:s3cret@127.0.0.1:port/ledger",
        "mysql://onestop:s3cret@host/ledger",
        "sqlite:////proc/nothing/onestop.db",
    ],
)
def test_no_error_tells_the_password_or_a_traceback(monkeypatch, tmp_path, url, command):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ONESTOP_DATABASE_URL", url)
    ended = onestop(*command)
    told = ended.output + ended.errors
    assert ended.status in (1, 2)
    assert "s3cret" not in told
    assert "Traceback" not in told
    if command != ["db", "check"] or ended.status == 2:
        assert (ended.status, ended.output, len(ended.errors.splitlines())) == (2, "", 1)
        assert ended.errors.startswith(f"onestop {' '.join(command[:2])}: ")


def test_a_database_out_of_reach_says_why(monkeypatch):
    monkeypatch.setenv("ONESTOP_DATABASE_URL", "postgresql://onestop:s3cret@127.0.0.1:1/ledger")
    ended = onestop("db", "upgrade")
    assert ended.errors.startswith("onestop db upgrade: 127.0.0.1/ledger: the database does not answer: ")
    assert "refused" in ended.errors


@pytest.mark.parametrize("url", ["postgresql://u:s3cret@h/d", "postgresql://h/d?user=u&password=s3cret"])
def test_a_driver_that_repeats_the_password_is_not_repeated(url):
    ledger = Ledger(url)
    error = LedgerUnreachable("the database does not answer")
    error.__cause__ = OperationalError("", {}, Exception("user=u password=s3cret is wrong\nand more"))
    assert reason_of(error, ledger) == "the database does not answer: user=u password=*** is wrong"


def test_check_finds_nothing_on_a_healthy_ledger(ledger):
    ended = onestop("db", "check")
    assert (ended.status, ended.errors) == (0, "")
    assert ended.output.startswith(f"{ledger}\n")
    assert {name: word for name, word in words(ended.output).items() if word != ""} == dict.fromkeys(CHECKS, "ok")


def test_check_makes_no_file(tmp_path, monkeypatch):
    monkeypatch.setenv("ONESTOP_DATABASE_URL", f"sqlite:///{tmp_path}/onestop.db")
    ended = onestop("db", "check")
    assert ended.status == 1
    assert checked(ended.output)["reachable"] == [
        "wrong", "there is no database file yet: run `onestop db upgrade`",
    ]  # fmt: skip
    assert {words(ended.output)[name] for name in CHECKS[1:]} == {"not looked at"}
    assert list(tmp_path.iterdir()) == []
    assert onestop("replay").status == 2
    assert list(tmp_path.iterdir()) == []


TAMPERED = {
    "a newer schema": ("schema", "UPDATE alembic_version SET version_num = '9999'", "newer than this release's"),
    "a sequence": (
        "chains",
        "UPDATE settlements SET sequence = 77 WHERE ordinal = 5",
        "numbered from 1 to 77",
    ),
    "a removed first record": ("chains", "DELETE FROM settlements WHERE ordinal = 1", "records, numbered from"),
    "a sum": ("person-years", "UPDATE person_years SET covered = covered + 1", "its sums are not what its last"),
    "a hash": ("person-years", "UPDATE person_years SET record_hash = 'x'", "record_hash is not its last record's"),
    "a number": ("person-years", "UPDATE person_years SET sequence = 99", "its last record, number 99, is missing"),
    "no row": ("person-years", "DELETE FROM person_years", "it has records, and no row"),
    "an answer": (
        "person-years",
        "UPDATE settlements SET answer = x'7b7d' WHERE ordinal = 29",
        "its last record's answer cannot be read",
    ),
    "sums before a reversed one": (
        "person-years",
        "UPDATE settlements SET before_covered = before_covered + 1 WHERE bill_id = 'N1'",
        "its sums are not what its last record leaves",
    ),
    "a free key": ("open bills", "DELETE FROM open_bills WHERE bill_id = 'Z'", "key is not taken by it"),
    "a taken key": ("open bills", "UPDATE open_bills SET bill_id = 'other' WHERE bill_id = 'Z'", "H45102200016 other"),
    "a stranger": ("damage", "DELETE FROM packs", "names a row of packs that is not there"),
    "a broken rule": ("damage", "UPDATE settlements SET paid_patient = paid_patient + 1", "CHECK constraint failed"),
}


@pytest.mark.parametrize("name", TAMPERED)
def test_check_says_what_is_wrong(ledger, name):
    check, statement, what = TAMPERED[name]
    with opened(ledger) as connection:
        connection.execute(statement)
    ended = onestop("db", "check")
    assert (ended.status, ended.errors) == (1, "")
    found = checked(ended.output)[check]
    assert found[0] == "wrong"
    assert what in found[1]


def test_check_shows_a_few_and_counts_the_rest(ledger):
    with opened(ledger) as connection:
        connection.execute("UPDATE person_years SET covered = covered + 1")
    assert checked(onestop("db", "check").output)["person-years"][1].endswith("and 4 more")


def test_on_postgresql_it_is_the_same_and_settings_that_lose_records_are_named(monkeypatch, tmp_path):
    with running_postgresql(fsync="off", full_page_writes="off") as server:
        monkeypatch.setenv("ONESTOP_DATABASE_URL", server.url())
        assert onestop("db", "upgrade").output.endswith(f"from no tables to {HEAD}\n")
        fill(server.url())
        replayed = replay()
        assert (replayed.status, replayed.errors) == (0, "")
        ended = onestop("db", "check")
        assert ended.status == 1
        found = checked(ended.output)
        assert found.pop("durability") == ["wrong", "fsync is off full_page_writes is off"]
        assert {row[0] for row in found.values()} <= {"ok", ""}
        with psycopg.connect(server.url(), autocommit=True) as connection:
            connection.execute("UPDATE settlements SET request = request || ' '::bytea WHERE bill_id = 'Z'")
        assert replay().status == 1
        assert replay("--what-if", Path(__file__).parents[2] / "app/policies").status == 0
        backed = onestop("db", "backup", tmp_path / "copy.db")
        assert (backed.status, backed.output) == (2, "")
        assert backed.errors == ("onestop db backup: this is for SQLite alone; use pg_basebackup, see docs/ledger.md\n")


def test_a_ledger_that_is_written_to_meanwhile_is_of_one_moment(ledger, monkeypatch):
    # Between the rows of a replay another window settles bills of the same persons.
    number = itertools.count()
    walked = Chain.end
    with window(f"sqlite:///{ledger}") as other:

        def end(chain: Chain) -> None:
            for person in ("P0", "P1", "P2", "P3"):
                other.settle(bill(f"L{next(number)}", person))
            walked(chain)

        monkeypatch.setattr(Chain, "end", end)
        ended = replay()
    assert (ended.status, ended.errors) == (0, "")
    assert next(number) == 9 * 4
