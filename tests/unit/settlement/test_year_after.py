"""The year to date after a settlement, what is due, and what else it says (settlement.md §5.9, §6)."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from app.settlement.bill import Bill
from app.settlement.pack import Pack
from app.settlement.year import YearToDate
from tests.unit.settlement.small import PACK, assisted, bill, deductibles, line, pack, rates, settled, year, yuan

POOR: Any = "registered_poor"
NONE_AT_ALL = YearToDate()

# A bill of the poor to which every stage pays: basic at 0.50, the critical threshold of 2000 halved, and so on.
EVERY_STAGE = pack(
    basic_insurance={"in_area": rates("0.45")},
    critical_illness={"threshold": yuan("2000.00")},
    medical_assistance={"statuses": {"registered_poor": assisted("0.20")}},
    second_reimbursement={"annual_cap": yuan("500.00")},
    backstop={"annual_cap": yuan("100.00")},
)
WHOLE = bill("10000.00", line("2000.00", "C", number=2, code="Y"), status=POOR, aid="40.00")
# T = 12000, C = 2000, E = 10000, D = 0
# basic 10000 × 0.50 = 5000
# critical illness: base 5000; (5000 − 1000) × 0.60 = 2400
# m = 10000 − 5000 − 2400 = 2600; × 0.20 = 520
# emergency aid 40
# second reimbursement: 12000 − 2000 − 5000 − 2400 − 520 − 40 = 2040; × 0.40 = 816, capped at 500
# backstop: 0.90 × 12000 = 10800 − 8460 = 2340, capped at 100
# covered 8560, burden 3440
# local subsidy: (3440 − 0.10 × 12000) × 0.50 = 1120
# patient 2320


def test_every_stage_paid() -> None:
    assert settled(WHOLE, EVERY_STAGE).payers == tuple(
        yuan(text) for text in ("5000.00", "2400.00", "520.00", "40.00", "500.00", "100.00", "1120.00", "2320.00")
    )


AFTER = {
    "total_cost": "12000.00",
    "basic_paid": "5000.00",
    "critical_illness_base": "5000.00",
    "critical_illness_paid": "2400.00",
    "medical_assistance_base": "2600.00",
    "medical_assistance_paid": "520.00",
    "second_reimbursement_paid": "500.00",
    "covered": "8560.00",
    "backstop_base": "12000.00",
    "backstop_covered": "8560.00",
    "backstop_paid": "100.00",
    "local_subsidy_paid": "1120.00",
}


def test_each_field_grows_by_this_bill() -> None:
    assert settled(WHOLE, EVERY_STAGE).year_to_date == year(**AFTER)


@pytest.mark.parametrize(
    ("field", "grown", "why"),
    [
        ("total_cost", "12000.00", "T"),
        ("basic_paid", "0.00", "the cap of 150,000 is used up"),
        ("critical_illness_base", "5000.00", "E − basic"),
        ("critical_illness_paid", "2400.00", "no cap"),
        ("medical_assistance_base", "2600.00", "m"),
        ("medical_assistance_paid", "520.00", "no cap"),
        ("second_reimbursement_paid", "0.00", "the cap of 500 is used up"),
        ("covered", "8560.00", "5.2 to 5.7"),
        ("backstop_base", "12000.00", "K"),
        ("backstop_covered", "8460.00", "5.2 to 5.6; the target is met"),
        ("backstop_paid", "0.00", "the cap of 100 is used up"),
        ("local_subsidy_paid", "0.00", "little was one's own"),
    ],
)
def test_a_field_grows_from_where_it_was(field: str, grown: str, why: str) -> None:
    after = settled(WHOLE, EVERY_STAGE, year(**{field: "1000000.00"})).year_to_date
    assert getattr(after, field) == yuan("1000000.00") + yuan(grown), why


@pytest.mark.parametrize(
    ("case", "asked", "under", "before", "field", "grown"),
    [
        ("no critical-illness block: no base", WHOLE, pack(critical_illness=None), NONE_AT_ALL, "critical_illness_base", "0.00"),
        ("below the threshold: a base all the same", bill("1000.00"), PACK, NONE_AT_ALL, "critical_illness_base", "550.00"),
        ("a cap of 0: a base all the same", bill("1000.00"), pack(critical_illness={"annual_cap": yuan("0.00")}), NONE_AT_ALL,
            "critical_illness_base", "550.00"),
        ("the base with first self-pay", bill(line("1000.00", "B")), pack(critical_illness={"include_first_self_pay": True}),
            NONE_AT_ALL, "critical_illness_base", "625.00"),
        ("the base without the deductible", bill("1000.00"), pack(critical_illness={"include_deductible": False}), NONE_AT_ALL,
            "critical_illness_base", "150.00"),
        ("no assistance block: no base", bill("1000.00", status="low_income"), pack(medical_assistance=None), NONE_AT_ALL,
            "medical_assistance_base", "0.00"),
        ("a status without a row: no base", bill("1000.00"), PACK, NONE_AT_ALL, "medical_assistance_base", "0.00"),
        ("below the annual deductible: a base all the same", bill("1000.00", status="low_income"), PACK, NONE_AT_ALL,
            "medical_assistance_base", "550.00"),
        ("a cap used up: a base all the same", bill("1000.00", status=POOR), PACK, year(medical_assistance_paid="20000.00"),
            "medical_assistance_base", "200.00"),
        ("no backstop block: no base", bill("1000.00", status=POOR), pack(backstop=None), NONE_AT_ALL, "backstop_base", "0.00"),
        ("no backstop block: none covered", bill("1000.00", status=POOR), pack(backstop=None), NONE_AT_ALL, "backstop_covered", "0.00"),
        ("a backstop that is off: no base", bill("1000.00", status=POOR), pack(backstop={"enabled": False}), NONE_AT_ALL,
            "backstop_base", "0.00"),
        ("a backstop that is off: none covered", bill("1000.00", status=POOR), pack(backstop={"enabled": False}), NONE_AT_ALL,
            "backstop_covered", "0.00"),
        ("not poor: no base", bill("1000.00"), PACK, NONE_AT_ALL, "backstop_base", "0.00"),
        ("not poor: none covered", bill("1000.00"), PACK, NONE_AT_ALL, "backstop_covered", "0.00"),
        ("bypassed: no base", bill("1000.00", status=POOR, referral="none"), PACK, NONE_AT_ALL, "backstop_base", "0.00"),
        ("bypassed: none covered", bill("1000.00", status=POOR, referral="none"), PACK, NONE_AT_ALL, "backstop_covered", "0.00"),
        ("bypassed: covered for the year all the same", bill("1000.00", status=POOR, referral="none"), pack(second_reimbursement=None),
            NONE_AT_ALL, "covered", "895.00"),
        ("target met: a base all the same", bill("1000.00", status=POOR, aid="1000.00"), PACK, NONE_AT_ALL, "backstop_base", "1000.00"),
        ("target met: covered all the same", bill("1000.00", status=POOR, aid="1000.00"), PACK, NONE_AT_ALL,
            "backstop_covered", "1000.00"),
        ("each bill for itself: a base all the same", bill("1000.00", status=POOR), pack(backstop={"basis": "per_bill"}),
            NONE_AT_ALL, "backstop_base", "1000.00"),
        ("the catalogue's cost alone: that base", bill("900.00", line("100.00", "C", number=2, code="Y"), status=POOR),
            pack(backstop={"base": "in_catalogue"}), NONE_AT_ALL, "backstop_base", "900.00"),
        ("the catalogue's cost alone: all that is covered",
            bill("900.00", line("100.00", "C", number=2, code="Y"), status=POOR, aid="280.00"),
            pack(backstop={"base": "in_catalogue"}, medical_assistance={"statuses": {}}), NONE_AT_ALL,
            "backstop_covered", "1000.00"),
        ("emergency aid is covered", bill("1000.00", aid="100.00"), PACK, NONE_AT_ALL, "covered", "550.00"),
        ("the local subsidy is not", bill("1000.00", status=POOR),
            pack(medical_assistance=None, second_reimbursement=None, backstop=None), NONE_AT_ALL, "covered", "800.00"),
    ],
)  # fmt: skip
def test_a_field_grows_only_where_its_stage_exists(
    case: str, asked: Bill, under: Pack, before: YearToDate, field: str, grown: str
) -> None:
    after = settled(asked, under, before).year_to_date
    assert getattr(after, field) - getattr(before, field) == yuan(grown), case


@pytest.mark.parametrize(
    ("prepaid", "amount_due", "refund_due"),
    [
        ("0.00", "550.00", "0.00"),
        ("549.99", "0.01", "0.00"),
        ("550.00", "0.00", "0.00"),
        ("550.01", "0.00", "0.01"),
        ("1000.00", "0.00", "450.00"),
    ],
)
def test_what_was_prepaid_is_set_off(prepaid: str, amount_due: str, refund_due: str) -> None:
    settlement = settled(bill("1000.00", prepaid=prepaid))
    assert (settlement.amount_due, settlement.refund_due) == (yuan(amount_due), yuan(refund_due))


@pytest.mark.parametrize(
    ("case", "asked", "required"),
    [
        ("poor in the county", bill("1000.00", status=POOR), False),
        ("also who bypassed the rules", bill("1000.00", status=POOR, referral="none"), False),
        ("a maternity stay", bill("1000.00", status=POOR, type="maternity_inpatient"), False),
        (
            "the same county code in another area",
            bill("1000.00", status=POOR, out_of_area=True, county="440121"),
            False,
        ),
        ("chronic care", bill("1000.00", status=POOR, type="chronic_outpatient"), True),
        ("another county", bill("1000.00", status=POOR, county="450222"), True),
        ("no county given", bill("1000.00", status=POOR, county=None), True),
        ("not poor", bill("1000.00", status="extremely_poor"), True),
    ],
)
def test_a_deposit_is_required_but_of_the_poor_in_their_county(case: str, asked: Bill, required: bool) -> None:
    assert settled(asked).deposit_required is required, case


def test_two_absent_counties_are_not_the_same() -> None:
    asked = bill("1000.00", status=POOR, county=None)
    nowhere = asked._replace(facility=asked.facility._replace(county=None))
    assert settled(nowhere).deposit_required is True


@pytest.mark.parametrize(
    ("total", "patient", "ratio"),
    [("1000.00", "550.00", 4_500), ("300.00", "300.00", 0), ("400.07", "400.02", 1), ("20400.00", "5400.00", 7_353)],
)
def test_the_ratio_is_of_what_the_patient_does_not_pay(total: str, patient: str, ratio: int) -> None:
    settlement = settled(bill(total), pack(critical_illness=None))
    assert (settlement.payers.patient, settlement.actual_reimbursement_ratio) == (yuan(patient), ratio)


def test_the_ratio_is_rounded_half_up() -> None:
    asked = bill("200.00", aid="199.99")
    settlement = settled(asked, pack(deductible={"tiers": deductibles("400.00", "400.00")}))
    assert (settlement.payers.patient, settlement.actual_reimbursement_ratio) == (yuan("0.01"), 10_000)


def test_the_insurance_year_is_that_of_the_discharge() -> None:
    asked = bill("1000.00")
    over_new_year = asked.encounter._replace(admitted_on=date(2018, 12, 30), discharged_on=date(2019, 1, 2))
    assert settled(asked._replace(encounter=over_new_year)).insurance_year == 2019
