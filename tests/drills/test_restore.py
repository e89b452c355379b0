"""The restore drill: load, backup, more load, destroy, restore to a second place, and prove what is there and what not.

docs/runbooks/Restore.md is what an operator does; these tests do the same with the same scripts.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.api.service import running
from tests.cli.running import run
from tests.faults.books import faults_in
from tests.keys import admit

from .hospital import Hospital, Told, at_work, count, kept, post_again, recorded
from .site import SCRIPTS, Site, archived_postgresql, archiving

Record = Callable[[str, Any], None]
# What the runbook tells the hospitals: a bill has the time at which it was begun, and was committed some seconds later.
MARGIN = timedelta(minutes=1)


@dataclass
class Disaster:
    """A server that was killed while hospitals settled; its data folder is no more where it was."""

    site: Site
    lost: Path
    hospitals: list[Hospital]
    # While one hospital alone was at work.
    alone: list[Told]

    @property
    def told(self) -> list[Told]:
        return [each for hospital in self.hospitals for each in hospital.told]


@pytest.fixture(scope="module")
def disaster() -> Iterator[Disaster]:
    with archived_postgresql() as site:
        hospitals, url = [Hospital(number) for number in range(4)], site.server.url()
        admit(url)
        with running(ONESTOP_DATABASE_URL=url) as service:
            with at_work(hospitals[:3], service.port, url) as wait_for:
                wait_for(30)
                before = count(hospitals)
                site.back_up()
                assert count(hospitals) > before, "nobody was at work during the backup"
            # A base backup's name is in whole seconds.
            time.sleep(1.1)
            with at_work(hospitals[3:], service.port, url) as wait_for:
                wait_for(30)
            alone = list(hospitals[3].told)
            with at_work(hospitals, service.port, url) as wait_for:
                wait_for(40)
                site.wait_until_archived(max(each.told[-1].wal for each in hospitals))
                # From here on nothing reaches the archive: what is acknowledged now is what can be lost.
                away = site.archive.rename(site.folder / "away")
                wait_for(40)
                site.server.kill()
            away.rename(site.archive)
        lost = (site.server.folder / "data").rename(site.server.folder / "lost")
        yield Disaster(site, lost, hospitals, alone)


def all_is_well(url: str, records: int, folder: Path) -> None:
    """The chains hold, the two commands of the runbook say so, and one of them counts so many records."""
    assert faults_in(url) == []
    checked = run("db", "check", ONESTOP_DATABASE_URL=url, cwd=folder)
    assert checked.returncode == 0, (checked.stdout, checked.stderr)
    replayed = run("replay", ONESTOP_DATABASE_URL=url, cwd=folder)
    assert replayed.returncode == 0, (replayed.stdout, replayed.stderr)
    assert replayed.stdout.decode().splitlines()[-1].startswith(f"{records:,} records")


@pytest.mark.slow
def test_nothing_is_lost_that_was_acknowledged_before_the_last_archived_wal(
    disaster: Disaster, tmp_path: Path, record_property: Record
) -> None:
    archived = disaster.site.archived()
    behind = [each for each in disaster.told if each.wal > archived]
    assert len(disaster.told) > len(behind) >= 40
    with disaster.site.restored() as restored:
        records = recorded(restored.url)
        losses = {each.number: each.told[kept(each, records) :] for each in disaster.hospitals}
        lost = [each for losses_of_one in losses.values() for each in losses_of_one]
        assert {each.wal > archived for each in lost} == {True}
        assert any(not each.is_settlement for each in lost)
        assert len(records) == len(disaster.told) - len(lost)
        all_is_well(restored.url, len(records), tmp_path)
        record_property("counted records acknowledged", len(disaster.told))
        record_property("counted of them behind the last archived WAL: lost at most", len(behind))
        record_property("counted of them lost", len(lost))
        record_property("counted seconds of the restore", float(restored.said["seconds"]))

        # What the runbook tells the hospitals to look for is all that is lost.
        since = datetime.fromisoformat(restored.said["last transaction"]) - MARGIN
        assert [each for each in lost if datetime.fromisoformat(each.recorded_at) < since] == []
        with running(ONESTOP_DATABASE_URL=restored.url) as service:
            reversed_ids = {each.members["settlement_id"] for each in disaster.told if not each.is_settlement}
            for hospital in disaster.hospitals:
                there = [each for each in hospital.told if each.record_id in records]
                in_force = [each for each in there if each.members["settlement_id"] not in reversed_ids]
                assert set(post_again(in_force, service.port)) == {200}
                assert set(post_again(losses[hospital.number], service.port)) <= {201}
        all_is_well(restored.url, len(disaster.told), tmp_path)


@pytest.mark.slow
def test_nothing_at_all_is_lost_where_the_old_disk_can_be_read(
    disaster: Disaster, tmp_path: Path, record_property: Record
) -> None:
    with disaster.site.restored("--wal", disaster.lost / "pg_wal") as restored:
        records = recorded(restored.url)
        assert [len(each.told) - kept(each, records) for each in disaster.hospitals] == [0, 0, 0, 0]
        # What was under way may be there as well.
        assert 0 <= len(records) - len(disaster.told) <= len(disaster.hospitals)
        all_is_well(restored.url, len(records), tmp_path)
    record_property("counted records acknowledged, none of them lost", len(disaster.told))


@pytest.mark.slow
def test_a_moment_is_restored_with_exactly_what_was_recorded_before_it(disaster: Disaster, tmp_path: Path) -> None:
    position, chosen = next(
        (position, each) for position, each in enumerate(disaster.alone) if position > 12 and each.is_settlement
    )
    expected = {each.record_id for each in disaster.told if each.wal < disaster.alone[0].wal}
    expected |= {each.record_id for each in disaster.alone[:position]}
    with disaster.site.restored("--until", chosen.recorded_at) as restored:
        assert set(recorded(restored.url)) == expected
        assert chosen.record_id not in expected
        all_is_well(restored.url, len(expected), tmp_path)


@pytest.mark.slow
def test_after_a_restore_the_old_backup_and_the_archive_go_on(disaster: Disaster, tmp_path: Path) -> None:
    """The restored server archives where the lost one did, and is lost as well before it has a base backup."""
    site = disaster.site
    folder = site.folder / "second"
    shutil.copytree(site.archive, folder / "wal")
    shutil.copytree(SCRIPTS, folder / "scripts")
    if "user" in site.account:
        for each in (folder, folder / "wal", *(folder / "wal").iterdir()):
            os.chown(each, site.account["user"], site.account["group"])
    second = Site(folder, site.server)
    hospital = Hospital(9)
    with site.restored(archive=second.archive, **archiving(folder)) as restored:
        first = recorded(restored.url)
        with (
            running(ONESTOP_DATABASE_URL=restored.url) as service,
            at_work([hospital], service.port, restored.url) as wait_for,
        ):
            wait_for(20)
        second.wait_until_archived(hospital.told[-1].wal)
        restored.server.kill()
    with site.restored(archive=second.archive) as again:
        records = recorded(again.url)
        assert set(records) == set(first) | {each.record_id for each in hospital.told}
        assert kept(hospital, records) == len(hospital.told)
        all_is_well(again.url, len(records), tmp_path)


@pytest.mark.slow
def test_an_embedded_ledger_comes_back_as_it_was_when_its_backup_began(tmp_path: Path, record_property: Record) -> None:
    ledger, copy = tmp_path / "onestop.db", tmp_path / "copy.db"
    url, hospitals = f"sqlite:///{ledger}", [Hospital(number) for number in range(3)]
    with running(ONESTOP_DATABASE_URL=url) as service:
        with at_work(hospitals, service.port, url) as wait_for:
            wait_for(40)
            before = [len(each.told) for each in hospitals]
            ended = run("db", "backup", copy, ONESTOP_DATABASE_URL=url, cwd=tmp_path)
            assert ended.returncode == 0, ended.stderr
            wait_for(40)
            service.process.kill()
        service.process.wait()
    ruined = [ledger.with_name(f"onestop.db{end}") for end in ("", "-wal", "-shm")]
    for each in ruined:
        each.write_bytes(b"\0" * each.stat().st_size)
    begun = time.perf_counter()
    subprocess.run([SCRIPTS / "sqlite-restore", copy, ledger], check=True, capture_output=True)
    seconds = time.perf_counter() - begun
    (replaced,) = tmp_path.glob("onestop.db.replaced-*")
    assert {each.name for each in replaced.iterdir()} == {each.name for each in ruined}

    records = recorded(url)
    there = [kept(each, records) for each in hospitals]
    assert all(has >= had for has, had in zip(there, before, strict=True))
    lost = count(hospitals) - sum(there)
    assert lost > 0
    all_is_well(url, len(records), tmp_path)
    record_property("counted records acknowledged", count(hospitals))
    record_property("counted of them lost, from after the backup began", lost)
    record_property("counted seconds of the restore", round(seconds, 2))
    with running(ONESTOP_DATABASE_URL=url) as service:
        for hospital, has in zip(hospitals, there, strict=True):
            assert set(post_again(hospital.told[has:], service.port)) <= {201}
    assert len(recorded(url)) == len(records) + lost
