"""The models that are on this computer: the store in, names and what each needs out. Blocking, any thread.

A model is one GGUF file: of a folder that the store knows, `models/mind/<name>.gguf` as people put it there, or a file
anywhere that is named by its path. Nothing is loaded to find out what it is; the first time a sum may be made.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from companion.language import mark, tr
from companion.providers.here.mind.gguf import About, NoModel, about
from companion.providers.here.models.listing import ModelKind, usual
from companion.providers.here.models.store import ModelStore, Standing, State

CONTEXT = 8192
"""Most tokens of a conversation a model is given: an hour's reflection, and little memory."""
SMALLEST = 900_000_000
"""Parameters. Models below are not offered: the written guide listens better."""
SLOW = 8.0
"""Tokens a second; below, an answer is written more slowly than it is spoken."""
WORDS_PER_TOKEN = 0.75
TOO_SMALL = mark("{name} is very small: expect little sense. The offline guide listens better.")
BATCH = 128
"""Tokens that are read in one go, which nothing can interrupt: two seconds of a slow computer."""
_PROGRAM = 160_000_000
"""Bytes that the process needs besides the model."""


@dataclass(frozen=True, slots=True)
class LocalModel:
    """One model that is here, whatever it is good for."""

    name: str
    path: Path
    about: About | None
    """None: it is no model."""
    problem: str = ""
    """Why it cannot be used, in one sentence; empty: it can."""
    is_damaged: bool = False
    """Its bytes are not what they should be: fetched again, it works."""

    @property
    def context(self) -> int:
        """Tokens it is run with."""
        taught = self.about.context if self.about is not None else 0
        return min(taught, CONTEXT) if taught else CONTEXT

    @property
    def memory(self) -> int:
        """Bytes it needs while it is used: its file, the conversation, room to reckon in."""
        if self.about is None:
            return 0
        room = (
            BATCH * self.about.vocabulary * 4
        )  # every word of the vocabulary gets a number for each of them
        return self.about.size + self.context * self.about.state_per_token + room + _PROGRAM

    @property
    def is_small(self) -> bool:
        return self.about is not None and self.about.parameters < SMALLEST


def models_in(store: ModelStore) -> tuple[LocalModel, ...]:
    """Everything that is there, by name."""
    stands = (_standing(store, each) for each in store.all(ModelKind.MIND))
    found = {model.name: model for model in stands if model is not None}
    for path in _loose(store):
        if path.stem not in found:
            found[path.stem] = look_at(path.stem, path)
    return tuple(found[name] for name in sorted(found))


def find(store: ModelStore, name: str) -> LocalModel | None:
    """The model of a name, or at a path; without a name the usual one, else the first that is of use, else any."""
    if name.lower().endswith(".gguf"):
        path = Path(name).expanduser()
        return look_at(path.stem, path) if path.is_file() else None
    if name:
        loose = (look_at(name, path) for path in _loose(store) if path.stem == name)
        return _standing(store, store.standing(ModelKind.MIND, name)) or next(loose, None)
    best = usual(ModelKind.MIND).name
    return min(
        models_in(store),
        key=lambda model: (bool(model.problem), model.is_small, model.name != best),
        default=None,
    )


def _standing(store: ModelStore, standing: Standing) -> LocalModel | None:
    """What the store knows of a model, with its file; None: it is not here, or not all of it."""
    name = standing.model.name
    if standing.state is State.DAMAGED:
        problem = tr("The file of {name} is damaged.", name=name)
        return LocalModel(name, store.folder / ModelKind.MIND / name, None, problem, is_damaged=True)
    place = store.path(ModelKind.MIND, name) if standing.is_ready else None
    if place is None:
        return None
    files = [place] if place.is_file() else sorted(place.glob("*.gguf"))
    return next((look_at(name, file) for file in files if _is_language_model(file)), None)


def _loose(store: ModelStore) -> list[Path]:
    """Files of a person's own that lie in no folder."""
    return [
        file for file in sorted((store.folder / ModelKind.MIND).glob("*.gguf")) if _is_language_model(file)
    ]


def _is_language_model(file: Path) -> bool:
    return not file.name.startswith("mmproj")  # the eyes of a model, which is another file


def look_at(name: str, path: Path) -> LocalModel:
    """What the file at `path` is."""
    try:
        state = path.stat()
        said = _about(path, state.st_size, state.st_mtime_ns)
    except NoModel as error:
        return LocalModel(
            name,
            path,
            None,
            tr("The file of {name} is not a model: {error}.", name=name, error=tr(str(error))),
        )
    except OSError as error:
        return LocalModel(
            name, path, None, tr("The file of {name} cannot be read ({why}).", name=name, why=error.strerror)
        )
    return LocalModel(name, path, said, _problem(name, said), is_damaged=said.missing > 0)


@lru_cache(maxsize=64)
def _about(path: Path, size: int, changed: int) -> About:
    """`size` and `changed` tell one file of a name from the next."""
    return about(path)


def _problem(name: str, said: About) -> str:
    if said.missing:
        return tr(
            "The file of {name} is incomplete: {size} are missing.", name=name, size=megabytes(said.missing)
        )
    if not said.template:
        return tr(
            "{name} cannot hold a conversation: its file has no chat template, so it was never taught to answer.",
            name=name,
        )
    return ""


def free_memory() -> int | None:
    """Bytes that a program may take without others being pushed out; None: not known on this system."""
    with suppress(OSError, ValueError, LookupError):
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        kilobytes = next(line for line in lines if line.startswith("MemAvailable:")).split()[1]
        return int(kilobytes) * 1024
    with suppress(OSError, ValueError, AttributeError):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") * 2 // 3
    return None


# -- in words -------------------------------------------------------------------------------------------------


def described(model: LocalModel, tokens_a_second: float | None = None) -> str:
    """A model in a list: "smollm2-1.7b · 1.7 B parameters, 1.1 GB, takes 1.9 GB of memory, about 9 words a second"."""
    if model.about is None:
        return tr("{name} · no model", name=model.name)
    said = model.about
    billions = said.parameters / 1e9
    size = (
        tr("{n:.1f} B parameters in {form}", n=billions, form=said.file_type)
        if said.file_type
        else tr("{n:.1f} B parameters", n=billions)
    )
    parts = [
        size,
        megabytes(said.size),
        tr("takes {size} of memory", size=megabytes(model.memory)),
        *([_words(tokens_a_second)] if tokens_a_second else []),
    ]
    return f"{model.name} · {', '.join(parts)}"


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a model writes on this machine."""

    model: LocalModel
    tokens_a_second: float

    @property
    def words(self) -> str:
        """ "about 9 words a second"."""
        return _words(self.tokens_a_second)

    @property
    def objection(self) -> str:
        """What a person should know before they choose it; empty: nothing."""
        told = []
        if self.tokens_a_second < SLOW:
            told.append(
                tr(
                    "{name} writes {pace} on this machine. That is slow: answers pause while they are spoken.",
                    name=self.model.name,
                    pace=self.words,
                )
            )
        if self.model.is_small:
            told.append(tr(TOO_SMALL, name=self.model.name))
        return " ".join(told)


def _words(tokens_a_second: float) -> str:
    words = tokens_a_second * WORDS_PER_TOKEN
    return (
        tr("about {words:.0f} words a second", words=words)
        if words >= 1.5
        else tr("one word a second or less")
    )


def megabytes(size: int) -> str:
    if size >= 1e9:
        return tr("{size:.1f} GB", size=size / 1e9)
    return tr("{megabytes} MB", megabytes=max(1, round(size / 1e6)))
