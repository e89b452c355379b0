"""Settle a bill and record it: once, however often and from how many sides it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from app.settlement.settle import Refused
from app.store.audit import noting
from app.store.person_keys import holding_keys
from app.store.person_years import locking_year, moving_year, state_of
from app.store.roster import asking_roster, word_of
from app.store.settlements import adding_settlement, in_force, taking_key
from app.store.together import run_together
from app.usecases.check_roster import check_status, refused_by_roster
from app.usecases.moments import new_id, time_text
from app.usecases.recording import (
    Recorder,
    Settled,
    form_under,
    keep,
    refused_without_pack,
    see_keys,
    settle_at_end,
)

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from app.settlement.pack import Pack
    from app.settlement.result import Settlement
    from app.store.audit import By
    from app.store.person_years import YearState
    from app.store.roster import RosterWord
    from app.store.settlements import PersonYear
    from app.store.together import Statement
    from app.usecases.recording import BillToSettle, Forms

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


def settle_bill(recorder: Recorder, forms: Forms, by: By) -> Outcome:
    """Settle a bill on top of what the ledger, or the request, has of the person's year.

    One transaction: it takes the bill's key, then the person's year, and commits before this returns. Raises what
    `Ledger.write` raises; after any of these a retry of the same request tells the truth.
    """
    bill = forms[-1].bill
    pack = recorder.catalogue.in_force(bill.patient.pooling_area, bill.encounter.discharged_on)
    moment = recorder.clock()
    settlement_id = new_id(moment)

    def work(connection: Connection) -> Outcome | _ToRecord:
        to_settle = form_under(forms, recorder.ledger.person_keys)
        person_year = None if pack is None else to_settle.person_year(pack)
        known, state, word = _take_key_and_lock(connection, recorder, forms, to_settle, settlement_id, person_year)
        if known is not None:
            return known
        if pack is None or state is None:
            return refused_without_pack(bill)
        check = None if recorder.roster == "off" else check_status(bill, word)
        settled = settle_at_end(
            to_settle, pack, state, moment, recorder.wire, settlement_id=settlement_id, status_check=check
        )
        if isinstance(settled, Refused):
            return settled
        refused = None if check is None else refused_by_roster(check, recorder.roster)
        if refused is not None:
            return refused
        keep(connection, pack, recorder)
        return _ToRecord(settled, pack)

    def last(outcome: Outcome | _ToRecord) -> tuple[Statement, ...]:
        if isinstance(outcome, Replayed):
            return (noting(by, time_text(moment), "settlement.replayed", outcome.settlement_id),)
        assert isinstance(outcome, _ToRecord), "nothing else is kept"
        record, state = outcome.settled.record, outcome.settled.state
        return (
            adding_settlement(record, state.record_hash),
            moving_year(record.person_year, state),
            noting(by, record.settled_at, "settlement.recorded", settlement_id),
        )

    outcome = recorder.ledger.write(work, _is_kept, last)
    if not isinstance(outcome, _ToRecord):
        return outcome
    recorder.ledger.packs_kept.add(outcome.pack.hash)
    return Recorded(settlement_id, outcome.settled.record.answer, outcome.settled.settlement)


class _ToRecord(NamedTuple):
    settled: Settled
    pack: Pack


def _is_kept(outcome: Outcome | _ToRecord) -> bool:
    return isinstance(outcome, _ToRecord | Replayed)


def _take_key_and_lock(  # noqa: PLR0913 # all that is sent together
    connection: Connection,
    recorder: Recorder,
    forms: Forms,
    to_settle: BillToSettle,
    settlement_id: str,
    person_year: PersonYear | None,
) -> tuple[Replayed | Conflict | None, YearState | None, RosterWord | None]:
    """Take the bill's key, then the person's year, or say what is recorded under the key; with it the roster's word."""
    key = to_settle.bill.facility.code, to_settle.bill.bill_id
    holding = holding_keys(connection)
    statements = [*holding, taking_key(connection, *key, settlement_id, to_settle.insurance_year)]
    if person_year is not None:
        statements += locking_year(connection, person_year, settlement_id)
        if recorder.roster != "off":
            statements.append(asking_roster(to_settle.person, to_settle.bill.encounter.discharged_on))
    for _ in range(_LOOKS):
        keys, taken, *found = run_together(connection, statements, locks=True)[len(holding) - 1 :]
        see_keys(connection, recorder.ledger, keys, forms, to_settle)
        if taken is not None:
            word = word_of(found.pop()) if found and recorder.roster != "off" else None
            return None, state_of(found[-1]) if found and found[-1] else None, word
        known = in_force(connection, *key)
        if known is not None:
            if known.fingerprint == to_settle.fingerprint:
                return Replayed(known.settlement_id, known.answer), None, None
            return Conflict(known.settlement_id), None, None
    raise AssertionError("a key that is neither free nor taken")
