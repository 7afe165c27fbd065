"""espeak-ng, in the engine process only: the plain voice, and the phonemes that the voices of Piper read."""

from __future__ import annotations

import ctypes
import os
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from companion.language import tr
from companion.providers.here.process.breaths import breaths
from companion.providers.here.process.job import Job, Refused

CALLBACK_MS = 100
"""How much sound espeak-ng hands over at a time."""
DEFAULT_VOICE = "en-us"
_STOPS = str.maketrans("…。．！？؟।،、，；：—–", "...!??.,,,;:,,")
"""Signs that end a clause -> the one among Piper's own that sounds like it."""
_CLAUSE_END = re.compile(r"([.,;:?!…。．！？؟।،、，；：—–])\W*\w?$|(\n)\s*\w?$")
"""The end of what espeak-ng took for a clause: it has read one character of the next."""
_OTHER_LANGUAGE = re.compile(r"\([a-z-]+\)")
"""What it puts around the words of another language: "(en)"."""


class _EspeakVoice(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("languages", ctypes.c_void_p),  # a priority byte, the language, a zero; then more of them
        ("identifier", ctypes.c_char_p),
        ("rest", ctypes.c_ubyte * 4),
        ("score", ctypes.c_int),
        ("spare", ctypes.c_void_p),
    )


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


@dataclass(frozen=True, slots=True)
class Clause:
    """What is spoken without a pause."""

    phonemes: str
    """IPA."""
    stop: str
    """The sign after it, one of ".,;:?!"; empty: none."""


class Voice:
    """espeak-ng, of which a process has one (speak_lib.h of espeak-ng 1.52)."""

    _SYNCHRONOUS, _DONT_EXIT, _UTF8, _IPA, _RATE, _OK = 2, 0x8000, 1, 2, 1, 0

    def __init__(self) -> None:
        import espeakng_loader

        self._engine = ctypes.CDLL(espeakng_loader.get_library_path())
        data = os.fsencode(espeakng_loader.get_data_path())
        self.rate_hz = int(
            self._engine.espeak_Initialize(self._SYNCHRONOUS, CALLBACK_MS, data, self._DONT_EXIT)
        )
        if self.rate_hz <= 0:
            raise Refused("engine_missing", tr("The built-in voice could not be loaded."))
        self._callback = _Callback(self._heard)  # kept alive here: espeak-ng only holds its address
        self._engine.espeak_SetSynthCallback(self._callback)
        self._engine.espeak_TextToPhonemes.restype = ctypes.c_char_p
        self._engine.espeak_TextToPhonemes.argtypes = [
            ctypes.POINTER(ctypes.c_void_p),
            ctypes.c_int,
            ctypes.c_int,
        ]
        self._take: Callable[[bytes], bool] = lambda _: False
        self._lock = threading.Lock()
        self.languages = self._list_languages()

    def say(self, text: str, voice: str, words_per_minute: int, take: Callable[[bytes], bool]) -> str:
        """Gives `take` the sound of one of `breaths` until it returns False; returns the voice that spoke."""
        with self._lock:
            chosen = self._choose(voice)
            self._engine.espeak_SetParameter(self._RATE, words_per_minute, 0)
            self._take = take
            encoded = text.encode("utf-8", "ignore") + b"\0"
            self._engine.espeak_Synth(encoded, len(encoded), 0, 1, 0, self._UTF8, None, None)
            self._take = lambda _: False  # nothing of the job stays alive here
        return chosen

    def clauses(self, text: str, voice: str) -> Iterator[Clause]:
        """How `text`, one of `breaths`, is pronounced in the language of `voice`."""
        encoded = text.encode("utf-8", "ignore")
        buffer = ctypes.create_string_buffer(encoded)
        start = ctypes.addressof(buffer)
        place, begun = ctypes.c_void_p(start), 0
        with self._lock:
            self._choose(voice)
            found = []
            while place.value:
                heard = self._engine.espeak_TextToPhonemes(ctypes.byref(place), self._UTF8, self._IPA) or b""
                end = place.value - start if place.value else len(encoded)
                found.append((heard.decode("utf-8", "replace"), encoded[begun:end]))
                begun = end
        for phonemes, read in found:
            bare = _OTHER_LANGUAGE.sub("", phonemes).strip()
            if bare:
                yield Clause(bare, _stop(read.decode("utf-8", "ignore")))

    def _heard(self, samples: Any, count: int, _events: object) -> int:
        if not samples or count <= 0:
            return 0
        return 0 if self._take(ctypes.string_at(samples, count * 2)) else 1

    def _choose(self, voice: str) -> str:
        for wanted in (voice, DEFAULT_VOICE):
            language, plus, variant = wanted.partition("+")
            name = self.languages.get(language.lower(), language) + plus + variant
            # espeak-ng opens files by this name
            is_plain = re.fullmatch(r"[\w/-]{1,40}(\+\w{1,9})?", name, re.ASCII)
            if is_plain and self._engine.espeak_SetVoiceByName(name.encode()) == self._OK:
                return wanted
        raise Refused("voice_failed")

    def _list_languages(self) -> dict[str, str]:
        """Language tag -> the name espeak-ng loads it by; of two for one language the first is the preferred."""
        self._engine.espeak_ListVoices.restype = ctypes.POINTER(ctypes.POINTER(_EspeakVoice))
        found: dict[str, str] = {}
        for entry in iter_pointers(self._engine.espeak_ListVoices(None)):
            language = ctypes.string_at(entry.languages + 1).decode("utf-8", "replace").lower()
            found.setdefault(language, entry.identifier.decode())
        return found


def iter_pointers(array: Any) -> Iterator[Any]:
    """The things a null-terminated array of pointers points to."""
    index = 0
    while array[index]:
        yield array[index].contents
        index += 1


def _stop(read: str) -> str:
    match = _CLAUSE_END.search(read)
    if match is None:
        return ""
    return "." if match[2] else match[1].translate(_STOPS)


_shared: list[Voice] = []
_shared_lock = threading.Lock()


def shared_voice() -> Voice:
    """The process' one, loaded by whoever needs it first."""
    with _shared_lock:
        if not _shared:
            _shared.append(Voice())
        return _shared[0]


def speak(job: Job) -> dict[str, Any]:
    """Sends pieces of sound, each led by its rate (4 bytes, little-endian)."""
    voice = shared_voice()
    lead = voice.rate_hz.to_bytes(4, "little")
    chosen = ""
    for text in breaths(job.order["text"]):
        waiting: list[bytes] = []
        """What the app does not take at once: it must not hold up another job's speech."""

        def take(pcm: bytes, waiting: list[bytes] = waiting) -> bool:
            if waiting or not job.offer(lead + pcm):
                waiting.append(lead + pcm)
            return not job.cancelled

        chosen = voice.say(text, job.order["voice"], job.order["words_per_minute"], take)
        for piece in waiting:
            job.send(piece)
        job.stop_if_cancelled()
    return {"voice": chosen}


def list_voices(_job: Job) -> dict[str, Any]:
    """Every language the voice speaks."""
    return {"languages": sorted(shared_voice().languages)}


def pronounce(job: Job) -> dict[str, Any]:
    """The phonemes of a text, clause by clause."""
    found = [
        f"{clause.phonemes}{clause.stop}"
        for text in breaths(job.order["text"])
        for clause in shared_voice().clauses(text, job.order["voice"])
    ]
    return {"phonemes": " ".join(found)}
