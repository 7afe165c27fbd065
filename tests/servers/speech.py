"""Real speech for the speech server: espeak-ng in this process, through its C interface, at any sample rate.

The product runs the same engine in a worker of its own; here one lock is enough.
"""

from __future__ import annotations

import ctypes
import functools
import threading

import espeakng_loader

from companion.pcm import Resampler

_SYNCHRONOUS = 2
_UTF8 = 1
_RATE_PARAMETER = 1
_WORDS_PER_MINUTE = 175
_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)
_lock = threading.Lock()
_heard = bytearray()


def _keep(samples: ctypes._Pointer[ctypes.c_short], count: int, _: int) -> int:
    if samples and count > 0:
        _heard.extend(ctypes.string_at(samples, count * 2))
    return 0


_keep_c = _Callback(_keep)


@functools.cache
def _engine() -> tuple[ctypes.CDLL, int]:
    lib = ctypes.CDLL(str(espeakng_loader.get_library_path()))
    rate_hz = lib.espeak_Initialize(_SYNCHRONOUS, 0, str(espeakng_loader.get_data_path()).encode(), 0)
    return lib, rate_hz


@functools.lru_cache(maxsize=64)  # the engine never says a thing twice in quite the same way
def say(text: str, rate_hz: int, speed: float = 1.0) -> bytes:
    """int16 mono samples of `text` spoken in English."""
    with _lock:
        lib, source_hz = _engine()
        lib.espeak_SetSynthCallback(_keep_c)  # one engine per process: whoever speaks claims it
        lib.espeak_SetVoiceByName(b"en-us")
        lib.espeak_SetParameter(_RATE_PARAMETER, int(_WORDS_PER_MINUTE * speed), 0)
        _heard.clear()
        raw = text.encode()
        lib.espeak_Synth(raw, len(raw) + 1, 0, 0, 0, _UTF8, None, None)
        spoken = bytes(_heard)
    return Resampler(source_hz, rate_hz).process(spoken, last=True)
