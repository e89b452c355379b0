"""`onestop settle`: settle requests from files without a server or a database."""

from __future__ import annotations

import json
import os
import sys
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from time import perf_counter
from typing import TYPE_CHECKING, Annotated, Final, NoReturn, cast

import typer

from app.api.answers import collect_rarely
from app.commands.blocks import Block, Readable, blocks_of
from app.commands.parallel import BlockAnswer, settle_blocks
from app.commands.processes import WorkerLost, cores, keep_freed_memory, unwinding_when_stopped
from app.commands.targets import Unusable, target, telling
from app.policies.catalogue import load_folder, load_shipped
from app.policies.errors import PacksRefused
from app.settings import SettingsError, read_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from app.commands.tables import Language

STANDARD_INPUT: Final = "-"
REFUSED_EXIT: Final = 1
USAGE_EXIT: Final = 2
# As a shell counts what a signal ended.
INTERRUPTED_EXIT: Final = 128 + 2
PIPE_EXIT: Final = 128 + 13
# Sentences stay readable at this width where no terminal gives one.
TABLE_WIDTH: Final = 120
REFRESH_SECONDS: Final = 0.1


def settle(
    files: Annotated[list[str], typer.Argument(metavar="FILE…", help="JSON or NDJSON; - is standard input.")],
    *,
    packs: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Settle with the packs of this folder alone.")
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Write here, not to standard output.")] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Print tables for people instead of NDJSON.")] = False,
    language: Annotated[str, typer.Option(help="Of the tables: zh-CN or en.")] = "zh-CN",
    workers: Annotated[int | None, typer.Option(min=1, help="Worker processes.", show_default="all cores")] = None,
) -> None:
    """Settle requests from files: NDJSON out, one line for one line, in the same order.

    A refused request gives its problem document on its line; the exit status is 1 when any was refused.
    """
    if language not in ("zh-CN", "en"):
        raise typer.BadParameter("expected zh-CN or en", param_hint="--language")
    seen = out is None and sys.stdout is not None and sys.stdout.isatty()
    render = _tables("en" if language == "en" else "zh-CN", on_terminal=seen) if explain else memoryview
    try:
        catalogue = load_folder(packs) if packs else load_shipped(read_settings().packs_dir)
        for name in files:
            _check(name)
        collect_rarely()
        keep_freed_memory()
        with (
            unwinding_when_stopped(),
            target(out) as write,
            _progress(files, quiet=seen) as show,
            closing(settle_blocks(_blocks(files), catalogue, workers or cores())) as every,
        ):
            refused = _write_all(every, lambda answers: write(render(answers.data)), show)
    except PacksRefused as error:
        typer.echo(str(error), err=True)
        found = len(error.errors)
        _fail(f"{found} {'error' if found == 1 else 'errors'} in the packs, nothing is settled")
    except (SettingsError, WorkerLost, Unusable) as error:
        _fail(str(error))
    except BrokenPipeError:
        # Whoever read our output has seen enough.
        raise typer.Exit(PIPE_EXIT) from None
    except KeyboardInterrupt:
        typer.echo("onestop settle: stopped" + (f", {out} is not written" if out else ""), err=True)
        raise typer.Exit(INTERRUPTED_EXIT) from None
    if refused:
        raise typer.Exit(REFUSED_EXIT)


def _write_all(every: Iterable[BlockAnswer], *receivers: Callable[[BlockAnswer], None]) -> int:
    """Hand all answers on as they come; how many requests were refused."""
    refused = 0
    mistakes: set[str] = set()
    for answers in every:
        for receive in receivers:
            receive(answers)
        refused += answers.refused
        mistakes.update(answers.mistakes)
    for mistake in sorted(mistakes):
        typer.echo(f"onestop settle: a mistake of ours, please report it: {mistake}", err=True)
    return refused


def _fail(message: str) -> NoReturn:
    typer.echo(f"onestop settle: {message}", err=True)
    raise typer.Exit(USAGE_EXIT)


def _check(name: str) -> None:
    """Look whether an input can be read before anything is written; a pipe can be opened only once, and is not."""
    if name == STANDARD_INPUT:
        if sys.stdin is None:
            raise Unusable("standard input is closed")
        return
    with telling(name):
        mode = Path(name).stat().st_mode
        if S_ISREG(mode) or S_ISDIR(mode):
            Path(name).open("rb").close()


def _blocks(files: list[str]) -> Iterator[Block]:
    for name in files:
        with telling(name), _opened(name) as stream:
            yield from blocks_of(stream, named_json=name.endswith(".json"))


@contextmanager
def _opened(name: str) -> Iterator[Readable]:
    if name == STANDARD_INPUT:
        yield cast("Readable", sys.stdin.buffer)
        return
    with Path(name).open("rb") as stream:
        yield stream


@contextmanager
def _progress(files: list[str], *, quiet: bool) -> Iterator[Callable[[BlockAnswer], None]]:
    """Show a progress bar where people look at standard error, and no answers run through it."""
    if quiet or sys.stderr is None or not sys.stderr.isatty():
        yield lambda _answers: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (BarColumn(), TransferSpeedColumn(), TimeRemainingColumn(), TextColumn("{task.fields[done]}"))
    settled = refused = 0
    # Drawn by hand: a thread that draws would be one to fork beside.
    bar = Progress(*columns, console=Console(stderr=True), auto_refresh=False, redirect_stdout=False)
    with bar:
        task = bar.add_task("settle", total=_size(files), done="")
        drawn = perf_counter()

        def show(answers: BlockAnswer) -> None:
            nonlocal drawn, refused, settled
            settled += answers.settled
            refused += answers.refused
            due = perf_counter() - drawn > REFRESH_SECONDS
            done = f"{settled:,} settled, {refused:,} refused"
            bar.update(task, advance=answers.consumed, done=done, refresh=due)
            drawn = perf_counter() if due else drawn

        yield show


def _size(files: list[str]) -> int | None:
    """The bytes to come, or None where a pipe does not tell."""
    found = [Path(name).stat() for name in files if name != STANDARD_INPUT]
    known = len(found) == len(files) and all(S_ISREG(each.st_mode) for each in found)
    return sum(each.st_size for each in found) if known else None


def _tables(language: Language, *, on_terminal: bool) -> Callable[[bytes | memoryview], bytes]:
    """Make what turns answers into tables; it counts them, since a refusal does not say of which bill it is."""
    from rich.console import Console

    from app.commands.tables import answer_table

    seen = on_terminal
    on_terminal = seen or bool(os.environ.get("COLUMNS"))
    # Colours are for a terminal alone; one may be there while the answers go to a file.
    colours = None if seen else False
    console = Console(width=None if on_terminal else TABLE_WIDTH, highlight=False, force_terminal=colours)
    numbers = count(1)

    def render(data: bytes | memoryview) -> bytes:
        with console.capture() as captured:
            for line in bytes(data).splitlines():
                console.print(answer_table(json.loads(line), language, next(numbers)))
                console.print()
        return captured.get().encode()

    return render
