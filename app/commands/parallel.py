"""Settle blocks of requests on all cores, answers in the order of the requests, at constant memory.

Not `concurrent.futures`: its workers outlive a killed parent, and in some releases of Python a killed worker hangs it.
Here both ends of a pipe tell when the other one is gone, and the parent has no thread to fork beside. Requests and
answers lie in memory that both see; through the pipe go only their sizes, so that nobody ever waits to send.
"""

from __future__ import annotations

import os
import signal
import tempfile
import traceback
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import TYPE_CHECKING, Final, NamedTuple

from app.api import problems
from app.api.answers import Settled, answer, collect_rarely
from app.commands.blocks import Block
from app.commands.processes import lost, not_started

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess

    from app.policies.catalogue import Catalogue

# One block in work and one waiting, so that no worker waits for its next one.
_BLOCKS_A_WORKER: Final = 2
# How far answers may run ahead of the one whose turn it is.
_AHEAD: Final = 4


class BlockAnswer(NamedTuple):
    """The answers to one block, a line each, the counts of what became of its requests, and our own mistakes."""

    data: bytes
    settled: int
    refused: int
    consumed: int
    mistakes: tuple[str, ...] = ()


def settle_blocks(blocks: Iterable[Block], catalogue: Catalogue, workers: int) -> Generator[BlockAnswer]:
    """Settle blocks with some worker processes, a few blocks ahead of the slowest reader, in order.

    What is small enough for one block is settled without starting any. Raises `WorkerLost`.
    """
    blocks = iter(blocks)
    first_two = list(islice(blocks, 2))
    every = chain(first_two, blocks)
    if workers > 1 and len(first_two) > 1:
        yield from _settle_with_workers(every, catalogue, workers)
    else:
        yield from (settle_block(block, catalogue) for block in every)


def settle_block(block: Block, catalogue: Catalogue) -> BlockAnswer:
    """Settle the requests of a block one by one; a refused one never stops the others, nor does a mistake of ours."""
    written = []
    settled = 0
    mistakes = []
    for request in block.requests():
        try:
            result = answer(request, catalogue)
        except Exception as error:  # noqa: BLE001 # the last line of defence: answered on its line, told at the end
            mistakes.append(_place_of(error))
            result = problems.document(problems.INTERNAL_ERROR, "Nothing was settled. The mistake is ours.")
        settled += isinstance(result, Settled)
        written.append(result.body)
    data = b"\n".join([*written, b""])
    return BlockAnswer(data, settled, len(written) - settled, block.consumed, tuple(mistakes))


def _place_of(error: Exception) -> str:
    # The message of an exception may hold what a request says; its type and place do not.
    frames = traceback.extract_tb(error.__traceback__)
    return f"{type(error).__name__} in " + " < ".join(f"{frame.name}:{frame.lineno}" for frame in reversed(frames[-5:]))


class _Told(NamedTuple):
    """What the pipe says of a block that lies in the memory of its turn."""

    size: int
    one_document: bool
    consumed: int


class _Memory:
    """Memory of two processes, a file without a name: a place for the requests and one for the answers of each turn.

    A worker owes two blocks at most, and is given the next one after it has answered the one before the last: so turns
    may share a place with the last but one.
    """

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.turn = 0

    def put(self, kind: int, data: bytes) -> None:
        written = 0
        while written < len(data):
            written += os.pwrite(self.descriptor, memoryview(data)[written:], self._place(kind) + written)

    def get(self, kind: int, size: int) -> bytes:
        data = os.pread(self.descriptor, size, self._place(kind))
        while len(data) < size:
            data += os.pread(self.descriptor, size - len(data), self._place(kind) + len(data))
        return data

    def _place(self, kind: int) -> int:
        # Far apart, and only what is written takes space.
        return (2 * kind + self.turn % _BLOCKS_A_WORKER) << 36


_REQUESTS: Final = 0
_ANSWERS: Final = 1


@dataclass(slots=True)
class _Worker:
    """A worker process, the pipe to it, and the numbers of the blocks it has not answered yet."""

    process: BaseProcess
    pipe: Connection
    given: _Memory
    taken: _Memory
    owes: list[int] = field(default_factory=list)

    def take(self, number: int, block: Block) -> None:
        self.given.put(_REQUESTS, block.data)
        self.given.turn += 1
        try:
            self.pipe.send(_Told(len(block.data), block.one_document, block.consumed))
        except OSError:
            raise lost(self.process) from None
        self.owes.append(number)

    def give(self) -> tuple[int, BlockAnswer]:
        try:
            size, *counts = self.pipe.recv()
        except (EOFError, OSError):
            raise lost(self.process) from None
        answered = BlockAnswer(self.taken.get(_ANSWERS, size), *counts)
        self.taken.turn += 1
        return self.owes.pop(0), answered


def _settle_with_workers(blocks: Iterator[Block], catalogue: Catalogue, most: int) -> Generator[BlockAnswer]:
    workers: list[_Worker] = []
    answered: dict[int, BlockAnswer] = {}
    taken = given = 0
    block = next(blocks, None)
    try:
        while block is not None or given < taken:
            while (
                block is not None
                and taken - given < _AHEAD * most
                and (worker := _free_worker(workers, catalogue, most)) is not None
            ):
                worker.take(taken, block)
                taken += 1
                block = next(blocks, None)
            answered.update(_next_answers(workers))
            while given in answered:
                yield answered.pop(given)
                given += 1
    finally:
        # All their answers are here, or nobody wants them any more.
        for worker in workers:
            worker.process.kill()
        for worker in workers:
            worker.process.join()
            worker.pipe.close()
            os.close(worker.given.descriptor)


def _free_worker(workers: list[_Worker], catalogue: Catalogue, most: int) -> _Worker | None:
    """The worker with the least to do, or a new one while all are busy; None when all have enough."""
    least = min(workers, key=lambda worker: len(worker.owes), default=None)
    if least is None or (least.owes and len(workers) < most):
        least = _start_worker(catalogue)
        workers.append(least)
    return least if len(least.owes) < _BLOCKS_A_WORKER else None


def _next_answers(workers: list[_Worker]) -> list[tuple[int, BlockAnswer]]:
    from multiprocessing.connection import wait

    busy = [worker for worker in workers if worker.owes]
    ready = wait([worker.pipe for worker in busy])
    return [worker.give() for worker in busy if worker.pipe in ready]


def _start_worker(catalogue: Catalogue) -> _Worker:
    import multiprocessing
    from multiprocessing import resource_tracker
    from multiprocessing.reduction import send_handle

    ours, theirs = multiprocessing.Pipe()
    forked = multiprocessing.get_start_method() == "fork"
    if not forked:
        # It lets signals through again where it starts, so it starts before they are held back.
        resource_tracker.ensure_running()
    # A fork has our end of the pipe too, and would never see it closed.
    arguments = (theirs, ours if forked else None, catalogue)
    process = multiprocessing.Process(target=_work, args=arguments, daemon=True)
    try:
        with _interrupts_held():
            process.start()
    except OSError as error:
        raise not_started(error) from error
    theirs.close()
    memory = _anonymous_file()
    # Where it is gone already, the first block will tell.
    with suppress(OSError):
        send_handle(ours, memory, process.pid)
    return _Worker(process, ours, _Memory(memory), _Memory(memory))


def _anonymous_file() -> int:
    if hasattr(os, "memfd_create"):
        return os.memfd_create("onestop")
    with tempfile.TemporaryFile(buffering=0) as file:
        return os.dup(file.fileno())


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Hold Ctrl-C back for a moment here, and for good in the processes started meanwhile: they end when we do."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT,))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _work(pipe: Connection, not_ours: Connection | None, catalogue: Catalogue) -> None:
    """Run a worker process: answer blocks for as long as there is a parent."""
    from multiprocessing.reduction import recv_handle

    if not_ours is not None:
        not_ours.close()
    collect_rarely()
    with _ending_with_the_parent():
        memory = _Memory(recv_handle(pipe))
    while True:
        with _ending_with_the_parent():
            told: _Told = pipe.recv()
        data = memory.get(_REQUESTS, told.size)
        answered = settle_block(Block(data, told.one_document, told.consumed), catalogue)
        memory.put(_ANSWERS, answered.data)
        memory.turn += 1
        with _ending_with_the_parent():
            pipe.send((len(answered.data), *answered[1:]))


@contextmanager
def _ending_with_the_parent() -> Iterator[None]:
    try:
        yield
    except (EOFError, OSError):
        # The other end of the pipe is gone, and with it whoever wanted an answer.
        os._exit(1)
