"""Logs: one line an event, fields from an allow-list, so that nothing personal can slip in."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Any, Final

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
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if log_format == "json"
        else structlog.processors.LogfmtRenderer(key_order=("timestamp", "level", "event"), drop_missing=True)
    )
    lazy: structlog.typing.FilteringBoundLogger = structlog.wrap_logger(
        structlog.PrintLogger(sys.stderr),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            only_known_fields,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
    )
    # Bound once: the lazy one would put itself together anew for every line.
    logger: structlog.typing.FilteringBoundLogger = lazy.bind()
    return logger


def only_known_fields(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Drop every field that is not on the list, whoever passed it."""
    for name in [name for name in event if name not in FIELDS]:
        del event[name]
    return event


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
