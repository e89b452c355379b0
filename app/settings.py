"""The settings: environment variables and a `.env` file, read once and handed in."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, cast, get_args

if TYPE_CHECKING:
    from collections.abc import Mapping

LogFormat = Literal["console", "json"]
RosterMode = Literal["off", "check", "enforce"]

# Stands for the time before there was a key.
NO_KEY: Final = "none"
DATABASE_URL: Final = "sqlite:///var/onestop.db"


class SettingsError(Exception):
    """A setting has a value that cannot be meant. Says in one line what to write instead."""


class Oidc(NamedTuple):
    """An identity provider whose tokens are taken beside keys (docs/oidc.md); `jwks` is a URL or a file."""

    issuer: str
    audience: str
    jwks: str
    role_claim: str
    facilities_claim: str
    areas_claim: str
    roles: frozenset[str]


class Settings(NamedTuple):
    """What can be set. `packs_dir` is added to the packs that ship; `pii_keys` keep person ids pseudonymous.

    The last of `pii_keys` is the newest; None stands for no key.
    """

    packs_dir: Path | None = None
    log_format: LogFormat = "console"
    database_url: str = DATABASE_URL
    pii_keys: tuple[str | None, ...] = (None,)
    oidc: Oidc | None = None
    roster: RosterMode = "off"

    @property
    def has_pii_key(self) -> bool:
        """Whether new pseudonyms are under a key that not everybody knows."""
        return self.pii_keys[-1] is not None


def read_settings(environment: Mapping[str, str] | None = None, dotenv: Path = Path(".env")) -> Settings:
    """Read the settings: the environment goes before the `.env` file, an empty value counts as not set."""
    given = os.environ if environment is None else environment
    values = _dotenv(dotenv) | {name: value for name, value in given.items() if value}
    packs_dir = values.get("ONESTOP_PACKS_DIR")
    log_format = values.get("ONESTOP_LOG_FORMAT", "console")
    if log_format not in get_args(LogFormat):
        raise SettingsError(f"ONESTOP_LOG_FORMAT: expected one of {', '.join(get_args(LogFormat))}")
    if packs_dir and not Path(packs_dir).is_dir():
        raise SettingsError("ONESTOP_PACKS_DIR: expected a folder that exists")
    roster = values.get("ONESTOP_ROSTER", "off")
    if roster not in get_args(RosterMode):
        raise SettingsError(f"ONESTOP_ROSTER: expected one of {', '.join(get_args(RosterMode))}")
    database_url = values.get("ONESTOP_DATABASE_URL", DATABASE_URL)
    if not database_url.startswith(("sqlite:///", "postgresql://", "postgres://")):
        raise SettingsError("ONESTOP_DATABASE_URL: expected sqlite:///FILE or postgresql://…")
    return Settings(
        Path(packs_dir) if packs_dir else None,
        cast("LogFormat", log_format),
        database_url,
        _pii_keys(values),
        _oidc(values),
        cast("RosterMode", roster),
    )


def _pii_keys(values: Mapping[str, str]) -> tuple[str | None, ...]:
    earlier = values.get("ONESTOP_PII_EARLIER_KEYS")
    newest = values.get("ONESTOP_PII_KEY")
    if newest is not None and (newest != newest.strip() or "," in newest or newest == NO_KEY):
        raise SettingsError("ONESTOP_PII_KEY: expected a key without commas, and without spaces around it")
    if earlier is None:
        return (newest,)
    if newest is None:
        raise SettingsError("ONESTOP_PII_KEY: expected, where there are ONESTOP_PII_EARLIER_KEYS")
    keys = [each.strip() for each in earlier.split(",")]
    if not all(keys) or len({*keys, newest}) != len(keys) + 1:
        raise SettingsError(
            "ONESTOP_PII_EARLIER_KEYS: expected different keys, the oldest first, with commas between; "
            f"`{NO_KEY}` for the time before there was one"
        )
    return (*[None if each == NO_KEY else each for each in keys], newest)


def _oidc(values: Mapping[str, str]) -> Oidc | None:
    given = {name: values.get(f"ONESTOP_OIDC_{name}") for name in ("ISSUER", "AUDIENCE", "JWKS")}
    if not any(given.values()):
        return None
    for name, value in given.items():
        if not value:
            raise SettingsError(f"ONESTOP_OIDC_{name}: expected with the other ONESTOP_OIDC_ settings")
    issuer, audience, jwks = map(str, given.values())
    if jwks.startswith("http://") and not jwks.startswith(_LOOPBACK_URLS):
        raise SettingsError("ONESTOP_OIDC_JWKS: expected an https:// address: keys that come in the open are nobody's")
    if not jwks.startswith(("http://", "https://")) and not Path(jwks).is_file():
        raise SettingsError("ONESTOP_OIDC_JWKS: expected an https:// address, or a file that exists")
    roles = frozenset(each.strip() for each in values.get("ONESTOP_OIDC_ROLES", "his,insurer").split(","))
    if not roles <= _ROLES:
        raise SettingsError(f"ONESTOP_OIDC_ROLES: expected some of {', '.join(sorted(_ROLES))}, with commas between")
    return Oidc(
        issuer,
        audience,
        jwks,
        values.get("ONESTOP_OIDC_ROLE_CLAIM", "onestop_role"),
        values.get("ONESTOP_OIDC_FACILITIES_CLAIM", "onestop_facilities"),
        values.get("ONESTOP_OIDC_AREAS_CLAIM", "onestop_areas"),
        roles,
    )


_LOOPBACK_URLS: Final = (
    "http://127.0.0.1:",
    "http://127.0.0.1/",
    "http://localhost:",
    "http://localhost/",
    "http://[::1]",
)
_ROLES: Final = frozenset(("his", "insurer", "ops", "admin"))


def _dotenv(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path.name}: cannot be read as UTF-8 text ({type(error).__name__})") from error
    values = {}
    for number, raw in enumerate(lines, 1):
        line = raw.strip().removeprefix("export ").lstrip()
        # The file may be shared with other programs, whose lines are none of ours.
        if not line.startswith("ONESTOP_"):
            continue
        name, equals, value = line.partition("=")
        if not equals:
            raise SettingsError(f"{path.name}, line {number}: expected NAME=value")
        value = value.strip()
        if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
            value = value[1:-1]
        if value:
            values[name.strip()] = value
    return values
