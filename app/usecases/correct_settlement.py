"""Correct a settlement (更正) on top of which later bills are settled already: all of them anew, in their order."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from app.access.keys import is_within
from app.settlement.settle import Refused
from app.store.audit import By, note
from app.store.person_keys import hold_keys
from app.store.person_years import YearState, lock_year, move_year
from app.store.roster import ask_roster
from app.store.settlements import (
    Correction,
    PersonYear,
    Record,
    add_correction,
    add_reversal,
    add_settlement,
    find_correction,
    find_reversal,
    find_settlement,
    take_key,
    unreversed_from,
)
from app.usecases.check_roster import check_status, refused_by_roster
from app.usecases.kept_packs import Packs
from app.usecases.moments import new_id, time_text
from app.usecases.recording import (
    BillToSettle,
    Change,
    Recorder,
    form_under,
    keep,
    refused_without_pack,
    reverse_at_end,
    settle_at_end,
)
from app.usecases.reverse_settlement import NotFound

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection

    from app.settlement.pack import Pack
    from app.usecases.check_roster import StatusCheck
    from app.usecases.recording import Forms


class Corrected(NamedTuple):
    """All bills concerned, old and new; recorded by this request, by an earlier one (`again`), or not at all."""

    answer: bytes
    again: bool
    recorded: bool


class KeyDiffers(NamedTuple):
    """The right request is of another bill than the settlement."""


class NotInForce(NamedTuple):
    """The settlement is reversed, or corrected by another request: there is nothing to correct."""


class OtherFacilities(NamedTuple):
    """Later bills of the person and year are of facilities outside the bounds."""


Outcome = Corrected | Refused | NotFound | KeyDiffers | NotInForce | OtherFacilities


def correct_settlement(  # noqa: C901, PLR0913 # who asks, for what, within which bounds; one branch an outcome
    recorder: Recorder,
    settlement_id: str,
    reason: str,
    forms: Forms,
    by: By,
    facilities: frozenset[str] | None = None,
    *,
    dry_run: bool,
) -> Outcome:
    """Reverse down to a settlement, settle the right request, settle the later bills again in their order.

    One transaction. Later bills keep the pack that they were made with: the law has not changed, only the error is
    taken out. Raises what `Ledger.write` raises; with `dry_run` nothing is recorded.
    """
    bill = forms[-1].bill
    pack = recorder.catalogue.in_force(bill.patient.pooling_area, bill.encounter.discharged_on)
    moment = recorder.clock()

    def work(connection: Connection) -> Outcome:  # noqa: C901, PLR0911 # one for each outcome
        right = form_under(forms, hold_keys(connection, forms[-1].key_id))
        wrong = find_settlement(connection, settlement_id)
        if wrong is None or not is_within(wrong.facility_code, facilities):
            return NotFound()
        if (wrong.facility_code, wrong.bill_id) != (bill.facility.code, bill.bill_id):
            return KeyDiffers()
        if pack is None:
            return refused_without_pack(bill)
        # In one order, so that two corrections never wait for each other.
        concerned = sorted({wrong.person_year, right.person_year(pack)})
        years = {person_year: lock_year(connection, person_year) for person_year in concerned}
        earlier = find_correction(connection, settlement_id)
        if earlier is not None and earlier.fingerprint == right.fingerprint:
            return Corrected(earlier.answer, again=True, recorded=True)
        if find_reversal(connection, settlement_id) is not None:
            return NotInForce()
        check = _checked(connection, recorder, right)
        if isinstance(check, Refused):
            return check
        old = unreversed_from(connection, wrong.person_year, wrong.link.sequence)
        if not all(is_within(record.facility_code, facilities) for record in old):
            return OtherFacilities()
        keep(connection, pack, recorder)
        _reverse_all(connection, recorder, old, years, reason, moment)
        changes = _settle_all(connection, recorder, _anew(connection, recorder, old, right, pack, check), years, moment)
        if isinstance(changes, Refused):
            return changes
        if dry_run:
            unrecorded = [change._replace(new_id=None) for change in changes]
            return Corrected(recorder.wire.write_correction(unrecorded), again=False, recorded=False)
        answer = recorder.wire.write_correction(changes)
        for person_year, state in years.items():
            move_year(connection, person_year, state)
        note(connection, by, time_text(moment), "settlement.corrected", settlement_id)
        made = Correction(
            settlement_id, wrong.person_year.insurance_year, time_text(moment), reason, right.fingerprint, answer
        )
        add_correction(connection, made)
        return Corrected(answer, again=False, recorded=True)

    return recorder.ledger.write(work, lambda outcome: isinstance(outcome, Corrected) and outcome.recorded)


def _checked(connection: Connection, recorder: Recorder, right: BillToSettle) -> StatusCheck | Refused | None:
    """What the roster says of the right request; None where it is not asked."""
    if recorder.roster == "off":
        return None
    check = check_status(right.bill, ask_roster(connection, right.person, right.bill.encounter.discharged_on))
    return refused_by_roster(check, recorder.roster) or check


Years = dict[PersonYear, YearState]


def _reverse_all(  # noqa: PLR0913 # what a reversal is made of
    connection: Connection, recorder: Recorder, old: list[Record], years: Years, reason: str, moment: datetime
) -> None:
    for record in reversed(old):
        state = years[record.person_year]
        reversal, years[record.person_year] = reverse_at_end(record, state, reason, moment, recorder.wire)
        add_reversal(connection, reversal, years[record.person_year].record_hash)


class _Again(NamedTuple):
    """A bill to settle anew, with its pack, in the place of an old record."""

    to_settle: BillToSettle
    pack: Pack
    old: Record
    status_check: StatusCheck | None


def _anew(  # noqa: PLR0913 # what bills are settled anew from
    connection: Connection,
    recorder: Recorder,
    old: list[Record],
    right: BillToSettle,
    pack: Pack,
    check: StatusCheck | None,
) -> list[_Again]:
    """The right request first, then the later bills as they were recorded, with what the roster said of them then."""
    wrong, *later = old
    bills = [_Again(right, pack, wrong, check)]
    kept = Packs()
    for record in later:
        stored = recorder.wire.read_recorded(record.request)
        same = BillToSettle(
            stored.bill, stored.year_to_date, stored.person, record.key_id, record.fingerprint, record.request
        )
        then = recorder.wire.status_check(record.answer)
        bills.append(_Again(same, _pack_of(connection, recorder, kept, record.pack_hash), record, then))
    return bills


def _settle_all(
    connection: Connection, recorder: Recorder, bills: list[_Again], years: Years, moment: datetime
) -> list[Change] | Refused:
    changes = []
    for to_settle, pack, old, check in bills:
        person_year = to_settle.person_year(pack)
        settled = settle_at_end(
            to_settle,
            pack,
            years[person_year],
            moment,
            recorder.wire,
            settlement_id=new_id(moment),
            replaces=old.settlement_id,
            status_check=check,
        )
        if isinstance(settled, Refused):
            return settled
        record, years[person_year] = settled.record, settled.state
        taken = take_key(
            connection, record.facility_code, record.bill_id, record.settlement_id, person_year.insurance_year
        )
        assert taken, "its reversal has freed the key, and whoever wants it waits for this transaction"
        add_settlement(connection, record, settled.state.record_hash)
        changes.append(Change(old.bill_id, old.settlement_id, old.payers, record.settlement_id, record.payers))
    return changes


def _pack_of(connection: Connection, recorder: Recorder, kept: Packs, pack_hash: str) -> Pack:
    """The pack that a record was made with: one that is loaded, else as the ledger keeps it."""
    loaded = next((pack for pack in recorder.catalogue.packs if pack.hash == pack_hash), None)
    if loaded is not None:
        return loaded
    pack = kept.find(connection, pack_hash)
    assert pack is not None, "a kept pack gives its hash again, or the ledger was changed: `onestop replay` tells"
    return pack
