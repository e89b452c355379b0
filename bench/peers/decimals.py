"""The same rules in plain `Decimal` Python, written as one would without thinking of speed."""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from bench.bills import Request
from bench.policy import TIERS, YEAR_FIELDS, Numbers

FEN = Decimal("0.01")
ZERO = Decimal(0)


@dataclass(frozen=True)
class Line:
    category: str
    catalogue_class: str
    quantity: Decimal
    unit_price: Decimal
    amount: Decimal
    ceiling_price: Decimal | None
    self_pay_ratio: Decimal | None
    essential_medicine: bool


@dataclass(frozen=True)
class Bill:
    lines: list[Line]
    year: dict[str, Decimal]
    status: str
    tier: int
    designated: bool
    in_area: bool
    compliant: bool
    chronic: bool
    repeat: bool
    aid: Decimal


def bill_decimals(request: Request) -> Bill:
    """A request with its numbers as Decimals."""
    patient, facility, encounter = request["patient"], request["facility"], request["encounter"]
    in_area = patient["pooling_area"] == facility["pooling_area"]
    referral = encounter["referral"]
    return Bill(
        lines=[line_decimals(line) for line in request["lines"]],
        year={field: Decimal(request["year_to_date"].get(field, "0")) for field in YEAR_FIELDS},
        status=patient["status"],
        tier=TIERS.index(facility["tier"]),
        designated=facility.get("designated", True),
        in_area=in_area,
        compliant=referral != "none" and (in_area or referral != "not_required"),
        chronic=encounter["type"] == "chronic_outpatient",
        repeat=encounter["admission_number"] >= 2,
        aid=Decimal(request["emergency_aid_approved"]),
    )


def line_decimals(line: dict[str, Any]) -> Line:
    """One line with its numbers as Decimals."""
    ceiling, ratio = line["ceiling_price"], line["self_pay_ratio"]
    return Line(
        category=line["category"],
        catalogue_class=line["catalogue_class"],
        quantity=Decimal(line["quantity"]),
        unit_price=Decimal(line["unit_price"]),
        amount=Decimal(line["amount"]),
        ceiling_price=None if ceiling is None else Decimal(ceiling),
        self_pay_ratio=None if ratio is None else Decimal(ratio),
        essential_medicine=line["essential_medicine"],
    )


def to_fen(value: Decimal) -> Decimal:
    """Half away from zero, to the fen."""
    return value.quantize(FEN, rounding=ROUND_HALF_UP)


def settle_decimal(bill: Bill, numbers: Numbers) -> tuple[Decimal, ...]:
    """The eight payers of a bill, in yuan."""
    poor = bill.status == "registered_poor"
    preferred = poor and bill.compliant and bill.designated
    paid_as_class_a = preferred and bill.in_area and numbers.essential_as_class_a
    total = full_self_pay = over_ceiling = first_self_pay = ZERO
    for line in bill.lines:
        if abs(line.amount - to_fen(line.quantity * line.unit_price)) > FEN:
            raise ValueError("line_amount_mismatch")
        total += line.amount
        if line.catalogue_class == "C":
            full_self_pay += line.amount
            continue
        sign = 1 if line.amount >= 0 else -1
        over = first = ZERO
        if line.ceiling_price is not None:
            over = max(ZERO, abs(line.amount) - to_fen(line.ceiling_price * abs(line.quantity)))
        if line.catalogue_class == "B" and not (line.essential_medicine and paid_as_class_a):
            ratio = line.self_pay_ratio
            if ratio is None:
                ratio = numbers.class_b_ratio[line.category]
            first = to_fen((abs(line.amount) - over) * ratio)
        over_ceiling += sign * over
        first_self_pay += sign * first
    over_ceiling, first_self_pay = max(ZERO, over_ceiling), max(ZERO, first_self_pay)
    eligible = total - full_self_pay - over_ceiling - first_self_pay

    deductible = min(deductible_of(bill, numbers, poor), eligible)
    rate = basic_rate(bill, numbers, preferred)
    room = max(ZERO, numbers.basic_cap - bill.year["basic_paid"])
    basic = min(to_fen((eligible - deductible) * rate), room)
    base = eligible - basic
    if numbers.with_first_self_pay:
        base += first_self_pay
    if not numbers.with_deductible:
        base -= deductible
    illness = critical_illness(bill, numbers, base, poor)
    assistance = medical_assistance(bill, numbers, max(ZERO, eligible - basic - illness))
    burden = total - basic - illness - assistance
    aid = min(bill.aid, burden)
    burden -= aid
    second = backstop_paid = subsidy = ZERO
    if poor:
        room = max(ZERO, numbers.second_cap - bill.year["second_reimbursement_paid"])
        second = min(to_fen(max(ZERO, burden - full_self_pay - over_ceiling) * numbers.second_rate), room)
        burden -= second
        if preferred:
            stay = total if numbers.backstop_on_total else eligible + first_self_pay
            backstop_paid = backstop(bill, numbers, stay, total - burden, burden)
            burden -= backstop_paid
        subsidy = local_subsidy(bill, numbers, total, burden)
        burden -= subsidy
    return basic, illness, assistance, aid, second, backstop_paid, subsidy, burden


def deductible_of(bill: Bill, numbers: Numbers, poor: bool) -> Decimal:
    """§5.1, before it is held against what is eligible."""
    if bill.chronic:
        return numbers.chronic_deductible
    if poor and bill.designated and bill.in_area and numbers.waived:
        return ZERO
    return numbers.deductible[bill.tier][1 if bill.repeat else 0]


def basic_rate(bill: Bill, numbers: Numbers, preferred: bool) -> Decimal:
    """§5.2."""
    if bill.chronic:
        rate = numbers.chronic_rate[bill.tier]
    elif bill.in_area:
        reduction = ZERO if bill.compliant else numbers.unreferred_reduction
        rate = max(ZERO, numbers.basic_rate[bill.tier] - reduction)
    else:
        rate = (numbers.approved_rate if bill.compliant else numbers.unapproved_rate)[bill.tier]
    return min(Decimal(1), rate + numbers.rate_bonus) if preferred else rate


def critical_illness(bill: Bill, numbers: Numbers, base: Decimal, poor: bool) -> Decimal:
    """§5.3: the year's share after this bill less the year's share before it."""
    before = bill.year["critical_illness_base"]
    amount = illness_share(before + base, numbers, poor) - illness_share(before, numbers, poor)
    return min(amount, max(ZERO, numbers.illness_cap - bill.year["critical_illness_paid"]), base)


def illness_share(base: Decimal, numbers: Numbers, poor: bool) -> Decimal:
    """f(x) of §5.3."""
    threshold = numbers.threshold * numbers.threshold_factor if poor else numbers.threshold
    bonus = numbers.band_bonus if poor else ZERO
    excess, lower, share = max(ZERO, base - threshold), ZERO, ZERO
    for upper, rate in numbers.bands:
        share += max(ZERO, min(excess, upper) - lower) * min(Decimal(1), rate + bonus)
        lower = upper
    return to_fen(share)


def medical_assistance(bill: Bill, numbers: Numbers, left: Decimal) -> Decimal:
    """§5.4."""
    row = numbers.assistance.get(bill.status)
    if row is None:
        return ZERO
    before, floor = bill.year["medical_assistance_base"], row.annual_deductible
    usable = max(ZERO, before + left - floor) - max(ZERO, before - floor)
    return min(to_fen(usable * row.rate), max(ZERO, row.annual_cap - bill.year["medical_assistance_paid"]))


def backstop(bill: Bill, numbers: Numbers, stay: Decimal, covered: Decimal, burden: Decimal) -> Decimal:
    """§5.7."""
    base = bill.year["backstop_base"] if numbers.backstop_annual else ZERO
    earlier = bill.year["backstop_covered"] if numbers.backstop_annual else ZERO
    need = to_fen(numbers.backstop_target * (base + stay)) - (earlier + covered)
    return min(max(ZERO, need), burden, max(ZERO, numbers.backstop_cap - bill.year["backstop_paid"]))


def local_subsidy(bill: Bill, numbers: Numbers, total: Decimal, burden: Decimal) -> Decimal:
    """§5.8."""
    year = bill.year
    own = to_fen(numbers.own_share * (year["total_cost"] + total))
    carried = year["total_cost"] - year["covered"] - year["local_subsidy_paid"]
    excess = min(max(ZERO, carried + burden - own), burden)
    room = max(ZERO, numbers.subsidy_cap - year["local_subsidy_paid"])
    return min(to_fen(excess * numbers.subsidy_share), room)
