"""Quantities, prices and ratios as the stored request writes them: the shortest text that says the value exactly."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.settlement.money import decimal_text, plain_number


@pytest.mark.parametrize(("value", "places", "text"), [
    (0, 4, "0"), (10_000, 4, "1"), (12_500, 4, "1.25"), (1, 4, "0.0001"), (-1, 4, "-0.0001"), (-25_000, 4, "-2.5"),
    (100_000, 4, "10"), (1_000_000, 6, "1"), (12_500_000, 6, "12.5"), (1, 6, "0.000001"), (10, 6, "0.00001"),
    (1_001_000, 6, "1.001"), (-1_000_000, 6, "-1"), (99_999_999_999_999, 6, "99999999.999999"),
])  # fmt: skip
def test_a_value_is_written_in_its_shortest_form(value, places, text):
    assert decimal_text(value, places) == text


@given(value=st.integers(-(10**14), 10**14), places=st.sampled_from([4, 6]))
def test_what_is_written_is_read_back(value, places):
    assert plain_number(decimal_text(value, places), places) == value
