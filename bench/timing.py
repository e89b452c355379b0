"""Timing side by side: everybody in every round, in turning order, and the median of the rounds."""

import gc
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median
from time import perf_counter
from typing import TypeVar

T = TypeVar("T")
Work = Callable[[], object]
BLOCK_SECONDS = 0.04


@dataclass(frozen=True)
class Contender:
    """One way of doing the work. `work` does it `units` times (bills)."""

    name: str
    work: Work
    units: int


@dataclass(frozen=True)
class Race:
    """The rounds of all contenders, in seconds a unit."""

    rounds: dict[str, list[float]]

    def seconds(self, name: str) -> float:
        """The median of a contender's rounds."""
        return median(self.rounds[name])

    def times(self, name: str, other: str) -> float:
        """How many times as long as the other one: the median of the rounds' own ratios."""
        return median(mine / its for mine, its in zip(self.rounds[name], self.rounds[other], strict=True))


def in_rounds(
    part: str, contenders: Mapping[str, Callable[[], T]], rounds: int, say: Callable[[str], object]
) -> dict[str, list[T]]:
    """What each contender came to in each round, in turning order."""
    found: dict[str, list[T]] = {name: [] for name in contenders}
    for number in range(rounds):
        say(f"{part}: round {number + 1} of {rounds}")
        for name, run in turned(contenders.items(), number):
            found[name].append(run())
    return found


def turned(contenders: Iterable[T], number: int) -> list[T]:
    """The contenders in the order of a round: each begins in its turn."""
    order = list(contenders)
    first = number % len(order)
    return order[first:] + order[:first]


def race(contenders: Sequence[Contender], rounds: int) -> Race:
    """Time all contenders in every round.

    The garbage collector is on for all, as in the service, and starts every block with nothing to collect.
    """
    loops = {each.name: calibrate(each.work) for each in contenders}

    def seconds_a_unit(each: Contender) -> float:
        return block(each.work, loops[each.name]) / each.units

    blocks = {each.name: partial(seconds_a_unit, each) for each in contenders}
    return Race(in_rounds("race", blocks, rounds, lambda _: None))


def calibrate(work: Work) -> int:
    """How often to repeat the work in a block, so that the clock's grain does not show."""
    work()
    return max(1, round(BLOCK_SECONDS / max(block(work, 1), 1e-9)))


def block(work: Work, loops: int) -> float:
    """Seconds for one call, as the mean of a block."""
    gc.collect()
    begin = perf_counter()
    for _ in range(loops):
        work()
    return (perf_counter() - begin) / loops
