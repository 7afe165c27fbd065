"""Programs of the third document: models as values, a text provider with `generate` and `generate_stream`."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any
from unittest.mock import AsyncMock

import pytest

from companion.flow import Audio
from companion.kinds import Role
from companion.providers import (
    ALL_MODELS,
    AIProvider,
    AIProviderFactory,
    BaseAudioProvider,
    BaseImageProvider,
    BaseTextProvider,
    BaseTTSProvider,
    Catalogue,
    ChatDelta,
    ChatResponse,
    Client,
    GenerationSettings,
    LLMFactory,
    MockAIProvider,
    ModelCapabilities,
    ModelConfig,
    ModelEntry,
    ProviderError,
    ProviderResponse,
    RateLimitError,
    TextChunk,
    ValidationError,
    estimate_tokens,
    get_text_provider,
    register_text_provider,
)
from tests.programs.conftest import Vendors


class NewProviderError(Exception):
    """What the vendor's own client raises."""


class NewProviderTextProvider(BaseTextProvider):
    """Text generation via NewProvider API."""

    def __init__(self, api_key: str, **options: Any) -> None:
        self._api_key = api_key
        self._client = AsyncMock()
        self._options = options

    async def generate_stream(
        self, messages: list[dict[str, Any]], model: str, settings: GenerationSettings
    ) -> AsyncGenerator[TextChunk, None]:
        """Stream text generation."""
        try:
            response = await self._client.create_chat_completion(
                model=model,
                messages=messages,
                temperature=settings.temperature,
                max_tokens=settings.max_tokens,
                stream=True,
            )
            for content in response:
                if content:
                    yield TextChunk(content=content)
        except NewProviderError as exc:
            raise ProviderError(f"NewProvider error: {exc}") from exc
        except Exception as exc:
            raise ProviderError(f"Unexpected error: {exc}") from exc

    async def generate(
        self, messages: list[dict[str, Any]], model: str, settings: GenerationSettings
    ) -> ProviderResponse:
        """Non-streaming text generation."""
        response = await self._client.create_chat_completion(
            model=model, messages=messages, temperature=settings.temperature, stream=False
        )
        return ProviderResponse(content=response, model=model, tokens_used=12)


@pytest.fixture
def mock_client() -> AsyncMock:
    return AsyncMock()


@pytest.fixture
def provider(mock_client: AsyncMock) -> NewProviderTextProvider:
    provider = NewProviderTextProvider(api_key="test-key")
    provider._client = mock_client
    return provider


# -- the tests the document shows ---------------------------------------------------------------------------


async def test_generate_stream_success(provider: NewProviderTextProvider, mock_client: AsyncMock) -> None:
    """Test streaming text generation."""
    mock_client.create_chat_completion.return_value = ["It ", "", "rained."]

    chunks = []
    async for chunk in provider.generate_stream(
        messages=[{"role": "user", "content": "test"}],
        model="test-model",
        settings=GenerationSettings(),
    ):
        chunks.append(chunk)

    assert [chunk.content for chunk in chunks] == ["It ", "rained."]
    assert all(isinstance(chunk, TextChunk) for chunk in chunks)
    mock_client.create_chat_completion.assert_called_once()


async def test_generate_stream_error(provider: NewProviderTextProvider, mock_client: AsyncMock) -> None:
    """Test error handling."""
    mock_client.create_chat_completion.side_effect = Exception("API Error")

    with pytest.raises(ProviderError):
        async for _ in provider.generate_stream(
            messages=[{"role": "user", "content": "test"}],
            model="test-model",
            settings=GenerationSettings(),
        ):
            pass


# -- registration, and the same class everywhere else -------------------------------------------------------


async def test_a_registered_text_provider_is_asked_like_any_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEWPROVIDER_API_KEY", "np-12345678")
    register_text_provider("newprovider", NewProviderTextProvider)
    made = AIProviderFactory.create("newprovider")
    assert isinstance(made, NewProviderTextProvider)
    assert made._api_key == "np-12345678"
    made._client.create_chat_completion.return_value = ["It ", "rained."]
    async with Client(made) as client:
        answer = (
            await client.request().system("Be brief.").user("How was it?").model("m").temperature(0.2).send()
        )
    assert (answer.text, answer.provider) == ("It rained.", "newprovider")
    asked = made._client.create_chat_completion.call_args.kwargs
    assert asked["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "How was it?"},
    ]
    assert (asked["model"], asked["temperature"], asked["max_tokens"]) == ("m", 0.2, None)
    assert await made.generate_completion("Be brief.", "How was it?") == "It rained."


async def test_a_class_with_only_generate_is_a_provider_too() -> None:
    class Whole(BaseTextProvider):
        async def generate(
            self, messages: list[dict[str, Any]], model: str, settings: GenerationSettings
        ) -> ProviderResponse:
            return ProviderResponse(content="all at once", model="whole-1", tokens_used=7)

    assert Whole.spec.roles == {Role.THINKS}
    answer = await Client(Whole()).request().user("hi").send()
    assert (answer.text, answer.model, answer.tokens_used) == ("all at once", "whole-1", 7)
    assert [piece async for piece in Whole().generate_completion_stream("", "hi")] == ["all at once"]


async def test_a_needed_key_that_is_missing_is_told() -> None:
    register_text_provider("newprovider", NewProviderTextProvider)
    with pytest.raises(ValueError, match="key"):
        AIProviderFactory.create("newprovider")


async def test_the_other_categories_are_seen_from_what_they_override() -> None:
    class Painter(BaseImageProvider):
        async def generate(self, prompt: str) -> bytes:
            return b"\x89PNG " + prompt.encode()

    class Ears(BaseAudioProvider):
        async def transcribe_stream(self, audio_stream: Any) -> AsyncGenerator[str, None]:
            async for _ in audio_stream:
                yield "it rained"

    class Voice(BaseTTSProvider):
        async def synthesize(self, text: str, voice: str = "", speed: float = 1.0) -> bytes:
            return await MockAIProvider().synthesize(text)

        async def synthesize_stream(self, text: str) -> AsyncGenerator[bytes, None]:
            yield bytes(4800)

    assert [cls.spec.roles for cls in (Painter, Ears, Voice)] == [
        {Role.DRAWS},
        {Role.HEARS},
        {Role.SPEAKS},
    ]
    assert (await Client(Painter()).draw("a lake")).data == b"\x89PNG a lake"
    assert [each.data for each in await Painter().generate_batch(["a", "b"])] == [b"\x89PNG a", b"\x89PNG b"]
    silence = Audio(pcm=bytes(32_000), rate_hz=16_000)
    assert (await Client(Ears()).transcribe(silence)).text == "it rained"
    assert (await Client(Voice()).speak("one")).pcm == bytes(4800)


async def test_the_methods_of_the_interface_work_on_every_provider(vendor: Vendors) -> None:
    server = await vendor("openai")
    asked = [{"role": "user", "content": "hello"}]
    settings = GenerationSettings(max_tokens=9)
    async with AIProviderFactory.create("openai") as openai:
        whole = await openai.generate(asked, "gpt-6-luna", settings)
        chunks = [chunk async for chunk in openai.generate_stream(asked, "gpt-6-luna", settings)]
        sound = [chunk async for chunk in openai.synthesize_stream("hello there")]
    assert isinstance(whole, ProviderResponse)
    assert whole.content == "".join(chunk.content for chunk in chunks) == server.script.reply
    assert whole.tokens_used > 9
    assert {chunk.sample_rate for chunk in sound} == {16_000}


# -- models -------------------------------------------------------------------------------------------------

PROVIDER_MODELS = {
    "model-id-1": ModelConfig(
        id="model-id-1",
        name="Model Display Name",
        provider="newprovider",
        capabilities=ModelCapabilities(
            supports_streaming=True,
            supports_vision=False,
            supports_audio_input=False,
            max_tokens=4096,
            supports_batch_api=False,
        ),
        config={"temperature": (0.0, 2.0), "top_p": (0.0, 1.0)},
    ),
}


def test_a_model_as_a_value() -> None:
    model = PROVIDER_MODELS["model-id-1"]
    assert isinstance(model, ModelEntry)
    assert (model.id, model.name, model.provider) == ("model-id-1", "Model Display Name", "newprovider")
    assert (model.capabilities.supports_streaming, model.capabilities.supports_vision) == (True, False)
    assert (model.capabilities.max_tokens, model.config["top_p"]) == (4096, (0.0, 1.0))
    known = Catalogue.load().find("claude-haiku-5-5")
    assert known is not None
    assert known.capabilities.supports_vision


async def test_models_made_known_find_their_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEWPROVIDER_API_KEY", "np-12345678")
    register_text_provider("newprovider", NewProviderTextProvider)
    ALL_MODELS.update({"model-name": {"provider": "newprovider", "config": PROVIDER_MODELS["model-id-1"]}})
    assert ALL_MODELS["model-name"].id == ALL_MODELS["model-id-1"].id == "model-id-1"
    assert "model-id-1" in set(ALL_MODELS)
    monkeypatch.setenv("AI_PROVIDER", "mock")
    assert get_text_provider("claude-haiku-5-5").name == "anthropic"
    provider = get_text_provider(GenerationSettings(model="model-name", temperature=0.3))
    assert isinstance(provider, NewProviderTextProvider)
    assert (provider.name, provider.defaults) == ("newprovider", {"temperature": 0.3})
    monkeypatch.delenv("AI_PROVIDER")
    async with Client() as client:
        found, model = client.provider_for("model-id-1")
    assert (found.name, model) == ("newprovider", "model-id-1")
    del ALL_MODELS["model-id-1"]
    with pytest.raises(KeyError):
        _ = ALL_MODELS["model-id-1"]


def test_the_example_of_openrouter() -> None:
    models = {
        "openrouter/auto": ModelConfig(
            id="openrouter/auto",
            name="OpenRouter Auto",
            provider="openrouter",
            capabilities=ModelCapabilities(supports_streaming=True),
        ),
    }
    ALL_MODELS.update({"openrouter/auto": models["openrouter/auto"]})
    assert Catalogue.load().resolve("openrouter/auto").provider == "openrouter"
    assert "openrouter" in LLMFactory.list_providers()


# -- errors and counting ------------------------------------------------------------------------------------


def test_the_typed_errors_are_ours() -> None:
    assert issubclass(RateLimitError, ProviderError)
    assert issubclass(ValidationError, ProviderError)
    assert issubclass(ValidationError, ValueError)
    with pytest.raises(ProviderError, match="Rate limited"):
        raise RateLimitError("Rate limited: slow down", status=429)
    assert RateLimitError(status=429).status_code == 429


async def test_counting_tokens_never_needs_the_fallback() -> None:
    provider: AIProvider = MockAIProvider()
    assert estimate_tokens("a few words") > 0
    request = Client(provider).request().user("a few words").build()
    assert await provider.count_tokens(request) > 0


def test_responses_and_chunks_are_values() -> None:
    response = ProviderResponse(content="hi", model="m", tokens_used=3)
    assert isinstance(response, ChatResponse)
    assert (response.content, response.text, response.model, response.tokens_used) == ("hi", "hi", "m", 3)
    assert isinstance(TextChunk(content="hi"), ChatDelta)
    assert TextChunk(content="hi").text == "hi"
