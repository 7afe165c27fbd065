from __future__ import annotations

import io
import itertools
import wave
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings, strategies as st

from companion import decoding, pcm
from companion.errors import CompanionError, Kind
from companion.flow import Audio
from tests.audio.signals import DATA, chirp, find, samples, sine

RATES = (8_000, 16_000, 22_050, 24_000, 44_100, 48_000)


def test_levels_are_what_a_meter_shows() -> None:
    assert pcm.level_db(b"") == pcm.SILENCE_DB
    assert pcm.level_db(bytes(640)) == pcm.SILENCE_DB
    assert pcm.level_db(sine(1, 16_000, level=1.0).pcm) == pytest.approx(-3.0, abs=0.05)
    assert pcm.level_db(sine(1, 16_000, level=0.1).pcm) == pytest.approx(-23.0, abs=0.05)
    assert pcm.level_db(memoryview(np.full(320, -32768, dtype="<i2").tobytes())) == pytest.approx(
        0.0, abs=0.001
    )


@settings(max_examples=40, deadline=None)
@given(
    source_hz=st.sampled_from(RATES),
    target_hz=st.sampled_from(RATES),
    cuts=st.lists(st.integers(0, 4000), max_size=12).map(sorted),
)
def test_resampling_in_any_pieces_gives_the_same_sound_of_the_same_length(
    source_hz: int, target_hz: int, cuts: list[int]
) -> None:
    sound = chirp(0.25, source_hz).pcm
    edges = [0, *(cut * 2 for cut in cuts if cut * 2 < len(sound)), len(sound)]
    stream = pcm.Resampler(source_hz, target_hz)
    pieces = [stream.process(sound[start:end]) for start, end in itertools.pairwise(edges)]
    out = b"".join(pieces) + stream.process(b"", last=True)
    assert len(out) / 2 == pytest.approx(0.25 * target_hz, abs=2)
    whole = pcm.Resampler(source_hz, target_hz).process(sound, last=True)
    assert (
        np.abs(samples(out).astype(int)[: len(whole) // 2] - samples(whole).astype(int)).max(initial=0) <= 2
    )
    assert find(samples(chirp(0.25, target_hz).pcm), samples(out))[1] > 0.99


def test_what_the_lower_rate_cannot_hold_is_removed_and_does_not_fold_back() -> None:
    out = pcm.Resampler(48_000, 16_000).process(sine(0.5, 48_000, hz=12_000).pcm, last=True)
    assert pcm.level_db(out[1600:-1600]) < -70


def test_full_scale_does_not_wrap_around() -> None:
    square = np.repeat(np.tile(np.array([32767, -32768], dtype="<i2"), 50), 240)
    out = samples(pcm.Resampler(24_000, 48_000).process(square.tobytes(), last=True)).astype(int)
    inside = out[2 * 240 * 40 + 120 : 2 * 240 * 41 - 120]
    assert (np.sign(inside) == np.sign(inside[0])).all()


def test_a_wave_file_is_one_to_any_reader() -> None:
    sound = chirp(0.1, 22_050)
    with wave.open(io.BytesIO(pcm.to_wav(sound))) as read:
        assert (read.getnchannels(), read.getsampwidth(), read.getframerate()) == (1, 2, 22_050)
        assert read.readframes(read.getnframes()) == sound.pcm


@pytest.mark.parametrize(
    ("ending", "likeness"), [("wav", 0.9999), ("flac", 0.9999), ("ogg", 0.98), ("mp3", 0.98)]
)
def test_what_was_written_is_read_again(tmp_path: Path, ending: str, likeness: float) -> None:
    sound, path = chirp(0.5, 16_000), tmp_path / f"sound.{ending}"
    pcm.write_file(path, sound)
    assert soundfile.info(path).format in {"WAV", "FLAC", "OGG", "MP3"}
    again = decoding.read_file(path)
    assert again.rate_hz == 16_000
    assert find(samples(sound.pcm)[800:-800], samples(again.pcm))[1] > likeness


def test_stereo_and_other_rates_become_mono_at_the_rate_asked_for() -> None:
    speech = decoding.read_file(DATA / "jfk.flac", 24_000)
    assert speech.rate_hz == 24_000
    assert speech.seconds == pytest.approx(soundfile.info(DATA / "jfk.flac").duration, abs=0.001)


def test_a_file_of_nonsense_numbers_is_read_without_noise(tmp_path: Path) -> None:
    odd = np.array([0.5, np.nan, 7.0, -np.inf] * 100, dtype=np.float32)
    soundfile.write(tmp_path / "odd.wav", odd, 16_000, subtype="FLOAT")
    assert samples(decoding.read_file(tmp_path / "odd.wav").pcm)[:4].tolist() == [16384, 0, 32767, -32768]


@pytest.mark.parametrize(
    "content", [b"", b"hello", b"RIFF\xff\xff\xff\xffWAVEfmt ", pcm.to_wav(Audio(pcm=b"", rate_hz=16_000))]
)
def test_what_is_no_recording_has_its_own_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad.wav").write_bytes(content)
    with pytest.raises(CompanionError) as caught:
        decoding.read_file(tmp_path / "bad.wav")
    assert caught.value.kind is Kind.BAD_FILE
    assert "bad.wav" in str(caught.value)


def test_an_ending_that_is_no_sound_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CompanionError) as caught:
        pcm.write_file(tmp_path / "sound.txt", sine(0.1, 16_000))
    assert caught.value.kind is Kind.BAD_FILE
    assert not (tmp_path / "sound.txt").exists()
