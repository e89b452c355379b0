"""The OpenAPI document: committed, valid, complete in its examples, and true of the running service."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from app.api.problems import ALL_PROBLEMS, INTERNAL_ERROR, METHOD_NOT_ALLOWED
from app.settlement.refusals import CODES
from app.usecases.check_roster import STATUS_NOT_ON_ROSTER
from tests.api.service import JSON, MEDIA_TYPE, PREVIEW, Service, changed, written
from tools import openapi

ROOT = Path(__file__).resolve().parents[2]
COMMITTED = ROOT / "openapi" / "openapi.json"
DOCUMENT: dict[str, Any] = json.loads(COMMITTED.read_text("utf-8"))
PATHS: dict[str, Any] = DOCUMENT["paths"]
OPERATIONS = [(path, method) for path, operations in PATHS.items() for method in operations]
POST = PATHS[PREVIEW]["post"]
REQUESTS: dict[str, Any] = POST["requestBody"]["content"]["application/json"]["examples"]
SETTLED: dict[str, Any] = POST["responses"]["200"]["content"]["application/json"]["examples"]
REFUSED: dict[str, Any] = POST["responses"]["422"]["content"][MEDIA_TYPE]["examples"]


@pytest.fixture
def tool(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    """`python -m tools.openapi …` with a file to look at: the exit status, and what it says on standard error."""

    def run(*arguments: str, committed: Path = COMMITTED) -> tuple[int, str]:
        monkeypatch.setattr(openapi, "COMMITTED", committed)
        monkeypatch.setattr(sys, "argv", ["openapi", *arguments])
        return openapi.main(), capsys.readouterr().err

    return run


def test_the_committed_document_is_what_the_code_gives(tool: Callable[..., tuple[int, str]]) -> None:
    assert tool("--check") == (0, "")


def test_a_document_that_differs_is_told_and_not_touched(tool: Callable[..., tuple[int, str]], tmp_path: Path) -> None:
    copy = tmp_path / "openapi" / "openapi.json"
    told = (1, "openapi/openapi.json is not what the code gives: run `make openapi` and commit it\n")
    assert tool("--check", committed=copy) == told
    assert not copy.exists()
    assert tool(committed=copy) == (0, "")
    assert copy.read_bytes() == COMMITTED.read_bytes()
    copy.write_bytes(COMMITTED.read_bytes() + b" ")
    assert tool("--check", committed=copy) == told
    assert copy.read_bytes() == COMMITTED.read_bytes() + b" "


def test_the_document_is_written_for_people_to_compare() -> None:
    text = COMMITTED.read_text("utf-8")
    assert text == json.dumps(DOCUMENT, indent=2, ensure_ascii=False) + "\n"
    assert "二(二)" in text


def test_the_service_serves_the_same_document(service: Service) -> None:
    answer = service.get("/openapi.json")
    assert answer.status_code == 200
    assert answer.json() == DOCUMENT


def test_the_document_is_valid_openapi() -> None:
    assert DOCUMENT["openapi"].startswith("3.1.")
    OpenAPIV31SpecValidator(DOCUMENT).validate()


def test_the_operations_are_those_of_the_contract() -> None:
    assert OPERATIONS == [
        (PREVIEW, "post"), ("/v1/settlements", "post"), ("/v1/settlements", "get"),
        ("/v1/settlements/{settlement_id}", "get"), ("/v1/settlements/{settlement_id}/reversal", "post"),
        ("/v1/settlements/{settlement_id}/correction", "post"), ("/v1/backstops", "get"), ("/v1/backstops/summary", "get"),
        ("/v1/backstops/export", "get"), ("/v1/backstops/{settlement_id}", "get"),
        ("/v1/reconciliations", "post"), ("/v1/reconciliations", "get"), ("/v1/reconciliations/{reconciliation_id}", "get"),
        ("/v1/reconciliations/{reconciliation_id}/report", "get"), ("/v1/roster/benefits", "get"),
        ("/v1/roster/benefits/export", "get"), ("/healthz", "get"), ("/readyz", "get"), ("/metrics", "get"), ("/v1/policies", "get"),
        ("/v1/policies/{policy_id}", "get"), ("/v1/audit", "get"),
    ]  # fmt: skip


def schema_of(content: dict[str, Any]) -> dict[str, Any]:
    schema: dict[str, Any] = content["schema"]
    return schema | {"components": DOCUMENT["components"]}


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_every_answer_of_an_operation_has_an_example_of_its_own_form(path: str, method: str) -> None:
    responses = PATHS[path][method]["responses"]
    assert {"200", "201"} & set(responses)
    for status, response in responses.items():
        *_, (media_type, content) = response["content"].items()
        assert (media_type == MEDIA_TYPE) == (int(status) >= 400)
        assert content["examples"]
        for example in content["examples"].values():
            jsonschema.Draft202012Validator(schema_of(content)).validate(example["value"])
            if int(status) >= 400:
                assert example["value"]["status"] == int(status)


def test_every_code_that_an_operation_answers_with_has_an_example() -> None:
    assert set(REFUSED) == set(CODES)
    shown = {
        example["value"]["code"]
        for operations in PATHS.values()
        for operation in operations.values()
        for response in operation["responses"].values()
        for example in response["content"].get(MEDIA_TYPE, {"examples": {}})["examples"].values()
    }
    # Another method and a mistake of ours belong to no operation.
    beyond = {METHOD_NOT_ALLOWED.code, INTERNAL_ERROR.code}
    assert shown == set(CODES) | {problem.code for problem in ALL_PROBLEMS} - beyond | {STATUS_NOT_ON_ROSTER.code}


@pytest.mark.parametrize("code", CODES)
def test_the_example_of_a_code_leads_with_it(code: str) -> None:
    assert REFUSED[code]["value"]["code"] == code


@pytest.mark.parametrize("name", REQUESTS)
def test_an_example_request_really_gets_its_example_answer(service: Service, name: str) -> None:
    answer = service.preview(REQUESTS[name]["value"])
    assert answer.json() == (SETTLED | REFUSED)[name]["value"]
    assert answer.status_code == (200 if name in SETTLED else 422)


def test_every_example_answer_has_its_request() -> None:
    """But for the one that would take 5,001 lines."""
    assert set(SETTLED | REFUSED) - set(REQUESTS) == {"too_many_lines"}
    assert set(REQUESTS) <= set(SETTLED | REFUSED)


def test_the_example_of_too_many_lines_is_the_real_answer(service: Service) -> None:
    assert service.preview(changed({"/lines": [{}] * 5001})).json() == REFUSED["too_many_lines"]["value"]


@pytest.mark.parametrize(("status", "body", "headers"), [
    ("413", b" " * (8 * 1024 * 1024 + 1), JSON), ("415", b"{}", {"content-type": "text/plain"}), ("400", b"{", JSON),
])  # fmt: skip
def test_the_other_problems_have_the_members_of_their_examples(
    service: Service, status: str, body: bytes, headers: dict[str, str]
) -> None:
    (example,) = POST["responses"][status]["content"][MEDIA_TYPE]["examples"].values()
    answer = service.preview(body, headers)
    said, shown = answer.json(), example["value"]
    for members in (said, *said["errors"], shown, *shown["errors"]):
        members.pop("detail")
    assert said == shown


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/v1/policies"])
def test_an_example_of_a_read_is_the_real_answer(service: Service, path: str) -> None:
    ((_, content),) = PATHS[path]["get"]["responses"]["200"]["content"].items()
    assert service.get(path).json() == content["examples"]["example"]["value"]


def test_the_example_of_a_policy_is_the_beginning_of_the_real_one(service: Service) -> None:
    shown = PATHS["/v1/policies/{policy_id}"]["get"]["responses"]["200"]["content"]["application/json"]["examples"][
        "example"
    ]["value"]
    real = service.get(f"/v1/policies/{shown['id']}").json()
    assert len(shown["numbers"]) == 3
    assert shown == real | {"numbers": real["numbers"][:3]}
    jsonschema.Draft202012Validator(
        {"$ref": "#/components/schemas/Policy", "components": DOCUMENT["components"]}
    ).validate(real)


@pytest.mark.parametrize(("changes", "right"), [
    ({}, True), ({"/prepaid": 1}, True), ({"/prepaid": "-1"}, False), ({"/prepaid": None}, False), ({"/prepaid": "1e2"}, False),
    ({"/prepaid": True}, False), ({"/bill_id": ""}, False), ({"/bill_id": "a\u0000"}, False), ({"/bill_id": "a" * 65}, False),
    ({"/facility/county": None}, True), ({"/facility/county": "4503"}, False), ({"/patient/status": "poor"}, False),
    ({"/x": 1}, False), ({"/lines/0/line_no": 0}, False), ({"/lines/0/line_no": "1"}, False), ({"/lines/0/quantity": "1,0"}, False),
    ({"/lines/0/ceiling_price": None}, True), ({"/lines": [{}]}, False), ({"/encounter/admitted_on": 20180601}, False),
    ({"/year_to_date": {}}, True), ({"/year_to_date": None}, False), ({"/year_to_date": {"covered": "-0.01"}}, False),
], ids=str)  # fmt: skip
def test_the_schema_of_a_request_and_the_service_agree(service: Service, changes: dict[str, Any], right: bool) -> None:
    schema = schema_of(POST["requestBody"]["content"]["application/json"])
    assert jsonschema.Draft202012Validator(schema).is_valid(changed(changes)) == right
    assert (service.preview(written(changes)).status_code == 200) == right
