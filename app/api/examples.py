"""The examples of the OpenAPI document: requests to try, and one that runs into each refusal."""

from __future__ import annotations

import copy
import gzip
import json
from datetime import date
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from app.api import problems
from app.api.answers import Settled, answer
from app.api.backstops import evidence_of, item_of, summary_of
from app.api.policies import policies_answer, policy_answer
from app.api.reconciling import write_run
from app.api.records import summary, write_correction, write_reversal, write_settled
from app.settlement.money import ZERO, Fen
from app.settlement.refusals import MAX_LINES, TOO_MANY_LINES
from app.settlement.year import NO_YEAR
from app.store.backstops import Evidence, Item, Payment, Sums
from app.store.reconciliations import Side
from app.store.scratch import BillSum
from app.store.settlements import NO_RECORD, Link, PersonYear, Record, record_hash
from app.usecases.check_roster import STATUS_NOT_ON_ROSTER
from app.usecases.compare_books import Comparison
from app.usecases.read_backstops import Shown
from app.usecases.reconcile import Made, Mark, Report
from app.usecases.recording import Change, ReversalStamp, Stamp

if TYPE_CHECKING:
    from app.policies.catalogue import Catalogue
    from app.settlement.result import Settlement

Json = dict[str, Any]

# The example of api.md, with a class B and a class C line so that there is something to split.
BILL: Final[Json] = {
    "bill_id": "ZY201806150007",
    "facility": {
        "code": "H45102200016", "name": "示例县人民医院", "tier": "secondary", "pooling_area": "451000",
        "county": "451022", "designated": True,
    },
    "patient": {
        "person_id": "P000001", "name": "示例", "status": "registered_poor", "pooling_area": "451000",
        "county": "451022",
    },
    "encounter": {
        "type": "inpatient", "admitted_on": "2018-06-01", "discharged_on": "2018-06-15", "admission_number": 1,
        "referral": "not_required", "cause": "illness",
    },
    "lines": [
        {
            "line_no": 1, "code": "XA02BCA001", "name": "奥美拉唑", "category": "drug", "catalogue_class": "A",
            "quantity": "28", "unit_price": "12.5", "amount": "350.00", "ceiling_price": None, "self_pay_ratio": None,
            "essential_medicine": False,
        },
        {
            "line_no": 2, "code": "MAT0042", "name": "一次性引流管", "category": "material", "catalogue_class": "B",
            "quantity": 2, "unit_price": "240.50", "amount": 481, "ceiling_price": 220,
        },
        {
            "line_no": 3, "code": "BED03", "name": "普通床位", "category": "bed", "catalogue_class": "A",
            "quantity": "14", "unit_price": "28", "amount": "392.00",
        },
        {
            "line_no": 4, "code": "SVC900", "name": "陪床费", "category": "other", "catalogue_class": "C",
            "quantity": "14", "unit_price": "5", "amount": "70.00",
        },
    ],
    "year_to_date": {},
    "emergency_aid_approved": "0.00",
    "prepaid": "500.00",
}  # fmt: skip # as a bill looks, a few members a line


def _changed(*changes: tuple[str, Any]) -> Json:
    """The example bill with some members set, each named by its pointer."""
    bill = copy.deepcopy(BILL)
    for pointer, value in changes:
        *parents, last = pointer.strip("/").split("/")
        target: Any = bill
        for step in parents:
            target = target[int(step) if isinstance(target, list) else step]
        target[int(last) if isinstance(target, list) else last] = value
    return bill


BROKEN: Final[dict[str, Json]] = {
    "field_invalid": _changed(("/patient/county", "45102"), ("/lines/0/quantity", "1_000"), ("/emergency", True)),
    "amount_out_of_range": _changed(("/year_to_date", {"total_cost": "100000000.01"})),
    "facility_not_designated": _changed(("/facility/designated", False)),
    "dates_invalid": _changed(("/encounter/admitted_on", "2018-06-16")),
    "no_policy_in_force": _changed(
        ("/encounter/admitted_on", "2016-06-01"), ("/encounter/discharged_on", "2016-06-15")
    ),
    "work_injury_liability": _changed(("/encounter/cause", "work_injury")),
    "third_party_liability": _changed(("/encounter/cause", "third_party")),
    "line_no_duplicate": _changed(("/lines/3/line_no", 1)),
    "line_invalid": _changed(("/lines/0/quantity", "-28")),
    "line_amount_mismatch": _changed(("/lines/0/amount", "305.00")),
    "self_pay_ratio_invalid": _changed(("/lines/0/self_pay_ratio", "0.10")),
    "essential_medicine_invalid": _changed(("/lines/2/essential_medicine", True)),
    "refund_exceeds_charge": _changed(
        ("/lines/3/quantity", "-14"), ("/lines/3/amount", "-70.00"), ("/lines/3/catalogue_class", "A")
    ),
    "bill_total_not_positive": _changed(("/lines", [])),
}

REQUESTS: Final[dict[str, tuple[str, Json]]] = {
    "registered_poor": ("A registered-poor patient in the county", BILL),
    "ordinary": ("The same bill, an ordinary patient", _changed(("/patient/status", "ordinary"))),
    "out_of_area": (
        "A registered-poor patient, referred out of the area",
        _changed(
            ("/facility/pooling_area", "450100"), ("/facility/county", None), ("/facility/tier", "tertiary_regional"),
            ("/encounter/referral", "approved"),
        ),
    ),
} | {code: (f"Refused: {code}", bill) for code, bill in BROKEN.items()}  # fmt: skip # one change a line


def answer_to(request: Json, catalogue: Catalogue) -> Json:
    """What the service makes of a request."""
    return _read(answer(json.dumps(request).encode(), catalogue, "ledger"))


def _read(shown: Settled | problems.Document) -> Json:
    members: Json = json.loads(shown.body)
    return members


def refusal(code: str, catalogue: Catalogue) -> Json:
    """The problem document of the example that runs into this refusal."""
    if code == TOO_MANY_LINES.code:
        line = BILL["lines"][0]
        return answer_to(_changed(("/lines", [line] * (MAX_LINES + 1))), catalogue)
    return answer_to(BROKEN[code], catalogue)


def problem(code: str) -> Json:
    """A problem document that is not about the members of a bill."""
    if code == problems.NOT_JSON.code:
        return _read(problems.not_json("The body is not JSON: a syntax error at line 1, column 12."))
    if code == problems.BILL_CONFLICT.code:
        return _read(problems.bill_conflict(_ID))
    (kind,) = [each for each in problems.ALL_PROBLEMS if each.code == code]
    return _read(problems.document(kind, f"{kind.title}."))


class Recorded(NamedTuple):
    """One bill in the ledger: its settlement, a page of the list, its reversal, its correction, its backstop."""

    settlement: Json
    page: Json
    reversal: Json
    correction: Json
    backstops: Json
    backstop_sums: Json
    backstop: Json


BENEFITS: Final[Json] = {
    "items": [
        {
            "person": "6b4bd4a1" * 8, "status": "registered_poor", "county": "451022", "stays": 2,
            "total_cost": "5587.62", "basic_insurance": "3881.30", "critical_illness": "0.00",
            "medical_assistance": "679.23", "emergency_aid": "0.00", "second_reimbursement": "0.00",
            "backstop": "468.33", "local_subsidy": "0.00", "patient": "558.76", "share_paid": "0.9000",
        },
    ],
    "next_cursor": None,
}  # fmt: skip # as an answer looks
AUDIT: Final[Json] = {
    "items": [
        {
            "at": "2026-11-24T08:30:00.000000Z", "action": "settlement.recorded", "key_id": "0a1b2c3d", "role": "his",
            "client": "192.0.2.7", "request_id": "5f0c9b0e6f5d4c0f8e2a7f3b1d9c6a42",
            "record": "01979e0a-5a00-7000-8000-000000000001",
        },
    ],
    "next_cursor": None,
}  # fmt: skip # as an answer looks
REVERSAL: Final[Json] = {"reason": "entered twice"}
CORRECTION: Final[Json] = {
    "reason": "the deposit was entered wrongly",
    "request": _changed(("/emergency_aid_approved", "100.00")),
    "dry_run": False,
}
_ID: Final = "01979e0a-5a00-7000-8000-000000000001"
_OTHER_ID: Final = "01979e0a-5a00-7000-8000-000000000002"
_TIME: Final = "2026-11-24T08:30:00.000000Z"


def recorded(catalogue: Catalogue) -> Recorded:
    """The example bill, as if it had just been recorded."""
    settled, corrected = _settled(BILL, catalogue), _settled(CORRECTION["request"], catalogue)
    year = NO_YEAR
    record = Record(
        _ID, settled.facility_code, settled.bill_id, PersonYear("", settled.insurance_year, ""), "", Link(1, NO_RECORD),
        date(2018, 6, 15), "451000", "secondary", _TIME, settled.pack.hash, "request", year, settled.costs.total,
        settled.payers, "", None, b"", b"",
    )  # fmt: skip # one record
    answer = write_settled(settled, Stamp(_ID, _TIME, "request"))
    change = Change(settled.bill_id, _ID, settled.payers, _OTHER_ID, corrected.payers)
    return Recorded(
        json.loads(answer),
        {"items": [summary(answer, record.discharged_on, is_reversed=False)], "next_cursor": None},
        json.loads(write_reversal(ReversalStamp(_OTHER_ID, _TIME, REVERSAL["reason"]), record)),
        json.loads(write_correction([change])),
        *_backstop(record._replace(answer=answer)),
    )


def _backstop(record: Record) -> tuple[Json, Json, Json]:
    """The record's backstop as the insurer sees it: in a page of the list, in sums, and its evidence."""
    paid = record.payers
    covered = Fen(sum(paid[: paid._fields.index("backstop")]))
    item = Item(
        _TIME, _ID, _ID, "settlement", record.discharged_on, record.facility_code, record.pooling_area, record.tier,
        record.total, covered, paid.backstop, reversed=False, payment="paid",
    )  # fmt: skip # one item
    sums = Sums(_TIME[:7], 1, 0, record.total, covered, paid.backstop, paid.backstop, ZERO)
    evidence = Evidence(
        _ID, record.facility_code, record.bill_id, record.pooling_area, record.tier, record.discharged_on, _TIME,
        record_hash(record), record.answer, None,
    )  # fmt: skip # one record's
    payment = Payment(_ID, "paid", "2026-11/0007", _TIME, "", None)
    return (
        {"items": [item_of(item)], "next_cursor": None},
        summary_of([sums]),
        _read_json(msgspec.json.encode(evidence_of(Shown(evidence, [payment])))),
    )


def _read_json(text: bytes) -> Json:
    members: Json = json.loads(text)
    return members


def _settled(request: Json, catalogue: Catalogue) -> Settlement:
    shown = answer(json.dumps(request).encode(), catalogue)
    assert isinstance(shown, Settled), "the examples settle"
    return shown.settlement


def parameter_refusal() -> Json:
    """The problem document of a query parameter of the wrong form."""
    return _read(problems.refused([problems.PARAMETER_INVALID.at("area")]))


def roster_refusal() -> Json:
    """The problem document of a bill whose status the roster does not know."""
    return _read(problems.refused([STATUS_NOT_ON_ROSTER.at("patient", "status")]))


def policies(catalogue: Catalogue) -> Json:
    """The list of packs."""
    return policies_answer(catalogue).model_dump(mode="json")


def policy(catalogue: Catalogue) -> Json:
    """One pack, its first numbers."""
    shown = policy_answer(catalogue, catalogue.packs[0]).model_dump(mode="json")
    shown["numbers"] = shown["numbers"][:3]
    return shown


RECONCILED: Final[Json] = {
    "rows": [
        {"facility": "H45102200016", "bill_id": "ZY201806150007", "amount": "166.10", "date": "2026-11-24"},
        {"facility": "H45102200016", "bill_id": "ZY201806150008", "amount": "20.00", "date": "2026-11-24"},
    ]
}


def reconciliation() -> tuple[Json, str, str]:
    """A run over the example's rows, its report, and the same rows as CSV."""
    ours = [BillSum("H45102200016", "ZY201806150007", Fen(16_610), _ID)]
    theirs = [BillSum(*ours[0][:3], None), BillSum("H45102200016", "ZY201806150008", Fen(2_000), None)]
    comparison, report = Comparison(), Report()
    marked = len(list(report.of(comparison.pairs(iter(ours), iter(theirs)))))
    side = Side("backstop", "2026-11-01", "2026-12-01")
    made = Made(_OTHER_ID, _TIME, side, 1, 2, comparison, report.shown, Mark("paid", "2026-11/0007"), marked)
    table = [",".join(RECONCILED["rows"][0]), *[",".join(row.values()) for row in RECONCILED["rows"]]]
    text = gzip.decompress(report.content()).decode()
    return _read_json(write_run(made)[0]), text, "".join(f"{line}\r\n" for line in table)
