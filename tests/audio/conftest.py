"""Real sound for this room's tests: a private sound server that PortAudio in this process finds."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.whole.sound import SoundServer, sound_server_for_this_process


@pytest.fixture(scope="module")
def sound() -> Iterator[SoundServer]:
    with sound_server_for_this_process() as server:
        yield server


@pytest.fixture
def mortal_sound() -> Iterator[SoundServer]:
    """A server of the test's own, to be killed."""
    with sound_server_for_this_process() as server:
        yield server
