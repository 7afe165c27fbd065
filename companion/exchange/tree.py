"""The files of a folder, a zip archive or a single file, by name; nothing is unpacked onto a disk.

Names are relative, with forward slashes. What an archive must not hold (names that leave it, links, names of devices) is
refused by name and the rest is read; an archive that is out of proportion is refused as a whole. Links in folders are not
followed.
"""

from __future__ import annotations

import io
import os
import re
import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Protocol

from companion.language import mark, sentence, tr

MOST_MEMBERS = 10_000
"""Of an archive."""
MOST_FILES = 200_000
"""Of a folder."""
MOST_BYTES = 2 * 2**30
"""Unpacked, all together."""
MOST_RATIO = 100
"""Unpacked bytes for each byte of an archive, where it is more than `SMALL`."""
SMALL = 2**20
MOST_FILE_BYTES = 160 * 2**20
"""Of one file that is read."""
MOST_NAME = 240
DEEPEST = 2
"""Archives within archives."""
_DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])( *\..*)?", re.IGNORECASE)


class Refused(Exception):
    """The whole file cannot be read; the text says why, for a person."""


class BadMember(Exception):
    """One file of it cannot be read; the text says why."""


class Tree(Protocol):
    """Some files."""

    name: str
    """Of the folder or file itself."""

    def names(self) -> list[str]:
        """Of all files, sorted; without hidden ones."""

    def refused(self) -> list[tuple[str, str]]:
        """Names that are not among them, and why."""

    def read(self, name: str) -> bytes:
        """Raises BadMember."""

    def is_there(self, name: str) -> bool: ...


class SingleFile:
    """A file that is no archive."""

    def __init__(self, path: Path) -> None:
        self.name = path.name
        self._path = path

    def names(self) -> list[str]:
        return [self.name]

    def refused(self) -> list[tuple[str, str]]:
        return []

    def is_there(self, name: str) -> bool:
        return name == self.name

    def read(self, name: str) -> bytes:
        return _read_file(self._path)


class Folder:
    """A folder with all below it."""

    def __init__(self, path: Path) -> None:
        self.name = path.name
        self._path = path
        self._refused: list[tuple[str, str]] = []
        self._names = sorted(self._found())

    def names(self) -> list[str]:
        return self._names

    def refused(self) -> list[tuple[str, str]]:
        return self._refused

    def is_there(self, name: str) -> bool:
        return (self._path / name).is_file()

    def read(self, name: str) -> bytes:
        return _read_file(self._path / name)

    def _found(self) -> Iterator[str]:
        count = 0
        for place, folders, files in os.walk(self._path):
            folders[:] = sorted(
                each
                for each in folders
                if not is_hidden(each) and not os.path.islink(os.path.join(place, each))
            )
            inside = Path(place).relative_to(self._path).as_posix()
            for each in files:
                count += 1
                if count > MOST_FILES:
                    raise Refused(tr("The folder holds more than {most:,} files.", most=MOST_FILES))
                name = each if inside == "." else f"{inside}/{each}"
                if is_hidden(each):
                    continue
                if os.path.islink(os.path.join(place, each)):
                    self._refused.append((name, mark("a link to another place")))
                else:
                    yield name


class Archive:
    """A zip archive.

    Raises:
        Refused: it is none, damaged, protected by a password, or out of proportion.
    """

    def __init__(self, name: str, file: IO[bytes], size: int) -> None:
        self.name = name
        try:
            self._zip = zipfile.ZipFile(file)
        except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError, EOFError) as error:
            raise Refused(mark("The archive is damaged, or it ends too early.")) from error
        self._members: dict[str, zipfile.ZipInfo] = {}
        self._refused: list[tuple[str, str]] = []
        self._look_through(size)

    def names(self) -> list[str]:
        return sorted(self._members)

    def refused(self) -> list[tuple[str, str]]:
        return self._refused

    def is_there(self, name: str) -> bool:
        return name in self._members

    def read(self, name: str) -> bytes:
        info = self._members[name]
        if info.file_size > MOST_FILE_BYTES:
            raise BadMember(_too_large())
        try:
            with self._zip.open(info) as file:
                data = file.read(MOST_FILE_BYTES + 1)
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError) as error:
            raise BadMember(mark("it is damaged, or packed in a way that Companion does not know")) from error
        if len(data) > MOST_FILE_BYTES:
            raise BadMember(_too_large())
        return data

    def _look_through(self, size: int) -> None:
        infos = self._zip.infolist()
        if len(infos) > MOST_MEMBERS:
            raise Refused(
                tr(
                    "The archive holds more than {most:,} files. Unpack it and choose the folder.",
                    most=MOST_MEMBERS,
                )
            )
        total = sum(info.file_size for info in infos)
        if total > MOST_BYTES:
            raise Refused(mark("Unpacked, the archive is larger than 2 GB."))
        if total > SMALL and total > MOST_RATIO * max(1, size):
            raise Refused(
                mark("Unpacked, the archive would be far larger than any journal, so it was not opened.")
            )
        for info in infos:
            name = info.filename.replace("\\", "/")
            if info.is_dir() or is_hidden(name):
                continue
            if why := _wrong_with(name, info):
                self._refused.append((info.filename, why))
                continue
            if info.flag_bits & 1:
                raise Refused(mark("The archive is protected by a password."))
            self._members[name] = info


@contextmanager
def open_tree(path: Path) -> Iterator[Tree]:
    """What lies at `path`, as long as it is used.

    Raises:
        Refused: nothing is there, or it cannot be read.
    """
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            yield Folder(path)
            return
        if not stat.S_ISREG(mode):
            raise Refused(mark("That is neither a file nor a folder."))
        size = path.stat().st_size
        with path.open("rb") as file:
            if file.read(4) in (b"PK\x03\x04", b"PK\x05\x06"):
                yield Archive(path.name, file, size)
                return
        if not size:
            raise Refused(mark("The file is empty."))
        if size > MOST_FILE_BYTES:
            raise Refused(tr("The file is larger than {size} MB.", size=MOST_FILE_BYTES >> 20))
        yield SingleFile(path)
    except FileNotFoundError as error:
        raise Refused(mark("There is no such file or folder.")) from error
    except OSError as error:
        reason = error.strerror or tr("the disk refuses")
        raise Refused(tr("It cannot be read: {reason}.", reason=reason)) from error


def inner_archives(tree: Tree) -> Iterator[tuple[str, Tree | Refused]]:
    """The archives within it, and why one of them cannot be read."""
    for name in tree.names():
        if not name.lower().endswith(".zip") or isinstance(tree, SingleFile):
            continue
        try:
            data = tree.read(name)
            yield name, Archive(name.rpartition("/")[2], io.BytesIO(data), len(data))
        except Refused as refused:
            yield name, refused
        except BadMember as bad:
            said = tr(str(bad))
            yield name, Refused(sentence(f"{said[:1].upper()}{said[1:]}"))


def is_hidden(name: str) -> bool:
    """What systems and programs put beside a person's files."""
    parts = name.split("/")
    return any(part == "__MACOSX" or (part.startswith(".") and part.strip(".")) for part in parts) or parts[
        -1
    ] in ("Thumbs.db", "desktop.ini")


def _wrong_with(name: str, info: zipfile.ZipInfo) -> str:
    parts = name.split("/")
    if name.startswith("/") or re.match(r"[A-Za-z]:", name) or ".." in parts:
        return mark("its name leads out of the archive")
    if stat.S_ISLNK(info.external_attr >> 16):
        return mark("a link to another place")
    if any(_DEVICES.fullmatch(part.strip(" ")) for part in parts):
        return mark("its name is that of a device")
    if len(name) > MOST_NAME or any(ord(char) < 32 for char in name):
        return mark("its name is not that of a file")
    return ""


def _read_file(path: Path) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with os.fdopen(descriptor, "rb") as file:
            about = os.fstat(file.fileno())
            if not stat.S_ISREG(about.st_mode):
                raise BadMember(mark("it is not a file"))
            data = file.read(MOST_FILE_BYTES + 1)
    except OSError as error:
        reason = error.strerror or tr("the disk refuses")
        raise BadMember(tr("it cannot be read ({reason})", reason=reason)) from error
    if len(data) > MOST_FILE_BYTES:
        raise BadMember(_too_large())
    return data


def _too_large() -> str:
    return tr("it is larger than {size} MB", size=MOST_FILE_BYTES >> 20)
