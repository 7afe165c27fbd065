"""The voice and the recogniser that come with Companion: text to sound, frames to words, nothing leaves this computer.

espeak-ng and pocketsphinx, both in the engine process (`process`), and vectors made from words (`hashing`). They need
no key, no network and no download, and are there for the first minute and for the day the network is gone.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING

from companion.errors import AIProviderError, AIProviderInvalidRequestError, AIProviderNotSupportedError
from companion.flow import Audio, Health, HearRequest, Role, SpeakRequest, Transcript, VoiceInfo
from companion.providers.here.process.engine_provider import EngineProvider
from companion.providers.provider import Spec
from companion.providers.wire.languages import Language

if TYPE_CHECKING:
    from companion.calls import Embeddings, EmbedRequest

WORDS_PER_MINUTE = 175
"""The voice's own pace; espeak-ng speaks 80 to 450."""
LONGEST_TEXT = 100_000
"""Characters of one request; a reply has a few thousand."""
_RATE_BYTES = 4
_log = logging.getLogger(__name__)

VOICES = (
    VoiceInfo(id="en-us", name="American"),
    VoiceInfo(id="en-us+f3", name="American, higher"),
    VoiceInfo(id="en-gb", name="British"),
    VoiceInfo(id="en-gb+f3", name="British, higher"),
    VoiceInfo(id="en-gb-x-rp", name="British, received pronunciation"),
    VoiceInfo(id="en-gb-scotland", name="Scottish"),
    VoiceInfo(id="en-029", name="Caribbean"),
    VoiceInfo(id="de", name="German", language="de"),
    VoiceInfo(id="fr-fr", name="French", language="fr"),
    VoiceInfo(id="es", name="Spanish", language="es"),
    VoiceInfo(id="es-419", name="Latin American Spanish", language="es-419"),
    VoiceInfo(id="it", name="Italian", language="it"),
    VoiceInfo(id="pt", name="Portuguese", language="pt"),
    VoiceInfo(id="pt-br", name="Brazilian Portuguese", language="pt-br"),
    VoiceInfo(id="nl", name="Dutch", language="nl"),
    VoiceInfo(id="sv", name="Swedish", language="sv"),
    VoiceInfo(id="pl", name="Polish", language="pl"),
    VoiceInfo(id="uk", name="Ukrainian", language="uk"),
    VoiceInfo(id="ru", name="Russian", language="ru"),
    VoiceInfo(id="tr", name="Turkish", language="tr"),
    VoiceInfo(id="hi", name="Hindi", language="hi"),
    VoiceInfo(id="cmn", name="Mandarin Chinese", language="zh"),
)
"""The ones offered. Any other language of espeak-ng works by its tag, with "+f1".."+f5" or "+m1".."+m8" for its pitch."""

SPEC = Spec(
    name="builtin",
    display_name="This computer",
    roles=frozenset({Role.HEARS, Role.SPEAKS, Role.EMBEDS}),
    default_models={Role.EMBEDS: "words"},
    hears_live=True,
    voices=VOICES,
    summary="A plain voice, and a rough recogniser: one word in four is wrong (Whisper hears better). Nothing leaves.",
)


class BuiltinProvider(EngineProvider):
    """Hears English and speaks some hundred languages, offline."""

    spec = SPEC

    async def speak(self, request: SpeakRequest) -> AsyncGenerator[Audio, None]:
        """The sound of plain text; markup is spoken as it stands.

        A voice it does not have is replaced by the default: a name carried over from another provider must not silence
        the one that always works.

        Raises:
            AIProviderError: INVALID_REQUEST for a text of more than `LONGEST_TEXT` characters; ENGINE_CRASHED.
        """
        text = speakable(request.text)
        if len(text) > LONGEST_TEXT:
            raise AIProviderInvalidRequestError("The text is too long to be spoken at once.", self.spec.name)
        if not text:
            return
        wanted = request.voice or self.tts_voice or VOICES[0].id
        job = await self.start_job(
            "speak", text=text, voice=wanted, words_per_minute=words_per_minute(request.speed)
        )
        try:
            async for piece in job:
                rate_hz = int.from_bytes(piece[:_RATE_BYTES], "little")
                yield Audio(pcm=piece[_RATE_BYTES:], rate_hz=rate_hz)
        finally:
            job.cancel()
        if job.result["voice"] != wanted:
            _log.debug("there is no voice %r here; %s spoke", wanted, job.result["voice"])

    async def transcribe(self, request: HearRequest) -> AsyncGenerator[Transcript, None]:
        """English words while the take is fed. No part of a partial text is certain, and no confidence is known.

        Raises:
            AIProviderError: NOT_SUPPORTED for another language; ENGINE_CRASHED, HEARING_FAILED; and what `frames` raises.
        """
        if Language.of(request.language).base not in ("", "en"):
            raise AIProviderNotSupportedError(
                "The built-in recogniser only understands English.",
                self.spec.name,
                who=self.spec.display_name,
                hint="Choose Whisper or an online provider for hearing. What you said is kept.",
            )
        async with aclosing(self.hear(request, "hear")) as words:
            async for told in words:
                yield Transcript(text=readable(told["text"]), is_final="is_final" in told)

    async def embed(self, request: EmbedRequest) -> AsyncGenerator[Embeddings, None]:
        """Vectors of the words themselves: near for texts that share words, blind to meaning.

        Raises:
            AIProviderError: INVALID_REQUEST for a text without a word.
        """
        from companion.calls import Embeddings
        from companion.providers.hashing import DIMENSIONS, vector

        vectors = tuple(vector(text, request.dimensions or DIMENSIONS) for text in request.texts)
        if not all(map(any, vectors)):
            raise AIProviderInvalidRequestError("There is no word in one of the texts.", self.spec.name)
        yield Embeddings(vectors=vectors, model=self.models[Role.EMBEDS])

    async def voices(self) -> Sequence[VoiceInfo]:
        return VOICES

    async def check(self) -> Health:
        began = time.perf_counter()
        try:
            languages = (await self.run_job("list_voices"))["languages"]
            await self.run_job("load")
        except AIProviderError as error:
            return Health(ok=False, detail=error.message, kind=error.kind)
        latency_ms = (time.perf_counter() - began) * 1000
        return Health(
            ok=True,
            detail=f"The built-in voice ({len(languages)} languages) and recogniser (English, rough) are ready.",
            latency_ms=latency_ms,
        )

    async def warm(self) -> None:
        with suppress(AIProviderError):  # the call that needs the engines tells
            await self.run_job("load")


PROVIDER = BuiltinProvider


def words_per_minute(speed: float) -> int:
    """The pace for a speed of 0.25..4, within what espeak-ng speaks."""
    return round(min(450, max(80, WORDS_PER_MINUTE * speed)))


def speakable(text: str) -> str:
    """`text` without control characters, which espeak-ng takes for commands, and without half surrogates."""
    plain = re.sub(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]", " ", text).strip()
    return plain if any(character.isalnum() for character in plain) else ""


def readable(words: str) -> str:
    """A recogniser's bare lower-case words as a person writes them, as far as that is known: "I", a capital first."""
    spoken = [re.sub(r"\(\d+\)$", "", word) for word in words.split() if not re.match(r"[<\[+]", word)]
    text = " ".join(re.sub(r"^i(?=$|')", "I", word) for word in spoken)
    return text[:1].upper() + text[1:]
