"""Lays an overlay over its region, and fingerprints what comes out."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from app.policies.tree import Branch, Items, Leaf, canonical

if TYPE_CHECKING:
    from app.policies.tree import Tree


def merged(base: Branch, overlay: Branch) -> Branch:
    """Merge mappings key by key; lists, scalars and sources replace whole, a null removes its key.

    Each value brings its own source along, so what the overlay leaves alone keeps the source it had in the base.
    """
    entries = dict(base.entries)
    for key, entry in overlay.entries.items():
        below = entries.get(key)
        if isinstance(entry, Leaf) and entry.value is None:
            entries.pop(key, None)
        elif isinstance(entry, Branch):
            entries[key] = merged(below if isinstance(below, Branch) else Branch({}, entry.line), entry)
        else:
            entries[key] = entry
    return Branch(entries, overlay.line)


def content_hash(pack: Branch) -> str:
    """Fingerprint a merged pack (settlement.md §8): the same content gives the same hash, however it is written."""
    content = _plain(Branch({key: entry for key, entry in pack.entries.items() if key != "extends"}, pack.line))
    text = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return "sha256:" + hashlib.sha256(text.encode("utf-8")).hexdigest()


def _plain(tree: Tree) -> object:
    if isinstance(tree, Branch):
        return {key: _plain(entry) for key, entry in tree.entries.items()}
    if isinstance(tree, Items):
        return [_plain(branch) for branch in tree.branches]
    assert isinstance(tree, Leaf), "a pack with errors has no hash"
    return canonical(tree)
