"""OpenAI's dialect: what its streams, its recognition and its speech do beyond the contract."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from companion.errors import (
    AIProviderContentRefusedError,
    AIProviderError,
    AIProviderInvalidRequestError,
    AIProviderModelNotFoundError,
    AIProviderQuotaError,
    AIProviderRateLimitError,
    AIProviderStreamCutError,
    AIProviderUnavailableError,
    Kind,
)
from companion.flow import ChatDelta, ChatRequest, HearRequest, Message, Role, Speaker, SpeakRequest
from companion.providers.openai import SPEC, OpenAIProvider
from tests.servers import OpenAIServer

KEY = "sk-openai-0123456789abcdef"
REQUEST = ChatRequest(messages=(Message(Speaker.USER, "Hello"),))


@pytest.fixture
async def server() -> AsyncIterator[OpenAIServer]:
    async with OpenAIServer() as server:
        yield server


@pytest.fixture
async def provider(server: OpenAIServer) -> AsyncIterator[OpenAIProvider]:
    async with OpenAIProvider(base_url=server.url, api_key=KEY) as provider:
        yield provider


async def _ask(provider: OpenAIProvider, request: ChatRequest = REQUEST) -> list[ChatDelta]:
    return [delta async for delta in provider.chat(request)]


async def _take(frames: int = 50) -> AsyncIterator[bytes]:
    for _ in range(frames):
        yield b"\x10\x00" * 320


def _stream(*chunks: object, done: bool = True) -> str:
    lines = [chunk if isinstance(chunk, str) else json.dumps(chunk) for chunk in chunks]
    return "".join(f"data: {line}\n\n" for line in [*lines, *(["[DONE]"] if done else [])])


def _says(text: object, finish: str | None = None) -> dict[str, object]:
    return {"model": "m", "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": finish}]}


# -- chat ---------------------------------------------------------------------------------------------------


async def test_what_is_asked_for_is_sent_and_nothing_else(
    provider: OpenAIProvider, server: OpenAIServer
) -> None:
    await _ask(provider)
    bare = server.requests[-1].body
    assert set(bare) == {"model", "messages", "stream", "stream_options"}
    assert bare["model"] == SPEC.default_models[Role.THINKS]
    full = ChatRequest(
        messages=REQUEST.messages, model="gpt-7", max_tokens=9, temperature=0.4, stop=("X",), top_p=0.9, seed=7,
        frequency_penalty=0.1, presence_penalty=0.2, user="u-1", metadata={"a": "b"}, reasoning_effort="low",
    )  # fmt: skip
    *_, last = await _ask(provider, full)
    sent = server.requests[-1].body
    assert {name: sent[name] for name in sent.keys() - bare.keys()} == {
        "max_completion_tokens": 9, "temperature": 0.4, "stop": ["X"], "top_p": 0.9, "seed": 7,
        "frequency_penalty": 0.1, "presence_penalty": 0.2, "user": "u-1", "metadata": {"a": "b"},
        "reasoning_effort": "low",
    }  # fmt: skip
    assert last.notices == ()


async def test_what_the_model_does_not_take_is_left_out_and_told(
    provider: OpenAIProvider, server: OpenAIServer
) -> None:
    request = ChatRequest(
        messages=REQUEST.messages, model="gpt-6-luna", temperature=0.4, top_p=0.5, stop=("X",)
    )
    *_, last = await _ask(provider, request)
    assert not server.requests[-1].body.keys() & {"temperature", "top_p"}
    assert server.requests[-1].body["stop"] == ["X"]
    assert last.notices == (
        "GPT-6 Luna takes no temperature; it was left out.",
        "GPT-6 Luna takes no top-p; it was left out.",
    )


async def test_a_choice_of_account_in_the_environment_is_not_sent(
    provider: OpenAIProvider, server: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (
        "OPENAI_ORG_ID",
        "OPENAI_PROJECT_ID",
        "OPENAI_ADMIN_KEY",
        "OPENAI_BASE_URL",
        "OPENAI_API_KEY",
    ):
        monkeypatch.setenv(name, "from-the-environment")
    await _ask(provider)
    assert "from-the-environment" not in str(server.requests[-1].headers)


@pytest.mark.parametrize(
    ("chunks", "expected"),
    [
        ([{"choices": [], "prompt_filter_results": []}, _says("Hi", "stop")], "Hi"),
        ([_says("Hi"), {"choices": [{"delta": {}, "finish_reason": "stop"}]}], "Hi"),
        ([_says("Hi"), {"choices": [{"delta": None, "finish_reason": "stop"}]}], "Hi"),
        ([_says([{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "Hi"}], "stop")], "Hi"),
        ([_says("Hi"), _says(None, "stop"), {"choices": [], "usage": None}], "Hi"),
        ([_says("Hi"), {"choices": None}, _says("", "stop")], "Hi"),
        ([_says("Hi", "tool_calls")], "Hi"),
    ],
)
async def test_shapes_of_compatible_servers_are_understood(
    provider: OpenAIProvider, server: OpenAIServer, chunks: list[object], expected: str
) -> None:
    server.script.raw = _stream(*chunks)
    deltas = await _ask(provider)
    assert "".join(delta.text for delta in deltas) == expected
    assert deltas[-1].finish_reason == "stop"


@pytest.mark.parametrize("done", [True, False])
async def test_done_alone_is_no_end_and_a_finish_reason_alone_is(
    provider: OpenAIProvider, server: OpenAIServer, done: bool
) -> None:
    server.script.raw = _stream(_says("Hi"), done=True)
    with pytest.raises(AIProviderStreamCutError):
        await _ask(provider)
    server.script.raw = _stream(_says("Hi", "stop"), done=done)
    assert (await _ask(provider))[-1].finish_reason == "stop"


async def test_a_connection_left_open_after_the_last_word_does_not_hold_the_turn(
    provider: OpenAIProvider, server: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("companion.providers.faults.LINGER_S", 0.05)
    server.script.hang_at_end = True
    async with asyncio.timeout(10):  # far below the gate's own patience
        server.script.raw = _stream(_says("Hi", "stop"), done=False)
        assert [delta.text or delta.finish_reason for delta in await _ask(provider)] == ["Hi", "stop"]
        server.script.raw = _stream(_says("Hi", "stop"), done=True)
        assert (await _ask(provider))[-1].finish_reason == "stop"


@pytest.mark.parametrize(
    ("chunk", "error"),
    [
        ({"error": {"message": "no", "code": 502, "metadata": {}}}, AIProviderUnavailableError),
        ({"error": {"message": "slow", "code": 429}}, AIProviderRateLimitError),
        ({"error": {"message": "x", "type": "insufficient_quota"}}, AIProviderQuotaError),
        (
            {"object": "error", "message": "x", "code": "context_length_exceeded"},
            AIProviderInvalidRequestError,
        ),
        ({"error": {"message": "x", "type": "invalid_request_error"}}, AIProviderInvalidRequestError),
        ({"error": "the model exploded"}, AIProviderUnavailableError),
        (_says("", "error"), AIProviderUnavailableError),
        (_says(None, "content_filter"), AIProviderContentRefusedError),
        ({"choices": "zz"}, AIProviderStreamCutError),
        ("[1, 2]", AIProviderStreamCutError),
        ('"text"', AIProviderStreamCutError),
        ("[" * 100_000, AIProviderStreamCutError),
    ],
)
async def test_what_goes_wrong_inside_a_stream_has_its_name(
    provider: OpenAIProvider, server: OpenAIServer, chunk: object, error: type[AIProviderError]
) -> None:
    said_first = [] if error is AIProviderContentRefusedError else [_says("Well, ")]
    server.script.raw = _stream(*said_first, chunk)
    with pytest.raises(AIProviderError) as caught:
        await _ask(provider)
    assert type(caught.value) is error


async def test_broken_utf8_never_escapes_as_a_decoder_error(
    provider: OpenAIProvider, server: OpenAIServer
) -> None:
    server.script.raw = _stream(_says("Hi")) + "data: \udcff\udcfe\n\n"
    with pytest.raises(AIProviderStreamCutError):
        await _ask(provider)


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (429, "insufficient_quota", (AIProviderQuotaError, Kind.NO_CREDIT)),
        (400, "context_length_exceeded", (AIProviderInvalidRequestError, Kind.INVALID_REQUEST)),
        (404, "model_not_found", (AIProviderModelNotFoundError, Kind.MODEL_UNKNOWN)),
        (400, "content_policy_violation", (AIProviderContentRefusedError, Kind.CONTENT_REFUSED)),
    ],
)
async def test_a_code_says_more_than_its_status(
    provider: OpenAIProvider, server: OpenAIServer, status: int, code: str, expected: tuple[type, Kind]
) -> None:
    server.script.status, server.script.code = status, code
    with pytest.raises(AIProviderError) as caught:
        await _ask(provider)
    assert (type(caught.value), caught.value.kind) == expected
    assert caught.value.request_id == "req_test_1"


async def test_a_refused_parameter_is_quoted_for_the_person(
    provider: OpenAIProvider, server: OpenAIServer
) -> None:
    server.script.status, server.script.message = 400, "Unsupported value:\n'temperature' must be 1."
    with pytest.raises(AIProviderInvalidRequestError) as caught:
        await _ask(provider)
    assert "Unsupported value: 'temperature' must be 1." in caught.value.hint


async def test_an_address_without_the_service_is_not_a_missing_model(
    provider: OpenAIProvider, server: OpenAIServer
) -> None:
    server.script.status, server.script.html = 404, True
    with pytest.raises(AIProviderError) as caught:
        await _ask(provider)
    assert caught.value.kind is Kind.NOT_AN_API
    server.script.html = False
    health = await provider.check()
    assert "not its service" in health.detail


# -- hearing ------------------------------------------------------------------------------------------------


async def test_the_take_is_sent_as_a_recording_with_its_hints(
    provider: OpenAIProvider, server: OpenAIServer
) -> None:
    request = HearRequest(frames=_take(), language="en-GB", context="Leith, Portobello")
    [transcript async for transcript in provider.transcribe(request)]
    seen = server.requests[-1]
    assert seen.body["file"] == {"filename": "take.wav", "content_type": "audio/wav", "size": 44 + 50 * 640}
    assert seen.files["file"][44:] == b"\x10\x00" * 320 * 50
    assert seen.body["language"] == "en"
    assert seen.body["prompt"] == "Leith, Portobello"
    assert seen.body["response_format"] == "json"
    assert seen.body["stream"] == "true"


async def test_partial_words_grow_and_do_not_change(provider: OpenAIProvider) -> None:
    heard = [transcript async for transcript in provider.transcribe(HearRequest(frames=_take()))]
    partial = heard[:-1]
    assert all(t.committed_chars == len(t.text) > 0 for t in partial)


async def test_a_model_that_cannot_stream_is_not_asked_to(
    provider: OpenAIProvider, server: OpenAIServer
) -> None:
    request = HearRequest(frames=_take(), model="whisper-1")
    heard = [transcript async for transcript in provider.transcribe(request)]
    assert [(t.text, t.is_final) for t in heard] == [(server.script.transcript, True)]
    assert "stream" not in server.requests[-1].body


async def test_nothing_recorded_is_nothing_sent(provider: OpenAIProvider, server: OpenAIServer) -> None:
    with pytest.raises(AIProviderError) as caught:
        [transcript async for transcript in provider.transcribe(HearRequest(frames=_take(0)))]
    assert caught.value.kind is Kind.HEARD_NOTHING
    assert not server.requests


async def test_words_that_are_no_transcript_are_told(provider: OpenAIProvider, server: OpenAIServer) -> None:
    server.script.raw, server.script.content_type = "It works!", "text/plain"
    with pytest.raises(AIProviderError) as caught:
        [t async for t in provider.transcribe(HearRequest(frames=_take(), model="whisper-1"))]
    assert caught.value.kind is Kind.NOT_AN_API


async def test_an_error_event_of_the_recogniser_is_an_error(
    provider: OpenAIProvider, server: OpenAIServer
) -> None:
    server.script.raw = _stream({"type": "error", "code": "insufficient_quota", "message": "x"})
    with pytest.raises(AIProviderQuotaError):
        [transcript async for transcript in provider.transcribe(HearRequest(frames=_take()))]


# -- speaking -----------------------------------------------------------------------------------------------


async def test_voice_speed_and_model_reach_the_vendor(provider: OpenAIProvider, server: OpenAIServer) -> None:
    [chunk async for chunk in provider.speak(SpeakRequest(text="Hello."))]
    assert server.requests[-1].body == {
        "model": "gpt-4o-mini-tts",
        "input": "Hello.",
        "voice": "alloy",
        "response_format": "pcm",
    }
    provider.tts_voice = "sage"
    [chunk async for chunk in provider.speak(SpeakRequest(text="Hello.", speed=1.5, model="tts-1"))]
    sent = server.requests[-1].body
    assert (sent["voice"], sent["speed"], sent["model"]) == ("sage", 1.5, "tts-1")
    [chunk async for chunk in provider.speak(SpeakRequest(text="Hello.", voice="coral"))]
    assert server.requests[-1].body["voice"] == "coral"


async def test_sound_arrives_while_it_is_made(provider: OpenAIProvider, server: OpenAIServer) -> None:
    server.script.token_delay_s = 0.02
    sound = provider.speak(SpeakRequest(text="This is a sentence of some length."))
    first = await anext(sound)
    assert first.rate_hz == 24_000
    assert server.requests[-1].ended_at is None, "nothing was heard before all of it was made"
    await sound.aclose()  # type: ignore[attr-defined]


@pytest.mark.parametrize("head", ["RIFF....WAVEfmt ", "ID3\x04tag", "OggS\x00", "fLaC\x00"])
async def test_a_file_is_not_played_as_bare_sound(
    provider: OpenAIProvider, server: OpenAIServer, head: str
) -> None:
    server.script.raw, server.script.content_type = head + "x" * 100, "application/octet-stream"
    with pytest.raises(AIProviderError) as caught:
        [chunk async for chunk in provider.speak(SpeakRequest(text="Hello."))]
    assert caught.value.kind is Kind.VOICE_FAILED


async def test_the_simple_way_to_speak_gives_an_mp3(provider: OpenAIProvider) -> None:
    mp3 = await provider.generate_tts("Hello there.", "nova")
    assert mp3[:3] == b"ID3" or mp3[0] == 0xFF


async def test_thirteen_voices_are_known_without_asking(
    provider: OpenAIProvider, server: OpenAIServer
) -> None:
    voices = await provider.get_available_voices()
    assert len(voices) == len(set(voices)) == 13
    assert not server.requests
    for voice in voices:
        assert [chunk async for chunk in provider.speak(SpeakRequest(text="Hi.", voice=voice))]
