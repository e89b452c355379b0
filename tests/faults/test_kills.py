"""Nothing acknowledged is lost, nothing is recorded twice, whoever is killed: the worker, or the database itself.

`make soak` runs these a thousand times; every run prints what was done, and one that killed nobody fails.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.postgresql import running_postgresql

from .books import faults_in, rows
from .clients import load
from .serving import killable

WORKER_KILLS = int(os.environ.get("ONESTOP_WORKER_KILLS", "15"))
DATABASE_KILLS = int(os.environ.get("ONESTOP_DATABASE_KILLS", "4"))
SEED = int(os.environ.get("ONESTOP_SEED", "1"))

Record = Callable[[str, Any], None]


@pytest.mark.timeout(3 * 3600)
def test_a_killed_worker_loses_nothing_and_doubles_nothing(database: str, record_property: Record) -> None:
    chance = random.Random(SEED)
    with killable(database) as worker, load(worker.port) as told:
        for _ in range(WORKER_KILLS):
            told.wait_for_more()
            time.sleep(chance.uniform(0, 0.1))
            worker.kill()
        time.sleep(0.2)
    record_property("counted kills of a worker", WORKER_KILLS)
    record_property("counted bills acknowledged", told.acknowledged)
    record_property("counted connections broken", told.broken)
    record_property("counted answers replayed", told.replayed)
    assert faults_in(database, told) == []
    assert told.broken >= WORKER_KILLS // 2
    assert len(told.bodies) > WORKER_KILLS
    assert rows(database) == len(told.bodies)


@pytest.mark.timeout(3 * 3600)
def test_a_killed_database_loses_nothing_and_doubles_nothing(record_property: Record) -> None:
    chance = random.Random(SEED)
    killed = 0
    with running_postgresql() as server:
        url = server.url()
        with killable(url) as worker, load(worker.port) as told:
            for _ in range(DATABASE_KILLS):
                time.sleep(chance.uniform(0, 0.5))
                killed += len(server.processes())
                server.kill()
                server.start()
                told.wait_for_more()
        assert faults_in(url, told) == []
        assert rows(url) == len(told.bodies)
    record_property("counted kills of a database", DATABASE_KILLS)
    record_property("counted processes killed", killed)
    record_property("counted bills acknowledged", told.acknowledged)
    record_property("counted answers 503", told.unavailable)
    record_property("counted answers replayed", told.replayed)
    assert killed > DATABASE_KILLS
    assert told.unavailable
