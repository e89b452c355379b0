"""Reads the small part of YAML that a pack may use into nodes that keep each scalar's text, style and line.

YAML's own guesses are not asked for: `no`, `0200`, `1e3`, `1:30` and `1_000` stay the text that was written, and the
form of the place decides. Works on the parser's events, so that depth, tags and the size of what aliases stand for are
judged before anything is built from them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, NoReturn

import yaml

from app.policies.errors import PackError, shortened

if TYPE_CHECKING:
    from collections.abc import Iterator

# A pack of a whole region is about 5 KB and six levels deep.
MAX_BYTES: Final = 256 * 1024
MAX_DEPTH: Final = 16
# With each alias counted as all that it stands for; a pack of a whole region has about 200 values.
MAX_VALUES: Final = 20_000
_NULLS: Final = frozenset({"", "~", "null"})
# The C parser is fifteen times as fast; both read the same language.
_LOADER: Final = getattr(yaml, "CBaseLoader", yaml.BaseLoader)


class Scalar(NamedTuple):
    """One value as written; `quoted` tells "450000" from 450000."""

    text: str
    quoted: bool
    line: int

    @property
    def is_null(self) -> bool:
        """Whether nothing stands here: `null`, `~` or not a sign."""
        return not self.quoted and self.text in _NULLS


class Mapping(NamedTuple):
    """Keys in the order written, each with its line and value."""

    entries: dict[str, tuple[int, Node]]
    line: int


class Sequence(NamedTuple):
    """A list."""

    items: tuple[Node, ...]
    line: int


class Unreadable(NamedTuple):
    """A place whose error is already told."""

    line: int


Node = Scalar | Mapping | Sequence | Unreadable


def read_yaml(file: str, content: bytes) -> tuple[Node | None, list[PackError]]:
    """Read one file's bytes; the node is None where the file as a whole cannot be read. Never raises."""
    problem = _unreadable_bytes(content)
    if problem is not None:
        return None, [PackError(file, "", problem[0], problem[1])]
    reader = _Reader(file, content.decode("utf-8"))
    try:
        return reader.document(), reader.errors
    except _Stop:
        return None, reader.errors
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        return None, [*reader.errors, PackError(file, "", line, f"not readable as YAML: {error.problem}")]
    except yaml.YAMLError:
        return None, [*reader.errors, PackError(file, "", 1, "not readable as YAML: a character that is not allowed")]


def under(path: str, key: str) -> str:
    """Write the path of a key below a path; a key that is no plain word is quoted."""
    plain = key.replace("_", "").replace("-", "").isalnum() and len(key) <= 64  # noqa: PLR2004 # long enough for a word
    shown = key if plain else shortened(key)
    return f"{path}.{shown}" if path else shown


def _unreadable_bytes(content: bytes) -> tuple[int, str] | None:
    if len(content) > MAX_BYTES:
        return 1, f"larger than {MAX_BYTES // 1024} KiB, expected a policy pack"
    if content.startswith(b"\xef\xbb\xbf"):
        return 1, "starts with a byte-order mark, expected UTF-8 without one"
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        return content.count(b"\n", 0, error.start) + 1, "not UTF-8, expected a file in UTF-8"
    return None


class _Stop(Exception):
    """Reading on makes no sense; the reason stands in the errors."""


class _Reader:
    """Builds nodes out of the parser's events and collects what a pack may not use."""

    def __init__(self, file: str, text: str) -> None:
        self._file = file
        self._events: Iterator[yaml.Event] = yaml.parse(text, Loader=_LOADER)
        self._anchors: dict[str, tuple[Node, int]] = {}
        self._values = 0
        self.errors: list[PackError] = []

    def document(self) -> Node:
        next(self._events)  # the stream's start
        if isinstance(next(self._events), yaml.StreamEndEvent):
            self._stop("", 1, "empty, expected a policy pack")
        root = self._node(next(self._events), "", 0)
        next(self._events)  # the document's end
        after = next(self._events)
        if not isinstance(after, yaml.StreamEndEvent):
            self._stop("", _line(after), "a second document, expected one pack a file")
        return root

    def _node(self, event: yaml.Event, path: str, depth: int) -> Node:
        line = _line(event)
        if depth > MAX_DEPTH:
            self._stop(path[:100], line, f"nested deeper than {MAX_DEPTH} levels")
        before = self._values
        self._count(1, line)
        if isinstance(event, yaml.AliasEvent):
            return self._alias(str(event.anchor), path, line)
        tag = getattr(event, "tag", None)
        if tag is not None:
            self._error(path, line, f"found the tag {shortened(str(tag))}, expected the value alone")
        node = self._plain_node(event, path, depth)
        anchor = getattr(event, "anchor", None)
        if anchor is not None:
            self._anchors[anchor] = (node, self._values - before)
        return node

    def _alias(self, anchor: str, path: str, line: int) -> Node:
        """Give the very node that the anchor stands before; nothing is copied, so nothing grows."""
        if anchor not in self._anchors:
            self._error(path, line, f"found the alias *{anchor}, expected one of an anchor that ended before it")
            return Unreadable(line)
        node, values = self._anchors[anchor]
        self._count(values, line)
        return node

    def _count(self, values: int, line: int) -> None:
        self._values += values
        if self._values > MAX_VALUES:
            self._stop("", line, f"more than {MAX_VALUES} values, expected a policy pack")

    def _plain_node(self, event: yaml.Event, path: str, depth: int) -> Node:
        line = _line(event)
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(line, path, depth)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(line, path, depth)
        assert isinstance(event, yaml.ScalarEvent)
        return self._scalar(event, path)

    def _scalar(self, event: yaml.ScalarEvent, path: str) -> Node:
        if any(_is_hidden(sign) for sign in event.value):
            self._error(path, _line(event), "a control character or half a character, expected readable text")
            return Unreadable(_line(event))
        return Scalar(event.value, bool(event.style), _line(event))

    def _sequence(self, line: int, path: str, depth: int) -> Node:
        items: list[Node] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            items.append(self._node(event, f"{path}[{len(items)}]", depth + 1))
        return Sequence(tuple(items), line)

    def _mapping(self, line: int, path: str, depth: int) -> Node:
        entries: dict[str, tuple[int, Node]] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._node(event, path, depth + 1)
            name = key.text if isinstance(key, Scalar) else None
            below = path if name is None else under(path, name)
            value = self._node(next(self._events), below, depth + 1)
            if name is None:
                if not isinstance(key, Unreadable):
                    self._error(path, key.line, "a key that is no word, expected a plain key")
            elif name in entries:
                self._error(below, key.line, f"a repeated key, first in line {entries[name][0]}, expected it once")
            else:
                entries[name] = (key.line, value)
        return Mapping(entries, line)

    def _error(self, path: str, line: int, message: str) -> None:
        self.errors.append(PackError(self._file, path, line, message))

    def _stop(self, path: str, line: int, message: str) -> NoReturn:
        self._error(path, line, message)
        raise _Stop


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 1


def _is_hidden(sign: str) -> bool:
    return (sign < " " and sign not in "\n\t") or "\x7f" <= sign <= "\x9f" or "\ud800" <= sign <= "\udfff"
