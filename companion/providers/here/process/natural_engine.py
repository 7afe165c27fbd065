"""The natural voices, of Piper and Kokoro, in the engine process: phonemes from espeak-ng, sound from sherpa-onnx.

sherpa-onnx wants some notes in the model and a list of its phonemes. The files as their makers publish them have
neither; both are added to a copy in memory, so that what is on the disk keeps its checksum and needs no second copy.
"""

from __future__ import annotations

import json
import os
import tempfile
import threading
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from zipfile import BadZipFile

from companion.language import tr
from companion.providers.here.process import kokoro
from companion.providers.here.process.breaths import breaths
from companion.providers.here.process.espeak import Clause, shared_voice
from companion.providers.here.process.job import Job, Refused
from companion.providers.here.process.kept import Kept
from companion.providers.here.process.onnx_notes import encoded_notes, read_notes

LONGEST_PART = 120
"""Phonemes made into sound at once, about six seconds: what a barge-in or another sentence waits for."""
SHORTEST_START = 12
"""Phonemes of a first clause that is worth being heard before the rest of its sentence is made."""
SENTENCE_ENDS = ".?!"
SPEEDS = (0.25, 4.0)
PIECE_MS = 100
MOST_THREADS = 4
"""For Kokoro, which is slow with fewer; one core is left to the rest where there is more than one."""
_EDGES = "^$_"
"""Begin, end and padding: never phonemes of a text."""


@dataclass(slots=True)
class _Loaded:
    engine: Any
    language_of: Callable[[str], str]
    """Speaker -> as espeak-ng calls the language; empty: the voice reads letters, not phonemes."""
    speakers: Mapping[str, int]
    symbols: frozenset[str]
    form: Literal["NFC", "NFD"]
    """Of Unicode: whether a letter and its sign are one symbol or two."""


_making = threading.Lock()
"""One part at a time: each uses the cores it may use, and two would both be late."""


def load_voice(job: Job) -> dict[str, Any]:
    """Makes the voice of `file` ready."""
    _voices.get(job.order["file"])
    return {}


def speak_naturally(job: Job) -> dict[str, Any]:
    """Sends pieces of sound, each led by its rate (4 bytes, little-endian), part by part."""
    import sherpa_onnx

    voice = _voices.get(job.order["file"])
    manner = sherpa_onnx.GenerationConfig()
    manner.speed = min(max(float(job.order["speed"]), SPEEDS[0]), SPEEDS[1])
    manner.sid = voice.speakers.get(job.order["speaker"], 0)
    manner.silence_scale = 1.0  # the pauses that the voice makes itself
    rate_hz = voice.engine.sample_rate
    lead, step = rate_hz.to_bytes(4, "little"), rate_hz * PIECE_MS // 1000 * 2
    language = voice.language_of(job.order["speaker"])
    for part in parts(_clauses(job.order["text"], language)):
        symbols = [symbol for symbol in unicodedata.normalize(voice.form, part) if symbol in voice.symbols]
        if not any(symbol.isalpha() for symbol in symbols):
            continue
        manner.phoneme_codepoints = [[ord(symbol) for symbol in symbols]]
        for pcm in _made(job, voice, manner):
            for start in range(0, len(pcm), step):
                job.send(lead + pcm[start : start + step])
    return {}


def parts(clauses: Iterable[Clause]) -> Iterator[str]:
    """Phonemes that are made into sound together: a sentence, or less where it is long or where nothing is heard yet."""
    part = ""
    is_first = True
    for clause in clauses:
        for piece in _pieces(clause.phonemes):
            if part and len(part) + len(piece) > LONGEST_PART:
                yield part
                part, is_first = "", False
            part = f"{part} {piece}" if part else piece
        part += clause.stop
        if clause.stop and (clause.stop in SENTENCE_ENDS or (is_first and len(part) >= SHORTEST_START)):
            yield part
            part, is_first = "", False
    if part:
        yield part if part[-1] in SENTENCE_ENDS else f"{part}."


def _pieces(phonemes: str) -> Iterator[str]:
    while len(phonemes) > LONGEST_PART:
        cut = phonemes.rfind(" ", 1, LONGEST_PART) + 1 or LONGEST_PART
        yield phonemes[:cut].strip()
        phonemes = phonemes[cut:].strip()
    yield phonemes


def _clauses(text: str, language: str) -> Iterator[Clause]:
    for breath in breaths(text):
        if language:
            yield from shared_voice().clauses(breath, language)
        else:
            yield Clause(" ".join(breath.casefold().split()), "")


def _made(job: Job, voice: _Loaded, manner: Any) -> list[bytes]:
    """The sound of one part, int16."""
    made: list[bytes] = []

    def take(samples: Any, _share: float) -> int:
        made.append((samples * 32767).clip(-32768, 32767).astype("<i2").tobytes())
        return 0 if job.cancelled else 1

    with _making, _voices.in_use():
        job.stop_if_cancelled()
        voice.engine.generate("", manner, take)
    return made


# -- loading --------------------------------------------------------------------------------------------------


def _load(place: str) -> _Loaded:
    file = Path(place)
    styles = kokoro.styles_beside(file)
    try:
        return _load_kokoro(file, styles) if styles is not None else _load_piper(file)
    except ImportError as error:
        raise Refused("engine_missing") from error
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RuntimeError, BadZipFile) as error:
        raise _damaged(file) from error


def _load_piper(file: Path) -> _Loaded:
    import sherpa_onnx

    about = json.loads(file.with_name(f"{file.name}.json").read_bytes())
    symbols = {symbol: numbers[0] for symbol, numbers in about["phoneme_id_map"].items()}
    manner = {"length_scale": 1.0, "noise_scale": 0.667, "noise_w": 0.8} | dict(about.get("inference") or {})
    notes = notes_for(about)
    with _as_file(_with_notes(file, notes)) as model, _as_file(token_list(symbols)) as tokens:
        vits = sherpa_onnx.OfflineTtsVitsModelConfig(
            model=model,
            tokens=tokens,
            noise_scale=float(manner["noise_scale"]),
            noise_scale_w=float(manner["noise_w"]),
            length_scale=float(manner["length_scale"]),
        )
        engine = _engine(sherpa_onnx.OfflineTtsModelConfig(vits=vits, num_threads=_threads()))
    language = notes["voice"] if about.get("phoneme_type", "espeak") == "espeak" else ""
    return _Loaded(
        engine=engine,
        language_of=lambda _: language,
        speakers=about.get("speaker_id_map") or {},
        symbols=frozenset(symbols) - frozenset(_EDGES),
        form="NFD",
    )


def _load_kokoro(file: Path, styles: Path) -> _Loaded:
    import sherpa_onnx

    speakers, symbols = kokoro.speakers(styles), kokoro.symbols()
    with (
        _as_file(_with_notes(file, kokoro.notes(len(speakers)))) as model,
        _as_file(token_list(symbols)) as tokens,
        _as_file(kokoro.style_numbers(styles)) as numbers,
    ):
        config = sherpa_onnx.OfflineTtsKokoroModelConfig(model=model, voices=numbers, tokens=tokens)
        threads = min(MOST_THREADS, max(1, (os.cpu_count() or 1) - 1))
        engine = _engine(sherpa_onnx.OfflineTtsModelConfig(kokoro=config, num_threads=threads))
    return _Loaded(
        engine=engine,
        language_of=kokoro.espeak_voice_of,
        speakers={speaker: number for number, speaker in enumerate(speakers)},
        symbols=frozenset(symbols),
        form="NFC",
    )


def _engine(config: Any) -> Any:
    import sherpa_onnx

    return sherpa_onnx.OfflineTts(sherpa_onnx.OfflineTtsConfig(model=config))


_voices = Kept(_load)


def notes_for(about: Mapping[str, Any]) -> dict[str, str]:
    """The seven notes that sherpa-onnx looks for, from the voice's own description."""
    voice = str((about.get("espeak") or {}).get("voice") or "")
    return {
        "model_type": "vits",
        "comment": "piper",
        "language": str((about.get("language") or {}).get("name_english") or voice or "unknown"),
        "voice": voice,
        "has_espeak": "1",
        "n_speakers": str(int(about.get("num_speakers") or 1)),
        "sample_rate": str(int(about["audio"]["sample_rate"])),
    }


def token_list(symbols: Mapping[str, int]) -> bytes:
    """A line for each symbol: the symbol, a space, its number."""
    return "".join(f"{symbol} {number}\n" for symbol, number in symbols.items()).encode()


def _with_notes(file: Path, notes: Mapping[str, str]) -> bytes:
    """The model, and behind its last byte those of the notes that it does not have."""
    model = file.read_bytes()
    present = read_notes(model)
    return model + encoded_notes({key: value for key, value in notes.items() if present.get(key) != value})


@contextmanager
def _as_file(content: bytes) -> Iterator[str]:
    """A path to read `content` from: in memory on Linux, elsewhere a file that is gone afterwards."""
    if hasattr(os, "memfd_create"):
        place = os.memfd_create("voice")
        with open(place, "wb") as copy:
            copy.write(content)
            copy.flush()
            yield f"/proc/self/fd/{place}"
        return
    place, name = tempfile.mkstemp(prefix="companion-voice-")
    try:
        with open(place, "wb") as copy:
            copy.write(content)
        yield name
    finally:
        with suppress(OSError):
            os.unlink(name)


def _threads() -> int:
    """One where the recogniser or a model needs the other core: a voice is ten times faster than speech with one."""
    return 2 if (os.cpu_count() or 1) >= 4 else 1


def _damaged(file: Path) -> Refused:
    name = file.name.removesuffix(".onnx")
    return Refused(
        "voice_failed",
        tr("The voice “{name}” is damaged.", name=name),
        tr("Remove it and fetch it again in Settings under Voice."),
    )
