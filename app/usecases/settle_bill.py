"""Settle a bill and record it: once, however often and from how many sides it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from app.settlement.settle import Refused
from app.store.person_years import lock_year, move_year
from app.store.settlements import add_settlement, in_force, take_key
from app.usecases.moments import new_id
from app.usecases.recording import BillToSettle, Recorder, keep, refused_without_pack, settle_at_end

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from app.settlement.result import Settlement

# A key can be freed between the attempt to take it and the look at who has it.
_LOOKS: Final = 3


class Recorded(NamedTuple):
    """The bill is settled and its record is durable; `answer` is what was recorded."""

    settlement_id: str
    answer: bytes
    settlement: Settlement


class Replayed(NamedTuple):
    """The bill was settled before by the same request; `answer` is what was recorded then."""

    settlement_id: str
    answer: bytes


class Conflict(NamedTuple):
    """Another request is recorded under the bill's key."""

    settlement_id: str


Outcome = Recorded | Replayed | Conflict | Refused


def settle_bill(recorder: Recorder, to_settle: BillToSettle) -> Outcome:
    """Settle a bill on top of what the ledger, or the request, has of the person's year.

    One transaction: it takes the bill's key, then the person's year, and commits before this returns. Raises what
    `Ledger.write` raises; after any of these a retry of the same request tells the truth.
    """
    bill = to_settle.bill
    pack = recorder.catalogue.in_force(bill.patient.pooling_area, bill.encounter.discharged_on)
    moment = recorder.clock()
    settlement_id = new_id(moment)

    def work(connection: Connection) -> Outcome:
        known = _take_key(connection, to_settle, settlement_id)
        if known is not None:
            return known
        if pack is None:
            return refused_without_pack(bill)
        person_year = to_settle.person_year(pack)
        state = lock_year(connection, person_year)
        settled = settle_at_end(to_settle, pack, state, moment, recorder.wire, settlement_id=settlement_id)
        if isinstance(settled, Refused):
            return settled
        keep(connection, pack, recorder)
        add_settlement(connection, settled.record, settled.state.record_hash)
        move_year(connection, person_year, settled.state)
        return Recorded(settlement_id, settled.record.answer, settled.settlement)

    outcome = recorder.ledger.write(work, lambda outcome: isinstance(outcome, Recorded))
    if pack is not None and isinstance(outcome, Recorded):
        recorder.ledger.packs_kept.add(pack.hash)
    return outcome


def _take_key(connection: Connection, to_settle: BillToSettle, settlement_id: str) -> Replayed | Conflict | None:
    """Take the bill's key, or say what is recorded under it."""
    key = to_settle.bill.facility.code, to_settle.bill.bill_id
    for _ in range(_LOOKS):
        if take_key(connection, *key, settlement_id):
            return None
        known = in_force(connection, *key)
        if known is not None:
            if known.fingerprint == to_settle.fingerprint:
                return Replayed(known.settlement_id, known.answer)
            return Conflict(known.settlement_id)
    raise AssertionError("a key that is neither free nor taken")
