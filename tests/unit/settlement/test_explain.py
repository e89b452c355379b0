"""The sentences of the stages: one in each language for every reason that can occur, with the real numbers in it."""

from __future__ import annotations

import json
import re

import pytest

from app.api.wire import Envelope, write_settlement
from app.settlement.bill import Bill
from app.settlement.explain import SENTENCES, explain
from app.settlement.pack import Pack
from tests.unit.settlement.small import PACK, assisted, bill, pack, rates, settled, stage_of, year, yuan
from tests.unit.settlement.test_reasons import EVERY_REASON, ROWS, Row

PLACEHOLDER = re.compile(r"%\(|%[sd]|\{|\}|None|None%|undefined")
HAN = re.compile(r"[\u4e00-\u9fff]")
UNGROUPED = re.compile(r"[0-9]{4,}\.[0-9]{2}")


def test_every_reason_that_can_occur_has_its_sentences_and_no_other() -> None:
    assert {stage: set(sentences) for stage, sentences in SENTENCES.items()} == {
        stage: set(reasons.split()) for stage, reasons in EVERY_REASON.items()
    }


@pytest.mark.parametrize(("stage", "row"), ROWS)
def test_a_stage_explains_itself_in_both_languages(stage: str, row: Row) -> None:
    sentence = explain(stage_of(settled(row.bill, row.pack, row.year), stage))
    for text in sentence:
        assert text.strip() == text != ""
        assert not PLACEHOLDER.search(text)
        assert not UNGROUPED.search(text)
    assert HAN.search(sentence.zh)
    assert not HAN.search(sentence.en)
    assert sentence.en.endswith((".", "is paid"))


@pytest.mark.parametrize(("stage", "row"), ROWS)
def test_what_a_stage_pays_stands_in_both_sentences(stage: str, row: Row) -> None:
    sentence = explain(stage_of(settled(row.bill, row.pack, row.year), stage))
    if row.amount != "0.00":
        whole, decimals = row.amount.split(".")
        shown = f"{int(whole):,}.{decimals}"
        assert shown in sentence.zh
        assert shown in sentence.en


POOR_BILL = bill("12340.00", status="registered_poor")
WITHOUT_ASSISTANCE = {"medical_assistance": None, "second_reimbursement": None}


@pytest.mark.parametrize(
    ("stage", "asked", "under", "zh", "en"),
    [
        ("deductible", POOR_BILL, PACK,
            "建档立卡贫困人口在统筹区内住院，取消起付线 400.00 元，免除 400.00 元",
            "The deductible of 400.00 yuan is waived for a registered-poor patient in the area: 400.00 yuan is taken off."),
        ("deductible", bill("1000.00"), PACK,
            "起付线 400.00 元，范围内费用 1,000.00 元，患者先承担 400.00 元",
            "The deductible is 400.00 yuan, the eligible cost 1,000.00: the patient first bears 400.00 yuan."),
        ("basic_insurance", POOR_BILL, PACK,
            "统筹基金支付 (12,340.00 − 0.00) × 80% = 9,872.00 元",
            "The pooled fund pays (12,340.00 − 0.00) × 80% = 9,872.00 yuan."),
        ("basic_insurance", POOR_BILL, pack(basic_insurance={"annual_cap": yuan("5000.00")}),
            "统筹基金支付 (12,340.00 − 0.00) × 80% = 9,872.00 元；年度封顶线 5,000.00 元，本年已付 0.00 元，本次支付 5,000.00 元",
            ("The pooled fund pays (12,340.00 − 0.00) × 80% = 9,872.00 yuan; the annual cap is 5,000.00 yuan, 0.00 was paid before, "
            "so 5,000.00 yuan is paid")),
        ("basic_insurance", bill("1000.00", referral="none"), pack(basic_insurance={"in_area": rates("0.10")}),
            "未按规定转诊，报销比例为 0%，统筹基金不予支付",
            "The referral rules were bypassed and the rate is 0%: the pooled fund pays nothing."),
        ("medical_assistance", POOR_BILL, pack(medical_assistance={"statuses": {"registered_poor": assisted("0.6375")}}),
            "医疗救助 2,468.00 × 63.75% = 1,573.35 元",
            "Medical assistance pays 2,468.00 × 63.75% = 1,573.35 yuan."),
        ("backstop", POOR_BILL, pack(**WITHOUT_ASSISTANCE),
            ("兜底目标 (0.00 + 12,340.00) × 90% = 11,106.00 元，已报销 0.00 + 9,872.00 元，差额 1,234.00 元，剩余费用 2,468.00 元，"
            "兜底支付 1,234.00 元"),
            ("The target is (0.00 + 12,340.00) × 90% = 11,106.00 yuan, 0.00 + 9,872.00 is covered, the difference is 1,234.00, "
            "2,468.00 is left: the backstop pays 1,234.00 yuan.")),
        ("emergency_aid", bill("12340.00", aid="4000.00"), PACK,
            "疾病应急救助：批准 4,000.00 元，剩余费用 3,385.00 元，支付 3,385.00 元",
            "Emergency aid of 4,000.00 yuan was approved, 3,385.00 is left: it pays 3,385.00 yuan."),
    ],
)  # fmt: skip
def test_a_sentence_has_the_real_numbers_in_it(stage: str, asked: Bill, under: Pack, zh: str, en: str) -> None:
    assert explain(stage_of(settled(asked, under), stage)) == (zh, en)


def test_a_need_below_zero_has_a_minus_sign() -> None:
    settlement = settled(bill("1000.00", status="registered_poor", aid="200.00"), pack(**WITHOUT_ASSISTANCE))
    assert explain(stage_of(settlement, "backstop")).en == (
        "The target is (0.00 + 1,000.00) × 90% = 900.00 yuan, 0.00 + 1,000.00 is covered, the difference is −100.00: "
        "the target is met, the backstop pays 0.00 yuan."
    )


def test_every_stage_of_an_answer_carries_its_sentences() -> None:
    settlement = settled(POOR_BILL, PACK, year(backstop_base="5000.00"))
    document = json.loads(write_settlement(settlement, Envelope(year_to_date_source="request")))
    told = [(stage["text"]["zh-CN"], stage["text"]["en"]) for stage in document["stages"]]
    assert told == [explain(result) for result in settlement.stages]
    assert len(told) == 8
