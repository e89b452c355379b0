from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.store.databases import KINDS, Postgresql, postgresql_databases


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Postgresql]:
    with postgresql_databases() as databases:
        yield databases


@pytest.fixture(params=KINDS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database, of either kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/onestop.db"
    databases: Postgresql = request.getfixturevalue("postgresql")
    return databases.create()
