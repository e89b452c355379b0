"""Product and oracle agree on generated packs and bills: to the fen, the reason and the pointer."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import settings

from app.api.answers import answer
from app.policies.catalogue import load_folder

from . import generate
from .calculation.answer import answer as expected_answer
from .compare import Job, compared
from .differences import Outcome, compare_one

# A pack folder is a seed; a folder's first bills are the same in both profiles.
FOLDERS, BILLS_A_FOLDER = {"quick": (12, 250), "deep": (40, 2_500)}[settings.get_current_profile_name()]


@pytest.mark.parametrize("seed", range(1, FOLDERS + 1))
def test_product_and_oracle_agree_on_generated_bills(seed, tmp_path, record_property):
    files = generate.packs(seed)
    generate.write(files, tmp_path)
    packs, catalogue = generate.load(files), load_folder(tmp_path)
    outcome = Outcome()
    for index, line in enumerate(generate.bills(seed, BILLS_A_FOLDER, packs)):
        compare_one(f"bill {index}", expected_answer(line, packs), line, answer(line, catalogue).body, outcome)
    assert outcome.differences == []
    record_property(*counted(outcome))


def test_the_command_settles_a_file_as_the_oracle_does(record_property):
    onestop = str(Path(sys.executable).parent / "onestop")
    outcome = compared(Job(seed=1_000, bills=400, command=(onestop,), keep=None))
    assert outcome.differences == []
    assert outcome.counts["bills"] == 400
    record_property(*counted(outcome))


def counted(outcome: Outcome) -> tuple[str, int]:
    return f"counted bills alike, {outcome.counts['refused']:,} of them refused", outcome.counts["bills"]
