"""The built wheel, installed in an empty environment outside the checkout: it carries all that it needs of its own.

Its dependencies are lent by the environment that runs the tests, so that no package index is asked.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import sysconfig
import time
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

import pytest

from tools.compile import compiled

CHECKOUT = Path(__file__).parents[2]
BILL = CHECKOUT / "examples" / "bill.json"
DEADLINE = 120

pytestmark = pytest.mark.slow


def ran(*command, cwd, **settings):
    """Run without anything of the checkout or of this process in the way: standard output."""
    result = subprocess.run(
        [*map(str, command)],
        cwd=cwd,
        env=clean_environment() | settings,
        capture_output=True,
        timeout=DEADLINE,
        check=False,
    )
    assert result.returncode == 0, result.stderr.decode()
    return result.stdout.decode()


def clean_environment():
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTHON", "ONESTOP_", "PIP_", "COV_")) and name != "VIRTUAL_ENV"
    }


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dist")
    ran(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, CHECKOUT, cwd=folder)
    (built,) = folder.iterdir()
    return built


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """The programs of an environment that has the wheel, and the dependencies from where these tests run."""
    environment = tmp_path_factory.mktemp("elsewhere") / "venv"
    ran(sys.executable, "-m", "venv", "--without-pip", environment, cwd=environment.parent)
    programs = environment / "bin"
    pip = (sys.executable, "-m", "pip", "--python", programs / "python", "--disable-pip-version-check", "-qq")
    ran(*pip, "install", "--no-index", "--no-deps", wheel, cwd=environment.parent)
    # A line in a .pth file lends packages only: the .pth file there that leads to the checkout is not followed.
    lent = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (site,) = environment.glob("lib/python*/site-packages")
    site.joinpath("lent.pth").write_text("\n".join(sorted(lent)) + "\n", "utf-8")
    return programs


def test_the_wheel_carries_every_pack_and_the_migrations(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    packs = {f"app/policies/{path.name}" for path in (CHECKOUT / "app/policies").glob("*.y*ml")}
    assert "app/policies/guangxi.yaml" in packs
    assert packs <= names
    migrations = {
        f"app/{path.relative_to(CHECKOUT)}"
        for path in (CHECKOUT / "migrations").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert migrations
    assert migrations <= names


def test_the_wheel_carries_nothing_but_the_package(wheel):
    with zipfile.ZipFile(wheel) as archive:
        tops = {name.partition("/")[0] for name in archive.namelist()}
    assert tops == {"app", "onestop_settlement-0.1.0.dist-info"}


@pytest.mark.skipif(not compiled(), reason="nothing is compiled here: make setup says why")
def test_a_compiled_wheel_carries_the_compiled_parts_and_names_its_machine(tmp_path):
    checkout = tmp_path / "checkout"
    shutil.copytree(CHECKOUT, checkout, ignore=shutil.ignore_patterns(".*", "*.so", "var", "mutants", "__pycache__"))
    build = (sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", tmp_path, checkout)
    ran(*build, cwd=tmp_path, ONESTOP_COMPILED_WHEEL="1")
    (wheel,) = tmp_path.glob("*.whl")
    assert not wheel.name.endswith("-none-any.whl")
    with zipfile.ZipFile(wheel) as archive:
        parts = {Path(name).name for name in archive.namelist() if name.endswith(".so")}
    assert parts == {part.name for part in compiled()}


def test_what_runs_comes_from_the_wheel_and_not_from_the_checkout(installed, tmp_path):
    code = "import app, importlib.metadata as m; print(app.__file__); print(m.distribution('onestop-settlement').locate_file(''))"
    module, distribution = ran(installed / "python", "-c", code, cwd=tmp_path).split()
    assert Path(module).is_relative_to(installed.parent)
    assert Path(distribution).is_relative_to(installed.parent)
    assert not Path(module).is_relative_to(CHECKOUT)


def test_the_installed_command_checks_its_packs(installed, tmp_path):
    output = ran(installed / "onestop", "packs", "check", cwd=tmp_path)
    assert "guangxi@2017-12-13" in output
    assert output.splitlines()[-1].endswith(" packs, no errors.")


def test_the_installed_command_settles_with_one_worker_and_with_several(installed, tmp_path):
    (tmp_path / "bill.json").write_bytes(BILL.read_bytes())
    answer = json.loads(ran(installed / "onestop", "settle", "bill.json", cwd=tmp_path))
    assert answer["payers"]["patient"] == "558.76"
    one_line = json.dumps(json.loads(BILL.read_bytes())).encode() + b"\n"
    (tmp_path / "bills.ndjson").write_bytes(one_line * 300)
    ran(installed / "onestop", "settle", "bills.ndjson", "--workers", "2", "--out", "out.ndjson", cwd=tmp_path)
    answers = (tmp_path / "out.ndjson").read_text("utf-8").splitlines()
    assert [json.loads(each)["payers"]["patient"] for each in answers] == ["558.76"] * 300


def test_the_installed_service_answers_a_preview(installed, tmp_path):
    port = free_port()
    with (tmp_path / "log").open("wb") as log:
        server = subprocess.Popen(
            [installed / "onestop", "serve", "--port", str(port)],
            cwd=tmp_path,
            env=clean_environment(),
            stdout=log,
            stderr=log,
        )
    try:
        wait_until_it_answers(server, f"http://127.0.0.1:{port}/readyz", tmp_path / "log")
        key = ran(installed / "onestop", "key", "mint", "--role", "admin", cwd=tmp_path).splitlines()[-1]
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {key}"}
        request = urllib.request.Request(f"http://127.0.0.1:{port}/v1/settlements/preview", BILL.read_bytes(), headers)
        with opened(request) as response:
            answer = json.load(response)
        assert (response.status, answer["payers"]["patient"]) == (200, "558.76")
    finally:
        server.terminate()
        server.wait(DEADLINE)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def opened(request):
    # Whatever proxy the machine has is not for us.
    return urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10)


def wait_until_it_answers(server, address, log):
    deadline = time.monotonic() + DEADLINE
    while time.monotonic() < deadline:
        assert server.poll() is None, log.read_text("utf-8")
        try:
            with opened(address):
                return
        except urllib.error.URLError:
            time.sleep(0.1)
    raise AssertionError(log.read_text("utf-8"))
