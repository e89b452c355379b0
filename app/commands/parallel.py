"""Settle blocks of requests on all cores, answers in the order of the requests, at constant memory."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ProcessPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

from app.api.answers import Settled, answer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from app.commands.blocks import Block
    from app.policies.catalogue import Catalogue


class BlockAnswer(NamedTuple):
    """The answers to one block, a line each, and the counts of what became of its requests."""

    data: bytes
    settled: int
    refused: int
    consumed: int


def settle_block(block: Block, catalogue: Catalogue) -> BlockAnswer:
    """Settle the requests of a block one by one; a refused one never stops the others."""
    written = []
    settled = 0
    for request in block.requests():
        result = answer(request, catalogue)
        settled += isinstance(result, Settled)
        written.append(result.body)
    data = b"\n".join([*written, b""])
    return BlockAnswer(data, settled, len(written) - settled, block.consumed)


def settle_blocks(blocks: Iterable[Block], load: Callable[[], Catalogue], workers: int) -> Iterator[BlockAnswer]:
    """Settle blocks with some worker processes, a few blocks ahead of the slowest reader, in order.

    `load` is called in each process; what is small enough for one block is settled without starting any.
    """
    blocks = iter(blocks)
    first = next(blocks, None)
    if first is None:
        return
    catalogue = load()
    second = next(blocks, None) if workers > 1 else None
    if second is None:
        yield settle_block(first, catalogue)
        yield from (settle_block(block, catalogue) for block in blocks)
        return
    with ProcessPoolExecutor(workers, initializer=_start_worker, initargs=(load,)) as pool:
        waiting: deque[Future[BlockAnswer]] = deque([pool.submit(_settle, first), pool.submit(_settle, second)])
        try:
            for block in blocks:
                if len(waiting) > 2 * workers:
                    yield waiting.popleft().result()
                waiting.append(pool.submit(_settle, block))
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


class _Worker:
    """What a worker process holds: its packs, loaded once."""

    catalogue: Catalogue


def _start_worker(load: Callable[[], Catalogue]) -> None:
    _Worker.catalogue = load()


def _settle(block: Block) -> BlockAnswer:
    return settle_block(block, _Worker.catalogue)
