"""Replay the ledger: recalculate its records byte for byte, and walk every chain from its first record to its last."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from app.store.checks import keys_without_settlement, settlements_without_key
from app.store.packs import pack_rows
from app.store.replay import Slice, chains, read_through
from app.store.settlements import record_hash
from app.usecases.faults import Fault, Faults, shortened
from app.usecases.kept_packs import Packs, load_stored
from app.usecases.replay_chain import Chain
from app.usecases.replay_corrections import check_corrections
from app.usecases.replay_settlement import Reading, Replayed, replay_settlement, year_recorded

if TYPE_CHECKING:
    from datetime import date

    from sqlalchemy import Connection

    from app.store.ledger import Ledger
    from app.store.settlements import Record
    from app.usecases.recording import Wire


class Days(NamedTuple):
    """The UTC days, both inclusive, whose settlements are recalculated; None is no bound. Chains are walked whole."""

    first: date | None = None
    last: date | None = None

    def hold(self, moment: str) -> bool:
        """Whether a recorded time, such as `2026-11-24T08:30:00.123456Z`, is within."""
        day = moment[: len("2026-11-24")]
        return (self.first is None or self.first.isoformat() <= day) and (
            self.last is None or day <= self.last.isoformat()
        )


class Seen(NamedTuple):
    """How much was gone over, and what is wrong with it."""

    records: int
    recalculated: int
    person_years: int
    faults: Faults

    def and_then(self, other: Seen) -> Seen:
        """Both together; the other's faults come behind these."""
        self.faults.join(other.faults)
        records, recalculated, years = (mine + its for mine, its in zip(self[:3], other[:3], strict=True))
        return Seen(records, recalculated, years, self.faults)


class Replayer:
    """Replays slices of a ledger, one after another; packs once loaded serve for the next slice."""

    def __init__(self, ledger: Ledger, wire: Wire, reading: Reading, days: Days) -> None:
        self._ledger = ledger
        self._wire = wire
        self._reading = reading
        self._days = days
        self._packs = Packs()

    def replay(self, part: Slice) -> Seen:
        """Replay all records of some person-years, on one state of the ledger. Raises what `read_through` raises."""
        return read_through(self._ledger, lambda connection: self._walk(connection, part))

    def _walk(self, connection: Connection, part: Slice) -> Seen:
        faults = Faults()
        records = recalculated = years = 0

        def replay(record: Record) -> Replayed:
            nonlocal recalculated
            if not self._days.hold(record.settled_at):
                return Replayed([], record_hash(record), year_recorded(record, self._reading))
            recalculated += 1
            pack = self._packs.find(connection, record.pack_hash)
            return replay_settlement(record, pack, self._wire, self._reading)

        for person_year, rows in chains(connection, part):
            chain = Chain(person_year, self._wire, replay, faults)
            for row in rows:
                chain.walk(row)
            chain.end()
            records += chain.records
            years += 1
        return Seen(records, recalculated, years, faults)


def check_beside_chains(ledger: Ledger, wire: Wire, reading: Reading) -> Faults:
    """Look at what belongs to no chain: the kept packs, the bills in force, what corrections answered.

    Raises what `read_through` raises.
    """

    def work(connection: Connection) -> Faults:
        faults = Faults()
        _check_packs(connection, faults)
        check_open_bills(connection, faults)
        check_corrections(connection, wire, reading, faults)
        return faults

    return read_through(ledger, work)


def _check_packs(connection: Connection, faults: Faults) -> None:
    for row in pack_rows(connection):
        pack = load_stored(row)
        if pack is None:
            faults.add(Fault("pack", row.hash, "", "its files do not give this hash"))
        elif (pack.id, pack.area) != (row.pack_id, row.area):
            faults.add(Fault("pack", row.hash, "", f"it is kept as another one than {pack.id} of area {pack.area}"))


def check_open_bills(connection: Connection, faults: Faults) -> None:
    """Hold the bills in force against the unreversed settlements, from both sides."""
    for bill in keys_without_settlement(connection):
        what = f"its key is taken by {bill.settlement_id}, which is not in force under it"
        faults.add(Fault("open-bill", f"{bill.facility_code} {bill.bill_id}", "", what))
    for settlement_id, person_year in settlements_without_key(connection):
        faults.add(
            Fault(
                "settlement", settlement_id, shortened(person_year), "in force, and its bill's key is not taken by it"
            )
        )
