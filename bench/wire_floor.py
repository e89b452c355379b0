"""The floor from bytes to bytes: msgspec into typed structs, integers, the bare loop, and an answer of equal size.

The answer is one of the product's own, decoded into typed structs once; each bill puts its payers in and encodes the
whole. Nothing is checked beyond the types and the amounts, nothing is explained, no line's scope is written anew.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Literal

import msgspec

from bench.peers.floor import settle_bare
from bench.peers.integers import ABSENT, BillInts, pack_ints, scaled
from bench.policy import CATEGORIES, PAYERS, STATUSES, TIERS, YEAR_FIELDS, read_numbers

CLASS_INDEX = {"A": 0, "B": 1, "C": 2}
CATEGORY_INDEX = {category: index for index, category in enumerate(CATEGORIES)}


class Line(msgspec.Struct, gc=False):
    line_no: int
    code: str
    category: str
    catalogue_class: Literal["A", "B", "C"]
    quantity: str
    unit_price: str
    amount: str
    name: str | None = None
    ceiling_price: str | None = None
    self_pay_ratio: str | None = None
    essential_medicine: bool = False


class Facility(msgspec.Struct, gc=False):
    code: str
    tier: str
    pooling_area: str
    county: str | None = None
    designated: bool = True


class Patient(msgspec.Struct, gc=False):
    person_id: str
    status: str
    pooling_area: str
    county: str | None = None


class Encounter(msgspec.Struct, gc=False):
    admitted_on: str
    discharged_on: str
    type: str = "inpatient"
    admission_number: int = 1
    referral: str = "not_required"
    cause: str = "illness"


class Request(msgspec.Struct, gc=False):
    bill_id: str
    facility: Facility
    patient: Patient
    encounter: Encounter
    lines: list[Line]
    year_to_date: dict[str, str] = {}
    emergency_aid_approved: str = "0.00"
    prepaid: str = "0.00"


class AnswerLine(msgspec.Struct, gc=False):
    line_no: int
    full_self_pay: str
    over_ceiling: str
    first_self_pay: str
    eligible: str
    self_pay_ratio: str | None
    ratio_from: str | None


class Stage(msgspec.Struct, gc=False):
    stage: str
    applied: bool
    reason: str
    inputs: dict[str, str | None]
    rate: str | None
    amount: str
    source: dict[str, str] | None
    text: dict[str, str]


class Answer(msgspec.Struct, gc=False):
    settlement_id: str | None
    status: str
    bill_id: str
    facility_code: str
    settled_at: str | None
    policy: dict[str, str]
    insurance_year: int
    year_to_date_source: str
    costs: dict[str, str]
    deductible: dict[str, str]
    payers: dict[str, str]
    actual_reimbursement_ratio: str
    deposit_required: bool
    amount_due: str
    refund_due: str
    catalogue_drug_ratio: dict[str, str | bool] | None
    year_to_date: dict[str, str]
    stages: list[Stage]
    lines: list[AnswerLine]
    explanation_version: int


def number_reader(places: int) -> Callable[[str], int]:
    """Text to integer; a hospital's prices and quantities recur, so that most texts were read before."""

    @lru_cache(maxsize=16_384)
    def read(text: str) -> int:
        return scaled(text, places)

    return read


MONEY, RATE, QUANTITY, PRICE = (number_reader(places) for places in (2, 4, 4, 6))


def integers(request: Request) -> BillInts:
    """The request as the bare loop takes it."""
    money, quantity, price = MONEY, QUANTITY, PRICE
    patient, facility, encounter = request.patient, request.facility, request.encounter
    in_area = patient.pooling_area == facility.pooling_area
    referral, year = encounter.referral, request.year_to_date
    return BillInts(
        [
            (
                CLASS_INDEX[line.catalogue_class],
                CATEGORY_INDEX[line.category],
                quantity(line.quantity),
                price(line.unit_price),
                money(line.amount),
                ABSENT if line.ceiling_price is None else price(line.ceiling_price),
                ABSENT if line.self_pay_ratio is None else RATE(line.self_pay_ratio),
                line.essential_medicine,
            )
            for line in request.lines
        ],
        tuple([money(year[field]) if field in year else 0 for field in YEAR_FIELDS]),
        STATUSES.index(patient.status),
        TIERS.index(facility.tier),
        patient.status == "registered_poor",
        facility.designated,
        in_area,
        referral != "none" and (in_area or referral != "not_required"),
        encounter.type == "chronic_outpatient",
        encounter.admission_number >= 2,
        money(request.emergency_aid_approved),
    )


def money_text(fen: int) -> str:
    """Fen as yuan."""
    return f"{fen // 100}.{fen % 100:02d}"


def floor_answerer(template: bytes) -> Callable[[bytes], bytes]:
    """A function from a request's bytes to an answer's bytes, as large as the template's."""
    pack = pack_ints(read_numbers())
    answer = msgspec.json.decode(template, type=Answer)
    decode, encode = msgspec.json.Decoder(Request).decode, msgspec.json.Encoder().encode

    def respond(body: bytes) -> bytes:
        request = decode(body)
        payers = settle_bare(integers(request), pack)
        answer.bill_id = request.bill_id
        answer.payers = dict(zip(PAYERS, map(money_text, payers), strict=True))
        return encode(answer)

    return respond
