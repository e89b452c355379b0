"""The audit: who read or did what, when, with which key, from where, and of which record."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.api.asked import Asked, a_bill
from tests.api.service import JSON, Service, problem, running
from tests.api.test_access import ask
from tests.keys import ADMIN, admit, minted

PATH = "/v1/settlements"


class Audited(Service):
    url: str
    his: str


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Audited]:
    url = f"sqlite:///{tmp_path_factory.mktemp('audit')}/onestop.db"
    admit(url)
    with running(ONESTOP_DATABASE_URL=url) as service:
        service.__class__ = Audited
        assert isinstance(service, Audited)
        service.url, service.his = url, minted(url, "his", facilities=("H1",))
        yield service


def lines(service: Service, **query: Any) -> list[dict[str, Any]]:
    answer = service.get("/v1/audit", params=query)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


def test_each_act_is_a_line_with_its_key_its_place_its_request_and_its_record(audited: Audited) -> None:
    body = a_bill()

    def post(path: str, content: Any) -> Any:
        return ask(audited, "POST", Asked(path, json.dumps(content).encode()), audited.his)

    settled = post(PATH, body)
    record = settled.json()["settlement_id"]
    acts = [
        ("settlement.recorded", settled),
        ("settlement.replayed", post(PATH, body)),
        ("settlement.read", ask(audited, "GET", Asked(f"{PATH}/{record}"), audited.his)),
    ]
    right = body | {"prepaid": "3.00"}
    corrected = post(f"{PATH}/{record}/correction", {"reason": "r", "request": right})
    acts.append(("settlement.corrected", corrected))
    found = lines(audited, record=record)
    assert [line["action"] for line in reversed(found)] == [action for action, _ in acts]
    for line, (_, answer) in zip(reversed(found), acts, strict=True):
        assert line["key_id"] == audited.his.split("_")[1]
        assert (line["role"], line["client"], line["record"]) == ("his", "127.0.0.1", record)
        assert line["request_id"] == answer.headers["x-request-id"]
        assert line["at"].endswith("Z")
    new = corrected.json()["items"][0]["new"]["settlement_id"]
    post(f"{PATH}/{new}/reversal", {"reason": "r"})
    assert [line["action"] for line in lines(audited, record=new)] == ["settlement.reversed"]


def test_what_was_refused_or_not_recorded_is_no_line(audited: Audited) -> None:
    settled = audited.client.post(PATH, content=json.dumps(a_bill()), headers=JSON).json()
    before = lines(audited, action="settlement.recorded")
    broken = a_bill(**{"/lines/0/amount": "1.00"})
    assert audited.client.post(PATH, content=json.dumps(broken), headers=JSON).status_code == 422
    other = a_bill(**{"/bill_id": settled["bill_id"]})
    assert audited.client.post(PATH, content=json.dumps(other), headers=JSON).status_code == 409
    assert audited.preview(a_bill()).status_code == 200
    assert lines(audited, action="settlement.recorded") == before


def test_lists_are_lines_too_the_audits_own_as_well(audited: Audited) -> None:
    audited.get(PATH)
    audited.get("/v1/audit")
    found = lines(audited, limit=2)
    assert [(line["action"], line["record"]) for line in found] == [
        ("audit.listed", None),
        ("settlements.listed", None),
    ]


def test_pages_go_back_in_time_and_end_though_reading_adds_lines(audited: Audited) -> None:
    whole = lines(audited, limit=1000)
    seen: list[dict[str, Any]] = []
    cursor = None
    while True:
        page = audited.get("/v1/audit", params={"limit": 3} | ({"cursor": cursor} if cursor else {})).json()
        seen += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    # The first page has the line of `whole`'s own reading in front.
    assert seen[1:] == whole


def test_lines_are_found_by_day_key_and_action(audited: Audited) -> None:
    # A line of this key's own, whichever other tests have run on this ledger.
    assert ask(audited, "GET", Asked(PATH), audited.his).status_code == 200
    day = lines(audited, limit=1)[0]["at"][:10]
    his = audited.his.split("_")[1]
    assert lines(audited, **{"from": day, "to": day})
    assert not lines(audited, to="2020-01-01")
    assert not lines(audited, **{"from": "9999-12-31"})
    assert {line["key_id"] for line in lines(audited, key=his)} == {his}


@pytest.mark.parametrize(("query", "pointer"), [
    ("from=2018-6-1", "/from"), ("to=2018-02-30", "/to"), ("key=", "/key"), ("cursor=x", "/cursor"), ("limit=0", "/limit"),
    ("action=%01", "/action"), ("record=%7F", "/record"),
])  # fmt: skip
def test_parameters_of_another_form_are_refused(audited: Audited, query: str, pointer: str) -> None:
    assert problem(audited.get(f"/v1/audit?{query}")) == (422, "field_invalid", [pointer])


def test_what_a_proxy_says_of_the_client_is_an_address_or_nothing(audited: Audited) -> None:
    for said, kept in (("192.0.2.9", "192.0.2.9"), ("王小明", ""), ("fe80::1%eth0", "fe80::1"), ("203.0.113.1, x", "")):
        answer = audited.get(PATH, headers={b"x-forwarded-for": said.encode()})
        (line,) = [each for each in lines(audited, limit=5) if each["request_id"] == answer.headers["x-request-id"]]
        assert line["client"] == kept


def test_the_commands_of_the_operator_are_lines(audited: Audited) -> None:
    minting = lines(audited, action="key.minted")
    assert minting[0]["record"] == audited.his.split("_")[1]


def test_nothing_of_a_key_but_its_id_is_stored(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/onestop.db"
    admit(url)
    key = minted(url, "ops")
    with sqlite3.connect(tmp_path / "onestop.db") as connection:
        dump = "\n".join(connection.iterdump())
    assert key.split("_")[1] in dump
    for secret in (key, key.split("_", 2)[2], ADMIN.split("_", 2)[2]):
        assert secret not in dump
