"""Sound as numbers: levels, sample rates, channels, and files that are written. `decoding` reads them.

Ground, not an organ: both `audio` and `providers` need it, and rooms of one floor are blind to each other. All samples
are int16 mono little-endian bytes unless a docstring says otherwise. numpy, soundfile and soxr are imported on first use.
"""

from __future__ import annotations

import io
import math
import struct
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from companion.errors import CompanionError, Kind
from companion.flow import Audio
from companion.language import tr

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Frames = npt.NDArray[np.float32]
    """Samples of -1..1; rows are moments, columns channels."""

SILENCE_DB = -90.0


def level_db(pcm: bytes | memoryview) -> float:
    """Root mean square of a block in dB below full scale; `SILENCE_DB` for digital silence or nothing."""
    import numpy as np

    samples = np.frombuffer(pcm, dtype="<i2").astype(np.float32)
    power = float(samples @ samples) / samples.size if samples.size else 0.0
    return max(SILENCE_DB, 10 * math.log10(power / 32768.0**2)) if power > 0 else SILENCE_DB


def tone(seconds: float = 0.8, hz: float = 440.0, rate_hz: int = 24_000) -> Audio:
    """A soft sine with rounded ends, for testing a speaker."""
    import numpy as np

    at = np.arange(int(seconds * rate_hz)) / rate_hz
    fade = np.clip(np.minimum(at, seconds - at) / 0.05, 0.0, 1.0)
    return Audio(pcm=_pcm((0.2 * fade * np.sin(2 * np.pi * hz * at)).astype(np.float32)), rate_hz=rate_hz)


def scaled(audio: Audio, factor: float) -> Audio:
    """`audio` louder or softer; 1 leaves it as it is."""
    if factor == 1.0:
        return audio
    import numpy as np

    return replace(audio, pcm=_pcm(_samples(audio.pcm).astype(np.float32) * np.float32(factor / 32768)))


def to_mono(pcm: bytes, channels: int) -> bytes:
    """Interleaved int16 samples of several channels as one, in which nothing that is said cancels (`MonoMix`)."""
    return pcm if channels == 1 else MonoMix(channels).mix(from_bytes(pcm, "s16", channels))


def from_bytes(data: bytes, encoding: str, channels: int) -> Frames:
    """Interleaved samples as floats of -1..1, one column for each channel. What is no whole frame is left out.

    Args:
        encoding: u8, s16, s24, s32, f32, f64, alaw or mulaw; all little-endian.
    """
    import numpy as np

    width = ENCODINGS[encoding]
    data = data[: len(data) // (width * channels) * width * channels]
    flat: npt.NDArray[np.floating]
    if encoding == "u8":
        flat = (np.frombuffer(data, np.uint8).astype(np.float32) - 128) / 128
    elif encoding == "s16":
        flat = np.frombuffer(data, "<i2").astype(np.float32) / 32768
    elif encoding == "s24":
        bytes4 = np.zeros((len(data) // 3, 4), np.uint8)
        bytes4[:, 1:] = np.frombuffer(data, np.uint8).reshape(-1, 3)
        flat = bytes4.view("<i4").ravel().astype(np.float32) / 2**31
    elif encoding == "s32":
        flat = np.frombuffer(data, "<i4").astype(np.float32) / 2**31
    elif encoding in ("f32", "f64"):
        flat = np.frombuffer(data, "<f4" if encoding == "f32" else "<f8").astype(np.float32)
    else:
        flat = _companded(np.frombuffer(data, np.uint8), encoding)
    return finite(np.asarray(flat, np.float32)).reshape(-1, channels)


ENCODINGS = {"u8": 1, "s16": 2, "s24": 3, "s32": 4, "f32": 4, "f64": 8, "alaw": 1, "mulaw": 1}
"""Ways to write samples down, and the bytes of each."""


def finite(samples: Frames) -> Frames:
    """`samples` with silence for what is no number, full scale for what is infinite."""
    import numpy as np

    return np.asarray(np.nan_to_num(samples, nan=0.0, posinf=1.0, neginf=-1.0), np.float32)


def _companded(codes: npt.NDArray[np.uint8], law: str) -> npt.NDArray[np.float32]:
    """ITU-T G.711: a sign, three bits of exponent, four of mantissa."""
    import numpy as np

    plain = (codes ^ (0x55 if law == "alaw" else 0xFF)).astype(np.int32)
    exponent, mantissa = (plain >> 4) & 7, plain & 15
    if law == "alaw":
        size = np.where(exponent > 0, (mantissa * 16 + 264) << np.maximum(exponent - 1, 0), mantissa * 16 + 8)
        sign = np.where(plain & 0x80, 1, -1)
    else:
        size = ((mantissa * 8 + 132) << exponent) - 132
        sign = np.where(plain & 0x80, -1, 1)
    return (sign * size / 32768).astype(np.float32)


def is_noise(pcm: bytes) -> bool:
    """Whether this is loud and without any likeness from one sample to the next: data that is no sound of this form."""
    import numpy as np

    x = np.frombuffer(pcm[: len(pcm) & ~1], "<i2").astype(np.float32) / 32768
    if len(x) < 200 or float(x @ x) < 0.04 * len(x):
        return False
    x -= x.mean()
    return abs(float(x[1:] @ x[:-1])) < 0.3 * float(x @ x)


class MonoMix:
    """Several channels as one, block by block, so that what is said in any of them stays.

    A plain mean loses what stands in opposite phase in two channels, and makes quiet what stands in one of many. So
    channels without sound do not count; where all say the same at the same time the loudest stands for them; otherwise they
    are added, each with the sign that agrees with the loudest. Of 5.1 and 7.1 the centre, where films have their speech,
    counts most and the rumble (LFE) not at all.
    """

    def __init__(self, channels: int) -> None:
        import numpy as np

        self._channels = channels
        self._products = np.zeros((channels, channels))
        self._levels: list[npt.NDArray[np.float64]] = []
        """Loudness of each channel in stretches of 1,024 samples, of what came so far."""
        self._last = np.zeros((1, channels))
        self._loose = np.zeros((0, channels))
        self._weights: npt.NDArray[np.float32] | None = None

    def mix(self, frames: Frames) -> bytes:
        """int16 samples of a block of frames. Where the mix changes it glides."""
        import numpy as np

        if self._channels == 1:
            return _pcm(frames[:, 0])
        if not len(frames):
            return b""
        self._note(frames)
        before, self._weights = self._weights, self._decide()
        mono = frames @ self._weights
        if before is not None and not np.array_equal(before, self._weights):
            glide = np.linspace(0, 1, len(frames), dtype=np.float32)
            mono = frames @ before * (1 - glide) + mono * glide
        return _pcm(mono)

    def _note(self, frames: Frames) -> None:
        """Differences from moment to moment tell about speech; hum, which is stronger, hardly shows in them."""
        import numpy as np

        steps = np.diff(frames.astype(np.float64), axis=0, prepend=self._last)
        self._last = frames[-1:].astype(np.float64)
        self._products += steps.T @ steps
        self._loose = np.concatenate((self._loose, steps))
        stretches = len(self._loose) // 1024
        loud = self._loose[: stretches * 1024].reshape(stretches, 1024, self._channels)
        self._levels += list(np.sqrt((loud * loud).mean(axis=1)))
        self._loose = self._loose[stretches * 1024 :]
        del self._levels[:-2000]

    def _decide(self) -> npt.NDArray[np.float32]:
        import numpy as np

        power = np.diag(self._products)
        first = int(power.argmax())
        if power[first] <= 0:
            return np.full(self._channels, 1 / self._channels, np.float32)
        weights = np.array(_LAYOUTS.get(self._channels, (1.0,) * self._channels))
        weights[power < power[first] * 1e-4] = 0  # 40 dB below the loudest there is only noise
        if not weights.any():
            weights[first] = 1
        first = int((power * (weights > 0)).argmax())
        weights[self._products[first] < 0] *= -1
        if (weights >= 0).all() and self._say_the_same(weights > 0, first):
            weights[:] = 0
            weights[first] = 1
        # As loud as the loudest channel. The products may differ from full sums by rounding, hence the floor.
        room = float(np.sqrt(max(weights @ self._products @ weights, power[first] * 1e-3) / power[first]))
        return np.asarray(weights / room, np.float32)

    def _say_the_same(self, counted: npt.NDArray[np.bool_], first: int) -> bool:
        import numpy as np

        if counted.sum() == 1 or len(self._levels) < 4:
            return False
        levels = np.array(self._levels)
        levels = levels - levels.mean(axis=0)
        size = np.sqrt((levels * levels).sum(axis=0)) + 1e-9
        return bool((levels.T @ levels[:, first] / size / size[first])[counted].min() > 0.8)


_LAYOUTS: dict[int, tuple[float, ...]] = {
    3: (0.7, 0.7, 1.0),
    5: (0.7, 0.7, 1.0, 0.5, 0.5),
    6: (0.7, 0.7, 1.0, 0.0, 0.5, 0.5),
    7: (0.7, 0.7, 1.0, 0.0, 0.5, 0.5, 0.5),
    8: (0.7, 0.7, 1.0, 0.0, 0.5, 0.5, 0.5, 0.5),
}
"""Weights of left, right, centre, LFE, and the surrounds, in the order of WAV files (WAVEFORMATEXTENSIBLE)."""


def split_at_pauses(audio: Audio, longest_s: float) -> list[Audio]:
    """`audio` in parts of at most `longest_s`, cut where it is quietest in the last quarter of each."""
    import numpy as np

    step, most = audio.rate_hz // 10, max(int(longest_s * audio.rate_hz), audio.rate_hz)
    samples, parts, start = _samples(audio.pcm), [], 0
    while len(samples) - start > most:
        late = samples[start + most * 3 // 4 : start + most]
        late = late[: len(late) // step * step].reshape(-1, step).astype(np.float32)
        quietest = int((late * late).mean(axis=1).argmin())
        end = start + most * 3 // 4 + quietest * step + step // 2
        parts.append(replace(audio, pcm=samples[start:end].tobytes()))
        start = end
    return [*parts, replace(audio, pcm=samples[start:].tobytes())]


def to_wav(audio: Audio) -> bytes:
    """A RIFF WAVE file of `audio`, 16-bit PCM."""
    size = len(audio.pcm)
    return (
        struct.pack(
            "<4sI4s4sIHHIIHH",
            b"RIFF",
            36 + size,
            b"WAVE",
            b"fmt ",
            16,
            1,
            1,
            audio.rate_hz,
            audio.rate_hz * 2,
            2,
            16,
        )
        + struct.pack("<4sI", b"data", size)
        + audio.pcm
    )


def to_mp3(audio: Audio) -> bytes:
    """An MP3 file of `audio` (MPEG layer III through libsndfile)."""
    import soundfile

    out = io.BytesIO()
    soundfile.write(out, _samples(audio.pcm), audio.rate_hz, format="MP3")
    return out.getvalue()


def to_flac(audio: Audio) -> bytes:
    """A FLAC file of `audio`, which loses nothing."""
    import soundfile

    out = io.BytesIO()
    soundfile.write(out, _samples(audio.pcm), audio.rate_hz, format="FLAC")
    return out.getvalue()


def write_file(path: Path, audio: Audio) -> None:
    """Writes WAV, FLAC, OGG or MP3 by the ending of `path`.

    Raises:
        CompanionError: BAD_FILE for an ending that is no sound file.
    """
    import soundfile

    if path.suffix.lower() in (".mp3", ".wav"):
        path.write_bytes(to_mp3(audio) if path.suffix.lower() == ".mp3" else to_wav(audio))
        return
    try:
        soundfile.write(path, _samples(audio.pcm), audio.rate_hz)
    except (soundfile.LibsndfileError, TypeError, ValueError) as error:
        raise CompanionError(
            Kind.BAD_FILE,
            tr("{name} has no ending of a sound file.", name=path.name),
            hint=tr("Use .wav, .flac, .ogg or .mp3."),
            cause=error,
        ) from error


class Resampler:
    """A stream of int16 mono from one rate to another, band-limited (soxr, HQ). Equal rates pass through."""

    def __init__(self, source_hz: int, target_hz: int, *, is_prompt: bool = False) -> None:
        """`is_prompt`: holds nothing back, where the filter keeps some 40 ms; what is too high is folded, not removed."""
        self._same = source_hz == target_hz
        if not self._same:
            import soxr

            quality = "QQ" if is_prompt else "HQ"
            self._stream = soxr.ResampleStream(source_hz, target_hz, 1, dtype="int16", quality=quality)

    def process(self, pcm: bytes, *, last: bool = False) -> bytes:
        """What is ready after `pcm`; `last` also gives what the filter still holds."""
        if self._same:
            return pcm
        import numpy as np

        return bytes(self._stream.resample_chunk(np.frombuffer(pcm, dtype="<i2"), last=last).tobytes())


def _samples(pcm: bytes) -> npt.NDArray[np.int16]:
    import numpy as np

    return np.frombuffer(pcm, dtype="<i2")


def _pcm(mono: npt.NDArray[np.float32]) -> bytes:
    import numpy as np

    return bytes(np.clip(np.round(mono * 32768), -32768, 32767).astype("<i2").tobytes())
