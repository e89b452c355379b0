"""Replay one settlement: read its request back, calculate it anew, and hold everything against what is recorded."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple, Protocol

from app.settlement.settle import Refused
from app.store.person_years import YearState
from app.store.settlements import Record, record_hash
from app.usecases.recording import BillToSettle, Settled, StoredRequest, settle_at_end

if TYPE_CHECKING:
    from app.settlement.pack import Pack
    from app.settlement.year import YearToDate
    from app.usecases.check_roster import StatusCheck
    from app.usecases.recording import Wire


class Reading(Protocol):
    """How recorded bytes are read back; each raises `ValueError` for bytes that were never written by us."""

    def read_recorded(self, request: bytes, /) -> StoredRequest: ...
    def year_after(self, answer: bytes, /) -> YearToDate: ...
    def status_check(self, answer: bytes, /) -> StatusCheck | None: ...
    def corrected(self, answer: bytes, /) -> list[tuple[str, str]]: ...


class Replayed(NamedTuple):
    """What is wrong with a settlement, its record's hash as it should be, and the year that it leaves, where known."""

    wrong: list[str]
    record_hash: str
    year_after: YearToDate | None


def replay_settlement(record: Record, pack: Pack | None, wire: Wire, reading: Reading) -> Replayed:
    """Settle a recorded bill again, with the pack that it was made with and on top of the same year.

    Compares the answer byte for byte, and every column with the record that the calculation makes.
    """
    settled = _settle_again(record, pack, wire, reading)
    if isinstance(settled, str):
        return Replayed([settled], record_hash(record), year_recorded(record, reading))
    if settled.record == record:
        return Replayed([], settled.state.record_hash, settled.settlement.year_to_date)
    wrong = [
        _difference(name, getattr(settled.record, name), getattr(record, name))
        for name in Record._fields
        if getattr(settled.record, name) != getattr(record, name)
    ]
    # What was answered then is nearer to what later records stand on than what is calculated from changed columns.
    return Replayed(wrong, record_hash(record), year_recorded(record, reading) or settled.settlement.year_to_date)


def year_recorded(record: Record, reading: Reading) -> YearToDate | None:
    """The year to date that a settlement's answer says; None where it cannot be read."""
    try:
        return reading.year_after(record.answer)
    except ValueError:
        return None


def _settle_again(record: Record, pack: Pack | None, wire: Wire, reading: Reading) -> Settled | str:
    """The settlement made anew, or why it cannot be made."""
    if pack is None:
        return "its pack is not kept, or not as it was"
    try:
        moment = datetime.fromisoformat(record.settled_at)
    except ValueError:
        return "settled_at is no time"
    try:
        stored = reading.read_recorded(record.request)
    except ValueError:
        return "the request cannot be read back"
    again = BillToSettle(
        stored.bill, stored.year_to_date, stored.person, record.key_id, record.fingerprint, record.request
    )
    before = YearState(record.before, record.link.sequence - 1, record.link.previous_hash)
    try:
        settled = settle_at_end(
            again,
            pack,
            before,
            moment,
            wire,
            settlement_id=record.settlement_id,
            replaces=record.replaces,
            # The roster of that day may be gone: the chain guards what was said of it, all else is calculated.
            status_check=reading.status_check(record.answer),
        )
    except (ArithmeticError, AssertionError, ValueError):
        # Sums that no year ever had, ids that are no text: whatever somebody has written here.
        return "it cannot be calculated from what is recorded"
    if isinstance(settled, Refused):
        return f"calculated again it is refused: {settled.findings[0].code}"
    return settled


def _difference(name: str, again: object, recorded: object) -> str:
    if isinstance(again, bytes) and isinstance(recorded, bytes):
        pairs = enumerate(zip(again, recorded, strict=False))
        place = next((at for at, (one, other) in pairs if one != other), min(len(again), len(recorded)))
        return f"the {name} differs from the one calculated again at byte {place + 1:,}"
    return f"{name} is not what its request and its pack give"
