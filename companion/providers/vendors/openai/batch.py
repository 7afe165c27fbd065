"""Batches of OpenAI's dialect: the requests go up as one file, their answers come back in two, those that failed apart."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from companion.errors import AIProviderError
from companion.flow import ChatDelta, ChatRequest
from companion.jobs import BatchAnswer, BatchProgress, BatchRequest
from companion.kinds import Role
from companion.providers.catalogue import Catalogue
from companion.providers.provider import AIProvider, Spec
from companion.providers.vendors.openai import chat, responses
from companion.providers.vendors.openai.chat import Asked
from companion.providers.vendors.openai.dialect import OPENAI
from companion.providers.vendors.openai.endpoints import Endpoint
from companion.providers.vendors.openai.requests import Requests
from companion.providers.wire.batches import (
    MOST_RESULTS,
    Results,
    cancelled,
    count,
    expired,
    id_of,
    lines,
    requests_of,
    require_size,
    whole,
)
from companion.providers.wire.bodies import json_body
from companion.providers.wire.faults import CallContext, in_call, our_own, retry_after_s
from companion.providers.wire.jobs import Told, follow

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    import httpx2

MOST_REQUESTS = 50_000
_OVER = ("failed", "completed", "expired", "cancelled")
_BATCH_CODES = {"batch_expired": expired, "batch_cancelled": cancelled}
"""Why a request of a batch was not asked."""


class _State(Told):
    """A batch as the vendor described it."""

    __slots__ = ()

    @property
    def is_over(self) -> bool:
        return self.told["status"] in _OVER

    @property
    def counts(self) -> Mapping[str, object]:
        return self.told.get("request_counts") or {}

    @property
    def total(self) -> int | None:
        return count(self.counts, "total") or None

    def progress(self, answers: tuple[BatchAnswer, ...] | None = None) -> BatchProgress:
        failed = count(self.counts, "failed")
        return BatchProgress(
            job=self.job,
            total=self.total,
            done=count(self.counts, "completed") + failed,
            failed=failed,
            answers=answers,
        )


async def batch(
    provider: AIProvider,
    requests: Requests,
    request: BatchRequest,
    *,
    successor: Callable[[str], str],
    endpoint: Callable[[str, ChatRequest], Endpoint],
) -> AsyncGenerator[BatchProgress, None]:
    """`successor`: the model to ask in place of one that has ended; `endpoint`: where a request to a model is asked."""
    spec = provider.spec
    path, composed = Endpoint.RESPONSES, list[Asked]()
    if not request.job:
        default = provider.models[Role.THINKS]
        asked = requests_of(request, default, spec, MOST_REQUESTS)
        with our_own(spec):
            path, composed = _composed(asked, spec, successor(asked[0].model), endpoint)
    work = _Batches(spec, requests, path, composed)
    state: _State | None = None
    async with aclosing(follow(work, spec, request, provider.policy.poll_s)) as states:
        async for state in states:
            if not state.is_over:
                yield state.progress()
    assert state is not None
    with in_call(spec) as call:
        if state.told["status"] == "failed":
            raise call.inside(_failure(state.told.get("errors")))
        results = Results(spec)
        for name in ("output_file_id", "error_file_id"):
            if file := state.told.get(name):
                await _read_file(call, requests, str(file), results)
    total = len(request.requests) or state.total
    why = {"expired": expired, "cancelled": cancelled}.get(state.told["status"])
    notices = (each.notices for each in composed)
    yield state.progress(results.in_order(total, why(spec) if why else None, notices))


def _composed(
    asked: Sequence[ChatRequest], spec: Spec, model: str, endpoint: Callable[[str, ChatRequest], Endpoint]
) -> tuple[Endpoint, list[Asked]]:
    """The requests as they go out, all to one endpoint."""
    entry = Catalogue.load().find(model, spec.name)
    if {endpoint(model, each) for each in asked} == {Endpoint.RESPONSES}:
        return Endpoint.RESPONSES, [responses.compose(each, spec, model, entry=entry) for each in asked]
    return Endpoint.COMPLETIONS, [chat.compose(each, spec, OPENAI, model, entry=entry) for each in asked]


def _failure(errors: object) -> object:
    """The first complaint about a file that was not taken."""
    found = errors.get("data") if isinstance(errors, dict) else None
    first = found[0] if isinstance(found, list) and found and isinstance(found[0], dict) else {}
    line = f" (line {first['line']})" if first.get("line") else ""
    message = f"{first.get('message') or 'The batch was not accepted.'}{line}"
    return {"error": {"code": first.get("code"), "type": "invalid_request_error", "message": message}}


async def _read_file(call: CallContext, requests: Requests, file: str, results: Results) -> None:
    path = f"/files/{quote(file, safe='')}/content"
    async with aclosing(await requests.get(call, path, max_body=MOST_RESULTS)) as response:
        call.opened = True
        async with aclosing(lines(response.aiter_bytes())) as found:
            async for line in found:
                told_of = json.loads(line)
                results.add(told_of.get("custom_id"), _result(call.spec, told_of))


def _result(spec: Spec, line: Mapping[str, Any]) -> ChatDelta | AIProviderError:
    """What came of one request."""
    call = CallContext(spec)
    response, error = line.get("response") or {}, line.get("error")
    status, body = response.get("status_code"), response.get("body")
    if error and (why := _BATCH_CODES.get(str(error.get("code")))):
        return why(spec)
    if isinstance(status, int) and status >= 400:
        return call.status(status, body, {"x-request-id": str(response.get("request_id") or "")})
    if error or not isinstance(body, dict):
        return call.inside({"error": error or {"code": "server_error"}})
    try:
        return _whole(call, body)
    except AIProviderError as found:
        return found
    except Exception as found:  # one answer that is none does not take the others with it
        failure = call.exception(found)
        if not isinstance(failure, AIProviderError):
            raise failure from found
        return failure


def _whole(call: CallContext, body: Mapping[str, Any]) -> ChatDelta:
    """The answer in the body of one."""
    kind = responses.Reply if body.get("object") == "response" else chat.Reply
    reply = kind(call, str(body.get("model") or ""))
    first = reply.take(json.dumps(body))
    return whole((first, reply.rest()), reply.last())


class _Batches:
    """The batch of one request."""

    def __init__(self, spec: Spec, requests: Requests, endpoint: Endpoint, composed: list[Asked]) -> None:
        self._spec, self._requests, self._composed = spec, requests, composed
        self._url = f"/v1{endpoint}"

    async def begin(self) -> _State:
        rows = [
            {"custom_id": id_of(index), "method": "POST", "url": self._url, "body": _body(each)}
            for index, each in enumerate(self._composed)
        ]
        file = b"".join(json_body(row, self._spec) + b"\n" for row in rows)
        require_size(len(file), self._spec)
        with in_call(self._spec) as call:
            form = {"purpose": (None, "batch"), "file": ("batch.jsonl", file, "application/jsonl")}
            stored = await _json(await self._requests.get(call, "/files", method="POST", files=form))
            asked = {
                "input_file_id": stored["id"],
                "endpoint": self._url,
                "completion_window": "24h",
            }
            return await _state(
                await self._requests.get(
                    call, "/batches", method="POST", content=json_body(asked, self._spec)
                )
            )

    async def look(self, job: str) -> _State:
        with in_call(self._spec) as call:
            return await _state(await self._requests.get(call, _path(job)))

    async def cancel(self, job: str) -> None:
        with in_call(self._spec) as call:
            await (await self._requests.get(call, f"{_path(job)}/cancel", method="POST")).aclose()


def _body(asked: Asked) -> dict[str, Any]:
    """As it is asked, but for the stream: the answers of a batch come whole."""
    return {name: value for name, value in asked.body.items() if name not in ("stream", "stream_options")}


def _path(job: str) -> str:
    return f"/batches/{quote(job, safe='')}"


async def _json(response: httpx2.Response) -> Any:
    async with aclosing(response):
        return json.loads(await response.aread())


async def _state(response: httpx2.Response) -> _State:
    found = await _json(response)
    if not isinstance(found, dict) or not found.get("id") or not found.get("status"):
        raise ValueError("no batch")
    return _State(found, retry_after_s(response.headers))
