"""Walk the chain of one person-year: every record in its place, on top of the one before it, to where the year is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.settlement.year import NO_YEAR, YearToDate
from app.store.person_years import YearState
from app.store.replay import ChainRow, Unreadable
from app.store.settlements import NO_RECORD, Link, PersonYear, Record, Reversal, record_hash
from app.usecases.faults import Fault, Faults, shortened
from app.usecases.recording import ReversalStamp

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.usecases.faults import Kind
    from app.usecases.recording import Wire
    from app.usecases.replay_settlement import Replayed

    Replay = Callable[[Record], Replayed]


class Chain:
    """One person-year as far as it is walked; keeps of each settlement what its reversal needs, and no bytes."""

    def __init__(self, person_year: PersonYear, wire: Wire, replay: Replay, faults: Faults) -> None:
        self.records = 0
        self._person_year = person_year
        self._wire = wire
        self._replay = replay
        self._faults = faults
        self._sequence = 0
        # None behind a record that cannot be read: what follows cannot be held against anything.
        self._hash: str | None = NO_RECORD
        self._sums: YearToDate | None = NO_YEAR
        self._in_force: list[Record] = []
        self._has_state = False
        self._state: YearState | None = None

    def walk(self, row: ChainRow) -> None:
        """Take the next row of the person-year."""
        if isinstance(row, YearState):
            self._has_state, self._state = True, row
        elif isinstance(row, Unreadable):
            self._unreadable(row)
        elif isinstance(row.record, Record):
            self._link(row.record.link, row.record_hash, "settlement", row.record.settlement_id)
            self._settlement(row.record, row.record_hash)
        else:
            self._link(row.record.link, row.record_hash, "reversal", row.record.reversal_id)
            self._reversal(row.record, row.record_hash)

    def end(self) -> None:
        """Hold the year's own row against where its records leave it."""
        if not self._has_state:
            self._wrong("person-year", "", f"{self.records} records, and no row that says where they leave the year")
        state = self._state
        if state is None:
            return
        if state.sequence != self._sequence:
            end = f"the last one is {self._sequence}" if self._sequence else "there are none"
            self._wrong("person-year", "", f"it counts {state.sequence} records, {end}: missing or inserted")
        elif self._hash is not None and state.record_hash != self._hash:
            self._wrong("person-year", "", "record_hash is not its last record's")
        if self._sums is not None and state.sums != self._sums:
            self._wrong("person-year", "", f"{_differing(state.sums, self._sums)}: not what its records leave")

    def _link(self, link: Link, stored_hash: str, kind: Kind, record_id: str) -> None:
        self.records += 1
        if link.sequence != self._sequence + 1:
            behind = f"follows {self._sequence}" if self._sequence else "is the first one"
            self._wrong(kind, record_id, f"sequence {link.sequence} {behind}: a record is missing, moved or inserted")
        if self._hash is not None and link.previous_hash != self._hash:
            self._wrong(kind, record_id, "previous_hash is not that of the record before it")
        self._sequence, self._hash = link.sequence, stored_hash

    def _settlement(self, record: Record, stored_hash: str) -> None:
        if self._sums is not None and record.before != self._sums:
            differing = _differing(record.before, self._sums, "before_")
            self._wrong("settlement", record.settlement_id, f"{differing}: not what the record before it left")
        replayed = self._replay(record)
        for what in replayed.wrong:
            self._wrong("settlement", record.settlement_id, what)
        self._check_hash(replayed.record_hash, stored_hash, "settlement", record.settlement_id)
        self._sums = replayed.year_after
        self._in_force.append(record._replace(request=b"", answer=b""))

    def _reversal(self, reversal: Reversal, stored_hash: str) -> None:
        self._check_hash(record_hash(reversal), stored_hash, "reversal", reversal.reversal_id)
        latest = self._in_force.pop() if self._in_force else None
        if latest is None or latest.settlement_id != reversal.settlement_id:
            self._wrong("reversal", reversal.reversal_id, "it does not reverse the latest settlement in force")
            self._sums = None
            return
        stamp = ReversalStamp(reversal.reversal_id, reversal.reversed_at, reversal.reason)
        if self._wire.write_reversal(stamp, latest) != reversal.answer:
            self._wrong("reversal", reversal.reversal_id, "the answer differs from the one written again")
        self._sums = latest.before

    def _unreadable(self, row: Unreadable) -> None:
        self._wrong(row.kind, row.record_id, f"{row.column} holds what is never written there")
        if row.kind == "person-year":
            self._has_state = True
        else:
            self.records += 1
            self._sequence += 1
            self._hash = self._sums = None

    def _check_hash(self, expected: str, stored: str, kind: Kind, record_id: str) -> None:
        if expected != stored:
            self._wrong(kind, record_id, "record_hash is not that of what the record says")

    def _wrong(self, kind: Kind, record_id: str, what: str) -> None:
        self._faults.add(Fault(kind, record_id, shortened(self._person_year), what))


def _differing(these: YearToDate, those: YearToDate, prefix: str = "") -> str:
    names = zip(YearToDate._fields, these, those, strict=True)
    return ", ".join(f"{prefix}{name}" for name, one, other in names if one != other)
