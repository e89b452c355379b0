"""Migrations: from nothing to the very schema that the code names, and a database of another version is refused."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from app.api import recorded
from app.store import schema
from app.store.backstops import Payment, add_payments
from app.store.ledger import Ledger
from app.store.person_keys import PersonKeys, read_keys
from app.store.tables import METADATA, backstop_payments, corrections, reversals, settlements
from app.usecases.check_ledger import check_ledger
from tests.store.databases import Databases
from tests.store.desk import ENDLESS, PSEUDONYMS, Desk, bill
from tests.store.test_correct import corrected
from tests.store.test_partitions import replayed

# Everything that PostgreSQL knows of our tables, as it would write it itself; a partition has what its table has.
PARTITIONS = "SELECT oid::regclass::text FROM pg_class WHERE relispartition"
DEFINITIONS = {
    "columns": f"""
        SELECT table_name, column_name, data_type, character_maximum_length, is_nullable, column_default,
               is_identity, identity_generation, collation_name
        FROM information_schema.columns
        WHERE table_schema = 'public' AND table_name NOT IN ({PARTITIONS})""",
    "constraints": f"""
        SELECT conrelid::regclass::text, conname, contype::text, pg_get_constraintdef(oid), condeferrable, condeferred
        FROM pg_constraint
        WHERE connamespace = 'public'::regnamespace AND conrelid::regclass::text NOT IN ({PARTITIONS})
          AND conparentid = 0""",
    "indexes": """
        SELECT indrelid::regclass::text, pg_get_indexdef(indexrelid), indisvalid
        FROM pg_index JOIN pg_class ON pg_class.oid = indrelid
        WHERE relnamespace = 'public'::regnamespace AND NOT relispartition""",
    "the rest": """
        SELECT relname, relkind::text, relpersistence::text, pg_get_partkeydef(oid)
        FROM pg_class WHERE relnamespace = 'public'::regnamespace AND NOT relispartition""",
}


@pytest.fixture
def ledger(empty_database: str) -> Iterator[Ledger]:
    made = Ledger(empty_database)
    yield made
    made.close()


def described(connection: Connection) -> dict[str, list[str]]:
    """All columns, keys, constraints and indexes of our tables, in full."""
    if connection.dialect.name == "postgresql":
        found = {name: list(map(repr, connection.execute(text(query)))) for name, query in DEFINITIONS.items()}
    else:
        found = {table.name: list(reflected(connection, table.name)) for table in METADATA.sorted_tables}
    return {name: sorted(line for line in lines if "alembic_version" not in line) for name, lines in found.items()}


def reflected(connection: Connection, table: str) -> Iterator[str]:
    see = inspect(connection)
    yield from (repr(column) for column in see.get_columns(table))
    yield repr(see.get_pk_constraint(table))
    found: Any = (see.get_check_constraints, see.get_unique_constraints, see.get_foreign_keys)
    for each in found:
        yield from (repr(sorted(constraint.items())) for constraint in each(table))
    for index in see.get_indexes(table):
        where = str(index.get("dialect_options", {}).get("sqlite_where"))
        yield repr((index["name"], index["column_names"], index["unique"], where))


def is_compared(connection: Connection, part: Any, name: str, kind: str, reflected: bool, _other: object) -> bool:
    """Whether a part of the schema is one of this dialect, and no partition, which has what its table has."""
    if kind == "table":
        return not name.startswith("settlements_")
    if kind == "foreign_key_constraint" and reflected:
        return not part.elements[0].target_fullname.startswith("settlements_")
    only = None if reflected else getattr(part, "_ddl_if", None)
    return only is None or only.dialect == connection.dialect.name


def test_the_migrations_make_the_very_schema_that_the_code_names(ledger: Ledger, databases: Databases) -> None:
    assert schema.upgrade(ledger) == (None, schema.head())
    with ledger.engine.connect() as connection:
        options = {"include_object": partial(is_compared, connection)}
        assert compare_metadata(MigrationContext.configure(connection, opts=options), METADATA) == []
        migrated = described(connection)
    with databases.empty() as url:
        named = Ledger(url)
        METADATA.create_all(named.engine)
        with named.engine.connect() as connection:
            assert migrated == described(connection)
        named.close()
    assert sum(map(len, migrated.values())) > 90


def bring_back(ledger: Ledger, version: str, desk: Desk) -> None:
    """Make an earlier schema in an empty database, with what a ledger of this one holds."""

    def upgrade(connection: Connection) -> None:
        connection.begin()
        config = Config()
        config.set_main_option("script_location", str(schema.migrations_folder()))
        config.attributes["connection"] = connection
        command.upgrade(config, version)

    def fill(connection: Connection) -> None:
        see = inspect(connection)
        for table in [each.name for each in METADATA.sorted_tables if see.has_table(each.name)]:
            names = [column["name"] for column in see.get_columns(table)]
            as_they_are = "OVERRIDING SYSTEM VALUE " if desk.is_postgresql and "ordinal" in names else ""
            values = ", ".join(f":{name}" for name in names)
            with desk.ledger.engine.connect() as other:
                order = "ORDER BY ordinal" if "ordinal" in names else ""
                rows = other.execute(text(f"SELECT {', '.join(names)} FROM {table} {order}")).mappings().all()
            for row in rows:
                insert = f"INSERT INTO {table} ({', '.join(names)}) {as_they_are}VALUES ({values})"
                connection.execute(text(insert), dict(row))
            if as_they_are and rows:
                sequence = f"pg_get_serial_sequence('{table}', 'ordinal')"
                connection.execute(text(f"SELECT setval({sequence}, max(ordinal)) FROM {table}"))

    ledger.write(upgrade)
    ledger.write(fill)


def test_a_ledger_from_before_keeps_the_key_of_its_persons(ledger: Ledger, desk: Desk) -> None:
    desk.record(bill())
    bring_back(ledger, "0005", desk)
    assert schema.upgrade(ledger) == ("0005", schema.head())
    assert ledger.read(read_keys) == PersonKeys(PSEUDONYMS.key_ids[0])


def test_every_record_is_as_it_was_behind_the_partitions(ledger: Ledger, empty_database: str, database: str) -> None:
    desk = Desk(database, ENDLESS)
    settled = [desk.record(bill(year, person=str(year % 2), year=year)) for year in (2018, 2023, 2024, 2025, 2040)]
    moved, taken_back = (desk.record(bill(f"{name}", year=2026)).settlement_id for name in ("moved", "back"))
    desk.reverse(taken_back)
    # Into another year, and within its own.
    corrected(desk.correct(moved, bill("moved", year=2025)))
    corrected(desk.correct(settled[0].settlement_id, bill(2018, "10000.00", person="0")))
    pay(desk, settled[1].settlement_id)
    before = desk.dump(*METADATA.sorted_tables)
    assert sum(map(len, before.values())) > 30
    bring_back(ledger, "0007", desk)
    assert schema.upgrade(ledger) == ("0007", schema.head())
    later = Desk(empty_database, ENDLESS)
    assert later.dump(*METADATA.sorted_tables) == before
    assert replayed(later) == set()
    assert {check.name: check.wrong for check in check_ledger(later.ledger, recorded)}["open bills"] == []
    later.record(bill("new", year=2026))
    assert later.rows(settlements)[-1]["ordinal"] == before["settlements"][-1]["ordinal"] + 1
    corrected(later.correct(settled[2].settlement_id, bill(2024, "10000.00", person="0", year=2024)))
    pay(later, settled[1].settlement_id)
    for table in (reversals, corrections, backstop_payments):
        assert later.rows(table)[-1]["ordinal"] == before[table.name][-1]["ordinal"] + 1
    later.close()
    desk.close()


def test_who_still_records_when_the_partitions_are_made_is_waited_for(ledger: Ledger, desk: Desk) -> None:
    """A key that was freed meanwhile does not come back, and none that was taken is lost."""
    desk.record(bill())
    bring_back(ledger, "0007", desk)
    with ledger.engine.connect() as other:
        other.execute(text("DELETE FROM open_bills"))
        commit = threading.Timer(1.0, other.commit)
        commit.start()
        schema.upgrade(ledger)
        commit.join()
        assert other.execute(text("SELECT count(*) FROM open_bills")).scalar_one() == 0


def pay(desk: Desk, settlement_id: str) -> None:
    payment = Payment(settlement_id, "paid", "R-1", "now", "insurer", None)
    desk.ledger.write(lambda connection: add_payments(connection, [payment]))


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE packs ADD COLUMN more TEXT",
        "CREATE INDEX more ON packs (area)",
        "DROP INDEX ix_settlements_discharged_on",
    ],
)
def test_a_difference_of_two_schemas_is_seen(desk: Desk, change: str) -> None:
    with desk.ledger.engine.connect() as connection:
        before = described(connection)
        connection.execute(text(change))
        assert described(connection) != before
        connection.rollback()


def test_the_versions_are_those_of_the_migrations() -> None:
    scripts = ScriptDirectory(str(schema.migrations_folder()))
    assert tuple(sorted(script.revision for script in scripts.walk_revisions())) == schema.VERSIONS
    assert schema.head() == scripts.get_current_head()


def test_an_empty_database_is_refused_in_one_line_that_says_what_to_do(ledger: Ledger) -> None:
    with pytest.raises(schema.SchemaDiffers) as refused:
        schema.check(ledger)
    assert str(refused.value) == "the database has no tables yet: run `onestop db upgrade`"
    assert schema.current(ledger) is None


def test_a_newer_database_is_refused_by_check_and_by_upgrade(ledger: Ledger) -> None:
    schema.upgrade(ledger)
    ledger.write(lambda connection: connection.execute(text("UPDATE alembic_version SET version_num = '9999'")))
    for asked in (schema.check, schema.upgrade):
        with pytest.raises(schema.SchemaDiffers) as refused:
            asked(ledger)
        told = f"the database is at 9999, newer than this release's {schema.head()}: install the newer release"
        assert str(refused.value) == told
    assert schema.current(ledger) == "9999"


def test_an_older_database_is_refused_and_upgraded(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    schema.upgrade(ledger)
    head = schema.head()
    with monkeypatch.context() as patched:
        patched.setattr(schema, "head", lambda: "9999")
        with pytest.raises(schema.SchemaDiffers) as refused:
            schema.check(ledger)
    assert str(refused.value) == f"the database is at {head}, older than this release's 9999: run `onestop db upgrade`"
    schema.check(ledger)


def test_upgrading_twice_is_harmless(ledger: Ledger) -> None:
    assert schema.upgrade(ledger) == (None, schema.head())
    desk = Desk(str(ledger.engine.url))
    desk.record(bill())
    recorded = desk.dump()
    assert schema.upgrade(ledger) == (schema.head(), schema.head())
    assert desk.dump() == recorded
    desk.close()


def test_a_failed_upgrade_leaves_nothing(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(connection: Connection) -> None:
        schema_upgrade(connection)
        connection.execute(settlements.select())
        raise InterruptedError

    schema_upgrade = schema._upgrade
    monkeypatch.setattr(schema, "_upgrade", breaks)
    with pytest.raises(InterruptedError):
        schema.upgrade(ledger)
    assert schema.current(ledger) is None
    with ledger.engine.connect() as connection:
        assert inspect(connection).get_table_names() == []


UPGRADE = "import sys; from app.store import schema, ledger; schema.upgrade(ledger.Ledger(sys.argv[1]))"


def test_two_that_upgrade_at_once_both_succeed(ledger: Ledger) -> None:
    url = ledger.engine.url.render_as_string(hide_password=False)
    command = [sys.executable, "-c", UPGRADE, url]
    started = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    assert [process.communicate()[1] for process in started] == ["", ""]
    schema.check(ledger)
