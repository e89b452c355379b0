"""Queues (排队): how many requests one worker has taken in for a scarce thing. Whoever comes beyond is told so at once.

A request takes its place with its body in hand: one that is still on its way keeps nobody out. Without a bound every
request would be served, each later than the one before, until nobody waits for any of them any more.
"""

from __future__ import annotations

import asyncio
import os
from time import monotonic
from typing import TYPE_CHECKING, Final, Protocol

from app.api import problems

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from app.api.state import Parts

# As many as have places are worked off in less, on any machine that keeps up at all.
PATIENCE_SECONDS: Final = 0.1
STRETCH: Final = 1.9
_STEP: Final = 0.02
# How long a request waits at the door at most: about as long as one bill takes where all are served on one core.
HELD_SECONDS: Final = 0.005
OVERLOADED: Final = problems.document(problems.OVERLOADED, "All places are taken. Nothing was done; send it again.")
_LONGEST_LINE: Final = 64
# Under which name the server's protocol finds the doors.
DOORS: Final = "onestop.doors"


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

    `when_left` is called whenever a place was given back.
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
        self.when_left: Callable[[], None] = lambda: None

    @property
    def taken(self) -> int:
        """How many places are taken at this moment."""
        return len(self._entered)

    @property
    def is_crowded(self) -> bool:
        """Whether somebody had to be sent away a moment ago."""
        return self._clock() < self._crowded_until

    @property
    def free(self) -> int:
        """How many may come in at this moment."""
        if self.is_crowded:
            return max(min(int(self._few) - self._served, self._at_once - self.taken), 0)
        return max(self.limit - self.taken, 0)

    def has_place(self) -> bool:
        """Whether whoever comes now may come in. Who asks and may not counts as sent away."""
        may_come = self.free > 0
        if not may_come:
            self.send_away()
        return may_come

    def send_away(self) -> None:
        """Somebody is sent away: there is a crowd."""
        self._crowded_until = self._clock() + PATIENCE_SECONDS
        self._most_taken = self.limit

    def enter(self) -> float:
        """Take a place: the moment, by which it is given back. Raises `Overloaded`."""
        if not self.has_place():
            raise Overloaded
        self._is_alone = not self._served
        now = self._clock()
        self._entered.append(now)
        self._most_taken = max(self._most_taken, self.taken)
        return now

    def leave(self, entered: float) -> None:
        """Give a place back."""
        self._entered.remove(entered)
        took = self._clock() - entered
        if took >= PATIENCE_SECONDS:
            # Of those there may be ever more: where all are like that, it is no processor that they wait for.
            change = _STEP
        else:
            if self._is_alone:
                before = took if self._alone_seconds is None else self._alone_seconds
                self._alone_seconds = before + _STEP * (took - before)
            change = _STEP * (STRETCH - took / self._alone_seconds) if self._alone_seconds else 0.0
        if self.is_crowded:
            self._few = min(max(self._few + change, 1.0), self._at_once)
        self.when_left()

    def look(self) -> int:
        """The most places that were taken since the last look; all of them where somebody was sent away."""
        most, self._most_taken = self._most_taken, self.taken
        return most

    @property
    def _served(self) -> int:
        """Of those who are in, the ones who wait for nothing else."""
        now = self._clock()
        return sum(now - entered < PATIENCE_SECONDS for entered in self._entered)


class Connection(Protocol):
    """A connection with a request that waits at the door."""

    def come_in(self) -> bool:
        """Go on with the request; whether it is there, all of it, and comes in."""

    def go_away(self, answer: Callable[[], bytes]) -> None:
        """Answer the request with that, where it is there, and whole."""


class Door:
    """Where requests for a queue come in, or are sent away at their head: a sixth of the way through the application.

    In a crowd, whoever finds no place waits here until somebody leaves, `HELD_SECONDS` at most. Then the last one comes
    in, who has waited least, and the others are sent away together: one after another, each of them would interrupt a
    bill that is being settled, and take twice the time.
    """

    def __init__(self, path: str, queue: Queue, parts: Parts) -> None:
        self._path = path
        self._queue = queue
        self._parts = parts
        self._held: list[Connection] = []
        self._timer: asyncio.TimerHandle | None = None
        queue.when_left = self._look_again

    def holds(self, connection: Connection) -> bool:
        """Whether a connection's request is to wait here."""
        if not self._queue.is_crowded or self._queue.free:
            return False
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(HELD_SECONDS, self._let_in)
        self._held.append(connection)
        return True

    def answer(self) -> bytes | None:
        """The whole answer where a request is sent away; None where it may come in."""
        return None if self._queue.free else self._overloaded()

    def _look_again(self) -> None:
        if self._held and self._queue.free:
            # Not before whoever left has its answer.
            asyncio.get_running_loop().call_soon(self._let_in)

    def _let_in(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        free = self._queue.free
        try:
            while self._held:
                connection = self._held.pop()
                if free:
                    free -= connection.come_in()
                else:
                    connection.go_away(self._overloaded)
        finally:
            if self._held:
                # One that fails takes nobody else's answer away.
                asyncio.get_running_loop().call_soon(self._let_in)

    def _overloaded(self) -> bytes:
        """Send a request away, counted and logged: the whole answer."""
        self._queue.send_away()
        request_id = os.urandom(16).hex()
        self._parts.metrics.refused(OVERLOADED.code)
        self._parts.metrics.request(self._path, "POST", OVERLOADED.status, 0.0)
        self._parts.log.request(request_id, 0.0, None, self._path, "POST", OVERLOADED.status)
        return b"%sx-request-id: %s\r\n\r\n%s" % (_HEAD, request_id.encode(), OVERLOADED.body)


class Doors:
    """The doors of one application, found by what a request begins with."""

    def __init__(self, queues: Mapping[str, Queue], parts: Parts) -> None:
        doors = {path.encode(): Door(path, queue, parts) for path, queue in queues.items()}
        self._by_path = doors
        self._by_line = {b"POST %s HTTP/1.1" % path: door for path, door in doors.items()}

    def of_line(self, data: bytes) -> Door | None:
        """The door of a request whose first line is whole, and as nearly everybody writes it."""
        end = data.find(b"\r\n", 0, _LONGEST_LINE)
        return None if end < 0 else self._by_line.get(data[:end])

    def of_head(self, method: bytes, target: bytes) -> Door | None:
        """The door of a request whose head was read."""
        return self._by_path.get(target) if method == b"POST" else None


_HEAD: Final = (
    f"HTTP/1.1 {OVERLOADED.status} Service Unavailable\r\ncontent-type: {problems.MEDIA_TYPE}\r\n"
    f"content-length: {len(OVERLOADED.body)}\r\nretry-after: {problems.RETRY_SECONDS[OVERLOADED.code]}\r\n"
).encode()
