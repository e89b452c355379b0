"""A pack between its file and its classes: checked values, each with its unit, its source and its file."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from app.settlement.money import MONEY_PLACES, RATE_PLACES, Fen, Rate
from app.settlement.pack import Source

if TYPE_CHECKING:
    from collections.abc import Iterator

Unit = Literal["yuan", "share"]
Value: TypeAlias = int | bool | str | date | Source | None


class Leaf(NamedTuple):
    """One value: fen or ten-thousandths where it has a unit; `source` is the nearest one above it in its file."""

    value: Value
    unit: Unit | None
    source: Source | None
    file: str
    line: int


class Items(NamedTuple):
    """A list of branches (the bands of critical-illness insurance)."""

    branches: tuple[Branch, ...]
    line: int


class Refused(NamedTuple):
    """A place with an error; it is there, so it is not missing."""

    line: int


class Branch(NamedTuple):
    """A mapping of keys; the readers below are for a branch that was found complete and right."""

    entries: dict[str, Tree]
    line: int

    def value(self, key: str) -> Value:
        """Give the value of a key, None where it is absent."""
        entry = self.entries.get(key)
        return entry.value if isinstance(entry, Leaf) else None

    def leaf(self, key: str) -> Leaf:
        """Give the leaf of a key that must be there."""
        entry = self.entries[key]
        assert isinstance(entry, Leaf)
        return entry

    def rate(self, key: str) -> Rate:
        """Give a rate that must be there."""
        return Rate(self._number(key))

    def money(self, key: str) -> Fen:
        """Give an amount in fen that must be there."""
        return Fen(self._number(key))

    def cap(self, key: str = "annual_cap") -> Fen | None:
        """Give a cap (封顶线) in fen; None: no cap."""
        return None if self.value(key) is None else self.money(key)

    def flag(self, key: str, *, absent: bool = False) -> bool:
        """Give a switch, or what counts when it is absent."""
        value = self.value(key)
        return absent if value is None else value is True

    def text(self, key: str) -> str:
        """Give words that must be there."""
        value = self.value(key)
        assert isinstance(value, str)
        return value

    def day(self, key: str) -> date | None:
        """Give a date, None where it is absent."""
        value = self.value(key)
        return value if isinstance(value, date) else None

    def branch(self, key: str) -> Branch:
        """Give a mapping that must be there."""
        entry = self.entries[key]
        assert isinstance(entry, Branch)
        return entry

    def optional(self, key: str) -> Branch | None:
        """Give a mapping, None where it is absent."""
        entry = self.entries.get(key)
        return entry if isinstance(entry, Branch) else None

    def source_of(self, key: str) -> Source:
        """Give where the value of a key comes from."""
        source = self.leaf(key).source
        assert source is not None
        return source

    def _number(self, key: str) -> int:
        value = self.value(key)
        assert isinstance(value, int)
        assert not isinstance(value, bool)
        return value


Tree: TypeAlias = Branch | Items | Leaf | Refused


def leaves(tree: Tree, path: str = "") -> Iterator[tuple[str, Leaf]]:
    """Walk all values in the order of the file, each with its dotted path (`critical_illness.bands[1].rate`)."""
    if isinstance(tree, Branch):
        for key, entry in tree.entries.items():
            yield from leaves(entry, f"{path}.{key}" if path else key)
    elif isinstance(tree, Items):
        for index, branch in enumerate(tree.branches):
            yield from leaves(branch, f"{path}[{index}]")
    elif isinstance(tree, Leaf):
        yield path, tree


def canonical(leaf: Leaf) -> str | bool | dict[str, str] | None:
    """Write a value for the content hash: a number as the text of its value without trailing zeros."""
    value = leaf.value
    if leaf.unit is not None and value is not None:
        assert isinstance(value, int)
        return _shortest(value, MONEY_PLACES if leaf.unit == "yuan" else RATE_PLACES)
    if isinstance(value, Source):
        return {name: words for name, words in value._asdict().items() if words is not None}
    if isinstance(value, date):
        return value.isoformat()
    assert value is None or isinstance(value, bool | str)
    return value


def _shortest(value: int, places: int) -> str:
    whole, part = divmod(value, 10**places)
    return f"{whole}.{part:0{places}d}".rstrip("0").rstrip(".")
