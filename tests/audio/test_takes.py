"""First and last words survive, take after take, whatever the moment of the press."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from companion.audio.capture import DeviceMicrophone
from companion.decoding import read_file
from companion.flow import Audio
from companion.pcm import write_file
from companion.tasks import spawn
from tests.audio.calm import on_a_calm_machine
from tests.audio.signals import DATA, find, samples
from tests.audio.test_capture import read_all
from tests.whole.sound import SoundServer

EDGE = 16_000 // 4
"""A quarter of a second: a first or last word."""


@pytest.mark.parametrize("takes", [4, pytest.param(20, marks=pytest.mark.long)])
async def test_first_and_last_words_survive(sound: SoundServer, tmp_path: Path, takes: int) -> None:
    whole, dice = read_file(DATA / "austen-0890.wav"), random.Random(3)
    spoken = Audio(pcm=whole.pcm[32_000:57_600], rate_hz=whole.rate_hz)
    write_file(tmp_path / "spoken.wav", spoken)
    words = samples(spoken.pcm)

    async def one_take() -> None:
        await asyncio.sleep(dice.random() * 0.06)  # any phase against the device's blocks
        take = await DeviceMicrophone().open()
        reading = spawn(read_all(take.frames()), name="read")
        speaker = sound.speak_into_mic(tmp_path / "spoken.wav")  # the person begins the moment it listens
        await asyncio.to_thread(speaker.wait, 30)
        await asyncio.sleep(0.2)  # the release tail
        await take.close()
        heard = samples(await reading)
        at, likeness = find(words, heard)
        assert likeness > 0.98
        assert find(words[:EDGE], heard)[1] > 0.95, "first word"
        assert find(words[-EDGE:], heard)[1] > 0.95, "last word"
        assert len(heard) >= at + len(words), "the end"

    for _ in range(takes):
        await on_a_calm_machine(one_take)
