"""Traces: one tree a request, under its own id, with nothing in it that somebody sent; and at no request's cost."""

from __future__ import annotations

import asyncio
import json
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from threading import Timer
from typing import Any

import httpx
import pytest

from app.api import his
from app.main import create_app
from app.observe.collector import MOST_WAITING
from app.observe.logs import Log
from app.observe.traces import Traces
from tests.api.service import JSON, ONESTOP, PATIENCE, PREVIEW, Service, changed, running, written
from tests.api.test_nothing_personal import HEADERS, NO_JSON, PLACES, REFUSED, RIGHT, asked, sent
from tests.keys import ADMIN, ADMIN_ID, admitted, bearer
from tests.operations.collector import SERVER, Collector, Span, collecting

SETTLEMENTS = "/v1/settlements"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"
ERROR = 2
# Whatever else is said of somebody's request is one thing too many.
SAID = {
    "http.request.method", "http.response.status_code", "http.route", "onestop.connection_wait_seconds", "onestop.key",
    "onestop.lock_wait_seconds", "onestop.outcome",
}  # fmt: skip
WITHOUT_PROXY = {"NO_PROXY": "127.0.0.1"}
WENT = "traces do not reach their collector; what is lost is counted"
CAME_BACK = "traces reach their collector again"


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with collecting() as made:
        yield made


@pytest.fixture(scope="module")
def traced(collector: Collector, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service with two workers, whose spans come to `collector`, on a ledger that others can reach too."""
    url = f"sqlite:///{tmp_path_factory.mktemp('ledger')}/onestop.db"
    options = {"ONESTOP_TRACES": collector.address, "ONESTOP_DATABASE_URL": url}
    with running("--workers", "2", **options, **WITHOUT_PROXY) as service:
        yield service


def traceparent(trace: str, flags: str) -> dict[str, str]:
    return {"traceparent": f"00-{trace}-{PARENT}-{flags}", "tracestate": "zqx=1"}


def one_tree(spans: list[Span]) -> tuple[Span, list[Span]]:
    """A request's span and those in it; all of one trace, one worker, and of the request's time."""
    (root,) = (span for span in spans if span.kind == SERVER)
    inner = [span for span in spans if span is not root]
    assert {span.worker for span in spans} == {root.worker}
    assert len({span.id for span in spans}) == len(spans)
    for span in inner:
        assert span.parent == root.id
        assert span.trace == root.trace
        # Nobody waits for the ledger where a key is only looked up again.
        assert root.began <= span.began <= span.ended
        assert span.ended <= root.ended or span.name.startswith("ledger")
    for span in spans:
        assert set(span.said) <= SAID
        assert span.more == []
    return root, inner


def last_write(inner: list[Span]) -> Span:
    """The bill's: what went before noted that the key was used."""
    return max((span for span in inner if span.name == "ledger write"), key=lambda span: span.began)


def waits_of(span: Span) -> tuple[float, float]:
    return span.said["onestop.connection_wait_seconds"], span.said["onestop.lock_wait_seconds"]


def test_a_request_is_one_tree_below_its_callers_span(traced: Service, collector: Collector) -> None:
    answer = traced.client.post(SETTLEMENTS, content=written({}), headers=JSON | traceparent(TRACE, "01"))
    assert (answer.status_code, answer.headers["x-request-id"]) == (201, TRACE)
    root, inner = one_tree(collector.trace(TRACE))
    assert (root.parent, root.name, root.status) == (PARENT, f"POST {SETTLEMENTS}", 0)
    assert root.said == {
        "http.route": SETTLEMENTS, "http.request.method": "POST", "http.response.status_code": 201,
        "onestop.key": ADMIN_ID, "onestop.outcome": "recorded",
    }  # fmt: skip
    write = last_write(inner)
    assert write.said["onestop.outcome"] == "done"
    connection, lock = waits_of(write)
    assert 0 < connection + lock < (write.ended - write.began) / 1e9
    assert {span.name for span in inner} <= {"ledger write", "ledger read"}
    assert collector.paths == {"/v1/traces"}


def test_a_request_without_a_caller_has_a_trace_under_its_id(traced: Service, collector: Collector) -> None:
    answer = traced.client.post(PREVIEW, content=written({}), headers=JSON)
    request_id = answer.headers["x-request-id"]
    root, inner = one_tree(collector.trace(request_id))
    assert root.parent == ""
    assert traced.logged_of(answer)["request_id"] == root.trace
    assert root.said["onestop.outcome"] == "settled"
    (calculation,) = (span for span in inner if span.name == "calculation")
    assert 0 < calculation.ended - calculation.began < 1_000_000_000
    assert calculation.said == {}


def test_what_is_no_traceparent_is_none(traced: Service, collector: Collector) -> None:
    answer = traced.get("/healthz", headers={"traceparent": f"00-{TRACE}-{'0' * 16}-01"})
    assert answer.headers["x-request-id"] != TRACE
    root, inner = one_tree(collector.trace(answer.headers["x-request-id"]))
    assert (root.parent, root.name, inner) == ("", "GET /healthz", [])
    assert "onestop.key" not in root.said


@pytest.mark.parametrize(
    ("changes", "status", "outcome"), [({}, 200, "settled"), ({"/lines": []}, 422, "bill_total_not_positive")]
)
def test_a_preview_that_asks_the_ledger_shows_both(
    traced: Service, collector: Collector, changes: dict[str, Any], status: int, outcome: str
) -> None:
    bill = changed(changes)
    del bill["year_to_date"]
    answer = traced.preview(bill)
    assert answer.status_code == status
    root, inner = one_tree(collector.trace(answer.headers["x-request-id"]))
    assert root.said["onestop.outcome"] == outcome
    assert {"calculation", "ledger read"} <= {span.name for span in inner}


def test_a_wait_for_a_lock_is_shown_where_it_was(traced: Service, collector: Collector, tmp_path: Path) -> None:
    database = ledger_of(traced)
    held = sqlite3.connect(database, isolation_level=None, check_same_thread=False)
    held.execute("BEGIN IMMEDIATE")
    releasing = Timer(0.4, held.rollback)
    releasing.start()
    answer = traced.client.post(SETTLEMENTS, content=written({"/bill_id": "B-lock"}), headers=JSON)
    releasing.join()
    held.close()
    assert answer.status_code == 201
    _, inner = one_tree(collector.trace(answer.headers["x-request-id"]))
    connection, lock = waits_of(last_write(inner))
    assert 0.2 < lock < 2
    assert connection < 0.2
    again = traced.client.post(SETTLEMENTS, content=written({"/bill_id": "B-lock"}), headers=JSON)
    _, inner = one_tree(collector.trace(again.headers["x-request-id"]))
    # What one transaction waited is none of the next one's.
    assert all(sum(waits_of(span)) < 0.2 for span in inner)


def ledger_of(service: Service) -> str:
    environment = Path(f"/proc/{service.process.pid}/environ").read_bytes().split(b"\0")
    (url,) = (each for each in environment if each.startswith(b"ONESTOP_DATABASE_URL="))
    return url.decode().partition("sqlite:///")[2]


def test_each_worker_sends_its_own(traced: Service, collector: Collector) -> None:
    asked_for = set()
    for _ in range(40):
        with httpx.Client(base_url=traced.base, trust_env=False, timeout=PATIENCE) as client:
            asked_for.add(client.get("/healthz").headers["x-request-id"])
    spans = collector.wait(lambda found: asked_for <= {each.trace for each in found})
    assert len({span.worker for span in spans if span.trace in asked_for}) == 2
    assert set(Counter(span.trace for span in spans if span.trace in asked_for).values()) == {1}


def test_a_caller_whose_trace_is_not_recorded_has_none_here(traced: Service, collector: Collector) -> None:
    unsampled = "1" * 32
    for flags in ("00", "02"):
        answer = traced.client.post(PREVIEW, content=written({}), headers=JSON | traceparent(unsampled, flags))
        assert (answer.status_code, answer.headers["x-request-id"]) == (200, unsampled)
    # On the same connection, so from the same worker, behind all that it had to send before.
    after = traced.client.post(PREVIEW, content=written({}), headers=JSON | traceparent("2" * 32, "03"))
    assert one_tree(collector.trace(after.headers["x-request-id"]))[0].parent == PARENT
    assert unsampled not in {span.trace for span in collector.spans()}


def test_nothing_that_was_sent_is_in_a_trace(traced: Service, collector: Collector) -> None:
    answers = [sent(traced, changed(RIGHT | changes)) for changes in ({}, *REFUSED.values())]
    answers += [sent(traced, text) for text in NO_JSON.values()]
    answers += [asked(traced, *place) for place in PLACES]
    recorded = json.dumps(changed(RIGHT)).encode()
    answers += [traced.client.post(SETTLEMENTS, content=recorded, headers=HEADERS) for _ in range(2)]
    answers.append(asked(traced, "GET", SETTLEMENTS, {"traceparent": "zqx", "baggage": "zqx=zqx"}))
    assert {answer.status_code for answer in answers} == {200, 201, 400, 404, 405, 415, 422}
    ids = {answer.headers["x-request-id"] for answer in answers}
    spans = collector.wait(lambda found: ids <= {each.trace for each in found if each.kind == SERVER})
    for id_ in ids:
        one_tree([span for span in spans if span.trace == id_])
    outcomes = {span.said.get("onestop.outcome") for span in spans if span.trace in ids}
    assert {"settled", "recorded", "replayed", "not_json", "not_found", "method_not_allowed"} <= outcomes
    for body in collector.bodies:
        assert b"zqx" not in body.lower()
        assert "王".encode() not in body
        assert ADMIN.encode() not in body


def test_a_mistake_is_in_its_trace_without_its_words(
    collector: Collector, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def broken(*_arguments: object) -> Any:
        raise RuntimeError("zqx王小明xqz")

    monkeypatch.setattr(his, "read", broken)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    application = create_app(admitted(tmp_path)._replace(traces=collector.address))

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app=application)
        async with httpx.AsyncClient(transport=transport, base_url="http://here", headers=bearer(ADMIN)) as client:
            return await client.post(PREVIEW, content=written({}), headers=JSON)

    answer = asyncio.run(ask())
    assert answer.status_code == 500
    root, _ = one_tree(collector.trace(answer.headers["x-request-id"]))
    assert (root.status, root.said["http.response.status_code"]) == (ERROR, 500)
    for body in collector.bodies:
        assert b"zqx" not in body
        assert b"RuntimeError" not in body


@pytest.mark.slow
def test_a_collector_that_is_away_costs_spans_and_nothing_else() -> None:
    with collecting() as away:
        pass
    with running("--workers", "2", ONESTOP_TRACES=away.address, **WITHOUT_PROXY) as service:
        began = time.monotonic()
        for number in range(200):
            assert service.client.post(PREVIEW, content=written({}), headers=JSON).status_code == 200
            if number % 20 == 0:
                bill = written({"/bill_id": f"B{number}"})
                assert service.client.post(SETTLEMENTS, content=bill, headers=JSON).status_code == 201
        assert time.monotonic() - began < PATIENCE / 4
        wait_for(lambda: WENT in service.logged())
        with collecting(away.port) as back:
            wait_for(lambda: service.get("/healthz").is_success and CAME_BACK in service.logged())
        events = Counter(json.loads(line)["event"] for line in service.logged().splitlines())
        assert set(events) == {"serving", "request", WENT, CAME_BACK}
        # Once for each worker, however often it tried.
        assert events[WENT] <= 2
        metrics = service.metrics()
        assert metrics['onestop_trace_spans_total{outcome="lost"}'] > 0
        assert metrics['onestop_trace_spans_total{outcome="sent"}'] >= len(back.spans()) > 0


def wait_for(is_so: Any) -> None:
    deadline = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_what_waits_is_sent_at_the_stop() -> None:
    with collecting() as collector, running(ONESTOP_TRACES=collector.address, **WITHOUT_PROXY) as service:
        ids = {service.get("/healthz").headers["x-request-id"] for _ in range(20)}
        service.process.send_signal(signal.SIGTERM)
        assert service.process.wait(PATIENCE) == 0
        assert ids <= {span.trace for span in collector.spans()}


def test_a_collector_that_hangs_holds_up_no_stop() -> None:
    with collecting() as collector, running(ONESTOP_TRACES=collector.address, **WITHOUT_PROXY) as service:
        collector.hang()
        service.get("/healthz")
        began = time.monotonic()
        service.process.send_signal(signal.SIGTERM)
        assert service.process.wait(PATIENCE) == 0
        assert time.monotonic() - began < 4.5
        assert {json.loads(line)["event"] for line in service.logged().splitlines()} <= {"serving", "request", WENT}


def test_spans_that_find_no_place_are_lost_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    counted: Counter[str] = Counter()
    with collecting() as collector:
        collector.hang()
        traces = Traces(collector.address, lambda outcome, number: counted.update({outcome: number}), Log("json"))
        for _ in range(MOST_WAITING + 300):
            traces.request(None).end("/healthz", "GET", 200, None)
        assert counted == {"lost": 300}
        collector.go_on()
        traces.close()
        assert counted == {"lost": 300, "sent": MOST_WAITING}
        assert len(collector.spans()) == MOST_WAITING


def test_without_the_setting_nothing_of_it_is_loaded(tmp_path: Path) -> None:
    # FastAPI itself loads OpenTelemetry's interface, which does nothing without the rest.
    script = (
        "import sys; from app.main import create_app; from app.settings import Settings; "
        "app = create_app(Settings()); print(type(app.build_middleware_stack()).__name__, "
        "[name for name in sys.modules if name.startswith(('opentelemetry.sdk', 'opentelemetry.exporter', 'requests', "
        "'google.protobuf', 'app.observe.traces', 'app.observe.collector'))])"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True, cwd=tmp_path)
    assert ran.stdout == "Observed []\n"


def test_without_the_packages_the_start_says_what_to_install(tmp_path: Path) -> None:
    # As where FastAPI has brought OpenTelemetry's interface, and nobody the rest.
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.modules['opentelemetry.sdk'] = None")
    given = {"ONESTOP_TRACES": "http://127.0.0.1:4318", "PYTHONPATH": str(tmp_path)}
    started = subprocess.run(
        [ONESTOP, "serve", "--port", "0"], capture_output=True, check=False, text=True, cwd=tmp_path, env=given
    )
    words = "ONESTOP_TRACES: the packages for traces are missing; install onestop-settlement[traces]"
    assert (started.returncode, started.stderr) == (2, f"onestop serve: {words}\n")
