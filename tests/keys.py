"""Keys for the tests: one of an administrator that every ledger of theirs knows, and others as they need them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

from app.access.keys import Role, hash_of
from app.settings import LogFormat, Settings
from app.store import schema
from app.store.audit import By
from app.store.keys import KeyRow, add_key, find_key
from app.store.ledger import Ledger
from app.usecases.keys import Bounds, mint_key

ADMIN_ID: Final = "aaaaaaaa"
ADMIN: Final = f"onestop_{ADMIN_ID}_{'A' * 43}"
MINTED: Final = datetime(2026, 1, 1, tzinfo=UTC)
# Who acts in tests that call the use cases themselves.
SOMEBODY: Final = By("eeeeeeee", "his", "192.0.2.7", "r")


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


def admit(url: str) -> None:
    """Bring a database to this release's schema, and let the administrator in."""
    row = KeyRow(ADMIN_ID, hash_of(ADMIN), "admin", "[]", "[]", "2026-01-01T00:00:00.000000Z", None, None, None)
    ledger = Ledger(url)
    schema.upgrade(ledger)
    ledger.write(lambda connection: None if find_key(connection, ADMIN_ID) else add_key(connection, row))
    ledger.close()


def admitted(folder: Path, log_format: LogFormat = "console") -> Settings:
    """The settings of an application in this process, whose ledger lets the administrator in."""
    url = f"sqlite:///{folder}/onestop.db"
    admit(url)
    return Settings(log_format=log_format, database_url=url)


def minted(
    url: str, role: Role, *, facilities: tuple[str, ...] = (), areas: tuple[str, ...] = (), expires: date | None = None
) -> str:
    """A new key."""
    ledger = Ledger(url)
    bounds = Bounds(role, frozenset(facilities), frozenset(areas), expires)
    key = mint_key(ledger, lambda: MINTED, bounds, SOMEBODY)
    ledger.close()
    return key
