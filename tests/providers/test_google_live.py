"""Gemini Live beyond what every such vendor promises: its setup, its silences, and its ways of saying goodbye."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from companion.calls import RealtimeChoice
from companion.errors import (
    AIProviderAuthError,
    AIProviderError,
    AIProviderModelNotFoundError,
    AIProviderRateLimitError,
    AIProviderUnavailableError,
    CompanionError,
    Kind,
)
from companion.flow import ChatDelta, HearRequest, Message, Speaker
from companion.providers.provider import Policy
from companion.providers.vendors.google.provider import GoogleProvider
from tests.providers.ear import FRAMES, KEY, Ear
from tests.servers.google_live import GeminiLiveServer
from tests.servers.script import REPLY, TRANSCRIPT


@pytest.fixture
async def server() -> AsyncIterator[GeminiLiveServer]:
    async with GeminiLiveServer() as server:
        yield server


@pytest.fixture
async def provider(server: GeminiLiveServer) -> AsyncIterator[GoogleProvider]:
    async with GoogleProvider(base_url=server.url, api_key=KEY) as provider:
        provider.policy = Policy(attempts=1, breaker=False, first_s=2.0)
        yield provider


async def call(provider: GoogleProvider, choice: RealtimeChoice | None = None) -> Ear:
    return Ear(await provider.realtime(choice or RealtimeChoice()).connect("Listen well."))


async def test_a_conversation_is_opened_as_documented(
    server: GeminiLiveServer, provider: GoogleProvider
) -> None:
    async with await call(provider, RealtimeChoice(voice="Puck", language="en-GB")) as ear:
        await ear.speak(1)
        await server.until(lambda: ear.finish(1) is not None)
    seen = server.asked("/ws/")[0]
    assert seen.path == "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"
    assert seen.headers["x-goog-api-key"] == KEY
    assert server.of("setup") == [
        {
            "model": "models/gemini-3.8-live",
            "generationConfig": {
                "responseModalities": ["AUDIO"],
                "speechConfig": {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Puck"}}},
            },
            "systemInstruction": {"parts": [{"text": "Listen well."}]},
            "realtimeInputConfig": {"automaticActivityDetection": {"disabled": True}},
            "inputAudioTranscription": {"languageCodes": ["en-GB"]},
            "outputAudioTranscription": {},
            "contextWindowCompression": {"slidingWindow": {}},
            "historyConfig": {"initialHistoryInClientContent": True},
        }
    ]
    kinds = [next(iter(each)) for each in server.of("realtimeInput")]
    assert kinds[0] == "activityStart"
    assert kinds[-1] == "activityEnd"
    assert set(kinds[1:-1]) == {"audio"}
    assert sum(server.of("realtimeInput", "audio", "data")) == 40 * len(FRAMES[0])


async def test_what_was_said_before_goes_in_once_and_is_not_answered(
    server: GeminiLiveServer, provider: GoogleProvider
) -> None:
    async with await call(provider) as ear:
        await ear.link.add(Message(Speaker.USER, "I walked to Leith."))
        await ear.link.add(Message(Speaker.ASSISTANT, "How was the sea?"))
        await ear.speak(1)
        await server.until(lambda: ear.finish(1) is not None)
        await ear.speak(2)
        await server.until(lambda: ear.finish(2) is not None)
    assert server.of("clientContent") == [
        {
            "turns": [
                {"role": "user", "parts": [{"text": "I walked to Leith."}]},
                {"role": "model", "parts": [{"text": "How was the sea?"}]},
            ],
            "turnComplete": True,
        }
    ]
    assert [number for number, what in ear.came if isinstance(what, ChatDelta) and what.finish_reason] == [
        1,
        2,
    ]


async def test_words_whose_end_is_not_told_are_known_with_the_answer(
    server: GeminiLiveServer, provider: GoogleProvider
) -> None:
    server.tells_finished = False
    async with await call(provider) as ear:
        await ear.speak(1)
        await server.until(lambda: ear.finish(1) is not None)
        assert ear.said(1) == [TRANSCRIPT]
        server.script.token_delay_s = 0.02
        await ear.speak(2)
        await server.until(lambda: ear.sound_s(2) > 0.2)
        await ear.link.interrupt(2, 0.1)
        server.script.token_delay_s = 0
        await ear.speak(3)
        await server.until(lambda: ear.finish(3) is not None)
    assert [ear.said(turn) for turn in (2, 3)] == [[TRANSCRIPT], [TRANSCRIPT]]


async def test_a_pause_in_a_take_is_not_its_end(server: GeminiLiveServer, provider: GoogleProvider) -> None:
    """The vendor may call an utterance finished while the key is still held."""
    async with await call(provider) as ear:
        for frame in FRAMES[:8]:
            await ear.link.append(1, frame)
        await server.until(lambda: bool(server.of("realtimeInput", "audio")))
        await server.sessions[0].say(serverContent={"inputTranscription": {"text": "", "finished": True}})
        await ear.speak(1)
        await server.until(lambda: ear.finish(1) is not None)
    assert ear.said(1) == [TRANSCRIPT]


async def test_the_model_is_told_how_much_of_its_answer_was_heard(
    server: GeminiLiveServer, provider: GoogleProvider
) -> None:
    """It makes sound faster than anybody listens, and would believe it said everything."""
    async with await call(provider) as ear:
        await ear.speak(1)
        await server.until(lambda: ear.finish(1) is not None)
        await ear.link.interrupt(1, ear.sound_s(1) / 2)
        await ear.speak(2)
        await server.until(lambda: ear.finish(2) is not None)
        await ear.speak(3)
        await server.until(lambda: ear.finish(3) is not None)
    [told] = server.of("realtimeInput", "text")
    assert "only up to" in told
    assert "That sounds like" in told
    assert "the most" not in told


async def test_a_take_in_several_pieces_is_one_question(
    server: GeminiLiveServer, provider: GoogleProvider
) -> None:
    """Somebody lets go of the key and goes on at once: both takes are committed, one answer is asked for."""
    async with await call(provider) as ear:
        for turn in (1, 2):
            for frame in FRAMES[:30]:
                await ear.link.append(turn, frame)
            await ear.link.commit(turn)
        await ear.link.respond(2)
        await server.until(lambda: ear.finish(2) is not None)
    assert " ".join([*ear.said(1), *ear.said(2)]).split() == TRANSCRIPT.split()
    assert len(server.of("realtimeInput", "activityEnd")) == 1


async def test_a_vendor_that_takes_its_leave_finishes_first(
    server: GeminiLiveServer, provider: GoogleProvider
) -> None:
    server.script.token_delay_s = 0.01
    async with await call(provider) as ear:
        await ear.speak(1)
        await server.until(lambda: ear.sound_s(1) > 0.2)
        await server.sessions[0].go_away()
        await server.until(lambda: ear.sound_s(1) > 0.4)
        assert ear.link.is_open
        await server.until(lambda: ear.finish(1) is not None)
        await server.until(lambda: not ear.link.is_open)
        await server.sessions[0].hang_up()
        await asyncio.wait_for(ear.task, 5)
    assert ear.text(1) == REPLY
    assert ear.error is None, "it was said before, and nothing was under way"


async def test_a_vendor_that_leaves_in_the_middle_is_a_failure(
    server: GeminiLiveServer, provider: GoogleProvider
) -> None:
    server.script.token_delay_s = 0.02
    ear = await call(provider)
    await ear.speak(1)
    await server.until(lambda: ear.sound_s(1) > 0.2)
    await server.sessions[0].go_away()
    await server.sessions[0].hang_up(1001)
    await asyncio.wait_for(ear.task, 5)
    assert ear.error is not None
    assert ear.error.kind is Kind.UNAVAILABLE


@pytest.mark.parametrize(
    ("code", "reason", "error", "kind"),
    [
        (1008, "API key not valid. Please pass a valid API key.", AIProviderAuthError, Kind.KEY_REFUSED),
        (1007, "API key expired. Please renew the API key.", AIProviderAuthError, Kind.KEY_REFUSED),
        (1008, "models/x is not found for API version v1beta", AIProviderModelNotFoundError, Kind.MODEL_UNKNOWN),
        (1011, "You exceeded your current quota, please check.", AIProviderRateLimitError, Kind.RATE_LIMITED),
        (1011, "Internal error encountered.", AIProviderUnavailableError, Kind.UNAVAILABLE),
        (1007, "User location is not supported for the API use.", AIProviderAuthError, Kind.FORBIDDEN),
    ],
)  # fmt: skip
async def test_a_socket_that_is_closed_at_once_says_why(
    server: GeminiLiveServer,
    provider: GoogleProvider,
    *,
    code: int,
    reason: str,
    error: type[AIProviderError],
    kind: Kind,
) -> None:
    server.close_code, server.close_reason = code, reason
    with pytest.raises(error) as caught:
        await call(provider)
    assert (caught.value.kind, caught.value.status) == (kind, None)


async def test_a_wrong_key_and_an_unknown_model_are_told_at_the_setup(
    server: GeminiLiveServer, provider: GoogleProvider
) -> None:
    with pytest.raises(AIProviderModelNotFoundError):
        await call(provider, RealtimeChoice(model="gemini-1-live"))
    server.script.keys = ["another"]
    with pytest.raises(AIProviderAuthError):
        await call(provider)
    await server.until(lambda: not server.open_sockets)


async def test_an_answer_that_is_stopped_keeps_what_was_said(
    server: GeminiLiveServer, provider: GoogleProvider
) -> None:
    server.end_reason = "GENERATED_AUDIO_SAFETY"
    async with await call(provider) as ear:
        await ear.speak(1)
        await server.until(lambda: ear.finish(1) is not None)
    last = ear.finish(1)
    assert last is not None
    assert last.finish_reason == "content_filter"
    assert ear.text(1) == REPLY


async def test_silence_sends_nothing_and_forgets_nothing(
    server: GeminiLiveServer, provider: GoogleProvider
) -> None:
    """Less than one block was recorded: the vendor has heard nothing, so there is nothing it must forget."""
    async with await call(provider) as ear:
        await ear.link.append(1, FRAMES[0])
        await ear.link.clear()
        assert ear.link.is_open
        await ear.speak(2)
        await server.until(lambda: ear.finish(2) is not None)
    assert not [number for number, what in ear.came if isinstance(what, CompanionError)]


# -- hearing ------------------------------------------------------------------------------------------------

LIVE_EAR = "gemini-3.5-transcribe-live"


async def test_a_take_is_heard_while_it_is_spoken(server: GeminiLiveServer, provider: GoogleProvider) -> None:
    partial = asyncio.Event()
    over = False

    async def spoken() -> AsyncIterator[bytes]:
        nonlocal over
        for frame in FRAMES[:60]:
            yield frame
        await asyncio.wait_for(partial.wait(), 5)
        over = True
        yield FRAMES[60]

    request = HearRequest(frames=spoken(), model=LIVE_EAR, language="en-GB", context="Darcy, Bingley")
    before_the_end = 0
    heard = []
    async for transcript in provider.transcribe(request):
        heard.append(transcript)
        before_the_end += not over
        partial.set()
    assert before_the_end >= 1
    assert heard[-1].text == TRANSCRIPT
    assert [transcript.committed_chars for transcript in heard[:2]] == [0, 0], "what is in flux may change"
    assert server.of("setup") == [
        {
            "model": f"models/{LIVE_EAR}",
            "generationConfig": {"responseModalities": ["TEXT"]},
            "realtimeInputConfig": {"automaticActivityDetection": {"disabled": True}},
            "inputAudioTranscription": {
                "languageCodes": ["en-GB"],
                "customVocabulary": ["Darcy", "Bingley"],
            },
        }
    ]
    kinds = [next(iter(each)) for each in server.of("realtimeInput")]
    assert (kinds[0], kinds[-1], set(kinds[1:-1])) == ("activityStart", "activityEnd", {"audio"})
    assert sum(server.of("realtimeInput", "audio", "data")) == 61 * len(FRAMES[0])
    assert not server.asked("streamGenerateContent")


async def test_utterances_of_a_take_are_joined_and_settled_one_by_one(
    server: GeminiLiveServer, provider: GoogleProvider
) -> None:
    server.script.empty = True
    settled = asyncio.Event()

    async def spoken() -> AsyncIterator[bytes]:
        for frame in FRAMES[:10]:
            yield frame
        await server.until(lambda: bool(server.of("realtimeInput", "audio")))
        session = server.sessions[0]
        await session.say(serverContent={"interimInputTranscription": {"text": "it rained"}})
        await session.say(serverContent={"inputTranscription": {"text": "It rained."}})
        await session.say(serverContent={"generationComplete": True})
        await session.say(serverContent={"interimInputTranscription": {"text": "i stayed in"}})
        await asyncio.wait_for(settled.wait(), 5)
        await session.say(serverContent={"inputTranscription": {"text": "I stayed in."}})
        await session.say(serverContent={"generationComplete": True})
        yield FRAMES[10]

    heard = []
    async for transcript in provider.transcribe(HearRequest(frames=spoken(), model=LIVE_EAR)):
        heard.append(transcript)
        if "stayed" in transcript.text:
            settled.set()
    assert [(each.text, each.committed_chars) for each in heard[:3]] == [
        ("it rained", 0),
        ("It rained.", 10),
        ("It rained. i stayed in", 10),
    ]
    assert heard[-1].text == "It rained. I stayed in."
    assert heard[-1].is_final
