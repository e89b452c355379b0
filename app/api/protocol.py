"""Bytes that cannot be read as HTTP: the server answers them itself, here with a problem document too."""

from __future__ import annotations

from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from app.api import problems

MAX_HEAD: Final = 64 * 1024


class Http(HttpToolsProtocol):
    """The server's own protocol, with a limit on a request's head, and our words in its one answer.

    A header without end would cost memory for all of it and time for its square: 60 MB, 12 seconds.
    """

    _in_head = True
    _head_size = 0

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._in_head:
            self._head_size += len(data)
            if self._head_size > MAX_HEAD and not self.transport.is_closing():
                self.send_400_response("")

    def on_message_begin(self) -> None:
        self._in_head = True
        self._head_size = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head = False
        super().on_headers_complete()

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
