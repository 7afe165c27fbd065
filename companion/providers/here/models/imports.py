"""Files of a person's own, in folders or archives -> a model in the store, checked by its sums.

A large file may come in numbered parts (`model.bin.part1`, `.part2`), in one archive or in several. A model of the list is
known by the names and sizes of its files; anything else by its shape, under a name of its own.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING

from companion.errors import CompanionError, Kind
from companion.language import mark, tr
from companion.providers.here.models import listing
from companion.providers.here.models.listing import LocalModel, ModelKind
from companion.providers.here.models.store import READ_BYTES, check_room, has_shape, unwritable

if TYPE_CHECKING:
    from companion.providers.here.models.store import ModelStore, Standing

_PART = re.compile(r"(.+)\.part(\d{1,3})")
_ARCHIVES = (".zip", ".whl")
MOST_FILES = 10_000
"""In one source; more is no model."""


@dataclass(frozen=True, slots=True)
class _Piece:
    """One file, or a part of one, wherever it lies."""

    folder: str
    name: str
    size: int
    open: Callable[[], IO[bytes]]


_Whole = Sequence[_Piece]
"""The parts of one file, in order."""


def import_model(store: ModelStore, sources: Sequence[Path], name: str = "") -> Standing:
    """Copies one model into `store`.

    Args:
        name: of a model that is in no list; empty: that of its folder or file.

    Raises:
        CompanionError: BAD_FILE, DISK_FULL.
    """
    with ExitStack() as opened:
        found = _joined(piece for source in sources for piece in _pieces(source.expanduser(), opened))
        model = _listed_model(found, name)
        chosen: dict[str, _Whole]
        if model is not None:
            chosen = {
                file.name: next(w for w in found[file.name] if _size(w) == file.size) for file in model.files
            }
        else:
            model, chosen = _own_model(found, name, sources)
        _copy(store, model, chosen)
    return store.standing(model.kind, model.name)


# -- what is there ------------------------------------------------------------------------------------------


def _pieces(source: Path, opened: ExitStack) -> Iterator[_Piece]:
    try:
        if source.is_dir():
            yield from _in_folder(source)
        elif source.suffix.lower() in _ARCHIVES:
            yield from _in_archive(source, opened)
        else:
            yield _file(source)
            beside = source.with_name(f"{source.name}.json")  # a voice is a pair
            if source.suffix == ".onnx" and beside.is_file():
                yield _file(beside)
    except (OSError, zipfile.BadZipFile) as error:
        reason = getattr(error, "strerror", None) or error
        message = tr("{source} could not be read ({reason}).", source=source, reason=reason)
        raise CompanionError(Kind.BAD_FILE, message, hint=tr(_HINT), cause=error) from error


def _in_folder(folder: Path) -> Iterator[_Piece]:
    for count, path in enumerate(sorted(folder.rglob("*"))):
        if count > MOST_FILES:
            raise CompanionError(
                Kind.BAD_FILE, tr("{folder} has too many files in it.", folder=folder), hint=tr(_HINT)
            )
        if path.is_file() and not path.name.startswith("."):
            yield _file(path)


def _file(path: Path) -> _Piece:
    return _Piece(str(path.parent), path.name, path.stat().st_size, lambda: path.open("rb"))


def _in_archive(path: Path, opened: ExitStack) -> Iterator[_Piece]:
    archive = opened.enter_context(zipfile.ZipFile(path))
    for entry in archive.infolist()[:MOST_FILES]:
        inside = PurePosixPath(entry.filename)
        if not entry.is_dir() and not inside.name.startswith("."):
            folder = f"{path}/{inside.parent}"
            yield _Piece(folder, inside.name, entry.file_size, partial(archive.open, entry))


def _joined(pieces: Iterator[_Piece]) -> Mapping[str, list[_Whole]]:
    """Names -> the files called so; numbered parts are one file."""
    found: dict[str, list[_Whole]] = {}
    parts: dict[str, dict[int, _Piece]] = {}
    for piece in pieces:
        part = _PART.fullmatch(piece.name)
        if part is None:
            found.setdefault(piece.name, []).append((piece,))
        else:
            parts.setdefault(part[1], {})[int(part[2])] = piece
    for name, numbered in parts.items():
        found.setdefault(name, []).append(tuple(numbered[number] for number in sorted(numbered)))
    return found


def _size(whole: _Whole) -> int:
    return sum(piece.size for piece in whole)


def _listed_model(found: Mapping[str, list[_Whole]], name: str) -> LocalModel | None:
    """The model of the list that these files are, by names and sizes."""
    for model in listing.listed():
        is_meant = not name or model.name == name
        if (
            model.files
            and is_meant
            and all(
                any(_size(whole) == file.size for whole in found.get(file.name, ())) for file in model.files
            )
        ):
            return model
    return None


def _own_model(
    found: Mapping[str, list[_Whole]], name: str, sources: Sequence[Path]
) -> tuple[LocalModel, dict[str, _Whole]]:
    """A model that is in no list, or in the list without sums: known by its shape."""
    kind = next((kind for kind in ModelKind if has_shape(kind, tuple(found))), None)
    if kind is None or kind is ModelKind.MEANING:  # of those only the listed ones are understood
        raise CompanionError(
            Kind.BAD_FILE, tr("There is no model in it that can be used here."), hint=tr(_HINT)
        )
    main = next(each for each in found if each.endswith(_MAIN[kind]))
    folder = found[main][0][0].folder
    inside = {each: wholes[0] for each, wholes in found.items() if wholes[0][0].folder == folder}
    if kind is ModelKind.MIND:
        inside = {main: found[main][0]}
    stem = (
        sources[0].expanduser().absolute().stem
        if kind is ModelKind.HEARING
        else main.removesuffix(_MAIN[kind])
    )
    name = name or re.sub(r"[^\w.+-]+", "-", stem).strip("-.") or "own"
    known = listing.find(kind, name)
    if known is not None and known.files:
        message = tr("These are not the files of {label}.", label=known.label)
        hint = tr("Give it another name, with --name.")
        raise CompanionError(Kind.BAD_FILE, message, hint=hint)
    return known or LocalModel(kind=kind, name=name, label=name), inside


_MAIN = {ModelKind.HEARING: "model.bin", ModelKind.VOICE: ".onnx", ModelKind.MIND: ".gguf"}
_HINT = mark(
    "It can be a folder, a zip or wheel file, or a .gguf file; a voice is NAME.onnx with NAME.onnx.json, Kokoro NAME.onnx "
    "with voices-NAME.bin, a recogniser "
    "model.bin with config.json and its vocabulary."
)


# -- copying ------------------------------------------------------------------------------------------------


def _copy(store: ModelStore, model: LocalModel, chosen: Mapping[str, _Whole]) -> None:
    target = store.folder / model.kind / model.name
    check_room(target, sum(_size(whole) for whole in chosen.values()), model.label)
    sums = {file.name: file.sha256 for file in model.files}
    try:
        with store.lock(model, wait_s=1.0), _workshop(target) as workshop:
            for name, whole in chosen.items():
                got = _write(workshop / name, whole)
                if sums.get(name, got) != got:
                    message = tr(
                        "{name} is not the file of {label}: its checksum is different.",
                        name=name,
                        label=model.label,
                    )
                    hint = tr("It may be damaged; fetch it again or take it from another source.")
                    raise CompanionError(Kind.BAD_FILE, message, hint=hint)
            shutil.rmtree(target, ignore_errors=True)
            workshop.replace(target)
    except TimeoutError as error:
        message = tr("{label} is being fetched at the moment.", label=model.label)
        raise CompanionError(Kind.BAD_FILE, message, hint=tr("Cancel that first."), cause=error) from error
    except zipfile.BadZipFile as error:
        raise CompanionError(
            Kind.BAD_FILE, tr("The archive is damaged."), hint=tr(_HINT), cause=error
        ) from error
    except OSError as error:
        raise unwritable(target, error) from error


@contextmanager
def _workshop(target: Path) -> Iterator[Path]:
    """A folder beside `target` that is gone afterwards."""
    folder = target.with_name(f".{target.name}.import")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _write(path: Path, whole: _Whole) -> str:
    """Joins the parts of a file and returns its sum; never writes more than was announced."""
    digest = hashlib.sha256()
    with path.open("wb") as sink:
        for piece in whole:
            left = piece.size
            with piece.open() as source:
                while left > 0 and (data := source.read(min(READ_BYTES, left))):
                    sink.write(data)
                    digest.update(data)
                    left -= len(data)
    return digest.hexdigest()
