from __future__ import annotations

import asyncio
import sys
import time

import numpy as np
import pytest

from companion.audio.echo import LEAD_S, EchoCanceller, FarEnd
from companion.audio.virtual import CapturingPlayer
from companion.flow import FRAME_BYTES, Audio
from tests.audio import room
from tests.audio.room import FRAME_S, RATE_HZ, SAID, Wave, mix
from tests.audio.signals import chirp, find, samples

BLOCK_S = 0.02


def pieces(audio: Audio, at_s: float) -> list[tuple[float, Audio]]:
    """As a player tells it: 20 ms each, and when they sound."""
    size = round(audio.rate_hz * BLOCK_S) * 2
    return [
        (at_s + number * BLOCK_S, Audio(pcm=audio.pcm[start : start + size], rate_hz=audio.rate_hz))
        for number, start in enumerate(range(0, len(audio.pcm), size))
    ]


def laid_out(
    told: list[tuple[float, Audio]], seconds: float, *, ahead_s: float = 0.06, off_s: float = 0.0
) -> bytes:
    """What the far end gives for each frame up to `seconds`.

    Pieces come `ahead_s` before they sound; the times of pieces and frames are by turns `off_s` too late and too early.
    """
    far, whole, waiting = FarEnd(), bytearray(), list(told)
    for number in range(round(seconds / FRAME_S)):
        at_s = (number + 1) * FRAME_S
        while waiting and waiting[0][0] <= at_s + ahead_s:
            starts_s, audio = waiting.pop(0)
            far.add(audio, starts_s + off_s * (-1) ** number)
        whole += far.take(at_s + off_s * (-1) ** number)
    return bytes(whole)


@pytest.mark.parametrize("rate_hz", [16_000, 24_000, 44_100])
@pytest.mark.parametrize("at_s", [0.3, 1.011])
def test_what_is_played_lies_where_it_sounds(rate_hz: int, at_s: float) -> None:
    whole = samples(laid_out(pieces(chirp(1.0, rate_hz), at_s), 2.5))
    start, likeness = find(samples(chirp(1.0, 16_000).pcm), whole)
    assert likeness > 0.98
    assert start / RATE_HZ == pytest.approx(at_s - LEAD_S, abs=0.002)
    assert not whole[: start - 10].any()
    assert not whole[start + RATE_HZ + 50 :].any()


def test_a_clock_that_trembles_leaves_no_seam() -> None:
    whole = samples(laid_out(pieces(chirp(2.0, 24_000), 0.5), 3.0, off_s=0.015))
    assert find(samples(chirp(2.0, 16_000).pcm), whole)[1] > 0.99


def late(told: list[tuple[float, Audio]], numbers: range, by_s: float) -> list[tuple[float, Audio]]:
    return [(at_s + by_s * (number in numbers), audio) for number, (at_s, audio) in enumerate(told)]


def test_a_speaker_that_tells_its_first_pieces_too_early_is_believed_later() -> None:
    told = late(pieces(chirp(2.0, 24_000), 0.5), range(4), -0.016)
    whole = samples(laid_out(told, 3.0))
    start, likeness = find(samples(chirp(2.0, 16_000).pcm)[RATE_HZ // 2 :], whole)
    assert likeness > 0.99
    assert start / RATE_HZ == pytest.approx(1.0 - LEAD_S, abs=0.002)


def test_a_speaker_that_was_late_for_a_moment_is_late_from_then_on() -> None:
    told = late(pieces(chirp(2.0, 24_000), 0.5), range(50, 100), 0.041)
    whole = samples(laid_out(told, 3.0))
    start, likeness = find(samples(chirp(2.0, 16_000).pcm)[round(1.2 * RATE_HZ) :], whole)
    assert likeness > 0.99
    assert start / RATE_HZ == pytest.approx(1.7 + 0.041 - LEAD_S, abs=0.002)


def test_a_canceller_says_when_it_cannot_be_relied_on_yet_and_when_a_device_was_late() -> None:
    far = room.app_voice(SAID[0])
    near = mix((0, room.noise(far.seconds + 2, -64)), (1, room.echo(far)))
    canceller, told, unsure = EchoCanceller(), late(pieces(far, 1.0), range(200, 10_000), 0.041), []
    pcm = room.pcm(near)
    for number, start in enumerate(range(0, len(pcm) - FRAME_BYTES + 1, FRAME_BYTES)):
        at_s = (number + 1) * FRAME_S
        while told and told[0][0] <= at_s + 0.06:
            starts_s, audio = told.pop(0)
            canceller.far(audio, starts_s)
        canceller.near(pcm[start : start + FRAME_BYTES], at_s)
        if canceller.relearns:
            unsure.append(at_s)
    first = [at_s for at_s in unsure if at_s < 4.5]
    assert 1.5 < max(first) < 3.5, "it knows its room after a second or two of sound"
    again = [at_s for at_s in unsure if at_s > 4.5]
    assert again
    assert max(again) - min(again) < 1.0


@pytest.mark.parametrize("ahead_s", [0.06, 5.0])
def test_a_pause_between_two_sentences_is_as_long_as_it_was(ahead_s: float) -> None:
    first, second = chirp(0.5, 24_000), room.app_voice(SAID[1])
    whole = samples(laid_out(pieces(first, 0.2) + pieces(second, 1.5), 3.0, ahead_s=ahead_s))
    loud = np.flatnonzero(np.abs(whole.astype(np.int32)) > 60) / RATE_HZ
    gap_at = int(np.argmax(np.diff(loud)))
    assert loud[gap_at] == pytest.approx(0.7 - LEAD_S, abs=0.02)
    assert 1.5 - LEAD_S - 0.01 < loud[gap_at + 1] < 1.7


def test_pieces_told_long_ago_are_not_taken_for_what_sounds_now() -> None:
    far = FarEnd()
    for at_s, audio in pieces(chirp(1.0, 24_000), 10.0):
        far.add(audio, at_s)
    assert not any(far.take(30.0))
    assert len(far.take(30.02)) == FRAME_BYTES


def cancelled(near: Wave, far: Audio, *, far_at_s: float = 1.0) -> Wave:
    """`near` with the echo of `far` removed."""
    canceller, told = EchoCanceller(), pieces(far, far_at_s)
    clean, pcm = bytearray(), room.pcm(near)
    for number, start in enumerate(range(0, len(pcm) - FRAME_BYTES + 1, FRAME_BYTES)):
        at_s = (number + 1) * FRAME_S
        while told and told[0][0] <= at_s + 0.06:
            starts_s, audio = told.pop(0)
            canceller.far(audio, starts_s)
        clean += canceller.near(pcm[start : start + FRAME_BYTES], at_s)
    return samples(bytes(clean)).astype(np.float64)


ROOMS = [
    pytest.param({"delay_ms": 80, "gain_db": -6.0}, 25, id="near and loud"),
    pytest.param({"delay_ms": 150, "gain_db": -12.0}, 22, id="far and soft"),
    pytest.param({"delay_ms": 110, "gain_db": -6.0, "ring_s": 0.05}, 12, id="a room that rings"),
    pytest.param({"delay_ms": 300, "gain_db": -6.0}, 25, id="a slow wireless speaker"),
]


@pytest.mark.parametrize(("how", "at_least_db"), ROOMS)
def test_the_apps_voice_is_taken_out(how: dict[str, float], at_least_db: float) -> None:
    far = room.app_voice(SAID[0])
    near = mix((0, room.noise(far.seconds + 2, -64)), (1, room.echo(far, **how)))  # type: ignore[arg-type]
    clean = cancelled(near, far)
    speaking = slice(2 * RATE_HZ, round((far.seconds + 0.5) * RATE_HZ))
    assert room.db(near[speaking]) - room.db(clean[speaking]) > at_least_db


def above(hz: float, wave: Wave) -> Wave:
    """Without the depths, whose phase the canceller's own high-pass filter turns."""
    spectrum = np.fft.rfft(wave)
    spectrum[: round(hz * len(wave) / RATE_HZ)] = 0
    return np.fft.irfft(spectrum, len(wave))


def test_a_persons_voice_is_left_when_nothing_plays() -> None:
    said = room.person("austen-0890.wav")
    near = mix((0, room.noise(6, -64)), (0.5, said))
    clean = cancelled(near, Audio(pcm=b"", rate_hz=24_000))
    at, likeness = find(samples(room.pcm(above(300, said))), samples(room.pcm(above(300, clean))))
    assert likeness > 0.95
    assert at / RATE_HZ == pytest.approx(0.5, abs=0.02)
    assert room.db(clean) == pytest.approx(room.db(near), abs=1.5)


def test_without_the_optional_install_frames_pass_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    assert EchoCanceller().cancels
    monkeypatch.setitem(sys.modules, "pywebrtc_audio", None)
    canceller = EchoCanceller()
    assert not canceller.cancels
    frame = room.pcm(room.noise(FRAME_S, -20))
    canceller.far(chirp(0.02, 24_000), 0.0)
    assert canceller.near(frame, 0.02) == frame


async def test_the_kept_speaker_tells_what_it_plays_a_moment_before_it_sounds() -> None:
    player, spoken = CapturingPlayer(), chirp(0.4, 24_000)
    player.begin(1)
    began_s = time.monotonic()
    await player.write(1, spoken)
    told: list[tuple[float, Audio]] = []
    while player.heard_s < 0.15:
        told += player.played()
        await asyncio.sleep(0.02)
    heard_s = player.flush()
    assert player.played() == []
    joined = b"".join(audio.pcm for _, audio in told)
    assert spoken.pcm.startswith(joined)
    assert heard_s < len(joined) / 48_000 + 0.1
    starts_s = [
        at_s - sum(audio.seconds for _, audio in told[:number]) for number, (at_s, audio) in enumerate(told)
    ]
    assert starts_s == pytest.approx([starts_s[0]] * len(told), abs=0.001)
    assert starts_s[0] == pytest.approx(began_s, abs=0.05)
