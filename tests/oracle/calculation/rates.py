"""The pack's numbers as they count for one bill: deductible, rates, bands, caps (settlement.md §5)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from .exact import ZERO, round_to_fen
from .stay import Stay


def deductible_of(bill: dict[str, Any], policy: dict[str, Any]) -> Decimal:
    encounter = bill["encounter"]
    if encounter["type"] == "chronic_outpatient":
        return Decimal(policy["chronic_outpatient"]["deductible"])
    stay = "repeat" if encounter["admission_number"] >= 2 else "first"
    return Decimal(policy["deductible"]["tiers"][bill["facility"]["tier"]][stay])


def basic_rate(bill: dict[str, Any], stay: Stay, policy: dict[str, Any]) -> Decimal:
    tier = bill["facility"]["tier"]
    block = policy["basic_insurance"]
    if not stay.inpatient:
        rate = Decimal(policy["chronic_outpatient"]["rate"][tier])
    elif stay.in_area:
        rate = Decimal(block["rate"][tier])
        if not stay.compliant:
            rate = max(ZERO, rate - Decimal(block["unreferred_reduction"]))
    elif stay.compliant:
        rate = Decimal(block["out_of_area"]["approved"][tier])
    else:
        rate = Decimal(block["out_of_area"]["unapproved"][tier])
    if stay.preferred:
        rate = min(Decimal(1), rate + Decimal(block["preference"]["rate_bonus"]))
    return rate


def critical_illness_threshold(block: dict[str, Any], *, poor: bool) -> Decimal:
    threshold = Decimal(block["threshold"])
    return threshold * Decimal(block["preference"]["threshold_factor"]) if poor else threshold


def critical_illness_f(x: Decimal, block: dict[str, Any], *, poor: bool) -> Decimal:
    excess = max(ZERO, x - critical_illness_threshold(block, poor=poor))
    paid = ZERO
    lower = ZERO
    for band in block["bands"]:
        rate = Decimal(band["rate"])
        if poor:
            rate = min(Decimal(1), rate + Decimal(block["preference"]["rate_bonus"]))
        upper = Decimal(band["up_to"]) if "up_to" in band else None
        top = excess if upper is None else min(excess, upper)
        paid += rate * max(ZERO, top - lower)
        if upper is not None:
            lower = upper
    return round_to_fen(paid)


def under_cap(wanted: Decimal, block: dict[str, Any], already_paid: Decimal) -> Decimal:
    cap = block.get("annual_cap")
    if cap is None:
        return wanted
    return min(wanted, max(ZERO, Decimal(cap) - already_paid))


def last(wanted: Decimal, amount: Decimal) -> str:
    """LAST of §6."""
    if amount < wanted:
        return "cap_reached"
    return "applied" if amount > 0 else "nothing_left"
