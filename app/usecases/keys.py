"""Keys (密钥): mint, list, revoke, and find what a key gives."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple, cast

from app.access.keys import Access, hash_of, id_of, new_key
from app.store import keys
from app.store.audit import By, note
from app.store.keys import KeyRow
from app.store.ledger import LedgerBusy, OutcomeUnknown
from app.usecases.moments import time_text

if TYPE_CHECKING:
    from datetime import date

    from sqlalchemy import Connection

    from app.access.keys import Role
    from app.store.ledger import Ledger
    from app.usecases.moments import Clock


class Bounds(NamedTuple):
    """What a key to mint is for."""

    role: Role
    facilities: frozenset[str] = frozenset()
    areas: frozenset[str] = frozenset()
    expires_on: date | None = None


def mint_key(ledger: Ledger, clock: Clock, bounds: Bounds, by: By) -> str:
    """Mint a key and store its hash: the key itself is known to whoever gets this answer alone."""
    key = new_key()
    key_id = id_of(key)
    assert key_id is not None, "a new key has the form of one"
    at = time_text(clock())
    row = KeyRow(
        key_id,
        hash_of(key),
        bounds.role,
        keys.names_text(bounds.facilities),
        keys.names_text(bounds.areas),
        at,
        bounds.expires_on,
        None,
        None,
    )

    def work(connection: Connection) -> None:
        keys.add_key(connection, row)
        note(connection, by, at, "key.minted", key_id)

    ledger.write(work)
    return key


def all_keys(ledger: Ledger) -> list[KeyRow]:
    """All keys that were ever minted."""
    return ledger.read(keys.list_keys)


def revoke_key(ledger: Ledger, clock: Clock, key_id: str, by: By) -> KeyRow | None:
    """Revoke a key: the key as it was before; None where there is no such key."""
    at = time_text(clock())

    def work(connection: Connection) -> KeyRow | None:
        known = keys.find_key(connection, key_id)
        if known is not None and known.revoked_at is None:
            keys.set_revoked(connection, key_id, at)
            note(connection, by, at, "key.revoked", key_id)
        return known

    return ledger.write(work, lambda known: known is not None and known.revoked_at is None)


class KnownKey(NamedTuple):
    """A key that is in force: its hash, and what it gives."""

    hash: str
    access: Access


def known_key(ledger: Ledger, clock: Clock, key_id: str) -> KnownKey | None:
    """Find a key in force, and note the day of its use; None for one that is not there or is revoked."""
    today = clock().date()
    row = ledger.read(lambda connection: keys.find_key(connection, key_id))
    if row is None or row.revoked_at is not None:
        return None
    if row.last_used_on != today:
        # Whoever asks does not wait for this, and it comes with the next look-up.
        with suppress(LedgerBusy, OutcomeUnknown):
            ledger.write(lambda connection: keys.set_used(connection, key_id, today))
    return KnownKey(
        row.hash,
        Access(
            row.key_id,
            cast("Role", row.role),
            keys.names_of(row.facilities),
            keys.names_of(row.areas),
            row.expires_on,
        ),
    )
