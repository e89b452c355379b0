"""Find recorded settlements again: one, or a page of a list."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.access.keys import is_within
from app.store import settlements
from app.store.audit import note
from app.usecases.known_persons import known_persons
from app.usecases.moments import time_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection

    from app.store.audit import By
    from app.usecases.recording import Recorder


def list_settlements(
    recorder: Recorder, wanted: settlements.Filter, named: Mapping[str, str] | None, limit: int, by: By
) -> list[settlements.Listed]:
    """List settlements; whose bounds `wanted` names, those of one person where `named` has the pseudonyms by key."""

    def work(connection: Connection) -> list[settlements.Listed]:
        persons = None if named is None else known_persons(connection, named)
        found = settlements.list_settlements(connection, wanted._replace(persons=persons), limit)
        note(connection, by, time_text(recorder.clock()), "settlements.listed")
        return found

    return recorder.ledger.write(work)


def read_settlement(
    recorder: Recorder, settlement_id: str, by: By, facilities: frozenset[str] | None
) -> settlements.Found | None:
    """Give a settlement as it was recorded; None where there is none, or none within the bounds."""

    def work(connection: Connection) -> settlements.Found | None:
        found = settlements.read_answer(connection, settlement_id)
        if found is None or not is_within(found.facility_code, facilities):
            return None
        note(connection, by, time_text(recorder.clock()), "settlement.read", settlement_id)
        return found

    return recorder.ledger.write(work, lambda found: found is not None)
