"""The forms of objects and arrays: their members, and the order in which their errors stand (api.md, "Forms")."""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from app.api.forms import Form, Schema, WrongForm
from app.settlement.refusals import FIELD_INVALID, Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# More are never shown (api.md, "Errors"), so no more are looked for: eight megabytes can hold a million.
MAX_FINDINGS: Final = 100


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


def first_findings(form: ObjectForm, value: object) -> list[Finding]:
    """What is wrong in a whole body, no more of it than is shown."""
    return list(islice(form.findings(value, ""), MAX_FINDINGS))


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
