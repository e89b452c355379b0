"""What YAML would make of a text on its own, and a hostile file, never reach a pack."""

from __future__ import annotations

import time

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from app.policies import strict_yaml
from app.policies.strict_yaml import Mapping, Scalar, read_yaml
from tests.unit.policies.small import OVERLAY, REGION, changed, errors, load

WHOLE_FILE = [
    (b"", 1, "empty, expected a policy pack"),
    (b"# nothing but words\n", 1, "empty, expected a policy pack"),
    (b"\xef\xbb\xbfname: x\n", 1, "starts with a byte-order mark"),
    ("name: x\ntitle: \N{LATIN SMALL LETTER E WITH ACUTE}\n".encode("latin-1"), 2, "not UTF-8"),
    ("name: x\n".encode("utf-16"), 1, "not UTF-8"),
    (b"name: x\n---\nname: y\n", 2, "a second document"),
    (b"name: x\n\tarea: y\n", 2, "not readable as YAML"),
    (b"name: [x\n", 2, "not readable as YAML"),
    (b"name: x\nname\n", 3, "not readable as YAML"),
    (b"name: \x00\n", 1, "not readable as YAML"),
    (b"- name\n- area\n", 1, "found no mapping"),
    (b"just words\n", 1, "found no mapping"),
    (b"a: " + b"[" * 500, 1, "nested deeper than 16 levels"),
    (b"a: " + b"[" * 50_000, 1, "exceeded maximum nesting depth"),
    (b"a: " + b"{b: " * 50_000, 1, "nested deeper than 16 levels"),
    (b"a: " + b"x" * 300_000, 1, "larger than 256 KiB"),
]


@pytest.mark.parametrize(("content", "line", "message"), WHOLE_FILE, ids=lambda value: str(value)[:30])
def test_a_file_that_is_no_pack_is_refused_as_a_whole(content: bytes, line: int, message: str) -> None:
    found = errors(content)
    assert len(found) == 1
    assert (found[0].line, message in found[0].message) == (line, True)


PLACES = [
    ("target: 0.90", "target: !!float 0.90", "backstop.target", 'found the tag "tag:yaml.org,2002:float"'),
    ("target: 0.90", "target: !!python/object/apply:os.system [x]", "backstop.target", "found the tag"),
    ("target: 0.90", "target: !mine 0.90", "backstop.target", 'found the tag "!mine"'),
    (
        "target: 0.90",
        "target: *ninety",
        "backstop.target",
        "found the alias *ninety, expected one of an anchor that ended before it",
    ),
    ("en: Smallland", 'en: "a\\0b"', "title.en", "a control character"),
    ("en: Smallland", 'en: "a\\e[2Jb"', "title.en", "a control character"),
    ("name: smallland", "name: smallland\n? [a, b]\n: c", "", "a key that is no word, expected a plain key"),
]


@pytest.mark.parametrize(("old", "new", "path", "message"), PLACES)
def test_what_a_pack_may_not_use_of_yaml_is_refused_at_its_place(old: str, new: str, path: str, message: str) -> None:
    found = errors(changed(REGION, old, new))
    assert found[0].path == path
    assert message in found[0].message


def test_an_alias_stands_for_the_value_of_its_anchor() -> None:
    rates = "{primary: 0.90, secondary: 0.75, tertiary_municipal: 0.60, tertiary_regional: 0.55}"
    anchored = changed(REGION, f"rate: {rates}", f"rate: &rates {rates}")
    approved = "{primary: 0.80, secondary: 0.65, tertiary_municipal: 0.50, tertiary_regional: 0.45}"
    basic = load(changed(anchored, approved, "*rates"))[0].pack.basic_insurance
    assert basic.out_of_area_approved == basic.in_area
    assert basic.in_area["secondary"].rate == 7500


def test_what_python_dumps_with_shared_sources_can_be_read() -> None:
    document = yaml.safe_load(REGION)
    document["backstop"]["source"] = document["scope"]["source"]
    text = yaml.safe_dump(document, allow_unicode=True)
    assert "*id001" in text
    assert load(text)[0].pack.backstop == load(changed(REGION, 'clause: "6"', 'clause: "1"'))[0].pack.backstop


def test_a_billion_laughs_is_refused_at_once() -> None:
    lines = ["a0: &a0 [lol, lol]"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 40)]
    started = time.perf_counter()
    found = errors("\n".join(lines))
    assert time.perf_counter() - started < 5
    assert found[-1].message == "more than 20000 values, expected a policy pack"


def test_a_value_inside_itself_is_refused() -> None:
    found = errors(changed(REGION, "preference: {rate_bonus: 0.05}", "preference: &me {rate_bonus: *me}"))
    assert [error.path for error in found] == ["basic_insurance.preference.rate_bonus"]
    assert "found the alias *me" in found[0].message


KEPT = ["no", "on", "NO", "0200", "0x1F", "1_000", "1e3", "1:30", ".inf", "2018-01-01", "=", "null ish"]


@pytest.mark.parametrize("text", KEPT)
def test_a_scalar_stays_the_text_that_was_written(text: str) -> None:
    root, found = read_yaml("a.yaml", f"key: {text}\n".encode())
    assert found == []
    assert isinstance(root, Mapping)
    assert root.entries["key"] == (1, Scalar(text, quoted=False, line=1))


@pytest.mark.parametrize("text", ["", "~", "null", '"null"', "Null"])
def test_null_has_three_forms(text: str) -> None:
    root, _ = read_yaml("a.yaml", f"key: {text}\n".encode())
    assert isinstance(root, Mapping)
    scalar = root.entries["key"][1]
    assert isinstance(scalar, Scalar)
    assert scalar.is_null == (text in ("", "~", "null"))


def test_a_repeated_key_is_told_with_both_lines() -> None:
    _, found = read_yaml("a.yaml", b"a: 1\nb: {c: 1, d: 2,\n  c: 3}\n")
    assert [(error.path, error.line, "first in line 2" in error.message) for error in found] == [("b.c", 3, True)]


def test_the_slower_parser_tells_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    fast = errors(changed(REGION, "target: 0.90", "target: yes"), OVERLAY)
    monkeypatch.setattr(strict_yaml, "_LOADER", yaml.BaseLoader)
    assert errors(changed(REGION, "target: 0.90", "target: yes"), OVERLAY) == fast
    assert errors(REGION, OVERLAY) == []
    assert [error.path for error in errors(changed(REGION, "en: Smallland", 'en: "\\ud800"'))] == ["title.en"]


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200), st.integers(0, len(REGION)), st.integers(0, 40))
def test_no_bytes_whatsoever_raise_anything_but_a_list_of_errors(noise: bytes, at: int, length: int) -> None:
    content = REGION.encode()
    errors(content[:at] + noise + content[at + length :])


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet="{}[]:,-?&*!|>'\"%@`#~ \n\t0a.", max_size=40), st.integers(0, len(REGION)), st.integers(0, 40))
def test_no_yaml_whatsoever_raises_anything_but_a_list_of_errors(noise: str, at: int, length: int) -> None:
    errors(REGION[:at] + noise + REGION[at + length :], OVERLAY)
