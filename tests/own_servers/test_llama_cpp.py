"""A server of one's own: llama.cpp's OpenAI-shaped server, as the README starts it, with a tiny model of random weights."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from companion.errors import AIProviderError, CompanionError, Kind
from companion.flow import ChatDelta, ChatRequest, Message, Speaker
from companion.providers import AIProviderFactory
from companion.providers.provider import AIProvider
from tests.own_servers import tiny_gguf
from tests.own_servers.running import free_port, listening

pytestmark = pytest.mark.long
KEY = "local-key-0123456789"
SERVER = """
import sys, threading, xllamacpp
model, port, context, key = sys.argv[1:]
params = xllamacpp.CommonParams()
params.model.path, params.model_alias = model, {"tiny"}
params.port, params.n_ctx, params.api_keys = int(port), int(context), [key] if key else []
server = xllamacpp.Server(params)
threading.Event().wait()
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_gguf.write(tmp_path_factory.mktemp("model") / "tiny.gguf")


@contextmanager
def serving(model: Path, *, key: str = "", context: int = 512) -> Iterator[str]:
    """A running server; yields its address."""
    port = free_port()
    with listening([sys.executable, "-c", SERVER, str(model), str(port), str(context), key], port):
        yield f"http://127.0.0.1:{port}/v1"


@pytest.fixture(scope="module")
def address(model: Path) -> Iterator[str]:
    with serving(model) as url:
        yield url


@pytest.fixture(params=["llamacpp", "compatible"])
async def provider(request: pytest.FixtureRequest, address: str) -> AsyncIterator[AIProvider]:
    async with AIProviderFactory.create(request.param, base_url=address) as provider:
        yield provider


def asking(text: str, max_tokens: int | None = 20) -> ChatRequest:
    return ChatRequest(messages=(Message(Speaker.USER, text),), max_tokens=max_tokens)


async def answer(provider: AIProvider, request: ChatRequest) -> list[ChatDelta]:
    return [delta async for delta in provider.stacked(provider.chat)(request)]


async def test_its_answer_streams_and_ends_well(provider: AIProvider) -> None:
    deltas = await answer(provider, asking("How was the evening?"))
    assert len([delta for delta in deltas if delta.text]) > 5
    assert deltas[-1].finish_reason == "length"
    assert deltas[-1].model == "tiny"


async def test_its_models_are_found(provider: AIProvider) -> None:
    health = await provider.check()
    assert health.ok
    assert health.models == ("tiny",)


async def test_an_answer_nobody_wants_any_more_frees_the_server(provider: AIProvider) -> None:
    """It does one thing at a time: the next question is answered only when the first was given up."""
    stream = aiter(provider.chat(asking("Tell me everything.", max_tokens=None)))
    await anext(stream)
    await stream.aclose()  # type: ignore[attr-defined]
    async with asyncio.timeout(20):
        assert (await answer(provider, asking("And now?")))[-1].finish_reason == "length"


async def test_words_too_long_for_it_are_told(provider: AIProvider) -> None:
    with pytest.raises(AIProviderError, match="longer than the model can read at once") as caught:
        await answer(provider, asking("word " * 3000))
    assert caught.value.kind is Kind.INVALID_REQUEST
    assert (await answer(provider, asking("And a short one?")))[-1].finish_reason == "length"


async def test_a_conversation_that_outgrew_it_goes_on_without_its_beginning(provider: AIProvider) -> None:
    """It says how many tokens it reads when it refuses more, and is not asked for more again."""
    said = (Message(Speaker.USER, "A slow walk. " * 6), Message(Speaker.ASSISTANT, "Tell me more. "))
    for turns in (8, 9):
        long = ChatRequest(messages=(*said * turns, *asking("And then?").messages), max_tokens=5)
        *_, last = await answer(provider, long)
        assert "oldest part of the conversation was left out" in " ".join(last.notices)


async def test_an_address_beside_the_api_is_told(address: str) -> None:
    async with AIProviderFactory.create("compatible", base_url=address.removesuffix("/v1") + "/v2") as lost:
        with pytest.raises(CompanionError):
            await answer(lost, asking("Hello?"))
        assert not (await lost.check()).ok


async def test_its_own_key_is_asked_for(model: Path) -> None:
    with serving(model, key=KEY) as address:
        async with AIProviderFactory.create("llamacpp", base_url=address) as without:
            with pytest.raises(CompanionError) as caught:
                await answer(without, asking("Hello?"))
            assert caught.value.kind in (Kind.KEY_REFUSED, Kind.KEY_MISSING)
        async with AIProviderFactory.create("llamacpp", base_url=address, api_key=KEY) as with_key:
            assert (await answer(with_key, asking("Hello?")))[-1].finish_reason == "length"
