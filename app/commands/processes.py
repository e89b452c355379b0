"""What a command knows of its process: how many cores it may use, and how it ends when it is asked to."""

from __future__ import annotations

import os
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.process import BaseProcess


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def keep_freed_memory() -> None:
    """Let this process and those it forks keep what they free, for blocks that come and go.

    The C library gives memory back as soon as a piece is free that is twice as large as the largest it has seen freed:
    with each block of requests, which then costs thousands of page faults. So it is shown a large one, never touched.
    """
    bytes(_LARGE)


_LARGE: Final = 2**24


class WorkerLost(Exception):
    """A worker process ended before its work was done. Says in one line what is known of it."""


def lost(process: BaseProcess) -> WorkerLost:
    """What to say of a worker that has ended."""
    process.join(1)
    status = process.exitcode or 0
    how = f"by signal {-status}" if status < 0 else f"with status {status}"
    return WorkerLost(f"a worker process was ended {how}; if memory ran out, --workers 1 needs the least")


def not_started(error: OSError) -> WorkerLost:
    """What to say where no worker can be started."""
    return WorkerLost(f"no worker process can be started ({error.strerror}); --workers 1 needs none")


@contextmanager
def unwinding_when_stopped() -> Iterator[None]:
    """Let a polite kill unwind as Ctrl-C does, so that no part of a file stays behind."""

    def stop(number: int, _frame: object) -> NoReturn:
        raise SystemExit(128 + number)

    every = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    # What is ignored already stays so: nohup.
    numbers = [number for number in every if signal.getsignal(number) == signal.SIG_DFL]
    for number in numbers:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number in numbers:
            signal.signal(number, signal.SIG_DFL)
