"""Scope (报销范围): what each line contributes to T, C, O, P and E. settlement.md §4."""

from __future__ import annotations

from typing import Final, NamedTuple

from app.settlement.bill import DRUGS, LineValues
from app.settlement.case import Case
from app.settlement.money import COST_UNITS, NO_RATE, WHOLE, ZERO, Fen, Price, Quantity, Rate, cost, times
from app.settlement.pack import ScopePolicy
from app.settlement.result import Costs, LineScope, RatioFrom

# A product below 1,000,000 yuan of a quantity and a price of at least 0.01 keeps both within their limits, and the
# amount near it too.
_LEAST_QUANTITY: Final = 100
_LEAST_PRICE: Final = 10_000
_HIGH_COST: Final = 10**16
_HIGH_PRICE: Final = 10**14
# Less than one and a half fen above quantity × unit price, or less than one below, an amount is within one of what
# that rounds to, and not negative.
_NEARLY: Final = 3 * COST_UNITS // 2


class Scope(NamedTuple):
    """What one pass over the lines finds.

    `suspects` are the indexes of lines that are not plainly sound: refusals look at these rule by rule. It may hold
    sound ones (every refund is in it), but never misses one. `drugs` and `catalogue_drugs` are the signed amounts of
    the drug and herbal-drug lines, of all of them and of those in class A and B, in fen.
    """

    lines: list[LineScope]
    costs: Costs
    suspects: list[int]
    drugs: Fen
    catalogue_drugs: Fen


def scope_lines(lines: tuple[LineValues, ...], case: Case, policy: ScopePolicy) -> Scope:  # noqa: C901 # one pass
    """Divide every line into full self-pay (全自费), over ceiling (超限价), first self-pay (先行自付) and eligible.

    桂人社发〔2017〕74号 二(二)3: for a preferred patient in the area an essential medicine of class B is paid as
    class A (药品报销倾斜). Also the sums T, C, O, P and E; C or E may come out below 0: `refusals` looks at that.
    """
    # One plain loop that does all that each line needs: five thousand pass through here.
    by_category = policy.class_b_by_category
    default = policy.class_b_default
    as_class_a = case.preferred and case.in_area and policy.essential_medicine_as_class_a
    scoped: list[LineScope] = []
    add = scoped.append
    suspects: list[int] = []
    total = full_self_pay = over_ceiling = first_self_pay = drugs = catalogue_drugs = ZERO
    for values in lines:
        line_no, _, category, catalogue_class, quantity, unit_price, amount, ceiling_price, own_ratio, essential = (
            values
        )
        exact = quantity * unit_price
        if (
            quantity < _LEAST_QUANTITY
            or unit_price < _LEAST_PRICE
            or exact >= _HIGH_COST
            or (exact != amount * COST_UNITS and not -_NEARLY < exact - amount * COST_UNITS < COST_UNITS)
            or (ceiling_price is not None and not 0 <= ceiling_price < _HIGH_PRICE)
            or (own_ratio is not None and not (catalogue_class == "B" and 0 <= own_ratio <= WHOLE))
            or (essential and (catalogue_class == "C" or category not in DRUGS))
        ):
            suspects.append(len(scoped))
        total += amount
        if category in DRUGS:
            drugs += amount
            if catalogue_class != "C":
                catalogue_drugs += amount
        if catalogue_class == "C":
            full_self_pay += amount
            add((line_no, amount, ZERO, ZERO, ZERO, None, None))
            continue
        over, within = ZERO, amount
        if ceiling_price is not None:
            over = _over(amount, quantity, ceiling_price)
            over_ceiling += over
            within = amount - over
        if catalogue_class == "A":
            add((line_no, ZERO, over, ZERO, within, None, None))
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
        add((line_no, ZERO, over, first, within - first, ratio, ratio_from))
    # Below 0 only by rounding, where a charge was refunded in other pieces than it was made in.
    over_ceiling = max(ZERO, over_ceiling)
    first_self_pay = max(ZERO, first_self_pay)
    eligible = total - full_self_pay - over_ceiling - first_self_pay
    costs = Costs(total, full_self_pay, over_ceiling, first_self_pay, eligible)
    return Scope(scoped, costs, suspects, drugs, catalogue_drugs)


def _over(amount: Fen, quantity: Quantity, ceiling_price: Price) -> Fen:
    """What of an amount is above its ceiling, with the amount's sign."""
    allowed = cost(abs(quantity), ceiling_price)
    if abs(amount) <= allowed:
        return ZERO
    return amount - allowed if amount > 0 else amount + allowed
