"""What servers really send for speech and for hearing, over the dialects that take sound from HTTP."""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import AsyncIterator

import pytest
import soundfile

from companion.errors import AIProviderError, AIProviderVoiceNotFoundError, CompanionError, Kind
from companion.flow import Audio, HearRequest, SpeakRequest, Transcript
from companion.pcm import to_wav
from companion.providers import AIProvider, AIProviderFactory
from companion.providers.provider import opened
from tests.audio.signals import find, samples
from tests.servers.plain import Plain, plain_server
from tests.test_decoding import NOISE, RATE_HZ, S16, WAVES

TAKE = b"\x01\x00" * 16_000
MP3 = WAVES["MP3"][0]
RAW = S16.tobytes()


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def openai(server: Plain, **more: object) -> AIProvider:
    return AIProviderFactory.create(
        "compatible", base_url=server.url + "/v1", tts_model="t", stt_model="whisper-1", **more
    )


def elevenlabs(server: Plain) -> AIProvider:
    return AIProviderFactory.create(
        "elevenlabs", api_key="k", base_url=server.url, tts_model="eleven_v3", stt_model="scribe_v2"
    )


async def spoken(provider: AIProvider, voice: str = "v") -> list[Audio]:
    async with provider:
        return [audio async for audio in provider.speak(SpeakRequest(text="Hello.", voice=voice))]


async def take(seconds: int = 1) -> AsyncIterator[bytes]:
    for _ in range(seconds):
        yield TAKE[:32_000]


async def heard(provider: AIProvider, language: str = "en", seconds: int = 1) -> Transcript:
    async with provider:
        request = HearRequest(frames=take(seconds), language=language)
        return [words async for words in provider.transcribe(request)][-1]


def likeness(said: list[Audio]) -> float:
    assert {audio.rate_hz for audio in said} == {RATE_HZ}
    return find(S16[2400:-4800], samples(b"".join(audio.pcm for audio in said)))[1]


# -- speech -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["MP3", "FLAC", "Opus", "Vorbis", "f32", "s24", "alaw", "AIFF", "RF64", "size 0"]
)
@pytest.mark.parametrize("make", [openai, elevenlabs])
async def test_a_voice_that_has_only_files_speaks(name: str, make: type) -> None:
    for label in ("audio/pcm", "application/json", "text/plain"):
        async with plain_server(lambda path, body, kind=label: (200, kind, WAVES[name][0])) as server:
            assert likeness(await spoken(make(server))) > 0.96


@pytest.mark.parametrize(
    "body",
    [
        json.dumps({"audio": b64(MP3)}).encode(),
        json.dumps({"audioContent": b64(MP3)}).encode(),
        json.dumps({"data": [{"b64_json": b64(MP3)}]}).encode(),
        json.dumps({"result": {"audio": {"data": b64(to_wav(Audio(pcm=RAW, rate_hz=RATE_HZ)))}}}).encode(),
        json.dumps({"audio_base64": b64(RAW)}).encode(),
        json.dumps({"audio": b64(RAW), "sample_rate": RATE_HZ}).encode(),
        json.dumps(f"data:audio/mpeg;base64,{b64(MP3)}").encode(),
        f"data:audio/L16;rate={RATE_HZ};base64,{b64(RAW)}".encode(),
        b64(MP3).encode(),
        "".join(
            f"data: {json.dumps({'type': 'speech.audio.delta', 'audio': b64(MP3[at : at + 900])})}\n\n"
            for at in range(0, len(MP3), 900)
        ).encode()
        + b'data: {"type":"speech.audio.done"}\n\n',
    ],
)
async def test_sound_is_found_where_it_is_packed_into_text(body: bytes) -> None:
    async with plain_server(lambda path, _: (200, "audio/mpeg", body)) as server:
        assert likeness(await spoken(openai(server))) > 0.96


@pytest.mark.parametrize("make", [openai, elevenlabs])
@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("audio/pcm", b'{"error":"no such thing"}'),
        ("audio/wav", b"<html><body>Please sign in.</body></html>"),
        ("audio/mpeg", b"\0\0\0\x20ftypM4A " + NOISE),
        ("audio/pcm", NOISE),
        ("audio/mpeg", b"upstream timed out"),
        ("application/json", b'{"status":"queued","url":"https://example.org/1.mp3"}'),
        ("audio/wav", to_wav(Audio(pcm=RAW, rate_hz=2_000))),
    ],
)
async def test_what_is_no_sound_is_told_and_never_played(make: type, kind: str, body: bytes) -> None:
    async with plain_server(lambda path, _: (200, kind, body)) as server:
        with pytest.raises(AIProviderError):
            await spoken(make(server))


async def test_generate_tts_gives_mp3_whatever_the_voice_sends() -> None:
    flac = (200, "audio/flac", WAVES["FLAC"][0])
    async with plain_server(lambda path, _: flac) as server, openai(server) as provider:
        data, rate_hz = soundfile.read(io.BytesIO(await provider.generate_tts("Hello.", "v")))
    assert (rate_hz, len(data)) == (RATE_HZ, pytest.approx(len(S16), abs=3000))


async def test_a_voice_that_refuses_the_form_is_asked_for_others_and_remembered() -> None:
    asked: list[object] = []

    def answer(path: str, body: bytes) -> tuple[int, str, bytes]:
        asked.append(form := json.loads(body).get("response_format"))
        if form == "mp3":
            return 200, "audio/mpeg", MP3
        message = f"Invalid value: '{form}'. Supported values are: 'mp3'."
        return (
            400,
            "application/json",
            json.dumps({"error": {"message": message, "param": "response_format"}}).encode(),
        )

    async with plain_server(answer) as server, openai(server) as provider:
        for _ in (1, 2):
            async with opened(provider.speak, SpeakRequest(text="Hello.", voice="v")) as sound:
                assert [audio async for audio in sound]
    assert asked == ["pcm", "wav", "mp3", "mp3"]


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (400, {"error": {"message": "Invalid value: 'v'. Supported values are: 'alloy'.", "param": "voice"}}),
        (404, {"detail": "Voice 'v' not found."}),
        (422, {"detail": [{"loc": ["body", "voice"], "msg": "Input should be 'alloy'"}]}),
        (400, {"error": "No such voice: v"}),
        (400, {"message": "The voice v is not supported"}),
    ],
)
async def test_an_unknown_voice_is_replaced_and_told(status: int, told: object) -> None:
    def answer(path: str, body: bytes) -> tuple[int, str, bytes]:
        if path.endswith("/speech") and json.loads(body).get("voice") == "v":
            return status, "application/json", json.dumps(told).encode()
        return (
            (200, "audio/pcm", RAW)
            if path.endswith("/speech")
            else (404, "text/plain", b"404 page not found")
        )

    async with plain_server(answer) as server:
        said = await spoken(openai(server))
    assert "“v”" in said[0].notices[0]
    assert likeness(said) > 0.99


async def test_a_usual_voice_that_is_gone_is_an_error() -> None:
    gone = (400, "application/json", b'{"error":"unknown voice"}')
    async with plain_server(lambda path, _: gone) as server:
        with pytest.raises(AIProviderVoiceNotFoundError):
            await spoken(openai(server))


# -- hearing ------------------------------------------------------------------------------------------------

SRT = "1\n00:00:00,000 --> 00:00:01,500\nGood evening,\n\n2\n00:00:01,500 --> 00:00:02,000\nAnna.\n"
VTT = (
    "WEBVTT\n\nNOTE by us\n\n00:00.000 --> 00:01.500 align:start\n<v Anna>Good <c.loud>evening,</c>\n\n"
    "00:01.500 --> 00:02.000\nAnna.\n"
)


@pytest.mark.parametrize(
    "body",
    [
        '{"text": " Good evening, Anna."}',
        '{"task":"transcribe","text":null,"segments":[{"text":" Good evening,"},{"text":" Anna."}]}',
        '{"segments":[{"text":"Good evening,"},{"text":"Anna."}]}',
        '[{"text":"Good evening,"},{"text":"Anna."}]',
        '{"text":"<|startoftranscript|><|en|><|0.00|> Good evening,<|1.50|><|1.50|> Anna.<|2.00|>"}',
        '{"transcription":[{"text":" Good evening,"},{"text":" Anna."}]}',
        '{"results":{"channels":[{"alternatives":[{"transcript":"Good evening, Anna."},{"transcript":"no"}]}]}}',
        '{"result":{"text":"Good evening, Anna."}}',
        '{"words":[{"word":"Good"},{"word":"evening,"},{"word":"Anna."}]}',
        json.dumps({"text": SRT}),
        '"Good evening, Anna."',
        "Good evening, Anna.\n",
        SRT,
        VTT,
        "\ufeff" + VTT,
        "[00:00:00.000 --> 00:00:02.000]   Good evening, Anna.\n",
        'data: {"text":"Good evening,"}\n\ndata: {"text":"Anna."}\n\ndata: [DONE]\n\n',
        'data: {"type":"transcript.text.delta","delta":"Good evening, Anna."}\n\ndata: [DONE]\n\n',
    ],
)
@pytest.mark.parametrize("kind", ["application/json", "text/plain", "text/event-stream"])
async def test_words_come_clean_out_of_every_shape(body: str, kind: str) -> None:
    async with plain_server(lambda path, _: (200, kind, body.encode()), block=7) as server:
        assert (await heard(openai(server))).text == "Good evening, Anna."


@pytest.mark.parametrize(
    "body", ['{"text":""}', '{"text":"", "segments":[]}', "\n", "WEBVTT\n\n", '{"text":"[BLANK_AUDIO]"}']
)
async def test_silence_is_no_error(body: str) -> None:
    async with plain_server(lambda path, _: (200, "application/json", body.encode())) as server:
        assert (await heard(openai(server))).text == ""


@pytest.mark.parametrize(
    "body",
    [
        "dat",
        'data: {"type":"transcript.text.de',
        'dat\n\ndata: {"type":"transcript.text.delta","delta":"Good"}',
        'data: {"type":"transcript.begun"}\n\n',
        'data: Good\n\ndata: {"type"',
        "data: Go",
        'data: {"type":"transcript.text.delta","delta":"Good"}\n\n',
    ],
)
async def test_events_that_break_off_are_no_words(body: str) -> None:
    async with plain_server(lambda path, _: (200, "text/event-stream", body.encode())) as server:
        with pytest.raises(CompanionError) as caught:
            await heard(openai(server))
    assert caught.value.kind in (Kind.CUT_OFF, Kind.UNAVAILABLE)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ('{"error":{"message":"x","type":"insufficient_quota"}}', Kind.NO_CREDIT),
        ('{"text":"","error":{"message":"x","code":"invalid_api_key"}}', Kind.KEY_REFUSED),
        ('{"detail":"model is still loading"}', Kind.UNAVAILABLE),
        ("<!doctype html><html>Sign in</html>", Kind.NOT_AN_API),
        ('{"id":1}', Kind.NOT_AN_API),
    ],
)
async def test_an_error_under_a_status_of_200_is_an_error(body: str, kind: Kind) -> None:
    async with plain_server(lambda path, _: (200, "application/json", body.encode())) as server:
        with pytest.raises(CompanionError) as caught:
            await heard(openai(server))
    assert caught.value.kind is kind


def language_in(body: bytes) -> str:
    found = re.search(rb'name="language(?:_code)?"\r\n\r\n(.*?)\r\n', body)
    return found[1].decode() if found else ""


@pytest.mark.parametrize(
    ("tag", "sent"),
    [
        ("nb-NO", "no"), ("nn", "no"), ("fil-PH", "tl"), ("iw", "he"), ("in", "id"), ("cmn-Hans-CN", "zh"), ("zh_TW", "zh"),
        ("yue", "zh"), ("pt-BR", "pt"), ("es-419", "es"), ("deu", "de"), ("EN_us.UTF-8", "en"), ("jv", "jw"), ("gsw", "de"),
        ("auto", ""), ("und", ""), ("", ""), ("mul", ""), ("multi", ""),
    ],
)  # fmt: skip
async def test_a_language_goes_out_as_the_recogniser_knows_it(tag: str, sent: str) -> None:
    async with plain_server(lambda path, _: (200, "application/json", b'{"text":"ok"}')) as server:
        assert (await heard(openai(server), tag)).notices == ()
    assert language_in(server.bodies[-1]) == sent


async def test_a_language_nobody_knows_is_found_out_and_told() -> None:
    async with plain_server(lambda path, _: (200, "application/json", b'{"text":"ok"}')) as server:
        words = await heard(openai(server), "tlh")
    assert "“tlh”" in words.notices[0]
    assert not language_in(server.bodies[-1])


@pytest.mark.parametrize("make", [openai, elevenlabs])
async def test_a_refused_language_fails_no_take_and_harms_no_other(make: type) -> None:
    seen: list[str] = []

    def answer(path: str, body: bytes) -> tuple[int, str, bytes]:
        seen.append(language_in(body))
        if seen[-1] == "cy":
            return (
                400,
                "application/json",
                b'{"error":{"message":"Unsupported language: cy","param":"language"}}',
            )
        return 200, "application/json", b'{"text":"ok"}'

    async with plain_server(answer) as server, make(server) as provider:
        told = []
        for tag in ("de", "cy", "cy-GB", "cy", "de"):
            request = HearRequest(frames=take(), language=tag)
            told.append([words async for words in provider.transcribe(request)][-1].notices)
    assert seen == ["de", "cy", "", "cy", "", "", "de"]
    assert [bool(notices) for notices in told] == [False, True, True, True, False]


async def test_a_take_longer_than_the_server_takes_goes_out_in_parts() -> None:
    sizes: list[int] = []

    def answer(path: str, body: bytes) -> tuple[int, str, bytes]:
        sizes.append(len(body))
        if len(body) > 3_000_000:
            return 413, "application/json", b'{"error":{"message":"Maximum content size limit exceeded"}}'
        return 200, "application/json", b'{"text":"part"}'

    async with plain_server(answer) as server:
        words = await heard(openai(server), seconds=200)
    assert words.text == " ".join(["part"] * (len(sizes) - sum(size > 3_000_000 for size in sizes)))
    assert len(sizes) < 10


async def test_a_short_take_that_is_too_long_is_told() -> None:
    refusal = (
        400,
        "application/json",
        b'{"error":{"message":"audio duration 30 s is longer than 10 seconds"}}',
    )
    async with plain_server(lambda path, _: refusal) as server:
        with pytest.raises(AIProviderError, match="recording is too long"):
            await heard(openai(server), seconds=30)
