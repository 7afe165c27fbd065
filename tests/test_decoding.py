from __future__ import annotations

import io
import itertools
import random
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from companion import decoding, pcm
from companion.decoding import Bare, Decoder, NoSound
from companion.errors import CompanionError, Kind
from companion.flow import Audio
from companion.media import media_type_of
from tests.audio.signals import DATA, chirp, find, samples, sine

RATE_HZ = 24_000
SPEECH = decoding.read_file(DATA / "austen-0870.wav", RATE_HZ)
SPOKEN = samples(SPEECH.pcm)[: 2 * RATE_HZ].astype(np.float32) / 32768
NOISE = random.Random(1).randbytes(20_000)


def wav(
    data: bytes,
    tag: int = 1,
    width: int = 2,
    *,
    channels: int = 1,
    size: int | None = None,
    before: bytes = b"",
) -> bytes:
    """A WAV file with any format, any size written down, and chunks before the sound."""
    if tag == 0xFFFE:
        guid = b"\x01\x00\x00\x00\x00\x00\x10\x00\x80\x00\x00\xaa\x00\x38\x9b\x71"
        more = struct.pack("<HHI", 22, width * 8, 0) + guid
    else:
        more = b""
    block = channels * width
    head = struct.pack("<HHIIHH", tag, channels, RATE_HZ, RATE_HZ * block, block, width * 8) + more
    size = len(data) if size is None else size
    return (
        b"RIFF" + struct.pack("<I", 0xFFFFFFFF) + b"WAVEfmt " + struct.pack("<I", len(head)) + head
        + before + b"data" + struct.pack("<I", size) + data
    )  # fmt: skip


def file(kind: str, subtype: str | None = None, sound: npt.NDArray[np.float32] = SPOKEN) -> bytes:
    out = io.BytesIO()
    soundfile.write(out, sound, RATE_HZ, format=kind, subtype=subtype)
    return out.getvalue()


def fed(data: bytes, step: int, bare: Bare | None = None) -> tuple[bytes, list[int], Decoder]:
    """What comes out, in which steps, and of whom."""
    decoder = Decoder(bare)
    blocks = [decoder.take(data[at : at + step]) for at in range(0, len(data), step)] + [decoder.end()]
    return b"".join(blocks), [len(block) for block in blocks], decoder


def parted(data: bytes, seed: int) -> Iterator[bytes]:
    dice = random.Random(seed)
    edges = sorted({0, len(data), *(dice.randrange(len(data)) for _ in range(40))})
    return (data[start:end] for start, end in itertools.pairwise(edges))


S16 = (SPOKEN * 32768).astype("<i2")
WAVES = {
    "u8": (wav((S16 // 256 + 128).astype(np.uint8).tobytes(), 1, 1), 0.97),
    "s16": (wav(S16.tobytes()), 0.99999),
    "s24": (wav((S16.astype("<i4") << 8).view(np.uint8).reshape(-1, 4)[:, :3].tobytes(), 1, 3), 0.9999),
    "s32": (wav((S16.astype("<i4") << 16).tobytes(), 1, 4), 0.9999),
    "f32": (wav(SPOKEN.tobytes(), 3, 4), 0.9999),
    "f64": (wav(SPOKEN.astype("<f8").tobytes(), 3, 8), 0.9999),
    "alaw": (file("WAV", "ALAW"), 0.999),
    "mulaw": (file("WAV", "ULAW"), 0.999),
    "extensible": (file("WAVEX", "PCM_24"), 0.9999),
    "extensible in a stream": (wav(S16.tobytes(), 0xFFFE, size=0xFFFFFFFF), 0.9999),
    "RF64": (file("RF64", "PCM_16"), 0.9999),
    "ADPCM": (file("WAV", "IMA_ADPCM"), 0.98),
    "size 0": (wav(S16.tobytes(), size=0), 0.9999),
    "size of a stream": (wav(S16.tobytes(), size=0xFFFFFFFF), 0.9999),
    "other chunks first": (wav(S16.tobytes(), before=b"LIST\x03\x00\x00\x00abc\x00junk" + bytes(4)), 0.9999),
    "a chunk without its padding": (wav(S16.tobytes(), before=b"LIST\x03\x00\x00\x00abc"), 0.9999),
    "AIFF": (file("AIFF"), 0.9999),
    "FLAC": (file("FLAC"), 0.9999),
    "MP3": (file("MP3"), 0.97),
    "MP3 after a picture": (b"ID3\x04\x00\x00\x00\x00\x4e\x10" + bytes(10_000) + file("MP3"), 0.97),
    "Vorbis": (file("OGG", "VORBIS"), 0.97),
    "Opus": (file("OGG", "OPUS"), 0.97),
}  # fmt: skip


@pytest.mark.parametrize("name", WAVES)
def test_sound_is_known_by_its_bytes_in_blocks_of_any_size(name: str) -> None:
    data, likeness = WAVES[name]
    for bare in (None, Bare(16_000)):
        decoder = Decoder(bare)
        out = b"".join([decoder.take(block) for block in parted(data, len(data))]) + decoder.end()
        assert decoder.rate_hz == RATE_HZ
        assert len(out) / 2 == pytest.approx(len(SPOKEN), abs=3000)
        assert find(S16[2400:-4800], samples(out))[1] > likeness, find(S16[2400:-4800], samples(out))
        assert not decoder.is_short


@pytest.mark.parametrize("name", ["s16", "f32", "MP3", "FLAC", "Opus", "AIFF"])
def test_sound_is_given_while_it_arrives(name: str) -> None:
    data, _ = WAVES[name]
    step = len(data) // 40
    _, lengths, _ = fed(data, step)
    assert sum(lengths[: len(lengths) * 3 // 4]) > sum(lengths) // 3


def test_sound_in_parts_is_the_same_as_whole() -> None:
    for name in ("MP3", "FLAC", "Opus"):
        data, _ = WAVES[name]
        whole = fed(data, len(data))[0]
        assert fed(data, 997)[0] == whole


@pytest.mark.parametrize(
    "head",
    [
        b"\0\0\0\x20ftypM4A ",
        b"\0\0\0\x18ftyp3gp4",
        b"\xff\xf1\x50\x80",
        b"\x1a\x45\xdf\xa3",
        b"\xff\xe3\x48\xc4",
        b"\xff\xfb\x90\x64",
        b"FORM\0\0\0\0AIFF",
        b"#!AMR\n",
        b"ID3\x04\0\0\0\0\0\0",
        b"OggS",
        b"fLaC",
        b"\x89PNG\r\n\x1a\n",
        b"RIFF\0\0\0\0WAVE",
        b"RIFF\0\0\0\0WEBP",
        b"\x1f\x8b\x08",
        b"",
    ],
)
@pytest.mark.parametrize("bare", [None, Bare(RATE_HZ)])
def test_what_is_no_sound_is_refused_and_never_played(head: bytes, bare: Bare | None) -> None:
    for step in (997, 30_000):
        with pytest.raises(NoSound):
            fed(head + NOISE, step, bare)


@pytest.mark.parametrize(
    "text",
    [
        b'{"error":"no such voice"}',
        b"<!DOCTYPE html><html><body>Sign in</body></html>" * 40,
        b"upstream connect error",
        "Diese Stimme gibt es nicht, größer".encode()[:-3],
    ],
)
def test_text_is_no_sound(text: bytes) -> None:
    with pytest.raises(NoSound, match="instead of sound"):
        fed(text, 7, Bare(RATE_HZ))


def test_samples_of_another_form_are_not_played_as_noise() -> None:
    for wrong in (SPOKEN[9_000:].astype("<f4").tobytes(), NOISE):
        with pytest.raises(NoSound):
            fed(wrong, 480, Bare(RATE_HZ))


def test_bare_samples_are_taken_where_they_are_expected() -> None:
    sound = chirp(0.5, RATE_HZ).pcm
    assert fed(sound + b"\x01", 333, Bare(RATE_HZ))[0] == sound
    assert fed(bytes(4000), 100, Bare(RATE_HZ))[0] == bytes(4000)
    assert fed(sound[:40], 7, Bare(RATE_HZ))[0] == sound[:40]
    with pytest.raises(NoSound):
        fed(sound, 333)


def test_one_file_after_the_other_has_no_click_between() -> None:
    one, two = chirp(0.2, RATE_HZ), sine(0.2, RATE_HZ)
    for size in (None, 0xFFFFFFFF):
        joined = wav(one.pcm, size=size) + wav(two.pcm, size=size)
        for step in (10, 1000, len(joined)):
            assert fed(joined, step)[0] == one.pcm + two.pcm


def test_a_file_that_promised_more_is_short() -> None:
    assert fed(wav(S16.tobytes())[:-20_000], 1000)[2].is_short
    assert fed(WAVES["FLAC"][0][:-20_000], 1000)[2].is_short


@pytest.mark.parametrize("rate_hz", [1, 3_000, 400_000])
def test_rates_no_voice_has_are_refused(rate_hz: int) -> None:
    data = pcm.to_wav(Audio(pcm=S16.tobytes(), rate_hz=rate_hz))
    with pytest.raises(NoSound):
        fed(data, 1000)


def test_what_is_no_number_and_what_is_too_loud_is_no_noise() -> None:
    odd = np.array([0.5, np.nan, 7.0, -np.inf] * 100, dtype="<f4")
    out = samples(fed(wav(odd.tobytes(), 3, 4), 100)[0])
    assert out[:4].tolist() == [16384, 0, 32767, -32768]


# -- channels -----------------------------------------------------------------------------------------------


def level(x: npt.NDArray[np.float32]) -> float:
    return pcm.level_db((np.clip(x, -1, 1) * 32767).astype("<i2").tobytes())


OTHER = samples(decoding.read_file(DATA / "austen-0890.wav", RATE_HZ).pcm)[: 2 * RATE_HZ] / np.float32(32768)
HUM = (0.2 * np.sin(2 * np.pi * 50 * np.arange(len(SPOKEN)) / RATE_HZ)).astype(np.float32)
NONE = np.zeros_like(SPOKEN)
HISS = (0.0002 * np.random.default_rng(1).standard_normal(len(SPOKEN))).astype(np.float32)
STANDS = {
    "in both": (SPOKEN, SPOKEN),
    "in opposite phase": (SPOKEN, -SPOKEN),
    "in opposite phase, one softer": (SPOKEN, -0.8 * SPOKEN),
    "on the left": (SPOKEN, NONE),
    "on the right, the left hisses": (HISS, SPOKEN),
    "5.1, in the centre": (NONE, NONE, SPOKEN, NONE, NONE, NONE),
    "5.1, over a rumble": (NONE, NONE, SPOKEN, HUM, NONE, NONE),
    "5.1, fronts in opposite phase": (SPOKEN, -SPOKEN, NONE, NONE, NONE, NONE),
    "7.1, in a surround": (NONE, NONE, NONE, NONE, NONE, NONE, SPOKEN, NONE),
    "quad, in one": (NONE, NONE, NONE, SPOKEN),
    "16 microphones": (SPOKEN,) * 16,
}  # fmt: skip


@pytest.mark.parametrize("where", STANDS)
def test_speech_stays_where_channels_become_one(where: str, tmp_path: Path) -> None:
    frames = np.stack(STANDS[where], axis=1).astype(np.float32)
    soundfile.write(tmp_path / "several.wav", frames, RATE_HZ, subtype="FLOAT")
    read = samples(decoding.read_file(tmp_path / "several.wav", RATE_HZ).pcm)
    streamed = samples(fed((tmp_path / "several.wav").read_bytes(), 4800)[0])
    for heard in (read, streamed):
        assert abs(find(S16[2400:-2400], heard)[1]) > 0.97
        assert abs(pcm.level_db(heard.tobytes()) - level(SPOKEN)) < 4


def test_two_people_with_a_channel_each_are_both_heard(tmp_path: Path) -> None:
    half = len(SPOKEN) // 2
    left, right = SPOKEN.copy(), OTHER.copy()
    left[half:], right[:half] = 0, 0
    soundfile.write(tmp_path / "call.wav", np.stack((left, 0.3 * right), axis=1), RATE_HZ)
    heard = samples(decoding.read_file(tmp_path / "call.wav", RATE_HZ).pcm)
    assert find((left[:half] * 32767).astype("<i2"), heard)[1] > 0.99
    assert find((right[half:] * 32767).astype("<i2"), heard)[1] > 0.99
    assert level(0.3 * right) - pcm.level_db(heard[half:].tobytes()) < 4


def test_speech_in_opposite_phase_under_a_common_hum_is_not_cancelled() -> None:
    heard = samples(pcm.MonoMix(2).mix(np.stack((HUM + SPOKEN, HUM - SPOKEN), axis=1)))
    assert max(find(S16, heard)[1], find(-S16, heard)[1]) > 0.97


# -- files --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"\0\0\0\x20ftypM4A ", "M4A"),
        (b"\x1a\x45\xdf\xa3", "WebM"),
        (b"\0\0\0\x18ftyp3gp4", "3GP"),
        (b"#!AMR\n", "AMR"),
    ],
)
def test_a_phones_recording_is_refused_with_the_way_to_convert_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, head: bytes, name: str
) -> None:
    monkeypatch.setattr(decoding, "has_av", lambda: False)
    (tmp_path / "memo.wav").write_bytes(head + NOISE)
    with pytest.raises(CompanionError, match=name) as caught:
        decoding.read_file(tmp_path / "memo.wav")
    assert caught.value.kind is Kind.BAD_FILE
    assert "ffmpeg -i memo.wav" in caught.value.hint


def test_a_recording_with_the_wrong_ending_is_read(tmp_path: Path) -> None:
    for name in ("MP3", "FLAC", "s24"):
        (tmp_path / "take.m4a").write_bytes(WAVES[name][0])
        assert decoding.read_file(tmp_path / "take.m4a").seconds == pytest.approx(2, abs=0.1)


def test_a_web_page_is_told_from_a_recording(tmp_path: Path) -> None:
    (tmp_path / "take.mp3").write_text("<!doctype html><html>Sign in</html>")
    with pytest.raises(CompanionError, match="a web page"):
        decoding.read_file(tmp_path / "take.mp3")


def test_kinds_are_told_apart() -> None:
    assert media_type_of(file("MP3")) == "audio/mpeg"
    assert media_type_of(b"\xff\xd8\xff\xe0") == "image/jpeg"
    assert media_type_of(b"\0\0\1\0\1\0\x10\x10\0\0\1\0\x20\0\x68\4\0\0\x16\0\0\0") == "image/x-icon"
    assert media_type_of(b"\0\0\1\0\1\0\0\0\xff\xff" + bytes(20)) == "", "quiet samples are no icon"
    assert media_type_of(b"RIFF\0\0\0\0WEBPVP8 ") == "image/webp"
    assert media_type_of(b"\0\0\0\x1cftypheic") == "image/heic"
    assert media_type_of(b"<svg xmlns='x'>") == "image/svg+xml"
    assert media_type_of(NOISE) == ""
    assert media_type_of(b"") == ""
