"""The vendors of the programs: wire-faithful servers of this machine that stand at the vendors' own addresses."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest

from companion.providers import config, registry
from companion.providers.catalogue import Catalogue
from tests.servers import AnthropicServer, DeepgramServer, OllamaServer, OpenAIServer, VendorServer
from tests.servers.cartesia import CartesiaServer
from tests.servers.compatible import COMPATIBLE

SERVERS: dict[str, type[VendorServer]] = {
    "openai": OpenAIServer,
    "anthropic": AnthropicServer,
    "ollama": OllamaServer,
    "deepgram": DeepgramServer,
    "cartesia": CartesiaServer,
    **COMPATIBLE,
}
KEYS = {
    "OPENAI_API_KEY": "sk-proj-abcdefghijklmnopqrstuvwx1234",
    "ANTHROPIC_API_KEY": "sk-ant-api03-abcdefghijklmnopqrstuvwx",
    "DEEPGRAM_API_KEY": "dg-abcdefghijklmnop",
    "CARTESIA_API_KEY": "sk_car_abcdefghijklmnop",
    "GROQ_API_KEY": "gsk_abcdefghijklmnop",
}

Vendors = Callable[[str], Awaitable[VendorServer]]


@pytest.fixture
async def vendor(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Vendors]:
    """`await vendor("openai")`: that vendor is now here, and its key in the environment."""
    async with AsyncExitStack() as stack:

        async def start(name: str) -> VendorServer:
            server = await stack.enter_async_context(SERVERS[name]())
            cls = registry.provider_class(name)
            monkeypatch.setattr(cls, "spec", replace(cls.spec, base_url=server.url))
            if (key := f"{name.upper()}_API_KEY") in KEYS:
                monkeypatch.setenv(key, KEYS[key])
            return server

        yield start


@pytest.fixture(autouse=True)
def nothing_is_left(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a program registers, keeps or makes known is gone with it; no choice comes from outside."""
    for variable in ("LLM_PROVIDER", "LLM_TEMPERATURE", "LLM_MAX_TOKENS", "VOICE_PROVIDER", "ENVIRONMENT"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(config, "_cached", {})
    monkeypatch.setattr(registry, "_registered", {})
    known = Catalogue.load().entries
    yield
    Catalogue.load().entries = ()
    Catalogue.load().add(*known)
