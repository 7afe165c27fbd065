"""Videos of the Gemini API: an interaction in the background, looked at until it is over, and a file to be fetched.

The vendor's SDK of November 2026 makes videos with a key in this way only (`/interactions`); Veo's operations are for
projects of its cloud. The key goes to no address that an answer names: of a file only its name is taken.
"""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote

from companion.errors import AIProviderEmptyReplyError, AIProviderError
from companion.flow import Usage
from companion.jobs import Video, VideoProgress, VideoRequest
from companion.providers.provider import AIProvider, Spec
from companion.providers.vendors.google.wire import refusal
from companion.providers.wire.faults import CallContext, in_call, retry_after_s
from companion.providers.wire.jobs import follow
from companion.providers.wire.usage import figure, tokens, usage_of
from companion.providers.wire.videos import MOST_VIDEO, fetched, require_writable, saved, video_type

if TYPE_CHECKING:
    import httpx2

_RUNNING = ("in_progress", "queued")
_FILE = re.compile(r"(?:^|/)files/([a-z0-9-]+)")
_STEPS = {"360p": 360, "720p": 720, "1080p": 1080, "4k": 2160}
"""The resolutions the vendor has, by the shorter side."""


class Send(Protocol):
    """Asks the vendor: an answer that has begun and is no refusal; the caller closes it."""

    async def __call__(
        self,
        call: CallContext,
        method: str,
        address: str,
        body: Mapping[str, Any] | None = None,
        *,
        max_body: int = 0,
    ) -> httpx2.Response: ...


def video_body(request: VideoRequest, model: str) -> dict[str, Any]:
    """What is sent for a video; its size becomes the nearest proportion and step the vendor has."""
    form: dict[str, Any] = {"type": "video", "delivery": "uri"}
    if size := re.fullmatch(r"(\d+)x(\d+)", request.size):
        width, height = int(size[1]), int(size[2])
        form["aspect_ratio"] = "16:9" if width >= height else "9:16"
        form["resolution"] = min(_STEPS, key=lambda step: abs(_STEPS[step] - min(width, height)))
    if request.seconds:
        form["duration"] = f"{request.seconds}s"
    asked: Any = request.prompt
    if request.image is not None:
        data = base64.b64encode(request.image.data).decode()
        picture = {"type": "image", "mime_type": request.image.media_type, "data": data}
        asked = [{"type": "user_input", "content": [picture, {"type": "text", "text": request.prompt}]}]
    return {"model": model, "input": asked, "background": True, "store": True, "response_format": form}


@dataclass(frozen=True, slots=True)
class _State:
    """An interaction as the vendor described it."""

    told: Mapping[str, Any]
    after_s: float | None = None
    is_stored: bool = True
    """Its file can be fetched."""

    @property
    def job(self) -> str:
        return str(self.told["id"])

    @property
    def is_over(self) -> bool:
        return self.told["status"] not in _RUNNING and self.is_stored

    @property
    def video(self) -> Mapping[str, Any]:
        """The last one of what the model made; empty: there is none."""
        found = [
            part
            for step in self.told.get("steps") or ()
            if step.get("type") == "model_output"
            for part in step.get("content") or ()
            if part.get("type") == "video"
        ]
        return found[-1] if found else {}

    @property
    def file(self) -> str:
        """The name of its file; empty: it has none."""
        found = _FILE.search(str(self.video.get("uri") or ""))
        return found[1] if found else ""

    @property
    def usage(self) -> Usage | None:
        counted = self.told.get("usage")
        written = tokens(figure(counted, "total_output_tokens"), figure(counted, "total_thought_tokens"))
        cached = figure(counted, "total_cached_tokens")
        return usage_of(read=tokens(figure(counted, "total_input_tokens")), written=written, cached=cached)


async def film(
    provider: AIProvider, send: Send, request: VideoRequest, model: str
) -> AsyncGenerator[VideoProgress, None]:
    await asyncio.to_thread(require_writable, request.out)
    spec, state = provider.spec, None
    work = _Interactions(spec, send, request, model)
    async with aclosing(follow(work, spec, request, provider.policy.poll_s)) as states:
        async for state in states:
            if not state.is_over:
                yield VideoProgress(job=state.job)
    assert state is not None
    with in_call(spec) as call:
        _require_video(call, state)
    usage = state.usage
    if not state.file:
        yield await _written(spec, request, state)
        return
    address = f"files/{state.file}:download?alt=media"

    async def ask(call: CallContext) -> httpx2.Response:
        return await send(call, "GET", address, max_body=MOST_VIDEO)

    async with aclosing(fetched(provider, request, state.job, ask)) as progress:
        async for each in progress:
            yield each if each.video is None else replace(each, usage=usage)


async def _written(spec: Spec, request: VideoRequest, state: _State) -> VideoProgress:
    """A video that came with the answer, not in a file of its own."""

    async def block() -> AsyncIterator[bytes]:
        yield data

    with in_call(spec):
        data = base64.b64decode(state.video.get("data") or "", validate=True)
        async with aclosing(saved(block(), request.out, spec)) as sizes:
            size = [each async for each in sizes][-1]
    video = Video(path=request.out, media_type=video_type(data), size_bytes=size)
    return VideoProgress(job=state.job, share=1.0, received_bytes=size, video=video, usage=state.usage)


def _require_video(call: CallContext, state: _State) -> None:
    """Raises for an interaction that came to no video."""
    spec, status = call.spec, state.told["status"]
    faults = [step.get("error") for step in state.told.get("steps") or () if step.get("error")]
    faults += state.told.get("errors") or []
    if status == "completed" and state.video:
        return
    if faults or status != "completed":
        raise _failure(call, faults[0] if faults else {"code": 13, "message": f"The video is {status}."})
    raise AIProviderEmptyReplyError(
        f"{spec.display_name} made no video of it.",
        spec.name,
        who=spec.display_name,
        hint="Say it in other words.",
        retryable=False,
    )


def _failure(call: CallContext, fault: Mapping[str, Any]) -> AIProviderError:
    """What a failed interaction says: a google.rpc.Status, or a word and a sentence."""
    code, message = fault.get("code"), fault.get("message") or ""
    if _OF_CONTENT.search(f"{code} {message}"):
        return call.inside({"code": "content_filter", "message": message})
    status = _BY_NUMBER.get(code, 500) if isinstance(code, int) and code < 100 else None
    return refusal(call, status, {"error": {"code": code, "status": code, "message": message}}, {})


_OF_CONTENT = re.compile(r"safety|prohibited|blocked|policy|blocklist|recitation", re.IGNORECASE)
_BY_NUMBER = {3: 400, 5: 404, 7: 403, 8: 429, 9: 403, 14: 503, 16: 401}
"""google.rpc.Code as the HTTP status that means the same."""


class _Interactions:
    """The jobs of one request."""

    def __init__(self, spec: Spec, send: Send, request: VideoRequest, model: str) -> None:
        self._spec, self._send, self._request, self._model = spec, send, request, model

    async def begin(self) -> _State:
        with in_call(self._spec) as call:
            body = video_body(self._request, self._model)
            return await _state(await self._send(call, "POST", "interactions", body))

    async def look(self, job: str) -> _State:
        with in_call(self._spec) as call:
            state = await _state(await self._send(call, "GET", _path(job)))
            if state.told["status"] != "completed" or not state.file:
                return state
            async with aclosing(await self._send(call, "GET", f"files/{state.file}")) as response:
                await response.aread()
                stored = response.json().get("state")
            if stored == "FAILED":
                who = self._spec.display_name
                raise AIProviderError(f"{who} could not store the video.", self._spec.name, who=who)
            return replace(state, is_stored=stored != "PROCESSING")

    async def cancel(self, job: str) -> None:
        with in_call(self._spec) as call:
            await (await self._send(call, "POST", f"{_path(job)}/cancel")).aclose()


def _path(job: str) -> str:
    return f"interactions/{quote(job, safe='')}"


async def _state(response: httpx2.Response) -> _State:
    async with aclosing(response):
        await response.aread()
        found = response.json()
    if not isinstance(found, dict) or not found.get("id") or not found.get("status"):
        raise ValueError("no interaction")
    return _State(found, retry_after_s(response.headers))
