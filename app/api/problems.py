"""Problem documents (RFC 9457): the one place that turns what went wrong into an answer, in our own words."""

from __future__ import annotations

import json
from typing import Final, NamedTuple

from app.settlement.refusals import FIELD_INVALID, Finding, Refusal

MEDIA_TYPE: Final = "application/problem+json"
MAX_ERRORS: Final = 100


class Problem(NamedTuple):
    """A kind of problem, defined once: its stable code, HTTP status and title."""

    code: str
    status: int
    title: str


NOT_JSON: Final = Problem("not_json", 400, "The body is not JSON")
UNAUTHORIZED: Final = Problem("unauthorized", 401, "A key is needed")
FORBIDDEN: Final = Problem("forbidden", 403, "The key does not reach this far")
NOT_FOUND: Final = Problem("not_found", 404, "There is nothing here")
BILL_CONFLICT: Final = Problem("bill_conflict", 409, "Another request is recorded for this bill")
NOT_LATEST_SETTLEMENT: Final = Problem("not_latest_settlement", 409, "A later settlement builds on this one")
SETTLEMENT_REVERSED: Final = Problem("settlement_reversed", 409, "The settlement is not in force any more")
METHOD_NOT_ALLOWED: Final = Problem("method_not_allowed", 405, "The method is not allowed here")
BODY_TIMEOUT: Final = Problem("body_timeout", 408, "The body did not arrive in time")
BODY_TOO_LARGE: Final = Problem("body_too_large", 413, "The body is larger than 8 MiB")
UNSUPPORTED_MEDIA_TYPE: Final = Problem("unsupported_media_type", 415, "The body must be application/json")
INTERNAL_ERROR: Final = Problem("internal_error", 500, "The service made a mistake")
LEDGER_UNREACHABLE: Final = Problem("ledger_unreachable", 503, "The ledger cannot be reached")
LEDGER_BUSY: Final = Problem("ledger_busy", 503, "The ledger is busy")
ISSUER_UNREACHABLE: Final = Problem("issuer_unreachable", 503, "The identity provider cannot be reached")
OVERLOADED: Final = Problem("overloaded", 503, "Too many requests at once")
DRAINING: Final = Problem("draining", 503, "The service is about to stop")
OUTCOME_UNKNOWN: Final = Problem("outcome_unknown", 503, "Whether it was recorded is not known yet")
# Answered beside the application, so no operation of the OpenAPI document has it.
CLIENT_GONE: Final = Problem("client_gone", 499, "The client went away")
NOT_HTTP: Final = Problem("not_http", 400, "The request cannot be read as HTTP")

ALL_PROBLEMS: Final = (
    NOT_JSON,
    UNAUTHORIZED,
    FORBIDDEN,
    NOT_FOUND,
    BILL_CONFLICT,
    NOT_LATEST_SETTLEMENT,
    SETTLEMENT_REVERSED,
    METHOD_NOT_ALLOWED,
    BODY_TIMEOUT,
    BODY_TOO_LARGE,
    UNSUPPORTED_MEDIA_TYPE,
    INTERNAL_ERROR,
    LEDGER_UNREACHABLE,
    LEDGER_BUSY,
    OUTCOME_UNKNOWN,
    ISSUER_UNREACHABLE,
    OVERLOADED,
    DRAINING,
)

# After so many seconds a request that got 503 is worth another try.
RETRY_SECONDS: Final = {
    LEDGER_UNREACHABLE.code: 5,
    LEDGER_BUSY.code: 1,
    OUTCOME_UNKNOWN.code: 1,
    ISSUER_UNREACHABLE.code: 5,
    OVERLOADED.code: 1,
    DRAINING.code: 1,
}

PARAMETER_INVALID: Final = Refusal(FIELD_INVALID.code, "The parameter has the wrong form; /docs says which it has.")

REFUSED_STATUS: Final = 422
_REFUSED_TITLE: Final = "The request is refused; nothing is settled"


class Document(NamedTuple):
    """A rendered problem: what the client gets, and the codes that metrics count."""

    status: int
    code: str
    body: bytes


def refused(findings: list[Finding]) -> Document:
    """Render the refusal of a bill: all findings at once, the first hundred; the first one's code leads."""
    first = findings[0]
    shown = findings[:MAX_ERRORS]
    detail = first.detail if len(findings) == 1 else f"{first.detail} It is the first of {len(shown)} errors listed."
    return _render(Problem(first.code, REFUSED_STATUS, _REFUSED_TITLE), detail, shown)


def document(problem: Problem, detail: str) -> Document:
    """Render a problem that is not about single members of a bill."""
    return _render(problem, detail, [])


def bill_conflict(settlement_id: str) -> Document:
    """Render that another request is recorded under the bill's key, and name its settlement."""
    detail = (
        "Another request with this facility.code and bill_id is recorded. To change it, reverse or correct the "
        "settlement named here."
    )
    return _render(BILL_CONFLICT, detail, [], {"settlement_id": settlement_id})


def not_json(detail: str) -> Document:
    """Render a body that is no JSON: one error, at the root."""
    return _render(NOT_JSON, detail, [Finding("", NOT_JSON.code, detail)])


def type_of(code: str) -> str:
    """The URI that names a kind of problem."""
    return f"urn:onestop:problem:{code}"


def _render(problem: Problem, detail: str, findings: list[Finding], more: dict[str, str] | None = None) -> Document:
    members = {
        "type": type_of(problem.code),
        "title": problem.title,
        "status": problem.status,
        "detail": detail,
        "code": problem.code,
        "errors": [finding._asdict() for finding in findings],
        **(more or {}),
    }
    body = json.dumps(members, ensure_ascii=False, separators=(",", ":")).encode()
    return Document(problem.status, problem.code, body)
