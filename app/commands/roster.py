"""`onestop roster`: import who is registered as what, and see how the roster stands."""

from __future__ import annotations

import hashlib
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, NoReturn

import typer

from app.commands.ledgers import FOUND_EXIT, fail, opened_ledger, operator, pseudonyms_of
from app.commands.progress import progress_bar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from app.store.roster import RosterEntry
    from app.usecases.import_roster import RosterRefused, RowError, Standing

TABLE_WIDTH: Final = 120
_SHOWN_EVERY: Final = 5_000

roster_app = typer.Typer(no_args_is_help=True, help="The roster (身份标注): who is registered as what, and when.")


@roster_app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A .csv or .parquet file; see --help.")],
    *,
    as_of: Annotated[
        str | None, typer.Option("--as-of", metavar="DATE", help="The day as of which it is; today (UTC) by itself.")
    ] = None,
) -> None:
    """Import a roster in the place of the last one: all of it, or nothing.

    Its columns: person_id, status, county, valid_from, valid_to (empty: no end); both days are included. Whoever is
    not on it is `ordinary`, which therefore stands in no row. Errors are told by row, and nothing is imported then.
    """
    from app.api.roster_rows import READERS, roster_rows
    from app.exchange.uploads import WrongTable
    from app.usecases.import_roster import RosterRefused, RosterToImport, import_roster
    from app.usecases.rekey_persons import KeyUnknown

    if file.suffix.lower() not in READERS:
        fail("roster import", f"{file}: expected a name that ends with {' or '.join(READERS)}")
    if not file.is_file():
        fail("roster import", f"{file}: there is no such file")
    day = _day(as_of)
    pseudonyms = pseudonyms_of("roster import")
    with file.open("rb") as content:
        hashed = hashlib.file_digest(content, "sha256").hexdigest()
    try:
        with opened_ledger("roster import", at_head=True) as ledger, progress_bar(file.name) as show:
            what = RosterToImport(lambda person: _counted(roster_rows(file, person), show), day, hashed)
            made = import_roster(ledger, _clock, what, pseudonyms, operator())
    except WrongTable as error:
        fail("roster import", f"{file}: {error}")
    except KeyUnknown as error:
        fail("roster import", str(error))
    except RosterRefused as refused:
        _refuse(file, refused)
    typer.echo(f"{file}: {made.entries:,} rows imported, as of {made.as_of}, sha256:{made.hash}")


@roster_app.command()
def show() -> None:
    """Show the imports, the newest first, and how many rows the newest has of each status."""
    from app.usecases.import_roster import roster_standing

    with opened_ledger("roster show", at_head=True) as ledger:
        standing = roster_standing(ledger)
    _print(standing)


def _refuse(file: Path, refused: RosterRefused) -> NoReturn:
    for error in refused.errors:
        place = f", {error.column}" if error.column else ""
        typer.echo(f"{file}, row {error.row:,}{place}: expected {error.expected}", err=True)
    if refused.count > len(refused.errors):
        typer.echo(f"… and {refused.count - len(refused.errors):,} more", err=True)
    fail("roster import", f"{refused.count:,} errors, so nothing is imported", FOUND_EXIT)


def _counted(rows: Iterable[RosterEntry | RowError], show: Callable[..., None]) -> Iterator[RosterEntry | RowError]:
    for number, row in enumerate(rows, 1):
        if number % _SHOWN_EVERY == 0:
            show(number)
        yield row


def _day(text: str | None) -> date:
    if text is None:
        return _clock().date()
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = None
    if day is None or day.isoformat() != text:
        fail("roster import", "--as-of: expected a day such as 2026-11-30")
    return day


def _clock() -> datetime:
    return datetime.now(UTC)  # noqa: TID251 # a door: it hands the clock in


def _print(standing: Standing) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(width=None if sys.stdout.isatty() else TABLE_WIDTH, highlight=False)
    imports = Table(header_style="bold")
    for name in ("Imported", "As of", "Rows", "SHA-256 of the file"):
        imports.add_column(name, justify="right" if name == "Rows" else "left", overflow="fold")
    for each in standing.rosters:
        imports.add_row(each.imported_at[:19].replace("T", " "), str(each.as_of), f"{each.entries:,}", each.hash)
    console.print(imports)
    statuses = Table(header_style="bold")
    statuses.add_column("Status")
    statuses.add_column("Rows", justify="right")
    for status, count in standing.by_status.items():
        statuses.add_row(status, f"{count:,}")
    if standing.by_status:
        console.print(statuses)
