"""Exact numbers: rounding, clamping, and how amounts and rates are shown (settlement.md §1)."""

from __future__ import annotations

from decimal import Context, Decimal, Inexact, InvalidOperation
from fractions import Fraction

ZERO = Decimal(0)
# Sums and products of decimals are decimals: a result that would have to be rounded is our mistake and raises.
EXACT = Context(prec=120, traps=[Inexact, InvalidOperation])


def round_to_fen(x: Decimal) -> Decimal:
    """Half away from zero."""
    fen = Decimal(int(abs(x) * 100 + Decimal("0.5"))) * Decimal("0.01")
    return -fen if x < 0 else fen


def clamp(x: Decimal, lowest: Decimal, highest: Decimal) -> Decimal:
    return max(lowest, min(x, highest))


def money(amount: Decimal) -> str:
    return decimals(amount, 2)


def four_decimals(value: Decimal | Fraction) -> str:
    """Half up; what is shown with it is never negative."""
    return decimals(Decimal((Fraction(value) * 10_000 + Fraction(1, 2)).__floor__()) * Decimal("0.0001"), 4)


def decimals(value: Decimal, places: int) -> str:
    scaled = int(value * 10**places)
    assert scaled == value * 10**places
    whole, rest = divmod(abs(scaled), 10**places)
    return f"{'-' if scaled < 0 else ''}{whole}.{rest:0{places}d}"
