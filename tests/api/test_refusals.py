"""Refusals over HTTP (settlement.md §3, api.md "Forms" and "Errors"): status, code, pointers, their order."""

from __future__ import annotations

from typing import Any

import pytest

from app.settlement.refusals import CODES
from tests.api.service import ABSENT, Service, changed, findings, problem, spliced


def refund(amount: str, **members: Any) -> dict[str, Any]:
    """A third line that gives back pieces of the second, at 1000.00."""
    line = {"line_no": 3, "code": "T1", "category": "treatment", "catalogue_class": "A", "unit_price": amount}
    return line | {"quantity": "-1", "amount": f"-{amount}"} | members


def with_line(line: dict[str, Any]) -> dict[str, Any]:
    return {"/lines": [*changed({})["lines"], line]}


MANY = [{"line_no": 1}] * 5001
BAD = "field_invalid"

# One row a code of §3, and a second where a code has a second place.
TABLE: list[tuple[str, dict[str, Any], list[str]]] = [
    ("5,001 lines, whatever they hold", {"/lines": MANY, "/x": 1}, ["/lines too_many_lines"]),
    ("a wrong form", {"/lines/1/quantity": "1,0"}, [f"/lines/1/quantity {BAD}"]),
    ("a quantity out of range", {"/lines/1/quantity": "100000000.0001", "/lines/1/unit_price": "0.00001"},
        ["/lines/1/quantity amount_out_of_range"]),
    ("a price out of range", {"/lines/1/quantity": "0.0001", "/lines/1/unit_price": "100000000.000001", "/lines/1/amount": "10000"},
        ["/lines/1/unit_price amount_out_of_range"]),
    ("an amount out of range", {"/lines/1/unit_price": "100000000.01", "/lines/1/amount": "100000000.01"},
        ["/lines/1/unit_price amount_out_of_range", "/lines/1/amount amount_out_of_range"]),
    ("a ceiling out of range", {"/lines/1/ceiling_price": 100000001}, ["/lines/1/ceiling_price amount_out_of_range"]),
    ("a year to date out of range", {"/year_to_date/covered": "100000000.01"}, ["/year_to_date/covered amount_out_of_range"]),
    ("emergency aid out of range", {"/emergency_aid_approved": "1000000000"}, ["/emergency_aid_approved amount_out_of_range"]),
    ("a deposit out of range", {"/prepaid": 1000000000}, ["/prepaid amount_out_of_range"]),
    ("a total out of range",
        {"/lines/0/unit_price": "10000000", "/lines/0/amount": "100000000", "/lines/1/unit_price": "0.01", "/lines/1/amount": "0.01"},
        ["/lines amount_out_of_range"]),
    ("a facility without a contract", {"/facility/designated": False}, ["/facility/designated facility_not_designated"]),
    ("left before they came", {"/encounter/discharged_on": "2018-05-31"}, ["/encounter/discharged_on dates_invalid"]),
    ("a day before the policy", {"/encounter/admitted_on": "2017-12-01", "/encounter/discharged_on": "2017-12-12"},
        ["/encounter/discharged_on no_policy_in_force"]),
    ("a region without a policy", {"/patient/pooling_area": "110000"}, ["/encounter/discharged_on no_policy_in_force"]),
    ("outpatient care that the policy lacks", {"/patient/pooling_area": "610100", "/encounter/type": "chronic_outpatient",
        "/encounter/admitted_on": "2020-12-01", "/encounter/discharged_on": "2020-12-02"}, ["/encounter/type no_policy_in_force"]),
    ("an injury at work", {"/encounter/cause": "work_injury"}, ["/encounter/cause work_injury_liability"]),
    ("an injury by somebody", {"/encounter/cause": "third_party"}, ["/encounter/cause third_party_liability"]),
    ("a number used twice", {"/lines/1/line_no": 1}, ["/lines/1/line_no line_no_duplicate"]),
    ("a quantity of nothing", {"/lines/1/quantity": 0}, ["/lines/1/quantity line_invalid"]),
    ("a negative price", {"/lines/1/unit_price": "-1000"}, ["/lines/1/unit_price line_invalid"]),
    ("a negative ceiling", {"/lines/1/ceiling_price": "-0.01"}, ["/lines/1/ceiling_price line_invalid"]),
    ("signs that differ", {"/lines/1/quantity": "-1"}, ["/lines/1/amount line_invalid"]),
    ("another amount than quantity × price", {"/lines/1/amount": "1000.02"}, ["/lines/1/amount line_amount_mismatch"]),
    ("a ratio on class A", {"/lines/1/self_pay_ratio": "0"}, ["/lines/1/self_pay_ratio self_pay_ratio_invalid"]),
    ("a ratio above 1", {"/lines/1/catalogue_class": "B", "/lines/1/self_pay_ratio": "1.0001"},
        ["/lines/1/self_pay_ratio self_pay_ratio_invalid"]),
    ("a treatment as essential medicine", {"/lines/1/essential_medicine": True},
        ["/lines/1/essential_medicine essential_medicine_invalid"]),
    ("more given back than taken", with_line(refund("1000.01")), ["/lines/2/amount refund_exceeds_charge"]),
    ("more of class C given back than taken", with_line(refund("1.00", catalogue_class="C")), ["/lines refund_exceeds_charge"]),
    ("an empty bill", {"/lines": []}, ["/lines bill_total_not_positive"]),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "expected"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_a_refusal_names_its_code_and_place(service: Service, changes: dict[str, Any], expected: list[str]) -> None:
    answer = service.preview(changed(changes))
    assert findings(answer) == expected
    assert answer.json()["title"] == "The request is refused; nothing is settled"


def test_every_code_of_the_contract_has_a_row() -> None:
    """The codes, written out from the contract, are those of the code and of the rows above."""
    contract = {
        "too_many_lines", "field_invalid", "amount_out_of_range", "facility_not_designated", "dates_invalid",
        "no_policy_in_force", "work_injury_liability", "third_party_liability", "line_no_duplicate", "line_invalid",
        "line_amount_mismatch", "self_pay_ratio_invalid", "essential_medicine_invalid", "refund_exceeds_charge",
        "bill_total_not_positive",
    }  # fmt: skip
    assert set(CODES) == contract
    assert {finding.split()[1] for _, _, expected in TABLE for finding in expected} == contract


def test_all_errors_of_a_bill_come_at_once_in_the_order_of_its_fields(service: Service) -> None:
    answer = service.preview(changed({
        "/prepaid": "1e9", "/lines/1/amount": "x", "/lines/0/z": 1, "/lines/0/code": "", "/lines/0/quantity": ABSENT,
        "/encounter/cause": "Illness", "/patient/person_id": ABSENT, "/patient/name": 7, "/facility": [], "/b": 1, "/a": 2,
    }))  # fmt: skip
    assert findings(answer) == [
        f"{pointer} {BAD}" for pointer in (
            "/b", "/a", "/facility", "/patient/person_id", "/patient/name", "/encounter/cause", "/lines/0/z",
            "/lines/0/quantity", "/lines/0/code", "/lines/1/amount", "/prepaid",
        )
    ]  # fmt: skip
    assert answer.json()["detail"] == "The member is unknown. It is the first of 11 errors listed."


def test_rules_are_looked_at_only_where_all_forms_are_right(service: Service) -> None:
    broken = {"/facility/designated": False, "/lines/0/amount": "1.00"}
    assert findings(service.preview(changed(broken))) == [
        "/facility/designated facility_not_designated", "/lines/0/amount line_amount_mismatch",
    ]  # fmt: skip
    assert findings(service.preview(changed(broken | {"/prepaid": "-1"}))) == [f"/prepaid {BAD}"]


def test_sums_are_looked_at_only_where_all_rules_hold(service: Service) -> None:
    refunded = with_line(refund("1000.01"))
    assert findings(service.preview(changed(refunded | {"/encounter/cause": "third_party"}))) == [
        "/encounter/cause third_party_liability",
    ]  # fmt: skip


@pytest.mark.parametrize(("member", "code"), [("amount", "line_amount_mismatch"), ("category", BAD)])
def test_the_first_hundred_errors_are_shown(service: Service, member: str, code: str) -> None:
    lines = [changed({})["lines"][1] | {"line_no": number, member: "7"} for number in range(1, 151)]
    answer = service.preview(changed({"/lines": lines}))
    assert findings(answer) == [f"/lines/{index}/{member} {code}" for index in range(100)]
    assert answer.json()["detail"].endswith("It is the first of 100 errors listed.")


def test_a_single_error_is_the_detail_of_the_whole(service: Service) -> None:
    document = service.preview(changed({"/lines": []})).json()
    assert document["detail"] == document["errors"][0]["detail"] == "The bill's total is not above 0."


ROOT_MISSING = ["/bill_id", "/facility", "/patient", "/encounter", "/lines"]

# What a member may be, at the edge: right forms settle, wrong ones are pointed at.
FORMS: list[tuple[str, str | bytes, bool]] = [
    ("/prepaid", "1e2", True), ("/prepaid", "1E+2", True), ("/prepaid", "100000e-3", True), ("/prepaid", "0.0100", True),
    ("/prepaid", "-0.00", True), ("/prepaid", "0e999999999999", True), ("/prepaid", '"' + "0" * 37 + '1.0"', True),
    ("/prepaid", '"' + "0" * 38 + '1.0"', False), ("/prepaid", "0.001", False), ("/prepaid", "-0.01", False),
    ("/prepaid", "null", False), ("/prepaid", '""', False), ("/prepaid", "[]", False), ("/prepaid", "{}", False),
    ("/prepaid", '"1."', False), ("/prepaid", '".1"', False), ("/prepaid", '"1e2"', False), ("/prepaid", '"-"', False),
    ("/prepaid", '"1\\n"', False), ("/prepaid", '"\\u0031"', True), ("/prepaid", "999999999999999.999", False),
    ("/lines/1/unit_price", "1000.0000000", True), ("/lines/1/unit_price", "1000.0000001", False),
    ("/lines/1/quantity", "1.00001", False), ("/lines/1/quantity", "1.0000000000000000000000000001", False),
    ("/lines/1/amount", "1000000000000000", False), ("/lines/1/self_pay_ratio", "null", True),
    ("/lines/1/self_pay_ratio", "false", False), ("/lines/1/ceiling_price", "null", True), ("/lines/1/name", "null", True),
    ("/lines/1/line_no", "2147483647", True), ("/lines/1/line_no", "2147483648", False), ("/lines/1/line_no", "0", False),
    ("/lines/1/line_no", "-2", False), ("/lines/1/line_no", "-0", False), ("/lines/1/line_no", "null", False),
    ("/lines/1/essential_medicine", "null", False), ("/lines/1/essential_medicine", "0", False),
    ("/lines/1/code", '" "', True), ("/lines/1/code", '""', False), ("/lines/1/code", '"\\u007f"', False),
    ("/lines/1/code", '"\\u0080"', True), ("/lines/1/code", '"' + "码" * 64 + '"', True), ("/lines/1/code", '"' + "码" * 65 + '"', False),
    ("/lines/1/code", '"' + "🏥" * 64 + '"', True), ("/lines/1/code", '"' + "🏥" * 65 + '"', False),
    ("/lines/1/code", '"' + "\\ud83c\\udfe5" * 64 + '"', True), ("/lines/1/name", '"' + "名" * 200 + '"', True),
    ("/lines/1/name", '"' + "名" * 201 + '"', False), ("/lines/1/name", '""', True), ("/lines/1/name", '"a\\tb"', False),
    ("/lines/1/category", '"Treatment"', False), ("/lines/1/catalogue_class", '"a"', False),
    ("/facility/pooling_area", '"45030"', False), ("/facility/pooling_area", "450300", False),
    ("/facility/county", "null", True), ("/facility/county", '"４５０３２１"', False), ("/facility/designated", "null", False),
    ("/patient/status", "null", False), ("/patient/person_id", "1", False), ("/bill_id", "null", False),
    ("/encounter/admitted_on", '"2018-02-29"', False), ("/encounter/admitted_on", '"2016-02-29"', True),
    ("/encounter/admitted_on", '"2018-6-1"', False), ("/encounter/admitted_on", '"2018-06-01T00:00:00"', False),
    ("/encounter/admitted_on", '"1527811200"', False), ("/encounter/admitted_on", '"20180601"', False),
    ("/encounter/admitted_on", '"2018-W22-5"', False), ("/encounter/admitted_on", '"0000-01-01"', False),
    ("/encounter/admitted_on", '"２０１８-06-01"', False), ("/encounter/admission_number", '"1"', False),
    ("/encounter/admission_number", "1.0", False), ("/encounter/type", "null", False), ("/year_to_date", "null", False),
    ("/year_to_date", "{}", True), ("/year_to_date", '{"basic_paid": null}', False),
    ("/year_to_date", '{"basic_paid": -0.01}', False), ("/facility", "null", False), ("/lines", "{}", False),
    ("/lines/1", "null", False), ("/lines/1", "[]", False),
]  # fmt: skip


@pytest.mark.parametrize(("pointer", "text", "right"), FORMS, ids=[f"{row[0]} {str(row[1])[:40]}" for row in FORMS])
def test_a_member_takes_the_contracts_form_and_no_other(service: Service, pointer: str, text: str, right: bool) -> None:
    answer = service.preview(spliced(pointer, text))
    if right:
        assert answer.status_code == 200, answer.text
        return
    below = "/basic_paid" if "basic_paid" in text else ""
    assert findings(answer) == [f"{pointer}{below} {BAD}"]


@pytest.mark.parametrize(("body", "pointers"), [
    (b"{}", ROOT_MISSING), (b"null", [""]), (b"[]", [""]), (b"true", [""]), (b"0", [""]), (b'""', [""]),
    (b"[{}]", [""]), (b'{"facility": {}, "patient": 1}', ["/bill_id", "/encounter", "/lines", "/facility/code",
        "/facility/tier", "/facility/pooling_area", "/patient"]),
    (b'{"lines": [{"line_no": 1}]}', ["/bill_id", "/facility", "/patient", "/encounter", "/lines/0/code", "/lines/0/category",
        "/lines/0/catalogue_class", "/lines/0/quantity", "/lines/0/unit_price", "/lines/0/amount"]),
], ids=str)  # fmt: skip
def test_json_that_is_no_request_is_pointed_at_member_by_member(
    service: Service, body: bytes, pointers: list[str]
) -> None:
    assert problem(service.preview(body)) == (422, BAD, pointers)


@pytest.mark.parametrize(("name", "pointer"), [
    ("extra", "/patient/extra"), ("_", "/patient/_"), ("Name", "/patient/Name"), ("a" * 64, "/patient/" + "a" * 64),
    ("a" * 65, "/patient"), ("王小明", "/patient"), ("", "/patient"), ("a/b", "/patient"), ("a~b", "/patient"), ("a b", "/patient"),
    ("1a", "/patient"), ("a\n", "/patient"), ("é", "/patient"), ("a-b", "/patient"), ("４", "/patient"),
], ids=repr)  # fmt: skip
def test_an_unknown_member_is_pointed_at_only_where_its_name_cannot_be_somebodys(
    service: Service, name: str, pointer: str
) -> None:
    request = changed({})
    request["patient"][name] = 1
    assert findings(service.preview(request)) == [f"{pointer} {BAD}"]
