"""The image and compose, read: no container is started here."""

from __future__ import annotations

import re
import tomllib
from typing import Any

import pytest

from app.access.rules import OPEN
from tests.deploy.files import DEPLOY, ROOT, document
from tests.deploy.settings import is_setting

TEXT = re.sub(r"\\\n\s*", " ", (DEPLOY / "docker" / "Dockerfile").read_text("utf-8"))
STEPS = [line.partition(" ")[::2] for line in TEXT.splitlines() if line and not line.startswith("#")]
IGNORED = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
COMPOSE = document(DEPLOY / "compose" / "compose.yaml")
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = ("migrate", "onestop")
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]


def of(instruction: str) -> list[str]:
    return [rest for name, rest in STEPS if name == instruction]


def test_images_are_pinned_and_the_last_one_is_small() -> None:
    build, last = of("FROM")
    assert re.fullmatch(r"python:(\d+\.\d+\.\d+)-bookworm AS build", build)
    assert last == build.removesuffix(" AS build").replace("-bookworm", "-slim-bookworm")


def test_the_image_runs_as_a_user_without_a_name_and_without_rights() -> None:
    users = [number for number, (name, _) in enumerate(STEPS) if name == "USER"]
    assert [STEPS[number] for number in users] == [("USER", "10001:10001")]
    # After it, what runs: nothing is built or copied as that user.
    assert {name for name, _ in STEPS[users[0] :]} == {"USER", "WORKDIR", "EXPOSE", "HEALTHCHECK", "ENTRYPOINT", "CMD"}


def test_nothing_is_fetched_but_by_its_hash() -> None:
    assert not of("ADD")
    assert not re.search(r"\b(curl|wget|git|apt-get|apk|sudo)\b", TEXT)
    installs = re.findall(r"pip install [^&]*", TEXT)
    assert len(installs) == 3
    for each in installs:
        assert "--require-hashes --no-deps" in each or "--no-deps --no-index" in each


def test_what_is_copied_is_let_through_and_nothing_else() -> None:
    first, *rest = [line for line in IGNORED if not line.startswith("#")]
    assert first == "*"
    let_through = {line.removeprefix("!") for line in rest if line.startswith("!")}
    assert all((ROOT / path).exists() for path in let_through)
    copied = {path for each in of("COPY") if "--from" not in each for path in each.split()[:-1]}
    assert copied - {"."} <= let_through
    assert not {"deploy", "tests", ".git", "var", ".env"} & let_through


def test_no_secret_is_in_the_image() -> None:
    assert not of("ARG")
    names = re.findall(r"\bONESTOP_\w+", TEXT)
    assert set(names) == {"ONESTOP_COMPILED_WHEEL", "ONESTOP_LOG_FORMAT"}


def test_health_is_asked_where_it_is_told_without_a_key() -> None:
    (image,) = of("HEALTHCHECK")
    (onestop,) = [each for each in SERVICES["onestop"]["healthcheck"]["test"] if "request" in each]
    for text in (image, onestop):
        (path,) = re.findall(r"'(/\w+)'", text)
        assert ("GET", path) in OPEN


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_has_no_more_rights_than_it_needs(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service
    assert "cap_add" not in service
    # Ours has its user in the image.
    assert name in OURS or re.fullmatch(r"[1-9]\d*:\d+", service["user"])


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_pinned_watched_and_reached_from_this_machine_alone(name: str) -> None:
    service = SERVICES[name]
    assert service["image"] == f"onestop:{VERSION}" or re.fullmatch(
        r"[\w/]+:v?\d+\.\d+(\.\d+)?(-\w+)?", service["image"]
    )
    assert name == "migrate" or service["healthcheck"]["test"][0] == "CMD"
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
    assert set(service["networks"]) <= set(COMPOSE["networks"])


def test_no_password_has_a_default() -> None:
    secret = re.compile(r"PASSWORD|KEY$")
    found = 0
    for name, service in SERVICES.items():
        for variable, value in service.get("environment", {}).items():
            if secret.search(variable):
                found += 1
                assert re.fullmatch(r"\$\{\w+:\?.+\}", value), f"{name}: {variable}"
    assert found == 7
    assert "://onestop@" in SERVICES["onestop"]["environment"]["ONESTOP_DATABASE_URL"]


def test_every_setting_that_compose_gives_is_one() -> None:
    for name in OURS:
        given = SERVICES[name]["environment"]
        assert all(is_setting(each) for each in given if each not in ("PGPASSWORD", "FORWARDED_ALLOW_IPS")), given


def test_a_setting_that_is_handed_on_is_not_set_where_env_has_none() -> None:
    given = SERVICES["onestop"]["environment"]
    handed_on = {name: value for name, value in given.items() if ":-" in value}
    assert set(handed_on) == {
        "ONESTOP_PII_EARLIER_KEYS", "ONESTOP_READ_DATABASE_URL", "ONESTOP_ROSTER", "ONESTOP_TRACES", "ONESTOP_QUEUE",
        "FORWARDED_ALLOW_IPS",
    }  # fmt: skip
    for name, value in handed_on.items():
        assert value == f"${{{name}:-{'127.0.0.1' if name == 'FORWARDED_ALLOW_IPS' else ''}}}"


def test_the_packs_folder_is_mounted_where_the_service_looks() -> None:
    for name in OURS:
        (volume,) = SERVICES[name]["volumes"]
        assert volume.endswith(f":{SERVICES[name]['environment']['ONESTOP_PACKS_DIR']}:ro")


def test_the_schema_comes_before_the_service_and_the_database_before_the_schema() -> None:
    assert SERVICES["migrate"]["command"] == ["db", "upgrade"]
    assert SERVICES["migrate"]["restart"] == "no"
    assert SERVICES["migrate"]["depends_on"] == {"ledger": {"condition": "service_healthy"}}
    assert SERVICES["onestop"]["depends_on"] == {"migrate": {"condition": "service_completed_successfully"}}


def test_the_database_is_archived_and_reached_by_ours_alone() -> None:
    options = [
        value for flag, value in zip(*[iter(SERVICES["ledger"]["command"][1:])] * 2, strict=True) if flag == "-c"
    ]
    assert options[:2] == ["archive_mode=on", "archive_timeout=60"]
    assert "ports" not in SERVICES["ledger"]
    assert COMPOSE["networks"]["ledger"] == {"internal": True}
    assert {name for name, each in SERVICES.items() if "ledger" in each["networks"]} == {"ledger", *OURS}


def test_files_that_are_mounted_are_there() -> None:
    for service in SERVICES.values():
        for volume in service.get("volumes", []):
            source = re.sub(r"\$\{\w+:-(.+?)\}", r"\1", volume).partition(":")[0]
            if source.startswith("."):
                assert (DEPLOY / "compose" / source).exists(), source
    ignored = (ROOT / ".gitignore").read_text("utf-8").splitlines()
    assert {f"/deploy/compose/{name}" for name in (".env", COMPOSE["secrets"]["ops_key"]["file"])} <= set(ignored)
