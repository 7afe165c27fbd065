"""The engine process: the built-in voice and recogniser, Whisper, and the voices of Piper.

Frames come in on stdin and go out on stdout (`pipe.py`); the process ends when stdin does. The main thread reads; every
job has a thread of its own, so a voice never waits for a recogniser. An engine is loaded by the first job that needs it.
Run as `python -m companion.providers.here.process.worker`.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO

from companion.children import speak_as_parent
from companion.confined import confine, grant_cpu_time
from companion.memory import give_back
from companion.providers.here.process.espeak import list_voices, pronounce, shared_voice, speak
from companion.providers.here.process.job import Cancelled, Job, Refused, as_json
from companion.providers.here.process.pipe import Frame, encode, read_frame

PIECE_BYTES = 640
"""20 ms at 16 kHz: pocketsphinx holds the GIL while it decodes a piece, at most 25 ms for one of this length."""
RECOGNISERS = 2
"""Takes decoded at the same time; each decoder holds about 100 MB and the second is loaded when it is needed."""


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
            if text != told and job.offer(as_json({"text": text})):
                told = text
        decoder.end_utt()
        return {"text": _words(decoder)}


def _words(decoder: Any) -> str:
    hypothesis = decoder.hyp()
    return hypothesis.hypstr if hypothesis is not None else ""


def load(job: Job) -> dict[str, Any]:
    """Makes the voice ready, and the recogniser if it is wanted."""
    shared_voice()
    if job.order.get("recogniser", True):
        _recognisers().load_first()
    return {}


# -- Whisper ------------------------------------------------------------------------------------------------


def hear_with_whisper(job: Job) -> dict[str, Any]:
    """As `whisper_engine`, which is imported by the first who wants it: it brings numpy."""
    from companion.providers.here.process import whisper_engine

    return whisper_engine.hear_with_whisper(job)


def load_whisper(job: Job) -> dict[str, Any]:
    from companion.providers.here.process import whisper_engine

    return whisper_engine.load_whisper(job)


# -- Piper --------------------------------------------------------------------------------------------------


def speak_naturally(job: Job) -> dict[str, Any]:
    """As `natural_engine`, which is imported by the first who wants it."""
    from companion.providers.here.process import natural_engine

    return natural_engine.speak_naturally(job)


def load_voice(job: Job) -> dict[str, Any]:
    from companion.providers.here.process import natural_engine

    return natural_engine.load_voice(job)


# -- the process --------------------------------------------------------------------------------------------

_protections: list[str] = []


def tell_protections(_job: Job) -> dict[str, Any]:
    """What this process cannot do."""
    return {"protections": _protections}


WORK: Mapping[str, tuple[Callable[[Job], dict[str, Any]], str]] = {
    "speak": (speak, "voice_failed"),
    "hear": (hear, "hearing_failed"),
    "load": (load, "unavailable"),
    "list_voices": (list_voices, "voice_failed"),
    "hear_with_whisper": (hear_with_whisper, "hearing_failed"),
    "load_whisper": (load_whisper, "unavailable"),
    "pronounce": (pronounce, "voice_failed"),
    "tell_protections": (tell_protections, "unavailable"),
    "load_voice": (load_voice, "voice_failed"),
    "speak_naturally": (speak_naturally, "voice_failed"),
}
"""Name of the work -> what does it, and the kind of fault when it fails in a way nobody foresaw."""
_engines: dict[str, Any] = {}
_engines_lock = threading.Lock()


def _recognisers() -> Recognisers:
    with _engines_lock:
        recognisers: Recognisers = _engines.setdefault("recognisers", Recognisers())
        return recognisers


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
        grant_cpu_time()
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
        self._write(job.number, frame, as_json(told))

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
    speak_as_parent()
    give_back()
    _protections.extend(confine())
    sys.setswitchinterval(0.001)  # a voice waits for the GIL behind a recogniser no longer than it must
    try:
        Serving(source, sink).run()
    finally:
        os._exit(0)


if __name__ == "__main__":
    main()
