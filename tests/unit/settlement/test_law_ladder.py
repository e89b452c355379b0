"""桂人社发〔2017〕74号, section 二(二), clause by clause: what somebody without a special status gets, and what the
registered poor (建档立卡贫困人口) get for the same bill under the pack that ships.

Where a clause leaves its use to the pooling area, two areas of the table have switched it on by an overlay.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import app.policies
from app.api.answers import answer
from app.policies.catalogue import catalogue_of
from app.policies.loader import PackFile, load_packs, read_folder
from tests.unit.settlement.requests import Json, changed, line

SECOND_REIMBURSEMENT_ON = b"""\
extends: guangxi@2017-12-13
area: "450900"
second_reimbursement: {source: {assumed: decided by the city for the year}, enabled: true}
"""
LOCAL_SUBSIDY_ON = b"""\
extends: guangxi@2017-12-13
area: "451100"
medical_assistance: null
backstop: {source: {assumed: decided by the city}, enabled: false}
local_subsidy: {source: {assumed: decided by the city}, enabled: true}
"""
CATALOGUE = catalogue_of(
    load_packs(
        [
            *read_folder(Path(app.policies.__file__).parent),
            PackFile("second.yaml", SECOND_REIMBURSEMENT_ON),
            PackFile("subsidy.yaml", LOCAL_SUBSIDY_ON),
        ]
    )
)


class Row(NamedTuple):
    clause: str
    right: str
    bill: Json
    ordinary: Json
    poor: Json
    why: str


def stay(amount: str, tier: str = "secondary", **more: Any) -> Json:
    """A stay in the patient's own county, of one class A treatment."""
    return {"/lines": [line(1, amount)], "/facility/tier": tier} | more


def outside(amount: str, tier: str) -> Json:
    """A stay outside the pooling area, referred there."""
    return stay(amount, tier) | {
        "/facility/pooling_area": "440100",
        "/facility/county": None,
        "/encounter/referral": "approved",
    }


def chronic(amount: str, tier: str) -> Json:
    return stay(amount, tier) | {"/encounter/type": "chronic_outpatient"}


def basic(rate: str, amount: str) -> Json:
    return {"stages.basic_insurance.rate": rate, "payers.basic_insurance": amount}


def critical(band: int, rate: str, amount: str) -> Json:
    return {f"stages.critical_illness.inputs.band_{band}_rate": rate, "payers.critical_illness": amount}


def drugs(in_catalogue: str, outside_it: str) -> Json:
    return {
        "/lines": [line(1, in_catalogue, category="drug"), line(2, outside_it, "C", category="herbal_drug", code="Y")]
    }


LADDER = [
    Row("二(二)2", "用药保障: 95 % of drugs in the catalogue, met", drugs("950.00", "50.00"),
        {"catalogue_drug_ratio": None},
        {"catalogue_drug_ratio": {"ratio": "0.9500", "threshold": "0.9500", "met": True}},
        "950 / 1000"),
    Row("二(二)2", "用药保障: not met by one fen", drugs("949.99", "50.01"),
        {"catalogue_drug_ratio": None},
        {"catalogue_drug_ratio": {"ratio": "0.9500", "threshold": "0.9500", "met": False}},
        "949.99 / 1000 = 0.94999, shown as 0.9500"),
    Row("二(二)3", "住院 一级及以下: 90 → 95 %", stay("10000.00", "primary"),
        basic("0.9000", "8820.00"), basic("0.9500", "9500.00"),
        "(10000 − 200) × 0.90; 10000 × 0.95"),
    Row("二(二)3", "住院 二级: 75 → 80 %", stay("10000.00", "secondary"),
        basic("0.7500", "7200.00"), basic("0.8000", "8000.00"),
        "(10000 − 400) × 0.75; 10000 × 0.80"),
    Row("二(二)3", "住院 市三级: 60 → 65 %", stay("10000.00", "tertiary_municipal"),
        basic("0.6000", "5640.00"), basic("0.6500", "6500.00"),
        "(10000 − 600) × 0.60; 10000 × 0.65"),
    Row("二(二)3", "住院 自治区三级: 55 → 60 %", stay("10000.00", "tertiary_regional"),
        basic("0.5500", "5060.00"), basic("0.6000", "6000.00"),
        "(10000 − 800) × 0.55; 10000 × 0.60"),
    Row("二(二)3", "统筹地区外 一级及以下: + 5 %", outside("10000.00", "primary"),
        basic("0.8000", "7840.00"), basic("0.8500", "8330.00"),
        "(10000 − 200) × 0.80; the same × 0.85: the deductible stays"),
    Row("二(二)3", "统筹地区外 二级: + 5 %", outside("10000.00", "secondary"),
        basic("0.6500", "6240.00"), basic("0.7000", "6720.00"),
        "(10000 − 400) × 0.65; × 0.70"),
    Row("二(二)3", "统筹地区外 市三级: + 5 %", outside("10000.00", "tertiary_municipal"),
        basic("0.5000", "4700.00"), basic("0.5500", "5170.00"),
        "(10000 − 600) × 0.50; × 0.55"),
    Row("二(二)3", "统筹地区外 自治区三级: + 5 %", outside("10000.00", "tertiary_regional"),
        basic("0.4500", "4140.00"), basic("0.5000", "4600.00"),
        "(10000 − 800) × 0.45; × 0.50"),
    Row("二(二)3", "门诊特殊慢性病 一级及以下: + 5 %", chronic("10000.00", "primary"),
        basic("0.8000", "8000.00"), basic("0.8500", "8500.00"), "10000 × 0.80; × 0.85"),
    Row("二(二)3", "门诊特殊慢性病 二级: + 5 %", chronic("10000.00", "secondary"),
        basic("0.7000", "7000.00"), basic("0.7500", "7500.00"), "10000 × 0.70; × 0.75"),
    Row("二(二)3", "门诊特殊慢性病 市三级: + 5 %", chronic("10000.00", "tertiary_municipal"),
        basic("0.5500", "5500.00"), basic("0.6000", "6000.00"), "10000 × 0.55; × 0.60"),
    Row("二(二)3", "门诊特殊慢性病 自治区三级: + 5 %", chronic("10000.00", "tertiary_regional"),
        basic("0.5000", "5000.00"), basic("0.5500", "5500.00"), "10000 × 0.50; × 0.55"),
    Row("二(二)3", "符合转诊规范: who bypassed the rules has no preference",
        stay("10400.00") | {"/encounter/referral": "none"},
        basic("0.6500", "6500.00"), basic("0.6500", "6760.00"),
        "(10400 − 400) × (0.75 − 0.10); 10400 × 0.65: the waiver of 5 asks for no referral"),
    Row("二(二)3", "药品报销倾斜: an essential medicine of class B is paid as class A",
        {"/lines": [line(1, "1000.00", "B", category="drug", essential_medicine=True)]},
        {"costs.first_self_pay": "100.00", "costs.eligible": "900.00"} | basic("0.7500", "375.00"),
        {"costs.first_self_pay": "0.00", "costs.eligible": "1000.00"} | basic("0.8000", "800.00"),
        "1000 × 0.10 first; (900 − 400) × 0.75; 1000 × 0.80"),
    Row("二(二)4", "大病保险 起付线: − 50 %", stay("20000.00", "tertiary_regional"),
        {"payers.critical_illness": "0.00", "stages.critical_illness.reason": "threshold_not_reached",
         "stages.critical_illness.inputs.threshold_factor": "1.0000"},
        {"payers.critical_illness": "1800.00", "stages.critical_illness.reason": "applied",
         "stages.critical_illness.inputs.threshold_factor": "0.5000"},
        "base 20000 − 10560 = 9440, under 10000; 20000 − 12000 = 8000, (8000 − 5000) × 0.60"),
    Row("二(二)4", "大病保险 报销比例: + 10 points, first band",
        stay("10000.00") | {"/year_to_date/critical_illness_base": "20000.00"},
        critical(1, "0.5000", "1400.00"), critical(1, "0.6000", "1200.00"),
        "(10000 − 7200) × 0.50; (10000 − 8000) × 0.60"),
    Row("二(二)4", "大病保险 报销比例: + 10 points, second band",
        stay("10000.00") | {"/year_to_date/critical_illness_base": "30000.00"},
        critical(2, "0.6000", "1680.00"), critical(2, "0.7000", "1400.00"),
        "2800 × 0.60; 2000 × 0.70"),
    Row("二(二)4", "大病保险 报销比例: + 10 points, open band",
        stay("10000.00") | {"/year_to_date/critical_illness_base": "60000.00"},
        critical(3, "0.7000", "1960.00"), critical(3, "0.8000", "1600.00"),
        "2800 × 0.70; 2000 × 0.80"),
    Row("二(二)4", "二次报销: 40 % of what is left, without class C, where the area switches it on",
        {"/lines": [line(1, "10000.00"), line(2, "1000.00", "C", code="Y")],
         "/facility/pooling_area": "450900", "/patient/pooling_area": "450900"},
        {"payers.second_reimbursement": "0.00", "stages.second_reimbursement.reason": "status_not_covered"},
        {"payers.second_reimbursement": "240.00", "stages.second_reimbursement.rate": "0.4000"},
        "11000 − 1000 − 8000 − assistance 2000 × 0.70 = 600; × 0.40"),
    Row("二(二)4", "二次报销: nowhere else", stay("10000.00"),
        {"payers.second_reimbursement": "0.00", "stages.second_reimbursement.reason": "not_enabled"},
        {"payers.second_reimbursement": "0.00", "stages.second_reimbursement.reason": "not_enabled"},
        "the law allows it, the pooling area decides"),
    Row("二(二)5", "取消住院基金起付标准: in the area", stay("10000.00"),
        {"deductible": {"amount": "400.00", "waived": "0.00"}},
        {"deductible": {"amount": "0.00", "waived": "400.00"}, "stages.deductible.reason": "waived"},
        "二级 400"),
    Row("二(二)5", "取消住院基金起付标准: not outside it", outside("10000.00", "secondary"),
        {"deductible": {"amount": "400.00", "waived": "0.00"}},
        {"deductible": {"amount": "400.00", "waived": "0.00"}, "stages.deductible.reason": "applied"},
        "二级 400"),
    Row("二(二)5", "兜底: up to 90 %", stay("10000.00", "tertiary_municipal"),
        {"payers.backstop": "0.00", "payers.patient": "4360.00", "actual_reimbursement_ratio": "0.5640"},
        {"payers.backstop": "50.00", "payers.patient": "1000.00", "actual_reimbursement_ratio": "0.9000"},
        "10000 − 5640; 9000 − 6500 − 3500 × 0.70 = 50"),
    Row("二(二)5", "兜底: nothing where 90 % is reached", stay("10000.00", "primary"),
        {"payers.backstop": "0.00", "payers.patient": "1180.00"},
        {"payers.backstop": "0.00", "payers.patient": "150.00", "stages.backstop.reason": "target_met"},
        "10000 − 8820; 9500 + 500 × 0.70 = 9850, above 9000"),
    Row("二(二)5", "适当补助: half of one's own above 10 %, where the area switches it on",
        stay("10000.00") | {"/facility/pooling_area": "451100", "/patient/pooling_area": "451100"},
        {"payers.local_subsidy": "0.00", "stages.local_subsidy.reason": "status_not_covered"},
        {"payers.local_subsidy": "500.00", "payers.patient": "1500.00"},
        "10000 − 8000 = 2000; (2000 − 1000) × 0.50"),
    Row("二(二)6", "先诊疗后付费: no deposit in the county", stay("10000.00") | {"/prepaid": "500.00"},
        {"deposit_required": True, "amount_due": "2300.00", "refund_due": "0.00"},
        {"deposit_required": False, "amount_due": "100.00", "refund_due": "0.00"},
        "10000 − 7200 − 500; 10000 − 8000 − 2000 × 0.70 − 500"),
    Row("二(二)6", "先诊疗后付费: not in another county", stay("10000.00") | {"/facility/county": "450222"},
        {"deposit_required": True}, {"deposit_required": True}, "县域内 alone"),
    Row("二(二)6", "疾病应急救助 is settled with the rest, at the same window",
        stay("10000.00") | {"/emergency_aid_approved": "300.00"},
        {"payers.emergency_aid": "300.00", "payers.patient": "2500.00"},
        {"payers.emergency_aid": "300.00", "payers.patient": "300.00"},
        "10000 − 7200 − 300; 10000 − 8000 − 1400 − 300"),
    Row("二(二)7", "生育住院: at the rates of any stay",
        stay("10000.00") | {"/encounter/type": "maternity_inpatient", "/encounter/cause": "maternity"},
        basic("0.7500", "7200.00") | {"deductible.amount": "400.00"},
        basic("0.8000", "8000.00") | {"deductible.amount": "0.00"},
        "(10000 − 400) × 0.75; 10000 × 0.80"),
]  # fmt: skip # one row a right


def settled(bill: Json, status: str) -> Json:
    request = changed(bill | {"/patient/status": status})
    document: Json = json.loads(answer(json.dumps(request).encode(), CATALOGUE).body)
    document["stages"] = {stage["stage"]: stage for stage in document["stages"]}
    return document


def part(document: Json, path: str) -> Any:
    value: Any = document
    for name in path.split("."):
        value = value[name]
    return value


@pytest.mark.parametrize("status", ["ordinary", "registered_poor"])
@pytest.mark.parametrize("row", [pytest.param(row, id=f"{row.clause} {row.right}") for row in LADDER])
def test_a_right_of_the_law(row: Row, status: str) -> None:
    document = settled(row.bill, status)
    expected = row.poor if status == "registered_poor" else row.ordinary
    assert {path: part(document, path) for path in expected} == expected, row.why


@pytest.mark.parametrize(
    ("stage", "bill", "clause"),
    [
        ("deductible", stay("10000.00"), "二(二)5"),
        ("basic_insurance", stay("10000.00"), "二(二)3"),
        ("critical_illness", stay("10000.00"), "二(二)4"),
        ("second_reimbursement", stay("10000.00"), "二(二)4"),
        ("backstop", stay("10000.00"), "二(二)5"),
    ],
)
def test_a_stage_names_the_clause_it_follows(stage: str, bill: Json, clause: str) -> None:
    source = settled(bill, "registered_poor")["stages"][stage]["source"]
    assert source == {"document": "桂人社发〔2017〕74号", "clause": clause}


def test_every_clause_about_a_bill_has_a_row() -> None:
    assert sorted({row.clause for row in LADDER}) == ["二(二)2", "二(二)3", "二(二)4", "二(二)5", "二(二)6", "二(二)7"]
