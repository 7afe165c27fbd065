"""Piper on this computer: text to sound with neural voices, where the program is installed and a voice was fetched.

Piper is GPL and never imported here; it runs in the engine process. A voice is a pair of files, `<name>.onnx` and
`<name>.onnx.json`, in the app's folder of models; one's own may be put there, too.
"""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from companion.errors import AIProviderModelNotFoundError, AIProviderUnavailableError, CompanionError, Kind
from companion.flow import Audio, Health, Role, SpeakRequest, VoiceInfo
from companion.paths import find_home
from companion.providers.here.builtin import speakable
from companion.providers.here.process.engine_provider import EngineProvider
from companion.providers.here.process.engines import Engines
from companion.providers.here.whisper import HUB, Progress
from companion.providers.provider import Policy, Spec

INSTALL = "pip install 'reflection-companion[piper]'"
REPOSITORY = "rhasspy/piper-voices"
OFFERED: Mapping[str, str] = {
    "en_US-lessac-medium": "Lessac",
    "en_US-amy-medium": "Amy",
    "en_US-ryan-medium": "Ryan",
    "en_GB-alba-medium": "Alba",
    "de_DE-thorsten-medium": "Thorsten",
    "fr_FR-siwis-medium": "Siwis",
    "es_ES-davefx-medium": "Davefx",
    "it_IT-paola-medium": "Paola",
    "nl_NL-mls-medium": "MLS",
    "pl_PL-gosia-medium": "Gosia",
    "pt_BR-faber-medium": "Faber",
    "uk_UA-ukrainian_tts-medium": "Ukrainian",
}
"""Voices that can be fetched by a click, about 63 MB each; any other of the repository can be by its name."""
_NAME = re.compile(r"([a-z]{2,3})_([A-Z]{2})-(\w+)-(x_low|low|medium|high)")
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
        models_dir: folder of the voices; empty: the app's own.
        hub: where voices are fetched from.
    """

    spec = SPEC
    policy = Policy(first_s=60.0, idle_s=60.0, total_s=600.0)
    """A voice is loaded with its first sentence."""

    def __init__(self, *, models_dir: Path | str = "", hub: str = HUB, **rest: Any) -> None:
        super().__init__(**rest)
        self.models_dir = Path(models_dir) if models_dir else find_home().models / "piper"
        self._hub = hub

    def has_voice(self, name: str) -> bool:
        """Whether a voice was fetched, whole. `name#speaker` is one of its speakers."""
        file = self._file(name)
        return file is not None and file.is_file() and file.with_name(f"{file.name}.json").is_file()

    async def speak(self, request: SpeakRequest) -> AsyncGenerator[Audio, None]:
        """Sentence by sentence.

        Raises:
            AIProviderError: ENGINE_MISSING without the program or the voice; ENGINE_CRASHED, VOICE_FAILED.
        """
        text = speakable(request.text)
        voice = request.voice or self.tts_voice or self._usual()
        self._require(voice)
        if not text:
            return
        name, _, speaker = voice.partition("#")
        file = str(self._file(name))
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
        here = tuple(voice for file in self._files() for voice in _voices_in(file))
        absent = [name for name in OFFERED if not self.has_voice(name)]
        return (*here, *(_offered(name) for name in absent))

    async def download(self, voice: str, on_progress: Callable[[Progress], None] = lambda _: None) -> None:
        """Fetches `voice` from the Hugging Face hub. Cancel the task to stop; the next call goes on from there.

        Raises:
            CompanionError: DOWNLOAD_FAILED, DISK_FULL, ENGINE_MISSING, MODEL_UNKNOWN, NETWORK_SHUT.
        """
        self._require_program()
        voice = voice.partition("#")[0] or self._usual()
        parts = _NAME.fullmatch(voice)
        if parts is None:
            raise AIProviderModelNotFoundError(f"There is no Piper voice called {voice!r}.", self.spec.name)
        if self.has_voice(voice):
            return
        language, region, name, quality = parts.groups()
        folder = f"{self._hub}/{REPOSITORY}/resolve/main/{language}/{language}_{region}/{name}/{quality}"
        booking = self.net.admit(self._hub, {})
        engines = Engines()
        try:
            self.models_dir.mkdir(parents=True, exist_ok=True)
            async with self.net.leash(self._hub):  # the process that fetches has a way out of its own
                job = await engines.job(
                    self.spec,
                    "fetch_files",
                    addresses=[f"{folder}/{voice}.onnx", f"{folder}/{voice}.onnx.json"],
                    folder=str(self.models_dir),
                    proxy=self.net.proxy_for(self._hub),
                    certificates=self.net.certificates,
                )
                async for told in job:
                    state = json.loads(told)
                    booking.received(state["news"])
                    on_progress(Progress(model=voice, bytes_done=state["bytes"], bytes_total=state["total"]))
        except CompanionError as error:
            if error.kind is not Kind.DOWNLOAD_FAILED:
                raise
            sentence = f"The voice {voice!r} could not be fetched from huggingface.co."
            raise AIProviderUnavailableError(
                sentence, self.spec.name, error, kind=error.kind, who=self.spec.display_name
            ) from error
        finally:
            await engines.aclose()

    async def check(self) -> Health:
        here = tuple(file.name.removesuffix(".onnx") for file in self._files())
        try:
            self._require(self.tts_voice or self._usual())
        except CompanionError as error:
            detail = f"{error.message} {error.hint}"
            return Health(ok=False, detail=detail, models=here, kind=error.kind)
        noun = "voice" if len(here) == 1 else "voices"
        return Health(ok=True, detail=f"Piper is ready with {len(here)} {noun}.", models=here)

    def _files(self) -> Iterator[Path]:
        with suppress(OSError):
            files = sorted(self.models_dir.glob("*.onnx"))
            yield from (file for file in files if file.with_name(f"{file.name}.json").is_file())

    def _file(self, voice: str) -> Path | None:
        """None: no file can be called so."""
        name = voice.partition("#")[0]
        is_plain = re.fullmatch(r"\w[\w.-]{0,80}", name) is not None
        return self.models_dir / f"{name}.onnx" if is_plain else None

    def _usual(self) -> str:
        """The first that is here, else the first that is offered."""
        return next((file.name.removesuffix(".onnx") for file in self._files()), next(iter(OFFERED)))

    def _require(self, voice: str) -> None:
        self._require_program()
        if not self.has_voice(voice):
            raise self._missing(
                f"The voice “{voice}” is not on this computer yet.",
                "Fetch it in Settings under Voice, or choose another voice.",
            )

    def _require_program(self) -> None:
        if importlib.util.find_spec("piper") is None:
            raise self._missing("Piper is not installed on this computer.", f"Install it with: {INSTALL}")

    def _missing(self, message: str, hint: str) -> AIProviderUnavailableError:
        who = self.spec.display_name
        return AIProviderUnavailableError(
            message, self.spec.name, kind=Kind.ENGINE_MISSING, who=who, hint=hint
        )


PROVIDER = PiperProvider


def _offered(name: str) -> VoiceInfo:
    language, region, *_ = name.replace("_", "-").split("-")
    return VoiceInfo(
        id=name, name=OFFERED[name], language=f"{language}-{region}", description="not fetched yet, 63 MB"
    )


def _voices_in(file: Path) -> Iterator[VoiceInfo]:
    """One for a voice, one for each speaker of a voice that has several."""
    name = file.name.removesuffix(".onnx")
    try:
        about = json.loads(file.with_name(f"{file.name}.json").read_bytes())
        language = str(about.get("language", {}).get("code") or about["espeak"]["voice"]).replace("_", "-")
        speakers = list(about.get("speaker_id_map") or ())
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return  # no voice; the folder is the person's
    label = OFFERED.get(name, name)
    for speaker in speakers if len(speakers) > 1 else [""]:
        tail = f"#{speaker}" if speaker else ""
        yield VoiceInfo(id=name + tail, name=f"{label} {speaker}".strip(), language=language)
