"""Patience and caution around a provider call: each middleware takes a `Call` and gives one of the same shape.

Every one works alone and for any chunk type:

    retry       attempts.py     once more, before the first piece          limit      rate.py        a bucket per key
    timeouts    deadlines.py    first piece, gap, crawl, total             capped     caps.py        too long, in circles
    breaker     circuit.py      leaves the dead alone                      cached     memory.py      the same again
    fallback    standins.py     the next who may see it                    split      experiment.py  A/B
    measured    figures.py      counts, times, tokens, cost                budgeted   budget.py      so much a month
    logged      figures.py      one line per call, no words                validated  checks.py      JSON as asked
    affordable  budget.py       nothing once the month's money is spent

`reactions.py` holds the one table of what each fault leads to. `stack` composes what a policy says, outside in: cap,
retry, breaker, limit, timeouts; a provider with a budget measures each attempt inside and asks the budget outside. Around
whole stacks go metrics and log, cache, fallback and split. All clocks are the event loop's. Nothing is sent again once a
piece of the answer was delivered, and closing the outer iterator, or cancelling its reader, always closes the inner one.

No library stands behind them: stamina retries calls, not streams that may only be retried before their first piece;
aiolimiter waits and cannot say how long that would be; purgatory judges by exception and does not see a stream given up.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from companion.ports import Call
from companion.providers.middleware.attempts import retry
from companion.providers.middleware.budget import Budget, MemoryPurse, Purse, affordable, budgeted
from companion.providers.middleware.caps import capped
from companion.providers.middleware.checks import validated
from companion.providers.middleware.circuit import breaker
from companion.providers.middleware.deadlines import timeouts
from companion.providers.middleware.experiment import split
from companion.providers.middleware.figures import CallFigures, Collector, Figures, logged, measured
from companion.providers.middleware.memory import cached
from companion.providers.middleware.rate import limit
from companion.providers.middleware.standins import Candidate, Outcome, fallback
from companion.providers.provider import Policy, Spec

__all__ = [
    "Budget",
    "CallFigures",
    "Candidate",
    "Collector",
    "Figures",
    "MemoryPurse",
    "Outcome",
    "Purse",
    "affordable",
    "breaker",
    "budgeted",
    "cached",
    "capped",
    "fallback",
    "limit",
    "logged",
    "measured",
    "retry",
    "split",
    "stack",
    "timeouts",
    "validated",
]

RequestT = TypeVar("RequestT")
ChunkT = TypeVar("ChunkT")

CRAWL = 3.0
"""How many gaps between pieces make the stretch in which next to nothing may not come."""


def stack(
    call: Call[RequestT, ChunkT],
    policy: Policy,
    spec: Spec | None = None,
    *,
    thinks: Callable[[RequestT], bool] = lambda _: False,
) -> Call[RequestT, ChunkT]:
    """`call` of one provider behind everything its policy asks for.

    Args:
        spec: names it in the errors.
        thinks: whether a request goes to a model that is known to think before it answers.
    """

    def first_s(request: RequestT) -> float:
        return policy.thinking_s if thinks(request) else policy.first_s

    crawl_s = CRAWL * policy.idle_s
    call = timeouts(call, first_s, policy.idle_s, policy.total_s, crawl_s=crawl_s, spec=spec)
    if policy.requests_per_minute:
        call = limit(call, policy.requests_per_minute, spec=spec)
    if policy.breaker:
        call = breaker(call, policy.breaker_threshold, rest_s=policy.breaker_rest_s, spec=spec)
    if policy.attempts > 1:
        call = retry(
            call,
            policy.attempts,
            backoff_s=policy.backoff_s,
            patience_s=policy.patience_s,
            within_s=policy.first_s
            / 2,  # two connections that come to nothing take ten seconds; three would be too many
        )
    return capped(call, max_chars=policy.max_chars, max_audio_s=policy.max_audio_s)
