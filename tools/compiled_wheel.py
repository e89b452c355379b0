"""The wheel's build: plain Python for every machine, or compiled for this one with ONESTOP_COMPILED_WHEEL=1."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CompiledWheel(BuildHookInterface[Any]):
    """Hands the compiled parts to the wheel, and names the machine in its file name."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable" or os.environ.get("ONESTOP_COMPILED_WHEEL") != "1":
            return
        sys.path.insert(0, self.root)
        from tools import compile as compiling

        compiling.main([])
        parts = compiling.compiled()
        if not parts:
            raise RuntimeError("ONESTOP_COMPILED_WHEEL=1, but nothing was compiled: see above")
        build_data["pure_python"] = False
        build_data["infer_tag"] = True
        build_data["force_include"].update({str(part): str(part.relative_to(Path(self.root))) for part in parts})
