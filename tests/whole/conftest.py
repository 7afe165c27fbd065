"""The desk most files of this folder work at."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.whole.desk import Desk, desk


@pytest.fixture(scope="module")
def place() -> Iterator[Desk]:
    """One for all the tests of a file."""
    with desk() as own:
        yield own
