"""Message batches: all requests in one body, their results as lines in whatever order (contract 2026-10-21)."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote

from companion.errors import AIProviderError
from companion.flow import ChatDelta, ChatRequest
from companion.jobs import BatchAnswer, BatchProgress, BatchRequest
from companion.providers.provider import AIProvider, Spec
from companion.providers.vendors.anthropic.messages import Reply
from companion.providers.wire.batches import (
    MOST_RESULTS,
    Results,
    cancelled,
    count,
    expired,
    id_of,
    lines,
    require_size,
    whole,
)
from companion.providers.wire.bodies import json_body
from companion.providers.wire.faults import CallContext, in_call, our_own, retry_after_s
from companion.providers.wire.jobs import Told, follow
from companion.providers.wire.sse import ServerSentEvent

if TYPE_CHECKING:
    import httpx2

MOST_REQUESTS = 100_000
PATH = "/v1/messages/batches"
_SPENT = ("succeeded", "errored", "canceled", "expired")
Compose = Callable[[ChatRequest], tuple[dict[str, Any], tuple[str, ...]]]
"""The body of a request, and what was left out of it."""


class Send(Protocol):
    """Asks the vendor: an answer that has begun and is no refusal; the caller closes it."""

    async def __call__(
        self, call: CallContext, method: str, path: str, body: bytes = b"", *, max_body: int = 0
    ) -> httpx2.Response: ...


class _State(Told):
    """A batch as the vendor described it."""

    __slots__ = ()

    @property
    def is_over(self) -> bool:
        return bool(self.told["processing_status"] == "ended")

    def progress(self, answers: tuple[BatchAnswer, ...] | None = None) -> BatchProgress:
        counts = self.told.get("request_counts") or {}
        return BatchProgress(
            job=self.job,
            total=count(counts, "processing", *_SPENT) or None,
            done=count(counts, *_SPENT),
            failed=count(counts, *_SPENT[1:]),
            answers=answers,
        )


async def batch(
    provider: AIProvider, send: Send, request: BatchRequest, asked: tuple[ChatRequest, ...], compose: Compose
) -> AsyncGenerator[BatchProgress, None]:
    """`asked`: the requests of the batch, each with its model; none where it is taken up again."""
    spec = provider.spec
    with our_own(spec):
        composed = [compose(each) for each in asked]
    work = _Batches(spec, send, [body for body, _ in composed])
    state: _State | None = None
    async with aclosing(follow(work, spec, request, provider.policy.poll_s)) as states:
        async for state in states:
            if not state.is_over:
                yield state.progress()
    assert state is not None
    results = Results(spec)
    with in_call(spec) as call:
        path = f"{_path(state.job)}/results"
        async with aclosing(await send(call, "GET", path, max_body=MOST_RESULTS)) as response:
            call.opened = True
            async with aclosing(lines(response.aiter_bytes())) as found:
                async for line in found:
                    told_of = json.loads(line)
                    results.add(told_of.get("custom_id"), _result(spec, told_of["result"]))
    last = state.progress()
    total = len(asked) or len(request.requests) or last.total
    yield state.progress(results.in_order(total, None, (notices for _, notices in composed)))


def _result(spec: Spec, result: Mapping[str, Any]) -> ChatDelta | AIProviderError:
    """What came of one request."""
    call = CallContext(spec)
    match result.get("type"):
        case "succeeded":
            try:
                return _whole(call, result["message"])
            except AIProviderError as error:
                return error
        case "canceled":
            return cancelled(spec)
        case "expired":
            return expired(spec)
    return call.inside(result.get("error") or {"type": "api_error"})


def _whole(call: CallContext, message: Mapping[str, Any]) -> ChatDelta:
    reply = Reply(call)
    first = reply.take(ServerSentEvent("message", json.dumps(message), ""))
    return whole((first, reply.rest()), reply.last())


class _Batches:
    """The batch of one request."""

    def __init__(self, spec: Spec, send: Send, bodies: list[dict[str, Any]]) -> None:
        self._spec, self._send, self._bodies = spec, send, bodies

    async def begin(self) -> _State:
        requests = [
            {"custom_id": id_of(index), "params": {name: body[name] for name in body if name != "stream"}}
            for index, body in enumerate(self._bodies)
        ]
        raw = json_body({"requests": requests}, self._spec)
        require_size(len(raw), self._spec)
        with in_call(self._spec) as call:
            return await _state(await self._send(call, "POST", PATH, raw))

    async def look(self, job: str) -> _State:
        with in_call(self._spec) as call:
            return await _state(await self._send(call, "GET", _path(job)))

    async def cancel(self, job: str) -> None:
        with in_call(self._spec) as call:
            await (await self._send(call, "POST", f"{_path(job)}/cancel")).aclose()


def _path(job: str) -> str:
    return f"{PATH}/{quote(job, safe='')}"


async def _state(response: httpx2.Response) -> _State:
    async with aclosing(response):
        found = json.loads(await response.aread())
    if not isinstance(found, dict) or not found.get("id") or not found.get("processing_status"):
        raise ValueError("no batch")
    return _State(found, retry_after_s(response.headers))
