"""Reads the law's cases (tests/cases/README.md), settles them, and compares what comes out."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

import app.policies
from app.api.answers import answer
from app.policies.catalogue import Catalogue, catalogue_of
from app.policies.loader import PackFile, load_packs, read_folder

CASES = Path(__file__).parent.parent / "cases"
SHIPPED = Path(app.policies.__file__).parent
# Other folders of tests/cases/ hold cases in other forms, with packs of their own.
SUBJECTS = (
    "backstop",
    "basic_insurance",
    "catalogue_drug_ratio",
    "critical_illness",
    "deductible",
    "local_subsidy",
    "medical_assistance",
    "scope",
    "second_reimbursement",
)
PAYERS = (
    "basic_insurance",
    "critical_illness",
    "medical_assistance",
    "emergency_aid",
    "second_reimbursement",
    "backstop",
    "local_subsidy",
    "patient",
)
ENCOUNTER = {"type": "type", "referral": "referral", "stay": "admission_number", "discharged_on": "discharged_on"}


@dataclass(frozen=True)
class LawCase:
    """One row of a case file: the request that it stands for and what must come out."""

    name: str
    pack: str
    request: bytes
    expect: dict[str, Any]
    overlay: str | None

    def __str__(self) -> str:
        return self.name


def law_cases() -> list[LawCase]:
    """All cases, in the order of their files."""
    bases = yaml.safe_load((CASES / "bases.yaml").read_text(encoding="utf-8"))
    paths = [path for subject in SUBJECTS for path in sorted((CASES / subject).glob("*.yaml"))]
    return [case for path in paths for case in _cases_of(path, bases)]


def _cases_of(path: Path, bases: dict[str, Any]) -> list[LawCase]:
    file = yaml.safe_load(path.read_text(encoding="utf-8"))
    cases = []
    for row in file["cases"]:
        whole = {**file, **row}
        assert whole["law"], f"{path.name}: the clause is missing"
        assert row["why"], f"{path.name}: {row['case']}: the arithmetic is missing"
        bill = {**file.get("bill", {}), **row.get("bill", {})}
        request = _request(bases[bill.pop("base")], bill)
        overlay = _overlay(whole, request) if "overlay" in whole else None
        expect = {**file.get("expect", {}), **row["expect"]}
        name = f"{path.parent.name}/{path.stem}: {row['case']}"
        cases.append(LawCase(name, whole["pack"], json.dumps(request).encode(), expect, overlay))
    return cases


def _request(base: dict[str, Any], bill: dict[str, Any]) -> dict[str, Any]:
    request: dict[str, Any] = copy.deepcopy(base)
    facility, patient, encounter = request["facility"], request["patient"], request["encounter"]
    if area := bill.pop("area", None):
        facility["pooling_area"] = patient["pooling_area"] = area
        facility["county"] = patient["county"] = f"{area[:4]}21"
    if hospital_area := bill.pop("hospital_area", None):
        facility["pooling_area"], facility["county"] = hospital_area, f"{hospital_area[:4]}21"
    facility["tier"] = bill.pop("tier", facility["tier"])
    patient["status"] = bill.pop("status", patient["status"])
    for key, member in ENCOUNTER.items():
        encounter[member] = bill.pop(key, encounter[member])
    encounter["admitted_on"] = encounter["discharged_on"]
    lines = [{"class": "A", "amount": bill.pop("amount")}] if "amount" in bill else bill.pop("lines")
    request["lines"] = [_line(number, line) for number, line in enumerate(lines, 1)]
    request["year_to_date"] = bill.pop("year_to_date", {})
    assert not bill, f"unknown keys of a bill: {', '.join(bill)}"
    return request


def _line(number: int, line: dict[str, Any]) -> dict[str, Any]:
    return {
        "line_no": number,
        "code": f"X{number}",
        "category": line.get("category", "treatment"),
        "catalogue_class": line["class"],
        "quantity": "1",
        "unit_price": line["amount"],
        "amount": line["amount"],
        "essential_medicine": line.get("essential", False),
    }


def _overlay(case: dict[str, Any], request: dict[str, Any]) -> str:
    pack = {"extends": case["pack"], "area": request["patient"]["pooling_area"], **case["overlay"]}
    return yaml.safe_dump(pack, allow_unicode=True)


class Catalogues:
    """The packs of some files, with the overlay of a case laid over them where it has one."""

    def __init__(self, files: list[PackFile]) -> None:
        self._files = files
        self._loaded: dict[str | None, Catalogue] = {}

    def of(self, case: LawCase) -> Catalogue:
        """Load, once, what the case settles with."""
        if case.overlay not in self._loaded:
            own = [PackFile("case.yaml", case.overlay.encode())] if case.overlay else []
            self._loaded[case.overlay] = catalogue_of(load_packs(self._files + own))
        return self._loaded[case.overlay]


def shipped() -> list[PackFile]:
    """The files of the packs that ship."""
    return read_folder(SHIPPED)


def settled(case: LawCase, catalogue: Catalogue) -> dict[str, Any]:
    """The answer to the case's request."""
    document: dict[str, Any] = json.loads(answer(case.request, catalogue).body)
    return document


def differences(case: LawCase, document: dict[str, Any]) -> list[str]:
    """What came out otherwise than expected; a payer that the case does not name pays nothing."""
    found = _compare("policy.id", case.pack, document.get("policy", {}).get("id"))
    stages = {stage["stage"]: stage for stage in document.get("stages", [])}
    for path, expected in case.expect.items():
        head, _, rest = path.partition(".")
        actual = stages.get(rest) if head == "stages" else document.get(head)
        if path == "payers":
            expected = dict.fromkeys(PAYERS, "0.00") | expected  # noqa: PLW2901 # who is not named pays nothing
        found += _compare(path, expected, actual)
    return found


def _compare(path: str, expected: object, actual: object) -> list[str]:
    if isinstance(expected, dict) and isinstance(actual, dict):
        return [line for key in expected for line in _compare(f"{path}.{key}", expected[key], actual.get(key))]
    return [] if expected == actual else [f"{path}: expected {expected}, came out {actual}"]
