"""The oracle against the worked cases and the real bills, and the generator against its own promise of reach."""

from __future__ import annotations

import ast
import copy
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from . import generate
from .calculation.answer import answer
from .calculation.packs import Packs, load_packs

CASES_FOLDER = Path(__file__).resolve().parents[1] / "cases"
CASES = sorted((CASES_FOLDER / "shared").glob("[0-9]*.yaml"))


def packs_of_the_cases() -> Packs:
    return load_packs(CASES_FOLDER / "shared" / "packs")


def test_all_worked_cases_are_found() -> None:
    assert len(CASES) >= 21


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_the_oracle_gives_what_was_worked_out_by_hand(path: Path) -> None:
    case = yaml.safe_load(path.read_text(encoding="utf-8"))
    got = answer(json.dumps(case["request"]).encode(), packs_of_the_cases())
    stages = {stage["stage"]: stage for stage in got["stages"]}
    expected = dict(case["expect"])
    assert_holds(expected.pop("stages", {}), stages, "stages")
    assert_holds(expected, got, "")


def assert_holds(expected: Any, got: Any, where: str) -> None:
    if isinstance(expected, dict):
        for key, value in expected.items():
            assert_holds(value, got[key], f"{where}/{key}")
    elif isinstance(expected, list):
        assert len(expected) == len(got), where
        for index, value in enumerate(expected):
            assert_holds(value, got[index], f"{where}/{index}")
    else:
        assert (type(got), got) == (type(expected), expected), where


def test_the_oracle_settles_all_real_bills() -> None:
    bills = (CASES_FOLDER / "real-bills.ndjson").read_bytes().splitlines()
    packs = packs_of_the_cases()
    refused = [got for got in (answer(bill, packs) for bill in bills) if "payers" not in got]
    assert (len(bills), refused) == (40, [])


BILL: dict[str, Any] = {
    "bill_id": "B1",
    "facility": {"code": "H1", "tier": "primary", "pooling_area": "450200"},
    "patient": {"person_id": "P1", "status": "ordinary", "pooling_area": "450200"},
    "encounter": {"admitted_on": "2018-06-01", "discharged_on": "2018-06-15"},
    "lines": [
        {
            "line_no": 1,
            "code": "X",
            "category": "bed",
            "catalogue_class": "A",
            "quantity": "1",
            "unit_price": "5",
            "amount": "5",
        },
        {
            "line_no": 2,
            "code": "Y",
            "category": "drug",
            "catalogue_class": "B",
            "quantity": "2",
            "unit_price": "5",
            "amount": "10",
        },
    ],
}
ABSENT = object()


def refused(*changes: tuple[str, object]) -> list[list[str]]:
    """The errors of the bill above with members changed, each under its dotted path."""
    bill = copy.deepcopy(BILL)
    for path, value in changes:
        *parents, name = [int(step) if step.isdigit() else step for step in path.split(".")]
        found: Any = bill
        for step in parents:
            found = found[step]
        if value is ABSENT:
            del found[name]
        else:
            found[name] = value
    errors: list[list[str]] = answer(json.dumps(bill).encode(), packs_of_the_cases()).get("errors", [])
    return errors


def test_the_bill_of_these_tests_is_settled() -> None:
    assert refused() == []


def test_unknown_members_come_first_then_missing_ones_then_wrong_forms() -> None:
    errors = refused(
        ("prepaid", True),
        ("zzz", 1),
        ("a name", 1),
        ("bill_id", ABSENT),
        ("facility.tier", "Primary"),
        ("facility.code", ABSENT),
        ("facility.nope", None),
        ("patient", []),
        ("lines.1.amount", "1_000"),
        ("lines.0", None),
    )
    pointers = ["/zzz", "", "/bill_id", "/facility/nope", "/facility/code", "/facility/tier", "/patient"]
    assert errors == [[each, "field_invalid"] for each in [*pointers, "/lines/0", "/lines/1/amount", "/prepaid"]]


def test_rules_follow_the_fields_and_at_one_field_the_table() -> None:
    errors = refused(
        ("encounter.admitted_on", "2022-01-02"),
        ("encounter.discharged_on", "2022-01-01"),
        ("encounter.cause", "third_party"),
        ("facility.designated", False),
        ("lines.0.unit_price", "-100000000.01"),
        ("lines.0.self_pay_ratio", 0),
        ("lines.1.line_no", 1),
        ("lines.1.amount", "100000000.01"),
        ("lines.1.essential_medicine", True),
        ("year_to_date", {"covered": "100000000.01"}),
    )
    assert errors == [
        ["/facility/designated", "facility_not_designated"],
        ["/encounter/discharged_on", "dates_invalid"],
        ["/encounter/discharged_on", "no_policy_in_force"],
        ["/encounter/cause", "third_party_liability"],
        ["/lines/0/unit_price", "amount_out_of_range"],
        ["/lines/0/unit_price", "line_invalid"],
        ["/lines/0/self_pay_ratio", "self_pay_ratio_invalid"],
        ["/lines/1/line_no", "line_no_duplicate"],
        ["/lines/1/amount", "amount_out_of_range"],
        ["/lines/1/amount", "line_amount_mismatch"],
        ["/year_to_date/covered", "amount_out_of_range"],
    ]


def test_a_refund_of_more_than_was_charged_is_pointed_at_its_first_negative_line() -> None:
    refund = {**BILL["lines"][0], "line_no": 3, "quantity": "-1", "amount": "-5", "code": "Y"}
    errors = refused(("lines", [*BILL["lines"], *[{**refund, "line_no": number} for number in (3, 4, 5)]]))
    assert errors == [["/lines/2/amount", "refund_exceeds_charge"], ["/lines", "refund_exceeds_charge"]]


def test_a_class_that_is_refunded_below_zero_is_refused_without_a_word_on_the_total() -> None:
    refund = {**BILL["lines"][0], "line_no": 3, "quantity": "-1", "amount": "-5", "catalogue_class": "C"}
    assert refused(("lines", [BILL["lines"][0], refund])) == [["/lines", "refund_exceeds_charge"]]
    assert refused(("lines", [])) == [["/lines", "bill_total_not_positive"]]


@pytest.mark.parametrize(
    ("number", "accepted"),
    [
        ("5", True),
        ("5.00000000", True),
        ("0.5e1", True),
        ("500e-2", True),
        ('"0000000000000000000000000000000000000005"', True),
        ('"00000000000000000000000000000000000000005"', False),
        ('"5e0"', False),
        ('"+5"', False),
        ('" 5"', False),
        ('"\uff15"', False),
        ("5.001", False),
        ("1e400", False),
        ("1e5000000", False),
        ("true", False),
        ("5" + "0" * 5_000 + "e-5000", True),
    ],
)
def test_a_number_is_judged_on_its_value(number: str, accepted: bool) -> None:
    body = json.dumps({**BILL, "prepaid": "HERE"}).replace('"HERE"', number).encode()
    assert ("stages" in answer(body, packs_of_the_cases())) is accepted


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xef\xbb\xbf{}",
        b'{"a": "\xff"}',
        b'{"a": NaN}',
        b'{"a": 1, "\\u0061": 2}',
        b"[" * 65 + b"]" * 65,
        b"[" * 100_000,
        b"[01]",
    ],
)
def test_what_is_no_json(body: bytes) -> None:
    assert answer(body, packs_of_the_cases()) == {"status": 400, "code": "not_json", "errors": [["", "not_json"]]}


def test_sixty_four_levels_are_json() -> None:
    assert answer(b"[" * 64 + b"]" * 64, packs_of_the_cases())["code"] == "field_invalid"


def test_oracle_and_generator_import_nothing_of_the_product() -> None:
    here = Path(__file__).parent
    sources = [*here.glob("calculation/*.py"), *here.glob("generate/*.py")]
    nodes = [node for path in sources for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))]
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [str(node.module) for node in nodes if isinstance(node, ast.ImportFrom) and node.level == 0]
    assert len(sources) > 20
    assert {name.partition(".")[0] for name in names} <= {*sys.stdlib_module_names, "tests", "yaml"}
    assert all(name.startswith("tests.oracle.") for name in names if name.startswith("tests"))


def test_the_generator_reaches_every_reason_and_every_code() -> None:
    counts: Counter[str] = Counter()
    for seed in range(1, 9):
        packs = generate.load(generate.packs(seed))
        counts += generate.reached(generate.bills(seed, 300, packs), packs)
    rarely = {name: counts[name] for name in generate.everything_to_reach() if counts[name] < 3}
    assert rarely == {}
    assert 0.1 < counts["refused"] / (counts["refused"] + counts["settled"]) < 0.25
