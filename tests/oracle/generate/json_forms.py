"""JSON, in all the ways in which the same request may be written."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from .names import Chance, Request


class Raw(str):
    """JSON text that is written as it is."""

    __slots__ = ()


class Pairs(list[tuple[str, Any]]):
    """An object that may hold a name twice."""


def plain(request: Request) -> bytes:
    """The request in the plainest form: what the aims ask the oracle with."""
    return json.dumps(request, default="{:f}".format).encode()


def encoded(chance: Chance, request: Any) -> bytes:
    return json_text(chance, request).encode("utf-8")


def json_text(chance: Chance, value: Any) -> str:
    space = "" if chance.random() < 0.9 else chance.choice((" ", "  ", "\t"))
    if isinstance(value, Raw):
        return str(value)
    if isinstance(value, Decimal):
        return number_text(chance, value)
    if isinstance(value, str):
        return string_text(chance, value)
    if isinstance(value, Pairs | dict):
        pairs = list(value) if isinstance(value, Pairs) else list(value.items())
        if chance.random() < 0.15:
            chance.shuffle(pairs)
        members = (f"{json_text(chance, name)}:{space}{json_text(chance, member)}" for name, member in pairs)
        return "{" + space + f",{space}".join(members) + space + "}"
    if isinstance(value, list):
        return "[" + space + f",{space}".join(json_text(chance, item) for item in value) + space + "]"
    return json.dumps(value)


def string_text(chance: Chance, value: str) -> str:
    only_as_escape = any(0xD800 <= ord(sign) <= 0xDFFF for sign in value) if not value.isascii() else True
    return json.dumps(value, ensure_ascii=only_as_escape or chance.random() < 0.3)


def number_text(chance: Chance, value: Decimal) -> str:
    """A string, or a JSON number in one of its forms."""
    text = f"{value:f}"
    padded = text + ("000" if "." in text else ".0000") if len(text) < 30 else text
    if value == 0 and chance.random() < 0.2:
        return chance.choice(('"-0.00"', "-0.00", "-0", "0e999999", "0E-99", "0.0e+5", '"0000"', '"-0"'))
    sign = "-" if value < 0 else ""
    digits, exponent = "".join(map(str, value.as_tuple().digits)), int(value.as_tuple().exponent)
    odd = (
        f"{sign}{digits}e{exponent}",
        f"{sign}{digits}00E{exponent - 2:+d}",
        f"{sign}{digits[0]}.{digits[1:] or '0'}E{exponent + len(digits) - 1:+d}",
        f"{sign}0.{digits}e{exponent + len(digits):+03d}",
        padded,
        f'"{padded}"',
        f'"{sign}00{text.lstrip("-")}"',
    )
    ordinary = (f'"{text}"', f'"{text}"', text)
    return chance.choice(odd if chance.random() < 0.15 else ordinary)
