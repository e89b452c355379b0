"""`onestop replay`: recalculate what the ledger holds, and see that nothing in it was changed."""

from __future__ import annotations

import json
import sys
from contextlib import closing
from datetime import datetime
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated, Final, NamedTuple

import typer

from app.commands.ledgers import FOUND_EXIT, fail, note_end, opened_ledger
from app.commands.processes import WorkerLost, cores, unwinding_when_stopped
from app.commands.progress import progress_bar
from app.commands.workers import work_through

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.store.ledger import Ledger
    from app.store.replay import Slice
    from app.usecases.faults import Fault, Faults
    from app.usecases.replay_ledger import Days, Seen

# As a shell counts what Ctrl-C ended.
INTERRUPTED_EXIT: Final = 128 + 2
_FEW_RECORDS: Final = 1_000


def replay(
    *,
    first: Annotated[
        datetime | None,
        typer.Option(
            "--from", formats=["%Y-%m-%d"], metavar="DAY", help="Recalculate what was recorded from this day on (UTC)."
        ),
    ] = None,
    last: Annotated[
        datetime | None,
        typer.Option(
            "--to", formats=["%Y-%m-%d"], metavar="DAY", help="… and up to this day. Chains are walked whole."
        ),
    ] = None,
    packs: Annotated[
        Path | None,
        typer.Option(
            "--what-if",
            metavar="PACKS",
            help="Settle the bills in force with the packs of this folder; record nothing.",
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="With --what-if: one row a bill, as CSV.")] = None,
    output: Annotated[str, typer.Option("--format", help="table or json.")] = "table",
    workers: Annotated[int | None, typer.Option(min=1, help="Worker processes.", show_default="all cores")] = None,
) -> None:
    """Recalculate every recorded settlement with the pack it was made with, and walk every chain of records.

    The exit status is 1 when anything differs, and each fault is named.
    """
    if output not in ("table", "json"):
        raise typer.BadParameter("expected table or json", param_hint="--format")
    if packs is not None and (first or last):
        raise typer.BadParameter(
            "settles all bills in force; --from and --to do not go with it", param_hint="--what-if"
        )
    if packs is None and out is not None:
        raise typer.BadParameter("goes with --what-if alone", param_hint="--out")
    try:
        with unwinding_when_stopped():
            if packs is not None:
                from app.commands.what_if import run_what_if

                run_what_if(packs, out, output)
            else:
                _replay(first, last, output, workers or cores())
    except KeyboardInterrupt:
        typer.echo("onestop replay: stopped", err=True)
        raise typer.Exit(INTERRUPTED_EXIT) from None


_MOVING: Final = "persons are on their way to another key: run it again after `onestop key rotate-pii`"


class Outcome(NamedTuple):
    """All that was gone over, and in how many seconds."""

    seen: Seen
    seconds: float

    def summary(self) -> str:
        """The last line: how much, how fast, how many faults."""
        records, recalculated, years, faults = self.seen
        found = "no fault" if not faults.count else f"{faults.count:,} fault{'s' * (faults.count > 1)}"
        return (
            f"{records:,} records in {years:,} person-years, {recalculated:,} recalculated, in {self.seconds:.1f} s "
            f"({recalculated / self.seconds:,.0f} bills a second): {found}"
        )


def _replay(first: datetime | None, last: datetime | None, output: str, workers: int) -> None:
    from app.usecases.replay_ledger import Days

    days = Days(first.date() if first else None, last.date() if last else None)
    with opened_ledger("replay", at_head=True) as ledger:
        outcome = _go_over(ledger, days, workers)
        if first is None and last is None:
            note_end("replay", ledger, "replay", outcome.seen.records, outcome.seen.faults.count)
    if output == "json":
        typer.echo(json.dumps(_document(outcome), ensure_ascii=False, indent=2))
    else:
        _print_faults(outcome.seen.faults)
        typer.echo(outcome.summary())
    if outcome.seen.faults.count:
        raise typer.Exit(FOUND_EXIT)


def _go_over(ledger: Ledger, days: Days, workers: int) -> Outcome:
    from app.api import recorded, records
    from app.store.replay import WHOLE, count_records, read_through, slices
    from app.usecases.replay_ledger import Seen, check_beside_chains

    begun = perf_counter()
    keys = _keys_at_rest(ledger)
    expected = read_through(ledger, count_records)
    beside = check_beside_chains(ledger, records, recorded)
    # No connection is open while processes are forked.
    ledger.close()
    # For a few records no process is worth its start.
    parts, workers = (slices(), workers) if expected >= _FEW_RECORDS else ([WHOLE], 1)
    make = partial(_replayer, ledger.engine.url.render_as_string(hide_password=False), days)
    done: dict[Slice, Seen] = {}
    try:
        with (
            progress_bar("replay", expected) as show,
            closing(work_through(parts, make, workers)) as results,
        ):
            for part, seen in results:
                done[part] = seen
                show(sum(each.records for each in done.values()))
    except WorkerLost as error:
        fail("replay", str(error))
    if _keys_at_rest(ledger) != keys:
        fail("replay", _MOVING)
    seen = Seen(0, 0, 0, beside)
    for part in sorted(done):
        seen = seen.and_then(done[part])
    return Outcome(seen, perf_counter() - begun)


def _keys_at_rest(ledger: Ledger) -> str | None:
    """The key of the persons; whoever moves from one part of the ledger to another could be in none that is read."""
    from app.store.person_keys import read_keys

    keys = ledger.read(read_keys)
    if keys is not None and keys.next_id is not None:
        fail("replay", _MOVING)
    return None if keys is None else keys.key_id


def _replayer(url: str, days: Days) -> Callable[[Slice], Seen]:
    """What a worker process goes over its slices with."""
    from app.api import recorded, records
    from app.api.answers import collect_rarely
    from app.store.ledger import Ledger
    from app.usecases.replay_ledger import Replayer

    collect_rarely()
    return Replayer(Ledger(url), records, recorded, days).replay


def _print_faults(faults: Faults) -> None:
    """A table for people, then the ids of what differs, one a line, for programs."""
    if not faults.count:
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(header_style="bold")
    for name in ("Of", "Id", "Person-year", "What is wrong"):
        table.add_column(name, overflow="fold")
    for fault in faults.found:
        table.add_row(*[Text(printable(cell)) for cell in fault])
    width = None if sys.stdout.isatty() else TABLE_WIDTH
    Console(width=width, highlight=False).print(table)
    if faults.count > len(faults.found):
        typer.echo(f"… and {faults.count - len(faults.found):,} more")
    for record_id in _differing(faults.found):
        typer.echo(printable(record_id))


# Sentences stay readable at this width where no terminal gives one.
TABLE_WIDTH: Final = 140


def printable(text: str) -> str:
    """A stored text without signs that a terminal would obey."""
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text)


def _differing(faults: list[Fault]) -> list[str]:
    """The ids of the settlements and reversals that something is wrong with, each once."""
    return list(dict.fromkeys(each.record_id for each in faults if each.kind in ("settlement", "reversal")))


def _document(outcome: Outcome) -> dict[str, object]:
    seen = outcome.seen
    return {
        "records": seen.records,
        "recalculated": seen.recalculated,
        "person_years": seen.person_years,
        "seconds": round(outcome.seconds, 3),
        "bills_a_second": round(seen.recalculated / outcome.seconds),
        "fault_count": seen.faults.count,
        "faults": [
            {"of": each.kind, "id": each.record_id, "person_year": each.person_year, "what": each.what}
            for each in seen.faults.found
        ],
        "differing": _differing(seen.faults.found),
    }
