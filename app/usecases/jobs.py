"""Jobs (定时任务): replay and backup note in the ledger how they ended, so that any worker can say it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from app.store import jobs
from app.store.archiving import unarchived_seconds
from app.store.jobs import JobName, JobRow
from app.usecases.moments import time_text

if TYPE_CHECKING:
    from app.store.ledger import Ledger
    from app.usecases.moments import Clock


class Ended(NamedTuple):
    """A job's last end: how many seconds ago, how much it went over, and how much of it was wrong."""

    job: str
    seconds_ago: float
    records: int
    faults: int


def end_job(ledger: Ledger, clock: Clock, job: JobName, records: int, faults: int) -> None:
    """Note that a job has ended, and what it found. Raises as `Ledger.write`."""
    row = JobRow(job, time_text(clock()), records, faults)
    ledger.write(lambda connection: jobs.put_job(connection, row))


def ended_jobs(ledger: Ledger, clock: Clock) -> list[Ended]:
    """How each job last ended; one that never did is not there. Raises as `Ledger.read`."""
    now = clock()
    return [
        Ended(row.job, (now - datetime.fromisoformat(row.ended_at)).total_seconds(), row.records, row.faults)
        for row in ledger.read(jobs.all_jobs)
    ]


def backup_lag(ledger: Ledger) -> float | None:
    """How many seconds what is not archived has waited; None where nothing is archived. Raises as `Ledger.read`."""
    return ledger.read(unarchived_seconds)
