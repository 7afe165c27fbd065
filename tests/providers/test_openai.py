"""OpenAI's dialect: what its streams, its recognition and its speech do beyond the contract."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any, ClassVar

import pytest

from companion.calls import DrawRequest, EmbedRequest, JsonSchema, Picture, SoundFile, Tool, ToolCall
from companion.errors import (
    AIProviderContentRefusedError,
    AIProviderError,
    AIProviderInvalidRequestError,
    AIProviderModelNotFoundError,
    AIProviderNotSupportedError,
    AIProviderQuotaError,
    AIProviderRateLimitError,
    AIProviderStreamCutError,
    AIProviderUnavailableError,
    Kind,
)
from companion.flow import ChatDelta, ChatRequest, HearRequest, Message, Speaker, SpeakRequest, Usage
from companion.kinds import Role
from companion.providers.vendors.openai.dialect import Dialect
from companion.providers.vendors.openai.provider import SPEC, OpenAIProvider as OpenAI
from tests.providers.pairs import pair_of
from tests.servers import OpenAIServer as Server
from tests.servers.openai import Ways

KEY = "sk-openai-0123456789abcdef"


class OpenAIProvider(OpenAI):
    """Asks at chat completions, as it is done everywhere but at OpenAI itself (`test_responses`)."""

    dialect = Dialect()


class OpenAIServer(Server):
    ways = Ways()


REQUEST = ChatRequest(messages=(Message(Speaker.USER, "Hello"),))


server, provider = pair_of(OpenAIServer, OpenAIProvider, api_key=KEY)


async def _ask(provider: OpenAIProvider, request: ChatRequest = REQUEST) -> list[ChatDelta]:
    return [delta async for delta in provider.chat(request)]


async def _take(frames: int = 50) -> AsyncIterator[bytes]:
    for _ in range(frames):
        yield b"\x10\x00" * 320


def _stream(*chunks: object, done: bool = True) -> str:
    lines = [chunk if isinstance(chunk, str) else json.dumps(chunk) for chunk in chunks]
    return "".join(f"data: {line}\n\n" for line in [*lines, *(["[DONE]"] if done else [])])


def _says(text: object, finish: str | None = None) -> dict[str, object]:
    return {"model": "m", "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": finish}]}


# -- chat ---------------------------------------------------------------------------------------------------


async def test_what_is_asked_for_is_sent_and_nothing_else(
    provider: OpenAIProvider, server: OpenAIServer
) -> None:
    await _ask(provider)
    bare = server.requests[-1].body
    assert set(bare) == {"model", "messages", "stream", "stream_options"}
    assert bare["model"] == SPEC.default_models[Role.THINKS]
    full = ChatRequest(
        messages=REQUEST.messages, model="gpt-7", max_tokens=9, temperature=0.4, stop=("X",), top_p=0.9, seed=7,
        frequency_penalty=0.1, presence_penalty=0.2, user="u-1", metadata={"a": "b"}, reasoning_effort="low",
    )  # fmt: skip
    *_, last = await _ask(provider, full)
    sent = server.requests[-1].body
    assert {name: sent[name] for name in sent.keys() - bare.keys()} == {
        "max_completion_tokens": 9, "temperature": 0.4, "stop": ["X"], "top_p": 0.9, "seed": 7,
        "frequency_penalty": 0.1, "presence_penalty": 0.2, "user": "u-1", "metadata": {"a": "b"},
        "reasoning_effort": "low",
    }  # fmt: skip
    assert last.notices == ()


async def test_what_the_model_does_not_take_is_left_out_and_told(
    provider: OpenAIProvider, server: OpenAIServer
) -> None:
    request = ChatRequest(
        messages=REQUEST.messages, model="gpt-6-luna", temperature=0.4, top_p=0.5, stop=("X",)
    )
    *_, last = await _ask(provider, request)
    assert not server.requests[-1].body.keys() & {"temperature", "top_p"}
    assert server.requests[-1].body["stop"] == ["X"]
    assert last.notices == (
        "GPT-6 Luna takes no temperature; it was left out.",
        "GPT-6 Luna takes no top-p; it was left out.",
    )


async def test_a_choice_of_account_in_the_environment_is_not_sent(
    provider: OpenAIProvider, server: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (
        "OPENAI_ORG_ID",
        "OPENAI_PROJECT_ID",
        "OPENAI_ADMIN_KEY",
        "OPENAI_BASE_URL",
        "OPENAI_API_KEY",
    ):
        monkeypatch.setenv(name, "from-the-environment")
    await _ask(provider)
    assert "from-the-environment" not in str(server.requests[-1].headers)


@pytest.mark.parametrize(
    ("chunks", "expected"),
    [
        ([{"choices": [], "prompt_filter_results": []}, _says("Hi", "stop")], "Hi"),
        ([_says("Hi"), {"choices": [{"delta": {}, "finish_reason": "stop"}]}], "Hi"),
        ([_says("Hi"), {"choices": [{"delta": None, "finish_reason": "stop"}]}], "Hi"),
        ([_says([{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "Hi"}], "stop")], "Hi"),
        ([_says("Hi"), _says(None, "stop"), {"choices": [], "usage": None}], "Hi"),
        ([_says("Hi"), {"choices": None}, _says("", "stop")], "Hi"),
        ([_says("Hi", "tool_calls")], "Hi"),
    ],
)
async def test_shapes_of_compatible_servers_are_understood(
    provider: OpenAIProvider, server: OpenAIServer, chunks: list[object], expected: str
) -> None:
    server.script.raw = _stream(*chunks)
    deltas = await _ask(provider)
    assert "".join(delta.text for delta in deltas) == expected
    assert deltas[-1].finish_reason == "stop"


_COUNTED = {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 1}}
_WHOLE = {"model": "m", "choices": [{"index": 0, "finish_reason": "stop", "message": {"content": "Hi"}}]}


@pytest.mark.parametrize(
    "raw",
    [
        _stream(_says("Hi"), done=True),
        _stream(_says("Hi", "stop"), done=False),
        _stream(_says("Hi", "stop"), done=False).rstrip(),
        _stream(_says("Hi"), _COUNTED, done=False),
        _stream(_says("Hi", "stop"), _COUNTED, "[DONE]", _COUNTED),
        _stream(_says("H", "null"), _says("i", ""), done=True),
        _stream(_says("H", "stop"), _says("i"), done=False),
        _stream(_says("H", "stop"), _says("i", "stop"), done=False),
        _stream(_says("Hi", "eos_token"), done=False),
        _stream("", _says("Hi"), " ", "null", ": ping", "{}", _says(None, "stop")),
        ": hello\n\nevent: ping\ndata: {}\n\n" + _stream(_says("Hi", "stop")),
        _stream(_says("Hi", "stop")).replace("data: [DONE]", "data:  [DONE] "),
        json.dumps(_WHOLE),
        json.dumps(_WHOLE, indent=2),
        json.dumps(_says("H")) + "\n" + json.dumps(_says("i", "stop")) + "\n",
        "data: " + json.dumps(_WHOLE),
    ],
    ids=["done", "finish", "no empty line", "counts", "counts after the end", "finish null", "finish early",
         "finish twice", "another finish", "signs of life", "named sign", "spaces", "whole", "whole over lines",
         "lines", "whole as event"],
)  # fmt: skip
@pytest.mark.parametrize("label", ["text/event-stream", "application/json", "text/plain"])
async def test_every_end_is_an_end_under_whatever_label(
    provider: OpenAIProvider, server: OpenAIServer, raw: str, label: str
) -> None:
    server.script.raw, server.script.content_type = raw, label
    deltas = await _ask(provider)
    assert "".join(delta.text for delta in deltas) == "Hi"
    assert deltas[-1].finish_reason == "stop"


@pytest.mark.parametrize(
    "raw",
    [
        _stream(_says("Hi"), done=False),
        _stream(_says("Hi", "null"), done=False),
        _stream(_says("Hi"), done=False) + _stream(_says("!", "stop"), done=False)[:40],
        _stream(_says("Hi"), done=False) + ": ping\n\n",
        _stream(_says("H"), _COUNTED, _says("i"), done=False),
    ],
)
async def test_what_does_not_end_is_cut_off(provider: OpenAIProvider, server: OpenAIServer, raw: str) -> None:
    server.script.raw = raw
    with pytest.raises(AIProviderStreamCutError):
        await _ask(provider)


async def test_a_connection_left_open_after_the_last_word_does_not_hold_the_turn(
    provider: OpenAIProvider, server: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("companion.providers.wire.faults.LINGER_S", 0.05)
    monkeypatch.setattr("companion.providers.wire.faults.PAUSE_S", 0.05)
    server.script.hang_at_end = True
    async with asyncio.timeout(10):  # far below the gate's own patience
        server.script.raw = _stream(_says("Hi", "stop"), done=False)
        assert [delta.text or delta.finish_reason for delta in await _ask(provider)] == ["Hi", "stop"]
        server.script.raw = _stream(_says("Hi", "stop"), done=True)
        assert (await _ask(provider))[-1].finish_reason == "stop"


@pytest.mark.parametrize(
    ("chunk", "error"),
    [
        ({"error": {"message": "no", "code": 502, "metadata": {}}}, AIProviderUnavailableError),
        ({"error": {"message": "slow", "code": 429}}, AIProviderRateLimitError),
        ({"error": {"message": "x", "type": "insufficient_quota"}}, AIProviderQuotaError),
        (
            {"object": "error", "message": "x", "code": "context_length_exceeded"},
            AIProviderInvalidRequestError,
        ),
        ({"error": {"message": "x", "type": "invalid_request_error"}}, AIProviderInvalidRequestError),
        ({"error": "the model exploded"}, AIProviderUnavailableError),
        (_says("", "error"), AIProviderUnavailableError),
        (_says(None, "content_filter"), AIProviderContentRefusedError),
        ({"choices": "zz"}, AIProviderStreamCutError),
        ("[1, 2]", AIProviderStreamCutError),
        ('"text"', AIProviderStreamCutError),
        ("[" * 100_000, AIProviderStreamCutError),
    ],
)
async def test_what_goes_wrong_inside_a_stream_has_its_name(
    provider: OpenAIProvider, server: OpenAIServer, chunk: object, error: type[AIProviderError]
) -> None:
    said_first = [] if error is AIProviderContentRefusedError else [_says("Well, ")]
    server.script.raw = _stream(*said_first, chunk)
    with pytest.raises(AIProviderError) as caught:
        await _ask(provider)
    assert type(caught.value) is error


async def test_broken_utf8_never_escapes_as_a_decoder_error(
    provider: OpenAIProvider, server: OpenAIServer
) -> None:
    server.script.raw = _stream(_says("Hi"), done=False) + "data: \udcff\udcfe\n\n"
    with pytest.raises(AIProviderStreamCutError):
        await _ask(provider)
    server.script.raw = _stream(_says("Hi")) + "data: \udcff\udcfe\n\n"
    assert (await _ask(provider))[0].text == "Hi", "what follows the end spoils nothing"


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (429, "insufficient_quota", (AIProviderQuotaError, Kind.NO_CREDIT)),
        (400, "context_length_exceeded", (AIProviderInvalidRequestError, Kind.INVALID_REQUEST)),
        (404, "model_not_found", (AIProviderModelNotFoundError, Kind.MODEL_UNKNOWN)),
        (400, "content_policy_violation", (AIProviderContentRefusedError, Kind.CONTENT_REFUSED)),
    ],
)
async def test_a_code_says_more_than_its_status(
    provider: OpenAIProvider, server: OpenAIServer, status: int, code: str, expected: tuple[type, Kind]
) -> None:
    server.script.status, server.script.code = status, code
    with pytest.raises(AIProviderError) as caught:
        await _ask(provider)
    assert (type(caught.value), caught.value.kind) == expected
    assert caught.value.request_id == "req_test_1"


async def test_a_refused_parameter_is_quoted_for_the_person(
    provider: OpenAIProvider, server: OpenAIServer
) -> None:
    server.script.status, server.script.message = 400, "Unsupported value:\n'temperature' must be 1."
    with pytest.raises(AIProviderInvalidRequestError) as caught:
        await _ask(provider)
    assert "Unsupported value: 'temperature' must be 1." in caught.value.hint


async def test_an_address_without_the_service_is_not_a_missing_model(
    provider: OpenAIProvider, server: OpenAIServer
) -> None:
    server.script.status, server.script.html = 404, True
    with pytest.raises(AIProviderError) as caught:
        await _ask(provider)
    assert caught.value.kind is Kind.NOT_AN_API
    health = await provider.check()
    assert "answered at that address" in health.detail


# -- tools, forms, pictures ---------------------------------------------------------------------------------

WEATHER = Tool(
    name="weather",
    description="Tells the weather.",
    parameters={"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
)


def _piece(
    index: int | None = None, call_id: str | None = None, name: str = "", arguments: object = ""
) -> dict[str, object]:
    function = {"name": name, "arguments": arguments} if name else {"arguments": arguments}
    piece: dict[str, object] = {"function": function}
    return piece | ({} if index is None else {"index": index}) | ({} if call_id is None else {"id": call_id})


def _calls(*pieces: dict[str, object]) -> dict[str, object]:
    return {
        "model": "m",
        "choices": [{"index": 0, "delta": {"tool_calls": list(pieces)}, "finish_reason": None}],
    }


OSLO, ROME = '{"city": "Oslo"}', '{"city": "Rome"}'
_ENDED = {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}


@pytest.mark.parametrize(
    "chunks",
    [
        [_calls(_piece(0, "a", "weather")), _calls(_piece(0, None, "", OSLO)), _calls(_piece(1, "b", "weather")),
         _calls(_piece(1, None, "", ROME))],
        [_calls(_piece(0, "a", "weather", OSLO), _piece(1, "b", "weather", ROME))],
        [_calls(_piece(0, "a", "weather"), _piece(1, "b", "weather")), _calls(_piece(1, None, "", ROME)),
         _calls(_piece(0, None, "", OSLO))],
        [_calls(_piece(0, "a", "weather", OSLO)), _calls(_piece(0, "b", "weather", ROME))],
        [_calls(_piece(0, "a", "weather", OSLO[:9])), _calls(_piece(0, "a", "weather", OSLO[9:])),
         _calls(_piece(0, "b", "weather", ROME))],
        [_calls(_piece(0, None, "weather", OSLO)), _calls(_piece(0, None, "weather", ROME))],
        [_calls(_piece(None, None, "weather", OSLO[:9])), _calls(_piece(None, None, "", OSLO[9:])),
         _calls(_piece(None, None, "weather", ROME))],
        [_calls(_piece(None, "", "weather", {"city": "Oslo"})), _calls(_piece(None, "", "weather", {"city": "Rome"}))],
        [_calls(_piece(0, "a", "weather")), _calls(_piece(0, "x1", "", OSLO[:5])), _calls(_piece(0, "x2", "", OSLO[5:])),
         _calls(_piece(1, "b", "weather", ROME))],
    ],
    ids=["in turn", "at once", "mixed", "index always 0", "id repeated", "no id", "no index either", "objects",
         "ids that change"],
)  # fmt: skip
async def test_tool_calls_in_pieces_of_every_kind_are_whole(
    provider: OpenAIProvider, server: OpenAIServer, chunks: list[object]
) -> None:
    server.script.raw = _stream(*chunks, _ENDED)
    *_, last = await _ask(provider, ChatRequest(messages=REQUEST.messages, tools=(WEATHER,)))
    assert last.finish_reason == "tool_calls"
    assert [(call.name, json.loads(call.arguments)) for call in last.tool_calls] == [
        ("weather", {"city": "Oslo"}),
        ("weather", {"city": "Rome"}),
    ]
    assert len({call.id for call in last.tool_calls} - {""}) == 2


@pytest.mark.parametrize("finish", ["stop", "tool_calls", "function_call"])
async def test_a_finish_reason_says_tools_only_where_there_are_some(
    provider: OpenAIProvider, server: OpenAIServer, finish: str
) -> None:
    ended = {"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]}
    server.script.raw = _stream(_calls(_piece(0, "a", "now")), ended)
    *_, last = await _ask(provider)
    assert (last.finish_reason, last.tool_calls) == (
        "tool_calls",
        (ToolCall(id="a", name="now", arguments="{}"),),
    )
    server.script.raw = _stream(_says("Hi"), ended)
    assert (await _ask(provider))[-1].finish_reason == "stop"


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        ("auto", None),
        ("none", "none"),
        ("required", "required"),
        ("weather", {"type": "function", "function": {"name": "weather"}}),
    ],
)
async def test_the_choice_of_a_tool_is_sent(
    provider: OpenAIProvider, server: OpenAIServer, choice: str, sent: object
) -> None:
    await _ask(provider, ChatRequest(messages=REQUEST.messages, tools=(WEATHER,), tool_choice=choice))
    body = server.requests[-1].body
    assert body.get("tool_choice") == sent
    assert body["tools"][0]["function"] == {
        "name": "weather", "description": "Tells the weather.", "parameters": dict(WEATHER.parameters),
    }  # fmt: skip


async def test_a_tool_that_is_not_there_is_refused_before_anything_is_sent(
    provider: OpenAIProvider, server: OpenAIServer
) -> None:
    with pytest.raises(AIProviderInvalidRequestError, match="snow"):
        await _ask(provider, ChatRequest(messages=REQUEST.messages, tools=(WEATHER,), tool_choice="snow"))
    assert not server.requests


async def test_a_model_that_cannot_is_not_asked_to(provider: OpenAIProvider, server: OpenAIServer) -> None:
    heard = Message(Speaker.USER, "", sounds=(SoundFile(data=b"RIFF"),))
    with pytest.raises(AIProviderNotSupportedError, match="GPT-6 Luna cannot listen to sound"):
        await _ask(provider, ChatRequest(messages=(heard,)))
    assert not server.requests


async def test_forms_pictures_and_sounds_are_sent_as_the_wire_has_them(
    provider: OpenAIProvider, server: OpenAIServer
) -> None:
    told = Message(
        Speaker.USER, "Look.", images=(Picture(data=b"\x01\x02", media_type="image/jpeg"), Picture(url="https://e.test/a")),
        sounds=(SoundFile(data=b"\x03"), SoundFile(data=b"\x04", media_type="audio/mpeg")),
    )  # fmt: skip
    form = JsonSchema(schema={"type": "object"}, name="mood", strict=False)
    await _ask(provider, ChatRequest(messages=(told,), model="gpt-7", schema=form))
    body = server.requests[-1].body
    assert body["messages"][0]["content"] == [
        {"type": "text", "text": "Look."},
        {"type": "image_url", "image_url": {"url": "data:image/jpeg;base64,AQI="}},
        {"type": "image_url", "image_url": {"url": "https://e.test/a"}},
        {"type": "input_audio", "input_audio": {"data": "Aw==", "format": "wav"}},
        {"type": "input_audio", "input_audio": {"data": "BA==", "format": "mp3"}},
    ]
    assert body["response_format"] == {
        "type": "json_schema", "json_schema": {"name": "mood", "schema": {"type": "object"}, "strict": False},
    }  # fmt: skip
    await _ask(provider, ChatRequest(messages=REQUEST.messages, json=True))
    assert server.requests[-1].body["response_format"] == {"type": "json_object"}


async def test_thoughts_the_cache_the_id_and_the_last_event_are_told(
    provider: OpenAIProvider, server: OpenAIServer
) -> None:
    server.script.thoughts, server.script.cached_tokens = "Let me see.", 7
    first, *_, last = await _ask(provider)
    assert (first.reasoning, first.text) == ("Let me see.", "")
    assert last.usage is not None
    assert last.usage.cached_tokens == 7
    assert last.id == "chatcmpl-test1"
    assert last.raw is not None
    assert last.raw["choices"] == []


@pytest.mark.parametrize(
    "delta",
    [
        {"reasoning_content": "hm", "content": ""},
        {"reasoning": "hm"},
        {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}]},
        {"content": [{"type": "thinking", "thinking": "hm"}]},
    ],
)
async def test_thoughts_are_never_said(
    provider: OpenAIProvider, server: OpenAIServer, delta: dict[str, object]
) -> None:
    server.script.raw = _stream({"choices": [{"delta": delta}]}, _says("Hi", "stop"))
    deltas = await _ask(provider)
    assert "".join(each.reasoning for each in deltas) == "hm"
    assert "".join(each.text for each in deltas) == "Hi"


async def test_a_server_that_answers_in_one_piece_is_understood(
    provider: OpenAIProvider, server: OpenAIServer
) -> None:
    whole = {"id": "x", "model": "m", "choices": [{"index": 0, "finish_reason": "stop", "message": {"content": "Hi."}}],
             "usage": {"prompt_tokens": 3, "completion_tokens": 2}}  # fmt: skip
    server.script.raw, server.script.content_type = json.dumps(whole), "application/json"
    first, last = await _ask(provider)
    assert (first.text, last.finish_reason, last.usage) == (
        "Hi.",
        "stop",
        Usage(input_tokens=3, output_tokens=2),
    )
    server.script.raw = json.dumps({"error": {"message": "x", "type": "insufficient_quota"}})
    with pytest.raises(AIProviderQuotaError):
        await _ask(provider)


# -- what a server says it does not know -----------------------------------------------------------------------


class Picky(OpenAIServer):
    """Refuses what it is told to, one name at a time, in the words of several servers."""

    refused: ClassVar[tuple[str, ...]] = ()
    status: ClassVar[int] = 400

    def _problem(self, asked: dict[str, Any]) -> tuple[str, str] | None:
        name = next((name for name in self.refused if name in asked), "")
        return (name, f"Unsupported parameter: '{name}' is not supported with this model.") if name else None


@pytest.mark.parametrize("status", [400, 422])
async def test_what_a_server_does_not_know_is_left_out_once_and_for_all(
    monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    monkeypatch.setattr(Picky, "refused", ("stream_options", "temperature"))
    monkeypatch.setattr(Picky, "ways", Ways(refusal=status))
    request = ChatRequest(messages=REQUEST.messages, model="gpt-7", temperature=0.5)
    async with Picky() as server, OpenAIProvider(base_url=server.url, api_key=KEY) as provider:
        for count in (3, 4):
            *_, last = await _ask(provider, request)
            assert len(server.asked("chat")) == count
            assert last.notices == ("gpt-7 takes no temperature; it was left out.",)
            assert last.usage is None


async def test_the_other_name_for_the_length_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Picky, "refused", ("max_completion_tokens",))
    request = ChatRequest(messages=REQUEST.messages, model="gpt-7", max_tokens=9)
    async with Picky() as server, OpenAIProvider(base_url=server.url, api_key=KEY) as provider:
        *_, last = await _ask(provider, request)
        assert server.asked("chat")[-1].body["max_tokens"] == 9
        assert not last.notices


async def test_a_refusal_of_anything_else_is_asked_once(
    provider: OpenAIProvider, server: OpenAIServer
) -> None:
    server.script.status, server.script.message = 400, "The user's temperature seems to be high, stop it."
    request = ChatRequest(messages=REQUEST.messages, model="gpt-7", user="u", temperature=1, stop=("x",))
    with pytest.raises(AIProviderInvalidRequestError):
        await _ask(provider, request)
    assert len(server.asked("chat")) == 1


async def test_a_server_that_refuses_without_end_is_left_after_a_few_tries(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    numbers = ("top_p", "temperature", "seed", "frequency_penalty", "presence_penalty", "max_tokens")
    monkeypatch.setattr(Picky, "refused", ("stream_options", *numbers[:-1], "max_completion_tokens"))
    request = replace(REQUEST, model="gpt-7", **dict.fromkeys(numbers, 1))
    async with Picky() as server, OpenAIProvider(base_url=server.url, api_key=KEY) as provider:
        with pytest.raises(AIProviderInvalidRequestError):
            await _ask(provider, request)
        assert len(server.asked("chat")) == 6


# -- vectors and pictures -----------------------------------------------------------------------------------


async def test_many_texts_become_vectors_in_several_requests(
    provider: OpenAIProvider, server: OpenAIServer
) -> None:
    texts = tuple(f"thought {number}" for number in range(300))
    (found,) = [each async for each in provider.embed(EmbedRequest(texts=texts))]
    assert len(found.vectors) == 300
    assert len(set(found.vectors)) == 300
    assert found.model == "text-embedding-3-small"
    assert [len(seen.body["input"]) for seen in server.asked("embeddings")] == [256, 44]
    (nothing,) = [each async for each in provider.embed(EmbedRequest(texts=()))]
    assert nothing.vectors == ()
    assert len(server.asked("embeddings")) == 2


async def test_a_picture_is_drawn(provider: OpenAIProvider, server: OpenAIServer) -> None:
    (picture,) = [each async for each in provider.draw(DrawRequest(prompt="dusk", size="1024x1024"))]
    assert picture.data.startswith(b"\x89PNG")
    assert picture.media_type == "image/png"
    assert picture.prompt == "dusk, in soft light"
    sent = server.requests[-1].body
    assert (sent["model"], sent["size"], sent["n"]) == ("gpt-image-2.5-flare", "1024x1024", 1)


@pytest.mark.parametrize("status", [401, 429, 500])
async def test_what_no_turn_waits_for_fails_by_the_same_names(
    provider: OpenAIProvider, server: OpenAIServer, status: int
) -> None:
    server.script.status = status
    for call in (provider.embed(EmbedRequest(texts=("x",))), provider.draw(DrawRequest(prompt="x"))):
        with pytest.raises(AIProviderError) as caught:
            await anext(call)
        assert caught.value.status == status
        assert KEY not in repr(caught.value)
    assert len(server.requests) == 2, "trying again is the middleware's"


# -- hearing ------------------------------------------------------------------------------------------------


async def test_the_take_is_sent_as_a_recording_with_its_hints(
    provider: OpenAIProvider, server: OpenAIServer
) -> None:
    request = HearRequest(frames=_take(), language="en-GB", context="Leith, Portobello")
    [transcript async for transcript in provider.transcribe(request)]
    seen = server.requests[-1]
    assert seen.body["file"] == {"filename": "take.wav", "content_type": "audio/wav", "size": 44 + 50 * 640}
    assert seen.files["file"][44:] == b"\x10\x00" * 320 * 50
    assert seen.body["language"] == "en"
    assert seen.body["prompt"] == "Leith, Portobello"
    assert seen.body["response_format"] == "json"
    assert seen.body["stream"] == "true"


async def test_partial_words_grow_and_do_not_change(provider: OpenAIProvider) -> None:
    heard = [transcript async for transcript in provider.transcribe(HearRequest(frames=_take()))]
    partial = heard[:-1]
    assert all(t.committed_chars == len(t.text) > 0 for t in partial)


async def test_a_model_that_cannot_stream_is_not_asked_to(
    provider: OpenAIProvider, server: OpenAIServer
) -> None:
    request = HearRequest(frames=_take(), model="whisper-1")
    heard = [transcript async for transcript in provider.transcribe(request)]
    assert [(t.text, t.is_final) for t in heard] == [(server.script.transcript, True)]
    assert "stream" not in server.requests[-1].body


async def test_a_server_that_answers_at_once_is_not_cut_off(
    provider: OpenAIProvider, server: OpenAIServer
) -> None:
    """It was asked to stream and has no such thing."""
    server.script.raw, server.script.content_type = json.dumps({"text": " Hello there. "}), "application/json"
    heard = [transcript async for transcript in provider.transcribe(HearRequest(frames=_take()))]
    assert [(t.text, t.is_final) for t in heard] == [("Hello there.", True)]
    server.script.raw = json.dumps({"error": {"message": "x", "type": "insufficient_quota"}})
    with pytest.raises(AIProviderQuotaError):
        [transcript async for transcript in provider.transcribe(HearRequest(frames=_take()))]


async def test_nothing_recorded_is_nothing_sent(provider: OpenAIProvider, server: OpenAIServer) -> None:
    with pytest.raises(AIProviderError) as caught:
        [transcript async for transcript in provider.transcribe(HearRequest(frames=_take(0)))]
    assert caught.value.kind is Kind.HEARD_NOTHING
    assert not server.requests


async def test_words_that_are_no_transcript_are_told(provider: OpenAIProvider, server: OpenAIServer) -> None:
    for raw in ("<html><body>It works!</body></html>", '{"id": 7}', "{"):
        server.script.raw, server.script.content_type = raw, "text/plain"
        with pytest.raises(AIProviderError) as caught:
            [t async for t in provider.transcribe(HearRequest(frames=_take(), model="whisper-1"))]
        assert caught.value.kind is Kind.NOT_AN_API


async def test_an_error_event_of_the_recogniser_is_an_error(
    provider: OpenAIProvider, server: OpenAIServer
) -> None:
    server.script.raw = _stream({"type": "error", "code": "insufficient_quota", "message": "x"})
    with pytest.raises(AIProviderQuotaError):
        [transcript async for transcript in provider.transcribe(HearRequest(frames=_take()))]


# -- speaking -----------------------------------------------------------------------------------------------


async def test_voice_speed_and_model_reach_the_vendor(provider: OpenAIProvider, server: OpenAIServer) -> None:
    [chunk async for chunk in provider.speak(SpeakRequest(text="Hello."))]
    assert server.requests[-1].body == {
        "model": "gpt-4o-mini-tts",
        "input": "Hello.",
        "voice": "alloy",
        "response_format": "pcm",
    }
    provider.tts_voice = "sage"
    [chunk async for chunk in provider.speak(SpeakRequest(text="Hello.", speed=1.5, model="tts-1"))]
    sent = server.requests[-1].body
    assert (sent["voice"], sent["speed"], sent["model"]) == ("sage", 1.5, "tts-1")
    [chunk async for chunk in provider.speak(SpeakRequest(text="Hello.", voice="coral"))]
    assert server.requests[-1].body["voice"] == "coral"


async def test_sound_arrives_while_it_is_made(provider: OpenAIProvider, server: OpenAIServer) -> None:
    server.script.token_delay_s = 0.02
    sound = provider.speak(SpeakRequest(text="This is a sentence of some length."))
    first = await anext(sound)
    assert first.rate_hz == 24_000
    assert server.requests[-1].ended_at is None, "nothing was heard before all of it was made"
    await sound.aclose()  # type: ignore[attr-defined]


@pytest.mark.parametrize("head", ["RIFF....WAVEfmt ", "ID3\x04tag", "OggS\x00", "fLaC\x00"])
async def test_a_file_is_not_played_as_bare_sound(
    provider: OpenAIProvider, server: OpenAIServer, head: str
) -> None:
    server.script.raw, server.script.content_type = head + "x" * 100, "application/octet-stream"
    with pytest.raises(AIProviderError) as caught:
        [chunk async for chunk in provider.speak(SpeakRequest(text="Hello."))]
    assert caught.value.kind is Kind.VOICE_FAILED


async def test_the_simple_way_to_speak_gives_an_mp3(provider: OpenAIProvider) -> None:
    mp3 = await provider.generate_tts("Hello there.", "nova")
    assert mp3[:3] == b"ID3" or mp3[0] == 0xFF


async def test_thirteen_voices_are_known_without_asking(
    provider: OpenAIProvider, server: OpenAIServer
) -> None:
    voices = provider.get_available_voices()
    assert len(voices) == len(set(voices)) == 13
    assert not server.requests
    for voice in voices:
        assert [chunk async for chunk in provider.speak(SpeakRequest(text="Hi.", voice=voice))]
