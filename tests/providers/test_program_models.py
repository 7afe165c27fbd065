"""Programs that choose among models: what the catalogue tells them, and what happens with a model nobody knows."""

from __future__ import annotations

import datetime

import pytest

from companion.providers import AIProviderFactory, AIProviderUnavailableError, Catalogue, Role, Usage
from companion.providers.catalogue import cost_usd
from tests.servers import DeepgramServer, OllamaServer, OpenAIServer, Script

KEY = "sk-proj-abcdefghijklmnopqrstuvwx1234"
TODAY = datetime.date(2026, 11, 20)


def test_b18_a_program_chooses_the_cheapest_model_that_sees_and_uses_tools() -> None:
    able = [
        entry
        for entry in Catalogue.load().models(role=Role.THINKS, today=TODAY)
        if {"vision", "tools", "json", "streaming"} <= entry.abilities
        and entry.price_in
        and entry.price_out
        and (entry.context_window or 0) >= 200_000
        and not entry.ends_soon(TODAY)
    ]
    cheapest = min(able, key=lambda entry: (entry.price_in or 0) + 3 * (entry.price_out or 0))
    assert len(able) > 20
    assert cheapest.price_in is not None
    assert cheapest.price_in <= 0.15


def test_b18_a_program_knows_limits_prices_and_ends() -> None:
    catalogue = Catalogue.load()
    assert len(catalogue.models(today=TODAY)) >= 60
    assert len({entry.provider for entry in catalogue.models(today=TODAY)}) >= 10
    entry = catalogue.find("claude-sonnet-5-5")
    assert entry is not None
    assert (entry.context_window, entry.max_output) == (1_000_000, 128_000)
    assert cost_usd(entry, Usage(input_tokens=10_000, output_tokens=500)) == pytest.approx(0.025)
    assert "batch" in {ability for model in catalogue.models("openai") for ability in model.abilities}
    assert catalogue.provider_of("gemini-3.8-flash") == "google"
    assert catalogue.warning("claude-sonnet-4-5", today=TODAY).startswith(
        "Claude Sonnet 4.5 ends on 30 November"
    )


async def test_b18_a_model_nobody_knows_is_used_all_the_same() -> None:
    async with (
        OpenAIServer(Script(models=["acme-7"])) as server,
        AIProviderFactory.create("openai", api_key=KEY, base_url=server.url, model="acme-7") as provider,
    ):
        assert await provider.generate_completion("", "Hello") == server.script.reply
        assert server.requests[-1].body["model"] == "acme-7"
        info = provider.get_model_info()
        assert (info.model_name, info.context_window, info.max_tokens) == ("acme-7", 8192, 4096)


async def test_b18_a_vendor_tells_what_it_has() -> None:
    async with (
        OllamaServer(Script(models=["qwen3:8b", "mine:1b"])) as server,
        AIProviderFactory.create("local", base_url=server.url) as provider,
    ):
        assert await provider.list_models() == ("qwen3:8b", "mine:1b")
    with pytest.raises(AIProviderUnavailableError):
        await provider.list_models()


async def test_b18_a_vendor_without_a_list_is_told_of_from_the_catalogue() -> None:
    async with (
        DeepgramServer() as server,
        AIProviderFactory.create("deepgram", api_key="dg-0123456789", base_url=server.url) as provider,
    ):
        assert {"nova-3", "flux-general-en"} <= set(await provider.list_models())
