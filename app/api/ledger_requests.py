"""What a hospital asks of the ledger, from bytes to use cases, and the use cases' outcomes as answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
from fastapi import Response

from app.api import problems, strict_json
from app.api.answers import read
from app.api.forms import BooleanForm, TextForm
from app.api.objects import Member, ObjectForm, first_findings
from app.api.request_form import REQUEST, Request, request_of
from app.api.stored_request import values_of, write_stored
from app.settlement.refusals import FIELD_INVALID, MAX_LINES, TOO_MANY_LINES, Finding
from app.settlement.settle import Refused
from app.store.ledger import LedgerBusy, OutcomeUnknown
from app.store.settlements import under
from app.usecases.correct_settlement import (
    Corrected,
    KeyDiffers,
    NotInForce,
    OtherFacilities,
    correct_settlement,
)
from app.usecases.recording import BillToSettle
from app.usecases.reverse_settlement import NotFound, NotLatest, reverse_settlement
from app.usecases.settle_bill import Conflict, Recorded, Replayed, settle_bill

if TYPE_CHECKING:
    from app.access.keys import Access
    from app.access.pseudonyms import Pseudonyms
    from app.api.state import Parts
    from app.store.audit import By
    from app.usecases import correct_settlement as correcting
    from app.usecases import reverse_settlement as reversing
    from app.usecases import settle_bill as settling
    from app.usecases.recording import Forms

JSON: Final = "application/json"
REPLAY: Final = {"Idempotent-Replay": "true"}

REASON: Final = TextForm(1, 500)
REVERSAL: Final = ObjectForm("ReversalRequest", (Member("reason", REASON, required=True),))
CORRECTION: Final = ObjectForm(
    "CorrectionRequest",
    (
        Member("reason", REASON, required=True),
        Member("request", REQUEST, required=True),
        Member("dry_run", BooleanForm(), default=False),
    ),
)


def settle(parts: Parts, body: bytes, access: Access, by: By) -> Response:
    """Settle the bill of a request and record it."""
    request = read(body)
    if isinstance(request, problems.Document):
        return parts.refuse(request)
    if not access.has_facility(request.bill.facility.code):
        return parts.refuse(other_facility())
    return _settled(parts, settle_bill(parts.recorder, forms_of(request, parts.pseudonyms), by))


def other_facility() -> problems.Document:
    """Render that a bill is of a facility outside the key's bounds."""
    return problems.document(problems.FORBIDDEN, "The key is for the bills of other facilities.")


def reverse(parts: Parts, settlement_id: str, body: bytes, access: Access, by: By) -> Response:
    """Reverse a settlement."""
    values = _read_object(REVERSAL, body)
    if isinstance(values, problems.Document):
        return parts.refuse(values)
    return _reversed(
        parts, reverse_settlement(parts.recorder, settlement_id, values["reason"], by, access.own_facilities)
    )


def correct(parts: Parts, settlement_id: str, body: bytes, access: Access, by: By) -> Response:
    """Correct a settlement and all later ones of that person and year."""
    values = _read_object(CORRECTION, body)
    if isinstance(values, problems.Document):
        return parts.refuse(values)
    right = forms_of(request_of(values["request"]), parts.pseudonyms)
    asked = (settlement_id, values["reason"], right, by, access.own_facilities)
    return _corrected(parts, correct_settlement(parts.recorder, *asked, dry_run=values["dry_run"]))


def forms_of(request: Request, pseudonyms: Pseudonyms) -> Forms:
    """A request as it is recorded, under each key of the pseudonyms."""
    persons = pseudonyms.persons(request.person_id)
    stored = write_stored(request, persons[0])
    fingerprints = pseudonyms.fingerprints(values_of(request, stored))
    return tuple(
        BillToSettle(
            request.bill,
            request.year_to_date,
            person,
            key_id,
            fingerprint,
            under(stored, persons[0], person),
        )
        for person, key_id, fingerprint in zip(persons, pseudonyms.key_ids, fingerprints, strict=True)
    )


def _settled(parts: Parts, outcome: settling.Outcome) -> Response:
    if isinstance(outcome, Recorded):
        parts.metrics.recorded(outcome.settlement)
        headers = {"Location": f"/v1/settlements/{outcome.settlement_id}"}
        return Response(outcome.answer, 201, headers, JSON)
    if isinstance(outcome, Replayed):
        parts.metrics.replayed()
        return Response(outcome.answer, 200, REPLAY, JSON)
    if isinstance(outcome, Conflict):
        return parts.refuse(problems.bill_conflict(outcome.settlement_id))
    return parts.refuse(problems.refused(outcome.findings))


def _reversed(parts: Parts, outcome: reversing.Outcome) -> Response:
    if isinstance(outcome, NotFound):
        return parts.refuse(not_found())
    if isinstance(outcome, NotLatest):
        detail = "A later settlement of this person and year is in force: reverse that one first, or correct this one."
        return parts.refuse(problems.document(problems.NOT_LATEST_SETTLEMENT, detail))
    if outcome.again:
        return Response(outcome.answer, 200, REPLAY, JSON)
    return Response(outcome.answer, 201, None, JSON)


def _corrected(parts: Parts, outcome: correcting.Outcome) -> Response:  # noqa: PLR0911 # one for each outcome
    if isinstance(outcome, Corrected):
        if outcome.again:
            return Response(outcome.answer, 200, REPLAY, JSON)
        return Response(outcome.answer, 201 if outcome.recorded else 200, None, JSON)
    if isinstance(outcome, NotFound):
        return parts.refuse(not_found())
    if isinstance(outcome, NotInForce):
        detail = "The settlement is reversed, or corrected already: look for the one that is in force under its bill."
        return parts.refuse(problems.document(problems.SETTLEMENT_REVERSED, detail))
    if isinstance(outcome, OtherFacilities):
        detail = "Later bills of this person and year are of other facilities: this needs a key for all of them."
        return parts.refuse(problems.document(problems.FORBIDDEN, detail))
    if isinstance(outcome, KeyDiffers):
        finding = Finding("/request", FIELD_INVALID.code, "Expected the settlement's own facility.code and bill_id.")
        return parts.refuse(problems.refused([finding]))
    assert isinstance(outcome, Refused), "all others are above"
    findings = [finding._replace(pointer=f"/request{finding.pointer}") for finding in outcome.findings]
    return parts.refuse(problems.refused(findings))


def not_recorded(error: Exception) -> problems.Document:
    """Render why the ledger did not do it: nothing was recorded, or a retry says what was."""
    if isinstance(error, OutcomeUnknown):
        detail = "The connection to the ledger broke at the last step. The same request again says what was recorded."
        return problems.document(problems.OUTCOME_UNKNOWN, detail)
    if isinstance(error, LedgerBusy):
        return problems.document(problems.LEDGER_BUSY, "The ledger did not come free in time. Nothing was recorded.")
    return problems.document(problems.LEDGER_UNREACHABLE, "The ledger cannot be reached. Nothing was recorded.")


def not_found() -> problems.Document:
    """Say that there is no such settlement."""
    return problems.document(problems.NOT_FOUND, "There is no such settlement.")


def _read_object(form: ObjectForm, body: bytes) -> dict[str, Any] | problems.Document:
    """Read the body of a request exactly, or say what is wrong with its form."""
    try:
        value = strict_json.parse(body)
    except strict_json.NotJson as error:
        return problems.not_json(str(error))
    if _too_many_lines(value):
        return problems.refused([TOO_MANY_LINES.at("request", "lines")])
    findings = first_findings(form, value)
    return problems.refused(findings) if findings else form.read(value)


def _too_many_lines(value: object) -> bool:
    request = value.get("request") if isinstance(value, dict) else None
    lines = request.get("lines") if isinstance(request, dict) else None
    return isinstance(lines, list) and len(lines) > MAX_LINES


class Page(NamedTuple):
    """One page of a list."""

    items: list[dict[str, object]]
    next_cursor: str | None

    def response(self) -> Response:
        """The page as an answer."""
        return Response(msgspec.json.encode(self._asdict()), media_type=JSON)
