"""Recordings as a program has them, as requests for a recogniser: sound, a file or its bytes, or frames as they come."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path
from typing import Any

from companion.flow import CAPTURE_RATE_HZ, Audio, HearRequest

_BLOCK_BYTES = CAPTURE_RATE_HZ // 10 * 2


def request_of(sound: Audio | bytes | Path | AsyncIterator[bytes], **fields: Any) -> HearRequest:
    """The request for the words of a recording.

    Raises:
        CompanionError: BAD_FILE, it is none.
    """
    if isinstance(sound, AsyncIterator):
        return HearRequest(frames=sound, **fields)
    from companion.decoding import read_bytes, read_file
    from companion.pcm import Resampler

    if isinstance(sound, Path):
        sound = read_file(sound)
    elif isinstance(sound, (bytes, bytearray, memoryview)):
        sound = read_bytes(bytes(sound))
    change = Resampler(sound.rate_hz, CAPTURE_RATE_HZ)
    return HearRequest(frames=_frames(change.process(sound.pcm, last=True)), **fields)


async def _frames(samples: bytes) -> AsyncGenerator[bytes, None]:
    for start in range(0, len(samples), _BLOCK_BYTES):
        yield samples[start : start + _BLOCK_BYTES]
