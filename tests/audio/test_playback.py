from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np
import pytest

from companion.audio.devices import list_devices
from companion.audio.playback import DevicePlayer, _Output
from companion.audio.ring import Ring
from companion.errors import CompanionError, Kind
from companion.flow import Audio
from companion.pcm import SILENCE_DB
from companion.tasks import spawn
from tests.audio.calm import on_a_calm_machine
from tests.audio.signals import chirp, find, loud_span, samples, sine
from tests.whole.sound import SoundServer


@asynccontextmanager
async def speaker(player: DevicePlayer) -> AsyncIterator[DevicePlayer]:
    """Closed again, however the test ends."""
    try:
        yield player
    finally:
        await player.close()
        assert not player.is_open


@pytest.mark.parametrize("rate_hz", [22_050, 24_000])
async def test_the_speaker_plays_what_was_written_and_tells_how_much_was_heard(
    sound: SoundServer, rate_hz: int
) -> None:
    spoken = chirp(1.0, rate_hz)

    async def attempt() -> None:
        async with speaker(DevicePlayer()) as player:
            recording = sound.record_speaker()
            player.begin(1)
            half = len(spoken.pcm) // 4 * 2
            and_half_a_sample = spoken.pcm[:half] + b"\0"
            await player.write(1, Audio(pcm=and_half_a_sample, rate_hz=rate_hz))
            await player.write(1, Audio(pcm=spoken.pcm[half:], rate_hz=rate_hz))
            draining, seen = spawn(player.drain(1), name="drain"), []
            while not draining.done():
                seen.append((player.heard_s, player.level_db))
                await asyncio.sleep(0.02)
            await draining
            recorded = recording.stop()
            _, likeness = find(samples(chirp(1.0, recorded.rate_hz).pcm), recorded.samples)
            assert likeness > 0.99
            heard = [heard_s for heard_s, _ in seen]
            assert heard == sorted(heard)
            assert len({round(heard_s, 2) for heard_s in heard}) > 20, "heard_s moves steadily, not in leaps"
            assert player.heard_s == pytest.approx(1.0, abs=0.001)
            assert max(level for _, level in seen) == pytest.approx(-9.0, abs=1.0)
            assert (player.level_db, player.gaps) == (SILENCE_DB, 0)

    await on_a_calm_machine(attempt)


async def test_flush_is_silent_within_150_ms_without_a_click_and_tells_what_was_heard(
    sound: SoundServer,
) -> None:
    async def attempt() -> None:
        async with speaker(DevicePlayer()) as player:
            for turn in range(3):
                recording = sound.record_speaker()
                player.begin(turn)
                await player.write(turn, sine(5.0, 24_000))
                await asyncio.sleep(0.5 + 0.013 * turn)
                flushed_s = time.monotonic()
                heard_s = player.flush()
                await asyncio.sleep(0.25)
                recorded = recording.stop()
                first, last = loud_span(recorded.samples)
                silent_after_s = recorded.started_s + last / recorded.rate_hz - flushed_s
                really_heard_s = flushed_s - recorded.started_s - first / recorded.rate_hz
                assert silent_after_s < 0.150
                assert heard_s == pytest.approx(really_heard_s, abs=0.03)
                steepest = np.abs(np.diff(recorded.samples.astype(np.int32))).max()
                assert steepest < 1.5 * 16384 * 2 * np.pi * 440 / recorded.rate_hz, (
                    "a click is steeper than the tone"
                )
                assert player.heard_s == heard_s

    await on_a_calm_machine(attempt)


async def test_a_new_turn_starts_at_nothing_heard_and_late_sound_of_the_old_one_is_dropped(
    sound: SoundServer,
) -> None:
    async def attempt() -> None:
        async with speaker(DevicePlayer()) as player:
            player.begin(1)
            await player.write(1, sine(3.0, 24_000, hz=300))
            draining = spawn(player.drain(1), name="drain")
            await asyncio.sleep(0.2)
            player.begin(2)
            async with asyncio.timeout(1):
                await draining
            assert player.heard_s == 0.0
            recording = sound.record_speaker()
            await asyncio.sleep(0.15)
            await player.write(1, sine(1.0, 24_000, hz=300))
            await player.write(2, chirp(0.4, 24_000))
            await player.drain(2)
            heard = recording.stop()
            assert player.heard_s == pytest.approx(0.4, abs=0.001)
            assert find(samples(chirp(0.4, heard.rate_hz).pcm), heard.samples)[1] > 0.95

    await on_a_calm_machine(attempt)


async def test_a_device_that_rested_or_was_let_go_goes_on_with_the_same_turn(sound: SoundServer) -> None:
    async def attempt() -> None:
        async with speaker(DevicePlayer(linger_s=0.1)) as player:
            player.begin(1)
            await player.write(1, chirp(0.3, 24_000))
            await player.drain(1)
            async with asyncio.timeout(5):
                while player.is_open:  # noqa: ASYNC110 - what is waited for has no event: it is seen from outside
                    await asyncio.sleep(0.02)
            recording = sound.record_speaker()
            await player.write(1, chirp(0.3, 24_000))
            await player.drain(1)
            heard = recording.stop()
            assert player.heard_s == pytest.approx(0.6, abs=0.002)
            assert find(samples(chirp(0.3, heard.rate_hz).pcm), heard.samples)[1] > 0.99

    await on_a_calm_machine(attempt)


async def test_writing_waits_while_thirty_seconds_are_queued(sound: SoundServer) -> None:
    player = DevicePlayer()
    player.begin(1)
    writing = spawn(player.write(1, sine(31.0, 24_000)), name="write")
    await asyncio.sleep(0.2)
    assert not writing.done()
    player.flush()
    async with asyncio.timeout(2):
        await writing
    await player.close()


async def test_a_speaker_that_dies_in_the_middle_is_told_and_what_was_heard_is_kept(
    mortal_sound: SoundServer,
) -> None:
    player = DevicePlayer()
    player.begin(1)
    await player.write(1, sine(5.0, 24_000))
    await asyncio.sleep(0.3)
    mortal_sound.kill()
    async with asyncio.timeout(5):
        with pytest.raises(CompanionError) as caught:
            await player.drain(1)
    assert caught.value.kind is Kind.SPEAKER_LOST
    assert 0.1 < player.heard_s < 1.0
    with pytest.raises(CompanionError) as again:
        await player.write(1, sine(0.1, 24_000))
    assert again.value.kind is Kind.NO_SPEAKER
    await player.close()


async def test_a_speaker_that_comes_back_goes_on_where_it_fell_silent(sound: SoundServer) -> None:
    spoken = chirp(1.5, 24_000)

    async def attempt() -> None:
        async with speaker(DevicePlayer()) as player:
            player.begin(1)
            recording = sound.record_speaker()
            await player.write(1, spoken)
            await asyncio.sleep(0.5)
            assert player._output is not None
            assert player._output.stream is not None
            player._output.stream.rest()  # what PortAudio does when the device goes away
            await player.drain(1)
            recorded = recording.stop()
            assert player.heard_s == pytest.approx(1.5, abs=0.01)
            last_part = samples(chirp(1.5, recorded.rate_hz).pcm)[-24_000:]
            assert find(last_part, recorded.samples)[1] > 0.99

    await on_a_calm_machine(attempt)


async def test_a_closed_player_holds_nothing_so_that_the_list_of_devices_is_true_again(
    mortal_sound: SoundServer,
) -> None:
    player = DevicePlayer()
    player.begin(1)
    await player.write(1, sine(0.1, 24_000))
    await player.close()
    await player.close()
    assert list_devices().outputs
    mortal_sound.kill()
    assert list_devices().outputs == ()


class Clock:
    """A system that leaves the stream's clock out."""

    currentTime = outputBufferDacTime = 0.0
    output_underflow = False


def play_block(output: _Output, size: int = 960) -> bytes:
    out = bytearray(size)
    output._on_block(memoryview(out), size // 2, Clock, Clock)
    return bytes(out)


def output_with(pcm: bytes) -> _Output:
    output = _Output(lambda: None)
    output.ring = Ring(len(pcm) + 4800)
    output._ramp = np.linspace(1.0, 0.0, 240, dtype=np.float32)
    output.is_running = True
    output.ring.write(memoryview(pcm))
    return output


def test_the_callback_fades_in_the_very_next_block_and_the_next_turn_follows_at_once() -> None:
    output = output_with(np.full(4800, 10_000, dtype="<i2").tobytes())
    assert samples(play_block(output)).tolist() == [10_000] * 480
    output.cut()
    output.ring.write(memoryview(np.full(480, 5_000, dtype="<i2").tobytes()))
    faded = samples(play_block(output))
    assert (np.diff(faded[:240].astype(np.int32)) <= 0).all()
    assert faded[[0, 120, 239]].tolist() == pytest.approx([10_000, 5_000, 0], abs=50)
    assert not faded[240:].any()
    assert samples(play_block(output)).tolist() == [5_000] * 480


def test_without_a_clock_what_was_just_handed_over_does_not_count_as_heard() -> None:
    output = output_with(np.full(4800, 10_000, dtype="<i2").tobytes())
    play_block(output)
    assert output.sounding() == (0, False)
    time.sleep(0.07)
    assert output.sounding()[0] > 0


def test_a_gap_is_counted_only_while_more_is_to_come() -> None:
    output = output_with(bytes(960 * 2))
    output.expects_more = True
    for _ in range(5):
        play_block(output)
    assert output.gaps == 1
    output.ring.write(memoryview(bytes(960)))
    output.expects_more = False
    for _ in range(3):
        play_block(output)
    assert output.gaps == 1
