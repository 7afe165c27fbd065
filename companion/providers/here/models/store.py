"""The folder of models: which are here and whole, which are damaged, and what a person puts there or takes away.

A model is READY when every file of it has its size and its sum. Sums are read once: the result is remembered beside the
files with their size and time, and holds until one of these changes. Methods that may read a whole model say so; call them
in a thread where the window waits. Several programs may share the folder: whoever changes a model holds its lock.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from companion.errors import CompanionError, Kind
from companion.language import mark, tr
from companion.paths import find_home, locked, write_atomically
from companion.places import read_notes, read_regular
from companion.providers.here.models import listing, measured
from companion.providers.here.models.listing import LocalModel, ModelFile, ModelKind

PART = ".part"
"""Behind the name of a file that is not whole yet."""
RECORD = ".part.json"
"""Behind it: what is being fetched there."""
READ_BYTES = 2**20
_STAMP, _POINTER = ".checked.json", ".elsewhere"
_NAME = re.compile(r"\w[\w.+-]{0,99}")
_SHAPES: dict[ModelKind, tuple[tuple[str, ...], ...]] = {
    ModelKind.HEARING: (("model.bin", "config.json"),),
    ModelKind.VOICE: (("*.onnx", "*.onnx.json"), ("*.onnx", "voices*.bin")),
    ModelKind.MIND: (("*.gguf",),),
    ModelKind.MEANING: (
        ("l2_supercat_256.safetensors", "l2_supercat_tokenizer_config.json"),
        ("model.onnx", "tokenizer.json"),
    ),
}
"""What a model that is in no list consists of at least: one of these."""


class State(StrEnum):
    """How a model stands on this computer."""

    READY = "ready"
    PARTIAL = "partial"
    """Some of it was fetched."""
    DAMAGED = "damaged"
    """A file is not what it should be."""
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class Standing:
    """One model and how it stands."""

    model: LocalModel
    state: State
    bytes_here: int = 0
    is_elsewhere: bool = False
    """It lies in a folder of the person's own, which is never changed."""
    figure: float | None = None
    """How quick it was on this machine, as `measured` keeps it; None: it was not used yet."""

    @property
    def is_ready(self) -> bool:
        return self.state is State.READY


class ModelStore:
    """The models below one folder.

    Args:
        folder: None: the app's own.
    """

    def __init__(self, folder: Path | str | None = None) -> None:
        self.folder = Path(folder) if folder else find_home().models
        self._has_adopted = False

    # -- looking --------------------------------------------------------------------------------------------

    def path(self, kind: ModelKind | str, name: str) -> Path | None:
        """The folder of a model that is READY; None: it is not. The first time it may read the whole model.

        `name` may also be a folder or a `.gguf` file of the person's own.
        """
        kind = ModelKind(kind)
        return self._place(kind, name) if self.state(kind, name) is State.READY else None

    def state(self, kind: ModelKind | str, name: str) -> State:
        """How a model stands; the first time it may read the whole model."""
        return self.standing(ModelKind(kind), name).state

    def standing(self, kind: ModelKind, name: str) -> Standing:
        """How a model stands, with its bytes; the first time it may read the whole model."""
        self._adopt()
        model = listing.find(kind, name)
        place = self._place(kind, name)
        if place is None:
            return Standing(model or LocalModel(kind=kind, name=name, label=name), State.ABSENT)
        is_elsewhere = place != self.folder / kind / name
        if model is None or not model.files:
            return self._unlisted(model or self._own(kind, name, place), place, is_elsewhere=is_elsewhere)
        state, here = self._checked(model, place)
        return Standing(model, state, here, is_elsewhere)

    def all(self, kind: ModelKind | str | None = None) -> tuple[Standing, ...]:
        """Every model of the list, then the person's own; the first time it may read them whole."""
        self._adopt()
        kinds = (ModelKind(kind),) if kind else tuple(ModelKind)
        figures = {each: measured.figures(self.folder / each) for each in kinds}
        return tuple(
            replace(self.standing(each, name), figure=figures[each].get(name))
            for each in kinds
            for name in self._names(each)
        )

    def ready(self, kind: ModelKind | str) -> tuple[str, ...]:
        """Names of those that are READY, the usual one first."""
        return tuple(each.model.name for each in self.all(kind) if each.is_ready)

    def _names(self, kind: ModelKind) -> Iterator[str]:
        known = [model.name for model in listing.of_kind(kind)]
        yield from known
        with suppress(OSError):
            for entry in sorted((self.folder / kind).iterdir()):
                if entry.is_dir() and entry.name not in known and _NAME.fullmatch(entry.name):
                    yield entry.name

    def _place(self, kind: ModelKind, name: str) -> Path | None:
        """Where a model lies or would lie; None: nothing can be called so."""
        own = Path(name).expanduser()
        if own.is_absolute():
            return own
        if not _NAME.fullmatch(name):
            return None
        folder = self.folder / kind / name
        with suppress(OSError, ValueError):
            if pointer := read_regular(folder / _POINTER):
                return Path(pointer.decode("utf-8").strip())
        model = listing.find(kind, name)
        if (
            model is not None
            and model.files
            and not any((folder / each.name).exists() for each in model.files)
        ):
            return next(_hub_copies(model), folder)
        return folder

    def _own(self, kind: ModelKind, name: str, place: Path) -> LocalModel:
        label = place.stem if Path(name).is_absolute() else name
        size = sum(each.stat().st_size for each in _files_in(place))
        return LocalModel(kind=kind, name=name, label=label, about_mb=round(size / 1e6))

    def _unlisted(self, model: LocalModel, place: Path, *, is_elsewhere: bool) -> Standing:
        names = [each.name for each in _files_in(place)]
        is_whole = has_shape(model.kind, names)
        state = State.READY if is_whole else State.DAMAGED if is_elsewhere or names else State.ABSENT
        here = sum(each.stat().st_size for each in _files_in(place))
        return Standing(model, state, here, is_elsewhere)

    # -- sums -----------------------------------------------------------------------------------------------

    def _checked(self, model: LocalModel, place: Path) -> tuple[State, int]:
        good = [file for file in model.files if self.is_good(model, file, place)]
        here = sum(file.size for file in good)
        if len(good) == len(model.files):
            return State.READY, here
        missing = [file for file in model.files if file not in good]
        if any((place / file.name).exists() for file in missing):
            return State.DAMAGED, here
        parts = sum(_size(place / (file.name + PART)) for file in missing)
        return (State.PARTIAL if good or parts else State.ABSENT), here + parts

    def is_good(self, model: LocalModel, file: ModelFile, place: Path) -> bool:
        """Whether one file is there with its size and sum; reads it unless it was read since it changed."""
        try:
            about = (place / file.name).stat()
            if about.st_size != file.size:
                return False
            seen: list[object] = [about.st_size, about.st_mtime_ns]
            stamps = self._stamps(model)
            known = stamps.get(file.name, [])
            if known[:2] != seen:
                known = [*seen, sum_of(place / file.name)]
                self._remember(model, {**stamps, file.name: known})
            return known[2:] == [file.sha256]
        except (OSError, TypeError):
            return False

    def doubt(self, kind: ModelKind | str, name: str) -> State:
        """How a model stands when its files are read again: for an engine that could not load it."""
        with suppress(OSError):
            (self.folder / ModelKind(kind) / name / _STAMP).unlink()
        return self.state(kind, name)

    def _stamps(self, model: LocalModel) -> dict[str, list[object]]:
        return read_notes(self.folder / model.kind / model.name / _STAMP)

    def _remember(self, model: LocalModel, stamps: dict[str, list[object]]) -> None:
        with suppress(OSError):  # a folder that cannot be written is read again next time
            write_atomically(
                self.folder / model.kind / model.name / _STAMP, json.dumps(stamps).encode(), mode=0o644
            )

    # -- changing -------------------------------------------------------------------------------------------

    @contextmanager
    def lock(self, model: LocalModel, *, wait_s: float = 0.0) -> Iterator[None]:
        """Nobody else changes `model` within the block.

        Raises:
            TimeoutError: somebody does.
            CompanionError: DISK_FULL and its like, where the folder cannot be written.
        """
        locks = self.folder / ".locks"
        try:
            locks.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise unwritable(self.folder, error) from error
        with locked(locks / f"{model.kind}-{model.name}", wait_s):
            yield

    def remove(self, kind: ModelKind | str, name: str) -> int:
        """Takes a model away, and what was fetched of it; of one that lies elsewhere only the pointer. Returns the bytes.

        Raises:
            CompanionError: MODEL_UNKNOWN; BAD_FILE while it is being fetched.
        """
        kind = ModelKind(kind)
        if not _NAME.fullmatch(name):
            raise _no_such(kind, name)
        folder, standing = self.folder / kind / name, self.standing(kind, name)
        if not folder.is_dir():
            hint = tr("It is in {place}.", place=self._place(kind, name)) if standing.is_ready else ""
            raise _no_such(kind, name, hint)
        size = sum(each.stat().st_size for each in _files_in(folder))
        try:
            with self.lock(standing.model):
                shutil.rmtree(folder)
        except TimeoutError as error:
            message = tr("{label} is being fetched at the moment.", label=standing.model.label)
            raise CompanionError(
                Kind.BAD_FILE, message, hint=tr("Cancel that first."), cause=error
            ) from error
        except OSError as error:
            raise unwritable(folder, error) from error
        return size

    def point_to(self, kind: ModelKind | str, name: str, place: Path) -> Standing:
        """Uses a folder of the person's own where it lies.

        Raises:
            CompanionError: BAD_FILE for a folder that holds no such model.
        """
        kind, place = ModelKind(kind), place.expanduser().absolute()
        if not _NAME.fullmatch(name):
            raise CompanionError(
                Kind.BAD_FILE,
                tr("{name!r} cannot be a model's name.", name=name),
                hint=tr("Use letters and digits."),
            )
        if not has_shape(kind, [each.name for each in _files_in(place)]):
            raise CompanionError(
                Kind.BAD_FILE,
                tr("{place} holds no model for {kind}.", place=place, kind=kind),
                hint=tr(_EXPECTED[kind]),
            )
        write_atomically(self.folder / kind / name / _POINTER, str(place).encode(), mode=0o644)
        return self.standing(kind, name)

    def point_nowhere(self, model: LocalModel) -> None:
        """Forgets the person's own folder for `model`: our own copy is used."""
        with suppress(FileNotFoundError):
            (self.folder / model.kind / model.name / _POINTER).unlink()

    def import_from(self, *sources: Path, name: str = "") -> Standing:
        """Copies a model out of folders, files or archives (zip, wheel), checked by its sums. Reads all of it.

        Raises:
            CompanionError: BAD_FILE, DISK_FULL.
        """
        from companion.providers.here.models.imports import import_model

        return import_model(self, sources, name)

    def export_to(self, kind: ModelKind | str, name: str, target: Path) -> Path:
        """Copies a READY model into `target` (a folder), below its name; that folder can be imported elsewhere.

        Raises:
            CompanionError: MODEL_UNKNOWN when it is not READY; BAD_FILE, DISK_FULL.
        """
        place = self.path(kind, name)
        if place is None:
            raise _no_such(ModelKind(kind), name)
        files = _files_in(place)
        folder = target.expanduser() / (place.stem if place.is_file() else Path(name).name)
        check_room(folder, sum(each.stat().st_size for each in files), name)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for file in files:
                shutil.copyfile(file, folder / file.name)
        except OSError as error:
            raise unwritable(folder, error) from error
        return folder

    # -- where earlier versions kept them -------------------------------------------------------------------

    def _adopt(self) -> None:
        """Moves what earlier versions fetched to its place; what they left half is removed."""
        if self._has_adopted:
            return
        self._has_adopted = True
        whisper, piper = self.folder / "whisper", self.folder / "piper"
        for old in _entries(whisper):
            if old.name.endswith(PART):
                shutil.rmtree(old, ignore_errors=True)
            elif old.is_dir():
                _move(old, self.folder / ModelKind.HEARING / old.name)
        for old in _entries(piper):
            if old.name.endswith(PART):
                with suppress(OSError):
                    old.unlink()
            elif old.name.endswith((".onnx", ".onnx.json")):
                voice = old.name.removesuffix(".json").removesuffix(".onnx")
                _move(old, self.folder / ModelKind.VOICE / voice / old.name)
        for folder in (whisper, piper):
            with suppress(OSError):
                folder.rmdir()


_EXPECTED = {
    ModelKind.HEARING: mark("A recogniser for CTranslate2 has model.bin, config.json and its vocabulary."),
    ModelKind.VOICE: mark("A voice has NAME.onnx with NAME.onnx.json; Kokoro has a voices-….bin with it."),
    ModelKind.MIND: mark("A language model is one .gguf file."),
}


def has_shape(kind: ModelKind, names: Sequence[str]) -> bool:
    """Whether files of these names can be a model of `kind`."""
    patterns = (
        [re.compile(each.replace(".", r"\.").replace("*", ".+")) for each in shape] for shape in _SHAPES[kind]
    )
    return any(all(any(each.fullmatch(name) for name in names) for each in shape) for shape in patterns)


def sum_of(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal. Reads it.

    Raises:
        OSError.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_room(folder: Path, wanted: int, what: str) -> None:
    """Whether `wanted` bytes fit on the disk, with some to spare.

    Raises:
        CompanionError: DISK_FULL.
    """
    there = next((each for each in (folder, *folder.parents) if each.exists()), Path())
    free = shutil.disk_usage(there).free
    if wanted + SPARE > free:
        message = tr(
            "There is not enough room for {what}: it needs {wanted:,.0f} MB, {free:,.0f} MB are free.",
            what=what,
            wanted=wanted / 1e6,
            free=free / 1e6,
        )
        raise CompanionError(
            Kind.DISK_FULL, message, hint=tr("Make room and try again; nothing was changed.")
        )


SPARE = 50 * 10**6
"""Bytes left free on the disk, for everything else."""


def unwritable(folder: Path, error: OSError) -> CompanionError:
    """What a disk refused, as a person reads it."""
    import errno

    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        message, hint = (
            tr("There is no room on the disk for the model."),
            tr("Make room and try again; what is there is kept."),
        )
        return CompanionError(Kind.DISK_FULL, message, hint=hint, cause=error)
    message = tr(
        "{folder} could not be written ({strerror}).", folder=folder, strerror=error.strerror or error
    )
    return CompanionError(Kind.BAD_FILE, message, hint=tr("Check who may write there."), cause=error)


def _no_such(kind: ModelKind, name: str, hint: str = "") -> CompanionError:
    message = tr("There is no model {name!r} for {kind} on this computer.", name=name, kind=kind)
    return CompanionError(
        Kind.MODEL_UNKNOWN, message, hint=hint or tr("companion models list shows those there are.")
    )


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _files_in(place: Path) -> list[Path]:
    """The files of a model that is a folder or one file, without our own notes."""
    if place.is_file():
        return [place]
    return [each for each in _entries(place) if each.is_file() and not each.name.startswith(".")]


def _move(old: Path, new: Path) -> None:
    if not new.exists():
        with suppress(OSError):  # another program was faster
            new.parent.mkdir(parents=True, exist_ok=True)
            os.replace(old, new)


def _hub_copies(model: LocalModel) -> Iterator[Path]:
    """Folders of the hub's own cache that have every file of `model` with its size."""
    environment = os.environ
    roots = [
        environment.get("HF_HUB_CACHE"),
        f"{environment['HF_HOME']}/hub" if "HF_HOME" in environment else None,
    ]
    roots.append(f"{environment.get('XDG_CACHE_HOME') or Path.home() / '.cache'}/huggingface/hub")
    for home in model.homes:
        found = re.fullmatch(r"https://huggingface\.co/([^/]+)/([^/]+)/resolve/[^/]+/(.*)\{file\}", home)
        for root in filter(None, roots) if found else ():
            assert found is not None
            snapshots = Path(root) / f"models--{found[1]}--{found[2]}" / "snapshots"
            for each in _entries(snapshots):
                place = each / found[3]
                if all(_size(place / file.name) == file.size for file in model.files):
                    yield place
