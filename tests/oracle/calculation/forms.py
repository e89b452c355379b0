"""The form of one member, and of an object and an array of them (api.md, "Forms")."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from .exact import ZERO
from .json_text import NumberToken

Error = tuple[str, str]
# A reader gives the member's value, or notes an error and gives something that is then never looked at.
Reader = Callable[[object, str, list[Error]], Any]
NUMBER_STRING = re.compile(r"-?[0-9]+(\.[0-9]+)?")
NUMBER_PARTS = re.compile(r"(?P<sign>-?)(?P<whole>[0-9]+)(\.(?P<fraction>[0-9]+))?([eE](?P<exponent>[+-]?[0-9]+))?")
IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
SIX_DIGITS = re.compile(r"[0-9]{6}")


def number(places: int, *, may_be_negative: bool) -> Reader:
    def read(value: object, pointer: str, errors: list[Error]) -> Any:
        exact: Decimal | None = None
        if isinstance(value, NumberToken):
            exact = exact_value(value.text, places)
        elif isinstance(value, str) and len(value) <= 40 and NUMBER_STRING.fullmatch(value):
            exact = exact_value(value, places)
        if exact is None or (exact < 0 and not may_be_negative):
            errors.append((pointer, "field_invalid"))
        return exact

    return read


def exact_value(text: str, places: int) -> Decimal | None:
    """The value of a decimal text; None when it has more decimals than `places` or reaches 10^15.

    The size is judged on the digits before anything is computed: 1e5000000 must not become an integer.
    """
    parts = NUMBER_PARTS.fullmatch(text)
    assert parts is not None
    fraction = parts["fraction"] or ""
    digits = (parts["whole"] + fraction).lstrip("0")
    if digits == "":
        return ZERO
    exponent_text = parts["exponent"] or "0"
    exponent_digits = exponent_text.lstrip("+-").lstrip("0") or "0"
    if len(exponent_digits) > 18:
        return None
    exponent = -int(exponent_digits) if exponent_text.startswith("-") else int(exponent_digits)
    significant = digits.rstrip("0")
    exponent = exponent - len(fraction) + len(digits) - len(significant)
    if len(significant) + exponent > 15:
        return None
    if -exponent > places:
        return None
    magnitude = Decimal(f"{significant}e{exponent}")
    return -magnitude if parts["sign"] else magnitude


def ordinal(value: object, pointer: str, errors: list[Error]) -> Any:
    if isinstance(value, NumberToken) and value.is_integer and len(value.text) <= 10:
        written = int(value.text)
        if 1 <= written <= 2_147_483_647:
            return written
    errors.append((pointer, "field_invalid"))
    return None


def text(shortest: int, longest: int) -> Reader:
    def read(value: object, pointer: str, errors: list[Error]) -> Any:
        if not isinstance(value, str) or not shortest <= len(value) <= longest or any(map(is_forbidden, value)):
            errors.append((pointer, "field_invalid"))
        return value

    return read


def is_forbidden(sign: str) -> bool:
    return ord(sign) <= 0x1F or ord(sign) == 0x7F or 0xD800 <= ord(sign) <= 0xDFFF


def six_digits(value: object, pointer: str, errors: list[Error]) -> Any:
    if not isinstance(value, str) or not SIX_DIGITS.fullmatch(value):
        errors.append((pointer, "field_invalid"))
    return value


def day(value: object, pointer: str, errors: list[Error]) -> Any:
    if isinstance(value, str) and DATE.fullmatch(value):
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass
    errors.append((pointer, "field_invalid"))
    return None


def boolean(value: object, pointer: str, errors: list[Error]) -> Any:
    if not isinstance(value, bool):
        errors.append((pointer, "field_invalid"))
    return value


def one_of(*names: str) -> Reader:
    def read(value: object, pointer: str, errors: list[Error]) -> Any:
        if not isinstance(value, str) or value not in names:
            errors.append((pointer, "field_invalid"))
        return value

    return read


def array_of(item: Reader) -> Reader:
    def read(value: object, pointer: str, errors: list[Error]) -> Any:
        if not isinstance(value, list):
            errors.append((pointer, "field_invalid"))
            return None
        return [item(element, f"{pointer}/{index}", errors) for index, element in enumerate(value)]

    return read


@dataclass(frozen=True)
class Member:
    read: Reader
    required: bool = True
    default: object = None
    null_is_absent: bool = False


def optional(read: Reader, default: object) -> Member:
    return Member(read, required=False, default=default)


def nullable(read: Reader) -> Member:
    return Member(read, required=False, default=None, null_is_absent=True)


def object_of(members: dict[str, Member]) -> Reader:
    def read(value: object, pointer: str, errors: list[Error]) -> Any:
        if not isinstance(value, dict):
            errors.append((pointer, "field_invalid"))
            return None
        for name in value:
            if name not in members:
                is_identifier = IDENTIFIER.fullmatch(name) is not None
                errors.append((f"{pointer}/{name}" if is_identifier else pointer, "field_invalid"))
        for name, member in members.items():
            if member.required and name not in value:
                errors.append((f"{pointer}/{name}", "field_invalid"))
        result: dict[str, Any] = {}
        for name, member in members.items():
            if name not in value or (value[name] is None and member.null_is_absent):
                result[name] = member.default
            else:
                result[name] = member.read(value[name], f"{pointer}/{name}", errors)
        return result

    return read
