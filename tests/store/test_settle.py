"""Settling: once, by value, on top of the ledger's year, and all or nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest

from app.settlement.settle import Refused
from app.settlement.year import NO_YEAR, YearToDate
from app.store.tables import audit, packs, person_years, settlements
from app.usecases.settle_bill import Conflict, Replayed
from tests.store.desk import ABSENT, BILL, CATALOGUE, NOTHING, RECORDS, Desk, Json, answer, bill, changed, patient_pays

# A request that says everything, so that everything can be changed.
FULL = changed(
    BILL,
    {
        "/facility/county": "451022",
        "/facility/designated": True,
        "/patient/county": "451022",
        "/encounter/type": "inpatient",
        "/encounter/admission_number": 1,
        "/encounter/referral": "not_required",
        "/encounter/cause": "illness",
        "/lines/0/category": "material",
        "/lines/0/catalogue_class": "B",
        "/lines/0/ceiling_price": "15000.00",
        "/lines/0/self_pay_ratio": "0.1000",
        "/lines/0/essential_medicine": False,
        "/year_to_date": dict.fromkeys(YearToDate._fields, "0.00"),
        "/emergency_aid_approved": "0.00",
        "/prepaid": "500.00",
    },
)

SAME: dict[str, Json | bytes] = {
    "the very same": FULL,
    "members in another order": json.dumps(dict(reversed(FULL.items())), sort_keys=False).encode(),
    "members sorted": json.dumps(FULL, sort_keys=True).encode(),
    "spaces and lines": json.dumps(FULL, indent=3).encode(),
    "numbers instead of strings": changed(FULL, {"/prepaid": 500, "/lines/0/quantity": 1, "/lines/0/amount": 20000}),
    "an exponent": json.dumps(changed(FULL, {"/prepaid": "@"})).replace('"@"', "5e2").encode(),
    "fewer zeros": changed(FULL, {"/lines/0/self_pay_ratio": "0.1", "/lines/0/ceiling_price": "15000"}),
    "more zeros": changed(FULL, {"/lines/0/quantity": "1.0000"}),
    "escaped letters": json.dumps(FULL).replace("Line", "\\u004cine").encode(),
    "defaults left out": changed(
        FULL,
        {f"/encounter/{name}": ABSENT for name in ("type", "admission_number", "referral", "cause")}
        | {"/facility/designated": ABSENT, "/lines/0/essential_medicine": ABSENT, "/emergency_aid_approved": ABSENT}
        | {"/year_to_date": {}},
    ),
}
CHANGES: list[tuple[str, Any]] = [
    ("/facility/name", "another"),
    ("/facility/name", ABSENT),
    ("/facility/tier", "primary"),
    ("/facility/pooling_area", "450100"),
    ("/facility/county", "451021"),
    ("/facility/county", ABSENT),
    ("/facility/designated", False),
    ("/patient/person_id", "another"),
    ("/patient/name", "another"),
    ("/patient/name", None),
    ("/patient/status", "registered_poor"),
    ("/patient/pooling_area", "450100"),
    ("/patient/county", "451021"),
    ("/patient/county", ABSENT),
    ("/encounter/type", "chronic_outpatient"),
    ("/encounter/admitted_on", "2018-06-02"),
    ("/encounter/discharged_on", "2018-06-16"),
    ("/encounter/admission_number", 2),
    ("/encounter/referral", "approved"),
    ("/encounter/cause", "maternity"),
    ("/lines", []),
    ("/lines", FULL["lines"] + [FULL["lines"][0] | {"line_no": 2}]),
    ("/lines/0/line_no", 2),
    ("/lines/0/code", "L2"),
    ("/lines/0/name", "another"),
    ("/lines/0/name", None),
    ("/lines/0/category", "drug"),
    ("/lines/0/catalogue_class", "A"),
    ("/lines/0/quantity", "1.0001"),
    ("/lines/0/unit_price", "20000.000001"),
    ("/lines/0/amount", "20000.01"),
    ("/lines/0/ceiling_price", "15000.01"),
    ("/lines/0/ceiling_price", None),
    ("/lines/0/self_pay_ratio", "0.1001"),
    ("/lines/0/self_pay_ratio", ABSENT),
    ("/lines/0/essential_medicine", True),
    ("/year_to_date", ABSENT),
    *[(f"/year_to_date/{name}", "0.01") for name in YearToDate._fields],
    ("/emergency_aid_approved", "0.01"),
    ("/prepaid", "500.01"),
    ("/prepaid", ABSENT),
]


def test_every_member_of_the_full_request_is_changed_once() -> None:
    def pointers(value: Any, pointer: str = "") -> set[str]:
        inside = value.items() if isinstance(value, dict) else enumerate(value)
        return {
            found
            for name, each in inside
            for found in (
                pointers(each, f"{pointer}/{name}") if isinstance(each, dict | list) else {f"{pointer}/{name}"}
            )
        }

    key = {"/bill_id", "/facility/code"}
    assert pointers(FULL) - {pointer for pointer, _ in CHANGES} == key


def test_a_bill_is_recorded_once_and_the_same_request_replays_it(desk: Desk) -> None:
    first = desk.record(FULL)
    recorded = desk.dump()
    assert [len(recorded[table.name]) for table in (settlements, person_years, packs)] == [1, 1, 1]
    for request in SAME.values():
        assert desk.settle(request) == Replayed(first.settlement_id, first.answer)
    assert desk.dump() == recorded


def test_a_request_with_any_other_value_conflicts_and_names_the_recorded_one(desk: Desk) -> None:
    first = desk.record(FULL)
    recorded = desk.dump()
    for pointer, value in CHANGES:
        assert desk.settle(changed(FULL, {pointer: value})) == Conflict(first.settlement_id), (pointer, value)
    assert desk.dump() == recorded


@pytest.mark.parametrize("key", ["/bill_id", "/facility/code"])
def test_another_facility_or_bill_id_is_another_bill(desk: Desk, key: str) -> None:
    first = desk.record(FULL)
    assert desk.record(changed(FULL, {key: "another"})).settlement_id != first.settlement_id


def test_what_is_recorded_is_what_is_answered(desk: Desk) -> None:
    outcome = desk.record(bill())
    (row,) = desk.rows(settlements)
    assert row["answer"] == outcome.answer
    told = answer(outcome)
    assert (
        (told["settlement_id"], told["status"])
        == (outcome.settlement_id, "settled")
        == (row["settlement_id"], "settled")
    )
    assert told["settled_at"] == row["settled_at"]
    assert told["payers"]["basic_insurance"] == "14700.00"
    assert (row["paid_basic_insurance"], row["paid_patient"], row["total"]) == (14_700_00, 5_300_00, 20_000_00)


def test_without_a_year_to_date_the_ledgers_own_is_used_and_moved(desk: Desk) -> None:
    outcomes = [desk.record(bill(number)) for number in (1, 2, 3)]
    assert [patient_pays(outcome) for outcome in outcomes] == ["5300.00", "5000.00", "2650.00"]
    assert {answer(outcome)["year_to_date_source"] for outcome in outcomes} == {"ledger"}
    year = desk.year()
    assert year[:4] == (60_000_00, 44_100_00, 15_900_00, 2_950_00)
    assert year.covered == 47_050_00
    assert outcomes[-1].settlement.year_to_date == year


def test_persons_and_years_stand_apart(desk: Desk) -> None:
    for request in (bill(1), bill(2, person="2"), bill(3, year=2019)):
        assert patient_pays(desk.record(request)) == "5300.00"
    assert desk.year().total_cost == desk.year(person="2").total_cost == desk.year(year=2019).total_cost == 20_000_00
    assert desk.year(person="3") == NO_YEAR


def test_a_requests_year_to_date_counts_and_the_ledger_goes_on_from_it(desk: Desk) -> None:
    desk.record(bill(1))
    given = desk.record(bill(2, year_to_date={"critical_illness_base": "10000.00"}))
    assert (patient_pays(given), answer(given)["year_to_date_source"]) == ("2650.00", "request")
    assert desk.year()[:4] == (20_000_00, 14_700_00, 15_300_00, 2_650_00)
    assert desk.year().covered == 17_350_00
    assert patient_pays(desk.record(bill(3))) == "2650.00"


def test_an_empty_year_to_date_means_zeros_and_the_ledger_goes_on_from_them(desk: Desk) -> None:
    desk.record(bill(1))
    zeros = desk.record(bill(2, year_to_date={}))
    assert (patient_pays(zeros), answer(zeros)["year_to_date_source"]) == ("5300.00", "request")
    assert desk.year().total_cost == 20_000_00
    assert patient_pays(desk.record(bill(3))) == "5000.00"
    assert [row["before_total_cost"] for row in desk.rows(settlements)] == [0, 20_000_00, 20_000_00]


@pytest.mark.parametrize(
    "request_body",
    [
        bill(lines=[]),
        changed(BILL, {"/facility/designated": False}),
        changed(BILL, {"/encounter/cause": "work_injury"}),
        bill(year=2015),
        bill(year_to_date={"total_cost": "100000000.01"}),
    ],
    ids=["no lines", "not designated", "work injury", "no pack in force", "sums out of range"],
)
def test_a_refused_bill_leaves_nothing_at_all(desk: Desk, request_body: Json) -> None:
    assert isinstance(desk.settle(request_body), Refused)
    assert desk.dump() == NOTHING


def test_a_refused_bill_leaves_a_year_as_it_is_and_its_key_free(desk: Desk) -> None:
    desk.record(bill(1))
    recorded = desk.dump()
    assert isinstance(desk.settle(bill(2, lines=[])), Refused)
    assert desk.dump() == recorded
    desk.record(bill(2))


@pytest.mark.parametrize(
    ("area", "files"), [("451000", ["guangxi.yaml"]), ("450100", ["guangxi.yaml", "guangxi-450100.yaml"])]
)
def test_the_pack_is_kept_once_by_its_hash_with_the_text_of_its_files(desk: Desk, area: str, files: list[str]) -> None:
    request = changed(BILL, {"/patient/pooling_area": area, "/facility/pooling_area": area})
    outcomes = [desk.record(request | {"bill_id": f"B{number}"}) for number in range(2)]
    desk.recorder.ledger.packs_kept.clear()  # as another process, which has not seen it kept
    outcomes.append(desk.record(request | {"bill_id": "B2"}))
    (kept,) = desk.rows(packs)
    assert {answer(outcome)["policy"]["hash"] for outcome in outcomes} == {kept["hash"]}
    stored = json.loads(kept["files"])
    assert [name for name, _ in stored] == files
    pack = next(pack for pack in CATALOGUE.packs if pack.hash == kept["hash"])
    assert [text.encode() for _, text in stored] == [file.content for file in CATALOGUE.files(pack)]
    assert (kept["pack_id"], kept["area"]) == (pack.id, pack.area)


def test_a_pack_of_a_refused_bill_counts_as_not_kept(desk: Desk) -> None:
    assert isinstance(desk.settle(bill(lines=[])), Refused)
    desk.record(bill())
    assert len(desk.rows(packs)) == 1


def test_the_database_holds_no_name_and_no_person_id(desk: Desk) -> None:
    first = desk.record(bill(1))
    desk.correct(first.settlement_id, bill(1, "10000.00"))
    desk.reverse(desk.record(bill(2)).settlement_id)
    desk.settle(bill(1))
    text = repr([[table, *map(list, map(dict.items, rows))] for table, rows in desk.dump(*RECORDS, audit).items()])
    assert "451000" in text
    assert "Canary" not in text
    assert all(desk.dump(*RECORDS, audit).values())
