"""The metrics of `/metrics`, every label from a fixed set."""

from __future__ import annotations

import os
from functools import cache
from importlib.metadata import version
from math import nan
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from app.settlement.result import Payers

if TYPE_CHECKING:
    from collections.abc import Iterable

    from app.settlement.result import Settlement

METHODS: Final = frozenset(("GET", "POST", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE"))
# A calculation takes from some tens of microseconds to some tens of milliseconds.
_SECONDS: Final = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)

# A lock is free at once, or behind a few bills of the same person; at three seconds the ledger gives up.
_WAIT_SECONDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 3.0)
_FAILURES: Final = (500, 503)
_Mode: TypeAlias = Literal["livemax", "livemin", "livesum", "livemostrecent"]

_PAYERS: Final = {
    "basic_insurance": "pooled_fund",
    "critical_illness": "critical_illness_insurer",
    "medical_assistance": "civil_affairs",
    "emergency_aid": "emergency_aid_fund",
    "second_reimbursement": "pooled_fund",
    "local_subsidy": "local_government",
    "patient": "patient",
}


class Metrics:
    """One application's metrics. Two applications in one process share nothing."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "onestop_requests", "Requests answered.", ("route", "method", "status"), registry=self._registry
        )
        self._request_seconds = Histogram(
            "onestop_request_seconds", "Time from a request's head to its answer.", ("route",), registry=self._registry
        )
        self._calculation_seconds = Histogram(
            "onestop_calculation_seconds",
            "Time to read, settle and write one bill.",
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._refusals = Counter("onestop_refusals", "Refused requests by code.", ("code",), registry=self._registry)
        self._paid = Counter(
            "onestop_calculated_fen",
            "Fen that each payer was found to pay, previews included.",
            ("payer", "stage"),
            registry=self._registry,
        )
        self._ledger = Counter(
            "onestop_ledger_settlements", "Bills recorded, and requests answered again.", ("outcome",),
            registry=self._registry,
        )  # fmt: skip # one counter
        self._waits = Histogram(
            "onestop_ledger_wait_seconds", "Time that a transaction waited, for a connection or for others' locks.",
            ("for",), buckets=_WAIT_SECONDS, registry=self._registry,
        )  # fmt: skip # one histogram
        self._replica = Counter(
            "onestop_replica_reads", "What came of asking the replica.", ("outcome",), registry=self._registry
        )
        self._build = self._gauge("build_info", "The release that serves.", "livemax", "version")
        self._build.labels(version("onestop-settlement")).set(1)
        self._packs = self._gauge("policy_packs", "Policy packs loaded.", "livemostrecent")
        self._pack_days = self._gauge(
            "pack_days_left",
            "Days until a pack in force ends, where none follows it.",
            "livemostrecent",
            "policy",
            "area",
        )
        self._ready = self._gauge("ready", "Whether bills can be settled and recorded, 1 or 0.", "livemin")
        self._queue_requests = self._gauge("queue_requests", "Most places taken in a queue lately.", "livesum", "queue")
        self._queue_limit = self._gauge("queue_limit", "Places in a queue.", "livesum", "queue")
        self._connections = self._gauge("ledger_connections", "Connections to the database in use.", "livesum")
        self._connection_limit = self._gauge("ledger_connection_limit", "Connections there may be.", "livesum")
        self._job_age = self._gauge("job_age_seconds", "Time since a job last ended.", "livemostrecent", "task")
        self._job_faults = self._gauge("job_faults", "What a job last found wrong.", "livemostrecent", "task")
        self._job_records = self._gauge("job_records", "What a job last went over.", "livemostrecent", "task")
        self._backup_lag: Gauge | None = None
        self._spans = Counter(
            "onestop_trace_spans", "Spans that reached their collector, or were lost.", ("outcome",),
            registry=self._registry,
        )  # fmt: skip # one counter
        # As `expect` does: the first burst would wake nobody.
        self._refusals.labels("overloaded")
        # Asking for a child by its labels takes longer than counting it; all labels are from fixed sets.
        self._request_of = cache(self._requests.labels)
        self._request_seconds_of = cache(self._request_seconds.labels)
        self._paid_of = cache(self._paid_counters)
        self._ledger_of = cache(self._ledger.labels)
        self._waits_of = cache(self._waits.labels)
        self._ended: dict[tuple[str, str], int] = {}

    def _gauge(self, name: str, what: str, mode: _Mode, *labels: str) -> Gauge:
        return Gauge(f"onestop_{name}", what, labels, multiprocess_mode=mode, registry=self._registry)

    def expect(self, route: str, method: str) -> None:
        """Begin the series of a route's failures with 0: the first number of a new one is no increase to Prometheus."""
        for status in _FAILURES:
            self._request_of(route, method, status)

    def request(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count a request under its route's template, never its path, and one of the `METHODS`, or `other`."""
        self._request_of(route, method, status).inc()
        self._request_seconds_of(route).observe(seconds)

    def settled(self, settlement: Settlement, seconds: float) -> None:
        """Count a settled bill: who pays how much, and how long it took to find out."""
        self.calculated(seconds)
        self._count_paid(settlement)

    def _count_paid(self, settlement: Settlement) -> None:
        policy = settlement.pack.backstop
        for counter, amount in zip(self._paid_of(policy.payer if policy else None), settlement.payers, strict=True):
            if amount:
                counter.inc(amount)

    def _paid_counters(self, backstop_payer: str | None) -> list[Counter]:
        """One a payer of a settlement, in their order."""
        return [self._paid.labels(_PAYERS.get(stage) or backstop_payer or stage, stage) for stage in Payers._fields]

    def recorded(self, settlement: Settlement) -> None:
        """Count a bill that was settled and recorded, and who pays how much of it."""
        self._ledger_of("recorded").inc()
        self._count_paid(settlement)

    def replayed(self) -> None:
        """Count a request that was answered with what it had recorded before."""
        self._ledger_of("replayed").inc()

    def expect_replica(self, outcomes: Iterable[str]) -> None:
        """As `expect`, for what may come of asking a replica."""
        for outcome in outcomes:
            self._replica.labels(outcome)

    def replica_read(self, outcome: str) -> None:
        """Count a read that was meant for the replica."""
        self._replica.labels(outcome).inc()

    def calculated(self, seconds: float) -> None:
        """Note how long a bill took, whatever came of it."""
        self._calculation_seconds.observe(seconds)

    def refused(self, code: str) -> None:
        """Count a refused request."""
        self._refusals.labels(code).inc()

    def waited(self, what: str, seconds: float) -> None:
        """Note how long a transaction waited for a connection or for locks."""
        self._waits_of(what).observe(seconds)

    def spans(self, outcome: Literal["sent", "lost"], number: int) -> None:
        """Count spans that their collector has, or that it will never have."""
        self._spans.labels(outcome).inc(number)

    def packs(self, loaded: int, days_left: dict[tuple[str, str], int]) -> None:
        """Say how many packs are loaded, and which of those in force end, as id and area, in how many days."""
        self._packs.set(loaded)
        for gone in self._ended.keys() - days_left.keys():
            # A series that was there cannot be taken back from the other workers' sum; this one is no number.
            self._pack_days.labels(*gone).set(nan)
        for pack, days in days_left.items():
            self._pack_days.labels(*pack).set(days)
        self._ended = days_left

    def queue(self, name: str, taken: int, limit: int) -> None:
        """Say how full a queue was."""
        self._queue_requests.labels(name).set(taken)
        self._queue_limit.labels(name).set(limit)

    def connections(self, in_use: int, limit: int) -> None:
        """Say how many connections to the database are at work."""
        self._connections.set(in_use)
        self._connection_limit.set(limit)

    def ready(self, *, is_ready: bool) -> None:
        """Say whether bills can be settled and recorded."""
        self._ready.set(is_ready)

    def job(self, name: str, age: float, records: int, faults: int) -> None:
        """Say how a job last ended, and how many seconds ago."""
        self._job_age.labels(name).set(age)
        self._job_records.labels(name).set(records)
        self._job_faults.labels(name).set(faults)

    def backup_lag(self, seconds: float) -> None:
        """Say for how long what is not archived has waited. Where nobody archives there is no series."""
        if self._backup_lag is None:
            what = "Age of what is not archived yet, 0 where nothing waits."
            self._backup_lag = self._gauge("backup_lag_seconds", what, "livemostrecent")
        self._backup_lag.set(seconds)

    def render(self) -> bytes:
        """Write the metrics in Prometheus's text format, of all workers where there are several."""
        registry = self._registry
        if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # it ships without types
        return generate_latest(registry)
