"""`onestop packs`: check policy packs, and show where each of their numbers comes from."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal, NoReturn

import typer
from rich.console import Console
from rich.text import Text

from app.policies.catalogue import load_folder, load_shipped
from app.policies.errors import PacksRefused
from app.settings import SettingsError, read_settings

if TYPE_CHECKING:
    from app.policies.catalogue import Catalogue, Number
    from app.settlement.pack import Pack, Source

WRONG_EXIT: Final = 1
USAGE_EXIT: Final = 2
AREA_CODE: Final = re.compile(r"[0-9]{6}", re.ASCII)
_MOST_WIDTH: Final = 84  # a value stands near its path in a wide window too

packs_app = typer.Typer(no_args_is_help=True, help="Check policy packs (政策包) and show their numbers.")


@packs_app.command()
def check(
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="[DIR]", help="A folder of packs, by itself; without it, the packs that are in use."),
    ] = None,
) -> None:
    """Check packs: every error with its file, path and line, or a list of what is there.

    Without DIR: the packs that ship together with those of ONESTOP_PACKS_DIR.
    """
    catalogue = _loaded(folder)
    console = _console()
    widest = max(len(pack_id) for pack_id in catalogue.ids)
    _line(console, f"{'Pack':{widest}}  {'Area':6}  {'From':10}  {'To':10}  Numbers", "bold")
    for pack in catalogue.packs:
        numbers = len(catalogue.numbers(pack))
        _line(console, f"{pack.id:{widest}}  {pack.area}  {pack.effective_from}  {_end(pack):10}  {numbers:7}")
        for words in (*pack.title.values(), pack.hash):
            _line(console, f"  {words}", "dim")
    count = len(catalogue.packs)
    _line(console, f"{count} {'pack' if count == 1 else 'packs'}, no errors.")


@packs_app.command()
def show(
    pack_id: Annotated[str, typer.Argument(metavar="ID", help="A region's id, such as guangxi@2017-12-13.")],
    *,
    area: Annotated[str | None, typer.Option(metavar="CODE", help="As it counts in this pooling area.")] = None,
    output: Annotated[str, typer.Option("--format", help="table or json.")] = "table",
    packs: Annotated[Path | None, typer.Option(metavar="DIR", help="Look in the packs of this folder alone.")] = None,
) -> None:
    """Show each number of a pack and where it comes from: the law's clause, or who is assumed to set it."""
    if output not in ("table", "json"):
        raise typer.BadParameter("expected table or json", param_hint="--format")
    if area is not None and not AREA_CODE.fullmatch(area):
        raise typer.BadParameter("expected the six digits of a pooling area, such as 450100", param_hint="--area")
    catalogue = _loaded(packs)
    pack = catalogue.by_id(pack_id, area)
    if pack is None:
        _fail(_unknown(catalogue, pack_id, area), USAGE_EXIT)
    if output == "json":
        typer.echo(json.dumps(_document(catalogue, pack), ensure_ascii=False, indent=2))
    else:
        _show_table(catalogue, pack)


def _loaded(folder: Path | None) -> Catalogue:
    try:
        return load_folder(folder) if folder else load_shipped(read_settings().packs_dir)
    except SettingsError as wrong:
        _fail(str(wrong), USAGE_EXIT)
    except PacksRefused as refused:
        for error in refused.errors:
            typer.echo(str(error), err=True)
        if folder and any(error.path == "extends" for error in refused.errors):
            typer.echo("A folder is checked by itself; one with overlays of the packs that ship: ", err=True, nl=False)
            typer.echo("ONESTOP_PACKS_DIR=DIR onestop packs check", err=True)
        count = len(refused.errors)
        _fail(f"{count} {'error' if count == 1 else 'errors'}, nothing is loaded", WRONG_EXIT)


def _fail(message: str, status: Literal[1, 2]) -> NoReturn:
    typer.echo(f"onestop packs: {message}", err=True)
    raise typer.Exit(status)


def _unknown(catalogue: Catalogue, pack_id: str, area: str | None) -> str:
    if area is not None and pack_id in catalogue.ids:
        return f"{pack_id} does not count in area {area}: its region is another"
    return f"no pack {pack_id}; there are: {', '.join(catalogue.ids)}"


def _show_table(catalogue: Catalogue, pack: Pack) -> None:
    """Print numbers under the sources they come from: a source is long, and belongs to many of them."""
    console = _console()
    for words in (f"{pack.id} · area {pack.area} · {pack.effective_from} to {_end(pack)}", *pack.title.values()):
        _line(console, words, "bold")
    _line(console, pack.hash, "dim")
    values = catalogue.values(pack)
    for (_, source, file), numbers in _by_source(values).items():
        overlay = f" [overlay {file}]" if numbers[0].from_overlay else ""
        style = "yellow" if source.assumed else "green"
        console.print(Text(f"\n{source_words(source)}{overlay}", style=style))
        for number in numbers:
            path = f"{'+' if number.from_overlay else ' '} {number.path}"
            _line(console, f"{path} {_value(number).rjust(min(console.width, _MOST_WIDTH) - len(path) - 1)}")
    if any(number.from_overlay for number in values):
        _line(console, "\n+ given by the overlay of the pooling area; all else by the region's pack")


def _line(console: Console, words: str, style: str = "") -> None:
    """Print one line that is never folded or cut, however narrow the window is."""
    console.print(Text(words, style=style), soft_wrap=True)


def _by_source(values: tuple[Number, ...]) -> dict[tuple[str, Source, str], list[Number]]:
    """Group the values of a block by source and file, in the order of their first one."""
    groups: dict[tuple[str, Source, str], list[Number]] = {}
    for number in values:
        block = number.path.partition(".")[0]
        groups.setdefault((block, number.source, number.file), []).append(number)
    return groups


def source_words(source: Source) -> str:
    """Write a source for people: the law's document and clause, or `assumed: …`."""
    return f"assumed: {source.assumed}" if source.assumed else f"{source.document} {source.clause}"


def _value(number: Number) -> str:
    return "none" if number.text is None else " ".join(filter(None, (number.text, number.unit)))


def _document(catalogue: Catalogue, pack: Pack) -> dict[str, object]:
    return {
        "id": pack.id,
        "area": pack.area,
        "hash": pack.hash,
        "title": dict(pack.title),
        "scheme": pack.scheme,
        "effective_from": pack.effective_from.isoformat(),
        "effective_to": pack.effective_to.isoformat() if pack.effective_to else None,
        "numbers": [
            {
                "path": number.path,
                "value": number.text,
                "unit": number.unit,
                "source": {name: words for name, words in number.source._asdict().items() if words is not None},
                "file": number.file,
                "from_overlay": number.from_overlay,
            }
            for number in catalogue.values(pack)
        ],
    }


def _end(pack: Pack) -> str:
    return str(pack.effective_to or "open")


def _console() -> Console:
    return Console(highlight=False, markup=False, emoji=False, soft_wrap=False)
