"""The schema's version: which one the code knows, which one a database has, and how it comes there (Alembic)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import Column, MetaData, String, Table, func, inspect, select

import app

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from app.store.ledger import Ledger

_PACKAGE: Final = Path(app.__path__[0])
# All versions in their order; a test compares them with the migrations. Alembic itself is loaded to upgrade alone: it
# takes eight megabytes, and a service only wants to know where its database stands.
VERSIONS: Final = ("0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008")
_VERSION: Final = Table("alembic_version", MetaData(), Column("version_num", String(32)))
# Any number that nobody else locks.
_UPGRADE_LOCK: Final = 6_367_887_001


class SchemaDiffers(Exception):
    """The database's schema is not the one that this release works with. Says in one line what to do."""


def migrations_folder() -> Path:
    """The migrations: in the package where it is installed, beside it in a checkout."""
    inside = _PACKAGE / "migrations"
    return inside if inside.is_dir() else _PACKAGE.parent / "migrations"


def head() -> str:
    """The version that this release works with."""
    return VERSIONS[-1]


def current(ledger: Ledger) -> str | None:
    """The version of a database; None for one without tables of ours. Raises `LedgerUnreachable`."""

    def work(connection: Connection) -> str | None:
        if not inspect(connection).has_table(_VERSION.name):
            return None
        return connection.execute(select(_VERSION.c.version_num)).scalar_one_or_none()

    return ledger.read(work)


def check(ledger: Ledger) -> None:
    """See that a database has the schema of this release. Raises `SchemaDiffers`, `LedgerUnreachable`."""
    found = current(ledger)
    if found == head():
        return
    if found is None:
        raise SchemaDiffers("the database has no tables yet: run `onestop db upgrade`")
    if found in VERSIONS:
        raise SchemaDiffers(f"the database is at {found}, older than this release's {head()}: run `onestop db upgrade`")
    raise SchemaDiffers(f"the database is at {found}, newer than this release's {head()}: install the newer release")


def upgrade(ledger: Ledger) -> tuple[str | None, str]:
    """Bring a database to the schema of this release, in one transaction: the versions before and after.

    Raises `LedgerUnreachable`, `SchemaDiffers` for a database that is newer.
    """
    ledger.make_folder()
    before = current(ledger)
    try:
        check(ledger)
    except SchemaDiffers:
        if before is not None and before not in VERSIONS:
            raise
        ledger.write(_upgrade)
    return before, head()


def _upgrade(connection: Connection) -> None:
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    # Where no transaction is open yet, Alembic would begin and commit one of its own for each version.
    connection.begin()
    if connection.dialect.name == "postgresql":
        # Of two that upgrade at once the second waits here, and then finds nothing to do.
        connection.execute(select(func.pg_advisory_xact_lock(_UPGRADE_LOCK)))
    config = Config()
    config.set_main_option("script_location", str(migrations_folder()).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
