"""Why a stage paid or did not (settlement.md §6): a row for every stage and reason, also where two hold at once."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import pytest

from app.settlement.bill import Bill
from app.settlement.pack import Pack
from app.settlement.year import YearToDate
from tests.unit.settlement.small import (
    PACK,
    assisted,
    bands,
    bill,
    deductibles,
    line,
    pack,
    rates,
    settled,
    share,
    stage_of,
    year,
    yuan,
)


class Row(NamedTuple):
    case: str
    bill: Bill
    pack: Pack
    year: YearToDate
    reason: str
    rate: str | None
    amount: str
    why: str


NEW_YEAR = YearToDate()
CLASS_C = line("500.00", "C", "other")
POOR: Final = "registered_poor"

NO_BASIC: Any = {"in_area": rates("0"), "rate_bonus": share("0")}
ALL_BASIC: Any = {"in_area": rates("1"), "rate_bonus": share("0")}
NO_DEDUCTIBLE: Any = {"tiers": deductibles("0.00", "0.00")}
NO_ASSISTANCE: Any = {"statuses": {}}

DEDUCTIBLE = [
    Row("no deductible in the pack", bill("1000.00"), pack(deductible=NO_DEDUCTIBLE), NEW_YEAR,
        "not_enabled", None, "0.00", "D0 = 0"),
    Row("none in the pack goes before the waiver", bill("1000.00", status=POOR), pack(deductible=NO_DEDUCTIBLE), NEW_YEAR,
        "not_enabled", None, "0.00", "D0 = 0, so there is nothing to waive"),
    Row("none for a repeat stay", bill("1000.00", admission_number=2), pack(deductible={"tiers": deductibles("400.00", "0.00")}),
        NEW_YEAR, "not_enabled", None, "0.00", "the second stay's D0 = 0"),
    Row("none in the pack goes before no eligible cost", bill(CLASS_C), pack(deductible=NO_DEDUCTIBLE), NEW_YEAR,
        "not_enabled", None, "0.00", "D0 = 0 and E = 0"),
    Row("none for chronic care", bill("1000.00", type="chronic_outpatient"), PACK, NEW_YEAR,
        "not_enabled", None, "0.00", "chronic_outpatient.deductible 0; the tier's 400 is for stays"),
    Row("the registered poor in the area", bill("1000.00", status=POOR), PACK, NEW_YEAR,
        "waived", None, "0.00", "400.00 taken off"),
    Row("a waiver without an eligible cost", bill(CLASS_C, status=POOR), PACK, NEW_YEAR,
        "waived", None, "0.00", "D0 = 400, E = 0: waived all the same, min(400, 0) = 0 of it"),
    Row("a waiver asks for no referral", bill("1000.00", status=POOR, referral="none"), PACK, NEW_YEAR,
        "waived", None, "0.00", "poor, designated, in area"),
    Row("a waiver for a maternity stay", bill("1000.00", status=POOR, type="maternity_inpatient"), PACK, NEW_YEAR,
        "waived", None, "0.00", "an inpatient type"),
    Row("no waiver outside the area", bill("1000.00", status=POOR, out_of_area=True, referral="approved"), PACK, NEW_YEAR,
        "applied", None, "400.00", "min(400, 1000)"),
    Row("no waiver where the pack has none", bill("1000.00", status=POOR),
        pack(deductible={"waived_for_registered_poor": False}), NEW_YEAR, "applied", None, "400.00", "min(400, 1000)"),
    Row("no waiver for chronic care", bill("1000.00", status=POOR, type="chronic_outpatient"),
        pack(chronic_outpatient={"deductible": yuan("100.00")}), NEW_YEAR, "applied", None, "100.00", "min(100, 1000)"),
    Row("no waiver for another status", bill("1000.00", status="extremely_poor"), PACK, NEW_YEAR,
        "applied", None, "400.00", "min(400, 1000)"),
    Row("a repeat stay", bill("1000.00", admission_number=2), PACK, NEW_YEAR, "applied", None, "200.00", "min(200, 1000)"),
    Row("a third stay pays as a second", bill("1000.00", admission_number=3), PACK, NEW_YEAR,
        "applied", None, "200.00", "admission_number ≥ 2"),
    Row("chronic care knows no repeat stay", bill("1000.00", type="chronic_outpatient", admission_number=2),
        pack(chronic_outpatient={"deductible": yuan("100.00")}), NEW_YEAR, "applied", None, "100.00", "min(100, 1000)"),
    Row("less eligible than the deductible", bill("300.00"), PACK, NEW_YEAR, "applied", None, "300.00", "min(400, 300)"),
    Row("no eligible cost", bill(CLASS_C), PACK, NEW_YEAR, "nothing_left", None, "0.00", "min(400, 0)"),
]  # fmt: skip # one row a case

BASIC_INSURANCE = [
    Row("bypassed in area, the reduction takes all", bill("1000.00", referral="none"),
        pack(basic_insurance={"in_area": rates("0.10")}), NEW_YEAR,
        "referral_not_compliant", "0.0000", "0.00", "0.10 − 0.10 = 0"),
    Row("bypassed in area, the reduction is more than the rate", bill("1000.00", referral="none"),
        pack(basic_insurance={"in_area": rates("0.05")}), NEW_YEAR,
        "referral_not_compliant", "0.0000", "0.00", "0.05 − 0.10, not below 0"),
    Row("bypassed goes before out of area", bill("1000.00", referral="none", out_of_area=True),
        pack(basic_insurance={"out_of_area_unapproved": rates("0")}), NEW_YEAR,
        "referral_not_compliant", "0.0000", "0.00", "rate 0, not compliant, not in area"),
    Row("outside, no referral required counts as bypassed", bill("1000.00", out_of_area=True),
        pack(basic_insurance={"out_of_area_unapproved": rates("0")}), NEW_YEAR,
        "referral_not_compliant", "0.0000", "0.00", "not_required out of area counts as none"),
    Row("bypassed goes before no eligible cost", bill(CLASS_C, referral="none"),
        pack(basic_insurance={"in_area": rates("0")}), NEW_YEAR,
        "referral_not_compliant", "0.0000", "0.00", "rate 0 and E = 0"),
    Row("outside, approved, at rate 0", bill("1000.00", out_of_area=True, referral="approved"),
        pack(basic_insurance={"out_of_area_approved": rates("0")}), NEW_YEAR,
        "out_of_area", "0.0000", "0.00", "rate 0, compliant"),
    Row("outside, an emergency, at rate 0", bill("1000.00", out_of_area=True, referral="emergency"),
        pack(basic_insurance={"out_of_area_approved": rates("0")}), NEW_YEAR,
        "out_of_area", "0.0000", "0.00", "an emergency is compliant"),
    Row("out of area goes before no eligible cost", bill(CLASS_C, out_of_area=True, referral="approved"),
        pack(basic_insurance={"out_of_area_approved": rates("0")}), NEW_YEAR,
        "out_of_area", "0.0000", "0.00", "rate 0 and E = 0"),
    Row("out of area goes before the threshold", bill("400.00", out_of_area=True, referral="approved"),
        pack(basic_insurance={"out_of_area_approved": rates("0")}), NEW_YEAR,
        "out_of_area", "0.0000", "0.00", "rate 0 and E − D = 0"),
    Row("the bonus alone is a rate", bill("1000.00", status=POOR, out_of_area=True, referral="approved"),
        pack(basic_insurance={"out_of_area_approved": rates("0")}), NEW_YEAR,
        "applied", "0.0500", "30.00", "(1000 − 400) × (0 + 0.05)"),
    Row("rate 0 in the area is no referral reason", bill("1000.00"), pack(basic_insurance=NO_BASIC), NEW_YEAR,
        "nothing_left", "0.0000", "0.00", "compliant and in area: 600 × 0 = 0"),
    Row("rate 0 of chronic care, bypassed", bill("1000.00", type="chronic_outpatient", referral="none"),
        pack(chronic_outpatient={"rates": rates("0")}), NEW_YEAR,
        "nothing_left", "0.0000", "0.00", "not an inpatient type: LAST"),
    Row("rate 0 of chronic care out of area", bill("1000.00", type="chronic_outpatient", out_of_area=True, referral="approved"),
        pack(chronic_outpatient={"rates": rates("0")}), NEW_YEAR,
        "nothing_left", "0.0000", "0.00", "not an inpatient type: LAST"),
    Row("rate 0 of chronic care, all under its deductible", bill("100.00", type="chronic_outpatient", referral="none"),
        pack(chronic_outpatient={"rates": rates("0"), "deductible": yuan("100.00")}), NEW_YEAR,
        "threshold_not_reached", "0.0000", "0.00", "E − D = 0"),
    Row("no eligible cost", bill(CLASS_C), PACK, NEW_YEAR, "nothing_left", "0.7500", "0.00", "E = 0"),
    Row("no eligible cost goes before the threshold", bill(CLASS_C, status=POOR), PACK, NEW_YEAR,
        "nothing_left", "0.8000", "0.00", "E = 0 and E − D = 0"),
    Row("all under the deductible", bill("399.99"), PACK, NEW_YEAR, "threshold_not_reached", "0.7500", "0.00", "D = E"),
    Row("exactly the deductible", bill("400.00"), PACK, NEW_YEAR, "threshold_not_reached", "0.7500", "0.00", "400 − 400 = 0"),
    Row("the threshold goes before the cap", bill("400.00"), pack(basic_insurance={"annual_cap": yuan("0.00")}), NEW_YEAR,
        "threshold_not_reached", "0.7500", "0.00", "E − D = 0, cap 0"),
    Row("a fen above the deductible", bill("400.01"), PACK, NEW_YEAR, "applied", "0.7500", "0.01", "round(0.0075)"),
    Row("a fen above that rounds to nothing", bill("400.01", referral="none", out_of_area=True), PACK, NEW_YEAR,
        "nothing_left", "0.4500", "0.00", "round(0.0045)"),
    Row("rounding to nothing is no cap", bill("400.01", referral="none", out_of_area=True),
        pack(basic_insurance={"annual_cap": yuan("0.00")}), NEW_YEAR,
        "nothing_left", "0.4500", "0.00", "round(0.0045) = 0, which cap 0 did not lower"),
    Row("half a fen is rounded up", bill("400.02", type="maternity_inpatient", out_of_area=True, referral="emergency"),
        pack(basic_insurance={"out_of_area_approved": rates("0.25")}), NEW_YEAR, "applied", "0.2500", "0.01", "round(0.005)"),
    Row("the cap left something", bill("1000.00"), pack(basic_insurance={"annual_cap": yuan("1000.00")}),
        year(basic_paid="600.00"), "cap_reached", "0.7500", "400.00", "600 × 0.75 = 450, room 1000 − 600"),
    Row("the cap left nothing", bill("1000.00"), pack(basic_insurance={"annual_cap": yuan("1000.00")}),
        year(basic_paid="1000.00"), "cap_reached", "0.7500", "0.00", "room 0"),
    Row("more was paid than the cap", bill("1000.00"), pack(basic_insurance={"annual_cap": yuan("1000.00")}),
        year(basic_paid="1200.00"), "cap_reached", "0.7500", "0.00", "the room is never below 0"),
    Row("a cap of 0", bill("1000.00"), pack(basic_insurance={"annual_cap": yuan("0.00")}), NEW_YEAR,
        "cap_reached", "0.7500", "0.00", "a cap of 0 pays nothing"),
    Row("exactly the cap", bill("1000.00"), pack(basic_insurance={"annual_cap": yuan("1050.00")}),
        year(basic_paid="600.00"), "applied", "0.7500", "450.00", "450 = room 1050 − 600"),
    Row("a fen above the cap", bill("1000.00"), pack(basic_insurance={"annual_cap": yuan("1049.99")}),
        year(basic_paid="600.00"), "cap_reached", "0.7500", "449.99", "room 449.99"),
    Row("no cap", bill("1000000.00"), pack(basic_insurance={"annual_cap": None}), NEW_YEAR,
        "applied", "0.7500", "749700.00", "999,600 × 0.75"),
    Row("an ordinary stay", bill("1000.00"), PACK, NEW_YEAR, "applied", "0.7500", "450.00", "600 × 0.75"),
    Row("bypassed in the area", bill("1000.00", referral="none"), PACK, NEW_YEAR,
        "applied", "0.6500", "390.00", "600 × (0.75 − 0.10)"),
    Row("poor and bypassed: no bonus", bill("1000.00", status=POOR, referral="none"), PACK, NEW_YEAR,
        "applied", "0.6500", "650.00", "1000 × (0.75 − 0.10)"),
    Row("outside, bypassed: its own rate, no reduction", bill("1000.00", referral="none", out_of_area=True), PACK, NEW_YEAR,
        "applied", "0.4500", "270.00", "600 × 0.45"),
    Row("chronic care, bypassed: no reduction", bill("1000.00", type="chronic_outpatient", referral="none"), PACK, NEW_YEAR,
        "applied", "0.7000", "700.00", "1000 × 0.70"),
    Row("chronic care outside: the same rate", bill("1000.00", type="chronic_outpatient", out_of_area=True, referral="none"),
        PACK, NEW_YEAR, "applied", "0.7000", "700.00", "1000 × 0.70"),
    Row("the bonus goes no higher than 1", bill("1000.00", status=POOR), pack(basic_insurance={"in_area": rates("0.98")}),
        NEW_YEAR, "applied", "1.0000", "1000.00", "0.98 + 0.05, at most 1"),
]  # fmt: skip # one row a case

CRITICAL_ILLNESS = [
    Row("no block", bill("50000.00"), pack(critical_illness=None), NEW_YEAR, "not_enabled", None, "0.00", ""),
    Row("nothing left of the eligible cost", bill("1000.00"), pack(basic_insurance=ALL_BASIC, deductible=NO_DEDUCTIBLE),
        year(critical_illness_base="20000.00"), "nothing_left", None, "0.00", "base = 1000 − 1000"),
    Row("nothing left goes before the threshold", bill(CLASS_C), PACK, NEW_YEAR,
        "nothing_left", None, "0.00", "base = 0, after = 0"),
    Row("exactly the threshold", bill("1000.00"), PACK, year(critical_illness_base="9450.00"),
        "threshold_not_reached", None, "0.00", "1000 − 450 = 550; 9450 + 550 = 10000"),
    Row("a fen above the threshold", bill("1000.00"), PACK, year(critical_illness_base="9450.01"),
        "applied", None, "0.01", "0.01 × 0.50 = 0.005, rounded up"),
    Row("the threshold goes before the cap", bill("1000.00"), pack(critical_illness={"annual_cap": yuan("0.00")}),
        year(critical_illness_base="9450.00"), "threshold_not_reached", None, "0.00", "after = 10000, cap 0"),
    Row("above the threshold, but at rate 0", bill("1000.00"),
        pack(critical_illness={"bands": bands((None, "0"))}), year(critical_illness_base="20000.00"),
        "nothing_left", None, "0.00", "550 × 0"),
    Row("above the threshold, but rounded to nothing", bill("1000.00"),
        pack(critical_illness={"bands": bands((None, "0.49"))}), year(critical_illness_base="9450.01"),
        "nothing_left", None, "0.00", "round(0.0049)"),
    Row("within the first band", bill("1000.00"), PACK, year(critical_illness_base="20000.00"),
        "applied", None, "275.00", "550 × 0.50"),
    Row("over a band's bound", bill("1000.00"), PACK, year(critical_illness_base="29900.00"),
        "applied", None, "320.00", "100 × 0.50 + 450 × 0.60 = 50 + 270"),
    Row("exactly to a band's bound", bill("1000.00"), PACK, year(critical_illness_base="29450.00"),
        "applied", None, "275.00", "550 × 0.50 up to 30,000, excess 20,000"),
    Row("into the open band", bill("1000.00"), PACK, year(critical_illness_base="59800.00"),
        "applied", None, "365.00", "200 × 0.60 + 350 × 0.70 = 120 + 245"),
    Row("over three bands at once", bill("200000.00"), pack(basic_insurance=NO_BASIC), NEW_YEAR,
        "applied", None, "126000.00",
        "base 200,000, excess 190,000: 20,000 × 0.50 + 30,000 × 0.60 + 140,000 × 0.70 = 10,000 + 18,000 + 98,000"),
    Row("the poor have half the threshold and ten points more", bill("10000.00", status=POOR, tier="tertiary_regional"),
        pack(basic_insurance=NO_BASIC), NEW_YEAR, "applied", None, "3000.00", "(10,000 − 5,000) × 0.60"),
    Row("also who bypassed the rules", bill("10000.00", status=POOR, referral="none"),
        pack(basic_insurance=NO_BASIC), NEW_YEAR, "applied", None, "3000.00", "this asks for no referral"),
    Row("exactly half an odd threshold", bill("5000.01", status=POOR),
        pack(basic_insurance=NO_BASIC, critical_illness={"threshold": yuan("10000.01"), "bands": bands((None, "0.89"))}),
        NEW_YEAR, "nothing_left", None, "0.00", "excess 5000.01 − 5000.005 = 0.005; × 0.99 = 0.00495"),
    Row("an odd threshold's bands are exact too", bill("5000.01", status=POOR),
        pack(basic_insurance=NO_BASIC, critical_illness={"threshold": yuan("10000.01"), "bands": bands((None, "0.95"))}),
        NEW_YEAR, "applied", None, "0.01", "0.005 × min(1, 0.95 + 0.10) = 0.005, rounded up"),
    Row("below half an odd threshold", bill("5000.00", status=POOR),
        pack(basic_insurance=NO_BASIC, critical_illness={"threshold": yuan("10000.01")}), NEW_YEAR,
        "threshold_not_reached", None, "0.00", "5000.00 < 5000.005"),
    Row("without the deductible in the base", bill("1000.00"), pack(critical_illness={"include_deductible": False}),
        year(critical_illness_base="20000.00"), "applied", None, "75.00", "(1000 − 450 − 400) × 0.50"),
    Row("with the first self-pay in the base", bill(line("1000.00", "B")), pack(critical_illness={"include_first_self_pay": True}),
        year(critical_illness_base="20000.00"), "applied", None, "312.50",
        "P = 100, E = 900; basic 500 × 0.75 = 375; (900 − 375 + 100) × 0.50"),
    Row("without it", bill(line("1000.00", "B")), PACK, year(critical_illness_base="20000.00"),
        "applied", None, "262.50", "(900 − 375) × 0.50"),
    Row("the cap left something", bill("1000.00"), pack(critical_illness={"annual_cap": yuan("5200.00")}),
        year(critical_illness_base="20000.00", critical_illness_paid="5000.00"),
        "cap_reached", None, "200.00", "275, room 200"),
    Row("the cap left nothing", bill("1000.00"), pack(critical_illness={"annual_cap": yuan("5000.00")}),
        year(critical_illness_base="20000.00", critical_illness_paid="5000.01"), "cap_reached", None, "0.00", "room 0"),
    Row("a cap of 0", bill("1000.00"), pack(critical_illness={"annual_cap": yuan("0.00")}),
        year(critical_illness_base="20000.00"), "cap_reached", None, "0.00", "275, room 0"),
    Row("exactly the cap", bill("1000.00"), pack(critical_illness={"annual_cap": yuan("275.00")}),
        year(critical_illness_base="20000.00"), "applied", None, "275.00", "275 = room"),
]  # fmt: skip # one row a case

ASSISTED: Any = {"medical_assistance": {"statuses": {"low_income": assisted("0.50", "2000.00", "1000.00")}}}
MEDICAL_ASSISTANCE = [
    Row("no block", bill("1000.00", status="low_income"), pack(medical_assistance=None), NEW_YEAR,
        "not_enabled", None, "0.00", ""),
    Row("no block goes before no row", bill("1000.00"), pack(medical_assistance=None), NEW_YEAR,
        "not_enabled", None, "0.00", ""),
    Row("a status without a row", bill("1000.00"), PACK, NEW_YEAR, "status_not_covered", None, "0.00", "ordinary has none"),
    Row("no row goes before nothing left", bill(CLASS_C), PACK, NEW_YEAR,
        "status_not_covered", None, "0.00", "ordinary, m = 0"),
    Row("nothing left", bill("1000.00", status="low_income"), pack(basic_insurance=ALL_BASIC, deductible=NO_DEDUCTIBLE),
        year(medical_assistance_base="3000.00"), "nothing_left", "0.5000", "0.00", "m = 1000 − 1000"),
    Row("nothing left goes before the threshold", bill(CLASS_C, status="low_income"), PACK, NEW_YEAR,
        "nothing_left", "0.5000", "0.00", "m = 0, usable = 0"),
    Row("all under the annual deductible", bill("1000.00", status="low_income"), PACK, NEW_YEAR,
        "threshold_not_reached", "0.5000", "0.00", "m = 550, deductible 2000"),
    Row("exactly the annual deductible", bill("1000.00", status="low_income"), PACK, year(medical_assistance_base="1450.00"),
        "threshold_not_reached", "0.5000", "0.00", "1450 + 550 = 2000"),
    Row("a fen above it", bill("1000.00", status="low_income"), PACK, year(medical_assistance_base="1450.01"),
        "applied", "0.5000", "0.01", "0.01 × 0.50 = 0.005, rounded up"),
    Row("the threshold goes before the cap", bill("1000.00", status="low_income"),
        pack(medical_assistance={"statuses": {"low_income": assisted("0.50", "2000.00", "0.00")}}), NEW_YEAR,
        "threshold_not_reached", "0.5000", "0.00", "usable = 0, cap 0"),
    Row("partly above it", bill("1000.00", status="low_income"), PACK, year(medical_assistance_base="1650.00"),
        "applied", "0.5000", "100.00", "(1650 + 550 − 2000) × 0.50"),
    Row("the deductible was used up before", bill("1000.00", status="low_income"), PACK, year(medical_assistance_base="2000.00"),
        "applied", "0.5000", "275.00", "550 × 0.50"),
    Row("rate 0", bill("1000.00", status="ordinary"), pack(medical_assistance={"statuses": {"ordinary": assisted("0")}}), NEW_YEAR,
        "nothing_left", "0.0000", "0.00", "550 × 0"),
    Row("what critical illness paid is not left", bill("20000.00", status="low_income"), pack(basic_insurance=NO_BASIC), NEW_YEAR,
        "applied", "0.5000", "6500.00", "critical (20,000 − 10,000) × 0.50 = 5000; (15,000 − 2000) × 0.50"),
    Row("critical illness with first self-pay may leave none", bill(line("1000.00", "B", ratio="0.90"), status="low_income"),
        pack(
            basic_insurance=NO_BASIC, deductible=NO_DEDUCTIBLE,
            critical_illness={"include_first_self_pay": True, "bands": bands((None, "1"))},
        ),
        year(critical_illness_base="10000.00"), "nothing_left", "0.5000", "0.00",
        "P = 900, E = 100; critical (100 + 900) × 1 = 1000; m = 100 − 1000, at least 0"),
    Row("the cap left something", bill("1000.00", status="low_income"), pack(**ASSISTED),
        year(medical_assistance_base="5000.00", medical_assistance_paid="900.00"),
        "cap_reached", "0.5000", "100.00", "275, room 100"),
    Row("the cap left nothing", bill("1000.00", status="low_income"), pack(**ASSISTED),
        year(medical_assistance_base="5000.00", medical_assistance_paid="1000.00"), "cap_reached", "0.5000", "0.00", "room 0"),
    Row("exactly the cap", bill("1000.00", status="low_income"), pack(**ASSISTED),
        year(medical_assistance_base="5000.00", medical_assistance_paid="725.00"), "applied", "0.5000", "275.00", "275 = room"),
]  # fmt: skip # one row a case

EMERGENCY_AID = [
    Row("none was approved", bill("1000.00"), PACK, NEW_YEAR, "none_approved", None, "0.00", ""),
    Row("none approved goes before nothing left", bill("1000.00"), pack(basic_insurance=ALL_BASIC, deductible=NO_DEDUCTIBLE),
        NEW_YEAR, "none_approved", None, "0.00", "burden 0"),
    Row("nothing is left to pay", bill("1000.00", aid="0.01"), pack(basic_insurance=ALL_BASIC, deductible=NO_DEDUCTIBLE),
        NEW_YEAR, "nothing_left", None, "0.00", "basic paid all 1000"),
    Row("all that was approved", bill("1000.00", aid="100.00"), PACK, NEW_YEAR, "applied", None, "100.00", "burden 550"),
    Row("no more than is left", bill("1000.00", aid="600.00"), PACK, NEW_YEAR, "applied", None, "550.00", "1000 − 450"),
    Row("also for what is outside the catalogue", bill(CLASS_C, aid="600.00"), PACK, NEW_YEAR,
        "applied", None, "500.00", "burden 500, all class C"),
]  # fmt: skip # one row a case

SECOND_REIMBURSEMENT = [
    Row("no block", bill("1000.00", status=POOR), pack(second_reimbursement=None), NEW_YEAR, "not_enabled", None, "0.00", ""),
    Row("disabled", bill("1000.00", status=POOR), pack(second_reimbursement={"enabled": False}), NEW_YEAR,
        "not_enabled", None, "0.00", ""),
    Row("disabled goes before not poor", bill("1000.00"), pack(second_reimbursement={"enabled": False}), NEW_YEAR,
        "not_enabled", None, "0.00", ""),
    Row("not poor", bill("1000.00", status="extremely_poor"), PACK, NEW_YEAR, "status_not_covered", None, "0.00", ""),
    Row("not poor goes before nothing left", bill(CLASS_C), PACK, NEW_YEAR,
        "status_not_covered", None, "0.00", "ordinary, base 0"),
    Row("nothing left in the catalogue", bill(CLASS_C, status=POOR), PACK, NEW_YEAR,
        "nothing_left", "0.4000", "0.00", "base = 500 − 500"),
    Row("nothing left goes before the cap", bill(CLASS_C, status=POOR),
        pack(second_reimbursement={"annual_cap": yuan("0.00")}), NEW_YEAR, "nothing_left", "0.4000", "0.00", "base 0, cap 0"),
    Row("nothing left after emergency aid for class C", bill("1000.00", line("500.00", "C", number=2), status=POOR, aid="500.00"),
        pack(medical_assistance=NO_ASSISTANCE), NEW_YEAR, "nothing_left", "0.4000", "0.00",
        "1500 − 500 − 800 − 500, at least 0"),
    Row("forty per cent of what is left", bill("1000.00", status=POOR), pack(medical_assistance=NO_ASSISTANCE), NEW_YEAR,
        "applied", "0.4000", "80.00", "basic 800; 200 × 0.40"),
    Row("without class C and over ceiling, with first self-pay",
        bill(line("1000.00", "B", ceiling="800.00"), line("500.00", "C", number=2, code="Y"), status=POOR),
        pack(medical_assistance=NO_ASSISTANCE), NEW_YEAR, "applied", "0.4000", "89.60",
        "O = 200, P = 80, E = 720; basic 720 × 0.80 = 576; (1500 − 500 − 200 − 576) × 0.40 = 224 × 0.40"),
    Row("also who bypassed the rules", bill("1000.00", status=POOR, referral="none"), pack(medical_assistance=NO_ASSISTANCE),
        NEW_YEAR, "applied", "0.4000", "140.00", "basic 650; 350 × 0.40"),
    Row("rounded to nothing", bill("0.01", status=POOR, referral="none"),
        pack(basic_insurance=NO_BASIC, medical_assistance=NO_ASSISTANCE), NEW_YEAR,
        "nothing_left", "0.4000", "0.00", "round(0.004)"),
    Row("rate 0", bill("1000.00", status=POOR), pack(second_reimbursement={"rate": share("0")}), NEW_YEAR,
        "nothing_left", "0.0000", "0.00", "60 × 0"),
    Row("the cap left something", bill("1000.00", status=POOR),
        pack(medical_assistance=NO_ASSISTANCE, second_reimbursement={"annual_cap": yuan("100.00")}),
        year(second_reimbursement_paid="50.00"), "cap_reached", "0.4000", "50.00", "80, room 50"),
    Row("the cap left nothing", bill("1000.00", status=POOR),
        pack(medical_assistance=NO_ASSISTANCE, second_reimbursement={"annual_cap": yuan("100.00")}),
        year(second_reimbursement_paid="100.00"), "cap_reached", "0.4000", "0.00", "room 0"),
    Row("exactly the cap", bill("1000.00", status=POOR),
        pack(medical_assistance=NO_ASSISTANCE, second_reimbursement={"annual_cap": yuan("80.00")}), NEW_YEAR,
        "applied", "0.4000", "80.00", "80 = room"),
]  # fmt: skip # one row a case

# Of the poor in area with 1000.00: basic 800.00, no assistance and no second reimbursement.
ALONE: Any = {"medical_assistance": NO_ASSISTANCE, "second_reimbursement": None}
BACKSTOP = [
    Row("no block", bill("1000.00", status=POOR), pack(backstop=None), NEW_YEAR, "not_enabled", None, "0.00", ""),
    Row("disabled", bill("1000.00", status=POOR), pack(backstop={"enabled": False}), NEW_YEAR, "not_enabled", None, "0.00", ""),
    Row("disabled goes before not poor", bill("1000.00"), pack(backstop={"enabled": False}), NEW_YEAR,
        "not_enabled", None, "0.00", ""),
    Row("not poor", bill("1000.00", status="extremely_poor"), PACK, NEW_YEAR, "status_not_covered", None, "0.00", ""),
    Row("not poor goes before bypassed", bill("1000.00", referral="none"), PACK, NEW_YEAR,
        "status_not_covered", None, "0.00", "ordinary and not compliant"),
    Row("bypassed", bill("1000.00", status=POOR, referral="none"), PACK, NEW_YEAR, "referral_not_compliant", "0.9000", "0.00", ""),
    Row("bypassed outside: no referral where one is required", bill("1000.00", status=POOR, out_of_area=True), PACK, NEW_YEAR,
        "referral_not_compliant", "0.9000", "0.00", "not_required out of area counts as none"),
    Row("bypassed goes before target met", bill("1000.00", status=POOR, referral="none", aid="1000.00"), PACK, NEW_YEAR,
        "referral_not_compliant", "0.9000", "0.00", "all 1000 is covered"),
    Row("chronic care, bypassed", bill("1000.00", status=POOR, type="chronic_outpatient", referral="none"), PACK, NEW_YEAR,
        "referral_not_compliant", "0.9000", "0.00", "the condition is as for a stay"),
    Row("more than the target", bill("1000.00", status=POOR, aid="150.00"), pack(**ALONE), NEW_YEAR,
        "target_met", "0.9000", "0.00", "900 − (800 + 150) = −50"),
    Row("exactly the target", bill("1000.00", status=POOR, aid="100.00"), pack(**ALONE), NEW_YEAR,
        "target_met", "0.9000", "0.00", "900 − (800 + 100) = 0"),
    Row("target met goes before nothing left", bill("1000.00", status=POOR, aid="200.00"), pack(**ALONE), NEW_YEAR,
        "target_met", "0.9000", "0.00", "burden 0, need −100"),
    Row("target met goes before the cap", bill("1000.00", status=POOR, aid="100.00"),
        pack(**ALONE, backstop={"annual_cap": yuan("0.00")}), NEW_YEAR, "target_met", "0.9000", "0.00", "need 0, cap 0"),
    Row("earlier stays had more than the target", bill("1000.00", status=POOR), pack(**ALONE),
        year(backstop_base="1000.00", backstop_covered="1000.00"), "target_met", "0.9000", "0.00", "1800 − (1000 + 800) = 0"),
    Row("nothing is left to pay", bill("1000.00", status=POOR, aid="200.00"), pack(**ALONE),
        year(backstop_base="1000.00", backstop_covered="500.00"), "nothing_left", "0.9000", "0.00",
        "need 1800 − (500 + 1000) = 300, burden 0"),
    Row("nothing left goes before the cap", bill("1000.00", status=POOR, aid="200.00"),
        pack(**ALONE, backstop={"annual_cap": yuan("0.00")}),
        year(backstop_base="1000.00", backstop_covered="500.00"), "nothing_left", "0.9000", "0.00", "need 300, burden 0, cap 0"),
    Row("up to the target", bill("1000.00", status=POOR), pack(**ALONE), NEW_YEAR, "applied", "0.9000", "100.00", "900 − 800"),
    Row("a fen is missing", bill("1000.00", status=POOR, aid="99.99"), pack(**ALONE), NEW_YEAR,
        "applied", "0.9000", "0.01", "900 − 899.99"),
    Row("the target is rounded once", bill("0.05", status=POOR), pack(**ALONE, basic_insurance=NO_BASIC), NEW_YEAR,
        "applied", "0.9000", "0.05", "round(0.045) = 0.05"),
    Row("no more than is left", bill("1000.00", status=POOR), pack(**ALONE),
        year(backstop_base="1000.00", backstop_covered="500.00"), "applied", "0.9000", "200.00",
        "need 1800 − (500 + 800) = 500, burden 200"),
    Row("earlier stays lacked some", bill("1000.00", status=POOR), pack(**ALONE),
        year(backstop_base="1000.00", backstop_covered="850.00"), "applied", "0.9000", "150.00", "1800 − (850 + 800)"),
    Row("each bill for itself", bill("1000.00", status=POOR), pack(**ALONE, backstop={"basis": "per_bill"}),
        year(backstop_base="1000.00", backstop_covered="850.00"), "applied", "0.9000", "100.00", "900 − 800"),
    Row("of the catalogue's cost alone", bill("900.00", line("100.00", "C", number=2, code="Y"), status=POOR),
        pack(**ALONE, backstop={"base": "in_catalogue"}), NEW_YEAR, "applied", "0.9000", "90.00",
        "basic 900 × 0.80 = 720; 0.90 × 900 = 810; 810 − 720"),
    Row("first self-pay is of the catalogue", bill(line("1000.00", "B"), status=POOR),
        pack(**ALONE, backstop={"base": "in_catalogue"}), NEW_YEAR, "applied", "0.9000", "180.00",
        "P = 100, E = 900; basic 720; 0.90 × (900 + 100) = 900; 900 − 720"),
    Row("what is over a ceiling is not", bill(line("1000.00", "A", ceiling="900"), status=POOR),
        pack(**ALONE, backstop={"base": "in_catalogue"}), NEW_YEAR, "applied", "0.9000", "90.00",
        "O = 100, E = 900; basic 720; 0.90 × 900 = 810; 810 − 720"),
    Row("all that was paid before counts as covered", bill("1000.00", status=POOR, aid="10.00"), PACK, NEW_YEAR,
        "target_met", "0.9000", "0.00", "800 + 140 + 10 + (50 × 0.40 = 20) = 970"),
    Row("the cap left something", bill("1000.00", status=POOR), pack(**ALONE, backstop={"annual_cap": yuan("500.00")}),
        year(backstop_paid="450.00"), "cap_reached", "0.9000", "50.00", "100, room 50"),
    Row("the cap is of the year on any basis", bill("1000.00", status=POOR),
        pack(**ALONE, backstop={"annual_cap": yuan("500.00"), "basis": "per_bill"}),
        year(backstop_paid="450.00"), "cap_reached", "0.9000", "50.00", "100, room 50"),
    Row("the cap left nothing", bill("1000.00", status=POOR), pack(**ALONE, backstop={"annual_cap": yuan("500.00")}),
        year(backstop_paid="500.00"), "cap_reached", "0.9000", "0.00", "room 0"),
    Row("exactly the cap", bill("1000.00", status=POOR), pack(**ALONE, backstop={"annual_cap": yuan("100.00")}), NEW_YEAR,
        "applied", "0.9000", "100.00", "100 = room"),
]  # fmt: skip # one row a case

# Of the poor in area with 1000.00 the patient bears 200.00: basic 800.00 and nothing else.
BORNE: Any = {**ALONE, "backstop": None}
LOCAL_SUBSIDY = [
    Row("no block", bill("1000.00", status=POOR), pack(local_subsidy=None), NEW_YEAR, "not_enabled", None, "0.00", ""),
    Row("disabled", bill("1000.00", status=POOR), pack(local_subsidy={"enabled": False}), NEW_YEAR, "not_enabled", None, "0.00", ""),
    Row("disabled goes before not poor", bill("1000.00"), pack(local_subsidy={"enabled": False}), NEW_YEAR,
        "not_enabled", None, "0.00", ""),
    Row("not poor", bill("1000.00", status="low_income"), PACK, NEW_YEAR, "status_not_covered", None, "0.00", ""),
    Row("not poor goes before nothing left", bill("1000.00", aid="1000.00"), PACK, NEW_YEAR,
        "status_not_covered", None, "0.00", "ordinary, burden 0"),
    Row("nothing is left to pay", bill("1000.00", status=POOR, aid="200.00"), pack(**BORNE),
        year(total_cost="1000.00"), "nothing_left", "0.5000", "0.00", "burden 0 after much of one's own"),
    Row("nothing left goes before the threshold", bill("1000.00", status=POOR, aid="200.00"), pack(**BORNE), NEW_YEAR,
        "nothing_left", "0.5000", "0.00", "burden 0, excess 0"),
    Row("less than one's own share", bill("1000.00", status=POOR, aid="150.00"), pack(**BORNE), NEW_YEAR,
        "threshold_not_reached", "0.5000", "0.00", "50 − 100 < 0"),
    Row("exactly one's own share", bill("1000.00", status=POOR, aid="100.00"), pack(**BORNE), NEW_YEAR,
        "threshold_not_reached", "0.5000", "0.00", "100 − 0.10 × 1000 = 0"),
    Row("the threshold goes before the cap", bill("1000.00", status=POOR, aid="100.00"),
        pack(**BORNE, local_subsidy={"annual_cap": yuan("0.00")}), NEW_YEAR,
        "threshold_not_reached", "0.5000", "0.00", "excess 0, cap 0"),
    Row("half of what is above", bill("1000.00", status=POOR), pack(**BORNE), NEW_YEAR,
        "applied", "0.5000", "50.00", "(200 − 0.10 × 1000) × 0.50"),
    Row("also who bypassed the rules", bill("1000.00", status=POOR, referral="none"), pack(**BORNE), NEW_YEAR,
        "applied", "0.5000", "125.00", "basic 650; (350 − 100) × 0.50"),
    Row("a fen above", bill("1000.00", status=POOR, aid="99.99"), pack(**BORNE), NEW_YEAR,
        "applied", "0.5000", "0.01", "0.01 × 0.50 = 0.005, rounded up"),
    Row("a fen above, rounded to nothing", bill("1000.00", status=POOR, aid="99.99"),
        pack(**BORNE, local_subsidy={"share": share("0.49")}), NEW_YEAR, "nothing_left", "0.4900", "0.00", "round(0.0049)"),
    Row("one's own share is rounded", bill("1000.04", status=POOR, aid="99.00"), pack(**BORNE), NEW_YEAR,
        "applied", "0.5000", "0.51", "basic round(800.032) = 800.03; 101.01 − round(100.004) = 1.01; × 0.50 = 0.505"),
    Row("earlier stays count: little was one's own", bill("1000.00", status=POOR), pack(**BORNE),
        year(total_cost="1000.00", covered="980.00"), "applied", "0.5000", "10.00", "20 + 200 − 0.10 × 2000 = 20; × 0.50"),
    Row("earlier stays count: the subsidy of then is not one's own", bill("1000.00", status=POOR), pack(**BORNE),
        year(total_cost="1000.00", covered="900.00", local_subsidy_paid="90.00"),
        "applied", "0.5000", "5.00", "10 + 200 − 200 = 10; × 0.50"),
    Row("no more than this bill's burden counts", bill("1000.00", status=POOR), pack(**BORNE),
        year(total_cost="1000.00"), "applied", "0.5000", "100.00", "1000 + 200 − 200 = 1000, at most 200; × 0.50"),
    Row("more was covered than was charged", bill("1000.00", status=POOR), pack(**BORNE),
        year(total_cost="1000.00", covered="1150.00"), "threshold_not_reached", "0.5000", "0.00", "−150 + 200 − 200 < 0"),
    Row("the cap left something", bill("1000.00", status=POOR), pack(**BORNE, local_subsidy={"annual_cap": yuan("120.00")}),
        year(total_cost="1000.00", covered="800.00", local_subsidy_paid="100.00"), "cap_reached", "0.5000", "20.00",
        "100 + 200 − 200 = 100; × 0.50 = 50, room 20"),
    Row("the cap left nothing", bill("1000.00", status=POOR), pack(**BORNE, local_subsidy={"annual_cap": yuan("0.00")}), NEW_YEAR,
        "cap_reached", "0.5000", "0.00", "50, room 0"),
    Row("exactly the cap", bill("1000.00", status=POOR), pack(**BORNE, local_subsidy={"annual_cap": yuan("50.00")}), NEW_YEAR,
        "applied", "0.5000", "50.00", "50 = room"),
]  # fmt: skip # one row a case

TABLE = {
    "deductible": DEDUCTIBLE,
    "basic_insurance": BASIC_INSURANCE,
    "critical_illness": CRITICAL_ILLNESS,
    "medical_assistance": MEDICAL_ASSISTANCE,
    "emergency_aid": EMERGENCY_AID,
    "second_reimbursement": SECOND_REIMBURSEMENT,
    "backstop": BACKSTOP,
    "local_subsidy": LOCAL_SUBSIDY,
}
ROWS = [pytest.param(stage, row, id=f"{stage}: {row.case}") for stage, rows in TABLE.items() for row in rows]

# The table of settlement.md §6; LAST is cap_reached, applied, nothing_left.
EVERY_REASON = {
    "deductible": "not_enabled waived applied nothing_left",
    "basic_insurance": ("referral_not_compliant out_of_area nothing_left threshold_not_reached cap_reached applied"),
    "critical_illness": "not_enabled nothing_left threshold_not_reached cap_reached applied",
    "medical_assistance": "not_enabled status_not_covered nothing_left threshold_not_reached cap_reached applied",
    "emergency_aid": "none_approved nothing_left applied",
    "second_reimbursement": "not_enabled status_not_covered nothing_left cap_reached applied",
    "backstop": "not_enabled status_not_covered referral_not_compliant target_met nothing_left cap_reached applied",
    "local_subsidy": "not_enabled status_not_covered nothing_left threshold_not_reached cap_reached applied",
}


@pytest.mark.parametrize(("stage", "row"), ROWS)
def test_a_stage_gives_the_first_reason_that_holds(stage: str, row: Row) -> None:
    result = stage_of(settled(row.bill, row.pack, row.year), stage)
    expected_rate = None if row.rate is None else share(row.rate)
    assert (result.reason, result.rate, result.amount) == (row.reason, expected_rate, yuan(row.amount)), row.why


@pytest.mark.parametrize(("stage", "row"), ROWS)
def test_a_stage_applied_when_it_paid_or_waived(stage: str, row: Row) -> None:
    result = stage_of(settled(row.bill, row.pack, row.year), stage)
    assert result.applied is (row.amount != "0.00" or row.reason == "waived")


@pytest.mark.parametrize("stage", TABLE)
def test_every_reason_of_a_stage_has_a_row(stage: str) -> None:
    assert {row.reason for row in TABLE[stage]} == set(EVERY_REASON[stage].split())


def test_the_stages_stand_in_the_order_of_the_law() -> None:
    stages = settled(bill("1000.00")).stages
    assert [stage.stage for stage in stages] == list(TABLE)


@pytest.mark.parametrize(
    ("eligible", "waived"),
    [("1000.00", "400.00"), ("400.00", "400.00"), ("399.99", "399.99"), ("0.01", "0.01")],
)
def test_no_more_is_waived_than_is_eligible(eligible: str, waived: str) -> None:
    settlement = settled(bill(eligible, status="registered_poor"))
    assert (settlement.deductible, settlement.deductible_waived) == (0, yuan(waived))


def test_nothing_is_waived_where_the_deductible_counts() -> None:
    settlement = settled(bill("1000.00"))
    assert (settlement.deductible, settlement.deductible_waived) == (yuan("400.00"), 0)
