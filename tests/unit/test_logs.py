"""Log lines: one an event, readable back field by field, nothing on them that is not on the list."""

import json
import re
import sys
from threading import Thread
from time import sleep
from typing import get_args

import pytest

from app.observe.logs import Log
from app.settings import LogFormat

TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\.[0-9]{6}Z")


def logged(capsys: pytest.CaptureFixture[str], log_format: LogFormat, **fields: object) -> str:
    Log(log_format).warning("a request", **fields)
    (line,) = capsys.readouterr().err.splitlines()
    return str(line)


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    line = json.loads(logged(capsys, "json", route="/v1/\u6848\n", status=200, patient="Zhang San"))
    assert TIME.fullmatch(line.pop("timestamp"))
    assert list(line.items()) == [
        ("level", "warning"), ("event", "a request"), ("route", "/v1/\u6848\n"), ("status", 200),
    ]  # fmt: skip # one line of the log


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("GET", "GET"),
        (200, "200"),
        (0.25, "0.25"),
        ("/v1/settlements/{settlement_id}", "/v1/settlements/{settlement_id}"),
        ("two words", '"two words"'),
        ("a=b", '"a=b"'),
        ("", ""),
        ('"', r'"\""'),
        ("\\", "\\"),
        ("line\nbreak", r"line\nbreak"),
        ("\u6848\u2028\r\x1b", r"\u6848\u2028\r\x1b"),
        ("\u6848", "\u6848"),
    ],
)
def test_console(capsys: pytest.CaptureFixture[str], value: object, written: str) -> None:
    Log("console").info("request", route=value, patient="Zhang San")
    line = capsys.readouterr().err
    time, rest = line.removeprefix("timestamp=").split(" ", 1)
    assert TIME.fullmatch(time)
    assert rest == f"level=info event=request route={written}\n"


@pytest.mark.parametrize("key", [None, "k1"])
def test_the_line_of_a_request_is_as_any_other(capsys: pytest.CaptureFixture[str], key: str | None) -> None:
    of = {"key": key, "route": "/a b", "method": "GET", "status": 200, "request_id": "0f", "milliseconds": 1.23}
    for log_format in get_args(LogFormat):
        log = Log(log_format)
        for _ in range(2):
            log.request("0f", 0.001234, key, "/a b", "GET", 200)
            log.info("request", **of)
        lines = [TIME.sub("", line) for line in capsys.readouterr().err.splitlines()]
        assert len(lines) == 4
        assert len(set(lines)) == 1


class InTwoPieces:
    """A stream that others could write to in the middle of a line."""

    def __init__(self) -> None:
        self.written = ""

    def write(self, text: str) -> None:
        for piece in (text[:10], text[10:]):
            self.written += piece
            sleep(0.01)

    def flush(self) -> None:
        pass


def test_lines_of_different_logs_never_mix(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = InTwoPieces()
    monkeypatch.setattr(sys, "stderr", stream)
    threads = [Thread(target=Log("json").info, args=("request",)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [json.loads(line)["event"] for line in stream.written.splitlines()] == ["request"] * 4
