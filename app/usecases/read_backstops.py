"""What insurers read: the backstops (兜底) that they pay, their sums, the evidence of each, and all of them at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from app.access.keys import is_within
from app.store import backstops
from app.store.audit import note
from app.usecases.moments import time_text
from app.usecases.read_beside import read_beside, read_told

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from app.store.audit import By
    from app.store.backstops import BackstopFilter, Evidence, Item, Payment, Place, Sums
    from app.usecases.recording import Recorder


def list_backstops(recorder: Recorder, wanted: BackstopFilter, after: Place | None, limit: int, by: By) -> list[Item]:
    """A page of the list; whose bounds `wanted` names."""

    def tell(connection: Connection) -> None:
        note(connection, by, time_text(recorder.clock()), "backstops.listed")

    def read(connection: Connection, _: None) -> list[Item]:
        return backstops.list_backstops(connection, wanted, after, limit)

    return read_told(recorder, tell, read)


def sum_backstops(recorder: Recorder, wanted: BackstopFilter, group_by: str, by: By) -> list[Sums]:
    """The sums by group."""

    def tell(connection: Connection) -> None:
        note(connection, by, time_text(recorder.clock()), "backstops.summed")

    def read(connection: Connection, _: None) -> list[Sums]:
        return backstops.sum_backstops(connection, wanted, group_by)

    return read_told(recorder, tell, read)


class Shown(NamedTuple):
    """The evidence of one backstop, and all that its insurer said of it."""

    evidence: Evidence
    payments: list[Payment]


def read_backstop(recorder: Recorder, settlement_id: str, by: By, areas: frozenset[str] | None) -> Shown | None:
    """The evidence of one backstop; None where there is none, or none within the bounds."""

    def tell(connection: Connection) -> bool:
        area = backstops.area_of(connection, settlement_id)
        if area is None or not is_within(area, areas):
            return False
        note(connection, by, time_text(recorder.clock()), "backstop.read", settlement_id)
        return True

    def read(connection: Connection, is_told: bool) -> Shown | None:  # noqa: FBT001 # what `tell` gives
        evidence = backstops.find_backstop(connection, settlement_id) if is_told else None
        if evidence is None:
            return None
        return Shown(evidence, backstops.payments_of(connection, settlement_id))

    return read_told(recorder, tell, read)


class Export:
    """All of a list, a piece at a time; each is a transaction of its own, so a client that stops reading holds none."""

    def __init__(self, recorder: Recorder, wanted: BackstopFilter, limit: int, by: By) -> None:
        self._recorder = recorder
        self._wanted = wanted
        self._limit = limit
        self._by = by

    def first(self) -> list[Item]:
        """The first piece, and the line in the audit that tells of all of them."""

        def tell(connection: Connection) -> None:
            note(connection, self._by, time_text(self._recorder.clock()), "backstops.exported")

        return read_told(self._recorder, tell, lambda connection, _: self._piece(connection, None))

    def following(self, last: Item) -> list[Item]:
        """The piece behind an item, of a state that is no older than that of the piece before, whoever gave it."""
        return read_beside(self._recorder, lambda connection: self._piece(connection, last.place))

    def _piece(self, connection: Connection, after: Place | None) -> list[Item]:
        return backstops.list_backstops(connection, self._wanted, after, self._limit)
