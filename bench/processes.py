"""Starting programs for a measurement: on which cores they run, how long they take, how much memory they hold."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter, sleep

ROOT = Path(__file__).parents[1]
SAMPLE_SECONDS = 0.05


def cores() -> list[int]:
    """The cores that this process may use."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(os.cpu_count() or 1))


@contextmanager
def on_cores(chosen: Sequence[int]) -> Iterator[None]:
    """Programs started here run on these cores alone, where the system can do that."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, chosen)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def onestop(*arguments: str) -> list[str]:
    """The product's command, as installed beside this Python."""
    command = shutil.which("onestop", path=str(Path(sys.executable).parent))
    return [*([command] if command else [sys.executable, "-c", "from app.cli import main; main()"]), *arguments]


def module(name: str, *arguments: str) -> list[str]:
    """A module of the bench as a program."""
    return [sys.executable, "-m", name, *arguments]


def start(
    command: Sequence[str],
    chosen: Sequence[int],
    target: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    """Start a program whose output goes to a file, or nowhere."""
    quiet = subprocess.DEVNULL
    with on_cores(chosen), Path(target or os.devnull).open("wb") as output:
        return subprocess.Popen(
            command, cwd=ROOT, stdin=quiet, stdout=output, stderr=quiet, env=os.environ | dict(environment or {})
        )


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a program that we started, if it has not ended itself."""
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


Run = tuple[Sequence[str], Sequence[int], Path]


def timed(*runs: Run) -> float:
    """Seconds from the start of a program, or of several at once, to their good end; each with its cores and output."""
    for _, _, target in runs:
        # On some file systems closing a file that was emptied and written again waits for the disk.
        target.unlink(missing_ok=True)
    begin = perf_counter()
    processes = [start(*run) for run in runs]
    try:
        for process in processes:
            process.wait()
    finally:
        for process in processes:
            stop(process)
    seconds = perf_counter() - begin
    for process, (command, *_) in zip(processes, runs, strict=True):
        check(process, command)
    return seconds


def check(process: subprocess.Popen[bytes], command: Sequence[str]) -> None:
    """A program has to succeed, or its time means nothing."""
    if process.returncode:
        raise RuntimeError(f"{' '.join(command[:3])} … ended with {process.returncode}")


def peak_memory(command: Sequence[str]) -> int:
    """The highest sum of memory, in bytes, that a program and its children hold (shared pages counted once)."""
    process, peak = start(command, cores()), 0
    try:
        while process.poll() is None:
            peak = max(peak, sum(memory(each) for each in family(process.pid)))
            sleep(SAMPLE_SECONDS)
    finally:
        stop(process)
    check(process, command)
    return peak


def family(pid: int) -> list[int]:
    """A process and all that came from it."""
    members = [pid]
    for each in members:
        for task in Path(f"/proc/{each}/task").glob("*/children"):
            members.extend(int(child) for child in read(task).split())
    return members


def memory(pid: int) -> int:
    """The proportional set size of a process in bytes; 0 for one that is gone."""
    for line in read(Path(f"/proc/{pid}/smaps_rollup")).splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0


def read(path: Path) -> str:
    """A file of /proc, empty when its process is gone."""
    try:
        return path.read_text(encoding="ascii")
    except OSError:
        return ""
