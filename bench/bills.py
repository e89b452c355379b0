"""The bills that everything is measured on: real items, varied amounts, the same ones on every machine."""

import json
from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from random import Random
from typing import Any, TypeAlias

Request: TypeAlias = dict[str, Any]

FEN = Decimal("0.01")
SEED = 201774
AREA, COUNTY = "450300", "450328"
SIZES = (10, 100, 500)
BILLS_OF_A_SIZE = 8

# One row a bill, so that every branch of the rules is taken: whose, where, how, and what came before in the year.
SITUATIONS: tuple[dict[str, str], ...] = (
    {"status": "registered_poor", "tier": "secondary"},
    {"status": "ordinary", "tier": "tertiary_municipal"},
    {"status": "registered_poor", "tier": "tertiary_regional", "area": "440100", "referral": "approved"},
    {"status": "severely_disabled", "tier": "primary", "type": "chronic_outpatient"},
    {"status": "registered_poor", "tier": "primary", "prepaid": "300.00", "repeat": "yes"},
    {"status": "low_income", "tier": "secondary", "referral": "none", "aid": "120.00"},
    {"status": "registered_poor", "tier": "tertiary_municipal", "year": "half"},
    {"status": "extremely_poor", "tier": "secondary", "referral": "emergency", "year": "half"},
)

HALF_A_YEAR = {
    "total_cost": "31250.40",
    "basic_paid": "18021.35",
    "critical_illness_base": "9104.20",
    "critical_illness_paid": "2462.52",
    "medical_assistance_base": "6641.68",
    "medical_assistance_paid": "4649.18",
    "covered": "25133.05",
    "backstop_base": "28000.00",
    "backstop_covered": "24311.27",
}


def load_items() -> list[dict[str, Any]]:
    """The items of real bills (names, prices, classes, ceilings) that ship beside this file."""
    text = (Path(__file__).parent / "items.json").read_text(encoding="utf-8")
    items: list[dict[str, Any]] = json.loads(text)
    return items


def bench_bills(size: int, count: int = BILLS_OF_A_SIZE, seed: int = SEED) -> list[Request]:
    """`count` bills of `size` lines each, through all the situations."""
    return list(stream_bills(size, count, seed))


def stream_bills(size: int, count: int, seed: int = SEED) -> Iterator[Request]:
    """The same bills one by one, for files of any size."""
    items = load_items()
    random = Random(seed * 1000 + size)
    for number in range(count):
        yield make_bill(number, SITUATIONS[number % len(SITUATIONS)], make_lines(items, size, random))


def make_bill(number: int, situation: dict[str, str], lines: list[dict[str, Any]]) -> Request:
    """A complete request of `POST /v1/settlements/preview`."""
    area = situation.get("area", AREA)
    return {
        "bill_id": f"BENCH{number:08d}",
        "facility": {"code": "H45030000001", "tier": situation["tier"], "pooling_area": area, "county": COUNTY},
        "patient": {
            "person_id": f"P{number:08d}",
            "status": situation["status"],
            "pooling_area": AREA,
            "county": COUNTY,
        },
        "encounter": {
            "type": situation.get("type", "inpatient"),
            "admitted_on": "2018-06-01",
            "discharged_on": "2018-06-15",
            "admission_number": 2 if "repeat" in situation else 1,
            "referral": situation.get("referral", "not_required"),
            "cause": "illness",
        },
        "lines": lines,
        "year_to_date": HALF_A_YEAR if "year" in situation else {},
        "emergency_aid_approved": situation.get("aid", "0.00"),
        "prepaid": situation.get("prepaid", "0.00"),
    }


def make_lines(items: list[dict[str, Any]], size: int, random: Random) -> list[dict[str, Any]]:
    """Lines of random items and quantities; the last one takes back half of a line before it."""
    lines = [make_line(number, random.choice(items), make_quantity(random)) for number in range(1, size)]
    charge = random.choice(lines)
    lines.append(make_line(size, charge, -(Decimal(charge["quantity"]) / 2)))
    return lines


def make_quantity(random: Random) -> Decimal:
    """Mostly whole pieces; one in five is a weighed or divided quantity, so that rounding has work."""
    return Decimal(random.randint(1, 14)) if random.random() < 0.8 else Decimal(random.randint(1, 400)) / 100


def make_line(number: int, item: dict[str, Any], quantity: Decimal) -> dict[str, Any]:
    """One charge (or refund) of an item, with the rounded amount."""
    amount = (quantity * Decimal(item["unit_price"])).quantize(FEN, ROUND_HALF_UP)
    return {
        "line_no": number,
        "code": item["code"],
        "name": item["name"],
        "category": item["category"],
        "catalogue_class": item["catalogue_class"],
        "quantity": str(quantity),
        "unit_price": item["unit_price"],
        "amount": str(amount),
        "ceiling_price": item.get("ceiling_price"),
        "self_pay_ratio": item.get("self_pay_ratio"),
        "essential_medicine": item.get("essential_medicine", False),
    }
