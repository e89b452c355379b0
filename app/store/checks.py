"""What a healthy ledger's tables have in common with each other, and how durable the database is set to be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlalchemy import and_, exists, func, or_, select, text, union_all
from sqlalchemy.orm import aliased

from app.settlement.year import YearToDate
from app.store.person_years import YearState
from app.store.replay import in_pieces
from app.store.settlements import IS_REVERSED, PersonYear
from app.store.tables import BEFORE, names_settlement, open_bills, person_years, reversals, settlements

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

_KEY: Final = PersonYear._fields


class OpenBill(NamedTuple):
    """A row of the bills in force."""

    facility_code: str
    bill_id: str
    settlement_id: str


def keys_without_settlement(connection: Connection) -> Iterator[OpenBill]:
    """Rows of open bills that name no settlement in force under their key."""
    meant = select(settlements.c.ordinal).where(
        names_settlement(open_bills),
        settlements.c.facility_code == open_bills.c.facility_code,
        settlements.c.bill_id == open_bills.c.bill_id,
        ~IS_REVERSED,
    )
    for row in in_pieces(connection, select(*[open_bills.c[name] for name in OpenBill._fields]).where(~meant.exists())):
        yield OpenBill(*map(str, row))


def settlements_without_key(connection: Connection) -> Iterator[tuple[str, PersonYear]]:
    """Settlements in force whose key is not taken by them."""
    taken = exists().where(
        names_settlement(open_bills),
        open_bills.c.facility_code == settlements.c.facility_code,
        open_bills.c.bill_id == settlements.c.bill_id,
    )
    for row in in_pieces(
        connection,
        select(settlements.c.settlement_id, *[settlements.c[name] for name in _KEY]).where(~IS_REVERSED, ~taken),
    ):
        yield str(row[0]), PersonYear(*row[1:])


def broken_sequences(connection: Connection) -> Iterator[tuple[PersonYear, int, int, int]]:
    """Person-years whose records are not numbered 1, 2, 3 …: the lowest number, the highest, how many records."""
    records = union_all(
        *[select(*[table.c[name] for name in (*_KEY, "sequence")]) for table in (settlements, reversals)]
    ).subquery()
    lowest, highest, count = func.min(records.c.sequence), func.max(records.c.sequence), func.count()
    query = (
        select(*[records.c[name] for name in _KEY], lowest, highest, count)
        .group_by(*[records.c[name] for name in _KEY])
        .having(or_(lowest != 1, highest != count, func.count(records.c.sequence.distinct()) != count))
    )
    for row in in_pieces(connection, query):
        yield PersonYear(*row[:3]), row[3], row[4], row[5]


class YearEnd(NamedTuple):
    """A person-year's row beside the record that it names as its last one.

    Of a settlement there is the `answer`, of a reversal the sums before what it reverses; of a record that is missing
    neither, nor a `record_hash`.
    """

    person_year: PersonYear
    state: YearState
    record_hash: str | None
    answer: bytes | None
    sums_before: YearToDate | None


def year_ends(connection: Connection) -> Iterator[YearEnd]:
    """All person-years, each beside its last record."""
    was = aliased(settlements)
    query = (
        select(
            *[person_years.c[name] for name in (*_KEY, *YearToDate._fields, "sequence", "record_hash")],
            func.coalesce(settlements.c.record_hash, reversals.c.record_hash),
            settlements.c.answer,
            *[was.c[name] for name in BEFORE],
        )
        .outerjoin(settlements, _last_of(settlements))
        .outerjoin(reversals, _last_of(reversals))
        .outerjoin(was, names_settlement(reversals, was))
    )
    sums = len(_KEY) + len(BEFORE)
    for row in in_pieces(connection, query):
        sequence, stored_hash, record_hash, answer, *before = row[sums:]
        yield YearEnd(
            PersonYear(*row[:3]),
            YearState(YearToDate._make(row[3:sums]), sequence, stored_hash),
            record_hash,
            None if answer is None else bytes(answer),
            None if before[0] is None else YearToDate._make(before),
        )


def years_without_row(connection: Connection) -> Iterator[PersonYear]:
    """Person-years that have records, and no row that says where they stand."""
    known = exists().where(*[person_years.c[name] == settlements.c[name] for name in _KEY])
    query = select(*[settlements.c[name] for name in _KEY]).where(~known).distinct()
    for row in in_pieces(connection, query):
        yield PersonYear(*row)


def _last_of(table: Any) -> Any:  # noqa: ANN401 # a table and a condition of SQLAlchemy's
    names = (*_KEY, "sequence")
    return and_(*[table.c[name] == person_years.c[name] for name in names])


def durability(connection: Connection) -> list[str]:
    """What is set so that an acknowledged record could be lost; nothing where all is well."""
    if connection.dialect.name == "sqlite":
        wanted = {"journal_mode": ("wal", "wal"), "synchronous": (2, "FULL"), "foreign_keys": (1, "on")}
        found = {name: connection.execute(text(f"PRAGMA {name}")).scalar_one() for name in wanted}
        return [f"{name} is not {words}" for name, (value, words) in wanted.items() if found[name] != value]
    names = ("fsync", "full_page_writes", "synchronous_commit", "synchronous_standby_names")
    shown = {name: connection.execute(text(f"SHOW {name}")).scalar_one() for name in names}
    wrong = [f"{name} is off" for name in names[:3] if shown[name] == "off"]
    if shown["synchronous_standby_names"] and shown["synchronous_commit"] == "local":
        wrong.append("synchronous_commit is local, so no answer waits for the standby that is named")
    return wrong


def damage(connection: Connection) -> list[str]:
    """What SQLite's own check of the file finds, the first lines of it; PostgreSQL has none that is this simple."""
    if connection.dialect.name != "sqlite":
        return []
    found = [str(row[0]) for row in connection.execute(text("PRAGMA integrity_check(10)"))]
    strangers = connection.execute(text("PRAGMA foreign_key_check")).all()
    return [line for line in found if line != "ok"] + [
        f"a row of {table} names a row of {other} that is not there" for table, _, other, _ in strangers[:10]
    ]
