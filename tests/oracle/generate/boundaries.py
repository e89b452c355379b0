"""Aims: a request moved to where a stage's reason changes, to the fen."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from tests.oracle.calculation.answer import answer
from tests.oracle.calculation.packs import Packs

from .amounts import decimal_of, nearest_fen
from .json_forms import plain
from .names import CATEGORIES, Chance, Request

Aim = Callable[[Chance, Request, dict[str, Any], dict[str, Any]], None]


def aim(chance: Chance, request: Request, packs: Packs) -> None:
    got = answer(plain(request), packs)
    if "stages" not in got:
        return
    patient, encounter = request["patient"], request["encounter"]
    pack = packs.select(patient["pooling_area"], date.fromisoformat(encounter["discharged_on"]))
    assert pack is not None
    chance.choice(AIMS)(chance, request, got, pack.policy)


def delta(chance: Chance) -> Fraction:
    return Fraction(chance.choice(("0", "0", "0.01", "-0.01", "0.01", "-0.01", "1", "-1", "77.77", "-77.77")))


def put(request: Request, field: str, value: Fraction) -> None:
    if 0 <= value <= 100_000_000:
        request.setdefault("year_to_date", {})[field] = decimal_of(value)


def year(request: Request, field: str) -> Fraction:
    return Fraction(request.get("year_to_date", {}).get(field, 0))


def aim_at_amount(chance: Chance, request: Request, _got: dict[str, Any], policy: dict[str, Any]) -> None:
    """One line whose amount lies at the deductible, at a threshold or at nothing."""
    tier = request["facility"]["tier"]
    marks = [policy["deductible"]["tiers"][tier][stay] for stay in ("first", "repeat")]
    if "chronic_outpatient" in policy:
        marks.append(policy["chronic_outpatient"]["deductible"])
    if "critical_illness" in policy:
        marks.append(policy["critical_illness"]["threshold"])
    amount = decimal_of(max(Fraction("0.01"), Fraction(chance.choice(marks)) + delta(chance)))
    request["lines"] = [
        {
            "line_no": 1,
            "code": "X0001",
            "category": chance.choice(CATEGORIES),
            "catalogue_class": "A",
            "quantity": Decimal(1),
            "unit_price": amount,
            "amount": amount,
        }
    ]


def aim_at_a_cap(chance: Chance, request: Request, got: dict[str, Any], policy: dict[str, Any]) -> None:
    status = request["patient"]["status"]
    candidates = [
        ("basic_insurance", policy["basic_insurance"], "basic_paid"),
        ("critical_illness", policy.get("critical_illness"), "critical_illness_paid"),
        (
            "medical_assistance",
            policy.get("medical_assistance", {}).get("statuses", {}).get(status),
            "medical_assistance_paid",
        ),
        ("second_reimbursement", policy.get("second_reimbursement"), "second_reimbursement_paid"),
        ("backstop", policy.get("backstop"), "backstop_paid"),
        ("local_subsidy", policy.get("local_subsidy"), "local_subsidy_paid"),
    ]
    capped = [each for each in candidates if each[1] and each[1].get("annual_cap") is not None]
    if capped:
        payer, block, field = chance.choice(capped)
        assert block is not None
        paid = Fraction(got["payers"][payer])
        put(request, field, Fraction(block["annual_cap"]) - chance.choice((paid, paid, paid / 2, 0)) + delta(chance))


def aim_at_critical_illness(chance: Chance, request: Request, got: dict[str, Any], policy: dict[str, Any]) -> None:
    block = policy.get("critical_illness")
    if block is None:
        return
    field = "critical_illness_base"
    base = Fraction(got["year_to_date"][field]) - year(request, field)
    threshold = Fraction(block["threshold"])
    if request["patient"]["status"] == "registered_poor":
        threshold *= Fraction(block["preference"]["threshold_factor"])
    bounds = [threshold, threshold] + [threshold + Fraction(band["up_to"]) for band in block["bands"][:-1]]
    put(request, field, chance.choice(bounds) - chance.choice((base, base, Fraction(0))) + delta(chance))


def aim_at_medical_assistance(chance: Chance, request: Request, got: dict[str, Any], policy: dict[str, Any]) -> None:
    row = policy.get("medical_assistance", {}).get("statuses", {}).get(request["patient"]["status"])
    if row is None:
        return
    field = "medical_assistance_base"
    m = Fraction(got["year_to_date"][field]) - year(request, field)
    put(request, field, Fraction(row.get("annual_deductible") or 0) - chance.choice((m, Fraction(0))) + delta(chance))


def aim_at_emergency_aid(chance: Chance, request: Request, got: dict[str, Any], _policy: dict[str, Any]) -> None:
    payers = {name: Fraction(amount) for name, amount in got["payers"].items()}
    left = payers["patient"] + payers["local_subsidy"] + payers["backstop"] + payers["second_reimbursement"]
    request["emergency_aid_approved"] = decimal_of(max(Fraction(0), left + payers["emergency_aid"] + delta(chance)))


def aim_at_backstop(chance: Chance, request: Request, got: dict[str, Any], policy: dict[str, Any]) -> None:
    block = policy.get("backstop")
    if block is None:
        return
    base = Fraction(got["year_to_date"]["backstop_base"])
    paid = Fraction(got["year_to_date"]["covered"]) - year(request, "covered") - Fraction(got["payers"]["backstop"])
    left = Fraction(got["payers"]["patient"]) + Fraction(got["payers"]["local_subsidy"])
    need = chance.choice((Fraction(0), Fraction(0), left, left * 2 + 1)) + delta(chance)
    earlier_covered = nearest_fen(Fraction(block["target"]) * base) - paid - need
    if earlier_covered < 0:
        put(request, "backstop_base", year(request, "backstop_base") - earlier_covered)
        earlier_covered = Fraction(0)
    put(request, "backstop_covered", earlier_covered)


def aim_at_local_subsidy(chance: Chance, request: Request, got: dict[str, Any], policy: dict[str, Any]) -> None:
    block = policy.get("local_subsidy")
    if block is None:
        return
    left = Fraction(got["payers"]["patient"]) + Fraction(got["payers"]["local_subsidy"])
    own = nearest_fen(Fraction(block["own_share"]) * Fraction(got["year_to_date"]["total_cost"]))
    excess = chance.choice((Fraction(0), left, left / 2)) + delta(chance)
    covered = year(request, "total_cost") - year(request, "local_subsidy_paid") + left - own - excess
    if covered >= 0:
        put(request, "covered", covered)
    else:
        put(request, "total_cost", year(request, "total_cost") - covered)
        put(request, "covered", Fraction(0))


def aim_at_deposit(chance: Chance, request: Request, got: dict[str, Any], _policy: dict[str, Any]) -> None:
    request["prepaid"] = decimal_of(max(Fraction(0), Fraction(got["payers"]["patient"]) + delta(chance)))


AIMS: tuple[Aim, ...] = (
    aim_at_amount,
    aim_at_a_cap,
    aim_at_a_cap,
    aim_at_a_cap,
    aim_at_critical_illness,
    aim_at_critical_illness,
    aim_at_medical_assistance,
    aim_at_emergency_aid,
    aim_at_backstop,
    aim_at_backstop,
    aim_at_local_subsidy,
    aim_at_deposit,
)
