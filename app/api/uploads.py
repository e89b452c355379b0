"""Files that are sent as a body: of some hundred megabytes at most, kept in a file until they are read."""

from __future__ import annotations

from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Final, NamedTuple

from app.api import problems
from app.api.deadline import Deadline

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from fastapi import Request

MAX_UPLOAD: Final = 256 * 1024 * 1024
# Between two pieces; a whole file may take longer.
PIECE_SECONDS: Final = 30
TYPES: Final = {
    "application/json": "json",
    "text/csv": "csv",
    "application/vnd.apache.parquet": "parquet",
}


class Upload(NamedTuple):
    """A file that was sent, and its format."""

    path: Path
    form: str


@asynccontextmanager
async def uploaded(request: Request) -> AsyncIterator[Upload | problems.Document]:
    """Receive a file, or say why not; it is gone in the end."""
    form = TYPES.get(request.headers.get("content-type", "").partition(";")[0].strip().lower())
    if form is None or request.headers.get("content-encoding", "identity").lower() != "identity":
        yield problems.document(
            problems.UNSUPPORTED_MEDIA_TYPE, f"Send {', '.join(TYPES)}, without a content encoding."
        )
        return
    length = request.headers.get("content-length", "0")
    if length.isdigit() and int(length) > MAX_UPLOAD:
        yield _too_large()
        return
    with NamedTemporaryFile(prefix="onestop-upload-") as file:
        problem = await _receive(request, file)
        yield problem or Upload(Path(file.name), form)


async def _receive(request: Request, file: object) -> problems.Document | None:
    size = 0
    while True:
        try:
            with Deadline(PIECE_SECONDS):
                message = await request.receive()
        except TimeoutError:
            return problems.document(problems.BODY_TIMEOUT, f"Nothing came for {PIECE_SECONDS} seconds.")
        if message["type"] == "http.disconnect":
            return problems.document(problems.CLIENT_GONE, "The body broke off.")
        piece = message.get("body", b"")
        size += len(piece)
        if size > MAX_UPLOAD:
            return _too_large()
        file.write(piece)  # type: ignore[attr-defined]  # a temporary file's wrapper
        if not message.get("more_body", False):
            file.flush()  # type: ignore[attr-defined]  # the same
            return None


def _too_large() -> problems.Document:
    return problems.document(problems.BODY_TOO_LARGE, f"A file has at most {MAX_UPLOAD:,} bytes.")
