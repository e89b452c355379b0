"""A request that waits at the door of a crowd: what the connection does with its bytes until somebody decides."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest
from uvicorn import Config
from uvicorn.server import ServerState

from app.api.protocol import Http
from app.api.queues import DOORS

HEAD = b"POST /v1/settlements HTTP/1.1\r\nhost: x\r\n"
WHOLE = HEAD + b"content-length: 2\r\n\r\n{}"
AWAY = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n"
IN = b"HTTP/1.1 200 OK\r\n"


class Line:
    """A transport: what was written to it, and whether it was closed."""

    def __init__(self) -> None:
        self.written = b""
        self.closed = False

    def write(self, data: bytes) -> None:
        self.written += data

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def get_extra_info(self, _name: str) -> None:
        return None

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


class Keeper:
    """A door at which all wait, and the doors that lead to it; at a head it lets everybody in, or nobody."""

    def __init__(self) -> None:
        self.held: list[Http] = []
        self.is_crowded = True
        self.at_head: bytes | None = None

    def of_line(self, data: bytes) -> Keeper | None:
        return self if data.startswith(HEAD[:10]) else None

    def of_head(self, _method: bytes, _target: bytes) -> Keeper:
        return self

    def holds(self, connection: Http) -> bool:
        if self.is_crowded:
            self.held.append(connection)
        return self.is_crowded

    def answer(self) -> bytes | None:
        return self.at_head


class Settles:
    """The application: what it was asked."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []

    async def __call__(self, _scope: Any, receive: Any, send: Any) -> None:
        body, message = b"", {"more_body": True}
        while message["more_body"]:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message["body"]
        self.asked.append(body)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body"})


class Connected:
    """One connection of a server, its door, its application and its line."""

    def __init__(self) -> None:
        self.door, self.app, self.line = Keeper(), Settles(), Line()
        config = Config(cast("Any", self.app), lifespan="off", log_config=None)
        config.load()
        self.http = Http(config, ServerState(), {DOORS: self.door})
        self.http.connection_made(cast("asyncio.Transport", self.line))

    async def settled(self) -> list[bytes]:
        for _ in range(10):
            await asyncio.sleep(0)
        return self.app.asked

    def go_away(self) -> None:
        self.http.go_away(lambda: AWAY)

    def is_timed(self) -> bool:
        """Whether it is closed when nothing comes for a while."""
        return self.http.timeout_keep_alive_task is not None


def on_a_line(test: Callable[[Connected], Awaitable[None]]) -> None:
    async def run() -> None:
        connected = Connected()
        try:
            await test(connected)
        finally:
            connected.http.connection_lost(None)

    asyncio.run(run())


@pytest.mark.parametrize("pieces", [1, 2, len(WHOLE)])
def test_one_that_may_come_in_is_read_then(pieces: int) -> None:
    async def test(it: Connected) -> None:
        size = -(-len(WHOLE) // pieces)
        it.http.data_received(WHOLE[:10])
        for begin in range(10, len(WHOLE), size):
            it.http.data_received(WHOLE[begin : begin + size])
        assert (it.line.written, await it.settled()) == (b"", [])
        assert it.http.come_in()
        assert await it.settled() == [b"{}"]
        assert it.line.written.startswith(IN)
        assert not it.http.come_in(), "it has come in"

    on_a_line(test)


@pytest.mark.parametrize(
    "body", [b"content-length: 2\r\n\r\n{}", b"transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"]
)
def test_one_that_goes_away_is_answered_unread_and_the_connection_goes_on(body: bytes) -> None:
    async def test(it: Connected) -> None:
        # As if its head were let in: what is answered here is so without a look at it.
        it.http.data_received(HEAD + body)
        assert not it.is_timed()
        it.go_away()
        assert (it.line.written, it.line.closed, await it.settled()) == (AWAY, False, [])
        assert it.is_timed()
        it.go_away()
        assert it.line.written == AWAY, "once"
        it.door.is_crowded = False
        it.http.data_received(WHOLE)
        assert await it.settled() == [b"{}"]
        it.door.is_crowded = True
        it.http.data_received(WHOLE)
        assert not it.is_timed(), "it is not idle while one of its requests waits"

    on_a_line(test)


def test_what_goes_away_leaves_nothing_for_the_collector() -> None:
    """It comes rarely, and a crowd is a thousand a second."""

    async def test(it: Connected) -> None:
        for _ in range(2):
            it.http.data_received(WHOLE)
            gc.collect()
            it.go_away()
        assert gc.collect() == 0

    on_a_line(test)


def test_the_time_at_the_door_and_behind_it_is_no_silence() -> None:
    """A connection whose requests were all sent away has sent its heads in time."""

    async def test(it: Connected) -> None:
        it.http.data_received(WHOLE)
        assert it.http._head_awaited_since is None
        it.go_away()
        assert it.http._head_awaited_since is None

    on_a_line(test)


@pytest.mark.parametrize(("more", "is_closed"), [(b"connection: close\r\n", True), (b"", False)])
def test_it_is_closed_behind_the_answer_where_the_request_says_so(more: bytes, is_closed: bool) -> None:
    async def test(it: Connected) -> None:
        it.http.data_received(HEAD + more + WHOLE[len(HEAD) :])
        it.go_away()
        assert (it.line.written, it.line.closed) == (AWAY, is_closed)

    on_a_line(test)


@pytest.mark.parametrize(
    ("data", "asked"),
    [
        (WHOLE[:-1], []),
        (WHOLE[:40], []),
        (WHOLE + WHOLE, [b"{}", b"{}"]),
        (WHOLE + b"P", [b"{}"]),
        (HEAD + b"connection: upgrade\r\nupgrade: x\r\n\r\n", [b""]),
    ],
    ids=["no end", "no head", "two", "one and a bit", "an upgrade"],
)
def test_what_is_not_exactly_one_request_is_read_as_always(data: bytes, asked: list[bytes]) -> None:
    async def test(it: Connected) -> None:
        it.http.data_received(data)
        it.go_away()
        assert AWAY not in it.line.written
        assert await it.settled() == asked

    on_a_line(test)


def test_what_is_no_http_is_told_so() -> None:
    async def test(it: Connected) -> None:
        it.http.data_received(HEAD + b"content-length: x\r\n\r\n")
        it.go_away()
        assert it.line.written.startswith(b"HTTP/1.1 400 ")
        assert it.line.closed

    on_a_line(test)


def test_one_of_which_not_all_is_there_takes_no_place() -> None:
    async def test(it: Connected) -> None:
        it.http.data_received(WHOLE[:-1])
        assert not it.http.come_in()
        it.http.data_received(WHOLE[-1:])
        assert await it.settled() == [b"{}"]

    on_a_line(test)


def test_one_that_is_sent_away_at_its_head_takes_no_place() -> None:
    async def test(it: Connected) -> None:
        it.door.at_head = AWAY
        it.http.data_received(WHOLE)
        assert not it.http.come_in()
        assert it.line.written == AWAY

    on_a_line(test)


def test_one_that_is_large_does_not_wait() -> None:
    async def test(it: Connected) -> None:
        body = b" " * 64 * 1024
        request = HEAD + b"content-length: %d\r\n\r\n" % len(body) + body
        it.http.data_received(request)
        assert await it.settled() == [body]
        it.http.data_received(request[:-1000])
        it.http.data_received(request[-1000:])
        assert await it.settled() == [body, body]
        assert not it.http.come_in()

    on_a_line(test)


def test_behind_one_that_is_being_answered_nobody_waits() -> None:
    async def test(it: Connected) -> None:
        it.door.is_crowded = False
        it.http.data_received(WHOLE)
        it.door.is_crowded = True
        it.http.data_received(WHOLE)
        assert not it.door.held
        assert await it.settled() == [b"{}", b"{}"]

    on_a_line(test)


def test_what_follows_of_a_body_is_no_request_whatever_it_looks_like() -> None:
    async def test(it: Connected) -> None:
        it.door.is_crowded, it.door.at_head = False, AWAY
        it.http.data_received(HEAD + b"content-length: %d\r\n\r\n" % len(WHOLE))
        assert it.line.written == AWAY
        it.door.is_crowded = True
        it.http.data_received(WHOLE)
        assert not it.door.held
        it.http.data_received(WHOLE)
        assert len(it.door.held) == 1

    on_a_line(test)


def test_one_that_waits_when_the_server_stops_is_still_answered() -> None:
    async def test(it: Connected) -> None:
        it.http.data_received(WHOLE)
        it.http.shutdown()
        assert await it.settled() == [b"{}"]
        assert it.line.written.startswith(IN)
        assert it.line.closed

    on_a_line(test)


def test_one_that_has_gone_is_not_answered() -> None:
    async def test(it: Connected) -> None:
        it.http.data_received(WHOLE)
        it.http.connection_lost(None)
        it.go_away()
        assert not it.http.come_in()
        assert (it.line.written, await it.settled()) == (b"", [])

    on_a_line(test)


def test_where_no_answer_can_be_made_the_connection_ends() -> None:
    def fail() -> bytes:
        raise BrokenPipeError

    async def test(it: Connected) -> None:
        it.http.data_received(WHOLE)
        with pytest.raises(BrokenPipeError):
            it.http.go_away(fail)
        assert it.line.closed

    on_a_line(test)
