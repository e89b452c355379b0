"""The guard around the whole application, in plain ASGI: every request is counted, no exception leaves the house."""

from __future__ import annotations

import os
import re
import traceback
from time import perf_counter
from typing import TYPE_CHECKING, Final, TypeAlias

from starlette.requests import Request
from starlette.responses import Response

from app.api import problems
from app.api.gate import REQUEST_ID, header_of, key_id_in
from app.observe.metrics import METHODS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from app.api.state import Now
    from app.observe.logs import Log
    from app.observe.metrics import Metrics

Answer: TypeAlias = "Callable[[Request, Exception], Response]"
Answers: TypeAlias = "Mapping[type[Exception], Answer]"

UNMATCHED: Final = "unmatched"
# W3C Trace Context: version, trace, parent, flags. A trace of zeros is none.
_TRACE: Final = re.compile(
    rb"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?"
).fullmatch


class Observed:
    """Counts and logs every request, and turns every exception into a problem document.

    `answers` knows those that are to be expected; any other is a mistake of ours.
    """

    def __init__(self, app: ASGIApp, answers: Answers, now: Now, metrics: Metrics, log: Log) -> None:
        self.app = app
        self.answers = answers
        self.now = now
        self.metrics = metrics
        self.log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = perf_counter()
        caller = caller_of(scope)
        request_id = scope[REQUEST_ID] = os.urandom(16).hex() if caller is None else caller[0].decode()
        status = 0

        async def observed_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), (b"x-request-id", request_id.encode())]
                if self.now.is_draining:
                    # Whoever comes again comes to another one.
                    message["headers"].append((b"connection", b"close"))
            await send(message)

        try:
            await self.app(scope, receive, observed_send)
        except Exception as error:  # the last line of defence: logged, counted, answered
            answer = self._expected(error)
            if status or answer is None:
                log_mistake(self.log, error, request_id)
            if status:
                # The answer has begun: only a cut connection can say that it is not whole.
                raise
            response = _internal_error() if answer is None else answer(Request(scope), error)
            await response(scope, receive, observed_send)
        finally:
            self._count(scope, status, perf_counter() - began, request_id)

    def _expected(self, error: Exception) -> Answer | None:
        return next((self.answers[kind] for kind in type(error).__mro__ if kind in self.answers), None)

    def _count(self, scope: Scope, status: int, seconds: float, request_id: str) -> None:
        route, method = labels_of(scope)
        self.metrics.request(route, method, status, seconds)
        self.log.request(request_id, seconds, key_id_in(scope), route, method, status)


def log_mistake(log: Log, error: Exception, request_id: str | None) -> None:
    """Log a mistake of ours: its message may hold what a caller sent; its type and place do not."""
    frames = traceback.extract_tb(error.__traceback__)
    where = " < ".join(f"{frame.name}:{frame.lineno}" for frame in reversed(frames[-8:]))
    log.error("mistake", request_id=request_id, error=type(error).__name__, where=where)


def caller_of(scope: Scope) -> tuple[bytes, bytes, bytes] | None:
    """The trace that a request is part of, whose id is its own then, the caller's span in it, and the flags.

    None where it says none, or not in that form.
    """
    found = _TRACE(header_of(scope, b"traceparent") or b"")
    return None if found is None else (found[1], found[2], found[3])


def labels_of(scope: Scope) -> tuple[str, str]:
    """A handler's route, or a mount's path, and the method: the raw path is never a label."""
    matched = scope.get("route")
    route = str(getattr(matched, "path_format", None) or getattr(matched, "path", UNMATCHED))
    return route, scope["method"] if scope["method"] in METHODS else "other"


def _internal_error() -> Response:
    document = problems.document(
        problems.INTERNAL_ERROR, "Nothing was settled. The mistake is ours and is in the log under the x-request-id."
    )
    return Response(document.body, document.status, media_type=problems.MEDIA_TYPE)
