"""Move the persons of the ledger from one key to the next (换钥), a few at a time, while others go on settling."""

from __future__ import annotations

from time import sleep
from typing import TYPE_CHECKING, Final, NamedTuple

from app.store.audit import note
from app.store.ledger import LedgerBusy
from app.store.moving_persons import Move, count_under, move_person, persons_under
from app.store.person_keys import PersonKeys, read_keys, set_keys, take_keys
from app.store.replay import read_through
from app.usecases.moments import time_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

    from app.access.pseudonyms import Pseudonyms
    from app.store.audit import By
    from app.store.ledger import Ledger
    from app.usecases.moments import Clock

# All who settle wait for so many.
PERSONS_AT_ONCE: Final = 10
# For as long others go first.
PAUSE_SECONDS: Final = 0.02
# Somebody who imports a roster keeps everybody's key for minutes, and all others wait as long as this one does.
BUSY_SECONDS: Final = 2.0
PATIENCE: Final = 3_600


class KeyUnknown(Exception):
    """The persons are under a key that is not among those at hand."""


class Moved(NamedTuple):
    """How many persons were moved, and how many records and roster rows of theirs, and from which key."""

    persons: int
    rows: int
    key_id: str


def check_person_keys(ledger: Ledger, pseudonyms: Pseudonyms) -> None:
    """See that the ledger's persons can be found with the keys at hand. Raises `KeyUnknown`, and as `Ledger.read`.

    With another key each would be somebody new, whose year begins with nothing.
    """
    keys = ledger.read(read_keys)
    if keys is not None:
        _check(keys, pseudonyms)


def check_at_rest(keys: PersonKeys, pseudonyms: Pseudonyms) -> None:
    """See that the keys at hand are the ledger's, and that nobody is on the way to another. Raises `KeyUnknown`."""
    _check(keys, pseudonyms)
    if keys.next_id is not None:
        raise KeyUnknown("the persons are on their way to another key: wait for `onestop key rotate-pii`, or run it")


def rekey_persons(
    ledger: Ledger, clock: Clock, pseudonyms: Pseudonyms, by: By, show: Callable[[int, int], None]
) -> Moved | None:
    """Move all persons under the newest key, or go on where that was broken off; None where they all are.

    A person is moved in one transaction, with all records, or not at all. `show` is told how many rows are done, of
    how many. Raises `KeyUnknown`, and what `Ledger.write` and `read_through` raise.
    """
    keys = ledger.read(read_keys)
    if keys is None or (keys.key_id == pseudonyms.key_ids[-1] and keys.next_id is None):
        return None
    _check(keys, pseudonyms)
    total = read_through(ledger, lambda connection: count_under(connection, keys.key_id))
    persons = rows = 0
    while True:
        step = _patiently(ledger, lambda connection: _step(connection, clock, pseudonyms, by))
        if not step.persons:
            return Moved(persons, rows, step.keys.key_id)
        persons, rows = persons + step.persons, rows + step.rows
        show(rows, max(rows, total))
        sleep(PAUSE_SECONDS)


class _Step(NamedTuple):
    persons: int
    rows: int
    keys: PersonKeys


def _step(connection: Connection, clock: Clock, pseudonyms: Pseudonyms, by: By) -> _Step:
    keys = take_keys(connection)
    assert keys is not None, "it was there when this began, and is never deleted"
    newest = pseudonyms.key_ids[-1]
    _check(keys, pseudonyms)
    if keys.next_id is None:
        if keys.key_id == newest:
            # Somebody else was quicker.
            return _Step(0, 0, keys)
        keys = PersonKeys(keys.key_id, newest)
        note(connection, by, time_text(clock()), "persons.rekeying", newest)
    persons = persons_under(connection, keys.key_id, keys.moved_to, PERSONS_AT_ONCE)
    rows = 0
    for person in persons:
        rows += move_person(connection, _move(person, keys.key_id, newest, pseudonyms))
    if persons:
        set_keys(connection, keys._replace(moved_to=persons[-1]))
    else:
        set_keys(connection, PersonKeys(newest))
        note(connection, by, time_text(clock()), "persons.rekeyed", newest)
    return _Step(len(persons), rows, keys)


def _move(person: str, key_id: str, next_id: str, pseudonyms: Pseudonyms) -> Move:
    return Move(
        person,
        pseudonyms.person_moved(person, key_id, next_id),
        next_id,
        lambda fingerprint: pseudonyms.fingerprint_moved(fingerprint, key_id, next_id),
    )


def _patiently(ledger: Ledger, work: Callable[[Connection], _Step]) -> _Step:
    for attempt in range(1, PATIENCE + 1):
        try:
            return ledger.write(work)
        except LedgerBusy:
            if attempt == PATIENCE:
                raise
            sleep(BUSY_SECONDS)
    raise AssertionError("the last attempt returns or raises")


def _check(keys: PersonKeys, pseudonyms: Pseudonyms) -> None:
    known = pseudonyms.key_ids
    if keys.key_id not in known:
        raise KeyUnknown(
            f"the ledger's persons are under the key {keys.key_id}, and {' and '.join(known)} are at hand: "
            "set ONESTOP_PII_KEY, and ONESTOP_PII_EARLIER_KEYS with all keys before it"
        )
    if keys.next_id is not None and keys.next_id != known[-1]:
        raise KeyUnknown(
            f"the ledger's persons are on their way to the key {keys.next_id}, which is not the newest at hand: "
            "set ONESTOP_PII_KEY to it, and run `onestop key rotate-pii`"
        )
