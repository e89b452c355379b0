"""How many examples Hypothesis makes: some and always the same, or with ONESTOP_TEST_PROFILE=deep very many new ones."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings

import app

# A test of what somebody compiled before the last change would say nothing of what stands here.
for part in Path(app.__path__[0]).rglob("*.so"):
    if part.stat().st_mtime < part.with_name(part.name.partition(".")[0] + ".py").stat().st_mtime:
        pytest.exit(f"{part.name} is older than its source: run make setup, or make plain", returncode=2)

# How long an example takes depends on who else uses the machine; a failing example is printed whole.
COMMON: dict[str, Any] = {
    "database": None,
    "deadline": None,
    "print_blob": True,
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large],
}
if "MUTANT_UNDER_TEST" in os.environ:
    # `make mutate` only asks whether a test fails, thousands of times: no example is made small.
    COMMON["phases"] = [Phase.explicit, Phase.generate]
settings.register_profile("quick", max_examples=80, derandomize=True, **COMMON)
settings.register_profile("deep", max_examples=2_800, **COMMON)
settings.load_profile(os.environ.get("ONESTOP_TEST_PROFILE", "quick"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what a test has counted, also where other processes ran it."""
    for report in terminalreporter.getreports("passed"):
        for name, count in report.user_properties:
            if name.startswith("counted "):
                terminalreporter.write_line(f"{report.nodeid}: {count:,} {name.removeprefix('counted ')}")
