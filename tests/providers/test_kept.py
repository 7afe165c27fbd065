"""Engines that are kept in memory while they are of use."""

from __future__ import annotations

import time

from companion.providers.here.process.kept import Kept
from companion.providers.here.process.natural_engine import _voices
from companion.providers.here.process.whisper_engine import _ear


def test_a_voice_is_given_back_after_ten_idle_minutes_as_a_recogniser_is() -> None:
    assert {kept._idle_s for kept in (_voices, _ear)} == {600.0}


def test_what_nobody_uses_is_given_back_and_what_is_in_use_is_not() -> None:
    kept: Kept[list[str]] = Kept(lambda place: [place], idle_s=0.01)
    with kept.in_use():
        first = kept.get("joe")
        time.sleep(0.05)
        assert kept.get("joe") is first
    while kept.is_loaded:
        time.sleep(0.005)
    assert kept.get("joe") is not first
