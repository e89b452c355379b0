"""The metrics of `/metrics`, every label from a fixed set."""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from app.settlement.result import Payers

if TYPE_CHECKING:
    from app.settlement.result import Settlement

METHODS: Final = frozenset(("GET", "POST", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE"))
# A calculation takes from some tens of microseconds to some tens of milliseconds.
_SECONDS: Final = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)

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

    def __init__(self, packs: int) -> None:
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
        self._packs = Gauge(
            "onestop_policy_packs", "Policy packs loaded.", registry=self._registry, multiprocess_mode="mostrecent"
        )
        self._packs.set(packs)
        # Asking for a child by its labels takes longer than counting it; all labels are from fixed sets.
        self._request_of = cache(self._requests.labels)
        self._request_seconds_of = cache(self._request_seconds.labels)
        self._paid_of = cache(self._paid_counters)
        self._ledger_of = cache(self._ledger.labels)

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

    def calculated(self, seconds: float) -> None:
        """Note how long a bill took, whatever came of it."""
        self._calculation_seconds.observe(seconds)

    def refused(self, code: str) -> None:
        """Count a refused request."""
        self._refusals.labels(code).inc()

    def render(self) -> bytes:
        """Write the metrics in Prometheus's text format, of all workers where there are several."""
        registry = self._registry
        if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # it ships without types
        return generate_latest(registry)
