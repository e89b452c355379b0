"""The parameters that several lists have: days, identifiers, limits and cursors."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Annotated, Final

from fastapi import Query

from app.api import problems
from app.api.forms import WrongForm
from app.api.request_form import DAY, IDENTIFIER

if TYPE_CHECKING:
    from datetime import date

Identifier = Annotated[str | None, Query(min_length=1, max_length=64)]
Day = Annotated[str | None, Query(pattern="^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
Limit = Annotated[int, Query(ge=1, le=1000)]
Cursor = Annotated[str | None, Query(max_length=128)]

# As many as a BIGINT has at most.
_CURSOR_DIGITS: Final = 19


def wrong_parameters(*names: str) -> problems.Document:
    """Render that parameters have the wrong form."""
    return problems.refused([problems.PARAMETER_INVALID.at(name) for name in names])


def wrong_identifiers(texts: dict[str, str | None]) -> list[str]:
    """Which of some identifiers, by name, are none."""
    return [name for name, text in texts.items() if text is not None and not _is_identifier(text)]


def wrong_days(days: dict[str, str | None]) -> list[str]:
    """Which of some days, by name, are no real days."""
    return [name for name, day in days.items() if day is not None and day_of(day) is None]


def day_of(text: str | None) -> date | None:
    """Read a day; None for what is none."""
    if text is None:
        return None
    try:
        return DAY.read(text)
    except WrongForm:
        return None


def cursor_of(ordinal: int) -> str:
    """An opaque cursor that goes on behind a row."""
    return base64.urlsafe_b64encode(b"s%d" % ordinal).decode().rstrip("=")


def ordinal_of(cursor: str) -> int | None:
    """Read a cursor of ours; None for any other text."""
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    except (ValueError, binascii.Error):
        return None
    digits = text[1:]
    known = text[:1] == b"s" and digits.isdigit() and len(digits) <= _CURSOR_DIGITS
    return int(digits) if known and cursor_of(int(digits)) == cursor else None


def _is_identifier(text: str) -> bool:
    try:
        IDENTIFIER.read(text)
    except WrongForm:
        return False
    return True
