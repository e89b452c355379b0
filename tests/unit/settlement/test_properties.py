"""The eight properties that always hold (settlement.md §7), on generated bills under generated packs.

Every bill of every example is held to all eight. `ONESTOP_TEST_PROFILE=deep` makes a hundred thousand bills.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from app.api.fast_reader import read_valid
from app.api.wire import Envelope, Malformed, read_exactly, write_settlement
from app.settlement.bill import Bill, Line
from app.settlement.money import Rate
from app.settlement.pack import AssistanceRow, BackstopPolicy, CriticalIllnessPolicy, Pack
from app.settlement.result import Settlement
from app.settlement.settle import Refused, settle
from app.settlement.year import YearToDate
from tests.unit.settlement.small import PACK, yuan
from tests.unit.settlement.strategies import (
    LAW,
    Example,
    examples,
    mirrored,
    of_status,
    with_block,
)

ROOT = Path(__file__).parents[3]
Json = dict[str, Any]

# In several parts, so that several processes share them.
PARTS = 4 if settings.get_current_profile_name() == "deep" else 1
WANTED = 100_000 if PARTS == 4 else 700
ENVELOPE = Envelope(year_to_date_source="request")


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("part", range(PARTS))
def test_the_eight_properties_hold_on_every_bill(part: int, record_property) -> None:
    counts: Counter[str] = Counter()

    @given(examples())
    def hold(example: Example) -> None:
        for bill, year in example.bills:
            settlement = settle(bill, example.pack, year)
            if isinstance(settlement, Refused):
                nothing_but_the_order_of_errors_depends_on_the_order_of_lines(bill, example.pack, year, settlement)
                counts["refused bills"] += 1
                continue
            document = written(settlement)
            the_payers_sum_to_the_total(bill, document)
            no_payment_is_negative(document)
            a_mirrored_refund_undoes_its_line(bill, example.pack, year)
            nothing_but_the_order_of_lines_depends_on_the_order_of_lines(bill, example.pack, year, settlement)
            the_poor_never_pay_more(bill, example.pack, year)
            the_backstop_leaves_no_more_than_a_tenth(bill, example.pack, year)
            the_same_bytes_give_the_same_bytes(bill, example.pack, year, settlement)
            counts["bills held to the eight properties"] += 1
        critical_illness_does_not_depend_on_how_the_year_is_cut(example)

    hold()
    for name, count in counts.items():
        record_property(f"counted {name}", count)
    assert counts["bills held to the eight properties"] * PARTS >= WANTED
    assert counts["refused bills"] > 0


def written(settlement: Settlement) -> Json:
    document: Json = json.loads(write_settlement(settlement, ENVELOPE))
    return document


def fen(text: str) -> int:
    """An amount as written, in fen."""
    assert text[-3] == "."
    assert not text.startswith("-0.00")
    return int(text.replace(".", ""))


def the_payers_sum_to_the_total(bill: Bill, document: Json) -> None:
    """Property 1, as the answer is written."""
    costs = {name: fen(text) for name, text in document["costs"].items()}
    payers = {name: fen(text) for name, text in document["payers"].items()}
    amounts = [line[6] for line in bill.lines]
    assert costs.pop("total") == sum(costs.values()) == sum(payers.values()) == sum(amounts)
    parts = ("full_self_pay", "over_ceiling", "first_self_pay", "eligible")
    assert [sum(fen(line[part]) for part in parts) for line in document["lines"]] == amounts
    paid = {stage["stage"]: fen(stage["amount"]) for stage in document["stages"]}
    assert paid.pop("deductible") == fen(document["deductible"]["amount"])
    assert paid == {name: amount for name, amount in payers.items() if name != "patient"}


def no_payment_is_negative(document: Json) -> None:
    """Property 2, and what it means for the deposit."""
    payers = {name: fen(text) for name, text in document["payers"].items()}
    assert min(payers.values()) >= 0
    assert 0 <= payers["patient"] <= fen(document["costs"]["total"])
    assert min(fen(document["costs"][name]) for name in document["costs"]) >= 0
    assert min(fen(document["amount_due"]), fen(document["refund_due"])) == 0
    assert 0 <= float(document["actual_reimbursement_ratio"]) <= 1


def a_mirrored_refund_undoes_its_line(bill: Bill, pack: Pack, year: YearToDate) -> None:
    """Property 3: which line and where its refund stands are as good as drawn by lot."""
    lines, lot = bill.lines, sum(line[6] for line in bill.lines) // 7
    line = lines[lot % len(lines)]
    refund = mirrored(line, 10_000)
    where = lot % (len(lines) + 1)
    with_both = settle(bill._replace(lines=(*lines[:where], refund, *lines[where:])), pack, year)
    without = settle(bill._replace(lines=tuple(each for each in lines if each is not line)), pack, year)
    if isinstance(with_both, Refused) or isinstance(without, Refused):
        assert isinstance(with_both, Refused)
        assert isinstance(without, Refused)
        assert codes(with_both) == codes(without)
        return
    others = [each for each in with_both.lines if each[0] not in {line[0], 10_000}]
    assert with_both._replace(lines=others) == without


def codes(refused: Refused) -> list[str]:
    return sorted(finding.code for finding in refused.findings)


def nothing_but_the_order_of_lines_depends_on_the_order_of_lines(
    bill: Bill, pack: Pack, year: YearToDate, settlement: Settlement
) -> None:
    """Property 4, of a bill that settles."""
    shuffled = settle(bill._replace(lines=in_another_order(bill)), pack, year)
    assert isinstance(shuffled, Settlement)
    assert [line[0] for line in shuffled.lines] == [line[0] for line in in_another_order(bill)]
    assert sorted(shuffled.lines) == sorted(settlement.lines)
    assert shuffled._replace(lines=settlement.lines) == settlement


def nothing_but_the_order_of_errors_depends_on_the_order_of_lines(
    bill: Bill, pack: Pack, year: YearToDate, refused: Refused
) -> None:
    """Property 4, of a bill that is refused."""
    shuffled = settle(bill._replace(lines=in_another_order(bill)), pack, year)
    assert isinstance(shuffled, Refused)
    assert codes(shuffled) == codes(refused)


def in_another_order(bill: Bill) -> tuple[Line, ...]:
    odd, even = bill.lines[1::2], bill.lines[::2]
    return tuple(Line(*line) for line in (*odd, *reversed(even)))


def critical_illness_does_not_depend_on_how_the_year_is_cut(example: Example) -> None:
    """Property 5: the bills of the example are one patient's year, each from the year to date of the one before."""
    pack = with_block(example.pack, "critical_illness", annual_cap=None)
    policy = pack.critical_illness
    if policy is None:
        return
    first, before = example.bills[0]
    year, paid = before, 0
    for bill, _ in example.bills:
        settlement = settle(of_status(bill, first.patient.status), pack, year)
        if isinstance(settlement, Settlement):
            year = settlement.year_to_date
            paid += settlement.payers.critical_illness
    poor = first.patient.status == "registered_poor"
    expected = payable(year.critical_illness_base, policy, poor) - payable(before.critical_illness_base, policy, poor)
    assert paid == expected == year.critical_illness_paid - before.critical_illness_paid


def payable(base: int, policy: CriticalIllnessPolicy, poor: bool) -> int:
    """f of §5.3, in fen, for a year's base: in exact fractions, rounded once, half up."""
    factor = Fraction(policy.threshold_factor if poor else 10_000, 10_000)
    bonus = policy.rate_bonus if poor else 0
    excess = max(Fraction(0), base - policy.threshold * factor)
    paid, lower = Fraction(0), Fraction(0)
    for band in policy.bands:
        upper = excess if band.up_to is None else min(excess, Fraction(band.up_to))
        paid += max(Fraction(0), upper - lower) * Fraction(min(10_000, band.rate + bonus), 10_000)
        lower = max(lower, upper)
    return int(paid + Fraction(1, 2))


def the_poor_never_pay_more(bill: Bill, pack: Pack, year: YearToDate) -> None:
    """Property 6, by more than a fen, under the pack with what the property asks of it."""
    fair = with_block(pack, "critical_illness", include_deductible=True)
    assistance = pack.medical_assistance
    if assistance is not None:
        rows = dict(assistance.statuses)
        ordinary, poor = rows.pop("ordinary", None), rows.get("registered_poor")
        if ordinary is not None and poor is not None:
            rows["ordinary"] = no_better(ordinary, poor)
        fair = with_block(fair, "medical_assistance", statuses=rows)
    of_poor = settle(of_status(bill, "registered_poor"), fair, year)
    of_ordinary = settle(of_status(bill, "ordinary"), fair, year)
    assert isinstance(of_poor, Settlement)
    assert isinstance(of_ordinary, Settlement)
    assert of_poor.payers.patient <= of_ordinary.payers.patient + 1


def no_better(row: AssistanceRow, than: AssistanceRow) -> AssistanceRow:
    caps = [cap for cap in (row.annual_cap, than.annual_cap) if cap is not None]
    return AssistanceRow(
        row.source,
        min(row.rate, than.rate),
        max(row.annual_deductible, than.annual_deductible),
        min(caps) if caps else None,
    )


def the_backstop_leaves_no_more_than_a_tenth(bill: Bill, pack: Pack, year: YearToDate) -> None:
    """Property 7, or what the pack's target leaves: for a poor and compliant patient, on the bill's total, uncapped."""
    target = pack.backstop.target if pack.backstop else Rate(9_000)
    backstop = BackstopPolicy(LAW, True, target, "total", "per_bill", None, "commercial_insurer")
    approved = bill._replace(encounter=bill.encounter._replace(referral="approved"))
    settlement = settle(of_status(approved, "registered_poor"), pack._replace(backstop=backstop), year)
    assert isinstance(settlement, Settlement)
    total = settlement.costs.total
    assert settlement.payers.patient <= total - (2 * total * target + 10_000) // 20_000


def the_same_bytes_give_the_same_bytes(bill: Bill, pack: Pack, year: YearToDate, settlement: Settlement) -> None:
    """Property 8: as bytes, read in both ways, members in either order, as often as one likes."""
    answer = write_settlement(settlement, ENVELOPE)
    request = request_of(bill, year)
    fast = read_valid(json.dumps(request, separators=(",", ":")).encode())
    exact = read_exactly(json.dumps(backwards(request), indent=1).encode())
    assert fast is not None
    assert not isinstance(exact, Malformed)
    for read in (fast, exact):
        again = settle(read.bill, pack, read.year_to_date or YearToDate())
        assert isinstance(again, Settlement)
        assert write_settlement(again, ENVELOPE) == answer


def request_of(bill: Bill, year: YearToDate) -> Json:
    """The bill as a hospital would write it."""

    def decimal(units: int, places: int) -> str:
        digits = f"{abs(units):0{places + 1}d}"
        return f"{'-' if units < 0 else ''}{digits[:-places]}.{digits[-places:]}"

    def line_of(values: Any) -> Json:
        line = Line(*values)._asdict()
        for name, places in {
            "quantity": 4,
            "unit_price": 6,
            "amount": 2,
            "ceiling_price": 6,
            "self_pay_ratio": 4,
        }.items():
            line[name] = None if line[name] is None else decimal(line[name], places)
        return line

    encounter = bill.encounter._asdict()
    return {
        "bill_id": bill.bill_id,
        "facility": bill.facility._asdict(),
        "patient": {"person_id": "P1", **bill.patient._asdict()},
        "encounter": encounter | {name: encounter[name].isoformat() for name in ("admitted_on", "discharged_on")},
        "lines": [line_of(values) for values in bill.lines],
        "year_to_date": {name: decimal(amount, 2) for name, amount in year._asdict().items()},
        "emergency_aid_approved": decimal(bill.emergency_aid_approved, 2),
        "prepaid": decimal(bill.prepaid, 2),
    }


def backwards(value: Any) -> Any:
    """The same value, all members in the other order."""
    if isinstance(value, dict):
        return {name: backwards(value[name]) for name in reversed(value)}
    return [backwards(item) for item in value] if isinstance(value, list) else value


MACHINES = {
    "here": {},
    "in China": {"PYTHONHASHSEED": "1", "TZ": "Asia/Shanghai", "LC_ALL": "C"},
    "in America": {"PYTHONHASHSEED": "2", "TZ": "America/New_York", "LC_ALL": "C.UTF-8", "PYTHONUTF8": "0"},
}


def test_other_machines_write_the_same_bytes() -> None:
    bills = ROOT / "tests" / "cases" / "real-bills.ndjson"
    command = [sys.executable, "-c", "from app.cli import main; main()", "settle", "--workers", "1", str(bills)]
    here, *elsewhere = [
        subprocess.run(command, cwd=ROOT, capture_output=True, check=True, timeout=120, env=os.environ | machine).stdout
        for machine in MACHINES.values()
    ]
    assert len(here.splitlines()) == 40
    assert elsewhere == [here, here]


@pytest.mark.parametrize(
    ("base", "poor", "paid"),
    [
        ("10000.00", False, "0.00"),
        ("10000.01", False, "0.01"),  # 0.005, half up
        ("38440.00", False, "15064.00"),  # 20,000 × 0.50 + 8,440 × 0.60
        ("70000.00", False, "35000.00"),  # 20,000 × 0.50 + 30,000 × 0.60 + 10,000 × 0.70
        ("5000.00", True, "0.00"),
        ("26000.00", True, "12700.00"),  # 20,000 × 0.60 + 1,000 × 0.70
    ],
)
def test_the_formula_that_property_5_is_held_to_is_the_contracts(base: str, poor: bool, paid: str) -> None:
    policy = PACK.critical_illness
    assert policy is not None
    assert payable(yuan(base), policy, poor) == yuan(paid)
