"""Programs of the second document: a voice of one's own that connects, hears and speaks, with its settings and factory."""

from __future__ import annotations

import asyncio
import io
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Optional
from unittest.mock import AsyncMock

import pytest

from companion.errors import AIProviderInvalidRequestError, AIProviderUnavailableError
from companion.flow import Audio, HearRequest, SpeakRequest
from companion.kinds import Role
from companion.pcm import to_mp3
from companion.providers import (
    AIProviderError,
    AIProviderFactory,
    BaseVoiceProvider,
    Client,
    LLMFactory,
    ProviderException,
    TranscriptionResult,
    TTSError,
    VADInfo,
    VoiceProviderConfig,
    VoiceProviderFactory,
    validate,
)
from companion.providers.provider import opened
from tests.programs.conftest import Vendors

logger = logging.getLogger(__name__)


@dataclass
class Result:
    text: str
    start_time: float
    is_final: bool


class MyProviderClient:
    """The vendor's own client, as the document imagines it."""

    def __init__(self, api_key: str) -> None:
        self.api_key = api_key
        self.closed = False

    async def tts(self, text: str) -> AsyncIterator[bytes]:
        if text == "fail":
            raise ConnectionError("the vendor hung up")
        for _ in text.split():
            yield bytes(4800)

    async def stt(self, audio_stream: AsyncIterator[bytes]) -> AsyncIterator[Result]:
        async for _ in audio_stream:
            pass
        yield Result("it", 0.0, False)
        yield Result("it rained", 0.0, True)
        yield Result("all day", 1.5, True)

    async def close(self) -> None:
        self.closed = True


class MyProviderConfig(VoiceProviderConfig):
    provider_name: str = "myprovider"
    api_key: str
    setting: str = "default"


class MyProvider(BaseVoiceProvider):
    def __init__(self, config: MyProviderConfig):
        super().__init__(config)
        self.config: MyProviderConfig = config
        self.client: MyProviderClient | None = None

    async def connect(self) -> None:
        self.client = MyProviderClient(api_key=self.config.api_key)
        self._connected = True

    async def disconnect(self) -> None:
        if self.client:
            await self.client.close()
        self._connected = False

    async def text_to_speech(self, text: str, stream: bool = True) -> AsyncIterator[bytes]:
        assert self.client is not None
        async for chunk in self.client.tts(text):
            yield chunk

    async def speech_to_text(self, audio_stream: AsyncIterator[bytes]) -> AsyncIterator[TranscriptionResult]:
        assert self.client is not None
        async for result in self.client.stt(audio_stream):
            yield TranscriptionResult(
                text=result.text,
                start_s=result.start_time,
                is_final=result.is_final,
            )

    async def get_vad_info(self) -> Optional[VADInfo]:  # noqa: UP045 - as the document writes it
        return None


@pytest.fixture
def my_provider() -> MyProvider:
    config = MyProviderConfig(api_key="test-key")
    return MyProvider(config)


async def take() -> AsyncIterator[bytes]:
    for _ in range(3):
        yield bytes(640)


# -- the tests the document shows ---------------------------------------------------------------------------


async def test_connect(my_provider: MyProvider) -> None:
    assert not my_provider.is_connected
    await my_provider.connect()
    assert my_provider.is_connected
    await my_provider.disconnect()
    assert not my_provider.is_connected


async def test_tts(my_provider: MyProvider) -> None:
    await my_provider.connect()

    chunks = []
    async for chunk in my_provider.text_to_speech("Hello"):
        chunks.append(chunk)

    assert len(chunks) > 0


async def test_ours_may_also_be_awaited(vendor: Vendors) -> None:
    await vendor("openai")
    async with AIProviderFactory.create("openai") as provider:
        await provider.connect()
        assert provider.is_connected
        whole = await provider.text_to_speech("Hello there")
        pieces = [chunk async for chunk in provider.text_to_speech("Hello there")]
        at_once = [chunk async for chunk in provider.text_to_speech("Hello there", stream=False)]
        await provider.disconnect()
        assert not provider.is_connected
    assert b"".join(pieces) == whole == at_once[0]
    assert len(pieces) > len(at_once) == 1


async def test_stt_and_vad(my_provider: MyProvider) -> None:
    await my_provider.connect()
    results = [result async for result in my_provider.speech_to_text(take())]
    assert [result.text for result in results] == ["it", "it rained", "all day"]
    assert await my_provider.get_vad_info() is None


# -- the same class everywhere else -------------------------------------------------------------------------


async def test_it_hears_and_speaks_for_the_client_without_being_connected_first() -> None:
    VoiceProviderFactory.register("myprovider", MyProvider)
    provider = AIProviderFactory.create("myprovider", api_key="test-key")
    assert isinstance(provider, MyProvider)
    assert provider.spec.roles == {Role.HEARS, Role.SPEAKS}
    async with Client(provider) as client:
        heard = await client.transcribe(take())
        said = await client.speak("one two three")
    assert (heard.text, heard.is_final) == ("it rained all day", True)
    assert (said.rate_hz, len(said.pcm)) == (24_000, 3 * 4800)
    assert (await validate(provider)).ok
    vendor = provider.client
    assert vendor is not None
    await provider.aclose()
    assert vendor.closed
    assert not provider.is_connected


async def test_the_contracts_calls_work_too(my_provider: MyProvider) -> None:
    async with opened(my_provider.stacked(my_provider.transcribe), HearRequest(frames=take())) as words:
        heard = [transcript async for transcript in words]
    assert [one.text for one in heard] == ["it", "it rained", "it rained all day", "it rained all day"]
    assert [one.is_final for one in heard] == [False, False, False, True]
    async with opened(my_provider.stacked(my_provider.speak), SpeakRequest(text="one")) as sound:
        assert [chunk.rate_hz async for chunk in sound] == [24_000]
    assert (await my_provider.generate_tts("one two"))[:1] in (b"I", b"\xff")


async def test_two_first_calls_at_once_connect_once(my_provider: MyProvider) -> None:
    connected = []
    connect = my_provider.connect

    async def slowly() -> None:
        connected.append(1)
        await asyncio.sleep(0)
        await connect()

    my_provider.connect = slowly  # type: ignore[method-assign]
    client = Client(my_provider)
    await asyncio.gather(client.speak("one"), client.speak("two"), client.transcribe(take()))
    assert connected == [1]


async def test_its_faults_are_ours(my_provider: MyProvider) -> None:
    my_provider.policy = AIProviderFactory.create("mock").policy
    with pytest.raises(AIProviderUnavailableError, match="hung up") as caught:
        await my_provider.generate_tts("fail")
    assert isinstance(caught.value.original_error, ConnectionError)


# -- configuration, factory, environment --------------------------------------------------------------------


def test_a_config_takes_its_values_by_name_and_never_shows_its_key() -> None:
    config = MyProviderConfig(api_key="secret-key-1234")
    assert (config.provider_name, config.api_key, config.setting) == (
        "myprovider",
        "secret-key-1234",
        "default",
    )
    assert "secret" not in f"{config!r} {config}"
    with pytest.raises(TypeError):
        MyProviderConfig(api_key="k", colour="blue")  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="api_key"):
        MyProviderConfig()  # type: ignore[call-arg]


@pytest.mark.parametrize("prefix", ["MY_PROVIDER", "MYPROVIDER"])
def test_the_environment_of_the_document(prefix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICE_PROVIDER", "myprovider")
    monkeypatch.setenv(f"{prefix}_API_KEY", "your_api_key_here")
    monkeypatch.setenv(f"{prefix}_SETTING", "special")
    VoiceProviderFactory.register("myprovider", MyProvider)
    for made in (VoiceProviderFactory.create_provider(), VoiceProviderFactory.create("MyProvider")):
        assert isinstance(made, MyProvider)
        assert (made.config.api_key, made.config.setting) == ("your_api_key_here", "special")
    assert "myprovider" in VoiceProviderFactory.list_providers()


def test_a_config_inside_a_function_is_found_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    class LocalConfig(VoiceProviderConfig):
        pitch: int = 3

    class Local(BaseVoiceProvider):
        def __init__(self, config: LocalConfig) -> None:
            super().__init__(config)

        async def text_to_speech(self, text: str, stream: bool = True) -> AsyncIterator[bytes]:
            yield b""

    monkeypatch.setenv("LOCALVOICE_PITCH", "5")
    VoiceProviderFactory.register("localvoice", Local)
    made = VoiceProviderFactory.create("localvoice", {"voice_id": "calm"})
    assert isinstance(made.config, LocalConfig)
    assert (made.config.pitch, made.config.voice) == (5, "calm")


def test_an_unknown_voice_provider_and_a_missing_key_are_value_errors() -> None:
    with pytest.raises(ValueError, match="hal9000"):
        VoiceProviderFactory.create_provider("hal9000")
    VoiceProviderFactory.register("myprovider", MyProvider)
    with pytest.raises(ValueError, match="key"):
        VoiceProviderFactory.create_provider("myprovider")


async def test_the_error_handling_of_the_document() -> None:
    class Failing(BaseVoiceProvider):
        async def text_to_speech(self, text: str, stream: bool = True) -> AsyncIterator[bytes]:
            raise ProviderException("The vendor is away.", "failing")
            yield b""

    async def program() -> None:
        try:
            await Failing().generate_tts("hello")
        except ProviderException as e:
            logger.info(f"Provider error: {e}")
            raise TTSError(f"Failed to generate speech: {e}") from e

    with pytest.raises(TTSError, match="speech: The vendor is away") as caught:
        await program()
    assert isinstance(caught.value, AIProviderError)


# -- the example: OpenAI ------------------------------------------------------------------------------------


class OpenAIVoiceConfig(VoiceProviderConfig):
    provider_name: str = "openai"
    api_key: str
    model: str = "whisper-1"
    voice: str = "alloy"
    sample_rate_input: int = 16000
    sample_rate_output: int = 24000


class OpenAIVoiceProvider(BaseVoiceProvider):
    """As the document shows it, with an SDK that answers from memory."""

    def __init__(self, config: OpenAIVoiceConfig):
        super().__init__(config)
        self.config: OpenAIVoiceConfig = config
        self.client = AsyncMock()

    async def connect(self) -> None:
        mp3 = to_mp3(Audio(pcm=bytes(24_000), rate_hz=24_000))
        self.client.create_speech.return_value = [mp3[:400], mp3[400:]]
        self.client.create_transcription.return_value = "it rained"
        self._connected = True

    async def disconnect(self) -> None:
        if self.client:
            await self.client.close()
        self._connected = False

    async def text_to_speech(self, text: str, stream: bool = True) -> AsyncIterator[bytes]:
        response = await self.client.create_speech(model="tts-1", voice=self.config.voice, input=text)
        for chunk in response:
            yield chunk

    async def speech_to_text(self, audio_stream: AsyncIterator[bytes]) -> AsyncIterator[TranscriptionResult]:
        audio_data = b""
        async for chunk in audio_stream:
            audio_data += chunk
        response = await self.client.create_transcription(model=self.config.model, file=audio_data)
        yield TranscriptionResult(text=response, start_s=0.0, is_final=True)

    async def get_vad_info(self) -> Optional[VADInfo]:  # noqa: UP045
        return None


async def test_files_of_sound_are_known_by_their_bytes() -> None:
    provider = OpenAIVoiceProvider(OpenAIVoiceConfig(api_key="sk-1234"))
    async with Client(provider) as client:
        said = await client.speak("hello")
        heard = await client.transcribe(take())
    assert (said.rate_hz, heard.text) == (24_000, "it rained")
    assert 0.4 < said.seconds < 0.7
    assert provider.models[Role.THINKS] == "whisper-1"
    assert provider.tts_voice == "alloy"


# -- thinking -----------------------------------------------------------------------------------------------


async def test_an_llm_by_environment(vendor: Vendors, monkeypatch: pytest.MonkeyPatch) -> None:
    server = await vendor("groq")
    monkeypatch.setenv("LLM_PROVIDER", "groq")
    monkeypatch.setenv("GROQ_MODEL", "llama-of-tomorrow")
    monkeypatch.setenv("LLM_TEMPERATURE", "0.2")
    monkeypatch.setenv("LLM_MAX_TOKENS", "77")
    server.script.models = ["llama-of-tomorrow"]
    llm = LLMFactory.create_llm(use_cache=False)
    assert llm is not None
    assert LLMFactory.create_llm() is LLMFactory.create_llm()
    answer = await Client(llm).request().user("hello").send()
    assert answer.text == server.script.reply
    body = server.asked("/chat/completions")[-1].body
    assert (body["model"], body["temperature"]) == ("llama-of-tomorrow", 0.2)
    assert 77 in (body.get("max_tokens"), body.get("max_completion_tokens"))
    await llm.aclose()
    monkeypatch.setenv("LLM_TEMPERATURE", "warm")
    with pytest.raises(AIProviderInvalidRequestError, match="LLM_TEMPERATURE"):
        LLMFactory.create_llm(use_cache=False)


async def test_a_voice_may_be_read_from_a_file(tmp_path: object, my_provider: MyProvider) -> None:
    import soundfile

    mp3 = await my_provider.generate_tts("one two three")
    samples, rate = soundfile.read(io.BytesIO(mp3))
    assert rate == 24_000
    assert len(samples) > 0
