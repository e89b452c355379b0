"""The policy numbers for the peers, read from the pack that the product ships, so that all settle by the same ones."""

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

PACK = Path(__file__).parents[1] / "app" / "policies" / "guangxi.yaml"
TIERS = ("primary", "secondary", "tertiary_municipal", "tertiary_regional")
CATEGORIES = (
    "drug",
    "herbal_drug",
    "treatment",
    "surgery",
    "examination",
    "laboratory",
    "material",
    "bed",
    "nursing",
    "other",
)
STATUSES = (
    "registered_poor",
    "extremely_poor",
    "low_income",
    "severely_disabled",
    "low_income_family",
    "ordinary",
)
PAYERS = (
    "basic_insurance",
    "critical_illness",
    "medical_assistance",
    "emergency_aid",
    "second_reimbursement",
    "backstop",
    "local_subsidy",
    "patient",
)
YEAR_FIELDS = (
    "total_cost",
    "basic_paid",
    "critical_illness_base",
    "critical_illness_paid",
    "medical_assistance_base",
    "medical_assistance_paid",
    "second_reimbursement_paid",
    "covered",
    "backstop_base",
    "backstop_covered",
    "backstop_paid",
    "local_subsidy_paid",
)
NO_CAP = Decimal(10) ** 10  # yuan: above every amount that the rules let in


@dataclass(frozen=True)
class Assistance:
    """One status's row of medical assistance."""

    rate: Decimal
    annual_deductible: Decimal
    annual_cap: Decimal


@dataclass(frozen=True)
class Numbers:
    """Every number of a pack that the stages use: rates as fractions, money in yuan, tiers in the order of TIERS."""

    class_b_ratio: dict[str, Decimal]
    essential_as_class_a: bool
    deductible: tuple[tuple[Decimal, Decimal], ...]
    waived: bool
    basic_rate: tuple[Decimal, ...]
    basic_cap: Decimal
    unreferred_reduction: Decimal
    approved_rate: tuple[Decimal, ...]
    unapproved_rate: tuple[Decimal, ...]
    rate_bonus: Decimal
    chronic_deductible: Decimal
    chronic_rate: tuple[Decimal, ...]
    threshold: Decimal
    threshold_factor: Decimal
    with_first_self_pay: bool
    with_deductible: bool
    illness_cap: Decimal
    bands: tuple[tuple[Decimal, Decimal], ...]
    band_bonus: Decimal
    assistance: dict[str, Assistance]
    second_rate: Decimal
    second_cap: Decimal
    backstop_target: Decimal
    backstop_on_total: bool
    backstop_annual: bool
    backstop_cap: Decimal
    own_share: Decimal
    subsidy_share: Decimal
    subsidy_cap: Decimal


def exact(value: Any) -> Decimal:
    """A number of the YAML file as it is written there (0.90 is 0.9, not the nearest binary fraction)."""
    return Decimal(str(value))


def cap(block: dict[str, Any], key: str = "annual_cap") -> Decimal:
    """A cap, or one that never binds."""
    value = block.get(key)
    return NO_CAP if value is None else exact(value)


def by_tier(block: dict[str, Any]) -> tuple[Decimal, ...]:
    """The four tiers' values in order."""
    return tuple(exact(block[tier]) for tier in TIERS)


def class_b_ratios(block: dict[str, Any]) -> dict[str, Decimal]:
    """The ratio of every category, the default filled in."""
    return {category: exact(block.get(category, block["default"])) for category in CATEGORIES}


def assistance_row(row: dict[str, Any]) -> Assistance:
    """A row with its absent numbers filled in."""
    return Assistance(exact(row["rate"]), exact(row.get("annual_deductible", 0)), cap(row))


def read_numbers(path: Path = PACK) -> Numbers:
    """The pack's numbers. A disabled stage gets a rate of 0, which pays nothing."""
    pack = yaml.safe_load(path.read_text(encoding="utf-8"))
    scope, deductible, basic = pack["scope"], pack["deductible"], pack["basic_insurance"]
    chronic, illness, second = pack["chronic_outpatient"], pack["critical_illness"], pack["second_reimbursement"]
    backstop, subsidy = pack["backstop"], pack["local_subsidy"]
    zero = Decimal(0)
    return Numbers(
        class_b_ratio=class_b_ratios(scope["class_b_self_pay_ratio"]),
        essential_as_class_a=scope["essential_medicine_as_class_a"],
        deductible=tuple(
            (exact(deductible["tiers"][tier]["first"]), exact(deductible["tiers"][tier]["repeat"])) for tier in TIERS
        ),
        waived=deductible["waived_for_registered_poor"],
        basic_rate=by_tier(basic["rate"]),
        basic_cap=cap(basic),
        unreferred_reduction=exact(basic["unreferred_reduction"]),
        approved_rate=by_tier(basic["out_of_area"]["approved"]),
        unapproved_rate=by_tier(basic["out_of_area"]["unapproved"]),
        rate_bonus=exact(basic["preference"]["rate_bonus"]),
        chronic_deductible=exact(chronic["deductible"]),
        chronic_rate=by_tier(chronic["rate"]),
        threshold=exact(illness["threshold"]),
        threshold_factor=exact(illness["preference"]["threshold_factor"]),
        with_first_self_pay=illness.get("include_first_self_pay", False),
        with_deductible=illness.get("include_deductible", True),
        illness_cap=cap(illness),
        bands=tuple((cap(band, "up_to"), exact(band["rate"])) for band in illness["bands"]),
        band_bonus=exact(illness["preference"]["rate_bonus"]),
        assistance={s: assistance_row(row) for s, row in pack["medical_assistance"]["statuses"].items()},
        second_rate=exact(second["rate"]) if second["enabled"] else zero,
        second_cap=cap(second),
        backstop_target=exact(backstop["target"]) if backstop["enabled"] else zero,
        backstop_on_total=backstop["base"] == "total",
        backstop_annual=backstop["basis"] == "annual",
        backstop_cap=cap(backstop),
        own_share=exact(subsidy["own_share"]),
        subsidy_share=exact(subsidy["share"]) if subsidy["enabled"] else zero,
        subsidy_cap=cap(subsidy),
    )
