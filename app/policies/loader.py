"""Loads folders of policy packs (policy-pack.md): every file strictly, all errors of all files at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from app.policies.across import errors_across
from app.policies.build import build_pack, pack_id
from app.policies.check import check_file
from app.policies.errors import PackError, PacksRefused
from app.policies.merge import merged
from app.policies.strict_yaml import MAX_BYTES, read_yaml

if TYPE_CHECKING:
    from pathlib import Path

    from app.policies.tree import Branch
    from app.settlement.pack import Pack

__all__ = ["LoadedPack", "PackError", "PackFile", "PacksRefused", "load_packs", "read_folder"]

_SUFFIXES = (".yaml", ".yml")


class PackFile(NamedTuple):
    """A file's name and bytes, before anything is known of them."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class LoadedPack:
    """A pack with the tree it was built from; `file` is the overlay's where there is one, else the region's.

    `files` are the region's and, where there is one, the overlay's: what it takes to load the pack anew.
    """

    pack: Pack
    tree: Branch
    file: str
    files: tuple[PackFile, ...]

    @property
    def is_overlay(self) -> bool:
        """Whether this is a region with a pooling area's overlay laid over it."""
        return "extends" in self.tree.entries


def load_packs(files: list[PackFile]) -> tuple[LoadedPack, ...]:
    """Load files that belong together; the packs stand in the order of their files. Raises `PacksRefused`."""
    trees: list[Branch] = []
    names: list[str] = []
    errors: list[list[PackError]] = []
    for file in files:
        root, found = read_yaml(file.name, file.content)
        if root is not None:
            tree, more = check_file(file.name, root)
            trees.append(tree)
            names.append(file.name)
            found = sorted([*found, *more], key=lambda error: error.line)
        errors.append(found)
    faulty = {error.file for found in errors for error in found}
    across = errors_across(list(zip(names, trees, strict=True)), faulty)
    everything = [
        error
        for file, found in zip(files, errors, strict=True)
        for error in sorted([*found, *(each for each in across if each.file == file.name)], key=lambda each: each.line)
    ]
    if everything:
        raise PacksRefused(tuple(everything))
    regions = {pack_id(tree): tree for tree in trees if "extends" not in tree.entries}
    texts = {file.name: file for file in files}
    region_files = {
        pack_id(tree): texts[name] for name, tree in zip(names, trees, strict=True) if "extends" not in tree.entries
    }
    return tuple(_loaded(texts[name], tree, regions, region_files) for name, tree in zip(names, trees, strict=True))


def _loaded(file: PackFile, tree: Branch, regions: dict[str, Branch], region_files: dict[str, PackFile]) -> LoadedPack:
    files: tuple[PackFile, ...] = (file,)
    if "extends" in tree.entries:
        region = tree.text("extends")
        tree, files = merged(regions[region], tree), (region_files[region], file)
    return LoadedPack(build_pack(tree), tree, file.name, files)


def read_folder(folder: Path, *, may_be_empty: bool = False) -> list[PackFile]:
    """Read all *.yaml and *.yml of a folder, in the order of their names. Raises `PacksRefused`."""
    try:
        # Of the folder itself: behind a link another one may be put while its files are read.
        paths = sorted(path for path in folder.resolve().iterdir() if path.suffix.lower() in _SUFFIXES)
    except OSError as error:
        raise _unreadable(str(folder), f"cannot be read ({error.strerror}), expected a folder of packs") from error
    if not paths and not may_be_empty:
        raise _unreadable(str(folder), "holds no pack, expected files *.yaml or *.yml")
    return [PackFile(_shown(path.name), _content(path)) for path in paths]


def _content(path: Path) -> bytes:
    if not path.is_file():
        raise _unreadable(path.name, "is no file, expected a policy pack")
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise _unreadable(path.name, f"cannot be read ({error.strerror}), expected a policy pack") from error


def _unreadable(name: str, message: str) -> PacksRefused:
    return PacksRefused((PackError(_shown(name), "", 1, message),))


def _shown(name: str) -> str:
    return name.encode("utf-8", "replace").decode("utf-8")
