"""Worker processes for pieces of work whose order does not matter; they end with us, however we end."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

from app.commands.processes import lost, not_started

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess

Piece = TypeVar("Piece")
Result = TypeVar("Result")


class _Failed(NamedTuple):
    """What a worker could not do."""

    error: Exception


@dataclass(frozen=True, slots=True, eq=False)
class _Worker(Generic[Piece]):
    process: BaseProcess
    pipe: Connection

    def take(self, piece: Piece) -> None:
        try:
            self.pipe.send(piece)
        except OSError:
            raise lost(self.process) from None

    def give(self) -> object:
        try:
            return self.pipe.recv()
        except (EOFError, OSError):
            raise lost(self.process) from None


def work_through(
    pieces: Sequence[Piece], make: Callable[[], Callable[[Piece], Result]], workers: int
) -> Generator[tuple[Piece, Result]]:
    """Do all pieces, each in whichever worker is free, and give the results as they come.

    `make` makes in each worker what does a piece. Raises `WorkerLost`, and what a piece of work raises.
    """
    if workers < 2:  # noqa: PLR2004 # one needs no process beside ours
        do = make()
        yield from ((piece, do(piece)) for piece in pieces)
        return
    waiting = list(reversed(pieces))
    busy: dict[_Worker[Piece], Piece] = {}
    every: list[_Worker[Piece]] = []
    try:
        for _ in range(min(workers, len(pieces))):
            worker = _start(make)
            every.append(worker)
            busy[worker] = waiting.pop()
            worker.take(busy[worker])
        while busy:
            ready = wait([worker.pipe for worker in busy])
            for worker in [each for each in busy if each.pipe in ready]:
                result = worker.give()
                piece = busy.pop(worker)
                if waiting:
                    busy[worker] = waiting.pop()
                    worker.take(busy[worker])
                if isinstance(result, _Failed):
                    raise result.error
                yield piece, result  # type: ignore[misc]  # the pipe carries what `make` makes
    finally:
        for worker in every:
            worker.process.kill()
        for worker in every:
            worker.process.join()
            worker.pipe.close()


def _start(make: Callable[[], Callable[[Piece], Result]]) -> _Worker[Piece]:
    import multiprocessing

    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.Process(target=_work, args=(theirs, ours, make), daemon=True)
    try:
        process.start()
    except OSError as error:
        raise not_started(error) from error
    theirs.close()
    return _Worker(process, ours)


def _work(pipe: Connection, not_ours: Connection, make: Callable[[], Callable[[Piece], Result]]) -> None:
    """Run a worker process for as long as there is a parent, which is who hears Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # A fork has the parent's end of the pipe too, and would never see it closed.
    not_ours.close()
    do = make()
    with suppress(EOFError, OSError):
        while True:
            piece: Piece = pipe.recv()
            try:
                result: Result | _Failed = do(piece)
            except Exception as error:  # noqa: BLE001 # told to the parent, which raises it
                result = _Failed(error)
            pipe.send(result)
    os._exit(1)
