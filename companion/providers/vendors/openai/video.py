"""Videos of OpenAI's dialect, `/videos`: a form begins the job, its state is asked for, the file comes from `/content`.

OpenAI itself ended this API on 24 September 2026 and names nothing in its place; gateways and compatible servers still
speak it. A job that is being worked on cannot be cancelled: what can be done is to have it deleted.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from companion.errors import AIProviderInvalidRequestError
from companion.jobs import VideoProgress, VideoRequest
from companion.providers.provider import AIProvider, Spec
from companion.providers.vendors.openai.requests import Made, Requests
from companion.providers.wire.faults import CallContext, in_call, retry_after_s
from companion.providers.wire.jobs import Told, follow
from companion.providers.wire.videos import MOST_VIDEO, fetched, require_writable

if TYPE_CHECKING:
    import httpx2

_log = logging.getLogger(__name__)
_POLL_AFTER = "openai-poll-after-ms"


class _State(Told):
    """A job as the vendor described it."""

    __slots__ = ()

    @property
    def is_over(self) -> bool:
        return self.told["status"] not in ("queued", "in_progress")

    @property
    def share(self) -> float | None:
        done = self.told.get("progress")
        return max(0.0, min(1.0, done / 100)) if isinstance(done, int | float) else None

    @property
    def seconds(self) -> float | None:
        try:
            return float(self.told.get("seconds") or "")
        except (TypeError, ValueError):
            return None


async def film(
    provider: AIProvider, requests: Requests, request: VideoRequest, model: str
) -> AsyncGenerator[VideoProgress, None]:
    await asyncio.to_thread(require_writable, request.out)
    work = _Videos(provider.spec, requests, request, model)
    state: _State | None = None
    async with aclosing(follow(work, provider.spec, request, provider.policy.poll_s)) as states:
        async for state in states:
            if not state.is_over:
                yield VideoProgress(job=state.job, share=state.share)
    assert state is not None
    with in_call(provider.spec) as call:
        if state.told["status"] != "completed":
            raise call.inside({"error": state.told.get("error") or {"code": "server_error"}})
    path, seconds = f"{_path(state.job)}/content", state.seconds

    async def ask(call: CallContext) -> httpx2.Response:
        return await requests.get(call, path, max_body=MOST_VIDEO)

    async with aclosing(fetched(provider, request, state.job, ask)) as progress:
        async for each in progress:
            yield each if each.video is None else replace(each, video=replace(each.video, seconds=seconds))


class _Videos:
    """The jobs of one request."""

    def __init__(self, spec: Spec, requests: Requests, request: VideoRequest, model: str) -> None:
        self._spec, self._requests, self._request, self._model = spec, requests, request, model

    async def begin(self) -> _State:
        request = self._request
        fields = {"prompt": request.prompt, "model": self._model, "size": request.size}
        fields |= {"seconds": str(request.seconds)} if request.seconds else {}
        form: dict[str, Any] = {name: (None, value) for name, value in fields.items() if value}
        if request.image is not None:
            kind = request.image.media_type
            name = f"first.{kind.rpartition('/')[2]}"
            form["input_reference"] = (name, request.image.data, kind)

        def make(refused: frozenset[str]) -> Made:
            kept = {name: value for name, value in form.items() if name not in refused}
            return {"files": kept}, ()

        with in_call(self._spec) as call:
            return await _state(await self._requests.answer(call, "/videos", self._model, make))

    async def look(self, job: str) -> _State:
        with in_call(self._spec) as call:
            return await _state(await self._requests.get(call, _path(job)))

    async def cancel(self, job: str) -> None:
        with in_call(self._spec) as call:
            try:
                await (await self._requests.get(call, _path(job), method="DELETE")).aclose()
            except AIProviderInvalidRequestError:  # it is being worked on: the vendor finishes it
                _log.info("video %s is finished by %s all the same", job, self._spec.display_name)


def _path(job: str) -> str:
    return f"/videos/{quote(job, safe='')}"


async def _state(response: httpx2.Response) -> _State:
    async with aclosing(response):
        found = json.loads(await response.aread())
    if not isinstance(found, dict) or not found.get("id") or not found.get("status"):
        raise ValueError("no job")
    asked_ms = response.headers.get(_POLL_AFTER, "")
    after_s = float(asked_ms) / 1000 if asked_ms.isdecimal() else retry_after_s(response.headers)
    return _State(found, after_s)
