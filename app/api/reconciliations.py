"""For both sides of a bill: compare one's books with the ledger's, and find the comparison again."""

from __future__ import annotations

import gzip
import io
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Final, Literal, NamedTuple
from uuid import UUID

import msgspec
from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse

from app.api import ledger_requests, problems
from app.api.gate import access_of, by_of
from app.api.ledger_requests import JSON
from app.api.openapi import RECONCILIATIONS, answers
from app.api.parameters import Cursor, Limit, cursor_of, day_of, ordinal_of, wrong_identifiers, wrong_parameters
from app.api.reconciling import Period, RowsRefused, read_rows, write_run
from app.api.schemas_insurer import Reconciliation, Reconciliations
from app.api.strict_json import NotJson
from app.api.uploads import Upload, uploaded
from app.exchange.tables import MEDIA_TYPES
from app.exchange.uploads import WrongTable
from app.settlement.refusals import FIELD_INVALID, Finding
from app.store.keys import names_text
from app.store.reconciliations import Reconciliation as Run
from app.store.reconciliations import Side
from app.usecases import reconcile as use_case
from app.usecases.reconcile import Mark

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.access.keys import Access
    from app.api.state import Parts
    from app.store.audit import By

# A large one takes a core for some seconds.
_AT_ONCE: Final = 1
_PIECE: Final = 256 * 1024
_Day = Annotated[str, Query(pattern="^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]


class _Asked(NamedTuple):
    """A comparison to make, within the bounds of who asks."""

    side: Side
    period: Period
    bounds: str
    mark: Mark | None
    by: By


def router(parts: Parts) -> APIRouter:
    """Make the routes of this audience."""
    routes = APIRouter(tags=["reconciliation"])
    _add_making(routes, parts)
    _add_reading(routes, parts)
    return routes


def _add_making(routes: APIRouter, parts: Parts) -> None:
    turn = CapacityLimiter(_AT_ONCE)

    @routes.post(
        RECONCILIATIONS,
        status_code=201,
        responses=answers({201: Reconciliation}, 400, 408, 413, 415, 422, 503),
    )
    async def reconcile(  # noqa: PLR0913 # one a parameter
        request: Request,
        *,
        since: Annotated[_Day, Query(alias="from", description="The first UTC day of recording.")],
        until: Annotated[_Day, Query(alias="to", description="The last UTC day of recording, included.")],
        payer: Annotated[
            Literal[
                "basic_insurance", "critical_illness", "medical_assistance", "emergency_aid", "second_reimbursement",
                "backstop", "local_subsidy",
            ],
            Query(description="Whose payments; an insurer's key is for the backstop."),
        ] = "backstop",
        mark: Annotated[
            Literal["paid", "refused"] | None, Query(description="Say this of the backstops that match; not for his.")
        ] = None,
        reference: Annotated[str | None, Query(min_length=1, max_length=64, description="Goes with mark.")] = None,
    ) -> Response:  # fmt: skip # one parameter a line or more
        """Compare one's rows of a period with the ledger's: what matches, what is missing where, which amounts differ.

        Each row is a facility, a bill's id, an amount and a day of the period; rows of one bill are added up, as the
        ledger's settlement and its reversal are. The run is recorded with its hash, so that both sides can sign it.
        """
        first, last = day_of(since), day_of(until)
        wrong = [name for name, day in (("from", first), ("to", last)) if day is None]
        wrong += wrong_identifiers({"reference": reference})
        wrong += ["reference"] if (mark is None) != (reference is None) else []
        wrong += ["mark"] if mark is not None and payer != "backstop" else []
        if first is None or last is None or wrong or last < first or last == last.max:
            return parts.refuse(wrong_parameters(*(wrong or ["to"])))
        access, by = access_of(request), by_of(request)
        refusal = _refusal(access, payer, mark)
        if refusal is not None:
            return parts.refuse(refusal)
        side = Side(
            payer,
            since,
            (last + timedelta(days=1)).isoformat(),
            access.facilities if access.role == "his" else None,
            access.areas if access.role == "insurer" else None,
        )
        marking = None if mark is None or reference is None else Mark(mark, reference)
        asked = _Asked(side, Period(first, last), _bounds(access), marking, by)
        async with uploaded(request) as upload:
            if isinstance(upload, problems.Document):
                return parts.refuse(upload)
            made = await to_thread.run_sync(_made, parts, asked, upload, limiter=turn)
        if isinstance(made, problems.Document):
            return parts.refuse(made)
        headers = {"Location": f"{RECONCILIATIONS}/{made.reconciliation_id}"}
        return Response(made.answer, 201, headers, JSON)


def _add_reading(routes: APIRouter, parts: Parts) -> None:
    @routes.get(RECONCILIATIONS, responses=answers({200: Reconciliations}, 422, 503))
    async def list_reconciliations(request: Request, limit: Limit = 100, cursor: Cursor = None) -> Response:
        """List the runs that were made within the key's own bounds, the newest first."""
        before = None if cursor is None else ordinal_of(cursor)
        if cursor is not None and before is None:
            return parts.refuse(wrong_parameters("cursor"))
        bounds, by = _visible(access_of(request)), by_of(request)
        found = await parts.in_ledger(use_case.list_reconciliations, parts.recorder, bounds, before, limit + 1, by)
        shown = found[:limit]
        following = cursor_of(shown[-1][0]) if len(found) > limit else None
        page = {"items": [msgspec.Raw(answer) for _, answer in shown], "next_cursor": following}
        return Response(msgspec.json.encode(page), media_type=JSON)

    @routes.get(f"{RECONCILIATIONS}/{{reconciliation_id:uuid}}", responses=answers({200: Reconciliation}, 404, 503))
    async def read_a_reconciliation(reconciliation_id: UUID, request: Request) -> Response:
        """Give a run as it was recorded."""
        found = await _find(parts, reconciliation_id, request)
        if found is None:
            return parts.refuse(ledger_requests.not_found())
        return Response(found.answer, media_type=JSON)

    @routes.get(
        f"{RECONCILIATIONS}/{{reconciliation_id:uuid}}/report", response_class=Response, responses=answers({}, 404, 503)
    )
    async def read_the_report(reconciliation_id: UUID, request: Request) -> Response:
        """Give all differences of a run as a CSV file."""
        found = await _find(parts, reconciliation_id, request)
        if found is None:
            return parts.refuse(ledger_requests.not_found())
        headers = {"content-disposition": f'attachment; filename="reconciliation-{reconciliation_id}.csv"'}
        return StreamingResponse(_unzipped(found.report), headers=headers, media_type=MEDIA_TYPES["csv"])


def _refusal(access: Access, payer: str, mark: str | None) -> problems.Document | None:
    if access.role == "insurer" and payer != "backstop":
        return problems.document(problems.FORBIDDEN, "The key is for the backstop.")
    if access.role == "his" and mark is not None:
        return problems.document(problems.FORBIDDEN, "Only an insurer says what it has paid.")
    return None


def _bounds(access: Access) -> str:
    """A key's bounds as runs are found by: who has the same ones sees the same runs."""
    return f"{access.role} {names_text(access.facilities | access.areas)}"


def _visible(access: Access) -> str | None:
    return None if access.role == "admin" else _bounds(access)


def _made(parts: Parts, asked: _Asked, upload: Upload) -> Run | problems.Document:
    rows = read_rows(upload.path, upload.form, asked.period)
    try:
        return use_case.reconcile(parts.recorder, asked.side, asked.bounds, rows, asked.mark, asked.by, write_run)
    except RowsRefused as refused:
        return problems.refused(refused.findings)
    except NotJson as error:
        return problems.not_json(str(error))
    except WrongTable as error:
        return problems.refused([Finding("", FIELD_INVALID.code, str(error))])


async def _find(parts: Parts, reconciliation_id: UUID, request: Request) -> Run | None:
    bounds, by = _visible(access_of(request)), by_of(request)
    return await parts.in_ledger(use_case.read_reconciliation, parts.recorder, str(reconciliation_id), bounds, by)


def _unzipped(report: bytes) -> Iterator[bytes]:
    with gzip.GzipFile(fileobj=io.BytesIO(report)) as file:
        while piece := file.read(_PIECE):
            yield piece
