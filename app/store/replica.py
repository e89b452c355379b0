"""A replica (备库): a hot standby of the ledger, which answers what the ledger itself would, or not at all."""

from __future__ import annotations

import time
from threading import BoundedSemaphore, Lock
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeAlias, TypeVar, get_args

from sqlalchemy import exc, text

from app.store.ledger import Ledger, LedgerBusy, LedgerUnreachable

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

# What came of a read: the replica answered it; had not come so far; is away; cancelled it, or had enough to do; is no
# standby of this ledger, or may not be asked.
Outcome = Literal["replica", "behind", "unreachable", "busy", "other"]
OUTCOMES: Final[tuple[Outcome, ...]] = get_args(Outcome)
# Hears of each read what came of it, and whether that is another thing than the time before.
Heard: TypeAlias = "Callable[[Outcome, bool], None]"
Result = TypeVar("Result")

# A healthy standby is milliseconds behind; who is further is not waited for.
WAIT_SECONDS: Final = 2.0
# So long nobody asks a replica that is away or behind: each would wait anew, in a thread that settles bills too.
REST_SECONDS: Final = 5.0
_LOOK_SECONDS: Final = 0.005
_RESTS: Final = frozenset[Outcome](("behind", "unreachable", "busy", "other"))
# One that falls silent holds no more of the threads that settle bills too.
_AT_ONCE: Final = 3

# What was acknowledged to anybody is on the primary's disk, so before this place. A failover begins a new timeline: a
# standby that did not follow has other records at the same places.
_MOMENT: Final = text(
    "SELECT system_identifier, left(pg_walfile_name(pg_current_wal_flush_lsn()), 8), current_database(), "
    "CAST(pg_current_wal_flush_lsn() - '0/0' AS bigint) FROM pg_control_system()"
)
# The timeline is that of the last restartpoint: after a failover it is too old for some minutes, never too new.
_REPLAYED: Final = text(
    "SELECT system_identifier, lpad(upper(to_hex(timeline_id)), 8, '0'), current_database(), "
    "CASE WHEN pg_is_in_recovery() THEN CAST(pg_last_wal_replay_lsn() - '0/0' AS bigint) END "
    "FROM pg_control_system(), pg_control_checkpoint()"
)


class Moment(NamedTuple):
    """Up to where the log (WAL) of a database, on a timeline of a system, had come; None on none that replays it."""

    system: int
    timeline: str
    database: str
    wal: int | None


class ReplicaNotUsed(Exception):
    """The ledger itself is to be asked."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome)
        self.outcome = outcome


def moment_of(connection: Connection) -> Moment:
    """The moment of the ledger itself: all that was acknowledged by now comes before it."""
    return Moment._make(connection.execute(_MOMENT).one())


class Replica:
    """A hot standby and its pool of connections."""

    def __init__(self, url: str, heard: Heard) -> None:
        self._ledger = Ledger(url, reads_only=True)
        self._heard = heard
        self._lock = Lock()
        self._last: Outcome = "replica"
        self._asked_again_at = 0.0
        self._places = BoundedSemaphore(_AT_ONCE)

    def read(self, moment: Moment, work: Callable[[Connection], Result]) -> Result:
        """Run what reads on a state in which all is that was in the ledger at a moment. Raises `ReplicaNotUsed`."""
        self._rest()
        if not self._places.acquire(blocking=False):
            self._heard("busy", False)  # noqa: FBT003 # the second of two, as its type says
            raise ReplicaNotUsed("busy")
        try:
            return self._read(moment, work)
        finally:
            self._places.release()

    def _read(self, moment: Moment, work: Callable[[Connection], Result]) -> Result:
        def checked(connection: Connection) -> Result:
            _wait_for(connection, moment)
            # What reads begins a transaction of its own, on this very server: it may want another isolation.
            connection.rollback()
            return work(connection)

        try:
            result = self._ledger.read(checked)
        except (ReplicaNotUsed, LedgerBusy, LedgerUnreachable, exc.DBAPIError) as error:
            outcome = _outcome(error)
            self._note(outcome)
            raise ReplicaNotUsed(outcome) from error
        self._note("replica")
        return result

    def _rest(self) -> None:
        """Ask nothing while it rests; then one asks, and the others go on as before until there is an answer."""
        with self._lock:
            last, now = self._last, time.perf_counter()
            rests = last in _RESTS and now < self._asked_again_at
            if last in _RESTS and not rests:
                self._asked_again_at = now + REST_SECONDS
        if rests:
            self._heard(last, False)  # noqa: FBT003 # the second of two, as its type says
            raise ReplicaNotUsed(last)

    def _note(self, outcome: Outcome) -> None:
        with self._lock:
            is_new = outcome != self._last
            self._last = outcome
            self._asked_again_at = time.perf_counter() + REST_SECONDS
        self._heard(outcome, is_new)


def _wait_for(connection: Connection, moment: Moment) -> None:
    """Wait until a standby has replayed what a moment asks for. Raises `ReplicaNotUsed`."""
    end = time.perf_counter() + WAIT_SECONDS
    while True:
        found = Moment._make(connection.execute(_REPLAYED).one())
        if found.wal is None or moment.wal is None or found[:3] != moment[:3]:
            raise ReplicaNotUsed("other")
        if found.wal >= moment.wal:
            return
        if time.perf_counter() >= end:
            raise ReplicaNotUsed("behind")
        time.sleep(_LOOK_SECONDS)


def _outcome(error: Exception) -> Outcome:
    if isinstance(error, ReplicaNotUsed):
        return error.outcome
    if isinstance(error, LedgerBusy):
        return "busy"
    return "unreachable" if isinstance(error, LedgerUnreachable) else "other"
