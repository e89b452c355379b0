"""Reads that may be answered beside the ledger, by its replica where there is one: the same answers either way."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from app.store.replica import ReplicaNotUsed, moment_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

    from app.store.ledger import Ledger
    from app.store.replica import Moment, Replica
    from app.usecases.recording import Recorder

Told = TypeVar("Told")
Result = TypeVar("Result")


def read_told(
    recorder: Recorder, tell: Callable[[Connection], Told], read: Callable[[Connection, Told], Result]
) -> Result:
    """Write the line in the audit (`tell`), and only when it is kept read what it tells of.

    Without a replica both are one transaction.
    """
    replica = recorder.replica
    if replica is None:
        return recorder.ledger.write(lambda connection: read(connection, tell(connection)))
    told, moment = recorder.ledger.write(lambda connection: (tell(connection), moment_of(connection)))
    return _read_on(recorder.ledger, replica, moment, lambda connection: read(connection, told))


def read_beside(recorder: Recorder, read: Callable[[Connection], Result]) -> Result:
    """Read a state in which all is that is in the ledger now; the audit tells of it elsewhere."""
    replica = recorder.replica
    if replica is None:
        return recorder.ledger.read(read)
    return _read_on(recorder.ledger, replica, recorder.ledger.read(moment_of), read)


def _read_on(ledger: Ledger, replica: Replica, moment: Moment, read: Callable[[Connection], Result]) -> Result:
    """Read a state in which all is that was in the ledger at a moment."""
    try:
        return replica.read(moment, read)
    except ReplicaNotUsed:
        # It was heard of; the ledger itself has all.
        return ledger.read(read)
