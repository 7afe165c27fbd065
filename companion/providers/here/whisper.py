"""Whisper on this computer: frames to words with faster-whisper, where it is installed and a model is here.

The library is never imported here; it runs in the engine process. Models are fetched by `models`.
"""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import Any

from companion.errors import AIProviderModelNotFoundError, AIProviderUnavailableError, CompanionError, Kind
from companion.flow import Health, HearRequest, Role, Transcript
from companion.providers.here.models.listing import ModelKind, find, of_kind
from companion.providers.here.models.store import ModelStore, State
from companion.providers.here.process.engine_provider import EngineProvider
from companion.providers.provider import Policy, Spec
from companion.providers.wire.languages import for_whisper, heard_in_any_language

INSTALL = "pip install 'reflection-companion[whisper]'"

SPEC = Spec(
    name="whisper",
    display_name="Whisper on this computer",
    roles=frozenset({Role.HEARS}),
    default_models={Role.HEARS: "base"},
    summary="A good recogniser for many languages that runs here; nothing you say leaves this computer.",
    install=INSTALL,
)


class WhisperProvider(EngineProvider):
    """Hears with faster-whisper.

    Args:
        models_dir: folder of the models; empty: the app's own.
    """

    spec = SPEC
    policy = Policy(first_s=180.0, idle_s=90.0, total_s=1800.0)
    """The larger models need their time on a small computer."""

    def __init__(self, *, models_dir: Path | str = "", **rest: Any) -> None:
        super().__init__(**rest)
        self.store = ModelStore(models_dir or None)

    def transcribe(self, request: HearRequest) -> AsyncGenerator[Transcript, None]:
        """Words in pieces of up to half a minute, once the take has ended; each piece is final when it comes.

        Raises:
            AIProviderError: ENGINE_MISSING without the library or the model; MODEL_UNKNOWN; ENGINE_CRASHED, HEARING_FAILED.
        """
        return heard_in_any_language(self, request, self._hear, for_whisper)

    async def _hear(self, request: HearRequest) -> AsyncGenerator[Transcript, None]:
        model = request.model or self.models[Role.HEARS]
        folder = await asyncio.to_thread(self._require, model)
        words = self.hear(
            request,
            "hear_with_whisper",
            folder=str(folder),
            language=request.language,
            context=request.context,
        )
        async with aclosing(words):
            async for told in words:
                yield Transcript(
                    text=told["text"],
                    is_final="is_final" in told,
                    committed_chars=len(told["text"]),
                    confidence=told.get("confidence"),
                )

    async def check(self) -> Health:
        model = self.models[Role.HEARS]
        fetched = await asyncio.to_thread(self.store.ready, ModelKind.HEARING)
        try:
            await asyncio.to_thread(self._require, model)
        except CompanionError as error:
            detail = f"{error.message} {error.hint}"
            return Health(ok=False, detail=detail, models=fetched, kind=error.kind)
        return Health(ok=True, detail=f"Whisper ({model}) is ready on this computer.", models=fetched)

    def _require(self, model: str) -> Path:
        """The model's folder. Blocking: the first time it reads the model."""
        self._require_library()
        folder = self.store.path(ModelKind.HEARING, model)
        if folder is not None:
            return folder
        if find(ModelKind.HEARING, model) is None:
            sizes = ", ".join(each.name for each in of_kind(ModelKind.HEARING))
            raise AIProviderModelNotFoundError(
                f"There is no Whisper model {model!r} here. There are: {sizes}.", self.spec.name
            )
        if self.store.state(ModelKind.HEARING, model) is State.DAMAGED:
            raise self._missing(
                f"The Whisper model {model!r} is damaged.", "Fetch it again in Settings under Hearing."
            )
        raise self._missing(
            f"The Whisper model {model!r} is not on this computer yet.",
            "Fetch it in Settings under Hearing, or choose another recogniser. What you said is kept.",
        )

    def _require_library(self) -> None:
        if importlib.util.find_spec("faster_whisper") is None:
            raise self._missing("Whisper is not installed on this computer.", f"Install it with: {INSTALL}")

    def _missing(self, message: str, hint: str) -> AIProviderUnavailableError:
        who = self.spec.display_name
        return AIProviderUnavailableError(
            message, self.spec.name, kind=Kind.ENGINE_MISSING, who=who, hint=hint
        )


PROVIDER = WhisperProvider
