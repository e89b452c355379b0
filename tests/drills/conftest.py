from __future__ import annotations

from collections.abc import Iterator

import pytest

from .site import Site, archived_postgresql


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """A server that archives and serves."""
    with archived_postgresql() as made:
        yield made
