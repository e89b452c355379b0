"""Hospitals that settle and take back, one request at a time, and remember what they were told, and how far the WAL was.

Unlike the clients of tests/faults they do not wait for a ledger that is lost: they keep a list for the day after.
"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import psycopg
from sqlalchemy import select

from app.store.ledger import Ledger
from app.store.tables import reversals, settlements
from tests.faults import clients
from tests.faults.clients import PATH, Client, bill

# The ledger was gone before anybody could ask how far its WAL was.
BEYOND = 1 << 63
PATIENCE = 60.0
REASON = json.dumps({"reason": "entered twice"}).encode()


class Told(NamedTuple):
    """A request, its answer, and where the WAL ended when the answer was there: the record stands before that."""

    path: str
    body: bytes
    answer: bytes
    wal: int

    @property
    def members(self) -> dict[str, Any]:
        read: dict[str, Any] = json.loads(self.answer)
        return read

    @property
    def is_settlement(self) -> bool:
        return self.path == PATH

    @property
    def record_id(self) -> str:
        return str(self.members["settlement_id" if self.is_settlement else "reversal_id"])

    @property
    def recorded_at(self) -> str:
        return str(self.members["settled_at" if self.is_settlement else "reversed_at"])


@dataclass
class Hospital:
    """One window: it takes every eighth of its settlements back."""

    number: int
    told: list[Told] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def work(self, port: int, url: str, stop: threading.Event) -> None:
        client = Client(port, clients.Told())
        request = self._next()
        with _wal_of(url) as wal:
            while not stop.is_set():
                answer = client.once(*request)
                if answer is None or answer[0] == 503:
                    time.sleep(0.005)
                    continue
                if answer[0] not in {200, 201}:
                    self.wrong.append(f"{request[0]}: {answer[0]} {answer[1][:300]!r}")
                    break
                self.told.append(Told(*request, answer[1], wal()))
                request = self._next()
        client.close()

    def _next(self) -> tuple[str, bytes]:
        """What follows on what was told: a request that was not answered is made again."""
        settled = sum(each.is_settlement for each in self.told)
        if self.told and self.told[-1].is_settlement and settled % 8 == 0:
            return f"{PATH}/{self.told[-1].record_id}/reversal", REASON
        return PATH, bill(f"{self.number}-{settled}", f"P{self.number}-{settled % 3}")


@contextmanager
def _wal_of(url: str) -> Iterator[Callable[[], int]]:
    """Where the WAL ends at each moment; an embedded ledger has none to archive."""
    if url.startswith("sqlite"):
        yield lambda: BEYOND
        return
    with suppress(psycopg.OperationalError), psycopg.connect(url, autocommit=True) as connection:

        def wal() -> int:
            with suppress(psycopg.OperationalError):
                row = connection.execute("SELECT pg_current_wal_insert_lsn() - '0/0'").fetchone()
                assert row is not None
                return int(row[0])
            return BEYOND

        yield wal


@contextmanager
def at_work(hospitals: Sequence[Hospital], port: int, url: str) -> Iterator[Callable[[int], None]]:
    """Hospitals that work while the block runs; what is handed out waits until they were told so much more."""
    stop = threading.Event()
    threads = [threading.Thread(target=each.work, args=(port, url, stop)) for each in hospitals]

    def wait_for(more: int) -> None:
        enough = count(hospitals) + more
        deadline = time.monotonic() + PATIENCE
        while count(hospitals) < enough:
            assert time.monotonic() < deadline, [each.wrong for each in hospitals]
            time.sleep(0.005)

    for thread in threads:
        thread.start()
    try:
        yield wait_for
    finally:
        stop.set()
        for thread in threads:
            thread.join(PATIENCE)
            assert not thread.is_alive(), "a hospital waits for ever"
    assert [each.wrong for each in hospitals] == [[] for _ in hospitals]


def count(hospitals: Sequence[Hospital]) -> int:
    return sum(len(each.told) for each in hospitals)


def recorded(url: str) -> dict[str, bytes]:
    """The answers of all settlements and reversals of a ledger by their ids, each bill settled once."""
    ledger = Ledger(url)
    try:
        bills, found = ledger.read(
            lambda connection: (
                Counter(connection.execute(select(settlements.c.bill_id)).scalars()),
                [
                    *connection.execute(select(settlements.c.settlement_id, settlements.c.answer)),
                    *connection.execute(select(reversals.c.reversal_id, reversals.c.answer)),
                ],
            )
        )
    finally:
        ledger.close()
    assert [each for each, times in bills.items() if times > 1] == []
    return {str(record_id): bytes(answer) for record_id, answer in found}


def kept(hospital: Hospital, records: dict[str, bytes]) -> int:
    """How much of what a hospital was told is in a ledger, byte for byte; all of that comes before all that is lost."""
    there = [records.get(each.record_id) == each.answer for each in hospital.told]
    assert there == sorted(there, reverse=True), "something is there, and something from before it is not"
    return sum(there)


def post_again(told: Sequence[Told], port: int) -> list[int]:
    """Post again in the order of then, and give the statuses; the payers are those of then."""
    client, statuses = Client(port, clients.Told()), []
    ids: dict[str, str] = {}
    for each in told:
        # A reversal names its settlement, which has another id if that was lost as well.
        old = each.members["settlement_id"]
        answer = client.once(each.path.replace(old, ids.get(old, old)), each.body)
        assert answer is not None
        statuses.append(answer[0])
        members = json.loads(answer[1])
        assert members["payers"] == each.members["payers"]
        if each.is_settlement:
            ids[old] = members["settlement_id"]
    client.close()
    return statuses
