"""W3C Trace Context: a request that is part of a trace has its id, in the answer, the log and the audit."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.api.service import JSON, Service, running, written

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"


@pytest.fixture(scope="module")
def traced() -> Iterator[Service]:
    with running() as service:
        yield service


def test_a_trace_goes_through_to_the_log_and_the_audit(traced: Service) -> None:
    headers = JSON | {"traceparent": f"00-{TRACE}-{PARENT}-01"}
    answer = traced.client.post("/v1/settlements", content=written({}), headers=headers)
    assert answer.status_code == 201
    assert answer.headers["x-request-id"] == TRACE
    assert traced.logged_of(answer)["request_id"] == TRACE
    audit = traced.get("/v1/audit").json()["items"]
    assert TRACE in {line["request_id"] for line in audit}


@pytest.mark.parametrize(
    "sent",
    [
        f"00-{TRACE}-{PARENT}-01-what-may-come-later",
        f"01-{TRACE}-{PARENT}-00",
    ],
)
def test_later_versions_may_say_more(traced: Service, sent: str) -> None:
    assert traced.get("/healthz", headers={"traceparent": sent}).headers["x-request-id"] == TRACE


@pytest.mark.parametrize(
    "sent",
    [
        "",
        TRACE,
        f"00-{TRACE}-{PARENT}",
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"ff-{TRACE}-{PARENT}-01",
        f"00-{TRACE.upper()}-{PARENT}-01",
        f"00-{TRACE[:-1]}-{PARENT}-01",
        f"00-{TRACE}-{PARENT}-01x",
        f"00-王小明-{PARENT}-01".encode().decode("latin-1"),
    ],
)
def test_what_is_no_trace_is_not_repeated(traced: Service, sent: str) -> None:
    answer = traced.get("/healthz", headers={"traceparent": sent.encode("latin-1")})
    assert len(answer.headers["x-request-id"]) == 32
    assert answer.headers["x-request-id"] not in (TRACE, "0" * 32)
