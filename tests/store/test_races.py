"""Races: whatever happens at one moment, the ledger is as if it had happened in some order.

ONESTOP_TEST_ROUNDS=2000 for a long run.
"""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import pytest

from app.settlement.year import NO_YEAR
from app.store import ledger
from app.store.ledger import LedgerBusy
from app.store.tables import open_bills, settlements
from app.usecases.correct_settlement import Corrected
from app.usecases.reverse_settlement import Reversed
from app.usecases.settle_bill import Conflict, Recorded, Replayed
from tests.store.chain import faults
from tests.store.desk import Desk, Json, answer, bill, patient_pays

ROUNDS = int(os.environ.get("ONESTOP_TEST_ROUNDS", "200"))
RACERS = 8
FIRST_BILLS = max(50, ROUNDS // 4)
WRITERS, BILLS_EACH = 16, 10

# Above 20,000.00 over the threshold, which the sixth bill reaches, critical illness pays 0.60: the sixth bill leaves
# 5,300 − 0.50 × 3,500 − 0.60 × 1,800 = 2,470, the seventh and eighth 2,120.
EIGHT_BILLS = {"5300.00": 1, "5000.00": 1, "2650.00": 3, "2470.00": 1, "2120.00": 2}

Race = Callable[..., list[Any]]


@pytest.fixture(autouse=True)
def nothing_is_done_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Locks are taken in one order, so that nobody ever waits in a circle and is told to begin anew."""
    monkeypatch.setattr(ledger, "_ATTEMPTS", 1)


@pytest.fixture
def race() -> Iterator[Race]:
    """Call several things at the same moment: what each of them gave."""
    with ThreadPoolExecutor(RACERS) as pool:

        def run(*calls: Callable[[], Any]) -> list[Any]:
            start = threading.Barrier(len(calls))

            def at_the_start(call: Callable[[], Any]) -> Any:
                start.wait(10)
                return call()

            return list(pool.map(at_the_start, calls))

        yield run


@pytest.fixture(autouse=True)
def counted(record_property: Callable[[str, object], None]) -> Iterator[Counter[str]]:
    """How often each race ended in which way, printed at the end."""
    counts: Counter[str] = Counter()
    yield counts
    for name, count in counts.items():
        record_property(f"counted {name}", count)


def test_of_equal_bills_one_is_recorded_and_all_get_its_bytes(desk: Desk, race: Race, counted: Counter[str]) -> None:
    for number in range(ROUNDS):
        request = bill(number, person=str(number))
        outcomes = race(*[lambda it=request: desk.settle(it)] * RACERS)
        assert Counter(map(type, outcomes)) == {Recorded: 1, Replayed: RACERS - 1}
        assert len({outcome.answer for outcome in outcomes}) == 1
        counted["races of equal bills"] += 1
    assert len(desk.rows(settlements)) == ROUNDS
    assert faults(desk.dump()) == []


def test_of_different_bills_under_one_key_one_is_recorded_and_named(
    desk: Desk, race: Race, counted: Counter[str]
) -> None:
    for number in range(ROUNDS):
        requests = [bill(number, person=str(number), prepaid=f"{each}.00") for each in range(RACERS)]
        outcomes = race(*[lambda it=request: desk.settle(it) for request in requests])
        assert Counter(map(type, outcomes)) == {Recorded: 1, Conflict: RACERS - 1}
        assert len({outcome.settlement_id for outcome in outcomes}) == 1
        counted["races of different bills under one key"] += 1
    assert len(desk.rows(settlements)) == ROUNDS
    assert faults(desk.dump()) == []


def test_a_retry_beside_its_reversal_comes_before_or_behind_it(desk: Desk, race: Race, counted: Counter[str]) -> None:
    for number in range(ROUNDS):
        request = bill(number, person=str(number))
        first = desk.record(request)
        again, reversal = race(lambda it=request: desk.settle(it), lambda it=first: desk.reverse(it.settlement_id))
        assert isinstance(reversal, Reversed)
        assert not reversal.again
        if isinstance(again, Replayed):
            assert again.answer == first.answer
            assert desk.year(str(number)) == NO_YEAR
            counted["retries before the reversal"] += 1
        else:
            assert isinstance(again, Recorded)
            assert again.settlement_id != first.settlement_id
            assert patient_pays(again) == "5300.00"
            assert desk.year(str(number)).total_cost == 20_000_00
            counted["retries behind the reversal"] += 1
    assert faults(desk.dump()) == []


def test_bills_beside_a_correction_come_before_or_behind_it(desk: Desk, race: Race, counted: Counter[str]) -> None:
    for number in range(ROUNDS):
        person = str(number)
        right, further = bill(f"{number}-1", "10000.00", person), bill(f"{number}-2", person=person)
        wrong = desk.record(bill(f"{number}-1", person=person))
        correction, second, retry = race(
            lambda it=wrong, right=right: desk.correct(it.settlement_id, right),
            lambda it=further: desk.settle(it),
            lambda it=right: desk.settle(it),
        )
        assert isinstance(correction, Corrected)
        items = answer(correction)["items"]
        assert items[0]["new"]["payers"]["patient"] == "2800.00"
        # Before it: on top of 5,300.00, settled anew on top of 2,800.00. Behind it: on top of that at once.
        told = patient_pays(second), [item["new"]["payers"]["patient"] for item in items[1:]]
        assert told in (("5000.00", ["5300.00"]), ("5300.00", []))
        counted["bills before the correction" if items[1:] else "bills behind the correction"] += 1
        new = items[0]["new"]["settlement_id"]
        assert retry == Conflict(wrong.settlement_id) or retry[:1] == (new,)
        assert isinstance(retry, Conflict | Replayed)
        assert desk.year(person)[:4] == (30_000_00, 21_900_00, 8_100_00, 0)
    assert len(desk.rows(open_bills)) == 2 * ROUNDS
    assert faults(desk.dump()) == []


def test_corrections_that_move_bills_across_each_other_all_come_through(
    desk: Desk, race: Race, counted: Counter[str]
) -> None:
    for number in range(ROUNDS // 4):
        persons = f"{number}-a", f"{number}-b"
        wrong = [desk.record(bill(person, person=person)) for person in persons]
        moved = [bill(persons[0], person=persons[1]), bill(persons[1], person=persons[0])]
        outcomes = race(
            *[
                lambda it=each, request=request: desk.correct(it.settlement_id, request)
                for each, request in zip(wrong, moved, strict=True)
            ],
            lambda persons=persons: desk.settle(bill(f"{persons[0]}-2", person=persons[0])),
        )
        assert [type(outcome) for outcome in outcomes] == [Corrected, Corrected, Recorded]
        counted["crossing corrections"] += 2
    assert faults(desk.dump()) == []


def test_the_first_bills_of_a_year_see_each_other(desk: Desk, race: Race, counted: Counter[str]) -> None:
    for number in range(FIRST_BILLS):
        person = str(number)
        requests = [bill(f"{number}-{each}", person=person) for each in range(RACERS)]
        outcomes = race(*[lambda it=request: desk.settle(it) for request in requests])
        assert {type(outcome) for outcome in outcomes} == {Recorded}
        assert Counter(map(patient_pays, outcomes)) == EIGHT_BILLS
        assert desk.year(person).total_cost == RACERS * 20_000_00
        counted["first bills of a year"] += RACERS
    assert faults(desk.dump()) == []


def test_the_bills_of_one_year_are_settled_in_some_order(desk: Desk, counted: Counter[str]) -> None:
    """Two services with eight connections each; who finds the ledger busy asks again, as the contract says."""

    def write(desk: Desk, writer: int) -> list[Json]:
        return [
            answer(recorded(desk, bill(f"{writer}-{number}", f"{1_000 + 10 * writer + number}.00")))
            for number in range(BILLS_EACH)
        ]

    with closing(Desk(desk.url)) as other, ThreadPoolExecutor(WRITERS) as pool:
        answers = [
            each for written in pool.map(write, [desk, other] * (WRITERS // 2), range(WRITERS)) for each in written
        ]
    counted["bills of one year"] = len(answers)
    assert faults(desk.dump()) == []  # settles every bill again, in the order of the records
    rows = desk.rows(settlements)
    assert len(rows) == len(answers) == WRITERS * BILLS_EACH
    assert {each["settlement_id"] for each in answers} == {row["settlement_id"] for row in rows}
    # 1,000 to 1,159 yuan, each once.
    assert desk.year().total_cost == sum(range(1_000, 1_160)) * 100
    last = max(rows, key=lambda row: row["sequence"])
    (told,) = [each for each in answers if each["settlement_id"] == last["settlement_id"]]
    assert told["year_to_date"]["total_cost"] == "172720.00"


def recorded(desk: Desk, request: Json) -> Recorded | Replayed:
    for _ in range(20):
        try:
            outcome = desk.settle(request)
        except LedgerBusy:
            continue
        assert isinstance(outcome, Recorded | Replayed)
        return outcome
    raise AssertionError("the ledger is always busy")
