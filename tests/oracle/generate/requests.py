"""Requests from a seed: whole ones near a boundary, and broken ones."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from tests.oracle.calculation.answer import answer
from tests.oracle.calculation.packs import Packs

from .boundaries import aim
from .broken_forms import FORM_BREAKERS
from .broken_rules import RULE_BREAKERS
from .broken_sums import SUM_BREAKERS, sum_of_another_category, sum_of_other_pieces
from .drafts import draft
from .json_forms import Raw, encoded, plain
from .names import Chance
from .no_json import not_json


def bills(seed: int, n: int, packs: Packs) -> Iterator[bytes]:
    """One request a line; a bill depends on its own number alone, so that it can be had again without the others."""
    for number in range(n):
        chance = random.Random(f"bills {seed} {number}")
        # The first is plain, so that a reader that looks at a file's beginning sees what kind it is.
        if number > 0 and chance.random() < 0.16:
            yield broken_bill(chance, packs, number)
        else:
            yield whole_bill(chance, packs, number)


def whole_bill(chance: Chance, packs: Packs, number: int) -> bytes:
    """A draft that is accepted, then moved to some boundaries of its pack."""
    request = draft(chance, packs, number)
    for _ in range(3):
        if "stages" in answer(plain(request), packs):
            break
        request = draft(chance, packs, number)
    if chance.random() < 0.08:
        chance.choice((sum_of_other_pieces, sum_of_another_category))(chance, request)
    for _ in range(chance.choice((0, 1, 1, 2, 3))):
        aim(chance, request, packs)
    return encoded(chance, request)


def broken_bill(chance: Chance, packs: Packs, number: int) -> bytes:
    request: Any = draft(chance, packs, number)
    kind = chance.random()
    if kind < 0.12:
        return not_json(chance, request)
    if kind < 0.45:
        for _ in range(chance.choice((1, 1, 1, 2, 3, 5))):
            chance.choice(FORM_BREAKERS)(chance, request)
        if chance.random() < 0.2:
            chance.choice(RULE_BREAKERS)(chance, request)
        if chance.random() < 0.03:
            request = chance.choice((None, True, [], [request], "x", Raw("1e400"), Raw("5"), {}))
    elif kind < 0.85:
        for _ in range(chance.choice((1, 1, 2, 3, 6))):
            chance.choice(RULE_BREAKERS)(chance, request)
        if chance.random() < 0.1:
            chance.choice(SUM_BREAKERS)(chance, request)
    else:
        for _ in range(chance.choice((1, 1, 1, 2))):
            chance.choice(SUM_BREAKERS)(chance, request)
    return encoded(chance, request)
