"""A collector of traces: takes what is sent to it as OTLP over HTTP, keeps the bytes, and reads them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any, NamedTuple

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

PATIENCE = 60.0


class Span(NamedTuple):
    """A span as it came; ids in hexadecimal digits."""

    worker: str
    trace: str
    id: str
    parent: str
    name: str
    kind: int
    began: int
    ended: int
    said: dict[str, Any]
    status: int
    # What may hold words: events, links, a state that callers give, the status's message.
    more: list[object]


class Collector:
    """What came, on which path; after `hang` it answers nobody until `go_on`."""

    def __init__(self, port: int) -> None:
        self.bodies: list[bytes] = []
        self.paths: set[str] = set()
        self._goes = Event()
        self._goes.set()
        self._server = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        # A sender that hangs here is no reason to wait in the end.
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self.address = f"http://127.0.0.1:{self.port}"
        Thread(target=self._server.serve_forever, daemon=True).start()

    def hang(self) -> None:
        self._goes.clear()

    def go_on(self) -> None:
        self._goes.set()

    def close(self) -> None:
        self.go_on()
        self._server.shutdown()
        self._server.server_close()

    def spans(self) -> list[Span]:
        return [span for body in list(self.bodies) for span in spans_in(body)]

    def wait(self, is_there: Callable[[list[Span]], object]) -> list[Span]:
        """All spans, once those are there that are waited for."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            spans = self.spans()
            if is_there(spans):
                return spans
            time.sleep(0.05)
        raise AssertionError(f"not among {len(self.spans())} spans")

    def trace(self, trace: str) -> list[Span]:
        """The spans of a request's trace: its own is the last that it waits for, and they are sent in that order."""
        spans = self.wait(lambda found: any(each.trace == trace and each.kind == SERVER for each in found))
        return [each for each in spans if each.trace == trace]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                collector._goes.wait(PATIENCE)
                collector.paths.add(self.path)
                collector.bodies.append(body)
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_what: object) -> None:
                pass

        return Handler


SERVER = 2


@contextmanager
def collecting(port: int = 0) -> Iterator[Collector]:
    collector = Collector(port)
    try:
        yield collector
    finally:
        collector.close()


def spans_in(body: bytes) -> Iterator[Span]:
    for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
        of = {each.key: each.value.string_value for each in resource.resource.attributes}
        assert set(of) == {"service.name", "service.version", "service.instance.id"}
        for span in (span for scope in resource.scope_spans for span in scope.spans):
            yield Span(
                of["service.instance.id"],
                span.trace_id.hex(),
                span.span_id.hex(),
                span.parent_span_id.hex(),
                span.name,
                span.kind,
                span.start_time_unix_nano,
                span.end_time_unix_nano,
                {each.key: getattr(each.value, str(each.value.WhichOneof("value"))) for each in span.attributes},
                span.status.code,
                [*span.events, *span.links, *filter(None, (span.trace_state, span.status.message))],
            )
