"""Logs: one line an event, fields from an allow-list, so that nothing personal can slip in."""

from __future__ import annotations

import logging
import re
import sys
from typing import TYPE_CHECKING, Any, Final

import msgspec
import structlog

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from app.settings import LogFormat

FIELDS: Final = frozenset(
    ("event", "level", "timestamp", "request_id", "route", "method", "status", "milliseconds", "code", "error",
     "where", "packs", "host", "port", "workers")
)  # fmt: skip # one list, read as one


def logger_for(log_format: LogFormat) -> structlog.typing.FilteringBoundLogger:
    """Make a logger that writes to standard error."""
    lazy: structlog.typing.FilteringBoundLogger = structlog.wrap_logger(
        structlog.WriteLogger(sys.stderr),
        processors=[_time, known_fields, _json if log_format == "json" else _logfmt],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
    )
    # Bound once: the lazy one would put itself together anew for every line.
    logger: structlog.typing.FilteringBoundLogger = lazy.bind()
    return logger


def known_fields(_logger: object, level: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Put time, level and event in front, and drop every field that is not on the list, whoever passed it."""
    known = {name: value for name, value in event.items() if name in FIELDS}
    return {"timestamp": event["timestamp"], "level": level, "event": event["event"]} | known


_time: Final = structlog.processors.TimeStamper(fmt="iso", utc=True)


def _json(_logger: object, _level: str, event: MutableMapping[str, Any]) -> str:
    return msgspec.json.encode(event).decode()


def _logfmt(_logger: object, _level: str, event: MutableMapping[str, Any]) -> str:
    # structlog's own renderer takes as long as all else of a line: one of them is written a request.
    return " ".join([f"{name}={_logfmt_value(str(value))}" for name, value in event.items()])


def _logfmt_value(text: str) -> str:
    return text if _PLAIN(text) else msgspec.json.encode(text).decode()


_PLAIN: Final = re.compile(r"[!#-<>-\[\]-~]+").fullmatch


class LibraryLines(logging.Handler):
    """What the libraries log, in our format: level, logger and kind of error.

    Their words and tracebacks are left out, since these may hold what a caller sent.
    """

    def __init__(self, log_format: LogFormat) -> None:
        super().__init__(logging.WARNING)
        self._logger = logger_for(log_format)

    def emit(self, record: logging.LogRecord) -> None:
        kind = record.exc_info[0] if record.exc_info else None
        found = {"error": kind.__name__} if kind else {}
        self._logger.log(record.levelno, "library", where=record.name, **found)


def library_lines(log_format: LogFormat) -> dict[str, Any]:
    """Configure the libraries' logging, in the form that `logging.config` and uvicorn's workers read."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "handlers": {"ours": {"()": f"{__name__}.{LibraryLines.__name__}", "log_format": log_format}},
        "root": {"handlers": ["ours"], "level": "WARNING"},
    }
