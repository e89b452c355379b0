"""Logs: one line an event, fields from an allow-list, so that nothing personal can slip in."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import msgspec
import structlog
from structlog.processors import JSONRenderer, LogfmtRenderer, TimeStamper, add_log_level
from structlog.typing import FilteringBoundLogger

if TYPE_CHECKING:
    from structlog.typing import EventDict, WrappedLogger

    from app.settings import LogFormat

Log: TypeAlias = FilteringBoundLogger

# In the order in which a line has them.
_FIELDS: Final = (
    "timestamp", "level", "event", "key", "route", "method", "status", "request_id", "milliseconds", "code", "where",
    "error", "packs", "host", "port", "workers",
)  # fmt: skip # one list, read as one


def log_to_stderr(log_format: LogFormat) -> Log:
    """A log that writes a line an event: JSON, or logfmt (`name=value`) for a console.

    A field that is not on the list is left out, by whomever it is given; so is one that is None.
    """
    render = [_printable, LogfmtRenderer()] if log_format == "console" else [JSONRenderer(_json)]
    log: Log = structlog.wrap_logger(
        structlog.WriteLogger(sys.stderr),
        [add_log_level, TimeStamper("iso", utc=True), _allowed, *render],
        structlog.make_filtering_bound_logger(logging.INFO),
    ).bind()
    return log


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
        self._log = log_to_stderr(log_format)

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
