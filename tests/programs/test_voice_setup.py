"""Programs of the fifth document: providers.yaml, the three interfaces and factories, the validator, and text to voice."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from companion.errors import AIProviderInvalidRequestError
from companion.flow import TurnSignal
from companion.kinds import Role
from companion.providers import (
    AudioChunk,
    CartesiaTTSProvider,
    Client,
    ConfigManager,
    DeepgramFluxSTTProvider,
    GroqLLMProvider,
    LLMFactory,
    LLMProvider,
    Message,
    ProviderValidator,
    STTFactory,
    STTProvider,
    TranscriptChunk,
    TTSFactory,
    TTSProvider,
    load_config,
    load_dotenv,
)
from tests.programs.conftest import KEYS, Vendors

PROVIDERS_YAML = (Path(__file__).parent / "providers.yaml").read_text(encoding="utf-8")
"""As it stands in the document."""
TESSA = "6ccbfb76-1fc6-48f7-b71d-91ac6298247b"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("DEEPGRAM_API_KEY", "CARTESIA_API_KEY", "GROQ_API_KEY"):
        monkeypatch.setenv(name, KEYS[name])
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "providers.yaml").write_text(PROVIDERS_YAML)
    return tmp_path / "config"


async def microphone(frames: int = 40) -> AsyncIterator[AudioChunk]:
    for _ in range(frames):
        yield AudioChunk(data=b"\x10\x00" * 1280, sample_rate=16000, channels=1)


# -- configuration ------------------------------------------------------------------------------------------


def test_the_configuration_of_the_document(folder: Path) -> None:
    config = load_config(folder / "providers.yaml")
    stt, tts, llm = config.stt, config.tts, config.llm
    assert (stt.name, tts.name, llm.name) == ("deepgram", "cartesia", "groq")
    assert (stt.models[Role.HEARS], stt.require_key()) == ("flux-general-en", KEYS["DEEPGRAM_API_KEY"])
    assert stt._thresholds == {"eager_eot_threshold": 0.5, "eot_threshold": 0.7, "eot_timeout_ms": 5000}  # type: ignore[attr-defined]
    assert (tts.models[Role.SPEAKS], tts.tts_voice) == ("sonic-3", TESSA)
    assert tts.defaults == {"sample_rate": 16000, "language": "en"}
    assert (llm.models[Role.THINKS], llm.defaults) == (
        "llama-3.1-8b-instant",
        {"temperature": 0.7, "max_tokens": 150},
    )
    assert config.get("providers.stt.active") == "flux"
    assert config.get("websocket.max_connections") == 1000
    assert config.get("performance") == {"latency_target_ms": 300, "max_concurrent_calls": 100}
    assert config.get("nothing.here", "else") == "else"
    (folder / "default.yaml").write_text("a: {b.c: 1, b: {c: {d: 2}}}\n")
    assert load_config(folder).get("a.b.c") == 1
    assert load_config(folder).get("a") is not None
    assert config.get_provider_config("llm") == {
        "api_key": KEYS["GROQ_API_KEY"],
        "model": "llama-3.1-8b-instant",
        "temperature": 0.7,
        "max_tokens": 150,
    }
    assert config.get("providers.llm.groq.api_key") == KEYS["GROQ_API_KEY"]
    with pytest.raises(ValueError, match="No images provider is active"):
        config.get_provider_config("images")
    with pytest.raises(ValueError, match="brain"):
        config.get_provider_config("brain")


def test_files_are_merged_in_the_documents_order(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "default.yaml").write_text(
        "websocket: {max_connections: 5, ping_s: 20}\n"
        "providers: {llm: {active: mock, groq: {model: from-default, top_p: 0.5}}}\n"
    )
    (folder / "development.yaml").write_text("websocket: {ping_s: 30, pong_s: 31}\nname: dev\n")
    (folder / "production.yaml").write_text("websocket: {ping_s: 40}\nname: prod ${STAGE_OF:-none}\n")
    config = ConfigManager(config_dir=folder)
    assert config.get("websocket") == {
        "max_connections": 1000,
        "connection_timeout_seconds": 300,
        "audio_chunk_size_ms": 80,
        "ping_s": 30,
        "pong_s": 31,
    }
    assert config.get("providers.llm.groq.top_p") == 0.5
    assert config.llm.defaults == {"temperature": 0.7, "max_tokens": 150, "top_p": 0.5}
    production = ConfigManager("production", folder)
    assert (production.get("websocket.ping_s"), production.get("name")) == (40, "prod none")
    monkeypatch.setenv("ENVIRONMENT", "production")
    assert load_config(folder).get("name") == "prod none"
    monkeypatch.setenv("LLM_PROVIDER", "mock")
    assert load_config(folder).llm.name == "mock"
    monkeypatch.chdir(folder.parent)
    assert ConfigManager("development").get("name") == "dev"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("encoding: opus", "int16"),
        ("sample_rate: fast", "sample_rate"),
        ("sample_rate: 7", "8000 to 48000"),
        ("temperature: warm", "temperature"),
        ("temperature: 3", "between 0 and 2"),
        ("max_tokens: 1.5", "max_tokens"),
        ("max_tokens: 0", "1 or more"),
        ("speed: 9", "between"),
        ("stop: 7", "stop"),
    ],
)
def test_an_option_that_makes_no_sense_is_told(line: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "providers.yaml"
    path.write_text(f"providers: {{llm: {{active: mock, mock: {{{line}}}}}}}\n")
    with pytest.raises(AIProviderInvalidRequestError, match=said):
        _ = load_config(path, {}).llm


async def test_options_of_the_file_reach_the_vendor(folder: Path, vendor: Vendors) -> None:
    groq = await vendor("groq")
    groq.script.models = ["llama-3.1-8b-instant"]
    file = folder / "providers.yaml"
    file.write_text(PROVIDERS_YAML.replace("temperature: 0.7", 'temperature: 0.3\n      stop: ["User:"]'))
    async with load_config(folder) as config, Client(config) as client:
        await client.request().user("Hello").send()
        await client.request().user("Hello").temperature(1.5).send()
    first, second = (seen.body for seen in groq.asked("/chat/completions"))
    assert (first["model"], first["temperature"], first["stop"]) == ("llama-3.1-8b-instant", 0.3, ["User:"])
    assert 150 in (first.get("max_tokens"), first.get("max_completion_tokens"))
    assert second["temperature"] == 1.5


def test_a_dotenv_file_is_read_when_asked_for(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GROQ_API_KEY", "")
    (folder / ".env").write_text(
        "export GROQ_API_KEY='gsk_from_the_file' # the key\nDEEPGRAM_API_KEY=ignored\n"
    )
    config = load_config(folder, env_file=folder / ".env")
    assert config.llm.require_key() == "gsk_from_the_file"
    assert config.stt.require_key() == KEYS["DEEPGRAM_API_KEY"]
    assert load_dotenv(folder / ".env", override=True)
    assert os.environ["DEEPGRAM_API_KEY"] == "ignored"
    monkeypatch.setenv("GROQ_API_KEY", "")
    (folder / ".env").write_text("what is this\n")
    with pytest.raises(ValueError, match=r"\.env:1"):
        load_dotenv(folder / ".env")


# -- factories ----------------------------------------------------------------------------------------------


def test_factories_and_their_aliases() -> None:
    for name, model in (
        ("flux", "flux-general-en"),
        ("deepgram-flux", "flux-general-en"),
        ("deepgram", "flux-general-en"),
        ("nova", "nova-3"),
        ("nova-2", "nova-2"),
    ):
        made = STTFactory.create(name, {"api_key": "dg-12345678"})
        assert (made.name, made.models[Role.HEARS]) == ("deepgram", model)
        assert name in STTFactory.list_providers()
    assert TTSFactory.create("sonic").models[Role.SPEAKS].startswith("sonic")
    assert {"cartesia", "sonic", "flux"} <= set(TTSFactory.list_providers())
    assert TTSFactory.create("flux").models[Role.SPEAKS] == "flux-alexis-en"
    groq = LLMFactory.create("groq", {"api_key": "gsk_1234567890", "model": "m", "temperature": 0.6})
    assert (groq.name, groq.models[Role.THINKS], groq.defaults) == ("groq", "m", {"temperature": 0.6})
    assert "groq" in LLMFactory.list_providers()
    assert LLMFactory.create("haiku").models[Role.THINKS] == "claude-haiku-5-5"


@pytest.mark.parametrize("factory", [STTFactory, TTSFactory, LLMFactory])
def test_an_unknown_provider_is_a_value_error_with_the_names_there_are(factory: Any) -> None:
    with pytest.raises(ValueError, match="deepgram"):
        factory.create("hal9000", {})
    with pytest.raises(ValueError, match="not a provider"):
        factory.register("mine", dict)


def test_a_provider_of_another_role_is_refused() -> None:
    with pytest.raises(NotImplementedError, match="Anthropic cannot"):
        STTFactory.create("anthropic")


# -- the three interfaces, on vendors of ours ---------------------------------------------------------------


async def test_hearing(vendor: Vendors) -> None:
    server = await vendor("deepgram")
    server.script.transcript = "it rained today|"
    config = {
        "model": "flux-general-en",
        "encoding": "linear16",
        "sample_rate": 16000,
        "eot_threshold": 0.7,
        "api_key": KEYS["DEEPGRAM_API_KEY"],
    }
    provider = STTFactory.create("deepgram-flux", config)
    await provider.initialize(config)
    assert not await provider.detect_turn_end()
    heard: list[TranscriptChunk] = []
    ends: list[bool] = []
    async for chunk in provider.stream_transcribe(microphone(), language="en", context="rain"):
        assert isinstance(chunk, TranscriptChunk)
        heard.append(chunk)
        ends.append(provider.detect_turn_end(chunk))
        if chunk.signal is TurnSignal.STARTED:
            vad = await provider.get_vad_info()
            assert vad is not None
            assert vad.is_speaking
    await provider.cleanup()
    assert heard[-1].is_final
    assert "it rained today" in heard[-1].text.lower()
    assert any(ends)
    assert not all(ends)
    assert provider.detect_turn_end(TranscriptChunk(text="", is_final=True, confidence=1.0)) is True
    assert provider.detect_turn_end(TranscriptChunk(text="rain", is_final=True)) is False
    assert "/v2/listen" in server.requests[-1].path


async def test_speaking(vendor: Vendors) -> None:
    server = await vendor("cartesia")
    provider = TTSFactory.create("cartesia")
    await provider.initialize({"model_id": "sonic-3", "voice_id": TESSA, "sample_rate": 8000})
    assert (provider.models[Role.SPEAKS], provider.tts_voice) == ("sonic-3", TESSA)
    server.voice_ids = (TESSA,)  # type: ignore[attr-defined]
    chunks = [chunk async for chunk in provider.stream_synthesize("Hello there.", "", language="en")]
    other = [chunk async for chunk in provider.stream_synthesize("Hello there.", TESSA, sample_rate=44100)]
    voices = await provider.get_available_voices()
    await provider.cleanup()
    assert {(chunk.sample_rate, chunk.channels) for chunk in chunks} == {(8000, 1)}
    assert {chunk.sample_rate for chunk in other} == {44100}
    assert all(isinstance(chunk, AudioChunk) and chunk.data for chunk in chunks)
    seconds = [sum(len(chunk.data) / 2 / chunk.sample_rate for chunk in sound) for sound in (chunks, other)]
    assert seconds[0] == pytest.approx(seconds[1], abs=0.01)
    assert voices[0]["id"] == TESSA
    assert {"id", "name", "language", "description"} == set(voices[0])
    with pytest.raises(ValueError, match="sample rate"):
        await anext(provider.stream_synthesize("Hello", TESSA, sample_rate=7))
    with pytest.raises(ValueError, match="int16"):
        await anext(provider.stream_synthesize("Hello", TESSA, encoding="pcm_f32le"))


async def test_thinking(vendor: Vendors) -> None:
    server = await vendor("groq")
    server.script.models = ["llama-3.3-70b-versatile", "llama-3.1-8b-instant"]
    provider = LLMFactory.create("groq", {})
    await provider.initialize({"model": "llama-3.3-70b-versatile", "temperature": 0.6, "max_tokens": 100})
    assert (provider.name, provider.supports_streaming) == ("groq", True)
    history = [Message("user", "Hi"), Message("assistant", "Hello."), Message("user", "How are you?")]  # type: ignore[arg-type]
    tokens = [token async for token in provider.stream_chat(history, system_prompt="You are Talky.")]
    await provider.initialize({"model": "llama-3.1-8b-instant"})
    async for _ in provider.stream_chat(history, temperature=0.0, max_tokens=9, stop=["User:"], seed=None):
        pass
    await provider.cleanup()
    assert "".join(tokens) == server.script.reply
    assert len(tokens) > 2
    first, second = (seen.body for seen in server.asked("/chat/completions"))
    assert [each["role"] for each in first["messages"]] == ["system", "user", "assistant", "user"]
    assert (first["model"], first["temperature"]) == ("llama-3.3-70b-versatile", 0.6)
    assert 100 in (first.get("max_tokens"), first.get("max_completion_tokens"))
    assert (second["model"], second["temperature"], second["stop"]) == (
        "llama-3.1-8b-instant",
        0.0,
        ["User:"],
    )


async def test_the_classes_themselves(folder: Path) -> None:
    config = load_config(folder)
    stt, tts, llm = DeepgramFluxSTTProvider(), CartesiaTTSProvider(), GroqLLMProvider()
    for provider, role in ((stt, "stt"), (tts, "tts"), (llm, "llm")):
        await provider.initialize(config.get_provider_config(role))
    assert stt.models[Role.HEARS] == "flux-general-en"
    assert (tts.models[Role.SPEAKS], tts.models[Role.HEARS], tts.tts_voice) == ("sonic-3", "ink-2", TESSA)
    assert (llm.models[Role.THINKS], llm.defaults["max_tokens"]) == ("llama-3.1-8b-instant", 150)


@pytest.mark.parametrize(("model", "limit"), [("llama-3.1-8b-instant", 150), ("openai/gpt-oss-20b", None)])
async def test_a_spoken_reply_is_short_but_thoughts_do_not_use_it_up(
    model: str, limit: int | None, vendor: Vendors
) -> None:
    server = await vendor("groq")
    server.script.models = [model]
    async with LLMFactory.create("groq", {"model": model}) as provider:
        async for _ in provider.stream_chat([{"role": "user", "content": "Hello"}]):
            pass
    body = server.asked("/chat/completions")[-1].body
    assert (body.get("max_tokens") or body.get("max_completion_tokens")) == limit


async def test_initialize_without_a_key_is_a_value_error() -> None:
    for provider in (TTSFactory.create("cartesia"), LLMFactory.create("groq")):
        with pytest.raises(ValueError, match="key"):
            await provider.initialize({})
        with pytest.raises(ValueError, match="colour"):
            await provider.initialize({"api_key": "k-12345678", "colour": "blue"})


# -- the three interfaces, implemented by the program -------------------------------------------------------


class OwnSTT(STTProvider):
    def __init__(self) -> None:
        self._client: object | None = None
        self._model = ""

    async def initialize(self, config: dict[str, Any]) -> None:
        self._client = object()
        self._model = config.get("model", "own-1")

    async def stream_transcribe(
        self, audio_stream: AsyncIterator[AudioChunk], language: str = "en", context: str | None = None
    ) -> AsyncIterator[TranscriptChunk]:
        if not self._client:
            raise RuntimeError("client not initialized. Call initialize() first.")
        async for audio_chunk in audio_stream:
            assert audio_chunk.data
        yield TranscriptChunk(text="hello", is_final=True, confidence=0.9)
        yield TranscriptChunk(text="", is_final=True, confidence=1.0)

    def detect_turn_end(self, transcript_chunk: TranscriptChunk | None = None) -> bool:
        assert transcript_chunk is not None
        return transcript_chunk.is_final and not transcript_chunk.text

    async def cleanup(self) -> None:
        self._client = None

    @property
    def name(self) -> str:
        return "own-stt"


class OwnTTS(TTSProvider):
    def __init__(self) -> None:
        self._voice_id = ""

    async def initialize(self, config: dict[str, Any]) -> None:
        if not config.get("api_key"):
            raise ValueError("API key not found in config or environment")
        self._voice_id = config.get("voice_id", "calm")

    async def stream_synthesize(
        self, text: str, voice_id: str, sample_rate: int = 16000, **kwargs: Any
    ) -> AsyncIterator[AudioChunk]:
        for _ in text.split():
            yield AudioChunk(data=bytes(sample_rate // 5), sample_rate=sample_rate, channels=1)

    async def get_available_voices(self) -> list[dict[str, str]]:
        return [{"id": "calm", "name": "Calm", "language": "en", "description": "slow"}]

    async def cleanup(self) -> None:
        self._voice_id = ""

    @property
    def name(self) -> str:
        return "own-tts"


class OwnLLM(LLMProvider):
    async def stream_chat(
        self,
        messages: list[Message],
        system_prompt: str | None = None,
        temperature: float | None = None,
        max_tokens: int | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[str]:
        yield f"{system_prompt}: "
        yield " / ".join(f"{message.role.value} {message.content}" for message in messages)
        yield f" ({temperature}, {max_tokens}, {kwargs})"

    @property
    def supports_streaming(self) -> bool:
        return True


async def test_a_programs_own_three_work_like_ours(tmp_path: Path) -> None:
    STTFactory.register("own-stt", OwnSTT)
    TTSFactory.register("own-tts", OwnTTS)
    LLMFactory.register("own-llm", OwnLLM)
    assert ("own-stt" in STTFactory.list_providers(), "own-stt" in TTSFactory.list_providers()) == (
        True,
        False,
    )
    path = tmp_path / "providers.yaml"
    path.write_text(
        "providers:\n"
        "  stt: {active: own-stt, own-stt: {model: own-9}}\n"
        "  tts: {active: own-tts, own-tts: {api_key: abc-12345, voice_id: calm, sample_rate: 8000}}\n"
        "  llm: {active: own-llm, own-llm: {temperature: 0.4}}\n"
    )
    config = load_config(path)
    async with Client(config) as client:
        heard = await client.transcribe(microphone_frames())
        said = await client.speak("one two three")
        answer = await client.request().system("Be brief").user("hi").max_tokens(7).send()
        voices = await config.tts.voices()
        stt = config.stt
    assert isinstance(stt, OwnSTT)
    assert (heard.text, stt._model) == ("hello", "own-9")
    assert (said.rate_hz, len(said.pcm)) == (8000, 3 * 1600)
    assert answer.text == "Be brief: user hi (0.4, 7, {})"
    assert [voice.description for voice in voices] == ["slow"]
    assert stt._client is None  # cleaned up with the client


async def microphone_frames() -> AsyncIterator[bytes]:
    yield bytes(640)


# -- the validator ------------------------------------------------------------------------------------------


def test_validator_checks_required_vars() -> None:
    """Test that validator identifies missing required vars."""
    validator = ProviderValidator(strict=False)
    all_valid, results = validator.validate_all()

    # Should have errors for missing required vars
    errors = [r for r in results if not r.is_valid]
    assert len(errors) > 0
    assert {"deepgram", "groq", "cartesia"} <= {r.provider for r in errors}
    assert all_valid  # nobody who is in use lacks anything


def test_validator_accepts_configured_vars(monkeypatch: pytest.MonkeyPatch) -> None:
    """Test that validator passes when core vars are configured."""
    test_vars = {
        "DEEPGRAM_API_KEY": "test_key",
        "GROQ_API_KEY": "test_key",
        "CARTESIA_API_KEY": "test_key",
        "SUPABASE_URL": "https://test.supabase.co",
        "SUPABASE_SERVICE_KEY": "test_key",
        "VONAGE_API_KEY": "test_key",
        "VONAGE_API_SECRET": "test_key",
    }
    for var, value in test_vars.items():
        monkeypatch.setenv(var, value)

    validator = ProviderValidator(strict=False)
    _all_valid, results = validator.validate_all()

    successes = [r for r in results if r.is_valid and "WARNING" not in r.message]
    assert len(successes) >= 5
    assert {"deepgram", "groq", "cartesia"} <= {r.provider for r in results if r.is_valid}
    strict = {r.provider: r for r in ProviderValidator(strict=True).validate_all()[1]}
    assert (strict["deepgram"].is_valid, strict["groq"].is_valid) == (True, False)


def test_validator_looks_at_what_is_configured(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert ProviderValidator(load_config(folder)).validate_all()[0]
    assert ProviderValidator(folder).validate_all()[0]
    monkeypatch.setenv("GROQ_API_KEY", "not a key")
    all_valid, results = ProviderValidator(load_config(folder)).validate_all()
    assert not all_valid
    (groq,) = [r for r in results if r.provider == "groq"]
    assert "not look like a key for Groq" in groq.message


# -- text to voice ------------------------------------------------------------------------------------------


class Speaker:
    """A loudspeaker that keeps what it plays."""

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self.played = b""

    def write(self, chunk: bytes) -> None:
        self.played += chunk


async def chat_and_speak(
    user_text: str, conversation_history: list[dict[str, str]], speaker: Speaker
) -> list[dict[str, str]]:
    """Generate LLM response and speak it."""
    print(f"\nYou: {user_text}")
    conversation_history.append({"role": "user", "content": user_text})

    groq = LLMFactory.create("groq", {"api_key": os.getenv("GROQ_API_KEY")})
    messages = [
        {"role": "system", "content": "You are Talky, a helpful voice assistant. Keep responses brief."},
        *conversation_history,
    ]
    ai_response = ""
    print("AI: ", end="", flush=True)
    async for token in groq.stream_chat(
        messages, model="llama-3.1-8b-instant", temperature=0.7, max_tokens=100
    ):
        ai_response += token
        print(token, end="", flush=True)
    print("\n")
    conversation_history.append({"role": "assistant", "content": ai_response})

    cartesia = TTSFactory.create(
        "cartesia", {"api_key": os.getenv("CARTESIA_API_KEY"), "model_id": "sonic-3"}
    )
    try:
        async for chunk in cartesia.stream_synthesize(ai_response, TESSA, sample_rate=speaker.rate):
            speaker.write(chunk.data)
    finally:
        await groq.cleanup()
        await cartesia.cleanup()
    return conversation_history


async def test_text_to_voice(vendor: Vendors, capsys: pytest.CaptureFixture[str]) -> None:
    groq, cartesia = await vendor("groq"), await vendor("cartesia")
    groq.script.models = ["llama-3.1-8b-instant"]
    cartesia.voice_ids = (TESSA,)  # type: ignore[attr-defined]
    speaker = Speaker(22050)
    history = await chat_and_speak("Hello, how are you today?", [], speaker)
    history = await chat_and_speak("And now?", history, speaker)
    assert [message["role"] for message in history] == ["user", "assistant"] * 2
    assert groq.script.reply in capsys.readouterr().out
    assert len(speaker.played) / 2 / speaker.rate > 1
    assert len(groq.asked("/chat/completions")[-1].body["messages"]) == 4
