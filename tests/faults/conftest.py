from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.postgresql import running_postgresql

GIVEN = "ONESTOP_TEST_DATABASE_URL"


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The URL of a database of a PostgreSQL server."""
    if GIVEN in os.environ:
        yield os.environ[GIVEN]
        return
    with running_postgresql() as server:
        yield server.url()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database, of either kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/onestop.db"
        return
    server: str = request.getfixturevalue("postgresql")
    name = f"onestop_{os.urandom(6).hex()}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        own = connection.info.dbname
        yield server.replace(f"/{own}", f"/{name}", 1)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
