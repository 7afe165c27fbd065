"""Promise 25: when a provider dies, the next who may see it answers, soon, and nobody else hears a word of it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from random import Random

import pytest

from companion.chaos import Chaos, Way
from companion.flow import ChatDelta
from companion.ledger import Cargo
from companion.providers.middleware import Candidate, Outcome, fallback
from companion.providers.provider import Policy
from tests.reliability.clients import provider_at, request_for
from tests.reliability.proof import prove

SEED = 25
DEATHS = ("connection_reset", "status_500", "status_503", "status_529", "gateway_page", "overloaded_inside", "banner",
          "captive_portal", "status_401", "quota_in_429")  # fmt: skip
"""Ways of dying before the first word; after it the answer is kept as far as it came, and nobody says it again."""


@pytest.mark.parametrize(
    "count", [pytest.param(20, id="20"), pytest.param(100, id="100", marks=pytest.mark.long)]
)
async def test_the_next_answers_soon_and_nobody_unticked_is_asked(count: int) -> None:
    dice = Random(SEED)
    policy = replace(Policy(), breaker=False)  # or only the first turns would wait at all
    loop = asyncio.get_running_loop()
    waits: list[float] = []
    outcomes: list[Outcome] = []

    async with (
        Chaos() as unticked,
        Chaos() as b,
        provider_at("anthropic", unticked.url) as second,
        provider_at("ollama", b.url) as third,
    ):

        async def turn(death: str) -> None:
            async with Chaos(then=death) as dying, provider_at("openai", dying.url, policy=policy) as first:
                call = fallback(
                    [
                        Candidate(name="A", call=first.stacked(first.chat)),
                        Candidate(
                            name="unticked",
                            call=second.stacked(second.chat),
                            may_see=frozenset({Cargo.ANSWERS}),
                        ),
                        Candidate(name="B", call=third.stacked(third.chat), may_see=frozenset({Cargo.WORDS})),
                    ],
                    on_outcome=outcomes.append,
                )
                began = loop.time()
                deltas: list[ChatDelta] = []
                async for delta in call(request_for(Way.CHAT)[1]):
                    if not deltas:
                        waits.append(loop.time() - began)
                    deltas.append(delta)
                assert deltas[-1].notices == ("Answered by B.",)

        for at in range(0, count, 10):
            async with asyncio.TaskGroup() as group:
                for _ in range(min(10, count - at)):
                    group.create_task(turn(dice.choice(DEATHS)))
        heard = len(unticked.answered)
        assert len(b.answered) == count
    assert {outcome.answered_by for outcome in outcomes} == {"B"}
    prove(
        25,
        "first word of the next provider (95 of 100)",
        sorted(waits)[count * 95 // 100],
        4,
        cases=count,
        unit="s",
        clock="real",
    )
    prove(25, "requests to providers that are not ticked", heard, 0, cases=count)
