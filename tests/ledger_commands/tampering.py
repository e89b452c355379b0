"""Changes somebody might make to a ledger who means no good."""

from __future__ import annotations

import sqlite3
from datetime import date, timedelta
from typing import Any

from app.store.settlements import record_hash, record_of, reversal_of


def changed(value: Any) -> Any:
    """Another value: one bit of a byte, some more, the next day."""
    if isinstance(value, int):
        return value + 10
    if isinstance(value, bytes):
        middle = len(value) // 2
        return value[:middle] + bytes([value[middle] ^ 1]) + value[middle + 1 :]
    try:
        return str(date.fromisoformat(value) + timedelta(days=1))
    except ValueError:
        return value[:-1] + chr(ord(value[-1]) ^ 64)


def change(connection: sqlite3.Connection, table: str, column: str, row: sqlite3.Row) -> None:
    if column == "replaces":
        value = connection.execute("SELECT settlement_id FROM settlements ORDER BY ordinal LIMIT 1").fetchone()[0]
    elif column == "year_to_date_source":
        value = {"ledger": "request", "request": "ledger"}[row[column]]
    elif column == "files":
        # A comment is free: what counts of a pack is what it says.
        value = row["files"].replace("target: 0.90", "target: 0.91", 1)
    else:
        value = changed(row[column])
    assert value != row[column]
    connection.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (value, row["rowid"]))


def rehash(connection: sqlite3.Connection, table: str, ordinal: int) -> str:
    """Give a changed record the hash that it should have then."""
    row = dict(connection.execute(f"SELECT * FROM {table} WHERE ordinal = ?", (ordinal,)).fetchone())
    if table == "settlements":
        hashed = record_hash(record_of(row | {"discharged_on": date.fromisoformat(row["discharged_on"])}))
    else:
        hashed = record_hash(reversal_of(row))
    connection.execute(f"UPDATE {table} SET record_hash = ? WHERE ordinal = ?", (hashed, ordinal))
    return hashed
