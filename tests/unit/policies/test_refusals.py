"""One row for each way in which a pack breaks the contract (policy-pack.md): what is changed, where it points, why."""

from __future__ import annotations

import pytest

from tests.unit.policies.small import OVERLAY, REGION, changed, errors

RATE_EXPECTED = "expected a rate from 0 to 1, a plain decimal with at most four decimals"
MONEY_EXPECTED = "expected an amount of yuan from 0, a plain decimal with at most two decimals"
SOURCE_EXPECTED = "expected a source: {document, clause} for the law, or {assumed: words}"

# what is there | what stands in its place | path | part of the message
IN_A_REGION = [
    # keys
    ("annual_cap: 150000", "anual_cap: 150000", "basic_insurance.anual_cap", "unknown key, expected one of: source, rate"),
    ("scheme: urban_rural_resident", "scheme: urban_rural_resident\nfunds: 1", "funds", "unknown key, expected one of: name"),
    ("material: 0.20", "medicine: 0.20", "scope.class_b_self_pay_ratio.medicine", "unknown key, expected one of: default, drug"),
    ("low_income: {rate: 1.00}", "rich: {rate: 1.00}", "medical_assistance.statuses.rich", "unknown key, expected one of: registered_poor"),
    ("basis: annual", "basis: annual\n  basis: annual", "backstop.basis", "a repeated key, first in line 52, expected it once"),
    ("rate_bonus: 0.05}", "rate_bonus: 0.05, <<: {rate_bonus: 1}}", 'basic_insurance.preference."<<"', "unknown key"),
    # what must be there
    ('area: "990000"\n', "", "area", "missing, expected an administrative division code, six digits in quotes"),
    ("name: smallland\n", "", "name", "missing, expected a name"),
    ("effective_from: 2018-01-01\n", "", "effective_from", "missing, expected a day as YYYY-MM-DD"),
    (", en: Smallland}", "}", "title.en", "missing, expected words"),
    ("    tertiary_municipal: {first: 600, repeat: 300}\n", "", "deductible.tiers.tertiary_municipal", "missing, expected a mapping with the keys: first, repeat"),
    ("    primary: {first: 200, repeat: 100}", "    primary: {first: 200}", "deductible.tiers.primary.repeat", f"missing, {MONEY_EXPECTED}"),
    ("primary: 0.90, ", "", "basic_insurance.rate.primary", f"missing, {RATE_EXPECTED}"),
    ("tertiary_regional: 0.45}", "tertiary_regional: null}", "basic_insurance.out_of_area.approved.tertiary_regional", "found null, expected a rate"),
    ("unreferred_reduction: 0.10", "unreferred_reduction:", "basic_insurance.unreferred_reduction", "found null, expected a rate"),
    ("  essential_medicine_as_class_a: true\n", "", "scope.essential_medicine_as_class_a", "missing, expected true or false"),
    ("default: 0.10, ", "", "scope.class_b_self_pay_ratio.default", f"missing, {RATE_EXPECTED}"),
    ("threshold_factor: 0.5, ", "", "critical_illness.preference.threshold_factor", "missing"),
    ("  base: total\n", "", "backstop.base", "missing, expected total or in_catalogue"),
    ("low_income: {rate: 1.00}", "low_income: {annual_cap: 1}", "medical_assistance.statuses.low_income.rate", "missing"),
    ("  own_share: 0.10\n", "", "local_subsidy.own_share", "missing"),
    ("  enabled: false\n  rate: 0.40", "  rate: 0.40", "second_reimbursement.enabled", "missing"),
    # numbers
    ("target: 0.90", "target: 1.01", "backstop.target", f'found "1.01", {RATE_EXPECTED}'),
    ("target: 0.90", "target: 1.0001", "backstop.target", 'found "1.0001"'),
    ("target: 0.90", "target: 90%", "backstop.target", 'found "90%"'),
    ("target: 0.90", "target: -0.1", "backstop.target", 'found "-0.1"'),
    ("target: 0.90", "target: +0.1", "backstop.target", 'found "+0.1"'),
    ("target: 0.90", "target: 0.12345", "backstop.target", 'found "0.12345"'),
    ("target: 0.90", "target: .9", "backstop.target", 'found ".9"'),
    ("target: 0.90", "target: 9e-1", "backstop.target", 'found "9e-1"'),
    ("target: 0.90", "target: 0.9_0", "backstop.target", 'found "0.9_0"'),
    ("target: 0.90", "target: .inf", "backstop.target", 'found ".inf"'),
    ("target: 0.90", "target: ０.9", "backstop.target", 'found "０.9"'),
    ("target: 0.90", 'target: " 0.9"', "backstop.target", 'found " 0.9" in quotes'),
    ("target: 0.90", "target: [0.90]", "backstop.target", "found a list, expected a rate"),
    ("annual_cap: 150000", "annual_cap: -1", "basic_insurance.annual_cap", f'found "-1", {MONEY_EXPECTED}'),
    ("annual_cap: 150000", "annual_cap: 1.005", "basic_insurance.annual_cap", 'found "1.005"'),
    ("annual_cap: 150000", "annual_cap: 150,000", "basic_insurance.annual_cap", 'found "150,000"'),
    ("annual_cap: 150000", "annual_cap: 150_000", "basic_insurance.annual_cap", 'found "150_000"'),
    ("annual_cap: 150000", "annual_cap: 1e5", "basic_insurance.annual_cap", 'found "1e5"'),
    ("annual_cap: 150000", "annual_cap: 0x10", "basic_insurance.annual_cap", 'found "0x10"'),
    ("annual_cap: 150000", "annual_cap: 41:40:00", "basic_insurance.annual_cap", 'found "41:40:00"'),
    ("annual_cap: 150000", "annual_cap: 1000000000000000", "basic_insurance.annual_cap", 'found "1000000000000000"'),
    ("annual_cap: 150000", "annual_cap: {}", "basic_insurance.annual_cap", "found a mapping, expected an amount"),
    ("annual_cap: 150000", "annual_cap: none", "basic_insurance.annual_cap", 'found "none"'),
    ("enabled: false\n  rate: 0.40", "enabled: false\n  rate: 0.4001", "second_reimbursement.rate", 'found "0.4001", expected a rate from 0 to 0.4 (桂人社发〔2017〕74号 二(二)4)'),
    # switches, words, days, areas
    ("enabled: true", "enabled: yes", "backstop.enabled", 'found "yes", expected true or false, without quotes'),
    ("enabled: true", "enabled: on", "backstop.enabled", 'found "on"'),
    ("enabled: true", "enabled: True", "backstop.enabled", 'found "True"'),
    ("enabled: true", 'enabled: "true"', "backstop.enabled", 'found "true" in quotes'),
    ("enabled: true", "enabled: 1", "backstop.enabled", 'found "1"'),
    ("base: total", "base: Total", "backstop.base", 'found "Total", expected total or in_catalogue'),
    ("basis: annual", "basis: monthly", "backstop.basis", 'found "monthly", expected annual or per_bill'),
    ("basis: annual", "basis: annual\n  payer: ''", "backstop.payer", 'found "" in quotes, expected words'),
    ('area: "990000"', "area: 990000", "area", 'found "990000", expected an administrative division code, six digits in quotes'),
    ('area: "990000"', 'area: "99000"', "area", 'found "99000" in quotes'),
    ('area: "990000"', 'area: "９９0000"', "area", "expected an administrative division code"),
    ('area: "990000"', 'area: "990100"', "area", 'found "990100", expected a region: a code that ends in 0000'),
    ("name: smallland", "name: small land", "name", 'found "small land", expected a name'),
    ("effective_from: 2018-01-01", "effective_from: 2018-1-1", "effective_from", 'found "2018-1-1", expected a day as YYYY-MM-DD'),
    ("effective_from: 2018-01-01", "effective_from: 2018-02-30", "effective_from", 'found "2018-02-30"'),
    ("effective_to: 2019-12-31", "effective_to: 2017-12-31", "effective_to", "found 2017-12-31, expected no day before effective_from, 2018-01-01"),
    ("en: Smallland", 'en: " "', "title.en", 'found " " in quotes, expected words'),
    ("zh-CN: 小区, ", "zh-CN: 小区, fr: Petit, ", "title.fr", "unknown key, expected one of: zh-CN, en"),
    # sources
    ('  source: {document: Law 1, clause: "6"}\n', "", "backstop.source", f"missing, {SOURCE_EXPECTED}"),
    ('source: {document: Law 1, clause: "6"}', "source: null", "backstop.source", f"found null, {SOURCE_EXPECTED}"),
    ('source: {document: Law 1, clause: "6"}', "source: Law 1", "backstop.source", f'found "Law 1", {SOURCE_EXPECTED}'),
    ('clause: "6"}', "clause: null}", "backstop.source.clause", "found no words, expected words"),
    ('clause: "6"}', "clause: [6]}", "backstop.source.clause", "found no words, expected words"),
    ('clause: "6"}', 'clause: "a\\0b"}', "backstop.source.clause", "a control character"),
    ('source: {document: Law 1, clause: "6"}', "source: {document: Law 1}", "backstop.source", f"found document, {SOURCE_EXPECTED}"),
    ('clause: "6"}', 'clause: "6", assumed: the city}', "backstop.source", f"found document and clause and assumed, {SOURCE_EXPECTED}"),
    ('clause: "6"}', 'clause: "6", page: 7}', "backstop.source.page", f"unknown key, {SOURCE_EXPECTED}"),
    ('clause: "6"}', 'clause: ""}', "backstop.source.clause", "found no words, expected words"),
    ("source: {assumed: set by the city}", "source: {}", "deductible.tiers.source", f"found nothing, {SOURCE_EXPECTED}"),
    ("en: Smallland", "en: Smallland, source: {assumed: me}", "title.source", "unknown key"),
    # bands
    ("{up_to: 50000, rate: 0.60}", "{up_to: 20000, rate: 0.60}", "critical_illness.bands[1].up_to", "does not ascend"),
    ("{up_to: 20000, rate: 0.50}", "{up_to: 0, rate: 0.50}", "critical_illness.bands[0].up_to", "does not ascend, expected more than 0"),
    ("{up_to: 50000, rate: 0.60}", "{up_to: 50000, rate: 0.49}", "critical_illness.bands[1].rate", "a falling rate"),
    ("{rate: 0.70}", "{up_to: 90000, rate: 0.70}", "critical_illness.bands[2].up_to", "found a bound, expected none: the last band is open"),
    ("{up_to: 50000, rate: 0.60}", "{rate: 0.60}", "critical_illness.bands[1].up_to", "missing, expected a bound: only the last band is open"),
    ("{up_to: 50000, rate: 0.60}", "{up_to: null, rate: 0.60}", "critical_illness.bands[1].up_to", "missing, expected a bound"),
    ("{up_to: 50000, rate: 0.60}", "{up_to: 50000}", "critical_illness.bands[1].rate", f"missing, {RATE_EXPECTED}"),
    ("{up_to: 50000, rate: 0.60}", "{up_to: 50000, rate: 6}", "critical_illness.bands[1].rate", f'found "6", {RATE_EXPECTED}'),
    ("{up_to: 50000, rate: 0.60}", "0.60", "critical_illness.bands[1]", 'found "0.60", expected a mapping with the keys: rate, up_to'),
    ("{rate: 0.70}", "{rate: 0.70, share: 1}", "critical_illness.bands[2].share", "unknown key"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "path", "message"), IN_A_REGION, ids=lambda value: str(value)[:40])
def test_a_region_that_breaks_the_contract_is_refused_at_the_bad_value(
    old: str, new: str, path: str, message: str
) -> None:
    found = errors(changed(REGION, old, new))
    assert [error.path for error in found] == [path]
    assert message in found[0].message
    assert found[0].file == "a.yaml"


WHOLE_BLOCKS = [
    ("scope", "missing, expected a mapping with the keys: source, class_b_self_pay_ratio"),
    ("deductible", "missing, expected a mapping with the keys: source, tiers"),
    ("basic_insurance", "missing, expected a mapping with the keys: source, rate"),
]


@pytest.mark.parametrize(("block", "message"), WHOLE_BLOCKS)
def test_the_first_three_blocks_are_required(block: str, message: str) -> None:
    start = REGION.index(f"\n{block}:") + 1
    end = next(at for at in range(start + 1, len(REGION)) if REGION[at - 1] == "\n" and REGION[at] != " ")
    found = errors(REGION[:start] + REGION[end:])
    assert [(error.path, message in error.message) for error in found] == [(block, True)]


IN_AN_OVERLAY = [
    ("extends: smallland@2018-01-01", "extends: smallland@2018-01-02", "extends", "found smallland@2018-01-02, a region that is not here, expected one of: smallland@2018-01-01"),
    ("extends: smallland@2018-01-01", "extends: smallland", "extends", 'found "smallland", expected a region\'s id'),
    ('area: "990100"\n', "", "area", "missing from an overlay"),
    ('area: "990100"', "area: 990100", "area", "six digits in quotes"),
    ('area: "990100"', 'area: "980100"', "area", "expected a pooling area of its region: a code that begins with 99"),
    ('area: "990100"', 'area: "990000"', "area", "expected a pooling area: a code that does not end in 0000"),
    ('area: "990100"', 'area: "990100"\nname: x', "name", "unknown key, an overlay may hold only: extends, area, effective_from"),
    ('area: "990100"', 'area: "990100"\nscheme: x', "scheme", "unknown key, an overlay may hold only"),
    ("effective_from: 2018-07-01", "effective_from: 2017-12-31", "effective_from", "found 2017-12-31, expected a day inside its region's 2018-01-01 to 2019-12-31"),
    ("effective_from: 2018-07-01", "effective_from: 2020-01-01", "effective_to", "found 2019-12-31, expected no day before effective_from"),
    ("effective_from: 2018-07-01", "effective_to: 2020-01-01", "effective_to", "found 2020-01-01, expected a day inside its region's"),
    ("effective_from: 2018-07-01", "effective_to: null", "effective_to", "found open end, expected a day inside its region's"),
    ("effective_from: 2018-07-01", "effective_from: null", "effective_from", "found null"),
    ("  source: {assumed: set by Smallcity}\n", "", "basic_insurance.source", f"missing, {SOURCE_EXPECTED}"),
    ("annual_cap: 120000", "annual_cap: 1.001", "basic_insurance.annual_cap", MONEY_EXPECTED),
    ("rate: {secondary: 0.72}", "rate: {secondary: null}", "basic_insurance.rate.secondary", "found null, expected a rate"),
    ("rate: {secondary: 0.72}", "rate: null", "basic_insurance.rate", "found null, expected a mapping"),
    ("rate: {secondary: 0.72}", "rate: {third: 0.72}", "basic_insurance.rate.third", "unknown key"),
    ("rate: {secondary: 0.72}", "rate: {secondary: 0.72}\nscope: null", "scope", "found null"),
    ("rate: {secondary: 0.72}", "rate: {secondary: 0.72}\nsecond_reimbursement: {source: {assumed: x}, rate: 0.5}", "second_reimbursement.rate", "from 0 to 0.4"),
    ("rate: {secondary: 0.72}", "rate: {secondary: 0.72}\nmedical_assistance: {source: {assumed: x}, statuses: {extremely_poor: {annual_cap: 1}}}", "medical_assistance.statuses.extremely_poor.rate", "missing"),
    ("rate: {secondary: 0.72}", "rate: {secondary: 0.72}\nchronic_outpatient: {source: {assumed: x}, deductible: 0, rate: {primary: 1}}", "chronic_outpatient.rate.secondary", "missing"),
    ("rate: {secondary: 0.72}", "rate: {secondary: 0.72}\ncritical_illness: {source: {assumed: x}, bands: [{up_to: 1, rate: 0}]}", "critical_illness.bands[0].up_to", "the last band is open"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "path", "message"), IN_AN_OVERLAY, ids=lambda value: str(value)[:40])
def test_an_overlay_that_breaks_the_contract_is_refused_at_the_bad_value(
    old: str, new: str, path: str, message: str
) -> None:
    found = errors(REGION, changed(OVERLAY, old, new))
    assert found[0].path == path
    assert message in found[0].message
    assert {error.file for error in found} == {"b.yaml"}


def test_two_packs_with_one_id_are_refused() -> None:
    other = changed(REGION, 'area: "990000"', 'area: "980000"')
    assert [(error.file, error.path, error.message) for error in errors(REGION, other)] == [
        ("b.yaml", "name", "the id smallland@2018-01-01 is that of a.yaml too, expected an id of its own")
    ]


OVERLAPS = [
    # a second region in the area      its last day
    ("2019-12-31", "2020-12-31", True),
    ("2020-01-01", "2020-12-31", False),
    ("2017-01-01", "2018-01-01", True),
    ("2017-01-01", "2017-12-31", False),
]


@pytest.mark.parametrize(("begins", "ends", "refused"), OVERLAPS)
def test_two_regions_of_one_area_may_not_overlap_in_time(begins: str, ends: str, refused: bool) -> None:
    period = "effective_from: 2018-01-01\neffective_to: 2019-12-31"
    other = changed(REGION, period, f"effective_from: {begins}\neffective_to: {ends}")
    found = errors(REGION, changed(other, "name: smallland", "name: other"))
    expected = [("b.yaml", "effective_from", True)] if refused else []
    assert [(error.file, error.path, "overlaps a.yaml" in error.message) for error in found] == expected


def test_two_overlays_of_one_area_may_not_overlap_in_time() -> None:
    later = changed(OVERLAY, "2018-07-01", "2019-01-01")
    ended = changed(OVERLAY, "effective_from: 2018-07-01", "effective_from: 2018-07-01\neffective_to: 2018-12-31")
    assert [(error.file, error.path) for error in errors(REGION, OVERLAY, later)] == [("c.yaml", "effective_from")]
    assert errors(REGION, ended, later) == []


def test_an_overlay_may_not_extend_an_overlay() -> None:
    second = changed(changed(OVERLAY, "smallland@2018-01-01", "smallland@2018-07-01"), "990100", "990200")
    assert [(error.file, error.path) for error in errors(REGION, OVERLAY, second)] == [("c.yaml", "extends")]


def test_all_errors_of_all_files_come_at_once_in_the_order_of_files_and_lines() -> None:
    region = changed(REGION, "target: 0.90", "target: 2")
    region = changed(region, "name: smallland", "name: smallland\nextra: 1")
    region = changed(region, "    secondary: {first: 400, repeat: 200}\n", "")
    overlay = changed(changed(OVERLAY, "0.72", "72"), "annual_cap", "cap")
    found = errors(region, overlay, "a: [")
    assert [(error.file, error.path, error.line) for error in found] == [
        ("a.yaml", "extra", 2),
        ("a.yaml", "deductible.tiers.secondary", 15),
        ("a.yaml", "backstop.target", 50),
        ("b.yaml", "basic_insurance.cap", 7),
        ("b.yaml", "basic_insurance.rate.secondary", 8),
        ("c.yaml", "", 2),
    ]


def test_a_block_is_checked_also_where_it_is_not_enabled() -> None:
    broken = changed(REGION, "own_share: 0.10", "own_share: ten")
    assert "enabled: false\n  own_share" in broken
    assert [error.path for error in errors(broken)] == ["local_subsidy.own_share"]


TOGETHER = [
    # what the region loses | what the overlay loses | the errors, and no others that only follow from them
    ("effective_from: 2018-01-01\n", "", ["a.yaml effective_from", "b.yaml extends"]),
    ("name: smallland\n", "", ["a.yaml name", "b.yaml extends"]),
    ('area: "990000"\n', "", ["a.yaml area"]),
    ('area: "990000"\n', 'area: "990100"\n', ["a.yaml area", "b.yaml area"]),
    ("  base: total\n", "", ["a.yaml backstop.base"]),
]


@pytest.mark.parametrize(("of_region", "of_overlay", "expected"), TOGETHER)
def test_a_broken_region_is_not_told_again_of_its_overlay(of_region: str, of_overlay: str, expected: list[str]) -> None:
    region, overlay = changed(REGION, of_region, ""), OVERLAY.replace(of_overlay, "")
    found = [f"{error.file} {error.path}" for error in errors(region, overlay)]
    assert found == expected


@pytest.mark.parametrize("day", ["2018-01-01", "2019-12-31"])
def test_an_overlay_may_begin_on_its_regions_first_day_and_on_its_last(day: str) -> None:
    assert errors(REGION, changed(OVERLAY, "2018-07-01", day)) == []


def test_what_is_right_is_not_refused() -> None:
    assert errors(REGION, OVERLAY) == []


FORMS_THAT_ARE_FINE = [
    ("target: 0.90", 'target: "0.90"'),
    ("target: 0.90", "target: '1'"),
    ("target: 0.90", "target: 0.900000"),
    ("target: 0.90", "target: 0"),
    ("annual_cap: 150000", "annual_cap: ~"),
    ("annual_cap: 150000", "annual_cap:"),
    ("  annual_cap: 150000\n", ""),
    ("annual_cap: 150000", "annual_cap: 0"),
    ("annual_cap: 150000", "annual_cap: 999999999999999.99"),
    ("effective_to: 2019-12-31\n", ""),
    ("effective_to: 2019-12-31", "effective_to: null"),
    ("effective_to: 2019-12-31", "effective_to: 2018-01-01"),
    ("effective_to: 2019-12-31", 'effective_to: "2019-12-31"'),
    ("{up_to: 50000, rate: 0.60}", "{up_to: 50000, rate: 0.50}"),
    ("{rate: 0.70}", "{up_to: null, rate: 0.70}"),
    ("{rate: 0.70}", "{rate: 0.70, source: {assumed: x}}"),
    ("material: 0.20", "material: null"),
    ("rate: 0.40", "rate: 0.4"),
    ("basis: annual", "basis: per_bill\n  payer: commercial_insurer"),
    ("threshold: 12000.50", "threshold: 12000.50\n  include_first_self_pay: null\n  include_deductible: null"),
]


@pytest.mark.parametrize(("old", "new"), FORMS_THAT_ARE_FINE)
def test_other_ways_to_write_a_right_pack_are_fine(old: str, new: str) -> None:
    assert errors(changed(REGION, old, new)) == []
