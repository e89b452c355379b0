from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.store.databases import KINDS, Databases, Postgresql, Sqlite, postgresql_databases
from tests.store.desk import Desk


@pytest.fixture(scope="session")
def sqlite(tmp_path_factory: pytest.TempPathFactory) -> Sqlite:
    return Sqlite(tmp_path_factory.mktemp("sqlite"))


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Postgresql]:
    with postgresql_databases() as databases:
        yield databases


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def databases(kind: str, request: pytest.FixtureRequest) -> Databases:
    found: Databases = request.getfixturevalue(kind)
    return found


@pytest.fixture
def empty_database(databases: Databases) -> Iterator[str]:
    """The address of a database without tables."""
    with databases.empty() as url:
        yield url


@pytest.fixture
def database(databases: Databases) -> Iterator[str]:
    """The address of a database with our tables and nothing in them."""
    with databases.migrated() as url:
        yield url


@pytest.fixture
def desk(database: str) -> Iterator[Desk]:
    """The use cases on an empty ledger."""
    made = Desk(database)
    yield made
    made.close()
