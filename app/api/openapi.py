"""The OpenAPI document: what FastAPI derives from the routes, the request's form, and real answers as examples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fastapi.openapi.utils import get_openapi

from app.api import examples, problems
from app.api.request_form import REQUEST
from app.api.schemas import Problem
from app.settlement.refusals import CODES

if TYPE_CHECKING:
    from fastapi import FastAPI
    from pydantic import BaseModel

    from app.policies.catalogue import Catalogue

PREVIEW: Final = "/v1/settlements/preview"

_DESCRIPTION: Final = (
    "One answer at the hospital's window: who pays what of an itemized bill, to the fen, and why. "
    "Money, rates and quantities go out as strings and come in as strings or JSON numbers, read exactly as written."
)
_WHEN: Final = {
    400: "The body is not JSON.",
    404: "There is no such thing.",
    408: "The body did not arrive in time.",
    413: "The body is larger than 8 MiB.",
    415: "The body is not application/json.",
    422: "The request is refused: all its errors at once.",
}
_CODES: Final = {problem.status: problem.code for problem in problems.ALL_PROBLEMS}


def answers(model: type[BaseModel], *problem_statuses: int) -> dict[int | str, dict[str, Any]]:
    """Declare what a route answers with: a model, and problem documents."""
    responses: dict[int | str, dict[str, Any]] = {200: {"model": model}}
    return responses | {status: {"model": Problem, "description": _WHEN[status]} for status in problem_statuses}


def openapi_document(app: FastAPI, catalogue: Catalogue) -> dict[str, Any]:
    """Build the document; the examples are what the packs of `catalogue` make of the example requests."""
    document = get_openapi(
        title="onestop", version=app.version, openapi_version=app.openapi_version, summary="Hospital bill settlement",
        description=_DESCRIPTION, routes=app.routes,
    )  # fmt: skip # one call, one line of thought
    for path, operations in document["paths"].items():
        for operation in operations.values():
            for status, response in operation["responses"].items():
                if int(status) >= 400:  # noqa: PLR2004 # where HTTP's errors begin
                    _describe_problem(path, int(status), response, catalogue)
    _describe_preview(document["paths"][PREVIEW]["post"], catalogue)
    _describe_reads(document["paths"], catalogue)
    for name in ("HTTPValidationError", "ValidationError"):
        document["components"]["schemas"].pop(name, None)
    return document


def _describe_problem(path: str, status: int, response: dict[str, Any], catalogue: Catalogue) -> None:
    if status != problems.REFUSED_STATUS:
        shown = {_CODES[status]: {"value": examples.problem(_CODES[status])}}
    elif path == PREVIEW:
        shown = {code: {"value": examples.refusal(code, catalogue)} for code in CODES}
    else:
        shown = {"field_invalid": {"value": examples.parameter_refusal()}}
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


def _describe_reads(paths: dict[str, Any], catalogue: Catalogue) -> None:
    shown = {
        "/healthz": {"status": "ok"},
        "/readyz": {"status": "ready"},
        "/metrics": 'onestop_requests_total{method="POST",route="/v1/settlements/preview",status="200"} 1.0\n',
        "/v1/policies": examples.policies(catalogue),
        "/v1/policies/{policy_id}": examples.policy(catalogue),
    }
    for path, value in shown.items():
        (content,) = paths[path]["get"]["responses"]["200"]["content"].values()
        content["examples"] = {"example": {"value": value}}
