"""The roster beside a bill's status: told in the answer, or refused; and what the people of the roster got."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.access.pseudonyms import Pseudonyms
from app.store.ledger import Ledger
from app.store.roster import RosterEntry
from app.usecases.import_roster import RosterToImport, import_roster
from tests.api.asked import a_bill
from tests.api.service import JSON, Service, findings, problem, running
from tests.keys import MINTED, SOMEBODY, admit
from tests.ledger_commands.books import Ended, onestop

SETTLEMENTS = "/v1/settlements"
BENEFITS = "/v1/roster/benefits"
HASH = "a1" * 32
AS_OF = date(2018, 6, 1)
PSEUDONYMS = Pseudonyms()
# The bills of these tests are of people discharged on 2018-06-15.
POOR, FROM, UNTIL, EARLIER, LATER = "Poor", "From", "Until", "Earlier", "Later"
ROSTER = [
    (POOR, "registered_poor", "450321", "2018-01-01", None), (FROM, "registered_poor", "450321", "2018-06-15", None),
    (UNTIL, "registered_poor", "450322", "2018-01-01", "2018-06-15"), (EARLIER, "registered_poor", "450322", "2018-01-01", "2018-06-14"),
    (LATER, "registered_poor", "450322", "2018-06-16", None),
]  # fmt: skip # one person a line


def keep(url: str) -> None:
    entries = [
        RosterEntry(
            row,
            PSEUDONYMS.person(person),
            status,
            county,
            date.fromisoformat(first),
            date.fromisoformat(last) if last else None,
        )
        for row, (person, status, county, first, last) in enumerate(ROSTER, 1)
    ]
    ledger = Ledger(url)
    what = RosterToImport(lambda _: entries, AS_OF, HASH)
    import_roster(ledger, lambda: MINTED, what, PSEUDONYMS, SOMEBODY)
    ledger.close()


class Checked(Service):
    file: Path


@pytest.fixture(params=["check", "enforce"])
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def checked(mode: str, tmp_path: Path) -> Iterator[Checked]:
    url = f"sqlite:///{tmp_path}/onestop.db"
    admit(url)
    keep(url)
    with running(ONESTOP_DATABASE_URL=url, ONESTOP_ROSTER=mode) as service:
        service.__class__ = Checked
        assert isinstance(service, Checked)
        service.file = tmp_path / "onestop.db"
        yield service


def bill(person: str, status: str = "registered_poor", **changes: Any) -> Any:
    return a_bill(**({"/patient/person_id": person, "/patient/status": status} | changes))


def settle(service: Service, request: Any) -> httpx.Response:
    return service.client.post(SETTLEMENTS, content=json.dumps(request), headers=JSON)


AGREEING = [
    (POOR, "registered_poor"),
    (FROM, "registered_poor"),
    (UNTIL, "registered_poor"),
    (EARLIER, "ordinary"),
    (LATER, "ordinary"),
    ("Nobody", "ordinary"),
]
DIFFERING = [
    (POOR, "ordinary", "registered_poor"), (POOR, "low_income", "registered_poor"), (EARLIER, "registered_poor", "ordinary"),
    (LATER, "registered_poor", "ordinary"), ("Nobody", "registered_poor", "ordinary"),
]  # fmt: skip # one person a line


@pytest.mark.parametrize(("person", "status"), AGREEING)
def test_a_status_that_the_roster_knows_is_told_with_its_source(checked: Checked, person: str, status: str) -> None:
    said = {"roster_status": status, "agrees": True, "as_of": "2018-06-01", "source": f"roster sha256:{HASH}"}
    request = bill(person, status)
    preview, settled = checked.preview(request), settle(checked, request)
    assert (preview.status_code, settled.status_code) == (200, 201)
    assert preview.json()["status_check"] == settled.json()["status_check"] == said
    members = list(settled.json())
    assert members[members.index("year_to_date_source") + 1] == "status_check"
    again = settle(checked, request)
    assert (again.status_code, again.content) == (200, settled.content)


@pytest.mark.parametrize(("person", "status", "known"), DIFFERING)
def test_another_status_is_flagged_or_refused(
    checked: Checked, mode: str, person: str, status: str, known: str
) -> None:
    request = bill(person, status)
    for answer in (checked.preview(request), settle(checked, request)):
        if mode == "enforce":
            assert findings(answer) == ["/patient/status status_not_on_roster"]
        else:
            assert answer.json()["status_check"] | {"as_of": "", "source": ""} == {
                "roster_status": known, "agrees": False, "as_of": "", "source": "",
            }  # fmt: skip # one flag
    recorded = checked.get(SETTLEMENTS).json()["items"]
    assert len(recorded) == (0 if mode == "enforce" else 1)


def test_what_else_is_wrong_with_a_bill_is_told_first(checked: Checked) -> None:
    request = bill(POOR, "ordinary", **{"/lines/0/amount": "1.00"})
    assert findings(settle(checked, request)) == ["/lines/0/amount line_amount_mismatch"]


def replayed(service: Checked, monkeypatch: pytest.MonkeyPatch) -> Ended:
    monkeypatch.setenv("ONESTOP_DATABASE_URL", f"sqlite:///{service.file}")
    return onestop("replay", "--workers=1")


def test_a_correction_asks_the_roster_and_leaves_later_bills_with_what_was_said_then(
    checked: Checked, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong, later = bill(POOR, **{"/prepaid": "5.00"}), bill(POOR)
    first = settle(checked, wrong).json()["settlement_id"]
    settle(checked, later)

    def correct(request: Any) -> httpx.Response:
        body = json.dumps({"reason": "r", "request": request})
        return checked.client.post(f"{SETTLEMENTS}/{first}/correction", content=body, headers=JSON)

    right = wrong | {"patient": wrong["patient"] | {"status": "ordinary"}}
    if mode == "enforce":
        assert findings(correct(right)) == ["/request/patient/status status_not_on_roster"]
        right = wrong | {"prepaid": "6.00"}
    corrected = correct(right)
    assert corrected.status_code == 201
    new = [item["new"]["settlement_id"] for item in corrected.json()["items"]]
    checks = [checked.get(f"{SETTLEMENTS}/{each}").json()["status_check"]["agrees"] for each in new]
    assert checks == [mode == "enforce", True]
    ended = replayed(checked, monkeypatch)
    assert ended.status == 0, ended.output


def test_replay_gives_the_same_bytes_and_notices_another_flag(
    checked: Checked, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sqlite3  # noqa: PLC0415 # for this alone

    settle(checked, bill(POOR))
    assert replayed(checked, monkeypatch).status == 0
    with sqlite3.connect(checked.file) as connection:
        connection.execute(
            "UPDATE settlements SET answer = CAST(replace(CAST(answer AS TEXT), '\"agrees\":true', '\"agrees\":false') AS BLOB)"
        )
    assert replayed(checked, monkeypatch).status == 1


def test_without_a_roster_nobody_is_on_it(mode: str) -> None:
    with running(ONESTOP_ROSTER=mode) as service:
        answer = settle(service, bill("P"))
        if mode == "enforce":
            assert findings(answer) == ["/patient/status status_not_on_roster"]
        else:
            assert answer.json()["status_check"] == {
                "roster_status": None,
                "agrees": False,
                "as_of": None,
                "source": None,
            }
        assert settle(service, bill("P", "ordinary")).json()["status_check"]["agrees"] is True


def test_by_itself_the_roster_is_not_asked(service: Service) -> None:
    assert "status_check" not in settle(service, bill("P")).json()
    assert "status_check" not in service.preview(bill("P")).json()


@pytest.fixture(params=["sqlite", "postgresql"])
def benefiting(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Service]:
    from tests.store.databases import postgresql_databases  # noqa: PLC0415 # a server, for half of these alone

    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path}/onestop.db"
        admit(url)
        keep(url)
        with running(ONESTOP_DATABASE_URL=url) as service:
            yield service
        return
    with postgresql_databases() as databases:
        url = databases.create()
        admit(url)
        keep(url)
        with running(ONESTOP_DATABASE_URL=url) as service:
            yield service


def test_benefits_are_the_years_stays_in_force_of_each_person(benefiting: Service) -> None:
    for _ in range(2):
        settle(benefiting, bill(POOR, **{"/lines/1/catalogue_class": "C"}))
    gone = settle(benefiting, bill(POOR)).json()["settlement_id"]
    benefiting.client.post(f"{SETTLEMENTS}/{gone}/reversal", content=b'{"reason": "r"}', headers=JSON)
    other_year = {"/encounter/admitted_on": "2019-06-01", "/encounter/discharged_on": "2019-06-15"}
    settle(benefiting, bill(POOR, **other_year))
    settle(benefiting, bill("Nobody"))
    answer = benefiting.get(BENEFITS, params={"year": 2018})
    items = {item["person"]: item for item in answer.json()["items"]}
    assert sorted(items) == list(items) == sorted(PSEUDONYMS.person(row[0]) for row in ROSTER)
    # Twice the bill of 1,400.00: 320.00 by the fund, 56.00 by civil affairs, 884.00 by the backstop, 140.00 are left.
    assert items[PSEUDONYMS.person(POOR)] == {
        "person": PSEUDONYMS.person(POOR), "status": "registered_poor", "county": "450321", "stays": 2, "total_cost": "2800.00",
        "basic_insurance": "640.00", "critical_illness": "0.00", "medical_assistance": "112.00", "emergency_aid": "0.00",
        "second_reimbursement": "0.00", "backstop": "1768.00", "local_subsidy": "0.00", "patient": "280.00", "share_paid": "0.9000",
    }  # fmt: skip # one person
    nothing = items[PSEUDONYMS.person(UNTIL)]
    assert (nothing["stays"], nothing["total_cost"], nothing["share_paid"]) == (0, "0.00", None)
    assert "Poor" not in answer.text


def test_benefits_are_of_a_county_and_of_those_whose_days_touch_the_year(benefiting: Service) -> None:
    def persons(**query: Any) -> set[str]:
        return {item["person"] for item in benefiting.get(BENEFITS, params=query).json()["items"]}

    assert persons(year=2018, county="450321") == {PSEUDONYMS.person(POOR), PSEUDONYMS.person(FROM)}
    assert persons(year=2017) == set()
    assert persons(year=2019) == {PSEUDONYMS.person(each) for each in (POOR, FROM, LATER)}


def test_pages_and_the_export_are_the_same_list(benefiting: Service) -> None:
    settle(benefiting, bill(POOR))
    walked: list[dict[str, Any]] = []
    cursor: str | None = ""
    while cursor is not None:
        page = benefiting.get(BENEFITS, params={"year": 2018, "limit": 2, "cursor": cursor}).json()
        walked += page["items"]
        cursor = page["next_cursor"]
    assert walked == benefiting.get(BENEFITS, params={"year": 2018}).json()["items"]
    text = benefiting.get(f"{BENEFITS}/export", params={"year": 2018}).text
    rows = list(csv.DictReader(io.StringIO(text)))
    assert rows == [{name: "" if value is None else str(value) for name, value in item.items()} for item in walked]
    lines = benefiting.get(f"{BENEFITS}/export", params={"year": 2018, "format": "ndjson"}).text.splitlines()
    assert [json.loads(line) | {"stays": item["stays"]} for line, item in zip(lines, walked, strict=True)] == walked


@pytest.mark.parametrize(("query", "pointer"), [
    ("", "/year"), ("year=18", "/year"), ("year=x", "/year"), ("year=9999", "/year"), ("year=2018&county=45", "/county"),
    ("year=2018&cursor=x", "/cursor"), ("year=2018&limit=0", "/limit"),
])  # fmt: skip
def test_parameters_of_another_form_are_refused(service: Service, query: str, pointer: str) -> None:
    assert problem(service.get(f"{BENEFITS}?{query}")) == (422, "field_invalid", [pointer])


def test_an_unknown_mode_stops_the_start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ONESTOP_ROSTER", "maybe")
    monkeypatch.chdir(tmp_path)
    ended = onestop("serve", "--port", "0")
    assert (ended.status, ended.errors) == (2, "onestop serve: ONESTOP_ROSTER: expected one of off, check, enforce\n")
