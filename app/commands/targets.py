"""Where the answers of `onestop settle` go: to standard output, or to a file that appears only when it is whole."""

from __future__ import annotations

import os
import shutil
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Unusable(Exception):
    """A file that cannot be read or written. Says in one line which, and why."""


@contextmanager
def target(out: Path | None) -> Iterator[Callable[[bytes | memoryview], None]]:
    """Open where the answers go. Raises `Unusable`, and `BrokenPipeError` where nobody reads on."""
    if out is None:
        yield _standard_output()
        return
    with telling(out):
        special = out.exists() and not out.is_file()
    with _special_file(out) if special else _whole_file(out) as write:
        yield write


@contextmanager
def telling(name: object) -> Iterator[None]:
    """Say of which file an error of the system is."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise Unusable(f"{name}: {error.strerror or error}") from error


def _standard_output() -> Callable[[bytes | memoryview], None]:
    if sys.stdout is None:
        raise Unusable("standard output is closed")
    # Past the buffer: blocks are large, and what a full disk refused must not come up again when the interpreter ends.
    return _writer("standard output", cast("BinaryIO", getattr(sys.stdout.buffer, "raw", sys.stdout.buffer)))


@contextmanager
def _special_file(out: Path) -> Iterator[Callable[[bytes | memoryview], None]]:
    with telling(out):
        stream = out.open("wb", buffering=0)
    with stream:
        yield _writer(out, stream)


@contextmanager
def _whole_file(out: Path) -> Iterator[Callable[[bytes | memoryview], None]]:
    # Through a symbolic link, which stays one.
    whole = Path(os.path.realpath(out))
    part = whole.with_name(f".{whole.name}.{os.urandom(4).hex()}.part")
    with telling(out):
        stream = part.open("xb", buffering=0)
    try:
        with stream:
            yield _writer(out, stream)
            with telling(out):
                os.fsync(stream.fileno())
        with telling(out):
            if whole.exists():
                shutil.copymode(whole, part)
            part.replace(whole)
    finally:
        part.unlink(missing_ok=True)


def _writer(name: object, stream: BinaryIO) -> Callable[[bytes | memoryview], None]:
    def write(data: bytes | memoryview) -> None:
        rest = memoryview(data)
        with telling(name):
            while rest:
                rest = rest[stream.write(rest) :]

    return write
