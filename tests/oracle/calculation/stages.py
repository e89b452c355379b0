"""The stages of settlement.md §5.1 to §5.8, each paying out of what the one before it left."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from .exact import ZERO, clamp, four_decimals, money, round_to_fen
from .packs import Pack
from .rates import basic_rate, critical_illness_f, critical_illness_threshold, deductible_of, last, under_cap
from .request import YEAR_TO_DATE_FIELDS
from .scope import Scope
from .stay import stay_of


class Account:
    """One bill on its way through the stages: what is left of it, and what each stage said."""

    def __init__(self, bill: dict[str, Any], pack: Pack, scope: Scope) -> None:
        self.bill = bill
        self.pack = pack
        self.stay = stay_of(bill)
        self.scope = scope
        self.before: dict[str, Decimal] = bill["year_to_date"]
        self.increase: dict[str, Decimal] = dict.fromkeys(YEAR_TO_DATE_FIELDS, ZERO)
        self.burden = self.scope.total
        self.paid: dict[str, Decimal] = {}
        self.stages: list[dict[str, Any]] = []
        self.deductible = ZERO
        self.waived = ZERO

    def block(self, name: str) -> dict[str, Any]:
        """The pack's block; empty where it is absent."""
        block: dict[str, Any] = self.pack.policy.get(name) or {}
        return block

    def say(self, stage: str, reason: str, rate: Decimal | None, amount: Decimal) -> None:
        self.stages.append(
            {
                "stage": stage,
                "applied": amount > 0 or reason == "waived",
                "reason": reason,
                "rate": None if rate is None else four_decimals(rate),
                "amount": money(amount),
            }
        )

    def pay(self, stage: str, reason: str, rate: Decimal | None, amount: Decimal) -> None:
        assert 0 <= amount <= self.burden
        self.burden -= amount
        self.paid[stage] = amount
        self.say(stage, reason, rate, amount)

    def deductible_5_1(self) -> None:
        stay, eligible = self.stay, self.scope.eligible
        d0 = deductible_of(self.bill, self.pack.policy)
        waiver = self.block("deductible")["waived_for_registered_poor"] is True
        waiver = waiver and stay.poor and stay.designated and stay.in_area and stay.inpatient
        if waiver:
            self.waived = min(d0, eligible)
        else:
            self.deductible = min(d0, eligible)
        if d0 == 0:
            reason = "not_enabled"
        elif waiver:
            reason = "waived"
        elif eligible > 0:
            reason = "applied"
        else:
            reason = "nothing_left"
        self.say("deductible", reason, None, self.deductible)

    def basic_insurance_5_2(self) -> None:
        stay, eligible = self.stay, self.scope.eligible
        rate = basic_rate(self.bill, stay, self.pack.policy)
        wanted = clamp(round_to_fen((eligible - self.deductible) * rate), ZERO, self.burden)
        amount = under_cap(wanted, self.block("basic_insurance"), self.before["basic_paid"])
        if stay.inpatient and rate == 0 and not stay.compliant:
            reason = "referral_not_compliant"
        elif stay.inpatient and rate == 0 and not stay.in_area:
            reason = "out_of_area"
        elif eligible == 0:
            reason = "nothing_left"
        elif eligible - self.deductible == 0:
            reason = "threshold_not_reached"
        else:
            reason = last(wanted, amount)
        self.increase["basic_paid"] = amount
        self.pay("basic_insurance", reason, rate, amount)

    def critical_illness_5_3(self) -> None:
        block, poor = self.block("critical_illness"), self.stay.poor
        if not block:
            self.pay("critical_illness", "not_enabled", None, ZERO)
            return
        base = self.scope.eligible - self.paid["basic_insurance"]
        if block.get("include_first_self_pay") is True:
            base += self.scope.first_self_pay
        if block.get("include_deductible") is False:
            base -= self.deductible
        before = self.before["critical_illness_base"]
        after = before + base
        rise = critical_illness_f(after, block, poor=poor) - critical_illness_f(before, block, poor=poor)
        wanted = clamp(rise, ZERO, min(base, self.burden))
        amount = under_cap(wanted, block, self.before["critical_illness_paid"])
        if base == 0:
            reason = "nothing_left"
        elif after <= critical_illness_threshold(block, poor=poor):
            reason = "threshold_not_reached"
        else:
            reason = last(wanted, amount)
        self.increase["critical_illness_base"] = base
        self.increase["critical_illness_paid"] = amount
        self.pay("critical_illness", reason, None, amount)

    def medical_assistance_5_4(self) -> None:
        block = self.block("medical_assistance")
        if not block:
            self.pay("medical_assistance", "not_enabled", None, ZERO)
            return
        row = block["statuses"].get(self.bill["patient"]["status"])
        if row is None:
            self.pay("medical_assistance", "status_not_covered", None, ZERO)
            return
        m = max(ZERO, self.scope.eligible - self.paid["basic_insurance"] - self.paid["critical_illness"])
        d = Decimal(row.get("annual_deductible") or "0")
        before = self.before["medical_assistance_base"]
        usable = max(ZERO, before + m - d) - max(ZERO, before - d)
        rate = Decimal(row["rate"])
        wanted = clamp(round_to_fen(usable * rate), ZERO, self.burden)
        amount = under_cap(wanted, row, self.before["medical_assistance_paid"])
        if m == 0:
            reason = "nothing_left"
        elif usable == 0:
            reason = "threshold_not_reached"
        else:
            reason = last(wanted, amount)
        self.increase["medical_assistance_base"] = m
        self.increase["medical_assistance_paid"] = amount
        self.pay("medical_assistance", reason, rate, amount)

    def emergency_aid_5_5(self) -> None:
        approved = self.bill["emergency_aid_approved"]
        if approved == 0:
            reason = "none_approved"
        elif self.burden == 0:
            reason = "nothing_left"
        else:
            reason = "applied"
        self.pay("emergency_aid", reason, None, min(approved, self.burden))

    def second_reimbursement_5_6(self) -> None:
        block = self.block("second_reimbursement")
        refused = self.not_for_this_patient(block)
        if refused:
            self.pay("second_reimbursement", refused, None, ZERO)
            return
        scope = self.scope
        base = max(ZERO, scope.total - scope.full_self_pay - scope.over_ceiling - sum(self.paid.values(), ZERO))
        rate = Decimal(block["rate"])
        wanted = clamp(round_to_fen(base * rate), ZERO, self.burden)
        amount = under_cap(wanted, block, self.before["second_reimbursement_paid"])
        self.increase["second_reimbursement_paid"] = amount
        self.pay("second_reimbursement", "nothing_left" if base == 0 else last(wanted, amount), rate, amount)

    def backstop_5_7(self) -> None:
        block, stay, scope = self.block("backstop"), self.stay, self.scope
        refused = self.not_for_this_patient(block)
        if refused:
            self.pay("backstop", refused, None, ZERO)
            return
        target = Decimal(block["target"])
        if not (stay.compliant and stay.designated):
            self.pay("backstop", "referral_not_compliant", target, ZERO)
            return
        k = scope.total if block["base"] == "total" else scope.eligible + scope.first_self_pay
        annual = block["basis"] == "annual"
        earlier_base = self.before["backstop_base"] if annual else ZERO
        earlier_covered = self.before["backstop_covered"] if annual else ZERO
        paid_in_this_bill = sum(self.paid.values(), ZERO)
        need = round_to_fen(target * (earlier_base + k)) - (earlier_covered + paid_in_this_bill)
        wanted = clamp(need, ZERO, self.burden)
        amount = under_cap(wanted, block, self.before["backstop_paid"])
        if need <= 0:
            reason = "target_met"
        elif self.burden == 0:
            reason = "nothing_left"
        else:
            reason = last(wanted, amount)
        self.increase["backstop_base"] = k
        self.increase["backstop_covered"] = paid_in_this_bill + amount
        self.increase["backstop_paid"] = amount
        self.pay("backstop", reason, target, amount)

    def local_subsidy_5_8(self) -> None:
        # The subsidy is the one payment that does not count as covered.
        self.increase["covered"] = sum(self.paid.values(), ZERO)
        block, before = self.block("local_subsidy"), self.before
        refused = self.not_for_this_patient(block)
        if refused:
            self.pay("local_subsidy", refused, None, ZERO)
            return
        borne = before["total_cost"] - before["covered"] - before["local_subsidy_paid"] + self.burden
        own = round_to_fen(Decimal(block["own_share"]) * (before["total_cost"] + self.scope.total))
        excess = clamp(borne - own, ZERO, self.burden)
        share = Decimal(block["share"])
        wanted = clamp(round_to_fen(excess * share), ZERO, self.burden)
        amount = under_cap(wanted, block, before["local_subsidy_paid"])
        if self.burden == 0:
            reason = "nothing_left"
        elif excess == 0:
            reason = "threshold_not_reached"
        else:
            reason = last(wanted, amount)
        self.increase["local_subsidy_paid"] = amount
        self.pay("local_subsidy", reason, share, amount)

    def not_for_this_patient(self, block: dict[str, Any]) -> str | None:
        if block.get("enabled") is not True:
            return "not_enabled"
        return None if self.stay.poor else "status_not_covered"
