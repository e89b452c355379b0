"""The packs of a folder: read, overlays merged, the one in force found (settlement.md §8)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import yaml


@dataclass(frozen=True)
class Pack:
    """A region's pack, or an overlay merged onto it."""

    id: str
    area: str
    effective_from: date
    effective_to: date | None
    policy: dict[str, Any]

    def in_force(self, on: date) -> bool:
        return self.effective_from <= on and (self.effective_to is None or on <= self.effective_to)


@dataclass(frozen=True)
class Packs:
    regions: tuple[Pack, ...]
    overlays: tuple[Pack, ...]

    def select(self, area: str, on: date) -> Pack | None:
        for overlay in self.overlays:
            if overlay.area == area and overlay.in_force(on):
                return overlay
        for region in self.regions:
            if region.area[:2] == area[:2] and region.in_force(on):
                return region
        return None


def load_packs(folder: Path) -> Packs:
    files = [
        yaml.load(path.read_text(encoding="utf-8"), Loader=TextLoader)
        for path in sorted(folder.iterdir())
        if path.suffix in (".yaml", ".yml")
    ]
    regions: dict[str, Pack] = {}
    for file in files:
        if "extends" not in file:
            pack_id = f"{file['name']}@{file['effective_from']}"
            regions[pack_id] = Pack(
                pack_id, file["area"], date.fromisoformat(file["effective_from"]), last_day(file), file
            )
    overlays = []
    for file in files:
        if "extends" in file:
            region = regions[file["extends"]]
            merged = merge(region.policy, file)
            first_day = date.fromisoformat(merged["effective_from"])
            overlays.append(Pack(region.id, file["area"], first_day, last_day(merged), merged))
    return Packs(tuple(regions.values()), tuple(overlays))


def last_day(file: dict[str, Any]) -> date | None:
    written = file.get("effective_to")
    return None if written is None else date.fromisoformat(written)


def merge(base: dict[str, Any], overlay: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in overlay.items():
        if value is None:
            merged.pop(key, None)
        elif key != "source" and isinstance(value, dict) and isinstance(merged.get(key), dict):
            merged[key] = merge(merged[key], value)
        elif key != "source" and isinstance(value, dict):
            merged[key] = merge({}, value)
        else:
            merged[key] = value
    return merged


class TextLoader(yaml.SafeLoader):
    """Reads YAML numbers and dates as the text they were written in: 0.3333 is no binary fraction."""


def scalar_text(loader: TextLoader, node: yaml.ScalarNode) -> str:
    return str(loader.construct_scalar(node))


for kind in ("int", "float", "timestamp"):
    TextLoader.add_constructor(f"tag:yaml.org,2002:{kind}", scalar_text)
