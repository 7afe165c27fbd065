"""Choice by environment and arguments, and what is known of a provider before it is made."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pytest
import soundfile

from companion.errors import (
    AIProviderError,
    AIProviderInvalidRequestError,
    AIProviderNotSupportedError,
    AIProviderUnavailableError,
    Kind,
)
from companion.flow import Health
from companion.kinds import Role
from companion.providers import (
    PROVIDER_CONFIGS,
    AIProviderFactory,
    MockAIProvider,
    Policy,
    Spec,
    config,
    get_ai_provider,
    get_ai_provider_uncached,
    get_provider_config,
    registry,
    validator,
)
from companion.providers.validator import inspect_key

OPENAI_KEY = "sk-proj-abcdefghijklmnopqrstuvwx1234"
ANTHROPIC_KEY = "sk-ant-api03-abcdefghijklmnopqrstuvwx"


@pytest.fixture(autouse=True)
def fresh_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "_cached", {})


# -- who is chosen ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environment", "name"),
    [
        ({}, "guide"),
        ({"AI_PROVIDER": "mock"}, "mock"),
        ({"AI_PROVIDER": "local"}, "ollama"),
        ({"ANTHROPIC_API_KEY": ANTHROPIC_KEY}, "anthropic"),
        ({"ANTHROPIC_API_KEY": ANTHROPIC_KEY, "OPENAI_API_KEY": OPENAI_KEY}, "openai"),
        ({"AI_PROVIDER": "anthropic", "OPENAI_API_KEY": OPENAI_KEY}, "anthropic"),
        ({"AI_PROVIDER": "", "OPENAI_API_KEY": "  "}, "guide"),
    ],
)
def test_who_answers_when_nobody_is_named(
    environment: dict[str, str], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, value in environment.items():
        monkeypatch.setenv(variable, value)
    assert AIProviderFactory.create().spec.name == name


def test_the_environment_is_read_when_a_provider_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", OPENAI_KEY)
    monkeypatch.setenv("OPENAI_MODEL", "gpt-6-sol")
    monkeypatch.setenv("OPENAI_TTS_MODEL", "tts-1")
    monkeypatch.setenv("OPENAI_TTS_VOICE", "sage")
    provider = AIProviderFactory.create("openai")
    assert provider.require_key() == OPENAI_KEY
    assert provider.models[Role.THINKS] == provider.get_model_info().model_name == "gpt-6-sol"
    assert provider.models[Role.SPEAKS] == "tts-1"
    assert provider.tts_voice == "sage"
    monkeypatch.setenv("OPENAI_MODEL", "gpt-6-luna")
    assert AIProviderFactory.create("openai").models[Role.THINKS] == "gpt-6-luna"


def test_what_a_program_passes_beats_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", ANTHROPIC_KEY)
    monkeypatch.setenv("ANTHROPIC_MODEL", "claude-opus-5-5")
    monkeypatch.setenv("AI_TIMEOUT", "50")
    provider = AIProviderFactory.create(
        "anthropic", model="claude-sonnet-5-5", api_key="sk-ant-other", timeout=20
    )
    assert provider.models[Role.THINKS] == "claude-sonnet-5-5"
    assert provider.require_key() == "sk-ant-other"
    assert provider.policy.total_s == 20


def test_the_local_model_has_its_own_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_MODEL_URL", "http://127.0.0.1:9999")
    monkeypatch.setenv("LOCAL_MODEL_NAME", "qwen3")
    provider = AIProviderFactory.create("local")
    assert provider.base_url == "http://127.0.0.1:9999"
    assert provider.models[Role.THINKS] == "qwen3"


def test_addresses_in_the_environment_never_redirect_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", OPENAI_KEY)
    monkeypatch.setenv("OPENAI_BASE_URL", "https://evil.example/v1")
    assert AIProviderFactory.create("openai").base_url == registry.find("openai").base_url


def test_patience_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, value in {
        "AI_TIMEOUT": "8.5",
        "AI_MAX_RETRIES": "4",
        "AI_RETRY_BACKOFF": "0",
        "AI_CIRCUIT_BREAKER": "off",
        "AI_CIRCUIT_BREAKER_THRESHOLD": "9",
        "AI_RATE_LIMIT": "30",
    }.items():
        monkeypatch.setenv(variable, value)
    assert AIProviderFactory.create("openai", api_key=OPENAI_KEY).policy == Policy(
        first_s=8.5,
        idle_s=8.5,
        total_s=8.5,
        attempts=5,
        backoff_s=0.0,
        breaker=False,
        breaker_threshold=9,
        requests_per_minute=1800,
        requests_at_once=1,
    )


def test_an_engine_of_this_computer_is_given_more_time_than_a_vendor() -> None:
    local = AIProviderFactory.create("ollama").policy
    vendor = AIProviderFactory.create("openai", api_key=OPENAI_KEY).policy
    assert local.first_s > vendor.first_s
    assert AIProviderFactory.create("ollama", timeout=5).policy.first_s == 5


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("AI_TIMEOUT", "soon"),
        ("AI_TIMEOUT", "-5"),
        ("AI_TIMEOUT", "0"),
        ("AI_TIMEOUT", "inf"),
        ("AI_TIMEOUT", "1e999"),
        ("AI_TIMEOUT", "nan"),
        ("AI_MAX_RETRIES", "two"),
        ("AI_MAX_RETRIES", "-1"),
        ("AI_MAX_RETRIES", "1.5"),
        ("AI_RETRY_BACKOFF", "-0.1"),
        ("AI_CIRCUIT_BREAKER", "maybe"),
        ("AI_CIRCUIT_BREAKER_THRESHOLD", "0"),
        ("AI_RATE_LIMIT", "10/min"),
    ],
)
def test_a_malformed_number_names_its_variable(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(AIProviderInvalidRequestError) as caught:
        AIProviderFactory.create("mock")
    assert variable in caught.value.message
    assert value in caught.value.message


def test_a_malformed_argument_is_named_and_an_unknown_one_refused() -> None:
    with pytest.raises(AIProviderInvalidRequestError, match="max_retries"):
        AIProviderFactory.create("mock", max_retries=-1)
    with pytest.raises(TypeError, match="colour"):
        AIProviderFactory.create("mock", colour="blue")


# -- the factory --------------------------------------------------------------------------------------------


class Parrot(MockAIProvider):
    """A program's own provider."""

    spec = Spec(name="parrot", display_name="Parrot", roles=frozenset({Role.THINKS}), needs_key=True)


@pytest.fixture
def parrot() -> Iterator[None]:
    AIProviderFactory.register("parrot", Parrot)
    yield
    registry.unregister("parrot")


@pytest.mark.usefixtures("parrot")
def test_a_registered_provider_is_created_listed_and_reads_its_own_variables(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PARROT_API_KEY", "polly-1234")
    monkeypatch.setenv("PARROT_MODEL", "cracker")
    provider = AIProviderFactory.create("parrot")
    assert isinstance(provider, Parrot)
    assert provider.require_key() == "polly-1234"
    assert provider.models[Role.THINKS] == "cracker"
    assert "parrot" in AIProviderFactory.get_available_providers()
    assert PROVIDER_CONFIGS["parrot"].api_key_env == ("PARROT_API_KEY",)


def test_the_factory_refuses_what_is_no_provider() -> None:
    with pytest.raises(AIProviderError):
        AIProviderFactory.register("dictionary", dict)  # type: ignore[type-var,arg-type]


def test_every_name_that_is_listed_can_be_created(monkeypatch: pytest.MonkeyPatch) -> None:
    names = AIProviderFactory.get_available_providers()
    assert {
        "openai",
        "anthropic",
        "local",
        "ollama",
        "guide",
        "offline",
        "builtin",
        "whisper",
        "mock",
    } <= set(names)
    for name in names:
        assert AIProviderFactory.create(name).spec == registry.find(name)


def test_one_provider_per_name_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AI_PROVIDER", "mock")
    assert get_ai_provider() is get_ai_provider("mock")
    assert get_ai_provider("local") is get_ai_provider("ollama")
    assert get_ai_provider() is not get_ai_provider("ollama")
    assert get_ai_provider_uncached() is not get_ai_provider_uncached()
    assert get_ai_provider_uncached() is not get_ai_provider()


def test_keys_never_show() -> None:
    provider = AIProviderFactory.create("openai", api_key=OPENAI_KEY)
    assert OPENAI_KEY not in f"{provider!r} {provider} {vars(provider)}"


# -- a vendor without a voice -------------------------------------------------------------------------------


async def test_a_vendor_without_a_voice_says_what_to_configure() -> None:
    provider = AIProviderFactory.create("anthropic", api_key=ANTHROPIC_KEY)
    with pytest.raises(AIProviderNotSupportedError) as caught:
        await provider.generate_tts("hello", "alloy")
    assert "Anthropic" in caught.value.message
    assert "voice" in caught.value.hint
    assert not provider.get_model_info().supports_tts


@pytest.mark.parametrize("by", ["name", "provider", "environment"])
async def test_a_vendor_without_a_voice_speaks_through_the_configured_one(
    by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments: dict[str, Any] = {"name": {"voice": "mock"}, "provider": {"voice": MockAIProvider()}}.get(
        by, {}
    )
    if by == "environment":
        monkeypatch.setenv("AI_TTS_PROVIDER", "mock")
    provider = AIProviderFactory.create("anthropic", api_key=ANTHROPIC_KEY, **arguments)
    sound, rate = soundfile.read(io.BytesIO(await provider.generate_tts("hello there", "hum")))
    assert rate == 24_000
    assert len(sound) > 0
    assert provider.get_model_info().supports_tts
    assert provider.get_available_voices() == ["hum", "hum-low"]
    assert [voice["name"] for voice in await provider.get_available_voices()] == ["Hum", "Low hum"]


# -- configs ------------------------------------------------------------------------------------------------


def test_a_config_tells_what_a_program_must_know() -> None:
    openai = get_provider_config("openai")
    assert openai is not None
    assert (openai.display_name, openai.supports_tts, openai.requires_api_key) == ("OpenAI", True, True)
    assert openai.default_model == "gpt-6-luna"
    assert openai.default_model in openai.available_models
    assert "alloy" in openai.tts_voices
    anthropic = PROVIDER_CONFIGS["anthropic"]
    assert (anthropic.supports_tts, anthropic.default_model) == (False, "claude-haiku-5-5")
    assert not PROVIDER_CONFIGS["mock"].requires_api_key


def test_the_configs_are_a_mapping_of_every_provider() -> None:
    assert list(PROVIDER_CONFIGS) == [spec.name for spec in registry.specs()]
    assert len(PROVIDER_CONFIGS) == len(list(PROVIDER_CONFIGS.items()))
    assert PROVIDER_CONFIGS["local"] == PROVIDER_CONFIGS["ollama"]
    assert "hal9000" not in PROVIDER_CONFIGS
    assert get_provider_config("hal9000") is None
    with pytest.raises(KeyError):
        _ = PROVIDER_CONFIGS["hal9000"]


# -- keys as they are pasted --------------------------------------------------------------------------------

OPENAI = Spec(name="openai", display_name="OpenAI", roles=frozenset(), needs_key=True, key_prefixes=("sk-",))
ANTHROPIC = Spec(
    name="anthropic", display_name="Anthropic", roles=frozenset(), needs_key=True, key_prefixes=("sk-ant-",)
)
FREE = Spec(name="free", display_name="Free", roles=frozenset(), needs_key=True)
ALL = (OPENAI, ANTHROPIC, FREE)


def test_a_clean_key_is_taken_as_it_is() -> None:
    verdict = inspect_key(OPENAI_KEY, OPENAI, ALL)
    assert (verdict.clean, verdict.problem, verdict.notice, verdict.belongs_to) == (OPENAI_KEY, "", "", "")
    assert verdict.is_ready


@pytest.mark.parametrize(
    "around", ["{}\n", "  {}\t", '"{}"', "'{}'\r\n", "\ufeff{}", "\u201c{}\u201d", "\u200b{}\u00a0"]
)
def test_what_clings_to_a_key_is_removed_with_a_notice(around: str) -> None:
    verdict = inspect_key(around.format(OPENAI_KEY), OPENAI, ALL)
    assert verdict.clean == OPENAI_KEY
    assert verdict.is_ready
    assert verdict.notice


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n",
        "sk-schl\u00fcssel-abcdefgh",
        "sk-" + "a" * 5000,
        "sk-a",
        "hello world",
        "pk-abcdefghijkl",
        "sk-abc\x00defgh",
    ],
)
def test_what_is_no_key_is_refused_whole(text: str) -> None:
    verdict = inspect_key(text, OPENAI, ALL)
    assert verdict.clean == ""
    assert verdict.problem
    assert verdict.belongs_to == ""


@pytest.mark.parametrize(
    "text",
    [
        f'curl https://api.openai.com/v1/models -H "Authorization: Bearer {OPENAI_KEY}"',
        f'{{"api_key": "{OPENAI_KEY}", "model": "gpt-6-luna"}}',
        f'{{"apiKey":"{OPENAI_KEY}"}}',
        f"export OPENAI_API_KEY={OPENAI_KEY}",
        f"OPENAI_API_KEY={OPENAI_KEY}",
        f"Bearer {OPENAI_KEY}",
        f"ANTHROPIC_API_KEY={ANTHROPIC_KEY}\nOPENAI_API_KEY={OPENAI_KEY}\n",
    ],
)
def test_a_key_inside_a_pasted_text_is_offered(text: str) -> None:
    verdict = inspect_key(text, OPENAI, ALL)
    assert verdict.clean == OPENAI_KEY
    assert "found inside" in verdict.notice


def test_a_labelled_key_of_no_known_shape_is_found_too() -> None:
    verdict = inspect_key("curl -H 'x-api-key: 0123456789abcdef' https://free.example", FREE, ALL)
    assert verdict.clean == "0123456789abcdef"


@pytest.mark.parametrize(
    "text", [ANTHROPIC_KEY, f'curl -H "x-api-key: {ANTHROPIC_KEY}" https://api.anthropic.com']
)
def test_another_vendors_key_is_recognised(text: str) -> None:
    verdict = inspect_key(text, OPENAI, ALL)
    assert (verdict.belongs_to, verdict.clean) == ("anthropic", ANTHROPIC_KEY)
    assert not verdict.is_ready
    assert "Anthropic" in verdict.problem
    assert inspect_key(OPENAI_KEY, ANTHROPIC, ALL).belongs_to == "openai"
    assert inspect_key(ANTHROPIC_KEY, ANTHROPIC, ALL).is_ready


def test_no_verdict_repeats_a_refused_text() -> None:
    for text in ("sk-ge\u00e4nderter-schluessel", "sk-" + "a" * 5000, ANTHROPIC_KEY):
        verdict = inspect_key(text, OPENAI, ALL)
        assert text[:12] not in verdict.problem + verdict.notice


# -- asking the providers -----------------------------------------------------------------------------------


class Asked(MockAIProvider):
    spec = Spec(
        name="asked",
        display_name="Asked",
        roles=frozenset({Role.THINKS}),
        needs_key=True,
        key_prefixes=("ask-",),
        key_page="https://asked.example/keys",
        default_models={Role.THINKS: "asker-1"},
    )
    health: Health | Exception = Health(
        ok=True, detail="Asked accepts the key.", latency_ms=12.0, models=("asker-1-2026",)
    )
    asked = 0

    async def check(self) -> Health:
        self.asked += 1
        if isinstance(self.health, Exception):
            raise self.health
        return self.health


async def test_a_ready_provider_is_ready() -> None:
    verdict = await validator.validate(Asked(api_key="ask-12345678"))
    assert verdict.ok
    assert (verdict.has_key, verdict.is_reachable, verdict.latency_ms) == (True, True, 12.0)


@pytest.mark.parametrize(
    ("key", "word"),
    [(None, "needs a key"), ("ask-\u00fcmlaut", "look like"), ("other-12345678", "begin with ask-")],
)
async def test_a_missing_or_malformed_key_is_told_without_asking(key: str | None, word: str) -> None:
    provider = Asked(api_key=key)
    verdict = await validator.validate(provider)
    assert not verdict.ok
    assert word in verdict.detail
    assert verdict.hint
    assert provider.asked == 0


async def test_a_model_the_vendor_does_not_list_is_told() -> None:
    verdict = await validator.validate(Asked(api_key="ask-12345678", model="asker-9"))
    assert not verdict.ok
    assert verdict.unknown_models == ("asker-9",)
    assert "asker-9" in verdict.detail


async def test_an_unreachable_provider_is_told_and_nothing_is_raised() -> None:
    provider = Asked(api_key="ask-12345678")
    provider.health = AIProviderUnavailableError(kind=Kind.UNREACHABLE, who="Asked")
    verdict = await validator.validate(provider)
    assert (verdict.ok, verdict.is_reachable) == (False, False)
    assert "cannot be reached" in verdict.detail


async def test_a_check_that_hangs_is_ended() -> None:
    class Hanging(Asked):
        async def check(self) -> Health:
            import asyncio

            await asyncio.Event().wait()
            raise AssertionError

    verdict = await validator.validate(Hanging(api_key="ask-12345678"), limit_s=0.01)
    assert not verdict.ok
    assert "in time" in verdict.detail


async def test_all_named_providers_are_checked_side_by_side(monkeypatch: pytest.MonkeyPatch) -> None:
    AIProviderFactory.register("asked", Asked)
    try:
        monkeypatch.setenv("ASKED_API_KEY", "ask-12345678")
        verdicts = await validator.validate_all(["mock", "asked", "openai"])
        assert [(one.provider, one.ok) for one in verdicts] == [
            ("mock", True),
            ("asked", True),
            ("openai", False),
        ]
    finally:
        registry.unregister("asked")
