"""For whoever watches over the others: the audit."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Query, Request, Response

from app.api.gate import by_of
from app.api.ledger_requests import Page
from app.api.openapi import answers
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
from app.api.schemas import Audit
from app.store.audit import AuditFilter
from app.usecases.audit import read_audit

if TYPE_CHECKING:
    from app.api.state import Parts


def router(parts: Parts) -> APIRouter:
    """Make the routes of this audience."""
    routes = APIRouter(tags=["administration"])

    @routes.get("/v1/audit", responses=answers({200: Audit}, 422, 503))
    async def read_the_audit(  # noqa: PLR0913 # one a filter
        request: Request,
        *,
        since: Annotated[Day, Query(alias="from")] = None,
        until: Annotated[Day, Query(alias="to")] = None,
        key: Identifier = None,
        action: Identifier = None,
        record: Identifier = None,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> Response:
        """List who read or did what, the newest first; `from` and `to` are UTC days, both included."""
        before = None if cursor is None else ordinal_of(cursor)
        wrong = wrong_days({"from": since, "to": until})
        wrong += wrong_identifiers({"key": key, "action": action, "record": record})
        if cursor is not None and before is None:
            wrong.append("cursor")
        if wrong:
            return parts.refuse(wrong_parameters(*wrong))
        last = day_of(until)
        wanted = AuditFilter(
            since, None if last is None else (last + timedelta(days=1)).isoformat(), key, action, record, before
        )
        recorder = parts.recorder
        found = await parts.in_ledger(read_audit, recorder.ledger, recorder.clock, wanted, limit + 1, by_of(request))
        shown = found[:limit]
        items: list[dict[str, object]] = [entry._asdict() for _, entry in shown]
        return Page(items, cursor_of(shown[-1][0]) if len(found) > limit else None).response()

    return routes
