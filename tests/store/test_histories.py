"""Histories: whatever is asked in whatever order, the ledger answers as plain dicts and the calculation alone do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from hypothesis import settings, strategies
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from app.settlement.result import Payers
from app.settlement.settle import Refused, settle
from app.settlement.year import NO_YEAR, YearToDate
from app.store.person_years import read_year
from app.store.settlements import PersonYear
from app.usecases.correct_settlement import Corrected, KeyDiffers, NotInForce
from app.usecases.reverse_settlement import NotFound, NotLatest, Reversed
from app.usecases.settle_bill import Conflict, Recorded, Replayed
from tests.store.chain import faults
from tests.store.desk import CATALOGUE, RECORDS, SCHEME, Desk, Json, answer, bill, to_settle

DEEP = settings.get_current_profile_name() == "deep"
EXAMPLES, STEPS = (250, 50) if DEEP else (20, 30)

NUMBERS = strategies.integers(1, 6)
PERSONS = strategies.sampled_from(["1", "2"])
YEARS = strategies.sampled_from([2018, 2018, 2018, 2019])
AMOUNTS = strategies.sampled_from(["20000.00", "10000.00", "0.01", "60000.00"])
GIVEN = strategies.sampled_from([None, None, None, {}, {"critical_illness_base": "9000.00"}])
REFUSED: Json = {"lines": []}


@dataclass
class Known:
    """A settlement as the model knows it."""

    settlement_id: str
    request: Json
    answer: bytes
    payers: Payers
    before: YearToDate
    reversal: bytes | None = None
    correction: tuple[Json, bytes] | None = None

    @property
    def key(self) -> str:
        return str(self.request["bill_id"])

    @property
    def year(self) -> PersonYear:
        return year_of(self.request)


@dataclass
class Model:
    """A ledger in memory: all settlements in their order, the sums of each year."""

    all: list[Known] = field(default_factory=list)
    years: dict[PersonYear, YearToDate] = field(default_factory=dict)

    def under(self, key: str) -> Known | None:
        return next((each for each in self.all if each.key == key and each.reversal is None), None)

    def in_force(self, year: PersonYear) -> list[Known]:
        return [each for each in self.all if each.year == year and each.reversal is None]

    def calculated(self, request: Json) -> tuple[Payers, YearToDate] | None:
        """Who pays a bill on top of its year as it stands, and the year after it; None where it is refused."""
        made = to_settle(request)
        pack = CATALOGUE.in_force(made.bill.patient.pooling_area, made.bill.encounter.discharged_on)
        year = self.years.get(year_of(request), NO_YEAR) if made.year_to_date is None else made.year_to_date
        settlement = settle(made.bill, pack, year)
        return None if isinstance(settlement, Refused) else (settlement.payers, settlement.year_to_date)

    def add(self, request: Json, settlement_id: str, answer: bytes) -> Known:
        calculated = self.calculated(request)
        assert calculated is not None
        payers, after = calculated
        known = Known(settlement_id, request, answer, payers, self.years.get(year_of(request), NO_YEAR))
        self.all.append(known)
        self.years[known.year] = after
        return known

    def take_back(self, known: Known, reversal: bytes) -> None:
        known.reversal = reversal
        self.years[known.year] = known.before


def year_of(request: Json) -> PersonYear:
    made = to_settle(request)
    return PersonYear(made.person, made.bill.encounter.discharged_on.year, SCHEME)


def fen(money: Json) -> list[int]:
    return [int(value.replace(".", "")) for value in money.values()]


class Histories(RuleBasedStateMachine):
    """One history on an empty ledger; `desk` and `counted` are set by the test."""

    desk: Desk
    counted: Counter[str]

    def __init__(self) -> None:
        super().__init__()
        self.model = Model()
        with self.desk.ledger.engine.begin() as connection:
            for table in reversed(RECORDS):
                connection.execute(table.delete())
        self.desk.ledger.packs_kept.clear()

    def count(self, outcome: Any) -> None:
        self.counted["steps"] += 1
        self.counted[type(outcome).__name__] += 1

    def settle(self, request: Json) -> None:
        known = self.model.under(request["bill_id"])
        outcome = self.desk.settle(request)
        self.count(outcome)
        if known is not None and known.request == request:
            assert outcome == Replayed(known.settlement_id, known.answer)
        elif known is not None:
            assert outcome == Conflict(known.settlement_id)
        elif self.model.calculated(request) is None:
            assert isinstance(outcome, Refused)
        else:
            assert isinstance(outcome, Recorded)
            added = self.model.add(request, outcome.settlement_id, outcome.answer)
            told = answer(outcome)
            assert fen(told["payers"]) == [*added.payers]
            assert fen(told["year_to_date"]) == [*self.model.years[added.year]]

    @rule(number=NUMBERS, amount=AMOUNTS, person=PERSONS, year=YEARS, given=GIVEN)
    def settle_some_bill(self, number: int, amount: str, person: str, year: int, given: Json | None) -> None:
        more = {} if given is None else {"year_to_date": given}
        self.settle(bill(number, amount, person, year, **more))

    @rule(number=NUMBERS, person=PERSONS)
    def settle_a_usual_bill(self, number: int, person: str) -> None:
        self.settle(bill(number, person=person))

    @rule(number=NUMBERS)
    def settle_a_bill_that_is_refused(self, number: int) -> None:
        self.settle(bill(number) | REFUSED)

    @precondition(lambda self: self.model.all)
    @rule(data=strategies.data())
    def settle_again(self, data: strategies.DataObject) -> None:
        self.settle(self.chosen(data).request)

    @precondition(lambda self: self.model.all)
    @rule(data=strategies.data(), prepaid=strategies.sampled_from(["0.01", "7.00"]))
    def settle_with_another_value(self, data: strategies.DataObject, prepaid: str) -> None:
        self.settle(self.chosen(data).request | {"prepaid": prepaid})

    @rule()
    def reverse_what_is_not_there(self) -> None:
        outcome = self.desk.reverse("01979e0a-5a00-7000-8000-000000000009")
        self.count(outcome)
        assert outcome == NotFound()

    @precondition(lambda self: self.model.all)
    @rule(data=strategies.data())
    def reverse_any(self, data: strategies.DataObject) -> None:
        self.reverse(self.chosen(data))

    @precondition(lambda self: self.model.all)
    @rule(data=strategies.data())
    def reverse_the_latest_of_a_year(self, data: strategies.DataObject) -> None:
        chosen = self.chosen(data)
        self.reverse((self.model.in_force(chosen.year) or [chosen])[-1])

    @precondition(lambda self: self.earlier())
    @rule(data=strategies.data())
    def reverse_one_behind_which_others_stand(self, data: strategies.DataObject) -> None:
        self.reverse(data.draw(strategies.sampled_from(self.earlier())))

    def earlier(self) -> list[Known]:
        """All in force that are not the latest of their year."""
        return [each for each in self.model.all if each in self.model.in_force(each.year)[:-1]]

    def reverse(self, known: Known) -> None:
        outcome = self.desk.reverse(known.settlement_id)
        self.count(outcome)
        if known.reversal is not None:
            # What a correction reversed answers too, with bytes that nobody has seen yet.
            assert isinstance(outcome, Reversed)
            assert outcome.again
            assert known.reversal in (outcome.answer, b"")
            known.reversal = outcome.answer
        elif self.model.in_force(known.year)[-1] is not known:
            assert outcome == NotLatest()
        else:
            assert isinstance(outcome, Reversed)
            assert not outcome.again
            self.model.take_back(known, outcome.answer)
            told = answer(outcome)
            assert fen(told["year_to_date"]) == [*known.before]
            assert fen(told["payers"]) == [*known.payers]

    @precondition(lambda self: self.model.all)
    @rule(data=strategies.data(), amount=AMOUNTS, person=PERSONS, year=YEARS, refused=strategies.booleans())
    def correct(self, data: strategies.DataObject, amount: str, person: str, year: int, refused: bool) -> None:
        known = self.chosen(data)
        right = bill(known.key[1:], amount, person, year) | (REFUSED if refused and year == 2019 else {})
        self.correct_it(known, right, dry_run=data.draw(strategies.booleans(), label="dry run"))

    @precondition(lambda self: any(each.correction for each in self.model.all))
    @rule(data=strategies.data())
    def correct_again(self, data: strategies.DataObject) -> None:
        known = data.draw(strategies.sampled_from([each for each in self.model.all if each.correction]))
        assert known.correction is not None
        self.correct_it(known, known.correction[0], dry_run=False)

    @precondition(lambda self: self.model.all)
    @rule(data=strategies.data())
    def correct_by_another_bill(self, data: strategies.DataObject) -> None:
        outcome = self.desk.correct(self.chosen(data).settlement_id, bill("other"))
        self.count(outcome)
        assert outcome == KeyDiffers()

    def correct_it(self, known: Known, right: Json, *, dry_run: bool) -> None:
        outcome = self.desk.correct(known.settlement_id, right, dry_run=dry_run)
        self.count(outcome)
        if known.correction is not None and known.correction[0] == right:
            assert outcome == Corrected(known.correction[1], again=True, recorded=True)
            return
        if known.reversal is not None:
            assert outcome == NotInForce()
            return
        assert isinstance(outcome, Corrected | Refused)
        years, count = dict(self.model.years), len(self.model.all)
        old = self.correct_the_model(known, right, outcome)
        if isinstance(outcome, Corrected) and not dry_run:
            assert (outcome.again, outcome.recorded) == (False, True)
            known.correction = (right, outcome.answer)
            for new in self.model.all[count:]:
                again = self.desk.settle(new.request)
                assert isinstance(again, Replayed)
                assert again.settlement_id == new.settlement_id
                new.answer = again.answer
            return
        # Nothing was recorded: the model forgets it.
        assert isinstance(outcome, Refused) or outcome == Corrected(outcome.answer, again=False, recorded=False)
        del self.model.all[count:]
        for each in old:
            each.reversal = None
        self.model.years = years

    def correct_the_model(self, known: Known, right: Json, outcome: Corrected | Refused) -> list[Known]:
        """Take back from the known one on, settle anew, compare with what was answered: what was taken back."""
        old = self.model.in_force(known.year)
        old = old[old.index(known) :]
        requests = [right, *[each.request for each in old[1:]]]
        items = answer(outcome)["items"] if isinstance(outcome, Corrected) else [None] * len(old)
        for each in reversed(old):
            self.model.take_back(each, b"")
        for request, item in zip(requests, items, strict=True):
            if self.model.calculated(request) is None:
                assert isinstance(outcome, Refused)
                return old
            new = self.model.add(request, item["new"]["settlement_id"] if item else "", b"")
            assert item is None or fen(item["new"]["payers"]) == [*new.payers]
        assert isinstance(outcome, Corrected)
        return old

    def chosen(self, data: strategies.DataObject) -> Known:
        return data.draw(strategies.sampled_from(self.model.all))

    @invariant()
    def every_year_is_as_the_model_has_it(self) -> None:
        for year, sums in self.model.years.items():
            assert self.desk.ledger.read(lambda connection, it=year: read_year(connection, it)) == sums  # type: ignore[misc]  # mypy infers no lambda with a default

    def teardown(self) -> None:
        dump = self.desk.dump()
        assert faults(dump) == []
        told = {row["settlement_id"]: row["answer"] for row in dump["settlements"]}
        assert told == {each.settlement_id: each.answer for each in self.model.all}
        in_force = {each.settlement_id for each in self.model.all if each.reversal is None}
        assert {row["settlement_id"] for row in dump["open_bills"]} == in_force
        self.counted["histories"] += 1


def test_a_history_of_requests_is_answered_as_the_model_does(
    desk: Desk, record_property: Callable[[str, object], None]
) -> None:
    counted: Counter[str] = Counter()
    machine = type("Histories", (Histories,), {"desk": desk, "counted": counted})
    run_state_machine_as_test(machine, settings=settings(max_examples=EXAMPLES, stateful_step_count=STEPS))
    assert counted["histories"] >= EXAMPLES
    every = {Recorded, Replayed, Conflict, Refused, Reversed, NotLatest, NotFound, Corrected, KeyDiffers, NotInForce}
    assert {outcome.__name__ for outcome in every} <= set(counted)
    for name, count in sorted(counted.items()):
        record_property(f"counted {name}", count)
