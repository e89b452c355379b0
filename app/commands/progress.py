"""A progress bar on standard error, where people look at it."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from time import perf_counter
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

REFRESH_SECONDS: Final = 0.1


@contextmanager
def progress_bar(name: str, total: int | None = None) -> Iterator[Callable[..., None]]:
    """Show how much of a total is done; the function takes how much is done by now, and the total if it has changed."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield lambda _done, _total=None: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    # Drawn by hand: a thread that draws would be one to fork beside.
    bar = Progress(*columns, console=Console(stderr=True), auto_refresh=False, redirect_stdout=False)
    with bar:
        task = bar.add_task(name, total=total)
        drawn = perf_counter()

        def show(done: int, now: int | None = total) -> None:
            nonlocal drawn
            due = perf_counter() - drawn > REFRESH_SECONDS
            bar.update(task, total=now, completed=done, refresh=due)
            drawn = perf_counter() if due else drawn

        yield show
