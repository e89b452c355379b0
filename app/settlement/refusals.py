"""Every refusal of settlement.md §3: its code, its words, its check, in the four steps in which they are looked for.

Step 1 (the forms) belongs to whoever reads a request; a `Bill` that exists has the right form.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import itemgetter
from typing import Final, NamedTuple

from app.settlement.bill import DRUGS, Bill, Line, LineValues
from app.settlement.money import WHOLE, ZERO, cost
from app.settlement.pack import Pack
from app.settlement.result import Costs
from app.settlement.year import YearToDate

MAX_LINES: Final = 5_000
# 100,000,000.00 in the units of each field.
MAX_FEN: Final = 10_000_000_000
MAX_QUANTITY: Final = 1_000_000_000_000
MAX_PRICE: Final = 100_000_000_000_000


class Finding(NamedTuple):
    """One thing wrong with a request: where (RFC 6901), a stable code, and our own words, never the caller's."""

    pointer: str
    code: str
    detail: str


class Refusal(NamedTuple):
    """A kind of refusal, defined once."""

    code: str
    detail: str

    def at(self, *path: str | int, detail: str | None = None) -> Finding:
        """Find it at a place, given by the member names and indexes that lead there."""
        return Finding("".join([f"/{step}" for step in path]), self.code, detail or self.detail)


TOO_MANY_LINES: Final = Refusal("too_many_lines", f"A bill has at most {MAX_LINES:,} lines.")
FIELD_INVALID: Final = Refusal("field_invalid", "The member has the wrong form.")
AMOUNT_OUT_OF_RANGE: Final = Refusal("amount_out_of_range", "The value is above 100,000,000.00 in absolute value.")
FACILITY_NOT_DESIGNATED: Final = Refusal("facility_not_designated", "Only a designated facility can settle.")
DATES_INVALID: Final = Refusal("dates_invalid", "The discharge is before the admission.")
NO_POLICY_IN_FORCE: Final = Refusal(
    "no_policy_in_force",
    "No policy pack of the patient's pooling area is in force on the day of discharge; "
    "`onestop packs check` and GET /v1/policies list the packs and their days.",
)
WORK_INJURY_LIABILITY: Final = Refusal(
    "work_injury_liability", "Work-injury insurance is liable (工伤保险), not basic medical insurance."
)
THIRD_PARTY_LIABILITY: Final = Refusal("third_party_liability", "A third party is liable, not basic medical insurance.")
LINE_NO_DUPLICATE: Final = Refusal("line_no_duplicate", "An earlier line has the same line_no.")
LINE_INVALID: Final = "line_invalid"
QUANTITY_ZERO: Final = Refusal(LINE_INVALID, "The quantity is 0.")
PRICE_NEGATIVE: Final = Refusal(LINE_INVALID, "The price is negative.")
SIGNS_DIFFER: Final = Refusal(LINE_INVALID, "The quantity and the amount differ in sign.")
LINE_AMOUNT_MISMATCH: Final = Refusal(
    "line_amount_mismatch", "The amount differs from round(quantity × unit_price) by more than 0.01."
)
SELF_PAY_RATIO_INVALID: Final = Refusal(
    "self_pay_ratio_invalid", "A self_pay_ratio is for class B lines alone, from 0 to 1."
)
ESSENTIAL_MEDICINE_INVALID: Final = Refusal(
    "essential_medicine_invalid", "An essential medicine is a drug or herbal drug of class A or B."
)
REFUND_EXCEEDS_CHARGE: Final = Refusal("refund_exceeds_charge", "More is refunded than was charged.")
BILL_TOTAL_NOT_POSITIVE: Final = Refusal("bill_total_not_positive", "The bill's total is not above 0.")

CODES: Final = tuple(dict.fromkeys(value.code for value in list(globals().values()) if isinstance(value, Refusal)))


def of_single_rules(bill: Bill, pack: Pack | None, year: YearToDate, suspects: Sequence[int]) -> Iterator[Finding]:
    """Step 2: every rule on a single field, a line, the stay or the pack, in the order of the request's fields.

    `suspects` are the indexes of the lines that may break a rule of their own; all others certainly don't.
    """
    if not bill.facility.designated:
        yield FACILITY_NOT_DESIGNATED.at("facility", "designated")
    yield from _of_stay(bill, pack)
    yield from _of_lines(bill.lines, suspects)
    # Negative ones are refused as a wrong form before.
    if max(year) > MAX_FEN:
        for name, amount in year._asdict().items():
            if amount > MAX_FEN:
                yield AMOUNT_OUT_OF_RANGE.at("year_to_date", name)
    if bill.emergency_aid_approved > MAX_FEN:
        yield AMOUNT_OUT_OF_RANGE.at("emergency_aid_approved")
    if bill.prepaid > MAX_FEN:
        yield AMOUNT_OUT_OF_RANGE.at("prepaid")


def _of_stay(bill: Bill, pack: Pack | None) -> Iterator[Finding]:
    encounter = bill.encounter
    if encounter.type == "chronic_outpatient" and pack is not None and pack.chronic_outpatient is None:
        yield NO_POLICY_IN_FORCE.at(
            "encounter", "type", detail="The policy pack in force has no chronic outpatient care."
        )
    if encounter.discharged_on < encounter.admitted_on:
        yield DATES_INVALID.at("encounter", "discharged_on")
    if pack is None:
        yield NO_POLICY_IN_FORCE.at("encounter", "discharged_on")
    if encounter.cause == "work_injury":
        yield WORK_INJURY_LIABILITY.at("encounter", "cause")
    elif encounter.cause == "third_party":
        yield THIRD_PARTY_LIABILITY.at("encounter", "cause")


def _of_lines(lines: tuple[LineValues, ...], suspects: Sequence[int]) -> Iterator[Finding]:
    repeated = _repeated_line_numbers(lines)
    for index in sorted(repeated.union(suspects)):
        if index in repeated:
            yield LINE_NO_DUPLICATE.at("lines", index, "line_no")
        yield from _of_line(index, Line(*lines[index]))


_LINE_NO: Final = itemgetter(0)


def _repeated_line_numbers(lines: tuple[LineValues, ...]) -> set[int]:
    if len(set(map(_LINE_NO, lines))) == len(lines):
        return set()
    seen: set[int] = set()
    repeated: set[int] = set()
    for index, (line_no, *_) in enumerate(lines):
        if line_no in seen:
            repeated.add(index)
        seen.add(line_no)
    return repeated


def _of_line(index: int, line: Line) -> Iterator[Finding]:
    quantity, unit_price, amount = line.quantity, line.unit_price, line.amount
    # A line without a ceiling or ratio passes their rules as one with these would.
    ceiling_price = line.ceiling_price or 0
    ratio_wrong = line.self_pay_ratio is not None and (
        line.catalogue_class != "B" or not 0 <= line.self_pay_ratio <= WHOLE
    )
    contradictory = quantity == 0 or unit_price < 0 or quantity * amount < 0 or ceiling_price < 0
    mismatch = not contradictory and abs(amount - cost(quantity, unit_price)) > 1
    not_essential = line.essential_medicine and (line.catalogue_class == "C" or line.category not in DRUGS)
    for found, refusal, field in (
        (abs(quantity) > MAX_QUANTITY, AMOUNT_OUT_OF_RANGE, "quantity"),
        (quantity == 0, QUANTITY_ZERO, "quantity"),
        (abs(unit_price) > MAX_PRICE, AMOUNT_OUT_OF_RANGE, "unit_price"),
        (unit_price < 0, PRICE_NEGATIVE, "unit_price"),
        (abs(amount) > MAX_FEN, AMOUNT_OUT_OF_RANGE, "amount"),
        (quantity * amount < 0, SIGNS_DIFFER, "amount"),
        (mismatch, LINE_AMOUNT_MISMATCH, "amount"),
        (abs(ceiling_price) > MAX_PRICE, AMOUNT_OUT_OF_RANGE, "ceiling_price"),
        (ceiling_price < 0, PRICE_NEGATIVE, "ceiling_price"),
        (ratio_wrong, SELF_PAY_RATIO_INVALID, "self_pay_ratio"),
        (not_essential, ESSENTIAL_MEDICINE_INVALID, "essential_medicine"),
    ):
        if found:
            yield refusal.at("lines", index, field)


def of_sums(lines: tuple[LineValues, ...], costs: Costs, suspects: Sequence[int]) -> Iterator[Finding]:
    """Step 3: the sums, per code, of the bill, then of the scope. Every refund is among the `suspects`."""
    first_refunds: dict[str, int] = {}
    for index in suspects:
        _, code, _, _, _, _, amount, _, _, _ = lines[index]
        if amount < 0:
            first_refunds.setdefault(code, index)
    refunds = list(_of_codes(lines, first_refunds)) if first_refunds else []
    yield from refunds
    if abs(costs.total) > MAX_FEN:
        yield AMOUNT_OUT_OF_RANGE.at("lines")
    if costs.full_self_pay < 0 or costs.eligible < 0:
        yield REFUND_EXCEEDS_CHARGE.at("lines")
    elif costs.total <= 0 and not refunds:
        yield BILL_TOTAL_NOT_POSITIVE.at("lines")


def _of_codes(lines: tuple[LineValues, ...], first_refunds: dict[str, int]) -> Iterator[Finding]:
    net = dict.fromkeys(first_refunds, ZERO)
    for code, amount in [(values[1], values[6]) for values in lines if values[1] in net]:
        net[code] += amount
    for code, index in first_refunds.items():
        if net[code] < 0:
            yield REFUND_EXCEEDS_CHARGE.at("lines", index, "amount")
