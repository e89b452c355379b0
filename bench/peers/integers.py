"""Bills and policy numbers as plain integers: fen, ten-thousandths, 10⁻⁴ pieces, 10⁻⁶ yuan a piece."""

from decimal import Decimal
from typing import Any, NamedTuple, TypeAlias

from bench.bills import Request
from bench.policy import CATEGORIES, STATUSES, TIERS, YEAR_FIELDS, Assistance, Numbers

# class, category, quantity, unit price, amount, ceiling price or -1, own ratio or -1, essential medicine
LineInts: TypeAlias = tuple[int, int, int, int, int, int, int, bool]
ABSENT = -1
CLASS_A, CLASS_B, CLASS_C = 0, 1, 2


class BillInts(NamedTuple):
    """A bill whose numbers are integers and whose words are positions in the lists of `bench.policy`."""

    lines: list[LineInts]
    year: tuple[int, ...]
    status: int
    tier: int
    poor: bool
    designated: bool
    in_area: bool
    compliant: bool
    chronic: bool
    repeat: bool
    aid: int


class PackInts(NamedTuple):
    """The pack's numbers as integers, in the order of `bench.policy.Numbers`."""

    class_b_ratio: tuple[int, ...]
    essential_as_class_a: bool
    deductible: tuple[tuple[int, int], ...]
    waived: bool
    basic_rate: tuple[int, ...]
    basic_cap: int
    unreferred_reduction: int
    approved_rate: tuple[int, ...]
    unapproved_rate: tuple[int, ...]
    rate_bonus: int
    chronic_deductible: int
    chronic_rate: tuple[int, ...]
    threshold: int
    threshold_factor: int
    with_first_self_pay: bool
    with_deductible: bool
    illness_cap: int
    bands: tuple[tuple[int, int], ...]
    band_bonus: int
    assistance: tuple[tuple[int, int, int] | None, ...]
    second_rate: int
    second_cap: int
    backstop_target: int
    backstop_on_total: bool
    backstop_annual: bool
    backstop_cap: int
    own_share: int
    subsidy_share: int
    subsidy_cap: int


def scaled(text: Any, places: int) -> int:
    """A plain decimal as an integer of that many decimals, exactly; quick, for the floors that read text."""
    whole, _, part = str(text).partition(".")
    return int(whole + (part + "000000")[:places])


def line_ints(line: dict[str, Any]) -> LineInts:
    """One line of a request."""
    ceiling, ratio = line["ceiling_price"], line["self_pay_ratio"]
    return (
        "ABC".index(line["catalogue_class"]),
        CATEGORIES.index(line["category"]),
        scaled(line["quantity"], 4),
        scaled(line["unit_price"], 6),
        scaled(line["amount"], 2),
        ABSENT if ceiling is None else scaled(ceiling, 6),
        ABSENT if ratio is None else scaled(ratio, 4),
        line["essential_medicine"],
    )


def bill_ints(request: Request) -> BillInts:
    """A request as integers."""
    patient, facility, encounter = request["patient"], request["facility"], request["encounter"]
    in_area = patient["pooling_area"] == facility["pooling_area"]
    referral = encounter["referral"]
    year = request["year_to_date"]
    return BillInts(
        lines=[line_ints(line) for line in request["lines"]],
        year=tuple(scaled(year.get(field, "0"), 2) for field in YEAR_FIELDS),
        status=STATUSES.index(patient["status"]),
        tier=TIERS.index(facility["tier"]),
        poor=patient["status"] == "registered_poor",
        designated=facility.get("designated", True),
        in_area=in_area,
        compliant=referral != "none" and (in_area or referral != "not_required"),
        chronic=encounter["type"] == "chronic_outpatient",
        repeat=encounter["admission_number"] >= 2,
        aid=scaled(request["emergency_aid_approved"], 2),
    )


def fen(yuan: Decimal) -> int:
    return int(yuan * 100)


def rate(share: Decimal) -> int:
    return int(share * 10_000)


def pack_ints(numbers: Numbers) -> PackInts:
    """The policy as integers: money in fen, rates in ten-thousandths."""
    return PackInts(
        class_b_ratio=tuple(rate(numbers.class_b_ratio[category]) for category in CATEGORIES),
        essential_as_class_a=numbers.essential_as_class_a,
        deductible=tuple((fen(first), fen(repeat)) for first, repeat in numbers.deductible),
        waived=numbers.waived,
        basic_rate=tuple(map(rate, numbers.basic_rate)),
        basic_cap=fen(numbers.basic_cap),
        unreferred_reduction=rate(numbers.unreferred_reduction),
        approved_rate=tuple(map(rate, numbers.approved_rate)),
        unapproved_rate=tuple(map(rate, numbers.unapproved_rate)),
        rate_bonus=rate(numbers.rate_bonus),
        chronic_deductible=fen(numbers.chronic_deductible),
        chronic_rate=tuple(map(rate, numbers.chronic_rate)),
        threshold=fen(numbers.threshold),
        threshold_factor=rate(numbers.threshold_factor),
        with_first_self_pay=numbers.with_first_self_pay,
        with_deductible=numbers.with_deductible,
        illness_cap=fen(numbers.illness_cap),
        bands=tuple((fen(up_to), rate(share)) for up_to, share in numbers.bands),
        band_bonus=rate(numbers.band_bonus),
        assistance=tuple(assistance_ints(numbers.assistance.get(status)) for status in STATUSES),
        second_rate=rate(numbers.second_rate),
        second_cap=fen(numbers.second_cap),
        backstop_target=rate(numbers.backstop_target),
        backstop_on_total=numbers.backstop_on_total,
        backstop_annual=numbers.backstop_annual,
        backstop_cap=fen(numbers.backstop_cap),
        own_share=rate(numbers.own_share),
        subsidy_share=rate(numbers.subsidy_share),
        subsidy_cap=fen(numbers.subsidy_cap),
    )


def assistance_ints(row: Assistance | None) -> tuple[int, int, int] | None:
    """A status's rate, annual deductible and cap, or None where it has no row."""
    return None if row is None else (rate(row.rate), fen(row.annual_deductible), fen(row.annual_cap))
