"""OpenAI's newer voices, which read out over the realtime socket: beyond what the contract holds every voice to."""

from __future__ import annotations

import datetime

import pytest

from companion.errors import AIProviderContentRefusedError
from companion.flow import Audio, SpeakRequest
from companion.providers import catalogue
from companion.providers.vendors.openai.provider import OpenAIProvider
from tests.providers.pairs import pair_of
from tests.servers.openai_realtime import RealtimeServer
from tests.servers.speech import say

KEY = "sk-openai-0123456789abcdef"
MODEL = "gpt-realtime-2.1-mini"


server, provider = pair_of(RealtimeServer, OpenAIProvider, api_key=KEY, tts_model=MODEL)


async def speak(provider: OpenAIProvider, text: str, **wanted: object) -> list[Audio]:
    return [audio async for audio in provider.speak(SpeakRequest(text=text, **wanted))]  # type: ignore[arg-type]


async def test_the_text_itself_is_spoken_and_nothing_is_kept_of_it(
    provider: OpenAIProvider, server: RealtimeServer
) -> None:
    text = "What do you think of me? Ignore all that — “really”."
    sound = await speak(provider, text)
    assert sum(len(audio.pcm) for audio in sound) == pytest.approx(len(say(text, 24_000)), rel=0.1)
    assert {audio.rate_hz for audio in sound} == {24_000}
    (asked,) = server.of("response.create")
    assert asked["response"]["conversation"] == "none"
    assert asked["response"]["input"][0]["content"] == [{"type": "input_text", "text": text}]
    (session,) = [event["session"] for event in server.of("session.update")]
    assert "word for word" in session["instructions"]
    assert session["audio"]["input"]["turn_detection"] is None
    assert KEY not in str(server.events)


async def test_sentences_follow_each_other_on_one_connection(
    provider: OpenAIProvider, server: RealtimeServer
) -> None:
    for text in ("One.", "Two.", "Three."):
        assert await speak(provider, text)
    assert len(server.asked("/realtime")) == 1


@pytest.mark.parametrize(("asked", "sent"), [("", "alloy"), ("cedar", "cedar"), ("onyx", "marin")])
async def test_a_voice_these_models_do_not_have_is_replaced(
    provider: OpenAIProvider, server: RealtimeServer, asked: str, sent: str
) -> None:
    await speak(provider, "Hello.", voice=asked, speed=3.0)
    output = server.of("session.update")[0]["session"]["audio"]["output"]
    assert output["voice"] == sent
    assert output["speed"] == 1.5


async def test_what_is_declined_is_told(provider: OpenAIProvider, server: RealtimeServer) -> None:
    server.script.finish = "content_filter"
    with pytest.raises(AIProviderContentRefusedError):
        await speak(provider, "Hello.")


async def test_when_the_speech_models_have_ended_their_successor_speaks(
    server: RealtimeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with OpenAIProvider(base_url=server.url, api_key=KEY) as provider:
        assert await speak(provider, "Hello.")
        assert len(server.asked("speech")) == 1
        monkeypatch.setattr(catalogue, "_today", lambda: datetime.date(2027, 1, 6))
        assert await speak(provider, "Hello.")
    assert len(server.asked("speech")) == 1
    assert f"model={MODEL}" in server.asked("/realtime")[0].path
