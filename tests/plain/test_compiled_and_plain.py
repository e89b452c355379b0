"""Compiled or as plain Python, the same files give the same answers, byte for byte, refusals included."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.oracle import generate
from tools.compile import compiled, sources

CHECKOUT = Path(__file__).parents[2]
SEED, BILLS = 77, 1_500

pytestmark = pytest.mark.skipif(not compiled(), reason="nothing is compiled here: make setup says why")


def answers(folder, checkout):
    """What `onestop settle` of a checkout writes for the bills of a folder, and which file it calculated with."""
    code = "import app.settlement.scope as s, sys; print(s.__file__, file=sys.stderr); from app.cli import main; main()"
    command = (sys.executable, "-c", code, "settle", "bills.ndjson", "--packs", "packs", "--workers", "1")
    environment = os.environ | {"PYTHONPATH": str(checkout), "PYTHONSAFEPATH": "1"}
    result = subprocess.run(command, cwd=folder, env=environment, capture_output=True, timeout=120, check=False)
    assert result.returncode in {0, 1}, result.stderr.decode()
    return result.stdout, Path(result.stderr.decode().splitlines()[0])


def test_compiled_and_plain_answers_are_the_same_bytes(tmp_path):
    files = generate.packs(SEED)
    (tmp_path / "packs").mkdir()
    generate.write(files, tmp_path / "packs")
    bills = list(generate.bills(SEED, BILLS, generate.load(files)))
    (tmp_path / "bills.ndjson").write_bytes(b"".join([bill.replace(b"\n", b" ") + b"\n" for bill in bills]))
    plain_checkout = tmp_path / "plain"
    shutil.copytree(CHECKOUT / "app", plain_checkout / "app", ignore=shutil.ignore_patterns("*.so", "__pycache__"))

    fast, fast_file = answers(tmp_path, CHECKOUT)
    plain, plain_file = answers(tmp_path, plain_checkout)

    assert (fast_file.suffix, plain_file.suffix) == (".so", ".py")
    assert len(fast.splitlines()) == BILLS
    assert fast == plain


def test_every_file_to_compile_is_there_and_compiled():
    names = {part.name.partition(".")[0] for part in compiled()}
    assert {Path(source).stem for source in sources()} <= names
