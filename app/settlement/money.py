"""Exact money: whole fen, rates in ten-thousandths; the only place that reads, rounds and writes amounts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, TypeAlias

# The compiler is told that this is true: it then knows fen as the integers that they are (tools/compile.py).
COMPILED: Final = False

if TYPE_CHECKING and not COMPILED:

    class Fen(int):
        """An amount of money in whole fen (分), 1/100 yuan. A plain int when the program runs."""

        def __add__(self, other: Fen) -> Fen: ...  # type: ignore[override]  # fen add to fen only
        def __sub__(self, other: Fen) -> Fen: ...  # type: ignore[override]  # fen less fen only
        def __neg__(self) -> Fen: ...
        def __abs__(self) -> Fen: ...

    class Rate(int):
        """A share of 1 in ten-thousandths (0.95 is 9500). A plain int when the program runs."""

        def __add__(self, other: Rate) -> Rate: ...  # type: ignore[override]  # rates add to rates only
        def __sub__(self, other: Rate) -> Rate: ...  # type: ignore[override]  # rates less rates only

    class Quantity(int):
        """A quantity in ten-thousandths. A plain int when the program runs."""

        def __neg__(self) -> Quantity: ...
        def __abs__(self) -> Quantity: ...

    class Price(int):
        """A price per unit in millionths of a yuan. A plain int when the program runs."""

else:
    Fen: TypeAlias = int
    Rate: TypeAlias = int
    Quantity: TypeAlias = int
    Price: TypeAlias = int

ZERO: Final = Fen(0)
WHOLE: Final = Rate(10_000)
NO_RATE: Final = Rate(0)

MONEY_PLACES: Final = 2
RATE_PLACES: Final = 4
QUANTITY_PLACES: Final = 4
PRICE_PLACES: Final = 6

_RATE_UNITS: Final = 10**RATE_PLACES
# Quantity × price is in units of 10^-8 fen.
COST_UNITS: Final = 10 ** (QUANTITY_PLACES + PRICE_PLACES - MONEY_PLACES)

# A value of 10^15 or more is no amount, quantity or price (api.md, "Forms").
_MAX_DIGITS: Final = 15
_PLAIN_MAX_LENGTH: Final = 40
_PLAIN: Final = re.compile(r"(-?)([0-9]+)(?:\.([0-9]+))?()", re.ASCII)
_JSON_NUMBER: Final = re.compile(r"(-?)([0-9]+)(?:\.([0-9]+))?(?:[eE]([-+]?[0-9]+))?", re.ASCII)


def rounded(numerator: int, denominator: int) -> int:
    """Divide and round half away from zero: 0.5 → 1, −0.5 → −1. The denominator is above 0."""
    if numerator >= 0:
        return (2 * numerator + denominator) // (2 * denominator)
    return -((denominator - 2 * numerator) // (2 * denominator))


def times(amount: Fen, rate: Rate) -> Fen:
    """`round(amount × rate)`, in fen."""
    product = amount * rate
    if product >= 0:
        return Fen((product + 5_000) // 10_000)
    return Fen(-((5_000 - product) // 10_000))


def cost(quantity: Quantity, price: Price) -> Fen:
    """`round(quantity × price)`, in fen."""
    return Fen(rounded(quantity * price, COST_UNITS))


def under_cap(wanted: Fen, annual_cap: Fen | None, paid_before: Fen) -> Fen:
    """What of an amount fits under an annual cap (封顶线) of which `paid_before` is used up; None is no cap. In fen."""
    if annual_cap is None:
        return wanted
    return min(wanted, max(ZERO, annual_cap - paid_before))


def plain_number(text: str, places: int) -> int | None:
    """Read a number written as a string of plain digits (api.md, "Forms"), at most 40 characters.

    Returns the value times 10^`places`, or None where the form is wrong, the value has more decimals or is
    10^15 or more in absolute value. Trailing zeros are free: the limit is judged on the value.
    """
    whole, dot, fraction = text.partition(".")
    # Nearly all are so plain that no pattern is needed; every amount of a bill passes here.
    if len(whole) <= _MAX_DIGITS and len(fraction) <= places and (whole + fraction).isdecimal() and text.isascii():
        return int(whole + fraction) * 10 ** (places - len(fraction)) if whole and (fraction or not dot) else None
    if len(text) > _PLAIN_MAX_LENGTH:
        return None
    return _scaled(_PLAIN.fullmatch(text), places)


def json_number(token: str, places: int) -> int | None:
    """Read the token of a JSON number, exponent included, exactly as `plain_number` does its form.

    Works on the digits alone, so that `1e5000000` costs nothing and never passes through binary floating point.
    """
    return _scaled(_JSON_NUMBER.fullmatch(token), places)


def _scaled(match: re.Match[str] | None, places: int) -> int | None:
    if match is None:
        return None
    sign, whole, fraction, power = match.groups(default="")
    digits = (whole + fraction).lstrip("0")
    significant = digits.rstrip("0")
    if not significant:
        return 0
    exponent_digits = power.lstrip("+-").lstrip("0")
    # Digits plus exponent decide the size; an exponent longer than any body's digits decides it alone.
    if len(exponent_digits) > _MAX_DIGITS:
        return None
    exponent = int(exponent_digits or "0") * (-1 if power.startswith("-") else 1) - len(fraction)
    exponent += len(digits) - len(significant)
    if len(significant) + exponent > _MAX_DIGITS or -exponent > places:
        return None
    value: int = int(significant) * 10 ** (exponent + places)
    return -value if sign else value


_HUNDREDTHS: Final = [f"{hundredth:02d}" for hundredth in range(100)]


def money_text(amount: Fen) -> str:
    """Write fen as yuan with two decimals: `1234.56`; zero is always `0.00`."""
    if amount < 0:
        return "-" + money_text(-amount)
    return f"{amount // 100}.{_HUNDREDTHS[amount % 100]}"


def decimal_text(value: int, places: int) -> str:
    """Write a value in units of 10^-`places` as the shortest text that says it exactly: `12.5`, `-3`."""
    if value < 0:
        return "-" + decimal_text(-value, places)
    whole, part = divmod(value, 10**places)
    return f"{whole}.{part:0{places}d}".rstrip("0") if part else str(whole)


def rate_text(rate: int) -> str:
    """Write ten-thousandths as a share of 1 with four decimals: `0.9500`."""
    return f"{rate // _RATE_UNITS}.{rate % _RATE_UNITS:04d}"


def grouped(amount: Fen) -> str:
    """Write fen as yuan for people's eyes: `12,340.00`."""
    sign, size = ("−", -amount) if amount < 0 else ("", amount)
    return f"{sign}{size // 100:,}.{size % 100:02d}"


def percent(rate: int) -> str:
    """Write a rate for people's eyes: `80%`, `33.33%`."""
    whole, rest = divmod(rate, 100)
    return f"{whole}.{rest:02d}".rstrip("0") + "%" if rest else f"{whole}%"


def quotient(part: int, whole: int) -> Rate:
    """The share `part / whole` with four decimals, half up. Both are ≥ 0 and `whole` is above 0."""
    return Rate(rounded(part * _RATE_UNITS, whole))
