"""Lines at the edge of what one pass over a bill takes for sound without a second look."""

from __future__ import annotations

from tests.unit.settlement.requests import answered, changed, line, refusals


def test_a_line_without_a_price_has_an_amount_that_differs() -> None:
    assert refusals(changed({"/lines": [line(1, "1.00", unit_price="0")]})) == ["/lines/0/amount line_amount_mismatch"]


def test_a_line_without_a_price_costs_at_most_one_fen() -> None:
    free = line(1, "0.01", unit_price="0")
    assert refusals(changed({"/lines": [free, line(2, "5.00")]})) == []


def test_the_amount_of_a_line_below_one_fen_is_compared_too() -> None:
    half_a_fen = line(1, "3.00", quantity="0.5", unit_price="0.01")
    assert refusals(changed({"/lines": [half_a_fen]})) == ["/lines/0/amount line_amount_mismatch"]


def test_a_free_line_is_no_refund_to_point_at() -> None:
    free = line(1, "0.00", unit_price="0", code="X")
    refund = line(2, "-5.00", code="X")
    charge = line(3, "10.00", code="Y")
    assert refusals(changed({"/lines": [free, refund, charge]})) == ["/lines/1/amount refund_exceeds_charge"]


def test_a_missing_chronic_block_is_told_from_a_missing_pack() -> None:
    elsewhere = {"/patient/pooling_area": "450900", "/encounter/type": "chronic_outpatient"}
    (error,) = answered(changed(elsewhere))["errors"]
    assert error == {
        "pointer": "/encounter/type",
        "code": "no_policy_in_force",
        "detail": "The policy pack in force has no chronic outpatient care.",
    }
