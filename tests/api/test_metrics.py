"""/metrics: what is counted, under labels from fixed sets, by all workers together."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterator, MutableMapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from app.main import create_app
from tests.api.service import PREVIEW, Service, changed, running, written
from tests.keys import ADMIN, admitted, bearer

POOR = {"/patient/status": "registered_poor", "/facility/tier": "tertiary_municipal"}


@pytest.fixture(params=["1", "2"], ids=["one worker", "two workers"])
def counting(request: pytest.FixtureRequest) -> Iterator[Service]:
    """A service that nobody else asks anything."""
    with running("--workers", request.param) as service:
        yield service


def requests_of(samples: dict[str, float]) -> dict[tuple[str, str, str], float]:
    """Route, method, status → how often; what is there with 0 did not happen."""
    found = {}
    for name, value in samples.items():
        if match := re.fullmatch(r'onestop_requests_total\{method="(.*)",route="(.*)",status="(.*)"\}', name):
            method, route, status = match.groups()
            if value:
                found[route, method, status] = value
    return found


def test_requests_refusals_and_fen_are_counted_by_all_workers_together(counting: Service) -> None:
    """Each request on a connection of its own, so that both workers get some of them."""
    sent = [*[written({})] * 12, *[written(POOR)] * 8, *[written({"/lines": []})] * 5, *[b"["] * 4, *[b"{}"] * 3]
    for body in sent:
        with httpx.Client(base_url=counting.base, trust_env=False, headers=bearer(ADMIN)) as client:
            client.post(PREVIEW, content=body, headers={"content-type": "application/json"})
    for path in ("/nothing", "/v1/policies/one", "/v1/policies/two"):
        counting.get(path)
    counting.client.request("PURGE", "/nothing")
    counting.client.put(PREVIEW)
    samples = counting.metrics()
    assert not [name for name in samples if "pid=" in name]
    counted = requests_of(samples)
    # The one of the fixture's own, and of a scrape that is not over when it counts.
    assert {key: value for key, value in counted.items() if key[0] not in ("/healthz", "/metrics")} == {
        (PREVIEW, "POST", "200"): 20, (PREVIEW, "POST", "422"): 8, (PREVIEW, "POST", "400"): 4, (PREVIEW, "PUT", "405"): 1,
        ("unmatched", "GET", "404"): 1, ("unmatched", "other", "404"): 1, ("/v1/policies/{policy_id}", "GET", "404"): 2,
    }  # fmt: skip
    refusals = {name: value for name, value in samples.items() if name.startswith("onestop_refusals_total")}
    assert {name: value for name, value in refusals.items() if value} == {
        'onestop_refusals_total{code="bill_total_not_positive"}': 5, 'onestop_refusals_total{code="not_json"}': 4,
        'onestop_refusals_total{code="field_invalid"}': 3, 'onestop_refusals_total{code="not_found"}': 4,
        'onestop_refusals_total{code="method_not_allowed"}': 1,
    }  # fmt: skip
    # Ordinary: 750.00 of the fund and 650.00 of the patient. Poor, 市三级: 1400.00 × 0.65 = 910.00, of the 490.00 left
    # civil affairs pays 0.70 = 343.00; 1253.00 of the 1260.00 that 90 % would be, so the insurer 7.00 and the patient 140.00.
    # Payers who have paid nothing yet are there with 0, so that their first payment is an increase.
    fen = {name: value for name, value in samples.items() if name.startswith("onestop_calculated_fen_total") and value}
    assert fen == {
        'onestop_calculated_fen_total{payer="pooled_fund",stage="basic_insurance"}': 12 * 75_000 + 8 * 91_000,
        'onestop_calculated_fen_total{payer="civil_affairs",stage="medical_assistance"}': 8 * 34_300,
        'onestop_calculated_fen_total{payer="commercial_insurer",stage="backstop"}': 8 * 700,
        'onestop_calculated_fen_total{payer="patient",stage="patient"}': 12 * 65_000 + 8 * 14_000,
    }  # fmt: skip
    assert samples["onestop_calculation_seconds_count"] == 32
    assert 0 < samples["onestop_calculation_seconds_sum"] < 32
    assert samples['onestop_calculation_seconds_bucket{le="+Inf"}'] == 32
    assert samples[f'onestop_request_seconds_count{{route="{PREVIEW}"}}'] == 33
    assert samples["onestop_policy_packs"] == 5


def test_random_paths_and_methods_make_no_new_labels(tmp_path: Path) -> None:
    """Ten thousand ids in paths would otherwise be ten thousand time series, kept for ever."""
    application = create_app(admitted(tmp_path))

    async def ask() -> tuple[set[str], set[str]]:
        async def round_of(number: int) -> None:
            await called(application, "GET", f"/v1/policies/P{number}")
            await called(application, f"M{number}", f"/{number}/person/{number * 7919}")

        async def labels() -> set[str]:
            text = (await called(application, "GET", "/metrics")).decode()
            return {line.rpartition(" ")[0] for line in text.splitlines() if not line.startswith("#")}

        await round_of(0)
        await labels()
        before = await labels()
        for number in range(1, 5_000):
            await round_of(number)
        return before, await labels()

    before, after = asyncio.run(ask())
    assert after == before
    assert 'onestop_requests_total{method="other",route="unmatched",status="404"}' in before
    assert 'onestop_requests_total{method="GET",route="/v1/policies/{policy_id}",status="404"}' in before


async def called(application: FastAPI, method: str, path: str) -> bytes:
    """The body of an answer, without a client in between, which would take most of the time."""
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "path": path,
        "raw_path": path.encode(), "query_string": b"", "headers": [(b"authorization", f"Bearer {ADMIN}".encode())], "scheme": "http", "server": ("here", 80),
        "client": ("here", 1), "root_path": "",
    }  # fmt: skip
    body = b""

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        nonlocal body
        body += message.get("body", b"")

    await application(scope, receive, send)
    return body


def test_the_metrics_are_prometheus_text(service: Service) -> None:
    answer = service.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    for metric, kind in {
        "onestop_requests_total": "counter", "onestop_refusals_total": "counter", "onestop_calculated_fen_total": "counter",
        "onestop_calculation_seconds": "histogram", "onestop_request_seconds": "histogram", "onestop_policy_packs": "gauge",
    }.items():  # fmt: skip
        assert f"# TYPE {metric} {kind}\n" in answer.text


def test_two_applications_in_one_process_count_apart(tmp_path: Path) -> None:
    async def ask() -> list[str]:
        texts = []
        applications: list[Any] = [create_app(admitted(tmp_path)), create_app(admitted(tmp_path))]
        for number, application in enumerate(applications):
            transport = httpx.ASGITransport(app=application)
            async with httpx.AsyncClient(transport=transport, base_url="http://here", headers=bearer(ADMIN)) as client:
                for _ in range(number + 1):
                    await client.post(PREVIEW, json=changed({}))
                texts.append((await client.get("/metrics")).text)
        return texts

    first, second = asyncio.run(ask())
    assert "onestop_calculation_seconds_count 1.0" in first
    assert "onestop_calculation_seconds_count 2.0" in second


def test_the_time_of_a_calculation_falls_into_a_bucket(service: Service) -> None:
    began = time.perf_counter()
    before = service.metrics()
    service.preview(written({}))
    after = service.metrics()
    took = after["onestop_calculation_seconds_sum"] - before["onestop_calculation_seconds_sum"]
    assert after["onestop_calculation_seconds_count"] - before["onestop_calculation_seconds_count"] == 1
    assert 0 < took < time.perf_counter() - began
