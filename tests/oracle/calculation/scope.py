"""What each line contributes to T, C, O, P and E (settlement.md §4)."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from .exact import ZERO, four_decimals, money, round_to_fen
from .packs import Pack
from .stay import Stay, stay_of


@dataclass(frozen=True)
class Scope:
    total: Decimal
    full_self_pay: Decimal
    over_ceiling: Decimal
    first_self_pay: Decimal
    eligible: Decimal
    lines: list[dict[str, Any]]


def scope_of(bill: dict[str, Any], pack: Pack) -> Scope:
    stay = stay_of(bill)
    total = full_self_pay = over_ceiling = first_self_pay = ZERO
    lines = []
    for line in bill["lines"]:
        shares, ratio, ratio_from = scope_of_a_line(line, stay, pack.policy["scope"])
        total += line["amount"]
        full_self_pay += shares["full_self_pay"]
        over_ceiling += shares["over_ceiling"]
        first_self_pay += shares["first_self_pay"]
        lines.append(
            {
                "line_no": line["line_no"],
                **{name: money(share) for name, share in shares.items()},
                "self_pay_ratio": None if ratio is None else four_decimals(ratio),
                "ratio_from": ratio_from,
            }
        )
    over_ceiling = max(ZERO, over_ceiling)
    first_self_pay = max(ZERO, first_self_pay)
    eligible = total - full_self_pay - over_ceiling - first_self_pay
    return Scope(total, full_self_pay, over_ceiling, first_self_pay, eligible, lines)


def scope_of_a_line(
    line: dict[str, Any], stay: Stay, rules: dict[str, Any]
) -> tuple[dict[str, Decimal], Decimal | None, str | None]:
    sign = -1 if line["amount"] < 0 else 1
    a = abs(line["amount"])
    full_self_pay = over_ceiling = first_self_pay = eligible = ZERO
    ratio: Decimal | None = None
    ratio_from: str | None = None
    if line["catalogue_class"] == "C":
        full_self_pay = a
    else:
        if line["ceiling_price"] is not None:
            over_ceiling = max(ZERO, a - round_to_fen(line["ceiling_price"] * abs(line["quantity"])))
        if line["catalogue_class"] == "B":
            ratio, ratio_from = ratio_of_class_b(line, stay, rules)
            first_self_pay = round_to_fen((a - over_ceiling) * ratio)
        eligible = a - over_ceiling - first_self_pay
    shares = {
        "full_self_pay": sign * full_self_pay,
        "over_ceiling": sign * over_ceiling,
        "first_self_pay": sign * first_self_pay,
        "eligible": sign * eligible,
    }
    return shares, ratio, ratio_from


def ratio_of_class_b(line: dict[str, Any], stay: Stay, rules: dict[str, Any]) -> tuple[Decimal, str]:
    ratios = rules["class_b_self_pay_ratio"]
    if (
        line["essential_medicine"]
        and rules["essential_medicine_as_class_a"] is True
        and stay.preferred
        and stay.in_area
    ):
        return ZERO, "essential_medicine"
    if line["self_pay_ratio"] is not None:
        return line["self_pay_ratio"], "line"
    if ratios.get(line["category"]) is not None:
        return Decimal(ratios[line["category"]]), "category"
    return Decimal(ratios["default"]), "default"
