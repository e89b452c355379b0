"""The ledger: packs, settlements, reversals and corrections, person-years and open bills."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

YEAR = (
    "total_cost", "basic_paid", "critical_illness_base", "critical_illness_paid", "medical_assistance_base",
    "medical_assistance_paid", "second_reimbursement_paid", "covered", "backstop_base", "backstop_covered",
    "backstop_paid", "local_subsidy_paid",
)  # fmt: skip # one list
BEFORE = tuple(f"before_{name}" for name in YEAR)
PAID = (
    "paid_basic_insurance", "paid_critical_illness", "paid_medical_assistance", "paid_emergency_aid",
    "paid_second_reimbursement", "paid_backstop", "paid_local_subsidy", "paid_patient",
)  # fmt: skip # one list


def ordinal() -> sa.Column[int]:
    return sa.Column("ordinal", sa.BigInteger().with_variant(sa.Integer, "sqlite"), sa.Identity(always=True))


def fen(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False)


def person_year() -> list[sa.Column[str] | sa.Column[int]]:
    return [
        sa.Column("person", sa.String(64), nullable=False),
        sa.Column("insurance_year", sa.Integer, nullable=False),
        sa.Column("scheme", sa.String(64), nullable=False),
    ]


def chained() -> list[sa.Column[str] | sa.Column[int]]:
    return [
        sa.Column("sequence", sa.Integer, nullable=False),
        sa.Column("previous_hash", sa.String(64), nullable=False),
        sa.Column("record_hash", sa.String(64), nullable=False),
    ]


def not_negative(columns: tuple[str, ...], name: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(f"({' | '.join(columns)}) >= 0", name=op.f(name))


def upgrade() -> None:
    op.create_table(
        "packs",
        sa.Column("hash", sa.String(71), nullable=False),
        sa.Column("pack_id", sa.Text, nullable=False),
        sa.Column("area", sa.String(6), nullable=False),
        sa.Column("files", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_packs")),
    )
    op.create_table(
        "settlements",
        ordinal(),
        sa.Column("settlement_id", sa.String(36), nullable=False),
        sa.Column("facility_code", sa.String(64), nullable=False),
        sa.Column("bill_id", sa.String(64), nullable=False),
        *person_year(),
        sa.Column("key_id", sa.String(8), nullable=False),
        *chained(),
        sa.Column("discharged_on", sa.Date, nullable=False),
        sa.Column("pooling_area", sa.String(6), nullable=False),
        sa.Column("tier", sa.String(32), nullable=False),
        sa.Column("settled_at", sa.String(27), nullable=False),
        sa.Column("pack_hash", sa.String(71), nullable=False),
        sa.Column("year_to_date_source", sa.String(7), nullable=False),
        *[fen(name) for name in BEFORE],
        fen("total"),
        *[fen(name) for name in PAID],
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("replaces", sa.String(36)),
        sa.Column("request", sa.LargeBinary, nullable=False),
        sa.Column("answer", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("ordinal", name=op.f("pk_settlements")),
        sa.UniqueConstraint("settlement_id", name=op.f("uq_settlements_settlement_id")),
        sa.UniqueConstraint("replaces", name=op.f("uq_settlements_replaces")),
        sa.UniqueConstraint(
            "person", "insurance_year", "scheme", "sequence",
            name=op.f("uq_settlements_person_insurance_year_scheme_sequence"),
        ),
        sa.ForeignKeyConstraint(["pack_hash"], ["packs.hash"], name=op.f("fk_settlements_pack_hash")),
        sa.ForeignKeyConstraint(["replaces"], ["settlements.settlement_id"], name=op.f("fk_settlements_replaces")),
        sa.CheckConstraint(f"total = {' + '.join(PAID)}", name=op.f("ck_settlements_payers_add_up")),
        sa.CheckConstraint("total > 0", name=op.f("ck_settlements_total_positive")),
        sa.CheckConstraint("sequence > 0", name=op.f("ck_settlements_sequence_positive")),
        sa.CheckConstraint(
            "year_to_date_source IN ('ledger', 'request')", name=op.f("ck_settlements_year_to_date_source")
        ),
        not_negative(PAID, "ck_settlements_paid_not_negative"),
        not_negative(BEFORE, "ck_settlements_before_not_negative"),
    )  # fmt: skip # one constraint a line
    op.create_index(op.f("ix_settlements_facility_code_bill_id"), "settlements", ["facility_code", "bill_id"])
    op.create_index(op.f("ix_settlements_discharged_on"), "settlements", ["discharged_on"])
    op.create_table(
        "reversals",
        ordinal(),
        sa.Column("reversal_id", sa.String(36), nullable=False),
        sa.Column("settlement_id", sa.String(36), nullable=False),
        *person_year(),
        *chained(),
        sa.Column("reversed_at", sa.String(27), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("answer", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("ordinal", name=op.f("pk_reversals")),
        sa.UniqueConstraint("reversal_id", name=op.f("uq_reversals_reversal_id")),
        sa.UniqueConstraint("settlement_id", name=op.f("uq_reversals_settlement_id")),
        sa.UniqueConstraint(
            "person", "insurance_year", "scheme", "sequence",
            name=op.f("uq_reversals_person_insurance_year_scheme_sequence"),
        ),
        sa.ForeignKeyConstraint(
            ["settlement_id"], ["settlements.settlement_id"], name=op.f("fk_reversals_settlement_id")
        ),
        sa.CheckConstraint("sequence > 0", name=op.f("ck_reversals_sequence_positive")),
    )  # fmt: skip # one constraint a line
    op.create_table(
        "corrections",
        ordinal(),
        sa.Column("settlement_id", sa.String(36), nullable=False),
        sa.Column("corrected_at", sa.String(27), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("answer", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("ordinal", name=op.f("pk_corrections")),
        sa.UniqueConstraint("settlement_id", name=op.f("uq_corrections_settlement_id")),
        sa.ForeignKeyConstraint(
            ["settlement_id"], ["settlements.settlement_id"], name=op.f("fk_corrections_settlement_id")
        ),
    )
    op.create_table(
        "person_years",
        *person_year(),
        *[fen(name) for name in YEAR],
        sa.Column("sequence", sa.Integer, nullable=False),
        sa.Column("record_hash", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("person", "insurance_year", "scheme", name=op.f("pk_person_years")),
        sa.CheckConstraint("sequence >= 0", name=op.f("ck_person_years_sequence_not_negative")),
        not_negative(YEAR, "ck_person_years_not_negative"),
    )
    op.create_table(
        "open_bills",
        sa.Column("facility_code", sa.String(64), nullable=False),
        sa.Column("bill_id", sa.String(64), nullable=False),
        sa.Column("settlement_id", sa.String(36), nullable=False),
        sa.PrimaryKeyConstraint("facility_code", "bill_id", name=op.f("pk_open_bills")),
        sa.UniqueConstraint("settlement_id", name=op.f("uq_open_bills_settlement_id")),
        sa.ForeignKeyConstraint(
            ["settlement_id"], ["settlements.settlement_id"], name=op.f("fk_open_bills_settlement_id"),
            deferrable=True, initially="DEFERRED",
        ),
    )  # fmt: skip # one constraint a line
