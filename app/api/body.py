"""The bytes of a request's body: the right type, within eight megabytes, within its time."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from app.api import problems
from app.api.deadline import Deadline
from app.api.wire import MAX_BODY

if TYPE_CHECKING:
    from starlette.requests import Request

BODY_SECONDS: Final = 30
_JSON: Final = "application/json"


async def read_body(request: Request) -> bytes | problems.Document:
    """Read the body, or say why not: 415 before a byte is read, 413 as soon as it is too large, 408 when too slow."""
    problem = _of_the_head(request.scope["headers"])
    if problem:
        return problem
    chunks: list[bytes] = []
    size = 0
    try:
        with Deadline(BODY_SECONDS):
            while True:
                message = await request.receive()
                if message["type"] == "http.disconnect":
                    # Nobody hears this; the log and the metrics do, and should not take it for a mistake of ours.
                    return problems.document(problems.CLIENT_GONE, "The body broke off.")
                chunk: bytes = message.get("body", b"")
                size += len(chunk)
                if size > MAX_BODY:
                    return _too_large()
                chunks.append(chunk)
                if not message.get("more_body", False):
                    return chunks[0] if len(chunks) == 1 else b"".join(chunks)
    except TimeoutError:
        return problems.document(problems.BODY_TIMEOUT, f"The body must arrive within {BODY_SECONDS} seconds.")


def _of_the_head(headers: list[tuple[bytes, bytes]]) -> problems.Document | None:
    # The first of a name counts. Read as they came: Starlette decodes all of them for each that is asked for.
    found = dict(reversed(headers))
    if not _is_json(found.get(b"content-type", b"")):
        return problems.document(problems.UNSUPPORTED_MEDIA_TYPE, f"Send {_JSON} in UTF-8.")
    if found.get(b"content-encoding", b"identity").lower() != b"identity":
        return problems.document(problems.UNSUPPORTED_MEDIA_TYPE, "Send the body without a content encoding.")
    length = found.get(b"content-length", b"0")
    return _too_large() if length.isdigit() and int(length) > MAX_BODY else None


def _is_json(content_type: bytes) -> bool:
    if content_type == _JSON.encode():
        return True
    media_type, _, parameters = content_type.decode("latin-1").lower().partition(";")
    charset = re.search(r"charset\s*=\s*\"?([^\s;\"]*)", parameters)
    return media_type.strip() == _JSON and (charset is None or charset[1] in ("utf-8", "utf8"))


def _too_large() -> problems.Document:
    return problems.document(problems.BODY_TOO_LARGE, f"A request has at most {MAX_BODY:,} bytes.")
