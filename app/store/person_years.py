"""Person-years: the row that puts the settlements of one person and year in order, with its sums."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlalchemy import bindparam, exists, select, update

from app.settlement.year import NO_YEAR, YearToDate
from app.store.settlements import NO_RECORD, PersonYear
from app.store.tables import insert_if_absent, open_bills, person_years
from app.store.together import Statement, run_together

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from app.store.together import Row


class YearState(NamedTuple):
    """Where a person's year stands: its sums in fen, how many records its chain has, and the last one's hash."""

    sums: YearToDate
    sequence: int
    record_hash: str


NOTHING_YET = YearState(NO_YEAR, 0, NO_RECORD)


# Put together once: that takes longer than running them.
_KEY: Final = [person_years.c[name] == bindparam(f"of_{name}") for name in PersonYear._fields]
_MOVED: Final = (*YearToDate._fields, "sequence", "record_hash")
_FIND: Final = select(*[person_years.c[name] for name in _MOVED]).where(*_KEY)
_MOVE: Final = update(person_years).where(*_KEY).values({name: bindparam(name) for name in _MOVED})
_RENAMED: Final = ("person", "record_hash")
_RENAME: Final = update(person_years).where(*_KEY).values({name: bindparam(name) for name in _RENAMED})
# Only whoever has taken the bill's key goes on to stand in line: a retry, which only wants its answer, never waits.
_HAS_KEY: Final = exists().where(open_bills.c.settlement_id == bindparam("settlement_id"))
_LOCK: Final = _FIND.with_for_update(of=person_years)
_LOCK_WITH_KEY: Final = _LOCK.where(_HAS_KEY)
_NEW: Final = select(*[bindparam(f"new_{column.name}", type_=column.type) for column in person_years.c])
_OPEN: Final = insert_if_absent(person_years, _NEW)
_OPEN_WITH_KEY: Final = insert_if_absent(person_years, _NEW.where(_HAS_KEY))


def locking_year(
    connection: Connection, person_year: PersonYear, settlement_id: str | None = None
) -> tuple[Statement, Statement]:
    """The statements that lock a person's year until the end of the transaction; the second gives its state.

    Bills of one person and year stand in line here; with `settlement_id` only if that one has its bill's key.
    """
    # A row that is not there cannot be locked: insert it if absent, then lock whichever is there.
    values = _key(person_year) | {f"new_{name}": value for name, value in (person_year._asdict() | _FRESH).items()}
    open_year, lock = (_OPEN, _LOCK) if settlement_id is None else (_OPEN_WITH_KEY, _LOCK_WITH_KEY)
    if settlement_id is not None:
        values["settlement_id"] = settlement_id
    return Statement(open_year[connection.dialect.name], values), Statement(lock, values)


_FRESH: Final = NOTHING_YET.sums._asdict() | {
    "sequence": NOTHING_YET.sequence,
    "record_hash": NOTHING_YET.record_hash,
}


def state_of(row: Row) -> YearState:
    """The state of a year from its row."""
    return YearState(YearToDate._make(row[:-2]), row[-2], row[-1])


def lock_year(connection: Connection, person_year: PersonYear) -> YearState:
    """Lock a person's year until the end of the transaction, and give its state."""
    _, row = run_together(connection, locking_year(connection, person_year), locks=True)
    assert row is not None, "it was inserted, or somebody else's was there"
    return state_of(row)


def read_year(connection: Connection, person_year: PersonYear) -> YearToDate | None:
    """The sums of a person's year; None for one that the ledger does not know."""
    row = connection.execute(_FIND, _key(person_year)).one_or_none()
    return None if row is None else state_of(tuple(row)).sums


def moving_year(person_year: PersonYear, state: YearState) -> Statement:
    """The statement that brings a locked year to where its newest record leaves it."""
    values = state.sums._asdict() | {"sequence": state.sequence, "record_hash": state.record_hash}
    return Statement(_MOVE, values | _key(person_year))


def move_year(connection: Connection, person_year: PersonYear, state: YearState) -> None:
    """Bring a locked year to where its newest record leaves it."""
    moved = connection.execute(*moving_year(person_year, state))
    assert moved.rowcount == 1, "the year is locked, so it is there"


def rename_year(connection: Connection, person_year: PersonYear, person: str, record_hash: str) -> None:
    """Put a year under another pseudonym of its person, and its last record under the hash that it has then."""
    connection.execute(_RENAME, {"person": person, "record_hash": record_hash} | _key(person_year))


def _key(person_year: PersonYear) -> dict[str, Any]:
    return {f"of_{name}": value for name, value in person_year._asdict().items()}
