"""The blocks of a pack: one function a block of policy-pack.md."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .names import CATEGORIES, STATUSES, Chance
from .pack_numbers import cap, likely_rate, own_source, rate, source, tiers, written, yuan


def scope_block(chance: Chance) -> dict[str, Any]:
    categories = chance.sample(CATEGORIES, k=chance.randint(0, 4))
    return {
        "source": source(chance),
        "class_b_self_pay_ratio": {
            **own_source(chance),
            "default": likely_rate(chance, 500, 3000),
            **{category: likely_rate(chance, 0, 4000) for category in categories},
        },
        "essential_medicine_as_class_a": chance.random() < 0.8,
    }


def deductible_block(chance: Chance) -> dict[str, Any]:
    highest = chance.choice((0, 300, 1_000, 3_000))
    return {
        "source": source(chance),
        "tiers": {
            **own_source(chance),
            **tiers(lambda: {"first": yuan(chance, 0, highest), "repeat": yuan(chance, 0, highest)}),
        },
        "waived_for_registered_poor": chance.random() < 0.75,
    }


def basic_insurance_block(chance: Chance) -> dict[str, Any]:
    approved = chance.choice((0, 7000, 8000, 9000))
    unapproved = chance.choice((0, 5000, 6000))
    return {
        "source": source(chance),
        **cap(chance),
        "rate": tiers(lambda: likely_rate(chance, 4500, 9500)),
        "unreferred_reduction": likely_rate(chance, 500, 2000) if chance.random() < 0.8 else written(chance, 10_000, 4),
        "out_of_area": {
            **own_source(chance),
            "approved": tiers(lambda: likely_rate(chance, 0, approved)),
            "unapproved": tiers(lambda: likely_rate(chance, 0, unapproved)),
        },
        "preference": {**own_source(chance), "rate_bonus": chance.choice((rate(chance), likely_rate(chance, 0, 1000)))},
    }


def chronic_outpatient_block(chance: Chance) -> dict[str, Any]:
    return {
        "source": source(chance),
        "deductible": yuan(chance, 0, chance.choice((0, 500))),
        "rate": tiers(lambda: likely_rate(chance, 3000, 9000)),
    }


def critical_illness_block(chance: Chance) -> dict[str, Any]:
    block: dict[str, Any] = {
        "source": source(chance),
        "threshold": yuan(chance, 0, chance.choice((0, 200, 3_000, 15_000))),
    }
    for flag in ("include_first_self_pay", "include_deductible"):
        if chance.random() < 0.6:
            block[flag] = chance.random() < 0.5
    return {
        **block,
        **cap(chance),
        "bands": bands(chance),
        "preference": {
            **own_source(chance),
            "threshold_factor": rate(chance),
            "rate_bonus": likely_rate(chance, 0, 2000),
        },
    }


def bands(chance: Chance) -> list[dict[str, Any]]:
    count = chance.randint(1, 5)
    bounds = sorted(chance.sample(range(1, chance.choice((5_000, 200_000, 9_000_000))), k=count - 1))
    rates = sorted(chance.choice((chance.randint(0, 10_000), 5000, 6000, 10_000)) for _ in range(count))
    written_rates = [written(chance, each, 4) for each in rates]
    closed = [
        {"up_to": written(chance, bound, 2), "rate": each} for bound, each in zip(bounds, written_rates, strict=False)
    ]
    return [*closed, {"rate": written_rates[-1]}]


def medical_assistance_block(chance: Chance) -> dict[str, Any]:
    statuses = [status for status in STATUSES if chance.random() < 0.6] or ["registered_poor"]
    rows = {}
    for status in statuses:
        row = {"rate": likely_rate(chance, 3000, 10_000), **cap(chance)}
        if chance.random() < 0.6:
            row["annual_deductible"] = yuan(chance, 0, chance.choice((0, 300, 3_000)))
        rows[status] = row
    return {"source": source(chance), "statuses": rows}


def second_reimbursement_block(chance: Chance) -> dict[str, Any]:
    return {
        "source": source(chance),
        "enabled": chance.random() < 0.7,
        "rate": rate(chance, highest=4_000),
        **cap(chance),
    }


def backstop_block(chance: Chance) -> dict[str, Any]:
    payer = {"payer": "commercial_insurer"} if chance.random() < 0.6 else {}
    return {
        "source": source(chance),
        "enabled": chance.random() < 0.8,
        "target": likely_rate(chance, 8000, 10_000),
        "base": chance.choice(("total", "in_catalogue")),
        "basis": chance.choice(("annual", "per_bill")),
        **cap(chance),
        **payer,
    }


def local_subsidy_block(chance: Chance) -> dict[str, Any]:
    return {
        "source": source(chance),
        "enabled": chance.random() < 0.75,
        "own_share": likely_rate(chance, 0, 1500),
        "share": likely_rate(chance, 3000, 10_000),
        **cap(chance),
    }


def catalogue_drug_ratio_block(chance: Chance) -> dict[str, Any]:
    return {"source": source(chance), "threshold": likely_rate(chance, 8000, 10_000)}


BLOCKS: dict[str, Callable[[Chance], dict[str, Any]]] = {
    "scope": scope_block,
    "deductible": deductible_block,
    "basic_insurance": basic_insurance_block,
    "chronic_outpatient": chronic_outpatient_block,
    "critical_illness": critical_illness_block,
    "medical_assistance": medical_assistance_block,
    "second_reimbursement": second_reimbursement_block,
    "backstop": backstop_block,
    "local_subsidy": local_subsidy_block,
    "catalogue_drug_ratio": catalogue_drug_ratio_block,
}
REQUIRED_BLOCKS = ("scope", "deductible", "basic_insurance")
