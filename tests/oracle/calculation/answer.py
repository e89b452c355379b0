"""The answer to the bytes of one request: the steps of settlement.md §3, then the settlement."""

from __future__ import annotations

from decimal import localcontext
from typing import Any

from .exact import EXACT
from .forms import Error
from .json_text import NotJson, read_json
from .packs import Packs
from .request import REQUEST
from .rules import rules_of_fields_lines_stay_and_pack, rules_of_sums
from .scope import scope_of
from .settlement import settle

MAX_LINES = 5_000
MAX_ERRORS = 100


def answer(raw: bytes, packs: Packs) -> dict[str, Any]:
    """The settlement of one request, or its refusal."""
    with localcontext(EXACT):
        return exact_answer(raw, packs)


def exact_answer(raw: bytes, packs: Packs) -> dict[str, Any]:
    try:
        document = read_json(raw)
    except NotJson:
        return refusal(400, [("", "not_json")])

    if isinstance(document, dict) and isinstance(document.get("lines"), list) and len(document["lines"]) > MAX_LINES:
        return refusal(422, [("/lines", "too_many_lines")])

    errors: list[Error] = []
    bill = REQUEST(document, "", errors)
    if errors:
        return refusal(422, errors)

    errors = list(rules_of_fields_lines_stay_and_pack(bill, packs))
    if errors:
        return refusal(422, errors)

    pack = packs.select(bill["patient"]["pooling_area"], bill["encounter"]["discharged_on"])
    assert pack is not None
    scope = scope_of(bill, pack)
    errors = list(rules_of_sums(bill, scope))
    if errors:
        return refusal(422, errors)

    return settle(bill, pack, scope)


def refusal(status: int, errors: list[Error]) -> dict[str, Any]:
    return {"status": status, "code": errors[0][1], "errors": [list(error) for error in errors[:MAX_ERRORS]]}
