"""OpenAI's realtime socket: our two halves of it, and the vendor's own SDK against the same server."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator

import openai
import pytest

from companion.calls import RealtimeChoice
from companion.errors import (
    AIProviderAuthError,
    AIProviderModelNotFoundError,
    AIProviderQuotaError,
    AIProviderRateLimitError,
    AIProviderUnavailableError,
    Kind,
)
from companion.flow import (
    FRAME_BYTES,
    HearRequest,
    Transcript,
)
from companion.pcm import Resampler
from companion.providers.provider import Policy
from companion.providers.vendors.openai.provider import OpenAIProvider
from companion.providers.vendors.openai.realtime import OpenAIRealtime
from tests.providers.ear import FRAMES, KEY, TAKE, Ear, is_unheard
from tests.servers.openai_realtime import RealtimeServer
from tests.servers.script import REPLY, TRANSCRIPT


@pytest.fixture
async def server() -> AsyncIterator[RealtimeServer]:
    async with RealtimeServer() as server:
        yield server


@pytest.fixture
async def provider(server: RealtimeServer) -> AsyncIterator[OpenAIProvider]:
    provider = OpenAIProvider(api_key=KEY, base_url=server.url, stt_model="gpt-live-transcribe")
    provider.policy = Policy(attempts=1, breaker=False, first_s=2.0)
    yield provider
    await provider.aclose()


async def frames(count: int | None = None) -> AsyncIterator[bytes]:
    for frame in FRAMES[:count]:
        yield frame


async def words(provider: OpenAIProvider, request: HearRequest) -> list[Transcript]:
    return [transcript async for transcript in provider.transcribe(request)]


# -- live transcription -------------------------------------------------------------------------------------


async def test_words_come_while_frames_still_come(server: RealtimeServer, provider: OpenAIProvider) -> None:
    partial = asyncio.Event()
    over = False

    async def spoken() -> AsyncIterator[bytes]:
        nonlocal over
        for frame in FRAMES[:100]:
            yield frame
        await asyncio.wait_for(partial.wait(), 5)
        over = True
        yield FRAMES[100]

    heard: list[Transcript] = []
    before_the_end = 0
    async for transcript in provider.transcribe(HearRequest(frames=spoken())):
        heard.append(transcript)
        before_the_end += not over
        partial.set()
    assert before_the_end >= 1
    assert [t.is_final for t in heard].count(True) == 1
    assert heard[-1].is_final
    assert heard[-1].text == TRANSCRIPT
    assert all(TRANSCRIPT.startswith(t.text) for t in heard)
    assert [t.committed_chars for t in heard[:-1]] == [0] * (len(heard) - 1), "a delta may still be revised"
    assert heard[-1].committed_chars == len(TRANSCRIPT)


async def test_the_session_is_asked_for_as_documented(
    server: RealtimeServer, provider: OpenAIProvider
) -> None:
    await words(provider, HearRequest(frames=frames(), language="en-GB", context="Bingley, Darcy"))
    seen = server.asked("/realtime")[0]
    assert seen.path == "/v1/realtime?intent=transcription"
    assert seen.headers["authorization"] == f"Bearer {KEY}"
    assert server.of("session.update")[0]["session"] == {
        "type": "transcription",
        "audio": {
            "input": {
                "format": {"type": "audio/pcm", "rate": 24_000},
                "transcription": {
                    "model": "gpt-live-transcribe",
                    "language": "en",
                    "prompt": "Bingley, Darcy",
                },
                "turn_detection": None,
            }
        },
    }
    sent = sum(event["audio"] for event in server.of("input_audio_buffer.append"))
    assert sent == pytest.approx(len(FRAMES) * FRAME_BYTES * 1.5, abs=8), "the same length at 24 kHz"
    assert len(server.of("input_audio_buffer.commit")) == 1
    await server.until(lambda: not server.open_sockets)


async def test_a_recogniser_without_prompt_gets_none(
    server: RealtimeServer, provider: OpenAIProvider
) -> None:
    await words(provider, HearRequest(frames=frames(50), model="gpt-realtime-whisper", context="Darcy"))
    heard = server.of("session.update")[0]["session"]["audio"]["input"]["transcription"]
    assert heard == {"model": "gpt-realtime-whisper"}


async def test_other_models_take_whole_recordings(server: RealtimeServer, provider: OpenAIProvider) -> None:
    heard = await words(provider, HearRequest(frames=frames(50), model="gpt-transcribe"))
    assert heard[-1].text == TRANSCRIPT
    assert not server.asked("/realtime")


async def test_items_are_joined_in_the_order_they_were_begun(
    server: RealtimeServer, provider: OpenAIProvider
) -> None:
    server.splits_takes = True
    heard = await words(provider, HearRequest(frames=frames()))
    assert heard[-1].text == f"{TRANSCRIPT} And then some."
    assert [t.is_final for t in heard] == [False] * (len(heard) - 1) + [True]


async def test_a_very_short_take_is_heard_too(server: RealtimeServer, provider: OpenAIProvider) -> None:
    heard = await words(provider, HearRequest(frames=frames(1)))
    assert [t.text for t in heard if t.is_final] == [TRANSCRIPT]


async def test_what_is_known_is_kept_when_the_last_word_does_not_come(
    server: RealtimeServer, provider: OpenAIProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("companion.providers.wire.sockets.LAST_WORD_S", 0.2)
    server.script.stall_after = 3
    heard = await words(provider, HearRequest(frames=frames()))
    assert heard[-1].is_final
    assert TRANSCRIPT.startswith(heard[-1].text)
    assert heard[-1].text


async def test_a_spent_account_and_a_key_that_ended_are_told(
    server: RealtimeServer, provider: OpenAIProvider
) -> None:
    server.script.status, server.script.code = 429, "insufficient_quota"
    for attempt in (
        words(provider, HearRequest(frames=frames(20))),
        OpenAIRealtime(provider, RealtimeChoice()).connect("Hi"),
    ):
        with pytest.raises(AIProviderQuotaError):
            await attempt
    server.script.status, server.script.end_after, server.close_code = 0, 2, 3000
    with pytest.raises(AIProviderAuthError):
        await words(provider, HearRequest(frames=frames()))


async def test_errors_inside_the_socket_have_their_names(
    server: RealtimeServer, provider: OpenAIProvider
) -> None:
    server.fail_words = True
    with pytest.raises(AIProviderUnavailableError):
        await words(provider, HearRequest(frames=frames()))
    server.fail_words, server.script.error_after, server.script.code = False, 1, "rate_limit_exceeded"
    with pytest.raises(AIProviderRateLimitError):
        await words(provider, HearRequest(frames=frames()))
    server.script.models = ["gpt-realtime-2.1"]
    with pytest.raises(AIProviderModelNotFoundError):
        await words(provider, HearRequest(frames=frames()))


# -- speech to speech ---------------------------------------------------------------------------------------


async def hear(provider: OpenAIProvider, choice: RealtimeChoice | None = None) -> Ear:
    return Ear(await OpenAIRealtime(provider, choice or RealtimeChoice()).connect("Listen well."))


async def test_a_conversation_is_asked_for_as_documented(
    server: RealtimeServer, provider: OpenAIProvider
) -> None:
    async with await hear(provider, RealtimeChoice(voice="cedar", speed=1.2)):
        await server.until(lambda: bool(server.of("session.update")))
    assert server.asked("/realtime")[0].path == "/v1/realtime?model=gpt-realtime-2.1"
    session = server.of("session.update")[0]["session"]
    assert session["type"] == "realtime"
    assert session["instructions"] == "Listen well."
    assert session["output_modalities"] == ["audio"]
    assert session["audio"]["input"]["turn_detection"] is None
    assert session["audio"]["output"] == {
        "format": {"type": "audio/pcm", "rate": 24_000},
        "voice": "cedar",
        "speed": 1.2,
    }


async def test_an_interrupted_answer_ends_and_keeps_what_was_heard(
    server: RealtimeServer, provider: OpenAIProvider
) -> None:
    server.script.token_delay_s = 0.02
    async with await hear(provider) as ear:
        await ear.speak(1)
        await server.until(lambda: ear.sound_s(1) > 0.5)
        await ear.link.interrupt(1, 0.34)
        heard = len(ear.came)
        await ear.speak(2)
        await server.until(lambda: ear.finish(2) is not None)
    assert ear.finish(1) is None
    assert all(number != 1 or is_unheard(what) for number, what in ear.came[heard:])
    assert [event["audio_end_ms"] for event in server.of("conversation.item.truncate")] == [340]
    assert len(server.of("response.cancel")) == 1
    assert ear.text(2) == REPLY
    assert not ear.faults(), "the next answer is asked for when the last has ended"


async def test_failures_inside_leave_the_conversation_open(
    server: RealtimeServer, provider: OpenAIProvider
) -> None:
    async with await hear(provider) as ear:
        server.script.finish, server.script.code = "failed", "rate_limit_exceeded"
        server.fail_words = True
        await ear.speak(1)
        await server.until(lambda: len(ear.faults()) == 2)
        assert set(ear.faults()) == {(1, Kind.HEARING_FAILED), (1, Kind.RATE_LIMITED)}
        server.script.finish, server.fail_words = "max_output_tokens", False
        await ear.speak(2)
        await server.until(lambda: ear.finish(2) is not None)
        assert ear.link.is_open
    last = ear.finish(2)
    assert last is not None
    assert last.finish_reason == "length"


# -- the server, by the vendor's own SDK --------------------------------------------------------------------


@pytest.fixture
async def sdk(server: RealtimeServer) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(api_key=KEY, base_url=server.url, max_retries=0) as client:
        yield client


SOUND = base64.b64encode(Resampler(16_000, 24_000).process(TAKE[: 2 * 16_000], last=True)).decode()


async def test_the_sdk_transcribes(sdk: openai.AsyncOpenAI) -> None:
    kinds: list[str] = []
    async with sdk.realtime.connect(extra_query={"intent": "transcription"}) as link:
        hearing = {"format": {"type": "audio/pcm", "rate": 24_000}, "turn_detection": None,
                   "transcription": {"model": "gpt-live-transcribe", "language": "en"}}  # fmt: skip
        await link.session.update(session={"type": "transcription", "audio": {"input": hearing}})  # type: ignore[arg-type,misc]
        await link.input_audio_buffer.append(audio=SOUND)
        await link.input_audio_buffer.commit()
        async for event in link:
            type(event).model_validate(event.to_dict())
            kinds.append(event.type)
            if event.type == "conversation.item.input_audio_transcription.completed":
                assert event.transcript == TRANSCRIPT
                break
    assert kinds[:2] == ["session.created", "session.updated"]
    assert kinds.index("conversation.item.input_audio_transcription.delta") < kinds.index(
        "input_audio_buffer.committed"
    )


async def test_the_sdk_talks_and_interrupts(server: RealtimeServer, sdk: openai.AsyncOpenAI) -> None:
    server.script.token_delay_s = 0.01
    kinds: list[str] = []
    async with sdk.realtime.connect(model="gpt-realtime-2.1-mini") as link:
        await link.session.update(
            session={
                "type": "realtime",
                "audio": {"input": {"turn_detection": None}, "output": {"voice": "sage"}},
            }
        )
        await link.input_audio_buffer.append(audio=SOUND)
        await link.input_audio_buffer.commit()
        await link.response.create()
        blocks = 0
        async for event in link:
            type(event).model_validate(event.to_dict())
            kinds.append(event.type)
            if event.type == "response.output_audio.delta":
                blocks += 1
                if blocks == 3:
                    await link.response.cancel()
                    await link.conversation.item.truncate(
                        item_id=event.item_id, content_index=0, audio_end_ms=150
                    )
            if event.type == "response.done":
                assert event.response.status == "cancelled"
                assert event.response.status_details is not None
                assert event.response.status_details.reason == "client_cancelled"
            if event.type == "conversation.item.truncated":
                assert event.audio_end_ms == 150
                break
        await link.response.cancel()
        refused = await anext(event async for event in link if event.type == "error")
        assert refused.error.code == "response_cancel_not_active"
    order = ["session.created", "session.updated", "input_audio_buffer.committed", "conversation.item.added",
             "response.created", "response.output_item.added", "response.content_part.added",
             "response.output_audio_transcript.delta", "response.output_audio.delta", "response.done"]  # fmt: skip
    assert [kind for at, kind in enumerate(kinds) if kind in order and kind not in kinds[:at]] == order


async def test_the_sdk_is_interrupted_by_speech(server: RealtimeServer, sdk: openai.AsyncOpenAI) -> None:
    server.script.token_delay_s = 0.02
    kinds: list[str] = []
    speech = base64.b64encode(Resampler(16_000, 24_000).process(TAKE[20_000:60_000], last=True)).decode()
    async with sdk.realtime.connect(model="gpt-realtime-2.1") as link:
        await link.conversation.item.create(
            item={"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hello."}]}
        )
        await link.response.create()
        async for event in link:
            kinds.append(event.type)
            if (
                event.type == "response.output_audio.delta"
                and "input_audio_buffer.speech_started" not in kinds
            ):
                await link.input_audio_buffer.append(audio=speech)
            if event.type == "response.done":
                assert event.response.status_details is not None
                assert event.response.status_details.reason == "turn_detected"
                break
    assert "input_audio_buffer.speech_started" in kinds


async def test_the_sdk_is_refused_like_everybody(server: RealtimeServer, sdk: openai.AsyncOpenAI) -> None:
    server.script.keys = ["sk-another"]
    with pytest.raises(Exception, match="401"):
        await sdk.realtime.connect(model="gpt-realtime-2.1").enter()
