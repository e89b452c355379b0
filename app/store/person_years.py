"""Person-years: the row that puts the settlements of one person and year in order, with its sums."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import select, update
from sqlalchemy.dialects import postgresql, sqlite

from app.settlement.year import NO_YEAR, YearToDate
from app.store.settlements import NO_RECORD, PersonYear
from app.store.tables import person_years

if TYPE_CHECKING:
    from typing import Any

    from sqlalchemy import Connection


class YearState(NamedTuple):
    """Where a person's year stands: its sums in fen, how many records its chain has, and the last one's hash."""

    sums: YearToDate
    sequence: int
    record_hash: str


NOTHING_YET = YearState(NO_YEAR, 0, NO_RECORD)


def lock_year(connection: Connection, person_year: PersonYear) -> YearState:
    """Lock a person's year until the end of the transaction; bills of one person and year stand in line here."""
    state = _find(connection, person_year, lock=True)
    if state is not None:
        return state
    # A row that is not there cannot be locked: insert it if absent, then lock whichever is there.
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    fresh = person_year._asdict() | NOTHING_YET.sums._asdict()
    fresh |= {"sequence": NOTHING_YET.sequence, "record_hash": NOTHING_YET.record_hash}
    connection.execute(dialect.insert(person_years).on_conflict_do_nothing(), fresh)
    state = _find(connection, person_year, lock=True)
    assert state is not None, "it was inserted, or somebody else's was there"
    return state


def read_year(connection: Connection, person_year: PersonYear) -> YearToDate:
    """The sums of a person's year; zeros for one that the ledger does not know."""
    state = _find(connection, person_year, lock=False)
    return NO_YEAR if state is None else state.sums


def move_year(connection: Connection, person_year: PersonYear, state: YearState) -> None:
    """Bring a locked year to where its newest record leaves it."""
    values = state.sums._asdict() | {"sequence": state.sequence, "record_hash": state.record_hash}
    moved = connection.execute(update(person_years).where(*_key(person_year)).values(values))
    assert moved.rowcount == 1, "the year is locked, so it is there"


def _find(connection: Connection, person_year: PersonYear, *, lock: bool) -> YearState | None:
    columns = [person_years.c[name] for name in (*YearToDate._fields, "sequence", "record_hash")]
    query = select(*columns).where(*_key(person_year))
    row = connection.execute(query.with_for_update() if lock else query).one_or_none()
    return YearState(YearToDate._make(row[:-2]), row[-2], row[-1]) if row else None


def _key(person_year: PersonYear) -> list[Any]:
    return [person_years.c[name] == value for name, value in person_year._asdict().items()]
