"""How long the transcript takes after release, for takes of 5, 30 and 120 s and a recogniser that hears whole recordings.

    python -m tests.benchmarks.take_length [ROUNDS]

Real speech with its own pauses is played in real time into our engine; the vendor, in this process, needs 200 ms plus
30 ms per second of sound. Beside the wait stands what one request for the whole take would need there. Asserts nothing.
"""

from __future__ import annotations

import asyncio
import io
import statistics
import sys
import time
import wave
from pathlib import Path

from aiohttp import web

from companion.decoding import read_file
from companion.events import Event, Phase, PhaseChanged
from companion.flow import Audio
from tests.benchmarks.pipelines import Ours

LENGTHS_S = (5, 30, 120)
CONSTANT_S, PER_SECOND_S = 0.2, 0.03
DATA = Path(__file__).parent.parent / "data"


async def hear(request: web.Request) -> web.Response:
    form = await request.post()
    take = form["file"]
    assert isinstance(take, web.FileField)
    with wave.open(io.BytesIO(take.file.read())) as sound:
        seconds = sound.getnframes() / sound.getframerate()
    await asyncio.sleep(CONSTANT_S + PER_SECOND_S * seconds)
    return web.json_response({"text": f"{seconds:.1f} seconds of speech."})


async def serve() -> tuple[web.AppRunner, str]:
    app = web.Application(client_max_size=64 * 2**20)
    app.router.add_post("/v1/audio/transcriptions", hear)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return runner, f"http://127.0.0.1:{runner.addresses[0][1]}/v1"


def speech(seconds: float, start: int) -> Audio:
    """Readings one after the other, cut at that length."""
    readings = [read_file(path) for path in sorted([*DATA.glob("*.wav"), *DATA.glob("*.flac")])]
    pcm = b"".join(reading.pcm for reading in readings[start:] + readings[:start])
    size = int(seconds * 16_000) * 2
    return Audio(pcm=(pcm * (size // len(pcm) + 1))[:size], rate_hz=16_000)


async def wait_s(ours: Ours, take: Audio) -> float:
    """From release to the final transcript."""
    thinking = asyncio.Event()

    def watch(event: Event) -> None:
        if isinstance(event, PhaseChanged) and event.phase is Phase.THINKING:
            thinking.set()

    ours.microphone.realtime = True
    stop = ours.app.events.watch(watch)
    await ours.listen(take)
    released = time.monotonic()
    ours.app.release_talk()
    await thinking.wait()
    waited = time.monotonic() - released
    ours.app.cancel()
    stop()
    return waited


async def one_length(base_url: str, seconds: int, rounds: int) -> list[float]:
    ours = Ours()
    await ours.setup(base_url)
    waits = [await wait_s(ours, speech(seconds, start)) for start in range(rounds)]
    await ours.close()
    return waits


async def measure(rounds: int) -> None:
    runner, base_url = await serve()
    waits = await asyncio.gather(*(one_length(base_url, seconds, rounds) for seconds in LENGTHS_S))
    await runner.cleanup()
    print(f"release to final transcript, {rounds} takes each (s)")
    print(f"  {'take':>6}{'median':>9}{'worst':>9}{'in one request':>17}")
    medians = [statistics.median(each) for each in waits]
    for seconds, median, each in zip(LENGTHS_S, medians, waits, strict=True):
        whole = CONSTANT_S + PER_SECOND_S * seconds
        print(f"  {seconds:>4} s{median:>9.2f}{max(each):>9.2f}{whole:>17.2f}")
    print(f"  longest / shortest: {medians[-1] / medians[0]:.2f}")


if __name__ == "__main__":
    asyncio.run(measure(int(sys.argv[1]) if len(sys.argv) > 1 else 3))
