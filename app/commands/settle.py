"""`onestop settle`: settle requests from files without a server or a database."""

from __future__ import annotations

import json
import os
import sys
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO, Final

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from app.commands.blocks import Block, blocks_of
from app.commands.parallel import settle_blocks
from app.commands.tables import Language, answer_table
from app.policies.catalogue import load_folder, load_shipped
from app.policies.loader import PacksRefused

if TYPE_CHECKING:
    from collections.abc import Iterator

STANDARD_INPUT: Final = "-"
REFUSED_EXIT: Final = 1
USAGE_EXIT: Final = 2


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
    extra_packs: Annotated[Path | None, typer.Option(envvar="ONESTOP_PACKS_DIR", hidden=True)] = None,
) -> None:
    """Settle requests from files: NDJSON out, one line for one line, in the same order.

    A refused request gives its problem document on its line; the exit status is 1 when any was refused.
    """
    if language not in ("zh-CN", "en"):
        raise typer.BadParameter("expected zh-CN or en", param_hint="--language")
    load = partial(load_folder, packs) if packs else partial(load_shipped, extra_packs)
    settled = refused = 0
    try:
        load()
        with ExitStack() as stack:
            streams = [(name, stack.enter_context(_opened(name))) for name in files]
            target = stack.enter_context(_target(out))
            progress = stack.enter_context(_progress(quiet=out is None and sys.stdout.isatty()))
            task = progress.add_task("settle", total=_size(files), done="")
            blocks = (block for name, stream in streams for block in _blocks(name, stream))
            for answers in settle_blocks(blocks, load, workers or _cores()):
                if explain:
                    _print_tables(answers.data, target, language)
                else:
                    target.write(answers.data)
                settled += answers.settled
                refused += answers.refused
                progress.update(task, advance=answers.consumed, done=f"{settled:,} settled, {refused:,} refused")
    except PacksRefused as error:
        _fail(str(error))
    except BrokenPipeError:
        # Whoever read our output has seen enough; nothing more can be told there.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(REFUSED_EXIT) from None
    except OSError as error:
        _fail(f"{error.filename or out or 'output'}: {error.strerror}")
    if refused:
        raise typer.Exit(REFUSED_EXIT)


def _fail(message: str) -> None:
    typer.echo(f"onestop settle: {message}", err=True)
    raise typer.Exit(USAGE_EXIT)


def _blocks(name: str, stream: BinaryIO) -> Iterator[Block]:
    yield from blocks_of(stream, named_json=name.endswith(".json"))


@contextmanager
def _opened(name: str) -> Iterator[BinaryIO]:
    if name == STANDARD_INPUT:
        yield sys.stdin.buffer
        return
    with Path(name).open("rb") as stream:
        yield stream


@contextmanager
def _target(out: Path | None) -> Iterator[BinaryIO]:
    """Open where the answers go. A file appears under its name only when it is whole."""
    if out is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    if out.exists() and not out.is_file():
        with out.open("wb") as stream:
            yield stream
        return
    part = out.with_name(out.name + ".part")
    try:
        with part.open("wb") as stream:
            yield stream
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)


def _progress(*, quiet: bool) -> Progress:
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[done]}"),
        console=console,
        disable=quiet or not console.is_terminal,
    )


def _size(files: list[str]) -> int | None:
    if STANDARD_INPUT in files:
        return None
    return sum(Path(name).stat().st_size for name in files)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _print_tables(data: bytes, target: BinaryIO, language: str) -> None:
    shown: Language = "en" if language == "en" else "zh-CN"
    # Where no terminal gives a width, one at which the sentences stay readable.
    console = Console() if target is sys.stdout.buffer and sys.stdout.isatty() else Console(width=120)
    for line in data.split(b"\n"):
        if line:
            with console.capture() as captured:
                console.print(answer_table(json.loads(line), shown))
                console.print()
            target.write(captured.get().encode())
