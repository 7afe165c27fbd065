"""The voice and the recogniser that come with Companion: text to sound, frames to words, nothing leaves this computer.

espeak-ng and pocketsphinx, both in the engine process (`process`), and vectors made from words (`hashing`). They need
no key, no network and no download, and are there for the first minute and for the day the network is gone. Once a model
of Whisper is on this computer, that hears instead, and once a voice of Piper is, that speaks: nobody who says "this
computer" wants the worse of what it has.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from companion.errors import AIProviderError, AIProviderInvalidRequestError, AIProviderNotSupportedError
from companion.flow import Audio, Health, HearRequest, SpeakRequest, Transcript
from companion.kinds import Role, VoiceInfo
from companion.language import tr
from companion.providers.here.builtin import SPEC, VOICES
from companion.providers.here.models.store import ModelStore
from companion.providers.here.process.breaths import speakable
from companion.providers.here.process.engine_provider import EngineProvider
from companion.providers.here.spoken import language_of, voice_for
from companion.providers.wire.languages import Language

if TYPE_CHECKING:
    from companion.calls import Embeddings, EmbedRequest
    from companion.providers.here.voices import InstalledVoice
    from companion.providers.here.whisper import WhisperProvider

WORDS_PER_MINUTE = 175
"""The voice's own pace; espeak-ng speaks 80 to 450."""
LONGEST_TEXT = 100_000
"""Characters of one request; a reply has a few thousand."""
_log = logging.getLogger(__name__)


class BuiltinProvider(EngineProvider):
    """Hears and speaks some hundred languages, offline; English only until a model of Whisper is here.

    Args:
        models_dir: folder of the models; empty: the app's own.
    """

    spec = SPEC

    def __init__(self, *, models_dir: Path | str = "", **rest: Any) -> None:
        super().__init__(**rest)
        self._models_dir = models_dir
        self._store = ModelStore(models_dir or None)
        self._whisper: WhisperProvider | None = None
        self._language = ""
        """Of what was spoken last; a sentence of a word or two does not tell."""

    async def speak(self, request: SpeakRequest) -> AsyncGenerator[Audio, None]:
        """The sound of plain text, in a natural voice where one is on this computer; markup is spoken as it stands.

        A voice it does not have is replaced by the default: a name carried over from another provider must not silence
        the one that always works. So is a natural voice that cannot be loaded.

        Raises:
            AIProviderError: INVALID_REQUEST for a text of more than `LONGEST_TEXT` characters; ENGINE_CRASHED.
        """
        text = speakable(request.text)
        if len(text) > LONGEST_TEXT:
            raise AIProviderInvalidRequestError(
                tr("The text is too long to be spoken at once."), self.spec.name
            )
        if not text:
            return
        wanted = request.voice or self.tts_voice
        tag = self._language = await asyncio.to_thread(language_of, text, self._language)
        voice, named = await self._natural(wanted, tag)
        if voice is not None:
            sound = self.sound_of(voice, named, text, request.speed)
        else:
            sound = self._plainly(text, wanted or voice_for(tag, VOICES), request.speed)
        async with aclosing(sound) as pieces:
            async for audio in pieces:
                yield audio

    async def _natural(self, wanted: str, tag: str = "") -> tuple[InstalledVoice | None, str]:
        """The voice that speaks this language instead of the plain one, loaded, with its name; None: none is here that can.

        Empty, `tag` is the language that was spoken last.
        """
        from companion.providers.here import voices

        tag = tag or self._language or await asyncio.to_thread(language_of, "")
        voice, named = await asyncio.to_thread(voices.natural, self._store, wanted, tag)
        try:
            if voice is not None:
                await self.run_job("load_voice", file=str(voice.file))
        except AIProviderError as error:
            _log.info("%s cannot be used: %s", voice and voice.name, error)
            voice = None
        self.speaker = voice.label if voice is not None else ""
        return voice, named

    async def _plainly(self, text: str, wanted: str, speed: float) -> AsyncGenerator[Audio, None]:
        job = await self.start_job("speak", text=text, voice=wanted, words_per_minute=words_per_minute(speed))
        async with aclosing(self.sound_from(job)) as sound:
            async for audio in sound:
                yield audio
        if job.result["voice"] != wanted:
            _log.debug("there is no voice %r here; %s spoke", wanted, job.result["voice"])

    async def transcribe(self, request: HearRequest) -> AsyncGenerator[Transcript, None]:
        """Words while the take is fed: Whisper's, or else English ones of which none is certain.

        Raises:
            AIProviderError: NOT_SUPPORTED for a language that nobody here knows; ENGINE_CRASHED, HEARING_FAILED; and what
                `frames` raises.
        """
        if (model := await self._better(request.language)) and self._whisper is not None:
            async with aclosing(self._whisper.transcribe(replace(request, model=model))) as heard:
                async for transcript in heard:
                    yield transcript
            return
        if (Language.of(request.language).base or await asyncio.to_thread(language_of, "")) != "en":
            raise AIProviderNotSupportedError(
                tr("The built-in recogniser only understands English."),
                self.spec.name,
                who=self.spec.display_name,
                hint=tr(
                    "Fetch Whisper in Settings under Hearing, or choose an online provider. What you said is kept."
                ),
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
            raise AIProviderInvalidRequestError(tr("There is no word in one of the texts."), self.spec.name)
        yield Embeddings(vectors=vectors, model=self.models[Role.EMBEDS])

    async def voices(self) -> Sequence[VoiceInfo]:
        """The natural ones that are here, then the plain ones."""
        from companion.providers.here import voices

        found = await asyncio.to_thread(voices.installed, self._store) if voices.can_speak() else ()
        natural = (listed for voice in found if voice.is_quick for listed in voice.listed())
        return (*natural, *VOICES)

    async def check(self) -> Health:
        began = time.perf_counter()
        try:
            languages = (await self.run_job("list_voices"))["languages"]
            await self._load()
            model, (natural, _) = await self._better(""), await self._natural(self.tts_voice)
        except AIProviderError as error:
            return Health(ok=False, detail=error.message, kind=error.kind)
        voice = (
            tr("The voice {name}", name=natural.label)
            if natural
            else tr("The built-in voice ({n} languages)", n=len(languages))
        )
        recogniser = tr("recogniser (English, rough)")
        if model:
            from companion.providers.here.whisper import label_of

            recogniser = label_of(model)
        latency_ms = (time.perf_counter() - began) * 1000
        return Health(
            ok=True,
            detail=tr("{voice} and {recogniser} are ready.", voice=voice, recogniser=recogniser),
            latency_ms=latency_ms,
        )

    async def warm(self) -> None:
        with suppress(AIProviderError):  # the call that needs the engines tells
            await self._load()

    async def warm_voice(self, voice: str) -> None:
        with suppress(AIProviderError):
            if (await self._natural(voice or self.tts_voice))[0] is None:
                await self.run_job("load", recogniser=False)

    async def _load(self) -> None:
        """Makes the engines ready that would be used now."""
        await self.run_job("load", recogniser=not await self._better(""))

    async def _better(self, language: str) -> str:
        """The model of Whisper that hears instead, loaded; empty: none is here that can."""
        from companion.providers.here.whisper import WhisperProvider, ready_model

        if self._whisper is None:
            self._whisper = WhisperProvider(models_dir=self._models_dir)
        model = await asyncio.to_thread(ready_model, self._whisper.store, language)
        try:
            if model:
                await self._whisper.load(model)
        except AIProviderError as error:
            _log.debug("%s cannot be used: %s", model, error)
            model = ""
        self.recogniser = model
        return model

    async def aclose(self) -> None:
        if self._whisper is not None:
            await self._whisper.aclose()
        await super().aclose()


PROVIDER = BuiltinProvider


def words_per_minute(speed: float) -> int:
    """The pace for a speed of 0.25..4, within what espeak-ng speaks."""
    return round(min(450, max(80, WORDS_PER_MINUTE * speed)))


def readable(words: str) -> str:
    """A recogniser's bare lower-case words as a person writes them, as far as that is known: "I", a capital first."""
    spoken = [re.sub(r"\(\d+\)$", "", word) for word in words.split() if not re.match(r"[<\[+]", word)]
    text = " ".join(re.sub(r"^i(?=$|')", "I", word) for word in spoken)
    return text[:1].upper() + text[1:]
