"""The server's own HTTP protocol, with limits where it has none, and our words in its one answer."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from app.api import problems
from app.api.queues import DOOR

MAX_HEAD: Final = 64 * 1024
HEAD_SECONDS: Final = 10


class Http(HttpToolsProtocol):
    """Ends a head, or a body's trailers, without end, and a head that does not come.

    A header without end would cost memory for all of it and time for its square: 60 MB, 12 seconds. What counts are
    the bytes since the parser last had something to say, so that bodies and pipelined requests are no one's head.
    """

    _silent = 0
    _head_timer: asyncio.TimerHandle | None = None
    _head_awaited_since: float | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        self._head_awaited_since = self.loop.time()
        self._look_at_head()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._silent += len(data)
        super().data_received(data)
        if self._silent > MAX_HEAD and not self.transport.is_closing():
            self.send_400_response("")

    def on_message_begin(self) -> None:
        self._head_awaited_since = self.loop.time()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._head_awaited_since = None
        self._silent = 0
        door = self.app_state.get(DOOR)
        answer = None if door is None or self._is_answering else door.answer_to(self.parser.get_method(), self.url)
        if answer is None:
            super().on_headers_complete()
            return
        self.cycle = _SENT_AWAY
        self.transport.write(answer)
        if not self.parser.should_keep_alive():
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


class _SentAway:
    """What the server takes for a request that has its answer: the rest of its body is passed over."""

    response_complete = True
    disconnected = False
    message_event = asyncio.Event()


_SENT_AWAY: Any = _SentAway()
