"""What all use cases that record have in common: their parts, and one settlement put at the end of a person's year."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from app.settlement.settle import Refused, settle
from app.settlement.year import NO_YEAR, insurance_year
from app.store.ledger import LedgerBusy, TryAgain
from app.store.packs import PackRow, files_text, keep_pack
from app.store.person_keys import keys_of
from app.store.person_years import YearState
from app.store.settlements import Link, PersonYear, Record, Reversal, record_hash
from app.usecases.known_persons import KeyMissing
from app.usecases.moments import new_id, time_text

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection

    from app.policies.catalogue import Catalogue
    from app.settlement.bill import Bill
    from app.settlement.pack import Pack
    from app.settlement.result import Payers, Settlement
    from app.settlement.year import YearToDate
    from app.store.ledger import Ledger
    from app.store.person_keys import PersonKeys
    from app.store.replica import Replica
    from app.store.together import Row
    from app.usecases.check_roster import RosterMode, StatusCheck
    from app.usecases.moments import Clock


class Stamp(NamedTuple):
    """What the calculation does not know of its settlement."""

    settlement_id: str
    settled_at: str
    year_to_date_source: str
    replaces: str | None = None
    status_check: StatusCheck | None = None


class Change(NamedTuple):
    """One bill of a correction: its old settlement and its new one, whose id is None where nothing was recorded."""

    bill_id: str
    old_id: str
    old_payers: Payers
    new_id: str | None
    new_payers: Payers


class StoredRequest(Protocol):
    """A stored request as read back."""

    @property
    def bill(self) -> Bill: ...
    @property
    def year_to_date(self) -> YearToDate | None: ...
    @property
    def person(self) -> str: ...


class Wire(Protocol):
    """How records are written as bytes, and bills read back from them."""

    def write_settled(self, settlement: Settlement, stamp: Stamp, /) -> bytes: ...
    def write_reversal(self, reversal: ReversalStamp, record: Record, /) -> bytes: ...
    def write_correction(self, changes: list[Change], /) -> bytes: ...
    def read_recorded(self, request: bytes, /) -> StoredRequest: ...
    def status_check(self, answer: bytes, /) -> StatusCheck | None: ...


class ReversalStamp(NamedTuple):
    """What a reversal says beside the settlement that it reverses."""

    reversal_id: str
    reversed_at: str
    reason: str


class Recorder(NamedTuple):
    """The parts that recording takes."""

    ledger: Ledger
    catalogue: Catalogue
    clock: Clock
    wire: Wire
    roster: RosterMode = "off"
    replica: Replica | None = None


class BillToSettle(NamedTuple):
    """A bill as it is recorded: under a pseudonym, with the fingerprint of the whole request.

    `year_to_date` is None where the request leaves it to the ledger; `request` is the stored form, without names.
    """

    bill: Bill
    year_to_date: YearToDate | None
    person: str
    key_id: str
    fingerprint: str
    request: bytes

    @property
    def insurance_year(self) -> int:
        """The year that it belongs to, whatever the pack."""
        return insurance_year(self.bill.encounter.discharged_on)

    def person_year(self, pack: Pack) -> PersonYear:
        """Whose year it belongs to, under the pack in force."""
        return PersonYear(self.person, self.insurance_year, pack.scheme or "")


# A bill as it is recorded, under each key at hand, the oldest first.
Forms = tuple[BillToSettle, ...]


def form_under(forms: Forms, keys: PersonKeys | None) -> BillToSettle:
    """The form under which a bill's person is known to the ledger now. Raises `KeyMissing`."""
    if keys is None:
        return forms[-1]
    by_key = {form.key_id: form for form in forms}
    form = by_key.get(keys.key_id)
    if form is not None and keys.next_id is not None and form.person <= keys.moved_to:
        form = by_key.get(keys.next_id)
    if form is None:
        raise KeyMissing("the persons are under another key")
    return form


def see_keys(connection: Connection, ledger: Ledger, row: Row | None, forms: Forms, chosen: BillToSettle) -> None:
    """See that a form is the one under which the person is known, now that nobody can change that; else try again."""
    keys = ledger.person_keys = keys_of(connection, row, forms[-1].key_id)
    if form_under(forms, keys) is not chosen:
        raise TryAgain(LedgerBusy("the persons are on their way to another key"))


class Settled(NamedTuple):
    """A settlement at the end of a person's year, and where that leaves the year."""

    settlement: Settlement
    record: Record
    state: YearState


def settle_at_end(  # noqa: PLR0913 # all that a record is made of
    to_settle: BillToSettle,
    pack: Pack,
    state: YearState,
    moment: datetime,
    wire: Wire,
    *,
    settlement_id: str,
    replaces: str | None = None,
    status_check: StatusCheck | None = None,
) -> Settled | Refused:
    """Calculate a settlement on top of a person's year, and make its record."""
    bill = to_settle.bill
    year, source = (state.sums, "ledger") if to_settle.year_to_date is None else (to_settle.year_to_date, "request")
    settlement = settle(bill, pack, year)
    if isinstance(settlement, Refused):
        return settlement
    stamp = Stamp(settlement_id, time_text(moment), source, replaces, status_check)
    record = Record(
        settlement_id=settlement_id,
        facility_code=bill.facility.code,
        bill_id=bill.bill_id,
        person_year=to_settle.person_year(pack),
        key_id=to_settle.key_id,
        link=Link(state.sequence + 1, state.record_hash),
        discharged_on=bill.encounter.discharged_on,
        pooling_area=bill.patient.pooling_area,
        tier=bill.facility.tier,
        settled_at=stamp.settled_at,
        pack_hash=pack.hash,
        year_to_date_source=source,
        before=state.sums,
        total=settlement.costs.total,
        payers=settlement.payers,
        fingerprint=to_settle.fingerprint,
        replaces=replaces,
        request=to_settle.request,
        answer=wire.write_settled(settlement, stamp),
    )
    return Settled(settlement, record, YearState(settlement.year_to_date, record.link.sequence, record_hash(record)))


def reverse_at_end(
    record: Record, state: YearState, reason: str, moment: datetime, wire: Wire
) -> tuple[Reversal, YearState]:
    """Make the reversal of the latest settlement of a person's year: the sums go back to what they were before it."""
    stamp = ReversalStamp(new_id(moment), time_text(moment), reason)
    reversal = Reversal(
        reversal_id=stamp.reversal_id,
        settlement_id=record.settlement_id,
        person_year=record.person_year,
        link=Link(state.sequence + 1, state.record_hash),
        reversed_at=stamp.reversed_at,
        reason=reason,
        answer=wire.write_reversal(stamp, record),
    )
    return reversal, YearState(record.before, reversal.link.sequence, record_hash(reversal))


def refused_without_pack(bill: Bill) -> Refused:
    """Refuse a bill for whose area and day no pack is in force, with all else that is wrong with it."""
    refused = settle(bill, None, NO_YEAR)
    assert isinstance(refused, Refused), "without a pack nothing is settled"
    return refused


def keep(connection: Connection, pack: Pack, recorder: Recorder) -> None:
    """Keep the pack that a record is made with, unless this process has seen it kept."""
    if pack.hash not in recorder.ledger.packs_kept:
        files = [(file.name, file.content.decode()) for file in recorder.catalogue.files(pack)]
        keep_pack(connection, PackRow(pack.hash, pack.id, pack.area, files_text(files)))
