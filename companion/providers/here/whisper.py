"""Whisper on this computer: frames to words while they are spoken, where a model is in the app's folder of models.

CTranslate2 is never imported here; it runs in the engine process (`process/whisper_engine.py`). Models are fetched by
`models`.
"""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Any

from companion.errors import (
    AIProviderError,
    AIProviderModelNotFoundError,
    AIProviderNotSupportedError,
    CompanionError,
    Kind,
)
from companion.flow import Health, HearRequest, Transcript
from companion.kinds import Role
from companion.language import mark, tr
from companion.providers.here.models import listing, measured
from companion.providers.here.models.listing import ModelKind
from companion.providers.here.models.store import ModelStore
from companion.providers.here.process.engine_provider import EngineProvider
from companion.providers.here.spoken import of_interface
from companion.providers.provider import Policy, Spec
from companion.providers.wire.languages import Language, for_whisper, heard_in_any_language

LIBRARY = "ctranslate2"
INSTALL = "pip install ctranslate2"
SPEC = Spec(
    name="whisper",
    display_name=mark("Whisper on this computer"),
    roles=frozenset({Role.HEARS}),
    default_models={Role.HEARS: "base"},
    hears_live=True,
    summary="A good recogniser for many languages that runs here; nothing you say leaves this computer.",
    install=INSTALL,
)


def is_installed() -> bool:
    """Whether the library is there; it is everywhere it has been built for."""
    return importlib.util.find_spec(LIBRARY) is not None


def ready_model(store: ModelStore, language: str = "") -> str:
    """The model that hears where nobody chose one: the usual one, else another that is here; empty: none can.

    The first time it may read whole models: for a thread.
    """
    names = store.ready(ModelKind.HEARING) if is_installed() else ()
    return next((name for name in names if understands(name, language)), "")


def understands(model: str, language: str) -> bool:
    """Whether a model may be asked for a language, given as a BCP 47 tag; empty: for whichever is spoken."""
    return not model.endswith(".en") or Language.of(language).base in ("", "en")


def label_of(model: str) -> str:
    """How a person knows it: "Whisper base"."""
    known = listing.find(ModelKind.HEARING, model)
    return known.label if known is not None else f"Whisper {Path(model).name}"


class WhisperProvider(EngineProvider):
    """Hears with Whisper.

    Args:
        models_dir: folder of the models; empty: the app's own.
    """

    spec = SPEC
    policy = Policy(first_s=180.0, idle_s=90.0, total_s=1800.0)
    """The larger models need their time on a small computer."""

    def __init__(self, *, models_dir: Path | str = "", **rest: Any) -> None:
        super().__init__(**rest)
        self.store = ModelStore(models_dir or None)
        self._usual_language = of_interface()
        """Of the last take in which it was certain, before it the window's; a short "yes" is taken to be in it, too."""

    def transcribe(self, request: HearRequest) -> AsyncGenerator[Transcript, None]:
        """Words while the take is fed. Without a language in the request it is found out, and told in the transcript.

        Raises:
            AIProviderError: ENGINE_MISSING without the library or the model; NOT_SUPPORTED for another language than
                English and a model that knows no other; ENGINE_CRASHED, HEARING_FAILED; and what `frames` raises.
        """
        return heard_in_any_language(self, request, self._hear, for_whisper)

    async def _hear(self, request: HearRequest) -> AsyncGenerator[Transcript, None]:
        model = request.model or self.models[Role.HEARS]
        folder = await self._folder(model)
        if not understands(model, request.language):
            raise AIProviderNotSupportedError(
                tr("The model {model!r} only understands English.", model=model),
                self.spec.name,
                who=self.spec.display_name,
                hint=tr("Choose another model in Settings under Hearing. What you said is kept."),
            )
        words = self.hear(
            request,
            "hear_with_whisper",
            folder=str(folder),
            language=request.language,
            usual_language=self._usual_language,
            context=request.context,
        )
        async with aclosing(words):
            async for told in words:
                text, language = told["text"], told.get("language", "")
                self._usual_language = language or self._usual_language
                is_final = "is_final" in told
                yield Transcript(
                    text=text,
                    is_final=is_final,
                    committed_chars=len(text) if is_final else told["committed"],
                    confidence=told.get("confidence"),
                    language=language,
                )
                if told.get("pace"):
                    await asyncio.to_thread(self._keep_pace, model, float(told["pace"]))

    def _keep_pace(self, model: str, pace: float) -> None:
        """Remembers how long a second of speech takes here, where it is news."""
        folder = self.store.folder / ModelKind.HEARING
        known = measured.figures(folder).get(model, 0.0)
        if not known / 1.5 < pace < known * 1.5:
            measured.keep(folder, model, round(pace, 2) or 0.01)

    async def warm(self) -> None:
        with suppress(CompanionError):  # the call that needs it tells
            await self.load(self.models[Role.HEARS])

    async def load(self, model: str) -> None:
        """Makes a model ready in the engine process. One that cannot be loaded is looked at anew: it may be damaged.

        Raises:
            AIProviderError: ENGINE_MISSING, ENGINE_CRASHED, MODEL_UNKNOWN.
        """
        folder = await self._folder(model)
        try:
            await self.run_job("load_whisper", folder=str(folder))
        except AIProviderError as error:
            if error.kind in (Kind.ENGINE_MISSING, Kind.ENGINE_CRASHED):
                await asyncio.to_thread(self.store.doubt, ModelKind.HEARING, model)
            raise

    async def check(self) -> Health:
        model = self.models[Role.HEARS]
        ready = await asyncio.to_thread(self.store.ready, ModelKind.HEARING)
        try:
            await self._folder(model)
            if listing.find(ModelKind.HEARING, model) is None:  # there is no sum to check it by
                await self.load(model)
        except AIProviderError as error:
            detail = f"{error.message} {error.hint}"
            return Health(ok=False, detail=detail, models=ready, kind=error.kind)
        return Health(
            ok=True, detail=tr("Whisper ({model}) is ready on this computer.", model=model), models=ready
        )

    async def _folder(self, model: str) -> Path:
        if not is_installed():
            raise self.missing(
                tr("Whisper's engine, CTranslate2, is not installed on this computer."),
                tr(
                    "Install it in Settings under Hearing, or with: {install}. If there is no build for your system, "
                    "choose another recogniser. What you said is kept.",
                    install=INSTALL,
                ),
            )
        folder = await asyncio.to_thread(self.store.path, ModelKind.HEARING, model)
        if folder is None and listing.find(ModelKind.HEARING, model) is None:
            names = ", ".join(each.name for each in listing.of_kind(ModelKind.HEARING))
            message = tr(
                "There is no Whisper model {model!r} here. There are: {names}.", model=model, names=names
            )
            raise AIProviderModelNotFoundError(message, self.spec.name)
        if folder is None:
            state = await asyncio.to_thread(self.store.state, ModelKind.HEARING, model)
            raise self.missing_model(
                tr("The Whisper model {model!r}", model=model),
                state,
                tr(
                    "Fetch it in Settings under Hearing, or choose another recogniser. What you said is kept."
                ),
                tr(
                    "Fetch it again in Settings under Hearing, or choose another recogniser. What you said is kept."
                ),
            )
        return folder


PROVIDER = WhisperProvider
