"""Sound out of bytes, known by the bytes alone: WAV of every form, MP3, FLAC, OGG, AIFF and, with `av`, what phones record.

`Decoder` takes them as they arrive and gives int16 mono; `read_file` a whole recording. Bare samples are believed only
where the caller expects them, nothing else is recognised, and they are not noise: whatever is no sound is refused, never
played. Home of soundfile (libsndfile) and av (FFmpeg, by choice); both are imported on first use.
"""

from __future__ import annotations

import importlib
import importlib.util
import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from companion.errors import CompanionError, Kind
from companion.flow import CAPTURE_RATE_HZ, Audio
from companion.language import tr
from companion.media import is_textual, may_become_sound, media_type_of, mp3_frame, spoken_of
from companion.pcm import ENCODINGS, MonoMix, Resampler, finite, from_bytes, is_noise

if TYPE_CHECKING:
    from companion.pcm import Frames

LOWEST_HZ, HIGHEST_HZ = 4_000, 192_000
MOST_CHANNELS = 64
_JUDGED = 512
"""Bytes of bare sound that are looked at before the first of them is given."""
_LONGEST_HEAD = 16 * 2**20
"""Of what stands in a WAV file before its sound, such as pictures."""
_ENDLESS = 0x7FFF_0000
"""Lengths from here on mean that the writer did not know."""
_FIRST_LOOK, _GROWTH = 6_000, 1.6
"""Compressed sound is decoded again from its beginning whenever this much more of it has come; that takes 3 times as long
as once, and needs nothing of the file but that its beginning can be decoded."""
_HELD_BACK = 4_608
"""Samples at the end of an incomplete file that may still change: two of the longest blocks of MP3 and Vorbis."""
_BLOCK = 4_096
_BY_SOUNDFILE = frozenset(
    ("audio/mpeg", "audio/flac", "audio/ogg", "audio/aiff", "audio/basic", "audio/x-caf", "audio/x-w64")
)
_BY_AV = frozenset(
    ("audio/mp4", "video/mp4", "video/quicktime", "audio/3gpp", "audio/aac", "audio/webm", "audio/amr")
) | {"audio/x-ms-wma", "audio/x-wavpack", "audio/x-ape", "audio/x-tta", "video/x-msvideo", "video/x-flv"}
_WAV_FORMS = {
    (1, 1): "u8",
    (1, 2): "s16",
    (1, 3): "s24",
    (1, 4): "s32",
    (3, 4): "f32",
    (3, 8): "f64",
    (6, 1): "alaw",
    (7, 1): "mulaw",
}
"""Format tag and bytes of a sample -> encoding."""


class NoSound(Exception):
    """What came is no sound that can be played; the text says what it is, to follow "sent"."""


@dataclass(frozen=True, slots=True)
class Bare:
    """The form of samples without a file around them."""

    rate_hz: int
    encoding: str = "s16"
    channels: int = 1


class Decoder:
    """One sound in blocks of bytes.

    Args:
        bare: the form of bare samples, where they may come; None: they may not.
        at_once: judges by the first block alone, for sources whose blocks must not wait for each other.
    """

    def __init__(self, bare: Bare | None, *, at_once: bool = False) -> None:
        self.rate_hz = bare.rate_hz if bare else 0
        self._bare = bare
        self._at_once = at_once
        self._head = b""
        self._reader: _Samples | _Wav | _Whole | None = None

    @property
    def is_slow(self) -> bool:
        """Whether `take` may need its milliseconds: compressed sound is best decoded on a thread."""
        return isinstance(self._reader, _Whole)

    @property
    def is_short(self) -> bool:
        """A file that promised at least a tenth of a second more."""
        return self._reader is not None and self._reader.is_short

    def take(self, block: bytes) -> bytes:
        """The samples that are whole with this block.

        Raises:
            NoSound: it is none.
        """
        if self._reader is None:
            self._head += block
            if not self._head or may_become_sound(self._head):
                return b""
            if not self._at_once and not _is_telling(self._head):
                return b""
            block, self._head = self._head, b""
            self._begin(block)
        return self._given(block, last=False)

    def end(self, block: bytes = b"") -> bytes:
        """The samples that are left when no more bytes come than those of `block`.

        Raises:
            NoSound: as `take`.
        """
        block, self._head = self._head + block, b""
        if self._reader is None:
            if not block:
                return b""
            self._begin(block)
        return self._given(block, last=True)

    def _given(self, block: bytes, *, last: bool) -> bytes:
        assert self._reader is not None
        pcm = self._reader.take(block, last=last)
        self.rate_hz = self._reader.rate_hz or self.rate_hz
        if pcm and not LOWEST_HZ <= self.rate_hz <= HIGHEST_HZ:
            raise NoSound(f"sound of {self.rate_hz} samples a second")
        return pcm

    def _begin(self, head: bytes) -> None:
        kind = media_type_of(head)
        if kind == "audio/wav" and not head.startswith(b"RIFX"):
            self._reader = _Wav()
        elif kind in _BY_SOUNDFILE or kind == "audio/wav" or (kind in _BY_AV and has_av()):
            self._reader = _Whole(kind)
        elif kind:
            raise NoSound(f"{spoken_of(kind)} instead of sound" if is_textual(kind) else spoken_of(kind))
        elif self._bare is None:
            raise NoSound("something that is no sound")
        else:
            self._reader = _Samples(self._bare)
            if is_noise(self._reader.sounding(head)):
                raise NoSound("something that is no sound")


def _is_telling(head: bytes) -> bool:
    """Whether the beginning is long enough to be judged."""
    if len(head) >= 12 and (kind := media_type_of(head)) and not is_textual(kind):
        return True
    return len(head) >= _JUDGED


def decoded(data: bytes, bare: Bare | None = None) -> Audio:
    """A whole sound; its channels are judged over its whole length.

    Raises:
        NoSound: it is none.
    """
    decoder = Decoder(bare)
    pcm = decoder.end(data)
    return Audio(pcm=pcm, rate_hz=decoder.rate_hz or CAPTURE_RATE_HZ)


class _Samples:
    """Bare samples of a known form."""

    is_short = False

    def __init__(self, form: Bare) -> None:
        if form.encoding not in ENCODINGS or not 0 < form.channels <= MOST_CHANNELS:
            raise NoSound("sound of a form that is not understood")
        self.rate_hz = form.rate_hz
        self._form = form
        self._mix = MonoMix(form.channels)
        self._rest = b""
        self._width = ENCODINGS[form.encoding] * form.channels

    def take(self, block: bytes, *, last: bool) -> bytes:
        data = self._rest + block
        whole = len(data) // self._width * self._width
        self._rest = data[whole:]
        return self.sounding(data[:whole])

    def sounding(self, data: bytes) -> bytes:
        """int16 mono of whole samples."""
        if self._form.encoding == "s16" and self._form.channels == 1:
            return data
        return self._mix.mix(from_bytes(data, self._form.encoding, self._form.channels))


class _Wav:
    """RIFF and RF64, also one file after the other, as servers send that join sentences."""

    def __init__(self) -> None:
        self.rate_hz = 0
        self._rest = bytearray()
        self._at = 12
        """Where in it the next piece of the head begins."""
        self._samples: _Samples | None = None
        self._form: Bare | None = None
        self._left: int | None = None
        """Bytes of sound still to come, where the file says."""
        self._whole: _Whole | None = None
        """For forms that only libsndfile reads."""
        self._size64 = 0

    @property
    def is_short(self) -> bool:
        if self._whole is not None:
            return self._whole.is_short
        if self._samples is None:
            return True
        return self._left is not None and self._left > self.rate_hz // 10 * self._samples._width

    def take(self, block: bytes, *, last: bool) -> bytes:
        if self._whole is not None:
            return self._take_whole(block, last=last)
        self._rest += block
        pcm = b""
        while True:
            if self._samples is None and not self._read_head():
                return pcm + (self._take_whole(b"", last=last) if self._whole is not None else b"")
            sound, is_next = self._cut(last=last)
            assert self._samples is not None
            pcm += self._samples.take(sound, last=last)
            if not is_next:
                return pcm
            self._samples = self._form = self._left = None
            self._at = 12

    def _take_whole(self, block: bytes, *, last: bool) -> bytes:
        assert self._whole is not None
        pcm = self._whole.take(block, last=last)
        self.rate_hz = self._whole.rate_hz
        return pcm

    def _cut(self, *, last: bool) -> tuple[bytes, bool]:
        """The sound in what waits, and whether another file begins behind it."""
        data = self._rest
        next_file = _next_head(data)
        end = len(data) if self._left is None else min(len(data), self._left)
        if 0 <= next_file <= end or (self._left is not None and next_file >= 0):
            sound = bytes(data[: min(end, next_file)])
            del data[:next_file]
            return sound, True
        if not last and (maybe := data.find(b"RIFF", max(0, len(data) - 15))) >= 0:
            end = min(end, maybe)
        sound = bytes(data[:end])
        del data[:end]
        if self._left is not None:
            self._left -= len(sound)
            if not self._left and b"RIFF" not in data[-15:]:
                del data[:-15]
        return sound, False

    def _read_head(self) -> bool:
        """Whether the sound begins at the start of what waits."""
        file = self._rest
        while len(file) >= self._at + 8:
            at = self._at
            name, size = bytes(file[at : at + 4]), struct.unpack_from("<I", file, at + 4)[0]
            if name == b"data" and self._form is not None:
                size = self._size64 if size == 0xFFFFFFFF and self._size64 else size
                self._left = size if 0 < size < _ENDLESS or size == self._size64 > 0 else None
                self._samples = _Samples(self._form)
                del file[: at + 8]
                return True
            if at + size > _LONGEST_HEAD:
                raise NoSound("a WAV file of a kind that cannot be played")
            if len(file) < at + 8 + min(size, 40):
                return False
            if name == b"fmt ":
                self._note_form(bytes(file[at + 8 : at + 8 + size]))
                if self._whole is not None:
                    self._whole.take(bytes(file), last=False)
                    self._rest = bytearray()
                    return False
            elif name == b"ds64" and size >= 16:
                self._size64 = struct.unpack_from("<Q", file, at + 16)[0]
            self._at = _after(file, at + 8 + size, size)
        return False

    def _note_form(self, fmt: bytes) -> None:
        if len(fmt) < 16:
            raise NoSound("a WAV file of a kind that cannot be played")
        tag, channels, self.rate_hz, _, align, bits = struct.unpack_from("<HHIIHH", fmt)
        if tag == 0xFFFE and len(fmt) >= 26:
            tag = struct.unpack_from("<H", fmt, 24)[0]
        width = align // channels if channels and align and align % channels == 0 else (bits + 7) // 8
        encoding = _WAV_FORMS.get((tag, width)) or _WAV_FORMS.get((tag, (bits + 7) // 8))
        if not 0 < channels <= MOST_CHANNELS:
            raise NoSound("a WAV file of a kind that cannot be played")
        if encoding is None:
            self._whole = _Whole("audio/wav")
        else:
            self._form = Bare(self.rate_hz, encoding, channels)


def _after(file: bytes | bytearray, end: int, size: int) -> int:
    """Where the next chunk begins: at an even place, but some writers forget that."""
    if size & 1 and file[end : end + 4] in (b"data", b"fmt ", b"fact", b"LIST"):
        return end
    return end + (size & 1)


def _next_head(data: bytes | bytearray) -> int:
    """Where in sound another WAV file begins, or -1."""
    at = data.find(b"RIFF")
    while at >= 0 and data[at + 8 : at + 15] != b"WAVEfmt":
        at = data.find(b"RIFF", at + 1)
    return at


class _Whole:
    """A file that a library decodes: again from its beginning whenever enough has come, and once more at its end."""

    def __init__(self, kind: str) -> None:
        self.rate_hz = 0
        self.is_short = False
        self._kind = kind
        self._file = bytearray()
        self._mp3 = _Mp3() if kind == "audio/mpeg" else None
        self._at = _FIRST_LOOK
        self._given = 0
        self._mix: MonoMix | None = None

    def take(self, block: bytes, *, last: bool) -> bytes:
        if self._mp3 is None:
            self._file += block
        else:
            self._file = self._mp3.take(block)
        if not last and (len(self._file) < self._at or self._kind in _BY_AV):
            return b""
        self._at = int(len(self._file) * _GROWTH)
        file = self._file if self._mp3 is None else self._mp3.headed()
        frames, rate_hz, promised = _decoded(file, self._kind, is_whole=last)
        until = len(frames) if last else max(self._given, len(frames) - _HELD_BACK)
        if last and not until:
            raise NoSound("a sound file that is damaged or empty")
        if until <= self._given:
            return b""
        self.rate_hz = rate_hz
        self.is_short = last and promised - len(frames) > rate_hz // 10
        if self._mix is None:
            self._mix = MonoMix(frames.shape[1])
        new, self._given = frames[self._given : until], until
        return self._mix.mix(new)


class _Mp3:
    """The whole frames of an MP3, without tags, and without frames that only tell lengths: those of a stream are wrong."""

    def __init__(self) -> None:
        self._rest = b""
        self._skip = 0
        """Bytes of a tag that are still to come."""
        self._frames = bytearray()
        self._count = 0

    def take(self, block: bytes) -> bytearray:
        """All frames so far."""
        data = self._rest + block
        at = min(self._skip, len(data))
        self._skip -= at
        while len(data) - at >= 10:
            if data[at : at + 3] == b"ID3":
                size = sum((byte & 0x7F) << 7 * n for n, byte in enumerate(reversed(data[at + 6 : at + 10])))
                end = at + size + (20 if data[at + 5] & 0x10 else 10)
                at, self._skip = min(end, len(data)), max(0, end - len(data))
            elif length := mp3_frame(data, at):
                if at + length > len(data):
                    break
                if not _tells_lengths(data[at : at + 48]):
                    self._frames += data[at : at + length]
                    self._count += 1
                at += length
            else:
                at = min(
                    (found for sign in (b"\xff", b"ID3") if (found := data.find(sign, at + 1)) > 0),
                    default=len(data) - 2,
                )
        self._rest = data[at:]
        return self._frames

    def headed(self) -> bytes:
        """The frames behind one that tells their number: without it the decoder guesses, and stops too early."""
        if not self._count:
            return b""
        first = mp3_frame(self._frames)
        is_mono, is_mpeg1 = self._frames[3] >> 6 == 3, self._frames[1] & 0x08 != 0
        told = bytearray(first)
        told[:4] = self._frames[:4]
        told[1] |= 1
        at = {(True, False): 36, (True, True): 21, (False, False): 21, (False, True): 13}[is_mpeg1, is_mono]
        told[at : at + 12] = b"Xing" + struct.pack(">II", 1, self._count)
        return bytes(told[:first] + self._frames)


def _tells_lengths(frame: bytes) -> bool:
    return any(name in frame for name in (b"Xing", b"Info", b"VBRI"))


def _decoded(file: bytes | bytearray, kind: str, *, is_whole: bool) -> tuple[Frames, int, int]:
    """What can be decoded of a file that may be incomplete: samples, rate, and how many there should be.

    Raises:
        NoSound: nothing can, and it is all there is.
    """
    import numpy as np

    blocks: list[Frames] = []
    rate_hz = promised = 0
    source = _av_blocks(file) if kind in _BY_AV else _soundfile_blocks(file)
    try:
        for decoded in source:
            block, rate_hz, promised = decoded
            blocks.append(block)
    except Exception as error:
        if is_whole and not blocks:
            raise NoSound(f"{spoken_of(kind)} that is damaged") from error
    if not blocks:
        return np.zeros((0, 1), np.float32), rate_hz, 0
    frames = np.concatenate(blocks)
    return finite(frames), rate_hz, promised


def _soundfile_blocks(file: bytes | bytearray) -> Iterator[tuple[Frames, int, int]]:
    import soundfile

    with soundfile.SoundFile(io.BytesIO(file)) as sound:
        promised = sound.frames if sound.frames < 2**40 else 0
        # One read where it can be: soundfile seeks after each, which an MP3 does not take well. Of FLAC a read that comes
        # upon the end of what is there gives nothing.
        size = _BLOCK if sound.format == "FLAC" or not promised else promised
        while len(block := sound.read(size, dtype="float32", always_2d=True)):
            yield block, sound.samplerate, promised
            if size == promised:
                return


def _av_blocks(file: bytes | bytearray) -> Iterator[tuple[Frames, int, int]]:
    import numpy as np

    av: Any = importlib.import_module("av")  # by choice: it has no types here
    with av.open(io.BytesIO(file), metadata_errors="ignore") as container:
        if not container.streams.audio:
            return
        stream = container.streams.audio[0]
        resampler = av.AudioResampler(format="flt", layout=stream.layout, rate=stream.rate)
        for frame in container.decode(stream):
            for even in resampler.resample(frame):
                flat = even.to_ndarray().reshape(-1)
                yield flat.reshape(-1, len(even.layout.channels)).astype(np.float32), even.sample_rate, 0


def has_av() -> bool:
    """Whether FFmpeg's decoders are installed."""
    return importlib.util.find_spec("av") is not None


def read_file(path: Path, rate_hz: int = CAPTURE_RATE_HZ) -> Audio:
    """Any recording that can be read here, as mono at `rate_hz`.

    Raises:
        CompanionError: BAD_FILE when it is missing, empty or no recording; says how to convert what is one.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CompanionError(
            Kind.BAD_FILE,
            tr(
                "{name} could not be read: {why}.",
                name=path.name,
                why=error.strerror or tr("it is not a file"),
            ),
            cause=error,
        ) from error
    return read_bytes(data, rate_hz, path.name)


def read_bytes(data: bytes, rate_hz: int = CAPTURE_RATE_HZ, name: str = "The recording") -> Audio:
    """The same of a file that has been read already.

    Raises:
        CompanionError: as `read_file`.
    """
    kind = media_type_of(data)
    if kind in _BY_AV and not has_av():
        file = name if "." in name else "recording"
        raise CompanionError(
            Kind.BAD_FILE,
            tr(
                "{name} is a {spoken_of} recording, which cannot be read here.",
                name=name,
                spoken_of=spoken_of(kind),
            ),
            hint=tr(
                "Convert it: ffmpeg -i {file} {stem}.wav. Or install PyAV, which reads it too: pip "
                "install av.",
                file=file,
                stem=Path(file).stem,
            ),
        )
    try:
        audio = decoded(data)
    except NoSound as error:
        message = tr("{name} could not be read as a recording.", name=name)
        if kind and not kind.startswith(("audio/", "video/")):
            message = f"{message} {tr('It is {what}.', what=spoken_of(kind))}"
        raise CompanionError(Kind.BAD_FILE, message, cause=error) from error
    if not audio.pcm:
        raise CompanionError(Kind.BAD_FILE, tr("{name} holds no sound.", name=name))
    return Audio(pcm=Resampler(audio.rate_hz, rate_hz).process(audio.pcm, last=True), rate_hz=rate_hz)
