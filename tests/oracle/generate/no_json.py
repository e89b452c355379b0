"""Bytes that are no JSON, and a few that just are."""

from __future__ import annotations

from typing import Any

from .json_forms import Pairs, Raw, encoded
from .names import Chance, Request
from .parts import some_object

NO_NUMBERS = (
    "NaN",
    "Infinity",
    "-Infinity",
    "01",
    "-01",
    "+1",
    ".5",
    "1.",
    "0x10",
    "1e",
    "1e+",
    "-",
    "1_000",
    "１",
    "- 1",
)
NO_DOCUMENTS = (
    *(
        b"{",
        b"}",
        b"[",
        b"nul",
        b"True",
        b"{'a':1}",
        b'{"a":1,}',
        b"[1,]",
        b'{"a" 1}',
        b"{} {}",
        b"{}x",
        b'"',
        b'"\\x"',
    ),
    *(
        b'"\\u12"',
        b'"a\tb"',
        b'"a\x00b"',
        b"\x00",
        b"\xff",
        b"{}\x00",
        b"\x0c{}",
        b"\xc2\xa0{}",
        b"// x",
        b"{}//x",
        b",",
        b"1 2",
    ),
    *(
        b"\xef\xbb\xbf{}",
        b"\xef\xbb\xbf",
        b"\xfe\xff\x00{\x00}",
        b"{\x00}\x00",
        b'"\xed\xa0\x80"',
        b'"\xc0\x80"',
        b'"\xf4\x90\x80\x80"',
    ),
    *(
        b"[" * 100_000,
        b"[" * 65 + b"]" * 65,
        b'{"a":' * 65 + b"1" + b"}" * 65,
        b"[" * 2_000 + b"]" * 2_000,
        b'"\\ud8"',
        b"undefined",
    ),
)
DEEP_ENOUGH = (
    "[" * 62 + "]" * 62,
    "[" * 63 + "]" * 63,
    "[" * 64 + "]" * 64,
    '{"a":' * 63 + "[]" + "}" * 63,
    "[" * 62 + "1" + "]" * 62,
)


def not_json(chance: Chance, request: Request) -> bytes:
    """Mostly no JSON; a few of these documents are just within its bounds."""
    way = chance.randrange(6)
    if way == 0:
        return chance.choice(NO_DOCUMENTS)
    if way == 1:
        _, found = some_object(chance, request)
        found[chance.choice((*found, "nope")) if found else "nope"] = Raw(chance.choice(NO_NUMBERS))
    elif way == 2:
        _, found = some_object(chance, request)
        found["nope"] = Raw(chance.choice(DEEP_ENOUGH))
    elif way == 3:
        return encoded(chance, with_a_name_twice(chance, request))
    elif way == 4:
        whole = encoded(chance, request)
        return whole[: chance.randint(1, len(whole) - 1)]
    else:
        whole = encoded(chance, request)
        place = chance.randint(1, len(whole))
        return (
            whole[:place]
            + chance.choice((b"\xff", b"\xc3", b"\xed\xa0\x80", b"\x01", b"\xef\xbb\xbf", b"\x7f"))
            + whole[place:]
        )
    return encoded(chance, request)


def with_a_name_twice(chance: Chance, request: Request) -> Any:
    name = chance.choice(("bill_id", "bill_id", "facility", "lines", "nope"))
    again = Raw(f'"\\u{ord(name[0]):04x}{name[1:]}"') if chance.random() < 0.4 else name
    if chance.random() < 0.5:
        return Pairs([*request.items(), (name, request.get(name, 1)), (again, request.get(name, 1))])
    _, found = some_object(chance, request)
    inner = Pairs([("a", 1), ("b", 2), (chance.choice(("a", "c", Raw('"\\u0061"'))), 3)])
    found["nope"] = inner
    return request
