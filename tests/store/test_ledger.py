"""The ledger's transactions: what each error means, what each connection is set to."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy import Connection, make_url, text
from sqlalchemy.exc import IntegrityError, ProgrammingError

from app.store import ledger as ledger_module
from app.store import schema
from app.store.ledger import (
    CONNECTIONS,
    SPARE_CONNECTIONS,
    Ledger,
    LedgerBusy,
    LedgerUnreachable,
    OutcomeUnknown,
    TryAgain,
)
from app.store.person_years import lock_year
from app.store.settlements import take_key
from tests.store.desk import Desk, bill, is_reachable, person_year

ID = "01979e0a-5a00-7000-8000-000000000009"


@pytest.fixture
def impatient(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """The same ledger, waiting for a tenth of a second only."""
    monkeypatch.setattr(ledger_module, "LOCK_SECONDS", 0.1)
    monkeypatch.setattr(ledger_module, "POOL_SECONDS", 0.1)
    made = Desk(desk.url)
    yield made
    made.close()


HELD = {
    "the year": lambda connection: lock_year(connection, person_year()),
    "the key": lambda connection: take_key(connection, "H1", "B2", ID, 2018),
}


@pytest.mark.parametrize("hold", HELD.values(), ids=HELD)
def test_a_lock_that_does_not_come_in_time_is_told_as_busy(desk: Desk, impatient: Desk, hold) -> None:
    desk.record(bill(1))
    before = desk.dump()
    with desk.ledger.engine.connect() as connection:
        hold(connection)
        started = time.monotonic()
        with pytest.raises(LedgerBusy):
            impatient.settle(bill(2))
        assert time.monotonic() - started < 2
        # Who only reads waits for nobody.
        assert impatient.year().total_cost == 20_000_00
        connection.rollback()
    assert desk.dump() == before
    impatient.record(bill(2))


def test_a_connection_that_comes_free_too_late_is_told_as_busy(impatient: Desk) -> None:
    with ExitStack() as stack:
        for _ in range(CONNECTIONS + SPARE_CONNECTIONS):
            stack.enter_context(impatient.ledger.engine.connect())
        with pytest.raises(LedgerBusy):
            impatient.settle(bill(1))
        assert not is_reachable(impatient.ledger)
    impatient.record(bill(1))
    assert is_reachable(impatient.ledger)


@pytest.mark.parametrize("kind", ["postgresql"], indirect=True)
def test_a_statement_that_takes_too_long_is_told_as_busy(desk: Desk) -> None:
    def work(connection: Connection) -> None:
        connection.execute(text("SET LOCAL statement_timeout = 50"))
        connection.execute(text("SELECT pg_sleep(5)"))

    with pytest.raises(LedgerBusy):
        desk.ledger.write(work)


@pytest.mark.parametrize("kind", ["postgresql"], indirect=True)
def test_of_two_that_wait_for_each_other_both_succeed_in_the_end(desk: Desk) -> None:
    for person in ("1", "2"):
        desk.record(bill(person, person=person))
    both_hold_one, attempts = threading.Barrier(2), []

    def work(connection: Connection, first: str, second: str) -> str:
        lock_year(connection, person_year(first))
        attempts.append(first)
        if attempts.count(first) == 1:
            both_hold_one.wait(10)
        lock_year(connection, person_year(second))
        return first

    with ThreadPoolExecutor(2) as pool:
        pairs = [("1", "2"), ("2", "1")]
        outcomes = list(pool.map(lambda pair: desk.ledger.write(lambda connection: work(connection, *pair)), pairs))
    assert outcomes == ["1", "2"]
    assert len(attempts) == 3


def test_a_mistake_of_ours_is_told_as_such(desk: Desk) -> None:
    for statement, error in (
        ("SELECT nothing FROM nowhere", Exception),
        ("UPDATE packs SET hash = NULL", IntegrityError),
    ):
        desk.record(bill(statement[:3]))
        with pytest.raises(error) as raised:
            desk.ledger.write(lambda connection, it=statement: connection.execute(text(it)))  # type: ignore[misc]  # mypy infers no lambda with a default
        expected = ProgrammingError if desk.is_postgresql and error is Exception else error
        assert isinstance(raised.value, expected)


def test_a_constraint_that_is_broken_at_the_commit_is_a_mistake_of_ours_and_nothing_is_recorded(desk: Desk) -> None:
    before = desk.dump()
    with pytest.raises(IntegrityError):
        desk.ledger.write(lambda connection: take_key(connection, "H1", "B1", ID, 2018))
    assert desk.dump() == before


def test_what_is_not_to_be_kept_is_not(desk: Desk) -> None:
    before = desk.dump()
    assert desk.ledger.write(lambda connection: lock_year(connection, person_year()), lambda _: False).sequence == 0
    assert desk.dump() == before
    desk.ledger.write(lambda connection: lock_year(connection, person_year()))
    assert len(desk.dump()["person_years"]) == 1


def unreachable(url: str, folder: Path) -> dict[str, str]:
    if url.startswith("sqlite"):
        (folder / "folder").mkdir()
        (folder / "other").write_text("no database, but more than a hundred bytes of something else\n" * 20)
        return {
            "a folder": f"sqlite:///{folder}/folder",
            "no folder": f"sqlite:///{folder}/none/ledger.db",
            "a file for a folder": f"sqlite:///{folder}/other/ledger.db",
            "another file": f"sqlite:///{folder}/other",
        }
    return {
        "another database": make_url(url).set(database="no_such").render_as_string(hide_password=False),
        "no server": "postgresql://nobody@127.0.0.1:1/no_such",
        "no socket": f"postgresql://nobody@/no_such?host={folder}",
        "no host": "postgresql://nobody@no-such.invalid/no_such",
    }


def test_a_database_that_is_not_there_is_told_as_unreachable(database: str, tmp_path: Path) -> None:
    for what, url in unreachable(database, tmp_path).items():
        desk = Desk(url)
        for ask in (lambda: desk.settle(bill(1)), lambda: desk.reverse(ID), desk.year):  # noqa: B023 # asked at once
            with pytest.raises(LedgerUnreachable):
                ask()
        assert not is_reachable(desk.ledger), what
        desk.close()


def test_every_connection_is_set_to_answer_only_for_what_the_disk_has(desk: Desk) -> None:
    names = {
        "synchronous_commit": "on",
        "lock_timeout": "3s",
        "statement_timeout": "10s",
        "idle_in_transaction_session_timeout": "15s",
        "transaction_isolation": "read committed",
        "application_name": "onestop",
    }
    pragmas = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 3000}
    if desk.is_postgresql:
        name = make_url(desk.url).database
        desk.ledger.write(
            lambda connection: connection.execute(text(f"ALTER DATABASE {name} SET synchronous_commit = off"))
        )
        desk.ledger.close()

    def look(connection: Connection) -> dict[str, object]:
        wanted, ask = (names, "SHOW") if desk.is_postgresql else (pragmas, "PRAGMA")
        return {name: connection.execute(text(f"{ask} {name}")).scalar_one() for name in wanted}

    assert desk.ledger.read(look) == (names if desk.is_postgresql else pragmas)
    if desk.is_postgresql:
        desk.ledger.write(
            lambda connection: connection.execute(text(f"ALTER DATABASE {name} RESET synchronous_commit"))
        )


def test_an_embedded_database_is_new_until_it_is_migrated_and_only_that_makes_its_folder(tmp_path: Path) -> None:
    desk = Desk(f"sqlite:///{tmp_path}/a/b/new.db")
    before = [desk.ledger.is_new_file, is_reachable(desk.ledger), (tmp_path / "a").exists()]
    schema.upgrade(desk.ledger)
    after = [desk.ledger.is_new_file, is_reachable(desk.ledger)]
    assert (before, after) == ([True, False, False], [False, True])
    desk.record(bill(1))
    desk.close()


def test_a_database_of_a_server_is_never_a_new_file() -> None:
    assert not Ledger("postgresql://nobody@127.0.0.1:1/no_such").is_new_file


@pytest.mark.parametrize(
    ("error", "heard"),
    [
        (None, ["done"]),
        (LedgerBusy(), ["busy"]),
        (LedgerUnreachable(), ["unreachable"]),
        (OutcomeUnknown(), ["unknown"]),
        (TryAgain(LedgerBusy()), ["again"] * 4),
        (ValueError(), ["failed"]),
        (KeyboardInterrupt(), ["failed"]),
    ],
    ids=repr,
)
def test_whoever_listens_hears_each_attempt_and_how_it_ended(
    desk: Desk, error: BaseException | None, heard: list[str]
) -> None:
    told: list[tuple[str, float, str]] = []
    ledger = Ledger(desk.url, None, lambda *what: told.append(what))

    def work(_connection: Connection) -> None:
        time.sleep(0.01)
        if error is not None:
            raise error

    for kind, ask in {"read": ledger.read, "write": ledger.write}.items():
        told.clear()
        if error is None:
            ask(work)
        else:
            with pytest.raises(LedgerBusy if isinstance(error, TryAgain) else type(error)):
                ask(work)
        assert [(each[0], each[2]) for each in told] == [(kind, outcome) for outcome in heard]
        assert all(0.01 <= each[1] < 1 for each in told)
    ledger.close()
