"""The models that can be had: names, sizes, languages, licences, the files with their sums. Read once per process."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Any

from companion.errors import CompanionError, Kind
from companion.kinds import Role
from companion.language import Worded, language, tr
from companion.paths import resources

if TYPE_CHECKING:
    from collections.abc import Iterable


class ModelKind(StrEnum):
    """What a model is for; the folder its kind lies in."""

    HEARING = "hearing"
    VOICE = "voice"
    MIND = "mind"
    MEANING = "meaning"
    """Finds what was said in other words."""

    @property
    def role(self) -> Role:
        return _ROLES[self]

    @property
    def provider(self) -> str:
        """Name of the provider that uses such models; empty: none does."""
        return _PROVIDERS[self]


_ROLES = {
    ModelKind.HEARING: Role.HEARS,
    ModelKind.VOICE: Role.SPEAKS,
    ModelKind.MIND: Role.THINKS,
    ModelKind.MEANING: Role.EMBEDS,
}
_PROVIDERS = {
    ModelKind.HEARING: "whisper",
    ModelKind.VOICE: "piper",
    ModelKind.MIND: "mind",
    ModelKind.MEANING: "",  # the journal uses it
}
EVERY = "*"
"""Among languages: about a hundred."""


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One file of a model."""

    name: str
    size: int
    """Bytes."""
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalModel(Worded):
    """One model, fetched or not."""

    WORDS = frozenset({"note"})
    kind: ModelKind
    name: str
    label: str
    note: str = ""
    """For whom it is, in a few words."""
    languages: tuple[str, ...] = ()
    licence: str = ""
    memory_mb: int = 0
    """While it is used; 0: not known."""
    about_mb: int = 0
    """Size where the files are not listed."""
    is_usual: bool = False
    """The one that is meant where nobody chose."""
    is_tried: bool = False
    """It is slow on many computers, and used only where it was tried and found quick enough."""
    homes: tuple[str, ...] = ()
    """Addresses in the order they are asked; `{file}` is the file's name."""
    files: tuple[ModelFile, ...] = ()
    """Empty: no sums are known, so it can only be imported."""

    @property
    def size(self) -> int:
        """Bytes of all files; 0: not known."""
        return sum(file.size for file in self.files)

    @property
    def size_mb(self) -> int:
        return round(self.size / 1e6) or self.about_mb

    def speaks(self, language: str) -> bool:
        """Whether it is for a language, given by its code; of one that is only tried, the first it lists.

        One that lists none is for any.
        """
        spoken = self.languages[:1] if self.is_tried else self.languages
        return not spoken or any(each == EVERY or each.partition("-")[0] == language for each in spoken)

    @property
    def can_be_fetched(self) -> bool:
        return bool(self.files and self.homes)

    @property
    def spoken_languages(self) -> str:
        """`about a hundred languages`, `English`-like tags otherwise."""
        return tr("about a hundred languages") if EVERY in self.languages else ", ".join(self.languages)


@cache
def listed() -> tuple[LocalModel, ...]:
    """Every model of the list, the usual one of each kind first.

    Raises:
        CompanionError: BAD_FILE.
    """
    from companion.providers.catalogue import parse

    rows = parse((resources() / "local_models.yaml").read_text(encoding="utf-8"))
    return tuple(_model(row) for row in rows)


def of_kind(kind: ModelKind) -> tuple[LocalModel, ...]:
    return tuple(model for model in listed() if model.kind is kind)


def usual(kind: ModelKind) -> LocalModel:
    """The one to begin with: in the language of the window, where there is such a one."""
    fitting = (each for each in of_kind(kind) if each.speaks(language()) and each.can_be_fetched)
    best = next(model for model in of_kind(kind) if model.is_usual)
    return best if best.speaks(language()) else next(fitting, best)


def find(kind: ModelKind, name: str) -> LocalModel | None:
    return next((model for model in of_kind(kind) if model.name == name), None)


def named(text: str, models: Iterable[LocalModel] | None = None) -> LocalModel:
    """The model a person means: `base`, `whisper-base`, `hearing/base`, `en_US-joe-medium`, in any case.

    Raises:
        CompanionError: MODEL_UNKNOWN, with those there are.
    """
    known = tuple(listed() if models is None else models)
    wanted = re.sub(r"[ ,]+", "-", text.strip().lower())
    for model in known:
        label = re.sub(r"[ ,]+", "-", model.label.lower())
        if wanted in (model.name.lower(), f"{model.kind}/{model.name}".lower(), label):
            return model
        if model.kind is ModelKind.HEARING and wanted == f"whisper-{model.name}":
            return model
    names = ", ".join(model.name for model in known)
    raise CompanionError(
        Kind.MODEL_UNKNOWN,
        tr("There is no model called {text!r} in the list.", text=text),
        hint=tr("There are: {names}.", names=names),
    )


def _model(row: dict[str, Any]) -> LocalModel:
    files = tuple(ModelFile(*each) for each in row["files"])
    lists = {name: tuple(row[name]) for name in ("languages", "homes")}
    try:
        return LocalModel(**{**row, **lists, "kind": ModelKind(row["kind"]), "files": files})
    except TypeError as error:
        message = f"local_models.yaml: {row['name']} has a field nobody knows."
        hint = tr("Put back the local_models.yaml that came with Companion.")
        raise CompanionError(Kind.BAD_FILE, message, hint=hint, cause=error) from error
