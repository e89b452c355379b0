"""An overlay changes single values; each value keeps the source of the file that gave it."""

from __future__ import annotations

from typing import Any

from app.policies.catalogue import catalogue_of
from app.settlement.pack import Source
from tests.unit.policies.small import OVERLAY, REGION, changed, load

LAW_3 = Source("Law 1", "3")
CITY = Source(assumed="set by Smallcity")


def packs(*texts: str) -> Any:
    """The packs of some files; tests look into blocks that they know are there."""
    return [each.pack for each in load(*texts)]


def overlay(blocks: str) -> Any:
    """The merged pack of an overlay with these blocks."""
    head = {"extends": "smallland@2018-01-01", "area": '"990100"'}
    text = "".join(f"{key}: {value}\n" for key, value in head.items()) + blocks
    return packs(REGION, text)[1]


def test_an_overlay_changes_what_it_gives_and_keeps_the_rest() -> None:
    basic = packs(REGION, OVERLAY)[1].basic_insurance
    assert basic.annual_cap == 12_000_000
    assert {tier: rate for tier, (rate, _) in basic.in_area.items()} == {
        "primary": 9000, "secondary": 7200, "tertiary_municipal": 6000, "tertiary_regional": 5500
    }  # fmt: skip
    assert basic.out_of_area_approved["secondary"].rate == 6500
    assert basic.unreferred_reduction == 1000


def test_a_value_keeps_the_source_of_the_file_that_gave_it() -> None:
    catalogue = catalogue_of(load(REGION, OVERLAY))
    pack = catalogue.by_id("smallland@2018-01-01", "990100")
    assert pack is not None
    sources = {number.path: (number.source, number.file, number.from_overlay) for number in catalogue.values(pack)}
    assert sources["basic_insurance.annual_cap"] == (CITY, "b.yaml", True)
    assert sources["basic_insurance.rate.secondary"] == (CITY, "b.yaml", True)
    assert sources["basic_insurance.rate.primary"] == (LAW_3, "a.yaml", False)
    assert sources["deductible.tiers.primary.first"] == (Source(assumed="set by the city"), "a.yaml", False)
    assert sources["deductible.waived_for_registered_poor"] == (Source("Law 1", "2"), "a.yaml", False)


def test_the_nearest_source_above_a_value_counts() -> None:
    inner = overlay(
        "backstop:\n  source: {assumed: outer}\n  annual_cap: 5\n"
        "critical_illness:\n  source: {assumed: outer}\n  threshold: 1\n"
        "  preference: {source: {assumed: inner}, threshold_factor: 0}\n"
    )
    assert inner.critical_illness.source == Source(assumed="outer")
    assert inner.critical_illness.preference_source == Source(assumed="inner")
    assert inner.backstop.source == Source("Law 1", "6")  # its rate is still the law's


def test_a_tier_that_an_overlay_changed_has_its_source_and_the_other_tiers_keep_the_regions() -> None:
    basic = packs(REGION, OVERLAY)[1].basic_insurance
    assert basic.in_area["secondary"].source == CITY
    assert basic.in_area["primary"].source == LAW_3
    assert basic.out_of_area_approved["secondary"].source == LAW_3
    assert basic.preference_source == LAW_3


def test_the_bands_replace_whole() -> None:
    pack = overlay("critical_illness:\n  source: {assumed: x}\n  bands: [{up_to: 70000, rate: 0.2}, {rate: 0.3}]\n")
    assert pack.critical_illness.bands == ((7_000_000, 2000), (None, 3000))
    assert pack.critical_illness.threshold == 1_200_050


def test_a_null_removes_an_optional_key() -> None:
    pack = overlay(
        "basic_insurance: {source: {assumed: x}, annual_cap: null}\n"
        "medical_assistance: {source: {assumed: x}, statuses: {low_income: null, ordinary: null}}\n"
        "scope: {source: {assumed: x}, class_b_self_pay_ratio: {material: ~}}\n"
        "backstop: null\n"
    )
    assert pack.basic_insurance.annual_cap is None
    assert list(pack.medical_assistance.statuses) == ["registered_poor"]
    assert pack.scope.class_b_by_category == {}
    assert pack.scope.class_b_default == 1000
    assert pack.backstop is None


def test_an_overlay_may_add_a_block_that_its_region_lacks() -> None:
    rates = "{primary: 0.8, secondary: 0.7, tertiary_municipal: 0.6, tertiary_regional: 0.5}"
    pack = overlay(f"chronic_outpatient: {{source: {{assumed: x}}, deductible: 100, rate: {rates}}}\n")
    assert pack.chronic_outpatient.deductible == 10_000
    assert pack.chronic_outpatient.rates["tertiary_regional"].rate == 5000
    assert packs(REGION)[0].chronic_outpatient is None


def test_dates_and_title_come_from_the_overlay_where_it_gives_them() -> None:
    region, merged = packs(REGION, OVERLAY)
    assert (str(merged.effective_from), merged.effective_to) == ("2018-07-01", region.effective_to)
    assert merged.id == region.id == "smallland@2018-01-01"
    assert (merged.area, merged.title) == ("990100", {"zh-CN": "小市", "en": "Smallcity"})
    assert merged.scheme == "urban_rural_resident"


def test_absent_options_have_their_defaults() -> None:
    pack = packs(REGION)[0]
    assert pack.critical_illness.include_first_self_pay is False
    assert pack.critical_illness.include_deductible is True
    assert pack.medical_assistance.statuses["low_income"].annual_deductible == 0
    assert pack.medical_assistance.statuses["low_income"].annual_cap is None
    assert pack.second_reimbursement.annual_cap is pack.backstop.annual_cap is None


def test_options_that_are_given_count() -> None:
    text = changed(
        REGION, "threshold: 12000.50", "threshold: 1\n  include_first_self_pay: true\n  include_deductible: false"
    )
    critical = packs(text)[0].critical_illness
    assert (critical.include_first_self_pay, critical.include_deductible) == (True, False)
    row = packs(REGION)[0].medical_assistance.statuses["registered_poor"]
    assert (row.rate, row.annual_deductible, row.annual_cap) == (7000, 0, 2_000_000)


def test_a_region_may_leave_out_its_title_and_scheme() -> None:
    bare = changed(REGION, "title: {zh-CN: 小区, en: Smallland}\n", "")
    (pack,) = packs(changed(bare, "scheme: urban_rural_resident\n", ""))
    assert (pack.title, pack.scheme) == ({}, None)


def test_a_leading_zero_is_a_plain_decimal_too() -> None:
    (pack,) = packs(changed(REGION, "annual_cap: 150000", "annual_cap: 0150000"))
    assert pack.basic_insurance.annual_cap == 15_000_000


def test_a_null_title_of_an_overlay_removes_it() -> None:
    assert packs(REGION, changed(OVERLAY, "title: {zh-CN: 小市, en: Smallcity}", "title: null"))[1].title == {}


def test_a_stay_without_referral_cites_whoever_sets_the_reduction() -> None:
    reduced = overlay("basic_insurance: {source: {assumed: set by the city}, unreferred_reduction: 0.20}\n")
    assert reduced.basic_insurance.reduction_source == Source(assumed="set by the city")
    assert reduced.basic_insurance.in_area["primary"].source == LAW_3
