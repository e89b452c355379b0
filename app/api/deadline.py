"""An end for what takes too long, without a timer for each: one a request would cost a preview 3 % of its time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, Task

LOOK_SECONDS: Final = 0.5


class Deadline:
    """What a task does in this `with` block ends as in `asyncio.timeout`, at most `LOOK_SECONDS` late.

    Leaving the block raises `TimeoutError` then.
    """

    __slots__ = ("_end", "_is_over", "_seconds", "_task", "_watch")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def __enter__(self) -> None:
        loop = asyncio.get_running_loop()
        task = asyncio.current_task(loop)
        assert task is not None, "a coroutine runs in a task"
        self._task: Task[Any] = task
        self._end = loop.time() + self._seconds
        self._is_over = False
        self._watch = _watch_of(loop)
        self._watch.add(self)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._watch.remove(self)
        # Whoever else cancelled the task in the same moment goes first.
        if self._is_over and self._task.uncancel() == 0 and kind is asyncio.CancelledError:
            raise TimeoutError from None

    def look(self, now: float) -> None:
        """Cancel what the task does, if its time is over."""
        if self._end <= now and not self._is_over:
            self._is_over = True
            self._task.cancel()


class _Watch:
    """The deadlines of one event loop, and one timer that looks at all of them while there are any."""

    def __init__(self, loop: AbstractEventLoop) -> None:
        self.loop = loop
        self._deadlines: set[Deadline] = set()
        self._is_looking = False

    def add(self, deadline: Deadline) -> None:
        self._deadlines.add(deadline)
        if not self._is_looking:
            self._is_looking = True
            self.loop.call_later(LOOK_SECONDS, self._look)

    def remove(self, deadline: Deadline) -> None:
        self._deadlines.remove(deadline)

    def _look(self) -> None:
        now = self.loop.time()
        for deadline in self._deadlines:
            deadline.look(now)
        self._is_looking = bool(self._deadlines)
        if self._is_looking:
            self.loop.call_later(LOOK_SECONDS, self._look)


def _watch_of(loop: AbstractEventLoop) -> _Watch:
    """The latest watch, which is this loop's, since a process serves with one; with another a new one does as well."""
    global _latest  # noqa: PLW0603 # the one place that sets it
    latest = _latest
    if latest is None or latest.loop is not loop:
        latest = _latest = _Watch(loop)
    return latest


_latest: _Watch | None = None
