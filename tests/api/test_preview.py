"""A settled bill over HTTP: the contract's members in the contract's order, and the same bytes wherever it is settled."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tests.api.service import ABSENT, JSON, ONESTOP, PREVIEW, QUIET, Service, changed, written

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = json.loads((ROOT / "openapi" / "openapi.json").read_text("utf-8"))
SHARED = sorted((ROOT / "tests" / "cases" / "shared").glob("*.yaml"))
EXAMPLES = (ROOT / "examples" / "bills.ndjson").read_bytes().splitlines()

MEMBERS = [
    "settlement_id", "status", "bill_id", "facility_code", "settled_at", "policy", "insurance_year",
    "year_to_date_source", "costs", "deductible", "payers", "actual_reimbursement_ratio", "deposit_required",
    "amount_due", "refund_due", "catalogue_drug_ratio", "year_to_date", "stages", "lines", "explanation_version",
]  # fmt: skip
YEAR = [
    "total_cost", "basic_paid", "critical_illness_base", "critical_illness_paid", "medical_assistance_base",
    "medical_assistance_paid", "second_reimbursement_paid", "covered", "backstop_base", "backstop_covered",
    "backstop_paid", "local_subsidy_paid",
]  # fmt: skip
PAYERS = [
    "basic_insurance", "critical_illness", "medical_assistance", "emergency_aid", "second_reimbursement", "backstop",
    "local_subsidy", "patient",
]  # fmt: skip
STAGES = ["deductible", *PAYERS[:-1]]


def settled(service: Service, body: Any) -> dict[str, Any]:
    answer = service.preview(body)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    members: dict[str, Any] = answer.json()
    return members


def test_a_bill_is_settled_as_by_hand(service: Service) -> None:
    answer = settled(service, changed({"/prepaid": "700"}))
    assert (answer["settlement_id"], answer["status"], answer["settled_at"]) == (None, "preview", None)
    assert (answer["bill_id"], answer["facility_code"]) == ("B1", "H1")
    assert (answer["policy"]["id"], answer["policy"]["area"]) == ("guangxi@2017-12-13", "450000")
    assert (answer["insurance_year"], answer["year_to_date_source"]) == (2018, "request")
    assert answer["costs"] == {
        "total": "1400.00", "full_self_pay": "0.00", "over_ceiling": "0.00", "first_self_pay": "0.00", "eligible": "1400.00",
    }  # fmt: skip
    assert answer["deductible"] == {"amount": "400.00", "waived": "0.00"}
    assert answer["payers"] == dict.fromkeys(PAYERS, "0.00") | {"basic_insurance": "750.00", "patient": "650.00"}
    assert answer["actual_reimbursement_ratio"] == "0.5357"  # 750 / 1400
    assert (answer["deposit_required"], answer["amount_due"], answer["refund_due"]) == (True, "0.00", "50.00")
    assert answer["catalogue_drug_ratio"] is None
    assert answer["year_to_date"] == dict.fromkeys(YEAR, "0.00") | {
        "total_cost": "1400.00", "basic_paid": "750.00", "critical_illness_base": "650.00", "covered": "750.00",
    }  # fmt: skip
    assert answer["stages"][1] == {
        "stage": "basic_insurance", "applied": True, "reason": "applied",
        "inputs": answer["stages"][1]["inputs"], "rate": "0.7500", "amount": "750.00",
        "source": {"document": "桂人社发〔2017〕74号", "clause": "二(二)3"}, "text": answer["stages"][1]["text"],
    }  # fmt: skip
    assert "1,400.00" in answer["stages"][1]["text"]["zh-CN"]
    assert "750.00" in answer["stages"][1]["text"]["en"]
    assert [line["line_no"] for line in answer["lines"]] == [1, 2]
    assert answer["explanation_version"] == 1


def test_an_answer_has_the_contracts_members_in_its_order(service: Service) -> None:
    answer = settled(service, changed({"/patient/status": "registered_poor"}))
    assert list(answer) == MEMBERS
    assert list(answer["policy"]) == ["id", "area", "hash"]
    assert list(answer["costs"]) == ["total", "full_self_pay", "over_ceiling", "first_self_pay", "eligible"]
    assert list(answer["deductible"]) == ["amount", "waived"]
    assert list(answer["payers"]) == PAYERS
    assert list(answer["catalogue_drug_ratio"]) == ["ratio", "threshold", "met"]
    assert list(answer["year_to_date"]) == YEAR
    assert [stage["stage"] for stage in answer["stages"]] == STAGES
    for stage in answer["stages"]:
        assert list(stage) == ["stage", "applied", "reason", "inputs", "rate", "amount", "source", "text"]
        assert list(stage["text"]) == ["zh-CN", "en"]
    for line in answer["lines"]:
        assert list(line) == [
            "line_no", "full_self_pay", "over_ceiling", "first_self_pay", "eligible", "self_pay_ratio", "ratio_from",
        ]  # fmt: skip


def bills() -> list[Any]:
    cases = [pytest.param(yaml.safe_load(path.read_text("utf-8"))["request"], id=path.stem) for path in SHARED]
    return cases + [pytest.param(json.loads(line), id=f"example {number}") for number, line in enumerate(EXAMPLES, 1)]


@pytest.mark.parametrize("request_", bills())
def test_an_answer_has_the_form_of_the_openapi_document(service: Service, request_: dict[str, Any]) -> None:
    answer = service.preview(request_)
    assert answer.status_code in (200, 422)
    content = DOCUMENT["paths"][PREVIEW]["post"]["responses"][str(answer.status_code)]["content"]
    schema = content[answer.headers["content-type"]]["schema"] | {"components": DOCUMENT["components"]}
    jsonschema.Draft202012Validator(schema).validate(answer.json())


def test_an_absent_year_to_date_is_the_ledgers_and_zeros_where_nothing_is_recorded(service: Service) -> None:
    absent, zeros = settled(service, changed({"/year_to_date": ABSENT})), settled(service, changed({}))
    assert (absent.pop("year_to_date_source"), zeros.pop("year_to_date_source")) == ("ledger", "request")
    assert absent == zeros


def test_a_request_over_http_and_a_line_of_the_command_give_the_same_bytes(service: Service, tmp_path: Path) -> None:
    requests = [
        *EXAMPLES, written({}), written({"/patient/status": "registered_poor", "/bill_id": "“é\u2028🏥"}),
        written({"/lines/0/amount": "1"}), written({"/x": 1}), b"[", b'{"a":1,"a":1}',
    ]  # fmt: skip
    given = tmp_path / "bills.ndjson"
    given.write_bytes(b"\n".join(requests) + b"\n")
    command = subprocess.run(
        [ONESTOP, "settle", str(given)], capture_output=True, env=os.environ | QUIET, timeout=60, check=False
    )
    assert command.stdout.removesuffix(b"\n").split(b"\n") == [service.preview(body).content for body in requests]


def test_the_same_bytes_in_give_the_same_bytes_out(service: Service) -> None:
    assert service.preview(written({})).content == service.preview(written({})).content


@pytest.mark.parametrize("headers", [
    JSON,
    {"content-type": "application/json; charset=utf-8"},
    {"content-type": 'Application/JSON;charset="UTF-8"'},
    JSON | {"content-encoding": "identity"},
    JSON | {"accept": "text/html"},
], ids=str)  # fmt: skip
def test_json_in_utf8_is_taken_however_it_is_named(service: Service, headers: dict[str, str]) -> None:
    assert service.preview(written({}), headers).status_code == 200


def test_a_body_in_chunks_is_taken(service: Service) -> None:
    body = written({})
    answer = service.client.post(PREVIEW, content=iter([body[:7], body[7:300], body[300:]]), headers=JSON)
    assert "transfer-encoding" in answer.request.headers
    assert answer.content == service.preview(body).content


@pytest.mark.parametrize("pieces", [1, 127, 128, 5000])
def test_bills_of_every_size_are_settled_alike(service: Service, pieces: int) -> None:
    lines = [
        {"line_no": number, "code": f"C{number}", "category": "other", "catalogue_class": "C", "quantity": 1,
         "unit_price": "0.10", "amount": "0.10", "name": "名" * 200}
        for number in range(1, pieces + 1)
    ]  # fmt: skip
    answer = settled(service, changed({"/lines": lines}))
    expected = {1: "0.10", 127: "12.70", 128: "12.80", 5000: "500.00"}[pieces]
    assert answer["payers"]["patient"] == answer["costs"]["full_self_pay"] == expected
    assert [line["line_no"] for line in answer["lines"]] == list(range(1, pieces + 1))


def test_every_answer_carries_an_id_of_its_own_that_its_log_line_has_too(service: Service) -> None:
    answers = [service.preview(body) for body in (written({}), written({}), b"no")]
    assert len({answer.headers["x-request-id"] for answer in answers}) == 3
    assert [(line["route"], line["method"], line["status"]) for line in map(service.logged_of, answers)] == [
        (PREVIEW, "POST", 200), (PREVIEW, "POST", 200), (PREVIEW, "POST", 400),
    ]  # fmt: skip
