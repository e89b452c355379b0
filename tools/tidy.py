"""Small checks of the source that no other tool makes; part of `make lint`."""

from __future__ import annotations

import ast
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LONGEST = 400
MADE = {"__pycache__", "build", "dist", "htmlcov", "mutants", "var"}
BINARY = {".gz", ".ico", ".parquet", ".png", ".so", ".woff2"}

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


def _files() -> Iterator[Path]:
    """Everything but what the verbs make; not asked of git, which a plain copy of the sources does not have."""
    for folder, folders, files in os.walk(ROOT):
        folders[:] = sorted(name for name in folders if name not in MADE and (name[0] != "." or name == ".ci"))
        for name in sorted(files):
            path = Path(folder, name).relative_to(ROOT)
            if path.suffix not in BINARY:
                yield path


def _findings(path: Path) -> Iterator[str]:
    text = (ROOT / path).read_text("utf-8", "replace")
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
