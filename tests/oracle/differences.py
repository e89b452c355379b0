"""Where an answer of the product differs from the oracle's, and what was compared."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

NOT_COMPARED = ("settlement_id", "status", "settled_at", "year_to_date_source", "explanation_version")
NOT_COMPARED_OF_A_STAGE = ("inputs", "source", "text")


@dataclass
class Outcome:
    counts: Counter[str] = field(default_factory=Counter)
    differences: list[str] = field(default_factory=list)


def compare_one(where: str, expected: dict[str, Any], line: bytes, written: bytes, outcome: Outcome) -> None:
    outcome.counts["bills"] += 1
    outcome.counts["settled" if "stages" in expected else "refused"] += 1
    outcome.counts.update(f"{stage['stage']}: {stage['reason']}" for stage in expected.get("stages", []))
    outcome.counts.update({code for _, code in expected.get("errors", [])})
    try:
        got = comparable(json.loads(written))
    except (ValueError, TypeError, KeyError, AttributeError):
        got = {"no answer of the contract": written.decode(errors="replace")[:300]}
    found = list(differences(expected, got, ""))
    if found:
        outcome.counts["bills that differ"] += 1
        shown = "".join(f"\n  {pointer or '(all)'}: expected {left}, got {right}" for pointer, left, right in found[:6])
        outcome.differences.append(f"{where}{shown}\n  bill: {line[:1_500].decode(errors='replace')}")


def comparable(got: dict[str, Any]) -> dict[str, Any]:
    """The product's answer, cut down to what the oracle says."""
    if "errors" in got:
        errors = [[error["pointer"], error["code"]] for error in got["errors"]]
        return {"status": got["status"], "code": got["code"], "errors": errors}
    kept = {name: value for name, value in got.items() if name not in NOT_COMPARED}
    kept["policy"] = {name: value for name, value in got["policy"].items() if name != "hash"}
    kept["stages"] = [
        {name: value for name, value in stage.items() if name not in NOT_COMPARED_OF_A_STAGE} for stage in got["stages"]
    ]
    return kept


def differences(expected: Any, got: Any, pointer: str) -> Iterator[tuple[str, str, str]]:
    if isinstance(expected, dict) and isinstance(got, dict):
        for name in [*expected, *(name for name in got if name not in expected)]:
            if name not in got or name not in expected:
                yield f"{pointer}/{name}", shown(expected, name), shown(got, name)
            else:
                yield from differences(expected[name], got[name], f"{pointer}/{name}")
    elif isinstance(expected, list) and isinstance(got, list) and len(expected) == len(got):
        for index, (left, right) in enumerate(zip(expected, got, strict=True)):
            yield from differences(left, right, f"{pointer}/{index}")
    elif type(expected) is not type(got) or expected != got:
        yield pointer, json.dumps(expected)[:500], json.dumps(got)[:500]


def shown(members: dict[str, Any], name: str) -> str:
    return json.dumps(members[name])[:500] if name in members else "(absent)"
