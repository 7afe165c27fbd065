"""A process of its own that asks one provider after another and tells how far its memory grew: `python -m … URL`.

One JSON line per line of input `vendor way [URL]`; the parent decides what the server sends. With an address of its own
the clocks are short.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import replace
from pathlib import Path

from companion.chaos import Way
from companion.errors import CompanionError
from companion.flow import ChatDelta
from companion.providers.provider import Policy
from companion.providers.wire import sockets
from tests.reliability.clients import HASTY, PLAIN, provider_at, request_for

POLICY = replace(PLAIN, first_s=3.0, idle_s=3.0, total_s=12.0)


def peak_mb() -> float:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1024


def forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


async def suffer(vendor: str, way: Way, url: str, policy: Policy = POLICY) -> dict[str, object]:
    """One request whose answer is only counted, as the window and the player keep no copy either."""
    async with provider_at(vendor, url, policy=policy) as provider:
        name, request = request_for(way)
        forget_peak()
        began = time.monotonic()
        card, pieces, finish = "", 0, ""
        gaps: list[float] = []
        held: list[float] = [0.0]
        ticking = asyncio.get_running_loop().create_task(_tick(gaps, held))
        try:
            async for chunk in provider.stacked(getattr(provider, name))(request):
                pieces += 1
                finish = (chunk.finish_reason or finish) if isinstance(chunk, ChatDelta) else finish
        except CompanionError as error:
            card = error.kind.value
        took_s = time.monotonic() - began
        ticking.cancel()
    return {
        "held_ms": max(held) * 1000, "peak_mb": peak_mb(),
        "took_s": took_s, "card": card, "pieces": pieces, "finish": finish, "gaps_s": gaps,
    }  # fmt: skip


async def _tick(gaps: list[float], held: list[float]) -> None:
    """Notes how long the loop was held up, as a window would be: by the clock, and by the processor time that was used."""
    while True:
        began, used = time.monotonic(), time.thread_time()
        await asyncio.sleep(0.001)
        gaps.append(round(time.monotonic() - began - 0.001, 4))
        held.append(time.thread_time() - used)


async def main() -> None:
    sockets.RECONNECT_S = 0.01
    url = sys.argv[1]
    for line in sys.stdin:
        vendor, way, *own = line.split()
        suffered = suffer(vendor, Way(way), own[0], HASTY) if own else suffer(vendor, Way(way), url)
        print(json.dumps(await suffered), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
