"""Sound and refusals of voices and recognisers on sockets, by their dialects alone; and the forms of languages."""

from __future__ import annotations

import base64
import json
from collections import deque
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
    AIProviderVoiceNotFoundError,
    Kind,
)
from companion.flow import Audio
from companion.net import SocketClosed
from companion.pcm import to_wav
from companion.providers.vendors import cartesia, elevenlabs
from companion.providers.vendors.deepgram import SPEC
from companion.providers.vendors.deepgram.provider import _form
from companion.providers.vendors.deepgram.wire import Aura, FluxVoice
from companion.providers.vendors.google import SPEC as GOOGLE
from companion.providers.vendors.google.sound import Speech
from companion.providers.vendors.openai.voice import _Narrator
from companion.providers.wire.faults import CallContext
from companion.providers.wire.languages import Language, for_whisper, nearest
from companion.providers.wire.sockets import closed
from companion.providers.wire.voice_sockets import VoiceDialect
from tests.audio.signals import find, samples
from tests.test_decoding import NOISE, RATE_HZ, S16, WAVES

RAW = S16.tobytes()
FORMS = {
    "bare": RAW,
    "MP3": WAVES["MP3"][0],
    "Opus": WAVES["Opus"][0],
    "WAV of floats": WAVES["f32"][0],
    "WAV for every sentence": to_wav(Audio(pcm=RAW[:40_000], rate_hz=RATE_HZ))
    + to_wav(Audio(pcm=RAW[40_000:], rate_hz=RATE_HZ)),
}


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def voices() -> dict[str, tuple[VoiceDialect, Any]]:
    """Each dialect in the middle of a request, and how its messages carry sound."""
    call = CallContext(SPEC)
    made: dict[str, tuple[VoiceDialect, Any]] = {
        "aura": (Aura(call, deque()), lambda data: data),
        "eleven": (elevenlabs._Speech(call, 1.0), lambda data: json.dumps({"audio": b64(data)})),
        "sonic": (
            cartesia._Context(call, {}),
            lambda data: json.dumps({"type": "chunk", "data": b64(data), "flush_id": 1}),
        ),
        "realtime": (
            _Narrator(call, "marin", 1.0),
            lambda data: json.dumps({"type": "response.output_audio.delta", "delta": b64(data)}),
        ),
    }
    for dialect, _ in made.values():
        dialect.text(0, "Hello.")
    return made


def said(dialect: VoiceDialect, messages: list[Any]) -> list[Audio]:
    found = [dialect.take(message) for message in messages] + [dialect.rest()]
    return [audio for audio in found if audio is not None and audio.pcm]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ["aura", "eleven", "sonic", "realtime"])
async def test_a_voice_on_a_socket_is_known_by_its_bytes(name: str, form: str) -> None:
    dialect, carry = voices()[name]
    data = FORMS[form]
    first = [carry(data[:7]), carry(data[7:61])]  # less than any head
    heard = said(dialect, first + [carry(data[at : at + 1_999]) for at in range(61, len(data), 1_999)])
    assert {audio.rate_hz for audio in heard} == {RATE_HZ}
    assert find(S16[2400:-4800], samples(b"".join(audio.pcm for audio in heard)))[1] > 0.96


@pytest.mark.parametrize("name", ["aura", "eleven", "sonic", "realtime"])
async def test_what_is_no_sound_is_not_played_from_a_socket(name: str) -> None:
    for data in (NOISE, b"\x1a\x45\xdf\xa3" + NOISE, b"<html><body>Sign in</body></html>"):
        dialect, carry = voices()[name]
        with pytest.raises(AIProviderError) as caught:
            said(dialect, [carry(data)])
        assert caught.value.kind is Kind.VOICE_FAILED


def test_an_error_in_a_binary_message_is_an_error() -> None:
    voice = FluxVoice(CallContext(SPEC))
    with pytest.raises(AIProviderUnavailableError):
        voice.take(b'{"type":"Error","code":"INTERNAL_SERVER_ERROR","description":"x"}')


@pytest.mark.parametrize(
    ("mime", "data"),
    [
        ("audio/L16;codec=pcm;rate=24000", RAW),
        ("audio/wav", WAVES["s24"][0]),
        ("audio/L16;rate=8000", WAVES["MP3"][0]),
        ("", RAW),
    ],
)
def test_gemini_speaks_in_any_form(mime: str, data: bytes) -> None:
    speech = Speech(CallContext(GOOGLE))
    parts = [
        {"inlineData": {"mimeType": mime, "data": b64(data[at : at + 9_001])}}
        for at in range(0, len(data), 9_001)
    ]
    events = [{"candidates": [{"content": {"parts": [part]}}]} for part in parts]
    events.append({"candidates": [{"content": {"parts": []}, "finishReason": "STOP"}]})
    heard = [audio for event in events for audio in speech.take(event)]
    heard += [rest] if (rest := speech.end()) is not None else []
    assert {audio.rate_hz for audio in heard} == {RATE_HZ}
    assert find(S16[2400:-4800], samples(b"".join(audio.pcm for audio in heard)))[1] > 0.96


def test_gemini_noise_is_refused() -> None:
    speech = Speech(CallContext(GOOGLE))
    part = {"inlineData": {"mimeType": "audio/opus", "data": b64(NOISE)}}
    with pytest.raises(AIProviderError) as caught:
        list(speech.take({"candidates": [{"content": {"parts": [part]}}]}))
    assert caught.value.kind is Kind.VOICE_FAILED


# -- closed sockets -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "reason", "error"),
    [
        (1008, "A voice with voice_id x does not exist.", AIProviderVoiceNotFoundError),
        (1008, "DATA-0000", AIProviderInvalidRequestError),
        (1008, "Invalid API key", AIProviderAuthError),
        (1007, "API key not valid. Please pass a valid API key.", AIProviderAuthError),
        (1008, "models/x is not found for API version v1beta", AIProviderModelNotFoundError),
        (1011, "You exceeded your current quota, please check your plan", AIProviderQuotaError),
        (1011, "Daily limit reached", AIProviderRateLimitError),
        (1008, "Your plan does not have permission for this model", AIProviderAuthError),
        (1011, "NET-0001", AIProviderUnavailableError),
        (1011, "", AIProviderUnavailableError),
        (1011, "Internal error encountered.", AIProviderUnavailableError),
    ],
)
def test_the_reason_of_a_closed_socket_is_read(code: int, reason: str, error: type[AIProviderError]) -> None:
    assert type(closed(CallContext(SPEC), SocketClosed(code, reason))) is error


# -- languages ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tag", "base", "whisper", "nova"),
    [
        ("nb-NO", "no", "no", "no"), ("nn", "no", "no", "no"), ("fil", "fil", "tl", "tl"), ("tl", "fil", "tl", "tl"),
        ("iw-IL", "he", "he", "he"), ("in", "id", "id", "id"), ("cmn", "zh", "zh", "zh"),
        ("zh-Hans-CN", "zh", "zh", "zh-CN"),
        ("zh-Hans", "zh", "zh", "zh-Hans"),
        ("zh-TW", "zh", "zh", "zh-TW"), ("zh_Hant_TW", "zh", "zh", "zh-TW"), ("cmn-Hant", "zh", "zh", "zh-Hant"),
        ("zh-SG", "zh", "zh", "zh"), ("yue-HK", "yue", "zh", "zh-HK"), ("zh-yue", "yue", "zh", "zh-HK"),
        ("pt-BR", "pt", "pt", "pt-BR"), ("pt_pt", "pt", "pt", "pt-PT"), ("es-MX", "es", "es", "es-419"),
        ("es-ES", "es", "es", "es"),
        ("en-GB-oxendict", "en", "en", "en-GB"), ("de_AT.UTF-8", "de", "de", "de"), ("ger", "de", "de", "de"),
        ("haw", "haw", "haw", "haw"), ("auto", "", "", ""), ("und", "", "", ""), ("", "", "", ""), ("C", "", "", ""),
        ("x-klingon", "", "", ""), ("12", "", "", ""),
    ],
)  # fmt: skip
def test_a_language_in_every_form(tag: str, base: str, whisper: str, nova: str) -> None:
    assert Language.of(tag).base == base
    assert for_whisper(tag) == whisper
    assert _form("nova-3", tag) == nova


def test_what_flux_does_not_know_is_no_hint() -> None:
    assert _form("flux-general-multi", "nl-BE") == "nl"
    assert not _form("flux-general-multi", "pl")


def test_the_nearest_form_is_the_most_exact_that_is_known() -> None:
    assert nearest("sr-Latn-RS", {"sr", "sr-Latn"}) == "sr-Latn"
    assert nearest("nn-NO", {"nb-NO", "nb"}) == "nb"
    assert not nearest("pl", {"de"})
