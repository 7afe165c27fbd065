"""Cartesia against its server: words while one speaks, sound while the text is written, and what goes wrong in between."""

from __future__ import annotations

import asyncio
import json
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
from companion.flow import Audio, HearRequest, SpeakRequest, Transcript, TurnSignal
from companion.providers.vendors.cartesia import CartesiaProvider
from companion.providers.wire import sockets, voice_sockets
from tests.providers.pairs import pair_of
from tests.providers.spoken import BLOCK, Take, recorded, written
from tests.servers.cartesia import AMELIE, KATIE, CartesiaServer
from tests.servers.script import TRANSCRIPT, Seen

KEY = "sk_car_contract0123456789"
FIRST, SECOND = "That sounds like a full day.", "What stayed with you?"


server, provider = pair_of(CartesiaServer, CartesiaProvider, api_key=KEY)


def request(**more: Any) -> HearRequest:
    return HearRequest(frames=recorded(), **more)


async def hear(provider: CartesiaProvider, asked: HearRequest | None = None) -> list[Transcript]:
    return [heard async for heard in provider.transcribe(asked or request())]


async def say(provider: CartesiaProvider, asked: SpeakRequest) -> list[Audio]:
    return [audio async for audio in provider.speak(asked)]


def talk(server: CartesiaServer, path: str = "/tts/websocket") -> Seen:
    return server.asked(path)[-1]


# -- hearing ------------------------------------------------------------------------------------------------


async def test_words_appear_while_the_person_still_speaks(
    server: CartesiaServer, provider: CartesiaProvider
) -> None:
    take = Take(BLOCK, BLOCK, BLOCK)  # less than 80 ms waits for more
    async with aclosing(provider.transcribe(HearRequest(frames=take.frames()))) as words:  # type: ignore[type-var]
        assert (await anext(words)).text == "I"
        heard = await anext(words)
        assert heard.text == "I had"
        assert not heard.is_final
        take.speak(*[BLOCK] * 4)
        while not heard.committed_chars:
            heard = await anext(words)
        assert heard.text[: heard.committed_chars] == "I had a long day"
        take.end()
        rest = [heard async for heard in words]
    assert [heard.text for heard in rest if heard.is_final] == [TRANSCRIPT]
    assert rest[-1].is_final
    assert talk(server, "/stt/websocket").body == ["finalize"]


async def test_what_is_committed_never_changes_and_spaces_stay_the_vendors_own(
    server: CartesiaServer, provider: CartesiaProvider
) -> None:
    server.script.transcript = "3 .5 per cent , roughly and more than that"
    heard = await hear(provider)
    for before, after in pairwise(heard):
        assert after.text.startswith(before.text[: before.committed_chars])
    assert heard[-1].text == server.script.transcript
    assert sum(one.is_final for one in heard) == 1


async def test_all_the_sound_and_the_right_words_of_the_handshake_arrive(
    server: CartesiaServer, provider: CartesiaProvider
) -> None:
    odd = [bytes([at]) * 640 for at in range(1, 21)]  # 20 ms frames, regrouped on the way

    async def frames() -> AsyncIterator[bytes]:
        for frame in odd:
            yield frame

    await hear(provider, HearRequest(frames=frames(), language="en-GB"))
    seen = talk(server, "/stt/websocket")
    assert seen.files["audio"] == b"".join(odd)
    assert seen.headers["authorization"] == f"Bearer {KEY}"
    assert seen.headers["cartesia-version"] == "2026-08-14"
    for part in (
        "model=ink-2",
        "encoding=pcm_s16le",
        "sample_rate=16000",
        "language=en",
        "cartesia_version=2026",
    ):
        assert part in seen.path
    assert KEY not in seen.path


async def test_stopping_to_listen_hangs_up(server: CartesiaServer, provider: CartesiaProvider) -> None:
    take = Take(BLOCK, BLOCK, BLOCK)  # less than 80 ms waits for more
    words = provider.transcribe(HearRequest(frames=take.frames()))
    await anext(words)
    await words.aclose()  # type: ignore[attr-defined]
    seen = talk(server, "/stt/websocket")
    await server.until(lambda: seen.disconnected)
    assert seen.body == []


async def test_the_last_word_is_not_waited_for_for_ever(
    server: CartesiaServer, provider: CartesiaProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sockets, "LAST_WORD_S", 0.1)
    server.script.hang_at_end = True
    assert (await hear(provider))[-1].text == TRANSCRIPT


# -- turns --------------------------------------------------------------------------------------------------


async def test_turn_signals_reach_who_asked_for_them(
    server: CartesiaServer, provider: CartesiaProvider
) -> None:
    server.eager_end_at = 3
    server.turn_words = 5
    heard = await hear(provider, request(turns=True))
    signals = [(one.signal, one.text) for one in heard if one.signal is not None]
    assert signals[:4] == [
        (TurnSignal.STARTED, ""),
        (TurnSignal.EAGER_END, "I had a"),
        (TurnSignal.RESUMED, "I had a"),
        (TurnSignal.ENDED, "I had a long day"),
    ]
    ended = next(one for one in heard if one.signal is TurnSignal.ENDED)
    assert ended.committed_chars == len(ended.text)
    assert talk(server, "/stt/turns/websocket").body == [{"type": "close"}]


async def test_turns_of_one_take_are_joined_into_one_final_text(
    server: CartesiaServer, provider: CartesiaProvider
) -> None:
    server.turn_words = 4
    heard = await hear(provider, request(turns=True))
    assert [one.text for one in heard if one.is_final] == [TRANSCRIPT]
    assert heard[-1].is_final


# -- speaking -----------------------------------------------------------------------------------------------


async def test_a_text_is_spoken_in_pieces_of_sound_with_its_words(
    server: CartesiaServer, provider: CartesiaProvider
) -> None:
    sound = await say(provider, SpeakRequest(text=FIRST))
    assert len(sound) > 1
    assert {audio.rate_hz for audio in sound} == {24_000}
    assert {audio.piece for audio in sound} == {0}
    assert sum(audio.seconds for audio in sound) == pytest.approx(len(FIRST + " ") * 0.06, abs=0.01)
    words = [word for audio in sound for word in audio.words]
    assert [word.text for word in words] == FIRST.split()
    assert words[0].start_s == 0
    assert all(before.end_s <= after.start_s for before, after in pairwise(words))


async def test_what_is_asked_of_the_voice_is_repeated_in_every_message(
    server: CartesiaServer, provider: CartesiaProvider
) -> None:
    await say(provider, SpeakRequest(text=FIRST, voice=AMELIE, speed=3.0, model="sonic-3"))
    messages = talk(server).body
    assert {message["voice"]["id"] for message in messages} == {AMELIE}
    assert {message["generation_config"]["speed"] for message in messages} == {1.5}
    assert {message["model_id"] for message in messages} == {"sonic-3"}
    assert messages[0]["output_format"] == {
        "container": "raw",
        "encoding": "pcm_s16le",
        "sample_rate": 24_000,
    }
    assert [message["continue"] for message in messages] == [True, True, False]
    assert len({message["context_id"] for message in messages}) == 1


@pytest.mark.parametrize("times_last", [False, True], ids=["early times", "late times"])
@pytest.mark.parametrize("times_restart", [False, True], ids=["one clock", "a clock per flush"])
async def test_sentences_are_spoken_in_one_context_while_they_are_written(
    server: CartesiaServer, provider: CartesiaProvider, times_restart: bool, times_last: bool
) -> None:
    server.times_restart, server.times_last = times_restart, times_last
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
        assert sum(audio.seconds for audio in own) == pytest.approx(len(text + " ") * 0.06, abs=0.01)
        assert [word.text for audio in own for word in audio.words] == text.split()
    first_s = len(FIRST + " ") * 0.06
    second = [word for audio in sound for word in audio.words if audio.piece == 2]
    assert second[0].start_s == pytest.approx(first_s, abs=0.01)
    assert len(server.asked("/tts/websocket")) == 1
    assert len({message["context_id"] for message in talk(server).body}) == 1


async def test_the_next_request_uses_the_same_connection(
    server: CartesiaServer, provider: CartesiaProvider
) -> None:
    await provider.warm()
    await say(provider, SpeakRequest(text=FIRST))
    await say(provider, SpeakRequest(text=SECOND))
    assert len(server.asked("/tts/websocket")) == 1
    assert len({message["context_id"] for message in talk(server).body}) == 2


async def test_interrupting_cancels_the_context_and_its_late_sound_is_not_heard(
    server: CartesiaServer, provider: CartesiaProvider
) -> None:
    server.script.token_delay_s = 0.05
    speech = provider.speak(SpeakRequest(text="A long answer that nobody wants to hear to its end."))
    await anext(speech)
    await speech.aclose()  # type: ignore[attr-defined]
    seen = talk(server)
    await server.until(
        lambda: {"cancel": True} in [{k: v for k, v in m.items() if k == "cancel"} for m in seen.body]
    )
    assert seen.body[-1]["context_id"] == seen.body[0]["context_id"]
    server.script.token_delay_s = 0
    sound = await say(provider, SpeakRequest(text=SECOND))
    assert sum(audio.seconds for audio in sound) == pytest.approx(len(SECOND + " ") * 0.06, abs=0.01)
    assert len(server.asked("/tts/websocket")) == 1


async def test_two_voices_at_once_do_not_mix(server: CartesiaServer, provider: CartesiaProvider) -> None:
    server.script.token_delay_s = 0.01
    both = await asyncio.gather(
        say(provider, SpeakRequest(text=FIRST)), say(provider, SpeakRequest(text=SECOND))
    )
    for sound, text in zip(both, (FIRST, SECOND), strict=True):
        assert [word.text for audio in sound for word in audio.words] == text.split()


async def test_a_kept_connection_that_died_is_replaced(
    server: CartesiaServer, provider: CartesiaProvider
) -> None:
    await provider.warm()
    port = server.port
    await server.stop()
    replacement = CartesiaServer(port=port)
    async with replacement:
        assert await say(provider, SpeakRequest(text=FIRST))
        assert len(replacement.asked("/tts/websocket")) == 1


async def test_a_kept_connection_that_dies_at_the_first_word_is_replaced_once(
    server: CartesiaServer, provider: CartesiaProvider
) -> None:
    server.script.cut_after, server.script.times, server.script.only = 0, 1, "/tts"
    await provider.warm()
    sound = await say(provider, SpeakRequest(pieces=written(FIRST, SECOND)))
    assert {audio.piece for audio in sound} == {0, 1}
    assert len(server.asked("/tts/websocket")) == 2


async def test_unused_connections_close_by_themselves(
    server: CartesiaServer, provider: CartesiaProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider._links = voice_sockets.Links(provider._open, idle_s=0.05)
    await provider.warm()
    seen = talk(server)
    await server.until(lambda: seen.disconnected)


async def test_a_context_that_ran_out_of_text_is_followed_by_another(
    server: CartesiaServer, provider: CartesiaProvider
) -> None:
    server.context_life_s = 0.05
    silence = asyncio.Event()

    async def pieces() -> AsyncIterator[str]:
        yield FIRST
        await silence.wait()
        yield SECOND

    sound: list[Audio] = []
    async for audio in provider.speak(SpeakRequest(pieces=pieces())):
        sound.append(audio)
        if not silence.is_set() and sum(one.seconds for one in sound) > len(FIRST) * 0.06:
            await server.until(lambda: bool(server.contexts_expired))
            silence.set()
    assert [word.text for one in sound for word in one.words] == (FIRST + " " + SECOND).split()
    assert [one.piece for one in sound] == sorted(one.piece for one in sound)
    assert sound[-1].piece == 1
    assert len({message["context_id"] for message in talk(server).body}) == 2


# -- voices and readiness -----------------------------------------------------------------------------------


async def test_the_usual_voice_speaks_and_is_looked_up_once(
    server: CartesiaServer, provider: CartesiaProvider
) -> None:
    await say(provider, SpeakRequest(text=FIRST))
    await say(provider, SpeakRequest(text=SECOND))
    assert {message["voice"]["id"] for message in talk(server).body} == {KATIE}
    assert len(server.asked("/voices")) == 1


async def test_without_the_usual_voice_the_first_english_one_speaks(
    server: CartesiaServer, provider: CartesiaProvider
) -> None:
    server.voice_ids = (AMELIE, "english-voice")
    assert await say(provider, SpeakRequest(text=FIRST))
    assert {message["voice"]["id"] for message in talk(server).body} == {"english-voice"}


async def test_voices_are_the_vendors_list_and_without_it_the_known_ones(
    server: CartesiaServer, provider: CartesiaProvider
) -> None:
    assert [(voice.name, voice.language) for voice in await provider.voices()] == [
        ("Amélie", "fr"),
        ("Katie", "en"),
    ]
    server.script.status = 500
    assert await provider.voices() == provider.spec.voices


async def test_the_check_asks_for_one_voice_and_says_what_is_wrong(
    server: CartesiaServer, provider: CartesiaProvider
) -> None:
    assert (await provider.check()).ok
    assert server.requests[-1].path == "/voices?limit=1"
    server.script.keys = ["another"]
    health = await provider.check()
    assert not health.ok
    assert health.detail == "Cartesia did not accept the key."


# -- failures -----------------------------------------------------------------------------------------------

HANDSHAKES = [
    (401, "", AIProviderAuthError, Kind.KEY_REFUSED),
    (402, "quota_exceeded", AIProviderQuotaError, Kind.NO_CREDIT),
    (403, "", AIProviderAuthError, Kind.FORBIDDEN),
    (404, "model_not_found", AIProviderModelNotFoundError, Kind.MODEL_UNKNOWN),
    (429, "concurrency_limited", AIProviderRateLimitError, Kind.RATE_LIMITED),
    (500, "", AIProviderUnavailableError, Kind.UNAVAILABLE),
    (400, "", AIProviderInvalidRequestError, Kind.INVALID_REQUEST),
]


def both_ways(provider: CartesiaProvider) -> Iterator[Any]:
    yield hear(provider)
    yield hear(provider, request(turns=True))
    yield say(provider, SpeakRequest(text=FIRST, voice=KATIE))


@pytest.mark.parametrize("case", HANDSHAKES, ids=lambda case: f"{case[0]}")
async def test_a_refused_handshake_has_its_name(
    server: CartesiaServer, provider: CartesiaProvider, case: tuple[int, str, type[AIProviderError], Kind]
) -> None:
    status, code, error, kind = case
    server.script.status, server.script.code, server.script.retry_after = status, code, "7"
    for way in both_ways(provider):
        with pytest.raises(error) as caught:
            await way
        assert caught.value.kind is kind
        assert caught.value.status == status
        assert caught.value.request_id == "req_test_1"
        assert caught.value.retry_after_s == 7
        assert KEY not in str(caught.value) + caught.value.hint


@pytest.mark.parametrize("case", HANDSHAKES, ids=lambda case: f"{case[0]}")
async def test_an_error_inside_a_conversation_has_its_name(
    server: CartesiaServer, provider: CartesiaProvider, case: tuple[int, str, type[AIProviderError], Kind]
) -> None:
    status, code, error, kind = case
    server.script.error_after, server.error_status, server.script.code = 1, status, code
    for way in both_ways(provider):
        with pytest.raises(error) as caught:
            await way
        assert caught.value.kind is kind


async def test_an_unknown_voice_is_told_from_an_unknown_model(
    server: CartesiaServer, provider: CartesiaProvider
) -> None:
    said = await say(provider, SpeakRequest(text=FIRST, voice="nobody"))
    assert "nobody" in said[0].notices[0]
    with pytest.raises(AIProviderModelNotFoundError, match="model"):
        await say(provider, SpeakRequest(text=FIRST, model="sonic-9"))


# -- the server against the vendor's own client -------------------------------------------------------------


@pytest.fixture
async def sdk(server: CartesiaServer) -> AsyncIterator[Any]:
    from cartesia import AsyncCartesia

    ws_url = server.url.replace("http", "ws")
    async with AsyncCartesia(
        api_key=KEY, base_url=server.url, websocket_base_url=ws_url, max_retries=0
    ) as client:
        yield client


SHAPE = {"container": "raw", "encoding": "pcm_s16le", "sample_rate": 24000}


async def test_the_vendors_client_hears_contexts_and_flushes(sdk: Any) -> None:
    async with sdk.tts.websocket_connect() as connection:
        context = connection.context(
            model_id="sonic-3.5", voice={"id": KATIE}, output_format=SHAPE, add_timestamps=True
        )
        await context.push(FIRST + " ")
        await context.push("", flush=True)
        await context.push(SECOND)
        await context.no_more_inputs()
        events = [event async for event in context.receive()]
    assert {event.type for event in events} == {"chunk", "timestamps", "flush_done", "done"}
    said: dict[int, int] = {}
    for event in events:
        if event.type == "chunk":
            said[event.flush_id] = said.get(event.flush_id, 0) + len(event.audio)
    assert said == {1: (len(FIRST) + 1) * 60 * 48, 2: len(SECOND) * 60 * 48}


async def test_the_vendors_client_cancels_one_of_two_contexts(server: CartesiaServer, sdk: Any) -> None:
    server.script.token_delay_s = 0.02
    async with sdk.tts.websocket_connect() as connection:
        settings = {"model_id": "sonic-3.5", "voice": KATIE, "output_format": SHAPE}
        unwanted, wanted = connection.context(**settings), connection.context(**settings)
        await unwanted.push("A long answer that goes on and on.", flush=True)
        await wanted.push(SECOND)
        await wanted.no_more_inputs()
        await unwanted.cancel()
        events = [event async for event in wanted.receive()]
    sound = b"".join(event.audio for event in events if event.type == "chunk")
    assert len(sound) == len(SECOND) * 60 * 48


async def test_the_vendors_client_hears_a_take_and_turns(server: CartesiaServer, sdk: Any) -> None:
    how = {"model": "ink-2", "encoding": "pcm_s16le", "sample_rate": 16000}
    async with sdk.stt.manual_finalize.websocket(**how) as connection:
        for _ in range(6):
            await connection.send_raw(BLOCK)
        await connection.send_raw("close")
        events = [event async for event in connection]
    assert (
        "".join(event.text for event in events if event.type == "transcript" and event.is_final) == TRANSCRIPT
    )
    assert events[-1].type == "done"
    async with sdk.stt.auto_finalize.websocket(**how) as connection:
        await connection.send_raw(BLOCK * 3)
        await connection.send_raw(json.dumps({"type": "close"}))
        kinds = [event.type async for event in connection]
    assert kinds == ["connected", "something.new", "turn.start", *["turn.update"] * 3, "turn.end"]


async def test_the_vendors_client_lists_voices_and_understands_a_refusal(
    server: CartesiaServer, sdk: Any
) -> None:
    from cartesia import AuthenticationError

    listed = await sdk.voices.list(limit=5)
    assert [voice.name for voice in listed.data] == ["Amélie", "Katie"]
    assert (await sdk.voices.get(KATIE)).name == "Katie"
    server.script.keys = ["another"]
    with pytest.raises(AuthenticationError):
        await sdk.voices.list()
