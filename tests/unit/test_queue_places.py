"""A queue's places: for a burst more than are worked on, for a crowd only as many as are served nearly as always."""

from __future__ import annotations

import pytest

from app.api.queues import PATIENCE_SECONDS, STRETCH, Overloaded, Queue

TICK = 0.001


class Clock:
    """A time that stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def test_it_counts_who_is_in_and_the_most_since_the_last_look() -> None:
    queue = Queue("q", 2, 1)
    places = [queue.enter() for _ in range(3)]
    with pytest.raises(Overloaded):
        queue.enter()
    assert (queue.taken, queue.limit) == (3, 3)
    for place in places:
        queue.leave(place)
    assert (queue.taken, queue.look(), queue.look()) == (0, 3, 0)


def test_a_burst_may_wait_and_so_may_callers_who_each_wait_for_their_answer() -> None:
    clock = Clock()
    queue = Queue("q", 2, 3, clock)
    places = [queue.enter() for _ in range(5)]
    for _ in range(1_000):
        clock.now += PATIENCE_SECONDS / 10
        queue.leave(places.pop(0))
        places.append(queue.enter())


def test_a_crowd_is_over_when_nobody_was_sent_away_for_a_while() -> None:
    clock = Clock()
    queue = Queue("q", 2, 3, clock)
    places = [queue.enter() for _ in range(5)]
    assert not queue.has_place()
    for place in places:
        queue.leave(place)
    for _ in range(3):
        clock.now += PATIENCE_SECONDS * 0.9
        place = queue.enter()
        assert not queue.has_place()
        queue.leave(place)
    clock.now += PATIENCE_SECONDS
    for _ in range(5):
        queue.enter()
    assert not queue.has_place()


def test_who_is_sent_away_shows_as_a_full_queue() -> None:
    clock = Clock()
    queue = Queue("q", 2, 3, clock)
    places = [queue.enter() for _ in range(5)]
    assert not queue.has_place()
    queue.leave(places[0])
    assert (queue.look(), queue.look()) == (queue.limit, 4)
    assert not queue.has_place()
    assert (queue.look(), queue.look()) == (queue.limit, 4)


def test_who_waits_for_something_else_keeps_nobody_out_while_there_are_threads() -> None:
    clock = Clock()
    queue = Queue("q", 4, 2, clock)
    stuck = [queue.enter() for _ in range(6)]
    clock.now += PATIENCE_SECONDS
    assert not queue.has_place()
    for place in stuck[2:]:
        queue.leave(place)
    # Two are stuck. One is served beside them, as many as at first in a crowd, and no more.
    other = queue.enter()
    assert not queue.has_place()
    queue.leave(other)
    stuck += [queue.enter()]
    clock.now += PATIENCE_SECONDS * 0.9
    assert not queue.has_place()
    clock.now += PATIENCE_SECONDS * 0.1
    # The third is stuck too, and there is one thread left.
    assert queue.enter()
    assert not queue.has_place()


def test_who_waited_for_something_else_says_nothing_of_how_long_an_answer_takes() -> None:
    clock = Clock()
    served = Served(Queue("q", 8, 16, clock), clock)
    served.go_on(10.0, 20.0, 0.01, 0.0)
    for _ in range(200):
        place = served.queue.enter()
        clock.now += 3.0
        served.queue.leave(place)
    for _ in range(2):
        served.go_on(20.0, 300.0, 0.01, 0.0)
    assert max(served.answered) < 2 * STRETCH * 0.01


class Served:
    """One processor that everybody in the queue shares; an answer takes `work` seconds of it, and `wait` seconds more."""

    def __init__(self, queue: Queue, clock: Clock) -> None:
        self.queue = queue
        self.clock = clock
        self.answered: list[float] = []
        self._inside: dict[float, list[float]] = {}

    def go_on(self, seconds: float, per_second: float, work: float, wait: float) -> None:
        """So many come a second, for so long; then it goes on until all have their answers."""
        self.answered.clear()
        due = self.clock.now
        end = due + seconds
        while self.clock.now < end or self._inside:
            self.clock.now += TICK
            working = [left for left in self._inside.values() if left[0] > 0]
            for left in self._inside.values():
                if left[0] > 0:
                    left[0] -= TICK / len(working)
                else:
                    left[1] -= TICK
            for place in [place for place, left in self._inside.items() if left[0] <= 0 and left[1] <= 0]:
                self.queue.leave(place)
                self.answered.append(self.clock.now - place)
                del self._inside[place]
            while due <= min(self.clock.now, end):
                due += 1 / per_second
                if self.queue.has_place():
                    # No two at the same moment: a moment is what the place is known by here.
                    self.clock.now += TICK / 1_000
                    self._inside[self.queue.enter()] = [work, wait]


@pytest.mark.parametrize(("work", "wait"), [(0.01, 0.0), (0.01, 0.03), (0.02, 0.02)])
def test_in_a_crowd_an_answer_takes_no_longer_than_stretch_allows_and_no_work_is_lost(work: float, wait: float) -> None:
    clock = Clock()
    served = Served(Queue("q", 8, 16, clock), clock)
    served.go_on(10.0, 0.2 / (work + wait), work, wait)
    alone = max(served.answered)
    served.go_on(20.0, 3 / work, work, wait)
    served.go_on(20.0, 3 / work, work, wait)
    assert len(served.answered) > 0.9 * 20.0 / work
    ordered = sorted(served.answered)
    assert ordered[len(ordered) // 2] <= STRETCH * alone * 1.1
    assert ordered[len(ordered) * 98 // 100] <= 2 * STRETCH * alone


def test_where_all_wait_long_for_something_else_all_may_come_in() -> None:
    clock = Clock()
    served = Served(Queue("q", 8, 16, clock), clock)
    for _ in range(2):
        served.go_on(20.0, 300.0, 0.005, 0.145)
    assert len(served.answered) > 0.9 * 20.0 * 8 / 0.2


def test_one_who_is_always_in_hides_nobody_who_is_alone() -> None:
    clock = Clock()
    served = Served(Queue("q", 8, 16, clock), clock)
    served.queue.enter()
    clock.now += PATIENCE_SECONDS
    served.go_on(10.0, 20.0, 0.01, 0.01)
    for _ in range(2):
        served.go_on(20.0, 300.0, 0.01, 0.01)
    assert len(served.answered) > 0.9 * 20.0 / 0.01


def test_when_everything_becomes_slower_in_a_crowd_it_is_learnt() -> None:
    clock = Clock()
    queue = Queue("q", 8, 16, clock)
    served = Served(queue, clock)
    served.go_on(10.0, 20.0, 0.005, 0.005)
    served.go_on(10.0, 600.0, 0.005, 0.005)
    served.go_on(30.0, 600.0, 0.005, 0.045)
    served.go_on(20.0, 600.0, 0.005, 0.045)
    # Alone each takes 50 ms, of which 5 ms are work: all eight may be in without making each other twice as slow.
    assert len(served.answered) > 0.9 * 20.0 * 8 / 0.06
