"""Deadlines: what takes too long ends, what does not is left alone, and whoever else cancels a task is heard."""

from __future__ import annotations

import asyncio
import gc
from concurrent.futures import ThreadPoolExecutor
from weakref import ReferenceType, ref

import pytest

from app.api import deadline
from app.api.deadline import Deadline


@pytest.fixture(autouse=True)
def _looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deadline, "LOOK_SECONDS", 0.01)


async def waiting(seconds: float, sleep: float) -> str:
    try:
        with Deadline(seconds):
            await asyncio.sleep(sleep)
    except TimeoutError:
        return "late"
    return "in time"


def test_only_what_takes_too_long_ends() -> None:
    async def run() -> list[str]:
        return list(await asyncio.gather(waiting(0.05, 30), waiting(30, 0.1), waiting(0.02, 30), waiting(30, 0)))

    assert asyncio.run(run()) == ["late", "in time", "late", "in time"]


def test_a_task_goes_on_after_its_deadline() -> None:
    async def run() -> list[str]:
        return [await waiting(0.02, 30), await waiting(30, 0.05), await waiting(0.02, 30)]

    assert asyncio.run(run()) == ["late", "in time", "late"]


def test_whoever_else_cancels_is_heard() -> None:
    async def run() -> None:
        task = asyncio.create_task(waiting(30, 30))
        await asyncio.sleep(0)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(run())


def test_whoever_else_cancels_in_the_same_moment_goes_first() -> None:
    async def run() -> None:
        task = asyncio.create_task(waiting(0, 30))
        await asyncio.sleep(0)
        watch = deadline._watch_of(asyncio.get_running_loop())
        watch._look()
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(run())


def test_another_failure_is_not_hidden() -> None:
    async def run() -> None:
        with Deadline(30):
            raise LookupError

    with pytest.raises(LookupError):
        asyncio.run(run())


def test_loops_of_different_threads_keep_their_own() -> None:
    async def run() -> list[str]:
        return [await waiting(0.02, 30) for _ in range(20)]

    with ThreadPoolExecutor(4) as threads:
        found = [each.result() for each in [threads.submit(asyncio.run, run()) for _ in range(4)]]
    assert found == [["late"] * 20] * 4


def test_a_loop_that_is_gone_is_forgotten_with_the_next() -> None:
    async def run() -> ReferenceType[asyncio.AbstractEventLoop]:
        assert await waiting(30, 0) == "in time"
        return ref(asyncio.get_running_loop())

    gone = asyncio.run(run())
    asyncio.run(run())
    gc.collect()
    assert gone() is None
