"""Requests whose sums break a rule, or nearly: refused in step 3."""

from __future__ import annotations

from decimal import Decimal

from .amounts import FEN, fen
from .broken_forms import Breaker
from .lines import simple_line
from .names import Chance, Request
from .parts import number_in, some_line, whole_lines


def sum_refund_of_a_code(chance: Chance, request: Request) -> None:
    made = whole_lines(request)
    for number in range(chance.choice((1, 2))):
        charge = some_line(chance, request)
        amount = -abs(number_in(charge, "amount")) - chance.choice((FEN, FEN, Decimal(5)))
        code = str(charge.get("code")) if chance.random() < 0.7 else "UNHEARD"
        made.append(simple_line(10_000 + number, code, "A", amount))
    chance.shuffle(made)
    request["lines"] = made


def sum_empty(_chance: Chance, request: Request) -> None:
    request["lines"] = []


def sum_zero(chance: Chance, request: Request) -> None:
    amount = chance.choice((Decimal("0.00"), Decimal("0.01"), Decimal(100)))
    back = [simple_line(2, chance.choice("XXY"), "A", -amount)] if amount else []
    request["lines"] = [simple_line(1, "X", "A", amount), *back]


def sum_too_large(chance: Chance, request: Request) -> None:
    most = Decimal(100_000_000)
    request["lines"] = [
        simple_line(1, "X", "A", most),
        simple_line(2, "Y", "A", chance.choice((FEN, most, Decimal(0)))),
    ]
    if chance.random() < 0.3:
        request["lines"] += [
            simple_line(3, "Z", "A", -most),
            simple_line(4, "Z", "A", -most),
            simple_line(5, "Q", "C", -most),
        ]


def sum_of_another_class(chance: Chance, request: Request) -> None:
    """A charge of one class refunded as another: the code's sum holds, C or E does not."""
    first, second = chance.choice(("AC", "CA", "CB", "BC"))
    amount = fen(chance, 1, 5_000)
    rest = chance.choice((Decimal(0), FEN, amount))
    request["lines"] = [simple_line(1, "X", first, amount + rest), simple_line(2, "X", second, -amount)]
    if chance.random() < 0.4:
        request["lines"].append(simple_line(3, "Y", second, chance.choice((amount, amount - FEN))))


def sum_of_other_pieces(chance: Chance, request: Request) -> None:
    """All of a class B charge refunded in pieces: P or O may round below zero, or E may."""
    price = Decimal(chance.randint(1, 999)).scaleb(-2)
    pieces = chance.randint(2, 9)
    charge = {**simple_line(1, "X", "B", price), "quantity": Decimal(pieces), "amount": price * pieces}
    charge["self_pay_ratio"] = Decimal(chance.randint(0, 10_000)).scaleb(-4)
    if chance.random() < 0.5:
        charge["ceiling_price"] = (price * Decimal("0.7")).quantize(Decimal("0.001"))
    back = [{**charge, "line_no": 2 + n, "quantity": Decimal(-1), "amount": -price} for n in range(pieces)]
    other = simple_line(99, "Y", chance.choice("ABC"), chance.choice((FEN, Decimal("0.02"), Decimal(100))))
    request["lines"] = [charge, *back, other]


def sum_of_another_category(chance: Chance, request: Request) -> None:
    """Refunded as a drug what was charged as something else: the drugs' ratio leaves 0..1, the split holds."""
    county = f"{request['patient']['pooling_area'][:4]}22"
    request["patient"].update(status="registered_poor", county=county)
    request["facility"]["county"] = county
    request["encounter"]["type"] = chance.choice(("inpatient", "maternity_inpatient"))
    amount = fen(chance, 1, 500)
    refunded, kept = chance.choice(("AC", "CA"))
    request["lines"] = [
        {**simple_line(1, "X", refunded, amount + 1), "category": "bed"},
        simple_line(2, "X", refunded, -amount),
        simple_line(3, "Y", kept, amount + chance.choice((FEN, Decimal(0), -FEN, amount))),
    ]


SUM_BREAKERS: tuple[Breaker, ...] = (
    sum_refund_of_a_code,
    sum_refund_of_a_code,
    sum_empty,
    sum_zero,
    sum_too_large,
    sum_of_another_class,
    sum_of_other_pieces,
    sum_of_other_pieces,
)
