"""The packs that records were made with, loaded anew from what the ledger keeps of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.policies.catalogue import load_files
from app.policies.errors import PacksRefused
from app.policies.loader import PackFile
from app.store.packs import PackRow, files_of, pack_rows

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from app.settlement.pack import Pack


class Packs:
    """The packs that records were made with, each loaded from the ledger once; never from the files of today."""

    def __init__(self) -> None:
        self._loaded: dict[str, Pack | None] = {}

    def find(self, connection: Connection, pack_hash: str) -> Pack | None:
        """The pack of a hash; None where it is not kept, or is not what it was."""
        if pack_hash not in self._loaded:
            rows = pack_rows(connection, pack_hash)
            self._loaded[pack_hash] = load_stored(rows[0]) if rows else None
        return self._loaded[pack_hash]


def load_stored(row: PackRow) -> Pack | None:
    """Load a kept pack; None where its files do not give its hash again."""
    try:
        return load_files([PackFile(name, text.encode()) for name, text in files_of(row)], row.hash)
    except (PacksRefused, ValueError):
        return None
