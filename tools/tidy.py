"""Small checks of the source that no other tool makes; part of `make lint`."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LONGEST = 400
BINARY = {".gz", ".ico", ".parquet", ".png", ".woff2"}

# The brackets keep the patterns from finding themselves.
MACHINE_PATH = re.compile(r"(?<![\w.~/-])/(?:[w]ork|[t]mp|[r]oot|[o]pt|[h]ome)/(?=\w)")
REGISTRY = re.compile(
    r"[p]ypi\.org|[p]ythonhosted\.org|[n]pmjs\.|[d]eb\.debian\.org|--(?:[e]xtra-index|[i]ndex|[f]ind-links)"
)
PURE = Path("app/settlement")


def main() -> int:
    findings = [finding for path in _files() for finding in _findings(path)]
    for finding in findings:
        print(finding)
    print(f"tidy: {len(findings)} finding(s)" if findings else "tidy: nothing to say")
    return 1 if findings else 0


def _files() -> list[Path]:
    """Everything that is or could be committed."""
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],  # noqa: S607  # git has no fixed place
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    paths = [Path(name) for name in listing.stdout.decode().split("\0") if name]
    return sorted(path for path in paths if (ROOT / path).is_file() and path.suffix not in BINARY)


def _findings(path: Path) -> Iterator[str]:
    text = (ROOT / path).read_text("utf-8")
    lines = text.splitlines()
    for number, line in enumerate(lines, 1):
        if MACHINE_PATH.search(line):
            yield f"{path}:{number}: a path of one machine"
        if REGISTRY.search(line):
            yield f"{path}:{number}: a package index or its host"
    if path.suffix == ".py" and path.parts[0] == "app" and len(lines) > LONGEST:
        yield f"{path}:{len(lines)}: longer than {LONGEST} lines; find the seam"
    if path.suffix == ".py" and path.is_relative_to(PURE):
        yield from (f"{path}:{number}: {what}" for number, what in _inexact(ast.parse(text)))


def _inexact(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Where binary floating point could enter the calculation: `/` of two integers is a float too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id == "float":
            yield node.lineno, "float in the calculation"
        if isinstance(node, ast.Constant) and isinstance(node.value, float):
            yield node.lineno, "a float literal in the calculation"
        if isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Div):
            yield node.lineno, "true division in the calculation; use // or money's rounding"


if __name__ == "__main__":
    sys.exit(main())
