"""Compile the calculation and what reads and writes bills (mypyc), in place; without a C compiler all stays Python.

The same files run either way and give the same answers: tests/plain holds them to that. `--remove` takes the compiled
parts away again.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
GROUP = "onestop"
COMPILED = (
    "app/settlement/**/*.py",
    "app/api/memo.py",
    "app/api/wire.py",
    "app/api/fast_reader.py",
    "app/api/stored_request.py",
)
# A package's own file holds no code; packs travel to other processes, which compiled classes can't.
NOT_COMPILED = ("__init__.py", "pack.py")
# `make lint` has checked the same files strictly; here mypy only finds the types.
MYPY = ("--config-file=", "--explicit-package-bases", "--python-version=3.11", "--always-true=COMPILED")
WITHOUT = "The calculation runs as plain Python: the same answers, more slowly."


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.compile", description=__doc__)
    parser.add_argument("--remove", action="store_true", help="take the compiled parts away")
    remove = parser.parse_args(arguments).remove
    for stale in compiled():
        stale.unlink()
    if remove:
        return 0
    missing = _missing()
    if missing:
        print(f"{WITHOUT} For speed install {missing} (Debian: apt-get install gcc python3-dev) and say make setup.")
        return 0
    print("Compiling the calculation (half a minute) ...")
    command = (sys.executable, "-c", "from tools.compile import build; build()")
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if result.returncode:
        # A compiler that can't do it is no reason to do without the service.
        print(result.stdout + result.stderr, file=sys.stderr)
        print(f"The compiler failed. {WITHOUT}", file=sys.stderr)
    return 0


def compiled() -> list[Path]:
    """The compiled parts that are there."""
    return [*ROOT.glob(f"{GROUP}__mypyc*.so"), *(ROOT / "app").rglob("*.so")]


def sources() -> list[str]:
    """The files to compile, as paths from the root."""
    found = [path.relative_to(ROOT) for pattern in COMPILED for path in ROOT.glob(pattern)]
    return sorted(str(path) for path in found if path.name not in NOT_COMPILED)


def build() -> None:
    """Compile beside the sources; mypy, mypyc and the compiler print what they find."""
    from mypyc.build import mypycify
    from setuptools import Distribution

    with tempfile.TemporaryDirectory() as folder:
        modules = mypycify([*MYPY, *sources()], opt_level="3", group_name=GROUP, target_dir=folder)
        command = Distribution({"name": GROUP, "ext_modules": modules}).get_command_obj("build_ext")
        command.inplace = True
        command.build_temp = command.build_lib = folder
        command.ensure_finalized()
        command.run()


def _missing() -> str | None:
    compiler = (sysconfig.get_config_var("CC") or "cc").split()[0]
    if not (shutil.which(compiler) or shutil.which("cc")):
        return "a C compiler"
    if not Path(sysconfig.get_path("include"), "Python.h").is_file():
        return "Python's headers"
    return None


if __name__ == "__main__":
    sys.exit(main())
