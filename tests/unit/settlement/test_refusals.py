"""What is refused, where and in which order (settlement.md §3), with the last value that is fine beside the first that isn't."""

from __future__ import annotations

from typing import Any

import pytest

from app.settlement.pack import Pack
from app.settlement.refusals import CODES
from app.settlement.settle import Refused, settle
from tests.unit.settlement.requests import Json, answered, changed, line, refusals
from tests.unit.settlement.small import PACK, bill, year
from tests.unit.settlement.small import line as charge

Row = tuple[str, Json, list[str]]

FINE: list[str] = []
CHRONIC = {
    "/encounter/type": "chronic_outpatient",
    "/patient/pooling_area": "450900",
    "/facility/pooling_area": "450900",
}
YEAR_FIELDS = [
    "total_cost", "basic_paid", "critical_illness_base", "critical_illness_paid", "medical_assistance_base",
    "medical_assistance_paid", "second_reimbursement_paid", "covered", "backstop_base", "backstop_covered",
    "backstop_paid", "local_subsidy_paid",
]  # fmt: skip


def first(**members: Any) -> Json:
    """Change members of the first line: a class A drug, 10 × 5 = 50.00."""
    return {f"/lines/0/{name}": value for name, value in members.items()}


def second(**members: Any) -> Json:
    """Change members of the second line: a class B material, 1 × 1000 = 1000.00, ceiling 900, ratio 0.1."""
    return {f"/lines/1/{name}": value for name, value in members.items()}


def third(**members: Any) -> Json:
    """Change members of the third line: a class C bed, 2 × 20 = 40.00."""
    return {f"/lines/2/{name}": value for name, value in members.items()}


def lines(*rows: Json) -> Json:
    return {"/lines": list(rows)}


SINGLE_RULES: list[Row] = [
    ("nothing is wrong", {}, FINE),
    # amount_out_of_range
    ("a quantity of a hundred million", first(quantity="100000000", unit_price="0.01", amount="1000000.00"), FINE),
    ("a quantity above it", first(quantity="100000000.0001", unit_price="0.01", amount="1000000.00"),
        ["/lines/0/quantity amount_out_of_range"]),
    ("a refunded quantity above it",
        lines(line(1, "2000000.00"), line(2, "-1000000.00", quantity="-100000000.0001", unit_price="0.01")),
        ["/lines/1/quantity amount_out_of_range"]),
    ("a quantity above it of nothing", first(quantity="100000000.0001", unit_price="0", amount="0.00"),
        ["/lines/0/quantity amount_out_of_range"]),
    ("a price of a hundred million", first(quantity="0.01", unit_price="100000000", amount="1000000.00"), FINE),
    ("a price above it", first(quantity="0.01", unit_price="100000000.000001", amount="1000000.00"),
        ["/lines/0/unit_price amount_out_of_range"]),
    ("a price above it, of the least quantity", first(quantity="0.0001", unit_price="100000000.000001", amount="10000.00"),
        ["/lines/0/unit_price amount_out_of_range"]),
    ("an amount of a hundred million", lines(line(1, "100000000.00")), FINE),
    ("an amount above it", lines(line(1, "100000000.01", quantity="2", unit_price="50000000.005")),
        ["/lines/0/amount amount_out_of_range"]),
    ("a refund of a hundred million",
        lines(line(1, "60000000.00"), line(2, "60000000.00"), line(3, "-100000000.00")), FINE),
    ("a refund above it",
        lines(line(1, "60000000.00"), line(2, "60000000.00"), line(3, "-100000000.01", quantity="-2", unit_price="50000000.005")),
        ["/lines/2/amount amount_out_of_range"]),
    ("a ceiling of a hundred million", second(ceiling_price="100000000"), FINE),
    ("a ceiling above it", second(ceiling_price="100000000.000001"), ["/lines/1/ceiling_price amount_out_of_range"]),
    ("a ceiling above it on a class A line", first(ceiling_price="100000000.000001"),
        ["/lines/0/ceiling_price amount_out_of_range"]),
    ("a ceiling above it on a class C line", third(ceiling_price="100000000.000001"),
        ["/lines/2/ceiling_price amount_out_of_range"]),
    ("a negative ceiling beyond it breaks two rules", second(ceiling_price="-100000000.000001"),
        ["/lines/1/ceiling_price amount_out_of_range", "/lines/1/ceiling_price line_invalid"]),
    ("a negative price beyond it breaks two rules", first(unit_price="-100000000.000001"),
        ["/lines/0/unit_price amount_out_of_range", "/lines/0/unit_price line_invalid"]),
    *[(f"{name} of a hundred million", {f"/year_to_date/{name}": "100000000.00"}, FINE) for name in YEAR_FIELDS],
    *[(f"{name} above it", {f"/year_to_date/{name}": "100000000.01"}, [f"/year_to_date/{name} amount_out_of_range"])
        for name in YEAR_FIELDS],
    ("one field above it, the others at it", {f"/year_to_date/{name}": "100000000.00" for name in YEAR_FIELDS}
        | {"/year_to_date/covered": "100000000.01"}, ["/year_to_date/covered amount_out_of_range"]),
    ("aid of a hundred million", {"/emergency_aid_approved": "100000000.00"}, FINE),
    ("aid above it", {"/emergency_aid_approved": "100000000.01"}, ["/emergency_aid_approved amount_out_of_range"]),
    ("a deposit of a hundred million", {"/prepaid": "100000000.00"}, FINE),
    ("a deposit above it", {"/prepaid": "100000000.01"}, ["/prepaid amount_out_of_range"]),
    # facility_not_designated
    ("a facility that is not designated", {"/facility/designated": False}, ["/facility/designated facility_not_designated"]),
    # dates_invalid
    ("discharged on the day of admission", {"/encounter/admitted_on": "2018-06-15"}, FINE),
    ("discharged the day before", {"/encounter/admitted_on": "2018-06-16"}, ["/encounter/discharged_on dates_invalid"]),
    # no_policy_in_force
    ("the pack's first day", {"/encounter/admitted_on": "2017-12-01", "/encounter/discharged_on": "2017-12-13"}, FINE),
    ("the day before it", {"/encounter/admitted_on": "2017-12-01", "/encounter/discharged_on": "2017-12-12"},
        ["/encounter/discharged_on no_policy_in_force"]),
    ("the pack's last day", {"/encounter/discharged_on": "2020-12-31"}, FINE),
    ("the day after it", {"/encounter/discharged_on": "2021-01-01"}, ["/encounter/discharged_on no_policy_in_force"]),
    ("a patient of another region", {"/patient/pooling_area": "440100"}, ["/encounter/discharged_on no_policy_in_force"]),
    ("a facility of another region", {"/facility/pooling_area": "440100"}, FINE),
    ("chronic care where the pack has it", {"/encounter/type": "chronic_outpatient"}, FINE),
    ("chronic care where the pack has none", CHRONIC, ["/encounter/type no_policy_in_force"]),
    ("a stay where the pack has no chronic care", CHRONIC | {"/encounter/type": "inpatient"}, FINE),
    ("chronic care without any pack", {"/encounter/type": "chronic_outpatient", "/patient/pooling_area": "440100"},
        ["/encounter/discharged_on no_policy_in_force"]),
    ("chronic care where the pack has none, and wrong dates", CHRONIC | {"/encounter/admitted_on": "2018-06-16"},
        ["/encounter/type no_policy_in_force", "/encounter/discharged_on dates_invalid"]),
    ("wrong dates go before no policy at their field",
        {"/encounter/admitted_on": "2021-01-02", "/encounter/discharged_on": "2021-01-01"},
        ["/encounter/discharged_on dates_invalid", "/encounter/discharged_on no_policy_in_force"]),
    # liability
    ("maternity", {"/encounter/cause": "maternity"}, FINE),
    ("a work injury", {"/encounter/cause": "work_injury"}, ["/encounter/cause work_injury_liability"]),
    ("a third party", {"/encounter/cause": "third_party"}, ["/encounter/cause third_party_liability"]),
    # line_no_duplicate
    ("numbers in any order", first(line_no=2147483647), FINE),
    ("the third line has the first's number", third(line_no=1), ["/lines/2/line_no line_no_duplicate"]),
    ("all three have one number", second(line_no=1) | third(line_no=1),
        ["/lines/1/line_no line_no_duplicate", "/lines/2/line_no line_no_duplicate"]),
    ("two pairs",
        lines(line(1, "1.00"), line(2, "1.00"), line(2, "1.00"), line(1, "1.00")),
        ["/lines/2/line_no line_no_duplicate", "/lines/3/line_no line_no_duplicate"]),
    # line_invalid
    ("the least quantity", first(quantity="0.0001", unit_price="500000"), FINE),
    ("a quantity of 0", first(quantity="0"), ["/lines/0/quantity line_invalid"]),
    ("a quantity of 0 of nothing", first(quantity="0.0000", unit_price="0", amount="0.00"), ["/lines/0/quantity line_invalid"]),
    ("a quantity of 0 and a refund", first(quantity="0", amount="-50.00"), ["/lines/0/quantity line_invalid"]),
    ("a price of 0", first(unit_price="0", amount="0.00"), FINE),
    ("the least negative price", first(unit_price="-0.000001", amount="0.00"), ["/lines/0/unit_price line_invalid"]),
    ("a negative price and a refund", first(unit_price="-5", amount="-50.00"),
        ["/lines/0/unit_price line_invalid", "/lines/0/amount line_invalid"]),
    ("a ceiling of 0", second(ceiling_price="0"), FINE),
    ("the least negative ceiling", second(ceiling_price="-0.000001"), ["/lines/1/ceiling_price line_invalid"]),
    ("the least negative ceiling on a class A line", first(ceiling_price="-0.000001"),
        ["/lines/0/ceiling_price line_invalid"]),
    ("the least negative ceiling on a class C line", third(ceiling_price="-0.000001"),
        ["/lines/2/ceiling_price line_invalid"]),
    ("a quantity above 0 and an amount below", first(amount="-50.00"), ["/lines/0/amount line_invalid"]),
    ("a quantity below 0 and an amount above", first(quantity="-10"), ["/lines/0/amount line_invalid"]),
    ("a quantity above 0 and the least amount below", first(unit_price="0", amount="-0.01"), ["/lines/0/amount line_invalid"]),
    ("an amount of 0 agrees with a quantity above 0", first(quantity="1", unit_price="0.01", amount="0.00"), FINE),
    ("an amount of 0 agrees with a quantity below 0", first(quantity="-1", unit_price="0.01", amount="0.00"), FINE),
    # line_amount_mismatch
    ("a fen more than quantity × price", first(amount="50.01"), FINE),
    ("two fen more", first(amount="50.02"), ["/lines/0/amount line_amount_mismatch"]),
    ("a fen less", first(amount="49.99"), FINE),
    ("two fen less", first(amount="49.98"), ["/lines/0/amount line_amount_mismatch"]),
    ("nothing for something", first(amount="0.00"), ["/lines/0/amount line_amount_mismatch"]),
    ("half a fen counts as one: a fen more", first(quantity="1", unit_price="0.005", amount="0.02"), FINE),
    ("half a fen counts as one: two fen more", first(quantity="1", unit_price="0.005", amount="0.03"),
        ["/lines/0/amount line_amount_mismatch"]),
    ("half a fen counts as one: a fen less", first(quantity="1", unit_price="0.015", amount="0.01"), FINE),
    ("half a fen counts as one: two fen less", first(quantity="1", unit_price="0.015", amount="0.00"),
        ["/lines/0/amount line_amount_mismatch"]),
    ("a little less than half counts as none: a fen more", first(quantity="0.9999", unit_price="0.005", amount="0.01"), FINE),
    ("a little less than half counts as none: two fen more", first(quantity="0.9999", unit_price="0.005", amount="0.02"),
        ["/lines/0/amount line_amount_mismatch"]),
    ("half a fen of a price counts as one: a fen more", first(quantity="1", unit_price="10.005", amount="10.02"), FINE),
    ("half a fen of a price counts as one: two fen more", first(quantity="1", unit_price="10.005", amount="10.03"),
        ["/lines/0/amount line_amount_mismatch"]),
    ("half a fen of a price counts as one: a fen less", first(quantity="1", unit_price="10.015", amount="10.01"), FINE),
    ("half a fen of a price counts as one: two fen less", first(quantity="1", unit_price="10.015", amount="10.00"),
        ["/lines/0/amount line_amount_mismatch"]),
    ("less than half of a price counts as none: a fen more", first(quantity="1", unit_price="10.004999", amount="10.01"), FINE),
    ("less than half of a price counts as none: two fen more", first(quantity="1", unit_price="10.004999", amount="10.02"),
        ["/lines/0/amount line_amount_mismatch"]),
    ("less than half of a price counts as none: a fen less", first(quantity="1", unit_price="10.004999", amount="9.99"), FINE),
    ("less than half of a price counts as none: two fen less", first(quantity="1", unit_price="10.004999", amount="9.98"),
        ["/lines/0/amount line_amount_mismatch"]),
    ("a great line: a fen more", first(quantity="3", unit_price="1000000", amount="3000000.01"), FINE),
    ("a great line: two fen more", first(quantity="3", unit_price="1000000", amount="3000000.02"),
        ["/lines/0/amount line_amount_mismatch"]),
    ("a great line: two fen less", first(quantity="3", unit_price="1000000", amount="2999999.98"),
        ["/lines/0/amount line_amount_mismatch"]),
    ("a refund: a fen more", lines(line(1, "50.00"), line(2, "-10.01", unit_price="10")), FINE),
    ("a refund: two fen more", lines(line(1, "50.00"), line(2, "-10.02", unit_price="10")),
        ["/lines/1/amount line_amount_mismatch"]),
    ("a refund: two fen less", lines(line(1, "50.00"), line(2, "-9.98", unit_price="10")),
        ["/lines/1/amount line_amount_mismatch"]),
    ("a refund: half a fen counts as one: a fen more", lines(line(1, "50.00"), line(2, "-0.02", unit_price="0.005")), FINE),
    ("a refund: half a fen counts as one: two fen more", lines(line(1, "50.00"), line(2, "-0.03", unit_price="0.005")),
        ["/lines/1/amount line_amount_mismatch"]),
    ("a refund: half a fen counts as one: two fen less", lines(line(1, "50.00"), line(2, "0.00", quantity="-1", unit_price="0.015")),
        ["/lines/1/amount line_amount_mismatch"]),
    ("a mismatch at a negative ceiling is not told", second(amount="1000.02", ceiling_price="-1"),
        ["/lines/1/ceiling_price line_invalid"]),
    ("a mismatch at another rule's line is told", second(amount="1000.02", self_pay_ratio="1.0001"),
        ["/lines/1/amount line_amount_mismatch", "/lines/1/self_pay_ratio self_pay_ratio_invalid"]),
    # self_pay_ratio_invalid
    ("a ratio of 0", second(self_pay_ratio="0"), FINE),
    ("a ratio of 1", second(self_pay_ratio="1"), FINE),
    ("a ratio above 1", second(self_pay_ratio="1.0001"), ["/lines/1/self_pay_ratio self_pay_ratio_invalid"]),
    ("a ratio below 0", second(self_pay_ratio="-0.0001"), ["/lines/1/self_pay_ratio self_pay_ratio_invalid"]),
    ("a ratio on class A", first(self_pay_ratio="0.1"), ["/lines/0/self_pay_ratio self_pay_ratio_invalid"]),
    ("a ratio of 0 on class A", first(self_pay_ratio="0"), ["/lines/0/self_pay_ratio self_pay_ratio_invalid"]),
    ("a ratio of 1 on class C", third(self_pay_ratio="1"), ["/lines/2/self_pay_ratio self_pay_ratio_invalid"]),
    ("a ratio of 0 on class C", third(self_pay_ratio="0"), ["/lines/2/self_pay_ratio self_pay_ratio_invalid"]),
    # essential_medicine_invalid
    ("an essential drug of class A", first(essential_medicine=True), FINE),
    ("an essential herbal drug", first(essential_medicine=True, category="herbal_drug"), FINE),
    ("an essential drug of class B", second(essential_medicine=True, category="drug"), FINE),
    ("an essential material", second(essential_medicine=True), ["/lines/1/essential_medicine essential_medicine_invalid"]),
    ("an essential treatment of class A", first(essential_medicine=True, category="treatment"),
        ["/lines/0/essential_medicine essential_medicine_invalid"]),
    ("an essential drug of class C", third(essential_medicine=True, category="drug"),
        ["/lines/2/essential_medicine essential_medicine_invalid"]),
    ("an essential bed of class C, once", third(essential_medicine=True),
        ["/lines/2/essential_medicine essential_medicine_invalid"]),
]  # fmt: skip # one row a case

SUMS: list[Row] = [
    # of each code
    ("all of a code refunded", lines(line(1, "10.00", code="Y"), line(2, "10.00"), line(3, "-10.00")), FINE),
    ("a fen more than was charged", lines(line(1, "20.00", code="Y"), line(2, "10.00"), line(3, "-10.01")),
        ["/lines/2/amount refund_exceeds_charge"]),
    ("a refund before its charge", lines(line(1, "-10.00"), line(2, "20.00")), FINE),
    ("the first refund is named, not the one that was too much",
        lines(line(1, "50.00", code="Y"), line(2, "10.00"), line(3, "-5.00"), line(4, "-7.00")),
        ["/lines/2/amount refund_exceeds_charge"]),
    ("also where later charges don't make up for it",
        lines(line(1, "50.00", code="Y"), line(2, "-5.00"), line(3, "-7.00"), line(4, "10.00")),
        ["/lines/1/amount refund_exceeds_charge"]),
    ("two codes, in the order of their first refunds",
        lines(line(1, "50.00", code="Y"), line(2, "-3.00", code="V"), line(3, "-3.00", code="U"), line(4, "-1.00", code="V")),
        ["/lines/1/amount refund_exceeds_charge", "/lines/2/amount refund_exceeds_charge"]),
    ("codes are compared exactly", lines(line(1, "50.00", code="x"), line(2, "-3.00", code="X")),
        ["/lines/1/amount refund_exceeds_charge"]),
    ("a space makes another code", lines(line(1, "50.00", code="X "), line(2, "-3.00", code="X")),
        ["/lines/1/amount refund_exceeds_charge"]),
    ("a code that nets below 0 without a cent of its own", lines(line(1, "50.00", code="Y"), line(2, "-0.01")),
        ["/lines/1/amount refund_exceeds_charge"]),
    # of the bill
    ("a bill of a fen", lines(line(1, "0.01")), FINE),
    ("a bill without lines", lines(), ["/lines bill_total_not_positive"]),
    ("a bill of nothing", lines(line(1, "0.00")), ["/lines bill_total_not_positive"]),
    ("all is refunded", lines(line(1, "10.00"), line(2, "-10.00")), ["/lines bill_total_not_positive"]),
    ("more is refunded than charged: the total is not told", lines(line(1, "10.00"), line(2, "-10.01")),
        ["/lines/1/amount refund_exceeds_charge", "/lines refund_exceeds_charge"]),
    ("a total of a hundred million", lines(line(1, "50000000.00"), line(2, "50000000.00")), FINE),
    ("a total above it", lines(line(1, "50000000.00"), line(2, "50000000.01")), ["/lines amount_out_of_range"]),
    ("a total below minus it",
        lines(line(1, "-60000000.00"), line(2, "-60000000.00")),
        ["/lines/0/amount refund_exceeds_charge", "/lines amount_out_of_range", "/lines refund_exceeds_charge"]),
    ("the order at /lines", lines(line(1, "100000000.00", code="Y"), line(2, "2.00"), line(3, "-1.00", "C")),
        ["/lines amount_out_of_range", "/lines refund_exceeds_charge"]),
    # of §4
    ("class C: as much refunded as charged", lines(line(1, "10.00"), line(2, "1.00", "C"), line(3, "-1.00", "C")), FINE),
    ("class C below 0", lines(line(1, "10.00"), line(2, "1.00", "C"), line(3, "-1.01", "C")),
        ["/lines refund_exceeds_charge"]),
    ("eligible cost of 0", lines(line(1, "10.00", "C"), line(2, "1.00"), line(3, "-1.00")), FINE),
    ("eligible cost below 0", lines(line(1, "10.00", "C"), line(2, "1.00"), line(3, "-1.01")),
        ["/lines refund_exceeds_charge"]),
    ("eligible cost below 0 and a code: the code first",
        lines(line(1, "10.00", "C", code="Y"), line(2, "1.00"), line(3, "-1.01")),
        ["/lines/2/amount refund_exceeds_charge", "/lines refund_exceeds_charge"]),
    ("class C below 0 in a bill of nothing: the total is not told",
        lines(line(1, "10.00"), line(2, "-10.00", "C")), ["/lines refund_exceeds_charge"]),
    ("over ceiling below 0 counts as 0", lines(line(1, "100.00"), line(2, "-50.00", ceiling_price="20")), FINE),
    ("first self-pay below 0 counts as 0", lines(line(1, "100.00"), line(2, "-50.00", "B")), FINE),
    ("over ceiling at 0 may leave too little that is eligible",
        lines(line(1, "100.00", "C"), line(2, "20.00", ceiling_price="20"), line(3, "-50.00", ceiling_price="20")),
        ["/lines refund_exceeds_charge"]),
]  # fmt: skip # one row a case

EVERYTHING_AT_ONCE = {
    "/facility/designated": False,
    "/encounter/admitted_on": "2021-06-16",
    "/encounter/discharged_on": "2021-06-15",
    "/encounter/cause": "third_party",
    "/lines/0": line(
        7, "-100000000.01", "C", quantity="100000000.0001", unit_price="-100000000.000001",
        ceiling_price="-100000000.000001", self_pay_ratio="2", essential_medicine=True,
    ),
    "/lines/1/line_no": 7,
    "/lines/1/amount": "1000.02",
    "/lines/2/line_no": 7,
    "/lines/2/quantity": "0",
    "/year_to_date/total_cost": "100000000.01",
    "/year_to_date/local_subsidy_paid": "100000000.01",
    "/emergency_aid_approved": "100000000.01",
    "/prepaid": "100000000.01",
}  # fmt: skip

STEPS: list[Row] = [
    ("0 hides 1: too many lines hide a wrong form", {"/lines": [0] * 5001, "/bill_id": 5}, ["/lines too_many_lines"]),
    ("0 hides 1: an unknown member too", {"/lines": [{}] * 5001, "/unknown": 5}, ["/lines too_many_lines"]),
    ("0 hides 2", {"/lines": [line(1, "1.00")] * 5001, "/facility/designated": False}, ["/lines too_many_lines"]),
    ("1 hides 2: a wrong form hides a rule", {"/prepaid": "-0.01", "/facility/designated": False}, ["/prepaid field_invalid"]),
    ("1 hides 3", {"/prepaid": "-0.01", "/lines": []}, ["/prepaid field_invalid"]),
    ("2 hides 3: a rule hides the sums", {"/facility/designated": False, "/lines": []},
        ["/facility/designated facility_not_designated"]),
    ("2 hides 3: a line's rule hides the sums", lines(line(1, "10.00"), line(2, "-20.00", unit_price="30")),
        ["/lines/1/amount line_amount_mismatch"]),
    ("2 hides 3: no policy hides the sums", {"/patient/pooling_area": "440100", "/lines": []},
        ["/encounter/discharged_on no_policy_in_force"]),
    ("2 tells all of its own, in the order of the fields", EVERYTHING_AT_ONCE,
        [
            "/facility/designated facility_not_designated",
            "/encounter/discharged_on dates_invalid",
            "/encounter/discharged_on no_policy_in_force",
            "/encounter/cause third_party_liability",
            "/lines/0/quantity amount_out_of_range",
            "/lines/0/unit_price amount_out_of_range",
            "/lines/0/unit_price line_invalid",
            "/lines/0/amount amount_out_of_range",
            "/lines/0/amount line_invalid",
            "/lines/0/ceiling_price amount_out_of_range",
            "/lines/0/ceiling_price line_invalid",
            "/lines/0/self_pay_ratio self_pay_ratio_invalid",
            "/lines/0/essential_medicine essential_medicine_invalid",
            "/lines/1/line_no line_no_duplicate",
            "/lines/1/amount line_amount_mismatch",
            "/lines/2/line_no line_no_duplicate",
            "/lines/2/quantity line_invalid",
            "/year_to_date/total_cost amount_out_of_range",
            "/year_to_date/local_subsidy_paid amount_out_of_range",
            "/emergency_aid_approved amount_out_of_range",
            "/prepaid amount_out_of_range",
        ]),
    ("2 tells the same where a policy is in force",
        EVERYTHING_AT_ONCE | {"/encounter/admitted_on": "2018-06-16", "/encounter/discharged_on": "2018-06-15"},
        [
            "/facility/designated facility_not_designated",
            "/encounter/discharged_on dates_invalid",
            "/encounter/cause third_party_liability",
            "/lines/0/quantity amount_out_of_range",
            "/lines/0/unit_price amount_out_of_range",
            "/lines/0/unit_price line_invalid",
            "/lines/0/amount amount_out_of_range",
            "/lines/0/amount line_invalid",
            "/lines/0/ceiling_price amount_out_of_range",
            "/lines/0/ceiling_price line_invalid",
            "/lines/0/self_pay_ratio self_pay_ratio_invalid",
            "/lines/0/essential_medicine essential_medicine_invalid",
            "/lines/1/line_no line_no_duplicate",
            "/lines/1/amount line_amount_mismatch",
            "/lines/2/line_no line_no_duplicate",
            "/lines/2/quantity line_invalid",
            "/year_to_date/total_cost amount_out_of_range",
            "/year_to_date/local_subsidy_paid amount_out_of_range",
            "/emergency_aid_approved amount_out_of_range",
            "/prepaid amount_out_of_range",
        ]),
    ("lines stand in the order of the array, not of their numbers",
        lines(line(3, "9.00", unit_price="1"), line(1, "9.00", unit_price="1"), line(2, "9.00", unit_price="1")),
        [f"/lines/{index}/amount line_amount_mismatch" for index in (0, 1, 2)]),
    ("a facility outside the area, no referral: used as given", {"/facility/pooling_area": "450300"}, FINE),
    ("a maternity stay for an illness: used as given", {"/encounter/type": "maternity_inpatient"}, FINE),
]  # fmt: skip # one row a case


def named(rows: list[Row]) -> list[Any]:
    return [pytest.param(changes, expected, id=name) for name, changes, expected in rows]


@pytest.mark.parametrize(("changes", "expected"), named(SINGLE_RULES))
def test_a_rule_on_a_field_a_line_the_stay_or_the_pack(changes: Json, expected: list[str]) -> None:
    assert refusals(changed(changes)) == expected


@pytest.mark.parametrize(("changes", "expected"), named(SUMS))
def test_a_rule_on_the_sums(changes: Json, expected: list[str]) -> None:
    assert refusals(changed(changes)) == expected


@pytest.mark.parametrize(("changes", "expected"), named(STEPS))
def test_the_first_step_that_finds_any_reports_all_of_its_own(changes: Json, expected: list[str]) -> None:
    assert refusals(changed(changes)) == expected


def test_five_thousand_lines_are_fine() -> None:
    assert refusals(changed(lines(*[line(number, "1.00") for number in range(1, 5001)]))) == FINE


def test_one_more_is_refused() -> None:
    assert refusals(changed(lines(*[line(number, "1.00") for number in range(1, 5002)]))) == ["/lines too_many_lines"]


@pytest.mark.parametrize("pack", [None, PACK], ids=["no pack in force", "a pack in force"])
def test_the_calculation_itself_refuses_too_many_lines_alone(pack: Pack | None) -> None:
    refused = settle(bill(*["1.00"] * 5001, admission_number=1), pack, year(total_cost="100000000.01"))
    assert isinstance(refused, Refused)
    assert [(finding.pointer, finding.code) for finding in refused.findings] == [("/lines", "too_many_lines")]


@pytest.mark.parametrize("pack", [None, PACK], ids=["no pack in force", "a pack in force"])
def test_the_calculation_itself_takes_five_thousand_lines(pack: Pack | None) -> None:
    answer = settle(bill(*["1.00"] * 5000), pack, year())
    codes = [finding.code for finding in answer.findings] if isinstance(answer, Refused) else []
    assert codes == ([] if pack else ["no_policy_in_force"])


def test_the_first_hundred_errors_are_shown() -> None:
    document = answered(changed(lines(*[line(number, "9.00", unit_price="1") for number in range(1, 151)])))
    assert [error["pointer"] for error in document["errors"]] == [f"/lines/{index}/amount" for index in range(100)]
    assert document["code"] == "line_amount_mismatch"


def test_the_first_hundred_wrong_forms_are_shown() -> None:
    document = answered(changed(lines(*[line(number, "1.00", quantity=True) for number in range(1, 151)])))
    assert [error["pointer"] for error in document["errors"]] == [f"/lines/{index}/quantity" for index in range(100)]


def test_the_first_error_names_the_refusal() -> None:
    document = answered(changed({"/encounter/cause": "work_injury", "/prepaid": "100000000.01"}))
    assert (document["code"], document["status"]) == ("work_injury_liability", 422)
    assert all(error["detail"] for error in document["errors"])


def test_no_line_of_a_refused_bill_is_settled() -> None:
    refused = settle(bill(charge("10.00", number=1), charge("10.00", number=1)), PACK, year())
    assert isinstance(refused, Refused)


def test_every_code_of_the_contract_has_a_row() -> None:
    codes = {error.split()[1] for rows in (SINGLE_RULES, SUMS, STEPS) for _, _, errors in rows for error in errors}
    assert codes == set(CODES) == {
        "too_many_lines", "field_invalid", "amount_out_of_range", "facility_not_designated", "dates_invalid",
        "no_policy_in_force", "work_injury_liability", "third_party_liability", "line_no_duplicate", "line_invalid",
        "line_amount_mismatch", "self_pay_ratio_invalid", "essential_medicine_invalid", "refund_exceeds_charge",
        "bill_total_not_positive",
    }  # fmt: skip
