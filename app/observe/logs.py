"""Logs: one line an event, fields from an allow-list, so that nothing personal can slip in."""

from __future__ import annotations

import logging
import re
import sys
from datetime import UTC, datetime
from functools import lru_cache
from threading import Lock
from time import time_ns  # noqa: TID251 # the time of a line decides nothing
from typing import TYPE_CHECKING, Any, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from app.settings import LogFormat

FIELDS: Final = frozenset(
    ("request_id", "key", "route", "method", "status", "milliseconds", "code", "error", "where", "packs", "host",
     "port", "workers")
)  # fmt: skip # one list, read as one


class Log:
    """Writes to standard error, a line at a time."""

    def __init__(self, log_format: LogFormat) -> None:
        self._is_json = log_format == "json"
        self._shared = lru_cache(maxsize=4_096)(self._request_fields)

    def info(self, event: str, **fields: object) -> None:
        """Say what happened."""
        self.line("info", event, fields)

    def warning(self, event: str, **fields: object) -> None:
        """Say what somebody should look at."""
        self.line("warning", event, fields)

    def error(self, event: str, **fields: object) -> None:
        """Say what is broken."""
        self.line("error", event, fields)

    def line(self, level: str, event: str, fields: Mapping[str, object]) -> None:
        """Write a line: time, level and event in front; a field that is not on the list is left out, by whomever."""
        known = {name: value for name, value in fields.items() if name in FIELDS}
        self._write(self._fields({"level": level, "event": event} | known))

    def request(self, request_id: str, seconds: float, key: str | None, route: str, method: str, status: int) -> None:  # noqa: PLR0913 # all that its line says
        """Write the line of a request. Most of it was written before, since there are few kinds of them."""
        shared, milliseconds = self._shared(key, route, method, status), round(seconds * 1000, 2)
        if self._is_json:
            self._write(f'{shared},"request_id":"{request_id}","milliseconds":{milliseconds}')
        else:
            self._write(f"{shared} request_id={request_id} milliseconds={milliseconds}")

    def _request_fields(self, key: str | None, route: str, method: str, status: int) -> str:
        by = {} if key is None else {"key": key}
        return self._fields(
            {"level": "info", "event": "request", **by, "route": route, "method": method, "status": status}
        )

    def _fields(self, known: Mapping[str, object]) -> str:
        if self._is_json:
            return msgspec.json.encode(known).decode()[1:-1]
        return " ".join([f"{name}={_logfmt_value(value)}" for name, value in known.items()])

    def _write(self, fields: str) -> None:
        seconds, fraction = divmod(time_ns(), 1_000_000_000)
        time = f"{_written(seconds)}.{fraction // 1000:06d}Z"
        text = f'{{"timestamp":"{time}",{fields}}}\n' if self._is_json else f"timestamp={time} {fields}\n"
        with _ONE_AT_A_TIME:
            # Flushed at the end of each line by itself.
            sys.stderr.write(text)


@lru_cache(maxsize=4)
def _written(second: int) -> str:
    return f"{datetime.fromtimestamp(second, UTC):%Y-%m-%dT%H:%M:%S}"


# Standard error is one, however many write to it.
_ONE_AT_A_TIME: Final = Lock()


def _logfmt_value(value: object) -> object:
    if isinstance(value, str):
        return value if _PLAIN(value) else msgspec.json.encode(value).decode()
    return value if isinstance(value, (int, float)) else _logfmt_value(str(value))


_PLAIN: Final = re.compile(r"[!#-<>-\[\]-~]+").fullmatch


class LibraryLines(logging.Handler):
    """What the libraries log, in our format: level, logger and kind of error.

    Their words and tracebacks are left out, since these may hold what a caller sent.
    """

    def __init__(self, log_format: LogFormat) -> None:
        super().__init__(logging.WARNING)
        self._log = Log(log_format)

    def emit(self, record: logging.LogRecord) -> None:
        kind = record.exc_info[0] if record.exc_info else None
        found = {"error": kind.__name__} if kind else {}
        self._log.line(record.levelname.lower(), "library", {"where": record.name, **found})


def library_lines(log_format: LogFormat) -> dict[str, Any]:
    """Configure the libraries' logging, in the form that `logging.config` and uvicorn's workers read."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "handlers": {
            "ours": {"()": f"{__name__}.{LibraryLines.__name__}", "log_format": log_format},
            "nobody": {"class": "logging.NullHandler"},
        },
        # Of a collector that is away they would speak with each batch; app/observe/collector.py says it once.
        "loggers": {name: {"handlers": ["nobody"], "propagate": False} for name in ("opentelemetry", "urllib3")},
        "root": {"handlers": ["ours"], "level": "WARNING"},
    }
