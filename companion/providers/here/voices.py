"""The natural voices that lie on this computer, told by name and language. Reads, never loads one.

A voice of Piper is a pair of files, `<name>.onnx` and `<name>.onnx.json`; Kokoro is a model and an archive with the styles
of its speakers. Kokoro is ten times slower, so it speaks only where it was tried and found quick enough. Looking may read
a whole voice the first time (`models.store`): call it in a thread where somebody waits.
"""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

from companion.kinds import VoiceInfo
from companion.language import ENGLISH, language, tr
from companion.providers.here.models import measured
from companion.providers.here.models.listing import LocalModel, ModelKind
from companion.providers.here.models.store import ModelStore
from companion.providers.here.process import kokoro
from companion.providers.here.spoken import base


@dataclass(frozen=True, slots=True, kw_only=True)
class InstalledVoice:
    """One model."""

    name: str
    """As it is called in the list of models: en_US-joe-medium."""
    label: str
    """How a person knows it: Joe."""
    file: Path
    language: str
    """Tag: en-US."""
    speakers: tuple[str, ...] = ()
    """Where there are several."""
    is_kokoro: bool = False
    factor: float | None = None
    """How long it takes on this machine to make a second of speech, in seconds; None: it was not tried."""

    @property
    def is_quick(self) -> bool:
        """Whether it makes speech without gaps, as far as is known."""
        return not self.is_kokoro or (self.factor is not None and self.factor < QUICK)

    @property
    def is_native(self) -> bool:
        """It speaks the language of the window."""
        return self.language.partition("-")[0] == language()

    def listed(self) -> Iterator[VoiceInfo]:
        """One for a voice, one for each speaker of a voice that has several."""
        for speaker in self.speakers or ("",):
            own_id = f"{self.name}#{speaker}" if speaker else self.name
            name, language = f"{self.label} {speaker}".strip(), self.language
            if self.is_kokoro:
                name, language = speaker[3:].capitalize(), kokoro.tag_of(speaker)
            yield VoiceInfo(id=own_id, name=name, language=language)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """How quick a voice is on this machine."""

    voice: InstalledVoice
    """With the factor that was found."""

    @property
    def words(self) -> str:
        """ "1.1 s for a second of speech"."""
        return tr("{factor:.2g} s for a second of speech", factor=self.voice.factor or 0.0)

    @property
    def objection(self) -> str:
        """Why it is not used here; empty: it is quick enough."""
        if self.voice.is_quick:
            return ""
        return tr(
            "{label} is too slow on this computer: it takes {words}, and answers would pause. It "
            "may take {quick} s at most.",
            label=self.voice.label,
            words=self.words,
            quick=QUICK,
        )


QUICK = 0.3
"""Seconds for a second of speech: with more, a computer that has other things to do leaves gaps between sentences."""


def can_speak() -> bool:
    """Whether what makes the sound is installed."""
    return importlib.util.find_spec("sherpa_onnx") is not None


def installed(store: ModelStore) -> tuple[InstalledVoice, ...]:
    """Every voice that is whole, the usual one first."""
    found = (_read(store, each.model) for each in store.all(ModelKind.VOICE) if each.is_ready)
    return tuple(voice for voice in found if voice is not None)


def find(store: ModelStore, voice: str) -> InstalledVoice | None:
    """The one that `voice` means, with or without "#speaker".

    Empty: the first that is quick enough and speaks the language of the window, else the first that is quick enough.
    """
    name = voice.partition("#")[0]
    if name:
        return next((each for each in installed(store) if each.name == name), None)
    quick = [each for each in installed(store) if each.is_quick]
    return next((each for each in quick if each.is_native), next(iter(quick), None))


def natural(store: ModelStore, voice: str, tag: str = "en") -> tuple[InstalledVoice | None, str]:
    """Who speaks for "This computer" where `voice` was chosen, and the name with its speaker; None: a plain voice does.

    Nothing chosen is the first that reads the language of `tag`; any where that is English in an English window, as whoever
    reads a language that nobody here knows has. A plain voice that was chosen by its tag stays.
    """
    found = find(store, voice) if can_speak() and voice else None
    if voice and (found is None or found.is_quick):
        return found, voice
    quick = [each for each in installed(store) if each.is_quick] if can_speak() else []
    fit = ((each, one.id) for each in quick for one in each.listed() if base(one.language) == tag)
    any_voice = [(each, "") for each in quick if tag == language() == ENGLISH]
    return next(fit, next(iter(any_voice), (None, "")))


def label_of(name: str) -> str:
    """ "en_US-joe-medium" -> "Joe", "fr_FR-mls_1840-low" -> "Mls 1840"; another name as it is."""
    parts = re.fullmatch(r"[a-z]{2,3}_[A-Za-z0-9]{2,4}-(\w+)-(?:x_low|low|medium|high)", name)
    return parts[1].replace("_", " ").capitalize() if parts else name


def _read(store: ModelStore, model: LocalModel) -> InstalledVoice | None:
    """None: no voice that can be used."""
    folder = store.path(ModelKind.VOICE, model.name)
    file = next(iter(sorted(folder.glob("*.onnx"))), None) if folder is not None else None
    if file is None:
        return None
    styles = kokoro.styles_beside(file)
    try:
        return _read_kokoro(store, model, file, styles) if styles is not None else _read_piper(model, file)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, BadZipFile):
        return None


def _read_piper(model: LocalModel, file: Path) -> InstalledVoice:
    about = json.loads(file.with_name(f"{file.name}.json").read_bytes())
    listed = model.languages[0] if model.languages else ""
    language = str((about.get("language") or {}).get("code") or listed or about["espeak"]["voice"])
    speakers = tuple(about.get("speaker_id_map") or ())
    return InstalledVoice(
        name=model.name,
        label=label_of(model.name) if model.label == model.name else model.label,
        file=file,
        language=language.replace("_", "-"),
        speakers=speakers if len(speakers) > 1 else (),
    )


def _read_kokoro(store: ModelStore, model: LocalModel, file: Path, styles: Path) -> InstalledVoice:
    return InstalledVoice(
        name=model.name,
        label=model.label,
        file=file,
        language="en-US",
        speakers=tuple(each for each in kokoro.speakers(styles) if kokoro.tag_of(each)),
        is_kokoro=True,
        factor=measured.figures(store.folder / ModelKind.VOICE).get(model.name),
    )
