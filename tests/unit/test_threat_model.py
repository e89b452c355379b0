"""The threat model names tests that are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NAMED = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", (ROOT / "docs" / "threat-model.md").read_text("utf-8"))


@pytest.mark.parametrize(("file", "name"), NAMED, ids=lambda value: str(value).rpartition("/")[2])
def test_every_test_that_it_names_is_there(file: str, name: str) -> None:
    text = (ROOT / file).read_text("utf-8")
    assert not name or f"def {name}(" in text


def test_every_row_names_one() -> None:
    rows = [line for line in (ROOT / "docs" / "threat-model.md").read_text("utf-8").splitlines() if line[:2] == "| "][
        2:
    ]
    assert len(rows) > 10
    assert all("`tests/" in row for row in rows)
