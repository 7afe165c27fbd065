"""Conversations with tools: what a vendor wants back goes back, and one begun at a vendor goes on at any other."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from companion.calls import Tool, ToolCall
from companion.errors import AIProviderEmptyReplyError
from companion.flow import ChatDelta, ChatRequest, Message, Speaker
from companion.providers import registry
from companion.providers.client import Client
from companion.providers.fitting import fitting_id
from companion.providers.provider import AIProvider
from tests.servers import AnthropicServer, GoogleServer, OllamaServer, OpenAIServer, VendorServer
from tests.servers.anthropic import sign
from tests.servers.compatible import COMPATIBLE, CompatibleServer
from tests.servers.openai import Ways
from tests.servers.script import REPLY
from tests.servers.stream import sse

KEY = "sk-going-on-0123456789abcdef"
USER = Message(Speaker.USER, "Weather in Rome?")
WEATHER = Tool(
    name="weather",
    parameters={"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
)
SERVERS: dict[str, type[VendorServer]] = {
    "openai": OpenAIServer, "anthropic": AnthropicServer, "google": GoogleServer, "ollama": OllamaServer,
    **{name: COMPATIBLE[name] for name in ("mistral", "deepseek", "openrouter", "compatible")},
}  # fmt: skip


def made(server: VendorServer, **settings: Any) -> AIProvider:
    cls = registry.provider_class(server.name)
    if cls.spec.own_address:
        settings.setdefault("model", server.default_models[0])
    return cls(base_url=server.url, api_key=KEY if cls.spec.needs_key else None, **settings)


async def ask(provider: AIProvider, *messages: Message, effort: str = "") -> list[ChatDelta]:
    request = ChatRequest(messages=messages, tools=(WEATHER,), reasoning_effort=effort)
    return [delta async for delta in provider.chat(request)]


def answered(calls: Sequence[ToolCall], text: str = "") -> tuple[Message, ...]:
    results = (Message(Speaker.TOOL, "sunny", name=call.name, tool_call_id=call.id) for call in calls)
    return (Message(Speaker.ASSISTANT, text, tool_calls=tuple(calls)), *results)


# -- from one to another --------------------------------------------------------------------------------------


@pytest.mark.parametrize("other", SERVERS)
@pytest.mark.parametrize("first", SERVERS)
async def test_a_conversation_goes_on_elsewhere_in_the_middle_of_a_tool_round(first: str, other: str) -> None:
    async with SERVERS[first]() as one, SERVERS[other]() as two, made(one) as begins, made(two) as goes_on:
        one.script.calls = [("weather", '{"city": "Rome"}'), ("weather", '{"city": "Oslo"}')]
        one.script.thoughts = "Let me see."
        *deltas, last = await ask(begins, USER, effort="low" if first != "compatible" else "")
        round_ = answered(last.tool_calls, "".join(delta.text for delta in deltas))
        assert len(last.tool_calls) == 2
        for messages in ((USER, *round_), (USER, *round_, Message(Speaker.USER, "Thanks."))):
            two.script.calls = []
            said = await ask(goes_on, *messages)
            assert "".join(delta.text for delta in said)


@pytest.mark.parametrize("name", SERVERS)
async def test_ids_of_every_shape_are_taken_everywhere(name: str) -> None:
    odd = ("functions.weather:0", "call|fc_" + "x" * 60, "ünï", "abcDEF123", "toolu_01")
    calls = [ToolCall(id=each, name="weather", arguments="{}", opaque="elsewhere:unread") for each in odd]
    async with SERVERS[name]() as server, made(server) as provider:
        assert (await ask(provider, USER, *answered(calls)))[-1].finish_reason
        assert "unread" not in json.dumps(server.requests[-1].body)


def test_an_id_stays_where_it_fits_and_is_always_the_same_where_not() -> None:
    assert fitting_id("call_1", ".{1,40}") == "call_1"
    short = fitting_id("call_1", "[A-Za-z0-9]{9}")
    assert short == fitting_id("call_1", "[A-Za-z0-9]{9}") != fitting_id("call_2", "[A-Za-z0-9]{9}")
    assert len(short) == 9
    assert short.isalnum()


async def test_the_assistant_may_have_begun() -> None:
    async with AnthropicServer() as server, made(server) as provider:
        await ask(provider, Message(Speaker.ASSISTANT, "Good evening."), USER)
        assert [message["role"] for message in server.requests[-1].body["messages"]] == [
            "user",
            "assistant",
            "user",
        ]


# -- what goes back -------------------------------------------------------------------------------------------


def delta(finish: str | None = None, **fields: Any) -> bytes:
    return sse({"model": "m", "choices": [{"index": 0, "delta": fields, "finish_reason": finish}]})


def called(call_id: str = "call_1", **more: Any) -> dict[str, Any]:
    return {
        "index": 0,
        "id": call_id,
        "type": "function",
        "function": {"name": "weather", "arguments": "{}"},
        **more,
    }


def script(*pieces: bytes) -> str:
    return b"".join((*pieces, sse("[DONE]"))).decode()


async def goes_back(server: VendorServer, provider: AIProvider, raw: str) -> dict[str, Any]:
    """The message of the assistant as it comes back with the result of its tool."""
    server.script.raw = raw
    *_, last = await ask(provider, USER)
    server.script.raw = ""
    await ask(provider, USER, *answered(last.tool_calls))
    return dict(server.requests[-1].body["messages"][1])


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
async def test_thoughts_go_back_under_the_name_they_came_by(field: str) -> None:
    async with COMPATIBLE["compatible"]() as server, made(server) as provider:
        raw = script(
            delta(**{field: "Let me "}),
            delta(**{field: "look."}),
            delta(tool_calls=[called()]),
            delta("tool_calls"),
        )
        assert (await goes_back(server, provider, raw))[field] == "Let me look."


DETAILS = [
    {"type": "reasoning.text", "text": "Let me ", "format": "anthropic-claude-v1", "index": 0},
    {"type": "reasoning.text", "text": "look.", "format": "anthropic-claude-v1", "index": 0},
    {"type": "reasoning.text", "signature": "SIGNED", "format": "anthropic-claude-v1", "index": 0},
    {"type": "reasoning.encrypted", "data": "AB", "id": "call_1", "format": "google-gemini-v1", "index": 1},
    {"type": "reasoning.encrypted", "data": "CD", "id": "call_2", "format": "google-gemini-v1", "index": 1},
]


async def test_details_in_pieces_go_back_as_whole_parts() -> None:
    async with COMPATIBLE["openrouter"]() as server, made(server) as provider:
        raw = script(
            *(delta(reasoning_details=[each]) for each in DETAILS),
            delta(tool_calls=[called()]),
            delta("tool_calls"),
        )
        message = await goes_back(server, provider, raw)
    assert message["reasoning_details"] == [
        {
            "type": "reasoning.text",
            "text": "Let me look.",
            "signature": "SIGNED",
            "format": "anthropic-claude-v1",
            "index": 0,
        },
        DETAILS[3],
        DETAILS[4],
    ]


async def test_details_of_another_vendor_behind_the_same_router_stay_away() -> None:
    async with COMPATIBLE["openrouter"]() as server, made(server) as provider:
        server.script.raw = script(
            delta(reasoning_details=DETAILS, tool_calls=[called()]), delta("tool_calls")
        )
        *_, last = await ask(provider, USER)
        server.script.raw = ""
        server.script.models = ["google/gemini-3.8-flash", "anthropic/claude-haiku-5.5"]
        for model, signed in (("google/gemini-3.8-flash", True), ("anthropic/claude-haiku-5.5", False)):
            request = ChatRequest(messages=(USER, *answered(last.tool_calls)), tools=(WEATHER,), model=model)
            assert [each async for each in provider.chat(request)]
            message = server.requests[-1].body["messages"][1]
            assert "SIGNED" not in json.dumps(message)
            assert ("reasoning_details" in message) is signed, "Gemini wants a signature of some kind"


class GeminiCompatible(CompatibleServer):
    """Google behind an address of OpenAI's shape."""

    default_models = ("gemini-3.8-flash", "", "", "")
    ways = Ways(wants_key=False, thoughts_back="extra_content")


async def test_signatures_go_back_through_compatible_addresses() -> None:
    async with GeminiCompatible() as server, made(server) as provider:
        extra = {"google": {"thought_signature": "SIGNED"}}
        raw = script(delta(tool_calls=[called(extra_content=extra)]), delta("tool_calls"))
        assert (await goes_back(server, provider, raw))["tool_calls"][0]["extra_content"] == extra
        foreign = ToolCall(id="a", name="weather", arguments="{}", opaque="openai:{}")
        assert (await ask(provider, USER, *answered([foreign])))[-1].finish_reason == "stop"


class Forgetful(CompatibleServer):
    """Wants thoughts back, which nobody could know."""

    ways = Ways(wants_key=False, thoughts_back="reasoning_content")


async def test_a_server_that_says_it_wants_thoughts_gets_some() -> None:
    async with Forgetful() as server, made(server) as provider:
        foreign = ToolCall(id="a", name="weather", arguments="{}")
        for count in (2, 3):
            assert (await ask(provider, USER, *answered([foreign])))[-1].finish_reason == "stop"
            assert len(server.asked("chat")) == count


async def test_deepseek_is_given_thoughts_even_where_there_were_none() -> None:
    async with COMPATIBLE["deepseek"]() as server, made(server) as provider:
        foreign = ToolCall(id="a", name="weather", arguments="{}", opaque="anthropic:[]")
        await ask(provider, USER, *answered([foreign]))
        assert server.requests[-1].body["messages"][1]["reasoning_content"] == ""


async def test_thoughts_and_calls_of_anthropic_go_back_in_their_order() -> None:
    async with AnthropicServer() as server, made(server) as provider:

        def block(index: int, start: dict[str, Any], *deltas: dict[str, Any]) -> str:
            events: list[dict[str, Any]] = [
                {"type": "content_block_start", "index": index, "content_block": start},
                *({"type": "content_block_delta", "index": index, "delta": each} for each in deltas),
                {"type": "content_block_stop", "index": index},
            ]
            return "".join(sse(each, str(each["type"])).decode() for each in events)

        def thought(index: int, text: str) -> str:
            start = {"type": "thinking", "thinking": "", "signature": ""}
            spoken = {"type": "thinking_delta", "thinking": text}
            return block(index, start, spoken, {"type": "signature_delta", "signature": sign(text)})

        def use(index: int, call_id: str) -> str:
            return block(index, {"type": "tool_use", "id": call_id, "name": "weather", "input": {}})

        begun = sse({"type": "message_start", "message": {"id": "m", "model": "m"}}, "message_start").decode()
        said = block(3, {"type": "text", "text": ""}, {"type": "text_delta", "text": "One more."})
        ended = sse({"type": "message_delta", "delta": {"stop_reason": "tool_use"}}, "message_delta").decode()
        redacted = block(1, {"type": "redacted_thinking", "data": "SEALED"})
        server.script.raw = (
            begun
            + thought(0, "a")
            + redacted
            + use(2, "toolu_1")
            + said
            + thought(4, "b")
            + use(5, "toolu_2")
            + ended
        )
        *deltas, last = await ask(provider, USER)
        server.script.raw = ""
        await ask(provider, USER, *answered(last.tool_calls, "".join(each.text for each in deltas)))
        blocks = server.requests[-1].body["messages"][1]["content"]
    assert [block["type"] for block in blocks] == [
        "thinking", "redacted_thinking", "tool_use", "text", "thinking", "tool_use",
    ]  # fmt: skip
    assert blocks[1] == {"type": "redacted_thinking", "data": "SEALED"}


async def test_a_turn_another_began_is_not_thought_through_by_models_with_a_budget() -> None:
    async with AnthropicServer() as server, made(server) as provider:
        server.script.models = ["claude-haiku-4-5"]
        foreign = ToolCall(id="a", name="weather", arguments="{}", opaque="openai:{}")
        request = ChatRequest(
            messages=(USER, *answered([foreign])),
            tools=(WEATHER,),
            model="claude-haiku-4-5",
            reasoning_effort="high",
        )
        *_, last = [each async for each in provider.chat(request)]
        assert "thinking" not in server.requests[-1].body
        assert "reasoning effort" in last.notices[0]


# -- thoughts in the text, whoever speaks -----------------------------------------------------------------------

ALOUD = ("openai", "ollama", "mistral", "deepseek", "openrouter", "compatible")


@pytest.mark.parametrize("split", [False, True])
@pytest.mark.parametrize("name", ALOUD)
async def test_thoughts_in_the_text_are_never_said(name: str, split: bool) -> None:
    async with SERVERS[name]() as server, made(server) as provider:
        server.script.reply, server.script.split = f"<think>\nBe kind </b>.\n</think>\n\n{REPLY}", split
        deltas = [each async for each in provider.chat(ChatRequest(messages=(USER,)))]
        assert "".join(each.text for each in deltas) == REPLY
        assert "".join(each.reasoning for each in deltas) == "Be kind </b>."


@pytest.mark.parametrize("name", ALOUD)
async def test_thoughts_that_nobody_opened_are_taken_back_and_held_back_from_then_on(name: str) -> None:
    async with SERVERS[name]() as server, made(server) as provider:
        server.script.reply = f"Be kind.\n</think>\n\n{REPLY}"
        assert await provider.generate_completion("Be brief.", "Hello") == REPLY
        async with Client(provider) as client:
            response = await client.request().user("Hello").send()
        assert (response.text, response.reasoning) == (REPLY, "Be kind.")
        deltas = [each async for each in provider.chat(ChatRequest(messages=(USER,)))]
        assert "".join(each.text for each in deltas) == REPLY, "now it is known"
        server.script.reply = REPLY
        for _ in range(2):
            deltas = [each async for each in provider.chat(ChatRequest(messages=(USER,)))]
            assert "".join(each.text for each in deltas) == REPLY
        assert len([each for each in deltas if each.text]) > 1, "and that it does so no longer"


@pytest.mark.parametrize("name", ALOUD)
async def test_an_answer_that_is_all_thought_is_no_answer(name: str) -> None:
    async with SERVERS[name]() as server, made(server) as provider:
        server.script.reply, server.script.finish = "<think>On and on", "length"
        with pytest.raises(AIProviderEmptyReplyError) as caught:
            [each async for each in provider.chat(ChatRequest(messages=(USER,)))]
        assert "thinking" in caught.value.hint
        assert not caught.value.retryable


@pytest.mark.parametrize(
    "text",
    [
        '<think>{"mood": 1}?</think>{"mood": 4}',
        'Here it is:\n```json\n{"mood": 4}\n```\nAnything else?',
        '```\n{"mood": 4}```',
        'Sure! {"mood": 4} [1]',
        '{"mood": 4}',
    ],
)
async def test_json_is_found_where_a_model_wraps_it(text: str) -> None:
    async with OpenAIServer() as server, made(server) as provider, Client(provider) as client:
        server.script.reply = text
        assert (await client.request().user("How was it?").json().send()).parsed == {"mood": 4}
