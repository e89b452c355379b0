"""Refusals of settlement.md §3: step 2 (fields, lines, stay, pack) and step 3 (the sums)."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from .exact import ZERO, round_to_fen
from .forms import Error
from .packs import Packs
from .request import YEAR_TO_DATE_FIELDS
from .scope import Scope
from .stay import DRUGS

LARGEST_AMOUNT = Decimal(100_000_000)


def rules_of_fields_lines_stay_and_pack(bill: dict[str, Any], packs: Packs) -> Iterator[Error]:
    yield from rules_of_the_stay(bill, packs)
    seen: set[int] = set()
    for index, line in enumerate(bill["lines"]):
        if line["line_no"] in seen:
            yield f"/lines/{index}/line_no", "line_no_duplicate"
        seen.add(line["line_no"])
        yield from rules_of_a_line(line, f"/lines/{index}")
    for field in YEAR_TO_DATE_FIELDS:
        if out_of_range(bill["year_to_date"][field]):
            yield f"/year_to_date/{field}", "amount_out_of_range"
    for field in ("emergency_aid_approved", "prepaid"):
        if out_of_range(bill[field]):
            yield f"/{field}", "amount_out_of_range"


def rules_of_the_stay(bill: dict[str, Any], packs: Packs) -> Iterator[Error]:
    encounter = bill["encounter"]
    pack = packs.select(bill["patient"]["pooling_area"], encounter["discharged_on"])
    if not bill["facility"]["designated"]:
        yield "/facility/designated", "facility_not_designated"
    if pack is not None and encounter["type"] == "chronic_outpatient" and not pack.policy.get("chronic_outpatient"):
        yield "/encounter/type", "no_policy_in_force"
    if encounter["discharged_on"] < encounter["admitted_on"]:
        yield "/encounter/discharged_on", "dates_invalid"
    if pack is None:
        yield "/encounter/discharged_on", "no_policy_in_force"
    if encounter["cause"] == "work_injury":
        yield "/encounter/cause", "work_injury_liability"
    if encounter["cause"] == "third_party":
        yield "/encounter/cause", "third_party_liability"


def rules_of_a_line(line: dict[str, Any], pointer: str) -> Iterator[Error]:
    invalid = invalid_fields(line)
    for field in ("quantity", "unit_price", "amount", "ceiling_price"):
        if line[field] is not None and out_of_range(line[field]):
            yield f"{pointer}/{field}", "amount_out_of_range"
        if field in invalid:
            yield f"{pointer}/{field}", "line_invalid"
        if field == "amount" and not invalid and mismatch(line) > Decimal("0.01"):
            yield f"{pointer}/amount", "line_amount_mismatch"

    ratio = line["self_pay_ratio"]
    if ratio is not None and (line["catalogue_class"] != "B" or not 0 <= ratio <= 1):
        yield f"{pointer}/self_pay_ratio", "self_pay_ratio_invalid"
    if line["essential_medicine"] and (line["category"] not in DRUGS or line["catalogue_class"] == "C"):
        yield f"{pointer}/essential_medicine", "essential_medicine_invalid"


def invalid_fields(line: dict[str, Any]) -> list[str]:
    """The fields for which this line is `line_invalid`."""
    invalid = []
    if line["quantity"] == 0:
        invalid.append("quantity")
    if line["unit_price"] < 0:
        invalid.append("unit_price")
    if line["quantity"] * line["amount"] < 0:
        invalid.append("amount")
    if line["ceiling_price"] is not None and line["ceiling_price"] < 0:
        invalid.append("ceiling_price")
    return invalid


def mismatch(line: dict[str, Any]) -> Decimal:
    difference: Decimal = line["amount"] - round_to_fen(line["quantity"] * line["unit_price"])
    return abs(difference)


def out_of_range(amount: Decimal) -> bool:
    return abs(amount) > LARGEST_AMOUNT


def rules_of_sums(bill: dict[str, Any], scope: Scope) -> Iterator[Error]:
    lines = bill["lines"]
    net: dict[str, Decimal] = {}
    first_negative: dict[str, int] = {}
    for index, line in enumerate(lines):
        net[line["code"]] = net.get(line["code"], ZERO) + line["amount"]
        if line["amount"] < 0:
            first_negative.setdefault(line["code"], index)
    codes_in_debt = [code for code in first_negative if net[code] < 0]
    sums_in_debt = scope.full_self_pay < 0 or scope.eligible < 0

    for code in codes_in_debt:
        yield f"/lines/{first_negative[code]}/amount", "refund_exceeds_charge"
    if out_of_range(scope.total):
        yield "/lines", "amount_out_of_range"
    if scope.total <= 0 and not codes_in_debt and not sums_in_debt:
        yield "/lines", "bill_total_not_positive"
    if sums_in_debt:
        yield "/lines", "refund_exceeds_charge"
