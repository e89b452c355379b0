"""Folders of packs: regions, each with packs that follow each other in time, and their overlays."""

from __future__ import annotations

import random
import tempfile
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from tests.oracle.calculation.packs import Packs, load_packs

from .names import CATEGORIES, Chance
from .pack_blocks import BLOCKS, REQUIRED_BLOCKS
from .pack_numbers import source, yaml_text


def packs(seed: int) -> dict[str, str]:
    """File name to YAML text: regions, each with packs that follow each other in time, and their overlays."""
    chance = random.Random(f"packs {seed}")
    files: dict[str, str] = {}
    for prefix, name in chance.sample((("45", "guangxi"), ("52", "guizhou")), k=chance.choice((1, 1, 2))):
        start = date(2017, 12, 13) + timedelta(days=chance.choice((0, 19, 200)))
        count = chance.randint(1, 3)
        for following in range(count):
            end = start + timedelta(days=chance.randint(120, 800))
            region = region_file(chance, prefix, name, start, end)
            if following == count - 1 and chance.random() < 0.4:
                del region["effective_to"]
            files[f"{name}-{start}.yaml"] = yaml_text(region)
            for area in (prefix + "0100", prefix + "1000"):
                for first, final in overlay_periods(chance, start, end):
                    overlay = overlay_file(chance, region, area, first, final)
                    files[f"{name}-{area}-{first or start}.yaml"] = yaml_text(overlay)
            start = end + timedelta(days=chance.choice((1, 1, 2, 40)))
    return files


def load(files: dict[str, str]) -> Packs:
    with tempfile.TemporaryDirectory() as folder:
        write(files, Path(folder))
        return load_packs(Path(folder))


def write(files: dict[str, str], folder: Path) -> None:
    for name, content in files.items():
        (folder / name).write_text(content, encoding="utf-8")


def region_file(chance: Chance, prefix: str, name: str, start: date, end: date) -> dict[str, Any]:
    file: dict[str, Any] = {
        "name": name,
        "title": {"zh-CN": "城乡居民基本医疗保险", "en": f"{name} of {start}"},
        "area": f"{prefix}0000",
        "scheme": "urban_rural_resident",
        "effective_from": start,
        "effective_to": end,
    }
    for block, make in BLOCKS.items():
        if block in REQUIRED_BLOCKS or chance.random() < 0.85:
            file[block] = make(chance)
    return file


def overlay_periods(chance: Chance, start: date, end: date) -> list[tuple[date | None, date | None]]:
    middle = start + (end - start) / 2
    ways: list[list[tuple[date | None, date | None]]] = [
        [],
        [(None, None)],
        [(middle, None)],
        [(None, middle)],
        [(start + timedelta(days=1), end - timedelta(days=1))],
        [(start, middle), (middle + timedelta(days=1), end)],
    ]
    return chance.choice(ways)


def overlay_file(
    chance: Chance, region: dict[str, Any], area: str, first: date | None, final: date | None
) -> dict[str, Any]:
    file: dict[str, Any] = {"extends": f"{region['name']}@{region['effective_from']}", "area": area}
    if first is not None:
        file["effective_from"] = first
    if final is not None:
        file["effective_to"] = final
    if chance.random() < 0.5:
        file["title"] = {"zh-CN": "统筹地区", "en": f"area {area}"}
    for block, make in BLOCKS.items():
        if chance.random() < 0.6:
            continue
        if block not in region:
            file[block] = make(chance)
        elif block not in REQUIRED_BLOCKS and chance.random() < 0.12:
            file[block] = None
        else:
            file[block] = {"source": source(chance), **part_of(chance, make(chance), region[block])}
    return file


REPLACED_BY_NULL = ("annual_cap", "annual_deductible", "include_first_self_pay", "include_deductible")


def part_of(chance: Chance, fresh: dict[str, Any], base: dict[str, Any]) -> dict[str, Any]:
    """Some keys of a fresh block, with nulls for some optional keys that the base holds."""
    part: dict[str, Any] = {}
    for key, value in fresh.items():
        if key == "source" or chance.random() < 0.45:
            continue
        if isinstance(value, dict) and isinstance(base.get(key), dict):
            some = part_of(chance, value, base[key])
            if some:
                part[key] = some
        else:
            part[key] = value
    for key in base:
        optional_category = key in CATEGORIES and "default" in base
        if (key in REPLACED_BY_NULL or optional_category) and chance.random() < 0.2:
            part[key] = None
    if "statuses" in part and len(base["statuses"]) > 2 and chance.random() < 0.3:
        part["statuses"][chance.choice(sorted(base["statuses"]))] = None
    return part
