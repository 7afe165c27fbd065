"""The engine process: the built-in voice and recogniser, and Whisper and Piper where they are installed.

Frames come in on stdin and go out on stdout (`pipe.py`); the process ends when stdin does. The main thread reads; every
job has a thread of its own, so a voice never waits for a recogniser. An engine is loaded by the first job that needs it.
Run as `python -m companion.providers.here.process.worker`.
"""

from __future__ import annotations

import ctypes
import importlib
import io
import json
import math
import os
import queue
import re
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO

from companion.flow import CAPTURE_RATE_HZ, Audio
from companion.pcm import to_wav
from companion.providers.here.process.pipe import WINDOW, Frame, encode, read_frame

PIECE_BYTES = 640
"""20 ms at 16 kHz: pocketsphinx holds the GIL while it decodes a piece, at most 25 ms for one of this length."""
CALLBACK_MS = 100
"""How much sound espeak-ng hands over at a time."""
LONGEST_BREATH = 400
"""Characters given to espeak-ng at once, so that what a slow listener has not taken stays small."""
DEFAULT_VOICE = "en-us"
RECOGNISERS = 2
"""Takes decoded at the same time; each decoder holds about 100 MB and the second is loaded when it is needed."""
LONGEST_WHISPER_S = 1800


class Cancelled(Exception):
    """The app does not want the rest of this job."""


class Refused(Exception):
    """A job that cannot be done, with the kind of fault and words for a person (empty: the card's)."""

    def __init__(self, kind: str, message: str = "", hint: str = "") -> None:
        super().__init__(message or kind)
        self.kind, self.message, self.hint = kind, message, hint


class Job:
    """One piece of work and the data that flows in and out of it. Its methods are called from its own thread."""

    def __init__(
        self, number: int, order: Mapping[str, Any], write: Callable[[int, Frame, bytes], None]
    ) -> None:
        self.number, self.order = number, order
        self.cancelled = False
        self._write = write
        self._inbox: queue.Queue[bytes | None] = queue.Queue(WINDOW + 2)
        self._room = threading.Semaphore(WINDOW)

    def send(self, data: bytes) -> None:
        """Hands `data` to the app; waits while it has enough to do."""
        self._room.acquire()
        self.stop_if_cancelled()
        self._write(self.number, Frame.DATA, data)

    def offer(self, data: bytes) -> bool:
        """Hands `data` to the app if it takes it now."""
        if self.cancelled or not self._room.acquire(blocking=False):
            return False
        self._write(self.number, Frame.DATA, data)
        return True

    def received(self) -> Iterator[bytes]:
        """What the app sends, until its end."""
        while (data := self._inbox.get()) is not None:
            self.stop_if_cancelled()
            self._write(self.number, Frame.CREDIT, b"")
            yield data
        self.stop_if_cancelled()

    def stop_if_cancelled(self) -> None:
        if self.cancelled:
            raise Cancelled

    def deliver(self, frame: Frame, payload: bytes) -> None:
        """What the reader has for this job; on the reader's thread, never waits."""
        if frame is Frame.CREDIT:
            self._room.release()
            return
        if frame is Frame.CANCEL:
            self.cancelled = True
            self._room.release()
        with suppress(queue.Full):  # only a cancelled job can be full, and it needs no second wake-up
            self._inbox.put_nowait(payload if frame is Frame.DATA else None)


# -- the voice ----------------------------------------------------------------------------------------------


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


class Voice:
    """espeak-ng, of which a process has one (speak_lib.h of espeak-ng 1.52)."""

    _SYNCHRONOUS, _DONT_EXIT, _UTF8, _RATE, _OK = 2, 0x8000, 1, 1, 0

    def __init__(self) -> None:
        import espeakng_loader

        self._engine = ctypes.CDLL(espeakng_loader.get_library_path())
        data = os.fsencode(espeakng_loader.get_data_path())
        self.rate_hz = int(
            self._engine.espeak_Initialize(self._SYNCHRONOUS, CALLBACK_MS, data, self._DONT_EXIT)
        )
        if self.rate_hz <= 0:
            raise Refused("engine_missing", "The built-in voice could not be loaded.")
        self._callback = _Callback(self._heard)  # kept alive here: espeak-ng only holds its address
        self._engine.espeak_SetSynthCallback(self._callback)
        self._take: Callable[[bytes], bool] = lambda _: False
        self._lock = threading.Lock()
        self.languages = self._list_languages()

    def say(self, text: str, voice: str, words_per_minute: int, take: Callable[[bytes], bool]) -> str:
        """Gives `take` the sound of `text` piece by piece until it returns False; returns the voice that spoke."""
        with self._lock:
            chosen = self._choose(voice)
            self._engine.espeak_SetParameter(self._RATE, words_per_minute, 0)
            self._take = take
            encoded = text.encode("utf-8", "ignore") + b"\0"
            self._engine.espeak_Synth(encoded, len(encoded), 0, 1, 0, self._UTF8, None, None)
            self._take = lambda _: False  # nothing of the job stays alive here
        return chosen

    def _heard(self, samples: Any, count: int, _events: object) -> int:
        if not samples or count <= 0:
            return 0
        return 0 if self._take(ctypes.string_at(samples, count * 2)) else 1

    def _choose(self, voice: str) -> str:
        for wanted in (voice, DEFAULT_VOICE):
            language, plus, variant = wanted.partition("+")
            name = self.languages.get(language.lower(), language) + plus + variant
            is_plain = re.fullmatch(
                r"[\w/-]{1,40}(\+\w{1,9})?", name, re.ASCII
            )  # espeak-ng opens files by this name
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


def breaths(text: str, longest: int = LONGEST_BREATH) -> Iterator[str]:
    """`text` in parts of at most `longest` characters, cut after a sentence, else at white space, else anywhere."""
    while len(text) > longest:
        ends = [match.end() for match in re.finditer(r"[.!?…。！？]+\s+|\n+", text[:longest])]
        cut = ends[-1] if ends else text.rfind(" ", 0, longest) + 1 or longest
        yield text[:cut]
        text = text[cut:]
    if text.strip():
        yield text


def speak(job: Job) -> dict[str, Any]:
    """Sends pieces of sound, each led by its rate (4 bytes, little-endian)."""
    voice = _voice()
    lead = voice.rate_hz.to_bytes(4, "little")
    chosen = ""
    for text in breaths(job.order["text"]):
        waiting: list[
            bytes
        ] = []  # what the app does not take at once: it must not hold up another job's speech

        def take(pcm: bytes, waiting: list[bytes] = waiting) -> bool:
            if waiting or not job.offer(lead + pcm):
                waiting.append(lead + pcm)
            return not job.cancelled

        chosen = voice.say(text, job.order["voice"], job.order["words_per_minute"], take)
        for piece in waiting:
            job.send(piece)
        job.stop_if_cancelled()
    return {"voice": chosen}


# -- the recogniser -----------------------------------------------------------------------------------------


class Recognisers:
    """pocketsphinx decoders with the US English model, at most `RECOGNISERS`, kept once loaded."""

    def __init__(self) -> None:
        self._free = threading.Semaphore(RECOGNISERS)
        self._idle: list[Any] = []
        self._loading = threading.Lock()
        self._loaded = 0

    @contextmanager
    def borrow(self, job: Job) -> Iterator[Any]:
        """A decoder that knows nothing of earlier takes. One whose take ended in an error is not used again."""
        while not self._free.acquire(timeout=0.2):
            job.stop_if_cancelled()
        try:
            decoder = self._next()
            decoder.reinit_feat()  # its running means of channel and noise would make a take depend on those before
            decoder.start_utt()
            try:
                yield decoder
            except Cancelled:
                decoder.end_utt()
                self._idle.append(decoder)
                raise
            self._idle.append(decoder)
        finally:
            self._free.release()

    def load_first(self) -> None:
        """Makes one ready, if none was loaded yet."""
        with self._loading:  # a take that begins meanwhile waits for this one instead of loading a second
            if not self._loaded:
                self._idle.append(self._load())

    def _next(self) -> Any:
        with self._loading:
            return self._idle.pop() if self._idle else self._load()

    def _load(self) -> Any:
        from pocketsphinx import Decoder

        # The second passes cost up to a second after the take and make these results worse (measured on readings).
        decoder = Decoder(loglevel="FATAL", fwdflat=False, bestpath=False)
        self._loaded += 1
        return decoder


def hear(job: Job) -> dict[str, Any]:
    """Takes int16 mono at 16 kHz; offers `{"text"}` whenever the words change."""
    told = ""
    with _recognisers().borrow(job) as decoder:
        for data in job.received():
            for start in range(0, len(data), PIECE_BYTES):
                job.stop_if_cancelled()
                decoder.process_raw(data[start : start + PIECE_BYTES], False, False)
            text = _words(decoder)
            if text != told and job.offer(_json({"text": text})):
                told = text
        decoder.end_utt()
        return {"text": _words(decoder)}


def _words(decoder: Any) -> str:
    hypothesis = decoder.hyp()
    return hypothesis.hypstr if hypothesis is not None else ""


def load(_job: Job) -> dict[str, Any]:
    """Makes both engines ready."""
    _voice()
    _recognisers().load_first()
    return {}


def list_voices(_job: Job) -> dict[str, Any]:
    """Every language the voice speaks."""
    return {"languages": sorted(_voice().languages)}


# -- Whisper ------------------------------------------------------------------------------------------------

_whisper_models: dict[str, Any] = {}
_whisper_lock = threading.Lock()


def hear_with_whisper(job: Job) -> dict[str, Any]:
    """Takes int16 mono at 16 kHz; offers `{"text"}` per segment, once all has been said."""
    take = bytearray()
    for data in job.received():
        take += data
        if len(take) > LONGEST_WHISPER_S * CAPTURE_RATE_HZ * 2:
            raise Refused("hearing_failed", "The recording is too long for Whisper on this computer.")
    if not take:
        return {"text": ""}
    with _whisper_lock:  # one at a time: each already uses every core
        job.stop_if_cancelled()
        model = _whisper_model(job.order["folder"])
        segments, _ = model.transcribe(
            io.BytesIO(to_wav(Audio(pcm=bytes(take), rate_hz=CAPTURE_RATE_HZ))),
            language=job.order["language"] or None,
            initial_prompt=job.order["context"] or None,
            vad_filter=True,
            condition_on_previous_text=False,
        )
        return _told_segments(job, segments)


def _told_segments(job: Job, segments: Any) -> dict[str, Any]:
    text, log_probability, seconds = "", 0.0, 0.0
    for segment in segments:
        job.stop_if_cancelled()
        text += segment.text
        log_probability += segment.avg_logprob * (segment.end - segment.start)
        seconds += segment.end - segment.start
        job.offer(_json({"text": text.strip()}))
    confidence = math.exp(log_probability / seconds) if seconds > 0 else None
    return {"text": text.strip(), "confidence": confidence}


def _whisper_model(folder: str) -> Any:
    os.environ["HF_HUB_OFFLINE"] = "1"  # the model is on disk; nothing else may be looked up on the way
    try:
        from faster_whisper import WhisperModel
    except ImportError as error:
        raise Refused("engine_missing") from error
    if folder not in _whisper_models:
        _whisper_models.clear()  # a model takes up to 1.6 GB: one at a time
        _whisper_models[folder] = WhisperModel(folder, device="auto", compute_type="default")
    return _whisper_models[folder]


# -- Piper --------------------------------------------------------------------------------------------------


_piper_lock = threading.Lock()
_piper_voices: dict[str, Any] = {}


def speak_with_piper(job: Job) -> dict[str, Any]:
    """Sends pieces of sound, each led by its rate (4 bytes, little-endian), sentence by sentence."""
    with _piper_lock:
        voice = _piper_voice(job.order["file"])
    speed = max(0.25, float(job.order["speed"]))
    manner = importlib.import_module("piper").SynthesisConfig(
        speaker_id=voice.config.speaker_id_map.get(job.order["speaker"]),
        length_scale=voice.config.length_scale / speed,
    )
    sentences = iter(voice.synthesize(job.order["text"], manner))
    while True:
        with _piper_lock:  # its phonemizer is one for all; what is made waits for its listener outside
            sentence = next(sentences, None)
        if sentence is None:
            return {}
        lead, pcm = sentence.sample_rate.to_bytes(4, "little"), sentence.audio_int16_bytes
        step = sentence.sample_rate // 10 * 2
        for start in range(0, len(pcm), step):
            job.send(lead + pcm[start : start + step])


def _piper_voice(file: str) -> Any:
    try:
        piper = importlib.import_module("piper")  # by choice, and for Python it has no types here
    except ImportError as error:
        raise Refused("engine_missing") from error
    if file not in _piper_voices:
        _piper_voices.clear()  # a voice takes about 150 MB
        _piper_voices[file] = piper.PiperVoice.load(file)
    return _piper_voices[file]


# -- the process --------------------------------------------------------------------------------------------

WORK: Mapping[str, tuple[Callable[[Job], dict[str, Any]], str]] = {
    "speak": (speak, "voice_failed"),
    "hear": (hear, "hearing_failed"),
    "load": (load, "unavailable"),
    "list_voices": (list_voices, "voice_failed"),
    "hear_with_whisper": (hear_with_whisper, "hearing_failed"),
    "speak_with_piper": (speak_with_piper, "voice_failed"),
}
"""Name of the work -> what does it, and the kind of fault when it fails in a way nobody foresaw."""
_engines: dict[str, Any] = {}
_engines_lock = threading.Lock()


def _voice() -> Voice:
    with _engines_lock:
        voice: Voice = _engines.get("voice") or _engines.setdefault("voice", Voice())
        return voice


def _recognisers() -> Recognisers:
    with _engines_lock:
        recognisers: Recognisers = _engines.setdefault("recognisers", Recognisers())
        return recognisers


def _json(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")


class Serving:
    """Reads frames until their end and runs the jobs they start."""

    def __init__(self, source: BinaryIO, sink: BinaryIO) -> None:
        self._source, self._sink = source, sink
        self._writing = threading.Lock()
        self._jobs: dict[int, Job] = {}

    def run(self) -> None:
        self._write(0, Frame.PONG, b"")
        while (frame := read_frame(self._source)) is not None:
            number, kind, payload = frame
            if kind is Frame.PING:
                self._write(0, Frame.PONG, b"")
            elif kind is Frame.START:
                job = self._jobs[number] = Job(number, json.loads(payload), self._write)
                threading.Thread(target=self._do, args=(job,), daemon=True, name=f"job {number}").start()
            elif (running := self._jobs.get(number)) is not None:
                running.deliver(kind, payload)

    def _do(self, job: Job) -> None:
        work, usual_fault = WORK[job.order["work"]]
        try:
            frame, told = Frame.DONE, work(job)
        except Cancelled:
            frame, told = Frame.DONE, {}
        except Refused as refused:
            detail = repr(refused.__cause__)
            told = {"kind": refused.kind, "message": refused.message, "hint": refused.hint, "detail": detail}
            frame = Frame.FAILED
        except Exception as error:  # noqa: BLE001 - an engine's own fault ends one job, not the process
            told = {"kind": usual_fault, "message": "", "hint": "", "detail": repr(error)}
            frame = Frame.FAILED
        self._jobs.pop(job.number, None)
        self._write(job.number, frame, _json(told))

    def _write(self, job: int, kind: Frame, payload: bytes) -> None:
        with self._writing, suppress(OSError):  # the app is gone: the reader ends the process
            self._sink.write(encode(job, kind, payload))
            self._sink.flush()


def main() -> None:
    """Serves until stdin ends, then ends at once, whatever an engine is doing."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C in a terminal is the app's to answer
    source, sink = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(2, 1)  # what a C library prints must not end up between the frames
    sys.setswitchinterval(0.001)  # a voice waits for the GIL behind a recogniser no longer than it must
    try:
        Serving(source, sink).run()
    finally:
        os._exit(0)


if __name__ == "__main__":
    main()
