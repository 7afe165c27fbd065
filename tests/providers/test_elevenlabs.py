"""ElevenLabs against its server: words while one speaks, sound while the text is written, and what goes wrong meanwhile."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from itertools import pairwise
from typing import Any

import pytest

from companion.errors import (
    AIProviderAuthError,
    AIProviderError,
    AIProviderInvalidRequestError,
    AIProviderModelNotFoundError,
    AIProviderQuotaError,
    AIProviderRateLimitError,
    AIProviderUnavailableError,
    Kind,
)
from companion.flow import Audio, HearRequest, SpeakRequest, Transcript
from companion.providers.vendors.elevenlabs import ElevenLabsProvider
from companion.providers.wire import sockets, voice_sockets
from tests.providers.pairs import pair_of
from tests.providers.spoken import BLOCK, Take, recorded, written
from tests.servers.elevenlabs import GEORGE, ElevenLabsServer
from tests.servers.script import TRANSCRIPT, Seen

KEY = "sk_contract0123456789abcdef"
FIRST, SECOND = "That sounds like a full day.", "What stayed with you the most?"
REALTIME, STREAM_INPUT = "/v1/speech-to-text/realtime", "/stream-input"


server, provider = pair_of(ElevenLabsServer, ElevenLabsProvider, api_key=KEY)


def request(**more: Any) -> HearRequest:
    return HearRequest(frames=recorded(), **more)


async def hear(provider: ElevenLabsProvider, asked: HearRequest | None = None) -> list[Transcript]:
    return [heard async for heard in provider.transcribe(asked or request())]


async def say(provider: ElevenLabsProvider, asked: SpeakRequest) -> list[Audio]:
    return [audio async for audio in provider.speak(asked)]


def both_ways(provider: ElevenLabsProvider) -> Iterator[Any]:
    yield hear(provider)
    yield say(provider, SpeakRequest(text=FIRST))


def talk(server: ElevenLabsServer, path: str) -> Seen:
    return server.asked(path)[-1]


def seconds(text: str) -> Any:
    return pytest.approx(len(text) * 0.06, abs=0.01)


# -- hearing ------------------------------------------------------------------------------------------------


async def test_words_appear_while_the_person_still_speaks(
    server: ElevenLabsServer, provider: ElevenLabsProvider
) -> None:
    take = Take(BLOCK, BLOCK)
    async with aclosing(provider.transcribe(HearRequest(frames=take.frames()))) as words:  # type: ignore[type-var]
        assert (await anext(words)).text == "I"
        heard = await anext(words)
        assert (heard.text, heard.is_final, heard.committed_chars) == ("I had", False, 0)
        take.end()
        rest = [heard async for heard in words]
    assert [heard.text for heard in rest if heard.is_final] == [TRANSCRIPT]
    assert rest[-1].is_final


async def test_what_scribe_commits_by_itself_is_kept_and_joined(
    server: ElevenLabsServer, provider: ElevenLabsProvider
) -> None:
    server.commits_itself_after = 4
    take = Take(*[BLOCK] * 9)
    heard: list[Transcript] = []
    async for one in provider.transcribe(HearRequest(frames=take.frames())):
        heard.append(one)
        if one.committed_chars == len("I had a long day and I am"):
            take.end()
    assert [one.text for one in heard if one.is_final] == [TRANSCRIPT]
    assert any(one.committed_chars == len("I had a long") for one in heard)
    for before, after in pairwise(heard):
        assert after.text.startswith(before.text[: before.committed_chars])


async def test_all_the_sound_and_the_right_words_of_the_handshake_arrive(
    server: ElevenLabsServer, provider: ElevenLabsProvider
) -> None:
    await hear(provider, request(language="en-GB", context="About work"))
    seen = talk(server, REALTIME)
    assert seen.files["audio"] == BLOCK * 12
    assert seen.headers["xi-api-key"] == KEY
    for part in (
        "model_id=scribe_v2_realtime",
        "audio_format=pcm_16000",
        "commit_strategy=manual",
        "language_code=en",
    ):
        assert part in seen.path
    assert KEY not in seen.path
    assert [message.get("previous_text") for message in seen.body] == ["About work", *[None] * 12]
    assert [message["commit"] for message in seen.body] == [False] * 12 + [True]
    assert base64.b64decode(seen.body[0]["audio_base_64"]) == BLOCK


async def test_stopping_to_listen_hangs_up(server: ElevenLabsServer, provider: ElevenLabsProvider) -> None:
    take = Take(BLOCK, BLOCK)
    words = provider.transcribe(HearRequest(frames=take.frames()))
    await anext(words)
    await words.aclose()  # type: ignore[attr-defined]
    seen = talk(server, REALTIME)
    await server.until(lambda: seen.disconnected)
    assert not any(message["commit"] for message in seen.body)


async def test_the_last_word_is_not_waited_for_for_ever(
    server: ElevenLabsServer, provider: ElevenLabsProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sockets, "LAST_WORD_S", 0.1)
    server.script.hang_at_end = True
    assert (await hear(provider))[-1].text == TRANSCRIPT


@pytest.mark.parametrize("code", ["commit_throttled", "insufficient_audio_activity"])
async def test_too_little_to_commit_is_no_failure(
    server: ElevenLabsServer, provider: ElevenLabsProvider, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    server.commit_answer = code
    monkeypatch.setattr(sockets, "LAST_WORD_S", 60)
    async with asyncio.timeout(5):
        heard = await hear(provider, HearRequest(frames=recorded(2)))
    assert [one.text for one in heard if one.is_final] == ["I had"]


@pytest.mark.parametrize("model", ["scribe_v3", "scribe_v2"])
async def test_batch_models_get_the_whole_take_as_a_file(
    server: ElevenLabsServer, provider: ElevenLabsProvider, model: str
) -> None:
    heard = await hear(provider, request(model=model, language="de-AT"))
    assert [(one.text, one.is_final) for one in heard] == [(TRANSCRIPT, True)]
    seen = talk(server, "/v1/speech-to-text")
    assert seen.files["file"].startswith(b"RIFF")
    assert seen.files["file"].endswith(BLOCK * 12)
    assert seen.body["model_id"] == model
    assert seen.body["language_code"] == "de"
    assert seen.body["tag_audio_events"] == "false"
    with pytest.raises(AIProviderError) as caught:
        await hear(provider, HearRequest(frames=recorded(0), model=model))
    assert caught.value.kind is Kind.HEARD_NOTHING


# -- speaking -----------------------------------------------------------------------------------------------


async def test_a_text_is_spoken_in_pieces_of_sound_with_its_words(
    server: ElevenLabsServer, provider: ElevenLabsProvider
) -> None:
    sound = await say(provider, SpeakRequest(text=FIRST, speed=9))
    assert len(sound) > 1
    assert {(audio.rate_hz, audio.piece) for audio in sound} == {(24_000, 0)}
    words = [word for audio in sound for word in audio.words]
    assert [word.text for word in words] == FIRST.split()
    seen = talk(server, STREAM_INPUT)
    assert f"/{GEORGE}/" in seen.path
    for part in ("model_id=eleven_flash_v2_5", "output_format=pcm_24000"):
        assert part in seen.path
    assert seen.headers["xi-api-key"] == KEY
    assert seen.body[0]["text"] == " "
    assert seen.body[0]["voice_settings"] == {"speed": 1.2}
    assert seen.body[1:] == [{"text": FIRST + " ", "flush": True}, {"text": ""}]


@pytest.mark.parametrize("other_spelling", [False, True], ids=["schema", "examples"])
@pytest.mark.parametrize("absolute_times", [False, True], ids=["own clock", "one clock"])
async def test_sentences_are_spoken_in_one_conversation_while_they_are_written(
    server: ElevenLabsServer, provider: ElevenLabsProvider, other_spelling: bool, absolute_times: bool
) -> None:
    server.other_spelling, server.absolute_times = other_spelling, absolute_times
    writing = asyncio.Event()

    async def pieces() -> AsyncIterator[str]:
        yield FIRST
        await writing.wait()
        yield "  "
        yield SECOND

    speech = provider.speak(SpeakRequest(pieces=pieces()))
    sound = [await anext(speech)]
    writing.set()  # the first sound came before the second sentence was written
    sound += [audio async for audio in speech]
    numbers = [audio.piece for audio in sound]
    assert numbers == sorted(numbers)
    assert set(numbers) == {0, 2}
    for piece, text in ((0, FIRST), (2, SECOND)):
        own = [audio for audio in sound if audio.piece == piece]
        assert sum(audio.seconds for audio in own) == seconds(text + " ")
        assert [word.text for audio in own for word in audio.words] == text.split()
    words = [word for audio in sound for word in audio.words]
    assert all(before.end_s <= after.start_s + 0.002 for before, after in pairwise(words))
    said = FIRST + " " + SECOND
    assert words[-1].start_s == pytest.approx(said.rindex("most") * 0.06, abs=0.02)
    assert len(server.asked(STREAM_INPUT)) == 1


async def test_the_last_word_of_a_sentence_is_not_glued_to_the_next(
    server: ElevenLabsServer, provider: ElevenLabsProvider
) -> None:
    server.tells_last_space = False
    sound = await say(provider, SpeakRequest(pieces=written(FIRST, SECOND)))
    words = [word.text for audio in sound for word in audio.words]
    assert words == [*FIRST.split(), *SECOND.split()]
    assert {audio.piece for audio in sound} == {0, 1}


async def test_a_voice_without_times_still_speaks(
    server: ElevenLabsServer, provider: ElevenLabsProvider
) -> None:
    server.aligns = False
    sound = await say(provider, SpeakRequest(pieces=written(FIRST, SECOND)))
    assert sum(audio.seconds for audio in sound) == seconds(f"{FIRST} {SECOND} ")
    assert {audio.piece for audio in sound} == {0}


async def test_interrupting_hangs_up(server: ElevenLabsServer, provider: ElevenLabsProvider) -> None:
    server.script.token_delay_s = 0.05
    speech = provider.speak(SpeakRequest(text=FIRST))
    await anext(speech)
    await speech.aclose()  # type: ignore[attr-defined]
    seen = talk(server, STREAM_INPUT)
    await server.until(lambda: seen.disconnected)


async def test_a_conversation_opened_ahead_is_used(
    server: ElevenLabsServer, provider: ElevenLabsProvider
) -> None:
    await provider.warm()
    assert talk(server, STREAM_INPUT).body == []
    await say(provider, SpeakRequest(text=FIRST))
    assert len(server.asked(STREAM_INPUT)) == 1
    await say(provider, SpeakRequest(text=SECOND))  # a conversation says one thing only
    assert len(server.asked(STREAM_INPUT)) == 2


async def test_a_conversation_opened_ahead_that_died_is_replaced(
    server: ElevenLabsServer, provider: ElevenLabsProvider
) -> None:
    server.script.cut_after, server.script.times = 0, 1
    await provider.warm()
    sound = await say(provider, SpeakRequest(pieces=written(FIRST, SECOND)))
    assert {audio.piece for audio in sound} == {0, 1}
    assert len(server.asked(STREAM_INPUT)) == 2


async def test_an_unused_conversation_closes_by_itself(
    server: ElevenLabsServer, provider: ElevenLabsProvider
) -> None:
    provider._links = voice_sockets.Links(provider._open, idle_s=0.05)
    await provider.warm()
    seen = talk(server, STREAM_INPUT)
    await server.until(lambda: seen.disconnected)


async def test_models_that_take_no_streamed_text_are_asked_sentence_by_sentence(
    server: ElevenLabsServer, provider: ElevenLabsProvider
) -> None:
    server.script.split = True  # inside samples too
    asked = SpeakRequest(pieces=written("Yes.", " ", "And you?"), model="eleven_v3", speed=0.5)
    sound = await say(provider, asked)
    for piece, text in ((0, "Yes."), (2, "And you?")):
        assert sum(audio.seconds for audio in sound if audio.piece == piece) == seconds(text)
    assert all(len(audio.pcm) % 2 == 0 for audio in sound)
    requests = server.asked("/stream?")
    assert [one.body["text"] for one in requests] == ["Yes.", "And you?"]
    assert {one.body["voice_settings"]["speed"] for one in requests} == {0.7}
    assert len({one.peer for one in requests}) == 1, "the connection was not kept"
    server.script.split, server.script.empty = False, True
    with pytest.raises(AIProviderError) as caught:
        await say(provider, SpeakRequest(text=FIRST, model="eleven_v3"))
    assert caught.value.kind is Kind.VOICE_FAILED


# -- voices and readiness -----------------------------------------------------------------------------------


async def test_voices_are_the_vendors_list_and_without_it_the_known_ones(
    server: ElevenLabsServer, provider: ElevenLabsProvider
) -> None:
    first, bare = await provider.voices()
    assert (first.id, first.name, first.language, first.description) == (
        GEORGE,
        "George",
        "en",
        "warm, british",
    )
    assert bare.name == bare.id
    server.script.status = 500
    assert await provider.voices() == provider.spec.voices


async def test_the_check_asks_for_the_account_and_says_what_is_wrong(
    server: ElevenLabsServer, provider: ElevenLabsProvider
) -> None:
    assert (await provider.check()).ok
    assert server.requests[-1].path == "/v1/user"
    server.script.keys = ["another"]
    health = await provider.check()
    assert not health.ok
    assert health.detail == "ElevenLabs did not accept the key."


async def test_a_key_that_may_not_see_the_account_is_still_a_key(
    server: ElevenLabsServer, provider: ElevenLabsProvider
) -> None:
    server.script.status, server.script.code = 401, "missing_permissions"
    assert (await provider.check()).ok
    with pytest.raises(AIProviderAuthError) as caught:
        await hear(provider)
    assert caught.value.kind is Kind.FORBIDDEN


# -- failures -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "case",
    [
        (401, "", AIProviderAuthError, Kind.KEY_REFUSED),
        (401, "quota_exceeded", AIProviderQuotaError, Kind.NO_CREDIT),
        (403, "", AIProviderAuthError, Kind.FORBIDDEN),
        (400, "invalid_model_id", AIProviderModelNotFoundError, Kind.MODEL_UNKNOWN),
        (422, "", AIProviderInvalidRequestError, Kind.INVALID_REQUEST),
        (429, "too_many_concurrent_requests", AIProviderRateLimitError, Kind.RATE_LIMITED),
        (429, "system_busy", AIProviderUnavailableError, Kind.UNAVAILABLE),
        (500, "", AIProviderUnavailableError, Kind.UNAVAILABLE),
    ],
    ids=lambda case: f"{case[0]} {case[1]}",
)
async def test_a_refusal_has_its_name(
    server: ElevenLabsServer, provider: ElevenLabsProvider, case: tuple[int, str, type[AIProviderError], Kind]
) -> None:
    server.script.status, server.script.code, error, kind = case
    batch = hear(provider, request(model="scribe_v3"))
    whole = say(provider, SpeakRequest(text=FIRST, model="eleven_v3"))
    for way in (*both_ways(provider), batch, whole):
        with pytest.raises(error) as caught:
            await way
        assert caught.value.kind is kind
        assert KEY not in str(caught.value) + caught.value.hint


SCRIBE_ERRORS = {
    "auth_error": (AIProviderAuthError, Kind.KEY_REFUSED),
    "quota_exceeded": (AIProviderQuotaError, Kind.NO_CREDIT),
    "unaccepted_terms": (AIProviderAuthError, Kind.FORBIDDEN),
    "rate_limited": (AIProviderRateLimitError, Kind.RATE_LIMITED),
    "input_error": (AIProviderInvalidRequestError, Kind.INVALID_REQUEST),
    "invalid_request": (AIProviderInvalidRequestError, Kind.INVALID_REQUEST),
    "chunk_size_exceeded": (AIProviderInvalidRequestError, Kind.INVALID_REQUEST),
    "error": (AIProviderUnavailableError, Kind.UNAVAILABLE),
    "commit_throttled": (AIProviderUnavailableError, Kind.UNAVAILABLE),
    "transcriber_error": (AIProviderUnavailableError, Kind.UNAVAILABLE),
    "queue_overflow": (AIProviderUnavailableError, Kind.UNAVAILABLE),
    "resource_exhausted": (AIProviderUnavailableError, Kind.UNAVAILABLE),
    "session_time_limit_exceeded": (AIProviderUnavailableError, Kind.UNAVAILABLE),
    "insufficient_audio_activity": (AIProviderUnavailableError, Kind.UNAVAILABLE),
    "an_error_of_next_year": (AIProviderUnavailableError, Kind.UNAVAILABLE),
}


@pytest.mark.parametrize("code", SCRIBE_ERRORS)
async def test_an_error_of_scribe_has_its_name(
    server: ElevenLabsServer, provider: ElevenLabsProvider, code: str
) -> None:
    server.script.error_after, server.script.code = 1, code
    take = Take(BLOCK, BLOCK)  # and the person goes on speaking
    error, kind = SCRIBE_ERRORS[code]
    with pytest.raises(error) as caught:
        await hear(provider, HearRequest(frames=take.frames()))
    assert caught.value.kind is kind


@pytest.mark.parametrize(
    ("code", "error", "kind"),
    [
        ("invalid_api_key", AIProviderAuthError, Kind.KEY_REFUSED),
        ("quota_exceeded", AIProviderQuotaError, Kind.NO_CREDIT),
        ("voice_id_does_not_exist", AIProviderModelNotFoundError, Kind.MODEL_UNKNOWN),
        ("input_timeout_exceeded", AIProviderInvalidRequestError, Kind.INVALID_REQUEST),
        ("internal_error", AIProviderUnavailableError, Kind.UNAVAILABLE),
    ],
)
async def test_an_error_of_the_voice_has_its_name(
    server: ElevenLabsServer,
    provider: ElevenLabsProvider,
    code: str,
    error: type[AIProviderError],
    kind: Kind,
) -> None:
    server.script.error_after, server.script.code = 1, code
    with pytest.raises(error) as caught:
        await say(provider, SpeakRequest(text=FIRST))
    assert caught.value.kind is kind


async def test_an_unknown_voice_is_told_from_an_unknown_model(
    server: ElevenLabsServer, provider: ElevenLabsProvider
) -> None:
    said = await say(provider, SpeakRequest(text=FIRST, voice="nobody", model="eleven_v3"))
    assert "nobody" in said[0].notices[0]
    with pytest.raises(AIProviderModelNotFoundError, match="model"):
        await say(provider, SpeakRequest(text=FIRST, model="eleven_flash_v9"))


# -- the server against the vendor's own client -------------------------------------------------------------


@pytest.fixture
async def sdk(server: ElevenLabsServer) -> AsyncIterator[Any]:
    import httpx
    from elevenlabs.client import AsyncElevenLabs

    async with httpx.AsyncClient() as http:
        yield AsyncElevenLabs(api_key=KEY, base_url=server.url, httpx_client=http)


async def test_the_vendors_client_hears_live(sdk: Any) -> None:
    from elevenlabs.realtime.connection import RealtimeEvents
    from elevenlabs.realtime.scribe import AudioFormat

    connection = await sdk.speech_to_text.realtime.connect(
        {"model_id": "scribe_v2_realtime", "audio_format": AudioFormat.PCM_16000, "sample_rate": 16000,
         "include_timestamps": True}
    )  # fmt: skip
    heard: list[dict[str, Any]] = []
    timed = asyncio.Event()
    connection.on(RealtimeEvents.PARTIAL_TRANSCRIPT, heard.append)
    connection.on(RealtimeEvents.COMMITTED_TRANSCRIPT, heard.append)
    connection.on(RealtimeEvents.COMMITTED_TRANSCRIPT_WITH_TIMESTAMPS, lambda _: timed.set())
    for _ in range(3):
        await connection.send({"audio_base_64": base64.b64encode(BLOCK).decode()})
    await connection.commit()
    async with asyncio.timeout(5):
        await timed.wait()
    await connection.close()
    assert [event["text"] for event in heard] == ["I", "I had", "I had a", TRANSCRIPT]


async def test_the_vendors_client_hears_a_file(sdk: Any) -> None:
    heard = await sdk.speech_to_text.convert(model_id="scribe_v3", file=("take.wav", b"RIFF", "audio/wav"))
    assert heard.text == TRANSCRIPT


async def test_the_vendors_client_speaks(server: ElevenLabsServer, sdk: Any) -> None:
    sound = sdk.text_to_speech.stream(
        GEORGE, text=FIRST, model_id="eleven_flash_v2_5", output_format="pcm_24000"
    )
    assert sum([len(block) async for block in sound]) == len(FIRST) * 60 * 48


async def test_the_vendors_client_lists_voices_and_understands_a_refusal(
    server: ElevenLabsServer, sdk: Any
) -> None:
    from elevenlabs.core.api_error import ApiError

    listed = await sdk.voices.search()
    assert [voice.name for voice in listed.voices] == ["George", None]
    server.script.keys = ["another"]
    with pytest.raises(ApiError) as caught:
        await sdk.voices.search()
    assert caught.value.status_code == 401
    assert caught.value.body["detail"]["status"] == "invalid_api_key"
