from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.api.service import Service, running


@pytest.fixture(scope="session")
def service() -> Iterator[Service]:
    """One real service for all tests of a process."""
    with running() as started:
        yield started
