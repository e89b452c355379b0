"""The OpenAPI document: what FastAPI derives from the routes, the request's form, and real answers as examples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fastapi.openapi.utils import get_openapi

from app.access.rules import roles_for
from app.api import examples, ledger_requests, problems
from app.api.reconciling import MAX_ROWS, ROW
from app.api.request_form import REQUEST
from app.api.schemas import Problem
from app.exchange.tables import MEDIA_TYPES
from app.settlement.refusals import CODES
from app.usecases.check_roster import STATUS_NOT_ON_ROSTER

if TYPE_CHECKING:
    from fastapi import FastAPI
    from pydantic import BaseModel

    from app.policies.catalogue import Catalogue

SETTLEMENTS: Final = "/v1/settlements"
PREVIEW: Final = f"{SETTLEMENTS}/preview"
SETTLEMENT: Final = f"{SETTLEMENTS}/{{settlement_id}}"
REVERSAL: Final = f"{SETTLEMENT}/reversal"
CORRECTION: Final = f"{SETTLEMENT}/correction"
RECONCILIATIONS: Final = "/v1/reconciliations"
BENEFITS: Final = "/v1/roster/benefits"

_DESCRIPTION: Final = (
    "One answer at the hospital's window: who pays what of an itemized bill, to the fen, and why. "
    "Money, rates and quantities go out as strings and come in as strings or JSON numbers, read exactly as written."
)
_KEY: Final = "A key of `onestop key mint`."
_TOKENS: Final = "A token of the identity provider that the operator has set; docs/oidc.md."
_WHEN: Final = {
    400: "The body is not JSON.",
    401: "There is no key, or it is unknown, revoked or expired.",
    403: "The key has another role, or is for other facilities.",
    404: "There is no such thing.",
    408: "The body did not arrive in time.",
    409: "What is recorded stands against it.",
    413: "The body is larger than 8 MiB.",
    415: "The body is not application/json.",
    422: "The request is refused: all its errors at once.",
    503: "The ledger did not do it in time; Retry-After says when to try again.",
}
_CONFLICTS: Final = {
    SETTLEMENTS: problems.BILL_CONFLICT,
    REVERSAL: problems.NOT_LATEST_SETTLEMENT,
    CORRECTION: problems.SETTLEMENT_REVERSED,
}
_GOOD: Final = {200: "The answer.", 201: "It is recorded, durably."}
_AGAIN: Final = "It was recorded before by the same request: the recorded answer, byte for byte."


def answers(models: dict[int, type[BaseModel]], *problem_statuses: int) -> dict[int | str, dict[str, Any]]:
    """Declare what a route answers with: models by status, and problem documents."""
    responses: dict[int | str, dict[str, Any]] = {
        status: {"model": model, "description": _AGAIN if status == 200 and 201 in models else _GOOD[status]}  # noqa: PLR2004 # HTTP's own
        for status, model in models.items()
    }
    return responses | {status: {"model": Problem, "description": _WHEN[status]} for status in problem_statuses}


def openapi_document(app: FastAPI, catalogue: Catalogue) -> dict[str, Any]:
    """Build the document; the examples are what the packs of `catalogue` make of the example requests."""
    document = get_openapi(
        title="onestop", version=app.version, openapi_version=app.openapi_version, summary="Hospital bill settlement",
        description=_DESCRIPTION, routes=app.routes,
    )  # fmt: skip # one call, one line of thought
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            _describe_access(path, method, operation)
            for status, response in operation["responses"].items():
                if int(status) >= 400:  # noqa: PLR2004 # where HTTP's errors begin
                    _describe_problem(path, int(status), response, catalogue)
    _describe_preview(document["paths"][PREVIEW]["post"], catalogue)
    _describe_ledger(document["paths"], catalogue)
    _describe_reads(document["paths"], catalogue)
    document["components"]["securitySchemes"] = {
        "key": {"type": "http", "scheme": "bearer", "description": _KEY},
        "token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": _TOKENS},
    }
    for name in ("HTTPValidationError", "ValidationError"):
        document["components"]["schemas"].pop(name, None)
    return document


def _describe_access(path: str, method: str, operation: dict[str, Any]) -> None:
    """Say who may use an operation, from the rules themselves."""
    roles = roles_for(method.upper(), path)
    if roles is None:
        return
    operation["security"] = [{"key": []}, {"token": []}]
    operation["x-onestop-roles"] = sorted(roles)
    for status in (401, 403):
        operation["responses"][str(status)] = {"description": _WHEN[status]}
    operation["responses"] = dict(sorted(operation["responses"].items()))


def _describe_problem(path: str, status: int, response: dict[str, Any], catalogue: Catalogue) -> None:
    if status == problems.BILL_CONFLICT.status:
        shown = {_CONFLICTS[path].code: {"value": examples.problem(_CONFLICTS[path].code)}}
    elif status != problems.REFUSED_STATUS:
        codes = [problem.code for problem in problems.ALL_PROBLEMS if problem.status == status]
        shown = {code: {"value": examples.problem(code)} for code in codes}
    elif path == PREVIEW:
        shown = {code: {"value": examples.refusal(code, catalogue)} for code in CODES}
    else:
        shown = {"field_invalid": {"value": examples.parameter_refusal()}}
        if path == SETTLEMENTS:
            shown[STATUS_NOT_ON_ROSTER.code] = {"value": examples.roster_refusal()}
    schema = {"$ref": "#/components/schemas/Problem"}
    response["content"] = {problems.MEDIA_TYPE: {"schema": schema, "examples": shown}}


def _describe_preview(operation: dict[str, Any], catalogue: Catalogue) -> None:
    requests = {name: {"summary": why, "value": request} for name, (why, request) in examples.REQUESTS.items()}
    operation["requestBody"] = {
        "required": True,
        "content": {"application/json": {"schema": REQUEST.schema, "examples": requests}},
    }
    shown = {
        name: {"summary": why, "value": examples.answer_to(request, catalogue)}
        for name, (why, request) in examples.REQUESTS.items()
        if name not in examples.BROKEN
    }
    operation["responses"]["200"]["content"]["application/json"]["examples"] = shown


def _describe_ledger(paths: dict[str, Any], catalogue: Catalogue) -> None:
    """Give the ledger's operations their requests and answers; all are about one bill, its reversal, its correction."""
    shown = examples.recorded(catalogue)
    bodies = {
        (SETTLEMENTS, "post"): (REQUEST.schema, examples.BILL),
        (REVERSAL, "post"): (ledger_requests.REVERSAL.schema, examples.REVERSAL),
        (CORRECTION, "post"): (ledger_requests.CORRECTION.schema, examples.CORRECTION),
    }
    said = {
        (SETTLEMENTS, "post"): shown.settlement,
        (SETTLEMENTS, "get"): shown.page,
        (SETTLEMENT, "get"): shown.settlement,
        (REVERSAL, "post"): shown.reversal,
        (CORRECTION, "post"): shown.correction,
    }
    for (path, method), (schema, request) in bodies.items():
        content = {"schema": schema, "examples": {"example": {"value": request}}}
        paths[path][method]["requestBody"] = {"required": True, "content": {"application/json": content}}
    for (path, method), answer in said.items():
        for status, response in paths[path][method]["responses"].items():
            if int(status) < 400:  # noqa: PLR2004 # where HTTP's errors begin
                response["content"]["application/json"]["examples"] = {"example": {"value": answer}}


def _describe_reads(paths: dict[str, Any], catalogue: Catalogue) -> None:
    shown = examples.recorded(catalogue)
    _describe_export(paths, "/v1/backstops/export", shown.backstops["items"])
    _describe_export(paths, f"{BENEFITS}/export", examples.BENEFITS["items"])
    _describe_reconciliations(paths)
    said = {
        "/healthz": {"status": "ok"},
        "/readyz": {"status": "ready"},
        "/v1/audit": examples.AUDIT,
        BENEFITS: examples.BENEFITS,
        "/v1/backstops": shown.backstops,
        "/v1/backstops/summary": shown.backstop_sums,
        "/v1/backstops/{settlement_id}": shown.backstop,
        "/metrics": 'onestop_requests_total{method="POST",route="/v1/settlements/preview",status="200"} 1.0\n',
        "/v1/policies": examples.policies(catalogue),
        "/v1/policies/{policy_id}": examples.policy(catalogue),
    }
    for path, value in said.items():
        (content,) = paths[path]["get"]["responses"]["200"]["content"].values()
        content["examples"] = {"example": {"value": value}}


def _describe_reconciliations(paths: dict[str, Any]) -> None:
    """Give a reconciliation its rows in each format, and what is answered."""
    run, report, table = examples.reconciliation()
    rows = {"type": "array", "maxItems": MAX_ROWS, "items": ROW.schema}
    binary = {"type": "string", "format": "binary"}
    body = {"type": "object", "additionalProperties": False, "required": ["rows"], "properties": {"rows": rows}}
    path = RECONCILIATIONS
    paths[path]["post"]["requestBody"] = {
        "required": True,
        "content": {
            "application/json": {"schema": body, "examples": {"example": {"value": examples.RECONCILED}}},
            "text/csv": {"schema": {"type": "string"}, "examples": {"example": {"value": table}}},
            "application/vnd.apache.parquet": {"schema": binary},
        },
    }
    page = {"items": [run], "next_cursor": None}
    said = [
        (path, "post", "201", run),
        (path, "get", "200", page),
        (f"{path}/{{reconciliation_id}}", "get", "200", run),
    ]
    for where, method, status, value in said:
        content = paths[where][method]["responses"][status]["content"]["application/json"]
        content["examples"] = {"example": {"value": value}}
    csv = {MEDIA_TYPES["csv"]: {"schema": {"type": "string"}, "examples": {"example": {"value": report}}}}
    paths[f"{path}/{{reconciliation_id}}/report"]["get"]["responses"]["200"] = {
        "description": "The file.",
        "content": csv,
    }


def _describe_export(paths: dict[str, Any], path: str, items: list[dict[str, Any]]) -> None:
    """Say of an export what its formats are; the one that is text for people is shown."""
    head, row = ",".join(items[0]), ",".join("" if value is None else str(value) for value in items[0].values())
    content: dict[str, Any] = {
        media_type: {"schema": {"type": "string", "format": "binary"}} for media_type in reversed(MEDIA_TYPES.values())
    }
    content[MEDIA_TYPES["csv"]]["examples"] = {"example": {"value": f"{head}\r\n{row}\r\n"}}
    paths[path]["get"]["responses"]["200"] = {"description": "The file.", "content": content}
