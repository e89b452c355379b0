"""Queues (排队): how many requests one worker has taken in for a scarce thing. Whoever comes beyond is told so at once.

A request takes its place with its body in hand: one that is still on its way keeps nobody out. Without a bound every
request would be served, each later than the one before, until nobody waits for any of them any more.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from app.api import problems

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from app.api.state import Parts

OVERLOADED: Final = problems.document(problems.OVERLOADED, "All places are taken. Nothing was done; send it again.")
# Under which name the server's protocol finds the door.
DOOR: Final = "onestop.door"


class Overloaded(Exception):
    """All places are taken: nothing was done, and soon there are some again."""


class Queue:
    """Places for requests that run or wait. Used on one event loop alone.

    `most_taken` is the most since somebody looked last.
    """

    def __init__(self, name: str, limit: int) -> None:
        self.name = name
        self.limit = limit
        self.taken = 0
        self.most_taken = 0

    @property
    def is_full(self) -> bool:
        """Whether whoever comes now is sent away."""
        return self.taken >= self.limit

    def __enter__(self) -> None:
        if self.taken >= self.limit:
            raise Overloaded
        self.taken += 1
        self.most_taken = max(self.most_taken, self.taken)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.taken -= 1

    def look(self) -> int:
        """The most places that were taken since the last look."""
        most, self.most_taken = self.most_taken, self.taken
        return most


class Door:
    """Sends away at a request's head, before its body is read, what would find its queue full.

    That takes a sixth of what the way through the application does, and when it is full every moment counts.
    """

    def __init__(self, queues: Mapping[str, Queue], parts: Parts) -> None:
        self._queues = {path.encode(): (path, queue) for path, queue in queues.items()}
        self._parts = parts

    def answer_to(self, method: bytes, target: bytes) -> bytes | None:
        """The whole answer where a request is sent away, counted and logged; None where it may come in."""
        found = self._queues.get(target)
        if found is None or not found[1].is_full or method != b"POST":
            return None
        request_id = os.urandom(16).hex()
        self._parts.metrics.refused(OVERLOADED.code)
        self._parts.metrics.request(found[0], "POST", OVERLOADED.status, 0.0)
        self._parts.log.request(request_id, 0.0, None, found[0], "POST", OVERLOADED.status)
        return b"%sx-request-id: %s\r\n\r\n%s" % (_HEAD, request_id.encode(), OVERLOADED.body)


_HEAD: Final = (
    f"HTTP/1.1 {OVERLOADED.status} Service Unavailable\r\ncontent-type: {problems.MEDIA_TYPE}\r\n"
    f"content-length: {len(OVERLOADED.body)}\r\nretry-after: {problems.RETRY_SECONDS[OVERLOADED.code]}\r\n"
).encode()
