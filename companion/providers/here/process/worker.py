"""The engine process: the built-in voice and recogniser, and Whisper and Piper where they are installed.

Frames come in on stdin and go out on stdout (`pipe.py`); the process ends when stdin does. The main thread reads; every
job has a thread of its own, so a voice never waits for a recogniser. An engine is loaded by the first job that needs it.
Run as `python -m companion.providers.here.process.worker`.
"""

from __future__ import annotations

import errno
import io
import json
import math
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, BinaryIO

from companion.flow import CAPTURE_RATE_HZ, Audio
from companion.pcm import to_wav
from companion.providers.here.process.confined import confine, grant_cpu_time
from companion.providers.here.process.espeak import list_voices, pronounce, shared_voice, speak
from companion.providers.here.process.job import Cancelled, Job, Refused, as_json
from companion.providers.here.process.pipe import Frame, encode, read_frame
from companion.providers.here.process.piper_engine import load_piper, speak_with_piper

PIECE_BYTES = 640
"""20 ms at 16 kHz: pocketsphinx holds the GIL while it decodes a piece, at most 25 ms for one of this length."""
RECOGNISERS = 2
"""Takes decoded at the same time; each decoder holds about 100 MB and the second is loaded when it is needed."""
LONGEST_WHISPER_S = 1800


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


def load(_job: Job) -> dict[str, Any]:
    """Makes both engines ready."""
    shared_voice()
    _recognisers().load_first()
    return {}


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
        job.offer(as_json({"text": text.strip()}))
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


def fetch_whisper(job: Job) -> dict[str, Any]:
    """Fetches a model into `folder`; offers `{"bytes", "total"}`. Stopped by ending the process: resumes next time."""
    try:
        from huggingface_hub import HfApi, snapshot_download
    except ImportError as error:
        raise Refused("engine_missing") from error
    folder, files = Path(job.order["folder"]), job.order["files"]
    part = folder.with_name(folder.name + ".part")
    failure: list[BaseException] = []

    def fetch() -> None:
        try:
            snapshot_download(job.order["repository"], local_dir=part, allow_patterns=files, token=False)
        except BaseException as error:  # noqa: BLE001 - carried to the job's own thread
            failure.append(error)

    try:
        info = HfApi(token=False).model_info(job.order["repository"], files_metadata=True, timeout=10)
        total = sum(
            file.size or 0
            for file in info.siblings or ()
            if any(fnmatch(file.rfilename, name) for name in files)
        )
        fetching = threading.Thread(target=fetch, daemon=True)
        fetching.start()
        while fetching.is_alive():
            fetching.join(0.2)
            job.offer(as_json({"bytes": _size(part), "total": total}))
        if failure:
            raise failure[0]
        os.replace(part, folder)
    except Exception as error:
        raise _fetch_refusal(error) from error
    return {"bytes": total, "total": total}


def _size(folder: Path) -> int:
    total = 0
    for file in folder.rglob("*"):
        with suppress(OSError):  # renamed while we look
            total += file.stat().st_size if file.is_file() else 0
    return total


def _fetch_refusal(error: BaseException) -> Refused:
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Refused("disk_full", "There is no room on the disk for what is fetched.")
    return Refused("download_failed")


# -- the process --------------------------------------------------------------------------------------------

_protections: list[str] = []


def tell_protections(_job: Job) -> dict[str, Any]:
    """What this process cannot do."""
    return {"protections": _protections}


WORK: Mapping[str, tuple[Callable[[Job], dict[str, Any]], str]] = {
    "speak": (speak, "voice_failed"),
    "hear": (hear, "hearing_failed"),
    "load": (load, "unavailable"),
    "pronounce": (pronounce, "voice_failed"),
    "list_voices": (list_voices, "voice_failed"),
    "hear_with_whisper": (hear_with_whisper, "hearing_failed"),
    "fetch_whisper": (fetch_whisper, "download_failed"),
    "speak_with_piper": (speak_with_piper, "voice_failed"),
    "tell_protections": (tell_protections, "unavailable"),
    "load_piper": (load_piper, "voice_failed"),
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
    _protections.extend(confine())
    sys.setswitchinterval(0.001)  # a voice waits for the GIL behind a recogniser no longer than it must
    try:
        Serving(source, sink).run()
    finally:
        os._exit(0)


if __name__ == "__main__":
    main()
