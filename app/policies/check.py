"""Checks one file's nodes against the contract's forms: all errors, and a tree of what is right."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.policies import strict_yaml as yaml
from app.policies.errors import PackError, shortened
from app.policies.form import OVERLAY, REGION, SOURCE, BandList, Form, Record, SourceForm
from app.policies.strict_yaml import under
from app.policies.tree import Branch, Items, Leaf, Refused, Tree
from app.settlement.pack import Source

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.policies.form import AnyForm
    from app.policies.strict_yaml import Node


def check_file(file: str, root: Node) -> tuple[Branch, list[PackError]]:
    """Check a whole file; one that holds `extends` is an overlay, any other a region.

    What a region lacks is told here; what an overlay lacks only its region can tell, after merging.
    """
    if not isinstance(root, yaml.Mapping):
        return Branch({}, 1), [PackError(file, "", root.line, "found no mapping, expected the keys of a policy pack")]
    overlay = "extends" in root.entries
    check = _Check(file)
    branch = check.record(root, OVERLAY if overlay else REGION, "", None)
    if overlay:
        missing = [] if "area" in branch.entries else [PackError(file, "area", 1, "missing from an overlay")]
    else:
        missing = list(missing_keys(file, branch, REGION))
    return branch, sorted([*check.errors, *missing], key=lambda error: error.line)


def missing_keys(file: str, tree: Tree, form: AnyForm, path: str = "") -> Iterator[PackError]:
    """Tell every required key that a tree lacks, its own `source` aside, which each file is asked for."""
    if isinstance(tree, Branch) and isinstance(form, Record):
        for key, below in form.required.items():
            if key not in tree.entries and below is not SOURCE:
                yield PackError(file, under(path, key), tree.line, f"missing, expected {_expected(below)}")
        for key, entry in tree.entries.items():
            if (known := form.form(key)) is not None:
                yield from missing_keys(file, entry, known, under(path, key))


class _Check:
    """Walks nodes beside forms and collects the errors of one file."""

    def __init__(self, file: str) -> None:
        self._file = file
        self.errors: list[PackError] = []

    def record(self, node: yaml.Mapping, form: Record, path: str, inherited: Source | None) -> Branch:
        entries: dict[str, Tree] = {}
        own = self._own_source(node, form, path)
        if own is not None:
            entries["source"] = own
        source = own.value if isinstance(own, Leaf) and isinstance(own.value, Source) else inherited
        for key, (line, value) in node.entries.items():
            below, known = under(path, key), form.form(key)
            if key in entries or known is SOURCE:
                continue
            if known is None:
                where = "an overlay may hold only" if form is OVERLAY else "expected one of"
                self._error(below, line, f"unknown key, {where}: {form.keys}")
            else:
                entries[key] = self._any(value, known, below, source, required=key in form.required)
        return Branch(entries, node.line)

    def _own_source(self, node: yaml.Mapping, form: Record, path: str) -> Tree | None:
        """Read the source of this very mapping; a top-level block without one is an error."""
        required = "source" in form.required
        if form.sourced and "source" in node.entries:
            return self._any(node.entries["source"][1], SOURCE, under(path, "source"), None, required=required)
        if required:
            self._error(under(path, "source"), node.line, f"missing, expected {SOURCE.expected}")
        return None

    def _any(  # noqa: PLR0911 # one return for each kind of place
        self, node: Node, form: AnyForm, path: str, source: Source | None, *, required: bool
    ) -> Tree:
        if isinstance(node, yaml.Unreadable):
            return Refused(node.line)
        if isinstance(node, yaml.Scalar) and node.is_null and not required:
            return Leaf(None, form.unit if isinstance(form, Form) else None, source, self._file, node.line)
        if isinstance(form, Form) and isinstance(node, yaml.Scalar):
            return self._scalar(node, form, path, source)
        if isinstance(form, Record) and isinstance(node, yaml.Mapping):
            return self.record(node, form, path, source)
        if isinstance(form, SourceForm) and isinstance(node, yaml.Mapping):
            return self._source(node, path)
        if isinstance(form, BandList) and isinstance(node, yaml.Sequence):
            return self._bands(node, form.band, path, source)
        return self._refuse(path, node.line, f"found {_found(node)}, expected {_expected(form)}")

    def _scalar(self, scalar: yaml.Scalar, form: Form, path: str, source: Source | None) -> Tree:
        value = None if scalar.is_null else form.read(scalar)
        if value is None:
            return self._refuse(path, scalar.line, f"found {_found(scalar)}, expected {form.expected}")
        return Leaf(value, form.unit, source, self._file, scalar.line)

    def _source(self, node: yaml.Mapping, path: str) -> Tree:
        words: dict[str, str] = {}
        for key, (line, value) in node.entries.items():
            text = value.text if isinstance(value, yaml.Scalar) and not value.is_null else ""
            if key not in Source._fields:
                self._error(under(path, key), line, f"unknown key, expected {SOURCE.expected}")
            elif not text.strip() and not isinstance(value, yaml.Unreadable):
                self._error(under(path, key), line, "found no words, expected words")
            words[key] = text
        if words.keys() in ({"document", "clause"}, {"assumed"}):
            return Leaf(Source(**words), None, None, self._file, node.line)
        if words.keys() <= set(Source._fields):
            found = " and ".join(words) or "nothing"
            self._error(path, node.line, f"found {found}, expected {SOURCE.expected}")
        return Refused(node.line)

    def _bands(self, node: yaml.Sequence, form: Record, path: str, source: Source | None) -> Tree:
        if not node.items:
            return self._refuse(path, node.line, "found no band, expected at least one, the last without up_to")
        bands: list[Branch] = []
        for index, item in enumerate(node.items):
            place = f"{path}[{index}]"
            if isinstance(item, yaml.Mapping):
                bands.append(self.record(item, form, place, source))
                self.errors.extend(missing_keys(self._file, bands[-1], form, place))
            elif not isinstance(item, yaml.Unreadable):
                self._error(place, item.line, f"found {_found(item)}, expected {_expected(form)}")
        if len(bands) < len(node.items):
            return Refused(node.line)
        self._bounds(bands, path)
        self._rates(bands, path)
        return Items(tuple(bands), node.line)

    def _bounds(self, bands: list[Branch], path: str) -> None:
        """Bounds ascend strictly from above 0, and the last band alone is open."""
        lower = 0
        for index, band in enumerate(bands):
            place = f"{path}[{index}].up_to"
            last = index == len(bands) - 1
            bound = band.entries.get("up_to") or Leaf(None, "yuan", None, self._file, band.line)
            if last and (not isinstance(bound, Leaf) or bound.value is not None):
                self._error(place, bound.line, "found a bound, expected none: the last band is open")
            elif not last and isinstance(bound, Leaf) and bound.value is None:
                self._error(place, bound.line, "missing, expected a bound: only the last band is open")
            elif isinstance(bound, Leaf) and isinstance(bound.value, int):
                if bound.value <= lower:
                    self._error(place, bound.line, "does not ascend, expected more than 0 and than the band before")
                lower = bound.value

    def _rates(self, bands: list[Branch], path: str) -> None:
        """Rates do not fall; equal ones are fine."""
        before = 0
        for index, band in enumerate(bands):
            rate = band.entries.get("rate")
            if isinstance(rate, Leaf) and isinstance(rate.value, int):
                if rate.value < before:
                    message = "a falling rate, expected one no lower than that of the band before"
                    self._error(f"{path}[{index}].rate", rate.line, message)
                before = rate.value

    def _refuse(self, path: str, line: int, message: str) -> Refused:
        self._error(path, line, message)
        return Refused(line)

    def _error(self, path: str, line: int, message: str) -> None:
        self.errors.append(PackError(self._file, path, line, message))


def _expected(form: AnyForm) -> str:
    if isinstance(form, Record):
        return f"a mapping with the keys: {form.keys}"
    if isinstance(form, BandList):
        return f"a list of bands with the keys: {form.band.keys}"
    return form.expected


def _found(node: Node) -> str:
    if isinstance(node, yaml.Scalar):
        return "null" if node.is_null else shortened(node.text) + (" in quotes" if node.quoted else "")
    return "a mapping" if isinstance(node, yaml.Mapping) else "a list"
