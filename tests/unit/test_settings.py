"""The settings of the keys under which persons are: which there are, in which order, and what cannot be meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.settings import SettingsError, read_settings


def pii_keys(tmp_path: Path, **environment: str) -> tuple[str | None, ...]:
    given = {f"ONESTOP_PII_{name}": value for name, value in environment.items()}
    return read_settings(given, tmp_path / ".env").pii_keys


@pytest.mark.parametrize(
    ("environment", "keys"),
    [
        ({}, (None,)),
        ({"KEY": "new"}, ("new",)),
        ({"KEY": "new", "EARLIER_KEYS": "old"}, ("old", "new")),
        ({"KEY": "new", "EARLIER_KEYS": " oldest , old"}, ("oldest", "old", "new")),
        ({"KEY": "new", "EARLIER_KEYS": "none,old"}, (None, "old", "new")),
    ],
)
def test_the_keys_are_read_oldest_first(
    environment: dict[str, str], keys: tuple[str | None, ...], tmp_path: Path
) -> None:
    assert pii_keys(tmp_path, **environment) == keys
    settings = read_settings({f"ONESTOP_PII_{name}": value for name, value in environment.items()}, tmp_path / ".env")
    assert settings.has_pii_key == ("KEY" in environment)


@pytest.mark.parametrize(
    ("environment", "setting"),
    [
        ({"EARLIER_KEYS": "old"}, "KEY"),
        ({"KEY": "ne,w"}, "KEY"),
        ({"KEY": "new\n"}, "KEY"),
        ({"KEY": "none"}, "KEY"),
        ({"KEY": "new", "EARLIER_KEYS": "old,,older"}, "EARLIER_KEYS"),
        ({"KEY": "new", "EARLIER_KEYS": "old,old"}, "EARLIER_KEYS"),
        ({"KEY": "new", "EARLIER_KEYS": "old,new"}, "EARLIER_KEYS"),
    ],
)
def test_what_cannot_be_meant_is_said_without_a_key(environment: dict[str, str], setting: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as refused:
        pii_keys(tmp_path, **environment)
    assert str(refused.value).startswith(f"ONESTOP_PII_{setting}: expected")
    assert not {"old", "older", "new"} & set(str(refused.value).replace(",", " ").split())
