"""How files are cut into blocks of whole requests."""

from __future__ import annotations

import io
import json

import pytest

from app.commands import blocks
from app.commands.blocks import blocks_of

DOCUMENT = json.dumps({"a": [1, {"b": 2}], "c": None}, indent=2).encode()
# As people write it: some lines of a document are JSON by themselves.
BY_HAND = b'{\n  "lines": [\n    {"line_no": 1},\n    {"line_no": 2}\n  ]\n}\n'
BROKEN_BY_HAND = BY_HAND.replace(b"]", b"")


def requests(data: bytes, *, named_json=False) -> list[bytes]:
    return [request for block in blocks_of(io.BytesIO(data), named_json=named_json) for request in block.requests()]


@pytest.mark.parametrize("named_json", [False, True])
@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", []),
        (b"\n \r\n\t\n", []),
        (b"1\n2\n3\n", [b"1", b"2", b"3"]),
        (b"1\n2\n3", [b"1", b"2", b"3"]),
        (b"1\r\n\r\n2\r\n", [b"1", b"2"]),
        (b"\n\n1\n\n2", [b"1", b"2"]),
        (b'{"a": 1} \n{"a": 2}', [b'{"a": 1} ', b'{"a": 2}']),
        (b'{"a": 1, "a": 2}\n{}\n', [b'{"a": 1, "a": 2}', b"{}"]),
        (b"oops\n{}\n", [b"oops", b"{}"]),
        (b"{\n{}\n", [b"{", b"{}"]),
        (DOCUMENT, [DOCUMENT]),
        (b"\n" + DOCUMENT + b"\r\n\n", [b"\n" + DOCUMENT + b"\r\n\n"]),
        (BY_HAND, [BY_HAND]),
        (BROKEN_BY_HAND, [BROKEN_BY_HAND]),
        (b'{\n"a": 1,\n"a": 2}', [b'{\n"a": 1,\n"a": 2}']),
        (b"[\n1\n]", [b"[\n1\n]"]),
    ],
)
def test_a_file_is_cut_into_its_requests(data, expected, named_json):
    assert requests(data, named_json=named_json) == expected


def test_a_broken_document_is_one_request_where_its_name_promises_one():
    assert requests(b"\xff\n1\n") == [b"\xff", b"1"]
    assert requests(b"\xff\n1\n", named_json=True) == [b"\xff\n1\n"]
    assert requests(b'{"a": 1,\n"b": oops}\n') == [b'{"a": 1,', b'"b": oops}']
    assert requests(b'{"a": 1,\n"b": oops}\n', named_json=True) == [b'{"a": 1,\n"b": oops}\n']


@pytest.mark.parametrize("size", range(1, 24))
def test_where_a_block_ends_changes_nothing(size, monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK_SIZE", size)
    data = b'{"a": 1}\r\n\n[2]\n"three"\n\n{"four": [4, 4, 4, 4]}\n5'
    assert requests(data) == [b'{"a": 1}', b"[2]", b'"three"', b'{"four": [4, 4, 4, 4]}', b"5"]
    assert requests(BY_HAND) == [BY_HAND]
    assert sum([block.consumed for block in blocks_of(io.BytesIO(data), named_json=False)]) == len(data)


@pytest.mark.parametrize("size", [1, 3, 7, 11, 1000])
def test_a_line_that_is_too_long_is_cut_just_above_the_limit_and_its_neighbours_are_whole(size, monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK_SIZE", size)
    monkeypatch.setattr(blocks, "MAX_BODY", 10)
    data = b"1\n" + b"x" * 500 + b"\n2\n" + b"y" * 10 + b"\r\n3\n" + b"z" * 300
    first, long, second, whole, third, last = requests(data)
    assert (first, second, whole, third) == (b"1", b"2", b"yyyyyyyyyy", b"3")
    assert (set(long), set(last)) == ({ord("x")}, {ord("z")})
    assert min(len(long), len(last)) > 10
    if size < 1000:
        assert max(len(long), len(last)) < 10 + 2 + size
    assert sum([block.consumed for block in blocks_of(io.BytesIO(data), named_json=False)]) == len(data)


@pytest.mark.parametrize("size", [1, 3, 7, 11, 1000])
def test_a_line_that_is_too_long_is_not_taken_for_a_shorter_one_where_it_holds_a_carriage_return(size, monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK_SIZE", size)
    monkeypatch.setattr(blocks, "MAX_BODY", 10)
    (long,) = requests(b"y" * 10 + b"\r" + b"z" * 30)
    assert len(long) > 10


def test_a_document_that_is_too_long_is_one_request_just_above_the_limit(monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK_SIZE", 8)
    monkeypatch.setattr(blocks, "MAX_BODY", 20)
    data = b"{\n" + b'  "a": 1,\n' * 50 + b'  "b": 2\n}\n'
    (block,) = blocks_of(io.BytesIO(data), named_json=False)
    assert block.requests() == [data[:21]]
    assert block.consumed == len(data)


def test_a_block_has_a_limit_of_lines_since_answers_are_longer_than_broken_lines():
    cut = list(blocks_of(io.BytesIO(b"1\n" * 1500), named_json=False))
    assert [len(block.requests()) for block in cut] == [512, 512, 476]
    assert [block.consumed for block in cut] == [1024, 1024, 952]
