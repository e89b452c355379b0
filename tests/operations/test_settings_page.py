"""Every setting in one place: the page of operations and `onestop serve --help` say what the code reads."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from app.settings import EVERY, SettingsError, read_settings
from tests.api.service import ONESTOP

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "operations.md"
A_STANDBY = "expected postgresql://…, beside a ledger that is PostgreSQL's"


def test_the_page_has_every_setting_with_its_default_and_what_it_is_for() -> None:
    rows = re.findall(r"^\| `(ONESTOP_\w+)` \| `(.+)` \| (.+) \|$", PAGE.read_text("utf-8"), re.MULTILINE)
    assert rows == [tuple(setting) for setting in EVERY]


def test_help_says_the_same() -> None:
    shown = subprocess.run([ONESTOP, "serve", "--help"], capture_output=True, check=True, text=True)
    words = " ".join(re.sub(r"[│╭╮╰╯─]", " ", shown.stdout).split())
    for setting in EVERY:
        assert f"{setting.name} ({setting.default}): {setting.what}" in words


def test_the_code_reads_no_other_setting() -> None:
    read = set()
    for file in (ROOT / "app").rglob("*.py"):
        read |= set(re.findall(r"\bONESTOP_[A-Z_]+[A-Z]\b", file.read_text("utf-8")))
    # What a service tells its own workers.
    own = {"ONESTOP_WORKER_A_CORE", "ONESTOP_OIDC"}
    assert read - own == {setting.name for setting in EVERY}


TRACES = "ONESTOP_TRACES: expected none, or a collector's OTLP/HTTP address such as http://127.0.0.1:4318, without /v1/traces"


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("ONESTOP_TRACES", "127.0.0.1:4318", TRACES),
        ("ONESTOP_TRACES", "grpc://127.0.0.1:4317", TRACES),
        ("ONESTOP_TRACES", "http://127.0.0.1:4318/v1/traces", TRACES),
        ("ONESTOP_TRACES", "http://127.0.0.1:43180000", TRACES),
        ("ONESTOP_TRACES", "http://127.0.0.1:65536", TRACES),
        ("ONESTOP_TRACES", "http://somebody:secret@127.0.0.1:4318", TRACES),
        ("ONESTOP_TRACES", "http://127.0.0.1:4318?key=secret", TRACES),
        ("ONESTOP_QUEUE", "-1", "ONESTOP_QUEUE: expected a whole number from 0 to 10,000"),
        ("ONESTOP_QUEUE", "10001", "ONESTOP_QUEUE: expected a whole number from 0 to 10,000"),
        ("ONESTOP_QUEUE", "１", "ONESTOP_QUEUE: expected a whole number from 0 to 10,000"),
        ("ONESTOP_DRAIN_SECONDS", "5s", "ONESTOP_DRAIN_SECONDS: expected a whole number from 0 to 600"),
        ("ONESTOP_DATABSE_URL", "x", "ONESTOP_DATABSE_URL: there is no such setting; ONESTOP_DATABASE_URL is meant?"),
        ("ONESTOP_PACK_DIR", "x", "ONESTOP_PACK_DIR: there is no such setting; ONESTOP_PACKS_DIR is meant?"),
        ("ONESTOP_LOG_FORMAT", "xml", "ONESTOP_LOG_FORMAT: expected one of console, json"),
        ("ONESTOP_ROSTER", "on", "ONESTOP_ROSTER: expected one of off, check, enforce"),
        ("ONESTOP_PACKS_DIR", "/nowhere", "ONESTOP_PACKS_DIR: expected a folder that exists"),
        ("ONESTOP_READ_DATABASE_URL", "postgresql://x", f"ONESTOP_READ_DATABASE_URL: {A_STANDBY}"),
        ("ONESTOP_DATABASE_URL", "mysql://x", "ONESTOP_DATABASE_URL: expected sqlite:///FILE or postgresql://…"),
    ],
)
def test_a_wrong_setting_stops_the_start_with_one_line(name: str, value: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as refused:
        read_settings({name: value}, tmp_path / ".env")
    assert str(refused.value) == words
    started = subprocess.run(
        [ONESTOP, "serve", "--port", "0"], capture_output=True, check=False, text=True, cwd=tmp_path, env={name: value}
    )
    assert (started.returncode, started.stderr) == (2, f"onestop serve: {words}\n")


@pytest.mark.parametrize(
    ("value", "address"),
    [
        ("none", None),
        ("http://127.0.0.1:4318", "http://127.0.0.1:4318"),
        ("https://[::1]/", "https://[::1]"),
        ("https://collector.example/otlp/", "https://collector.example/otlp"),
    ],
)
def test_a_collectors_address(value: str, address: str | None, tmp_path: Path) -> None:
    assert read_settings({"ONESTOP_TRACES": value}, tmp_path / ".env").traces == address


def test_a_replica_is_postgresqls_beside_postgresqls(tmp_path: Path) -> None:
    ledger = {"ONESTOP_DATABASE_URL": "postgresql://u@a/n"}
    for wrong in ("sqlite:///x.db", "http://b/n", "none", "b/n"):
        with pytest.raises(SettingsError) as refused:
            read_settings(ledger | {"ONESTOP_READ_DATABASE_URL": wrong}, tmp_path / ".env")
        assert str(refused.value) == f"ONESTOP_READ_DATABASE_URL: {A_STANDBY}"
    given = read_settings(ledger | {"ONESTOP_READ_DATABASE_URL": "postgresql://u@b/n"}, tmp_path / ".env")
    assert given.read_database_url == "postgresql://u@b/n"
    assert read_settings(ledger, tmp_path / ".env").read_database_url is None


def test_names_that_are_far_from_any_setting_are_others_business(tmp_path: Path) -> None:
    assert read_settings({"ONESTOP_TEST_PROFILE": "deep", "ONESTOP_ROUNDS": "9"}, tmp_path / ".env").queue == 16
