"""Answers as tables for people: who pays what, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

from rich.console import Group
from rich.table import Table
from rich.text import Text

from app.settlement.money import Fen, plain_number, quotient

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import RenderableType

Language = Literal["zh-CN", "en"]

PAYERS: Final[dict[str, tuple[str, str]]] = {
    "basic_insurance": ("基本医疗保险统筹基金", "Basic insurance, pooled fund"),
    "critical_illness": ("大病保险", "Critical-illness insurance"),
    "medical_assistance": ("医疗救助", "Medical assistance"),
    "emergency_aid": ("疾病应急救助", "Emergency aid"),
    "second_reimbursement": ("二次报销", "Second reimbursement"),
    "backstop": ("兜底保障", "Backstop"),
    "local_subsidy": ("适当补助", "Local subsidy"),
    "patient": ("个人支付", "Patient"),
}


def answer_table(answer: Mapping[str, Any], language: Language) -> RenderableType:
    """Show an answer of the preview or of `onestop settle`: the split, or why there is none."""
    return _refusal_table(answer) if "errors" in answer else _split_table(answer, language)


def _split_table(answer: Mapping[str, Any], language: Language) -> RenderableType:
    total = _fen(answer["costs"]["total"])
    why = {stage["stage"]: stage["text"][language] for stage in answer["stages"]}
    table = Table(title=_title(answer), title_justify="left", show_footer=True)
    table.add_column("Payer", footer="Total", overflow="fold")
    table.add_column("Amount", justify="right", footer=answer["costs"]["total"], no_wrap=True)
    table.add_column("Share", justify="right", footer="100.00%", no_wrap=True)
    table.add_column("Why", footer=_costs(answer), overflow="fold", ratio=1)
    for payer, amount in answer["payers"].items():
        share = quotient(_fen(amount), total)
        names = "\n".join(PAYERS[payer])
        reason = _patient(answer) if payer == "patient" else why[payer]
        style = "bold" if payer == "patient" else ("" if _fen(amount) else "dim")
        table.add_row(names, amount, f"{share // 100}.{share % 100:02d}%", reason, style=style)
    notes = Text(f"deductible: {why['deductible']}\n{_notes(answer)}")
    return Group(table, notes)


def _title(answer: Mapping[str, Any]) -> str:
    policy = answer["policy"]
    return f"Bill {answer['bill_id']} · {policy['id']} · area {policy['area']} · year {answer['insurance_year']}"


def _costs(answer: Mapping[str, Any]) -> str:
    return " · ".join(f"{name.replace('_', ' ')} {amount}" for name, amount in answer["costs"].items())


def _patient(answer: Mapping[str, Any]) -> str:
    return f"due {answer['amount_due']} · refund {answer['refund_due']} (of what was prepaid)"


def _notes(answer: Mapping[str, Any]) -> str:
    notes = [
        f"reimbursed: {answer['actual_reimbursement_ratio']} of the total",
        "deposit required" if answer["deposit_required"] else "no deposit: treat first, pay later (先诊疗后付费)",
    ]
    drugs = answer["catalogue_drug_ratio"]
    if drugs:
        met = "met" if drugs["met"] else "not met"
        notes.append(f"drugs within the catalogue: {drugs['ratio']}, at least {drugs['threshold']} asked for: {met}")
    return " · ".join(notes)


def _refusal_table(answer: Mapping[str, Any]) -> RenderableType:
    title = f"Refused: {answer['title']} ({answer['status']} {answer['code']})"
    if not answer["errors"]:
        return Text(f"{title}: {answer['detail']}", style="red")
    table = Table(title=title, title_justify="left", title_style="red")
    table.add_column("Where", overflow="fold")
    table.add_column("Code", overflow="fold")
    table.add_column("What", overflow="fold", ratio=1)
    for error in answer["errors"]:
        table.add_row(error["pointer"] or "(the whole request)", error["code"], error["detail"])
    return table


def _fen(text: str) -> Fen:
    fen = plain_number(text, 2)
    assert fen is not None, "our own answers hold plain amounts"
    return Fen(fen)
