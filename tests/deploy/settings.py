"""Which settings there are."""

from __future__ import annotations

from app.settings import EVERY


def is_setting(name: str) -> bool:
    """Whether the service reads a variable of this name."""
    return name in {setting.name for setting in EVERY}
