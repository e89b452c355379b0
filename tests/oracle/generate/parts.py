"""A part of a request to spoil, also where an earlier breakage left little of it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from .lines import line
from .names import Chance, Request

OBJECTS = ("facility", "patient", "encounter", "line", "line", "year_to_date", "root")


def some_object(chance: Chance, request: Request) -> tuple[str, Request]:
    name = chance.choice(OBJECTS)
    if name == "root":
        return name, request
    if name == "line":
        found: Any = chance.choice(whole_lines(request) or [request])
    elif name == "year_to_date":
        found = request.setdefault("year_to_date", {})
    else:
        found = request.get(name)
    return (name, found) if isinstance(found, dict) else ("root", request)


def some_line(chance: Chance, request: Request) -> Request:
    """A line to spoil; a fresh one where an earlier breakage left none."""
    return chance.choice(whole_lines(request) or [line(chance, 1, 100, None)])


def whole_lines(request: Request) -> list[Request]:
    """The lines that earlier breakages left as objects."""
    found = request.get("lines")
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def part(request: Request, name: str) -> Request:
    found = request.setdefault(name, {})
    return found if isinstance(found, dict) else {}


def number_in(line: Request, field: str) -> Decimal:
    found = line.get(field)
    return found if isinstance(found, Decimal) else Decimal(1)
