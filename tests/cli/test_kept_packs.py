"""The copy of the packs' folder that workers read: renewed as a whole or not at all, and no copy is left behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.commands.kept_packs import KeptPacks
from app.observe.logs import Log
from tests.operations.test_reload import OVERLAY


@pytest.fixture
def source(tmp_path: Path) -> Path:
    source = tmp_path / "source"
    source.mkdir()
    (source / "guilin.yaml").write_text(overlay(100), "utf-8")
    return source


def overlay(deductible: int) -> str:
    return OVERLAY.replace("DEDUCTIBLE", str(deductible))


def test_what_is_refused_or_cannot_be_copied_changes_nothing_and_stays_nowhere(tmp_path: Path, source: Path) -> None:
    folder = tmp_path / "kept"
    folder.mkdir()
    packs = KeptPacks(source, folder, Log("json"))
    assert packs.renew()
    (source / "guilin.yaml").write_text("no pack\n", "utf-8")
    assert not packs.renew()
    (source / "guilin.yaml").unlink()
    source.rmdir()
    assert not packs.renew()
    assert (packs.place / "guilin.yaml").read_text("utf-8") == overlay(100)
    assert len(list(folder.iterdir())) == 2, "the copy and the name that it goes by"


def test_only_the_copy_before_the_last_one_stays(tmp_path: Path, source: Path) -> None:
    folder = tmp_path / "kept"
    folder.mkdir()
    packs = KeptPacks(source, folder, Log("json"))
    for number in range(5):
        (source / "guilin.yaml").write_text(overlay(number), "utf-8")
        assert packs.renew()
        assert (packs.place / "guilin.yaml").read_text("utf-8") == overlay(number)
    assert len(list(folder.iterdir())) == 3
