"""Ollama's dialect: lines of JSON, no key, and the two usual troubles of a server of one's own."""

from __future__ import annotations

import base64
import json
import math
import socket
from dataclasses import replace
from typing import Any

import pytest

from companion.calls import EmbedRequest, JsonSchema, Picture, SoundFile, Tool
from companion.errors import (
    AIProviderError,
    AIProviderModelNotFoundError,
    AIProviderNotSupportedError,
    AIProviderStreamCutError,
    AIProviderUnavailableError,
    Kind,
)
from companion.flow import ChatDelta, ChatRequest, Message, Speaker
from companion.kinds import Role
from companion.net import Net
from companion.providers import registry
from companion.providers.vendors.ollama import KEEP_ALIVE, SPEC, OllamaProvider, PullProgress
from tests.providers.pairs import pair_of
from tests.servers import OllamaServer
from tests.servers.ollama import NO_MODELS

REQUEST = ChatRequest(messages=(Message(Speaker.SYSTEM, "Be kind."), Message(Speaker.USER, "Hello")))


server, provider = pair_of(OllamaServer, OllamaProvider)


async def _ask(provider: OllamaProvider, request: ChatRequest = REQUEST) -> list[ChatDelta]:
    return [delta async for delta in provider.chat(request)]


def test_it_is_also_called_local_and_asks_for_no_key() -> None:
    assert registry.find("local").name == "ollama"
    assert not SPEC.needs_key
    assert not SPEC.key_env


async def test_the_request_says_all_that_was_asked(provider: OllamaProvider, server: OllamaServer) -> None:
    request = ChatRequest(
        messages=REQUEST.messages, model="qwen3:4b", max_tokens=30, temperature=0.3, stop=("END",)
    )
    await _ask(provider, request)
    seen = server.requests[-1]
    assert seen.body == {
        "model": "qwen3:4b",
        "messages": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hello"}],
        "stream": True,
        "think": False,
        "keep_alive": KEEP_ALIVE,
        "options": {"num_predict": 30, "temperature": 0.3, "stop": ["END"]},
    }
    assert "authorization" not in seen.headers


async def test_without_a_choice_the_first_installed_model_answers(
    provider: OllamaProvider, server: OllamaServer
) -> None:
    deltas = await _ask(provider)
    await _ask(provider)
    assert deltas[-1].model == "llama3.2:latest"
    assert len(server.asked("/api/tags")) == 1


async def test_a_model_that_only_makes_vectors_is_not_asked_to_answer(
    provider: OllamaProvider, server: OllamaServer
) -> None:
    server.script.models = ["nomic-embed-text:latest", "qwen3:4b"]
    assert (await _ask(provider))[-1].model == "qwen3:4b"
    assert (await provider.check()).models == ("qwen3:4b",)


async def test_a_server_without_models_says_how_to_get_one(
    provider: OllamaProvider, server: OllamaServer
) -> None:
    server.script.models = [NO_MODELS]
    with pytest.raises(AIProviderModelNotFoundError) as caught:
        await _ask(provider)
    assert "no model yet" in caught.value.message
    assert "ollama pull llama3.2" in caught.value.hint
    health = await provider.check()
    assert not health.ok
    assert "ollama pull llama3.2" in health.detail


async def test_a_model_that_is_not_installed_says_how_to_get_it(server: OllamaServer) -> None:
    async with OllamaProvider(base_url=server.url, model="mistral") as provider:
        with pytest.raises(AIProviderModelNotFoundError) as caught:
            await _ask(provider)
        assert "ollama pull mistral" in caught.value.hint
        with pytest.raises(AIProviderModelNotFoundError) as caught:
            await _ask(provider, replace(REQUEST, model="gemma4"))
        assert "ollama pull gemma4" in caught.value.hint


async def test_no_server_is_named_with_its_address() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
        async with OllamaProvider(base_url=address) as provider:
            with pytest.raises(AIProviderError) as caught:
                await _ask(provider)
            health = await provider.check()
            await provider.warm()
    assert caught.value.kind is Kind.UNREACHABLE
    assert caught.value.message == health.detail == f"There is no Ollama server at {address}."
    assert "ollama serve" in caught.value.hint


async def test_it_answers_while_companion_is_offline_by_choice(server: OllamaServer) -> None:
    net = Net()
    net.shut = True
    async with OllamaProvider(base_url=server.url, net=net) as provider:
        assert (await _ask(provider))[-1].finish_reason == "stop"
    await net.aclose()


async def test_warming_has_the_model_loaded(provider: OllamaProvider, server: OllamaServer) -> None:
    await provider.warm()
    loading = server.asked("/api/chat")[-1].body
    assert loading == {"model": "llama3.2:latest", "messages": [], "keep_alive": KEEP_ALIVE}


def _lines(*lines: object) -> str:
    return "".join(
        f"{line if isinstance(line, str) else json.dumps(line, ensure_ascii=False)}\n" for line in lines
    )


def _says(text: str) -> dict[str, object]:
    return {"model": "m", "message": {"role": "assistant", "content": text}, "done": False}


DONE = {"model": "m", "message": {"role": "assistant", "content": ""}, "done": True, "done_reason": "stop"}


@pytest.mark.parametrize("text", ["a\u2028b", "a\x85b", "a\x0bb", "a\u2029b", "Grüße 🌿"])
async def test_only_newlines_end_a_line(provider: OllamaProvider, server: OllamaServer, text: str) -> None:
    server.script.content_type = "application/x-ndjson"
    server.script.only = "chat"
    server.script.raw = _lines(_says(text), "", DONE)
    assert "".join(delta.text for delta in await _ask(provider)) == text


async def test_the_last_line_needs_no_newline(provider: OllamaProvider, server: OllamaServer) -> None:
    server.script.only = "chat"
    server.script.raw = _lines(_says("Hi"), DONE).rstrip()
    assert (await _ask(provider))[-1].finish_reason == "stop"


@pytest.mark.parametrize("line", ["{half", "[1]", '"text"', "null", '{"message": 3}', "[" * 100_000])
async def test_lines_that_are_no_answer_are_told(
    provider: OllamaProvider, server: OllamaServer, line: str
) -> None:
    server.script.only = "chat"
    server.script.raw = _lines(_says("Hi"), line)
    with pytest.raises(AIProviderStreamCutError):
        await _ask(provider)


async def test_a_list_of_models_that_is_none_is_told(provider: OllamaProvider, server: OllamaServer) -> None:
    server.script.only = "tags"
    server.script.content_type = "application/json"
    for raw in ("It works!", "[]", '{"models": 7}'):
        server.script.raw = raw
        health = await provider.check()
        assert "answered at that address" in health.detail


def test_the_default_is_this_computer() -> None:
    provider = OllamaProvider()
    assert provider.base_url == "http://127.0.0.1:11434"
    assert provider.models[Role.THINKS] == ""


# -- tools, thoughts, pictures, forms ---------------------------------------------------------------------------

LOOK = Tool(name="look", description="Looks a day up.", parameters={"type": "object", "properties": {}})
ASKS = ChatRequest(messages=REQUEST.messages, tools=(LOOK,), model="qwen3:4b")


async def test_a_tool_is_offered_asked_for_and_answered(
    provider: OllamaProvider, server: OllamaServer
) -> None:
    server.script.calls = [("look", '{"day": "März"}'), ("look", "{}")]
    last = (await _ask(provider, ASKS))[-1]
    assert last.finish_reason == "tool_calls"
    assert [(call.name, call.arguments) for call in last.tool_calls] == server.script.calls
    assert len({call.id for call in last.tool_calls}) == 2
    assert server.requests[-1].body["tools"][0]["function"]["name"] == "look"
    said = Message(Speaker.ASSISTANT, "", tool_calls=last.tool_calls)
    answers = [Message(Speaker.TOOL, "It rained.", tool_call_id=call.id) for call in last.tool_calls]
    deltas = await _ask(provider, replace(ASKS, messages=(*ASKS.messages, said, *answers)))
    assert deltas[-1].finish_reason == "stop"
    assistant, answer, _ = server.requests[-1].body["messages"][-3:]
    assert assistant["tool_calls"][0]["function"] == {"name": "look", "arguments": {"day": "März"}}
    assert answer == {"role": "tool", "content": "It rained.", "tool_name": "look"}


async def test_a_model_is_left_to_choose_or_has_no_tools(
    provider: OllamaProvider, server: OllamaServer
) -> None:
    await _ask(provider, replace(ASKS, tool_choice="none"))
    assert "tools" not in server.requests[-1].body
    for choice in ("required", "look"):
        with pytest.raises(AIProviderNotSupportedError, match="cannot make a model use a tool"):
            await _ask(provider, replace(ASKS, tool_choice=choice))


async def test_thoughts_come_apart_and_go_back_with_a_call(
    provider: OllamaProvider, server: OllamaServer
) -> None:
    server.script.thoughts = "They had a long day."
    request = replace(REQUEST, model="qwen3:4b", reasoning_effort="high")
    deltas = await _ask(provider, request)
    assert "".join(delta.reasoning for delta in deltas) == server.script.thoughts
    assert "".join(delta.text for delta in deltas) == server.script.reply
    assert server.requests[-1].body["think"] is True
    server.script.models = ["gpt-oss:20b"]
    await _ask(provider, replace(request, model="gpt-oss:20b"))
    assert server.requests[-1].body["think"] == "high"
    server.script.calls = [("look", "{}")]
    last = (await _ask(provider, replace(request, model="gpt-oss:20b", tools=(LOOK,))))[-1]
    said = Message(Speaker.ASSISTANT, "", tool_calls=last.tool_calls)
    answer = Message(Speaker.TOOL, "Rain.", tool_call_id=last.tool_calls[0].id)
    await _ask(provider, replace(request, model="gpt-oss:20b", messages=(*request.messages, said, answer)))
    assert server.requests[-1].body["messages"][-2]["thinking"] == server.script.thoughts


async def test_an_answer_has_the_form_that_was_asked_for(
    provider: OllamaProvider, server: OllamaServer
) -> None:
    schema = {"type": "object", "properties": {"mood": {"type": "integer"}}}
    await _ask(provider, replace(REQUEST, schema=JsonSchema(schema=schema)))
    assert server.requests[-1].body["format"] == schema
    await _ask(provider, replace(REQUEST, json=True))
    assert server.requests[-1].body["format"] == "json"


async def test_pictures_are_shown_but_not_fetched(provider: OllamaProvider, server: OllamaServer) -> None:
    shown = Message(Speaker.USER, "What is it?", images=(Picture(data=b"\x89PNG"),))
    await _ask(provider, ChatRequest(messages=(shown,), model="qwen3:4b"))
    assert base64.b64decode(server.requests[-1].body["messages"][0]["images"][0]) == b"\x89PNG"
    sent = len(server.requests)
    for message in (
        Message(Speaker.USER, "What?", images=(Picture(url="https://example.org/a.png"),)),
        Message(Speaker.USER, "What?", sounds=(SoundFile(data=b"RIFF"),)),
    ):
        with pytest.raises(AIProviderNotSupportedError):
            await _ask(provider, ChatRequest(messages=(message,), model="qwen3:4b"))
    assert len(server.requests) == sent


@pytest.mark.parametrize(("model", "ability"), [("phi4", "tools"), ("phi4", "vision")])
async def test_what_a_known_model_cannot_do_is_told_before_anything_is_sent(
    provider: OllamaProvider, server: OllamaServer, model: str, ability: str
) -> None:
    shown = Message(Speaker.USER, "What?", images=(Picture(data=b"x"),) if ability == "vision" else ())
    tools = (LOOK,) if ability == "tools" else ()
    with pytest.raises(AIProviderNotSupportedError, match="cannot"):
        await _ask(provider, ChatRequest(messages=(shown,), model=model, tools=tools))
    assert not server.requests


@pytest.mark.parametrize(
    ("lacks", "told"), [("tools", "cannot use tools"), ("thinking", "cannot think first")]
)
async def test_what_the_server_says_a_model_cannot_do_is_the_same_error(
    provider: OllamaProvider, server: OllamaServer, lacks: str, told: str
) -> None:
    server.lacks = {lacks}
    with pytest.raises(AIProviderNotSupportedError) as caught:
        await _ask(provider, replace(ASKS, reasoning_effort="low"))
    assert told in caught.value.message
    assert "qwen3" not in caught.value.message


async def test_numbers_are_sent_and_what_has_no_place_is_told(
    provider: OllamaProvider, server: OllamaServer
) -> None:
    request = replace(REQUEST, top_p=0.9, seed=7, presence_penalty=0.1, frequency_penalty=0.2, user="someone")
    last = (await _ask(provider, request))[-1]
    assert server.requests[-1].body["options"] == {
        "top_p": 0.9,
        "frequency_penalty": 0.2,
        "presence_penalty": 0.1,
        "seed": 7,
    }
    assert len(last.notices) == 1
    assert "name of the user" in last.notices[0]


# -- the window ---------------------------------------------------------------------------------------------


async def test_a_long_conversation_is_seen_whole(provider: OllamaProvider, server: OllamaServer) -> None:
    await _ask(provider)
    assert "num_ctx" not in server.requests[-1].body["options"], "the server's own window, which is loaded"
    long = "word " * 6000
    request = ChatRequest(messages=(Message(Speaker.USER, long),))
    await _ask(provider, request)
    assert server.seen_words == 6000
    window = server.requests[-1].body["options"]["num_ctx"]
    assert 7000 < window <= 16_384
    await _ask(provider)
    assert server.requests[-1].body["options"]["num_ctx"] == window, (
        "a smaller one would load the model again"
    )


async def test_a_window_of_ones_own_is_kept(server: OllamaServer) -> None:
    async with OllamaProvider(base_url=server.url, num_ctx=2048) as provider:
        await provider.warm()
        assert server.requests[-1].body["options"] == {"num_ctx": 2048}
        await _ask(provider, ChatRequest(messages=(Message(Speaker.USER, "word " * 6000),)))
    assert server.requests[-1].body["options"]["num_ctx"] == 2048


# -- vectors ------------------------------------------------------------------------------------------------


async def _embed(provider: OllamaProvider, **asked: Any) -> Any:
    (vectors,) = [found async for found in provider.embed(EmbedRequest(**asked))]
    return vectors


async def test_texts_become_vectors_of_length_one_in_their_order(
    provider: OllamaProvider, server: OllamaServer
) -> None:
    server.script.models = ["qwen3:4b", "nomic-embed-text:latest"]
    found = await _embed(provider, texts=("rain", "sun", "rain"))
    assert found.model == "nomic-embed-text:latest"
    assert found.vectors[0] == found.vectors[2] != found.vectors[1]
    assert all(math.hypot(*vector) == pytest.approx(1) for vector in found.vectors)
    assert found.input_tokens == 3
    short = await _embed(provider, texts=("rain",), dimensions=4, model="qwen3:4b")
    assert (len(short.vectors[0]), short.model) == (4, "qwen3:4b")


async def test_without_a_model_for_vectors_it_says_how_to_get_one(
    provider: OllamaProvider, server: OllamaServer
) -> None:
    with pytest.raises(AIProviderModelNotFoundError) as caught:
        await _embed(provider, texts=("rain",))
    assert "ollama pull nomic-embed-text" in caught.value.hint
    with pytest.raises(AIProviderModelNotFoundError) as caught:
        await _embed(provider, texts=("rain",), model="all-minilm")
    assert "ollama pull all-minilm" in caught.value.hint
    server.lacks = {"embeddings"}
    with pytest.raises(AIProviderNotSupportedError, match="vectors"):
        await _embed(provider, texts=("rain",), model="qwen3:4b")


# -- fetching a model -----------------------------------------------------------------------------------------


async def test_a_model_is_fetched_with_its_progress(provider: OllamaProvider, server: OllamaServer) -> None:
    seen = [progress async for progress in provider.pull("gemma4")]
    assert server.pulled == ["gemma4"]
    assert seen[0] == PullProgress(status="pulling manifest")
    assert seen[-1] == PullProgress(status="success", completed=1050, total=1050)
    done = [progress.completed for progress in seen]
    assert done == sorted(done)


async def test_a_model_that_does_not_exist_is_told(provider: OllamaProvider) -> None:
    with pytest.raises(AIProviderModelNotFoundError):
        [progress async for progress in provider.pull("nobody/knows")]


async def test_a_download_that_breaks_is_told(provider: OllamaProvider, server: OllamaServer) -> None:
    server.script.cut_after = 3
    with pytest.raises(AIProviderStreamCutError):
        [progress async for progress in provider.pull("gemma4")]
    server.script.cut_after, server.script.error_after = None, 3
    with pytest.raises(AIProviderUnavailableError):
        [progress async for progress in provider.pull("gemma4")]


async def test_a_download_can_be_left(provider: OllamaProvider, server: OllamaServer) -> None:
    server.script.token_delay_s = 0.05
    download = provider.pull("gemma4")
    await anext(download)
    await download.aclose()
    await server.until(lambda: server.requests[-1].disconnected)
    assert not server.pulled


async def test_a_key_goes_only_where_one_was_given(server: OllamaServer) -> None:
    async with OllamaProvider(base_url=server.url, api_key="secret-of-the-gate") as provider:
        await _ask(provider)
    assert server.requests[-1].headers["authorization"] == "Bearer secret-of-the-gate"
