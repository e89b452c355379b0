"""The systemd units, as systemd itself reads them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.deploy.files import DEPLOY, program

UNITS = sorted((DEPLOY / "systemd").iterdir())
SERVICES = [path for path in UNITS if path.suffix == ".service"]
PROGRAMS = ("/usr/local/lib/onestop/bin/onestop", "/usr/local/lib/onestop/backup/base-backup")
# Tenths of systemd's exposure, from 0 to 100; a unit without hardening has 96.
MOST_EXPOSED = 20


@pytest.fixture
def installed(tmp_path: Path) -> list[Path]:
    """The units as they are installed, with a program in place of ours, which no machine that tests has."""
    for path in UNITS:
        text = path.read_text("utf-8")
        ours = [each for each in PROGRAMS if each in text]
        assert ours or path.suffix == ".timer"
        for each in ours:
            text = text.replace(each, "/bin/true")
        (tmp_path / path.name).write_text(text)
    return [tmp_path / path.name for path in UNITS]


def test_systemd_has_nothing_to_say(installed: list[Path]) -> None:
    said = subprocess.run(
        [program("systemd-analyze"), "verify", "--man=no", *installed], capture_output=True, text=True, check=False
    )
    assert (said.returncode, said.stdout, said.stderr) == (0, "", "")


def test_systemd_finds_a_mistake(installed: list[Path]) -> None:
    installed[0].write_text(installed[0].read_text().replace("NoNewPrivileges=yes", "NoNewPrivilege=yes"))
    said = subprocess.run(
        [program("systemd-analyze"), "verify", "--man=no", *installed], capture_output=True, text=True, check=False
    )
    assert "NoNewPrivilege" in said.stderr


@pytest.mark.parametrize("path", SERVICES, ids=lambda path: path.name)
def test_little_is_left_to_a_service_that_was_taken_over(path: Path) -> None:
    said = subprocess.run(
        [program("systemd-analyze"), "security", "--offline=yes", f"--threshold={MOST_EXPOSED}", "--no-pager", path],
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 0, said.stdout + said.stderr


def test_every_timer_has_its_service_and_starts_with_the_machine() -> None:
    timers = [path for path in UNITS if path.suffix == ".timer"]
    assert len(timers) == 4
    for path in timers:
        assert path.with_suffix(".service").is_file()
        assert "WantedBy=timers.target" in path.read_text("utf-8")


def test_a_reload_reads_the_packs_and_a_stop_waits_for_what_is_in_flight() -> None:
    lines = (DEPLOY / "systemd" / "onestop.service").read_text("utf-8").splitlines()
    assert "ExecReload=/bin/kill -HUP $MAINPID" in lines
    assert "KillMode=mixed" in lines
    assert "TimeoutStopSec=60" in lines


def test_an_upgrade_of_the_schema_is_not_stopped_for_taking_long() -> None:
    lines = (DEPLOY / "systemd" / "onestop.service").read_text("utf-8").splitlines()
    assert "ExecStartPre=/usr/local/lib/onestop/bin/onestop db upgrade" in lines
    assert "TimeoutStartSec=infinity" in lines


def test_the_base_backup_is_the_script_that_is_shipped_and_may_write_where_it_does() -> None:
    lines = dict(
        line.partition("=")[::2]
        for line in (DEPLOY / "systemd" / "onestop-base-backup.service").read_text("utf-8").splitlines()
    )
    script, *folders = lines["ExecStart"].split()
    assert (DEPLOY / "backup" / Path(script).name).is_file()
    assert lines["ReadWritePaths"].split() == lines["RequiresMountsFor"].split() == folders
