"""A program's choice of providers from YAML files and the environment."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from companion.errors import AIProviderError, AIProviderInvalidRequestError, AIProviderNotSupportedError, Kind
from companion.flow import ChatRequest, Message, Speaker, SpeakRequest
from companion.kinds import Role
from companion.providers import load_config, registry, validate_config
from companion.providers.provider import opened

KEY = "sk-ant-api03-abcdefghijklmnopqrstuvwx"
FILE = """\
# for tests
providers:
  llm:
    active: anthropic
    anthropic:
      model: haiku
      api_key: ${MY_ANTHROPIC_KEY}
      timeout: 20
    openai:
      api_key: ${NEVER_SET}
  stt:
    active: deepgram
    deepgram: {model: flux, api_key: "${DG_KEY:-dg-default-1234}"}
  tts:
    active: mock
    mock: {model: "hum-${SIZE:-small}", voice: hum-low, speed: 1.2}
talk: {tail_ms: 300}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "companion.yaml"
    path.write_text(FILE)
    return path


def test_a_file_names_the_three_of_a_turn(file: Path) -> None:
    config = load_config(file, {"MY_ANTHROPIC_KEY": KEY})
    assert config.active == {Role.THINKS: "anthropic", Role.HEARS: "deepgram", Role.SPEAKS: "mock"}
    assert config.llm.models[Role.THINKS] == "claude-haiku-5-5"
    assert config.llm.require_key() == KEY
    assert config.llm.policy.total_s == 20
    assert config.stt.models[Role.HEARS] == "flux-general-en"
    assert config.stt.require_key() == "dg-default-1234"
    assert (config.tts.models[Role.SPEAKS], config.tts.tts_voice) == ("hum-small", "hum-low")
    assert config.block(Role.SPEAKS)["speed"] == 1.2
    assert config.llm is config.llm


def test_without_a_file_everything_works_offline(tmp_path: Path) -> None:
    config = load_config(tmp_path / "nowhere.yaml", {})
    assert config.active == {Role.THINKS: "guide", Role.HEARS: "builtin", Role.SPEAKS: "builtin"}


def test_an_environment_specific_file_lies_below_the_users(file: Path) -> None:
    file.with_name("companion.production.yaml").write_text(
        "providers:\n"
        "  llm: {active: mock, anthropic: {model: claude-opus-5-5, timeout: 50, max_retries: 7}}\n"
        "  stt: {active: mock}\n"
    )
    environ = {"MY_ANTHROPIC_KEY": KEY}
    assert load_config(file, environ).llm.policy.attempts == 3
    config = load_config(file, {**environ, "COMPANION_ENV": "production"})
    assert config.active[Role.THINKS] == "anthropic"
    assert config.llm.models[Role.THINKS] == "claude-haiku-5-5"
    assert (config.llm.policy.total_s, config.llm.policy.attempts) == (20, 8)
    file.unlink()
    alone = load_config(file, {**environ, "COMPANION_ENV": "production"})
    assert (alone.active[Role.THINKS], alone.active[Role.HEARS]) == ("mock", "mock")


def test_the_environment_lies_over_the_files(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, value in {
        "MY_ANTHROPIC_KEY": KEY,
        "ANTHROPIC_MODEL": "claude-sonnet-5-5",
        "AI_TIMEOUT": "33",
        "AI_STT_PROVIDER": "builtin",
        "COMPANION_PROVIDERS__TTS__MOCK__VOICE": "hum",
    }.items():
        monkeypatch.setenv(variable, value)
    config = load_config(file)
    assert config.llm.models[Role.THINKS] == "claude-sonnet-5-5"
    assert config.llm.policy.total_s == 33
    assert config.active[Role.HEARS] == "builtin"
    assert config.tts.tts_voice == "hum"
    assert config.sources["providers.stt.active"] == "environment AI_STT_PROVIDER"
    assert config.sources["providers.llm.active"] == "companion.yaml:4"
    monkeypatch.setenv("AI_PROVIDER", "mock")
    assert load_config(file).active[Role.THINKS] == "mock"


def test_what_a_program_passes_lies_over_everything(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_ANTHROPIC_KEY", KEY)
    monkeypatch.setenv("ANTHROPIC_MODEL", "claude-sonnet-5-5")
    config = load_config(file)
    other = config.provider(Role.THINKS, model="opus")
    assert other.models[Role.THINKS] == "claude-opus-5-5"
    assert other is not config.llm


def test_the_settings_of_the_app_are_such_a_file(home: object, monkeypatch: pytest.MonkeyPatch) -> None:
    from companion.paths import find_home
    from companion.settings import save

    save(
        find_home(),
        {"providers.llm.active": "mock", "providers.llm.mock.model": "parrot-1", "talk.tail_ms": 90},
    )
    assert load_config().llm.models[Role.THINKS] == "parrot-1"


def test_a_path_may_come_from_the_environment(file: Path) -> None:
    config = load_config(environ={"COMPANION_CONFIG": str(file), "MY_ANTHROPIC_KEY": KEY})
    assert config.active[Role.THINKS] == "anthropic"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "providers:\n  llm: {active: nobody}\n",
            "companion.yaml:2: providers.llm.active: There is no provider called",
        ),
        ("providers:\n  tts: {active: anthropic}\n", "providers.tts.active: Anthropic cannot do that"),
        ("providers:\n  brain: {active: mock}\n", "companion.yaml:2: providers.brain: there are: embeddings"),
        ("providers:\n  llm: mock\n", "companion.yaml:2: providers.llm: names with values"),
        (
            "providers:\n  llm:\n    active: mock\n    mock: {model: '${NOT_SET}'}\n",
            "companion.yaml:4: providers.llm.mock.model: ${NOT_SET} is not set",
        ),
        ("providers: [\n", "companion.yaml:2"),
        ("- a\n", "companion.yaml:1: names with values"),
        ("providers: {llm: {active: mock, active: guide}}\n", "written twice"),
        (
            "providers: {llm: {active: mock, mock: {model: [a]}}}\n",
            "providers.llm.mock.model: a text is needed",
        ),
        ("providers: {llm: {active: mock, mock: {api_key: {a: b}}}}\n", "api_key: a text is needed"),
        ("providers: {llm: {active: !!python/object/apply:os.system x}}\n", "is not understood here"),
    ],
)
def test_what_cannot_be_used_is_told_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "companion.yaml"
    path.write_text(text)
    with pytest.raises(AIProviderInvalidRequestError) as caught:
        load_config(path, {})
    assert said in caught.value.message


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_mutilated_file_ends_in_anything_but_a_sentence(tmp_path: Path, data: st.DataObject) -> None:
    text = FILE
    for _ in range(data.draw(st.integers(1, 6))):
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, min(len(text), start + 20)))
        text = text[:start] + data.draw(st.text("{}[]:-&*!|>'\"#\n \tab\0${%@", max_size=6)) + text[end:]
    path = tmp_path / "companion.yaml"
    path.write_text(text)
    said = "fine"
    try:
        config = load_config(path, {"MY_ANTHROPIC_KEY": KEY})
        for role in config.active:
            config.provider(role)
    except AIProviderError as error:
        said = error.message
    assert said
    assert KEY not in said


def test_an_argument_nobody_knows_is_told(tmp_path: Path) -> None:
    path = tmp_path / "companion.yaml"
    path.write_text("providers: {llm: {active: mock, mock: {colour: blue}}}")
    with pytest.raises(AIProviderInvalidRequestError, match="colour"):
        _ = load_config(path, {}).llm


def test_a_model_may_be_called_by_a_number(tmp_path: Path) -> None:
    path = tmp_path / "companion.yaml"
    path.write_text("providers: {llm: {active: mock, mock: {model: 7, base_url: }}}")
    assert load_config(path, {}).llm.models[Role.THINKS] == "7"


def test_a_role_nobody_has_is_told(tmp_path: Path) -> None:
    with pytest.raises(AIProviderNotSupportedError) as caught:
        load_config(tmp_path / "none.yaml", {}).provider(Role.DRAWS)
    assert "providers.images.active" in caught.value.hint


def test_a_key_of_the_environment_goes_to_its_vendor_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-proj-abcdefghijklmnop")
    path = tmp_path / "companion.yaml"
    path.write_text("providers: {llm: {active: openai, openai: {base_url: 'https://mine.example/v1'}}}")
    with pytest.raises(AIProviderError) as caught:
        load_config(path).llm.require_key()
    assert caught.value.kind is Kind.KEY_MISSING
    path.write_text(
        "providers: {llm: {active: openai,"
        " openai: {base_url: 'https://mine.example/v1', api_key: '${OPENAI_API_KEY}'}}}"
    )
    assert load_config(path).llm.require_key() == "sk-proj-abcdefghijklmnop"
    path.write_text("providers: {llm: {active: openai}}")
    assert load_config(path).llm.require_key() == "sk-proj-abcdefghijklmnop"


def test_keys_never_show(file: Path) -> None:
    config = load_config(file, {"MY_ANTHROPIC_KEY": KEY})
    assert KEY not in f"{config!r} {config.llm!r} {vars(config.llm)} {dict(config.sources)}"


async def test_a_model_without_a_voice_speaks_through_the_configured_one(file: Path) -> None:
    async with load_config(file, {"MY_ANTHROPIC_KEY": KEY}) as config:
        async with opened(config.llm.speak, SpeakRequest(text="hello there")) as sound:
            assert [chunk.rate_hz async for chunk in sound]
        assert config.llm.get_model_info().supports_tts


async def test_everybody_configured_is_checked(tmp_path: Path) -> None:
    path = tmp_path / "companion.yaml"
    path.write_text("providers: {llm: {active: anthropic}, tts: {active: mock}, stt: {active: mock}}")
    async with load_config(path, {}) as config:
        verdicts = await validate_config(config)
    assert [(verdict.provider, verdict.ok) for verdict in verdicts] == [
        ("anthropic", False),
        ("mock", True),
        ("mock", True),
    ]
    assert "needs a key" in verdicts[0].detail


async def test_a_configured_program_talks(tmp_path: Path) -> None:
    path = tmp_path / "companion.yaml"
    path.write_text("providers: {llm: {active: guide}}")
    request = ChatRequest(messages=(Message(Speaker.USER, "I am tired today."),))
    async with load_config(path, {}) as config, opened(config.llm.chat, request) as deltas:
        assert "".join([delta.text async for delta in deltas]).strip()


def test_every_vendor_can_be_configured_by_its_own_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """AI_PROVIDER and `<VENDOR>_API_KEY` alone are a configuration."""
    for spec in registry.with_role(Role.THINKS):
        if not spec.needs_key or not spec.base_url:
            continue
        variable = spec.key_env[0] if spec.key_env else f"{spec.name.upper()}_API_KEY"
        with monkeypatch.context() as only:
            only.setenv("AI_PROVIDER", spec.name)
            only.setenv(variable, "key-0123456789")
            assert load_config("nowhere.yaml").llm.require_key() == "key-0123456789"
