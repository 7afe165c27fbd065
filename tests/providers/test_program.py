"""Programs as their authors write them: every name the library promises, used through `companion.providers` alone.

They run against vendors' servers of this machine; what they print or keep is what their authors would see.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from inspect import signature
from pathlib import Path
from typing import Any

import pytest

from companion.providers import (
    PROVIDER_CONFIGS,
    AIProvider,
    AIProviderAuthError,
    AIProviderCircuitOpenError,
    AIProviderContentRefusedError,
    AIProviderEmptyReplyError,
    AIProviderError,
    AIProviderFactory,
    AIProviderInvalidRequestError,
    AIProviderModelNotFoundError,
    AIProviderNotSupportedError,
    AIProviderQuotaError,
    AIProviderRateLimitError,
    AIProviderStreamCutError,
    AIProviderTimeoutError,
    AIProviderUnavailableError,
    Kind,
    MockAIProvider,
    ModelInfo,
    ProviderConfig,
    Role,
    config,
    get_ai_provider,
    get_ai_provider_uncached,
    get_provider_config,
    load_config,
    registry,
    validate,
    validate_all,
    validate_config,
)
from tests.servers import AnthropicServer, OllamaServer, OpenAIServer, Script, VendorServer

KEY = "sk-proj-abcdefghijklmnopqrstuvwx1234"
ANTHROPIC_KEY = "sk-ant-api03-abcdefghijklmnopqrstuvwx"


@pytest.fixture(autouse=True)
def fresh_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "_cached", {})


@pytest.fixture
async def openai() -> AsyncIterator[OpenAIServer]:
    async with OpenAIServer() as server:
        yield server


@pytest.fixture
async def anthropic() -> AsyncIterator[AnthropicServer]:
    async with AnthropicServer() as server:
        yield server


@pytest.fixture
async def ollama() -> AsyncIterator[OllamaServer]:
    async with OllamaServer() as server:
        yield server


# -- B1: the simple methods ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["openai", "anthropic", "local"])
async def test_b1_a_program_asks_and_streams(
    name: str, openai: OpenAIServer, anthropic: AnthropicServer, ollama: OllamaServer
) -> None:
    server: VendorServer = {"openai": openai, "anthropic": anthropic, "local": ollama}[name]
    key = {"openai": {"api_key": KEY}, "anthropic": {"api_key": ANTHROPIC_KEY}, "local": {}}[name]
    async with AIProviderFactory.create(name, base_url=server.url, **key) as provider:
        whole = await provider.generate_completion(
            "Be kind.", "How do I begin?", max_tokens=80, temperature=0.2
        )
        pieces = [piece async for piece in provider.generate_completion_stream("Be kind.", "And then?")]
    assert whole == "".join(pieces) == server.script.reply
    assert len(pieces) > 3
    asked = json.dumps(server.requests[-1].body)
    assert "Be kind." in asked
    assert "And then?" in asked


async def test_b1_a_program_saves_speech_as_mp3(openai: OpenAIServer, tmp_path: Path) -> None:
    async with AIProviderFactory.create("openai", api_key=KEY, base_url=openai.url) as provider:
        sound = await provider.generate_tts("Good evening.", "sage", speed=1.25)
        voices = provider.get_available_voices()
    (tmp_path / "evening.mp3").write_bytes(sound)
    assert sound[:3] == b"ID3" or sound[0] == 0xFF
    assert "sage" in voices
    asked = openai.asked("/audio/speech")[-1].body
    assert (asked["input"], asked["voice"], asked["speed"]) == ("Good evening.", "sage", 1.25)


def test_b1_a_program_reads_about_its_model() -> None:
    info = AIProviderFactory.create("openai", api_key=KEY, model="gpt-6-luna").get_model_info()
    assert isinstance(info, ModelInfo)
    assert (info.provider, info.model_name, info.supports_tts) == ("openai", "gpt-6-luna", True)
    assert (info.max_tokens, info.context_window) == (128_000, 1_050_000)


def test_b1_the_signatures_are_the_promised_ones() -> None:
    asked = signature(AIProvider.generate_completion).parameters
    assert list(asked) == ["self", "system_prompt", "user_prompt", "max_tokens", "temperature"]
    assert (asked["max_tokens"].default, asked["temperature"].default) == (500, 0.7)
    assert list(signature(AIProvider.generate_completion_stream).parameters) == list(asked)
    spoken = signature(AIProvider.generate_tts).parameters
    assert list(spoken) == ["self", "text", "voice", "speed"]
    assert spoken["speed"].default == 1.0


# -- B2: the factory ----------------------------------------------------------------------------------------


def test_b2_a_program_creates_providers_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    names = AIProviderFactory.get_available_providers()
    assert {
        "openai",
        "anthropic",
        "local",
        "ollama",
        "mock",
        "google",
        "groq",
        "deepgram",
        "cartesia",
    } <= set(names)
    assert type(AIProviderFactory.create("local")) is type(AIProviderFactory.create("ollama"))
    monkeypatch.setenv("AI_PROVIDER", "mock")
    assert isinstance(AIProviderFactory.create(), MockAIProvider)
    assert get_ai_provider() is get_ai_provider()
    assert get_ai_provider_uncached() is not get_ai_provider_uncached()


def test_b2_a_model_is_enough_to_find_its_vendor() -> None:
    provider = AIProviderFactory.create(model="haiku", api_key=ANTHROPIC_KEY)
    assert (provider.spec.name, provider.models[Role.THINKS]) == ("anthropic", "claude-haiku-5-5")
    provider = AIProviderFactory.create(model="openai/gpt-9-imagined", api_key=KEY)
    assert (provider.spec.name, provider.models[Role.THINKS]) == ("openai", "gpt-9-imagined")


def test_b2_a_program_registers_its_own_and_nothing_else() -> None:
    class Shouting(MockAIProvider):
        async def generate_completion(
            self, system_prompt: str, user_prompt: str, max_tokens: int = 500, temperature: float = 0.7
        ) -> str:
            return user_prompt.upper()

    AIProviderFactory.register("shouting", Shouting)
    try:
        assert "shouting" in AIProviderFactory.get_available_providers()
        answer = asyncio.run(AIProviderFactory.create("shouting").generate_completion("", "quiet"))
        assert answer == "QUIET"
        assert "shouting" in PROVIDER_CONFIGS
    finally:
        registry.unregister("shouting")
    with pytest.raises(AIProviderInvalidRequestError):
        AIProviderFactory.register("dictionary", dict)  # type: ignore[type-var,arg-type]


def test_b2_an_unknown_name_lists_what_there_is() -> None:
    with pytest.raises(AIProviderError) as caught:
        AIProviderFactory.create("hal9000")
    assert "anthropic, " in caught.value.message
    assert "openai" in caught.value.message


# -- B3: errors ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("script", "error", "status"),
    [
        (Script(status=401), AIProviderAuthError, 401),
        (Script(status=429, retry_after="7"), AIProviderRateLimitError, 429),
        (Script(status=429, code="insufficient_quota"), AIProviderQuotaError, 429),
        (Script(status=404, code="model_not_found"), AIProviderModelNotFoundError, 404),
        (Script(status=400), AIProviderInvalidRequestError, 400),
        (Script(status=503), AIProviderUnavailableError, 503),
        (Script(cut_after=2), AIProviderStreamCutError, None),
        (Script(end_after=2), AIProviderStreamCutError, None),
        (Script(empty=True), AIProviderEmptyReplyError, None),
        (Script(stall_after=0), AIProviderTimeoutError, None),
        (Script(finish="content_filter", empty=True), AIProviderContentRefusedError, None),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else None,
)
async def test_b3_what_goes_wrong_has_a_class_and_its_facts(
    script: Script, error: type[AIProviderError], status: int | None, openai: OpenAIServer
) -> None:
    openai.script = script
    provider = AIProviderFactory.create(
        "openai", api_key=KEY, base_url=openai.url, max_retries=0, timeout=0.4
    )
    async with provider:
        with pytest.raises(AIProviderError) as caught:
            await provider.generate_completion("", "Hello")
    assert type(caught.value) is error
    assert caught.value.provider == "openai"
    assert caught.value.status == status
    assert KEY not in repr(caught.value) + str(caught.value)
    if script.retry_after:
        assert caught.value.retry_after_s == 7
    if status:
        assert caught.value.request_id


async def test_b3_a_closed_circuit_and_a_missing_voice_have_theirs(openai: OpenAIServer) -> None:
    openai.script = Script(status=503)
    provider = AIProviderFactory.create(
        "openai", api_key=KEY, base_url=openai.url, max_retries=0, circuit_breaker_threshold=1
    )
    async with provider:
        with pytest.raises(AIProviderUnavailableError):
            await provider.generate_completion("", "Hello")
        with pytest.raises(AIProviderCircuitOpenError):
            await provider.generate_completion("", "Hello")
    assert len(openai.asked("/responses")) == 1
    with pytest.raises(AIProviderNotSupportedError):
        await AIProviderFactory.create("guide").generate_tts("hello", "")


def test_b3_a_program_raises_them_itself() -> None:
    cause = OSError("no route")
    error = AIProviderError("It failed.", "mine", cause)
    assert (str(error), error.provider, error.original_error) == ("It failed.", "mine", cause)
    assert issubclass(AIProviderTimeoutError, AIProviderUnavailableError)


# -- B4: the mock -------------------------------------------------------------------------------------------


async def test_b4_a_programs_own_tests_script_the_mock() -> None:
    mock = MockAIProvider(responses={"completion": "You said it well.", "tts": b"ID3 sound"})
    assert await mock.generate_completion("Be kind.", "I am here.") == "You said it well."
    pieces = [piece async for piece in mock.generate_completion_stream("", "Again?")]
    assert pieces == ["You ", "said ", "it ", "well."]
    assert await mock.generate_tts("well", "hum") == b"ID3 sound"
    first, *_ = mock.call_history
    assert (first["method"], first["user_prompt"]) == ("generate_completion", "I am here.")
    assert len(mock.call_history) == 3
    mock.reset_history()
    assert mock.call_history == []


# -- B5: what is known beforehand ---------------------------------------------------------------------------


def test_b5_a_program_shows_who_can_be_chosen() -> None:
    for name in ("openai", "anthropic", "local", "google", "cartesia"):
        known = get_provider_config(name)
        assert isinstance(known, ProviderConfig)
        assert known == PROVIDER_CONFIGS[name]
    openai = PROVIDER_CONFIGS["openai"]
    assert (openai.display_name, openai.supports_tts, openai.requires_api_key) == ("OpenAI", True, True)
    assert openai.default_model in openai.available_models
    assert "alloy" in openai.tts_voices
    assert not PROVIDER_CONFIGS["local"].requires_api_key


# -- B6: the environment ------------------------------------------------------------------------------------

Seen = Callable[[AIProvider], object]
VARIABLES: dict[str, tuple[str, str, Seen, object]] = {
    "OPENAI_API_KEY": ("openai", KEY, lambda one: one.require_key(), KEY),
    "OPENAI_MODEL": ("openai", "gpt-6-sol", lambda one: one.models[Role.THINKS], "gpt-6-sol"),
    "OPENAI_TTS_MODEL": ("openai", "tts-1", lambda one: one.models[Role.SPEAKS], "tts-1"),
    "OPENAI_TTS_VOICE": ("openai", "sage", lambda one: one.tts_voice, "sage"),
    "OPENAI_STT_MODEL": ("openai", "whisper-1", lambda one: one.models[Role.HEARS], "whisper-1"),
    "ANTHROPIC_API_KEY": ("anthropic", ANTHROPIC_KEY, lambda one: one.require_key(), ANTHROPIC_KEY),
    "ANTHROPIC_MODEL": ("anthropic", "sonnet", lambda one: one.models[Role.THINKS], "claude-sonnet-5-5"),
    "LOCAL_MODEL_URL": ("local", "http://127.0.0.1:9", lambda one: one.base_url, "http://127.0.0.1:9"),
    "LOCAL_MODEL_NAME": ("local", "qwen3", lambda one: one.models[Role.THINKS], "qwen3"),
    "AI_TIMEOUT": ("mock", "8.5", lambda one: one.policy.total_s, 8.5),
    "AI_MAX_RETRIES": ("mock", "4", lambda one: one.policy.attempts, 5),
    "AI_RETRY_BACKOFF": ("mock", "0.25", lambda one: one.policy.backoff_s, 0.25),
    "AI_CIRCUIT_BREAKER": ("mock", "true", lambda one: one.policy.breaker, True),
    "AI_CIRCUIT_BREAKER_THRESHOLD": ("mock", "9", lambda one: one.policy.breaker_threshold, 9),
    "AI_RATE_LIMIT": ("mock", "30", lambda one: one.policy.requests_per_minute, 1800),
}


@pytest.mark.parametrize("variable", VARIABLES)
def test_b6_a_variable_does_what_its_name_says(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name, value, seen, expected = VARIABLES[variable]
    before = seen(
        AIProviderFactory.create(name, **({} if "KEY" not in variable else {"api_key": "other-key"}))
    )
    monkeypatch.setenv(variable, value)
    assert seen(AIProviderFactory.create(name)) == expected != before


def test_b6_every_vendor_has_a_variable_for_its_key(monkeypatch: pytest.MonkeyPatch) -> None:
    with_key = [known for known in PROVIDER_CONFIGS.values() if known.requires_api_key]
    assert len(with_key) >= 10
    for known in with_key:
        with monkeypatch.context() as only:
            only.setenv(known.api_key_env[0], "key-0123456789")
            assert AIProviderFactory.create(known.name).require_key() == "key-0123456789"


async def test_b6_the_environment_steers_a_program_that_knows_none_of_it(
    openai: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, value in {
        "AI_PROVIDER": "openai",
        "OPENAI_API_KEY": KEY,
        "OPENAI_MODEL": "gpt-6.1-terra",
        "AI_MAX_RETRIES": "2",
        "AI_RETRY_BACKOFF": "0",
    }.items():
        monkeypatch.setenv(variable, value)
    openai.script = Script(status=503, times=2)
    async with get_ai_provider_uncached(base_url=openai.url) as provider:
        assert await provider.generate_completion("", "Hello") == openai.script.reply
    asked = openai.asked("/responses")
    assert [seen.body["model"] for seen in asked] == ["gpt-6.1-terra"] * 3
    assert {seen.headers["authorization"] for seen in asked} == {f"Bearer {KEY}"}


# -- B7: a voice for those without --------------------------------------------------------------------------


async def test_b7_a_vendor_without_speech_speaks_through_the_configured_voice(
    openai: OpenAIServer, ollama: OllamaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    voice = AIProviderFactory.create("openai", api_key=KEY, base_url=openai.url)
    async with AIProviderFactory.create("local", base_url=ollama.url, voice=voice) as provider:
        assert provider.get_model_info().supports_tts
        assert len(await provider.generate_tts("Good evening.", "sage")) > 500
    assert openai.asked("/audio/speech")[-1].body["voice"] == "sage"
    monkeypatch.setenv("AI_TTS_PROVIDER", "mock")
    assert (
        len(await AIProviderFactory.create("anthropic", api_key=ANTHROPIC_KEY).generate_tts("Hello", "hum"))
        > 500
    )
    monkeypatch.delenv("AI_TTS_PROVIDER")
    with pytest.raises(AIProviderNotSupportedError) as caught:
        await AIProviderFactory.create("anthropic", api_key=ANTHROPIC_KEY).generate_tts("Hello", "hum")
    assert "Configure a voice" in caught.value.hint


# -- B8: files ----------------------------------------------------------------------------------------------


async def test_b8_a_program_is_configured_by_a_file(
    openai: OpenAIServer, anthropic: AnthropicServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_KEY", ANTHROPIC_KEY)
    monkeypatch.setenv("VOICE_SERVER", openai.url)
    path = tmp_path / "companion.yaml"
    path.write_text(
        f"""
providers:
  llm:
    active: anthropic
    anthropic: {{api_key: "${{MY_KEY}}", model: haiku, base_url: "{anthropic.url}"}}
  tts:
    active: openai
    openai: {{api_key: "{KEY}", base_url: "${{VOICE_SERVER}}", voice: marin}}
  stt: {{active: mock}}
"""
    )
    async with load_config(path) as configured:
        assert await configured.llm.generate_completion("", "Hello") == anthropic.script.reply
        assert await configured.tts.generate_tts("Hello")
        verdicts = await validate_config(configured)
    assert anthropic.asked("/messages")[-1].body["model"] == "claude-haiku-5-5"
    assert openai.asked("/audio/speech")[-1].body["voice"] == "marin"
    assert [verdict.provider for verdict in verdicts] == ["anthropic", "mock", "openai"]


# -- B9: is it ready? ---------------------------------------------------------------------------------------


async def test_b9_a_program_asks_whether_all_is_ready(
    openai: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with AIProviderFactory.create("openai", api_key=KEY, base_url=openai.url) as provider:
        openai.script.models = list(provider.models.values())
        ready = await validate(provider)
        openai.script.models = ["gpt-1"]
        unlisted = await validate(provider)
        openai.script.keys = ["sk-another"]
        refused = await validate(provider)
    gone = await validate(AIProviderFactory.create("local", base_url="http://127.0.0.1:9"))
    assert (ready.word, ready.ok, ready.key, ready.is_reachable) == ("ready", True, "present", True)
    assert ready.latency_ms is not None
    assert (ready.knows_models, unlisted.knows_models) == (True, False)
    assert (unlisted.word, unlisted.ok) == ("unlisted", False)
    assert provider.models[Role.THINKS] in unlisted.unknown_models
    assert (refused.word, refused.is_reachable) == ("refused", True)
    assert "platform.openai.com" in refused.hint
    assert (gone.word, gone.is_reachable) == ("unreachable", False)
    keyless, mock = await validate_all(["anthropic", "mock"])
    assert (keyless.word, keyless.key, mock.word) == ("keyless", "missing", "ready")
    assert "ANTHROPIC_API_KEY" in keyless.hint
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    (mistyped,) = await validate_all(["anthropic"])
    assert (mistyped.word, mistyped.key) == ("mistyped", "malformed")
    assert "OpenAI" in mistyped.detail


# -- the document of a program's author ---------------------------------------------------------------------


def test_every_promised_name_is_in_the_face() -> None:
    import companion.providers as library

    promised: set[str] = {
        "AIProvider", "AIProviderFactory", "get_ai_provider", "get_ai_provider_uncached", "ModelInfo",
        "AIProviderError", "AIProviderRateLimitError", "AIProviderAuthError", "AIProviderUnavailableError",
        "MockAIProvider", "ProviderConfig", "PROVIDER_CONFIGS", "get_provider_config", "Kind",
    }  # fmt: skip
    assert promised <= set(library.__all__)
    values: dict[str, Any] = {name: getattr(library, name) for name in library.__all__}
    assert None not in values.values()
    assert values["Kind"] is Kind
