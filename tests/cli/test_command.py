"""The command itself, before any of its verbs."""

from __future__ import annotations

import tomllib
from pathlib import Path

from tests.cli.running import run

PROJECT = Path(__file__).parents[2] / "pyproject.toml"


def test_it_says_its_release():
    said = run("--version")
    release = tomllib.loads(PROJECT.read_text("utf-8"))["project"]["version"]
    assert (said.returncode, said.stdout.decode(), said.stderr) == (0, f"onestop {release}\n", b"")
