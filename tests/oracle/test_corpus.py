"""The kept corpus: nothing that test_agreement.py doesn't ask too, in a second, as `make mutate` needs it."""

from __future__ import annotations

import pytest

from app.api.answers import answer
from app.policies.catalogue import load_folder

from . import generate
from .corpus import Chapter, kept_corpus
from .differences import Outcome, compare_one


@pytest.fixture
def corpus(pytestconfig) -> list[Chapter]:
    return kept_corpus(pytestconfig.cache.mkdir("oracle-corpus"))


def test_the_kept_corpus_is_settled_as_the_oracle_settled_it(corpus, tmp_path, record_property):
    outcome = Outcome()
    for number, chapter in enumerate(corpus):
        folder = tmp_path / str(number)
        folder.mkdir()
        generate.write(chapter.files, folder)
        catalogue = load_folder(folder)
        for line, expected in chapter.answers:
            compare_one("bill", expected, line, answer(line, catalogue).body, outcome)
            assert outcome.differences == []
    record_property(f"counted bills alike, {outcome.counts['refused']:,} of them refused", outcome.counts["bills"])
