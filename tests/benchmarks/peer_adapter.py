"""Our engine for a harness that compares voice-turn implementations, each in its own interpreter.

The harness loads this file and calls, on one event loop: `setup(base_url)` (an OpenAI-shaped address), `run_turn(wav_path,
base_url, on_release, on_audio)` (the recording as live capture would have delivered it; `on_audio` takes every piece of
24 kHz int16 mono that is handed over and returns the seconds to wait before more), `interrupt()`, `reset()`, `teardown()`.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

from companion.decoding import read_file
from companion.flow import Audio
from tests.benchmarks.pipelines import Ours, Sink

_takes: dict[str, Audio] = {}


class _Paced(Sink):
    """Hands over as fast as the harness's device takes it."""

    give: Callable[[bytes], float]

    async def write(self, turn: int, audio: Audio) -> None:
        if turn == self._turn:
            self._seconds += audio.seconds
            if (wait_s := self.give(audio.pcm)) > 0:
                await asyncio.sleep(wait_s)


_sink = _Paced()
_ours = Ours(_sink)


async def setup(base_url: str) -> None:
    await _ours.setup(base_url)


async def run_turn(
    wav_path: str, base_url: str, on_release: Callable[[], None], on_audio: Callable[[bytes], float]
) -> None:
    if wav_path not in _takes:
        _takes[wav_path] = read_file(Path(wav_path))
    _sink.give = on_audio
    await _ours.turn(_takes[wav_path], on_release, lambda pcm: None)


async def interrupt() -> None:
    _ours.app.cancel()


async def reset() -> None:
    _ours.reset()


async def teardown() -> None:
    await _ours.close()
