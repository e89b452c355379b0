"""The files of deploy/, read strictly, and the programs that check some of them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
RUNBOOKS = ROOT / "docs" / "runbooks"


class _Strict(yaml.SafeLoader):
    """Refuses a key that is there twice, of which the first would be forgotten in silence."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value if key.tag != "tag:yaml.org,2002:merge"]
        _refuse_twice(keys)
        return super().construct_mapping(node, deep)


def _refuse_twice(keys: list[str]) -> None:
    twice = {key for key in keys if keys.count(key) > 1}
    assert not twice, f"there twice: {twice}"


def documents(path: Path) -> list[Any]:
    """All documents of a YAML file."""
    return list(yaml.load_all(path.read_text("utf-8"), _Strict))


def document(path: Path) -> Any:
    """The one document of a YAML file, or of a JSON file."""
    if path.suffix == ".json":
        return json.loads(path.read_text("utf-8"), object_pairs_hook=_members)
    (found,) = documents(path)
    return found


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    _refuse_twice([name for name, _ in pairs])
    return dict(pairs)


def program(name: str) -> str:
    """The path of a program; without it the test is skipped."""
    path = shutil.which(name, path="/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin")
    if path is None:
        pytest.skip(f"no {name} on this machine: make test installs it where apt-get can")
    return path
