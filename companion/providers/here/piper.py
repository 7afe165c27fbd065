"""Natural voices on this computer: text to sound with voices of Piper and Kokoro that were fetched, or are one's own.

The voices are Piper's, the program is not: sherpa-onnx makes the sound in the engine process, from phonemes of the
espeak-ng that is loaded there anyway. Without a choice, "This computer" speaks with them, too (`builtin`).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from companion.errors import (
    AIProviderError,
    AIProviderNotSupportedError,
    CompanionError,
)
from companion.flow import Audio, Health, SpeakRequest
from companion.kinds import Role, VoiceInfo
from companion.language import mark, tr, trn
from companion.providers.here import voices
from companion.providers.here.models import measured
from companion.providers.here.models.listing import LocalModel, ModelKind, usual
from companion.providers.here.models.store import ModelStore
from companion.providers.here.process.breaths import speakable
from companion.providers.here.process.engine_provider import EngineProvider
from companion.providers.here.voices import InstalledVoice, Trial
from companion.providers.provider import Policy, Spec

INSTALL = "pip install sherpa-onnx"
TRIAL_S = 20.0
"""A trial that takes longer has failed."""
_TRIAL = "It was a long day, and the evening by the river was quiet."
_TRIAL_SPEECH_S = 3.5
"""How long that lasts, about, when it is spoken."""

SPEC = Spec(
    name="piper",
    display_name=mark("A natural voice on this computer"),
    roles=frozenset({Role.SPEAKS}),
    summary="Natural voices in many languages that run here; nothing leaves this computer.",
    install=INSTALL,
)


class PiperProvider(EngineProvider):
    """Speaks with voices of Piper, and with Kokoro where this machine is quick enough.

    Args:
        models_dir: folder of the models; empty: the app's own.
    """

    spec = SPEC
    policy = Policy(first_s=60.0, idle_s=60.0, total_s=600.0)
    """A voice is loaded with its first sentence."""

    def __init__(self, *, models_dir: Path | str = "", **rest: Any) -> None:
        super().__init__(**rest)
        self.store = ModelStore(models_dir or None)

    async def speak(self, request: SpeakRequest) -> AsyncGenerator[Audio, None]:
        """Its first clause, then sentence by sentence.

        Raises:
            AIProviderError: ENGINE_MISSING without the engine or the voice; NOT_SUPPORTED for one that is too slow here;
                ENGINE_CRASHED, VOICE_FAILED.
        """
        text, wanted = speakable(request.text), request.voice or self.tts_voice
        voice = await self._tried(await asyncio.to_thread(self._require, wanted))
        if not text:
            return
        async with aclosing(self.sound_of(voice, wanted, text, request.speed)) as sound:
            async for audio in sound:
                yield audio

    async def voices(self) -> Sequence[VoiceInfo]:
        """Those that are here, then those that can be fetched."""
        standings = await asyncio.to_thread(self.store.all, ModelKind.VOICE)
        here = await asyncio.to_thread(voices.installed, self.store)
        absent = (each.model for each in standings if not each.is_ready and each.model.can_be_fetched)
        offered = (_offered(model) for model in absent if _is_of_one_speaker(model))
        return (*(listed for voice in here if voice.is_quick for listed in voice.listed()), *offered)

    async def trial(self, wanted: str = "") -> Trial:
        """How quick a voice is on this machine; takes some seconds, and is remembered.

        Raises:
            AIProviderError: as `speak`.
        """
        voice = await asyncio.to_thread(self._require, wanted)
        await self.run_job("load_voice", file=str(voice.file))
        began, made_s, least = time.perf_counter(), 0.0, 0.0
        try:
            async with asyncio.timeout(TRIAL_S), aclosing(self.sound_of(voice, wanted, _TRIAL, 1.0)) as sound:
                async for audio in sound:
                    made_s += audio.seconds
        except TimeoutError:
            least = voices.QUICK  # one sentence was too much
        took_s = time.perf_counter() - began
        factor = round(max(least, took_s / (made_s or _TRIAL_SPEECH_S)), 3)
        await asyncio.to_thread(measured.keep, self.store.folder / ModelKind.VOICE, voice.name, factor)
        return Trial(voice=replace(voice, factor=factor))

    async def _tried(self, voice: InstalledVoice) -> InstalledVoice:
        """The voice, which is quick enough.

        Raises:
            AIProviderNotSupportedError: it is not.
        """
        if voice.is_quick:
            return voice
        found = Trial(voice=voice) if voice.factor is not None else await self.trial(voice.name)
        if not found.objection:
            return found.voice
        who = self.spec.display_name
        hint = tr("Choose another voice in Settings under Voice.")
        raise AIProviderNotSupportedError(found.objection, self.spec.name, who=who, hint=hint)

    async def check(self) -> Health:
        here = await asyncio.to_thread(voices.installed, self.store)
        names = tuple(voice.name for voice in here if voice.is_quick)
        slow = [
            Trial(voice=voice).objection for voice in here if voice.factor is not None and not voice.is_quick
        ]
        try:
            await self._load()
        except CompanionError as error:
            detail = " ".join((*slow, error.message, error.hint))
            return Health(ok=False, detail=detail, models=names, kind=error.kind)
        ready = trn("Ready with {n} voice.", "Ready with {n} voices.", len(names))
        detail = " ".join((ready, *slow))
        return Health(ok=True, detail=detail, models=names)

    async def warm_voice(self, voice: str) -> None:
        with suppress(AIProviderError):  # the call that needs the voice tells
            await self._load(voice)

    async def _load(self, wanted: str = "") -> None:
        voice = await asyncio.to_thread(self._require, wanted or self.tts_voice)
        await self.run_job("load_voice", file=str(voice.file))

    def _require(self, wanted: str) -> InstalledVoice:
        """Blocking: the first time it reads the voice."""
        if not voices.can_speak():
            message = tr("The program that speaks with Piper's voices is not installed on this computer.")
            raise self.missing(
                message, tr("Install it in Settings under Voice, or with: {install}", install=INSTALL)
            )
        voice = voices.find(self.store, wanted)
        if voice is None:
            name = wanted.partition("#")[0] or usual(ModelKind.VOICE).name
            state = self.store.state(ModelKind.VOICE, name)
            raise self.missing_model(
                tr("The voice “{name}”", name=name),
                state,
                tr("Fetch it in Settings under Voice, or choose another voice."),
                tr("Fetch it again in Settings under Voice, or choose another voice."),
            )
        return voice


PROVIDER = PiperProvider


def _is_of_one_speaker(model: LocalModel) -> bool:
    return any(file.name.endswith(".onnx.json") for file in model.files)


def _offered(model: LocalModel) -> VoiceInfo:
    return VoiceInfo(
        id=model.name,
        name=model.label,
        language=model.languages[0],
        description=tr("not fetched yet, {size} MB", size=model.size_mb),
    )
