"""OpenAI's Responses API: what goes out, what every kind of event becomes, and when chat completions are asked instead."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, ClassVar

import pytest

from companion.calls import JsonSchema, Picture, SoundFile, Tool, ToolCall
from companion.errors import (
    AIProviderContentRefusedError,
    AIProviderEmptyReplyError,
    AIProviderError,
    AIProviderInvalidRequestError,
    AIProviderModelNotFoundError,
    AIProviderNotSupportedError,
    AIProviderRateLimitError,
    AIProviderStreamCutError,
    AIProviderTimeoutError,
    AIProviderUnavailableError,
)
from companion.flow import ChatDelta, ChatRequest, Message, Speaker, Usage
from companion.kinds import Role
from companion.providers.client import Client
from companion.providers.vendors import compatible
from companion.providers.vendors.openai.dialect import OPENAI
from companion.providers.vendors.openai.endpoints import Endpoint, Endpoints, sent_on
from companion.providers.vendors.openai.provider import SPEC, OpenAIProvider
from tests.providers.pairs import pair_of
from tests.servers import OpenAIServer
from tests.servers.compatible import COMPATIBLE
from tests.servers.openai import Ways
from tests.servers.openai_responses import sealed
from tests.servers.script import REPLY

KEY = "sk-openai-0123456789abcdef"
REQUEST = ChatRequest(messages=(Message(Speaker.SYSTEM, "Be brief."), Message(Speaker.USER, "Hello")))
LOOK = Tool(name="look", parameters={"type": "object", "properties": {"day": {"type": "string"}}})
TODAY, MONDAY = '{"day": "today"}', '{"day": "Monday"}'


server, provider = pair_of(OpenAIServer, OpenAIProvider, api_key=KEY)


async def _ask(provider: OpenAIProvider, request: ChatRequest = REQUEST) -> list[ChatDelta]:
    return [delta async for delta in provider.chat(request)]


def _stream(*events: dict[str, Any]) -> str:
    return "".join(f"event: {event.get('type')}\ndata: {json.dumps(event)}\n\n" for event in events)


def _says(text: str, **fields: Any) -> dict[str, Any]:
    return {
        "type": "response.output_text.delta",
        "item_id": "m",
        "output_index": 0,
        "content_index": 0,
        "delta": text,
    } | fields


def _message(text: str) -> dict[str, Any]:
    return {
        "type": "message",
        "role": "assistant",
        "id": "m",
        "content": [{"type": "output_text", "text": text}],
    }


def _call(call_id: str, arguments: str = TODAY, **fields: Any) -> dict[str, Any]:
    call = {"type": "function_call", "id": f"fc_{call_id}", "call_id": call_id, "name": "look"}
    return {**call, "arguments": arguments, **fields}


def _thought(text: str, **fields: Any) -> dict[str, Any]:
    return {
        "type": "reasoning",
        "id": f"rs_{text}",
        "summary": [],
        "encrypted_content": sealed(text),
        **fields,
    }


def _ended(*output: dict[str, Any], status: str = "completed", **fields: Any) -> dict[str, Any]:
    return {"type": f"response.{status}", "response": _response(*output, status=status, **fields)}


def _response(*output: dict[str, Any], status: str = "completed", **fields: Any) -> dict[str, Any]:
    return {
        "id": "r",
        "object": "response",
        "model": "m",
        "status": status,
        "error": None,
        "output": list(output),
        **fields,
    }


# -- what goes out ------------------------------------------------------------------------------------------


async def test_what_is_asked_for_is_sent_and_nothing_is_stored(
    provider: OpenAIProvider, server: OpenAIServer
) -> None:
    assert "".join(delta.text for delta in await _ask(provider)) == REPLY
    bare = server.requests[-1].body
    assert server.requests[-1].path == "/v1/responses"
    assert bare == {
        "model": SPEC.default_models[Role.THINKS], "instructions": "Be brief.", "stream": True, "store": False,
        "input": [{"role": "user", "content": "Hello"}],
    }  # fmt: skip
    full = ChatRequest(
        messages=REQUEST.messages, model="gpt-7", max_tokens=99, temperature=0.4, top_p=0.9, user="u-1",
        metadata={"a": "b"}, reasoning_effort="low",
    )  # fmt: skip
    *_, last = await _ask(provider, full)
    sent = server.requests[-1].body
    assert {name: sent[name] for name in sent.keys() - bare.keys()} == {
        "max_output_tokens": 99, "temperature": 0.4, "top_p": 0.9, "safety_identifier": "u-1",
        "prompt_cache_key": "u-1", "metadata": {"a": "b"}, "reasoning": {"effort": "low", "summary": "auto"},
    }  # fmt: skip
    assert last.notices == ()
    assert len(server.requests) == 2


async def test_what_the_api_has_no_place_for_is_left_out_and_told(
    provider: OpenAIProvider, server: OpenAIServer
) -> None:
    named = Message(Speaker.USER, "Hello", name="Ada")
    request = ChatRequest(
        messages=(named,), temperature=0.4, stop=("X",), seed=7, frequency_penalty=0.1, presence_penalty=0.2
    )
    *_, last = await _ask(provider, request)
    assert len(last.notices) == 6
    for words in ("temperature", "stop words", "seed", "frequency", "presence", "names of speakers"):
        assert any(words in notice for notice in last.notices), words


async def test_a_limit_below_the_least_is_the_least(provider: OpenAIProvider, server: OpenAIServer) -> None:
    await _ask(provider, replace(REQUEST, max_tokens=1))
    assert server.requests[-1].body["max_output_tokens"] == 16


async def test_names_longer_than_the_api_takes_stay_one_name(
    provider: OpenAIProvider, server: OpenAIServer
) -> None:
    call = ToolCall(id="call|" + "x" * 200, name="look", arguments=TODAY)
    messages = (
        *REQUEST.messages,
        Message(Speaker.ASSISTANT, "", tool_calls=(call,)),
        Message(Speaker.TOOL, "Rain.", tool_call_id=call.id),
    )
    await _ask(provider, ChatRequest(messages=messages, tools=(LOOK,), user="u" * 100))
    _, asked, answered = server.requests[-1].body["input"]
    assert asked["call_id"] == answered["call_id"]
    assert len(server.requests) == 1, "nothing was refused"


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        ("auto", None),
        ("none", "none"),
        ("required", "required"),
        ("look", {"type": "function", "name": "look"}),
    ],
)
async def test_tools_and_the_choice_of_one_are_sent(
    provider: OpenAIProvider, server: OpenAIServer, choice: str, sent: object
) -> None:
    await _ask(provider, replace(REQUEST, tools=(LOOK,), tool_choice=choice))
    body = server.requests[-1].body
    assert body.get("tool_choice") == sent
    assert body["tools"] == [
        {"type": "function", "name": "look", "parameters": dict(LOOK.parameters), "strict": False}
    ]
    assert ("include" in body) == (choice != "none")
    with pytest.raises(AIProviderInvalidRequestError, match="snow"):
        await _ask(provider, replace(REQUEST, tools=(LOOK,), tool_choice="snow"))


async def test_forms_pictures_and_files_are_sent_as_the_wire_has_them(
    provider: OpenAIProvider, server: OpenAIServer
) -> None:
    shown = (
        Picture(data=b"\x01\x02", media_type="image/jpeg"),
        Picture(url="https://e.test/a"),
        Picture(data=b"%PDF", media_type="application/pdf"),
        Picture(url="https://e.test/b.pdf", media_type="application/pdf"),
    )
    told = Message(Speaker.USER, "Look.", images=shown)
    form = JsonSchema(schema={"type": "object"}, name="mood", strict=False)
    await _ask(provider, ChatRequest(messages=(told,), schema=form))
    body = server.requests[-1].body
    assert body["input"][0]["content"] == [
        {"type": "input_text", "text": "Look."},
        {"type": "input_image", "image_url": "data:image/jpeg;base64,AQI=", "detail": "auto"},
        {"type": "input_image", "image_url": "https://e.test/a", "detail": "auto"},
        {"type": "input_file", "filename": "file.pdf", "file_data": "data:application/pdf;base64,JVBERg=="},
        {"type": "input_file", "file_url": "https://e.test/b.pdf"},
    ]
    expected = {"type": "json_schema", "name": "mood", "schema": {"type": "object"}, "strict": False}
    assert body["text"] == {"format": expected}


async def test_json_of_any_shape_is_asked_for_where_only_the_system_speaks_of_it(
    provider: OpenAIProvider, server: OpenAIServer
) -> None:
    messages = (Message(Speaker.SYSTEM, "Answer in JSON."), Message(Speaker.USER, "Who are you?"))
    await _ask(provider, ChatRequest(messages=messages, json=True))
    assert server.requests[-1].body["text"] == {"format": {"type": "json_object"}}


async def test_the_system_alone_and_its_later_words_are_sent(
    provider: OpenAIProvider, server: OpenAIServer
) -> None:
    await _ask(provider, ChatRequest(messages=(Message(Speaker.SYSTEM, "Greet."),)))
    assert server.requests[-1].body["input"] == [{"role": "system", "content": "Greet."}]
    later = (*REQUEST.messages, Message(Speaker.SYSTEM, "It is night."), Message(Speaker.USER, "And now?"))
    await _ask(provider, ChatRequest(messages=later))
    assert [item["role"] for item in server.requests[-1].body["input"]] == ["user", "system", "user"]


async def test_a_tool_may_answer_with_a_picture(provider: OpenAIProvider, server: OpenAIServer) -> None:
    call = ToolCall(id="c1", name="look", arguments="")
    seen = Message(Speaker.TOOL, "There:", tool_call_id="c1", images=(Picture(data=b"\x01"),))
    messages = (*REQUEST.messages, Message(Speaker.ASSISTANT, "", tool_calls=(call,)), seen)
    await _ask(provider, ChatRequest(messages=messages, tools=(LOOK,)))
    _, asked, answered = server.requests[-1].body["input"]
    assert asked["arguments"] == "{}"
    assert [part["type"] for part in answered["output"]] == ["input_text", "input_image"]


# -- thoughts go back with the answers of tools ---------------------------------------------------------------


async def test_a_function_is_used_by_a_model_that_thinks(
    server: OpenAIServer, provider: OpenAIProvider
) -> None:
    asked: list[str] = []

    def look(day: str) -> str:
        """The diary."""
        asked.append(day)
        server.script.calls = []
        return "A walk."

    server.script.thoughts, server.script.calls = "I need the day.", [("look", TODAY), ("look", MONDAY)]
    response = await Client(provider).request().user("What did I do?").tools(look).reasoning("low").run()
    assert (response.text, sorted(asked), response.notices) == (REPLY, ["Monday", "today"], ())
    question, thought, *calls = server.requests[-1].body["input"]
    assert question["role"] == "user"
    assert thought["encrypted_content"] == sealed("I need the day.")
    assert [item["type"] for item in calls] == ["function_call"] * 2 + ["function_call_output"] * 2
    assert len({item["call_id"] for item in calls}) == 2
    assert {seen.path for seen in server.requests} == {"/v1/responses"}


async def test_thoughts_words_and_calls_go_back_in_the_order_in_which_they_came(
    provider: OpenAIProvider, server: OpenAIServer
) -> None:
    output = (
        _thought("one"), _message("Let me look.") | {"phase": "commentary"}, _call("a"), _thought("two"), _call("b"),
    )  # fmt: skip
    server.script.raw = _stream(_says("Let me look."), _ended(*output))
    *_, last = await _ask(provider, replace(REQUEST, tools=(LOOK,)))
    server.script.raw = ""

    async def sent(words: str) -> list[tuple[str, str]]:
        answer = Message(Speaker.ASSISTANT, words, tool_calls=last.tool_calls)
        results = (Message(Speaker.TOOL, "Rain.", tool_call_id=call.id) for call in last.tool_calls)
        await _ask(provider, ChatRequest(messages=(*REQUEST.messages, answer, *results), tools=(LOOK,)))
        items = server.requests[-1].body["input"][1:-2]
        return [(item.get("type") or item["role"], item.get("phase", "")) for item in items]

    thoughts = ("reasoning", ""), ("function_call", "")
    assert await sent("Let me look.") == [thoughts[0], ("assistant", "commentary"), thoughts[1], *thoughts]
    assert await sent("Let me") == [thoughts[0], ("assistant", ""), thoughts[1], *thoughts], (
        "cut to what was heard"
    )
    assert server.requests[-1].body["input"][2]["content"] == "Let me"


@pytest.mark.parametrize(
    "opaque",
    ["anthropic:[{}]", "gAAA=", "responses azure:[{}]", "{}", "responses openai:{", "responses openai:{}"],
)
async def test_thoughts_of_another_vendor_stay_away(
    provider: OpenAIProvider, server: OpenAIServer, opaque: str
) -> None:
    call = ToolCall(id="toolu_1", name="look", arguments=TODAY, opaque=opaque)
    messages = (
        *REQUEST.messages,
        Message(Speaker.ASSISTANT, "Hm.", tool_calls=(call,)),
        Message(Speaker.TOOL, "Rain.", tool_call_id="toolu_1"),
    )
    await _ask(provider, ChatRequest(messages=messages, tools=(LOOK,)))
    assert [item.get("type") for item in server.requests[-1].body["input"]] == [
        None, None, "function_call", "function_call_output",
    ]  # fmt: skip


async def test_a_conversation_goes_on_at_a_server_of_another_kind(
    provider: OpenAIProvider, server: OpenAIServer
) -> None:
    server.script.thoughts, server.script.calls = "Hm.", [("look", TODAY)]
    *_, last = await _ask(provider, replace(REQUEST, tools=(LOOK,)))
    answer = Message(Speaker.ASSISTANT, "", tool_calls=last.tool_calls)
    result = Message(Speaker.TOOL, "Rain.", tool_call_id=last.tool_calls[0].id)
    async with (
        COMPATIBLE["compatible"]() as other,
        compatible.vendor("compatible")(base_url=other.url, model="local-model") as elsewhere,
    ):
        await _ask(elsewhere, ChatRequest(messages=(*REQUEST.messages, answer, result), tools=(LOOK,)))
        assert sealed("Hm.") not in str(other.requests[-1].body)


async def test_thoughts_that_cannot_be_read_any_more_are_left_out_of_this_call_only(
    provider: OpenAIProvider, server: OpenAIServer
) -> None:
    server.script.thoughts, server.script.calls = "Hm.", [("look", TODAY)]
    *_, last = await _ask(provider, replace(REQUEST, tools=(LOOK,)))
    (call,) = last.tool_calls

    async def go_on(opaque: str) -> list[str]:
        answer = Message(Speaker.ASSISTANT, "", tool_calls=(replace(call, opaque=opaque),))
        result = Message(Speaker.TOOL, "Rain.", tool_call_id=call.id)
        await _ask(provider, ChatRequest(messages=(*REQUEST.messages, answer, result), tools=(LOOK,)))
        return [item.get("type", "") for item in server.requests[-1].body["input"]]

    assert "reasoning" not in await go_on(call.opaque.replace("gAAAA", "another key's "))
    assert "reasoning" in await go_on(call.opaque)


# -- what comes back ----------------------------------------------------------------------------------------


async def test_thoughts_usage_model_and_id_are_told(provider: OpenAIProvider, server: OpenAIServer) -> None:
    server.script.thoughts, server.script.cached_tokens = "Let me see.", 2
    deltas = await _ask(provider, replace(REQUEST, reasoning_effort="low"))
    assert "".join(delta.reasoning for delta in deltas) == "Let me see."
    assert "".join(delta.text for delta in deltas) == REPLY
    last = deltas[-1]
    assert (last.id, last.model, last.finish_reason) == ("resp_test1", "gpt-6-luna", "stop")
    assert last.usage is not None
    assert last.usage.cached_tokens == 2
    assert last.usage.output_tokens > last.usage.cached_tokens


@pytest.mark.parametrize(
    ("events", "text", "thoughts"),
    [
        ([_says("Hi"), _ended()], "Hi", ""),
        ([_says("H"), _says("i"), _ended(_message("Hi"))], "Hi", ""),
        ([_says("Hi", sequence_number=9), _says("!", sequence_number=3), _ended(_message("Hi!"))], "Hi!", ""),
        ([_ended(_message("Hi"))], "Hi", ""),
        ([_says("H"), _ended(_message("Hi"))], "Hi", ""),
        ([{"type": "response.output_text.done", "text": "Hi"}, _ended()], "Hi", ""),
        ([_says("Hi"), {"type": "response.output_text.done", "text": "Hi"}, _ended(_message("Hi"))], "Hi", ""),
        ([_says("One. "), {"type": "response.output_text.done", "text": "One. "}, _says("Two.", output_index=1),
          {"type": "response.output_text.done", "text": "Two."}, _ended(_message("One. "), _message("Two."))],
         "One. Two.", ""),
        ([{"type": "response.reasoning_text.delta", "delta": "hm"}, _says("Hi"), _ended()], "Hi", "hm"),
        ([{"type": "response.reasoning_summary_text.delta", "delta": "a"},
          {"type": "response.reasoning_summary_part.added", "summary_index": 1},
          {"type": "response.reasoning_summary_text.delta", "delta": "b"}, _says("Hi"), _ended()], "Hi", "a\n\nb"),
        ([_ended(_thought("x", summary=[{"type": "summary_text", "text": "hm"}]), _message("Hi"))], "Hi", "hm"),
        ([{"type": "response.brand_new.event", "x": 1}, {"type": "keepalive"}, _says("Hi"), _ended()], "Hi", ""),
        ([_says("Hi"), {"type": "response.web_search_call.searching", "output_index": 4}, _ended()], "Hi", ""),
        ([_says("Hi"), _ended(_message("Another text altogether."))], "Hi", ""),
    ],
)  # fmt: skip
async def test_every_way_of_telling_gives_the_whole_answer_once(
    provider: OpenAIProvider, server: OpenAIServer, events: list[dict[str, Any]], text: str, thoughts: str
) -> None:
    server.script.raw = _stream(*events)
    deltas = await _ask(provider)
    assert "".join(delta.text for delta in deltas) == text
    assert "".join(delta.reasoning for delta in deltas) == thoughts
    assert deltas[-1].finish_reason == "stop"
    assert len(server.requests) == 1


_BEGUN = {
    "type": "response.output_item.added",
    "output_index": 0,
    "item": _call("a", "", status="in_progress"),
}
_PIECE = {"type": "response.function_call_arguments.delta", "output_index": 0}
_WHOLE = {"type": "response.function_call_arguments.done", "output_index": 0, "arguments": TODAY}
_DONE = {"type": "response.output_item.done", "output_index": 0, "item": _call("a")}
_SECOND = {"type": "response.output_item.done", "output_index": 1, "item": _call("b", MONDAY)}


@pytest.mark.parametrize(
    ("events", "calls"),
    [
        ([_BEGUN, {**_PIECE, "delta": TODAY[:5]}, {**_PIECE, "delta": TODAY[5:]}, _WHOLE, _DONE, _ended(_call("a"))],
         ["a"]),
        ([_BEGUN, {**_PIECE, "delta": TODAY[:5]}, {**_PIECE, "delta": TODAY[5:]}, _ended()], ["a"]),
        ([_BEGUN, _WHOLE, _ended()], ["a"]),
        ([_DONE, _ended()], ["a"]),
        ([_ended(_call("a"))], ["a"]),
        ([_BEGUN, _DONE, _SECOND, _ended()], ["a", "b"]),
        ([_DONE, _SECOND, _ended(_call("a"), _call("b", MONDAY))], ["a", "b"]),
    ],
    ids=["in turn", "pieces only", "no item at its end", "whole item", "told at the end", "two, not told again", "two"],
)  # fmt: skip
async def test_tool_calls_told_in_any_way_are_whole(
    provider: OpenAIProvider, server: OpenAIServer, events: list[dict[str, Any]], calls: list[str]
) -> None:
    server.script.raw = _stream(*events)
    *_, last = await _ask(provider, replace(REQUEST, tools=(LOOK,)))
    assert last.finish_reason == "tool_calls"
    told = [(call.id, call.name, json.loads(call.arguments)) for call in last.tool_calls]
    assert told == [(name, "look", json.loads(TODAY if name == "a" else MONDAY)) for name in calls]


async def test_arguments_cut_inside_a_character_are_whole(
    provider: OpenAIProvider, server: OpenAIServer
) -> None:
    pieces = ('{"day": "\ud83d', '\ude0a"}')
    server.script.raw = _stream(_BEGUN, *({**_PIECE, "delta": piece} for piece in pieces), _ended())
    *_, last = await _ask(provider, replace(REQUEST, tools=(LOOK,)))
    assert [json.loads(call.arguments) for call in last.tool_calls] == [{"day": "\U0001f60a"}]


async def test_a_refusal_is_told_in_the_models_words(provider: OpenAIProvider, server: OpenAIServer) -> None:
    server.script.finish, server.script.reply = "refusal", "I cannot help with that."
    with pytest.raises(AIProviderContentRefusedError) as caught:
        await _ask(provider)
    assert "I cannot help with that." in caught.value.hint
    refusal = {"type": "message", "content": [{"type": "refusal", "refusal": "No."}]}
    server.script.raw = _stream(_ended(refusal))
    with pytest.raises(AIProviderContentRefusedError, match="OpenAI declined"):
        await _ask(provider)


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("max_output_tokens", "length"),
        ("content_filter", "content_filter"),
        ("max_messages", "length"),
        (None, "length"),
    ],
)
async def test_an_incomplete_answer_says_why_and_has_no_half_calls(
    provider: OpenAIProvider, server: OpenAIServer, reason: str | None, finish: str
) -> None:
    details = {"reason": reason} if reason else None
    half = _call("a", '{"da', status="incomplete")
    server.script.raw = _stream(_says("Well"), _ended(half, status="incomplete", incomplete_details=details))
    *_, last = await _ask(provider)
    assert (last.finish_reason, last.tool_calls) == (finish, ())
    server.script.raw = _stream(_ended(status="incomplete", incomplete_details=details))
    with pytest.raises(
        AIProviderContentRefusedError if finish == "content_filter" else AIProviderEmptyReplyError
    ):
        await _ask(provider)


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("server_error", AIProviderUnavailableError),
        ("rate_limit_exceeded", AIProviderRateLimitError),
        ("vector_store_timeout", AIProviderTimeoutError),
        ("invalid_prompt", AIProviderContentRefusedError),
        ("bio_policy", AIProviderContentRefusedError),
        ("misalignment_policy_violation", AIProviderContentRefusedError),
        ("image_content_policy_violation", AIProviderContentRefusedError),
        ("invalid_image_url", AIProviderInvalidRequestError),
        ("image_too_large", AIProviderInvalidRequestError),
        ("unsupported_image_media_type", AIProviderInvalidRequestError),
        ("empty_image_file", AIProviderInvalidRequestError),
        ("failed_to_download_image", AIProviderInvalidRequestError),
        ("context_length_exceeded", AIProviderInvalidRequestError),
    ],
)
async def test_a_failure_inside_the_stream_has_its_name_in_every_shape(
    provider: OpenAIProvider, server: OpenAIServer, code: str, error: type[AIProviderError]
) -> None:
    told = {"code": code, "message": "No."}
    for event in (
        _ended(status="failed", error=told),
        {"type": "error", "sequence_number": 3, "param": None, **told},
        {"type": "error", "error": {"type": "some_error", **told}},
        {"error": told},
    ):
        server.script.raw = _stream(_says("Well, "), event)
        with pytest.raises(AIProviderError) as caught:
            await _ask(provider)
        assert type(caught.value) is error, event


@pytest.mark.parametrize(
    "events",
    [
        [_says("Hi")],
        [_says("Hi"), {"type": "response.output_item.done", "output_index": 0, "item": _message("Hi")}],
        [_says("Hi"), {"type": "response.in_progress", "response": _response(status="in_progress")}],
        [_says("Hi"), {"type": "response.completed", "response": _response(status="cancelled")}],
    ],
)
async def test_a_stream_without_its_last_event_is_cut_off(
    provider: OpenAIProvider, server: OpenAIServer, events: list[dict[str, Any]]
) -> None:
    server.script.raw = _stream(*events) + "data: [DONE]\n\n"
    with pytest.raises(AIProviderStreamCutError):
        await _ask(provider)


async def test_a_whole_response_instead_of_a_stream_is_understood(
    provider: OpenAIProvider, server: OpenAIServer
) -> None:
    usage = {"input_tokens": 3, "output_tokens": 2, "input_tokens_details": {"cached_tokens": 1}}
    whole = _response(_thought("x"), _message("Hi."), _call("a"), usage=usage)
    server.script.raw, server.script.content_type = json.dumps(whole), "application/json"
    first, last = await _ask(provider)
    assert (first.text, last.finish_reason) == ("Hi.", "tool_calls")
    assert last.usage == Usage(input_tokens=3, output_tokens=2, cached_tokens=1)
    server.script.raw = json.dumps(
        _response(status="failed", error={"code": "rate_limit_exceeded", "message": "x"})
    )
    with pytest.raises(AIProviderRateLimitError):
        await _ask(provider)


async def test_an_account_that_may_not_stream_is_asked_without_streaming(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def respond(self: OpenAIServer, request: Any) -> Any:
        from tests.servers.script import SEEN

        if request[SEEN].body["stream"]:
            why = "Your organization must be verified to stream this model. Please go to the settings and verify."
            return self._refuse_field("stream", why)
        return await OpenAIServer._respond(self, request)

    monkeypatch.setattr(Picky, "_respond", respond)
    async with Picky() as server, OpenAIProvider(base_url=server.url, api_key=KEY) as provider:
        for count in (2, 3):
            assert "".join(delta.text for delta in await _ask(provider)) == REPLY
            assert len(server.requests) == count


async def test_summaries_that_an_account_may_not_have_are_not_asked_for_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def respond(self: OpenAIServer, request: Any) -> Any:
        from tests.servers.script import SEEN

        if "summary" in request[SEEN].body.get("reasoning", {}):
            why = "Your organization must be verified to generate reasoning summaries."
            return self._refuse_field("reasoning.summary", why)
        return await OpenAIServer._respond(self, request)

    monkeypatch.setattr(Picky, "_respond", respond)
    async with Picky() as server, OpenAIProvider(base_url=server.url, api_key=KEY) as provider:
        *_, last = await _ask(provider, replace(REQUEST, reasoning_effort="low"))
        assert (last.notices, server.requests[-1].body["reasoning"]) == ((), {"effort": "low"})


@pytest.mark.parametrize("label", ["text/event-stream", "application/json", "text/plain"])
async def test_what_comes_is_read_by_what_it_is_not_by_its_label(
    provider: OpenAIProvider, server: OpenAIServer, label: str
) -> None:
    server.script.content_type = label
    for raw in (
        json.dumps(_response(_message("Hi."))),
        _stream(_says("Hi."), _ended()),
        _stream(_says("Hi."), _ended())[:-2],
    ):
        server.script.raw = raw
        deltas = await _ask(provider)
        assert ("".join(delta.text for delta in deltas), deltas[-1].finish_reason) == ("Hi.", "stop")


async def test_halves_of_characters_and_thoughts_in_the_words_are_told_apart(
    provider: OpenAIProvider, server: OpenAIServer
) -> None:
    moon = json.dumps("🌙")[1:-1]
    halves = [json.dumps(_says("@")).replace("@", half) for half in (moon[:6], moon[6:])]
    server.script.raw = "".join(f"data: {half}\n\n" for half in halves) + _stream(_ended())
    assert "".join(delta.text for delta in await _ask(provider)) == "🌙"
    server.script.raw = _stream(_says("<think>hm</think>Hi."), _ended(_message("<think>hm</think>Hi.")))
    deltas = await _ask(provider)
    assert ("".join(d.text for d in deltas), "".join(d.reasoning for d in deltas)) == ("Hi.", "hm")


# -- what a model does not take -----------------------------------------------------------------------------


class Picky(OpenAIServer):
    """Refuses fields of a question, one at a time, in OpenAI's words."""

    refused: ClassVar[tuple[str, ...]] = ()

    async def _respond(self, request: Any) -> Any:
        from tests.servers.script import SEEN

        body = request[SEEN].body
        for name in self.refused:
            whole, _, part = name.partition(".")
            if whole in body and (not part or part in body[whole]):
                return self._refuse_field(
                    name, f"Unsupported parameter: '{name}' is not supported with this model."
                )
        return await super()._respond(request)


@pytest.mark.parametrize(
    ("refused", "told"),
    [
        ("temperature", "temperature"),
        ("reasoning.summary", ""),
        ("reasoning", "reasoning effort"),
        ("reasoning.effort", "reasoning effort"),
        ("include", ""),
        ("prompt_cache_key", ""),
        ("safety_identifier", "name of the user"),
    ],
)
async def test_what_a_model_does_not_take_is_left_out_once_and_for_all(
    monkeypatch: pytest.MonkeyPatch, refused: str, told: str
) -> None:
    monkeypatch.setattr(Picky, "refused", (refused,))
    request = replace(
        REQUEST, model="gpt-7", temperature=0.5, reasoning_effort="low", tools=(LOOK,), user="u"
    )
    async with Picky() as server, OpenAIProvider(base_url=server.url, api_key=KEY) as provider:
        for count in (2, 3):
            *_, last = await _ask(provider, request)
            assert len(server.requests) == count
            assert [told in notice for notice in last.notices] == ([True] if told else [])


# -- which endpoint -----------------------------------------------------------------------------------------


class CompletionsOnly(OpenAIServer):
    """A server of one's own: chat completions, and tools there whatever the model thinks."""

    ways = Ways()
    lacks: ClassVar[tuple[int, str]] = (404, '{"detail": "Not Found"}')

    def add_routes(self, router: Any) -> None:
        from aiohttp import web

        async def answer(_: web.Request) -> web.Response:
            status, text = self.lacks
            return web.Response(status=status, text=text, content_type="application/json")

        super().add_routes(router)
        router.add_post("/v1/responses", answer)


@pytest.mark.parametrize(
    "lacks",
    [
        (404, '{"detail": "Not Found"}'),
        (404, "<html>Not Found</html>"),
        (
            404,
            '{"error": {"message": "Invalid URL (POST /v1/responses)", "type": "invalid_request_error", "code": null}}',
        ),
        (405, '{"detail": "Method Not Allowed"}'),
        (501, "{}"),
        (422, '{"detail": [{"type": "missing", "loc": ["body", "messages"], "msg": "Field required"}]}'),
        (
            400,
            '{"error": {"message": "m is only supported in v1/chat/completions.", "type": "invalid_request_error"}}',
        ),
        (
            200,
            '{"object": "chat.completion", "choices": [{"message": {"content": "To nobody."}, "finish_reason": "stop"}]}',
        ),
    ],
)
async def test_a_server_without_the_api_is_asked_at_chat_completions_from_then_on(
    monkeypatch: pytest.MonkeyPatch, lacks: tuple[int, str]
) -> None:
    monkeypatch.setattr(CompletionsOnly, "lacks", lacks)
    request = replace(REQUEST, tools=(LOOK,), reasoning_effort="low")
    async with CompletionsOnly() as server, OpenAIProvider(base_url=server.url, api_key=KEY) as provider:
        for _ in range(2):
            deltas = await _ask(provider, request)
            assert "".join(delta.text for delta in deltas) == REPLY
        paths = [seen.path for seen in server.requests]
        assert paths == ["/v1/responses", "/v1/chat/completions", "/v1/chat/completions"]


async def test_a_stream_of_chat_completions_is_no_answer_to_a_question_nobody_read(
    server: OpenAIServer,
) -> None:
    """A server that answers every path alike has not seen what was asked."""
    chunk = {
        "object": "chat.completion.chunk",
        "choices": [{"delta": {"content": "Hi."}, "finish_reason": "stop"}],
    }
    server.script.raw = f"data: {json.dumps(chunk)}\n\ndata: [DONE]\n\n"
    async with OpenAIProvider(base_url=server.url, api_key=KEY) as provider:
        assert "".join(delta.text for delta in await _ask(provider)) == "Hi."
        assert server.requests[-1].body["messages"][-1]["content"] == "Hello"


async def test_an_unknown_model_is_no_missing_endpoint(
    provider: OpenAIProvider, server: OpenAIServer
) -> None:
    with pytest.raises(AIProviderModelNotFoundError):
        await _ask(provider, replace(REQUEST, model="gpt-2"))
    assert len(server.requests) == 1


async def test_openai_itself_is_never_taken_for_a_server_without_the_api() -> None:
    assert sent_on(Endpoint.RESPONSES, SPEC.base_url, 404, "<html>") is None
    assert sent_on(Endpoint.RESPONSES, "https://eu.api.openai.com/v1", 405, {}) is None
    assert sent_on(Endpoint.RESPONSES, "https://gateway.test/v1", 405, {}) is not None
    told = {"error": {"message": "This model is only supported in v1/chat/completions."}}
    assert sent_on(Endpoint.RESPONSES, SPEC.base_url, 404, told) is not None


async def test_a_recording_goes_to_the_endpoint_that_hears(
    provider: OpenAIProvider, server: OpenAIServer
) -> None:
    heard = Message(Speaker.USER, "Listen.", sounds=(SoundFile(data=b"RIFF"),))
    await _ask(provider, ChatRequest(messages=(heard,), model="gpt-7"))
    assert [seen.path for seen in server.requests] == ["/v1/chat/completions"]
    with pytest.raises(AIProviderNotSupportedError, match="GPT-6 Luna cannot listen"):
        await _ask(provider, ChatRequest(messages=(heard,)))


class Thoughtful(OpenAIServer):
    """A service that has OpenAI's models at chat completions, with their refusal of tools, and perhaps nothing else."""

    has_responses: ClassVar[bool] = False

    def add_routes(self, router: Any) -> None:
        if self.has_responses:
            super().add_routes(router)
        else:
            router.add_post(f"{self.base_path}/chat/completions", self._chat)


@pytest.mark.parametrize("has_responses", [True, False])
@pytest.mark.parametrize("vendor", ["openai", "compatible", "azure"])
@pytest.mark.parametrize("effort", ["", "low", "none"])
async def test_a_model_that_uses_tools_only_there_or_without_thinking_uses_them(
    monkeypatch: pytest.MonkeyPatch, has_responses: bool, vendor: str, effort: str
) -> None:
    monkeypatch.setattr(Thoughtful, "has_responses", has_responses)
    cls = OpenAIProvider if vendor == "openai" else compatible.vendor(vendor)
    header = "api-key" if vendor == "azure" else "authorization"
    monkeypatch.setattr(Thoughtful, "ways", Ways(responses=True, key_header=header, unknown=frozenset()))
    request = replace(REQUEST, tools=(LOOK,), reasoning_effort=effort)
    async with Thoughtful() as server, cls(base_url=server.url, api_key=KEY, model="gpt-6-luna") as provider:
        server.script.calls = [("look", TODAY)]
        counts = []
        for _ in range(2):
            *_, last = await _ask(provider, request)
            assert [call.name for call in last.tool_calls] == ["look"]
            counts.append(len(server.requests))
            lost = effort == "low" and not has_responses
            assert ["reasoning effort" in notice for notice in last.notices] == [True] * lost
        assert counts[1] == counts[0] + 1, "what was found out is remembered"


def test_what_an_address_has_is_remembered_for_that_address_only() -> None:
    from companion.providers.vendors.openai.endpoints import Elsewhere

    endpoints = Endpoints(OPENAI)
    endpoints.note("http://a.test", "m", Endpoint.RESPONSES, Elsewhere(for_all=True))
    assert endpoints.route("http://a.test", "n", REQUEST, None)[0] is Endpoint.COMPLETIONS
    assert endpoints.route("http://b.test", "m", REQUEST, None)[0] is Endpoint.RESPONSES
    endpoints.note("http://b.test", "m", Endpoint.RESPONSES, Elsewhere(for_all=False))
    assert endpoints.route("http://b.test", "n", REQUEST, None)[0] is Endpoint.RESPONSES
