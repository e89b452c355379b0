"""A mistake of ours: answered as a problem document, logged by its kind and place, never by its words."""

from __future__ import annotations

import asyncio
import json
import logging
import logging.config
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.api import his, ops
from app.main import create_app
from app.observe.logs import library_lines
from app.settings import LogFormat, Settings
from tests.api.service import JSON, PREVIEW, written
from tests.keys import ADMIN, admitted, bearer

SECRET = "zqx王小明xqz"


def broken(*_arguments: object) -> Any:
    raise RuntimeError(SECRET)


def ask(settings: Settings, method: str, path: str, body: bytes = b"") -> tuple[httpx.Response, str]:
    """The answer of an application in this process, and its metrics afterwards."""
    # Made outside of the loop, as a process would.
    application = create_app(settings)

    async def exchange() -> tuple[httpx.Response, str]:
        # An exception that leaves the application is raised here.
        transport = httpx.ASGITransport(app=application)
        async with httpx.AsyncClient(transport=transport, base_url="http://here", headers=bearer(ADMIN)) as client:
            answer = await client.request(method, path, content=body, headers=JSON)
            return answer, (await client.get("/metrics")).text

    return asyncio.run(exchange())


@pytest.mark.parametrize("size", [1, 200 * 1024], ids=["a small bill", "a large bill, in a thread"])
@pytest.mark.parametrize("log_format", ["json", "console"])
def test_a_mistake_is_answered_and_logged_without_its_words(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    log_format: LogFormat,
    size: int,
) -> None:
    monkeypatch.setattr(his, "read", broken)
    answer, metrics = ask(admitted(tmp_path, log_format), "POST", PREVIEW, written({}) + b" " * size)
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {
        "type": "urn:onestop:problem:internal_error", "title": "The service made a mistake", "status": 500,
        "detail": "Nothing was settled. The mistake is ours and is in the log under the x-request-id.",
        "code": "internal_error", "errors": [],
    }  # fmt: skip
    logged = capsys.readouterr().err
    mistake, request, *_ = logged.splitlines()
    for line in (mistake, request):
        assert answer.headers["x-request-id"] in line
    assert "RuntimeError" in mistake
    assert "broken:" in mistake
    assert "preview_a_settlement:" in mistake
    for text in (logged, answer.text, metrics):
        assert "zqx" not in text
        assert "王" not in text
    assert f'onestop_requests_total{{method="POST",route="{PREVIEW}",status="500"}} 1.0' in metrics


def test_a_mistake_of_a_read_is_answered_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(ops, "policies_answer", broken)
    answer, metrics = ask(admitted(tmp_path), "GET", "/v1/policies")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert SECRET not in capsys.readouterr().err + answer.text
    assert 'onestop_requests_total{method="GET",route="/v1/policies",status="500"} 1.0' in metrics


def test_a_mistake_before_any_route_is_answered_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(his, "read_body", broken)
    answer, _ = ask(admitted(tmp_path), "POST", PREVIEW)
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert SECRET not in capsys.readouterr().err


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_what_the_libraries_log_loses_its_words(capsys: pytest.CaptureFixture[str], log_format: LogFormat) -> None:
    """The server logs an exception with its traceback, and a library's warning may hold what somebody sent."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        logging.config.dictConfig(library_lines(log_format))
        logger = logging.getLogger("uvicorn.error")
        logger.info("an event of no interest")
        logger.warning("a request of %s", SECRET)
        try:
            broken()
        except RuntimeError:
            logger.exception(SECRET)
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
    first, second = capsys.readouterr().err.splitlines()
    if log_format == "json":
        lines = [json.loads(line) for line in (first, second)]
        for line in lines:
            del line["timestamp"]
        assert lines == [
            {"event": "library", "level": "warning", "where": "uvicorn.error"},
            {"event": "library", "level": "error", "where": "uvicorn.error", "error": "RuntimeError"},
        ]
    else:
        assert first.partition(" ")[2] == "level=warning event=library where=uvicorn.error"
        assert second.partition(" ")[2] == "level=error event=library where=uvicorn.error error=RuntimeError"
