"""Access keys: stored as hashes, revoked and never removed."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec
from sqlalchemy import insert, select

from app.store.tables import access_keys

if TYPE_CHECKING:
    from datetime import date

    from sqlalchemy import Connection


class KeyRow(NamedTuple):
    """A key as it is stored; facilities and areas are its bounds, as JSON lists."""

    key_id: str
    hash: str
    role: str
    facilities: str
    areas: str
    minted_at: str
    expires_on: date | None
    revoked_at: str | None
    last_used_on: date | None


def names_text(names: frozenset[str]) -> str:
    """Write facilities or areas as they are stored."""
    return msgspec.json.encode(sorted(names)).decode()


def names_of(text: str) -> frozenset[str]:
    """Read facilities or areas as they are stored."""
    return frozenset(msgspec.json.decode(text, type=list[str]))


def add_key(connection: Connection, key: KeyRow) -> None:
    """Store a new key."""
    connection.execute(insert(access_keys), key._asdict())


def find_key(connection: Connection, key_id: str) -> KeyRow | None:
    """Find a key, revoked or not."""
    row = connection.execute(select(*_COLUMNS).where(access_keys.c.key_id == key_id)).one_or_none()
    return KeyRow(*row) if row else None


def list_keys(connection: Connection) -> list[KeyRow]:
    """All keys, in the order in which they were minted."""
    rows = connection.execute(select(*_COLUMNS).order_by(access_keys.c.minted_at, access_keys.c.key_id))
    return [KeyRow(*row) for row in rows]


def set_revoked(connection: Connection, key_id: str, at: str) -> None:
    """Revoke a key; the first time counts."""
    connection.execute(
        access_keys.update().where(access_keys.c.key_id == key_id, access_keys.c.revoked_at.is_(None)),
        {"revoked_at": at},
    )


def set_used(connection: Connection, key_id: str, day: date) -> None:
    """Note the day on which a key was last used."""
    connection.execute(access_keys.update().where(access_keys.c.key_id == key_id), {"last_used_on": day})


_COLUMNS = [access_keys.c[name] for name in KeyRow._fields]
