"""Does the app hear itself, and can it be talked over: its voice through simulated rooms, with a person now and then.

    python -m tests.benchmarks.echo

For each room and each defence: how much softer the echo becomes, the turns that the app's own voice begins alone and the
share of the time they last, how many of seven interruptions by human speech are noticed within 2 s and after how long, and
what a 20 ms frame costs. Prints figures and asserts nothing.
"""

from __future__ import annotations

import asyncio
import statistics
import time

import numpy as np

from companion.audio.echo import EchoCanceller
from companion.audio.handsfree import OpenMicrophone
from companion.flow import FRAME_BYTES, Audio, TurnSignal
from companion.segment import Endpointing
from tests.audio import room
from tests.audio.room import RATE_HZ, Stage, Wave, mix

ROOMS: dict[str, dict[str, float]] = {
    "80 ms, -6 dB": {"delay_ms": 80, "gain_db": -6},
    "110 ms, -9 dB": {"delay_ms": 110, "gain_db": -9},
    "150 ms, -12 dB": {"delay_ms": 150, "gain_db": -12},
    "110 ms, -6 dB, rings 0.25 s": {"delay_ms": 110, "gain_db": -6, "ring_s": 0.05},
    "110 ms, 0 dB, rings 0.25 s": {"delay_ms": 110, "gain_db": 0, "ring_s": 0.05},
}
COUNT = 7
NOTICED_S = 2.0
LONG_ANSWER = " ".join(room.SAID * 4)
PHRASES = ("austen-0870.wav", "austen-0890.wav", "jfk.flac")


class Recorded(EchoCanceller):
    """Keeps what went in and what came out; `passes`: and does nothing else."""

    def __init__(self, *, passes: bool) -> None:
        super().__init__()
        self._passes = passes
        self.went_in, self.came_out = bytearray(), bytearray()
        self.took_s = 0.0

    @property
    def cancels(self) -> bool:
        return True

    def near(self, frame: bytes, at_s: float) -> bytes:
        began_s = time.perf_counter()
        clean = frame if self._passes else super().near(frame, at_s)
        self.took_s += time.perf_counter() - began_s
        self.went_in += frame
        self.came_out += clean
        return clean

    def softer_db(self, span: slice) -> float:
        before, after = (
            np.frombuffer(pcm, "<i2")[span].astype(float) for pcm in (self.went_in, self.came_out)
        )
        return room.db(before) - room.db(after)


DEFENCES = {
    "nothing": (Endpointing(guarded_onset=0.5, guarded_windows=3), True),
    "guard only": (Endpointing(), True),
    "canceller only": (Endpointing(guarded_onset=0.5, guarded_windows=3), False),
    "canceller and guard": (Endpointing(), False),
}
"""The rules, and whether the echo passes."""


async def turns(near: Wave, far: Audio, rules: Endpointing, canceller: Recorded) -> list[tuple[float, float]]:
    """When turns began and ended."""
    stage = Stage(near, far, far_at_s=1.0)
    ear = OpenMicrophone(stage, stage, rules=rules, canceller=canceller, clock=lambda: stage.now_s)
    told = await stage.listen(ear)
    begun = [at_s for at_s, signal in told if signal.signal is TurnSignal.STARTED]
    ended = [at_s for at_s, signal in told if signal.signal is TurnSignal.ENDED]
    return list(zip(begun, ended, strict=True))


async def measure(alone: Wave, both: Wave, said_s: list[float], far: Audio, name: str) -> None:
    rules, passes = DEFENCES[name]
    canceller = Recorded(passes=passes)
    false = await turns(alone, far, rules, canceller)
    share = sum(end_s - start_s for start_s, end_s in false) / far.seconds
    begun = [start_s for start_s, _ in await turns(both, far, rules, Recorded(passes=passes))]
    late = [[start_s - at_s for start_s in begun if 0 <= start_s - at_s < NOTICED_S] for at_s in said_s]
    noticed = [min(each) for each in late if each]
    after = f" after {statistics.median(noticed):.2f} s, at most {max(noticed):.2f}" if noticed else ""
    softer_db = canceller.softer_db(slice(2 * RATE_HZ, round(far.seconds * RATE_HZ)))
    cost_ms = canceller.took_s / (len(canceller.went_in) / FRAME_BYTES) * 1000
    print(
        f"  {name:<20}{softer_db:5.1f} dB softer; {len(false)} false turns, {share:4.0%} of the time; "
        f"{len(noticed)}/{len(said_s)} interruptions{after}; {cost_ms:.2f} ms per frame"
    )


async def main() -> None:
    spoken = room.app_voice(LONG_ANSWER)
    far = Audio(pcm=spoken.pcm[: round((said_at(COUNT) - 1) * spoken.rate_hz) * 2], rate_hz=spoken.rate_hz)
    at = [said_at(number) for number in range(COUNT)]
    phrases = [room.person(PHRASES[number % len(PHRASES)])[: 2 * RATE_HZ] for number in range(COUNT)]
    print(f"{far.seconds:.0f} s of the app's voice at -20 dBFS; {COUNT} phrases of human speech at -26 dBFS")
    for name, how in ROOMS.items():
        alone = mix((0, room.noise(far.seconds + 2.5, -64)), (1, room.echo(far, **how)))  # type: ignore[arg-type]
        both = mix((0, alone), *zip(at, phrases, strict=True))
        print(f"{name}: echo at {room.db(alone):.0f} dBFS")
        for defence in DEFENCES:
            await measure(alone, both, at, far, defence)


def said_at(number: int) -> float:
    return 4.0 + 6.3 * number


if __name__ == "__main__":
    asyncio.run(main())
