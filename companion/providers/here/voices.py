"""The natural voices that lie on this computer, told by name and language. Reads, never loads one.

A voice of Piper is a pair of files, `<name>.onnx` and `<name>.onnx.json`. Looking may read a whole voice the first time
(`models.store`): call it in a thread where somebody waits.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from companion.flow import VoiceInfo
from companion.places import read_notes
from companion.providers.here.models.listing import LocalModel, ModelKind
from companion.providers.here.models.store import ModelStore


@dataclass(frozen=True, slots=True, kw_only=True)
class InstalledVoice:
    """One pair of files."""

    name: str
    """As it is called in the list of models: en_US-joe-medium."""
    label: str
    """How a person knows it: Joe."""
    file: Path
    language: str
    """Tag: en-US."""
    speakers: tuple[str, ...] = ()
    """Where there are several."""

    def listed(self) -> Iterator[VoiceInfo]:
        """One for a voice, one for each speaker of a voice that has several."""
        for speaker in self.speakers or ("",):
            own_id = f"{self.name}#{speaker}" if speaker else self.name
            yield VoiceInfo(id=own_id, name=f"{self.label} {speaker}".strip(), language=self.language)


def can_speak() -> bool:
    """Whether what makes the sound is installed."""
    return importlib.util.find_spec("sherpa_onnx") is not None


def installed(store: ModelStore) -> tuple[InstalledVoice, ...]:
    """Every voice that is whole, the usual one first."""
    found = (_read(store, each.model) for each in store.all(ModelKind.VOICE) if each.is_ready)
    return tuple(voice for voice in found if voice is not None)


def find(store: ModelStore, voice: str) -> InstalledVoice | None:
    """The one that `voice` means, with or without "#speaker"; the first there is where it is empty."""
    name = voice.partition("#")[0]
    return next((each for each in installed(store) if name in ("", each.name)), None)


def natural(store: ModelStore, voice: str) -> InstalledVoice | None:
    """Who speaks for "This computer" where `voice` was chosen; None: a plain voice does.

    Nothing chosen is the first there is. A plain voice that was chosen by its tag stays.
    """
    return find(store, voice) if can_speak() else None


def label_of(name: str) -> str:
    """ "en_US-joe-medium" -> "Joe", "fr_FR-mls_1840-low" -> "Mls 1840"; another name as it is."""
    parts = re.fullmatch(r"[a-z]{2,3}_[A-Za-z0-9]{2,4}-(\w+)-(?:x_low|low|medium|high)", name)
    return parts[1].replace("_", " ").capitalize() if parts else name


def _read(store: ModelStore, model: LocalModel) -> InstalledVoice | None:
    """None: no voice of Piper."""
    folder = store.path(ModelKind.VOICE, model.name)
    file = next(iter(sorted(folder.glob("*.onnx"))), None) if folder is not None else None
    if file is None:
        return None
    try:
        about = read_notes(file.with_name(f"{file.name}.json"))
        listed = model.languages[0] if model.languages else ""
        language = str((about.get("language") or {}).get("code") or listed or about["espeak"]["voice"])
        speakers = tuple(about.get("speaker_id_map") or ())
    except (TypeError, KeyError, AttributeError):
        return None
    return InstalledVoice(
        name=model.name,
        label=label_of(model.name) if model.label == model.name else model.label,
        file=file,
        language=language.replace("_", "-"),
        speakers=speakers if len(speakers) > 1 else (),
    )
