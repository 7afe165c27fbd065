"""Patience and caution around a provider call: each middleware takes a `Call` and gives one of the same shape.

Every one works alone and for any chunk type:

    retry       attempts.py     once more, before the first piece          limit      rate.py        a bucket per key
    timeouts    deadlines.py    first piece, gap, crawl, total             capped     caps.py        too long, in circles
    breaker     circuit.py      leaves the dead alone                      cached     memory.py      the same again
    fallback    standins.py     the next who may see it                    split      experiment.py  A/B
    measured    figures.py      counts, times, tokens, cost                budgeted   budget.py      so much a month
    logged      figures.py      one line per call, no words                validated  checks.py      JSON as asked
    observed    figures.py      each step, told as it happens              traced     tracing.py     OpenTelemetry's spans
    kept_in     memory.py       `cached`, in a cache of one's own          affordable  budget.py      while there is money

For `Client.use` the same come as `RetryMiddleware(3)`, `CircuitBreakerMiddleware(5)`, `RateLimitMiddleware(10)`,
`CachingMiddleware`, `MetricsMiddleware`, `LoggingMiddleware` and `TracingMiddleware`.

`reactions.py` holds the one table of what each fault leads to. `stack` composes what a policy says, outside in: cap,
retry, breaker, limit, timeouts; a provider with a budget measures each attempt inside and asks the budget outside. Around
whole stacks go metrics and log, cache, fallback and split. All clocks are the event loop's. Nothing is sent again once a
piece of the answer was delivered, and closing the outer iterator, or cancelling its reader, always closes the inner one.

No library stands behind them: stamina retries calls, not streams that may only be retried before their first piece;
aiolimiter waits and cannot say how long that would be; purgatory judges by exception and does not see a stream given up.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from companion.ports import Call
from companion.providers.middleware.attempts import RetryMiddleware, retry
from companion.providers.middleware.budget import Budget, MemoryPurse, Purse, affordable, budgeted
from companion.providers.middleware.caps import capped
from companion.providers.middleware.checks import validated
from companion.providers.middleware.circuit import CircuitBreakerMiddleware, breaker
from companion.providers.middleware.deadlines import timeouts
from companion.providers.middleware.experiment import split
from companion.providers.middleware.figures import (
    CallFigures,
    Collector,
    Figures,
    LoggingMiddleware,
    MetricsCollector,
    MetricsMiddleware,
    logged,
    measured,
    observed,
)
from companion.providers.middleware.memory import Cache, CachingMiddleware, cached, kept_in
from companion.providers.middleware.rate import RateLimitMiddleware, limit
from companion.providers.middleware.reactions import Middleware
from companion.providers.middleware.standins import Candidate, Outcome, fallback
from companion.providers.middleware.tracing import TracingMiddleware, traced
from companion.providers.provider import AIProvider, Policy, Spec

__all__ = [
    "Budget",
    "Cache",
    "CachingMiddleware",
    "CallFigures",
    "Candidate",
    "CircuitBreakerMiddleware",
    "Collector",
    "Figures",
    "LoggingMiddleware",
    "MemoryPurse",
    "MetricsCollector",
    "MetricsMiddleware",
    "Middleware",
    "Outcome",
    "Purse",
    "RateLimitMiddleware",
    "RetryMiddleware",
    "TracingMiddleware",
    "affordable",
    "breaker",
    "budgeted",
    "cached",
    "capped",
    "composed",
    "fallback",
    "kept_in",
    "limit",
    "logged",
    "measured",
    "observed",
    "retry",
    "split",
    "stack",
    "timeouts",
    "traced",
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
        call = limit(call, policy.requests_per_minute, burst=policy.requests_at_once, spec=spec)
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


def composed(
    provider: AIProvider,
    call: Call[RequestT, ChunkT],
    middleware: Sequence[Middleware | Callable[[Any], Any]],
) -> Call[RequestT, ChunkT]:
    """A call behind its provider's policy and `middleware`, the last outermost; what one does, the policy leaves to it."""
    own = [each for each in middleware if isinstance(each, Middleware)]
    instead = {name: value for each in own for name, value in each.instead_of.items()}
    whole: Call[Any, Any] = provider.stacked(call, replace(provider.policy, **instead))
    spec = replace(provider.spec, default_models=provider.models)
    for each in middleware:
        whole = each.wrap(whole, spec) if isinstance(each, Middleware) else each(whole)
    return whole
