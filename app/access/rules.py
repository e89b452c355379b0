"""Who may do what: the roles of each route. What stands in no rule is refused to everybody."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from app.access.keys import Role

_HIS: Final[frozenset[Role]] = frozenset(("his", "admin"))
_INSURER: Final[frozenset[Role]] = frozenset(("insurer", "admin"))
_BOTH: Final[frozenset[Role]] = _HIS | _INSURER
_OPS: Final[frozenset[Role]] = frozenset(("ops", "admin"))
_ADMIN: Final[frozenset[Role]] = frozenset(("admin",))

OPEN: Final = frozenset((("GET", "/healthz"), ("GET", "/readyz")))

RULES: Final[Mapping[tuple[str, str], frozenset[Role]]] = {
    ("POST", "/v1/settlements/preview"): _HIS,
    ("POST", "/v1/settlements"): _HIS,
    ("GET", "/v1/settlements"): _HIS,
    ("GET", "/v1/settlements/{settlement_id}"): _HIS,
    ("POST", "/v1/settlements/{settlement_id}/reversal"): _HIS,
    ("POST", "/v1/settlements/{settlement_id}/correction"): _HIS,
    ("GET", "/v1/backstops"): _INSURER,
    ("GET", "/v1/backstops/summary"): _INSURER,
    ("GET", "/v1/backstops/export"): _INSURER,
    ("GET", "/v1/backstops/{settlement_id}"): _INSURER,
    ("POST", "/v1/reconciliations"): _BOTH,
    ("GET", "/v1/reconciliations"): _BOTH,
    ("GET", "/v1/reconciliations/{reconciliation_id}"): _BOTH,
    ("GET", "/v1/reconciliations/{reconciliation_id}/report"): _BOTH,
    ("GET", "/v1/roster/benefits"): _ADMIN,
    ("GET", "/v1/roster/benefits/export"): _ADMIN,
    ("GET", "/metrics"): _OPS,
    ("GET", "/v1/policies"): _ADMIN,
    ("GET", "/v1/policies/{policy_id}"): _ADMIN,
    ("GET", "/v1/audit"): _ADMIN,
}


class NoRule(Exception):
    """A route without a rule: nobody has said who may use it."""


def roles_for(method: str, path: str) -> frozenset[Role] | None:
    """The roles that may use a route; None for one that is open to everybody. Raises `NoRule`."""
    if (method, path) in OPEN:
        return None
    if (method, path) not in RULES:
        raise NoRule(f"app/access/rules.py says nothing of {method} {path}")
    return RULES[method, path]
