"""Settle blocks of requests on all cores, answers in the order of the requests, at constant memory.

Not `concurrent.futures`: its workers outlive a killed parent, and in some releases of Python a killed worker hangs it.
Here both ends of a pipe tell when the other one is gone, and the parent has no thread to fork beside. Requests and
answers lie in memory that both see; through the pipe go only their sizes, so that nobody ever waits to send.
"""

from __future__ import annotations

import os
import signal
import traceback
from collections import deque
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import chain, islice
from mmap import mmap
from selectors import EVENT_READ, DefaultSelector
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

# One block in work and two waiting, so that no worker waits for its next one while we settle one ourselves.
_OWED: Final = 3
# How many blocks of a worker may be under way: given to it, and not yet the ones whose turn it was.
_UNDER_WAY: Final = 6


class BlockAnswer(NamedTuple):
    """The answers to one block, a line each, the counts of what became of its requests, and our own mistakes.

    `data` may lie in memory that the next answers take: it is to be used before these are asked for.
    """

    data: bytes | memoryview
    settled: int
    refused: int
    consumed: int
    mistakes: tuple[str, ...] = ()


def settle_blocks(blocks: Iterable[Block], catalogue: Catalogue, workers: int) -> Generator[BlockAnswer]:
    """Settle blocks with some processes, of which this one is one, a few blocks ahead of the slowest, in order.

    What is small enough for one block is settled without starting another. Raises `WorkerLost`.
    """
    blocks = iter(blocks)
    first_two = list(islice(blocks, 2))
    every = chain(first_two, blocks)
    if workers > 1 and len(first_two) > 1:
        yield from _settle_with_workers(every, catalogue, workers - 1)
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


# More than any block and any answers take: a request is cut off at 8 MiB, has at most 5,000 lines, and is told at most
# 100 errors. Only what is written takes space.
_ROOM: Final = 2**26


class _Places:
    """Places in memory of two processes, taken one after another, round and round.

    Who writes has to know that what lay in the place before is not wanted any more.
    """

    def __init__(self, memory: memoryview) -> None:
        self._memory = memory
        self._next = 0

    def put(self, data: bytes | memoryview) -> None:
        self.get(len(data))[:] = data

    def get(self, size: int) -> memoryview:
        start = self._next
        self._next = (start + _ROOM) % len(self._memory)
        return self._memory[start : start + size]


def _places_in(descriptor: int) -> tuple[_Places, _Places]:
    """The places of a worker's requests and of its answers, in a file without a name."""
    memory = memoryview(mmap(descriptor, (_OWED + _UNDER_WAY) * _ROOM))
    os.close(descriptor)
    return _Places(memory[: _OWED * _ROOM]), _Places(memory[_OWED * _ROOM :])


@dataclass(slots=True)
class _Worker:
    """A worker process, the pipe to it, and the numbers of its blocks: not answered yet, and under way at all."""

    process: BaseProcess
    pipe: Connection
    requests: _Places
    answers: _Places
    owes: deque[int] = field(default_factory=deque)
    under_way: int = 0

    @property
    def is_free(self) -> bool:
        return len(self.owes) < _OWED and self.under_way < _UNDER_WAY

    def take(self, number: int, block: Block) -> None:
        self.requests.put(block.data)
        try:
            self.pipe.send(_Told(len(block.data), block.one_document, block.consumed))
        except OSError:
            raise lost(self.process) from None
        self.owes.append(number)
        self.under_way += 1

    def give(self) -> tuple[int, BlockAnswer]:
        try:
            size, *counts = self.pipe.recv()
        except (EOFError, OSError):
            raise lost(self.process) from None
        return self.owes.popleft(), BlockAnswer(self.answers.get(size), *counts)


def _settle_with_workers(blocks: Iterator[Block], catalogue: Catalogue, others: int) -> Generator[BlockAnswer]:
    workers: list[_Worker] = []
    pipes = DefaultSelector()
    # Ours have no worker.
    answered: dict[int, tuple[_Worker | None, BlockAnswer]] = {}
    taken = given = ours = 0
    block = next(blocks, None)
    try:
        while block is not None or given < taken:
            while block is not None and (free := _free_worker(workers, pipes, catalogue, others)) is not None:
                free.take(taken, block)
                taken += 1
                block = next(blocks, None)
            ready = _ready(pipes, at_once=block is not None and ours < _UNDER_WAY)
            for worker in ready:
                number, answers = worker.give()
                answered[number] = worker, answers
            if not ready and block is not None:
                answered[taken] = None, settle_block(block, catalogue)
                ours += 1
                taken += 1
                block = next(blocks, None)
            while given in answered:
                whose, answers = answered.pop(given)
                yield answers
                given += 1
                if whose is None:
                    ours -= 1
                else:
                    whose.under_way -= 1
    finally:
        # All their answers are here, or nobody wants them any more.
        for worker in workers:
            worker.process.kill()
        for worker in workers:
            worker.process.join()
            worker.pipe.close()
        pipes.close()


def _free_worker(workers: list[_Worker], pipes: DefaultSelector, catalogue: Catalogue, most: int) -> _Worker | None:
    """The worker with the least to do, or a new one while all are busy; None when all have enough."""
    least = min((worker for worker in workers if worker.is_free), key=lambda worker: len(worker.owes), default=None)
    if (least is None or least.owes) and len(workers) < most:
        least = _start_worker(catalogue)
        workers.append(least)
        pipes.register(least.pipe, EVENT_READ, least)
    return least


def _ready(pipes: DefaultSelector, *, at_once: bool) -> list[_Worker]:
    """Whose answers are there; wait for some if there is nothing better to do."""
    return [key.data for key, _ in pipes.select(0 if at_once else None)]


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
    os.truncate(memory, (_OWED + _UNDER_WAY) * _ROOM)
    # Where it is gone already, the first block will tell.
    with suppress(OSError):
        send_handle(ours, memory, process.pid)
    return _Worker(process, ours, *_places_in(memory))


def _anonymous_file() -> int:
    if hasattr(os, "memfd_create"):
        return os.memfd_create("onestop")
    import tempfile

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
        asked, answers = _places_in(recv_handle(pipe))
    while True:
        with _ending_with_the_parent():
            told: _Told = pipe.recv()
        block = Block(bytes(asked.get(told.size)), told.one_document, told.consumed)
        answered = settle_block(block, catalogue)
        answers.put(answered.data)
        with _ending_with_the_parent():
            pipe.send((len(answered.data), *answered[1:]))


@contextmanager
def _ending_with_the_parent() -> Iterator[None]:
    try:
        yield
    except (EOFError, OSError):
        # The other end of the pipe is gone, and with it whoever wanted an answer.
        os._exit(1)
