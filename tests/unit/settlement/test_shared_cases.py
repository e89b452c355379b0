"""The worked cases and real bills that every implementation of the contract shares."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.api.answers import answer
from app.policies.catalogue import Catalogue, load_folder, load_shipped

CASES = Path(__file__).parents[2] / "cases"
PACKS = CASES / "shared" / "packs"
ROOT = CASES.parents[1]

ALL = {path.stem: yaml.safe_load(path.read_text("utf-8")) for path in sorted((CASES / "shared").glob("*.yaml"))}
REAL_BILLS = (CASES / "real-bills.ndjson").read_bytes().splitlines()

CATALOGUES = {"the packs of the cases": load_folder(PACKS), "the packs that ship": load_shipped()}


def differences(expected: Any, actual: Any, path: str = "") -> list[str]:
    """What a part of an answer says otherwise than expected; `stages` is keyed by the stage's name."""
    if path == "/stages" and isinstance(actual, list):
        actual = {stage["stage"]: stage for stage in actual}
    if isinstance(expected, dict) and isinstance(actual, dict):
        return [line for key in expected for line in differences(expected[key], actual.get(key), f"{path}/{key}")]
    if isinstance(expected, list) and isinstance(actual, list) and len(expected) == len(actual):
        pairs = enumerate(zip(expected, actual, strict=True))
        return [line for index, pair in pairs for line in differences(*pair, f"{path}/{index}")]
    same = type(expected) is type(actual) and expected == actual
    return [] if same else [f"{path}: expected {expected!r}, came out {actual!r}"]


def settled(bill: bytes, catalogue: Catalogue) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(answer(bill, catalogue).body)
    return document


@pytest.fixture(scope="module")
def answers_of_the_command(tmp_path_factory) -> dict[str, dict[str, Any]]:
    """All cases in one run of `onestop settle --packs`."""
    requests = tmp_path_factory.mktemp("cases") / "requests.ndjson"
    requests.write_text("".join(json.dumps(case["request"]) + "\n" for case in ALL.values()))
    run = subprocess.run(
        [sys.executable, "-c", "from app.cli import main; main()", "settle", "--packs", str(PACKS), str(requests)],
        cwd=ROOT, capture_output=True, check=False, timeout=120,
    )  # fmt: skip
    assert (run.returncode, run.stderr) == (0, b"")
    return dict(zip(ALL, map(json.loads, run.stdout.splitlines()), strict=True))


def test_the_folder_holds_all_cases_and_bills() -> None:
    assert len(ALL) == 21
    assert len(REAL_BILLS) == 40
    assert sorted(path.name for path in PACKS.iterdir()) == [
        "guangxi-450100.yaml", "guangxi-451000.yaml", "guangxi.yaml",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ALL)
def test_the_calculation_gives_what_was_worked_out_by_hand(name: str) -> None:
    case = ALL[name]
    document = settled(json.dumps(case["request"]).encode(), CATALOGUES["the packs of the cases"])
    assert differences(case["expect"], document) == []


@pytest.mark.parametrize("name", ALL)
def test_the_command_gives_what_was_worked_out_by_hand(name: str, answers_of_the_command) -> None:
    assert differences(ALL[name]["expect"], answers_of_the_command[name]) == []


@pytest.mark.parametrize("packs", CATALOGUES)
@pytest.mark.parametrize("number", range(40))
def test_a_real_bill_settles_and_its_payers_sum_to_its_total(number: int, packs: str) -> None:
    bill = REAL_BILLS[number]
    document = settled(bill, CATALOGUES[packs])
    charged = sum(cents(line["amount"]) for line in json.loads(bill)["lines"])
    assert sum(map(cents, document["payers"].values())) == cents(document["costs"]["total"]) == charged


def cents(text: str) -> int:
    """An amount as written, two decimals always, in fen."""
    assert text[-3] == "."
    return int(text.replace(".", ""))


def test_a_wrong_expectation_is_told() -> None:
    actual = {"payers": {"patient": "1.00"}, "stages": [{"stage": "backstop", "rate": None}], "lines": [{"line_no": 1}]}
    expected = {"payers": {"patient": "1.01"}, "stages": {"backstop": {"rate": "0.9000"}}, "lines": []}
    assert differences(expected, actual) == [
        "/payers/patient: expected '1.01', came out '1.00'",
        "/stages/backstop/rate: expected '0.9000', came out None",
        "/lines: expected [], came out [{'line_no': 1}]",
    ]
