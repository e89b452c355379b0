"""Two servers behind a proxy are started anew one after the other, again and again, and no request fails.

ONESTOP_ROLLING_REQUESTS says how many, then through both proxies; `make soak` asks for 20,000.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.api.service import ABSENT, JSON, PATIENCE, written
from tests.keys import ADMIN, admit, bearer
from tests.operations.proxies import Kind, proxied
from tests.postgresql import running_postgresql

KINDS = ("haproxy", "nginx") if "ONESTOP_ROLLING_REQUESTS" in os.environ else ("haproxy",)
REQUESTS = int(os.environ.get("ONESTOP_ROLLING_REQUESTS", "1500"))
CLIENTS = 6
# A restart takes some seconds; so many of them must have happened.
LEAST_RESTARTS = 2


class Hospital(threading.Thread):
    """One HIS that posts bills one after another on connections that it keeps."""

    def __init__(self, number: int, door: int, count: int, restarted: threading.Event) -> None:
        super().__init__()
        self.number = number
        self.count = count
        self.failed: list[str] = []
        self.settled: set[str] = set()
        self.restarted = restarted
        self.client = httpx.Client(
            base_url=f"http://127.0.0.1:{door}", trust_env=False, timeout=PATIENCE, headers=bearer(ADMIN) | JSON
        )

    def run(self) -> None:
        posted = 0
        # However fast it is: until the restarts have happened.
        while posted < self.count or not self.restarted.is_set():
            bill = written(
                {"/bill_id": f"{self.number}-{posted}", "/patient/person_id": f"P{self.number}-{posted % 50}"}
                | {"/year_to_date": ABSENT}
            )
            posted += 1
            try:
                answer = self.client.post("/v1/settlements", content=bill)
            except httpx.HTTPError as error:
                self.failed.append(type(error).__name__)
                continue
            # A proxy may ask the other server again for what the first had recorded: the same answer, as a replay.
            if answer.status_code in (200, 201):
                self.settled.add(answer.json()["settlement_id"])
            else:
                self.failed.append(f"{answer.status_code} {answer.text[:200]}")
        self.client.close()
        self.count = posted


@contextmanager
def ledger() -> Iterator[str]:
    """A new ledger on PostgreSQL: two servers have none on SQLite."""
    with running_postgresql() as database:
        admit(database.url())
        yield database.url()


@pytest.mark.parametrize("kind", KINDS)
def test_a_rolling_restart_fails_no_request(kind: Kind, tmp_path: Path) -> None:
    restarted = threading.Event()
    with ledger() as url, proxied(kind, url, tmp_path) as (door, servers):
        hospitals = [Hospital(number, door, -(-REQUESTS // CLIENTS), restarted) for number in range(CLIENTS)]
        for hospital in hospitals:
            hospital.start()
        restarts = 0
        while any(hospital.is_alive() for hospital in hospitals):
            server = servers[restarts % 2]
            server.stop()
            server.start()
            restarts += 1
            # The proxy sees that it is back before the other one goes.
            time.sleep(2.5)
            if restarts == LEAST_RESTARTS:
                restarted.set()
        for hospital in hospitals:
            hospital.join(10 * PATIENCE)
    failed = [each for hospital in hospitals for each in hospital.failed]
    posted = sum(hospital.count for hospital in hospitals)
    settled = set().union(*[hospital.settled for hospital in hospitals])
    print(f"{kind}: {posted:,} requests, {restarts} restarts, {len(failed)} failed")
    assert not failed
    assert len(settled) == posted >= REQUESTS
