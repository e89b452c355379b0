"""The bytes of a request's body: the right type, within eight megabytes, within its time."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Final

from starlette.requests import ClientDisconnect

from app.api import problems
from app.api.wire import MAX_BODY

if TYPE_CHECKING:
    from starlette.datastructures import Headers
    from starlette.requests import Request

BODY_SECONDS: Final = 30
_JSON: Final = "application/json"


async def read_body(request: Request) -> bytes | problems.Document:
    """Read the body, or say why not: 415 before a byte is read, 413 as soon as it is too large, 408 when too slow."""
    problem = _of_the_head(request.headers)
    if problem:
        return problem
    chunks: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                size += len(chunk)
                if size > MAX_BODY:
                    return _too_large()
                chunks.append(chunk)
    except TimeoutError:
        return problems.document(problems.BODY_TIMEOUT, f"The body must arrive within {BODY_SECONDS} seconds.")
    except ClientDisconnect:
        # Nobody hears this; the log and the metrics do, and should not take it for a mistake of ours.
        return problems.document(problems.CLIENT_GONE, "The body broke off.")
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _of_the_head(headers: Headers) -> problems.Document | None:
    media_type, _, parameters = headers.get("content-type", "").lower().partition(";")
    charset = re.search(r"charset\s*=\s*\"?([^\s;\"]*)", parameters)
    if media_type.strip() != _JSON or (charset and charset[1] not in ("utf-8", "utf8")):
        return problems.document(problems.UNSUPPORTED_MEDIA_TYPE, f"Send {_JSON} in UTF-8.")
    if headers.get("content-encoding", "identity").lower() != "identity":
        return problems.document(problems.UNSUPPORTED_MEDIA_TYPE, "Send the body without a content encoding.")
    length = headers.get("content-length", "0")
    return _too_large() if length.isdecimal() and int(length) > MAX_BODY else None


def _too_large() -> problems.Document:
    return problems.document(problems.BODY_TOO_LARGE, f"A request has at most {MAX_BODY:,} bytes.")
