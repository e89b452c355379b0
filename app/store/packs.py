"""The packs that records were made with, kept by their hash: a record replays when the file is gone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec
from sqlalchemy import select

from app.store.tables import insert_if_absent, packs, raw

if TYPE_CHECKING:
    from sqlalchemy import Connection


class PackRow(NamedTuple):
    """A kept pack as it is stored; `files` are those of the region and, where there is one, of the overlay."""

    hash: str
    pack_id: str
    area: str
    files: str


_KEEP: Final = insert_if_absent(packs)


def keep_pack(connection: Connection, pack: PackRow) -> None:
    """Keep a pack, if it is not kept already."""
    connection.execute(_KEEP[connection.dialect.name], pack._asdict())


def pack_rows(connection: Connection, pack_hash: str | None = None) -> list[PackRow]:
    """All kept packs, or the one under a hash, as stored."""
    query = select(*[raw(packs.c[name]) for name in PackRow._fields])
    if pack_hash is not None:
        query = query.where(packs.c.hash == pack_hash)
    return [PackRow(*map(str, row)) for row in connection.execute(query)]


def files_text(files: list[tuple[str, str]]) -> str:
    """Write the names and texts of a pack's files as they are stored."""
    return json.dumps(files, ensure_ascii=False)


def files_of(row: PackRow) -> list[tuple[str, str]]:
    """The names and texts of a kept pack's files. Raises `ValueError` where somebody wrote something else."""
    return _FILES.decode(row.files)


_FILES: Final = msgspec.json.Decoder(list[tuple[str, str]])
