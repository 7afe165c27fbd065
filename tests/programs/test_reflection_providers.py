"""Programs of the first document: a provider class with simple methods, its factory, its configuration, its mock."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator
from typing import Any

import pytest

from companion.providers import (
    PROVIDER_CONFIGS,
    AIProvider,
    AIProviderAuthError,
    AIProviderError,
    AIProviderFactory,
    AIProviderRateLimitError,
    AIProviderUnavailableError,
    AnthropicProvider,
    Client,
    CompletionRequest,
    LocalProvider,
    MockAIProvider,
    ModelInfo,
    OpenAIProvider,
    ProviderConfig,
    TTSRequest,
    get_ai_provider,
    get_ai_provider_uncached,
    get_provider_config,
    load_dotenv,
)
from tests.programs.conftest import Vendors
from tests.servers import Script

ENV = """\
# .env file

# AI Provider Selection
AI_PROVIDER=openai  # openai | anthropic | local | mock

# OpenAI Configuration
OPENAI_API_KEY=sk-...
OPENAI_MODEL=gpt-4o-mini
OPENAI_TTS_MODEL=tts-1
OPENAI_TTS_VOICE=nova

# Anthropic Configuration (optional)
ANTHROPIC_API_KEY=sk-ant-...
ANTHROPIC_MODEL=claude-3-haiku-20240307

# Local Model Configuration (optional)
LOCAL_MODEL_URL=http://localhost:11434
LOCAL_MODEL_NAME=llama3
"""


# -- basic usage --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["openai", "anthropic", "local"])
async def test_the_basic_program(name: str, vendor: Vendors, monkeypatch: pytest.MonkeyPatch) -> None:
    server = await vendor({"local": "ollama"}.get(name, name))
    speech = server if name == "openai" else await vendor("openai")
    monkeypatch.setenv("AI_PROVIDER", name)

    provider = get_ai_provider()
    response = await provider.generate_completion(
        system_prompt="You are a thoughtful meditation guide.",
        user_prompt="Give me a reflection prompt about gratitude.",
        max_tokens=200,
    )
    audio = await provider.generate_tts(text="Welcome to this moment of stillness.", voice="nova")
    await provider.aclose()

    assert response == server.script.reply
    assert audio[:3] == b"ID3" or audio[0] == 0xFF
    asked = speech.asked("/audio/speech")[-1].body
    assert (asked["input"], asked["voice"]) == ("Welcome to this moment of stillness.", "nova")


async def test_switching_providers(vendor: Vendors) -> None:
    for name in ("openai", "anthropic", "ollama"):
        await vendor(name)
    openai = AIProviderFactory.create("openai")
    anthropic = AIProviderFactory.create(provider_name="anthropic")
    local = AIProviderFactory.create(name="local")
    assert (openai.name, anthropic.name, local.name) == ("openai", "anthropic", "ollama")
    for provider in (openai, anthropic, local):
        assert "".join([piece async for piece in provider.generate_completion_stream("Be kind.", "Hello")])
        await provider.aclose()


async def test_without_openai_a_vendor_without_speech_says_so() -> None:
    provider = AIProviderFactory.create("anthropic", api_key="sk-ant-0123456789")
    with pytest.raises(NotImplementedError) as caught:
        await provider.generate_tts("Hello", "nova")
    assert isinstance(caught.value, AIProviderError)
    info = provider.get_model_info()
    assert (info.supports_tts, provider.get_available_voices()) == (False, [])


async def test_a_choice_of_a_voice_beats_openai(vendor: Vendors, monkeypatch: pytest.MonkeyPatch) -> None:
    openai = await vendor("openai")
    monkeypatch.setenv("AI_TTS_PROVIDER", "mock")
    async with AIProviderFactory.create("anthropic", api_key="sk-ant-0123456789") as provider:
        assert await provider.generate_tts("Hello there", "mock-voice-1")
    assert not openai.requests


async def test_what_works_on_this_computer_alone_is_not_spoken_elsewhere(vendor: Vendors) -> None:
    openai = await vendor("openai")
    with pytest.raises(NotImplementedError):
        await AIProviderFactory.create("guide").generate_tts("Hello", "nova")
    assert not openai.requests


async def test_an_unknown_voice_is_replaced_by_the_default_and_that_is_told(
    vendor: Vendors, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    server = await vendor("openai")
    async with AIProviderFactory.create("openai", tts_voice="sage") as provider:
        assert await provider.generate_tts("Hello", "voice-of-god")
    assert [seen.body["voice"] for seen in server.asked("/audio/speech")] == ["voice-of-god", "sage"]
    assert "no voice “voice-of-god”" in caplog.text


@pytest.mark.parametrize(
    ("script", "error"),
    [
        (Script(status=429), AIProviderRateLimitError),
        (Script(status=401), AIProviderAuthError),
        (Script(status=503), AIProviderUnavailableError),
    ],
)
async def test_errors_have_the_documented_classes(
    script: Script, error: type[AIProviderError], vendor: Vendors
) -> None:
    (await vendor("openai")).script = script
    async with AIProviderFactory.create("openai", max_retries=0) as provider:
        with pytest.raises(error) as caught:
            await provider.generate_completion("Be kind.", "Hello")
    assert caught.value.provider == "openai"
    assert caught.value.message == str(caught.value)


async def test_a_missing_key_is_an_auth_error_and_a_value_error() -> None:
    provider = AIProviderFactory.create("openai")
    for error in (AIProviderAuthError, ValueError):
        with pytest.raises(error):
            await provider.generate_completion("Be kind.", "Hello")


# -- what is known before anybody is asked ------------------------------------------------------------------


def test_models_tell_their_limits_as_numbers() -> None:
    def told(name: str, model: str = "") -> ModelInfo:
        return AIProviderFactory.create(name, model=model, api_key="sk-0123456789").get_model_info()

    assert told("mock") == ModelInfo("mock", "mock-1", True, 4096, 8192)
    assert told("openai", "gpt-of-tomorrow") == ModelInfo("openai", "gpt-of-tomorrow", True, 4096, 8192)
    assert told("anthropic", "claude-of-tomorrow").context_window == 200_000
    assert told("local", "llama3") == ModelInfo("ollama", "llama3", False, 4096, 8192)
    assert told("anthropic", "claude-haiku-5-5").context_window == 1_000_000


def test_voices_are_known_at_once() -> None:
    voices = AIProviderFactory.create("openai", api_key="sk-0123456789").get_available_voices()
    assert isinstance(voices, list)
    assert {"alloy", "echo", "fable", "onyx", "nova", "shimmer"} <= set(voices)
    assert MockAIProvider().get_available_voices() == ["hum", "hum-low"]
    assert not inspect.iscoroutinefunction(AIProvider.get_available_voices)


def test_provider_configurations() -> None:
    openai = PROVIDER_CONFIGS["openai"]
    assert isinstance(openai, ProviderConfig)
    assert (openai.name, openai.display_name, openai.supports_tts, openai.requires_api_key) == (
        "openai",
        "OpenAI",
        True,
        True,
    )
    assert openai.default_model in openai.available_models
    assert "nova" in openai.tts_voices
    anthropic = get_provider_config("anthropic")
    assert anthropic is not None
    assert (anthropic.supports_tts, list(anthropic.tts_voices)) == (False, [])
    local = get_provider_config("local")
    assert local is not None
    assert not local.requires_api_key
    assert get_provider_config("hal9000") is None
    assert PROVIDER_CONFIGS.get("hal9000") is None
    own = ProviderConfig(
        name="mine",
        display_name="Mine",
        supports_tts=False,
        default_model="m",
        available_models=("m",),
        tts_voices=(),
        requires_api_key=False,
    )
    assert own.display_name == "Mine"


def test_requests_as_values() -> None:
    asked = CompletionRequest("Be kind.", "Hello", stop_sequences=["END"])
    assert [each.content for each in asked.messages] == ["Be kind.", "Hello"]
    assert (asked.max_tokens, asked.temperature, asked.stop) == (500, 0.7, ("END",))
    spoken = TTSRequest("Hello", "nova")
    assert (spoken.text, spoken.voice, spoken.speed) == ("Hello", "nova", 1.0)


async def test_the_classes_themselves(vendor: Vendors, monkeypatch: pytest.MonkeyPatch) -> None:
    server = await vendor("openai")
    server.script.models = ["gpt-4o-mini"]
    monkeypatch.setenv("OPENAI_MODEL", "gpt-4o-mini")
    monkeypatch.setenv("LOCAL_MODEL_URL", "http://127.0.0.1:9")
    async with OpenAIProvider() as openai:
        assert isinstance(AIProviderFactory.create("openai"), OpenAIProvider)
        assert await openai.generate_completion("Be kind.", "Hello") == server.script.reply
    assert OpenAIProvider(api_key="sk-own-12345", model="m", tts_model="t").require_key() == "sk-own-12345"
    assert OpenAIProvider(api_key=None).api_key is None
    assert OpenAIProvider(base_url="http://127.0.0.1:9").api_key is None  # a key stays with its vendor
    assert isinstance(AIProviderFactory.create("local"), LocalProvider)
    assert LocalProvider(model="llama3").base_url == "http://127.0.0.1:9"
    with pytest.raises(AIProviderAuthError):
        AnthropicProvider().validate_config()


# -- the factory --------------------------------------------------------------------------------------------


class MyProvider(AIProvider):
    """As the abstract class of the document asks, with a constructor that knows nothing of ours."""

    VOICES = ("calm", "bright")

    def __init__(self, api_key: str | None = None, model: str | None = None) -> None:
        self.key = api_key
        self.model = model or "my-model"

    async def generate_completion(
        self, system_prompt: str, user_prompt: str, max_tokens: int = 500, temperature: float = 0.7
    ) -> str:
        return f"{self.model} heard {user_prompt} ({max_tokens}, {temperature}, {system_prompt})"

    async def generate_completion_stream(
        self, system_prompt: str, user_prompt: str, max_tokens: int = 500, temperature: float = 0.7
    ) -> AsyncIterator[str]:
        answer = await self.generate_completion(system_prompt, user_prompt, max_tokens, temperature)
        for word in answer.split():
            yield word + " "

    async def generate_tts(self, text: str, voice: str, speed: float = 1.0) -> bytes:
        return await MockAIProvider().generate_tts(text, "hum", speed)

    def get_model_info(self) -> ModelInfo:
        return ModelInfo(
            provider="mine", model_name=self.model, supports_tts=True, max_tokens=4096, context_window=8192
        )

    def get_available_voices(self) -> list[str]:
        return list(self.VOICES)


def test_a_registered_class_is_listed_and_created(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINE_API_KEY", "abc-12345")
    AIProviderFactory.register("mine", MyProvider)
    AIProviderFactory.register("mine", MyProvider)  # a module that is loaded again
    assert {"openai", "anthropic", "local", "mock", "mine"} <= set(
        AIProviderFactory.get_available_providers()
    )
    made = AIProviderFactory.create("mine", model="other")
    assert isinstance(made, MyProvider)
    assert (made.key, made.model) == ("abc-12345", "other")


def test_what_is_refused_is_a_value_error_and_one_of_ours() -> None:
    for error in (AIProviderError, ValueError):
        with pytest.raises(error, match="hal9000"):
            AIProviderFactory.create("hal9000")
        with pytest.raises(error):
            AIProviderFactory.register("dictionary", dict)  # type: ignore[arg-type]


async def test_such_a_class_is_a_provider_for_everything_else() -> None:
    AIProviderFactory.register("mine", MyProvider)
    async with Client("mine") as client:
        answer = await client.request().system("Be kind.").user("hello").max_tokens(9).temperature(0).send()
        assert answer.text == "my-model heard hello (9, 0, Be kind.) "
        assert (answer.provider, answer.finish_reason) == ("mine", "stop")
        said = await client.speak("one two three")
    assert said.seconds > 0.5
    provider = AIProviderFactory.create("mine")
    assert [voice.id for voice in await provider.voices()] == ["calm", "bright"]


def test_one_provider_is_kept_until_the_cache_is_cleared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AI_PROVIDER", "mock")
    first = get_ai_provider()
    assert get_ai_provider() is first
    assert get_ai_provider_uncached() is not first
    get_ai_provider.cache_clear()
    assert get_ai_provider() is not first


# -- testing with the mock ----------------------------------------------------------------------------------


async def test_the_program_that_tests_with_the_mock() -> None:
    mock = MockAIProvider(responses={"completion": "Custom test response", "tts": b"custom audio bytes"})
    response = await mock.generate_completion(system_prompt="test", user_prompt="test")
    assert response == "Custom test response"
    assert len(mock.call_history) == 1
    assert await mock.generate_tts("hello", "mock-voice-1") == b"custom audio bytes"
    assert mock.call_history[1]["method"] == "generate_tts"
    mock.reset_history()
    assert mock.call_history == []
    assert MockAIProvider({"completion": "by position"}).responses == {"completion": "by position"}


async def test_the_mock_streams_words() -> None:
    pieces = [
        piece
        async for piece in MockAIProvider({"completion": "one two three"}).generate_completion_stream("", "x")
    ]
    assert "".join(pieces) == "one two three"
    assert len(pieces) == 3


@pytest.fixture
def mock_ai_provider() -> MockAIProvider:
    return MockAIProvider()


@pytest.fixture
def override_ai_provider(mock_ai_provider: MockAIProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    """Use the mock provider in all tests."""
    monkeypatch.setattr("companion.providers.get_ai_provider", lambda: mock_ai_provider)


@pytest.mark.usefixtures("override_ai_provider")
async def test_the_fixture_of_the_document(mock_ai_provider: MockAIProvider) -> None:
    from companion import providers

    assert providers.get_ai_provider() is mock_ai_provider


# -- the environment ----------------------------------------------------------------------------------------


def test_the_env_file_of_the_document(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    (tmp_path / ".env").write_text(ENV)
    monkeypatch.chdir(tmp_path)
    for line in ENV.splitlines():
        monkeypatch.delenv(line.partition("=")[0], raising=False)
        if "=" in line:
            monkeypatch.setenv(line.partition("=")[0], "")  # so that the end of the test takes it back
    assert load_dotenv()
    assert os.environ["AI_PROVIDER"] == "openai"
    provider = get_ai_provider()
    assert (provider.name, provider.get_model_info().model_name) == ("openai", "gpt-4o-mini")
    assert (provider.require_key(), provider.tts_voice) == ("sk-...", "nova")
    anthropic = AIProviderFactory.create("anthropic")
    assert anthropic.get_model_info().model_name == "claude-3-haiku-20240307"
    local = AIProviderFactory.create("local")
    assert (local.base_url, local.get_model_info().model_name) == ("http://localhost:11434", "llama3")
    assert not load_dotenv(tmp_path / "nowhere.env")
