"""Move the rows of persons from one key to the next: records, years, corrections and the roster's."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlalchemy import bindparam, func, select, update

from app.store.person_years import YearState, rename_year
from app.store.replay import Chained, Slice, chains, lenient_texts
from app.store.settlements import Link, Record, Reversal, record_hash, under
from app.store.tables import (
    HASH_LENGTH,
    corrections,
    person_years,
    reversals,
    roster_entries,
    rosters,
    settlements,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import ColumnElement, Connection, FromClause

    from app.store.replay import ChainRow


def count_under(connection: Connection, key_id: str) -> int:
    """How many settlements and roster rows are under a key."""
    tables = (settlements, roster_entries)
    return sum(
        connection.execute(select(func.count()).select_from(each).where(each.c.key_id == key_id)).scalar_one()
        for each in tables
    )


def persons_under(connection: Connection, key_id: str, after: str, limit: int) -> list[str]:
    """The next persons under a key, in the order of their pseudonyms."""

    def next_of(table: FromClause, *conditions: ColumnElement[bool]) -> list[str]:
        person = table.c.person
        query = select(person).distinct().where(table.c.key_id == key_id, person > after, *conditions)
        return list(connection.execute(query.order_by(person).limit(limit)).scalars())

    found = set(next_of(settlements))
    # A roster's rows are in the order of persons one roster at a time.
    for number in _rosters(connection):
        found.update(next_of(roster_entries, roster_entries.c.roster == number))
    return sorted(found)[:limit]


class Move(NamedTuple):
    """A person's way to the next key: the pseudonym, the key's id, and what becomes of a request's fingerprint."""

    person: str
    next_person: str
    next_id: str
    fingerprint: Callable[[str], str]


def move_person(connection: Connection, move: Move) -> int:
    """Bring all rows of a person under the next key: how many records and roster rows these were.

    The chains are linked anew, as they were: what did not hold before does not hold then.
    """
    # Read to the end before anything changes.
    with lenient_texts(connection):
        found = [(year, list(rows)) for year, rows in chains(connection, _slice(move.person))]
    for year, rows in found:
        hashes = _move_records(connection, rows, move)
        for state in rows:
            if isinstance(state, YearState):
                rename_year(connection, year, move.next_person, hashes.get(state.record_hash, state.record_hash))
    # Whatever could not be read; left under the key, it would bring its person here again.
    named = {"person": move.next_person}
    for table, values in (
        (settlements, named | {"key_id": move.next_id}),
        (reversals, named),
        (person_years, named),
    ):
        connection.execute(update(table).where(table.c.person == move.person).values(values))
    records = sum(isinstance(row, Chained) for _, rows in found for row in rows)
    return records + sum(_move_entries(connection, number, move) for number in _rosters(connection))


def _slice(person: str) -> Slice:
    """The years of a person alone; none of a text that is no pseudonym of ours."""
    if not _PSEUDONYM(person):
        return Slice(person, person)
    following = f"{int(person, 16) + 1:0{HASH_LENGTH}x}"
    return Slice(person, following if len(following) == HASH_LENGTH else "")


def _move_records(connection: Connection, rows: list[ChainRow], move: Move) -> dict[str, str]:
    """Move the settlements and reversals of a person-year: which hash has become which."""
    hashes: dict[str, str] = {}
    moved_settlements, moved_reversals = [], []
    for row in rows:
        if not isinstance(row, Chained):
            continue
        moved = _moved(row.record, hashes, move)
        holds = record_hash(row.record) == row.record_hash
        hashed = hashes[row.record_hash] = record_hash(moved) if holds else row.record_hash
        values = {"person": move.next_person, "previous_hash": moved.link.previous_hash, "record_hash": hashed}
        if isinstance(moved, Reversal):
            moved_reversals.append(values | {"of": moved.reversal_id})
            continue
        own = {name: getattr(moved, name) for name in ("key_id", "fingerprint", "request")}
        moved_settlements.append(values | own | {"of": moved.settlement_id, "in": moved.person_year.insurance_year})
        if moved.replaces is not None:
            _move_correction(connection, moved.replaces, row.record, moved.fingerprint)
    if moved_settlements:
        connection.execute(_SETTLEMENT, moved_settlements)
    if moved_reversals:
        connection.execute(_REVERSAL, moved_reversals)
    return hashes


def _moved(record: Record | Reversal, hashes: dict[str, str], move: Move) -> Record | Reversal:
    year = record.person_year._replace(person=move.next_person)
    link = Link(record.link.sequence, hashes.get(record.link.previous_hash, record.link.previous_hash))
    if isinstance(record, Reversal):
        return record._replace(person_year=year, link=link)
    return record._replace(
        person_year=year,
        link=link,
        key_id=move.next_id,
        fingerprint=move.fingerprint(record.fingerprint),
        request=under(record.request, move.person, move.next_person),
    )


def _move_correction(connection: Connection, replaced: str, old: Record | Reversal, fingerprint: str) -> None:
    # It keeps the fingerprint of the request that was settled instead.
    assert isinstance(old, Record), "a settlement"
    table = corrections.c
    ours = (table.settlement_id == replaced, table.fingerprint == old.fingerprint)
    connection.execute(update(corrections).where(*ours).values(fingerprint=fingerprint))


def _move_entries(connection: Connection, number: int, move: Move) -> int:
    table = roster_entries.c
    named = {"person": move.next_person, "key_id": move.next_id}
    ours = (table.roster == number, table.person == move.person)
    return connection.execute(update(roster_entries).where(*ours).values(named)).rowcount


def _rosters(connection: Connection) -> list[int]:
    return list(connection.execute(select(rosters.c.ordinal)).scalars())


_PSEUDONYM: Final = re.compile(f"[0-9a-f]{{{HASH_LENGTH}}}").fullmatch
_OF_SETTLEMENTS: Final = ("person", "key_id", "fingerprint", "request", "previous_hash", "record_hash")
_SETTLEMENT: Final[Any] = (
    update(settlements)
    .where(settlements.c.settlement_id == bindparam("of"), settlements.c.insurance_year == bindparam("in"))
    .values({name: bindparam(name) for name in _OF_SETTLEMENTS})
)
_REVERSAL: Final[Any] = (
    update(reversals)
    .where(reversals.c.reversal_id == bindparam("of"))
    .values({name: bindparam(name) for name in ("person", "previous_hash", "record_hash")})
)
