"""`onestop replay --what-if`: what other packs would have given, as tables and, one row a bill, as CSV."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, contextmanager
from itertools import count
from typing import TYPE_CHECKING, Final

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from app.commands.ledgers import FOUND_EXIT, fail, opened_ledger
from app.commands.progress import progress_bar
from app.commands.tables import PAYERS
from app.commands.targets import Unusable, target
from app.policies.catalogue import load_folder
from app.policies.errors import PacksRefused
from app.settlement.money import grouped, money_text
from app.settlement.result import Payers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from app.settlement.money import Fen
    from app.usecases.what_if import Otherwise, Sums, WhatIf

MOST_PERSONS: Final = 50
MOST_REFUSED: Final = 1_000
TABLE_WIDTH: Final = 120
_SHOWN_DIGITS: Final = 12
_BLOCK: Final = 256 * 1024


def run_what_if(packs: Path, out: Path | None, output: str) -> None:
    """Settle the bills in force with the packs of a folder and say who would be owed; record nothing."""
    from app.api import recorded
    from app.store.replay import count_bills_in_force, read_through
    from app.usecases.what_if import what_if

    try:
        catalogue = load_folder(packs)
        with opened_ledger("replay", at_head=True) as ledger:
            expected = read_through(ledger, count_bills_in_force)
            refused: dict[str, str] = {}
            receiver = _receiver(out, expected, refused)
            sums = what_if(ledger, catalogue, recorded, receiver)
    except PacksRefused as error:
        typer.echo(str(error), err=True)
        fail("replay", "there are errors in the packs, nothing is settled", FOUND_EXIT)
    except Unusable as error:
        fail("replay", str(error))
    except ValueError:
        fail("replay", "a stored request cannot be read back: `onestop replay` without --what-if names it", FOUND_EXIT)
    if output == "json":
        typer.echo(json.dumps(_document(sums, refused), ensure_ascii=False, indent=2))
    else:
        _print_tables(sums, refused)


Receiver = Callable[[], AbstractContextManager[Callable[["Otherwise"], None]]]


def _receiver(out: Path | None, expected: int, refused: dict[str, str]) -> Receiver:
    """Make what is told of each bill: for the file, for the list of refused ones, for the progress bar."""

    @contextmanager
    def opened() -> Iterator[Callable[[Otherwise], None]]:
        refused.clear()
        with _rows(out) as write, progress_bar("what if", expected) as show:
            bills = count(1)

            def tell(bill: Otherwise) -> None:
                write(bill)
                if bill.refused and len(refused) < MOST_REFUSED:
                    refused[bill.record.settlement_id] = bill.refused
                show(next(bills))

            yield tell

    return opened


@contextmanager
def _rows(out: Path | None) -> Iterator[Callable[[Otherwise], None]]:
    """Write bills as CSV, to a file that appears only when it is whole; nothing where none is asked for."""
    if out is None:
        yield lambda _bill: None
        return
    block = io.StringIO(newline="")
    rows = csv.writer(block)
    with target(out) as write:

        def flush() -> None:
            write(block.getvalue().encode())
            block.seek(0)
            block.truncate()

        def add(bill: Otherwise) -> None:
            rows.writerow(_row(bill))
            if block.tell() > _BLOCK:
                flush()

        rows.writerow(COLUMNS)
        yield add
        flush()


_OF_THE_BILL: Final = ("settlement_id", "facility_code", "bill_id", "person", "insurance_year", "tier")
COLUMNS: Final = (
    *_OF_THE_BILL,
    *[f"{payer}_{what}" for payer in Payers._fields for what in ("old", "new", "difference")],
    "refused",
)


def _row(bill: Otherwise) -> list[object]:
    record = bill.record
    person, year, _ = record.person_year
    amounts = [
        money_text(amount)
        for old, new in zip(record.payers, bill.payers, strict=True)
        for amount in (old, new, new - old)
    ]
    return [
        record.settlement_id,
        record.facility_code,
        record.bill_id,
        person,
        year,
        record.tier,
        *amounts,
        bill.refused,
    ]


def _print_tables(sums: WhatIf, refused: dict[str, str]) -> None:
    console = Console(width=None if sys.stdout.isatty() else TABLE_WIDTH, highlight=False, emoji=False, markup=False)
    payers: Rows = [((_payer(payer),), each) for payer, each in sums.by_payer.items()]
    console.print(_table("By payer", ("Payer",), payers))
    tiers: Rows = [((tier, _payer(payer)), each) for (tier, payer), each in _tiers(sums) if any(each)]
    console.print(_table("By tier of the hospital", ("Tier", "Payer"), tiers))
    persons = _persons(sums)
    largest: Rows = [((f"{person[:_SHOWN_DIGITS]}…",), each) for person, each in persons[:MOST_PERSONS]]
    if persons:
        console.print(_table("By person: what is left to the patient", ("Person",), largest))
    if len(persons) > MOST_PERSONS:
        typer.echo(
            f"… and {len(persons) - MOST_PERSONS:,} more persons with a smaller difference; --out has every bill"
        )
    for settlement_id, code in refused.items():
        typer.echo(f"{settlement_id} is refused by these packs ({code}) and stays as it is")
    if sums.refused > len(refused):
        typer.echo(f"… and {sums.refused - len(refused):,} more refused")
    typer.echo(
        f"{sums.bills:,} bills in force, {sums.changed:,} split otherwise, {sums.refused:,} refused; nothing recorded"
    )


Rows = list[tuple[tuple[str, ...], "Sums"]]


def _table(title: str, names: tuple[str, ...], rows: Rows) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", header_style="bold")
    for name in names:
        table.add_column(name, overflow="fold")
    for name in ("Recorded", "With these packs", "Difference"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("")
    for cells, each in rows:
        amounts = (grouped(each.old), grouped(each.new), grouped(each.difference))
        style = "" if each.difference else "dim"
        table.add_row(*[Text(cell) for cell in (*cells, *amounts, _side(each.difference))], style=style)
    return table


def _side(difference: Fen) -> str:
    """Whoever would pay more owes it; whoever would pay less is owed it."""
    return "owes" if difference > 0 else "is owed" if difference < 0 else ""


def _payer(payer: str) -> str:
    return " ".join(PAYERS[payer])


def _tiers(sums: WhatIf) -> list[tuple[tuple[str, str], Sums]]:
    """By tier, and within a tier in the order in which they pay."""
    order = list(PAYERS)
    return sorted(sums.by_tier.items(), key=lambda each: (each[0][0], order.index(each[0][1])))


def _persons(sums: WhatIf) -> list[tuple[str, Sums]]:
    """The persons to whom another amount would be left, the largest difference first."""
    changed = [(person, each) for person, each in sums.by_person.items() if each.difference]
    return sorted(changed, key=lambda each: (-abs(each[1].difference), each[0]))


def _document(sums: WhatIf, refused: dict[str, str]) -> dict[str, object]:
    return {
        "bills": sums.bills,
        "changed": sums.changed,
        "refused_count": sums.refused,
        "by_payer": [{"payer": payer} | _amounts(each) for payer, each in sums.by_payer.items()],
        "by_tier": [{"tier": tier, "payer": payer} | _amounts(each) for (tier, payer), each in _tiers(sums)],
        "by_person": [{"person": person} | _amounts(each) for person, each in _persons(sums)],
        "refused": [{"settlement_id": each, "code": code} for each, code in refused.items()],
    }


def _amounts(sums: Sums) -> dict[str, str]:
    return {"old": money_text(sums.old), "new": money_text(sums.new), "difference": money_text(sums.difference)}
