"""Requests that break a rule on a field, a line, the stay or the pack: refused in step 2."""

from __future__ import annotations

from decimal import Decimal

from tests.oracle.calculation.request import YEAR_TO_DATE_FIELDS

from .amounts import FEN, rounded
from .broken_forms import Breaker
from .json_forms import Raw
from .names import CATEGORIES, MONEY_FIELDS, Chance, Request
from .parts import number_in, part, some_line, whole_lines


def rule_designated(_chance: Chance, request: Request) -> None:
    part(request, "facility")["designated"] = False


def rule_dates(chance: Chance, request: Request) -> None:
    part(request, "encounter")["admitted_on"] = chance.choice(("2021-06-02", "2030-01-01", "9999-12-31"))


def rule_no_policy(chance: Chance, request: Request) -> None:
    if chance.random() < 0.5:
        day = chance.choice(("2017-12-12", "1999-01-01", "9999-12-31", "0001-01-01"))
        part(request, "encounter")["discharged_on"] = day
    else:
        part(request, "patient")["pooling_area"] = chance.choice(("110100", "990000", "000000", "530100"))


def rule_chronic(_chance: Chance, request: Request) -> None:
    part(request, "encounter")["type"] = "chronic_outpatient"


def rule_cause(chance: Chance, request: Request) -> None:
    part(request, "encounter")["cause"] = chance.choice(("work_injury", "third_party"))


def rule_line_no(chance: Chance, request: Request) -> None:
    for _ in range(chance.choice((1, 1, 2, 2, 3, 3, 120))):
        if whole_lines(request):
            request["lines"].append({**some_line(chance, request)})


def rule_quantity(chance: Chance, request: Request) -> None:
    spoiled = some_line(chance, request)
    spoiled["quantity"] = chance.choice((Decimal(0), Raw("-0.0000"), -abs(number_in(spoiled, "quantity"))))


def rule_negative_price(chance: Chance, request: Request) -> None:
    field = chance.choice(("unit_price", "ceiling_price"))
    some_line(chance, request)[field] = Decimal(-chance.randint(1, 10_000_000)).scaleb(-6)


def rule_sign(chance: Chance, request: Request) -> None:
    spoiled = some_line(chance, request)
    spoiled["amount"] = chance.choice((-number_in(spoiled, "amount"), Decimal("-0.01"), Decimal("0.00")))


def rule_mismatch(chance: Chance, request: Request) -> None:
    spoiled = some_line(chance, request)
    exact = rounded(number_in(spoiled, "quantity") * number_in(spoiled, "unit_price"))
    spoiled["amount"] = exact + chance.choice((1, -1, 2, -2, 2, -2, 100)) * FEN


def rule_ratio(chance: Chance, request: Request) -> None:
    spoiled = some_line(chance, request)
    if chance.random() < 0.5:
        spoiled["catalogue_class"] = chance.choice("AC")
    spoiled["self_pay_ratio"] = chance.choice(
        (Decimal(0), Decimal("1.0001"), Decimal("-0.0001"), Decimal(5), Decimal(1), Decimal("99999999999999.9999"))
    )


def rule_essential(chance: Chance, request: Request) -> None:
    spoiled = some_line(chance, request)
    spoiled["essential_medicine"] = True
    if chance.random() < 0.6:
        spoiled["category"] = chance.choice(CATEGORIES)
    if chance.random() < 0.5:
        spoiled["catalogue_class"] = "C"


def rule_out_of_range(chance: Chance, request: Request) -> None:
    field = chance.choice((*MONEY_FIELDS, *MONEY_FIELDS, *YEAR_TO_DATE_FIELDS))
    too_much = chance.choice(("100000000.01", "100000000.00", "100000001", "999999999999999", "123456789.12"))
    value = Decimal(too_much)
    if field in ("emergency_aid_approved", "prepaid"):
        request[field] = value
    elif field in YEAR_TO_DATE_FIELDS:
        part(request, "year_to_date")[field] = value
    else:
        some_line(chance, request)[field] = value * chance.choice((1, 1, -1))


RULE_BREAKERS: tuple[Breaker, ...] = (
    rule_designated,
    rule_dates,
    rule_no_policy,
    rule_chronic,
    rule_cause,
    rule_line_no,
    rule_quantity,
    rule_negative_price,
    rule_sign,
    rule_mismatch,
    rule_mismatch,
    rule_ratio,
    rule_essential,
    rule_out_of_range,
    rule_out_of_range,
)
