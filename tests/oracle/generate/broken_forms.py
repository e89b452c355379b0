"""Requests with a member of the wrong form: refused in step 1."""

from __future__ import annotations

import copy
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from .json_forms import Raw
from .names import MEMBERS, MONEY_FIELDS, Chance, Request
from .parts import some_line, some_object
from .wrong_values import UNKNOWN_NAMES, WRONG_VALUES

Breaker = Callable[[Chance, Request], None]


def break_value(chance: Chance, request: Request) -> None:
    name, found = some_object(chance, request)
    known = [field for field in MEMBERS[name] if field in WRONG_VALUES]
    field = chance.choice(known)
    # A copy, because a later breakage may reach into the value.
    found[field] = copy.deepcopy(chance.choice(WRONG_VALUES[field]))


def break_with_unknown(chance: Chance, request: Request) -> None:
    _, found = some_object(chance, request)
    members = list(found.items())
    for _ in range(chance.choice((1, 1, 2))):
        value: Any = chance.choice((1, None, "x", [], {"a": {"b": [1]}}, found.get("code", True)))
        members.insert(chance.randint(0, len(members)), (chance.choice(UNKNOWN_NAMES), value))
    found.clear()
    found.update(members)


def break_by_leaving_out(chance: Chance, request: Request) -> None:
    name, found = some_object(chance, request)
    for _ in range(chance.choice((1, 1, 1, 3))):
        found.pop(chance.choice(MEMBERS[name]), None)


def break_a_line(chance: Chance, request: Request) -> None:
    if isinstance(request.get("lines"), list):
        wrong: Any = chance.choice((None, [], "x", 0, True, {}, [{}], Raw("1e400")))
        request["lines"].insert(chance.randint(0, len(request["lines"])), wrong)


def break_decimals(chance: Chance, request: Request) -> None:
    """As many decimals as the form allows, or one more."""
    field = chance.choice(MONEY_FIELDS)
    found = some_line(chance, request) if field in MEMBERS["line"] else request
    places = DECIMALS.get(field, 2) + chance.choice((0, 1, 1))
    value = Decimal(chance.choice((1, 5, -5, 10 ** (places + 1) + 1))).scaleb(-places)
    found[field] = chance.choice((value, Raw(f"{value:f}"), f"{value:f}", f"{value:f}00"))


DECIMALS = {"quantity": 4, "self_pay_ratio": 4, "unit_price": 6, "ceiling_price": 6}


def break_with_many_lines(chance: Chance, request: Request) -> None:
    if chance.random() < 0.4:
        item: Any = chance.choice((0, None, {}, "x", []))
        count = chance.choice((5_000, 5_001, 5_001, 5_001, 99, 101))
        request["lines"] = [copy.deepcopy(item) for _ in range(count)]


def break_many_values(chance: Chance, request: Request) -> None:
    for _ in range(chance.randint(5, 40)):
        break_value(chance, request)


FORM_BREAKERS: tuple[Breaker, ...] = (
    break_value,
    break_value,
    break_value,
    break_decimals,
    break_with_unknown,
    break_with_unknown,
    break_by_leaving_out,
    break_a_line,
    break_many_values,
    break_with_many_lines,
)
