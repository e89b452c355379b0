"""`onestop db`: bring the ledger's database to this release's schema, check it, copy it, give years their tables."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from app.commands.ledgers import FOUND_EXIT, clock, fail, note_end, opened_ledger
from app.commands.processes import unwinding_when_stopped
from app.commands.progress import progress_bar

if TYPE_CHECKING:
    from app.store.ledger import Ledger
    from app.usecases.check_ledger import Check

INTERRUPTED_EXIT: Final = 128 + 2
TABLE_WIDTH: Final = 120
# Each table is looked at by whoever asks without a year.
MOST_YEARS_AHEAD: Final = 10

db_app = typer.Typer(no_args_is_help=True, help="The ledger's database (台账): upgrade, check and back it up.")


@db_app.command()
def upgrade() -> None:
    """Bring the database of ONESTOP_DATABASE_URL to the schema of this release; an embedded one is made."""
    from app.store import schema
    from app.store.reasons import place_of

    with opened_ledger("db upgrade") as ledger:
        before, after = schema.upgrade(ledger)
        place = place_of(ledger)
    if before == after:
        typer.echo(f"{place}: already at {after}")
    else:
        typer.echo(f"{place}: from {before or 'no tables'} to {after}")


@db_app.command()
def check() -> None:
    """Check the database: reachable, at this release's schema, durable, and all its tables of one mind.

    Exit status 1 when anything is wrong. Records are not recalculated: `onestop replay` does that.
    """
    from app.api import recorded
    from app.store.reasons import place_of
    from app.usecases.check_ledger import check_ledger

    with opened_ledger("db check") as ledger:
        checks = list(check_ledger(ledger, recorded))
        typer.echo(place_of(ledger))
    _print(checks)
    if any(each.wrong for each in checks):
        raise typer.Exit(FOUND_EXIT)


@db_app.command()
def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where the copy goes.")],
    *,
    force: Annotated[bool, typer.Option("--force", help="Put it in the place of a file that is there.")] = False,
) -> None:
    """Copy an embedded database (SQLite) while it serves; the copy appears only when it is whole and checked."""
    try:
        with unwinding_when_stopped(), opened_ledger("db backup") as ledger:
            _refuse_to_lose(file, _source(ledger), force=force)
            version = _copy(ledger, file)
            note_end("db backup", ledger, "backup", file.stat().st_size, 0)
    except KeyboardInterrupt:
        typer.echo(f"onestop db backup: stopped, {file} is not written", err=True)
        raise typer.Exit(INTERRUPTED_EXIT) from None
    size = file.stat().st_size
    typer.echo(f"{file}: {size:,} bytes, schema {version}, checked")


@db_app.command()
def add_years(
    *,
    to: Annotated[int, typer.Option("--to", metavar="YEAR", help="The last insurance year that gets one.")],
) -> None:
    """Give each insurance year up to YEAR a table of its own (PostgreSQL), with its settlements that are there already.

    Do it once a year, when little is asked: recording waits meanwhile.
    """
    from app.store.partitions import add_years
    from app.store.reasons import place_of

    latest = clock().year + MOST_YEARS_AHEAD
    if to > latest:
        fail("db add-years", f"--to {to}: expected {latest} or earlier")
    with opened_ledger("db add-years", at_head=True) as ledger:
        place = place_of(ledger)
        if ledger.engine.url.get_backend_name() == "sqlite":
            typer.echo(f"{place}: one table holds all years, there is nothing to do")
            return
        added = ledger.write(lambda connection: add_years(connection, to))
    if not added:
        typer.echo(f"{place}: every year up to {to} has its table already")
    for year, moved in added:
        typer.echo(f"{place}: {year} has its table now; {moved:,} settlements were moved into it")


def _source(ledger: Ledger) -> Path:
    if ledger.engine.url.get_backend_name() != "sqlite":
        fail("db backup", "this is for SQLite alone; use pg_basebackup, see docs/ledger.md")
    if ledger.is_new_file:
        fail("db backup", f"{ledger.engine.url.database}: there is no database file")
    return Path(str(ledger.engine.url.database))


def _refuse_to_lose(file: Path, source: Path, *, force: bool) -> None:
    if file.exists() and file.samefile(source):
        fail("db backup", f"{file} is the ledger itself")
    if file.exists() and not file.is_file():
        fail("db backup", f"{file} is no file")
    if file.exists() and not force:
        fail("db backup", f"{file} is there already; --force puts the copy in its place")


def _copy(ledger: Ledger, file: Path) -> str:
    from app.store.backup import back_up

    with progress_bar("backup") as show:
        return back_up(ledger, file, show)


def _print(checks: list[Check]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(header_style="bold")
    table.add_column("Check", no_wrap=True)
    table.add_column("")
    table.add_column("What is wrong", overflow="fold")
    for each in checks:
        word, style = (
            ("not looked at", "dim") if each.wrong is None else ("wrong", "red") if each.wrong else ("ok", "green")
        )
        table.add_row(each.name, Text(word, style=style), Text("\n".join(each.wrong or [])))
    Console(width=None if sys.stdout.isatty() else TABLE_WIDTH, highlight=False).print(table)
