"""The same rules as a GoRules decision (JDM), run by zen-engine, three times.

All are compiled once and hold amounts in fen and rates in ten-thousandths, so that nothing is lost in its
floating-point answers; words are positions in lists, and the policy's numbers are constants of the model.
`full_decision` is the use that its manual shows: a decision object, a bill with all members as a dict, every line's
scope in the answer. `full_by_loader` is the same by the static loader, which saves 0.2 ms a call. `lean_by_loader` is
the quickest that we found: JSON as input, absent members left out, the eight payers alone as the answer.
"""

import json
from collections.abc import Callable
from typing import Any

import zen

from bench.peers.integers import ABSENT, CLASS_B, CLASS_C, BillInts, LineInts, PackInts

# {braces} are numbers of the policy. `#` is the line that is being looked at.
MISMATCH = "wrong = some(lines, abs(#.amount * 100000000 - #.quantity * #.price) >= 150000000)"
OVER = "(x = abs(#.amount) - round(#.ceiling * abs(#.quantity) / 100000000); x > 0 ? (#.amount < 0 ? -x : x) : 0)"
PAYS_FIRST = f"#.class == {CLASS_B} and not (#.essential == true and preferred_here)"
RATIO = "(#.ratio ?? {class_b_ratio}[#.category]) / 10000"

EACH_LINE = (
    (
        f"scoped = map(lines, #.class == {CLASS_C}"
        " ? {{full_self_pay: #.amount, over_ceiling: 0, first_self_pay: 0, eligible: 0}}"
        f" : (over = #.ceiling == null ? 0 : {OVER};"
        f" first = {PAYS_FIRST} ? round((#.amount - over) * {RATIO}) : 0;"
        " {{full_self_pay: 0, over_ceiling: over, first_self_pay: first, eligible: #.amount - over - first}}))"
    ),
    "full_sum = sum(map(scoped, #.full_self_pay))",
    "over_sum = sum(map(scoped, #.over_ceiling))",
    "first_sum = sum(map(scoped, #.first_self_pay))",
)
SUMS_ALONE = (
    f"full_sum = sum(map(filter(lines, #.class == {CLASS_C}), #.amount))",
    f"over_sum = sum(map(filter(lines, #.ceiling != null and #.class != {CLASS_C}), {OVER}))",
    (
        f"first_sum = sum(map(filter(lines, {PAYS_FIRST}),"
        f" round((#.ceiling == null ? #.amount : #.amount - {OVER}) * {RATIO})))"
    ),
)
BEFORE = (
    "preferred = poor and compliant and designated",
    "preferred_here = preferred and in_area and {essential_as_class_a}",
    MISMATCH,
    "total = sum(map(lines, #.amount))",
)

AFTER = (
    "over_ceiling = over_sum > 0 ? over_sum : 0",
    "first_self_pay = first_sum > 0 ? first_sum : 0",
    "eligible = total - full_sum - over_ceiling - first_self_pay",
    # 5.1 and 5.2
    (
        "full_deductible = chronic ? {chronic_deductible} : poor and designated and in_area and {waived} ? 0"
        " : {deductible}[tier][admission]"
    ),
    "deductible = full_deductible < eligible ? full_deductible : eligible",
    (
        "plain_rate = chronic ? {chronic_rate}[tier]"
        " : in_area ? (compliant ? {basic_rate}[tier] : max([0, {basic_rate}[tier] - {unreferred_reduction}]))"
        " : compliant ? {approved_rate}[tier] : {unapproved_rate}[tier]"
    ),
    "rate = preferred ? min([10000, plain_rate + {rate_bonus}]) : plain_rate",
    "basic = min([round((eligible - deductible) * rate / 10000), max([0, {basic_cap} - year[1]])])",
    # 5.3
    "threshold = poor ? {threshold} * {threshold_factor} / 10000 : {threshold}",
    "base = eligible - basic + ({with_first_self_pay} ? first_self_pay : 0) - ({with_deductible} ? 0 : deductible)",
    "before = max([0, year[2] - threshold])",
    "after = max([0, year[2] + base - threshold])",
    "before_share = round({bands_of_before} / 10000)",
    "after_share = round({bands_of_after} / 10000)",
    "illness = min([after_share - before_share, max([0, {illness_cap} - year[3]]), base])",
    # 5.4
    "row = {assistance}[status]",
    "left = max([0, eligible - basic - illness])",
    "usable = max([0, year[4] + left - row[1]]) - max([0, year[4] - row[1]])",
    "assistance = min([round(usable * row[0] / 10000), max([0, row[2] - year[5]])])",
    # 5.5 and 5.6
    "burden4 = total - basic - illness - assistance",
    "given = min([aid, burden4])",
    "burden5 = burden4 - given",
    (
        "second = poor ? min([round(max([0, burden5 - full_sum - over_ceiling]) * {second_rate} / 10000),"
        " max([0, {second_cap} - year[6]])]) : 0"
    ),
    # 5.7
    "burden6 = burden5 - second",
    "stay = {backstop_on_total} ? total : eligible + first_self_pay",
    (
        "need = preferred ? round(((({backstop_annual} ? year[8] : 0) + stay) * {backstop_target}) / 10000)"
        " - ({backstop_annual} ? year[9] : 0) - (total - burden6) : 0"
    ),
    "backstop = max([0, min([need, burden6, max([0, {backstop_cap} - year[10]])])])",
    # 5.8
    "burden7 = burden6 - backstop",
    "own = round((year[0] + total) * {own_share} / 10000)",
    "excess8 = max([0, min([year[0] - year[7] - year[11] + burden7 - own, burden7])])",
    "subsidy = poor ? min([round(excess8 * {subsidy_share} / 10000), max([0, {subsidy_cap} - year[11]])]) : 0",
)
PAYERS = "wrong ? null : [basic, illness, assistance, given, second, backstop, subsidy, burden7 - subsidy]"


def bands(variable: str, pack: PackInts) -> str:
    """Σ of rate × the part in the band, written out; the bonus of the poor inside."""
    terms, lower = [], 0
    for upper, rate in pack.bands:
        part = f"max([0, min([{variable}, {upper}]) - {lower}])"
        terms.append(f"{part} * (poor ? {min(10_000, rate + pack.band_bonus)} : {rate})")
        lower = upper
    return "(" + " + ".join(terms) + ")"


def constants(pack: PackInts) -> dict[str, str]:
    """The policy numbers as ZEN literals."""
    values = {name: json.dumps(value) for name, value in pack._asdict().items()}
    rows = [row or (0, 0, 0) for row in pack.assistance]
    return values | {
        "assistance": json.dumps(rows),
        "bands_of_before": bands("before", pack),
        "bands_of_after": bands("after", pack),
    }


def model(pack: PackInts, with_lines: bool) -> dict[str, Any]:
    """The decision: input, one expression node, output."""
    answer = f"{{{{payers: {PAYERS}, lines: scoped}}}}" if with_lines else PAYERS
    steps = (*BEFORE, *(EACH_LINE if with_lines else SUMS_ALONE), *AFTER, answer)
    text = "; ".join(steps).format_map(constants(pack))
    nodes: list[dict[str, Any]] = [
        {"id": "in", "type": "inputNode", "name": "bill", "content": {}},
        {
            "id": "rules",
            "type": "expressionNode",
            "name": "rules",
            "content": {"expressions": [{"id": "settle", "key": "settlement", "value": text}], "passThrough": False},
        },
        {"id": "out", "type": "outputNode", "name": "settlement", "content": {}},
    ]
    edges = [
        {"id": "a", "type": "edge", "sourceId": "in", "targetId": "rules"},
        {"id": "b", "type": "edge", "sourceId": "rules", "targetId": "out"},
    ]
    return {"nodes": nodes, "edges": edges}


def full_context(bill: BillInts) -> dict[str, Any]:
    """The decision's input: a bill with all its members, as Python has it."""
    head = {name: value for name, value in bill._asdict().items() if name not in {"lines", "year", "repeat"}}
    lines = [full_line(line) for line in bill.lines]
    return head | {"admission": int(bill.repeat), "year": list(bill.year), "lines": lines}


def full_line(line: LineInts) -> dict[str, Any]:
    """A line with named members, null for an absent one."""
    names = ("class", "category", "quantity", "price", "amount", "ceiling", "ratio", "essential")
    return {
        name: None if value == ABSENT and name in {"ceiling", "ratio"} else value
        for name, value in zip(names, line, strict=True)
    }


def lean_context(bill: BillInts) -> str:
    """The same as JSON, and without the members that would say nothing."""
    context = full_context(bill)
    context["lines"] = [
        {name: value for name, value in line.items() if value is not None and value is not False}
        for line in context["lines"]
    ]
    return json.dumps(context)


def full_decision(pack: PackInts) -> Callable[[dict[str, Any]], Any]:
    """Bill in, payers and every line's scope out, by a decision object."""
    content = zen.ZenDecisionContent(json.dumps(model(pack, with_lines=True)))
    evaluate = zen.ZenEngine().create_decision(content).evaluate
    return lambda context: evaluate(context)["result"]["settlement"]


def full_by_loader(pack: PackInts) -> Callable[[dict[str, Any]], Any]:
    """The same by the static loader."""
    return by_loader(model(pack, with_lines=True))


def lean_by_loader(pack: PackInts) -> Callable[[str], Any]:
    """JSON in, payers alone out."""
    return by_loader(model(pack, with_lines=False))


def by_loader(decision: dict[str, Any]) -> Callable[[Any], Any]:
    """A decision that the engine keeps under a key."""
    evaluate = zen.ZenEngine({"loader": {"type": "static", "content": {"bill": decision}}}).evaluate
    return lambda context: evaluate("bill", context)["result"]["settlement"]


def payers_of(answer: Any) -> tuple[int, ...]:
    """The eight payers in fen, of either answer."""
    return tuple(round(value) for value in (answer["payers"] if isinstance(answer, dict) else answer))
