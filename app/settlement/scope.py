"""Scope (报销范围): what each line contributes to T, C, O, P and E. settlement.md §4."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from app.settlement.money import NO_RATE, ZERO, Fen, Price, Quantity, Rate, cost, times
from app.settlement.result import Costs, LineScope, RatioFrom

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.settlement.bill import Line
    from app.settlement.case import Case
    from app.settlement.pack import ScopePolicy


def scope_lines(lines: tuple[Line, ...], case: Case, policy: ScopePolicy) -> tuple[list[LineScope], Costs]:
    """Divide every line into full self-pay (全自费), over ceiling (超限价), first self-pay (先行自付) and eligible.

    桂人社发〔2017〕74号 二(二)3: for a preferred patient in the area an essential medicine of class B is paid as
    class A (药品报销倾斜). Also the sums T, C, O, P and E; C or E may come out below 0: `refusals` looks at that.
    """
    # One plain loop that adds up as it goes: five thousand lines pass through here.
    by_category = policy.class_b_by_category
    default = policy.class_b_default
    as_class_a = case.preferred and case.in_area and policy.essential_medicine_as_class_a
    scoped: list[LineScope] = []
    add = scoped.append
    total = full_self_pay = over_ceiling = first_self_pay = ZERO
    for line_no, _, category, catalogue_class, quantity, _, amount, ceiling_price, own_ratio, essential in lines:
        total += amount
        if catalogue_class == "C":
            full_self_pay += amount
            add(_new((line_no, amount, ZERO, ZERO, ZERO, None, None)))
            continue
        over = ZERO if ceiling_price is None else _over(amount, quantity, ceiling_price)
        over_ceiling += over
        within = amount - over
        if catalogue_class == "A":
            add(_new((line_no, ZERO, over, ZERO, within, None, None)))
            continue
        ratio: Rate
        ratio_from: RatioFrom
        if essential and as_class_a:
            ratio, ratio_from = NO_RATE, "essential_medicine"
        elif own_ratio is not None:
            ratio, ratio_from = own_ratio, "line"
        elif category in by_category:
            ratio, ratio_from = by_category[category], "category"
        else:
            ratio, ratio_from = default, "default"
        first = times(within, ratio)
        first_self_pay += first
        add(_new((line_no, ZERO, over, first, within - first, ratio, ratio_from)))
    # Below 0 only by rounding, where a charge was refunded in other pieces than it was made in.
    over_ceiling = max(ZERO, over_ceiling)
    first_self_pay = max(ZERO, first_self_pay)
    eligible = total - full_self_pay - over_ceiling - first_self_pay
    return scoped, Costs(total, full_self_pay, over_ceiling, first_self_pay, eligible)


def _over(amount: Fen, quantity: Quantity, ceiling_price: Price) -> Fen:
    """What of an amount is above its ceiling, with the amount's sign."""
    allowed = cost(abs(quantity), ceiling_price)
    if abs(amount) <= allowed:
        return ZERO
    return amount - allowed if amount > 0 else amount + allowed


# A line's scope from its seven values, without the detour over a constructor in Python.
_new: Callable[[tuple[int, Fen, Fen, Fen, Fen, Rate | None, RatioFrom | None]], LineScope] = partial(
    tuple.__new__, LineScope
)
