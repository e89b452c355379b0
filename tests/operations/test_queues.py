"""Queues: whoever comes when all places are taken is told so at once, and nobody else is kept waiting by him."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import Connection

from app.store.ledger import CONNECTIONS, Ledger
from tests.api.service import JSON, MEDIA_TYPE, Service, running, written
from tests.keys import ADMIN, admit, bearer

SETTLEMENTS = "/v1/settlements"


def bill(number: int) -> bytes:
    return written({"/bill_id": f"B{number}", "/patient/person_id": f"P{number}"})


@contextmanager
def locked(url: str) -> Iterator[None]:
    """Nobody else can write to the ledger while the block runs."""
    ledger = Ledger(url)
    held, done = threading.Event(), threading.Event()

    def wait(connection: Connection) -> None:
        # The lock comes with the first statement.
        connection.exec_driver_sql("SELECT 1")
        held.set()
        done.wait(30)

    def hold() -> None:
        ledger.write(wait, lambda _: False)

    thread = threading.Thread(target=hold)
    thread.start()
    assert held.wait(30)
    try:
        yield
    finally:
        done.set()
        thread.join()
        ledger.close()


def posted(service: Service, count: int) -> list[httpx.Response]:
    """Bills that come at one moment, each on a connection of its own."""
    answers: list[httpx.Response] = []

    def post(number: int) -> None:
        with httpx.Client(base_url=service.base, trust_env=False, timeout=60, headers=bearer(ADMIN)) as client:
            answers.append(client.post(SETTLEMENTS, content=bill(number), headers=JSON))

    threads = [threading.Thread(target=post, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def test_more_than_all_places_are_sent_away_at_once_and_may_come_again(tmp_path: Path) -> None:
    url, places = f"sqlite:///{tmp_path}/onestop.db", CONNECTIONS
    admit(url)
    with running(ONESTOP_DATABASE_URL=url, ONESTOP_QUEUE="0") as service:
        with locked(url):
            answers = posted(service, places + 12)
        away = [answer for answer in answers if answer.json().get("code") == "overloaded"]
        assert len(away) == 12, [answer.text[:200] for answer in answers]
        for answer in away:
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
            assert answer.headers["content-type"] == MEDIA_TYPE
            assert len(answer.headers["x-request-id"]) == 32
        assert {answer.status_code for answer in posted(service, places)} <= {200, 201}
        samples = service.metrics()
        assert samples['onestop_refusals_total{code="overloaded"}'] == 12
        assert samples[f'onestop_requests_total{{method="POST",route="{SETTLEMENTS}",status="503"}}'] >= 12
        assert samples['onestop_queue_limit{queue="ledger"}'] == places
        logged = [line for line in service.logged().splitlines() if away[0].headers["x-request-id"] in line]
        assert len(logged) == 1


def test_a_full_ledger_queue_keeps_nobody_from_previews_health_and_metrics(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/onestop.db"
    admit(url)
    with running(ONESTOP_DATABASE_URL=url, ONESTOP_QUEUE="0") as service, locked(url):
        background = [threading.Thread(target=posted, args=(service, CONNECTIONS))]
        background[0].start()
        wait_for(lambda: service.metrics()['onestop_queue_requests{queue="ledger"}'] == CONNECTIONS)
        assert service.preview(written({})).status_code == 200
        assert service.get("/healthz").status_code == 200
        assert service.get("/readyz").status_code == 200
        # Whoever would have waited for a thread of the ledger's would find it empty by now.
        assert service.metrics()['onestop_queue_requests{queue="ledger"}'] == CONNECTIONS
        assert service.get("/metrics").status_code == 200
        away = service.client.post(SETTLEMENTS, content=bill(99), headers=JSON)
        assert away.json()["code"] == "overloaded"
    background[0].join()


def test_a_connection_goes_on_after_it_was_sent_away_with_its_body_still_under_way(tmp_path: Path) -> None:
    """The answer comes at the request's head; what follows of its body is no request."""
    url = f"sqlite:///{tmp_path}/onestop.db"
    admit(url)
    with running(ONESTOP_DATABASE_URL=url, ONESTOP_QUEUE="0") as service:
        with locked(url):
            background = threading.Thread(target=posted, args=(service, CONNECTIONS))
            background.start()
            wait_for(lambda: service.metrics()['onestop_queue_requests{queue="ledger"}'] == CONNECTIONS)
            body = bill(7)
            head = f"POST {SETTLEMENTS} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
            head += f"authorization: Bearer {ADMIN}\r\ncontent-length: {len(body)}\r\n\r\n"
            with service.connected() as connection:
                connection.sendall(head.encode() + body[:50])
                assert connection.recv(65536).startswith(b"HTTP/1.1 503 ")
                connection.sendall(body[50:] + b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
                assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
        background.join()


HEAD = f"POST {SETTLEMENTS} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nauthorization: Bearer {ADMIN}\r\n"
AWAY, WELL = b"HTTP/1.1 503 ", b"HTTP/1.1 200 "
WELL_ASKED = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n"


def whole(number: int, more: str = "") -> bytes:
    body = bill(number)
    return f"{HEAD}{more}content-length: {len(body)}\r\n\r\n".encode() + body


def answers_to(connection: socket.socket, count: int) -> list[bytes]:
    """The first lines of so many answers."""
    received = b""
    while received.count(b"HTTP/1.1 ") < count:
        piece = connection.recv(65536)
        assert piece, "closed too early"
        received += piece
    return [b"HTTP/1.1 " + answer[:4] for answer in received.split(b"HTTP/1.1 ")[1:]]


def test_in_a_crowd_a_request_is_sent_away_in_whatever_way_it_comes(tmp_path: Path) -> None:
    """Then it waits a moment at the door, and where all of it has come its head is not even read."""
    url = f"sqlite:///{tmp_path}/onestop.db"
    admit(url)
    with running(ONESTOP_DATABASE_URL=url, ONESTOP_QUEUE="0") as service, ExitStack() as opened:
        with locked(url):
            background = threading.Thread(target=posted, args=(service, CONNECTIONS))
            background.start()
            wait_for(lambda: service.metrics()['onestop_queue_requests{queue="ledger"}'] == CONNECTIONS)

            def sent(*pieces: bytes) -> socket.socket:
                # A crowd is one for a tenth of a second.
                assert posted(service, 1)[0].status_code == 503
                connection = opened.enter_context(service.connected())
                connection.settimeout(30)
                for piece in pieces:
                    connection.sendall(piece)
                return connection

            at_once = sent(whole(1))
            assert answers_to(at_once, 1) == [AWAY]
            at_once.sendall(WELL_ASKED)
            assert answers_to(at_once, 1) == [WELL]
            assert answers_to(sent(whole(2)[:200], whole(2)[200:], WELL_ASKED), 2) == [AWAY, WELL]
            assert answers_to(sent(whole(3) + whole(4) + WELL_ASKED), 3) == [AWAY, AWAY, WELL]
            chunked = f"{HEAD}transfer-encoding: chunked\r\n\r\n".encode() + b"2\r\n{}\r\n0\r\n\r\n"
            assert answers_to(sent(chunked, WELL_ASKED), 2) == [AWAY, WELL]
            upgraded = f"{HEAD}connection: upgrade\r\nupgrade: x\r\ncontent-length: 2\r\n\r\n{{}}"
            assert answers_to(sent(upgraded.encode()), 1) == [AWAY]
            assert answers_to(sent(f"{HEAD}content-length: x\r\n\r\n".encode()), 1) == [b"HTTP/1.1 400 "]
            last = sent(whole(5, "connection: close\r\n"))
            assert answers_to(last, 1) == [AWAY]
            assert last.recv(65536) == b""
            sent(whole(6)).close()
            kept = sent(whole(7))
            assert answers_to(kept, 1) == [AWAY]
            # As every connection on which nothing comes any more.
            assert kept.recv(65536) == b""
        background.join()
        assert "mistake" not in service.logged()


def test_in_a_crowd_all_are_settled_who_come_again(tmp_path: Path) -> None:
    url, clients, each = f"sqlite:///{tmp_path}/onestop.db", 30, 10
    admit(url)
    with running(ONESTOP_DATABASE_URL=url, ONESTOP_QUEUE="0") as service:

        def settle(first: int) -> None:
            with httpx.Client(base_url=service.base, trust_env=False, timeout=60, headers=bearer(ADMIN)) as client:
                for number in range(first, first + each):
                    while (answer := client.post(SETTLEMENTS, content=bill(number), headers=JSON)).status_code != 201:
                        assert answer.json()["code"] == "overloaded"

        threads = [threading.Thread(target=settle, args=(number * each,)) for number in range(clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        samples = service.metrics()
        assert samples['onestop_ledger_settlements_total{outcome="recorded"}'] == clients * each
        assert samples['onestop_refusals_total{code="overloaded"}'] > 0


def test_slow_bodies_take_no_place(tmp_path: Path) -> None:
    """A place is taken with the body in hand: a hundred that trickle keep nobody out."""
    with running(ONESTOP_QUEUE="0") as service:
        head = f"POST {SETTLEMENTS} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
        head += f"authorization: Bearer {ADMIN}\r\ncontent-length: 500\r\n\r\n"
        slow = [service.connected() for _ in range(100)]
        for connection in slow:
            connection.sendall(head.encode() + b"{")
        assert service.client.post(SETTLEMENTS, content=bill(1), headers=JSON).status_code == 201
        assert service.preview(written({})).status_code == 200
        for connection in slow:
            connection.close()


def wait_for(condition: Any, seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to be"
        time.sleep(0.02)
