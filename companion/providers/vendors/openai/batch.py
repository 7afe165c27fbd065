"""Batches of OpenAI's dialect: the requests go up as one file, their answers come back in two, those that failed apart."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from companion.errors import AIProviderError
from companion.flow import ChatDelta, ChatRequest
from companion.jobs import BatchAnswer, BatchProgress, BatchRequest
from companion.providers.provider import AIProvider, Spec
from companion.providers.vendors.openai.requests import Requests
from companion.providers.wire.batches import (
    MOST_RESULTS,
    Results,
    cancelled,
    count,
    expired,
    id_of,
    lines,
    require_size,
)
from companion.providers.wire.faults import Told, retry_after_s, told
from companion.providers.wire.jobs import follow

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    import httpx2

MOST_REQUESTS = 50_000
_OVER = ("failed", "completed", "expired", "cancelled")
_BATCH_CODES = {"batch_expired": expired, "batch_cancelled": cancelled}
"""Why a request of a batch was not asked."""


@dataclass(frozen=True, slots=True)
class Line:
    """A request as it goes into the file."""

    path: str
    """Where it would be asked, such as `/v1/chat/completions`; the same for all of a batch."""
    body: Mapping[str, Any]
    notices: tuple[str, ...] = ()


Compose = Callable[[ChatRequest], Line]
Read = Callable[[Told, Mapping[str, Any]], ChatDelta]
"""The whole answer in the body of one."""


@dataclass(frozen=True, slots=True)
class _State:
    """A batch as the vendor described it."""

    told: Mapping[str, Any]
    after_s: float | None = None

    @property
    def job(self) -> str:
        return str(self.told["id"])

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
    asked: tuple[ChatRequest, ...],
    *,
    compose: Compose,
    read: Read,
) -> AsyncGenerator[BatchProgress, None]:
    """`asked`: the requests of the batch, each with its model; none where it is taken up again."""
    spec = provider.spec
    composed = [compose(each) for each in asked]
    work = _Batches(spec, requests, composed)
    state: _State | None = None
    async with aclosing(follow(work, spec, request, provider.policy.poll_s)) as states:
        async for state in states:
            if not state.is_over:
                yield state.progress()
    assert state is not None
    with told(spec) as call:
        if state.told["status"] == "failed":
            raise call.inside(_failure(state.told.get("errors")))
        results = Results(spec)
        for name in ("output_file_id", "error_file_id"):
            if file := state.told.get(name):
                await _read_file(call, requests, str(file), results, read)
    total = len(asked) or len(request.requests) or state.total
    why = {"expired": expired, "cancelled": cancelled}.get(state.told["status"])
    notices = (line.notices for line in composed)
    yield state.progress(results.in_order(total, why(spec) if why else None, notices))


def _failure(errors: object) -> object:
    """The first complaint about a file that was not taken."""
    found = errors.get("data") if isinstance(errors, dict) else None
    first = found[0] if isinstance(found, list) and found and isinstance(found[0], dict) else {}
    line = f" (line {first['line']})" if first.get("line") else ""
    message = f"{first.get('message') or 'The batch was not accepted.'}{line}"
    return {"error": {"code": first.get("code"), "type": "invalid_request_error", "message": message}}


async def _read_file(call: Told, requests: Requests, file: str, results: Results, read: Read) -> None:
    path = f"/files/{quote(file, safe='')}/content"
    async with aclosing(await requests.get(call, path, max_body=MOST_RESULTS)) as response:
        call.opened = True
        async with aclosing(lines(response.aiter_bytes())) as found:
            async for line in found:
                told_of = json.loads(line)
                results.add(told_of.get("custom_id"), _result(call.spec, told_of, read))


def _result(spec: Spec, line: Mapping[str, Any], read: Read) -> ChatDelta | AIProviderError:
    """What came of one request."""
    call = Told(spec)
    response, error = line.get("response") or {}, line.get("error")
    status, body = response.get("status_code"), response.get("body")
    if error and (why := _BATCH_CODES.get(str(error.get("code")))):
        return why(spec)
    if isinstance(status, int) and status >= 400:
        return call.status(status, body, {"x-request-id": str(response.get("request_id") or "")})
    if error or not isinstance(body, dict):
        return call.inside({"error": error or {"code": "server_error"}})
    try:
        return read(call, body)
    except AIProviderError as found:
        return found
    except Exception as found:  # one answer that is none does not take the others with it
        failure = call.exception(found)
        if not isinstance(failure, AIProviderError):
            raise failure from found
        return failure


class _Batches:
    """The batch of one request."""

    def __init__(self, spec: Spec, requests: Requests, composed: list[Line]) -> None:
        self._spec, self._requests, self._composed = spec, requests, composed

    async def begin(self) -> _State:
        rows = [
            {"custom_id": id_of(index), "method": "POST", "url": line.path, "body": line.body}
            for index, line in enumerate(self._composed)
        ]
        file = b"".join(_line(row, self._spec) for row in rows)
        require_size(len(file), self._spec)
        with told(self._spec) as call:
            form = {"purpose": (None, "batch"), "file": ("batch.jsonl", file, "application/jsonl")}
            stored = await _json(await self._requests.get(call, "/files", method="POST", files=form))
            asked = {
                "input_file_id": stored["id"],
                "endpoint": self._composed[0].path,
                "completion_window": "24h",
            }
            return await _state(await self._requests.get(call, "/batches", method="POST", json=asked))

    async def look(self, job: str) -> _State:
        with told(self._spec) as call:
            return await _state(await self._requests.get(call, _path(job)))

    async def cancel(self, job: str) -> None:
        with told(self._spec) as call:
            await (await self._requests.get(call, f"{_path(job)}/cancel", method="POST")).aclose()


def _line(row: Mapping[str, Any], spec: Spec) -> bytes:
    return json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


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
