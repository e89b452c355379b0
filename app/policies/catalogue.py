"""The catalogue of packs: which one is in force for an area on a day, and where each of its numbers comes from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from app.policies.loader import LoadedPack, PackFile, load_packs, read_folder
from app.policies.tree import leaves
from app.settlement.money import Fen, money_text, rate_text
from app.settlement.pack import Source

if TYPE_CHECKING:
    from app.policies.tree import Leaf, Unit
    from app.settlement.pack import Pack

_REGION_DIGITS = 2
# How long a pack that ended counts as one that should have been followed.
_REMEMBERED = timedelta(days=60)
_HEADER = frozenset({"name", "extends", "title", "area", "scheme", "effective_from", "effective_to"})


class Number(NamedTuple):
    """One value of a merged pack: its dotted path, its text, unit and source, and the file that gave it.

    `unit` is None for a switch or a word (`backstop.enabled`), `text` None for a cap that is written as none.
    """

    path: str
    text: str | None
    unit: Unit | None
    source: Source
    file: str
    from_overlay: bool


class _Period(NamedTuple):
    begins: date
    ends: date
    pack: Pack


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All packs of a service; never changes once it is made."""

    _loaded: tuple[LoadedPack, ...]
    _by_area: dict[str, tuple[_Period, ...]]

    def in_force(self, area: str, day: date) -> Pack | None:
        """Find the overlay of the pooling area in force on the day, else the region's pack, else None."""
        for begins, ends, pack in self._by_area.get(area, ()):
            if begins <= day <= ends:
                return pack
        for begins, ends, pack in self._by_area.get(area[:_REGION_DIGITS], ()):
            if begins <= day <= ends:
                return pack
        return None

    def days_left(self, today: date) -> dict[tuple[str, str], int]:
        """In how many days each pack ends that is in force and that none follows, by its id and area.

        One that has ended lately is among them, below 0, until another is there: an area without rules settles nothing.
        """
        found = {}
        for periods in self._by_area.values():
            for begins, ends, pack in periods:
                after = ends + timedelta(days=1) if ends < date.max else None
                if after is None or not begins <= today <= ends + _REMEMBERED:
                    continue
                if not any(other.begins <= after <= other.ends for other in periods):
                    found[pack.id, pack.area] = (ends - today).days
        return found

    @property
    def packs(self) -> tuple[Pack, ...]:
        """All packs, regions and overlays, in the order of id, area and date."""
        return tuple(each.pack for each in self._loaded)

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of all regions; an overlay has none of its own."""
        return tuple(dict.fromkeys(pack.id for pack in self.packs))

    def by_id(self, pack_id: str, area: str | None = None) -> Pack | None:
        """Find a region's pack, or with an area its overlay there, the latest one; without an overlay the region's.

        None for an id that is not here, and for an area of another region.
        """
        family = [each for each in self._loaded if each.pack.id == pack_id]
        region = next((each.pack for each in family if not each.is_overlay), None)
        if region is None or area is None:
            return region
        overlays = [each.pack for each in family if each.is_overlay and each.pack.area == area]
        if overlays:
            return overlays[-1]
        return region if area[:_REGION_DIGITS] == region.area[:_REGION_DIGITS] else None

    def files(self, pack: Pack) -> tuple[PackFile, ...]:
        """The files that a pack was made from: the region's and, where there is one, the overlay's."""
        return next(each.files for each in self._loaded if each.pack == pack)

    def numbers(self, pack: Pack) -> tuple[Number, ...]:
        """List every number of a pack with its unit and source, in the order of its file."""
        return tuple(each for each in self.values(pack) if each.unit is not None and each.text is not None)

    def values(self, pack: Pack) -> tuple[Number, ...]:
        """List every value of a pack: its numbers, its switches and words, and the caps that are written as none."""
        loaded = next(each for each in self._loaded if each.pack == pack)
        own_file = loaded.file if loaded.is_overlay else None
        return tuple(
            Number(path, _text(leaf), leaf.unit, leaf.source, leaf.file, leaf.file == own_file)
            for path, leaf in leaves(loaded.tree)
            # A block or a source that is written as null says nothing, and has no source.
            if path.partition(".")[0] not in _HEADER and leaf.source and not isinstance(leaf.value, Source)
        )


def load_shipped(extra: Path | None = None) -> Catalogue:
    """Load the packs that ship and, beside them, those of a folder of one's own (ONESTOP_PACKS_DIR).

    An overlay there may extend a region that ships. Raises `PacksRefused`.
    """
    shipped = read_folder(Path(__file__).parent)
    names = {file.name for file in shipped}
    added = read_folder(extra, may_be_empty=True) if extra else []
    told_apart = [
        file._replace(name=f"ONESTOP_PACKS_DIR/{file.name}") if file.name in names else file for file in added
    ]
    return catalogue_of(load_packs(shipped + told_apart))


def load_folder(folder: Path) -> Catalogue:
    """Load the packs of one folder and no others. Raises `PacksRefused`."""
    return catalogue_of(load_packs(read_folder(folder)))


def load_files(files: list[PackFile], pack_hash: str) -> Pack | None:
    """Load one pack anew from the files that it was made from; None where they make another. Raises `PacksRefused`."""
    return next((each.pack for each in load_packs(files) if each.pack.hash == pack_hash), None)


def catalogue_of(loaded: tuple[LoadedPack, ...]) -> Catalogue:
    """Index packs by area: overlays by all six digits, regions by their first two."""
    ordered = sorted(loaded, key=lambda each: (each.pack.id, each.pack.area, each.pack.effective_from))
    by_area: dict[str, list[_Period]] = {}
    for each in ordered:
        pack = each.pack
        key = pack.area if each.is_overlay else pack.area[:_REGION_DIGITS]
        by_area.setdefault(key, []).append(_Period(pack.effective_from, pack.effective_to or date.max, pack))
    return Catalogue(tuple(ordered), {key: tuple(periods) for key, periods in by_area.items()})


def _text(leaf: Leaf) -> str | None:
    value = leaf.value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return money_text(Fen(value)) if leaf.unit == "yuan" else rate_text(value)
    return None if value is None else str(value)
