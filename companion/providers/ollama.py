"""Ollama, a model server on this computer, through its own API (its OpenAI-shaped one cannot stop a model thinking aloud).

NDJSON lines over the gate's HTTP client; an answer is whole only after the line with `done`. Needs no key. With no model
chosen it uses the first that is installed.
"""

from __future__ import annotations

import json
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Any

from companion.errors import (
    AIProviderEmptyReplyError,
    AIProviderModelNotFoundError,
    AIProviderUnavailableError,
    CompanionError,
    Kind,
)
from companion.flow import ChatDelta, ChatRequest, Health, Role, Usage
from companion.providers.faults import Told, told, until_over
from companion.providers.provider import AIProvider, Spec

if TYPE_CHECKING:
    import httpx2

KEEP_ALIVE = "10m"
"""How long the server keeps the model in memory after an answer: a reflection has long pauses."""
_FIRST_MODEL = "llama3.2"

SPEC = Spec(
    name="ollama",
    display_name="Ollama",
    roles=frozenset({Role.THINKS}),
    aliases=("local",),
    base_url="http://127.0.0.1:11434",
    summary="A model on your own computer. Your words stay here.",
    install="Get Ollama from https://ollama.com, then run: ollama pull llama3.2",
)


class OllamaProvider(AIProvider):
    """Chat with a model that an Ollama server at `base_url` has installed."""

    spec = SPEC
    _client: httpx2.AsyncClient | None = None
    _first_model = ""

    def _http(self) -> httpx2.AsyncClient:
        if self._client is None:
            self._client = self.net.client(self.base_url)
        return self._client

    async def chat(self, request: ChatRequest) -> AsyncIterator[ChatDelta]:
        try:
            with told(self.spec) as call:
                body = _body(request, request.model or await self._default_model())
                async with self._http().stream("POST", "/api/chat", json=body) as response:
                    await _require_success(call, response)
                    call.opened = True
                    reply = _Reply(call)
                    async with aclosing(until_over(_lines(response), reply.is_over)) as lines:
                        async for line in lines:
                            if text := reply.take(line):
                                yield ChatDelta(text=text)
                yield reply.last()
        except CompanionError as error:
            raise self._nearer(error, request.model) from error.__cause__

    def _nearer(self, error: CompanionError, model: str = "") -> CompanionError:
        """Says what a person can do about the two usual troubles of a server of one's own."""
        if error.kind is Kind.UNREACHABLE and error.retryable:  # neither a bad address nor a bad certificate
            error = AIProviderUnavailableError(
                f"There is no Ollama server at {self.base_url}.",
                self.spec.name,
                error,
                kind=Kind.UNREACHABLE,
                hint="Start it with: ollama serve. What you said is kept.",
                who=self.spec.display_name,
            )
        elif error.kind is Kind.MODEL_UNKNOWN and isinstance(error, AIProviderModelNotFoundError):
            error.hint = f"Fetch it with: ollama pull {model or self.models[Role.THINKS] or _FIRST_MODEL}"
        return error

    async def _default_model(self) -> str:
        if chosen := self.models[Role.THINKS] or self._first_model:
            return chosen
        installed = await self._installed()
        if not installed:
            raise AIProviderModelNotFoundError(
                "Ollama has no model yet.", self.spec.name, who=self.spec.display_name
            )
        self._first_model = installed[0]
        return self._first_model

    async def _installed(self) -> tuple[str, ...]:
        with told(self.spec) as call:
            response = await self._http().get("/api/tags")
            await _require_success(call, response)
            listed = response.json()["models"]
            return tuple(model.get("model") or model["name"] for model in listed if not _only_embeds(model))

    async def check(self) -> Health:
        started = time.perf_counter()
        try:
            models = await self._installed()
        except CompanionError as error:
            return Health(ok=False, detail=self._nearer(error).message, kind=error.kind)
        elapsed_ms = (time.perf_counter() - started) * 1000
        if not models:
            return Health(
                ok=False,
                detail=f"Ollama has no model yet: ollama pull {_FIRST_MODEL}",
                latency_ms=elapsed_ms,
                kind=Kind.MODEL_UNKNOWN,
            )
        return Health(ok=True, detail=f"Ollama is ready: {models[0]}.", latency_ms=elapsed_ms, models=models)

    async def warm(self) -> None:
        """Also has the server load the model: that takes seconds the first time."""
        with suppress(CompanionError), told(self.spec):
            model = await self._default_model()
            await self._http().post(
                "/api/chat", json={"model": model, "messages": [], "keep_alive": KEEP_ALIVE}
            )

    async def aclose(self) -> None:
        self._client = None
        await super().aclose()


PROVIDER = OllamaProvider


def _body(request: ChatRequest, model: str) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if request.max_tokens is not None:
        options["num_predict"] = request.max_tokens
    if request.temperature is not None:
        options["temperature"] = request.temperature
    if request.stop:
        options["stop"] = list(request.stop)
    return {
        "model": model,
        "messages": [{"role": m.role.value, "content": m.content} for m in request.messages],
        "stream": True,
        "think": False,
        "keep_alive": KEEP_ALIVE,
        "options": options,
    }


def _only_embeds(model: dict[str, Any]) -> bool:
    """Models that turn text into vectors are listed beside the others and cannot answer."""
    return "bert" in str((model.get("details") or {}).get("family"))


async def _require_success(call: Told, response: httpx2.Response) -> None:
    if response.status_code < 400:
        return
    raw = await response.aread()
    body: object
    try:
        body = json.loads(raw)
    except ValueError:
        body = raw.decode("utf-8", "replace")
    raise call.status(response.status_code, body, response.headers)


async def _lines(response: httpx2.Response) -> AsyncGenerator[dict[str, Any], None]:
    """One JSON object per line. Split at newlines only: text may hold any other separator."""
    rest = b""
    async for part in response.aiter_bytes():
        *lines, rest = (rest + part).split(b"\n")
        for line in lines:
            if line.strip():
                yield json.loads(line.decode("utf-8", "replace"))
    if rest.strip():
        yield json.loads(rest.decode("utf-8", "replace"))


class _Reply:
    """What a chat stream has told so far."""

    def __init__(self, call: Told) -> None:
        self._call = call
        self._end: dict[str, Any] | None = None

    def is_over(self) -> bool:
        return self._end is not None

    def take(self, line: dict[str, Any]) -> str:
        """The text of one line; notes the last."""
        if "error" in line:
            raise self._call.inside(line)
        if line.get("done"):
            self._end = line
        text = (line.get("message") or {}).get("content") or ""
        if not isinstance(text, str):
            raise TypeError("content of a message is not text")
        self._call.said = self._call.said or bool(text.strip())
        return text

    def last(self) -> ChatDelta:
        """The closing delta.

        Raises:
            AIProviderError: the stream did not say `done`, or said nothing else.
        """
        call, end = self._call, self._end
        if end is None:
            raise call.cut()
        if not call.said:
            raise AIProviderEmptyReplyError("", call.spec.name, who=call.spec.display_name)
        usage = Usage(
            input_tokens=end.get("prompt_eval_count") or 0, output_tokens=end.get("eval_count") or 0
        )
        finish = "length" if end.get("done_reason") == "length" else "stop"
        return ChatDelta(finish_reason=finish, usage=usage, model=end.get("model") or "")
