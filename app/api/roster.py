"""For whoever keeps the roster: what its people got."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from fastapi import APIRouter, Query, Request, Response

from app.api.benefits import COLUMNS, item_of, row_of
from app.api.gate import by_of
from app.api.ledger_requests import Page
from app.api.openapi import BENEFITS, answers
from app.api.parameters import Limit
from app.api.schemas_roster import BenefitsList
from app.api.streams import ROWS_AT_ONCE, exported
from app.usecases import read_benefits
from app.usecases.read_benefits import Asked

if TYPE_CHECKING:
    from app.api.state import Parts

_Year = Annotated[int, Query(ge=1900, le=9998, description="The insurance year, by the day of discharge.")]
_County = Annotated[str | None, Query(pattern="^[0-9]{6}$", description="A county's code; all where none is named.")]
_Person = Annotated[str, Query(pattern="^([0-9a-f]{64})?$")]


def router(parts: Parts) -> APIRouter:
    """Make the routes of this audience."""
    routes = APIRouter(tags=["roster"])

    @routes.get(BENEFITS, responses=answers({200: BenefitsList}, 422, 503))
    async def list_benefits(
        request: Request, year: _Year, county: _County = None, limit: Limit = 100, cursor: _Person = ""
    ) -> Response:
        """List what each person of the roster got in a year: stays, costs, payers, and the share that was paid."""
        asked = Asked(year, county)
        by, recorder = by_of(request), parts.recorder
        found = await parts.in_ledger(read_benefits.list_benefits, recorder, asked, cursor, limit + 1, by)
        shown = found[:limit]
        following = shown[-1].person if len(found) > limit else None
        return Page([item_of(each) for each in shown], following).response()

    @routes.get(f"{BENEFITS}/export", response_class=Response, responses=answers({}, 422, 503))
    async def export_benefits(
        request: Request,
        year: _Year,
        county: _County = None,
        to: Annotated[Literal["csv", "ndjson", "parquet"], Query(alias="format")] = "csv",
    ) -> Response:
        """Give the whole list as one file, streamed; its columns are the list's members."""
        asked, by, recorder = Asked(year, county), by_of(request), parts.recorder
        return await exported(
            parts,
            f"benefits-{year}",
            to,
            COLUMNS,
            row_of,
            lambda: read_benefits.begin_export(recorder, asked, ROWS_AT_ONCE, by),
            lambda last: read_benefits.go_on_exporting(recorder, asked, last.person, ROWS_AT_ONCE),
        )

    return routes
