"""Correcting: the right bill and the later ones anew, as if they had been settled so from the start."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from app.policies.catalogue import Catalogue, catalogue_of
from app.policies.loader import PackFile, load_packs
from app.settlement.settle import Refused
from app.settlement.year import NO_YEAR
from app.store.tables import corrections, open_bills, reversals, settlements
from app.usecases.correct_settlement import Corrected, KeyDiffers, NotInForce
from app.usecases.reverse_settlement import NotFound, NotLatest, Reversed
from app.usecases.settle_bill import Conflict, Recorded, Replayed
from tests.store.desk import CATALOGUE, Desk, answer, bill, changed, patient_pays

NO_SUCH = "01979e0a-5a00-7000-8000-000000000009"
# 10,000.00: 0.75 × 9,600 = 7,200; 2,800 are left and count. So the second bill stays below the threshold (8,100),
# and of the third 3,400 lie above it: 5,300 − 0.50 × 3,400 = 3,600.
RIGHT = bill(1, "10000.00")


@pytest.fixture
def three(desk: Desk) -> list[Recorded]:
    """Three bills of a year, the first with a wrong amount."""
    outcomes = [desk.record(bill(number)) for number in (1, 2, 3)]
    assert [patient_pays(outcome) for outcome in outcomes] == ["5300.00", "5000.00", "2650.00"]
    return outcomes


def corrected(outcome: object) -> Corrected:
    assert isinstance(outcome, Corrected), outcome
    return outcome


def test_all_bills_from_the_wrong_one_on_are_settled_anew_in_their_order(desk: Desk, three: list[Recorded]) -> None:
    outcome = corrected(desk.correct(three[0].settlement_id, RIGHT))
    assert (outcome.again, outcome.recorded) == (False, True)
    items = answer(outcome)["items"]
    assert [item["bill_id"] for item in items] == ["B1", "B2", "B3"]
    assert [item["old"]["settlement_id"] for item in items] == [each.settlement_id for each in three]
    assert [item["old"]["payers"]["patient"] for item in items] == ["5300.00", "5000.00", "2650.00"]
    assert [item["new"]["payers"]["patient"] for item in items] == ["2800.00", "5300.00", "3600.00"]
    assert [item["difference"]["patient"] for item in items] == ["-2500.00", "300.00", "950.00"]
    assert [item["difference"]["critical_illness"] for item in items] == ["0.00", "-300.00", "-950.00"]
    rows = desk.rows(settlements)[3:]
    assert [row["settlement_id"] for row in rows] == [item["new"]["settlement_id"] for item in items]
    assert [row["replaces"] for row in rows] == [each.settlement_id for each in three]
    assert [row["sequence"] for row in rows] == [7, 8, 9]
    assert [row["settlement_id"] for row in desk.rows(reversals)] == [each.settlement_id for each in reversed(three)]
    assert [row["settlement_id"] for row in desk.rows(open_bills)] == [row["settlement_id"] for row in rows]
    (kept,) = desk.rows(corrections)
    assert (kept["settlement_id"], kept["answer"]) == (three[0].settlement_id, outcome.answer)


def test_the_differences_add_up_to_what_the_bills_differ_by(desk: Desk, three: list[Recorded]) -> None:
    items = answer(desk.correct(three[0].settlement_id, RIGHT))["items"]
    sums = [sum(map(Decimal, item["difference"].values())) for item in items]
    assert sums == [Decimal("-10000.00"), 0, 0]


def test_the_year_is_what_the_right_bills_make_it_from_the_start(desk: Desk, three: list[Recorded]) -> None:
    desk.correct(three[0].settlement_id, RIGHT)
    for request in (RIGHT | {"bill_id": "C1"}, bill("C2"), bill("C3")):
        request["patient"] = {**request["patient"], "person_id": "Person-Canary-9"}
        desk.record(request)
    assert desk.year() == desk.year(person="9")
    assert desk.year()[:4] == (50_000_00, 36_600_00, 13_400_00, 1_700_00)


def test_the_new_answers_are_found_under_the_same_keys(desk: Desk, three: list[Recorded]) -> None:
    desk.correct(three[0].settlement_id, RIGHT)
    new = [row["settlement_id"] for row in desk.rows(settlements)[3:]]
    assert desk.settle(bill(1)) == Conflict(new[0])
    outcomes = [desk.settle(request) for request in (RIGHT, bill(2), bill(3))]
    assert [type(outcome) for outcome in outcomes] == [Replayed] * 3
    assert [answer(outcome)["settlement_id"] for outcome in outcomes] == new
    assert [answer(outcome)["replaces"] for outcome in outcomes] == [each.settlement_id for each in three]
    assert [patient_pays(outcome) for outcome in outcomes] == ["2800.00", "5300.00", "3600.00"]


def test_bills_before_the_wrong_one_stay_as_they_are(desk: Desk, three: list[Recorded]) -> None:
    items = answer(desk.correct(three[1].settlement_id, bill(2, "10000.00")))["items"]
    # 5,300 and 2,800 stay below the threshold; with the third bill 3,400 lie above it.
    assert [item["new"]["payers"]["patient"] for item in items] == ["2800.00", "3600.00"]
    assert desk.settle(bill(1)) == Replayed(three[0].settlement_id, three[0].answer)


def test_a_dry_run_answers_the_same_payers_and_changes_nothing(desk: Desk, three: list[Recorded]) -> None:
    recorded = desk.dump()
    dry = corrected(desk.correct(three[0].settlement_id, RIGHT, dry_run=True))
    assert (dry.again, dry.recorded) == (False, False)
    assert desk.dump() == recorded
    told, items = answer(dry)["items"], answer(desk.correct(three[0].settlement_id, RIGHT))["items"]
    assert [item["new"].pop("settlement_id") for item in told] == [None, None, None]
    assert all(item["new"].pop("settlement_id") for item in items)
    assert told == items


def test_again_it_answers_the_same_bytes(desk: Desk, three: list[Recorded]) -> None:
    first = corrected(desk.correct(three[0].settlement_id, RIGHT))
    recorded = desk.dump()
    for dry_run in (False, True):
        again = desk.correct(three[0].settlement_id, RIGHT, dry_run=dry_run)
        assert again == Corrected(first.answer, again=True, recorded=True)
    assert desk.dump() == recorded


def test_a_corrected_settlement_is_not_corrected_by_another_request(desk: Desk, three: list[Recorded]) -> None:
    desk.correct(three[0].settlement_id, RIGHT)
    recorded = desk.dump()
    assert desk.correct(three[0].settlement_id, bill(1, "9000.00")) == NotInForce()
    assert desk.correct(three[1].settlement_id, bill(2, "9000.00")) == NotInForce()
    assert desk.dump() == recorded


def test_what_a_correction_made_can_be_corrected_and_reversed(desk: Desk, three: list[Recorded]) -> None:
    items = answer(desk.correct(three[0].settlement_id, RIGHT))["items"]
    back = answer(desk.correct(items[0]["new"]["settlement_id"], bill(1)))["items"]
    assert [item["new"]["payers"]["patient"] for item in back] == ["5300.00", "5000.00", "2650.00"]
    new = [item["new"]["settlement_id"] for item in back]
    assert desk.reverse(new[0]) == NotLatest()
    assert all(isinstance(desk.reverse(each), Reversed) for each in reversed(new))
    assert desk.year() == NO_YEAR
    assert desk.rows(open_bills) == []


@pytest.mark.parametrize("changes", [{"/bill_id": "B9"}, {"/facility/code": "H9"}])
def test_the_right_request_is_of_the_same_key(desk: Desk, three: list[Recorded], changes: dict[str, str]) -> None:
    recorded = desk.dump()
    assert desk.correct(three[0].settlement_id, changed(RIGHT, changes)) == KeyDiffers()
    assert desk.dump() == recorded


def test_an_unknown_settlement_is_not_found(desk: Desk, three: list[Recorded]) -> None:
    assert desk.correct(NO_SUCH, RIGHT) == NotFound()


def test_a_reversed_settlement_is_not_corrected(desk: Desk, three: list[Recorded]) -> None:
    desk.reverse(three[2].settlement_id)
    recorded = desk.dump()
    assert desk.correct(three[2].settlement_id, bill(3, "10000.00")) == NotInForce()
    assert desk.dump() == recorded


def test_a_reversed_bill_is_not_settled_again(desk: Desk, three: list[Recorded]) -> None:
    desk.reverse(three[2].settlement_id)
    items = answer(desk.correct(three[0].settlement_id, RIGHT))["items"]
    assert [item["bill_id"] for item in items] == ["B1", "B2"]


@pytest.mark.parametrize("request_body", [bill(1, lines=[]), bill(1, year=2015)], ids=["no lines", "no pack in force"])
def test_a_refused_request_changes_nothing(desk: Desk, three: list[Recorded], request_body: dict[str, object]) -> None:
    recorded = desk.dump()
    assert isinstance(desk.correct(three[0].settlement_id, request_body), Refused)
    assert desk.dump() == recorded


def test_a_later_bill_that_can_no_longer_be_settled_refuses_it_all(desk: Desk, three: list[Recorded]) -> None:
    recorded = desk.dump()
    # With the second bill the year stands above 100,000,000.00, and no bill is settled on top of that.
    assert isinstance(desk.correct(three[0].settlement_id, bill(1, "99999999.99")), Refused)
    assert desk.dump() == recorded


@pytest.mark.parametrize("moved", [{"person": "2"}, {"person": "0"}, {"year": 2019}])
def test_a_right_request_of_another_person_or_year_moves_only_that_bill(
    desk: Desk, three: list[Recorded], moved: dict[str, Any]
) -> None:
    desk.record(bill(7, "10000.00", **moved))
    items = answer(desk.correct(three[0].settlement_id, bill(1, **moved)))["items"]
    # Behind the other year's 2,800 the bill stays below the threshold; the two that are left become first and second.
    assert [item["new"]["payers"]["patient"] for item in items] == ["5300.00", "5300.00", "5000.00"]
    assert desk.year().total_cost == 40_000_00
    assert desk.year(**moved)[:4] == (30_000_00, 21_900_00, 8_100_00, 0)
    rows = desk.rows(settlements)
    assert [row["person"] == rows[0]["person"] for row in rows] == [True] * 3 + ["year" in moved] * 2 + [True] * 2
    assert [row["insurance_year"] for row in rows[4:]] == [moved.get("year", 2018), 2018, 2018]


@pytest.fixture
def newer_law(desk: Desk) -> Iterator[Desk]:
    """The same ledger a year later: the catalogue has another pack, and no longer the one of the records."""
    newer = Desk(desk.url, catalogue_with_a_rate_of("0.50"))
    yield newer
    newer.close()


def catalogue_with_a_rate_of(rate: str) -> Catalogue:
    """Guangxi's pack with another rate of basic insurance in secondary hospitals."""
    pack = CATALOGUE.by_id("guangxi@2017-12-13")
    assert pack is not None
    (file,) = CATALOGUE.files(pack)
    text = file.content.decode().replace("    secondary: 0.75\n", f"    secondary: {rate}\n", 1)
    assert text.encode() != file.content
    return catalogue_of(load_packs([PackFile(file.name, text.encode())]))


def test_later_bills_keep_the_pack_of_their_record_though_the_catalogue_has_it_no_longer(
    desk: Desk, three: list[Recorded], newer_law: Desk
) -> None:
    items = answer(newer_law.correct(three[0].settlement_id, RIGHT))["items"]
    # The right request is settled under what is in force now: 0.50 × 9,600 = 4,800, and 5,200 are left. The second
    # bill has then 500 above the threshold: 5,300 − 250 = 5,050; of the third all lies above it.
    assert [item["new"]["payers"]["patient"] for item in items] == ["5200.00", "5050.00", "2650.00"]
    rows = newer_law.rows(settlements)
    old, new = rows[0]["pack_hash"], rows[3]["pack_hash"]
    assert old != new
    assert [row["pack_hash"] for row in rows] == [old, old, old, new, old, old]
    assert {row["hash"] for row in newer_law.rows(settlements.metadata.tables["packs"])} == {old, new}


def test_bills_that_brought_their_own_year_to_date_keep_it(desk: Desk) -> None:
    first = desk.record(bill(1))
    second = desk.record(bill(2, year_to_date={"critical_illness_base": "10000.00"}))
    items = answer(desk.correct(first.settlement_id, RIGHT))["items"]
    assert [item["new"]["payers"]["patient"] for item in items] == ["2800.00", "2650.00"]
    assert [row["year_to_date_source"] for row in desk.rows(settlements)] == ["ledger", "request", "ledger", "request"]
    assert second.settlement.year_to_date == desk.year()
