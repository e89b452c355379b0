"""A book for one comparison, in a file that is gone afterwards: memory stays small, whatever is compared."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final, NamedTuple

from app.settlement.money import Fen

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_CACHE_KIB: Final = 16 * 1024


class Entry(NamedTuple):
    """One row of either side: fen, and, of ours, the settlement in force that it is about."""

    facility_code: str
    bill_id: str
    amount: Fen
    settlement_id: str | None = None


class BillSum(NamedTuple):
    """What one side has of a bill, in fen; `settlement_id` is the settlement in force under it, of ours alone."""

    facility_code: str
    bill_id: str
    amount: Fen
    settlement_id: str | None

    @property
    def key(self) -> tuple[str, str]:
        """The bill's natural key."""
        return self.facility_code, self.bill_id


class Book:
    """Both sides' rows, added in any order, summed by bill."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        connection.execute("CREATE TABLE ours (facility TEXT, bill TEXT, amount INTEGER, settlement TEXT)")
        connection.execute("CREATE TABLE theirs (facility TEXT, bill TEXT, amount INTEGER, settlement TEXT)")

    def add_ours(self, entries: Iterable[Entry]) -> int:
        """Add rows of the ledger's: how many there were."""
        return self._add("INSERT INTO ours VALUES (?, ?, ?, ?)", entries)

    def add_theirs(self, entries: Iterable[Entry]) -> int:
        """Add rows of the other side's: how many there were."""
        return self._add("INSERT INTO theirs VALUES (?, ?, ?, ?)", entries)

    def forget_ours(self) -> None:
        """Take the ledger's rows out again."""
        self._connection.execute("DELETE FROM ours")

    def ours(self) -> Iterator[BillSum]:
        """The ledger's sums in the order of facility and bill."""
        return self._sums("SELECT facility, bill, SUM(amount), MAX(settlement) FROM ours GROUP BY 1, 2 ORDER BY 1, 2")

    def theirs(self) -> Iterator[BillSum]:
        """The other side's sums in the same order."""
        return self._sums("SELECT facility, bill, SUM(amount), NULL FROM theirs GROUP BY 1, 2 ORDER BY 1, 2")

    def _add(self, statement: str, entries: Iterable[Entry]) -> int:
        return self._connection.executemany(statement, entries).rowcount

    def _sums(self, statement: str) -> Iterator[BillSum]:
        found = self._connection.execute(statement)
        return (BillSum(facility, bill, Fen(amount), settlement) for facility, bill, amount, settlement in found)


@contextmanager
def scratch_book() -> Iterator[Book]:
    """A book that is empty, and gone in the end."""
    with TemporaryDirectory(prefix="onestop-reconcile-") as folder:
        connection = sqlite3.connect(Path(folder, "book.db"), isolation_level=None, check_same_thread=False)
        try:
            # Nobody else reads it, and nobody needs it after a crash.
            for pragma in ("journal_mode=OFF", "synchronous=OFF", f"cache_size=-{_CACHE_KIB}", "temp_store=FILE"):
                connection.execute(f"PRAGMA {pragma}")
            connection.execute("BEGIN")
            yield Book(connection)
        finally:
            connection.close()
