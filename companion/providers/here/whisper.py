"""Whisper on this computer: frames to words with faster-whisper, where it is installed and a model was fetched.

The library is never imported here; it runs in the engine process. Fetching a model has a process of its own, so that
cancelling it is ending the process; what was fetched is used again next time.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from companion.errors import AIProviderModelNotFoundError, AIProviderUnavailableError, CompanionError, Kind
from companion.flow import Health, HearRequest, Role, Transcript
from companion.ledger import Booking
from companion.paths import find_home
from companion.providers.here.process.engine_provider import EngineProvider
from companion.providers.here.process.engines import Engines
from companion.providers.provider import Policy, Spec
from companion.providers.wire.languages import for_whisper, heard_in_any_language

HUB = "https://huggingface.co"
INSTALL = "pip install 'reflection-companion[whisper]'"
MODELS: Mapping[str, str] = {
    "tiny": "Systran/faster-whisper-tiny",
    "base": "Systran/faster-whisper-base",
    "small": "Systran/faster-whisper-small",
    "turbo": "mobiuslabsgmbh/faster-whisper-large-v3-turbo",
}
"""Size -> repository on the Hugging Face hub; 75 MB, 145 MB, 485 MB and 1.6 GB."""
_FILES = ("config.json", "preprocessor_config.json", "model.bin", "tokenizer.json", "vocabulary.*")

SPEC = Spec(
    name="whisper",
    display_name="Whisper on this computer",
    roles=frozenset({Role.HEARS}),
    default_models={Role.HEARS: "base"},
    summary="A good recogniser for many languages that runs here; nothing you say leaves this computer.",
    install=INSTALL,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a download is."""

    model: str
    bytes_done: int
    bytes_total: int

    @property
    def fraction(self) -> float:
        """0..1."""
        return min(1.0, self.bytes_done / self.bytes_total) if self.bytes_total else 0.0


class WhisperProvider(EngineProvider):
    """Hears with faster-whisper.

    Args:
        models_dir: folder of the fetched models, one folder each; empty: the app's own.
    """

    spec = SPEC
    policy = Policy(first_s=180.0, idle_s=90.0, total_s=1800.0)
    """The larger models need their time on a small computer."""

    def __init__(self, *, models_dir: Path | str = "", **rest: Any) -> None:
        super().__init__(**rest)
        self.models_dir = Path(models_dir) if models_dir else find_home().models / "whisper"

    def has_model(self, model: str) -> bool:
        """Whether `model` was fetched, whole."""
        return model in MODELS and (self.models_dir / model / "model.bin").is_file()

    def transcribe(self, request: HearRequest) -> AsyncGenerator[Transcript, None]:
        """Words in pieces of up to half a minute, once the take has ended; each piece is final when it comes.

        Raises:
            AIProviderError: ENGINE_MISSING without the library or the model; MODEL_UNKNOWN; ENGINE_CRASHED, HEARING_FAILED.
        """
        return heard_in_any_language(self, request, self._hear, for_whisper)

    async def _hear(self, request: HearRequest) -> AsyncGenerator[Transcript, None]:
        model = request.model or self.models[Role.HEARS]
        self._require(model)
        words = self.hear(
            request,
            "hear_with_whisper",
            folder=str(self.models_dir / model),
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

    async def download(self, model: str, on_progress: Callable[[Progress], None] = lambda _: None) -> None:
        """Fetches `model` from the Hugging Face hub. Cancel the task to stop; the next call goes on from there.

        Raises:
            CompanionError: DOWNLOAD_FAILED, DISK_FULL, ENGINE_MISSING, MODEL_UNKNOWN, NETWORK_SHUT.
        """
        self._require_library()
        self._require_known(model)
        if self.has_model(model):
            return
        booking = self.net.admit(HUB, {})
        engines = Engines()
        try:
            self.models_dir.mkdir(parents=True, exist_ok=True)
            async with self.net.leash(HUB):  # the process that fetches has a way out of its own
                await self._fetch(engines, model, on_progress, booking)
        except CompanionError as error:
            if error.kind is not Kind.DOWNLOAD_FAILED:
                raise
            sentence = f"The Whisper model {model!r} could not be fetched from huggingface.co."
            raise AIProviderUnavailableError(
                sentence, self.spec.name, error, kind=error.kind, who=self.spec.display_name
            ) from error
        finally:
            await engines.aclose()

    async def _fetch(
        self, engines: Engines, model: str, on_progress: Callable[[Progress], None], booking: Booking
    ) -> None:
        folder = str(self.models_dir / model)
        job = await engines.job(
            self.spec, "fetch_whisper", repository=MODELS[model], folder=folder, files=_FILES
        )
        before: int | None = None
        async for told in job:
            state = json.loads(told)
            done = int(state["bytes"])
            booking.received(
                max(0, done - before) if before is not None else 0
            )  # what was there is not fetched
            before = done
            on_progress(Progress(model=model, bytes_done=done, bytes_total=state["total"]))

    async def check(self) -> Health:
        model = self.models[Role.HEARS]
        fetched = tuple(name for name in MODELS if self.has_model(name))
        try:
            self._require(model)
        except CompanionError as error:
            detail = f"{error.message} {error.hint}"
            return Health(ok=False, detail=detail, models=fetched, kind=error.kind)
        return Health(ok=True, detail=f"Whisper ({model}) is ready on this computer.", models=fetched)

    def _require(self, model: str) -> None:
        self._require_library()
        self._require_known(model)
        if not self.has_model(model):
            raise self._missing(
                f"The Whisper model {model!r} is not on this computer yet.",
                "Fetch it in Settings under Hearing, or choose another recogniser. What you said is kept.",
            )

    def _require_library(self) -> None:
        if importlib.util.find_spec("faster_whisper") is None:
            raise self._missing("Whisper is not installed on this computer.", f"Install it with: {INSTALL}")

    def _require_known(self, model: str) -> None:
        if model not in MODELS:
            sizes = ", ".join(MODELS)
            raise AIProviderModelNotFoundError(
                f"There is no Whisper model {model!r} here. There are: {sizes}.", self.spec.name
            )

    def _missing(self, message: str, hint: str) -> AIProviderUnavailableError:
        who = self.spec.display_name
        return AIProviderUnavailableError(
            message, self.spec.name, kind=Kind.ENGINE_MISSING, who=who, hint=hint
        )


PROVIDER = WhisperProvider
