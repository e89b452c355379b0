"""The settings: environment variables and a `.env` file, read once and handed in."""

from __future__ import annotations

import os
import re
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, cast, get_args

if TYPE_CHECKING:
    from collections.abc import Mapping

LogFormat = Literal["console", "json"]
RosterMode = Literal["off", "check", "enforce"]

# Stands for the time before there was a key.
NO_KEY: Final = "none"
QUEUE: Final = 16
DATABASE_URL: Final = "sqlite:///var/onestop.db"
_POSTGRESQL: Final = ("postgresql://", "postgres://")


class Setting(NamedTuple):
    """A setting as people read it: its name, what counts where it is not set, and what it is for."""

    name: str
    default: str
    what: str


EVERY: Final = (
    Setting("ONESTOP_DATABASE_URL", DATABASE_URL, "The ledger: sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME."),
    Setting("ONESTOP_READ_DATABASE_URL", "none", "A hot standby of a PostgreSQL ledger, for what insurers read."),
    Setting("ONESTOP_PII_KEY", "none", "The key under which person ids are kept; needed off the loopback."),
    Setting("ONESTOP_PII_EARLIER_KEYS", "none", "Earlier keys, the oldest first, with commas between."),
    Setting("ONESTOP_PACKS_DIR", "none", "A folder of policy packs, added to those that ship."),
    Setting("ONESTOP_ROSTER", "off", "Whether the roster is asked for a status: off, check or enforce."),
    Setting("ONESTOP_LOG_FORMAT", "console", "How log lines are written: console or json."),
    Setting("ONESTOP_TRACES", "none", "A collector of traces, its OTLP/HTTP address such as http://127.0.0.1:4318."),
    Setting("ONESTOP_QUEUE", str(QUEUE), "Requests of each kind that may wait in a worker; more get 503 at once."),
    Setting("ONESTOP_DRAIN_SECONDS", "0", "How long /readyz says no before a stop; behind a proxy 10."),
    Setting("ONESTOP_OIDC_ISSUER", "none", "The identity provider whose tokens are taken beside keys (docs/oidc.md)."),
    Setting("ONESTOP_OIDC_AUDIENCE", "none", "The audience that its tokens must have."),
    Setting("ONESTOP_OIDC_JWKS", "none", "Its public keys: an https:// address, or a file."),
    Setting("ONESTOP_OIDC_ROLES", "his,insurer", "The roles that its tokens may give."),
    Setting("ONESTOP_OIDC_ROLE_CLAIM", "onestop_role", "The claim that holds the role."),
    Setting("ONESTOP_OIDC_FACILITIES_CLAIM", "onestop_facilities", "The claim that holds the facilities."),
    Setting("ONESTOP_OIDC_AREAS_CLAIM", "onestop_areas", "The claim that holds the pooling areas."),
)  # fmt: skip # one table
_NAMES: Final = frozenset(setting.name for setting in EVERY)
_MOST_WAITING: Final = 10_000
_LONGEST_DRAIN: Final = 600
_LAST_PORT: Final = 65_535
# No user, no query: what is secret in an address is soon in a log.
_COLLECTOR: Final = re.compile(
    r"https?://(?:[a-z0-9.-]+|\[[0-9a-f:.]+\])(?::(?P<port>[0-9]{1,5}))?(?!.*/v1/traces/?$)(?:/[a-z0-9._~-]+)*/?",
    re.ASCII | re.IGNORECASE,
).fullmatch
# Alike enough to be a slip: one letter more, less or other in a name of the usual length.
_NEARLY: Final = 0.9


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
    queue: int = QUEUE
    drain_seconds: int = 0
    traces: str | None = None
    read_database_url: str | None = None

    @property
    def has_pii_key(self) -> bool:
        """Whether new pseudonyms are under a key that not everybody knows."""
        return self.pii_keys[-1] is not None


def read_settings(environment: Mapping[str, str] | None = None, dotenv: Path = Path(".env")) -> Settings:
    """Read the settings: the environment goes before the `.env` file, an empty value counts as not set."""
    given = os.environ if environment is None else environment
    values = _dotenv(dotenv) | {name: value for name, value in given.items() if value}
    _check_names(values)
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
    if not database_url.startswith(("sqlite:///", *_POSTGRESQL)):
        raise SettingsError("ONESTOP_DATABASE_URL: expected sqlite:///FILE or postgresql://…")
    read_database_url = values.get("ONESTOP_READ_DATABASE_URL")
    if read_database_url and not (read_database_url.startswith(_POSTGRESQL) and database_url.startswith(_POSTGRESQL)):
        raise SettingsError("ONESTOP_READ_DATABASE_URL: expected postgresql://…, beside a ledger that is PostgreSQL's")
    return Settings(
        Path(packs_dir) if packs_dir else None,
        cast("LogFormat", log_format),
        database_url,
        _pii_keys(values),
        _oidc(values),
        cast("RosterMode", roster),
        _number(values, "ONESTOP_QUEUE", QUEUE, _MOST_WAITING),
        _number(values, "ONESTOP_DRAIN_SECONDS", 0, _LONGEST_DRAIN),
        _traces(values),
        read_database_url,
    )


def _check_names(values: Mapping[str, str]) -> None:
    """Refuse a name that is nearly one of ours: a setting that is not read is worse than none."""
    for name in sorted(values):
        if name.startswith("ONESTOP_") and name not in _NAMES:
            meant = get_close_matches(name, _NAMES, 1, _NEARLY)
            if meant:
                raise SettingsError(f"{name}: there is no such setting; {meant[0]} is meant?")


def _number(values: Mapping[str, str], name: str, default: int, most: int) -> int:
    text = values.get(name, str(default))
    if not re.fullmatch(r"[0-9]{1,5}", text, re.ASCII) or int(text) > most:
        raise SettingsError(f"{name}: expected a whole number from 0 to {most:,}")
    return int(text)


def _traces(values: Mapping[str, str]) -> str | None:
    address = values.get("ONESTOP_TRACES", "none")
    if address == "none":
        return None
    found = _COLLECTOR(address)
    if found is None or int(found["port"] or 0) > _LAST_PORT:
        raise SettingsError(
            "ONESTOP_TRACES: expected none, or a collector's OTLP/HTTP address such as http://127.0.0.1:4318, "
            "without /v1/traces"
        )
    return address.rstrip("/")


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
