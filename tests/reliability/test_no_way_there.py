"""Promise 21: names that do not resolve, ports nobody listens on, connections that are not what they seem: told in time."""

from __future__ import annotations

import asyncio
import socket

import pytest

from companion.chaos import Chaos, Way
from companion.errors import Kind
from companion.providers.provider import Policy
from tests.reliability.clients import VENDORS, ask, provider_at
from tests.reliability.proof import prove

ASKED = [(vendor, way) for way, vendors in VENDORS.items() for vendor in vendors]


def nobody() -> int:
    """A port on which nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.mark.parametrize(
    "where",
    [
        "refused",
        "no such name",
        "plain where encrypted is due",
        pytest.param("silent", marks=pytest.mark.long),
    ],
)
async def test_no_way_there_is_told_in_time(where: str) -> None:
    loop = asyncio.get_running_loop()
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(50)  # takes connections and never says a word
        async with Chaos() as chaos:
            url = {
                "refused": f"http://127.0.0.1:{nobody()}",
                "no such name": "https://companion.invalid",
                "plain where encrypted is due": chaos.url.replace("http:", "https:"),
                "silent": f"https://127.0.0.1:{silent.getsockname()[1]}",
            }[where]

            async def told(vendor: str, way: Way) -> float:
                async with provider_at(vendor, url, policy=Policy()) as provider:
                    began = loop.time()
                    ended = await ask(provider, way)
                    assert ended.card in (Kind.UNREACHABLE, Kind.TIMEOUT), (vendor, way, ended.error)
                    return loop.time() - began

            took = await asyncio.gather(*(told(vendor, way) for vendor, way in ASKED))
    prove(21, f"until it is told: {where}", max(took), 12, cases=len(ASKED), unit="s", clock="real")
