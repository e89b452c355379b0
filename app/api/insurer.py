"""For insurers: the backstops that they pay, in lists, sums, evidence and exports."""

from __future__ import annotations

import base64
import binascii
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Final, Literal
from uuid import UUID

import msgspec
from fastapi import APIRouter, Depends, Query, Request, Response

from app.api import ledger_requests
from app.api.backstops import COLUMNS, evidence_of, item_of, row_of, summary_of
from app.api.forms import WrongForm
from app.api.gate import access_of, by_of
from app.api.ledger_requests import JSON, Page
from app.api.openapi import answers
from app.api.parameters import Cursor, Day, Identifier, Limit, day_of, wrong_days, wrong_identifiers, wrong_parameters
from app.api.request_form import SUM
from app.api.schemas import Backstop, Backstops, BackstopSummary
from app.api.streams import ROWS_AT_ONCE, exported
from app.settlement.money import Fen
from app.store.backstops import BackstopFilter, Place
from app.store.tables import TIME_LENGTH, UUID_LENGTH
from app.usecases import read_backstops

if TYPE_CHECKING:
    from app.api.state import Parts

BACKSTOPS: Final = "/v1/backstops"

_Area = Annotated[str | None, Query(pattern="^[0-9]{6}$")]
_Amount = Annotated[
    str | None, Query(pattern=r"^[0-9]{1,15}(\.[0-9]{1,2})?$", description="In yuan; of a reversal what it takes back.")
]


class Asked:
    """The parameters that all of these lists have."""

    def __init__(  # noqa: PLR0913 # one a filter
        self,
        *,
        since: Annotated[Day, Query(alias="from", description="The first UTC day of recording.")] = None,
        until: Annotated[Day, Query(alias="to", description="The last UTC day of recording, included.")] = None,
        pooling_area: _Area = None,
        facility: Identifier = None,
        min_amount: _Amount = None,
        include_reversed: Annotated[
            bool, Query(description="false leaves out reversed settlements and their reversals.")
        ] = True,
    ) -> None:
        self.days = {"from": since, "to": until}
        self.pooling_area = pooling_area
        self.facility = facility
        self.min_amount = min_amount
        self.include_reversed = include_reversed

    def wrong(self) -> list[str]:
        """Which parameters have the wrong form."""
        wrong = wrong_days(self.days) + wrong_identifiers({"facility": self.facility})
        return [*wrong, *(["min_amount"] if self.min_amount is not None and _fen(self.min_amount) is None else [])]

    def filter(self, areas: frozenset[str] | None) -> BackstopFilter:
        """What is asked for, within bounds."""
        last = day_of(self.days["to"])
        return BackstopFilter(
            self.days["from"],
            None if last is None else (last + timedelta(days=1)).isoformat() if last != last.max else None,
            areas,
            self.pooling_area,
            self.facility,
            None if self.min_amount is None else _fen(self.min_amount),
            self.include_reversed,
        )


def router(parts: Parts) -> APIRouter:
    """Make the routes of this audience."""
    routes = APIRouter(tags=["insurer"])
    _add_lists(routes, parts)
    _add_one(routes, parts)
    return routes


def _add_lists(routes: APIRouter, parts: Parts) -> None:
    @routes.get(BACKSTOPS, responses=answers({200: Backstops}, 422, 503))
    async def list_backstops(
        request: Request, asked: Annotated[Asked, Depends()], limit: Limit = 100, cursor: Cursor = None
    ) -> Response:
        """List what the backstop paid: one item a settlement, and one, negated, a reversal on its own day.

        In the order in which they were recorded, which new ones don't disturb.
        """
        after = None if cursor is None else _place(cursor)
        wrong = asked.wrong() + (["cursor"] if cursor is not None and after is None else [])
        if wrong:
            return parts.refuse(wrong_parameters(*wrong))
        wanted = asked.filter(access_of(request).own_areas)
        found = await parts.in_ledger(
            read_backstops.list_backstops, parts.recorder, wanted, after, limit + 1, by_of(request)
        )
        shown = found[:limit]
        return Page(
            [item_of(item) for item in shown], _cursor(shown[-1].place) if len(found) > limit else None
        ).response()

    @routes.get(f"{BACKSTOPS}/summary", responses=answers({200: BackstopSummary}, 422, 503))
    async def sum_backstops(
        request: Request,
        asked: Annotated[Asked, Depends()],
        group_by: Literal["facility", "pooling_area", "tier", "month", "day"] = "month",
    ) -> Response:
        """Add up what the backstop paid, net of the reversals of the period, so that sums of periods add up."""
        wrong = asked.wrong()
        if wrong:
            return parts.refuse(wrong_parameters(*wrong))
        wanted = asked.filter(access_of(request).own_areas)
        sums = await parts.in_ledger(read_backstops.sum_backstops, parts.recorder, wanted, group_by, by_of(request))
        return Response(msgspec.json.encode(summary_of(sums)), media_type=JSON)

    @routes.get(f"{BACKSTOPS}/export", response_class=Response, responses=answers({}, 422, 503))
    async def export_backstops(
        request: Request,
        asked: Annotated[Asked, Depends()],
        to: Annotated[Literal["csv", "ndjson", "parquet"], Query(alias="format")] = "csv",
    ) -> Response:
        """Give the whole list as one file, streamed; its columns are the list's members."""
        wrong = asked.wrong()
        if wrong:
            return parts.refuse(wrong_parameters(*wrong))
        wanted = asked.filter(access_of(request).own_areas)
        export = read_backstops.Export(parts.recorder, wanted, ROWS_AT_ONCE, by_of(request))
        return await exported(parts, "backstops", to, COLUMNS, row_of, export.first, export.following)


def _add_one(routes: APIRouter, parts: Parts) -> None:
    @routes.get(f"{BACKSTOPS}/{{settlement_id:uuid}}", responses=answers({200: Backstop}, 404, 503))
    async def read_a_backstop(settlement_id: UUID, request: Request) -> Response:
        """Give the evidence of one backstop: its stage with every input, and the payers before it."""
        areas, by = access_of(request).own_areas, by_of(request)
        shown = await parts.in_ledger(read_backstops.read_backstop, parts.recorder, str(settlement_id), by, areas)
        if shown is None:
            return parts.refuse(ledger_requests.not_found())
        return Response(msgspec.json.encode(evidence_of(shown)), media_type=JSON)


def _fen(text: str) -> Fen | None:
    try:
        return Fen(SUM.read(text))
    except WrongForm:
        return None


def _cursor(place: Place) -> str:
    return base64.urlsafe_b64encode("|".join(place).encode()).decode().rstrip("=")


def _place(cursor: str) -> Place | None:
    """Read a cursor of ours; None for any other text."""
    try:
        recorded_at, _, record_id = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode().partition("|")
    except (ValueError, binascii.Error):
        return None
    place = Place(recorded_at, record_id)
    known = len(recorded_at) == TIME_LENGTH and len(record_id) == UUID_LENGTH and _cursor(place) == cursor
    return place if known and place[0].isascii() and "\0" not in cursor else None
