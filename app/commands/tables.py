"""Answers as tables for people: who pays what, and why."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from rich import box
from rich.cells import cell_len
from rich.console import Group
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from app.settlement.money import Fen, grouped, percent, plain_number, quotient

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rich.console import Console, ConsoleOptions, RenderableType

Language = Literal["zh-CN", "en"]

# In the order in which they pay.
PAYERS: Final[dict[str, tuple[str, str]]] = {
    "basic_insurance": ("基本医疗保险", "Basic insurance"),
    "critical_illness": ("大病保险", "Critical illness"),
    "medical_assistance": ("医疗救助", "Medical assistance"),
    "emergency_aid": ("疾病应急救助", "Emergency aid"),
    "second_reimbursement": ("二次报销", "Second reimbursement"),
    "backstop": ("兜底", "Backstop"),
    "local_subsidy": ("适当补助", "Local subsidy"),
    "patient": ("个人负担", "Patient"),
}


class _Words(NamedTuple):
    """What stands around an answer's own numbers and sentences."""

    title: str
    costs: dict[str, str]
    reimbursed: str
    deposit: str
    no_deposit: str
    drugs: str
    met: str
    not_met: str
    left: str
    due: str
    refund: str
    refused: str
    whole: str


_WORDS: Final[dict[Language, _Words]] = {
    "zh-CN": _Words(
        title="账单 {bill} · 参保年度 {year} · 政策 {policy} · 地区 {area}",
        costs={"eligible": "范围内", "first_self_pay": "先行自付", "over_ceiling": "超限价", "full_self_pay": "全自费"},
        reimbursed="实际报销比例 {ratio}",
        deposit="需交押金",
        no_deposit="免交押金，先诊疗后付费",
        drugs="目录内药品占 {ratio}，要求 {threshold} 以上：{met}",
        met="达标",
        not_met="未达标",
        left="各方支付后的余额",
        due="扣除预交金应补 {amount} 元",
        refund="应退预交金 {amount} 元",
        refused="第 {number} 条未结算 · Request {number} is refused",
        whole="整个请求",
    ),
    "en": _Words(
        title="Bill {bill} · insurance year {year} · policy {policy} · area {area}",
        costs={
            "eligible": "eligible",
            "first_self_pay": "first self-pay",
            "over_ceiling": "over ceiling",
            "full_self_pay": "full self-pay",
        },
        reimbursed="{ratio} of the total is reimbursed",
        deposit="a deposit is required",
        no_deposit="no deposit: treat first, pay later",
        drugs="drugs within the catalogue {ratio}, at least {threshold} asked for: {met}",
        met="met",
        not_met="not met",
        left="What is left after all payers",
        due="{amount} due beyond the prepayment",
        refund="{amount} of the prepayment returned",
        refused="Request {number} is refused",
        whole="the whole request",
    ),
}


def answer_table(answer: Mapping[str, Any], language: Language, number: int = 1) -> RenderableType:
    """Show an answer of the preview or of `onestop settle`: the split, or why there is none.

    `number` says which request it was, since a refusal names no bill.
    """
    words = _WORDS[language]
    return _refusal_table(answer, words, number) if "errors" in answer else _split_table(answer, language, words)


def _split_table(answer: Mapping[str, Any], language: Language, words: _Words) -> RenderableType:
    total = answer["costs"]["total"]
    why = {stage["stage"]: stage["text"][language] for stage in answer["stages"]}
    table = Table(box=box.ROUNDED, show_footer=True, header_style="bold", footer_style="bold")
    table.add_column("支付方\nPayer", footer="合计\nTotal", overflow="fold")
    table.add_column("金额\nAmount", footer=_money(total), justify="right", no_wrap=True)
    table.add_column("占比\nShare", footer="100.00%", justify="right", no_wrap=True)
    table.add_column("原因\nWhy", footer=_costs(answer, words), ratio=1)
    for payer, amount in answer["payers"].items():
        names = PAYERS[payer] if language == "zh-CN" else PAYERS[payer][::-1]
        reason = _patient(answer, words) if payer == "patient" else why[payer]
        style = "bold" if payer == "patient" else ("" if _fen(amount) else "dim")
        table.add_row("\n".join(names), _money(amount), _share(amount, total), _Folded(reason), style=style)
    return Group(_Folded(_title(answer, words), "bold"), table, _Folded(why["deductible"]), _notes(answer, words))


def _title(answer: Mapping[str, Any], words: _Words) -> str:
    policy = answer["policy"]
    return words.title.format(
        bill=_printable(answer["bill_id"]), year=answer["insurance_year"], policy=policy["id"], area=policy["area"]
    )


def _printable(text: str) -> str:
    """A caller's text without signs that a terminal would obey."""
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text)


def _costs(answer: Mapping[str, Any], words: _Words) -> _Folded:
    return _Folded(" · ".join(f"{name} {_money(answer['costs'][cost])}" for cost, name in words.costs.items()))


def _patient(answer: Mapping[str, Any], words: _Words) -> str:
    parts = [words.left]
    if _fen(answer["amount_due"]):
        parts.append(words.due.format(amount=_money(answer["amount_due"])))
    if _fen(answer["refund_due"]):
        parts.append(words.refund.format(amount=_money(answer["refund_due"])))
    return ("，" if words is _WORDS["zh-CN"] else "; ").join(parts)


def _notes(answer: Mapping[str, Any], words: _Words) -> _Folded:
    notes = [
        words.reimbursed.format(ratio=_percent(answer["actual_reimbursement_ratio"])),
        words.deposit if answer["deposit_required"] else words.no_deposit,
    ]
    drugs = answer["catalogue_drug_ratio"]
    if drugs:
        met = words.met if drugs["met"] else words.not_met
        ratio, threshold = _percent(drugs["ratio"]), _percent(drugs["threshold"])
        notes.append(words.drugs.format(ratio=ratio, threshold=threshold, met=met))
    return _Folded(" · ".join(notes))


def _refusal_table(answer: Mapping[str, Any], words: _Words, number: int) -> RenderableType:
    title = _Folded(f"{words.refused.format(number=number)} ({answer['status']} {answer['code']})", "bold red")
    if not answer["errors"]:
        return Group(title, _Folded(answer["detail"]))
    table = Table(box=box.ROUNDED, header_style="bold")
    table.add_column("位置\nWhere", overflow="fold")
    table.add_column("代码\nCode", overflow="fold")
    table.add_column("说明\nWhat", ratio=1)
    for error in answer["errors"]:
        table.add_row(Text(error["pointer"] or words.whole), Text(error["code"]), _Folded(error["detail"]))
    return Group(title, table)


class _Folded:
    """Text folded between words, and between Chinese characters, but never inside a number."""

    def __init__(self, text: str, style: str = "") -> None:
        self.text = text
        self.style = style

    def __rich_console__(self, _console: Console, options: ConsoleOptions) -> Iterator[Text]:
        lines = [""]
        for piece in _BREAKS.split(self.text):
            if lines[-1] and cell_len(lines[-1] + piece.rstrip()) > options.max_width:
                lines.append("")
            lines[-1] += piece if lines[-1] else piece.lstrip()
        yield Text("\n".join(line.rstrip() for line in lines), style=self.style, overflow="fold")

    def __rich_measure__(self, _console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement(min(20, options.max_width), min(max(cell_len(self.text), 1), options.max_width))


# Where a line may end: behind a space, unless a number's unit follows, and beside a Chinese character, unless a sign
# that closes follows or one that opens stands before.
_BREAKS: Final = re.compile(
    r"""(?<=\s)(?=\S)(?!元|yuan\b)
      | (?<=[\u3400-\u9fff，。；：、）》〕])(?=[^\s，。；：、）》〕])
      | (?<=[^\s（《〔])(?=[\u3400-\u9fff（《〔])""",
    re.VERBOSE,
)


def _fen(text: str) -> Fen:
    fen = plain_number(text, 2)
    assert fen is not None, "our own answers hold plain amounts"
    return Fen(fen)


def _money(text: str) -> str:
    return grouped(_fen(text))


def _share(amount: str, total: str) -> str:
    share = quotient(_fen(amount), _fen(total))
    return f"{share // 100}.{share % 100:02d}%"


def _percent(text: str) -> str:
    rate = plain_number(text, 4)
    assert rate is not None, "our own answers hold plain rates"
    return percent(rate)
