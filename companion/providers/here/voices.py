"""The natural voices that lie on this computer: found by their files, told by name and language. Reads, never loads one.

A voice of Piper is a pair of files, `<name>.onnx` and `<name>.onnx.json`, in `<models>/voice/<name>/`; one's own may lie
in `<models>/piper/` or beside each other in a folder that is given.
"""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from companion.flow import VoiceInfo

_PLACES = ("voice/*/*.onnx", "piper/*.onnx", "*.onnx")


@dataclass(frozen=True, slots=True, kw_only=True)
class InstalledVoice:
    """One pair of files."""

    name: str
    """As its makers call it: en_US-joe-medium."""
    file: Path
    language: str
    """Tag: en-US."""
    speakers: tuple[str, ...] = ()
    """Where there are several."""

    @property
    def label(self) -> str:
        """How a person knows it: Joe."""
        return label_of(self.name)

    def listed(self) -> Iterator[VoiceInfo]:
        """One for a voice, one for each speaker of a voice that has several."""
        for speaker in self.speakers or ("",):
            own_id = f"{self.name}#{speaker}" if speaker else self.name
            yield VoiceInfo(id=own_id, name=f"{self.label} {speaker}".strip(), language=self.language)


def can_speak() -> bool:
    """Whether what makes the sound is installed."""
    return importlib.util.find_spec("sherpa_onnx") is not None


def installed(models: Path) -> tuple[InstalledVoice, ...]:
    """Every voice that is whole, by name; of two with one name the one in a folder of its own."""
    found: dict[str, InstalledVoice] = {}
    for place in _PLACES:
        with suppress(OSError):
            for file in sorted(models.glob(place)):
                voice = _read(file)
                if voice is not None:
                    found.setdefault(voice.name, voice)
    return tuple(found[name] for name in sorted(found))


def find(models: Path, voice: str) -> InstalledVoice | None:
    """The one that `voice` means, with or without "#speaker"."""
    name = voice.partition("#")[0]
    return next((each for each in installed(models) if each.name == name), None)


def natural(models: Path, voice: str) -> InstalledVoice | None:
    """Who speaks for "This computer" where `voice` was chosen; None: the plain voice does.

    Nothing chosen is the first there is. A plain voice that was chosen by its tag stays.
    """
    if not can_speak():
        return None
    return find(models, voice) if voice else next(iter(installed(models)), None)


def label_of(name: str) -> str:
    """ "en_US-joe-medium" -> "Joe", "fr_FR-mls_1840-low" -> "Mls 1840"; another name as it is."""
    parts = re.fullmatch(r"[a-z]{2,3}_[A-Za-z0-9]{2,4}-(\w+)-(?:x_low|low|medium|high)", name)
    return parts[1].replace("_", " ").capitalize() if parts else name


def _read(file: Path) -> InstalledVoice | None:
    """None: no voice; the folder is the person's."""
    try:
        about = json.loads(file.with_name(f"{file.name}.json").read_bytes())
        language = str(
            (about.get("language") or {}).get("code") or _language(file.name) or about["espeak"]["voice"]
        )
        speakers = tuple(about.get("speaker_id_map") or ())
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None
    return InstalledVoice(
        name=file.name.removesuffix(".onnx"),
        file=file,
        language=language.replace("_", "-"),
        speakers=speakers if len(speakers) > 1 else (),
    )


def _language(name: str) -> str:
    parts = re.match(r"[a-z]{2,3}_[A-Z]{2}(?=-)", name)
    return parts[0] if parts else ""
