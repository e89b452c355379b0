"""How each job last ended. A row a job, put in the place of the one before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from sqlalchemy import delete, insert, select

from app.store.tables import jobs

if TYPE_CHECKING:
    from sqlalchemy import Connection

JobName = Literal["replay", "backup"]


class JobRow(NamedTuple):
    """A job's last end."""

    job: JobName
    ended_at: str
    records: int
    faults: int


def put_job(connection: Connection, row: JobRow) -> None:
    """Put a job's end in the place of the one before."""
    connection.execute(delete(jobs).where(jobs.c.job == row.job))
    connection.execute(insert(jobs).values(row._asdict()))


def all_jobs(connection: Connection) -> list[JobRow]:
    """Every job's last end."""
    return [JobRow(*row) for row in connection.execute(select(jobs).order_by(jobs.c.job))]
