"""Lines: charges, ceilings, and refunds whole, in part or in pieces."""

from __future__ import annotations

from decimal import Decimal

from .amounts import FEN, rounded
from .names import CATEGORIES, Chance, Request


def lines(chance: Chance) -> list[Request]:
    most = chance.choice((1, 100, 3_000, 3_000, 20_000, 20_000, 300_000, 30_000_000))
    count = chance.choice((1, 1, 1, 2, 3, 4, 5, 8)) if chance.random() < 0.99 else chance.randint(20, 120)
    if most > 1_000_000:
        count = min(count, 3)
    if chance.random() < 0.0003:
        count, most = 5_000, 100
    only_class = chance.choice(("A", "B", "C")) if chance.random() < 0.2 else None
    made = [line(chance, number + 1, most, only_class) for number in range(count)]
    if chance.random() < 0.3:
        made += refunds(chance, made)
        chance.shuffle(made)
    if chance.random() < 0.1:
        chance.shuffle(made)
    return made


def line(chance: Chance, line_no: int, most: int, only_class: str | None) -> Request:
    category = chance.choice((*CATEGORIES, "drug", "drug"))
    catalogue_class = only_class or chance.choice("AAABBBBC")
    quantity = chance.choice(
        (Decimal(1), Decimal(1), Decimal(chance.randint(2, 12)), Decimal(chance.randint(1, 99_999)).scaleb(-4))
    )
    places = chance.choice((0, 1, 2, 2, 3, 4, 6))
    unit_price = Decimal(chance.randint(0, most * 10**places)).scaleb(-places)
    amount = rounded(quantity * unit_price) + chance.choice((0, 0, 0, 0, 0, 0, 1, -1)) * FEN
    made: Request = {
        "line_no": line_no,
        "code": f"X{line_no:04d}",
        "category": category,
        "catalogue_class": catalogue_class,
        "quantity": quantity,
        "unit_price": unit_price,
        "amount": max(Decimal("0.00"), amount),
    }
    if chance.random() < 0.4:
        made["name"] = chance.choice((None, "", "阿莫西林胶囊", 'Ⅱ级护理 "x" \\ /', "x" * 200))
    if chance.random() < 0.45:
        made["ceiling_price"] = ceiling(chance, unit_price)
    if catalogue_class == "B" and chance.random() < 0.5:
        made["self_pay_ratio"] = chance.choice(
            (
                None,
                Decimal(0),
                Decimal(1),
                Decimal("0.5"),
                Decimal("0.05"),
                Decimal(chance.randint(0, 10_000)).scaleb(-4),
            )
        )
    elif chance.random() < 0.3:
        made["self_pay_ratio"] = None
    if category in ("drug", "herbal_drug") and catalogue_class != "C":
        made["essential_medicine"] = chance.random() < 0.6
    elif chance.random() < 0.3:
        made["essential_medicine"] = False
    return made


def ceiling(chance: Chance, unit_price: Decimal) -> Decimal | None:
    near = unit_price * chance.choice((Decimal("0.5"), Decimal("0.8"), Decimal(1), Decimal("1.2")))
    places = chance.choice((2, 3, 3, 6))
    nudge = Decimal(chance.choice((-5, -1, 0, 1, 5))).scaleb(-places)
    return chance.choice((None, Decimal(0), *(max(Decimal(0), near.quantize(FEN) + nudge) for _ in range(4))))


def refunds(chance: Chance, charges: list[Request]) -> list[Request]:
    """Whole lines taken back, or a part, or all of it in pieces, which round otherwise than the whole did."""
    made: list[Request] = []
    line_no = 1_000
    for charge in charges:
        quantity = charge["quantity"]
        if quantity == 1 or quantity != int(quantity):
            pieces = [quantity] if chance.random() < 0.3 else []
        elif chance.random() < 0.7:
            pieces = [Decimal(1)] * chance.randint(1, int(quantity))
        else:
            pieces = []
        left = charge["amount"]
        for piece in pieces:
            line_no += 1
            amount = left if piece == quantity else min(left, rounded(piece * charge["unit_price"]))
            left -= amount
            made.append({**charge, "line_no": line_no, "quantity": -piece, "amount": -amount})
    return made


def simple_line(line_no: int, code: str, catalogue_class: str, amount: Decimal) -> Request:
    return {
        "line_no": line_no,
        "code": code,
        "category": "drug",
        "catalogue_class": catalogue_class,
        "quantity": Decimal(1).copy_sign(amount),
        "unit_price": abs(amount),
        "amount": amount,
    }
