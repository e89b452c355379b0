"""Compare two books (对账): both in the order of their bills, each bill once, in one walk."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from app.settlement.money import ZERO, Fen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.store.scratch import BillSum

Kind = Literal["matched", "missing_here", "missing_there", "amount_differs"]
KINDS: Final[tuple[Kind, ...]] = ("matched", "missing_here", "missing_there", "amount_differs")


class Pair(NamedTuple):
    """One bill in both books, in fen; None where a book does not have it. `settlement_id` is the one in force."""

    kind: Kind
    facility_code: str
    bill_id: str
    here: Fen | None
    there: Fen | None
    settlement_id: str | None

    @property
    def difference(self) -> Fen:
        """What they have more than we, in fen."""
        return (self.there or ZERO) - (self.here or ZERO)


@dataclass(slots=True)
class Sum:
    """How many bills, and what they come to on both sides, in fen."""

    bills: int = 0
    here: Fen = ZERO
    there: Fen = ZERO

    def add(self, pair: Pair) -> None:
        """Count a bill."""
        self.bills += 1
        self.here += pair.here or ZERO
        self.there += pair.there or ZERO


@dataclass(slots=True)
class Comparison:
    """Sums by kind, and a hash of each book, made while the pairs go by."""

    sums: dict[Kind, Sum] = field(default_factory=lambda: {kind: Sum() for kind in KINDS})
    _here: hashlib._Hash = field(default_factory=hashlib.sha256)
    _there: hashlib._Hash = field(default_factory=hashlib.sha256)

    def pairs(self, ours: Iterator[BillSum], theirs: Iterator[BillSum]) -> Iterator[Pair]:
        """Walk through both books, which are in the same order. A bill that comes to nothing is in no book."""
        mine, its = _next(ours), _next(theirs)
        while mine or its:
            if its is None or (mine is not None and mine.key < its.key):
                assert mine is not None, "one of them is there"
                pair = Pair("missing_there", *mine.key, mine.amount, None, mine.settlement_id)
                mine = _next(ours)
            elif mine is None or its.key < mine.key:
                pair = Pair("missing_here", *its.key, None, its.amount, None)
                its = _next(theirs)
            else:
                kind: Kind = "matched" if mine.amount == its.amount else "amount_differs"
                pair = Pair(kind, *mine.key, mine.amount, its.amount, mine.settlement_id)
                mine, its = _next(ours), _next(theirs)
            self._count(pair)
            yield pair

    @property
    def here_hash(self) -> str:
        """The hash of our book: SHA-256 over a line `facility, bill, fen` (tabs between) for each bill."""
        return self._here.hexdigest()

    @property
    def there_hash(self) -> str:
        """The hash of their book, made alike."""
        return self._there.hexdigest()

    def total(self) -> Sum:
        """All kinds together."""
        whole = Sum()
        for each in self.sums.values():
            whole.bills += each.bills
            whole.here += each.here
            whole.there += each.there
        return whole

    def _count(self, pair: Pair) -> None:
        self.sums[pair.kind].add(pair)
        for book, amount in ((self._here, pair.here), (self._there, pair.there)):
            if amount is not None:
                book.update(f"{pair.facility_code}\t{pair.bill_id}\t{amount}\n".encode())


def _next(book: Iterator[BillSum]) -> BillSum | None:
    return next((each for each in book if each.amount), None)
