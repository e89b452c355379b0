from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from .books import fill


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger that nobody changes."""
    file = tmp_path_factory.mktemp("ledger") / "filled.db"
    fill(f"sqlite:///{file}")
    return file


@pytest.fixture
def ledger(filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, which the commands find in their settings."""
    file = tmp_path / "onestop.db"
    shutil.copy(filled, file)
    monkeypatch.setenv("ONESTOP_DATABASE_URL", f"sqlite:///{file}")
    monkeypatch.chdir(tmp_path)
    return file
