"""Clients that never give up: each posts bills of its own, and asks again until it is told what was recorded."""

from __future__ import annotations

import http.client
import json
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.api.service import ABSENT, JSON, changed
from tests.keys import ADMIN, bearer

PATH = "/v1/settlements"
HEADERS = JSON | bearer(ADMIN)
PATIENCE = 120.0


@dataclass
class Told:
    """What the clients were told, and how often the way there was broken."""

    bodies: dict[str, bytes] = field(default_factory=dict)
    acknowledged: int = 0
    replayed: int = 0
    broken: int = 0
    unavailable: int = 0
    wrong: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def wait_for_more(self, seconds: float = 30.0) -> None:
        """Wait until some bill more is settled: whoever was killed is back."""
        before = len(self.bodies)
        deadline = time.monotonic() + seconds
        while len(self.bodies) == before:
            assert time.monotonic() < deadline, "the service did not come back by itself"
            time.sleep(0.002)


def bill(bill_id: str, person: str, **members: Any) -> bytes:
    request = changed({"/bill_id": bill_id, "/patient/person_id": person, "/year_to_date": ABSENT} | members)
    return json.dumps(request).encode()


class Client:
    """One connection, made anew whenever it breaks."""

    def __init__(self, port: int, told: Told) -> None:
        self.port = port
        self.told = told
        self.connection: http.client.HTTPConnection | None = None

    def close(self) -> None:
        if self.connection is not None:
            self.connection.close()
        self.connection = None

    def once(self, path: str, body: bytes) -> tuple[int, bytes] | None:
        """One attempt: status and body, or None where the connection broke."""
        try:
            if self.connection is None:
                self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
            self.connection.request("POST", path, body, HEADERS)
            answer = self.connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException):
            self.close()
            return None

    def settle(self, bill_id: str, body: bytes) -> None:
        """Ask until told, and keep what was told; a later answer must be the same bytes."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            answer = self.once(PATH, body)
            with self.told.lock:
                if answer is None:
                    self.told.broken += 1
                elif answer[0] == 503:
                    self.told.unavailable += 1
                elif answer[0] in {200, 201}:
                    self.told.acknowledged += answer[0] == 201
                    self.told.replayed += answer[0] == 200
                    known = self.told.bodies.setdefault(bill_id, answer[1])
                    if known != answer[1]:
                        self.told.wrong.append(f"{bill_id}: two answers")
                    return
                else:
                    self.told.wrong.append(f"{bill_id}: {answer[0]} {answer[1][:300]!r}")
                    return
            time.sleep(0.005)
        self.told.wrong.append(f"{bill_id}: no answer")


@contextmanager
def load(port: int, clients: int = 4, persons: int = 6) -> Iterator[Told]:
    """Clients that settle bills while the block runs; each also repeats old requests of its own."""
    told = Told()
    stop = threading.Event()

    def run(number: int) -> None:
        chance = random.Random(number)
        client = Client(port, told)
        sent: list[tuple[str, bytes]] = []
        while not stop.is_set():
            if sent and chance.random() < 0.2:
                client.settle(*chance.choice(sent))
                continue
            bill_id = f"{number}-{len(sent)}"
            sent.append((bill_id, bill(bill_id, f"P{chance.randrange(persons)}")))
            client.settle(*sent[-1])
        client.close()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield told
    finally:
        stop.set()
        for thread in threads:
            thread.join(2 * PATIENCE)
            assert not thread.is_alive(), "a client waits for ever"
