"""The server's own HTTP protocol, with limits where it has none, and our words in its one answer."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from app.api import problems
from app.api.queues import DOORS

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.api.queues import Doors

MAX_HEAD: Final = 64 * 1024
MAX_HELD: Final = 64 * 1024
HEAD_SECONDS: Final = 10


class Http(HttpToolsProtocol):
    """Ends a head, or a body's trailers, without end, and a head that does not come.

    A header without end would cost memory for all of it and time for its square: 60 MB, 12 seconds. What counts are
    the bytes since the parser last had something to say, so that bodies and pipelined requests are no one's head.
    """

    _silent = 0
    _head_timer: asyncio.TimerHandle | None = None
    _head_awaited_since: float | None = None
    _doors: Doors | None = None
    _is_in_message = False
    _held: bytes | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        self._doors = self.app_state.get(DOORS)
        self._head_awaited_since = self.loop.time()
        self._look_at_head()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
        self._held = None
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        held, self._held = self._held, None
        if held is not None:
            data = held + data
        if len(data) <= MAX_HELD and (held is not None or self._is_to_wait(data)):
            self._held = data
            # The time that it waits is nobody's silence.
            self._head_awaited_since = None
            self._unset_keepalive_if_required()
        else:
            self._read(data)

    def _is_to_wait(self, data: bytes) -> bool:
        if self._doors is None or self._is_in_message or self._is_answering:
            return False
        door = self._doors.of_line(data)
        return door is not None and door.holds(self)

    def come_in(self) -> bool:
        """Go on with a request that waited at the door; whether all of it is there, and comes in."""
        held, self._held = self._held, None
        if held is None:
            return False
        self._read(held)
        return self._is_answering and not self._is_in_message

    def go_away(self, answer: Callable[[], bytes]) -> None:
        """Answer a request that waited at the door with that, where it is there, and whole."""
        held, self._held = self._held, None
        if held is None:
            return
        keeps_alive = _keeps_alive_behind_one(held)
        if keeps_alive is None:
            self._read(held)
            return
        try:
            self._send_away(answer(), keeps_alive=keeps_alive)
        except Exception:
            # Without an answer, and without the time after which an idle connection is closed.
            self.transport.close()
            raise

    def shutdown(self) -> None:
        self.come_in()
        super().shutdown()

    def _read(self, data: bytes) -> None:
        self._silent += len(data)
        super().data_received(data)
        if self._silent > MAX_HEAD and not self.transport.is_closing():
            self.send_400_response("")

    def on_message_begin(self) -> None:
        self._head_awaited_since = self.loop.time()
        self._is_in_message = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._head_awaited_since = None
        self._silent = 0
        door = None if self._doors is None else self._doors.of_head(self.parser.get_method(), self.url)
        answer = None if door is None or self._is_answering else door.answer()
        if answer is None:
            super().on_headers_complete()
        else:
            self.cycle = _SENT_AWAY
            self._send_away(answer, keeps_alive=self.parser.should_keep_alive())

    def _send_away(self, answer: bytes, *, keeps_alive: bool) -> None:
        self.transport.write(answer)
        if not keeps_alive:
            self.transport.close()
        self.on_response_complete()

    @property
    def _is_answering(self) -> bool:
        # A request that came before the answer to the one before it waits for its turn.
        cycle: Any = self.cycle
        return cycle is not None and not cycle.response_complete

    def on_body(self, body: bytes) -> None:
        self._silent = 0
        cycle: Any = self.cycle
        if cycle.response_complete or cycle.body:
            super().on_body(body)
        else:
            # Taken as it is: copied to the server's array and from there again, it costs twice the time of both.
            cycle.body = body
            super().on_body(b"")

    def on_message_complete(self) -> None:
        self._silent = 0
        self._is_in_message = False
        super().on_message_complete()

    def _look_at_head(self) -> None:
        # One timer a connection, which looks again: one a request would cost each of them.
        now = self.loop.time()
        since = now if self._head_awaited_since is None else self._head_awaited_since
        if now - since >= HEAD_SECONDS:
            self.transport.close()
        else:
            self._head_timer = self.loop.call_later(since + HEAD_SECONDS - now, self._look_at_head)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 # its words are not ours
        """Answer and close: where the next request would begin cannot be known."""
        body = problems.document(problems.NOT_HTTP, f"Send HTTP/1.1, with a head of at most {MAX_HEAD:,} bytes.").body
        head = (
            "HTTP/1.1 400 Bad Request",
            f"content-type: {problems.MEDIA_TYPE}",
            f"content-length: {len(body)}",
            "connection: close",
            "",
            "",
        )
        self.transport.write("\r\n".join(head).encode() + body)
        self.transport.close()


def _keeps_alive_behind_one(data: bytes) -> bool | None:
    """Whether the connection goes on behind a request; None where the bytes are not exactly one whole request."""
    heard = _Heard()
    parser = heard.parser = HttpRequestParser(heard)
    try:
        parser.feed_data(data)
    except (HttpParserError, HttpParserUpgrade):
        return None
    finally:
        # Two that hold each other would stay until the collector comes, which it does rarely.
        heard.parser = None
    return heard.keeps_alive if heard.begun == heard.ended == 1 else None


class _Heard:
    """What a parser says, without a word for each header."""

    parser: HttpRequestParser | None = None
    begun = ended = 0
    keeps_alive = False

    def on_message_begin(self) -> None:
        self.begun += 1

    def on_message_complete(self) -> None:
        self.ended += 1
        self.keeps_alive = self.parser is not None and self.parser.should_keep_alive()


class _SentAway:
    """What the server takes for a request that has its answer: the rest of its body is passed over."""

    response_complete = True
    disconnected = False
    message_event = asyncio.Event()


_SENT_AWAY: Any = _SentAway()
