"""The floor: a bare loop of integer arithmetic over the same lines and the eight stages as bare formulas.

It gives the eight payers and nothing else: no result objects, no explanation, no year to date after. The loop with
the amount check is the floor that the goal speaks of; the barer one leaves the check out.
"""

from bench.peers.integers import CLASS_B, CLASS_C, BillInts, PackInts

Payers = tuple[int, int, int, int, int, int, int, int]
PIECE_PRICE = 100_000_000  # quantity (10⁻⁴) × unit price (10⁻⁶ yuan) to fen
HALF_PIECE_PRICE = PIECE_PRICE // 2


class LineAmountMismatch(ValueError):
    """A line's amount is not its quantity × unit price."""


def settle_bare(bill: BillInts, pack: PackInts) -> Payers:
    """Settle with the amount check of every line."""
    paid_as_class_a = bill.poor and bill.compliant and bill.designated and bill.in_area and pack.essential_as_class_a
    ratios = pack.class_b_ratio
    total = full_self_pay = over_ceiling = first_self_pay = 0
    for catalogue_class, category, quantity, price, amount, ceiling, ratio, essential in bill.lines:
        exact = quantity * price
        if exact >= 0:
            if not -1 <= amount - (exact + HALF_PIECE_PRICE) // PIECE_PRICE <= 1:
                raise LineAmountMismatch
        elif not -1 <= amount + (HALF_PIECE_PRICE - exact) // PIECE_PRICE <= 1:
            raise LineAmountMismatch
        total += amount
        if catalogue_class == CLASS_C:
            full_self_pay += amount
            continue
        counted = amount if amount >= 0 else -amount
        if ceiling >= 0:
            allowed = (ceiling * (quantity if quantity >= 0 else -quantity) + HALF_PIECE_PRICE) // PIECE_PRICE
            if counted > allowed:
                over_ceiling += counted - allowed if amount >= 0 else allowed - counted
                counted = allowed
        if catalogue_class == CLASS_B and not (essential and paid_as_class_a):
            share = (counted * (ratio if ratio >= 0 else ratios[category]) + 5_000) // 10_000
            first_self_pay += share if amount >= 0 else -share
    return stages(bill, pack, total, full_self_pay, max(0, over_ceiling), max(0, first_self_pay))


def settle_barer(bill: BillInts, pack: PackInts) -> Payers:
    """Settle without looking for anything to refuse."""
    paid_as_class_a = bill.poor and bill.compliant and bill.designated and bill.in_area and pack.essential_as_class_a
    ratios = pack.class_b_ratio
    total = full_self_pay = over_ceiling = first_self_pay = 0
    for catalogue_class, category, quantity, _price, amount, ceiling, ratio, essential in bill.lines:
        total += amount
        if catalogue_class == CLASS_C:
            full_self_pay += amount
            continue
        counted = amount if amount >= 0 else -amount
        if ceiling >= 0:
            allowed = (ceiling * (quantity if quantity >= 0 else -quantity) + HALF_PIECE_PRICE) // PIECE_PRICE
            if counted > allowed:
                over_ceiling += counted - allowed if amount >= 0 else allowed - counted
                counted = allowed
        if catalogue_class == CLASS_B and not (essential and paid_as_class_a):
            share = (counted * (ratio if ratio >= 0 else ratios[category]) + 5_000) // 10_000
            first_self_pay += share if amount >= 0 else -share
    return stages(bill, pack, total, full_self_pay, max(0, over_ceiling), max(0, first_self_pay))


def stages(bill: BillInts, pack: PackInts, total: int, full_self_pay: int, over: int, first_self_pay: int) -> Payers:
    """The eight stages on the sums of the lines."""
    (total_cost, basic_paid, illness_base, illness_paid, assistance_base, assistance_paid, second_paid, covered,
     backstop_base, backstop_covered, backstop_paid, subsidy_paid) = bill.year  # fmt: skip
    eligible = total - full_self_pay - over - first_self_pay
    tier, poor, compliant, designated = bill.tier, bill.poor, bill.compliant, bill.designated

    if bill.chronic:
        deductible, rate = pack.chronic_deductible, pack.chronic_rate[tier]
    else:
        deductible = 0 if poor and designated and bill.in_area and pack.waived else pack.deductible[tier][bill.repeat]
        if not bill.in_area:
            rate = pack.approved_rate[tier] if compliant else pack.unapproved_rate[tier]
        else:
            rate = pack.basic_rate[tier] if compliant else max(0, pack.basic_rate[tier] - pack.unreferred_reduction)
    if poor and compliant and designated:
        rate = min(10_000, rate + pack.rate_bonus)
    deductible = min(deductible, eligible)
    basic = min(((eligible - deductible) * rate + 5_000) // 10_000, max(0, pack.basic_cap - basic_paid))

    base = eligible - basic
    if pack.with_first_self_pay:
        base += first_self_pay
    if not pack.with_deductible:
        base -= deductible
    illness = illness_share(illness_base + base, pack, poor) - illness_share(illness_base, pack, poor)
    illness = min(illness, max(0, pack.illness_cap - illness_paid), base)

    assistance, row, left = 0, pack.assistance[bill.status], max(0, eligible - basic - illness)
    if row is not None:
        usable = max(0, assistance_base + left - row[1]) - max(0, assistance_base - row[1])
        assistance = min((usable * row[0] + 5_000) // 10_000, max(0, row[2] - assistance_paid))

    burden = total - basic - illness - assistance
    aid = min(bill.aid, burden)
    burden -= aid
    second = backstop = subsidy = 0
    if poor:
        second_base = max(0, burden - full_self_pay - over)
        second = min((second_base * pack.second_rate + 5_000) // 10_000, max(0, pack.second_cap - second_paid))
        burden -= second
        if compliant and designated:
            stay = total if pack.backstop_on_total else eligible + first_self_pay
            if not pack.backstop_annual:
                backstop_base = backstop_covered = 0
            target = ((backstop_base + stay) * pack.backstop_target + 5_000) // 10_000
            need = target - backstop_covered - (total - burden)
            backstop = min(max(0, need), burden, max(0, pack.backstop_cap - backstop_paid))
            burden -= backstop
        if pack.subsidy_share:
            own = ((total_cost + total) * pack.own_share + 5_000) // 10_000
            excess = min(max(0, total_cost - covered - subsidy_paid + burden - own), burden)
            subsidy = min((excess * pack.subsidy_share + 5_000) // 10_000, max(0, pack.subsidy_cap - subsidy_paid))
            burden -= subsidy
    return basic, illness, assistance, aid, second, backstop, subsidy, burden


def illness_share(base: int, pack: PackInts, poor: bool) -> int:
    """What critical-illness insurance has paid when that much of the year was its base; excess in 10⁻⁴ fen."""
    threshold = pack.threshold * (pack.threshold_factor if poor else 10_000)
    bonus = pack.band_bonus if poor else 0
    excess, lower, paid = base * 10_000 - threshold, 0, 0
    for bound, rate in pack.bands:
        if excess <= lower:
            break
        upper = bound * 10_000
        paid += (min(excess, upper) - lower) * min(10_000, rate + bonus)
        lower = upper
    return (paid + 50_000_000) // 100_000_000
