"""How far the archive is behind: late where WAL waits, silent where none does, however long ago that was."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from app.store.archiving import unarchived_seconds
from app.store.ledger import Ledger
from tests.postgresql import Server, account_of_servers, folder_of, running_postgresql
from tests.store.databases import Postgresql, Sqlite

ROLES = ("onestop", "service")


@dataclass
class Archive:
    """A server whose archive_command fails while the one file is there, and hangs while the other is."""

    server: Server
    broken: Path
    hangs: Path

    def switch(self) -> None:
        """Record something, and begin another file of WAL."""
        with closing(psycopg.connect(self.server.url(), autocommit=True)) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS anything (n int)")
            connection.execute("INSERT INTO anything VALUES (1)")
            connection.execute("SELECT pg_switch_wal()")

    def seconds(self, role: str) -> float | None:
        ledger = Ledger(self.server.url().replace("onestop@", f"{role}@"))
        try:
            return ledger.read(unarchived_seconds)
        finally:
            ledger.close()


@pytest.fixture(scope="module")
def archive() -> Iterator[Archive]:
    folder = folder_of(account_of_servers())
    broken, hangs = folder / "broken", folder / "hangs"
    command = f"while test -e {hangs}; do sleep 0.05; done; test ! -e {broken} && test -e %p"
    try:
        with running_postgresql(archive_mode="on", archive_command=command) as server:
            with closing(psycopg.connect(server.url(), autocommit=True)) as connection:
                connection.execute("CREATE ROLE service LOGIN")
            yield Archive(server, broken, hangs)
    finally:
        shutil.rmtree(folder)


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("role", ROLES)
def test_a_failing_archive_is_late_and_an_idle_one_is_not(archive: Archive, role: str) -> None:
    archive.switch()
    wait_until(lambda: archive.seconds(role) == 0)
    archive.broken.touch()
    begun = time.monotonic()
    archive.switch()
    wait_until(lambda: bool(archive.seconds(role)))
    time.sleep(0.5)
    late = archive.seconds(role)
    assert late is not None
    assert late > 0.4
    if role == "onestop":
        # The server tells whole seconds.
        assert late < time.monotonic() - begun + 1.1
    archive.broken.unlink()
    archive.switch()
    wait_until(lambda: archive.seconds(role) == 0)
    # Written, and not waiting: the server has not closed the file yet.
    with closing(psycopg.connect(archive.server.url(), autocommit=True)) as connection:
        connection.execute("INSERT INTO anything VALUES (1)")
    time.sleep(0.5)
    assert archive.seconds(role) == 0


def test_an_archive_that_hangs_is_late(archive: Archive) -> None:
    """It fails never, so only who may look at what waits sees it."""
    with closing(psycopg.connect(archive.server.url(), autocommit=True)) as connection:
        connection.execute("GRANT pg_monitor TO service")
    archive.hangs.touch()
    archive.switch()
    wait_until(lambda: (archive.seconds("service") or 0) > 0.3)
    archive.hangs.unlink()
    wait_until(lambda: archive.seconds("service") == 0)


def test_who_archives_nothing_is_not_late(sqlite: Sqlite, postgresql: Postgresql) -> None:
    for databases in (sqlite, postgresql):
        with databases.migrated() as url:
            ledger = Ledger(url)
            assert ledger.read(unarchived_seconds) is None
            ledger.close()
