"""`onestop key`: mint, list and revoke."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from app.access.keys import id_of
from tests.ledger_commands.books import Ended, onestop


@pytest.fixture(autouse=True)
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "onestop.db"
    monkeypatch.setenv("ONESTOP_DATABASE_URL", f"sqlite:///{file}")
    monkeypatch.chdir(tmp_path)
    assert onestop("db", "upgrade").status == 0
    return file


def mint(*options: str) -> Ended:
    return onestop("key", "mint", *options)


def listed() -> list[dict[str, object]]:
    items: list[dict[str, object]] = json.loads(onestop("key", "list", "--format", "json").output)
    return items


def test_a_key_stands_alone_on_the_last_line() -> None:
    ended = mint("--role", "his", "--facility", "H1", "--facility", "H2", "--expires", "2099-12-31")
    assert (ended.status, ended.errors) == (0, "Keep it: it is shown this once.\n")
    key_id = id_of(ended.last_line)
    assert ended.output == f"{ended.last_line}\n"
    (item,) = listed()
    assert item | {"minted_at": ""} == {
        "key_id": key_id, "role": "his", "facilities": ["H1", "H2"], "areas": [], "minted_at": "",
        "expires_on": "2099-12-31", "revoked_at": None, "last_used_on": None,
    }  # fmt: skip


def test_keys_are_listed_as_a_table_that_shows_no_key(database: Path) -> None:
    keys = [
        mint("--role", "insurer", "--area", "451000").last_line,
        mint("--role", "ops").last_line,
        mint("--role", "admin", "--expires", "2020-01-01").last_line,
    ]
    table = onestop("key", "list").output
    for key, words in zip(keys, ("insurer │ 451000", "ops     │ all", "admin   │ all"), strict=True):
        assert key not in table
        (row,) = [line for line in table.splitlines() if str(id_of(key)) in line]
        assert words in row
        assert "never" in row
    assert "expired 2020-01-01" in table
    with sqlite3.connect(database) as connection:
        dump = "\n".join(connection.iterdump())
    assert not [key for key in keys if key.split("_", 2)[2] in dump]


def test_a_key_that_counts_on_no_day_is_minted_with_a_word() -> None:
    ended = mint("--role", "ops", "--expires", "2020-01-01")
    assert ended.errors.startswith("onestop key mint: 2020-01-01 is past, so the key counts on no day\n")


@pytest.mark.parametrize(("options", "told"), [
    (("--role", "his"), "a key for his needs at least one --facility"),
    (("--role", "insurer"), "a key for insurer needs at least one --area"),
    (("--role", "his", "--facility", "H", "--area", "451000"), "--area is for insurer, a key for his has no areas"),
    (("--role", "ops", "--facility", "H"), "--facility is for his, a key for ops has no facilities"),
    (("--role", "admin", "--area", "451000"), "--area is for insurer, a key for admin has no areas"),
    (("--role", "his", "--facility", ""), "--facility: expected 1 to 64 characters, none of them a control character"),
    (("--role", "his", "--facility", "H" * 65), "--facility: expected 1 to 64 characters, none of them a control character"),
    (("--role", "insurer", "--area", "45100"), "--area: expected six digits, such as 451000"),
    (("--role", "ops", "--expires", "20991231"), "--expires: expected a day such as 2027-12-31"),
    (("--role", "ops", "--expires", "2099-02-30"), "--expires: expected a day such as 2027-12-31"),
])  # fmt: skip
def test_bounds_that_cannot_be_meant_are_refused(options: tuple[str, ...], told: str) -> None:
    ended = mint(*options)
    assert (ended.status, ended.output, ended.errors) == (2, "", f"onestop key mint: {told}\n")
    assert listed() == []


def test_a_key_is_revoked_once() -> None:
    key_id = str(id_of(mint("--role", "ops").last_line))
    assert onestop("key", "revoke", key_id).output == f"{key_id}: revoked\n"
    (item,) = listed()
    again = onestop("key", "revoke", key_id)
    assert (again.status, again.output) == (0, f"{key_id}: was revoked already, at {item['revoked_at']}\n")
    assert listed() == [item]


def test_what_is_no_id_is_not_repeated() -> None:
    key = mint("--role", "ops").last_line
    ended = onestop("key", "revoke", key)
    assert ended.status == 2
    assert key not in ended.errors
    unknown = onestop("key", "revoke", "00000000")
    assert (unknown.status, unknown.errors) == (
        1,
        "onestop key revoke: there is no key 00000000: `onestop key list` shows them\n",
    )


def test_a_ledger_that_is_not_there_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONESTOP_DATABASE_URL", f"sqlite:///{tmp_path}/other.db")
    ended = mint("--role", "ops")
    assert ended.status == 2
    assert "run `onestop db upgrade`" in ended.errors
