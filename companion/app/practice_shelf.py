"""The person's own practices: a folder of Markdown files, written whole or not at all.

What has faults is kept beside as a draft, which no session follows, so that nothing somebody writes waits for a button.
A practice that was deleted is set aside until the next one is deleted or the page is left. Belongs to the loop's thread;
files are written in another.
"""

from __future__ import annotations

import asyncio
import os
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from companion.errors import CompanionError, Kind
from companion.language import tr
from companion.paths import write_atomically
from companion.places import FULL
from companion.practices import (
    Practice,
    load_practices,
    practice_faults,
    practice_files,
    read_draft,
    read_text,
    write_practice,
)

T = TypeVar("T")
_DRAFT, _DELETED = ".draft", ".deleted"
_LONGEST_NAME = 48
_NOT_NAMES = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)\b")
"""Names of devices, which no file may have on Windows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelved:
    """One practice as the page lists it."""

    practice: Practice
    is_own: bool
    fault: str = ""
    """Why it cannot be followed yet; empty: it can."""
    has_draft: bool = False
    """Changes are not finished: `practice` holds them, and sessions follow what was there before."""


class PracticeShelf:
    """One per app.

    Args:
        folder: where the person's own are; it is made with the first of them.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._gone: list[tuple[Path, Path]] = []
        """What was deleted last: where it is, and where it was."""

    def entries(self) -> list[Shelved]:
        """The person's own first, by title, then those that came with the app, in the order they are offered."""
        own = sorted(self._own(), key=lambda entry: entry.practice.title.casefold())
        names = {entry.practice.name for entry in own}
        shipped = [each for each in load_practices(self._folder) if each.name not in names]
        return [*own, *(Shelved(practice=each, is_own=False) for each in shipped)]

    async def save(self, practice: Practice, name: str = "") -> str:
        """Writes a practice, or its draft while it has faults; returns the name it has now.

        Args:
            name: the one it had; empty for a new one.

        Raises:
            CompanionError: DISK_FULL, SETTINGS_UNSAVED; what was there before is untouched.
        """
        return await _in_thread(lambda: self._save(practice, name))

    async def delete(self, name: str) -> None:
        """Sets a practice aside.

        Raises:
            CompanionError: SETTINGS_UNSAVED.
        """
        await _in_thread(lambda: self._delete(name))

    async def undo_delete(self) -> bool:
        """What was deleted last is back; False: there is nothing.

        Raises:
            CompanionError: SETTINGS_UNSAVED.
        """
        return await _in_thread(self._undo_delete)

    def forget_deleted(self) -> None:
        """It cannot be taken back any more."""
        self._gone.clear()
        for path in self._folder.glob(f"*{_DELETED}"):
            with suppress(OSError):
                path.unlink()

    # -- files ----------------------------------------------------------------------------------------------

    def _own(self) -> Iterator[Shelved]:
        drafts = {path.stem: path for path in self._folder.glob(f"*{_DRAFT}")}
        for path in practice_files(self._folder):
            draft = drafts.pop(path.stem, None)
            yield (
                self._entry(path) if draft is None else replace(self._entry(draft), fault="", has_draft=True)
            )
        for path in drafts.values():
            yield self._entry(path)

    def _entry(self, path: Path) -> Shelved:
        try:
            text = read_text(path)
            practice = read_draft(text, path.stem)
            fault = next(practice_faults(text), "")
        except (OSError, ValueError) as error:
            title = path.stem.replace("-", " ").capitalize()
            practice = Practice(
                name=path.stem,
                title=title,
                summary="",
                icon="leaf",
                minutes=5,
                order=1000,
                openings={},
                steps=(),
            )
            fault = str(error)
        return Shelved(practice=practice, is_own=True, fault=fault)

    def _save(self, practice: Practice, name: str) -> str:
        text = write_practice(practice)
        content = text.encode("utf-8", "replace")
        before = self._stem(name)
        is_known = bool(before) and self._file(before).is_file()
        stem = before if is_known else _free_name(_name_for(practice.title), self._taken(without=before))
        draft = self._folder / f"{stem}{_DRAFT}"
        if next(practice_faults(text), None) is not None:
            write_atomically(draft, content)
        else:
            write_atomically(self._file(stem), content)
            draft.unlink(missing_ok=True)
        if before not in ("", stem):
            (self._folder / f"{before}{_DRAFT}").unlink(missing_ok=True)
        return read_draft(text, stem).name

    def _delete(self, name: str) -> None:
        stem = self._stem(name)
        self.forget_deleted()
        for path in (self._file(stem), self._folder / f"{stem}{_DRAFT}"):
            aside = path.with_name(f"{path.name}{_DELETED}")
            with suppress(FileNotFoundError):
                os.replace(path, aside)
                self._gone.append((aside, path))

    def _undo_delete(self) -> bool:
        gone, self._gone = self._gone, []
        for aside, path in gone:
            free = path if not path.exists() else path.with_name(f"{path.stem}-again{path.suffix}")
            os.replace(aside, free)
        return bool(gone)

    def _file(self, stem: str) -> Path:
        return self._folder / f"{stem}.md"

    def _stem(self, name: str) -> str:
        """The file of the practice called `name`, without ending; a name within the file may differ from the file's."""
        for path in (*practice_files(self._folder), *sorted(self._folder.glob(f"*{_DRAFT}"))):
            if name and self._entry(path).practice.name == name:
                return path.stem
        return name

    def _taken(self, *, without: str) -> set[str]:
        """Names that a new practice may not have."""
        found = {path.stem.casefold() for path in self._folder.glob("*.*")}
        found |= {each.name for each in load_practices(self._folder)}
        return found - {without.casefold()}


def _name_for(title: str) -> str:
    """A title as the name of a file: ASCII letters, digits and hyphens; `practice` where it holds none of them."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    name = re.sub(r"[^a-z0-9]+", "-", plain)[:_LONGEST_NAME].strip("-") or "practice"
    return f"practice-{name}" if _NOT_NAMES.match(name) else name


def _free_name(name: str, taken: Iterable[str]) -> str:
    others = set(taken)
    numbered = (f"{name}-{n}" for n in range(2, 10_000))
    return name if name not in others else next(each for each in numbered if each not in others)


async def _in_thread(work: Callable[[], T]) -> T:
    try:
        return await asyncio.to_thread(work)
    except OSError as error:
        if error.errno in FULL:
            hint = tr("What you wrote stays on the page; make room and go on.")
            raise CompanionError(Kind.DISK_FULL, hint=hint, cause=error) from error
        message = tr("The practice could not be saved.")
        hint = tr("What you wrote stays on the page, and it is tried again with your next change.")
        raise CompanionError(Kind.SETTINGS_UNSAVED, message, hint=hint, cause=error) from error
