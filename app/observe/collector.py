"""The way of spans to their collector: beside the requests, a bounded number of them, and never at a request's cost."""

from __future__ import annotations

from threading import Semaphore
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from opentelemetry.sdk.trace import ReadableSpan

    from app.observe.logs import Log

Count: TypeAlias = "Callable[[Literal['sent', 'lost'], int], None]"

MOST_WAITING: Final = 2_048
_AT_ONCE: Final = 512
_EVERY_MILLISECONDS: Final = 1_000
_SEND_SECONDS: Final = 5


class Outbox(BatchSpanProcessor):
    """Spans that wait for their collector. What finds no place is lost, and counted: the library would not say so."""

    def __init__(self, address: str, count: Count, log: Log) -> None:
        self._places = Semaphore(MOST_WAITING)
        self._count = count
        super().__init__(
            _Sender(address, self._places, count, log),
            max_queue_size=MOST_WAITING,
            schedule_delay_millis=_EVERY_MILLISECONDS,
            max_export_batch_size=_AT_ONCE,
        )

    def on_end(self, span: ReadableSpan) -> None:
        """Take a span that has ended."""
        if self._places.acquire(blocking=False):
            super().on_end(span)
        else:
            self._count("lost", 1)


class _Sender(SpanExporter):
    """Sends spans and counts them; says in the log when a collector goes, and when it is back."""

    def __init__(self, address: str, places: Semaphore, count: Count, log: Log) -> None:
        self._exporter = OTLPSpanExporter(f"{address}/v1/traces", timeout=_SEND_SECONDS)
        self._places = places
        self._count = count
        self._log = log
        self._reaches = True

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = SpanExportResult.FAILURE
        try:
            result = self._exporter.export(spans)
        finally:
            is_sent = result is SpanExportResult.SUCCESS
            self._places.release(len(spans))
            self._count("sent" if is_sent else "lost", len(spans))
            self._say(is_sent=is_sent)
        return result

    def _say(self, *, is_sent: bool) -> None:
        if self._reaches and not is_sent:
            self._log.warning("traces do not reach their collector; what is lost is counted")
        elif is_sent and not self._reaches:
            self._log.info("traces reach their collector again")
        self._reaches = is_sent

    def shutdown(self) -> None:
        """Give the connection back."""
        self._exporter.shutdown()  # type: ignore[no-untyped-call]  # it has no types
