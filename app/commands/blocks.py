"""Cut input files into blocks of whole requests, so that any size passes through at constant memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, Final, NamedTuple

from app.api.strict_json import NotJson, parse
from app.api.wire import MAX_BODY

if TYPE_CHECKING:
    from collections.abc import Iterator

BLOCK_SIZE: Final = 256 * 1024


class Block(NamedTuple):
    """Some requests: the bytes that hold them, a line each or one document, and how much of the file they took."""

    data: bytes
    one_document: bool
    consumed: int

    def requests(self) -> list[bytes]:
        """The requests, in order. Blank lines are none."""
        lines = [self.data] if self.one_document else self.data.split(b"\n")
        return [line for line in lines if line and not line.isspace()]


def blocks_of(stream: BinaryIO, *, named_json: bool) -> Iterator[Block]:
    """Cut a file into blocks of lines; a file that is one JSON document is one block.

    A line longer than a request may be is cut off just above that size, where the reader refuses it. `named_json`
    says that the file's name promises one document.
    """
    head = stream.read(BLOCK_SIZE)
    first_line = head.lstrip().partition(b"\n")[0]
    if first_line and not _is_json(first_line):
        head += stream.read(max(0, MAX_BODY + 1 - len(head)))
        if len(head) <= MAX_BODY and _is_one_document(head, named_json=named_json):
            yield Block(head, one_document=True, consumed=len(head))
            return
    yield from _blocks_of_lines(stream, head)


def _blocks_of_lines(stream: BinaryIO, head: bytes) -> Iterator[Block]:
    rest = head
    while chunk := stream.read(BLOCK_SIZE):
        rest += chunk
        end = rest.rfind(b"\n") + 1
        if end:
            yield Block(rest[:end], one_document=False, consumed=end)
            rest = rest[end:]
        elif len(rest) > MAX_BODY:
            skipped, after = _skip_line(stream)
            yield Block(rest[: MAX_BODY + 1], one_document=False, consumed=len(rest) + skipped)
            rest = after
    yield Block(rest, one_document=False, consumed=len(rest))


def _skip_line(stream: BinaryIO) -> tuple[int, bytes]:
    """Pass over the rest of a line: how many bytes, and what was read behind it."""
    skipped = 0
    while chunk := stream.read(BLOCK_SIZE):
        line, newline, after = chunk.partition(b"\n")
        skipped += len(line) + len(newline)
        if newline:
            return skipped, after
    return skipped, b""


def _is_one_document(data: bytes, *, named_json: bool) -> bool:
    """Whether data whose first line is no JSON by itself is one document spread over lines."""
    if _is_json(data):
        return True
    # Broken somewhere: by its name one broken document, unless other lines are requests of their own.
    return named_json and not any(line.lstrip().startswith(b"{") and _is_json(line) for line in data.split(b"\n"))


def _is_json(data: bytes) -> bool:
    try:
        parse(data)
    except NotJson:
        return False
    return True
