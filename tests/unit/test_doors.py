"""A door in a crowd: who waits there a moment, who comes in when somebody leaves, and that everybody is answered."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import cast

import pytest

from app.api.queues import HELD_SECONDS, OVERLOADED, PATIENCE_SECONDS, Door, Doors, Queue
from app.api.state import Parts

PATH = "/v1/settlements"


class Heard:
    """Counts and logs nothing, and remembers how often it was to."""

    def __init__(self) -> None:
        self.refused: list[str] = []

    def counted(self, code: str) -> None:
        self.refused.append(code)

    def parts(self) -> Parts:
        metrics = SimpleNamespace(refused=self.counted, request=lambda *_: None)
        return cast("Parts", SimpleNamespace(metrics=metrics, log=SimpleNamespace(request=lambda *_: None)))


class Waits:
    """A connection with a request, as the door sees it."""

    def __init__(self, comes_in: Callable[[], None] = lambda: None, *, is_there: bool = True) -> None:
        self.is_there = is_there
        self.came_in = False
        self.answer: bytes | None = None
        self._comes_in = comes_in

    def come_in(self) -> bool:
        self.came_in = self.is_there
        self._comes_in()
        return self.is_there

    def go_away(self, answer: Callable[[], bytes]) -> None:
        if self.is_there:
            self.answer = answer()


class Crowd:
    """A queue of two places, both taken, and one who was sent away."""

    def __init__(self) -> None:
        self.heard = Heard()
        self.now = 1_000.0
        self.queue = Queue("q", 2, 0, lambda: self.now)
        self.door = Door(PATH, self.queue, self.heard.parts())
        self.places = [self.queue.enter(), self.queue.enter()]
        assert not self.queue.has_place()

    def wait(self, *waiting: Waits) -> None:
        for connection in waiting:
            assert self.door.holds(connection)


def in_a_loop(test: Callable[[Crowd], Awaitable[None]]) -> None:
    async def run() -> None:
        await test(Crowd())

    asyncio.run(run())


def test_when_somebody_leaves_the_last_one_comes_in_and_the_others_go() -> None:
    async def test(crowd: Crowd) -> None:
        first, second, third = Waits(), Waits(), Waits()
        crowd.wait(first, second, third)
        for place in crowd.places:
            crowd.queue.leave(place)
        assert not third.came_in, "before whoever left has its answer"
        await asyncio.sleep(0)
        assert (first.came_in, second.came_in, third.came_in) == (False, False, True)
        assert third.answer is None
        for away in (first, second):
            assert away.answer is not None
            assert away.answer.startswith(b"HTTP/1.1 503 ")
            assert away.answer.endswith(OVERLOADED.body)
        assert crowd.heard.refused == ["overloaded"] * 2
        await asyncio.sleep(3 * HELD_SECONDS)
        assert crowd.heard.refused == ["overloaded"] * 2, "nobody is told twice"

    in_a_loop(test)


def test_nobody_waits_longer_than_a_moment() -> None:
    async def test(crowd: Crowd) -> None:
        waiting = Waits()
        crowd.wait(waiting)
        await asyncio.sleep(0)
        assert waiting.answer is None
        await asyncio.sleep(3 * HELD_SECONDS)
        assert waiting.answer is not None

    in_a_loop(test)


def test_who_goes_away_is_sent_away_and_who_only_waits_is_not() -> None:
    """The crowd goes on behind the first, and `/metrics` shows a full queue."""

    async def test(crowd: Crowd) -> None:
        crowd.now += PATIENCE_SECONDS * 0.9
        crowd.queue.look()
        crowd.wait(Waits())
        assert crowd.queue.look() == 2
        crowd.now += PATIENCE_SECONDS * 0.2
        assert not crowd.queue.is_crowded
        await asyncio.sleep(3 * HELD_SECONDS)
        assert crowd.queue.is_crowded

    in_a_loop(test)


def test_a_door_is_found_by_a_line_that_is_whole_and_by_a_head() -> None:
    queue = Queue("q", 2, 0)
    doors = Doors({PATH: queue}, Heard().parts())
    line = f"POST {PATH} HTTP/1.1".encode()
    door = doors.of_line(line + b"\r\nhost: x\r\n")
    assert door is not None
    assert door is doors.of_head(b"POST", PATH.encode())
    assert doors.of_line(line + b"\r") is None
    assert doors.of_line(line.replace(b"POST", b"GET") + b"\r\n") is None
    assert doors.of_head(b"GET", PATH.encode()) is None
    assert doors.of_head(b"POST", b"/v1/backstops") is None


def test_where_nobody_was_sent_away_or_there_is_a_place_nobody_waits() -> None:
    async def test(crowd: Crowd) -> None:
        calm = Queue("calm", 2, 0)
        calm.enter(), calm.enter()
        assert not Door(PATH, calm, crowd.heard.parts()).holds(Waits())
        for place in crowd.places:
            crowd.queue.leave(place)
        assert not crowd.door.holds(Waits())

    in_a_loop(test)


def test_one_that_has_gone_takes_nobodys_place() -> None:
    async def test(crowd: Crowd) -> None:
        there, gone = Waits(), Waits(is_there=False)
        crowd.wait(there, gone)
        for place in crowd.places:
            crowd.queue.leave(place)
        await asyncio.sleep(0)
        assert there.came_in

    in_a_loop(test)


def test_one_that_fails_takes_nobodys_answer() -> None:
    def fail() -> None:
        raise RuntimeError

    async def test(crowd: Crowd) -> None:
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)
        away = Waits()
        crowd.wait(away, Waits(fail))
        for place in crowd.places:
            crowd.queue.leave(place)
        await asyncio.sleep(3 * HELD_SECONDS)
        assert away.came_in or away.answer is not None

    in_a_loop(test)


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_all_who_wait_are_answered_once(share: float) -> None:
    """Also where a place is given back at the very moment at which their patience ends."""

    async def test(crowd: Crowd) -> None:
        waiting = [Waits() for _ in range(20)]
        crowd.wait(*waiting)
        for place in crowd.places:
            asyncio.get_running_loop().call_later(HELD_SECONDS * share, crowd.queue.leave, place)
        await asyncio.sleep(3 * HELD_SECONDS)
        assert all(each.came_in != (each.answer is not None) for each in waiting)
        assert len(crowd.heard.refused) == sum(not each.came_in for each in waiting)

    in_a_loop(test)
