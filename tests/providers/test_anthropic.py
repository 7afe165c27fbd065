"""Anthropic's dialect: where the system prompt goes, how tokens are counted, what its refusals mean."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from companion.errors import (
    AIProviderError,
    AIProviderInvalidRequestError,
    AIProviderNotSupportedError,
    AIProviderQuotaError,
    AIProviderStreamCutError,
    AIProviderUnavailableError,
)
from companion.flow import Audio, ChatDelta, ChatRequest, Message, Speaker, SpeakRequest
from companion.providers.anthropic import MAX_TOKENS, AnthropicProvider
from companion.providers.openai import OpenAIProvider
from tests.servers import AnthropicServer, OpenAIServer

KEY = "sk-ant-0123456789abcdef"
REQUEST = ChatRequest(messages=(Message(Speaker.SYSTEM, "Be kind."), Message(Speaker.USER, "Hello")))


@pytest.fixture
async def server() -> AsyncIterator[AnthropicServer]:
    async with AnthropicServer() as server:
        yield server


@pytest.fixture
async def provider(server: AnthropicServer) -> AsyncIterator[AnthropicProvider]:
    async with AnthropicProvider(base_url=server.url, api_key=KEY) as provider:
        yield provider


async def _ask(provider: AnthropicProvider, request: ChatRequest = REQUEST) -> list[ChatDelta]:
    return [delta async for delta in provider.chat(request)]


def _events(*events: dict[str, object]) -> str:
    return "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events)


def _start(**usage: int) -> dict[str, object]:
    message = {
        "id": "m",
        "type": "message",
        "role": "assistant",
        "content": [],
        "model": "claude-x",
        "usage": usage,
    }
    return {"type": "message_start", "message": message}


def _text(text: str) -> dict[str, object]:
    return {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}


def _end(reason: str = "end_turn", **usage: int) -> dict[str, object]:
    return {"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": None}, "usage": usage}


STOP: dict[str, object] = {"type": "message_stop"}


async def test_the_request_follows_the_contract(provider: AnthropicProvider, server: AnthropicServer) -> None:
    request = ChatRequest(messages=REQUEST.messages, temperature=0.7, stop=("END",))
    await _ask(provider, request)
    seen = server.requests[-1]
    assert seen.body == {
        "model": "claude-haiku-5-5",
        "max_tokens": MAX_TOKENS,
        "messages": [{"role": "user", "content": "Hello"}],
        "system": "Be kind.",
        "stop_sequences": ["END"],
        "stream": True,
    }
    assert seen.headers["anthropic-version"] == "2026-10-21"


async def test_without_a_system_prompt_none_is_sent(
    provider: AnthropicProvider, server: AnthropicServer
) -> None:
    await _ask(provider, ChatRequest(messages=REQUEST.messages[1:], max_tokens=5))
    assert "system" not in server.requests[-1].body
    assert server.requests[-1].body["max_tokens"] == 5


async def test_tokens_read_from_the_cache_count_as_input(
    provider: AnthropicProvider, server: AnthropicServer
) -> None:
    start = _start(
        input_tokens=10, cache_read_input_tokens=90, cache_creation_input_tokens=5, output_tokens=1
    )
    server.script.raw = _events(start, _text("Hi"), _end(output_tokens=7), STOP)
    usage = (await _ask(provider))[-1].usage
    assert usage is not None
    assert (usage.input_tokens, usage.cached_tokens, usage.output_tokens) == (105, 90, 7)


async def test_unknown_events_and_thoughts_are_passed_over(
    provider: AnthropicProvider, server: AnthropicServer
) -> None:
    thought = {
        "type": "content_block_delta",
        "index": 0,
        "delta": {"type": "thinking_delta", "thinking": "hm"},
    }
    news = {"type": "a_new_kind_of_event", "content": 1}
    server.script.raw = _events(
        _start(input_tokens=1), thought, news, _text("Hi"), _end(output_tokens=1), STOP
    )
    deltas = await _ask(provider)
    assert [delta.text for delta in deltas] == ["Hi", ""]
    assert deltas[-1].model == "claude-x"


async def test_a_stop_reason_without_message_stop_is_cut_off(
    provider: AnthropicProvider, server: AnthropicServer
) -> None:
    server.script.raw = _events(_start(input_tokens=1), _text("Hi"), _end(output_tokens=1))
    with pytest.raises(AIProviderStreamCutError) as caught:
        await _ask(provider)
    assert not caught.value.retryable


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("refusal", "content_filter"),
        ("a_reason_of_tomorrow", "stop"),
    ],
)
async def test_how_an_answer_ended(
    provider: AnthropicProvider, server: AnthropicServer, reason: str, finish: str
) -> None:
    server.script.finish = reason
    assert (await _ask(provider))[-1].finish_reason == finish


@pytest.mark.parametrize(
    ("status", "message", "expected"),
    [
        (400, "You have reached your specified API usage limits.", (AIProviderQuotaError, "no credit left")),
        (400, "Your credit balance is too low to access the API.", (AIProviderQuotaError, "no credit left")),
        (402, "", (AIProviderQuotaError, "no credit left")),
        (400, "prompt is too long: 2 > 1", (AIProviderInvalidRequestError, "too long")),
        (413, "", (AIProviderInvalidRequestError, "too long")),
        (529, "", (AIProviderUnavailableError, "not working")),
    ],
)
async def test_refusals_that_hide_behind_a_status(
    provider: AnthropicProvider,
    server: AnthropicServer,
    status: int,
    message: str,
    expected: tuple[type, str],
) -> None:
    server.script.status, server.script.message = status, message
    with pytest.raises(AIProviderError) as caught:
        await _ask(provider)
    assert type(caught.value) is expected[0]
    assert expected[1] in caught.value.message
    assert caught.value.request_id == "req_test_1"


async def test_an_overload_in_the_middle_is_an_outage_and_not_a_success(
    provider: AnthropicProvider, server: AnthropicServer
) -> None:
    server.script.error_after = 3
    with pytest.raises(AIProviderUnavailableError) as caught:
        await _ask(provider)
    assert caught.value.status is None


async def test_a_connection_left_open_after_the_last_word_does_not_hold_the_turn(
    provider: AnthropicProvider, server: AnthropicServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("companion.providers.faults.LINGER_S", 0.05)
    server.script.hang_at_end = True
    async with asyncio.timeout(10):  # far below the gate's own patience
        assert (await _ask(provider))[-1].finish_reason == "stop"


async def test_credentials_lying_about_are_not_used(
    server: AnthropicServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL"):
        monkeypatch.setenv(name, "http://from-the-environment.invalid")
    async with AnthropicProvider(base_url=server.url, api_key=KEY) as provider:
        await _ask(provider)
    assert "from-the-environment" not in str(server.requests[-1].headers)


async def test_it_speaks_through_another_voice_or_says_what_to_configure(provider: AnthropicProvider) -> None:
    with pytest.raises(AIProviderNotSupportedError) as caught:
        [chunk async for chunk in provider.speak(SpeakRequest(text="Hello."))]
    assert "voice" in caught.value.hint
    async with (
        OpenAIServer() as speech,
        AnthropicProvider(api_key=KEY, voice=OpenAIProvider(base_url=speech.url, api_key="sk-1")) as speaking,
    ):
        chunks: list[Audio] = [chunk async for chunk in speaking.speak(SpeakRequest(text="Hello."))]
    assert sum(chunk.seconds for chunk in chunks) > 0.2
