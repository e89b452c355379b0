"""The moment in which something is recorded: the clock is handed in by the doors, ids begin with its time."""

from __future__ import annotations

import os
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

Clock: TypeAlias = "Callable[[], datetime]"


def time_text(moment: datetime) -> str:
    """Write a time as UTC with microseconds: `2026-11-24T08:30:00.123456Z`."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def new_id(moment: datetime) -> str:
    """A new id, RFC 9562's version 7: the time in milliseconds, so that an index grows at its end, then chance."""
    milliseconds = int(moment.timestamp() * 1000)
    number = (milliseconds & (1 << 48) - 1) << 80 | int.from_bytes(os.urandom(10))
    number = number & ~(0xF << 76 | 0x3 << 62) | 0x7 << 76 | 0x2 << 62
    return str(uuid.UUID(int=number))
