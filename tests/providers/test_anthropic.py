"""Anthropic's dialect: where the system prompt goes, how tokens are counted, what its refusals mean.

The server here is held against the vendor's own SDK at the end.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import anthropic
import pytest

from companion.calls import JsonSchema, Picture, SoundFile, Tool, ToolCall
from companion.errors import (
    AIProviderError,
    AIProviderInvalidRequestError,
    AIProviderNotSupportedError,
    AIProviderQuotaError,
    AIProviderStreamCutError,
    AIProviderUnavailableError,
)
from companion.flow import Audio, ChatDelta, ChatRequest, Message, Speaker, SpeakRequest
from companion.providers.vendors.anthropic.messages import MAX_TOKENS, accepted
from companion.providers.vendors.anthropic.provider import AnthropicProvider
from companion.providers.vendors.openai.provider import OpenAIProvider
from tests.providers.pairs import pair_of
from tests.servers import AnthropicServer, OpenAIServer

KEY = "sk-ant-0123456789abcdef"
REQUEST = ChatRequest(messages=(Message(Speaker.SYSTEM, "Be kind."), Message(Speaker.USER, "Hello")))


server, provider = pair_of(AnthropicServer, AnthropicProvider, api_key=KEY)


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


async def test_unknown_events_are_passed_over_and_thoughts_are_no_words(
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
    assert [(delta.text, delta.reasoning) for delta in deltas] == [("", "hm"), ("Hi", ""), ("", "")]
    assert deltas[-1].model == "claude-x"


async def test_a_reason_to_stop_is_an_end_and_so_is_message_stop_and_nothing_else_is(
    provider: AnthropicProvider, server: AnthropicServer
) -> None:
    begun, stop = (_start(input_tokens=1), _text("Hi")), {"type": "message_stop"}
    for ending in ((_end(output_tokens=1),), (stop,), (_end(output_tokens=1), stop)):
        server.script.raw = _events(*begun, *ending)
        assert [delta.text or delta.finish_reason for delta in await _ask(provider)] == ["Hi", "stop"]
    server.script.raw = _events(*begun)
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
    monkeypatch.setattr("companion.providers.wire.faults.LINGER_S", 0.05)
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


# -- tools --------------------------------------------------------------------------------------------------

LOOK = Tool(
    name="look",
    description="Looks a day up.",
    parameters={"type": "object", "properties": {"day": {"type": "string"}}, "required": ["day"]},
)
ASKS = ChatRequest(messages=REQUEST.messages, tools=(LOOK,))


async def test_a_tool_is_offered_asked_for_and_answered(
    provider: AnthropicProvider, server: AnthropicServer
) -> None:
    server.script.calls = [("look", '{"day": "Montag, 3. März"}'), ("look", "{}")]
    deltas = await _ask(provider, ASKS)
    last = deltas[-1]
    assert last.finish_reason == "tool_calls"
    assert "".join(delta.text for delta in deltas) == "Let me look."
    assert [(call.name, call.arguments) for call in last.tool_calls] == server.script.calls
    assert server.requests[-1].body["tools"] == [
        {"name": "look", "description": "Looks a day up.", "input_schema": LOOK.parameters}
    ]
    answers = [
        Message(Speaker.TOOL, f"answer {n}", name="look", tool_call_id=call.id)
        for n, call in enumerate(last.tool_calls)
    ]
    said = Message(Speaker.ASSISTANT, "Let me look.", tool_calls=last.tool_calls)
    thanks = Message(Speaker.USER, "And now?")
    deltas = await _ask(provider, replace(ASKS, messages=(*ASKS.messages, said, *answers, thanks)))
    assert deltas[-1].finish_reason == "stop"
    assistant, results = server.requests[-1].body["messages"][1:]
    assert [block["type"] for block in assistant["content"]] == ["text", "tool_use", "tool_use"]
    assert [block["type"] for block in results["content"]] == ["tool_result", "tool_result", "text"]
    assert results["content"][0]["content"] == "answer 0"


async def test_a_call_without_any_words_is_an_answer(
    provider: AnthropicProvider, server: AnthropicServer
) -> None:
    server.script.calls, server.script.empty = [("look", '{"day": "today"}')], True
    deltas = await _ask(provider, ASKS)
    assert [delta.text for delta in deltas] == [""]
    assert deltas[0].tool_calls[0].arguments == '{"day": "today"}'


@pytest.mark.parametrize(
    ("choice", "wire"),
    [
        ("auto", None),
        ("none", {"type": "none"}),
        ("required", {"type": "any"}),
        ("look", {"type": "tool", "name": "look"}),
    ],
)
async def test_the_choice_of_tools(
    provider: AnthropicProvider, server: AnthropicServer, choice: str, wire: object
) -> None:
    server.script.calls = [("look", '{"day": "today"}')]
    deltas = await _ask(provider, replace(ASKS, tool_choice=choice))
    assert server.requests[-1].body.get("tool_choice") == wire
    assert bool(deltas[-1].tool_calls) == (choice != "none")


async def test_a_model_that_must_use_a_tool_does_not_think_first(
    provider: AnthropicProvider, server: AnthropicServer
) -> None:
    server.script.calls = [("look", '{"day": "today"}')]
    last = (await _ask(provider, replace(ASKS, tool_choice="look", reasoning_effort="high")))[-1]
    assert last.tool_calls
    assert "thinking" not in server.requests[-1].body
    assert last.notices == ("Claude Haiku 5.5 takes no reasoning effort; it was left out.",)


async def test_arguments_that_are_no_object_go_back_in_one(
    provider: AnthropicProvider, server: AnthropicServer
) -> None:
    call = ToolCall(id="toolu_x", name="look", arguments='{"day": ')
    messages = (
        *ASKS.messages,
        Message(Speaker.ASSISTANT, "", tool_calls=(call,)),
        Message(Speaker.TOOL, "What?", tool_call_id="toolu_x"),
    )
    await _ask(provider, replace(ASKS, messages=messages))
    assert server.requests[-1].body["messages"][1]["content"][0]["input"] == {"INVALID_JSON": '{"day": '}


# -- thinking -----------------------------------------------------------------------------------------------


async def test_thoughts_come_apart_from_the_answer(
    provider: AnthropicProvider, server: AnthropicServer
) -> None:
    server.script.thoughts = "They had a long day. I will ask about it."
    deltas = await _ask(provider, replace(REQUEST, reasoning_effort="low"))
    assert "".join(delta.reasoning for delta in deltas) == server.script.thoughts
    assert "".join(delta.text for delta in deltas) == server.script.reply
    body = server.requests[-1].body
    assert body["thinking"] == {"type": "adaptive", "display": "summarized"}
    assert body["output_config"] == {"effort": "low"}
    assert body["max_tokens"] > MAX_TOKENS, "thoughts count as output"
    await _ask(provider, replace(REQUEST, reasoning_effort="none"))
    assert server.requests[-1].body["thinking"] == {"type": "disabled"}
    await _ask(provider)
    assert "thinking" not in server.requests[-1].body


async def test_an_older_model_is_given_tokens_to_think_with(
    provider: AnthropicProvider, server: AnthropicServer
) -> None:
    server.script.models = ["claude-haiku-4-5-20251001"]
    request = replace(REQUEST, model="claude-haiku-4-5-20251001", reasoning_effort="high", max_tokens=500)
    assert (await _ask(provider, request))[-1].finish_reason == "stop"
    body = server.requests[-1].body
    assert body["thinking"]["type"] == "enabled"
    assert 1024 <= body["thinking"]["budget_tokens"] < body["max_tokens"]


@pytest.mark.parametrize("model", ["claude-haiku-5-5", "claude-haiku-4-5"])
async def test_thoughts_before_a_call_go_back_as_they_came(
    provider: AnthropicProvider, server: AnthropicServer, model: str
) -> None:
    server.script.models = [model]
    server.script.thoughts, server.script.calls = "Grüße — I need the day.", [("look", '{"day": "today"}')]
    request = replace(ASKS, model=model, reasoning_effort="low")
    last = (await _ask(provider, request))[-1]
    said = Message(Speaker.ASSISTANT, "Let me look.", tool_calls=last.tool_calls)
    answer = Message(Speaker.TOOL, "It rained.", tool_call_id=last.tool_calls[0].id)
    followed = replace(request, messages=(*request.messages, said, answer))
    assert (await _ask(provider, followed))[-1].finish_reason == "stop"
    first = server.requests[-1].body["messages"][1]["content"][0]
    assert first["thinking"] == server.script.thoughts
    foreign = replace(last.tool_calls[0], opaque="another vendor's")
    said = replace(said, tool_calls=(foreign,))
    await _ask(provider, replace(followed, messages=(*request.messages, said, answer), reasoning_effort=""))
    assert server.requests[-1].body["messages"][1]["content"][0]["type"] == "text"


# -- pictures, sound, forms, cache ----------------------------------------------------------------------------


async def test_pictures_are_shown(provider: AnthropicProvider, server: AnthropicServer) -> None:
    pictures = (Picture(data=b"\x89PNG"), Picture(url="https://example.org/a.jpg"))
    await _ask(provider, ChatRequest(messages=(Message(Speaker.USER, "What is it?", images=pictures),)))
    first, second, text = server.requests[-1].body["messages"][0]["content"]
    assert base64.b64decode(first["source"]["data"]) == b"\x89PNG"
    assert second["source"] == {"type": "url", "url": "https://example.org/a.jpg"}
    assert text == {"type": "text", "text": "What is it?"}


@pytest.mark.parametrize(
    "request_",
    [
        ChatRequest(messages=(Message(Speaker.USER, "Listen.", sounds=(SoundFile(data=b"RIFF"),)),)),
        ChatRequest(messages=REQUEST.messages, json=True),
    ],
    ids=["sound", "any json"],
)
async def test_what_it_cannot_do_is_told_before_anything_is_sent(
    provider: AnthropicProvider, server: AnthropicServer, request_: ChatRequest
) -> None:
    with pytest.raises(AIProviderNotSupportedError) as caught:
        await _ask(provider, request_)
    assert "Anthropic" in caught.value.message
    assert caught.value.hint
    assert not server.requests


async def test_what_it_does_not_take_is_left_out_and_told(
    provider: AnthropicProvider, server: AnthropicServer
) -> None:
    request = replace(REQUEST, temperature=0.7, top_p=0.9, seed=7, metadata={"a": "b"}, user="someone")
    last = (await _ask(provider, request))[-1]
    assert [notice.split(" takes no ")[1] for notice in last.notices] == [
        "metadata; it was left out.",
        "seed; it was left out.",
        "temperature; it was left out.",
        "top-p; it was left out.",
    ]
    assert all(notice.startswith("Claude Haiku 5.5") for notice in last.notices)
    assert server.requests[-1].body["metadata"] == {"user_id": "someone"}
    assert (await _ask(provider))[-1].notices == ()


async def test_a_form_is_sent_as_the_contract_takes_it(
    provider: AnthropicProvider, server: AnthropicServer
) -> None:
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            "mood": {"type": "integer", "minimum": 1, "maximum": 5, "description": "Of the day."},
            "words": {"type": "array", "items": {"type": "string", "pattern": "^a"}, "minItems": 2},
            "when": {"anyOf": [{"type": "string", "format": "date"}, {"type": "null"}]},
            "who": {"$ref": "#/$defs/person"},
            "kind": {"type": "string", "enum": ["good", "bad"]},
        },
        "required": ["mood"],
        "$defs": {"person": {"type": "object", "properties": {"name": {"type": "string"}}}},
    }
    server.script.reply = '{"mood": 3}'
    await _ask(provider, replace(REQUEST, schema=JsonSchema(schema=schema)))
    form = server.requests[-1].body["output_config"]["format"]
    mood = form["schema"]["properties"]["mood"]
    assert mood == {"type": "integer", "description": 'Of the day.\n\n{"minimum": 1, "maximum": 5}'}
    assert form["schema"]["properties"]["when"]["anyOf"][0] == {"type": "string", "format": "date"}
    assert form == {"type": "json_schema", "schema": accepted(schema)}
    assert schema["properties"]["mood"]["minimum"] == 1, "the program's own schema is left alone"  # type: ignore[index]


async def test_a_prompt_that_comes_again_is_read_from_the_cache(
    provider: AnthropicProvider, server: AnthropicServer
) -> None:
    request = replace(REQUEST, cache=True)
    first, second = [(await _ask(provider, request))[-1].usage for _ in range(2)]
    assert server.requests[-1].body["cache_control"] == {"type": "ephemeral"}
    assert first is not None
    assert second is not None
    assert first.cached_tokens == 0
    assert second.cached_tokens == second.input_tokens == first.input_tokens > 0


async def test_the_vendor_counts_tokens(provider: AnthropicProvider, server: AnthropicServer) -> None:
    counted = await provider.count_tokens(replace(ASKS, temperature=0.3, max_tokens=9, stop=("END",)))
    assert counted == 3
    assert server.asked("count_tokens")[0].body["tools"]
    server.script.status = 429
    with pytest.raises(AIProviderError) as caught:
        await provider.count_tokens(REQUEST)
    assert caught.value.status == 429


async def test_the_last_delta_has_the_vendors_id_and_last_event(provider: AnthropicProvider) -> None:
    last = (await _ask(provider))[-1]
    assert last.id == "msg_test1"
    assert last.raw is not None
    assert last.raw["delta"]["stop_reason"] == "end_turn"


# -- the server, held against the vendor's own SDK --------------------------------------------------------------


@pytest.fixture
async def sdk(server: AnthropicServer) -> AsyncIterator[anthropic.AsyncAnthropic]:
    async with anthropic.AsyncAnthropic(api_key=KEY, base_url=server.url, max_retries=0) as client:
        yield client


async def test_the_sdk_puts_thoughts_words_and_calls_together(
    sdk: anthropic.AsyncAnthropic, server: AnthropicServer
) -> None:
    server.script.thoughts, server.script.calls = "A day, then.", [("look", '{"day": "today"}')]
    asked: dict[str, Any] = {
        "model": "claude-haiku-5-5",
        "max_tokens": 2000,
        "messages": [{"role": "user", "content": "Hello"}],
        "tools": [{"name": "look", "input_schema": {"type": "object", "properties": {}}}],
        "thinking": {"type": "adaptive"},
    }
    async with sdk.messages.stream(**asked) as stream:
        message = await stream.get_final_message()
    assert [block.type for block in message.content] == ["thinking", "text", "tool_use"]
    assert message.content[2].input == {"day": "today"}
    assert message.stop_reason == "tool_use"
    result = {"type": "tool_result", "tool_use_id": message.content[2].id, "content": "It rained."}
    asked["messages"] += [
        {"role": "assistant", "content": [block.to_dict() for block in message.content]},
        {"role": "user", "content": [result]},
    ]
    assert (await sdk.messages.create(**asked)).content[-1].text == server.script.reply
    asked["messages"][1]["content"][0]["thinking"] = "Changed."
    with pytest.raises(anthropic.BadRequestError, match="signature"):
        await sdk.messages.create(**asked)
    asked["messages"].pop()
    with pytest.raises(anthropic.BadRequestError):
        await sdk.messages.create(**asked)


async def test_the_sdk_counts_and_the_server_refuses_what_the_contract_does(
    sdk: anthropic.AsyncAnthropic, server: AnthropicServer
) -> None:
    messages: Any = [{"role": "user", "content": "Good evening to you"}]
    counted = await sdk.messages.count_tokens(model="claude-haiku-5-5", messages=messages, system="Be kind.")
    assert counted.input_tokens == 6
    form = {"type": "json_schema", "schema": anthropic.transform_schema({"type": "object", "properties": {}})}
    asked: dict[str, Any] = {"model": "claude-haiku-5-5", "max_tokens": 50, "messages": messages}
    await sdk.messages.create(**asked, output_config={"format": form})
    for wrong in (
        {"output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}}},
        {"output_config": {"effort": "minimal"}},
        {"tool_choice": {"type": "any"}},
        {"thinking": {"type": "enabled", "budget_tokens": 2000}},
        {"extra_body": {"seed": 1}},
    ):
        with pytest.raises(anthropic.BadRequestError):
            await sdk.messages.create(**asked, **wrong)
