"""How quick a natural voice of this computer is: real-time factor, first sound, and how soon it stops.

    python -m tests.benchmarks.natural_voice [MODELS_FOLDER [VOICE]]

Without a folder: the voice that `.ci/setup test` fetches. Prints medians of five; asserts nothing about time.

    factor   time to make the sound, divided by how long it lasts
    first    request -> first sound, in ms
    stop     giving up in the middle of a long text -> first sound of the next sentence, in ms; what it waited for
    load     making the voice ready, in ms
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path

from companion.flow import SpeakRequest
from companion.providers.here.piper import PiperProvider

ROUNDS = 5
TEXTS = {
    "word": "Yes.",
    "sentence": "It was a long day, and I am glad that it is over.",
    "answer": "You said that the morning was quiet; perhaps that is worth keeping. What would you tell a friend who felt "
    "the way you do tonight? The garden behind the old house was full of apples that year.",
}


async def measure(voice: PiperProvider, request: SpeakRequest) -> tuple[float, float]:
    """Factor, and ms to the first sound."""
    began, first, seconds = time.perf_counter(), 0.0, 0.0
    async for audio in voice.speak(request):
        first = first or time.perf_counter() - began
        seconds += len(audio.pcm) / 2 / audio.rate_hz
    return (time.perf_counter() - began) / seconds, first * 1000


async def stop(voice: PiperProvider, name: str) -> float:
    stream = voice.speak(SpeakRequest(text=TEXTS["answer"] * 20, voice=name))
    await anext(stream)
    began = time.perf_counter()
    await stream.aclose()
    following = voice.speak(SpeakRequest(text=TEXTS["word"], voice=name))
    await anext(following)
    waited = time.perf_counter() - began
    await following.aclose()
    return waited * 1000


async def run(models: Path, name: str) -> None:
    async with PiperProvider(models_dir=models) as voice:
        assert isinstance(voice, PiperProvider)
        began = time.perf_counter()
        await voice.warm_voice(name)
        print(f"load {(time.perf_counter() - began) * 1000:6.0f} ms")
        for label, text in TEXTS.items():
            measured = [await measure(voice, SpeakRequest(text=text, voice=name)) for _ in range(ROUNDS)]
            factor, first = (statistics.median(column) for column in zip(*measured, strict=True))
            print(f"{label:9} factor {factor:.3f}   first {first:5.0f} ms")
        print(f"stop {statistics.median([await stop(voice, name) for _ in range(ROUNDS)]):6.0f} ms")


def main() -> None:
    from tests.weights import FOLDER

    with tempfile.TemporaryDirectory() as folder:
        models = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(folder)
        if len(sys.argv) < 2:
            if not (FOLDER / "piper-joe").is_dir():
                print(f"natural_voice: the voice is not in {FOLDER}: .ci/setup test fetches it")
                return
            (models / "voice").mkdir()
            (models / "voice" / "en_US-joe-medium").symlink_to(FOLDER / "piper-joe")
        asyncio.run(run(models, sys.argv[2] if len(sys.argv) > 2 else ""))


if __name__ == "__main__":
    main()
