"""The settlements' partitions: on PostgreSQL a table for each insurance year. SQLite has one table for all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from sqlalchemy import text

from app.store.person_keys import take_keys

if TYPE_CHECKING:
    from sqlalchemy import Connection

# Earlier years share a table, and so do the years that have none yet.
FIRST_YEAR: Final = 2024

# What names a settlement and its year.
_NAMING: Final = ("reversals", "corrections", "open_bills", "backstop_payments")
_HAS_TABLE: Final = text(
    "SELECT substr(relname, 13)::int FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid "
    "WHERE inhparent = 'settlements'::regclass AND relname ~ '^settlements_[0-9]{4}$'"
)


class AddedYear(NamedTuple):
    """A year that has a table of its own now, and how many settlements were moved into it."""

    year: int
    moved: int


def years_with_table(connection: Connection) -> set[int]:
    """The years that have a table of their own."""
    return set(connection.execute(_HAS_TABLE).scalars())


def add_years(connection: Connection, to: int) -> list[AddedYear]:
    """Make the tables that are missing up to a year. Settlements of such a year that are there already go into it.

    Nobody may record meanwhile: whoever does is waited for shortly, whoever wants to waits.
    """
    take_keys(connection)
    connection.execute(text("LOCK TABLE settlements IN ACCESS EXCLUSIVE MODE"))
    missing = sorted(set(range(FIRST_YEAR, to + 1)) - years_with_table(connection))
    connection.execute(text("SET LOCAL statement_timeout = 0"))
    return [AddedYear(year, _add_year(connection, year)) for year in missing]


def _add_year(connection: Connection, year: int) -> int:
    """Make a year's table: how many settlements were moved into it.

    PostgreSQL makes no table whose rows are in the default one, and lets no row go from there that others name: so what
    names the year's settlements steps aside before them, and comes back behind them.
    """
    # Looked at when they go: at the commit it would miss them in the old table.
    connection.execute(text("SET CONSTRAINTS fk_open_bills_settlement_id_insurance_year IMMEDIATE"))
    for table in (*_NAMING, "settlements"):
        rows = f"FROM {table} WHERE insurance_year = {year:d}"
        connection.execute(text(f"CREATE TEMPORARY TABLE moving_{table} AS SELECT * {rows}"))
        connection.execute(text(f"DELETE {rows}"))
    bounds = f"FROM ({year:d}) TO ({year + 1:d})"
    connection.execute(text(f"CREATE TABLE settlements_{year:d} PARTITION OF settlements FOR VALUES {bounds}"))
    moved = {}
    for table in ("settlements", *_NAMING):
        back = f"INSERT INTO {table} OVERRIDING SYSTEM VALUE SELECT * FROM moving_{table}"  # noqa: S608 # nosec B608 # ours
        moved[table] = connection.execute(text(back)).rowcount
        connection.execute(text(f"DROP TABLE moving_{table}"))
    return moved["settlements"]
