"""For hospitals (HIS): settle a bill, find it again, reverse and correct it."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Final, Literal
from uuid import UUID

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Request, Response

from app.api import ledger_requests, problems
from app.api.answers import Settled, read, settled
from app.api.body import read_body
from app.api.gate import access_of, by_of
from app.api.ledger_requests import JSON, Page
from app.api.openapi import CORRECTION, PREVIEW, REVERSAL, SETTLEMENT, SETTLEMENTS, answers
from app.api.parameters import (
    Cursor,
    Day,
    Identifier,
    Limit,
    cursor_of,
    day_of,
    ordinal_of,
    wrong_days,
    wrong_identifiers,
    wrong_parameters,
)
from app.api.records import summary, with_status
from app.api.schemas import Corrected, Reversal, Settlement, Settlements
from app.api.whole_request import WholeRequestRoute
from app.store import settlements
from app.usecases.ask_roster import ask_and_check
from app.usecases.check_roster import StatusCheck
from app.usecases.find_settlements import list_settlements as find_page
from app.usecases.find_settlements import read_settlement
from app.usecases.ledger_year import ledger_year

if TYPE_CHECKING:
    from collections.abc import Callable
    from enum import Enum

    from app.access.keys import Access
    from app.api.request_form import Request as Asked
    from app.api.state import Parts
    from app.settlement.year import YearToDate
    from app.store.audit import By

    _Change = Callable[[Parts, str, bytes, Access, By], Response]

_TAGS: Final[list[str | Enum]] = ["hospital"]
# A bill of a hundred lines is settled in well under a millisecond; only larger ones would hold up the others here.
_AT_ONCE: Final = 128 * 1024
# A large body can take some hundred megabytes to read; more than these at once would gain no time.
_LARGE_AT_ONCE: Final = 2
_BODY: Final = (400, 408, 413, 415, 422)


def router(parts: Parts) -> APIRouter:
    """Make the routes of this audience."""
    routes = APIRouter(tags=_TAGS)
    routes.routes.extend(_settling(parts).routes)
    _add_reading(routes, parts)
    _add_changing(routes, parts)
    return routes


def _settling(parts: Parts) -> APIRouter:
    routes = APIRouter(tags=_TAGS, route_class=WholeRequestRoute)
    large_bills = CapacityLimiter(_LARGE_AT_ONCE)

    @routes.post(PREVIEW, responses=answers({200: Settlement}, *_BODY, 503))
    async def preview_a_settlement(request: Request) -> Response:
        """Calculate who pays what for a bill, with every reason, and store nothing.

        An absent `year_to_date` is the ledger's own for that person and year; only then the ledger is asked.
        """
        body = await read_body(request)
        if isinstance(body, problems.Document):
            return parts.refuse(body)
        entered = parts.calculation_queue.enter()
        try:
            return await _previewed(parts, body, access_of(request), large_bills)
        finally:
            parts.calculation_queue.leave(entered)

    @routes.post(SETTLEMENTS, status_code=201, responses=answers({201: Settlement, 200: Settlement}, *_BODY, 409, 503))
    async def settle_a_bill(request: Request) -> Response:
        """Calculate who pays what for a bill and record it, durably before the answer.

        The same request again gets the recorded answer, byte for byte, with `Idempotent-Replay: true`; another one
        under the same `facility.code` and `bill_id` gets 409. After 503 the same request again tells the truth.
        """
        body = await read_body(request)
        if isinstance(body, problems.Document):
            return parts.refuse(body)
        return await parts.in_ledger(ledger_requests.settle, parts, body, access_of(request), by_of(request))

    return routes


async def _previewed(parts: Parts, body: bytes, access: Access, large_bills: CapacityLimiter) -> Response:
    recorder = parts.recorder
    is_small = len(body) <= _AT_ONCE
    began = perf_counter()
    asked = read(body) if is_small else await to_thread.run_sync(read, body, limiter=large_bills)
    reading = perf_counter() - began
    if isinstance(asked, problems.Document):
        parts.metrics.calculated(reading)
        return parts.refuse(asked)
    if not access.has_facility(asked.bill.facility.code):
        return parts.refuse(ledger_requests.other_facility())
    check = None if recorder.roster == "off" else await _check(parts, asked)
    year: YearToDate | None = asked.year_to_date
    source: Literal["ledger", "request"] = "request"
    if year is None:
        named = parts.pseudonyms.named(asked.person_id)
        year = await parts.in_ledger(ledger_year, asked.bill, named, recorder.catalogue, recorder.ledger)
        source = "ledger"
    began = perf_counter()
    what = (asked.bill, year, source, recorder.catalogue, check, recorder.roster)
    result = settled(*what) if is_small else await to_thread.run_sync(settled, *what, limiter=large_bills)
    seconds = reading + perf_counter() - began
    if isinstance(result, Settled):
        parts.metrics.settled(result.settlement, seconds)
        return Response(result.body, media_type=JSON)
    parts.metrics.calculated(seconds)
    return parts.refuse(result)


async def _check(parts: Parts, asked: Asked) -> StatusCheck:
    """What the roster says of a request. Where it is not asked a preview may need no ledger at all."""
    named = parts.pseudonyms.named(asked.person_id)
    return await parts.in_ledger(ask_and_check, asked.bill, named, parts.recorder.ledger)


def _add_reading(routes: APIRouter, parts: Parts) -> None:
    @routes.get(SETTLEMENTS, responses=answers({200: Settlements}, 422, 503))
    async def list_settlements(  # noqa: PLR0913 # one a filter
        request: Request,
        *,
        facility: Identifier = None,
        bill_id: Identifier = None,
        person_id: Identifier = None,
        discharged_from: Day = None,
        discharged_to: Day = None,
        status: Literal["settled", "reversed"] | None = None,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> Response:
        """List settlements in the order in which they were recorded, without their stages and lines."""
        texts = {"facility": facility, "bill_id": bill_id, "person_id": person_id}
        days = {"discharged_from": discharged_from, "discharged_to": discharged_to}
        after = 0 if cursor is None else ordinal_of(cursor)
        wrong = wrong_identifiers(texts) + wrong_days(days) + (["cursor"] if after is None else [])
        if wrong or after is None:
            return parts.refuse(wrong_parameters(*wrong))
        wanted = settlements.Filter(
            facility,
            bill_id,
            access_of(request).own_facilities,
            day_of(discharged_from),
            day_of(discharged_to),
            None if status is None else status == "reversed",
            after,
        )
        named = None if person_id is None else parts.pseudonyms.named(person_id)
        page = await parts.in_ledger(_page, parts, wanted, named, limit, by_of(request))
        return page.response()

    @routes.get(_route(SETTLEMENT), responses=answers({200: Settlement}, 404, 503))
    async def read_a_settlement(settlement_id: UUID, request: Request) -> Response:
        """Give a settlement as it was recorded; the status of a reversed one says so."""
        answer = await parts.in_ledger(_answer, parts, str(settlement_id), access_of(request), by_of(request))
        if answer is None:
            return parts.refuse(ledger_requests.not_found())
        return Response(answer, media_type=JSON)


def _add_changing(routes: APIRouter, parts: Parts) -> None:
    @routes.post(
        _route(REVERSAL), status_code=201, responses=answers({201: Reversal, 200: Reversal}, *_BODY, 404, 409, 503)
    )
    async def reverse_a_settlement(settlement_id: UUID, request: Request) -> Response:
        """Reverse the latest settlement of a person and year; the bill's key is free again. Nothing is deleted."""
        return await _changed(parts, ledger_requests.reverse, settlement_id, request)

    @routes.post(
        _route(CORRECTION), status_code=201, responses=answers({201: Corrected, 200: Corrected}, *_BODY, 404, 409, 503)
    )
    async def correct_a_settlement(settlement_id: UUID, request: Request) -> Response:
        """Settle the right request in place of a wrong one, and the later bills of that person and year again.

        With `dry_run` the same answer, and nothing is recorded.
        """
        return await _changed(parts, ledger_requests.correct, settlement_id, request)


def _route(path: str) -> str:
    # Only an id stands for a settlement: any other word is no path of ours.
    return path.replace("{settlement_id}", "{settlement_id:uuid}")


async def _changed(parts: Parts, change: _Change, settlement_id: UUID, request: Request) -> Response:
    body = await read_body(request)
    if isinstance(body, problems.Document):
        return parts.refuse(body)
    return await parts.in_ledger(change, parts, str(settlement_id), body, access_of(request), by_of(request))


def _page(parts: Parts, wanted: settlements.Filter, named: dict[str, str] | None, limit: int, by: By) -> Page:
    listed = find_page(parts.recorder, wanted, named, limit + 1, by)
    shown = listed[:limit]
    items = [summary(each.answer, each.discharged_on, is_reversed=each.reversed) for each in shown]
    return Page(items, cursor_of(shown[-1].ordinal) if len(listed) > limit else None)


def _answer(parts: Parts, settlement_id: str, access: Access, by: By) -> bytes | None:
    found = read_settlement(parts.recorder, settlement_id, by, access.own_facilities)
    return None if found is None else with_status(found.answer, is_reversed=found.reversed)
