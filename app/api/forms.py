"""The forms of single values and of objects (api.md, "Forms"): what is accepted, and in which order errors stand.

One description serves three readers: the exact one here, the fast decoder's types, and the OpenAPI document.
"""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from app.api.memo import Memo
from app.api.strict_json import FractionToken, IntegerToken
from app.settlement.money import json_number, plain_number
from app.settlement.refusals import FIELD_INVALID, Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Schema = dict[str, Any]

# More are never shown (api.md, "Errors"), so no more are looked for: eight megabytes can hold a million.
MAX_FINDINGS: Final = 100


class WrongForm(Exception):
    """The value does not have the form."""


class Form(Protocol):
    """The form of one value."""

    @property
    def expected(self) -> str:
        """What was expected, in words that end a sentence."""

    @property
    def schema(self) -> Schema:
        """The form as JSON Schema, for the OpenAPI document."""

    def read(self, value: object) -> Any:  # noqa: ANN401 # each form reads to a type of its own
        """Read a parsed JSON value, or raise `WrongForm`."""


class TextForm(NamedTuple):
    """A string of some code points without control characters and lone surrogates, compared exactly."""

    shortest: int
    longest: int

    @property
    def expected(self) -> str:
        return f"a string of {self.shortest} to {self.longest} characters without control characters"

    @property
    def schema(self) -> Schema:
        return {
            "type": "string",
            "minLength": self.shortest,
            "maxLength": self.longest,
            "pattern": "^[^\\u0000-\\u001f\\u007f]*$",
        }

    def read(self, value: object) -> str:
        if type(value) is not str or not self.shortest <= len(value) <= self.longest or _UNWANTED.search(value):
            raise WrongForm
        return value


_UNWANTED: Final = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")


class AreaForm(NamedTuple):
    """An administrative division code (行政区划代码)."""

    expected: str = "a string of six digits"

    @property
    def schema(self) -> Schema:
        return {"type": "string", "pattern": "^[0-9]{6}$", "examples": ["451000"]}

    def read(self, value: object) -> str:
        if type(value) is not str or not _AREA.fullmatch(value):
            raise WrongForm
        return value


_AREA: Final = re.compile(r"[0-9]{6}", re.ASCII)


class DateForm(NamedTuple):
    """A real day."""

    expected: str = "a day as YYYY-MM-DD"

    @property
    def schema(self) -> Schema:
        return {"type": "string", "format": "date", "examples": ["2018-06-15"]}

    def read(self, value: object) -> date:
        if type(value) is not str:
            raise WrongForm
        return _DAYS[value]


_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


def _day(text: str) -> date:
    if not _DAY.fullmatch(text):
        raise WrongForm
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise WrongForm from None


_DAYS: Final = Memo(_day)


class ChoiceForm(NamedTuple):
    """One of some words, case-sensitive."""

    choices: tuple[str, ...]

    @property
    def expected(self) -> str:
        return "one of " + ", ".join(self.choices)

    @property
    def schema(self) -> Schema:
        return {"type": "string", "enum": list(self.choices)}

    def read(self, value: object) -> str:
        if type(value) is not str or value not in self.choices:
            raise WrongForm
        return value


class BooleanForm(NamedTuple):
    """True or false, nothing that only looks like it."""

    expected: str = "true or false"

    @property
    def schema(self) -> Schema:
        return {"type": "boolean"}

    def read(self, value: object) -> bool:
        if type(value) is not bool:
            raise WrongForm
        return value


class CountForm(NamedTuple):
    """A JSON integer from 1 to 2147483647: no string, fraction or exponent."""

    expected: str = "an integer from 1 to 2147483647"

    @property
    def schema(self) -> Schema:
        return {"type": "integer", "minimum": 1, "maximum": _MAX_COUNT}

    def read(self, value: object) -> int:
        if type(value) is not IntegerToken or len(value) > len(str(_MAX_COUNT)):
            raise WrongForm
        return self.check(int(value))

    def check(self, number: int) -> int:
        if not 1 <= number <= _MAX_COUNT:
            raise WrongForm
        return number


_MAX_COUNT: Final = 2_147_483_647


class NumberForm:
    """An exact decimal: a JSON number in any JSON form, or a string of plain digits; in units of 10^-`places`."""

    def __init__(self, places: int, *, negative: bool) -> None:
        self.places = places
        self.negative = negative
        # By what the fast decoder gives: a string, or the value of a JSON integer.
        self.plain: Memo[str | int, int] = Memo(self._read_plain)

    @property
    def expected(self) -> str:
        sign = "" if self.negative else ", not negative"
        return f"a number or a string of plain digits, with at most {self.places} decimals{sign}"

    @property
    def schema(self) -> Schema:
        pattern = "^-?[0-9]+(\\.[0-9]+)?$" if self.negative else "^([0-9]+(\\.[0-9]+)?|-0+(\\.0+)?)$"
        text: Schema = {"type": "string", "maxLength": 40, "pattern": pattern}
        return {"anyOf": [text, {"type": "number"} if self.negative else {"type": "number", "minimum": 0}]}

    def read(self, value: object) -> int:
        if type(value) is str:
            return self.plain[value]
        if type(value) is IntegerToken or type(value) is FractionToken:
            return self._checked(json_number(value, self.places))
        raise WrongForm

    def _read_plain(self, value: str | int) -> int:
        return self._checked(plain_number(value if type(value) is str else str(value), self.places))

    def _checked(self, scaled: int | None) -> int:
        if scaled is None or (scaled < 0 and not self.negative):
            raise WrongForm
        return scaled


class Member(NamedTuple):
    """A member of an object; `nullable` is where null means absent."""

    name: str
    form: Form | ObjectForm | ListForm
    required: bool = False
    nullable: bool = False
    default: object = None


class ObjectForm(NamedTuple):
    """An object with these members and no others."""

    title: str
    members: tuple[Member, ...]

    @property
    def expected(self) -> str:
        return "an object"

    @property
    def schema(self) -> Schema:
        return {
            "type": "object",
            "title": self.title,
            "additionalProperties": False,
            "required": [member.name for member in self.members if member.required],
            "properties": {member.name: _member_schema(member) for member in self.members},
        }

    def findings(self, value: object, pointer: str) -> Iterator[Finding]:
        """Everything wrong in an object: unknown members first, as written, then missing ones, then wrong forms."""
        if type(value) is not dict:
            yield _wrong(pointer, self.expected)
            return
        known = {member.name for member in self.members}
        for name in value:
            if name not in known:
                yield _unknown(pointer, name)
        for member in self.members:
            if member.required and member.name not in value:
                yield Finding(f"{pointer}/{member.name}", FIELD_INVALID.code, "The member is required.")
        for member in self.members:
            if member.name in value:
                yield from _of_member(member, value[member.name], f"{pointer}/{member.name}")

    def read(self, value: object) -> dict[str, Any]:
        """Read an object without findings: each member's value, or its default."""
        assert type(value) is dict, "only objects without findings are read"
        return {member.name: _value(member, value) for member in self.members}


class ListForm(NamedTuple):
    """An array of objects."""

    item: ObjectForm
    longest: int

    @property
    def expected(self) -> str:
        return "an array"

    @property
    def schema(self) -> Schema:
        return {"type": "array", "maxItems": self.longest, "items": self.item.schema}

    def findings(self, value: object, pointer: str) -> Iterator[Finding]:
        """Everything wrong in an array, item by item."""
        if type(value) is not list:
            yield _wrong(pointer, self.expected)
            return
        for index, item in enumerate(value):
            yield from self.item.findings(item, f"{pointer}/{index}")

    def read(self, value: object) -> list[dict[str, Any]]:
        """Read an array without findings."""
        assert type(value) is list, "only arrays without findings are read"
        return [self.item.read(item) for item in value]


_IDENTIFIER: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}", re.ASCII)


def _wrong(pointer: str, expected: str) -> Finding:
    return Finding(pointer, FIELD_INVALID.code, f"Expected {expected}.")


def _unknown(pointer: str, name: str) -> Finding:
    # A name that is no identifier might be somebody's name: it is not repeated.
    if _IDENTIFIER.fullmatch(name):
        return Finding(f"{pointer}/{name}", FIELD_INVALID.code, "The member is unknown.")
    return Finding(pointer, FIELD_INVALID.code, "A member of this object is unknown.")


def _of_member(member: Member, value: object, pointer: str) -> Iterator[Finding]:
    if value is None and member.nullable:
        return
    if isinstance(member.form, ObjectForm | ListForm):
        yield from member.form.findings(value, pointer)
        return
    try:
        member.form.read(value)
    except WrongForm:
        yield _wrong(pointer, member.form.expected)


def _value(member: Member, members: Mapping[str, object]) -> Any:  # noqa: ANN401 # the form decides the type
    value = members.get(member.name)
    return member.default if value is None else member.form.read(value)


def _member_schema(member: Member) -> Schema:
    schema = member.form.schema
    if member.nullable:
        schema = {"anyOf": [*schema["anyOf"], {"type": "null"}]} if "anyOf" in schema else _or_null(schema)
    if member.default is not None:
        schema["default"] = member.default
    return schema


def _or_null(schema: Schema) -> Schema:
    return {**schema, "type": [schema["type"], "null"]}
