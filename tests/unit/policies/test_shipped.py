"""The packs that ship: each number of the law beside its clause, each other one plainly assumed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from app.policies.catalogue import Number, load_shipped
from app.settlement.bill import STATUSES, TIERS

CATALOGUE = load_shipped()
LAW = "桂人社发〔2017〕74号"

PACKS = [
    ("guangxi@2017-12-13", "450000", "2017-12-13", "2020-12-31"),
    ("guangxi@2017-12-13", "450100", "2017-12-13", "2020-12-31"),
    ("shaanxi@2020-01-01", "610000", "2020-01-01", "None"),
    ("shaanxi@2020-01-01", "610500", "2020-01-01", "None"),
    ("shaanxi@2020-01-01", "610900", "2020-01-01", "None"),
]

# The law's own numbers: all of them, and where each stands in 桂人社发〔2017〕74号.
OF_THE_LAW = {
    "basic_insurance.rate.primary": ("0.9000", "二(二)3"),  # 由90%提高到95%
    "basic_insurance.rate.secondary": ("0.7500", "二(二)3"),  # 由75%提高到80%
    "basic_insurance.rate.tertiary_municipal": ("0.6000", "二(二)3"),  # 由60%提高到65%
    "basic_insurance.rate.tertiary_regional": ("0.5500", "二(二)3"),  # 由55%提高到60%
    "basic_insurance.preference.rate_bonus": ("0.0500", "二(二)3"),  # 提高5%
    "critical_illness.preference.threshold_factor": ("0.5000", "二(二)4"),  # 起付线降低50%
    "critical_illness.preference.rate_bonus": ("0.1000", "二(二)4"),  # 报销比例提高10个百分点
    "second_reimbursement.rate": ("0.4000", "二(二)4"),  # 不高于40%
    "backstop.target": ("0.9000", "二(二)5"),  # 补偿到90%
    "catalogue_drug_ratio.threshold": ("0.9500", "二(二)2"),  # 95%以上
}

# What is assumed, and the words that must stand there.
ASSUMED = [
    ("450000", "scope.class_b_self_pay_ratio.default", "placeholder"),
    ("450000", "deductible.tiers.primary.first", "桂人社发〔2017〕1号, not found"),
    ("450000", "basic_insurance.annual_cap", "placeholder"),
    ("450000", "basic_insurance.unreferred_reduction", "placeholder"),
    ("450000", "basic_insurance.out_of_area.approved.primary", "set by the pooling area"),
    ("450000", "chronic_outpatient.rate.primary", "医疗费分担支付表"),
    ("450000", "critical_illness.threshold", "contract with the insurer"),
    ("450000", "medical_assistance.statuses.low_income.rate", "civil affairs"),
    ("450000", "local_subsidy.own_share", "own_share 0.10 is the 10% that 桂人社发〔2017〕74号 二(二)5 names"),
    ("450000", "local_subsidy.share", "share a placeholder"),
    ("450100", "deductible.tiers.primary.first", "second-hand figures of 2025 (南医保规〔2024〕16号), unverified"),
    ("450100", "basic_insurance.out_of_area.approved.primary", "× 0.85 where referred"),
    ("450100", "deductible.tiers.primary.repeat", "placeholder"),
    ("610000", "critical_illness.preference.threshold_factor", "national rule"),
    ("610500", "basic_insurance.rate.primary", "second-hand figures (渭政办发〔2019〕137号), unverified"),
    ("610900", "basic_insurance.rate.primary", "second-hand figures from 2020 on, unverified"),
]

# guangxi-numbers.md's tables, as its pages give them: the city, the path, the number.
FOUND = [
    ("450100", "deductible.tiers.{}.first", ("100.00", "300.00", "600.00", "600.00")),
    ("450100", "basic_insurance.rate.{}", ("0.9000", "0.7500", "0.6000", "0.5500")),
    ("450100", "basic_insurance.out_of_area.approved.{}", ("0.7650", "0.6375", "0.5100", "0.4675")),
    ("450100", "basic_insurance.out_of_area.unapproved.{}", ("0.5400", "0.4500", "0.3600", "0.3300")),
    ("610500", "deductible.tiers.{}.first", ("200.00", "500.00", "1000.00", "3000.00")),
    ("610500", "basic_insurance.rate.{}", ("0.9000", "0.8000", "0.6500", "0.6500")),
    ("610500", "basic_insurance.out_of_area.approved.{}", ("0.8000", "0.7000", "0.5500", "0.5500")),
    ("610500", "basic_insurance.out_of_area.unapproved.{}", ("0.7000", "0.6000", "0.4500", "0.4500")),
    ("610900", "deductible.tiers.{}.first", ("200.00", "600.00", "2000.00", "2000.00")),
    ("610900", "basic_insurance.rate.{}", ("0.8000", "0.7000", "0.6000", "0.6000")),
    ("610900", "basic_insurance.out_of_area.approved.{}", ("0.7000", "0.6000", "0.5000", "0.5000")),
    ("610900", "basic_insurance.out_of_area.unapproved.{}", ("0.6500", "0.5500", "0.4500", "0.4500")),
]

# area | threshold, cap | bands: bound on the excess, rate
CRITICAL_ILLNESS = [
    ("450000", "10000.00", None, [("20000.00", "0.5000"), ("50000.00", "0.6000"), (None, "0.7000")]),
    ("450100", "10000.00", "400000.00", [("40000.00", "0.6000"), ("90000.00", "0.6500"), (None, "0.7500")]),
    ("610000", "10000.00", "300000.00", [("40000.00", "0.6000"), ("90000.00", "0.7000"), (None, "0.8000")]),
    ("610500", "10000.00", "300000.00", [("20000.00", "0.6000"), ("90000.00", "0.7000"), (None, "0.8000")]),
    ("610900", "10000.00", "300000.00", [("40000.00", "0.6000"), ("90000.00", "0.7000"), (None, "0.8000")]),
]


def pack_of(area: str) -> Any:
    return next(pack for pack in CATALOGUE.packs if pack.area == area)


def values_of(area: str) -> dict[str, Number]:
    return {number.path: number for number in CATALOGUE.values(pack_of(area))}


def test_these_packs_ship() -> None:
    assert [(pack.id, pack.area, str(pack.effective_from), str(pack.effective_to)) for pack in CATALOGUE.packs] == PACKS


def test_the_laws_numbers_are_cited_clause_by_clause_and_no_others() -> None:
    cited = {
        number.path: (number.text, number.source.clause)
        for number in CATALOGUE.numbers(pack_of("450000"))
        if number.source.document == LAW
    }
    assert cited == OF_THE_LAW


def test_the_laws_switches_are_cited_too() -> None:
    values = values_of("450000")
    switches = [
        ("deductible.waived_for_registered_poor", "true", "二(二)5"),
        ("scope.essential_medicine_as_class_a", "true", "二(二)3"),
        ("backstop.enabled", "true", "二(二)5"),
        ("backstop.base", "total", "二(二)5"),
        ("backstop.basis", "annual", "二(二)5"),
        ("backstop.payer", "commercial_insurer", "二(二)5"),
        ("second_reimbursement.enabled", "false", "二(二)4"),
    ]
    assert [(path, values[path].text, values[path].source.clause) for path, _, _ in switches] == switches


@pytest.mark.parametrize(("area", "path", "words"), ASSUMED)
def test_what_the_law_leaves_to_others_is_plainly_assumed(area: str, path: str, words: str) -> None:
    source = values_of(area)[path].source
    assert source.document is None
    assert words in (source.assumed or "")


@pytest.mark.parametrize("area", ["450100", "610000", "610500", "610900"])
def test_second_hand_numbers_are_never_cited_as_law(area: str) -> None:
    for number in CATALOGUE.numbers(pack_of(area)):
        if number.from_overlay or area.startswith("61"):
            assert number.source.document is None, number.path
            words = number.source.assumed or ""
            assert "second-hand" in words or "no figure found" in words, number.path


@pytest.mark.parametrize(("area", "path", "by_tier"), FOUND)
def test_the_figures_that_were_found_stand_in_the_citys_overlay(area: str, path: str, by_tier: tuple[str, ...]) -> None:
    values = values_of(area)
    assert tuple(values[path.format(tier)].text for tier in TIERS) == by_tier


@pytest.mark.parametrize(("area", "threshold", "cap", "bands"), CRITICAL_ILLNESS)
def test_critical_illness_by_area(
    area: str, threshold: str, cap: str | None, bands: list[tuple[str | None, str]]
) -> None:
    values = values_of(area)
    assert values["critical_illness.threshold"].text == threshold
    assert values["critical_illness.annual_cap"].text == cap
    paths = [f"critical_illness.bands[{index}]" for index in range(len(bands))]
    found = [(values.get(f"{path}.up_to"), values[f"{path}.rate"].text) for path in paths]
    assert [(bound and bound.text, rate) for bound, rate in found] == bands
    assert f"critical_illness.bands[{len(bands)}].rate" not in values


CAPS = [("450000", "150000.00"), ("450100", "150000.00"), ("610000", "120000.00"), ("610500", "130000.00"), ("610900", "120000.00")]  # fmt: skip


@pytest.mark.parametrize(("area", "cap"), CAPS)
def test_the_funds_annual_cap_by_area(area: str, cap: str | None) -> None:
    assert values_of(area)["basic_insurance.annual_cap"].text == cap


def test_a_region_without_an_overlay_is_promised_no_more_than_either_city_gives() -> None:
    shaanxi, weinan, ankang = values_of("610000"), values_of("610500"), values_of("610900")
    for path, number in shaanxi.items():
        if number.unit is None or path.endswith("up_to"):
            continue
        cities = [float(city[path].text or "nan") for city in (weinan, ankang)]
        assert float(number.text or "nan") == (max(cities) if path.startswith("deductible") else min(cities)), path


def test_shaanxi_has_no_stage_that_nothing_was_found_of() -> None:
    pack = pack_of("610500")
    absent = (
        pack.chronic_outpatient, pack.medical_assistance, pack.second_reimbursement, pack.backstop,
        pack.local_subsidy, pack.catalogue_drug_ratio,
    )  # fmt: skip
    assert absent == (None,) * 6
    assert pack.deductible.waived_for_registered_poor is False
    assert pack.scope.essential_medicine_as_class_a is False
    assert pack.critical_illness.include_deductible is False
    assert pack_of("610900").critical_illness.include_deductible is True


def test_statuses_are_known_ones() -> None:
    assert set(pack_of("450000").medical_assistance.statuses) < set(STATUSES)


def test_every_number_of_every_pack_has_a_source_and_a_unit() -> None:
    for pack in CATALOGUE.packs:
        for number in CATALOGUE.numbers(pack):
            assert number.unit in ("yuan", "share"), number
            assert number.source.assumed or (number.source.document and number.source.clause), number


def test_a_pack_can_be_shown_as_json_and_back() -> None:
    for pack in CATALOGUE.packs:
        assert json.loads(json.dumps(pack.title, ensure_ascii=False)) == pack.title
