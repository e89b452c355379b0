"""Person-years: the row that puts the settlements of one person and year in order, with its sums."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlalchemy import bindparam, select, update

from app.settlement.year import NO_YEAR, YearToDate
from app.store.settlements import NO_RECORD, PersonYear
from app.store.tables import insert_if_absent, person_years

if TYPE_CHECKING:
    from sqlalchemy import Connection, Select


class YearState(NamedTuple):
    """Where a person's year stands: its sums in fen, how many records its chain has, and the last one's hash."""

    sums: YearToDate
    sequence: int
    record_hash: str


NOTHING_YET = YearState(NO_YEAR, 0, NO_RECORD)


# Put together once: that takes longer than running them.
_KEY: Final = [person_years.c[name] == bindparam(f"of_{name}") for name in PersonYear._fields]
_FIND: Final = select(*[person_years.c[name] for name in (*YearToDate._fields, "sequence", "record_hash")]).where(*_KEY)
_LOCK: Final = _FIND.with_for_update()
_MOVED: Final = (*YearToDate._fields, "sequence", "record_hash")
_MOVE: Final = update(person_years).where(*_KEY).values({name: bindparam(name) for name in _MOVED})
_INSERT: Final = insert_if_absent(person_years)


def lock_year(connection: Connection, person_year: PersonYear) -> YearState:
    """Lock a person's year until the end of the transaction; bills of one person and year stand in line here."""
    state = _found(connection, _LOCK, person_year)
    if state is not None:
        return state
    # A row that is not there cannot be locked: insert it if absent, then lock whichever is there.
    fresh = person_year._asdict() | NOTHING_YET.sums._asdict()
    fresh |= {"sequence": NOTHING_YET.sequence, "record_hash": NOTHING_YET.record_hash}
    connection.execute(_INSERT[connection.dialect.name], fresh)
    state = _found(connection, _LOCK, person_year)
    assert state is not None, "it was inserted, or somebody else's was there"
    return state


def read_year(connection: Connection, person_year: PersonYear) -> YearToDate:
    """The sums of a person's year; zeros for one that the ledger does not know."""
    state = _found(connection, _FIND, person_year)
    return NO_YEAR if state is None else state.sums


def move_year(connection: Connection, person_year: PersonYear, state: YearState) -> None:
    """Bring a locked year to where its newest record leaves it."""
    values = state.sums._asdict() | {"sequence": state.sequence, "record_hash": state.record_hash}
    moved = connection.execute(_MOVE, values | _key(person_year))
    assert moved.rowcount == 1, "the year is locked, so it is there"


def _found(connection: Connection, query: Select[Any], person_year: PersonYear) -> YearState | None:
    row = connection.execute(query, _key(person_year)).one_or_none()
    return YearState(YearToDate._make(row[:-2]), row[-2], row[-1]) if row else None


def _key(person_year: PersonYear) -> dict[str, Any]:
    return {f"of_{name}": value for name, value in person_year._asdict().items()}
