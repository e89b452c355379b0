"""The layer around `Observed` where there are traces, and threads that know for which request they work."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from app.api.gate import key_id_in
from app.api.guards import caller_of, labels_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from app.observe.traces import Traces

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class Traced:
    """Makes a span of every request.

    It hands the trace on as any caller in front does, in `traceparent`: so the trace's id is the request's, in the log
    and in the answer.
    """

    def __init__(self, app: ASGIApp, traces: Traces) -> None:
        self.app = app
        self.traces = traces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status = 0

        async def traced_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        span = self.traces.request(caller_of(scope))
        # The first of a name counts.
        scope["headers"] = [(b"traceparent", span.traceparent), *scope["headers"]]
        try:
            await self.app(scope, receive, traced_send)
        finally:
            span.end(*labels_of(scope), status, key_id_in(scope))


class CarryingThreads(ThreadPoolExecutor):
    """Threads in which a piece of work is still that of the request which handed it over."""

    def submit(
        self, fn: Callable[Arguments, Result], /, *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Future[Result]:
        """Hand a piece of work over."""
        return super().submit(copy_context().run, partial(fn, *args, **kwargs))
