"""Queues (排队): how many requests one worker has taken in for a scarce thing. Whoever comes beyond is told so at once.

A request takes its place with its body in hand: one that is still on its way keeps nobody out. Without a bound every
request would be served, each later than the one before, until nobody waits for any of them any more.
"""

from __future__ import annotations

import os
from time import monotonic
from typing import TYPE_CHECKING, Final

from app.api import problems

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from app.api.state import Parts

# As many as have places are worked off in less, on any machine that keeps up at all.
PATIENCE_SECONDS: Final = 0.1
STRETCH: Final = 1.9
_STEP: Final = 0.02
OVERLOADED: Final = problems.document(problems.OVERLOADED, "All places are taken. Nothing was done; send it again.")
# Under which name the server's protocol finds the door.
DOOR: Final = "onestop.door"


class Overloaded(Exception):
    """All places are taken: nothing was done, and soon there are some again."""


class Queue:
    """Places for requests that run or wait. Used on one event loop alone.

    `at_once` is how many are worked on, `waiting` how many more may wait: a burst, or callers who each wait for their
    answer. Where somebody finds all of these taken, more comes than can be done. From then on, until for
    `PATIENCE_SECONDS` nobody had to be sent away, only as many come in as are served in `STRETCH` times what one takes
    alone: whoever is let in is served nearly as always. Who has been in for longer than `PATIENCE_SECONDS` waits for
    something else, and keeps nobody out.

    Both times are means that follow each answer by a small step. At first there come in as many as where all share one
    processor; more where they mostly wait for a disk or a network. Where few come in, each is alone, so what one takes
    alone is known anew when everything became slower.
    """

    def __init__(self, name: str, at_once: int, waiting: int, clock: Callable[[], float] = monotonic) -> None:
        self.name = name
        self.limit = at_once + waiting
        self._at_once = at_once
        self._clock = clock
        self._entered: list[float] = []
        self._most_taken = 0
        self._crowded_until = 0.0
        self._is_alone = False
        self._alone_seconds: float | None = None
        self._few = STRETCH

    @property
    def taken(self) -> int:
        """How many places are taken at this moment."""
        return len(self._entered)

    def has_place(self) -> bool:
        """Whether whoever comes now may come in. Who asks and may not counts as sent away."""
        now, taken = self._clock(), self.taken
        if now < self._crowded_until:
            may_come = self._served(now) < int(self._few) and taken < self._at_once
        else:
            may_come = taken < self.limit
        if not may_come:
            self._crowded_until = now + PATIENCE_SECONDS
            self._most_taken = self.limit
        return may_come

    def enter(self) -> float:
        """Take a place: the moment, by which it is given back. Raises `Overloaded`."""
        if not self.has_place():
            raise Overloaded
        now = self._clock()
        self._is_alone = not self._served(now)
        self._entered.append(now)
        self._most_taken = max(self._most_taken, self.taken)
        return now

    def leave(self, entered: float) -> None:
        """Give a place back."""
        self._entered.remove(entered)
        now = self._clock()
        took, is_crowded = now - entered, now < self._crowded_until
        if took >= PATIENCE_SECONDS:
            # Of those there may be ever more: where all are like that, it is no processor that they wait for.
            change = _STEP
        else:
            if self._is_alone:
                before = took if self._alone_seconds is None else self._alone_seconds
                self._alone_seconds = before + _STEP * (took - before)
            change = _STEP * (STRETCH - took / self._alone_seconds) if self._alone_seconds else 0.0
        if is_crowded:
            self._few = min(max(self._few + change, 1.0), self._at_once)

    def look(self) -> int:
        """The most places that were taken since the last look; all of them where somebody was sent away."""
        most, self._most_taken = self._most_taken, self.taken
        return most

    def _served(self, now: float) -> int:
        """Of those who are in, the ones who wait for nothing else."""
        return sum(now - entered < PATIENCE_SECONDS for entered in self._entered)


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
        if found is None or method != b"POST" or found[1].has_place():
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
