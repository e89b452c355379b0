"""Edges that no ordinary bill comes near: one fen left, sums beyond a float, and our own mistakes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from app.settlement.case import case_of
from app.settlement.explain import _with_cap, explain
from app.settlement.money import WHOLE, Fen, times
from app.settlement.result import StageResult
from app.settlement.stages.basic_insurance import basic_insurance
from app.settlement.stages.deductible import deductible
from tests.unit.settlement.small import PACK, assisted, bands, bill, pack, rates, settled, share, stage_of, yuan

NOTHING_BEFORE_THE_BACKSTOP: Any = {
    "basic_insurance": {"in_area": rates("0"), "rate_bonus": share("0")},
    "critical_illness": None,
    "medical_assistance": None,
    "second_reimbursement": None,
}
CHRONIC = case_of(bill("1.00", type="chronic_outpatient"))


def test_the_backstop_pays_a_single_fen() -> None:
    paid = stage_of(settled(bill("0.01", status="registered_poor"), pack(**NOTHING_BEFORE_THE_BACKSTOP)), "backstop")
    assert (paid.reason, paid.amount) == ("applied", 1)


@pytest.mark.parametrize("amount", [9_007_199_254_740_993, -9_007_199_254_740_993])
def test_an_amount_that_no_float_holds_is_exact(amount: int) -> None:
    assert times(Fen(amount), WHOLE) == amount


def test_a_sentence_with_a_cap_ends_with_the_cap_in_both_languages() -> None:
    assert _with_cap("甲", "One") == (
        "甲；年度封顶线 %(annual_cap)s 元，本年已付 %(paid_before)s 元，本次支付 %(amount)s 元",
        "One; the annual cap is %(annual_cap)s yuan, %(paid_before)s was paid before, so %(amount)s yuan is paid",
    )


@pytest.mark.parametrize(
    ("mistake", "words"),
    [
        (
            lambda: explain(StageResult("backstop", "referral_not_compliant", yuan("0.00"), None, None, {}, {})),
            "a sentence names a rate only where its stage has one",
        ),
        (
            lambda: explain(
                StageResult("backstop", "cap_reached", yuan("0.00"), WHOLE, None, {"annual_cap": None}, {})
            ),
            "a sentence names a cap only where it was reached",
        ),
        (
            lambda: deductible(CHRONIC, yuan("1.00"), PACK.deductible, None),
            "a chronic outpatient bill under a pack without that block is refused before",
        ),
        (
            lambda: basic_insurance(CHRONIC, yuan("1.00"), yuan("0.00"), yuan("0.00"), PACK.basic_insurance, None),
            "a chronic outpatient bill under a pack without that block is refused before",
        ),
        (
            lambda: settled(bill("90000.00"), pack(critical_illness={"bands": bands((None, "-0.50"))})),
            "rates are within 0..1, so f rises by no more than its base",
        ),
        (
            lambda: settled(
                bill("1000.00", status="low_income"),
                pack(medical_assistance={"statuses": {"low_income": assisted("2")}}),
            ),
            "the payers do not add up to the bill",
        ),
    ],
)
def test_a_mistake_of_ours_is_called_by_its_name(mistake: Callable[[], object], words: str) -> None:
    with pytest.raises(AssertionError) as raised:
        mistake()
    assert str(raised.value) == words
