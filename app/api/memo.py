"""Remember what a pure function answered: a hospital's prices and quantities come again and again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

Key = TypeVar("Key")
Value = TypeVar("Value")

# A few megabytes a memo at most, whatever a caller sends.
_LIMIT: Final = 16_384
_LONGEST: Final = 64


class Memo(dict[Key, Value]):
    """A function as a mapping: looked up in half the time of `functools.lru_cache`, which keeps an order besides.

    An exception is not remembered, nor a long text. When the limit is reached everything is forgotten: that is rare,
    and simple.
    """

    def __init__(self, function: Callable[[Key], Value]) -> None:
        super().__init__()
        self._function = function

    def __missing__(self, key: Key) -> Value:
        value = self._function(key)
        if isinstance(key, str) and len(key) > _LONGEST:
            return value
        if len(self) >= _LIMIT:
            self.clear()
        self[key] = value
        return value
