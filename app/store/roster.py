"""The roster (身份标注): who is registered as what, where, and on which days. The newest import counts."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlalchemy import and_, bindparam, cast, exists, func, insert, literal_column, or_, select, text
from sqlalchemy.types import BigInteger

from app.settlement.result import Payers
from app.store.settlements import IS_REVERSED
from app.store.tables import PAID, roster_entries, rosters, settlements
from app.store.together import Statement

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import ColumnElement, Connection

    from app.store.together import Row


class Roster(NamedTuple):
    """An import: when, as of which day, how many rows, and the hash of the file."""

    imported_at: str
    as_of: date
    entries: int
    hash: str


class RosterEntry(NamedTuple):
    """One row: a person's pseudonym, the status, the county, the first and the last day; None is no end."""

    row: int
    person: str
    status: str
    county: str
    valid_from: date
    valid_to: date | None


class RosterWord(NamedTuple):
    """What the newest roster says of a person on a day: no status where the person is not on it."""

    status: str | None
    as_of: date
    hash: str


_NEWEST: Final = select(func.max(rosters.c.ordinal)).scalar_subquery()


def _counts_on(day: ColumnElement[Any]) -> ColumnElement[bool]:
    table = roster_entries.c
    return and_(table.valid_from <= day, or_(table.valid_to.is_(None), table.valid_to >= day))


# Put together once: that takes longer than running it. One row where there is a roster, with or without the person.
_WORD: Final = (
    select(roster_entries.c.status, rosters.c.as_of, rosters.c.hash)
    .select_from(rosters)
    .join(
        roster_entries,
        and_(
            roster_entries.c.roster == rosters.c.ordinal,
            roster_entries.c.person == bindparam("roster_person"),
            _counts_on(bindparam("roster_day", type_=roster_entries.c.valid_from.type)),
        ),
        isouter=True,
    )
    .where(rosters.c.ordinal == _NEWEST)
)


def asking_roster(person: str, day: date) -> Statement:
    """The statement that asks what the newest roster says of a person on a day; no row where there is no roster."""
    return Statement(_WORD, {"roster_person": person, "roster_day": day})


def word_of(row: Row | None) -> RosterWord | None:
    """What the roster says, from its row; None where there is no roster."""
    return None if row is None else RosterWord(*row)


def ask_roster(connection: Connection, person: str, day: date) -> RosterWord | None:
    """What the newest roster says of a person on a day; None where there is no roster."""
    row = connection.execute(*asking_roster(person, day)).first()
    return None if row is None else word_of(tuple(row))


def let_import_take_time(connection: Connection) -> None:
    """Let one transaction write for minutes."""
    if connection.dialect.name == "postgresql":
        for limit in ("statement_timeout", "idle_in_transaction_session_timeout"):
            connection.execute(text(f"SET LOCAL {limit} = '30min'"))


# Until the import is whole.
_NO_DAY: Final = date(1, 1, 1)


def open_roster(connection: Connection, imported_at: str) -> int:
    """Begin an import: its number."""
    values = {"imported_at": imported_at, "as_of": _NO_DAY, "entries": 0, "hash": ""}
    return int(connection.execute(insert(rosters).returning(rosters.c.ordinal), values).scalar_one())


def close_roster(connection: Connection, number: int, roster: Roster) -> None:
    """Say of an import what it has become."""
    connection.execute(rosters.update().where(rosters.c.ordinal == number), roster._asdict())


def add_entries(connection: Connection, number: int, key_id: str, entries: Iterable[RosterEntry]) -> None:
    """Write rows of an import; `key_id` names the key of their pseudonyms."""
    values = [entry._asdict() | {"roster": number, "key_id": key_id} for entry in entries]
    if values:
        connection.execute(insert(roster_entries), values)


def overlapping(connection: Connection, number: int, limit: int) -> list[int]:
    """The rows of an import that overlap with an earlier row of the same person."""
    one, other = roster_entries.alias("one"), roster_entries.alias("other")
    earlier = exists().where(
        other.c.roster == number,
        other.c.person == one.c.person,
        other.c.row < one.c.row,
        or_(other.c.valid_to.is_(None), other.c.valid_to >= one.c.valid_from),
        or_(one.c.valid_to.is_(None), one.c.valid_to >= other.c.valid_from),
    )
    rows = connection.execute(select(one.c.row).where(one.c.roster == number, earlier).order_by(one.c.row).limit(limit))
    return [row[0] for row in rows]


def list_rosters(connection: Connection) -> list[Roster]:
    """All imports, the newest first."""
    rows = connection.execute(select(*[rosters.c[name] for name in Roster._fields]).order_by(rosters.c.ordinal.desc()))
    return [Roster._make(row) for row in rows]


def count_by_status(connection: Connection) -> dict[str, int]:
    """How many rows the newest roster has of each status."""
    table = roster_entries.c
    rows = connection.execute(
        select(table.status, func.count()).where(table.roster == _NEWEST).group_by(table.status).order_by(table.status)
    )
    return {row[0]: row[1] for row in rows}


class Benefits(NamedTuple):
    """A person of the roster, and what the year's stays in force came to, in fen (管理台账)."""

    person: str
    status: str
    county: str
    stays: int
    total: int
    payers: Payers


def list_benefits(connection: Connection, year: int, county: str | None, after: str, limit: int) -> list[Benefits]:
    """Persons of the newest roster within a year, in the order of their pseudonyms, with what they got that year.

    A person whose entry changes within the year is shown as in the last one.
    """
    persons = _persons(connection, year, county, after, limit)
    sums = _sums(connection, year, [person for person, _, _ in persons])
    nothing = (0, 0, *[0] * len(PAID))
    found = []
    for person, status, county_of in persons:
        stays, total, *paid = sums.get(person, nothing)
        found.append(Benefits(person, status, county_of, stays, total, Payers._make(paid)))
    return found


def _persons(
    connection: Connection, year: int, county: str | None, after: str, limit: int
) -> list[tuple[str, str, str]]:
    first, last = date(year, 1, 1), date(year, 12, 31)
    one, later = roster_entries, roster_entries.alias("later")
    is_last = ~exists().where(
        later.c.roster == one.c.roster,
        later.c.person == one.c.person,
        later.c.valid_from > one.c.valid_from,
        later.c.valid_from <= last,
    )
    query = select(one.c.person, one.c.status, one.c.county).where(
        one.c.roster == _NEWEST,
        one.c.person > after,
        one.c.valid_from <= last,
        or_(one.c.valid_to.is_(None), one.c.valid_to >= first),
        is_last,
    )
    if county is not None:
        query = query.where(one.c.county == county)
    rows = connection.execute(query.order_by(one.c.person).limit(limit))
    return [(row[0], row[1], row[2]) for row in rows]


def _sums(connection: Connection, year: int, persons: Sequence[str]) -> dict[str, tuple[int, ...]]:
    table = settlements.c
    sums = [cast(func.sum(table[name]), BigInteger) for name in ("total", *PAID)]
    rows = connection.execute(
        select(table.person, func.count(literal_column("1")), *sums)
        .where(table.person.in_(persons), table.insurance_year == year, ~IS_REVERSED)
        .group_by(table.person)
    )
    return {row[0]: tuple(row[1:]) for row in rows}
