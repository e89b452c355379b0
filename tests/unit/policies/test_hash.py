"""The content hash: of what a pack says, not of how it is written."""

from __future__ import annotations

import hashlib

from tests.unit.policies.small import OVERLAY, REGION, changed, load

# The small region as settlement.md §8 wants it hashed, written out by hand.
CANONICAL = (
    '{"area":"990000",'
    '"backstop":{"base":"total","basis":"annual","enabled":true,"source":{"clause":"6","document":"Law 1"},"target":"0.9"},'
    '"basic_insurance":{"annual_cap":"150000",'
    '"out_of_area":{"approved":{"primary":"0.8","secondary":"0.65","tertiary_municipal":"0.5","tertiary_regional":"0.45"},'
    '"unapproved":{"primary":"0.6","secondary":"0.4","tertiary_municipal":"0.3","tertiary_regional":"0.2"}},'
    '"preference":{"rate_bonus":"0.05"},'
    '"rate":{"primary":"0.9","secondary":"0.75","tertiary_municipal":"0.6","tertiary_regional":"0.55"},'
    '"source":{"clause":"3","document":"Law 1"},"unreferred_reduction":"0.1"},'
    '"catalogue_drug_ratio":{"source":{"clause":"7","document":"Law 1"},"threshold":"0.95"},'
    '"critical_illness":{"annual_cap":null,'
    '"bands":[{"rate":"0.5","up_to":"20000"},{"rate":"0.6","up_to":"50000"},{"rate":"0.7"}],'
    '"preference":{"rate_bonus":"0.1","threshold_factor":"0.5"},'
    '"source":{"clause":"4","document":"Law 1"},"threshold":"12000.5"},'
    '"deductible":{"source":{"clause":"2","document":"Law 1"},'
    '"tiers":{"primary":{"first":"200","repeat":"100"},"secondary":{"first":"400","repeat":"200"},'
    '"source":{"assumed":"set by the city"},'
    '"tertiary_municipal":{"first":"600","repeat":"300"},"tertiary_regional":{"first":"800","repeat":"400"}},'
    '"waived_for_registered_poor":true},'
    '"effective_from":"2018-01-01","effective_to":"2019-12-31",'
    '"local_subsidy":{"enabled":false,"own_share":"0.1","share":"0.5","source":{"assumed":"decided by the city"}},'
    '"medical_assistance":{"source":{"assumed":"set by the county"},'
    '"statuses":{"low_income":{"rate":"1"},"registered_poor":{"annual_cap":"20000","annual_deductible":"0","rate":"0.7"}}},'
    '"name":"smallland","scheme":"urban_rural_resident",'
    '"scope":{"class_b_self_pay_ratio":{"default":"0.1","material":"0.2"},"essential_medicine_as_class_a":true,'
    '"source":{"clause":"1","document":"Law 1"}},'
    '"second_reimbursement":{"enabled":false,"rate":"0.4","source":{"clause":"5","document":"Law 1"}},'
    '"title":{"en":"Smallland","zh-CN":"小区"}}'
)
WRITTEN_OUT = "sha256:6958dd617bceda9b544f831dee6f51297569e2d24e216993e84543951d5a276d"


def hash_of(*texts: str) -> str:
    return load(*texts)[-1].pack.hash


def test_the_hash_is_of_the_canonical_json() -> None:
    assert hash_of(REGION) == "sha256:" + hashlib.sha256(CANONICAL.encode()).hexdigest()


def test_the_hash_of_a_pack_is_for_ever() -> None:
    assert hash_of(REGION) == WRITTEN_OUT


SAME = [
    ("target: 0.90", "target: '0.9'"),
    ("target: 0.90", "target: 0.9000 # of the cost"),
    ("threshold: 12000.50", 'threshold: "12000.5"'),
    ("annual_cap: null", "annual_cap: ~"),
    ("{zh-CN: 小区, en: Smallland}", "{en: Smallland, zh-CN: '小区'}"),
    ("  enabled: true\n  target: 0.90\n", "  target: 0.90\n  enabled: true\n"),
]


def test_how_a_pack_is_written_does_not_change_its_hash() -> None:
    assert {hash_of(changed(REGION, old, new)) for old, new in SAME} == {hash_of(REGION)}


DIFFERENT = [
    ("target: 0.90", "target: 0.91"),
    ("threshold: 12000.50", "threshold: 12000.51"),
    ("  annual_cap: null\n", ""),
    ("enabled: true", "enabled: false"),
    ('clause: "6"', 'clause: "8"'),
    ("en: Smallland", "en: Smallisland"),
    ("effective_to: 2019-12-31", "effective_to: 2019-12-30"),
    ("effective_to: 2019-12-31\n", ""),
    ("scheme: urban_rural_resident", "scheme: employee"),
]


def test_whatever_a_pack_says_changes_its_hash() -> None:
    assert len({hash_of(changed(REGION, old, new)) for old, new in DIFFERENT} | {hash_of(REGION)}) == len(DIFFERENT) + 1


def test_an_overlay_is_hashed_as_merged_without_extends() -> None:
    merged = CANONICAL
    for old, new in (
        ('"area":"990000"', '"area":"990100"'),
        ('"annual_cap":"150000"', '"annual_cap":"120000"'),
        ('"secondary":"0.75"', '"secondary":"0.72"'),
        ('"source":{"clause":"3","document":"Law 1"}', '"source":{"assumed":"set by Smallcity"}'),
        ('"effective_from":"2018-01-01"', '"effective_from":"2018-07-01"'),
        ('{"en":"Smallland","zh-CN":"小区"}', '{"en":"Smallcity","zh-CN":"小市"}'),
    ):
        merged = changed(merged, old, new)
    assert hash_of(REGION, OVERLAY) == "sha256:" + hashlib.sha256(merged.encode()).hexdigest()
