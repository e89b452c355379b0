"""The database gone, cut off at COMMIT, or full; the clock set back: a clear 503 or the right answer, never half a record."""

from __future__ import annotations

import json
import os
import random
import resource
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from app.access.pseudonyms import Pseudonyms
from app.api import records
from app.api.fast_reader import read_valid
from app.api.ledger_requests import forms_of
from app.policies.catalogue import load_shipped
from app.store import schema
from app.store.ledger import Ledger
from app.usecases.recording import Recorder
from app.usecases.settle_bill import Recorded, settle_bill
from tests.keys import SOMEBODY, admit
from tests.postgresql import running_postgresql

from .books import faults_in, rows
from .clients import PATH, Client, Told, bill, load
from .serving import killable

CUTS = int(os.environ.get("ONESTOP_CUTS", "40"))
SEED = int(os.environ.get("ONESTOP_SEED", "1"))
GONE_SECONDS = float(os.environ.get("ONESTOP_GONE_SECONDS", "3"))

Property = Callable[[str, Any], None]


class Cutter:
    """Stands between the service and the database, and cuts a connection shortly before or after a COMMIT arrives."""

    def __init__(self, folder: Path, target: Path) -> None:
        self.target = target
        self.chance = random.Random(SEED)
        self.cuts = 0
        self.is_cutting = False
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(folder / target.name))
        self.listener.listen(64)
        self.stopping = False

    def run(self) -> None:
        while not self.stopping:
            with suppress(OSError):
                client, _ = self.listener.accept()
                threading.Thread(target=self._pass_on, args=(client,), daemon=True).start()

    def _pass_on(self, client: socket.socket) -> None:
        with client, socket.socket(socket.AF_UNIX) as server:
            server.connect(str(self.target))
            ends = {client: server, server: client}
            while True:
                for end in select.select(list(ends), [], [])[0]:
                    data = end.recv(65536)
                    if not data:
                        return
                    # Sent, and then either side hears nothing more: it may have happened or not.
                    ends[end].sendall(data)
                    if end is client and b"COMMIT" in data and self.is_cutting and self.chance.random() < 0.3:
                        time.sleep(self.chance.uniform(0, 0.003))
                        self.cuts += 1
                        return

    def close(self) -> None:
        self.stopping = True
        with suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


@contextmanager
def cutter(folder: Path, target: Path) -> Iterator[Cutter]:
    between = Cutter(folder, target)
    thread = threading.Thread(target=between.run)
    thread.start()
    try:
        yield between
    finally:
        between.close()
        thread.join()


@pytest.mark.timeout(3600)
def test_a_connection_cut_at_commit_leaves_no_lie(tmp_path: Path, record_property: Property) -> None:
    with running_postgresql() as server:
        url = server.url()
        admit(url)
        with cutter(tmp_path, next(server.folder.glob(".s.PGSQL.*[0-9]"))) as between:
            through = url.replace(str(server.folder), str(tmp_path))
            with killable(through, migrate=False) as worker, load(worker.port) as told:
                told.wait_for_more()
                between.is_cutting = True
                deadline = time.monotonic() + 600
                while between.cuts < CUTS:
                    assert time.monotonic() < deadline
                    time.sleep(0.02)
                between.is_cutting = False
                told.wait_for_more()
        assert faults_in(url, told) == []
        assert rows(url) == len(told.bodies)
    record_property("counted connections cut at COMMIT", between.cuts)
    record_property("counted answers 503", told.unavailable)
    record_property("counted answers replayed", told.replayed)
    assert between.cuts >= CUTS
    # The client hears 503 of each, never a broken connection and never a wrong word.
    assert told.broken == 0
    assert told.unavailable >= CUTS // 2


@pytest.mark.timeout(600)
def test_a_database_that_is_gone_for_a_while_is_told_at_once_and_found_again(record_property: Property) -> None:
    with running_postgresql() as server:
        url = server.url()
        with killable(url) as worker, load(worker.port) as told:
            told.wait_for_more()
            server.kill()
            client, slowest = Client(worker.port, Told()), 0.0
            gone_until = time.monotonic() + GONE_SECONDS
            asked = 0
            while time.monotonic() < gone_until:
                began = time.monotonic()
                answer = client.once(PATH, bill("while it is gone", "P"))
                slowest = max(slowest, time.monotonic() - began)
                assert answer is not None
                assert (answer[0], json.loads(answer[1])["code"]) == (503, "ledger_unreachable")
                asked += 1
                time.sleep(0.1)
            client.close()
            server.start()
            told.wait_for_more()
        assert faults_in(url, told) == []
    record_property("counted requests while it was gone", asked)
    assert asked > 5
    assert slowest < 5


@pytest.mark.timeout(600)
def test_a_full_disk_is_told_and_leaves_no_half_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"sqlite:///{tmp_path}/onestop.db"
    admit(url)
    limit = 400 * 1024
    # As a disk without room: no file of the service grows beyond this. What it writes there fails, as it would then.
    monkeypatch.setenv("ONESTOP_FAULTS_FILE_SIZE", str(limit))
    told = Told()
    with killable(url, migrate=False) as worker:
        client = Client(worker.port, told)
        statuses = []
        for number in range(400):
            body = bill(f"B{number}", "P")
            answer = client.once(PATH, body)
            assert answer is not None
            statuses.append(answer[0])
            if answer[0] == 201:
                told.bodies[f"B{number}"] = answer[1]
            else:
                assert json.loads(answer[1])["code"] in {"ledger_unreachable", "outcome_unknown"}
            if statuses[-5:] == [503] * 5:
                break
        client.close()
    assert statuses[-5:] == [503] * 5
    assert 5 < len(told.bodies) < 400
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
    assert faults_in(url, told) == []
    monkeypatch.delenv("ONESTOP_FAULTS_FILE_SIZE")
    with killable(url, migrate=False) as worker:
        client = Client(worker.port, told)
        for number in range(len(statuses)):
            client.settle(f"B{number}", bill(f"B{number}", "P"))
        client.close()
    assert faults_in(url, told) == []
    assert rows(url) == len(statuses)


def test_a_clock_that_jumps_back_changes_no_order(database: str) -> None:
    ledger = Ledger(database)
    schema.upgrade(ledger)
    now = datetime(2026, 11, 24, 12, tzinfo=UTC)
    times = iter([now, now - timedelta(days=400), now - timedelta(hours=1), now + timedelta(days=1), now])
    recorder = Recorder(ledger, load_shipped(), lambda: next(times), records)
    pseudonyms = Pseudonyms()
    totals = []
    for number in range(5):
        request = read_valid(bill(f"B{number}", "P"))
        assert request is not None
        outcome = settle_bill(recorder, forms_of(request, pseudonyms), SOMEBODY)
        assert isinstance(outcome, Recorded)
        totals.append(outcome.settlement.year_to_date.total_cost)
    ledger.close()
    assert totals == [140_000 * count for count in range(1, 6)]
    assert faults_in(database) == []
