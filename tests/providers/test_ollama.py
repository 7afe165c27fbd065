"""Ollama's dialect: lines of JSON, no key, and the two usual troubles of a server of one's own."""

from __future__ import annotations

import json
import socket
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from companion.errors import AIProviderError, AIProviderModelNotFoundError, AIProviderStreamCutError, Kind
from companion.flow import ChatDelta, ChatRequest, Message, Role, Speaker
from companion.net import Net
from companion.providers import registry
from companion.providers.ollama import KEEP_ALIVE, SPEC, OllamaProvider
from tests.servers import OllamaServer
from tests.servers.ollama import NO_MODELS

REQUEST = ChatRequest(messages=(Message(Speaker.SYSTEM, "Be kind."), Message(Speaker.USER, "Hello")))


@pytest.fixture
async def server() -> AsyncIterator[OllamaServer]:
    async with OllamaServer() as server:
        yield server


@pytest.fixture
async def provider(server: OllamaServer) -> AsyncIterator[OllamaProvider]:
    async with OllamaProvider(base_url=server.url) as provider:
        yield provider


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
        assert "not its service" in health.detail


def test_the_default_is_this_computer() -> None:
    provider = OllamaProvider()
    assert provider.base_url == "http://127.0.0.1:11434"
    assert provider.models[Role.THINKS] == ""
