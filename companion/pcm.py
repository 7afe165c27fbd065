"""Sound as numbers: levels, containers, files, sample rates. The home of soundfile and soxr.

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
from companion.flow import CAPTURE_RATE_HZ, Audio

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

SILENCE_DB = -90.0


def level_db(pcm: bytes | memoryview) -> float:
    """Root mean square of a block in dB below full scale; `SILENCE_DB` for digital silence or nothing."""
    import numpy as np

    samples = np.frombuffer(pcm, dtype="<i2").astype(np.float64)
    power = float(np.mean(samples * samples)) if samples.size else 0.0
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
    """Interleaved int16 samples of several channels as their mean."""
    if channels == 1:
        return pcm
    import numpy as np

    mixed = np.frombuffer(pcm, np.int16).reshape(-1, channels).mean(axis=1)
    return bytes(mixed.round().astype(np.int16))


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
            f"{path.name} has no ending of a sound file.",
            hint="Use .wav, .flac, .ogg or .mp3.",
            cause=error,
        ) from error


def read_file(path: Path, rate_hz: int = CAPTURE_RATE_HZ) -> Audio:
    """Any recording libsndfile reads, mixed to mono at `rate_hz`.

    Raises:
        CompanionError: BAD_FILE when it is missing, empty or no recording.
    """
    import numpy as np
    import soundfile
    import soxr

    try:
        data, source_hz = soundfile.read(path, dtype="float32", always_2d=True)
    except (OSError, RuntimeError) as error:  # LibsndfileError is a RuntimeError
        raise CompanionError(
            Kind.BAD_FILE, f"{path.name} could not be read as a recording.", cause=error
        ) from error
    if not data.size:
        raise CompanionError(Kind.BAD_FILE, f"{path.name} holds no sound.")
    mono = np.nan_to_num(data.mean(axis=1))
    if source_hz != rate_hz:
        mono = soxr.resample(mono, source_hz, rate_hz)
    return Audio(pcm=_pcm(mono), rate_hz=rate_hz)


def decoded(file: bytes) -> Audio:
    """The sound of a file that libsndfile reads, mixed to mono at its own rate.

    Raises:
        CompanionError: BAD_FILE when it is no recording, or an empty one.
    """
    import numpy as np
    import soundfile

    try:
        data, rate_hz = soundfile.read(io.BytesIO(file), dtype="float32", always_2d=True)
    except (OSError, RuntimeError) as error:
        raise CompanionError(Kind.BAD_FILE, "That is no recording.", cause=error) from error
    if not data.size:
        raise CompanionError(Kind.BAD_FILE, "There is no sound in it.")
    return Audio(pcm=_pcm(np.nan_to_num(data.mean(axis=1))), rate_hz=rate_hz)


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

    return bytes((np.clip(mono, -1.0, 1.0) * 32767).astype("<i2").tobytes())
