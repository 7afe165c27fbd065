"""The voices of Piper, in the engine process: phonemes from espeak-ng, sound from sherpa-onnx.

sherpa-onnx wants seven notes in the model and a list of its phonemes. The files as their makers publish them have
neither; both are added to a copy in memory, so that what is on the disk keeps its checksum and needs no second copy.
"""

from __future__ import annotations

import json
import os
import tempfile
import threading
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
_EDGES = "^$_"
"""Begin, end and padding: never phonemes of a text."""


@dataclass(slots=True)
class _Loaded:
    engine: Any
    language: str
    """As espeak-ng calls it; empty: the voice reads letters, not phonemes."""
    speakers: Mapping[str, int]
    symbols: frozenset[str]


_making = threading.Lock()
"""One part at a time: each uses the cores it may use, and two would both be late."""


def load_piper(job: Job) -> dict[str, Any]:
    """Makes the voice of `file` ready."""
    _voices.get(job.order["file"])
    return {}


def speak_with_piper(job: Job) -> dict[str, Any]:
    """Sends pieces of sound, each led by its rate (4 bytes, little-endian), part by part."""
    import sherpa_onnx

    voice = _voices.get(job.order["file"])
    manner = sherpa_onnx.GenerationConfig()
    manner.speed = min(max(float(job.order["speed"]), SPEEDS[0]), SPEEDS[1])
    manner.sid = voice.speakers.get(job.order["speaker"], 0)
    manner.silence_scale = 1.0  # the pauses that the voice makes itself
    rate_hz = voice.engine.sample_rate
    lead, step = rate_hz.to_bytes(4, "little"), rate_hz * PIECE_MS // 1000 * 2
    for part in parts(_clauses(job.order["text"], voice)):
        symbols = [symbol for symbol in unicodedata.normalize("NFD", part) if symbol in voice.symbols]
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


def _clauses(text: str, voice: _Loaded) -> Iterator[Clause]:
    for breath in breaths(text):
        if voice.language:
            yield from shared_voice().clauses(breath, voice.language)
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
    try:
        import sherpa_onnx
    except ImportError as error:
        raise Refused("engine_missing") from error
    try:
        about = json.loads(file.with_name(f"{file.name}.json").read_bytes())
        symbols = {symbol: numbers[0] for symbol, numbers in about["phoneme_id_map"].items()}
        manner = {"length_scale": 1.0, "noise_scale": 0.667, "noise_w": 0.8} | dict(
            about.get("inference") or {}
        )
        notes = notes_for(about)
        content = _with_notes(file, notes)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise _damaged(file) from error
    with _as_file(content) as model, _as_file(token_list(symbols)) as tokens:
        vits = sherpa_onnx.OfflineTtsVitsModelConfig(
            model=model,
            tokens=tokens,
            noise_scale=float(manner["noise_scale"]),
            noise_scale_w=float(manner["noise_w"]),
            length_scale=float(manner["length_scale"]),
        )
        model_config = sherpa_onnx.OfflineTtsModelConfig(vits=vits, num_threads=_threads())
        try:
            engine = sherpa_onnx.OfflineTts(sherpa_onnx.OfflineTtsConfig(model=model_config))
        except RuntimeError as error:
            raise _damaged(file) from error
    return _Loaded(
        engine=engine,
        language=notes["voice"] if about.get("phoneme_type", "espeak") == "espeak" else "",
        speakers=about.get("speaker_id_map") or {},
        symbols=frozenset(symbols) - frozenset(_EDGES),
    )


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
        f"The voice “{name}” is damaged.",
        "Remove it and fetch it again in Settings under Voice.",
    )
