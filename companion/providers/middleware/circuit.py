"""`breaker`: a provider that does not work at the moment is left alone, and asked once in a while whether it does again."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator
from typing import TypeVar

from companion.errors import AIProviderCircuitOpenError, CompanionError
from companion.ports import Call
from companion.providers.middleware.reactions import Middleware, is_meaningful, names_of, reaction
from companion.providers.provider import Spec, opened

RequestT = TypeVar("RequestT")
ChunkT = TypeVar("ChunkT")

LONGEST_REST = 2.0
"""A provider that stays dead rests up to so many times `rest_s`."""


def breaker(
    call: Call[RequestT, ChunkT], threshold: int = 5, *, rest_s: float = 30.0, spec: Spec | None = None
) -> Call[RequestT, ChunkT]:
    """Leaves a provider alone for `rest_s` after `threshold` failures in a row, then lets one request try again.

    Which faults count is in `REACTIONS`: those of availability, wherever in the answer they come; a refused key or
    request shows that somebody is there. It stands inside `retry`, so that a try is one request and not three.

    Raises:
        AIProviderCircuitOpenError: at once, while the provider is left alone; `retry_after_s` says how long.
    """
    circuit = _Circuit(threshold, rest_s)

    async def run(request: RequestT) -> AsyncGenerator[ChunkT, None]:
        if (left_s := circuit.closed_for_s()) > 0:
            name, who = names_of(spec)
            raise AIProviderCircuitOpenError("", name, who=who, retry_after_s=left_s)
        probe = circuit.begin()
        delivered = False
        try:
            async with opened(call, request) as chunks:
                async for chunk in chunks:
                    delivered = delivered or is_meaningful(chunk)
                    yield chunk
            circuit.succeeded()
        except (GeneratorExit, asyncio.CancelledError):
            if delivered:  # nobody wants the rest; what came shows that it works
                circuit.succeeded()
            raise
        except CompanionError as error:
            if reaction(error).counts:
                circuit.failed()
            elif not reaction(error).unasked:
                circuit.succeeded()
            raise
        finally:
            if probe:
                circuit.is_probing = False

    return run


def CircuitBreakerMiddleware(threshold: int = 5, timeout: float = 30.0) -> Middleware:
    """`breaker` for `Client.use`: after `threshold` failures in a row a provider is left alone for `timeout` seconds."""
    return Middleware(
        lambda call, spec: breaker(call, threshold, rest_s=timeout, spec=spec), {"breaker": False}
    )


class _Circuit:
    """What is known of one provider."""

    def __init__(self, threshold: int, rest_s: float) -> None:
        self._threshold, self._rest_s = threshold, rest_s
        self._failures = 0
        self._next_rest_s = rest_s
        self._closed_until = -math.inf
        self.is_probing = False

    def closed_for_s(self) -> float:
        """How long it is still left alone; 0: it may be asked."""
        if self._failures < self._threshold:
            return 0.0
        if self.is_probing:
            return self._next_rest_s
        return max(0.0, self._closed_until - asyncio.get_running_loop().time())

    def begin(self) -> bool:
        """Notes that it is asked now; whether that is the one request that tries."""
        probe = self._failures >= self._threshold
        self.is_probing = self.is_probing or probe
        return probe

    def succeeded(self) -> None:
        self._failures = 0
        self._next_rest_s = self._rest_s

    def failed(self) -> None:
        self._failures += 1
        if self._failures >= self._threshold:
            self._closed_until = asyncio.get_running_loop().time() + self._next_rest_s
            self._next_rest_s = min(2 * self._next_rest_s, LONGEST_REST * self._rest_s)
