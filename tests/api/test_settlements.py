"""Settlements over HTTP: recorded once, found again, reversed, corrected, and listed."""

from __future__ import annotations

import copy
import itertools
import json
from collections.abc import Iterator
from datetime import date
from typing import Any

import httpx
import pytest

from tests.api.service import ABSENT, JSON, Service, changed, running
from tests.keys import admit
from tests.postgresql import running_postgresql

SETTLEMENTS = "/v1/settlements"
NUMBERS = itertools.count(1)
NO_SUCH = "01979e0a-5a00-7000-8000-000000000009"


def bill(**members: Any) -> dict[str, Any]:
    """A bill of a person and an id of its own; without a year to date, which is then the ledger's."""
    number = next(NUMBERS)
    made: dict[str, Any] = changed(
        {"/bill_id": f"B{number}", "/patient/person_id": f"P{number}", "/year_to_date": ABSENT} | members
    )
    return made


def post(service: Service, path: str, body: Any) -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return service.client.post(path, content=content, headers=JSON)


def settle(service: Service, body: Any) -> httpx.Response:
    return post(service, SETTLEMENTS, body)


def reverse(service: Service, settlement_id: str, reason: str = "entered twice") -> httpx.Response:
    return post(service, f"{SETTLEMENTS}/{settlement_id}/reversal", {"reason": reason})


def correct(service: Service, settlement_id: str, request: Any, **members: Any) -> httpx.Response:
    body = {"reason": "wrong amount", "request": request} | members
    return post(service, f"{SETTLEMENTS}/{settlement_id}/correction", body)


def code(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, answer.json()["code"]


def walk(service: Service, **query: Any) -> Iterator[dict[str, Any]]:
    cursor = None
    while True:
        page = service.get(SETTLEMENTS, params=query | ({"cursor": cursor} if cursor else {})).json()
        yield from page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return


def test_a_bill_is_recorded_and_found_again_byte_for_byte(service: Service) -> None:
    request = bill()
    answer = settle(service, request)
    assert answer.status_code == 201
    settled = answer.json()
    assert answer.headers["location"] == f"{SETTLEMENTS}/{settled['settlement_id']}"
    assert (settled["status"], settled["year_to_date_source"]) == ("settled", "ledger")
    assert settled["payers"]["basic_insurance"] == "750.00"
    assert settled["settled_at"].endswith("Z")
    found = service.get(answer.headers["location"])
    assert (found.status_code, found.content) == (200, answer.content)


def test_a_recorded_bill_says_what_its_preview_said(service: Service) -> None:
    request = bill()
    preview, settled = service.preview(request).json(), settle(service, request).json()
    for own in ("settlement_id", "status", "settled_at"):
        del preview[own], settled[own]
    assert preview == settled


def test_the_same_request_again_gets_the_same_bytes(service: Service) -> None:
    request = bill()
    first = settle(service, request)
    again = copy.deepcopy(request)
    again["lines"][0]["amount"] = 4e2
    again["prepaid"] = "0"
    again["lines"][1] |= {"name": "治疗", "essential_medicine": False, "ceiling_price": None}
    again = dict(reversed(list(again.items())))
    for body in (request, again):
        answer = settle(service, body)
        assert (answer.status_code, answer.content) == (200, first.content)
        assert answer.headers["idempotent-replay"] == "true"
    assert "idempotent-replay" not in first.headers


@pytest.mark.parametrize("change", [
    {"/prepaid": "0.01"}, {"/patient/name": "王小红"}, {"/lines/0/name": "别的药"}, {"/facility/name": None},
    {"/patient/person_id": "somebody else"}, {"/year_to_date": {}}, {"/lines/1/code": "T2"},
], ids=str)  # fmt: skip
def test_another_request_under_the_same_key_is_a_conflict(service: Service, change: dict[str, Any]) -> None:
    members = {"/bill_id": f"C{next(NUMBERS)}", "/patient/person_id": f"C{next(NUMBERS)}", "/year_to_date": ABSENT}
    first = settle(service, changed(members)).json()
    answer = settle(service, changed(members | change))
    assert code(answer) == (409, "bill_conflict")
    assert answer.json()["settlement_id"] == first["settlement_id"]


def test_a_second_bill_goes_on_from_the_first(service: Service) -> None:
    person = {"/patient/person_id": f"Q{next(NUMBERS)}"}
    first, second = settle(service, bill(**person)).json(), settle(service, bill(**person)).json()
    assert (first["year_to_date"]["total_cost"], second["year_to_date"]["total_cost"]) == ("1400.00", "2800.00")
    third = settle(service, bill(**person, **{"/year_to_date": {"total_cost": "5.00"}})).json()
    assert (third["year_to_date_source"], third["year_to_date"]["total_cost"]) == ("request", "1405.00")
    assert service.preview(bill(**person)).json()["year_to_date"]["total_cost"] == "2805.00"


def test_a_refused_bill_is_not_recorded(service: Service) -> None:
    request = bill(**{"/lines/0/amount": "1.00"})
    assert code(settle(service, request)) == (422, "line_amount_mismatch")
    assert list(walk(service, bill_id=request["bill_id"])) == []
    assert code(settle(service, bill(**{"/encounter/discharged_on": "2010-01-01"}))) == (422, "dates_invalid")


def test_a_reversal_frees_the_key_and_gives_the_year_back(service: Service) -> None:
    person = {"/patient/person_id": f"R{next(NUMBERS)}"}
    first, request = settle(service, bill(**person)).json(), bill(**person)
    second = settle(service, request).json()
    assert code(reverse(service, first["settlement_id"])) == (409, "not_latest_settlement")
    answer = reverse(service, second["settlement_id"])
    assert answer.status_code == 201
    assert answer.json()["year_to_date"] == first["year_to_date"]
    assert answer.json()["settlement_id"] == second["settlement_id"]
    again = reverse(service, second["settlement_id"], "another reason")
    assert (again.status_code, again.content) == (200, answer.content)
    found = service.get(f"{SETTLEMENTS}/{second['settlement_id']}").json()
    assert found == second | {"status": "reversed"}
    anew = settle(service, request)
    assert anew.status_code == 201
    assert anew.json()["settlement_id"] != second["settlement_id"]
    assert anew.json()["year_to_date"] == second["year_to_date"]


def test_a_correction_settles_the_later_bills_again(service: Service) -> None:
    person = {"/patient/person_id": f"K{next(NUMBERS)}"}
    requests = [bill(**person) for _ in range(3)]
    old = [settle(service, request).json() for request in requests]
    right = copy.deepcopy(requests[0])
    right["emergency_aid_approved"] = "100.00"
    dry = correct(service, old[0]["settlement_id"], right, dry_run=True)
    assert dry.status_code == 200
    assert [item["new"]["settlement_id"] for item in dry.json()["items"]] == [None] * 3
    answer = correct(service, old[0]["settlement_id"], right)
    assert answer.status_code == 201
    items = answer.json()["items"]
    assert [item["bill_id"] for item in items] == [request["bill_id"] for request in requests]
    assert items[0]["difference"]["emergency_aid"] == "100.00"
    assert items[0]["difference"]["patient"] == "-100.00"
    for item, was, request in zip(items, old, [right, *requests[1:]], strict=True):
        assert item["old"] == {"settlement_id": was["settlement_id"], "payers": was["payers"]}
        now = service.get(f"{SETTLEMENTS}/{item['new']['settlement_id']}").json()
        assert (now["replaces"], now["payers"]) == (was["settlement_id"], item["new"]["payers"])
        assert settle(service, request).json() == now
    again = correct(service, old[0]["settlement_id"], right)
    assert (again.status_code, again.content) == (200, answer.content)
    assert code(correct(service, old[0]["settlement_id"], requests[0])) == (409, "settlement_reversed")
    assert code(correct(service, items[0]["new"]["settlement_id"], requests[1])) == (422, "field_invalid")


def test_the_errors_of_a_correction_point_into_its_request(service: Service) -> None:
    request = bill()
    settled = settle(service, request).json()
    wrong = copy.deepcopy(request)
    wrong["lines"][0]["amount"] = "1.00"
    answer = correct(service, settled["settlement_id"], wrong)
    assert code(answer) == (422, "line_amount_mismatch")
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/request/lines/0/amount"]
    del wrong["lines"][0]["code"]
    pointers = [error["pointer"] for error in correct(service, settled["settlement_id"], wrong).json()["errors"]]
    assert pointers == ["/request/lines/0/code"]


@pytest.mark.parametrize("body", [b"{}", b'{"reason": ""}', b'{"reason": "a", "x": 1}', b'{"reason": 1}', b"[]"])
def test_a_reversal_needs_a_reason(service: Service, body: bytes) -> None:
    assert code(post(service, f"{SETTLEMENTS}/{NO_SUCH}/reversal", body)) == (422, "field_invalid")


def test_what_is_not_there_is_not_found(service: Service) -> None:
    assert code(service.get(f"{SETTLEMENTS}/{NO_SUCH}")) == (404, "not_found")
    assert code(service.get(f"{SETTLEMENTS}/x")) == (404, "not_found")
    assert code(reverse(service, NO_SUCH)) == (404, "not_found")
    assert code(correct(service, NO_SUCH, bill())) == (404, "not_found")


def test_a_list_is_walked_in_the_order_of_recording_while_others_insert(service: Service) -> None:
    person = f"L{next(NUMBERS)}"
    ids = [settle(service, bill(**{"/patient/person_id": person})).json()["settlement_id"] for _ in range(5)]
    walked = walk(service, person_id=person, limit=2)
    seen = [next(walked)["settlement_id"] for _ in range(3)]
    late = settle(service, bill(**{"/patient/person_id": person})).json()["settlement_id"]
    seen += [item["settlement_id"] for item in walked]
    assert seen == [*ids, late]


def test_a_list_is_filtered(service: Service) -> None:
    facility = f"F{next(NUMBERS)}"
    days = ["2018-03-01", "2018-04-01", "2018-05-01"]
    stays = [
        {"/facility/code": facility, "/encounter/admitted_on": day, "/encounter/discharged_on": day} for day in days
    ]
    settled = [settle(service, bill(**stay)).json() for stay in stays]
    reverse(service, settled[2]["settlement_id"])

    def found(**query: Any) -> list[int]:
        ids = [each["settlement_id"] for each in settled]
        return [ids.index(item["settlement_id"]) for item in walk(service, facility=facility, **query)]

    assert found() == [0, 1, 2]
    assert found(status="settled") == [0, 1]
    assert found(status="reversed") == [2]
    assert found(discharged_from="2018-04-01") == [1, 2]
    assert found(discharged_to="2018-04-01") == [0, 1]
    assert found(discharged_from="2018-04-02", discharged_to="2018-04-30") == []
    assert found(bill_id=settled[1]["bill_id"]) == [1]
    item = next(walk(service, facility=facility))
    assert item["discharged_on"] == str(date(2018, 3, 1))
    assert item["payers"] == settled[0]["payers"]
    assert not {"stages", "lines"} & set(item)


@pytest.mark.parametrize("query", [
    {"limit": "0"}, {"limit": "1001"}, {"limit": "x"}, {"cursor": "x"}, {"cursor": "czE"}, {"status": "preview"},
    {"discharged_from": "2018-02-30"}, {"discharged_to": "20180201"}, {"facility": ""}, {"bill_id": "a\u0000"},
    {"person_id": "a" * 65},
], ids=str)  # fmt: skip
def test_a_filter_of_the_wrong_form_is_refused_where_it_stands(service: Service, query: dict[str, str]) -> None:
    answer = service.get(SETTLEMENTS, params=query)
    if query == {"cursor": "czE"}:
        assert answer.status_code == 200  # what a page gives: it is opaque, and this one is right
        return
    assert code(answer) == (422, "field_invalid")
    assert [error["pointer"] for error in answer.json()["errors"]] == [f"/{name}" for name in query]


def test_without_a_database_only_what_needs_none_is_answered() -> None:
    with running_postgresql() as server:
        admit(server.url())
        with running(ONESTOP_DATABASE_URL=server.url()) as service:
            # The key is known from before: one that was never seen cannot be looked up either.
            assert service.preview(bill(**{"/year_to_date": {}})).status_code == 200
            server.kill()
            unanswered_without_a_database(service)
    with running(ONESTOP_DATABASE_URL="postgresql://nobody@127.0.0.1:1/nothing") as service:
        assert code(service.preview(bill(**{"/year_to_date": {}}))) == (503, "ledger_unreachable")


def unanswered_without_a_database(service: Service) -> None:
    for _ in range(2):
        assert service.preview(bill(**{"/year_to_date": {}})).status_code == 200
        for answer in (
            service.preview(bill()),
            settle(service, bill()),
            service.get(SETTLEMENTS),
            service.get("/readyz"),
        ):
            assert code(answer) == (503, "ledger_unreachable")
            assert answer.headers["retry-after"] == "5"
        service.lives()
