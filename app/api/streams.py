"""Answers that are written as they go: a piece at a time, whatever the whole may be."""

from __future__ import annotations

import asyncio
import gc
from typing import TYPE_CHECKING, Final, TypeVar

from fastapi.responses import StreamingResponse

from app.exchange.tables import MEDIA_TYPES, table_writer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from app.api.state import Parts
    from app.exchange.tables import Column, Format, Row

Item = TypeVar("Item")

# A piece takes some milliseconds: what others wait for, and what a client that goes away still costs.
ROWS_AT_ONCE: Final = 500


async def exported(  # noqa: PLR0913 # what a table is made of
    parts: Parts,
    name: str,
    to: Format,
    columns: Sequence[Column],
    row_of: Callable[[Item], Row],
    first: Callable[[], list[Item]],
    following: Callable[[Item], list[Item]],
) -> StreamingResponse:
    """Stream a table: `first` gives its first rows, `following` those behind one; a piece that is not full is the last.

    What can be refused is refused before a byte is sent; an answer that breaks off later is cut, never ended well.
    """
    writer = table_writer(to, columns)
    begun = await parts.in_ledger(first)

    def piece(behind: Item) -> tuple[list[Item], bytes]:
        items = following(behind)
        written = writer.rows([row_of(item) for item in items])
        # The database's library leaves rows in cycles; a service that collects rarely would keep those of many pieces.
        gc.collect(1)
        return items, written

    async def pieces() -> AsyncIterator[bytes]:
        items = begun
        yield writer.begin() + writer.rows([row_of(item) for item in items])
        # One piece is got ready while the one before it is sent.
        ahead = _ahead(parts, piece, items)
        try:
            while ahead is not None:
                items, written = await ahead
                ahead = _ahead(parts, piece, items)
                if written:
                    yield written
        finally:
            if ahead is not None:
                ahead.cancel()
        yield writer.end()

    headers = {"content-disposition": f'attachment; filename="{name}.{to}"'}
    return StreamingResponse(pieces(), headers=headers, media_type=MEDIA_TYPES[to])


def _ahead(
    parts: Parts, piece: Callable[[Item], tuple[list[Item], bytes]], items: list[Item]
) -> asyncio.Task[tuple[list[Item], bytes]] | None:
    return asyncio.ensure_future(parts.in_ledger_at_once(piece, items[-1])) if len(items) == ROWS_AT_ONCE else None
