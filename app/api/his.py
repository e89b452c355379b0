"""For hospitals (HIS): settle a bill."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Final

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Request, Response

from app.api import problems
from app.api.answers import Settled, answer
from app.api.body import read_body
from app.api.openapi import PREVIEW, answers
from app.api.schemas import Settlement

if TYPE_CHECKING:
    from app.api.state import Parts

# A bill of a hundred lines is settled in well under a millisecond; only larger ones would hold up the others here.
_AT_ONCE: Final = 128 * 1024
# A large body can take some hundred megabytes to read; more than these at once would gain no time.
_LARGE_AT_ONCE: Final = 2


def router(parts: Parts) -> APIRouter:
    """Make the routes of this audience."""
    routes = APIRouter(tags=["hospital"])
    large_bills = CapacityLimiter(_LARGE_AT_ONCE)

    @routes.post(PREVIEW, responses=answers(Settlement, 400, 408, 413, 415, 422))
    async def preview_a_settlement(request: Request) -> Response:
        """Calculate who pays what for a bill, with every reason, and store nothing.

        An absent `year_to_date` is the ledger's own; nothing is recorded yet, so it is zeros.
        """
        body = await read_body(request)
        if isinstance(body, problems.Document):
            return parts.refuse(body)
        began = perf_counter()
        if len(body) <= _AT_ONCE:
            result = answer(body, parts.catalogue, "ledger")
        else:
            result = await to_thread.run_sync(answer, body, parts.catalogue, "ledger", limiter=large_bills)
        seconds = perf_counter() - began
        if isinstance(result, Settled):
            parts.metrics.settled(result.settlement, seconds)
            return Response(result.body, media_type="application/json")
        parts.metrics.calculated(seconds)
        return parts.refuse(result)

    return routes
