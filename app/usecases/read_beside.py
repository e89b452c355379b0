"""Reads that may be answered beside the ledger, by its replica where there is one: the same answers either way."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from app.store.replica import ReplicaNotUsed, moment_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

    from app.store.replica import Moment
    from app.usecases.recording import Recorder

Told = TypeVar("Told")
Result = TypeVar("Result")


def read_told(
    recorder: Recorder, tell: Callable[[Connection], Told], read: Callable[[Connection, Told], Result]
) -> Result:
    """Write the line in the audit (`tell`), and only when it is kept read what it tells of.

    Without a replica both are one transaction.
    """
    if recorder.replica is None:
        return recorder.ledger.write(lambda connection: read(connection, tell(connection)))
    told, moment = recorder.ledger.write(lambda connection: (tell(connection), moment_of(connection)))
    return read_on(recorder, moment, lambda connection: read(connection, told))


def moment_now(recorder: Recorder) -> Moment | None:
    """The moment for a read that the audit tells of later."""
    return None if recorder.replica is None else recorder.ledger.read(moment_of)


def read_on(recorder: Recorder, moment: Moment | None, read: Callable[[Connection], Result]) -> Result:
    """Read a state in which all is that was in the ledger at a moment."""
    if recorder.replica is not None and moment is not None:
        try:
            return recorder.replica.read(moment, read)
        except ReplicaNotUsed:
            pass  # it was heard of; the ledger itself has all
    return recorder.ledger.read(read)
