"""Logs: one line an event, fields from an allow-list, so that nothing personal can slip in."""

from __future__ import annotations

import logging
import sys
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import msgspec
import structlog
from structlog.processors import JSONRenderer, LogfmtRenderer, TimeStamper, add_log_level

if TYPE_CHECKING:
    from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger

    from app.settings import LogFormat

# In the order in which a line has them.
_FIELDS: Final = (
    "timestamp", "level", "event", "key", "route", "method", "status", "request_id", "milliseconds", "code", "where",
    "error", "packs", "host", "port", "workers",
)  # fmt: skip # one list, read as one


class Log:
    """Writes a line an event to standard error: JSON, or logfmt (`name=value`) for a console.

    A field that is not on the list is left out, by whomever it is given; so is one that is None.
    """

    def __init__(self, log_format: LogFormat) -> None:
        self._is_json = log_format == "json"
        self._lines = structlog.WriteLogger(sys.stderr)
        self._render: list[Processor] = [_allowed]
        self._render += [JSONRenderer(_json)] if self._is_json else [_printable, LogfmtRenderer()]
        self._shared = lru_cache(maxsize=4_096)(self._request_fields)
        log: FilteringBoundLogger = structlog.wrap_logger(
            self._lines,
            [add_log_level, _STAMP, *self._render],
            structlog.make_filtering_bound_logger(logging.INFO),
        ).bind()
        self.info, self.warning, self.error, self.log = log.info, log.warning, log.error, log.log

    def request(self, request_id: str, seconds: float, key: str | None, route: str, method: str, status: int) -> None:  # noqa: PLR0913 # all that its line says
        """Write the line of a request.

        Most of it was rendered before, since there are few kinds of them: all of it anew takes six times as long, a
        tenth of what a preview takes.
        """
        time = _STAMP(None, "info", {})["timestamp"]
        shared, milliseconds = self._shared(key, route, method, status), round(seconds * 1000, 2)
        if self._is_json:
            line = f'{{"timestamp":"{time}",{shared},"request_id":"{request_id}","milliseconds":{milliseconds}}}'
        else:
            line = f"timestamp={time} {shared} request_id={request_id} milliseconds={milliseconds}"
        self._lines.info(line)

    def _request_fields(self, key: str | None, route: str, method: str, status: int) -> str:
        line: Any = {
            "level": "info",
            "event": "request",
            "key": key,
            "route": route,
            "method": method,
            "status": status,
        }
        for each in self._render:
            line = each(self._lines, "info", line)
        return str(line[1:-1] if self._is_json else line)


_STAMP: Final = TimeStamper("iso", utc=True)


def _allowed(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    return {name: event[name] for name in _FIELDS if event.get(name) is not None}


def _printable(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Whatever a terminal, or a reader of lines, would take for something else is written as an escape."""
    for name, value in event.items():
        if isinstance(value, str) and not value.isprintable():
            event[name] = value.encode("unicode_escape").decode()
    return event


def _json(line: object, **_: object) -> str:
    return msgspec.json.encode(line).decode()


class LibraryLines(logging.Handler):
    """What the libraries log, in our format: level, logger and kind of error.

    Their words and tracebacks are left out, since these may hold what a caller sent.
    """

    def __init__(self, log_format: LogFormat) -> None:
        super().__init__(logging.WARNING)
        self._log = Log(log_format)

    def emit(self, record: logging.LogRecord) -> None:
        kind = record.exc_info[0] if record.exc_info else None
        error = kind.__name__ if kind else None
        # One between two of them is as the lower.
        level = min(record.levelno // 10 * 10, logging.CRITICAL)
        self._log.log(level, "library", where=record.name, error=error)


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
