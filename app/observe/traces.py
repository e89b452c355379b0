"""Traces: a span of each request, with its calculations and its transactions in it. Loaded where they are asked for.

What a span says is of a fixed list (`Said`): no path, no query, no header, no statement, no words of an exception.
"""

from __future__ import annotations

import os
import threading
from contextvars import ContextVar
from importlib.metadata import version
from time import time_ns  # noqa: TID251 # when a span was decides nothing
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, ParentBased
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, StatusCode, TraceFlags, set_span_in_context

from app.observe.collector import Outbox
from app.observe.metrics import Metrics

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextvars import Token

    from opentelemetry.trace import Span

    from app.observe.collector import Count
    from app.observe.logs import Log
    from app.settlement.result import Settlement

# A trace, the caller's span in it, and flags, as `traceparent` has them: hexadecimal digits.
Caller: TypeAlias = tuple[bytes, bytes, bytes]
Said = Literal[
    "http.request.method",
    "http.response.status_code",
    "http.route",
    "onestop.connection_wait_seconds",
    "onestop.key",
    "onestop.lock_wait_seconds",
    "onestop.outcome",
]

_CLOSE_SECONDS: Final = 3.0
_OURS_FROM: Final = 500
# The request that a piece of work is for; it goes along into whatever thread the work goes.
_REQUEST: Final[ContextVar[Span | None]] = ContextVar("onestop_request", default=None)


class Traces:
    """One process's traces. Where a caller says whether its trace is recorded, that holds here too."""

    def __init__(self, address: str, count: Count, log: Log) -> None:
        service = {
            "service.name": "onestop",
            "service.version": version("onestop-settlement"),
            # Tells the workers apart.
            "service.instance.id": os.urandom(8).hex(),
        }
        # Not the library's own resource, which can have the machine's name and the command in it.
        self._provider = TracerProvider(ParentBased(ALWAYS_ON), Resource(service), shutdown_on_exit=False)
        self._provider.add_span_processor(Outbox(address, count, log))
        self._tracer = self._provider.get_tracer("onestop")
        self._waits = _Waits()

    def request(self, caller: Caller | None) -> RequestSpan:
        """Begin a request's span: below its caller's, or a trace of its own."""
        context = Context() if caller is None else set_span_in_context(NonRecordingSpan(_remote(caller)), Context())
        return RequestSpan(self._tracer.start_span("request", context, SpanKind.SERVER))

    def calculated(self, seconds: float) -> None:
        """Add a calculation that ends now. One that had to wait for the ledger in its middle is shown in one piece."""
        self._add("calculation", seconds, {})

    def waited(self, what: str, seconds: float) -> None:
        """Note for what this thread's transaction waited."""
        if what == "lock":
            self._waits.lock += seconds
        else:
            self._waits.connection += seconds

    def transaction(self, kind: str, seconds: float, outcome: str) -> None:
        """Add a transaction of this thread that ends now."""
        self._add(
            f"ledger {kind}",
            seconds,
            {
                "onestop.connection_wait_seconds": self._waits.connection,
                "onestop.lock_wait_seconds": self._waits.lock,
                "onestop.outcome": outcome,
            },
        )
        self._waits.connection = self._waits.lock = 0.0

    def outcome(self, word: str) -> None:
        """Say what came of the request."""
        span = _REQUEST.get()
        if span is not None:
            _say(span, {"onestop.outcome": word})

    def close(self) -> None:
        """Send what waits. A collector that does not answer in some seconds holds up no stop."""
        closing = threading.Thread(target=self._provider.shutdown, daemon=True)
        closing.start()
        closing.join(_CLOSE_SECONDS)

    def _add(self, name: str, seconds: float, what: Mapping[Said, str | float]) -> None:
        request = _REQUEST.get()
        if request is None:
            return
        ended = time_ns()
        began = ended - round(seconds * 1_000_000_000)
        span = self._tracer.start_span(name, set_span_in_context(request, Context()), start_time=began)
        _say(span, what)
        span.end(ended)


class RequestSpan:
    """A request's span, from its head to its answer."""

    def __init__(self, span: Span) -> None:
        self._span = span
        self._token: Token[Span | None] = _REQUEST.set(span)

    @property
    def traceparent(self) -> bytes:
        """What tells somebody further on that their work is for this request."""
        own = self._span.get_span_context()
        return b"00-%032x-%016x-%02x" % (own.trace_id, own.span_id, own.trace_flags)

    def end(self, route: str, method: str, status: int, key: str | None) -> None:
        """Say what it was: its route's template, and no status where nobody waited for one."""
        _REQUEST.reset(self._token)
        self._span.update_name(f"{method} {route}")
        _say(self._span, {"http.route": route, "http.request.method": method})
        if status:
            _say(self._span, {"http.response.status_code": status})
        if status >= _OURS_FROM:
            self._span.set_status(StatusCode.ERROR)
        if key is not None:
            _say(self._span, {"onestop.key": key})
        self._span.end()


class TracedMetrics(Metrics):
    """Metrics of a service that is traced: what they are told goes into the request's trace too."""

    def __init__(self, address: str, log: Log) -> None:
        super().__init__()
        self.traces = Traces(address, self.spans, log)

    def settled(self, settlement: Settlement, seconds: float) -> None:
        super().settled(settlement, seconds)
        self.traces.outcome("settled")

    def recorded(self, settlement: Settlement) -> None:
        super().recorded(settlement)
        self.traces.outcome("recorded")

    def replayed(self) -> None:
        super().replayed()
        self.traces.outcome("replayed")

    def refused(self, code: str) -> None:
        super().refused(code)
        self.traces.outcome(code)

    def calculated(self, seconds: float) -> None:
        super().calculated(seconds)
        self.traces.calculated(seconds)

    def waited(self, what: str, seconds: float) -> None:
        super().waited(what, seconds)
        self.traces.waited(what, seconds)


class _Waits(threading.local):
    """For what a thread's transaction has waited: seconds."""

    connection = 0.0
    lock = 0.0


def _remote(caller: Caller) -> SpanContext:
    trace_id, span_id, flags = (int(each, 16) for each in caller)
    return SpanContext(trace_id, span_id, is_remote=True, trace_flags=TraceFlags(flags & TraceFlags.SAMPLED))


def _say(span: Span, what: Mapping[Said, str | float]) -> None:
    for name, value in what.items():
        span.set_attribute(name, value)
