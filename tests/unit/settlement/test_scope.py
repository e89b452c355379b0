"""What each line contributes to T, C, O, P and E (settlement.md §4)."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from app.settlement.bill import Bill, Line
from app.settlement.pack import Pack
from tests.unit.settlement.small import PACK, bill, line, pack, settled, share, yuan


class Row(NamedTuple):
    case: str
    line: Line
    full_self_pay: str
    over_ceiling: str
    first_self_pay: str
    eligible: str
    ratio: str | None
    ratio_from: str | None
    why: str


# Under the small pack: class B default 0.10, material 0.20; an ordinary patient.
LINES = [
    Row("class A", line("100.00"), "0.00", "0.00", "0.00", "100.00", None, None, ""),
    Row("class C", line("100.00", "C"), "100.00", "0.00", "0.00", "0.00", None, None, ""),
    Row("class C has no ceiling", line("100.00", "C", ceiling="60"), "100.00", "0.00", "0.00", "0.00", None, None,
        "1. class C: all of it, the rest 0"),
    Row("class A above a ceiling", line("100.00", ceiling="60"), "0.00", "40.00", "0.00", "60.00", None, None, "100 − 60"),
    Row("class A at its ceiling", line("100.00", ceiling="100"), "0.00", "0.00", "0.00", "100.00", None, None, ""),
    Row("class A below it", line("100.00", ceiling="100.000001"), "0.00", "0.00", "0.00", "100.00", None, None, "never below 0"),
    Row("a ceiling of 0", line("100.00", ceiling="0"), "0.00", "100.00", "0.00", "0.00", None, None, "100 − 0"),
    Row("a ceiling a unit", line("100.00", quantity="4", unit_price="25", ceiling="20"),
        "0.00", "20.00", "0.00", "80.00", None, None, "100 − 4 × 20"),
    Row("a ceiling of part of a unit", line("5.00", quantity="0.5", unit_price="10", ceiling="7.77"),
        "0.00", "1.11", "0.00", "3.89", None, None, "0.5 × 7.77 = 3.885, rounded up to 3.89; 5.00 − 3.89"),
    Row("a ceiling with six decimals", line("3.00", quantity="3", unit_price="1", ceiling="0.334999"),
        "0.00", "2.00", "0.00", "1.00", None, None, "3 × 0.334999 = 1.004997, rounded down; 3.00 − 1.00"),
    Row("a ceiling that is half a fen", line("1.00", ceiling="0.005"), "0.00", "0.99", "0.00", "0.01", None, None,
        "round(0.005) = 0.01"),
    Row("a ceiling just below half a fen", line("1.00", ceiling="0.004999"), "0.00", "1.00", "0.00", "0.00", None, None,
        "round(0.004999) = 0.00"),
    Row("the amount as given counts, not quantity × price", line("100.01", unit_price="100", ceiling="100"),
        "0.00", "0.01", "0.00", "100.00", None, None, "100.01 − 100"),
    Row("class B at the default", line("100.00", "B"), "0.00", "0.00", "10.00", "90.00", "0.10", "default", "100 × 0.10"),
    Row("class B of a category", line("100.00", "B", "material"), "0.00", "0.00", "20.00", "80.00", "0.20", "category", "100 × 0.20"),
    Row("class B of its own ratio", line("100.00", "B", "material", ratio="0.05"),
        "0.00", "0.00", "5.00", "95.00", "0.05", "line", "100 × 0.05"),
    Row("class B of its own ratio 0", line("100.00", "B", "material", ratio="0"),
        "0.00", "0.00", "0.00", "100.00", "0.00", "line", "a ratio of 0 is one"),
    Row("class B of its own ratio 1", line("100.00", "B", ratio="1"), "0.00", "0.00", "100.00", "0.00", "1.00", "line", ""),
    Row("class B above a ceiling", line("100.00", "B", ceiling="60"), "0.00", "40.00", "6.00", "54.00", "0.10", "default",
        "40 over; 60 × 0.10"),
    Row("half a fen first", line("0.05", "B"), "0.00", "0.00", "0.01", "0.04", "0.10", "default", "0.005, rounded up"),
    Row("less than half a fen first", line("0.04", "B"), "0.00", "0.00", "0.00", "0.04", "0.10", "default", "0.004"),
    Row("an essential medicine of an ordinary patient", line("100.00", "B", "drug", essential=True),
        "0.00", "0.00", "10.00", "90.00", "0.10", "default", "class A for the preferred alone"),
    Row("nothing", line("0.00", "B"), "0.00", "0.00", "0.00", "0.00", "0.10", "default", ""),
    Row("a refund of class A", line("-100.00"), "0.00", "0.00", "0.00", "-100.00", None, None, "s = −1"),
    Row("a refund of class C", line("-100.00", "C"), "-100.00", "0.00", "0.00", "0.00", None, None, "s = −1"),
    Row("a refund above a ceiling", line("-100.00", quantity="-4", unit_price="25", ceiling="20"),
        "0.00", "-20.00", "0.00", "-80.00", None, None, "−(100 − 4 × 20)"),
    Row("a refund of class B", line("-100.00", "B", ceiling="60"), "0.00", "-40.00", "-6.00", "-54.00", "0.10", "default",
        "−40 over; −(60 × 0.10)"),
    Row("a refund of half a fen first", line("-0.05", "B"), "0.00", "0.00", "-0.01", "-0.04", "0.10", "default",
        "−0.005, away from zero"),
    Row("a refund of nothing", line("0.00", "B", quantity="-1", unit_price="0.004"),
        "0.00", "0.00", "0.00", "0.00", "0.10", "default", ""),
]  # fmt: skip # one row a case
NAMED = [pytest.param(row, id=row.case) for row in LINES]

# Beside each line stands a charge of 1000.00 of each class, so that no sum falls below 0.
OTHERS = (
    line("1000.00", number=2),
    line("1000.00", "C", number=3),
    line("1000.00", "B", number=4, ratio="0.5", ceiling="500"),
)


@pytest.mark.parametrize("row", NAMED)
def test_a_line_is_divided(row: Row) -> None:
    first = settled(bill(row.line, *OTHERS)).lines[0]
    amounts = [yuan(text) for text in (row.full_self_pay, row.over_ceiling, row.first_self_pay, row.eligible)]
    assert first == (1, *amounts, None if row.ratio is None else share(row.ratio), row.ratio_from), row.why


@pytest.mark.parametrize("row", NAMED)
def test_a_line_adds_to_the_sums(row: Row) -> None:
    costs = settled(bill(row.line, *OTHERS)).costs
    # The others: T = 3000, C = 1000, O = 500, P = 250, E = 1250.
    assert costs == (
        yuan("3000.00") + row.line.amount,
        yuan("1000.00") + yuan(row.full_self_pay),
        yuan("500.00") + yuan(row.over_ceiling),
        yuan("250.00") + yuan(row.first_self_pay),
        yuan("1250.00") + yuan(row.eligible),
    )


ESSENTIAL = line("100.00", "B", "drug", essential=True, ratio="0.30")


@pytest.mark.parametrize(
    ("case", "asked", "under", "first_self_pay", "ratio_from"),
    [
        ("poor in the area", bill(ESSENTIAL, status="registered_poor"), PACK, "0.00", "essential_medicine"),
        ("a herbal drug too", bill(ESSENTIAL._replace(category="herbal_drug"), status="registered_poor"), PACK, "0.00",
            "essential_medicine"),
        ("poor with chronic care", bill(ESSENTIAL, status="registered_poor", type="chronic_outpatient"), PACK, "0.00",
            "essential_medicine"),
        ("poor, but not essential", bill(ESSENTIAL._replace(essential_medicine=False), status="registered_poor"), PACK, "30.00", "line"),
        ("poor, but bypassed the rules", bill(ESSENTIAL, status="registered_poor", referral="none"), PACK, "30.00", "line"),
        ("poor, but outside the area", bill(ESSENTIAL, status="registered_poor", referral="approved", out_of_area=True), PACK,
            "30.00", "line"),
        ("not poor", bill(ESSENTIAL, status="extremely_poor"), PACK, "30.00", "line"),
        ("where the pack has it off", bill(ESSENTIAL, status="registered_poor"),
            pack(scope={"essential_medicine_as_class_a": False}), "30.00", "line"),
    ],
)  # fmt: skip
def test_an_essential_medicine_is_paid_as_class_a(
    case: str, asked: Bill, under: Pack, first_self_pay: str, ratio_from: str
) -> None:
    settlement = settled(asked, under)
    assert (settlement.costs.first_self_pay, settlement.lines[0][6]) == (yuan(first_self_pay), ratio_from), case
    assert settlement.lines[0][5] == (0 if ratio_from == "essential_medicine" else share("0.30"))


def test_its_ceiling_counts_all_the_same() -> None:
    asked = bill(line("100.00", "B", "drug", essential=True, ceiling="60"), status="registered_poor")
    assert settled(asked).costs == (yuan("100.00"), 0, yuan("40.00"), 0, yuan("60.00"))


def test_first_self_pay_is_rounded_a_line_and_not_in_sum() -> None:
    asked = bill(*[line("0.05", "B", number=number) for number in range(1, 11)])
    assert settled(asked).costs == (yuan("0.50"), 0, 0, yuan("0.10"), yuan("0.40"))


@pytest.mark.parametrize(
    ("case", "lines", "costs"),
    [
        ("first self-pay below 0: 0.01 − 2 × 0.01",
            [line("0.14", "B"), line("-0.05", "B", number=2), line("-0.05", "B", number=3)],
            ("0.04", "0.00", "0.00", "0.00", "0.04")),
        ("over ceiling below 0: 0 − 30",
            [line("100.00"), line("-50.00", number=2, ceiling="20")],
            ("50.00", "0.00", "0.00", "0.00", "50.00")),
        ("both at once",
            [line("100.00"), line("-50.00", "B", number=2, ceiling="20")],
            ("50.00", "0.00", "0.00", "0.00", "50.00")),
        ("a fen above 0 stays: 0.02 − 0.01",
            [line("0.15", "B"), line("-0.05", "B", number=2)],
            ("0.10", "0.00", "0.00", "0.01", "0.09")),
    ],
)  # fmt: skip
def test_what_falls_below_zero_counts_as_zero(case: str, lines: list[Line], costs: tuple[str, ...]) -> None:
    assert settled(bill(*lines)).costs == tuple(map(yuan, costs)), case


@pytest.mark.parametrize(
    ("case", "lines", "ratio", "met"),
    [
        ("all in the catalogue", [line("10.00", "A", "drug")], "1.0000", True),
        ("class B is in it", [line("95.00", "B", "herbal_drug"), line("5.00", "C", "drug", number=2)], "0.9500", True),
        ("a fen too little", [line("94.99", "B", "drug"), line("5.01", "C", "drug", number=2)], "0.9499", False),
        ("the exact share counts, not the one shown", [line("949.99", "A", "drug"), line("50.01", "C", "drug", number=2)], "0.9500", False),
        ("half up", [line("0.01", "A", "drug"), line("79.99", "C", "drug", number=2)], "0.0001", False),
        ("other categories don't count", [line("10.00", "A", "drug"), line("90.00", "C", "material", number=2)], "1.0000", True),
        ("refunds count with their sign",
            [line("10.00", "A", "drug"), line("10.00", "C", "drug", number=2), line("-10.00", "C", "drug", number=3)],
            "1.0000", True),
        ("none in the catalogue", [line("10.00", "C", "drug")], "0.0000", False),
        ("at most 1", [line("10.00", "A", "drug"), line("5.00", "C", "bed", number=2), line("-5.00", "C", "drug", number=3)],
            "1.0000", True),
        ("at least 0", [line("10.00", "C", "drug"), line("5.00", "A", "bed", number=2), line("-5.00", "A", "drug", number=3)],
            "0.0000", False),
    ],
)  # fmt: skip
def test_the_share_of_drugs_in_the_catalogue(case: str, lines: list[Line], ratio: str, met: bool) -> None:
    settlement = settled(bill(*lines, status="registered_poor"))
    assert settlement.catalogue_drug_ratio == (share(ratio), share("0.95"), met), case


DRUG = line("10.00", "A", "drug")


@pytest.mark.parametrize(
    ("case", "asked", "under"),
    [
        ("not poor", bill(DRUG, status="low_income"), PACK),
        ("chronic care", bill(DRUG, status="registered_poor", type="chronic_outpatient"), PACK),
        ("in another county", bill(DRUG, status="registered_poor", county="450222"), PACK),
        ("no county given", bill(DRUG, status="registered_poor", county=None), PACK),
        ("a pack without it", bill(DRUG, status="registered_poor"), pack(catalogue_drug_ratio=None)),
        ("no drugs", bill("10.00", status="registered_poor"), PACK),
        ("drugs that sum to 0", bill("10.00", DRUG._replace(line_no=2), line("-10.00", "A", "drug", number=3), status="registered_poor"),
            PACK),
        ("drugs that sum to less", bill(line("10.00", "A", "bed"), line("-5.00", "A", "drug", number=2), status="registered_poor"), PACK),
    ],
)  # fmt: skip
def test_it_is_null_where_it_does_not_apply(case: str, asked: Bill, under: Pack) -> None:
    assert settled(asked, under).catalogue_drug_ratio is None, case


def test_it_applies_to_maternity_stays_and_asks_for_no_referral() -> None:
    asked = bill(DRUG, status="registered_poor", type="maternity_inpatient", referral="none")
    assert settled(asked).catalogue_drug_ratio == (10_000, 9_500, True)
