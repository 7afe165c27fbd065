from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from companion.audio.virtual import CapturingPlayer, FileMicrophone
from companion.decoding import read_file
from companion.errors import CompanionError, Kind
from companion.flow import CAPTURE_RATE_HZ, FRAME_BYTES, Audio
from companion.pcm import SILENCE_DB
from companion.tasks import spawn
from tests.audio.signals import DATA, chirp, find, samples, sine


async def test_a_file_is_a_take_that_ends_in_silence() -> None:
    microphone = FileMicrophone(DATA / "austen-0890.wav", realtime=False, tail_silence_s=0.1)
    take, heard = await microphone.open(), bytearray()

    async def listen() -> None:
        async for frame in take.frames():
            assert len(frame) == FRAME_BYTES
            heard.extend(frame)

    reading = spawn(listen(), name="listen")
    await microphone.ended.wait()
    assert take.is_open
    assert not take.is_silent
    await take.close()
    await reading
    spoken = read_file(DATA / "austen-0890.wav").pcm
    assert bytes(heard[: len(spoken)]) == spoken
    assert len(heard) - len(spoken) >= 0.1 * CAPTURE_RATE_HZ * 2
    assert not any(heard[len(spoken) :])


async def test_in_real_time_frames_come_as_from_a_device_and_silence_follows_until_closed() -> None:
    microphone = FileMicrophone(sine(0.2, 48_000), tail_silence_s=0)
    take, heard = await microphone.open(), bytearray()

    async def listen() -> None:
        async for frame in take.frames():
            heard.extend(frame)

    reading = spawn(listen(), name="listen")
    await asyncio.sleep(0.1)
    assert not microphone.ended.is_set()
    assert take.level_db == pytest.approx(-9, abs=1)
    await microphone.ended.wait()
    await asyncio.sleep(0.1)
    assert take.level_db == SILENCE_DB
    await take.close()
    await reading
    wave = samples(sine(0.2, 16_000).pcm)
    assert find(wave, samples(bytes(heard)))[1] > 0.99
    assert len(heard) >= len(wave) * 2 + 2 * FRAME_BYTES
    assert not any(heard[len(wave) * 2 + 100 :])
    assert not take.is_open


async def test_a_take_that_is_closed_early_still_gives_what_was_spoken_up_to_then() -> None:
    microphone = FileMicrophone(chirp(5.0, 16_000))
    take = await microphone.open()
    await asyncio.sleep(0.1)
    await take.close()
    await take.close()
    heard = b"".join([frame async for frame in take.frames()])
    assert FRAME_BYTES <= len(heard) < 100 * FRAME_BYTES
    assert heard == chirp(5.0, 16_000).pcm[: len(heard)]
    assert microphone.ended.is_set()


async def test_each_take_hears_the_recording_anew() -> None:
    microphone = FileMicrophone(sine(0.1, 16_000), realtime=False, tail_silence_s=0)
    for _ in range(2):
        take = await microphone.open()
        reading = spawn(_read(take.frames()), name="read")
        await microphone.ended.wait()
        await take.close()
        assert len(await reading) == 5 * FRAME_BYTES


async def _read(frames: object) -> bytes:
    return b"".join([frame async for frame in frames])  # type: ignore[attr-defined]


def test_what_is_no_recording_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("not a sound")
    for name in ("note.txt", "missing.wav"):
        with pytest.raises(CompanionError) as caught:
            FileMicrophone(tmp_path / name)
        assert caught.value.kind is Kind.BAD_FILE
        assert name in str(caught.value)


async def test_the_kept_speaker_takes_its_time_and_keeps_what_was_heard() -> None:
    player = CapturingPlayer()
    player.begin(1)
    await player.write(1, chirp(0.3, 22_050))
    assert player.heard_s < 0.1
    assert player.level_db > -20
    await player.drain(1)
    assert player.heard_s == pytest.approx(0.3, abs=0.001)
    assert player.level_db == SILENCE_DB
    assert find(samples(chirp(0.3, 24_000).pcm), samples(player.audio().pcm))[1] > 0.99


async def test_flush_keeps_only_what_was_heard() -> None:
    player = CapturingPlayer()
    player.begin(1)
    await player.write(1, chirp(5.0, 24_000))
    draining = spawn(player.drain(1), name="drain")
    await asyncio.sleep(0.1)
    heard_s = player.flush()
    async with asyncio.timeout(1):
        await draining
    assert 0.05 < heard_s < 2.0
    assert player.heard_s == heard_s
    assert player.audio().seconds == pytest.approx(heard_s, abs=0.001)
    await player.write(1, chirp(1.0, 24_000))
    player.begin(2)
    assert player.heard_s == 0.0
    await player.write(2, chirp(0.05, 24_000))
    await player.drain(2)
    assert player.audio().seconds == pytest.approx(heard_s + 0.05, abs=0.001)


async def test_a_pause_in_which_nothing_was_queued_is_not_heard() -> None:
    player = CapturingPlayer()
    player.begin(1)
    await asyncio.sleep(0.05)
    await player.write(1, sine(0.5, 24_000))
    assert player.heard_s < 0.04


async def test_without_real_time_everything_is_heard_at_once() -> None:
    player = CapturingPlayer(realtime=False)
    player.begin(1)
    for _ in range(10):
        await player.write(1, sine(20.0, 24_000))
    await player.drain(1)
    assert player.heard_s == pytest.approx(200.0)
    assert player.flush() == pytest.approx(200.0)
    assert player.audio() == Audio(pcm=sine(20.0, 24_000).pcm * 10, rate_hz=24_000)
