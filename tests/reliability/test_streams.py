"""Promise 21: a connection that breaks or falls silent anywhere in a stream: it is told, in time, and what came is kept."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from random import Random

import pytest

from companion.chaos import Chaos, Fault, Way
from companion.chaos.answers import REPLY, TRANSCRIPT, pieces
from companion.errors import Kind
from companion.providers.provider import Policy
from tests.reliability.clients import HASTY, PLAIN, VENDORS, ask, provider_at
from tests.reliability.proof import prove
from tests.reliability.streams import (
    ENDINGS,
    STREAMS,
    good,
    hung_up,
    live_cut,
    properly,
    silent,
    spoiled,
    text_in,
    torn,
)

SEED = 21
LOUD = {Kind.CUT_OFF, Kind.UNREACHABLE, Kind.UNAVAILABLE}


@pytest.mark.parametrize(
    "count", [pytest.param(60, id="60"), pytest.param(200, id="200", marks=pytest.mark.long)]
)
async def test_a_cut_anywhere_is_told_and_what_came_is_kept(count: int) -> None:
    dice = Random(SEED)
    told = kept = 0
    wrong: list[str] = []
    for case in range(count):
        if case % 5 == 4:
            right, whole = await _cut_live(case // 5 % 9)
            if not (right and whole):
                wrong.append(f"live at {case // 5 % 9}")
        else:
            vendor, way = STREAMS[case % 5]
            raw = b"".join(good(vendor, way, REPLY).parts)
            at = dice.randrange(len(raw))
            how = (hung_up, torn, properly)[case // 5 % 3]
            due = text_in(vendor, way, raw[:at])
            async with (
                Chaos([spoiled(way, raw[:at], how, dice)]) as chaos,
                provider_at(vendor, chaos.url, policy=PLAIN) as provider,
            ):
                ended = await ask(provider, way)
            is_over = ENDINGS[vendor, way] in raw[:at] and due == REPLY
            right = (ended.card is None) if is_over and not ended.error else ended.card in LOUD
            whole = ended.text.strip() == due.strip() or (is_over and ended.text.strip() == REPLY)
            if not (right and whole):
                wrong.append(
                    f"{vendor} {way} at {at} {how.__name__}: {ended.card}, {ended.text!r} of {due!r}"
                )
        told += right
        kept += whole
    assert not wrong, wrong
    prove(21, "cuts that were told", told / count * 100, 100, cases=count, unit="%", at_least=True)
    prove(
        21,
        "cuts after which what came was kept",
        kept / count * 100,
        100,
        cases=count,
        unit="%",
        at_least=True,
    )


async def _cut_live(after: int) -> tuple[bool, bool]:
    """A live take is heard on over another connection, if one is to be had; else it is told."""
    fault = live_cut(after, silent=False)
    async with Chaos([fault]) as chaos, provider_at("deepgram", chaos.url) as provider:
        healed = await ask(provider, Way.LIVE_HEAR)
        chaos.then = fault
        told = await ask(provider, Way.LIVE_HEAR)
    due = "".join(pieces(TRANSCRIPT)[: max(0, after - 1)])
    return told.card in LOUD and healed.card is None, healed.text == TRANSCRIPT and told.text == due


@pytest.mark.parametrize(
    "count", [pytest.param(20, id="20"), pytest.param(50, id="50", marks=pytest.mark.long)]
)
async def test_a_stall_anywhere_is_told_soon_after_its_limit(count: int) -> None:
    dice = Random(SEED)
    cases: list[tuple[str, Way, Fault, str]] = []
    for case in range(count):
        if case % 5 == 4:
            after = case // 5 % 9
            due = "".join(pieces(TRANSCRIPT)[: max(0, after - 1)])
            cases.append(("deepgram", Way.LIVE_HEAR, live_cut(after, silent=True), due))
        else:
            vendor, way = STREAMS[case % 5]
            raw = b"".join(good(vendor, way, REPLY).parts)
            at = dice.randrange(raw.index(ENDINGS[vendor, way]))
            cases.append((vendor, way, spoiled(way, raw[:at], silent, dice), text_in(vendor, way, raw[:at])))
    loop = asyncio.get_running_loop()
    late: list[float] = []
    wrong: list[str] = []

    async def stall(vendor: str, way: Way, fault: Fault, due: str) -> None:
        async with Chaos([fault]) as chaos, provider_at(vendor, chaos.url, policy=HASTY) as provider:
            began = loop.time()
            ended = await ask(provider, way)
            late.append(loop.time() - began - HASTY.first_s)
        if ended.card is not Kind.TIMEOUT or ended.text.strip() != due.strip():
            wrong.append(f"{vendor} {way}: {ended.card}, {ended.text!r} of {due!r}")

    for at in range(0, len(cases), 10):
        async with asyncio.TaskGroup() as group:
            for case_ in cases[at : at + 10]:
                group.create_task(stall(*case_))
    assert not wrong, wrong
    longest = max(Policy().idle_s, 0.0) + max(late)
    prove(21, "until a stall is told (limits scaled down)", longest, 12, cases=count, unit="s", clock="real")
    prove(21, "stalled turns without a card", len(wrong), 0, cases=count)


@pytest.mark.long
async def test_a_stall_at_the_real_limits() -> None:
    loop = asyncio.get_running_loop()
    policy = replace(PLAIN, first_s=Policy().first_s, idle_s=Policy().idle_s)
    async with Chaos(["stall"]) as chaos, provider_at("openai", chaos.url, policy=policy) as provider:
        began = loop.time()
        ended = await ask(provider, Way.CHAT)
        took = loop.time() - began
    assert ended.card is Kind.TIMEOUT
    prove(21, "until a stall is told (real limits)", took, 12, cases=1, unit="s", clock="real")


async def test_an_answer_that_trickles_is_ended_at_its_limits() -> None:
    """Row 42 of the bad inputs: a byte now and then, so that the connection never looks dead."""
    loop, longest, wrong = asyncio.get_running_loop(), 0.0, list[str]()
    ways = [(way, vendor) for way in (Way.CHAT, Way.SPEAK) for vendor in VENDORS[way]]
    for way, vendor in ways:
        async with (
            Chaos(then="slow_loris", tick_s=0.1) as chaos,
            provider_at(vendor, chaos.url, policy=HASTY) as provider,
        ):
            began = loop.time()
            ended = await ask(provider, way)
            longest = max(longest, (loop.time() - began) / HASTY.total_s)
        if ended.card is not Kind.TIMEOUT:
            wrong.append(f"{vendor} {way}: {ended.card}")
    assert not wrong, wrong
    prove(
        42,
        "until an answer that trickles is ended, of its limit",
        longest,
        1.1,
        cases=len(ways),
        clock="real",
    )
