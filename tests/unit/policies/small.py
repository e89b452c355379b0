"""A small region and an overlay, complete and right, for tests to change in one place."""

from __future__ import annotations

from app.policies.errors import PackError
from app.policies.loader import LoadedPack, PackFile, PacksRefused, load_packs

REGION = """\
name: smallland
title: {zh-CN: 小区, en: Smallland}
area: "990000"
scheme: urban_rural_resident
effective_from: 2018-01-01
effective_to: 2019-12-31
scope:
  source: {document: Law 1, clause: "1"}
  class_b_self_pay_ratio: {default: 0.10, material: 0.20}
  essential_medicine_as_class_a: true
deductible:
  source: {document: Law 1, clause: "2"}
  tiers:
    source: {assumed: set by the city}
    primary: {first: 200, repeat: 100}
    secondary: {first: 400, repeat: 200}
    tertiary_municipal: {first: 600, repeat: 300}
    tertiary_regional: {first: 800, repeat: 400}
  waived_for_registered_poor: true
basic_insurance:
  source: {document: Law 1, clause: "3"}
  annual_cap: 150000
  rate: {primary: 0.90, secondary: 0.75, tertiary_municipal: 0.60, tertiary_regional: 0.55}
  unreferred_reduction: 0.10
  out_of_area:
    approved: {primary: 0.80, secondary: 0.65, tertiary_municipal: 0.50, tertiary_regional: 0.45}
    unapproved: {primary: 0.6, secondary: 0.4, tertiary_municipal: 0.3, tertiary_regional: 0.2}
  preference: {rate_bonus: 0.05}
critical_illness:
  source: {document: Law 1, clause: "4"}
  threshold: 12000.50
  annual_cap: null
  bands:
    - {up_to: 20000, rate: 0.50}
    - {up_to: 50000, rate: 0.60}
    - {rate: 0.70}
  preference: {threshold_factor: 0.5, rate_bonus: 0.10}
medical_assistance:
  source: {assumed: set by the county}
  statuses:
    registered_poor: {rate: 0.70, annual_deductible: 0, annual_cap: 20000}
    low_income: {rate: 1.00}
second_reimbursement:
  source: {document: Law 1, clause: "5"}
  enabled: false
  rate: 0.40
backstop:
  source: {document: Law 1, clause: "6"}
  enabled: true
  target: 0.90
  base: total
  basis: annual
local_subsidy:
  source: {assumed: decided by the city}
  enabled: false
  own_share: 0.10
  share: 0.50
catalogue_drug_ratio:
  source: {document: Law 1, clause: "7"}
  threshold: 0.95
"""

OVERLAY = """\
extends: smallland@2018-01-01
area: "990100"
effective_from: 2018-07-01
title: {zh-CN: 小市, en: Smallcity}
basic_insurance:
  source: {assumed: set by Smallcity}
  annual_cap: 120000
  rate: {secondary: 0.72}
"""


def load(*texts: str) -> tuple[LoadedPack, ...]:
    """Load texts as the files a.yaml, b.yaml, …."""
    return load_packs(
        [PackFile(f"{letter}.yaml", text.encode()) for letter, text in zip("abcdefgh", texts, strict=False)]
    )


def errors(*contents: str | bytes) -> list[PackError]:
    """Load texts or bytes as the files a.yaml, b.yaml, … and give what is wrong; none where they are right."""
    files = [
        PackFile(f"{letter}.yaml", content.encode() if isinstance(content, str) else content)
        for letter, content in zip("abcdefgh", contents, strict=False)
    ]
    try:
        load_packs(files)
    except PacksRefused as refused:
        return list(refused.errors)
    return []


def changed(text: str, old: str, new: str) -> str:
    """Change one place of a text; it must be there exactly once."""
    assert text.count(old) == 1, f"{old!r} is there {text.count(old)} times"
    return text.replace(old, new)
