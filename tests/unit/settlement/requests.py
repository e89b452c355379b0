"""A complete request as a hospital sends it, for a test to change in some places, each named by its pointer."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any, Final

from app.api.answers import answer
from app.policies.catalogue import catalogue_of
from app.policies.loader import PackFile, load_packs, read_folder

Json = dict[str, Any]
ABSENT: Final = object()

REQUEST: Final[Json] = {
    "bill_id": "B1",
    "facility": {
        "code": "H1", "name": "医院", "tier": "secondary", "pooling_area": "450200", "county": "450221",
        "designated": True,
    },
    "patient": {
        "person_id": "P1", "name": "某人", "status": "ordinary", "pooling_area": "450200", "county": "450221",
    },
    "encounter": {
        "type": "inpatient", "admitted_on": "2018-06-01", "discharged_on": "2018-06-15", "admission_number": 1,
        "referral": "not_required", "cause": "illness",
    },
    "lines": [
        {
            "line_no": 1, "code": "D1", "name": "药", "category": "drug", "catalogue_class": "A", "quantity": "10",
            "unit_price": "5", "amount": "50.00", "ceiling_price": None, "self_pay_ratio": None,
            "essential_medicine": False,
        },
        {
            "line_no": 2, "code": "M1", "name": "管", "category": "material", "catalogue_class": "B", "quantity": "1",
            "unit_price": "1000", "amount": "1000.00", "ceiling_price": "900", "self_pay_ratio": "0.1",
            "essential_medicine": False,
        },
        {
            "line_no": 3, "code": "S1", "name": "床", "category": "bed", "catalogue_class": "C", "quantity": "2",
            "unit_price": "20", "amount": "40.00", "ceiling_price": None, "self_pay_ratio": None,
            "essential_medicine": False,
        },
    ],
    "year_to_date": {
        "total_cost": "0.00", "basic_paid": "0.00", "critical_illness_base": "0.00", "critical_illness_paid": "0.00",
        "medical_assistance_base": "0.00", "medical_assistance_paid": "0.00", "second_reimbursement_paid": "0.00",
        "covered": "0.00", "backstop_base": "0.00", "backstop_covered": "0.00", "backstop_paid": "0.00",
        "local_subsidy_paid": "0.00",
    },
    "emergency_aid_approved": "0.00",
    "prepaid": "0.00",
}  # fmt: skip # as a bill looks, a few members a line

# A pooling area without chronic outpatient care, beside the packs of the shared cases.
_NO_CHRONIC_CARE: Final = b"""\
extends: guangxi@2017-12-13
area: "450900"
chronic_outpatient: null
"""
PACKS: Final = Path(__file__).parents[2] / "cases" / "shared" / "packs"
CATALOGUE: Final = catalogue_of(load_packs([*read_folder(PACKS), PackFile("no-chronic.yaml", _NO_CHRONIC_CARE)]))


def changed(changes: Json, request: Json = REQUEST) -> Any:
    """The request with some members set, added or (`ABSENT`) taken away; the pointer "" is the whole of it."""
    whole = {"": copy.deepcopy(request)}
    for pointer, value in changes.items():
        target: Any = whole
        *parents, last = pointer.split("/")
        for step in parents:
            target = target[int(step) if isinstance(target, list) else step]
        if isinstance(target, list):
            target[int(last)] = value
        elif value is ABSENT:
            del target[last]
        else:
            target[last] = value
    return whole[""]


def line(number: int, amount: str, catalogue_class: str = "A", **members: Any) -> Json:
    """A line of this amount, one piece of it; a negative amount is a refund of one."""
    return {
        "line_no": number,
        "code": "X",
        "category": "treatment",
        "catalogue_class": catalogue_class,
        "quantity": "-1" if amount.startswith("-") else "1",
        "unit_price": amount.removeprefix("-"),
        "amount": amount,
    } | members


def answered(request: Any) -> Json:
    """The answer to a request, given as its members or as the bytes themselves."""
    body = request if isinstance(request, bytes) else json.dumps(request, ensure_ascii=True).encode()
    document: Json = json.loads(answer(body, CATALOGUE).body)
    return document


def refusals(request: Any) -> list[str]:
    """What a request is refused for, each as `pointer code`; nothing where it settles."""
    document = answered(request)
    found = [f"{error['pointer']} {error['code']}" for error in document.get("errors", [])]
    assert bool(found) != ("payers" in document)
    return found
