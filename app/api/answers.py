"""From the bytes of a request to the bytes of its answer: what the preview and `onestop settle` share."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Final, NamedTuple

from app.api import problems
from app.api.strict_json import NotJson
from app.api.wire import MAX_BODY, Envelope, Malformed, YearSource, read_request, write_settlement
from app.settlement.settle import Refused
from app.settlement.year import NO_YEAR
from app.usecases.check_roster import refused_by_roster
from app.usecases.preview_settlement import preview_settlement

if TYPE_CHECKING:
    from app.api.request_form import Request
    from app.policies.catalogue import Catalogue
    from app.settlement.bill import Bill
    from app.settlement.result import Settlement
    from app.settlement.year import YearToDate
    from app.usecases.check_roster import RosterMode, StatusCheck

_GARBAGE_THRESHOLD: Final = 50_000


def collect_rarely() -> None:
    """Ask of the garbage collector, in a process that settles many bills, not to walk over them again and again.

    What is loaded by now stays, and what a bill leaves behind holds no cycles and goes by itself.
    """
    gc.freeze()
    gc.set_threshold(_GARBAGE_THRESHOLD)


class Settled(NamedTuple):
    """A settled bill and its answer."""

    settlement: Settlement
    body: bytes


def answer(body: bytes, catalogue: Catalogue, absent_year: YearSource = "request") -> Settled | problems.Document:
    """Settle one request without recording it: the answer, or the problem document that says why there is none.

    An absent year to date is zeros. `absent_year` says whose these are: those of the request, as if it had said `{}`,
    or the ledger's own, in which nothing is recorded.
    """
    request = read(body)
    if isinstance(request, problems.Document):
        return request
    if request.year_to_date is None:
        return settled(request.bill, NO_YEAR, absent_year, catalogue)
    return settled(request.bill, request.year_to_date, "request", catalogue)


def read(body: bytes) -> Request | problems.Document:
    """Read one request, or say what is wrong with its form."""
    if len(body) > MAX_BODY:
        return problems.document(problems.BODY_TOO_LARGE, f"A request has at most {MAX_BODY:,} bytes.")
    try:
        request = read_request(body)
    except NotJson as error:
        return problems.not_json(str(error))
    return problems.refused(request.findings) if isinstance(request, Malformed) else request


def settled(  # noqa: PLR0913 # a bill, and all that it is settled with
    bill: Bill,
    year: YearToDate,
    source: YearSource,
    catalogue: Catalogue,
    check: StatusCheck | None = None,
    roster: RosterMode = "off",
) -> Settled | problems.Document:
    """Settle one bill without recording it, or say why it is refused."""
    settlement = preview_settlement(bill, year, catalogue)
    if isinstance(settlement, Refused):
        return problems.refused(settlement.findings)
    refused = None if check is None else refused_by_roster(check, roster)
    if refused is not None:
        return problems.refused(refused.findings)
    return Settled(settlement, write_settlement(settlement, Envelope(source, status_check=check)))
