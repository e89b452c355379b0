"""A sentence is cut at its numbers once, when the program starts; here it is cut again."""

from __future__ import annotations

import pytest

from app.settlement.explain import Sentence, _Cut, _cut, _filled, _template


@pytest.mark.parametrize(("text", "names", "first", "rest"), [
    ("nothing", [], "nothing", []),
    ("%(a)s", ["a"], "", [(0, "")]),
    ("付 %(b)s × %(a)s = %(b)s 元。", ["a", "b"], "付 ", [(1, " × "), (0, " = "), (1, " 元。")]),
])  # fmt: skip
def test_a_sentence_is_its_words_and_which_number_goes_between(text, names, first, rest):
    assert _cut(text, names) == _Cut(first, rest)


def test_a_template_has_both_languages_and_all_their_numbers_once():
    template = _template(Sentence("付 %(b)s × %(a)s", "pays %(a)s and %(c)s of %(b)s"))
    assert template.sentence == Sentence("付 %(b)s × %(a)s", "pays %(a)s and %(c)s of %(b)s")
    assert template.names == ["a", "b", "c"]
    assert _filled(template.zh, ["1", "2", "3"]) == "付 2 × 1"
    assert _filled(template.en, ["1", "2", "3"]) == "pays 1 and 3 of 2"
    assert _template(Sentence("没有", "None")).names == []
