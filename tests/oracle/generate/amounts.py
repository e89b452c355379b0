"""Amounts by chance, and their rounding."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from .names import Chance

FEN = Decimal("0.01")


def fen(chance: Chance, lowest: int, highest: int) -> Decimal:
    return Decimal(chance.randint(lowest * 100, highest * 100)).scaleb(-2)


def rounded(value: Decimal) -> Decimal:
    return decimal_of(nearest_fen(Fraction(abs(value)))).copy_sign(value)


def nearest_fen(value: Fraction) -> Fraction:
    return Fraction((value * 100 + Fraction(1, 2)).__floor__(), 100)


def decimal_of(value: Fraction) -> Decimal:
    """What has at most two decimals, or is cut to them."""
    return Decimal((value * 100).__floor__()).scaleb(-2)
