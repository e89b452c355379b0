"""The packs that records were made with, kept by their hash: a record replays when the file is gone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite

from app.store.tables import packs

if TYPE_CHECKING:
    from sqlalchemy import Connection


class StoredPack(NamedTuple):
    """A pack as its files were: (name, text) of the region's, then of the overlay's where there is one."""

    hash: str
    pack_id: str
    area: str
    files: list[tuple[str, str]]


def keep_pack(connection: Connection, pack: StoredPack) -> None:
    """Keep a pack, if it is not kept already."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    values = pack._asdict() | {"files": json.dumps(pack.files, ensure_ascii=False)}
    connection.execute(dialect.insert(packs).on_conflict_do_nothing(), values)


def stored_packs(connection: Connection) -> list[StoredPack]:
    """All packs that records were made with."""
    rows = connection.execute(select(packs.c.hash, packs.c.pack_id, packs.c.area, packs.c.files))
    return [StoredPack(row[0], row[1], row[2], [(name, text) for name, text in json.loads(row[3])]) for row in rows]


def stored_pack(connection: Connection, pack_hash: str) -> StoredPack | None:
    """The pack of a hash."""
    return next((pack for pack in stored_packs(connection) if pack.hash == pack_hash), None)
