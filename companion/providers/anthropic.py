"""Anthropic's Claude through its own SDK: the event stream of the Messages API, contract 2026-10-21.

That contract has no sampling parameters, so `temperature` is not sent. An answer is whole only after `message_stop`.
The SDK takes most of a second to import and is loaded on a thread at the first call. Speech is another provider's.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Any

from companion.errors import AIProviderEmptyReplyError, CompanionError
from companion.flow import ChatDelta, ChatRequest, Health, Role, Speaker, Usage
from companion.providers.faults import Told, health, told, until_over
from companion.providers.provider import AIProvider, Spec

if TYPE_CHECKING:
    from anthropic import AsyncAnthropic
    from anthropic.types import RawMessageStreamEvent

MAX_TOKENS = 4096
"""Longest answer when the request does not say; the API has no default of its own."""
_FINISH = {"max_tokens": "length", "model_context_window_exceeded": "length", "refusal": "content_filter"}

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
    summary="Thinks well and listens closely. Your words go to api.anthropic.com.",
)


class AnthropicProvider(AIProvider):
    """Claude, through the Messages API at `base_url`."""

    spec = SPEC
    _client: AsyncAnthropic | None = None

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
                open_telemetry=False,  # what is said here is in nobody's traces
            )
        return self._client

    async def chat(self, request: ChatRequest) -> AsyncIterator[ChatDelta]:
        with told(self.spec) as call:
            client = await self._sdk()
            stream = await client.messages.create(**self._body(request))
            call.opened = True
            reply = _Reply(call)
            try:
                async with aclosing(until_over(aiter(stream), reply.is_over)) as events:
                    async for event in events:
                        if text := reply.take(event):
                            yield ChatDelta(text=text)
            finally:
                await stream.close()
            yield reply.last()

    def _body(self, request: ChatRequest) -> dict[str, Any]:
        system = "\n\n".join(m.content for m in request.messages if m.role is Speaker.SYSTEM)
        history = [
            {"role": m.role.value, "content": m.content}
            for m in request.messages
            if m.role is not Speaker.SYSTEM
        ]
        body: dict[str, Any] = {
            "model": request.model or self.models[Role.THINKS],
            "max_tokens": request.max_tokens or MAX_TOKENS,
            "messages": [],
            # The SDK walks typed arguments message by message; what goes through extra_body it leaves alone.
            "extra_body": {"messages": history},
            "stream": True,
        }
        if system:
            body["system"] = system
        if request.stop:
            body["stop_sequences"] = list(request.stop)
        return body

    async def check(self) -> Health:
        async def list_models() -> Sequence[str]:
            return [model.id for model in (await (await self._sdk()).models.list(limit=1000)).data]

        return await health(self.spec, list_models)

    async def warm(self) -> None:
        if self.api_key is not None:
            with suppress(CompanionError), told(self.spec):
                await self._sdk()
                await self.net.warm(self.base_url)

    async def aclose(self) -> None:
        self._client = None
        await super().aclose()


PROVIDER = AnthropicProvider


class _Reply:
    """What an event stream has told so far."""

    def __init__(self, call: Told) -> None:
        self._call = call
        self._stopped = False
        self._reason = ""
        self._model = ""
        self._input = self._cached = self._output = 0

    def is_over(self) -> bool:
        return self._stopped

    def take(self, event: RawMessageStreamEvent) -> str:
        """The text of one event; notes stop, usage and model. Unknown events are passed over."""
        match event.type:
            case "message_start":
                self._model = event.message.model
                self._count(event.message.usage)
            case "content_block_delta" if event.delta.type == "text_delta":
                self._call.said = self._call.said or bool(event.delta.text.strip())
                return event.delta.text
            case "message_delta":
                self._reason = event.delta.stop_reason or self._reason
                self._count(event.usage)
            case "message_stop":
                self._stopped = True
        return ""

    def _count(self, usage: Any) -> None:
        """Takes the newest figures; those of `message_delta` are cumulative and may leave the input out."""
        if usage is None:
            return
        cached = usage.cache_read_input_tokens or 0
        if usage.input_tokens is not None:
            self._input = usage.input_tokens + cached + (usage.cache_creation_input_tokens or 0)
            self._cached = cached
        self._output = usage.output_tokens or self._output

    def last(self) -> ChatDelta:
        """The closing delta.

        Raises:
            AIProviderError: the stream did not stop properly, was refused, or said nothing.
        """
        call = self._call
        if not self._stopped:
            raise call.cut()
        if not call.said and self._reason == "refusal":
            raise call.inside({"code": "content_filter"})
        if not call.said:
            raise AIProviderEmptyReplyError("", call.spec.name, who=call.spec.display_name)
        usage = Usage(input_tokens=self._input, output_tokens=self._output, cached_tokens=self._cached)
        return ChatDelta(finish_reason=_FINISH.get(self._reason, "stop"), usage=usage, model=self._model)


def _load_sdk() -> None:
    """What the SDK would otherwise import at first use, on the loop."""
    import anthropic.resources.messages.messages
    import anthropic.resources.models  # noqa: F401
