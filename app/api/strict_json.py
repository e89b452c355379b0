"""Read JSON exactly as written: no floats, no repeated members, no guessing (api.md, "Forms")."""

from __future__ import annotations

import gc
import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, NoReturn

from app.api.memo import Memo

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_NESTING: Final = 64


class NotJson(Exception):
    """The bytes are not JSON as the contract has it. Says why in our own words, never in the caller's."""


class IntegerToken(str):
    """A JSON number without fraction and exponent, as written."""

    __slots__ = ()


class FractionToken(str):
    """A JSON number with a fraction or an exponent, as written."""

    __slots__ = ()


def parse(body: bytes) -> object:
    """Parse bytes to str, number tokens, bool, None, list and dict; `NotJson` where they are not JSON.

    Numbers stay the text they were, so that none passes through binary floating point and none costs more than its
    digits. A member name repeated in one object, nesting beyond 64, a byte-order mark and NaN are refused.
    """
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise NotJson("The body is not UTF-8.") from None
    try:
        with _collector_off():
            value: object = _DECODER.decode(text)
    except RecursionError:
        raise NotJson(f"The body is nested deeper than {MAX_NESTING} levels.") from None
    except json.JSONDecodeError as error:
        raise NotJson(f"The body is not JSON: a syntax error at line {error.lineno}, column {error.colno}.") from None
    if body.count(b"[") + body.count(b"{") > MAX_NESTING and _nested_too_deep(value):
        raise NotJson(f"The body is nested deeper than {MAX_NESTING} levels.")
    return value


def parse_next(text: str, at: int) -> tuple[object, int]:
    """Parse the value that begins at a place of a text, as `parse` does: the value, and where it ends."""
    try:
        value, end = _DECODER.raw_decode(text, at)
    except (RecursionError, json.JSONDecodeError):
        raise NotJson("The body is not JSON: a syntax error in a row.") from None
    if _nested_too_deep(value):
        raise NotJson(f"The body is nested deeper than {MAX_NESTING} levels.")
    return value, end


@contextmanager
def _collector_off() -> Iterator[None]:
    """Keep the cyclic collector from walking over millions of new values, none of them in a cycle: half the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _members(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise NotJson("A member name is repeated in one object.")
    return members


def _refuse_constant(_name: str) -> NoReturn:
    raise NotJson("The body is not JSON: NaN and Infinity are no JSON numbers.")


# Eight megabytes can hold four million numbers; remembered ones cost neither their time nor their memory again.
_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_members,
    parse_int=Memo(IntegerToken).__getitem__,
    parse_float=Memo(FractionToken).__getitem__,
    parse_constant=_refuse_constant,
)


def _nested_too_deep(value: object) -> bool:
    level = [value]
    for _ in range(MAX_NESTING):
        deeper: list[object] = []
        for item in level:
            if type(item) is dict:
                deeper.extend(item.values())
            elif type(item) is list:
                deeper.extend(item)
        if not deeper:
            return False
        level = deeper
    return any(type(item) in (dict, list) for item in level)
