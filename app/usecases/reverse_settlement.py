"""Reverse a settlement (冲销): the year to date goes back to what it was, the bill's key is free again."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from app.access.keys import is_within
from app.store.audit import By, note
from app.store.person_keys import kept_keys
from app.store.person_years import lock_year, move_year
from app.store.settlements import add_reversal, find_reversal, find_settlement, is_latest
from app.usecases.moments import time_text
from app.usecases.recording import Recorder, reverse_at_end

if TYPE_CHECKING:
    from sqlalchemy import Connection


class Reversed(NamedTuple):
    """The settlement is reversed, by this request or (`again`) by an earlier one."""

    answer: bytes
    again: bool


class NotFound(NamedTuple):
    """There is no such settlement."""


class NotLatest(NamedTuple):
    """A later settlement of the same person and year is in force."""


Outcome = Reversed | NotFound | NotLatest


def reverse_settlement(
    recorder: Recorder, settlement_id: str, reason: str, by: By, facilities: frozenset[str] | None = None
) -> Outcome:
    """Reverse the latest unreversed settlement of a person and year, if it is within the bounds.

    Raises what `Ledger.write` raises.
    """
    moment = recorder.clock()

    def work(connection: Connection) -> Outcome:
        # Else its person could move to another key between these two.
        kept_keys(connection)
        record = find_settlement(connection, settlement_id)
        if record is None or not is_within(record.facility_code, facilities):
            return NotFound()
        state = lock_year(connection, record.person_year)
        known = find_reversal(connection, settlement_id)
        if known is not None:
            return Reversed(known.answer, again=True)
        if not is_latest(connection, record):
            return NotLatest()
        reversal, after = reverse_at_end(record, state, reason, moment, recorder.wire)
        add_reversal(connection, reversal, after.record_hash)
        move_year(connection, record.person_year, after)
        note(connection, by, time_text(moment), "settlement.reversed", settlement_id)
        return Reversed(reversal.answer, again=False)

    return recorder.ledger.write(work, lambda outcome: isinstance(outcome, Reversed) and not outcome.again)
