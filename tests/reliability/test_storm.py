"""Promise 27: answers given up at any moment leave no task, thread, file or connection behind, and the next one works."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
from contextlib import suppress
from random import Random

import pytest

from companion.chaos import Chaos, Way
from companion.chaos.answers import REPLY
from companion.net import Net
from companion.providers.provider import AIProvider
from tests.reliability.clients import VENDORS, ask, provider_at, request_for
from tests.reliability.proof import prove

SEED = 27
ASKED = [(vendor, way) for way, vendors in VENDORS.items() for vendor in vendors]


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


async def give_up(provider: AIProvider, way: Way, dice: Random) -> None:
    """One request that somebody talks over: before its first byte, in the middle, or twice."""
    name, request = request_for(way)

    async def listen() -> None:
        async for _ in provider.stacked(getattr(provider, name))(request):
            await asyncio.sleep(0)

    task = asyncio.get_running_loop().create_task(listen())
    await asyncio.sleep(dice.choice((0.0, 0.0, dice.random() * 0.02, dice.random() * 0.05)))
    task.cancel()
    if dice.random() < 0.3:
        await asyncio.sleep(0)
        task.cancel()
    with suppress(asyncio.CancelledError):
        await task


@pytest.mark.parametrize(
    "count", [pytest.param(120, id="120"), pytest.param(1000, id="1000", marks=pytest.mark.long)]
)
async def test_given_up_answers_leave_nothing_behind(count: int) -> None:
    dice = Random(SEED)

    async def storm(times: int) -> tuple[int, int]:
        """Connections that stayed at the server beyond the pool's own, and answers after the storm that were not whole."""
        net = Net()
        broken = 0
        async with Chaos(token_s=0.003) as chaos:
            for vendor, way in ASKED:
                async with provider_at(vendor, chaos.url, net=net) as provider:
                    for _ in range(times // len(ASKED)):
                        await give_up(provider, way, dice)
                    ended = await ask(provider, way)
                    broken += ended.error is not None or (way is Way.CHAT and ended.text != REPLY)
            await net.aclose()
            for _ in range(200):
                if not chaos.open_connections:
                    break
                await asyncio.sleep(0.01)  # the server hears of it a moment later
            return chaos.open_connections, broken

    await storm(len(ASKED))  # imports, pools of threads: what is made once stays
    gc.collect()
    before = (len(asyncio.all_tasks()), threading.active_count(), open_files())
    left, broken = await storm(count)
    await asyncio.sleep(0.05)
    gc.collect()
    after = (len(asyncio.all_tasks()), threading.active_count(), open_files())
    for what, was, now in zip(("tasks", "threads", "open files"), before, after, strict=True):
        prove(27, f"{what} left by given-up answers", max(0, now - was), 0, cases=count)
    prove(27, "connections left by given-up answers", left, 0, cases=count)
    prove(27, "next answers that were not whole", broken, 0, cases=len(ASKED))
