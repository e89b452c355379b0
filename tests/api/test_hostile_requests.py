"""Requests that were made to confuse or to exhaust: sizes, types, encodings, methods, paths, broken HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from app.api import body as reading
from app.main import create_app
from tests.api.service import JSON, PREVIEW, Service, problem, received, running, stop, written
from tests.keys import ADMIN, admitted, bearer

LIMIT = 8 * 1024 * 1024
BODY = written({})
MEGABYTE = 1024 * 1024


def head(method: str, target: str | bytes, *fields: str) -> bytes:
    path = target if isinstance(target, bytes) else target.encode()
    rest = "\r\n".join(["host: localhost", f"authorization: Bearer {ADMIN}", *fields, "", ""])
    return method.encode() + b" " + path + b" HTTP/1.1\r\n" + rest.encode()


def read(answer: bytes) -> tuple[int, str, str]:
    """Status, media type and code of a raw answer."""
    top, _, body = answer.partition(b"\r\n\r\n")
    status, *fields = top.decode().split("\r\n")
    (media_type,) = [line.partition(": ")[2] for line in fields if line.startswith("content-type")]
    return int(status.split()[1]), media_type, json.loads(body)["code"]


def problem_of(status: int, code: str) -> tuple[int, str, str]:
    return status, "application/problem+json", code


@pytest.mark.parametrize("headers", [
    {},
    {"content-type": ""},
    {"content-type": "text/plain"},
    {"content-type": "application/x-www-form-urlencoded"},
    {"content-type": "multipart/form-data; boundary=x"},
    {"content-type": "application/jsonx"},
    {"content-type": "application/problem+json"},
    {"content-type": "application/json, text/plain"},
    {"content-type": "application/json;charset=utf-16"},
    {"content-type": "application/json; charset=gb18030"},
    JSON | {"content-encoding": "gzip"},
    JSON | {"content-encoding": "br"},
], ids=str)  # fmt: skip
def test_another_content_type_is_refused(service: Service, headers: dict[str, str]) -> None:
    body = gzip.compress(BODY) if "content-encoding" in headers else BODY
    assert problem(service.preview(body, headers)) == (415, "unsupported_media_type", [])
    service.lives()


@pytest.mark.parametrize("size", [LIMIT, LIMIT + 1])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_has_at_most_eight_mebibytes(service: Service, size: int, chunked: bool) -> None:
    body = BODY + b" " * (size - len(BODY))
    content = iter([body[start : start + MEGABYTE] for start in range(0, size, MEGABYTE)]) if chunked else body
    answer = service.client.post(PREVIEW, content=content, headers=JSON)
    assert ("content-length" in answer.request.headers) != chunked
    if size == LIMIT:
        assert answer.status_code == 200
    else:
        assert problem(answer) == (413, "body_too_large", [])
        assert answer.json()["detail"] == "A request has at most 8,388,608 bytes."
    service.lives()


def test_a_length_beyond_the_limit_is_refused_before_the_body_comes(service: Service) -> None:
    sent = head("POST", PREVIEW, "content-type: application/json", "content-length: 8388609")
    assert read(service.exchange(sent)) == problem_of(413, "body_too_large")


def test_an_endless_body_in_chunks_costs_no_memory() -> None:
    """150 MB, sent whole by a client that does not listen before the end."""

    def chunks() -> Iterator[bytes]:
        for _ in range(150):
            yield b" " * MEGABYTE

    with running() as service:
        assert service.preview(BODY + b" " * (LIMIT - len(BODY))).status_code == 200
        before = service.most_memory()
        answer = service.client.post(PREVIEW, content=chunks(), headers=JSON)
        assert problem(answer) == (413, "body_too_large", [])
        service.lives()
        assert service.most_memory() - before < 40 * MEGABYTE


@pytest.mark.parametrize(("method", "path", "allowed"), [
    ("GET", PREVIEW, "POST"), ("HEAD", PREVIEW, "POST"), ("PUT", PREVIEW, "POST"), ("DELETE", PREVIEW, "POST"),
    ("PATCH", PREVIEW, "POST"), ("OPTIONS", PREVIEW, "POST"), ("TRACE", PREVIEW, "POST"),
    ("POST", "/v1/policies", "GET"), ("POST", "/v1/policies/x", "GET"), ("POST", "/healthz", "GET"),
    ("DELETE", "/metrics", "GET"), ("POST", "/readyz", "GET"), ("POST", "/docs", "GET"), ("POST", "/openapi.json", "GET, HEAD"),
])  # fmt: skip
def test_another_method_is_not_allowed(service: Service, method: str, path: str, allowed: str) -> None:
    answer = service.client.request(method, path, content=BODY, headers=JSON)
    assert answer.status_code == 405
    assert set(answer.headers["allow"].split(", ")) == set(allowed.split(", "))
    assert answer.headers["content-type"] == "application/problem+json"
    if method != "HEAD":
        assert problem(answer) == (405, "method_not_allowed", [])


@pytest.mark.parametrize("target", [
    "/", "/v1", "/v1/settlements/", "/v1/settlements/1", PREVIEW + "/", "/V1/settlements/preview", "//v1/settlements/preview",
    "/v1/settlements//preview", "/healthz/", "/healthz%20", "/docs/", "/redoc", "/docs/oauth2-redirect", "/v1/policies/",
    "/v1/policies/a/b", "/v1/policies/a%2Fb", "/favicon.ico", "/.env", "/%00", "/%ff", "/%", "/?", "//evil.example/%2f..",
    "/docs/assets", "/docs/assets/", "/docs/assets/nothing.js", "/docs/assets/../../main.py", "/docs/assets/%2e%2e/%2e%2e/main.py",
    "/docs/assets/..%2f..%2f..%2f..%2f..%2f..%2fetc%2fhostname", "/docs/assets//etc/hostname", "/docs/assets/..%5c..%5cmain.py",
    "/docs/assets/%00", "/docs/assets/swagger-ui.css%00.js", "/docs/assets/" + "a" * 5_000,
    "/docs/assets/" + "a/" * 20_000, "/docs/assets/%ff%fe", "/" + "a" * 60_000, "/v1/policies/" + "%E7%8E%8B" * 5_000,
], ids=lambda target: target[:60])  # fmt: skip
def test_an_unknown_path_has_nothing(service: Service, target: str) -> None:
    assert read(service.exchange(head("GET", target))) == problem_of(404, "not_found")
    service.lives()


JSON_FIELD = "content-type: application/json"


@pytest.mark.parametrize("sent", [
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 50,
    b"hello\r\n\r\n",
    b"GET / HTTP/9.9\r\n\r\n",
    b"BREW /healthz HTTP/1.1\r\nhost: x\r\n\r\n",
    b"GET /caf\xe9 HTTP/1.1\r\nhost: x\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\nhost x\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    head("GET", "/" + "a" * 200_000),
    head("GET", "/healthz", "x: " + "a" * 400_000),
    head("POST", PREVIEW, JSON_FIELD, "content-length: -1"),
    head("POST", PREVIEW, JSON_FIELD, "content-length: 99999999999999999999999999"),
    head("POST", PREVIEW, JSON_FIELD, "content-length: 2", "content-length: 3") + b"{}",
    head("POST", PREVIEW, JSON_FIELD, "content-length: 2", "transfer-encoding: chunked") + b"2\r\n{}\r\n0\r\n\r\n",
], ids=lambda sent: repr(sent[:40]) + f" {len(sent)}")  # fmt: skip
def test_what_is_no_http_gets_a_problem_document_too(service: Service, sent: bytes) -> None:
    assert read(service.exchange(sent)) == problem_of(400, "not_http")
    service.lives()


def test_a_head_without_end_is_cut_off() -> None:
    """It would cost memory for all of it and time for its square."""
    with running() as service:
        before = service.most_memory()
        answer = service.exchange(b"GET /healthz HTTP/1.1\r\nx: ", *[b"a" * MEGABYTE] * 64)
        assert answer == b"" or read(answer) == problem_of(400, "not_http")
        service.lives()
        assert service.most_memory() - before < 8 * MEGABYTE


def test_a_wrong_chunk_is_refused(service: Service) -> None:
    sent = head("POST", PREVIEW, JSON_FIELD, "transfer-encoding: chunked")
    assert read(service.exchange(sent, b"zz\r\n{}\r\n")) == problem_of(400, "not_http")
    service.lives()


def test_a_client_that_waits_for_continue_is_told_to_go_on(service: Service) -> None:
    sent = head("POST", PREVIEW, JSON_FIELD, f"content-length: {len(BODY)}", "expect: 100-continue")
    with service.connected() as connection:
        connection.sendall(sent)
        assert connection.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(BODY)
        assert received(connection).startswith(b"HTTP/1.1 200 OK\r\n")


def test_a_request_to_change_the_protocol_is_answered_as_it_stands(service: Service) -> None:
    sent = head(
        "GET",
        "/healthz",
        "connection: upgrade",
        "upgrade: websocket",
        "sec-websocket-version: 13",
        "sec-websocket-key: eA==",
    )
    answer = service.exchange(sent)
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.endswith(b'{"status":"ok"}')


def test_a_body_that_does_not_come_is_given_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """In this process, so that nobody waits for the half minute."""
    monkeypatch.setattr(reading, "BODY_SECONDS", 0.1)
    application = create_app(admitted(tmp_path))

    async def never_whole() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(60)

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app=application)
        async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
            return await client.post(PREVIEW, content=never_whole(), headers=JSON | bearer(ADMIN))

    assert problem(asyncio.run(ask())) == (408, "body_timeout", [])


def test_a_client_that_goes_away_is_no_mistake_of_ours() -> None:
    with running() as service:
        with service.connected() as connection:
            connection.sendall(head("POST", PREVIEW, JSON_FIELD, "content-length: 100") + b'{"bill_id"')
        service.lives()
        assert stop(service) == 0
        lines = [json.loads(line) for line in service.logged().splitlines()]
    (left,) = [line for line in lines if line.get("route") == PREVIEW]
    assert left["status"] == 499
    assert "error" not in {line["level"] for line in lines}


def test_a_large_body_and_the_request_behind_it_in_the_same_breath_are_both_answered(service: Service) -> None:
    body = b" " * 90_000 + b"{}"
    with service.connected() as connection:
        connection.sendall(head("POST", PREVIEW, JSON_FIELD, f"content-length: {len(body)}") + body + b"GET /hea")
        assert received(connection).startswith(b"HTTP/1.1 422 ")


def test_trailers_without_end_are_cut_off(service: Service) -> None:
    with service.connected() as connection:
        connection.sendall(
            head("POST", PREVIEW, JSON_FIELD, "transfer-encoding: chunked") + b"2\r\n{}\r\n0\r\nx-trailer: "
        )
        with contextlib.suppress(OSError):
            for _ in range(64):
                connection.sendall(b"a" * 16_384)
        connection.settimeout(5)
        with contextlib.suppress(ConnectionError):
            while connection.recv(65_536):
                pass
    service.lives()


def test_a_head_that_does_not_come_is_waited_for_no_longer_than_ten_seconds(service: Service) -> None:
    with service.connected() as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHo")
        connection.settimeout(14)
        assert connection.recv(1) == b""


def test_a_connection_serves_one_request_after_another_also_after_problems(service: Service) -> None:
    hurdle = [
        head("POST", PREVIEW, JSON_FIELD, "content-length: 1") + b"[",
        head("POST", PREVIEW, "content-type: text/plain", "content-length: 5") + b"hello",
        head("GET", "/nothing"),
        head("POST", PREVIEW, JSON_FIELD, "content-length: 2") + b"{}",
    ]
    with service.connected() as connection:
        for sent, status in zip(hurdle, (400, 415, 404, 422), strict=True):
            connection.sendall(sent)
            assert received(connection).startswith(b"HTTP/1.1 %d " % status)
        connection.sendall(head("GET", "/healthz"))
        assert received(connection).endswith(b'{"status":"ok"}')
