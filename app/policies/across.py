"""What only several packs together can break: ids, the regions that overlays extend, and dates of one area."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, NamedTuple

from app.policies.check import missing_keys
from app.policies.errors import PackError
from app.policies.form import REGION
from app.policies.merge import merged

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.policies.tree import Branch

_REGION_ENDING = "0000"


class _Dated(NamedTuple):
    """One file's tree; `region` is the tree of the region that an overlay extends, where it is known."""

    file: str
    tree: Branch
    region: Branch | None = None

    @property
    def begins(self) -> date | None:
        own = self.tree.day("effective_from")
        return self.region.day("effective_from") if own is None and self.region else own

    @property
    def ends(self) -> date:
        """The last day; `date.max` where the pack is open-ended."""
        given = self.tree if self.region is None or "effective_to" in self.tree.entries else self.region
        return given.day("effective_to") or date.max

    def line(self, *keys: str) -> int:
        """Where to point: the first of the keys that the file has."""
        return next((self.tree.entries[key].line for key in keys if key in self.tree.entries), 1)


_Regions = dict[str, tuple[str, "Branch"]]


def errors_across(files: list[tuple[str, Branch]], faulty: set[str]) -> list[PackError]:
    """Find all errors between files; an overlay is judged whole only where neither it nor its region is `faulty`."""
    regions: _Regions = {}
    errors = list(_repeated_ids(files, regions))
    repeated = {error.file for error in errors}
    dated: list[_Dated] = []
    for file, tree in files:
        if "extends" not in tree.entries:
            dated.append(_Dated(file, tree))
            errors.extend(_region_errors(dated[-1]))
            continue
        base_file, base = regions.get(str(tree.value("extends")), ("", None))
        dated.append(_Dated(file, tree, base))
        errors.extend(_overlay_errors(dated[-1], regions))
        if base is not None and not faulty & {file, base_file}:
            errors.extend(missing_keys(file, merged(base, tree), REGION))
    errors.extend(_overlaps([each for each in dated if each.file not in repeated]))
    return errors


def _repeated_ids(files: list[tuple[str, Branch]], regions: _Regions) -> Iterator[PackError]:
    """Fill in the regions by id, and tell every id that is there a second time."""
    for file, tree in files:
        region_id = _id(tree)
        if region_id is None:
            continue
        if region_id in regions:
            message = f"the id {region_id} is that of {regions[region_id][0]} too, expected an id of its own"
            yield PackError(file, "name", tree.entries["name"].line, message)
        else:
            regions[region_id] = (file, tree)


def _id(tree: Branch) -> str | None:
    name, begins = tree.value("name"), tree.day("effective_from")
    return f"{name}@{begins}" if isinstance(name, str) and begins and "extends" not in tree.entries else None


def _region_errors(pack: _Dated) -> Iterator[PackError]:
    area = pack.tree.value("area")
    if isinstance(area, str) and not area.endswith(_REGION_ENDING):
        message = f'found "{area}", expected a region: a code that ends in 0000'
        yield PackError(pack.file, "area", pack.line("area"), message)
    yield from _order_errors(pack)


def _overlay_errors(pack: _Dated, regions: _Regions) -> Iterator[PackError]:
    extends = pack.tree.value("extends")
    if pack.region is None and extends is not None:
        known = ", ".join(regions) or "none is here"
        message = f"found {extends}, a region that is not here, expected one of: {known}"
        yield PackError(pack.file, "extends", pack.line("extends"), message)
    yield from _overlay_area_errors(pack)
    yield from _order_errors(pack)
    if pack.region is not None:
        yield from _outside_region_errors(pack, _Dated(pack.file, pack.region))


def _overlay_area_errors(pack: _Dated) -> Iterator[PackError]:
    area = pack.tree.value("area")
    region = pack.region and pack.region.value("area")
    if isinstance(area, str) and isinstance(region, str) and area[:2] != region[:2]:
        message = f'found "{area}", expected a pooling area of its region: a code that begins with {region[:2]}'
        yield PackError(pack.file, "area", pack.line("area"), message)
    elif isinstance(area, str) and area.endswith(_REGION_ENDING):
        message = f'found "{area}", expected a pooling area: a code that does not end in 0000'
        yield PackError(pack.file, "area", pack.line("area"), message)


def _outside_region_errors(pack: _Dated, region: _Dated) -> Iterator[PackError]:
    if region.begins is None or pack.begins is None:
        return
    inside = f"expected a day inside its region's {region.begins} to {_shown(region.ends)}"
    if not region.begins <= pack.begins <= region.ends:
        line = pack.line("effective_from")
        yield PackError(pack.file, "effective_from", line, f"found {pack.begins}, {inside}")
    if pack.ends > region.ends:
        line = pack.line("effective_to")
        yield PackError(pack.file, "effective_to", line, f"found {_shown(pack.ends)}, {inside}")


def _order_errors(pack: _Dated) -> Iterator[PackError]:
    if pack.begins is not None and pack.ends < pack.begins:
        line = pack.line("effective_to", "effective_from")
        message = f"found {pack.ends}, expected no day before effective_from, {pack.begins}"
        yield PackError(pack.file, "effective_to", line, message)


def _overlaps(packs: list[_Dated]) -> Iterator[PackError]:
    """Compare each pack with all before it of the same area."""
    by_area: dict[str, list[_Dated]] = {}
    for pack in packs:
        area, begins = pack.tree.value("area"), pack.begins
        if not isinstance(area, str) or begins is None:
            continue
        for other in by_area.setdefault(area, []):
            if other.begins is not None and other.begins <= pack.ends and begins <= other.ends:
                message = (
                    f"{begins} to {_shown(pack.ends)} overlaps {other.file}, {other.begins} to {_shown(other.ends)}, "
                    f"expected one pack a day for area {area}"
                )
                yield PackError(pack.file, "effective_from", pack.line("effective_from", "area"), message)
        by_area[area].append(pack)


def _shown(day: date) -> str:
    return "open end" if day == date.max else day.isoformat()
