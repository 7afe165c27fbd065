from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from companion.audio.capture import DeviceMicrophone, DeviceTake, _Input
from companion.audio.ring import Ring
from companion.decoding import read_file
from companion.errors import CompanionError, Kind
from companion.flow import FRAME_BYTES, Audio
from companion.pcm import SILENCE_DB, write_file
from companion.tasks import spawn
from tests.audio.signals import DATA, chirp, find, samples
from tests.whole.sound import SoundServer


async def read_all(frames: AsyncIterator[bytes]) -> bytes:
    heard = bytearray()
    async for frame in frames:
        assert len(frame) == FRAME_BYTES
        heard += frame
    return bytes(heard)


async def test_a_take_holds_what_was_spoken(sound: SoundServer, tmp_path: Path) -> None:
    whole = read_file(DATA / "austen-0890.wav")
    spoken = Audio(pcm=whole.pcm[32_000:96_000], rate_hz=whole.rate_hz)
    write_file(tmp_path / "spoken.wav", spoken)
    take = await DeviceMicrophone().open()
    assert take.is_open
    reading = spawn(read_all(take.frames()), name="read")
    player = sound.speak_into_mic(tmp_path / "spoken.wav")
    loudest_db = SILENCE_DB
    while player.poll() is None:
        await asyncio.sleep(0.05)
        loudest_db = max(loudest_db, take.level_db)
    await asyncio.sleep(0.2)
    await take.close()
    at, likeness = find(samples(spoken.pcm), samples(await reading))
    assert likeness > 0.95
    assert at >= 0
    assert -40 < loudest_db < 0
    assert (take.is_open, take.level_db, take.dropped_frames, take.is_silent) == (False, SILENCE_DB, 0, False)


async def test_a_muted_microphone_is_told_from_a_quiet_person(sound: SoundServer) -> None:
    take = await DeviceMicrophone().open()
    reading = spawn(read_all(take.frames()), name="read")
    await asyncio.sleep(0.1)
    assert take.is_silent
    sound.speak_into_mic(DATA / "austen-0870.wav")
    for _ in range(100):
        await asyncio.sleep(0.05)
        if not take.is_silent:
            break
    assert not take.is_silent
    await take.close()
    assert samples(await reading).any()


async def test_what_was_recorded_can_be_read_after_the_microphone_is_closed(sound: SoundServer) -> None:
    take = await DeviceMicrophone().open()
    await asyncio.sleep(0.15)
    await take.close()
    await take.close()
    assert not take.is_open
    assert len(await read_all(take.frames())) >= 5 * FRAME_BYTES


async def test_takes_can_follow_one_another_and_overlap(sound: SoundServer) -> None:
    for _ in range(5):
        first = await DeviceMicrophone().open()
        second = await DeviceMicrophone().open()
        await first.close()
        await asyncio.sleep(0.05)
        await second.close()
        assert len(await read_all(second.frames())) >= 2 * FRAME_BYTES


async def test_a_press_that_is_given_up_leaves_no_microphone_open(sound: SoundServer) -> None:
    opening = spawn(DeviceMicrophone().open(), name="open")
    await asyncio.sleep(0)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    take = await DeviceMicrophone().open()
    await take.close()


async def test_a_sound_system_that_dies_in_the_middle_ends_the_take_and_keeps_what_was_said(
    mortal_sound: SoundServer,
) -> None:
    take = await DeviceMicrophone().open()
    heard: list[bytes] = []

    async def listen() -> None:
        async for frame in take.frames():
            heard.append(frame)
            if len(heard) == 10:
                mortal_sound.kill()

    async with asyncio.timeout(5):
        with pytest.raises(CompanionError) as caught:
            await listen()
    assert caught.value.kind is Kind.MICROPHONE_LOST
    assert len(heard) >= 10
    assert not take.is_open


async def test_a_sound_system_that_hangs_ends_the_take_and_keeps_nobody_waiting(
    mortal_sound: SoundServer, expected_warnings: pytest.LogCaptureFixture
) -> None:
    take = await DeviceMicrophone().open()
    mortal_sound.hang()
    async with asyncio.timeout(8):
        with pytest.raises(CompanionError) as caught:
            await read_all(take.frames())
        assert caught.value.kind is Kind.MICROPHONE_LOST
        assert "does not close" in expected_warnings.text
        mortal_sound.go_on()
        while take.is_open:  # noqa: ASYNC110 - the closing that was given up ends in its own thread
            await asyncio.sleep(0.02)


class Unread(DeviceTake):
    """A take whose blocks the test hands in itself, at a device's own rate."""

    def __init__(self, rate_hz: int, kept_s: float) -> None:
        super().__init__(DeviceMicrophone())
        given = _Input()
        given.rate_hz, given.ring = rate_hz, Ring(int(rate_hz * kept_s) * 2)
        self._use(given)

    def hear(self, pcm: bytes) -> None:
        for at in range(0, len(pcm), 1764):
            self._input._on_block(pcm[at : at + 1764], 0, None, Fine())


class Fine:
    input_overflow = False


async def test_a_device_of_another_rate_still_gives_16_khz_and_a_last_frame_that_is_full() -> None:
    take = Unread(44_100, kept_s=5)
    take.hear(chirp(1.005, 44_100).pcm)
    await take.close()
    heard = await read_all(take.frames())
    wanted = samples(chirp(1.005, 16_000).pcm)
    at, likeness = find(wanted, samples(heard))
    assert likeness > 0.999
    assert at == 0
    assert len(heard) % FRAME_BYTES == 0
    assert not samples(heard)[len(wanted) + 5 :].any()


async def test_a_reader_that_never_comes_costs_the_oldest_frames_and_they_are_counted() -> None:
    take = Unread(16_000, kept_s=1)
    spoken = chirp(2.0, 16_000).pcm
    take.hear(spoken)
    assert take.dropped_frames == 50
    await take.close()
    heard = await read_all(take.frames())
    assert heard == spoken[-len(heard) :]
    assert len(heard) == 32_000
    assert take.dropped_frames == 50
