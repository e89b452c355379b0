"""Deadlines: what takes too long ends, what does not is left alone, and whoever else cancels a task is heard."""

from __future__ import annotations

import asyncio
import gc

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
        watch = deadline._WATCHES[asyncio.get_running_loop()]
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


def test_a_loop_that_is_gone_is_forgotten() -> None:
    gc.collect()
    before = len(deadline._WATCHES)
    assert asyncio.run(waiting(30, 0)) == "in time"
    gc.collect()
    assert len(deadline._WATCHES) == before
