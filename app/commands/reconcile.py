"""`onestop reconcile`: the other side's file against the ledger, from the command line."""

from __future__ import annotations

import gzip
import json
import sys
from datetime import date, timedelta
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from app.commands.ledgers import FOUND_EXIT, clock, fail, opened_ledger, operator
from app.commands.progress import progress_bar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.table import Table

    from app.store.reconciliations import Side
    from app.store.scratch import Entry
    from app.usecases.reconcile import Mark

TABLE_WIDTH: Final = 120
_FORMS: Final = {".json": "json", ".csv": "csv", ".parquet": "parquet"}
_SHOWN_EVERY: Final = 10_000
_COMMAND: Final = "reconcile"


class Payer(Enum):
    """Whose payments are compared."""

    basic_insurance = "basic_insurance"
    critical_illness = "critical_illness"
    medical_assistance = "medical_assistance"
    emergency_aid = "emergency_aid"
    second_reimbursement = "second_reimbursement"
    backstop = "backstop"
    local_subsidy = "local_subsidy"


class Payment(Enum):
    """What an insurer says of backstops."""

    paid = "paid"
    refused = "refused"


class Format(Enum):
    """How the outcome is printed."""

    table = "table"
    json = "json"


def reconcile(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Their rows: .json, .csv or .parquet.")],
    *,
    since: Annotated[str, typer.Option("--from", metavar="DATE", help="The first UTC day of recording.")],
    until: Annotated[str, typer.Option("--to", metavar="DATE", help="The last UTC day of recording, included.")],
    payer: Annotated[Payer, typer.Option(help="Whose payments.")] = Payer.backstop,
    area: Annotated[list[str] | None, typer.Option(help="Only these pooling areas; all where none is named.")] = None,
    mark: Annotated[
        Payment | None, typer.Option(help="Say this of the backstops that match; needs --reference.")
    ] = None,
    reference: Annotated[str | None, typer.Option(help="The insurer's own, for --mark.")] = None,
    out: Annotated[Path | None, typer.Option(help="Write all differences there, as CSV.")] = None,
    output: Annotated[Format, typer.Option("--format", help="Tables, or JSON for programs.")] = Format.table,
) -> None:
    """Compare the other side's rows of a period with the ledger's, and record the run.

    A row is a facility, a bill's id, an amount and a day of the period. Exit status 1 where anything differs.
    """
    first, last = _day("--from", since), _day("--to", until)
    if last < first:
        fail(_COMMAND, "--to: expected a day not before --from")
    if file.suffix.lower() not in _FORMS:
        fail(_COMMAND, f"{file}: expected a name that ends with {', '.join(_FORMS)}")
    if not file.is_file():
        fail(_COMMAND, f"{file}: there is no such file")
    answer, report = _run(file, (first, last), payer, frozenset(area or ()), _marking(payer, mark, reference))
    if out is not None:
        out.write_bytes(gzip.decompress(report))
    members = json.loads(answer)
    if output is Format.json:
        typer.echo(answer.decode())
    else:
        _print(members, out)
    if members["matched"]["bills"] != members["total"]["bills"]:
        raise typer.Exit(FOUND_EXIT)


def _run(
    file: Path, days: tuple[date, date], payer: Payer, areas: frozenset[str], mark: Mark | None
) -> tuple[bytes, bytes]:
    from app.api import records
    from app.api.reconciling import Period, RowsRefused, read_rows, write_run
    from app.api.strict_json import NotJson
    from app.exchange.uploads import WrongTable
    from app.policies.catalogue import load_shipped
    from app.store.keys import names_text
    from app.usecases import reconcile as use_case
    from app.usecases.recording import Recorder

    side = _side(payer, days, areas)
    try:
        with opened_ledger(_COMMAND, at_head=True) as ledger, progress_bar(file.name) as show:
            recorder = Recorder(ledger, load_shipped(), clock, records)
            rows = _counted(read_rows(file, _FORMS[file.suffix.lower()], Period(*days)), show)
            bounds = f"admin {names_text(areas)}"
            run = use_case.reconcile(recorder, side, bounds, rows, mark, operator(), write_run)
    except RowsRefused as refused:
        for finding in refused.findings:
            typer.echo(f"{file}{finding.pointer}: {finding.detail}", err=True)
        fail(_COMMAND, "nothing is compared: rows are numbered from 0, and the first hundred errors are above")
    except (NotJson, WrongTable) as error:
        fail(_COMMAND, f"{file}: {error}")
    return run.answer, run.report


def _side(payer: Payer, days: tuple[date, date], areas: frozenset[str]) -> Side:
    from app.store.reconciliations import Side

    first, last = days
    return Side(payer.value, first.isoformat(), (last + timedelta(days=1)).isoformat(), None, areas or None)


def _marking(payer: Payer, mark: Payment | None, reference: str | None) -> Mark | None:
    from app.usecases.reconcile import Mark

    if (mark is None) != (reference is None):
        fail(_COMMAND, "--mark and --reference go together")
    if mark is None or reference is None:
        return None
    if payer is not Payer.backstop:
        fail(_COMMAND, "--mark is for the backstop")
    if not 1 <= len(reference) <= 64 or not reference.isprintable():  # noqa: PLR2004 # as long as an identifier
        fail(_COMMAND, "--reference: expected 1 to 64 characters, none of them a control character")
    return Mark(mark.value, reference)


def _counted(rows: Iterator[Entry], show: Callable[..., None]) -> Iterator[Entry]:
    for number, row in enumerate(rows, 1):
        if number % _SHOWN_EVERY == 0:
            show(number)
        yield row


def _day(option: str, text: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = None
    if day is None or day.isoformat() != text or day == date.max:
        fail(_COMMAND, f"{option}: expected a day such as 2026-11-30")
    return day


def _print(members: dict[str, Any], out: Path | None) -> None:
    from rich.console import Console

    console = Console(width=None if sys.stdout.isatty() else TABLE_WIDTH, highlight=False)
    console.print(f"{members['payer']}, {members['from']} to {members['to']}, run {members['reconciliation_id']}")
    console.print(_sums(members))
    if members["differences"]:
        console.print(_differences(members["differences"]))
        more = members["total"]["bills"] - members["matched"]["bills"] - len(members["differences"])
        if more:
            console.print(f"… and {more:,} more, {f'all in {out}' if out else 'which --out FILE writes'}")
    if members["marked"]:
        marked = members["marked"]
        console.print(f"{marked['backstops']:,} backstops are {marked['payment']} now, under {marked['reference']}")
    console.print(f"hash {members['hash']}", soft_wrap=True)


def _sums(members: dict[str, Any]) -> Table:
    from rich.table import Table

    table = Table(header_style="bold")
    table.add_column("")
    for name in ("Bills", "Here", "There", "There less here"):
        table.add_column(name, justify="right")
    words = {
        "matched": "matched",
        "missing_here": "missing here",
        "missing_there": "missing there",
        "amount_differs": "amount differs",
        "total": "total",
    }
    for kind, word in words.items():
        each = members[kind]
        table.add_row(word, f"{each['bills']:,}", each["here"], each["there"], each["difference"])
    return table


def _differences(differences: list[dict[str, Any]]) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(header_style="bold")
    for name, justify in (("Facility", "left"), ("Bill", "left"), ("Here", "right"), ("There", "right")):
        table.add_column(name, justify=justify, overflow="fold")  # type: ignore[arg-type]  # two of rich's words
    for each in differences:
        # As they are: a terminal obeys nothing of what somebody sent.
        cells = [each["facility"], each["bill_id"], each["here"] or "–", each["there"] or "–"]
        table.add_row(*[Text(cell) for cell in cells])
    return table
