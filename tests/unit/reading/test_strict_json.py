"""What is JSON and what is not (api.md, "Forms"): read exactly as written, and refused within moments where it is hostile."""

from __future__ import annotations

import time

import pytest

from app.api.strict_json import FractionToken, IntegerToken, NotJson, parse
from tests.unit.settlement.requests import answered


def nested(levels: int, opening: bytes = b"[", closing: bytes = b"]") -> bytes:
    return opening * levels + closing * levels


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b"{}", {}),
        (b" \t\r\n{ } \n", {}),
        (b'"\xe5\xbb\xba"', "建"),
        (b'"\\u5efa"', "建"),
        (b'"\\ud83d\\ude00"', "\U0001f600"),
        (b'"\\ud800"', "\ud800"),  # a lone surrogate is JSON; the form of a text refuses it
        (b'"\\u0000"', "\0"),  # the same
        (b'"\x7f"', "\x7f"),
        (b'{"a":[true,false,null]}', {"a": [True, False, None]}),
        (b'{"a":1,"A":2,"a ":3}', {"a": "1", "A": "2", "a ": "3"}),
        (b'[{"a":1},{"a":2}]', [{"a": "1"}, {"a": "2"}]),
        (b'{"a":{"a":{"a":1}}}', {"a": {"a": {"a": "1"}}}),
    ],
)
def test_json_is_read(body: bytes, value: object) -> None:
    assert parse(body) == value


@pytest.mark.parametrize(
    ("token", "kind"),
    [
        ("0", IntegerToken),
        ("-0", IntegerToken),
        ("12345678901234567890123", IntegerToken),
        ("9" * 5000, IntegerToken),
        ("12.50", FractionToken),
        ("1234567890123456.78", FractionToken),
        ("0.1000000000000000000000000001", FractionToken),
        ("1e2", FractionToken),
        ("1E+2", FractionToken),
        ("-1.5e-2", FractionToken),
        ("1e400", FractionToken),
        ("1e5000000", FractionToken),
        ("1e9999999999999999999", FractionToken),
    ],
)
def test_a_number_stays_as_it_was_written(token: str, kind: type) -> None:
    value = parse(token.encode())
    assert (type(value), value) == (kind, token)


NOT_JSON = [
    ("nothing at all", b""),
    ("spaces alone", b"  \n"),
    ("a missing brace", b'{"a":1'),
    ("a comma too many", b'{"a":1,}'),
    ("a comma too many in an array", b"[1,]"),
    ("two documents", b"{}{}"),
    ("something behind it", b"{} x"),
    ("single quotes", b"{'a':1}"),
    ("a name without quotes", b"{a:1}"),
    ("a name that is a number", b"{1:1}"),
    ("a comment", b"{}/**/"),
    ("a form feed for a space", b"\x0c{}"),
    ("a no-break space for a space", b"\xc2\xa0{}"),
    ("NaN", b'{"a":NaN}'),
    ("Infinity", b'{"a":Infinity}'),
    ("minus Infinity", b'{"a":-Infinity}'),
    ("nan", b"nan"),
    ("a plus", b"+1"),
    ("a leading zero", b"01"),
    ("a leading zero below 0", b"-01"),
    ("a point without digits behind", b"1."),
    ("a point without digits before", b".5"),
    ("an exponent without digits", b"1e"),
    ("a minus alone", b"-"),
    ("hexadecimal", b"0x10"),
    ("an underscore", b"1_000"),
    ("full-width digits", "１２".encode()),
    ("Arabic digits", "١٢".encode()),
    ("True", b"True"),
    ("a control character in a string", b'"a\x00b"'),
    ("a line break in a string", b'"a\nb"'),
    ("a tab in a string", b'"a\tb"'),
    ("an unknown escape", b'"\\x41"'),
    ("half an escape", b'"\\u00g0"'),
    ("a string without an end", b'"abc'),
    ("a byte-order mark", b"\xef\xbb\xbf{}"),
    ("UTF-16", '{"a":1}'.encode("utf-16")),
    ("UTF-16 without a mark", '{"a":1}'.encode("utf-16-le")),
    ("Latin-1", b'"\xfc"'),
    ("GBK", '"建"'.encode("gbk")),
    ("an encoded surrogate", b'"\xed\xa0\x80"'),
    ("an overlong code", b'"\xc0\xaf"'),
    ("a code beyond Unicode", b'"\xf5\x80\x80\x80"'),
    ("a repeated name", b'{"a":1,"a":1}'),
    ("a repeated name, not at once", b'{"a":1,"b":2,"a":3}'),
    ("a repeated name, deep", b'[{"x":{"a":1,"a":2}}]'),
    ("a repeated name, once escaped", b'{"d":1,"\\u0064":2}'),
    ("a repeated empty name", b'{"":1,"":2}'),
    ("65 arrays", nested(65)),
    ("65 objects", b'{"a":' * 64 + b"{}" + b"}" * 64),
    ("65 arrays beside a shallow one", b"[[]," + nested(64) + b"]"),
    ("10,000 arrays", nested(10_000)),
    ("10,000 open arrays", b"[" * 10_000),
    ("a million open arrays", b"[" * 1_000_000),
    ("10,000 objects", b'{"a":' * 10_000 + b"1" + b"}" * 10_000),
]


@pytest.mark.parametrize("body", [pytest.param(body, id=name) for name, body in NOT_JSON])
def test_what_is_not_json_is_refused(body: bytes) -> None:
    with pytest.raises(NotJson):
        parse(body)


@pytest.mark.parametrize("body", [pytest.param(body, id=name) for name, body in NOT_JSON])
def test_its_refusal_is_one_error_at_the_root(body: bytes) -> None:
    document = answered(body)
    assert (document["status"], document["code"]) == (400, "not_json")
    assert [(error["pointer"], error["code"]) for error in document["errors"]] == [("", "not_json")]


@pytest.mark.parametrize(
    "body",
    [nested(64), nested(64, b'{"a":', b"}").replace(b":}", b":1}"), b"[" + nested(63) + b"," + nested(63) + b"]"],
    ids=["64 arrays", "64 objects", "64 arrays, twice"],
)
def test_sixty_four_levels_are_json(body: bytes) -> None:
    parse(body)


def test_the_reason_repeats_nothing_of_the_body() -> None:
    for body in (b'{"Secret":1,"Secret":2}', b'{"a":"Secret"', b'"Secret\n"', b'["Secret",NaN]'):
        with pytest.raises(NotJson) as refused:
            parse(body)
        assert "Secret" not in str(refused.value)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"1" * 1_000_000, id="a number of a million digits"),
        pytest.param(b'{"a":1e' + b"9" * 1_000_000 + b"}", id="an exponent of a million digits"),
        pytest.param(b"[" + b'{"a":1},' * 100_000 + b"0]", id="100,000 objects"),
        pytest.param(b'{"a":"' + b"\\u0041" * 150_000 + b'"}', id="150,000 escapes"),
    ],
)
def test_a_hostile_body_is_read_within_a_second(body: bytes) -> None:
    began = time.process_time()
    parse(body)
    assert time.process_time() - began < 1
