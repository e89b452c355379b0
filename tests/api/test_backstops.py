"""The insurer's lists over HTTP: what an item says, what evidence shows, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.api.asked import BACKSTOPPED, a_bill, recorded
from tests.api.service import JSON, Service, problem


def poor(**changes: Any) -> Any:
    return a_bill(**(BACKSTOPPED | {"/facility/code": "HB"} | changes))


def items(service: Service, **query: Any) -> list[dict[str, Any]]:
    answer = service.get("/v1/backstops", params={"facility": "HB", "limit": 1000} | query)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


def test_an_item_says_what_was_covered_before_and_after(service: Service) -> None:
    # Of 1,400.00 only the drugs of 400.00 are in the catalogue. No deductible, 80 % by the fund: 320.00; civil affairs
    # pay 70 % of the 80.00 that are left: 56.00. The backstop raises these 376.00 to 90 % of the whole: 1,260.00.
    settlement_id = recorded(service, poor())
    (item,) = [each for each in items(service) if each["settlement_id"] == settlement_id]
    day = service.get(f"/v1/settlements/{settlement_id}").json()["settled_at"][:10]
    assert item == {
        "settlement_id": settlement_id, "kind": "settlement", "day": day, "discharged_on": "2018-06-15",
        "facility_code": "HB", "pooling_area": "450300", "tier": "secondary", "total_cost": "1400.00",
        "covered_before": "376.00", "ratio_before": "0.2686", "backstop": "884.00", "ratio_after": "0.9000",
        "status": "settled", "payment": None,
    }  # fmt: skip # one item


def test_a_reversal_is_the_same_item_negated(service: Service) -> None:
    settlement_id = recorded(service, poor())
    path = f"/v1/settlements/{settlement_id}/reversal"
    service.client.post(path, content=b'{"reason": "entered twice"}', headers=JSON)
    settled, taken_back = [each for each in items(service) if each["settlement_id"] == settlement_id]
    assert (settled["kind"], settled["status"]) == ("settlement", "reversed")
    assert taken_back == settled | {
        "kind": "reversal", "total_cost": "-1400.00", "covered_before": "-376.00", "backstop": "-884.00",
        "day": taken_back["day"],
    }  # fmt: skip # one item
    assert not [each for each in items(service, include_reversed="false") if each["settlement_id"] == settlement_id]


def test_a_settlement_without_a_backstop_is_no_item(service: Service) -> None:
    settlement_id = recorded(service, a_bill(**{"/facility/code": "HB"}))
    assert not [each for each in items(service) if each["settlement_id"] == settlement_id]
    assert problem(service.get(f"/v1/backstops/{settlement_id}")) == (404, "not_found", [])


def test_the_smallest_amount_keeps_pairs_together(service: Service) -> None:
    settlement_id = recorded(service, poor())
    service.client.post(f"/v1/settlements/{settlement_id}/reversal", content=b'{"reason": "r"}', headers=JSON)
    for least, count in (("884", 2), ("884.00", 2), ("884.01", 0), ("0", 2)):
        found = [each for each in items(service, min_amount=least) if each["settlement_id"] == settlement_id]
        assert len(found) == count, least


def test_evidence_is_the_recorded_stage_with_the_payers_before_it(service: Service) -> None:
    settlement_id = recorded(service, poor())
    settled = service.get(f"/v1/settlements/{settlement_id}").json()
    evidence = service.get(f"/v1/backstops/{settlement_id}").json()
    (stage,) = [stage for stage in settled["stages"] if stage["stage"] == "backstop"]
    assert evidence["stage"] == stage
    assert evidence["stage"]["inputs"]["owed"] == "1260.00"
    assert evidence["payers_before"] == {
        "basic_insurance": "320.00", "critical_illness": "0.00", "medical_assistance": "56.00", "emergency_aid": "0.00",
        "second_reimbursement": "0.00",
    }  # fmt: skip # one split
    assert (evidence["status"], evidence["reversed_on"], evidence["payments"]) == ("settled", None, [])
    assert evidence["policy"] == settled["policy"]
    text = json.dumps(evidence, ensure_ascii=False)
    for name in ("王小明", "医院", "治疗", settled["bill_id"].replace("A", "P")):
        assert name not in text
    assert "lines" not in evidence


@pytest.mark.parametrize("path", ["/v1/backstops", "/v1/backstops/summary", "/v1/backstops/export"])
@pytest.mark.parametrize(("query", "pointer"), [
    ("from=2026-1-1", "/from"), ("to=2026-02-30", "/to"), ("pooling_area=45", "/pooling_area"), ("facility=", "/facility"),
    ("min_amount=-1", "/min_amount"), ("min_amount=1.001", "/min_amount"), ("min_amount=1e2", "/min_amount"),
    ("min_amount=%EF%BC%91", "/min_amount"), ("include_reversed=maybe", "/include_reversed"), ("facility=%01", "/facility"),
])  # fmt: skip
def test_parameters_of_another_form_are_refused(service: Service, path: str, query: str, pointer: str) -> None:
    assert problem(service.get(f"{path}?{query}")) == (422, "field_invalid", [pointer])


@pytest.mark.parametrize(("path", "pointer"), [
    ("/v1/backstops?cursor=x", "/cursor"), ("/v1/backstops?cursor=AAAA", "/cursor"), ("/v1/backstops?limit=1001", "/limit"),
    ("/v1/backstops/summary?group_by=patient", "/group_by"), ("/v1/backstops/export?format=xlsx", "/format"),
])  # fmt: skip
def test_parameters_of_one_list_are_refused(service: Service, path: str, pointer: str) -> None:
    assert problem(service.get(path)) == (422, "field_invalid", [pointer])


def test_an_export_of_nothing_has_its_head(service: Service) -> None:
    answer = service.get("/v1/backstops/export", params={"to": "2001-01-01"})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="backstops.csv"'
    assert answer.text == (
        "settlement_id,kind,day,discharged_on,facility_code,pooling_area,tier,total_cost,covered_before,ratio_before,"
        "backstop,ratio_after,status,payment\r\n"
    )
    for to in ("ndjson", "parquet"):
        empty = service.get("/v1/backstops/export", params={"to": "2001-01-01", "format": to})
        assert (empty.status_code, empty.content[:4]) == (200, b"PAR1" if to == "parquet" else b"")


def test_the_last_day_of_the_calendar_is_a_day(service: Service) -> None:
    assert items(service, to="9999-12-31") == items(service)
