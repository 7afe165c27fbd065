"""A server of one's own: llama.cpp's OpenAI-shaped server, as its authors ship it, with a tiny model of random weights."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from companion.errors import AIProviderError, CompanionError, Kind
from companion.flow import ChatDelta, ChatRequest, Message, Speaker
from companion.providers import AIProviderFactory
from companion.providers.provider import AIProvider
from tests.environments import environment

pytestmark = pytest.mark.long
PACKAGES = ("llama-cpp-python[server]==0.3.36", "gguf==0.19.0")
START_S = 60.0
KEY = "local-key-0123456789"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "tiny.gguf"
    maker = Path(__file__).parent / "tiny_gguf.py"
    subprocess.run([environment("llama-cpp", *PACKAGES), maker, path], check=True)
    return path


@contextmanager
def serving(model: Path, *more: str) -> Iterator[str]:
    """A running server; yields its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    python = environment("llama-cpp", *PACKAGES)
    command = [python, "-m", "llama_cpp.server", "--model", model, "--port", str(port), "--n_ctx", "512"]
    process = subprocess.Popen(
        [*command, "--model_alias", "tiny", *more], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + START_S
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert process.poll() is None, "the server ended"
            assert time.monotonic() < deadline, "the server does not answer"
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.terminate()
        process.wait(10)


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


async def test_a_conversation_too_long_for_it_is_no_empty_answer(provider: AIProvider) -> None:
    """It opens the stream, finds that the words do not fit, and ends it without a word."""
    with pytest.raises(AIProviderError, match="cut off") as caught:
        await answer(provider, asking("word " * 3000))
    assert caught.value.kind is Kind.CUT_OFF
    assert (await answer(provider, asking("And a short one?")))[-1].finish_reason == "length"


async def test_an_address_beside_the_api_is_told(address: str) -> None:
    async with AIProviderFactory.create("compatible", base_url=address.removesuffix("/v1") + "/v2") as lost:
        with pytest.raises(CompanionError):
            await answer(lost, asking("Hello?"))
        assert not (await lost.check()).ok


async def test_its_own_key_is_asked_for(model: Path) -> None:
    with serving(model, "--api_key", KEY) as address:
        async with AIProviderFactory.create("llamacpp", base_url=address) as without:
            with pytest.raises(CompanionError) as caught:
                await answer(without, asking("Hello?"))
            assert caught.value.kind in (Kind.KEY_REFUSED, Kind.KEY_MISSING)
        async with AIProviderFactory.create("llamacpp", base_url=address, api_key=KEY) as with_key:
            assert (await answer(with_key, asking("Hello?")))[-1].finish_reason == "length"
