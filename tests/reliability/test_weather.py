"""Promises 22 and 26 on a bad day: faults by chance, one request after the other, through all that stands around a call."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from companion.chaos import FAULTS, WELL, Chaos, Way, drawn
from companion.chaos.answers import REPLY
from companion.errors import Kind
from companion.providers.provider import Policy
from tests.reliability.clients import CHATS, HASTY, PLAIN, ask, provider_at
from tests.reliability.proof import prove

SEED = 22
SLOW = {"gzip_bomb", "giant_line", "endless", "deep_json"}
LIKELY = [name for name, fault in FAULTS.items() if Way.CHAT in fault.ways and name not in SLOW]


@pytest.mark.parametrize(
    "count", [pytest.param(60, id="60"), pytest.param(600, id="600", marks=pytest.mark.long)]
)
async def test_a_day_of_bad_weather(count: int) -> None:
    """With retries a fault that passes is not noticed; every other one is told by its card; nothing is said twice."""
    schedule = drawn(SEED, count, rate=0.5, names=LIKELY)
    policy = replace(HASTY, attempts=3, patience_s=1.0)
    wrong: list[str] = []
    noticed = healed = 0
    for vendor in CHATS:
        async with (
            Chaos(schedule, seed=SEED, tick_s=0.1) as chaos,
            provider_at(vendor, chaos.url, policy=policy) as provider,
        ):
            while chaos.schedule:
                first = len(chaos.answered)
                ended = await ask(provider, Way.CHAT)
                met = [seen.fault for seen in chaos.answered[first:]]
                cards = [FAULTS[name].card if name != WELL else None for name in met]
                noticed += ended.error is not None
                healed += ended.error is None and any(cards)
                if ended.card is not cards[-1] and not (vendor == "ollama" and "quota_in_429" in met):
                    wrong.append(f"{vendor} {met}: {ended.card}")
                if met[-1] == WELL and ended.text != REPLY:
                    wrong.append(f"{vendor} {met}: {ended.text!r}")
    assert not wrong, wrong
    assert noticed
    assert healed
    prove(22, "answers on a bad day without the right card", len(wrong), 0, cases=count * len(CHATS))


@pytest.mark.parametrize("vendor", CHATS)
@pytest.mark.parametrize("fault", ["status_503", "overloaded_midway", "cut_midway"])
async def test_a_dead_vendor_is_left_alone_wherever_in_the_answer_it_dies(vendor: str, fault: str) -> None:
    policy = replace(PLAIN, attempts=3, breaker=True)
    async with Chaos(then=fault) as chaos, provider_at(vendor, chaos.url, policy=policy) as provider:
        cards = [(await ask(provider, Way.CHAT)).card for _ in range(50)]
        assert len(chaos.answered) == Policy().breaker_threshold
    assert cards[0] is FAULTS[fault].card
    assert cards[-1] is Kind.CIRCUIT_OPEN


async def test_a_vendor_that_is_back_is_trusted_again() -> None:
    policy = replace(PLAIN, breaker=True, breaker_threshold=2, breaker_rest_s=0.05)
    async with (
        Chaos(["status_503"] * 2) as chaos,
        provider_at("openai", chaos.url, policy=policy) as provider,
    ):
        for _ in range(2):
            assert (await ask(provider, Way.CHAT)).card is Kind.UNAVAILABLE
        assert (await ask(provider, Way.CHAT)).card is Kind.CIRCUIT_OPEN
        await asyncio.sleep(0.06)
        assert (await ask(provider, Way.CHAT)).text == REPLY
        assert (await ask(provider, Way.CHAT)).text == REPLY
        assert len(chaos.answered) == 4
