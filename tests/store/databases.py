"""Databases for the tests: SQLite files, and databases of a PostgreSQL that the tests run themselves."""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import psycopg
from sqlalchemy import make_url

from app.store import schema
from app.store.ledger import Ledger, database_url
from app.store.tables import METADATA
from tests.postgresql import running_postgresql

KINDS = ("sqlite", "postgresql")
NUMBERS = itertools.count(1)


class Sqlite:
    """Each test has a file of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.template = folder / "template.db"
        migrate(f"sqlite:///{self.template}")

    @contextmanager
    def empty(self) -> Iterator[str]:
        yield f"sqlite:///{self.folder}/{next(NUMBERS)}.db"

    @contextmanager
    def migrated(self) -> Iterator[str]:
        with self.empty() as url:
            shutil.copy(self.template, Path(str(make_url(url).database)))
            yield url


class Postgresql:
    """A new database takes a tenth of a second: tests that only want tables share one, which each finds empty."""

    def __init__(self, server: str) -> None:
        self.server = server
        self.shared: str | None = None
        self.made: list[str] = []

    def create(self) -> str:
        name = f"onestop_test_{os.getpid()}_{next(NUMBERS)}"
        self.ask(f"CREATE DATABASE {name}")
        self.made.append(name)
        return make_url(self.server).set(database=name).render_as_string(hide_password=False)

    @contextmanager
    def empty(self) -> Iterator[str]:
        yield self.create()

    @contextmanager
    def migrated(self) -> Iterator[str]:
        if self.shared is None:
            self.shared = self.create()
            migrate(self.shared)
        with psycopg.connect(self.shared) as connection:
            # The audit forbids what a test between two others may do.
            connection.execute("ALTER TABLE audit DISABLE TRIGGER USER")
            for table in reversed(METADATA.sorted_tables):
                connection.execute(f"DELETE FROM {table.name}".encode())
            connection.execute("ALTER TABLE audit ENABLE TRIGGER USER")
        yield self.shared

    def close(self) -> None:
        for name in self.made:
            self.ask(f"DROP DATABASE {name} WITH (FORCE)")

    def ask(self, statement: str) -> None:
        with psycopg.connect(self.server, autocommit=True) as connection:
            connection.execute(statement.encode())


Databases = Sqlite | Postgresql


def migrate(url: str) -> None:
    ledger = Ledger(url)
    schema.upgrade(ledger)
    ledger.close()


@contextmanager
def postgresql_databases() -> Iterator[Postgresql]:
    """Databases of the server that ONESTOP_TEST_DATABASE_URL names, else of one of our own."""
    named = os.environ.get("ONESTOP_TEST_DATABASE_URL")
    with nullcontext() if named else running_postgresql() as ours:
        url = database_url(named) if named else make_url(ours.url() if ours else "")
        databases = Postgresql(url.set(drivername="postgresql").render_as_string(hide_password=False))
        try:
            yield databases
        finally:
            if named:  # ours ends with all that is in it
                databases.close()
