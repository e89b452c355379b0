"""What insurers read: the backstops (兜底) that they pay, their sums, the evidence of each, and all of them at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from app.access.keys import is_within
from app.store import backstops
from app.store.audit import note
from app.usecases.moments import time_text

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from app.store.audit import By
    from app.store.backstops import BackstopFilter, Evidence, Item, Payment, Place, Sums
    from app.usecases.recording import Recorder


def list_backstops(recorder: Recorder, wanted: BackstopFilter, after: Place | None, limit: int, by: By) -> list[Item]:
    """A page of the list; whose bounds `wanted` names."""

    def work(connection: Connection) -> list[Item]:
        note(connection, by, time_text(recorder.clock()), "backstops.listed")
        return backstops.list_backstops(connection, wanted, after, limit)

    return recorder.ledger.write(work)


def sum_backstops(recorder: Recorder, wanted: BackstopFilter, group_by: str, by: By) -> list[Sums]:
    """The sums by group."""

    def work(connection: Connection) -> list[Sums]:
        note(connection, by, time_text(recorder.clock()), "backstops.summed")
        return backstops.sum_backstops(connection, wanted, group_by)

    return recorder.ledger.write(work)


class Shown(NamedTuple):
    """The evidence of one backstop, and all that its insurer said of it."""

    evidence: Evidence
    payments: list[Payment]


def read_backstop(recorder: Recorder, settlement_id: str, by: By, areas: frozenset[str] | None) -> Shown | None:
    """The evidence of one backstop; None where there is none, or none within the bounds."""

    def work(connection: Connection) -> Shown | None:
        evidence = backstops.find_backstop(connection, settlement_id)
        if evidence is None or not is_within(evidence.pooling_area, areas):
            return None
        note(connection, by, time_text(recorder.clock()), "backstop.read", settlement_id)
        return Shown(evidence, backstops.payments_of(connection, settlement_id))

    return recorder.ledger.write(work, lambda found: found is not None)


def begin_export(recorder: Recorder, wanted: BackstopFilter, limit: int, by: By) -> list[Item]:
    """The first piece of an export, and the line in the audit that tells of it."""

    def work(connection: Connection) -> list[Item]:
        note(connection, by, time_text(recorder.clock()), "backstops.exported")
        return backstops.list_backstops(connection, wanted, None, limit)

    return recorder.ledger.write(work)


def go_on_exporting(recorder: Recorder, wanted: BackstopFilter, after: Place, limit: int) -> list[Item]:
    """The next piece; each is a transaction of its own, so that a client that stops reading holds none."""
    return recorder.ledger.read(lambda connection: backstops.list_backstops(connection, wanted, after, limit))
