"""Which settings there are."""

from __future__ import annotations

import re
from typing import Final

from tests.deploy.files import ROOT

# These come with the service's next settings; then app/settings.py alone is to be asked.
PENDING: Final = {"ONESTOP_DRAIN_SECONDS", "ONESTOP_QUEUE"}
_SETTINGS: Final = (ROOT / "app" / "settings.py").read_text("utf-8")


def is_setting(name: str) -> bool:
    """Whether the service reads a variable of this name."""
    of_issuer = re.search(r"ONESTOP_OIDC_", name) and f'"{name.removeprefix("ONESTOP_OIDC_")}"' in _SETTINGS
    return name in PENDING or f'"{name}"' in _SETTINGS or bool(of_issuer)
