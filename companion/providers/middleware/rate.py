"""`limit`: a bucket of tokens per key, so that a vendor is not asked more often than it or the person allows."""

from __future__ import annotations

import asyncio
import math
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable
from typing import TypeVar

from companion.errors import AIProviderRateLimitError
from companion.ports import Call
from companion.providers.middleware.reactions import Middleware, names_of
from companion.providers.provider import Spec, opened

RequestT = TypeVar("RequestT")
ChunkT = TypeVar("ChunkT")

LONGEST_QUEUE_S = 10.0
"""How long a request is held back before that is said instead."""
LONGEST_REST_S = 3600.0
"""A vendor that asks for a longer pause is not believed."""
MOST_KEYS = 1000


def limit(
    call: Call[RequestT, ChunkT],
    per_minute: float,
    *,
    burst: int = 0,
    key: Callable[[RequestT], str] = lambda _: "",
    longest_queue_s: float = LONGEST_QUEUE_S,
    spec: Spec | None = None,
) -> Call[RequestT, ChunkT]:
    """Starts `burst` requests of a key at once and `per_minute` of them in the long run; the others wait their turn.

    When the vendor itself says that it is too much and for how long, the key's bucket rests as long.

    Args:
        burst: how many may start at once; 0: a minute's worth.
        key: whose bucket a request is taken from; the 1,000 latest keys are remembered.

    Raises:
        AIProviderRateLimitError: when the turn is further off than `longest_queue_s`; it is then not for `retry` to wait.
    """
    buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def bucket_of(request: RequestT) -> _Bucket:
        name = key(request)
        bucket = buckets.setdefault(name, _Bucket(per_minute / 60, burst or max(1, int(per_minute))))
        buckets.move_to_end(name)
        if len(buckets) > MOST_KEYS:
            buckets.popitem(last=False)
        return bucket

    async def run(request: RequestT) -> AsyncGenerator[ChunkT, None]:
        bucket = bucket_of(request)
        wait_s = bucket.wait_s()
        if wait_s > longest_queue_s:
            name, who = names_of(spec)
            raise AIProviderRateLimitError(
                f"The limit of {per_minute:g} requests a minute that was set for {who or 'this provider'} is reached.",
                name,
                who=who,
                retry_after_s=wait_s,
                retryable=False,
            )
        bucket.take()
        if wait_s > 0:
            await asyncio.sleep(wait_s)
        try:
            async with opened(call, request) as chunks:
                async for chunk in chunks:
                    yield chunk
        except AIProviderRateLimitError as error:
            bucket.rest(error.retry_after_s)
            raise

    return run


def RateLimitMiddleware(requests_per_second: float) -> Middleware:
    """`limit` for `Client.use`: one request after the other, so many a second."""
    return Middleware(
        lambda call, spec: limit(call, 60 * requests_per_second, burst=1, spec=spec),
        {"requests_per_minute": 0},
    )


class _Bucket:
    """Tokens of one key; fewer than none while requests wait for theirs."""

    def __init__(self, per_s: float, most: int) -> None:
        self._per_s, self._most = per_s, float(most)
        self._tokens = float(most)
        self._at = -math.inf
        self._rests_until = -math.inf

    def wait_s(self) -> float:
        """How long the next request would wait."""
        now = self._fill()
        token_s = max(0.0, (1.0 - self._tokens) / self._per_s)
        return max(token_s, self._rests_until - now, 0.0)

    def take(self) -> None:
        self._fill()
        self._tokens -= 1.0

    def rest(self, asked_s: float | None) -> None:
        if asked_s is not None and 0 < asked_s <= LONGEST_REST_S:
            self._rests_until = asyncio.get_running_loop().time() + asked_s

    def _fill(self) -> float:
        now = asyncio.get_running_loop().time()
        self._tokens = min(self._most, self._tokens + (now - self._at) * self._per_s)
        self._at = now
        return now
