"""Reconcile (对账): the other side's rows of a period against the ledger's, recorded with a hash that both can sign."""

from __future__ import annotations

import gzip
import io
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from app.exchange.tables import Column, table_writer
from app.store import backstops, reconciliations
from app.store.audit import note
from app.store.backstops import Payment
from app.store.scratch import Entry, scratch_book
from app.usecases.compare_books import Comparison
from app.usecases.moments import new_id, time_text
from app.usecases.read_beside import read_beside

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sqlalchemy import Connection

    from app.store.audit import By
    from app.store.reconciliations import Reconciliation, Side
    from app.store.scratch import Book
    from app.usecases.compare_books import Pair
    from app.usecases.recording import Recorder

REPORT: Final = (
    Column("kind"),
    Column("facility"),
    Column("bill_id"),
    Column("here", "money"),
    Column("there", "money"),
    Column("difference", "money"),
    Column("settlement_id"),
)
# So many differences are in the answer itself; the report has all.
SHOWN: Final = 100
_ROWS_AT_ONCE: Final = 1_000


class Mark(NamedTuple):
    """What an insurer says of the backstops that match: `paid` or `refused`, and its reference."""

    payment: str
    reference: str


class Made(NamedTuple):
    """What a run found; of `differences` the first hundred. `marked` backstops have the insurer's new word."""

    reconciliation_id: str
    made_at: str
    side: Side
    rows_here: int
    rows_there: int
    comparison: Comparison
    differences: list[Pair]
    mark: Mark | None
    marked: int


class Writer(Protocol):
    """How a run is written: its answer, and the hash of what both sides sign."""

    def __call__(self, made: Made, /) -> tuple[bytes, str]: ...


def reconcile(  # noqa: PLR0913 # who compares what with what
    recorder: Recorder,
    side: Side,
    bounds: str,
    rows: Iterable[Entry],
    mark: Mark | None,
    by: By,
    write: Writer,
) -> Reconciliation:
    """Compare, and record the run with what it marks. Raises what reading `rows` raises: then nothing is recorded.

    The ledger is read on one state; nothing waits for the comparison, and only its end is written.
    """
    moment = recorder.clock()
    with scratch_book() as book:
        rows_there = book.add_theirs(rows)
        rows_here = read_beside(recorder, lambda connection: _add_ours(connection, book, side))
        comparison, report = Comparison(), Report()
        matched = [
            pair.settlement_id
            for pair in report.of(comparison.pairs(book.ours(), book.theirs()))
            if mark is not None and pair.settlement_id is not None
        ]
    reconciliation_id, made_at = new_id(moment), time_text(moment)

    def work(connection: Connection) -> Reconciliation:
        marked = _mark(connection, matched, mark, by, made_at, reconciliation_id) if mark else 0
        made = Made(
            reconciliation_id, made_at, side, rows_here, rows_there, comparison, report.shown, mark, marked
        )  # fmt: skip # one run
        answer, hashed = write(made)
        run = reconciliations.Reconciliation(
            reconciliation_id, made_at, by.key_id, bounds, hashed, answer, report.content()
        )
        reconciliations.add_reconciliation(connection, run)
        note(connection, by, made_at, "reconciliation.made", reconciliation_id)
        return run

    return recorder.ledger.write(work)


def _add_ours(connection: Connection, book: Book, side: Side) -> int:
    # Where the database asks for it, this is done again from the start.
    book.forget_ours()
    reconciliations.let_it_take_time(connection)
    return book.add_ours(reconciliations.entries_of(connection, side))


class Report:
    """Writes what differs as it goes by, the first hundred also as they are, and lets through what matches."""

    def __init__(self) -> None:
        self.shown: list[Pair] = []
        self._writer = table_writer("csv", REPORT)
        self._out = io.BytesIO()
        self._zip = gzip.GzipFile(fileobj=self._out, mode="wb", mtime=0)
        self._zip.write(self._writer.begin())

    def of(self, pairs: Iterator[Pair]) -> Iterator[Pair]:
        """Those of the pairs that match."""
        waiting: list[Pair] = []
        for pair in pairs:
            if pair.kind == "matched":
                yield pair
                continue
            if len(self.shown) < SHOWN:
                self.shown.append(pair)
            waiting.append(pair)
            if len(waiting) == _ROWS_AT_ONCE:
                self._write(waiting)
                waiting.clear()
        self._write(waiting)
        self._zip.close()

    def content(self) -> bytes:
        """The whole report, packed, once all pairs have gone by."""
        return self._out.getvalue()

    def _write(self, pairs: list[Pair]) -> None:
        rows = [(*pair[:5], pair.difference, pair.settlement_id) for pair in pairs]
        self._zip.write(self._writer.rows(rows))


def _mark(  # noqa: PLR0913 # what a payment is made of
    connection: Connection, settlement_ids: list[str], mark: Mark, by: By, at: str, reconciliation_id: str
) -> int:
    """Mark backstops, but those of which the very same was said last: how many."""
    count = 0
    for begin in range(0, len(settlement_ids), _ROWS_AT_ONCE):
        ids = settlement_ids[begin : begin + _ROWS_AT_ONCE]
        known = backstops.last_payments(connection, ids)
        new = [
            Payment(each, mark.payment, mark.reference, at, by.key_id, reconciliation_id)
            for each in ids
            if known.get(each) != (mark.payment, mark.reference)
        ]
        backstops.add_payments(connection, new)
        count += len(new)
    return count


def read_reconciliation(
    recorder: Recorder, reconciliation_id: str, bounds: str | None, by: By
) -> Reconciliation | None:
    """A recorded run; None where there is none, or none within the same bounds."""

    def work(connection: Connection) -> Reconciliation | None:
        found = reconciliations.find_reconciliation(connection, reconciliation_id, bounds)
        if found is not None:
            note(connection, by, time_text(recorder.clock()), "reconciliation.read", reconciliation_id)
        return found

    return recorder.ledger.write(work, lambda found: found is not None)


def list_reconciliations(
    recorder: Recorder, bounds: str | None, before: int | None, limit: int, by: By
) -> list[tuple[int, bytes]]:
    """A page of recorded runs, the newest first."""

    def work(connection: Connection) -> list[tuple[int, bytes]]:
        note(connection, by, time_text(recorder.clock()), "reconciliations.listed")
        return reconciliations.list_reconciliations(connection, bounds, before, limit)

    return recorder.ledger.write(work)
