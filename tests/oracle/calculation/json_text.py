"""What is JSON in the contract's sense (api.md, "Forms"), with every number as it was written."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import NoReturn

MAX_DEPTH = 64


class NotJson(Exception):
    """The body is no JSON document in the contract's sense."""


@dataclass(frozen=True)
class NumberToken:
    """A JSON number as it was written: a float would lose digits, an int would lose its form."""

    text: str
    is_integer: bool


def read_json(raw: bytes) -> object:
    try:
        text = raw.decode("utf-8")
        document: object = json.loads(
            text,
            parse_int=lambda token: NumberToken(token, True),
            parse_float=lambda token: NumberToken(token, False),
            parse_constant=refuse_constant,
            object_pairs_hook=object_without_duplicates,
        )
    except (ValueError, RecursionError) as problem:
        raise NotJson from problem
    if depth_of(document) > MAX_DEPTH:
        raise NotJson
    return document


def refuse_constant(_token: str) -> NoReturn:
    raise NotJson


def object_without_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise NotJson
    return members


def depth_of(document: object) -> int:
    deepest = 0
    waiting = [(document, 1)]
    while waiting:
        value, depth = waiting.pop()
        if isinstance(value, dict):
            children = list(value.values())
        elif isinstance(value, list):
            children = value
        else:
            continue
        deepest = max(deepest, depth)
        waiting.extend((child, depth + 1) for child in children)
    return deepest
