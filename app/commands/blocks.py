"""Cut input files into blocks of whole requests, so that any size passes through at constant memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

import msgspec

from app.api.wire import MAX_BODY

if TYPE_CHECKING:
    from collections.abc import Iterator

# Some milliseconds of work: far more than passing it to a worker takes, and little enough to keep all busy to the end.
BLOCK_SIZE: Final = 512 * 1024
# An answer can be a hundred times as long as a broken line, so short lines are counted too.
BLOCK_LINES: Final = 512

_BLANK: Final = b" \t\r"
_OPENING_LINES: Final = (b"{", b"[")
_SYNTAX: Final = msgspec.json.Decoder(msgspec.Raw)


class Readable(Protocol):
    """A file, or standard input: what can be read piece by piece."""

    def read1(self, size: int, /) -> bytes: ...


class Block(NamedTuple):
    """Some requests: the bytes that hold them, a line each or one document, and how much of the file they took."""

    data: bytes
    one_document: bool
    consumed: int

    def requests(self) -> list[bytes]:
        """The requests, in order, without the ends of their lines. Blank lines are none."""
        lines = [self.data] if self.one_document else _lines(self.data)
        return [line.removesuffix(b"\r") for line in lines if line.strip(_BLANK + b"\n")]


def _lines(data: bytes) -> Iterator[bytes]:
    """What `split` gives, which looks at byte after byte; `find` passes over many at once."""
    start = 0
    while (end := data.find(b"\n", start)) >= 0:
        yield data[start:end]
        start = end + 1
    yield data[start:]


def blocks_of(stream: Readable, *, named_json: bool) -> Iterator[Block]:
    """Cut a file into blocks of lines; a file that is one JSON document is one block.

    A line or document longer than a request may be is cut off just above that size, where it is refused. `named_json`
    says that the file's name promises one document.
    """
    head = _read(stream, BLOCK_SIZE)
    if not _is_json(_first_line(head)):
        head += _read(stream, MAX_BODY + 1 - len(head))
        if _is_one_document(head, named_json=named_json):
            skipped = sum(len(chunk) for chunk in _chunks(b"", stream))
            yield Block(head, one_document=True, consumed=len(head) + skipped)
            return
    yield from _blocks_of_lines(_chunks(head, stream))


def _chunks(head: bytes, stream: Readable) -> Iterator[bytes]:
    """What was read already and what comes behind it."""
    yield from (head[start : start + BLOCK_SIZE] for start in range(0, len(head), BLOCK_SIZE))
    while chunk := _read(stream, BLOCK_SIZE):
        yield chunk


def _read(stream: Readable, size: int) -> bytes:
    """Read so many bytes, or all that is left; piece by piece, since a buffered read of a pipe is deaf to Ctrl-C."""
    pieces = []
    while size > 0 and (piece := stream.read1(size)):
        pieces.append(piece)
        size -= len(piece)
    return b"".join(pieces)


def _blocks_of_lines(chunks: Iterator[bytes]) -> Iterator[Block]:
    rest = b""
    # One more than a request may have: the line may end in CR LF.
    longest = MAX_BODY + 1
    for chunk in chunks:
        end = chunk.rfind(b"\n") + 1
        if end:
            yield from _portions(b"".join((rest, memoryview(chunk)[:end])))
            rest = chunk[end:]
            continue
        rest += chunk
        if len(rest) > longest:
            skipped, after = _skip_line(chunks)
            yield Block(rest[: longest + 1], one_document=False, consumed=len(rest) + skipped)
            rest = after
    if rest:
        yield from _portions(rest)


def _portions(lines: bytes) -> Iterator[Block]:
    """Cut lines into blocks of not too many of them."""
    start = 0
    while start < len(lines):
        end = start
        for _ in range(BLOCK_LINES):
            newline = lines.find(b"\n", end)
            if newline < 0:
                end = len(lines)
                break
            end = newline + 1
        portion = lines[start:end]
        yield Block(portion, one_document=False, consumed=len(portion))
        start = end


def _skip_line(chunks: Iterator[bytes]) -> tuple[int, bytes]:
    """Pass over the rest of a line: how many bytes, and what was read behind it."""
    skipped = 0
    for chunk in chunks:
        line, newline, after = chunk.partition(b"\n")
        skipped += len(line) + len(newline)
        if newline:
            return skipped, after
    return skipped, b""


def _is_one_document(data: bytes, *, named_json: bool) -> bool:
    """Whether data whose first line is no JSON by itself is one document spread over lines.

    A broken document is still one, and not as many broken requests as it has lines: where the name or a first line of
    a single bracket promises a document, and no line that is not indented is a request by itself.
    """
    if b"\n" not in data.strip():
        return False
    if _is_json(data):
        return True
    promised = named_json or _first_line(data).strip() in _OPENING_LINES
    return promised and not any(line.startswith(b"{") and _is_json(line) for line in data.split(b"\n"))


def _first_line(data: bytes) -> bytes:
    return data.lstrip().partition(b"\n")[0]


def _is_json(data: bytes) -> bool:
    """Whether the syntax is right; what it says is for the strict reader."""
    try:
        _SYNTAX.decode(data)
    except (msgspec.MsgspecError, RecursionError):
        return False
    return True
