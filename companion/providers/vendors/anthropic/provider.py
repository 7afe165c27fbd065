"""Anthropic's Claude: the event stream of the Messages API, contract 2026-10-21, over the gate's HTTP client.

An answer comes without the vendor's SDK, which takes most of a second to import and costs more for each piece than
reading the eight kinds of events here (`messages`; tests/benchmarks/chunks.py). It is used for what no turn
waits for: the list of models and the count of tokens. Speech is another provider's.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Any

from companion.errors import AIProviderInvalidRequestError, CompanionError
from companion.flow import ChatDelta, ChatRequest, Health
from companion.kinds import Role
from companion.providers.provider import AIProvider, Spec
from companion.providers.vendors.anthropic.messages import Reply, compose
from companion.providers.wire.bodies import json_body
from companion.providers.wire.faults import CallContext, health, in_call, our_own, until_over
from companion.providers.wire.sse import AnswerSplitter

if TYPE_CHECKING:
    import httpx2
    from anthropic import AsyncAnthropic

    from companion.jobs import BatchProgress, BatchRequest
    from companion.providers.catalogue import ModelEntry

VERSION = "2026-10-21"
_COUNTED = (
    "model",
    "messages",
    "system",
    "tools",
    "tool_choice",
    "thinking",
    "output_config",
    "cache_control",
)
"""What of a request decides its length, and what the count takes."""

SPEC = Spec(
    name="anthropic",
    display_name="Anthropic",
    roles=frozenset({Role.THINKS}),
    aliases=("claude",),
    needs_key=True,
    key_env=("ANTHROPIC_API_KEY",),
    key_prefixes=("sk-ant-",),
    key_page="https://console.anthropic.com/settings/keys",
    base_url="https://api.anthropic.com",
    default_models={Role.THINKS: "claude-haiku-5-5"},
    usual_window=200_000,
    batches=True,
    summary="Thinks well and listens closely. Your words go to api.anthropic.com.",
)


class AnthropicProvider(AIProvider):
    """Claude, through the Messages API at `base_url`.

    Args:
        version: of the API, as a date; the one this was written for unless a program needs another.
    """

    spec = SPEC
    _http: httpx2.AsyncClient | None = None
    _client: AsyncAnthropic | None = None

    def __init__(self, *, version: str = VERSION, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.version = version

    async def chat(self, request: ChatRequest) -> AsyncGenerator[ChatDelta, None]:
        with in_call(self.spec) as call:
            with our_own(self.spec):
                body, notices = self._compose(request)
            reply, splitter = Reply(call), AnswerSplitter()
            async with aclosing(await self._ask(call, body)) as response:
                call.opened = True
                blocks = until_over(response.aiter_raw(), reply.is_over)
                async with aclosing(blocks):
                    async for block in blocks:
                        for event in splitter.feed(block):
                            if delta := reply.take(event):
                                yield delta
            for event in splitter.rest():
                with suppress(*[ValueError] * splitter.is_events):
                    if delta := reply.take(event):
                        yield delta
            if delta := reply.rest():
                yield delta
            yield reply.last(notices)

    async def batch(self, request: BatchRequest) -> AsyncGenerator[BatchProgress, None]:
        from companion.providers.vendors.anthropic.batch import MOST_REQUESTS, batch
        from companion.providers.wire.batches import requests_of

        default = self.models[Role.THINKS]
        asked = () if request.job else requests_of(request, default, self.spec, MOST_REQUESTS)
        async with aclosing(batch(self, self._send, request, asked, self._compose)) as progress:
            async for each in progress:
                yield each

    async def count_tokens(self, request: ChatRequest) -> int:
        """The vendor's own count; free of charge, and a request over the network.

        Raises:
            AIProviderError: as `chat`.
        """

        async def count() -> int:
            with in_call(self.spec):
                body, _ = self._compose(request)
                counted = {name: body[name] for name in _COUNTED if name in body}
                client = await self._sdk()
                # What goes through extra_body is sent as it is: the SDK walks typed arguments message by message.
                answer = await client.messages.count_tokens(
                    model=body["model"], messages=[], extra_body=counted
                )
                return answer.input_tokens

        return await self.asked(count)

    def _compose(self, request: ChatRequest) -> tuple[dict[str, Any], tuple[str, ...]]:
        model = request.model or self.models[Role.THINKS]
        return compose(request, self.spec, model, _entry(model))

    async def _ask(self, call: CallContext, body: dict[str, Any]) -> httpx2.Response:
        """An answer that has begun and is no refusal; the caller closes it."""
        return await self._send(call, "POST", "/v1/messages", json_body(body, self.spec))

    async def _send(
        self, call: CallContext, method: str, path: str, body: bytes = b"", *, max_body: int = 0
    ) -> httpx2.Response:
        """As `_ask`, for whatever is asked. `max_body`: as `Net.client` takes it."""
        key = self.require_key()
        if self._http is None:
            self._http = self.net.client()
        headers = {"Authorization": f"Bearer {key}", "anthropic-version": self.version}
        if body:
            headers["Content-Type"] = "application/json"
        http = self.net.client(max_body=max_body) if max_body else self._http
        url = self.base_url.rstrip("/") + path
        request = http.build_request(method, url, headers=headers, content=body or None)
        response = await http.send(request, stream=True)
        if response.status_code >= 400:
            raise await call.refusal(response)
        return response

    async def _sdk(self) -> AsyncAnthropic:
        if self._client is None:
            key = self.require_key()
            await asyncio.to_thread(_load_sdk)
            from anthropic import AsyncAnthropic

            http = self.net.client()
            self._client = AsyncAnthropic(
                api_key=key,
                base_url=self.base_url,
                http_client=http,
                timeout=http.timeout,
                max_retries=0,
                default_headers={"anthropic-version": self.version},
                open_telemetry=False,  # what is said here is in nobody's traces
            )
        return self._client

    async def check(self) -> Health:
        async def models() -> Sequence[str]:
            return [model.id for model in (await (await self._sdk()).models.list(limit=1000)).data]

        async def knock(call: CallContext) -> None:
            """A question without a message: it costs nothing, and is refused only by who accepts key and address."""
            body = {"model": self.models[Role.THINKS], "max_tokens": 1, "messages": []}
            with suppress(AIProviderInvalidRequestError):
                await (await self._ask(call, body)).aclose()

        return await health(self, models, knock)

    async def warm(self) -> None:
        if self.api_key is not None:
            with suppress(CompanionError), in_call(self.spec):
                _entry(self.models[Role.THINKS])  # the catalogue is read once
                await self.net.warm(self.base_url)

    async def aclose(self) -> None:
        self._http = self._client = None
        await super().aclose()


PROVIDER = AnthropicProvider


def _entry(model: str) -> ModelEntry | None:
    from companion.providers.catalogue import Catalogue

    return Catalogue.load().find(model, SPEC.name)


def _load_sdk() -> None:
    """What the SDK would otherwise import at first use, on the loop."""
    import anthropic.resources.messages.messages
    import anthropic.resources.models  # noqa: F401
