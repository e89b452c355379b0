"""Bodies that were made to confuse or to exhaust: each gets its problem document, and the process lives on."""

from __future__ import annotations

import json

import pytest

from tests.api.service import DEADLINE, Service, changed, findings, problem, spliced, written

NOT_JSON = (400, "not_json", [""])
NO_REQUEST = (422, "field_invalid", [""])
BILL = written({})


def at(*pointers: str) -> tuple[int, str, list[str]]:
    return 422, "field_invalid", list(pointers)


def nested(depth: int) -> bytes:
    """An array in an array …; the outermost is level 1."""
    return b"[" * depth + b"]" * depth


def with_unknown(text: str | bytes) -> bytes:
    """The bill with an unknown member x of this value in its first line, which is at level 3."""
    return spliced("/lines/0/x", text)


PREPAID = at("/prepaid")
NUMBER = "/lines/1/line_no"

BODIES: list[tuple[str, bytes, tuple[int, str, list[str]]]] = [
    # not JSON
    ("an empty body", b"", NOT_JSON),
    ("blanks", b" \r\n\t", NOT_JSON),
    ("NaN", spliced("/prepaid", "NaN"), NOT_JSON),
    ("Infinity", spliced("/prepaid", "Infinity"), NOT_JSON),
    ("-Infinity", spliced("/prepaid", "-Infinity"), NOT_JSON),
    ("-NaN", spliced("/prepaid", "-NaN"), NOT_JSON),
    ("a member twice", BILL.replace(b'"prepaid":', b'"prepaid": "1.00", "prepaid":'), NOT_JSON),
    ("a member twice, the same", BILL.replace(b'"tier":', b'"tier": "secondary", "tier":'), NOT_JSON),
    ("a member twice, once escaped", BILL.replace(b'"prepaid":', b'"\\u0070repaid": "1.00", "prepaid":'), NOT_JSON),
    ("an unknown member twice", b'{"d": 1, "\\u0064": 2}', NOT_JSON),
    ("a line's member twice", spliced("/lines/1", '{"line_no": 2, "line_no": 2}'), NOT_JSON),
    ("nesting beyond 64", nested(65), NOT_JSON),
    ("nesting beyond 64 deep in the bill", with_unknown(nested(62)), NOT_JSON),
    ("arrays nested 10,000 deep", nested(10_000), NOT_JSON),
    ("arrays 10,000 deep without end", b"[" * 10_000, NOT_JSON),
    ("objects nested 10,000 deep", b'{"a":' * 10_000 + b"1" + b"}" * 10_000, NOT_JSON),
    ("nesting of a million", nested(1_000_000), NOT_JSON),
    ("UTF-16", BILL.decode().encode("utf-16"), NOT_JSON),
    ("UTF-16, little end, no mark", BILL.decode().encode("utf-16-le"), NOT_JSON),
    ("UTF-32", BILL.decode().encode("utf-32"), NOT_JSON),
    ("a byte-order mark", b"\xef\xbb\xbf" + BILL, NOT_JSON),
    ("latin-1", spliced("/facility/name", "é".encode("latin-1")), NOT_JSON),
    ("GB18030", json.dumps(changed({}), ensure_ascii=False).encode("gb18030"), NOT_JSON),
    ("an overlong form", spliced("/bill_id", b'"\xc0\x80"'), NOT_JSON),
    ("a surrogate in UTF-8", spliced("/bill_id", b'"\xed\xa0\x80"'), NOT_JSON),
    ("UTF-8 cut short", BILL[: BILL.index("药".encode()) + 1], NOT_JSON),
    ("JSON cut short", BILL[:-1], NOT_JSON),
    ("trailing garbage", BILL + b"x", NOT_JSON),
    ("two documents", BILL + BILL, NOT_JSON),
    ("a trailing comma", b'{"bill_id": "1",}', NOT_JSON),
    ("a comment", b"/* a bill */" + BILL, NOT_JSON),
    ("a comment to the line's end", BILL + b"// a bill", NOT_JSON),
    ("single quotes", b"{'bill_id': '1'}", NOT_JSON),
    ("a name without quotes", b'{bill_id: "1"}', NOT_JSON),
    ("a raw U+0000", spliced("/bill_id", b'"\x00"'), NOT_JSON),
    ("a raw line feed in a string", spliced("/bill_id", b'"a\nb"'), NOT_JSON),
    ("U+0000 outside", b"\x00" + BILL, NOT_JSON),
    ("another space", "\u00a0".encode() + BILL, NOT_JSON),
    ("a leading zero", spliced("/prepaid", "01"), NOT_JSON),
    ("a leading plus", spliced("/prepaid", "+1"), NOT_JSON),
    ("a dot alone", spliced("/prepaid", "1."), NOT_JSON),
    ("no digit before the dot", spliced("/prepaid", ".1"), NOT_JSON),
    ("hexadecimal", spliced("/prepaid", "0x10"), NOT_JSON),
    ("full-width digits", spliced("/prepaid", "１２"), NOT_JSON),
    ("True", spliced("/facility/designated", "True"), NOT_JSON),
    ("an unknown escape", spliced("/bill_id", '"\\x41"'), NOT_JSON),
    ("a form", b"bill_id=1&prepaid=2", NOT_JSON),
    ("XML", b"<?xml version='1.0'?><!DOCTYPE b [<!ENTITY x SYSTEM 'file:///etc/hostname'>]><b>&x;</b>", NOT_JSON),
    ("gzip", b"\x1f\x8b\x08\x00" + b"\x00" * 20, NOT_JSON),
    # JSON, but no request
    ("null", b"null", NO_REQUEST),
    ("an array", b"[]", NO_REQUEST),
    ("nesting of exactly 64", nested(64), NO_REQUEST),
    ("a number of 8 MB", b"9" * 8_000_000, NO_REQUEST),
    ("a number of 8 MB in the bill", spliced("/prepaid", "9" * 8_000_000), PREPAID),
    ("a fraction of 8 MB", spliced("/prepaid", "0." + "0" * 8_000_000 + "1"), PREPAID),
    ("an exponent of 8 MB", spliced("/prepaid", "1e" + "9" * 8_000_000), PREPAID),
    ("a string of 8 MB", spliced("/bill_id", b'"' + b"a" * 8_000_000 + b'"'), at("/bill_id")),
    ("a member name of 8 MB", spliced("/patient", b'{"' + b"a" * 8_000_000 + b'": 1}'), at(
        "/patient", "/patient/person_id", "/patient/status", "/patient/pooling_area")),
    ("nesting of exactly 64 in the bill", with_unknown(nested(61)), at("/lines/0/x")),
    ("1e400", spliced("/prepaid", "1e400"), PREPAID),
    ("-1e400", spliced("/prepaid", "-1e400"), PREPAID),
    ("1e-400", spliced("/prepaid", "1e-400"), PREPAID),
    ("1e5000000", spliced("/prepaid", "1e5000000"), PREPAID),
    ("1e-5000000", spliced("/prepaid", "1e-5000000"), PREPAID),
    ("1e9999999999999999999", spliced("/prepaid", "1e9999999999999999999"), PREPAID),
    ("1e-9999999999999999999", spliced("/prepaid", "1e-9999999999999999999"), PREPAID),
    ('"1e5000000"', spliced("/prepaid", '"1e5000000"'), PREPAID),
    ('"NaN"', spliced("/prepaid", '"NaN"'), PREPAID),
    ('"Infinity"', spliced("/prepaid", '"Infinity"'), PREPAID),
    ('"1_000"', spliced("/prepaid", '"1_000"'), PREPAID),
    ('" 1 "', spliced("/prepaid", '" 1 "'), PREPAID),
    ('"+1"', spliced("/prepaid", '"+1"'), PREPAID),
    ('"1\\n"', spliced("/prepaid", '"1\\n"'), PREPAID),
    ('"1,000.00"', spliced("/prepaid", '"1,000.00"'), PREPAID),
    ("full-width digits in a string", spliced("/prepaid", '"１２.５"'), PREPAID),
    ("Arabic digits", spliced("/prepaid", '"١٢"'), PREPAID),
    ("a Chinese numeral", spliced("/prepaid", '"五"'), PREPAID),
    ("true as a number", spliced("/prepaid", "true"), PREPAID),
    ("false as a number", spliced("/prepaid", "false"), PREPAID),
    ("an integer of 5,000 digits", spliced("/prepaid", "1" * 5_000), PREPAID),
    ("an integer of 4,000 digits", spliced("/prepaid", "1" * 4_000), PREPAID),
    ("a string of 5,000 digits", spliced("/prepaid", '"' + "1" * 5_000 + '"'), PREPAID),
    ("a line_no as a string", spliced(NUMBER, '"1"'), at(NUMBER)),
    ("a line_no of 1.0", spliced(NUMBER, "1.0"), at(NUMBER)),
    ("a line_no of 1e0", spliced(NUMBER, "1e0"), at(NUMBER)),
    ("a line_no of true", spliced(NUMBER, "true"), at(NUMBER)),
    ("a line_no of 5,000 digits", spliced(NUMBER, "1" * 5_000), at(NUMBER)),
    ("a line_no beyond 64 bits", spliced(NUMBER, "18446744073709551617"), at(NUMBER)),
    ("U+0000", spliced("/bill_id", '"a\\u0000b"'), at("/bill_id")),
    ("U+0000 in a name", spliced("/patient/name", '"\\u0000"'), at("/patient/name")),
    ("U+0000 in a member's name", spliced("/patient/x\x00", "1"), at("/patient")),
    ("a lone surrogate", spliced("/bill_id", '"\\ud800"'), at("/bill_id")),
    ("a lone second surrogate", spliced("/patient/name", '"\\udfff"'), at("/patient/name")),
    ("surrogates in the wrong order", spliced("/patient/name", '"\\udfe5\\ud83c"'), at("/patient/name")),
    ("a lone surrogate in a member's name", spliced("/patient", '{"\\ud800": 1}'), at(
        "/patient", "/patient/person_id", "/patient/status", "/patient/pooling_area")),
    ("__proto__", BILL.replace(b'"prepaid"', b'"__proto__"'), at("/__proto__")),
]  # fmt: skip


@pytest.mark.parametrize(("body", "expected"), [row[1:] for row in BODIES], ids=[row[0] for row in BODIES])
def test_a_hostile_body_gets_its_problem_document(
    service: Service, body: bytes, expected: tuple[int, str, list[str]]
) -> None:
    answer = service.preview(body)
    assert problem(answer) == expected
    assert answer.elapsed.total_seconds() < DEADLINE
    assert len(answer.content) < 20_000
    service.lives()


def test_a_great_many_wrong_members_are_answered_with_the_first_hundred(service: Service) -> None:
    body = b"{" + b",".join(b'"a%d":1' % number for number in range(50_000)) + b"}"
    assert findings(service.preview(body)) == [f"/a{number} field_invalid" for number in range(100)]
    service.lives()


def test_a_great_many_empty_lines_are_too_many(service: Service) -> None:
    assert findings(service.preview(b'{"lines":[' + b",".join([b"{}"] * 500_000) + b"]}")) == ["/lines too_many_lines"]
    service.lives()


@pytest.mark.parametrize(("body", "detail"), [
    (b"", "The body is not JSON: a syntax error at line 1, column 1."),
    (b'{"bill_id":\n "\xe7\x8e\x8b" "x"}', "The body is not JSON: a syntax error at line 2, column 6."),
    (b'{"a":1,"a":1}', "A member name is repeated in one object."),
    (b"\xff", "The body is not UTF-8."),
    (b"[NaN]", "The body is not JSON: NaN and Infinity are no JSON numbers."),
    (nested(65), "The body is nested deeper than 64 levels."),
    (nested(10_000), "The body is nested deeper than 64 levels."),
])  # fmt: skip
def test_the_detail_says_what_is_wrong_and_where(service: Service, body: bytes, detail: str) -> None:
    document = service.preview(body).json()
    assert document["detail"] == document["errors"][0]["detail"] == detail
