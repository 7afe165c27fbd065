"""Piper on this computer: text to sound with neural voices, where the program is installed and a voice was fetched.

Piper is GPL and never imported here; it runs in the engine process. A voice is a pair of files, `<name>.onnx` and
`<name>.onnx.json`, in the app's folder of models; they are fetched by `models`.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
from collections.abc import AsyncGenerator, Iterator, Sequence
from pathlib import Path
from typing import Any

from companion.errors import AIProviderUnavailableError, CompanionError, Kind
from companion.flow import Audio, Health, Role, SpeakRequest, VoiceInfo
from companion.providers.here.builtin import speakable
from companion.providers.here.models.listing import LocalModel, ModelKind, usual
from companion.providers.here.models.store import ModelStore
from companion.providers.here.process.engine_provider import EngineProvider
from companion.providers.provider import Policy, Spec

INSTALL = "pip install 'reflection-companion[piper]'"
_RATE_BYTES = 4


SPEC = Spec(
    name="piper",
    display_name="Piper on this computer",
    roles=frozenset({Role.SPEAKS}),
    summary="Natural voices in many languages that run here; nothing leaves this computer.",
    install=INSTALL,
)


class PiperProvider(EngineProvider):
    """Speaks with Piper.

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
        """Sentence by sentence.

        Raises:
            AIProviderError: ENGINE_MISSING without the program or the voice; ENGINE_CRASHED, VOICE_FAILED.
        """
        text = speakable(request.text)
        voice = request.voice or self.tts_voice or await asyncio.to_thread(self._usual)
        file = str(await asyncio.to_thread(self._require, voice))
        if not text:
            return
        speaker = voice.partition("#")[2]
        job = await self.start_job(
            "speak_with_piper", text=text, file=file, speaker=speaker, speed=request.speed
        )
        try:
            async for piece in job:
                rate_hz = int.from_bytes(piece[:_RATE_BYTES], "little")
                yield Audio(pcm=piece[_RATE_BYTES:], rate_hz=rate_hz)
        finally:
            job.cancel()

    async def voices(self) -> Sequence[VoiceInfo]:
        """Those that are here, then those that can be fetched."""
        standings = await asyncio.to_thread(self.store.all, ModelKind.VOICE)
        here = tuple(voice for each in standings if each.is_ready for voice in self._voices_of(each.model))
        return (
            *here,
            *(_offered(each.model) for each in standings if not each.is_ready and each.model.files),
        )

    async def check(self) -> Health:
        here = await asyncio.to_thread(self.store.ready, ModelKind.VOICE)
        try:
            await asyncio.to_thread(
                self._require, self.tts_voice or next(iter(here), usual(ModelKind.VOICE).name)
            )
        except CompanionError as error:
            detail = f"{error.message} {error.hint}"
            return Health(ok=False, detail=detail, models=here, kind=error.kind)
        noun = "voice" if len(here) == 1 else "voices"
        return Health(ok=True, detail=f"Piper is ready with {len(here)} {noun}.", models=here)

    def _usual(self) -> str:
        """The first that is here, else the usual one."""
        return next(iter(self.store.ready(ModelKind.VOICE)), usual(ModelKind.VOICE).name)

    def _file(self, voice: str) -> Path | None:
        folder = self.store.path(ModelKind.VOICE, voice.partition("#")[0])
        return None if folder is None else next(iter(sorted(folder.glob("*.onnx"))), None)

    def _voices_of(self, model: LocalModel) -> Iterator[VoiceInfo]:
        file = self._file(model.name)
        return _voices_in(file, model) if file is not None else iter(())

    def _require(self, voice: str) -> Path:
        """The voice's file. Blocking: the first time it reads the model."""
        self._require_program()
        file = self._file(voice)
        if file is None:
            raise self._missing(
                f"The voice “{voice}” is not on this computer yet.",
                "Fetch it in Settings under Voice, or choose another voice.",
            )
        return file

    def _require_program(self) -> None:
        if importlib.util.find_spec("piper") is None:
            raise self._missing("Piper is not installed on this computer.", f"Install it with: {INSTALL}")

    def _missing(self, message: str, hint: str) -> AIProviderUnavailableError:
        who = self.spec.display_name
        return AIProviderUnavailableError(
            message, self.spec.name, kind=Kind.ENGINE_MISSING, who=who, hint=hint
        )


PROVIDER = PiperProvider


def _offered(model: LocalModel) -> VoiceInfo:
    return VoiceInfo(
        id=model.name,
        name=model.label,
        language=model.languages[0],
        description=f"not fetched yet, {model.size_mb} MB",
    )


def _voices_in(file: Path, model: LocalModel) -> Iterator[VoiceInfo]:
    """One for a voice, one for each speaker of a voice that has several."""
    try:
        about = json.loads(file.with_name(f"{file.name}.json").read_bytes())
        language = str(about.get("language", {}).get("code") or about["espeak"]["voice"]).replace("_", "-")
        speakers = list(about.get("speaker_id_map") or ())
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return  # no voice; the folder is the person's
    for speaker in speakers if len(speakers) > 1 else [""]:
        tail = f"#{speaker}" if speaker else ""
        yield VoiceInfo(id=model.name + tail, name=f"{model.label} {speaker}".strip(), language=language)
