"""The sentence of each stage and reason, in Chinese and English, with the stage's own numbers in it.

Words only: every number in a sentence is one that the stage calculated with or arrived at.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, NamedTuple

from app.settlement.money import grouped, percent
from app.settlement.result import Reason, StageName, StageResult


class Sentence(NamedTuple):
    """One explanation in both languages; as a template, with `%(name)s` where a number goes."""

    zh: str
    en: str


_grouped = lru_cache(maxsize=16_384)(grouped)


def explain(result: StageResult) -> Sentence:
    """Fill in the sentence of a stage's reason with its numbers."""
    template = _TEMPLATES[result.stage, result.reason]
    if not template.names:
        return template.sentence
    inputs, rates = result.inputs, result.rates
    numbers: list[str] = []
    for name in template.names:
        if name == "amount":
            numbers.append(_grouped(result.amount))
        elif name == "rate":
            assert result.rate is not None, "a sentence names a rate only where its stage has one"
            numbers.append(percent(result.rate))
        elif name in rates:
            numbers.append(percent(rates[name]))
        else:
            number = inputs[name]
            assert number is not None, "a sentence names a cap only where it was reached"
            numbers.append(_grouped(number))
    return Sentence(_filled(template.zh, numbers), _filled(template.en, numbers))


class _Cut(NamedTuple):
    """A sentence cut at its numbers: its first words, then which number goes there and the words behind it."""

    first: str
    rest: list[tuple[int, str]]


class _Template(NamedTuple):
    """A pair of sentences, the names of the numbers in them, and both cut at these."""

    sentence: Sentence
    names: list[str]
    zh: _Cut
    en: _Cut


def _filled(cut: _Cut, numbers: list[str]) -> str:
    pieces = [cut.first]
    for number, words in cut.rest:
        pieces.append(numbers[number])
        pieces.append(words)
    return "".join(pieces)


def _template(sentence: Sentence) -> _Template:
    names = sorted(set(re.findall(_GAP, sentence.zh + sentence.en)))
    return _Template(sentence, names, _cut(sentence.zh, names), _cut(sentence.en, names))


def _cut(text: str, names: list[str]) -> _Cut:
    first, *rest = re.split(_GAP, text)
    return _Cut(first, [(names.index(name), words) for name, words in zip(rest[::2], rest[1::2], strict=True)])


_GAP: Final = r"%\((\w+)\)s"


_CAPPED = Sentence(
    "年度封顶线 %(annual_cap)s 元，本年已付 %(paid_before)s 元，本次支付 %(amount)s 元",
    "the annual cap is %(annual_cap)s yuan, %(paid_before)s was paid before, so %(amount)s yuan is paid",
)


def _with_cap(zh: str, en: str) -> Sentence:
    return Sentence(f"{zh}；{_CAPPED.zh}", f"{en}; {_CAPPED.en}")


_BASIC_ZH = "统筹基金支付 (%(eligible)s − %(deductible)s) × %(rate)s = "
_BASIC_EN = "The pooled fund pays (%(eligible)s − %(deductible)s) × %(rate)s = "
_CRITICAL_ZH = "大病保险按年度累计 %(before)s → %(after)s 元分段计算，起付线 %(threshold)s × %(threshold_factor)s："
_CRITICAL_EN = (
    "Critical-illness insurance, by bands on the year's %(before)s → %(after)s yuan, threshold %(threshold)s × "
    "%(threshold_factor)s: "
)
_CRITICAL_SUM = "%(paid_at_after)s − %(paid_at_before)s"
_ASSIST_ZH = "医疗救助 %(usable)s × %(rate)s = "
_ASSIST_EN = "Medical assistance pays %(usable)s × %(rate)s = "
_SECOND_ZH = "二次报销 %(base)s × %(rate)s = "
_SECOND_EN = "Second reimbursement pays %(base)s × %(rate)s = "
_NEED_ZH = (
    "兜底目标 (%(base_before)s + %(base)s) × %(rate)s = %(owed)s 元，"
    "已报销 %(covered_before)s + %(covered)s 元，差额 %(needed)s 元"
)
_NEED_EN = (
    "The target is (%(base_before)s + %(base)s) × %(rate)s = %(owed)s yuan, "
    "%(covered_before)s + %(covered)s is covered, the difference is %(needed)s"
)
_EXCESS_ZH = "年度自付 %(own_before)s + %(burden)s 元，自付限额 %(own_limit)s 元，超出 %(excess)s × %(rate)s = "
_EXCESS_EN = (
    "The patient's own share of the year is %(own_before)s + %(burden)s yuan, its limit %(own_limit)s, above it "
    "%(excess)s × %(rate)s = "
)

SENTENCES: Final[dict[StageName, dict[Reason, Sentence]]] = {
    "deductible": {
        "not_enabled": Sentence("没有起付线，0.00 元", "There is no deductible: 0.00 yuan."),
        "waived": Sentence(
            "建档立卡贫困人口在统筹区内住院，取消起付线 %(deductible)s 元，免除 %(waived)s 元",
            "The deductible of %(deductible)s yuan is waived for a registered-poor patient in the area: %(waived)s "
            "yuan is taken off.",
        ),
        "applied": Sentence(
            "起付线 %(deductible)s 元，范围内费用 %(eligible)s 元，患者先承担 %(amount)s 元",
            "The deductible is %(deductible)s yuan, the eligible cost %(eligible)s: the patient first bears %(amount)s "
            "yuan.",
        ),
        "nothing_left": Sentence(
            "没有范围内费用，起付线 %(deductible)s 元不计",
            "There is no eligible cost for the deductible of %(deductible)s yuan to count against.",
        ),
    },
    "basic_insurance": {
        "referral_not_compliant": Sentence(
            "未按规定转诊，报销比例为 %(rate)s，统筹基金不予支付",
            "The referral rules were bypassed and the rate is %(rate)s: the pooled fund pays nothing.",
        ),
        "out_of_area": Sentence(
            "统筹区外就医，报销比例为 %(rate)s，统筹基金不予支付",
            "The stay is out of area and the rate is %(rate)s: the pooled fund pays nothing.",
        ),
        "nothing_left": Sentence(
            _BASIC_ZH + "%(amount)s 元，本次无可报销",
            _BASIC_EN + "%(amount)s yuan: there is nothing to reimburse.",
        ),
        "threshold_not_reached": Sentence(
            "范围内费用 %(eligible)s 元未超过起付线 %(deductible)s 元，统筹基金不予支付",
            "The eligible cost of %(eligible)s yuan is not above the deductible of %(deductible)s: the pooled fund "
            "pays nothing.",
        ),
        "applied": Sentence(_BASIC_ZH + "%(amount)s 元", _BASIC_EN + "%(amount)s yuan."),
        "cap_reached": _with_cap(_BASIC_ZH + "%(calculated)s 元", _BASIC_EN + "%(calculated)s yuan"),
    },
    "critical_illness": {
        "not_enabled": Sentence(
            "本统筹区没有大病保险规定，0.00 元", "The area has no critical-illness rules: 0.00 yuan."
        ),
        "nothing_left": Sentence(
            _CRITICAL_ZH + _CRITICAL_SUM + " = %(amount)s 元，本次无可支付",
            _CRITICAL_EN + _CRITICAL_SUM + " = %(amount)s yuan: there is nothing to pay.",
        ),
        "threshold_not_reached": Sentence(
            "年度累计 %(after)s 元未超过大病保险起付线 %(threshold)s × %(threshold_factor)s，0.00 元",
            "The year's %(after)s yuan is not above the critical-illness threshold of %(threshold)s × "
            "%(threshold_factor)s: 0.00 yuan.",
        ),
        "applied": Sentence(
            _CRITICAL_ZH + _CRITICAL_SUM + " = %(amount)s 元", _CRITICAL_EN + _CRITICAL_SUM + " = %(amount)s yuan."
        ),
        "cap_reached": _with_cap(_CRITICAL_ZH + _CRITICAL_SUM, _CRITICAL_EN + _CRITICAL_SUM),
    },
    "medical_assistance": {
        "not_enabled": Sentence(
            "本统筹区没有医疗救助规定，0.00 元", "The area has no medical-assistance rules: 0.00 yuan."
        ),
        "status_not_covered": Sentence(
            "该身份不属于医疗救助对象，0.00 元", "Medical assistance does not cover this status: 0.00 yuan."
        ),
        "nothing_left": Sentence(
            _ASSIST_ZH + "%(amount)s 元，本次无可救助",
            _ASSIST_EN + "%(amount)s yuan: there is nothing to assist with.",
        ),
        "threshold_not_reached": Sentence(
            "年度累计 %(before)s + %(base)s 元未超过救助起付线 %(annual_deductible)s 元，0.00 元",
            "The year's %(before)s + %(base)s yuan is not above the annual deductible of %(annual_deductible)s: 0.00 "
            "yuan.",
        ),
        "applied": Sentence(_ASSIST_ZH + "%(amount)s 元", _ASSIST_EN + "%(amount)s yuan."),
        "cap_reached": _with_cap(_ASSIST_ZH + "%(calculated)s 元", _ASSIST_EN + "%(calculated)s yuan"),
    },
    "emergency_aid": {
        "none_approved": Sentence("没有批准的疾病应急救助，0.00 元", "No emergency aid was approved: 0.00 yuan."),
        "nothing_left": Sentence(
            "批准疾病应急救助 %(approved)s 元，已没有待支付的费用，0.00 元",
            "Emergency aid of %(approved)s yuan was approved, but nothing is left to pay: 0.00 yuan.",
        ),
        "applied": Sentence(
            "疾病应急救助：批准 %(approved)s 元，剩余费用 %(burden)s 元，支付 %(amount)s 元",
            "Emergency aid of %(approved)s yuan was approved, %(burden)s is left: it pays %(amount)s yuan.",
        ),
    },
    "second_reimbursement": {
        "not_enabled": Sentence(
            "本统筹区本年度未开展二次报销，0.00 元", "The area has no second reimbursement this year: 0.00 yuan."
        ),
        "status_not_covered": Sentence(
            "二次报销只面向建档立卡贫困人口，0.00 元",
            "Second reimbursement is for registered-poor patients alone: 0.00 yuan.",
        ),
        "nothing_left": Sentence(
            _SECOND_ZH + "%(amount)s 元，本次无可报销",
            _SECOND_EN + "%(amount)s yuan: there is nothing to reimburse.",
        ),
        "applied": Sentence(_SECOND_ZH + "%(amount)s 元", _SECOND_EN + "%(amount)s yuan."),
        "cap_reached": _with_cap(_SECOND_ZH + "%(calculated)s 元", _SECOND_EN + "%(calculated)s yuan"),
    },
    "backstop": {
        "not_enabled": Sentence("本统筹区未实行兜底保障，0.00 元", "The area has no backstop: 0.00 yuan."),
        "status_not_covered": Sentence(
            "兜底保障只面向建档立卡贫困人口，0.00 元", "The backstop is for registered-poor patients alone: 0.00 yuan."
        ),
        "referral_not_compliant": Sentence(
            "未按规定转诊，不享受 %(rate)s 兜底保障，0.00 元",
            "The referral rules were bypassed: no backstop to %(rate)s, 0.00 yuan.",
        ),
        "target_met": Sentence(
            _NEED_ZH + "，已达到目标，兜底支付 0.00 元", _NEED_EN + ": the target is met, the backstop pays 0.00 yuan."
        ),
        "nothing_left": Sentence(
            _NEED_ZH + "，已没有待支付的费用，兜底支付 0.00 元",
            _NEED_EN + ", but nothing is left to pay: the backstop pays 0.00 yuan.",
        ),
        "applied": Sentence(
            _NEED_ZH + "，剩余费用 %(burden)s 元，兜底支付 %(amount)s 元",
            _NEED_EN + ", %(burden)s is left: the backstop pays %(amount)s yuan.",
        ),
        "cap_reached": _with_cap(_NEED_ZH, _NEED_EN),
    },
    "local_subsidy": {
        "not_enabled": Sentence("本统筹区没有适当补助，0.00 元", "The area has no local subsidy: 0.00 yuan."),
        "status_not_covered": Sentence(
            "适当补助只面向建档立卡贫困人口，0.00 元",
            "The local subsidy is for registered-poor patients alone: 0.00 yuan.",
        ),
        "nothing_left": Sentence(
            _EXCESS_ZH + "%(amount)s 元，本次无可补助", _EXCESS_EN + "%(amount)s yuan: there is nothing to subsidise."
        ),
        "threshold_not_reached": Sentence(
            "年度自付 %(own_before)s + %(burden)s 元未超过限额 %(own_limit)s 元 (%(own_share)s)，补助 0.00 元",
            "The patient's own share of the year, %(own_before)s + %(burden)s yuan, is not above %(own_limit)s "
            "(%(own_share)s): 0.00 yuan.",
        ),
        "applied": Sentence(_EXCESS_ZH + "%(amount)s 元", _EXCESS_EN + "%(amount)s yuan."),
        "cap_reached": _with_cap(_EXCESS_ZH + "%(calculated)s 元", _EXCESS_EN + "%(calculated)s yuan"),
    },
}


_TEMPLATES: Final = {
    (stage, reason): _template(sentence)
    for stage, sentences in SENTENCES.items()
    for reason, sentence in sentences.items()
}
