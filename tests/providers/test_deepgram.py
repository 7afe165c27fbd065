"""Deepgram's recognisers and voices against its server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from companion.errors import (
    AIProviderAuthError,
    AIProviderError,
    AIProviderInvalidRequestError,
    AIProviderModelNotFoundError,
    AIProviderQuotaError,
    AIProviderRateLimitError,
    AIProviderStreamCutError,
    AIProviderUnavailableError,
    CompanionError,
    Kind,
)
from companion.flow import FRAME_BYTES, Audio, HearRequest, SpeakRequest, Transcript, TurnSignal
from companion.kinds import Role
from companion.log import hide
from companion.providers import registry
from companion.providers.vendors.deepgram.provider import DeepgramProvider
from companion.providers.wire import sockets
from companion.providers.wire.sockets import Turns
from companion.tasks import alive
from tests.servers.deepgram import DeepgramServer

KEY = "dg-key-0123456789abcdef0123456789abcdef"
FRAME = b"\x01\x02" * (FRAME_BYTES // 2)
WORD_FRAMES = 13
"""20 ms frames that make a word of 0.25 s known."""


@dataclass
class Desk:
    """A provider, its server, and what happened in which order."""

    server: DeepgramServer
    provider: DeepgramProvider
    happened: list[str] = field(default_factory=list)

    async def frames(self, count: int, *, pace_every: int = WORD_FRAMES) -> AsyncIterator[bytes]:
        for index in range(count):
            if index % pace_every == pace_every - 1:
                await asyncio.sleep(0.01)
            self.happened.append("frame")
            yield FRAME
        self.happened.append("end of frames")

    async def hear(self, seconds: float = 4.0, **request: Any) -> list[Transcript]:
        heard: list[Transcript] = []
        frames = self.frames(int(seconds * 50))
        async for transcript in self.provider.transcribe(HearRequest(frames=frames, **request)):
            self.happened.append("final" if transcript.is_final else "partial")
            heard.append(transcript)
        return heard

    async def speak(self, **request: Any) -> list[Audio]:
        return [chunk async for chunk in self.provider.speak(SpeakRequest(**request))]

    async def fail(self, doing: Any) -> AIProviderError:
        with pytest.raises(AIProviderError) as caught:
            await doing
        assert caught.value.provider == "deepgram"
        assert KEY not in f"{caught.value!r} {caught.value.message} {caught.value.hint}"
        return caught.value


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with DeepgramServer() as server, DeepgramProvider(api_key=KEY, base_url=server.url) as provider:
        assert isinstance(provider, DeepgramProvider)
        server.word_s = 0.25
        yield Desk(server, provider)
        await provider.aclose()
        assert not alive(), "work went on after the provider was closed"


def signals(heard: list[Transcript]) -> list[TurnSignal | None]:
    return [transcript.signal for transcript in heard if transcript.signal is not None]


# -- Flux ---------------------------------------------------------------------------------------------------


async def test_words_arrive_while_the_person_still_speaks(desk: Desk) -> None:
    heard = await desk.hear(6.0)
    *partials, final = heard
    assert final.is_final
    assert final.text == desk.server.script.transcript
    assert final.committed_chars == len(final.text)
    assert not any(partial.is_final for partial in partials)
    assert desk.happened.index("partial") < desk.happened.index("end of frames")
    assert desk.happened.count("partial") > 5
    grown = [len(partial.text) for partial in partials]
    assert grown == sorted(grown)
    assert desk.happened[-1] == "final"


async def test_the_end_of_the_take_forces_the_end_of_the_turn(desk: Desk) -> None:
    heard = await desk.hear(4.0)
    asked = desk.server.kinds("in")
    assert asked == ["sound", "ForceEndTurn", "CloseStream"]
    assert desk.server.kinds().index("EndOfTurn") > desk.server.kinds().index("ForceEndTurn")
    assert heard[-1].signal is TurnSignal.ENDED
    assert heard[-1].confidence == pytest.approx(0.9)


async def test_the_sound_arrives_whole_and_in_blocks_of_80_ms(desk: Desk) -> None:
    await desk.hear(1.0)
    seen = desk.server.asked("listen")[0]
    assert seen.files["audio"] == FRAME * 50
    blocks = [kind for way, kind, _ in desk.server.log if (way, kind) == ("in", "sound")]
    assert len(blocks) == 13, "1 s is 12 blocks of 80 ms and a rest"


async def test_flux_is_asked_for_eager_ends_and_told_what_is_likely(desk: Desk) -> None:
    await desk.hear(0.5, context="Maren, Wat Pah Nanachat")
    seen = desk.server.asked("listen")[0]
    assert seen.headers["authorization"] == f"Token {KEY}"
    assert seen.path == (
        "/v2/listen?model=flux-general-en&encoding=linear16&sample_rate=16000&eager_eot_threshold=0.5"
        "&keyterm=Maren&keyterm=Wat+Pah+Nanachat&mip_opt_out=true"
    )


async def test_another_language_goes_to_the_model_that_knows_it(desk: Desk) -> None:
    await desk.hear(0.5, language="de-AT")
    assert "model=flux-general-multi" in desk.server.asked("listen")[0].path
    assert "language_hint=de" in desk.server.asked("listen")[0].path


async def test_turns_are_told_and_joined(desk: Desk) -> None:
    desk.server.script.transcript = "I need a taxi/ to Leith.| And one more thing."
    heard = await desk.hear(5.0)
    assert signals(heard) == [
        TurnSignal.STARTED,
        TurnSignal.EAGER_END,
        TurnSignal.RESUMED,
        TurnSignal.EAGER_END,
        TurnSignal.ENDED,
        TurnSignal.STARTED,
        TurnSignal.ENDED,
    ]
    by_signal = {transcript.signal: transcript for transcript in reversed(heard)}
    assert by_signal[TurnSignal.EAGER_END].text == "I need a taxi"
    assert by_signal[TurnSignal.EAGER_END].committed_chars == 0
    first_end = next(t for t in heard if t.signal is TurnSignal.ENDED)
    assert (first_end.text, first_end.committed_chars) == ("I need a taxi to Leith.", 23)
    assert all(t.committed_chars == 23 for t in heard if "And" in t.text and not t.is_final)
    assert heard[-1].text == "I need a taxi to Leith. And one more thing."
    assert sum(transcript.is_final for transcript in heard) == 1


async def test_a_take_that_ends_between_turns_does_not_wait_for_an_answer(desk: Desk) -> None:
    desk.server.script.transcript = "Good night.|"
    heard = await desk.hear(2.0)
    assert "EndOfTurn" not in desk.server.kinds()[desk.server.kinds().index("ForceEndTurn") :]
    assert (heard[-1].text, heard[-1].is_final) == ("Good night.", True)


async def test_words_that_were_not_decoded_when_the_turn_was_forced_are_not_lost(desk: Desk) -> None:
    desk.server.script.transcript = "one two three four five six seven eight"
    desk.server.lag_s = 0.6
    heard = await desk.hear(2.0)
    assert heard[-1].text == desk.server.script.transcript
    assert desk.server.kinds().index("EndOfTurn") < desk.server.kinds().index("StartOfTurn", 4)


async def test_a_service_that_just_goes_after_the_last_word_has_said_all(desk: Desk) -> None:
    desk.server.hangs_up = "torn"
    desk.server.script.transcript = "Good night.|"
    assert (await desk.hear(2.0))[-1].text == "Good night."
    desk.server.script.transcript = "one two three four five six seven eight"
    desk.server.lag_s = 0.6
    assert isinstance(await desk.fail(desk.hear(2.0)), AIProviderStreamCutError), "words may be missing"


async def test_thresholds_are_changed_in_the_middle_of_a_take(desk: Desk) -> None:
    desk.server.script.transcript = "one two three four|five six seven eight"
    heard: list[Transcript] = []
    async for transcript in desk.provider.transcribe(HearRequest(frames=desk.frames(100))):
        heard.append(transcript)
        if len(heard) == 1:
            await desk.provider.configure(eot_threshold=1.0, keyterms=["Leith"])
    asked = next(m for m in desk.server.asked("listen")[0].body if m["type"] == "Configure")
    assert asked == {"type": "Configure", "thresholds": {"eot_threshold": 1.0}, "keyterms": ["Leith"]}
    assert "ConfigureSuccess" in desk.server.kinds("out")
    assert signals(heard).count(TurnSignal.ENDED) == 1, "only the end of the take ends the turn now"
    await desk.hear(0.2)
    assert "eot_threshold=1.0&keyterm=Leith" in desk.server.asked("listen")[1].path


async def test_thresholds_are_options_too() -> None:
    async with DeepgramServer() as server:
        async with DeepgramProvider(
            api_key=KEY, base_url=server.url, eager_eot_threshold=None, eot_threshold=0.9, eot_timeout_ms=3000
        ) as provider:
            desk = Desk(server, provider)  # type: ignore[arg-type]
            server.word_s = 0.25
            server.script.transcript = "Good night.|"
            assert TurnSignal.EAGER_END not in signals(await desk.hear(2.0))
        assert "eot_threshold=0.9&eot_timeout_ms=3000" in server.asked("listen")[0].path
        assert "eager" not in server.asked("listen")[0].path


async def test_unknown_messages_fields_and_rubbish_are_passed_over(desk: Desk) -> None:
    desk.server.is_odd = True
    assert (await desk.hear(4.0))[-1].text == desk.server.script.transcript
    assert (await desk.hear(4.0, model="nova-3"))[-1].text == desk.server.script.transcript
    assert await desk.speak(text="Good evening.")
    assert await desk.speak(text="Good evening.", voice="flux-alexis-en")


# -- Nova ---------------------------------------------------------------------------------------------------


async def test_nova_hears_in_segments(desk: Desk) -> None:
    desk.server.script.transcript = "Hello there.| How are you today?"
    heard = await desk.hear(4.0, model="nova-3")
    assert heard[-1].text == "Hello there. How are you today?"
    assert desk.happened.index("partial") < desk.happened.index("end of frames")
    assert [t.committed_chars for t in heard if "How" in t.text and not t.is_final] == [12, 12, 12, 12]
    assert signals(heard) == []
    assert desk.server.kinds("in") == ["sound", "Finalize", "CloseStream"]
    query = desk.server.asked("listen")[0].path
    assert query.startswith("/v1/listen?model=nova-3&")
    assert "interim_results=true&smart_format=true" in query
    assert "language=multi" in query


async def test_nova_that_has_nothing_to_finalize_ends_with_its_metadata(desk: Desk) -> None:
    desk.server.script.transcript = "Good night.|"
    desk.server.answers_finalize = False
    heard = await desk.hear(2.0, model="nova-3")
    assert (heard[-1].text, heard[-1].is_final) == ("Good night.", True)


async def test_nova_that_lags_behind_says_its_last_words(desk: Desk) -> None:
    desk.server.lag_s = 1.0
    heard = await desk.hear(3.0, model="nova-3")
    assert heard[-1].text == desk.server.script.transcript


async def test_nova_is_kept_alive_through_a_pause(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    from companion.providers.vendors.deepgram.wire import Nova

    monkeypatch.setattr(Nova, "keep_alive_s", 0.05)
    desk.server.patience_s = 0.2

    async def halting() -> AsyncIterator[bytes]:
        for _ in range(75):
            yield FRAME
        await asyncio.sleep(0.5)
        for _ in range(75):
            yield FRAME

    request = HearRequest(frames=halting(), model="nova-3")
    heard = [transcript async for transcript in desk.provider.transcribe(request)]
    assert heard[-1].text == desk.server.script.transcript
    assert "KeepAlive" in desk.server.kinds("in")
    assert "KeepAlive" not in desk.server.kinds("in")[-3:]


async def test_nova_that_gets_nothing_hangs_up(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    from companion.providers.vendors.deepgram.wire import Nova

    monkeypatch.setattr(Nova, "keep_alive_s", None)
    desk.server.patience_s = 0.1

    async def stuck() -> AsyncIterator[bytes]:
        yield FRAME * 4
        await asyncio.sleep(30)

    async def listen() -> None:
        async for _ in desk.provider.transcribe(HearRequest(frames=stuck(), model="nova-3")):
            pass

    error = await desk.fail(listen())
    assert isinstance(error, AIProviderUnavailableError)
    assert error.retryable


# -- failures -----------------------------------------------------------------------------------------------

REFUSALS: list[tuple[int, type[AIProviderError], Kind, bool]] = [
    (400, AIProviderInvalidRequestError, Kind.INVALID_REQUEST, False),
    (401, AIProviderAuthError, Kind.KEY_REFUSED, False),
    (402, AIProviderQuotaError, Kind.NO_CREDIT, False),
    (403, AIProviderAuthError, Kind.FORBIDDEN, False),
    (429, AIProviderRateLimitError, Kind.RATE_LIMITED, True),
    (500, AIProviderUnavailableError, Kind.UNAVAILABLE, True),
    (503, AIProviderUnavailableError, Kind.UNAVAILABLE, True),
]


@pytest.mark.parametrize("shape", ["nested", "flat", "string"])
@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: str(refusal[0]))
async def test_a_refused_handshake_has_its_name(
    desk: Desk, refusal: tuple[int, type[AIProviderError], Kind, bool], shape: str
) -> None:
    status, cls, kind, retryable = refusal
    desk.server.script.status = status
    desk.server.script.error_shape = shape
    desk.server.script.message = f"Not with the key {KEY}."
    desk.server.script.retry_after = "7"
    hide(KEY)
    for error in (await desk.fail(desk.hear(0.5)), await desk.fail(desk.speak(text="Hello."))):
        assert type(error) is cls
        assert (error.kind, error.status, error.retryable) == (kind, status, retryable)
        assert error.retry_after_s == 7
        assert error.request_id


async def test_a_model_that_does_not_exist_is_told(desk: Desk) -> None:
    for doing in (
        desk.hear(0.5, model="nova-9"),
        desk.hear(0.5, model="flux-klingon"),
    ):
        assert isinstance(await desk.fail(doing), AIProviderModelNotFoundError)


async def test_an_unknown_voice_is_replaced_and_told(desk: Desk) -> None:
    for _ in (1, 2):
        said = await desk.speak(text="Hello.", voice="x")
        assert said[0].notices == ("Deepgram has no voice “x”; its usual one speaks instead.",)
        assert not any(audio.notices for audio in said[1:])


CLOSES: list[tuple[int, str, type[AIProviderError], bool]] = [
    (1008, "DATA-0000", AIProviderInvalidRequestError, False),
    (1008, "Invalid credentials.", AIProviderAuthError, False),
    (1008, "Out of credits.", AIProviderQuotaError, False),
    (1011, "NET-0000", AIProviderStreamCutError, False),
    (4429, "", AIProviderRateLimitError, True),
]


@pytest.mark.parametrize(("code", "reason", "cls", "retryable"), CLOSES)
async def test_a_closed_socket_has_its_name(
    desk: Desk, code: int, reason: str, cls: type[AIProviderError], retryable: bool
) -> None:
    desk.server.close_with = (code, reason)
    desk.server.script.end_after = 3
    for doing in (desk.hear(4.0), desk.hear(4.0, model="nova-3"), desk.speak(text="A rather long evening.")):
        error = await desk.fail(doing)
        assert type(error) is cls
        assert (error.retryable, error.status) == (retryable, None)


@pytest.mark.parametrize(
    ("code", "cls", "retryable"),
    [
        ("INTERNAL_SERVER_ERROR", AIProviderUnavailableError, True),
        ("NET-0001", AIProviderUnavailableError, True),
        ("DATA-0000", AIProviderInvalidRequestError, False),
        ("SchemaError", AIProviderInvalidRequestError, False),
    ],
)
async def test_an_error_message_has_its_name(
    desk: Desk, code: str, cls: type[AIProviderError], retryable: bool
) -> None:
    desk.server.script.error_after = 2
    desk.server.script.code = code
    for doing in (
        desk.hear(4.0),
        desk.hear(4.0, model="nova-3"),
        desk.speak(text="A rather long evening."),
        desk.speak(text="A rather long evening.", voice="flux-alexis-en"),
    ):
        error = await desk.fail(doing)
        assert type(error) is cls
        assert error.retryable is retryable


async def test_the_last_word_is_waited_for_only_so_long(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "LAST_WORD_S", 0.1)
    desk.server.script.stall_after = 4
    heard = await desk.hear(4.0)
    assert (heard[-1].text, heard[-1].is_final) == ("I had a long", True)


async def test_a_microphone_that_goes_away_is_told_as_that(desk: Desk) -> None:
    async def torn() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield FRAME
        raise CompanionError(Kind.MICROPHONE_LOST)

    with pytest.raises(CompanionError) as caught:
        async for _ in desk.provider.transcribe(HearRequest(frames=torn())):
            pass
    assert caught.value.kind is Kind.MICROPHONE_LOST
    await desk.server.until(lambda: desk.server.requests[-1].ended_at is not None)


# -- ending early -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["flux-general-en", "nova-3"])
async def test_closing_a_take_early_closes_the_socket(desk: Desk, model: str) -> None:
    transcripts = desk.provider.transcribe(HearRequest(frames=desk.frames(10_000), model=model))
    await anext(transcripts)
    await transcripts.aclose()  # type: ignore[attr-defined]
    await desk.server.until(lambda: desk.server.requests[-1].ended_at is not None)
    assert "CloseStream" not in desk.server.kinds("in")
    count = desk.happened.count("frame")
    await asyncio.sleep(0.05)
    assert desk.happened.count("frame") == count, "the microphone is still read"


# -- speaking -----------------------------------------------------------------------------------------------

VOICES = pytest.mark.parametrize("voice", ["aura-2-thalia-en", "flux-alexis-en"])


async def slowly(*pieces: str) -> AsyncIterator[str]:
    for piece in pieces:
        await asyncio.sleep(0.02)
        yield piece


@VOICES
async def test_a_text_is_spoken_as_it_is(desk: Desk, voice: str) -> None:
    sound = await desk.speak(text="Good evening to you.", voice=voice)
    assert [text for text, _ in desk.server.spoken] == ["Good evening to you."]
    assert b"".join(chunk.pcm for chunk in sound) == desk.server.spoken[0][1]
    assert {(chunk.rate_hz, chunk.piece) for chunk in sound} == {(24_000, 0)}
    path = desk.server.asked("speak")[0].path
    assert path.endswith(f"/speak?model={voice}&encoding=linear16&sample_rate=24000&mip_opt_out=true")
    assert desk.server.asked("speak")[0].headers["authorization"] == f"Token {KEY}"


@VOICES
async def test_every_sound_says_which_sentence_it_is(desk: Desk, voice: str) -> None:
    pieces = slowly("Good evening. ", "  ", "How was your day? ", "Tell me about it.")
    sound = await desk.speak(pieces=pieces, voice=voice)
    said = [text for text, _ in desk.server.spoken]
    assert said == ["Good evening. ", "How was your day? ", "Tell me about it."]
    order = [chunk.piece for chunk in sound]
    assert order == sorted(order)
    assert set(order) == {0, 2, 3}, "the empty piece has no sound"
    for index, (_, pcm) in zip((0, 2, 3), desk.server.spoken, strict=True):
        assert b"".join(chunk.pcm for chunk in sound if chunk.piece == index) == pcm
    assert len(desk.server.asked("speak")) == 1


@VOICES
async def test_the_first_sentence_sounds_before_the_second_is_written(desk: Desk, voice: str) -> None:
    is_heard = asyncio.Event()

    async def written() -> AsyncIterator[str]:
        yield "Good evening."
        await is_heard.wait()
        yield "How are you?"

    pieces: list[int] = []
    async for chunk in desk.provider.speak(SpeakRequest(pieces=written(), voice=voice)):
        pieces.append(chunk.piece)
        is_heard.set()
    assert set(pieces) == {0, 1}


async def test_a_sample_that_is_split_between_two_messages_is_whole_again(desk: Desk) -> None:
    desk.server.script.split = True
    sound = await desk.speak(text="Good evening to you.")
    assert all(len(chunk.pcm) % 2 == 0 for chunk in sound)
    assert b"".join(chunk.pcm for chunk in sound) == desk.server.spoken[0][1]


async def test_nothing_to_say_is_no_failure(desk: Desk) -> None:
    assert await desk.speak(text="  ") == []
    assert await desk.speak(pieces=slowly()) == []
    assert await desk.speak(pieces=slowly(" ", "\n")) == []


async def test_a_very_long_text_goes_out_in_parts_the_vendor_takes(desk: Desk) -> None:
    text = " ".join(["A quiet word."] * 180)
    assert await desk.speak(text=text)
    assert desk.server.spoken[0][0] == text
    assert desk.server.kinds("in").count("Speak") == 2


async def test_speed_is_kept_within_what_the_voice_can(desk: Desk) -> None:
    for speed, voice in (
        (2.0, "aura-2-luna-en"),
        (0.25, "flux-alexis-en"),
        (1.23, "flux-alexis-en"),
        (2, "aura-luna-en"),
    ):
        await desk.speak(text="Hello.", voice=voice, speed=speed)
    assert [seen.path.partition("&speed=")[2] for seen in desk.server.asked("speak")] == [
        "1.5",
        "0.5",
        "1.25",
        "",
    ]


async def test_more_sentences_than_flushes_a_minute_are_all_said(desk: Desk) -> None:
    said = [f"Number {index}." for index in range(24)]
    sound = await desk.speak(pieces=slowly(*said))
    assert [text for text, _ in desk.server.spoken] == [*said[:15], " ".join(said[15:])]
    assert b"".join(chunk.pcm for chunk in sound) == b"".join(pcm for _, pcm in desk.server.spoken)
    assert "Warning" not in desk.server.kinds("out")
    order = [chunk.piece for chunk in sound]
    assert order == sorted(order)


async def test_a_reply_without_a_flush_left_ends_with_its_connection(desk: Desk) -> None:
    await desk.speak(pieces=slowly(*["Yes. "] * 15))
    for _ in range(7):
        assert await desk.speak(text="Of course.")
    assert desk.server.kinds("in").count("Close") == 2
    assert "Warning" not in desk.server.kinds("out")
    assert [text for text, _ in desk.server.spoken][15:] == ["Of course."] * 7


# -- kept connections ---------------------------------------------------------------------------------------


@VOICES
async def test_a_voice_connection_is_kept_between_requests(desk: Desk, voice: str) -> None:
    for text in ("Good evening.", "How are you?"):
        await desk.speak(text=text, voice=voice)
    assert len(desk.server.asked("speak")) == 1
    assert [text for text, _ in desk.server.spoken] == ["Good evening.", "How are you?"]


async def test_warming_opens_the_connection_that_is_used(desk: Desk) -> None:
    await desk.provider.warm()
    await desk.provider.warm()
    assert desk.server.kinds("in") == []
    await desk.speak(text="Good evening.")
    assert len(desk.server.requests) == 1


async def test_warming_goes_to_the_voice_that_spoke_last(desk: Desk) -> None:
    await desk.speak(text="Good evening.", voice="aura-2-luna-en", speed=1.2)
    await desk.provider.warm()
    assert len(desk.server.requests) == 1


async def test_a_kept_connection_that_died_is_replaced_without_a_word_lost(desk: Desk) -> None:
    await desk.provider.warm()
    desk.server.script.only = "/nowhere"  # new conversations are well
    desk.server.script.cut_after = 0
    chunks = await desk.speak(pieces=slowly("Good evening.", "How are you?"))
    assert len(desk.server.requests) == 2
    assert {chunk.piece for chunk in chunks} == {0, 1}
    assert [text for text, _ in desk.server.spoken][-2:] == ["Good evening.", "How are you?"]


async def test_a_fresh_connection_that_dies_is_not_tried_again(desk: Desk) -> None:
    desk.server.script.cut_after = 0
    await desk.fail(desk.speak(text="Good evening."))
    assert len(desk.server.requests) == 1


async def test_an_unused_connection_closes_by_itself(desk: Desk) -> None:
    desk.provider._links._idle_s = 0.05
    await desk.speak(text="Good evening.")
    await desk.server.until(lambda: desk.server.requests[0].ended_at is not None)
    await desk.speak(text="Good evening.")
    assert len(desk.server.asked("speak")) == 2


async def test_text_that_is_still_written_begins_again_while_nothing_of_it_sounded(desk: Desk) -> None:
    desk.server.script.cut_after = 0
    call = desk.provider.stacked(desk.provider.speak)
    with pytest.raises(AIProviderUnavailableError):
        [chunk async for chunk in call(SpeakRequest(pieces=slowly("Good evening.", "How are you?")))]
    assert len(desk.server.requests) == 3


async def test_interrupting_aura_clears_it_and_keeps_the_connection(desk: Desk) -> None:
    desk.server.script.token_delay_s = 0.02
    sound = desk.provider.speak(
        SpeakRequest(pieces=slowly("A very long sentence indeed. " * 5, "Another one."))
    )
    await anext(sound)
    await sound.aclose()  # type: ignore[attr-defined]
    await desk.server.until(lambda: "Cleared" in desk.server.kinds("out"))
    assert desk.server.kinds("in")[-1] == "Clear"
    desk.server.script.token_delay_s = 0
    desk.server.spoken.clear()
    await asyncio.sleep(0.05)
    chunks = await desk.speak(text="Of course.")
    assert b"".join(chunk.pcm for chunk in chunks) == desk.server.spoken[-1][1], (
        "the old sentence is heard in the new one"
    )
    assert len(desk.server.asked("speak")) == 1


async def test_interrupting_flux_tells_it_and_hangs_up(desk: Desk) -> None:
    desk.server.script.token_delay_s = 0.02
    sound = desk.provider.speak(
        SpeakRequest(text="A very long sentence indeed. " * 5, voice="flux-alexis-en")
    )
    await anext(sound)
    await sound.aclose()  # type: ignore[attr-defined]
    await desk.server.until(lambda: desk.server.requests[0].ended_at is not None)
    assert desk.server.kinds("in")[-1] == "Interrupt"


async def test_cancelling_before_the_first_sound_stops_the_vendor(desk: Desk) -> None:
    desk.server.script.token_delay_s = 5
    speaking = asyncio.ensure_future(desk.speak(text="Good evening."))
    await desk.server.until(lambda: "Flush" in desk.server.kinds())
    speaking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await speaking
    await desk.server.until(lambda: "Cleared" in desk.server.kinds())


# -- the rest -----------------------------------------------------------------------------------------------


async def test_the_check_asks_about_the_key(desk: Desk) -> None:
    health = await desk.provider.check()
    assert health.ok
    assert [seen.path for seen in desk.server.requests] == ["/v1/auth/token"]
    desk.server.script.keys = ["another"]
    assert (await desk.provider.check()).detail == "Deepgram did not accept the key."


async def test_there_is_a_choice_of_voices_and_each_can_speak(desk: Desk) -> None:
    voices = await desk.provider.voices()
    assert len(voices) >= 12
    assert len({voice.id for voice in voices}) == len(voices)
    for voice in voices[::6]:
        assert await desk.speak(text="Hello.", voice=voice.id)


def test_the_registry_knows_deepgram() -> None:
    spec = registry.find("deepgram")
    assert spec.roles == {Role.HEARS, Role.SPEAKS}
    assert spec.hears_live
    assert spec.follows_turns
    assert spec.streams_text
    assert {"sockets", "voice_sockets", "wire"}.isdisjoint(each.name for each in registry.specs())


async def test_the_stack_of_a_live_take_lets_words_through(desk: Desk) -> None:
    request = HearRequest(frames=desk.frames(200))
    heard = [t async for t in desk.provider.stacked(desk.provider.transcribe)(request)]
    assert heard[-1].text == desk.server.script.transcript


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        (["Hello.", "How are you?"], "Hello. How are you?"),
        (["", "Hello. ", ""], "Hello."),
        (["你好。", "今天怎么样"], "你好。今天怎么样"),
        (["안녕", "하세요"], "안녕 하세요"),
    ],
)
def test_turns_are_joined_as_they_are_written(parts: list[str], text: str) -> None:
    turns = Turns()
    for key, part in enumerate(parts):
        turns.put(key, part)
    assert turns.text == text
