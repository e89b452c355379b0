"""The answers to both sides of a reconciliation, as the OpenAPI document has them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from app.api.schemas import Money, Strict


class ReconciliationSum(Strict):
    """How many bills, and what they come to: `difference` is there less here."""

    bills: int
    here: Money
    there: Money
    difference: Money


class Difference(Strict):
    """One bill on which the books do not agree; null where a book does not have it."""

    kind: Literal["missing_here", "missing_there", "amount_differs"]
    facility: str
    bill_id: str
    here: Money | None
    there: Money | None
    difference: Money


class Books(Strict):
    """A hash of each book: SHA-256 over a line of facility, bill id and fen (tabs between) for each bill, in order."""

    here: str
    there: str


class Marked(Strict):
    """What the insurer said of the backstops that match."""

    payment: Literal["paid", "refused"]
    reference: str
    backstops: int = Field(description="Of how many it was not said before.")


class Reconciliation(Strict):
    """A run: what matches, what is missing where, which amounts differ."""

    reconciliation_id: str
    made_at: str
    payer: str
    from_: str = Field(alias="from")
    to: str
    rows_here: int
    rows_there: int
    matched: ReconciliationSum
    missing_here: ReconciliationSum
    missing_there: ReconciliationSum
    amount_differs: ReconciliationSum
    total: ReconciliationSum
    books: Books
    hash: str = Field(description="Over all members above this one, as they stand here: what both sides sign.")
    differences: list[Difference] = Field(description="The first hundred; the report has all.")
    report: str = Field(description="Where all differences are, as CSV.")
    marked: Marked | None


class Reconciliations(Strict):
    """Runs, the newest first."""

    items: list[Reconciliation]
    next_cursor: str | None = Field(description="Hand it in as `cursor` for the next page; null at the end.")
