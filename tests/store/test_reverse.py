"""Reversing: only the latest, once, and as if it had never been."""

from __future__ import annotations

from app.settlement.year import NO_YEAR
from app.store.tables import open_bills, person_years, reversals, settlements
from app.usecases.reverse_settlement import NotFound, NotLatest, Reversed
from app.usecases.settle_bill import Conflict
from tests.store.desk import Desk, answer, bill, patient_pays

NO_SUCH = "01979e0a-5a00-7000-8000-000000000009"


def test_the_year_goes_back_to_what_it_was(desk: Desk) -> None:
    desk.record(bill(1))
    before = desk.year()
    second = desk.record(bill(2))
    assert desk.year().total_cost == 40_000_00
    outcome = desk.reverse(second.settlement_id)
    assert isinstance(outcome, Reversed)
    assert not outcome.again
    assert desk.year() == before
    assert before.total_cost == 20_000_00


def test_it_says_what_was_taken_back(desk: Desk) -> None:
    first = desk.record(bill(1))
    told = answer(desk.reverse(first.settlement_id, "wrong patient"))
    assert (told["settlement_id"], told["bill_id"], told["status"]) == (first.settlement_id, "B1", "reversed")
    assert (told["reason"], told["payers"]["patient"]) == ("wrong patient", "5300.00")
    assert set(told["year_to_date"].values()) == {"0.00"}


def test_again_it_answers_the_same_bytes_whatever_the_reason(desk: Desk) -> None:
    first = desk.record(bill(1))
    outcome = desk.reverse(first.settlement_id)
    assert isinstance(outcome, Reversed)
    recorded = desk.dump()
    for reason in ("entered twice", "another"):
        assert desk.reverse(first.settlement_id, reason) == Reversed(outcome.answer, again=True)
    desk.record(bill(2))
    assert desk.reverse(first.settlement_id) == Reversed(outcome.answer, again=True)
    assert len(recorded["reversals"]) == len(desk.rows(reversals)) == 1


def test_only_the_latest_of_the_person_and_year_is_reversed(desk: Desk) -> None:
    first, second = desk.record(bill(1)), desk.record(bill(2))
    desk.record(bill(3, person="2"))
    desk.record(bill(4, year=2019))
    recorded = desk.dump()
    assert desk.reverse(first.settlement_id) == NotLatest()
    assert desk.dump() == recorded
    assert isinstance(desk.reverse(second.settlement_id), Reversed)
    assert isinstance(desk.reverse(first.settlement_id), Reversed)
    assert desk.year() == NO_YEAR


def test_its_key_is_free_and_the_next_settlement_under_it_is_a_new_one(desk: Desk) -> None:
    first = desk.record(bill(1))
    desk.reverse(first.settlement_id)
    assert desk.rows(open_bills) == []
    second = desk.record(bill(1))
    assert second.settlement_id != first.settlement_id
    assert patient_pays(second) == "5300.00"
    third = bill(1, prepaid="1.00")
    assert desk.settle(third) == Conflict(second.settlement_id)
    desk.reverse(second.settlement_id)
    desk.record(third)
    assert [row["replaces"] for row in desk.rows(settlements)] == [None, None, None]


def test_an_unknown_settlement_is_not_found(desk: Desk) -> None:
    recorded = desk.dump()
    assert desk.reverse(NO_SUCH) == NotFound()
    assert desk.dump() == recorded


def test_a_year_that_a_request_gave_goes_back_to_the_ledgers_own(desk: Desk) -> None:
    desk.record(bill(1))
    before = desk.year()
    given = desk.record(bill(2, year_to_date={"critical_illness_base": "10000.00"}))
    desk.reverse(given.settlement_id)
    assert desk.year() == before


def test_a_reversal_is_a_record_and_deletes_none(desk: Desk) -> None:
    first = desk.record(bill(1))
    row = desk.rows(settlements)
    desk.reverse(first.settlement_id)
    assert desk.rows(settlements) == row
    (reversal,) = desk.rows(reversals)
    assert (reversal["settlement_id"], reversal["sequence"]) == (first.settlement_id, 2)
    assert reversal["previous_hash"] == row[0]["record_hash"]
    assert desk.rows(person_years)[0]["record_hash"] == reversal["record_hash"]
