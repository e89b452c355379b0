"""What every file of deploy/ has to be."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.deploy.files import DEPLOY, ROOT, document, documents

DATA = [path for path in sorted(DEPLOY.rglob("*")) if path.suffix in (".yaml", ".yml", ".json")]


@pytest.mark.parametrize("path", DATA, ids=lambda path: str(path.relative_to(DEPLOY)))
def test_it_parses_and_names_nothing_twice(path: Path) -> None:
    assert document(path) if path.suffix == ".json" else all(documents(path))


def test_a_name_that_is_there_twice_is_found(tmp_path: Path) -> None:
    for name, text in {
        "a.yaml": "a: 1\na: 2\n",
        "b.yaml": "- {a: {b: 1, b: 2}}\n",
        "c.json": '{"a": 1, "a": 2}',
    }.items():
        (tmp_path / name).write_text(text)
        with pytest.raises(AssertionError, match="there twice"):
            document(tmp_path / name)


def test_every_page_that_is_linked_is_there() -> None:
    pages = [DEPLOY / "README.md", *(ROOT / "docs/runbooks").glob("*.md")]
    for page in pages:
        for link in re.findall(r"\]\(([^)#:]+)\)", page.read_text("utf-8")):
            assert (page.parent / link).exists(), f"{page.name}: {link}"
