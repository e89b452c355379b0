"""What a worker says of itself beside its requests, looked at by itself: a scrape waits for nothing.

Queues, connections and packs every second, since a queue that is full for a moment should be seen; the ledger every
five, and in a thread of its own, since one that is away answers slowly.
"""

from __future__ import annotations

import asyncio
from itertools import count
from typing import TYPE_CHECKING, Final, NamedTuple

from app.api.guards import log_mistake
from app.api.readiness import missing
from app.store.ledger import CONNECTIONS, SPARE_CONNECTIONS, LedgerBusy, LedgerUnreachable, OutcomeUnknown
from app.usecases.jobs import backup_lag, ended_jobs

if TYPE_CHECKING:
    from app.api.state import Parts
    from app.usecases.jobs import Ended

SECONDS: Final = 1.0
LOOKS_APART: Final = 5


class _Found(NamedTuple):
    is_ready: bool
    jobs: list[Ended]
    backup_lag: float | None


async def keep_saying(parts: Parts) -> None:
    """Look again and again, until cancelled."""
    loop = asyncio.get_running_loop()
    try:
        for turn in count():
            try:
                say_at_once(parts)
                if turn % LOOKS_APART == 0:
                    _say(parts, await loop.run_in_executor(parts.vitals_thread, _look, parts))
            except Exception as error:  # noqa: BLE001 # logged; the next look may be good, and nobody else looks
                log_mistake(parts.log, error, None)
            await asyncio.sleep(SECONDS)
    finally:
        # A ledger that does not answer is not waited for.
        parts.vitals_thread.shutdown(wait=False, cancel_futures=True)


def _look(parts: Parts) -> _Found | None:
    """What the ledger says; None where it has too much to do to say anything."""
    ledger, clock = parts.recorder.ledger, parts.recorder.clock
    try:
        is_ready = missing(parts) is None
        return _Found(is_ready, ended_jobs(ledger, clock) if is_ready else [], backup_lag(ledger))
    except LedgerBusy:
        return None
    except (LedgerUnreachable, OutcomeUnknown):
        return _Found(is_ready=False, jobs=[], backup_lag=None)


def _say(parts: Parts, found: _Found | None) -> None:
    if found is None:
        return
    parts.metrics.ready(is_ready=found.is_ready)
    for job in found.jobs:
        parts.metrics.job(job.job, job.seconds_ago, job.records, job.faults)
    if found.backup_lag is not None:
        parts.metrics.backup_lag(found.backup_lag)


def say_at_once(parts: Parts) -> None:
    """What this process knows without asking anybody."""
    for queue in (parts.ledger_queue, parts.calculation_queue):
        parts.metrics.queue(queue.name, queue.look(), queue.limit)
    ledger = parts.recorder.ledger
    parts.metrics.connections(ledger.connections_in_use, CONNECTIONS + SPARE_CONNECTIONS)
    today = parts.recorder.clock().date()
    parts.metrics.packs(len(parts.catalogue.packs), parts.catalogue.days_left(today))
