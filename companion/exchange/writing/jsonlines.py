"""JSON Lines: our own format, complete and in a fixed order, so that the same journal gives the same bytes."""

from __future__ import annotations

import os
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import IO

from companion.entries import Entry
from companion.exchange.lines import HEADER, footer, to_document, to_line

INSIDE = "journal.jsonl"
"""The lines' name where they share a zip with sound."""


class JsonLines:
    """See `Writer`."""

    def __init__(self, path: Path, *, with_sound: bool) -> None:
        self._path = path
        self._part = path.with_name(f".{path.name}.part")
        self._entries = 0
        self._lines: list[bytes] = []
        descriptor = os.open(
            self._part, os.O_CREAT | os.O_TRUNC | os.O_RDWR | getattr(os, "O_BINARY", 0), 0o600
        )
        self._file: IO[bytes] | None = os.fdopen(descriptor, "w+b")
        self._zip = zipfile.ZipFile(self._file, "w", zipfile.ZIP_STORED) if with_sound else None
        self._put(to_line(HEADER))

    def add(self, entry: Entry) -> None:
        self._put(to_line(to_document(entry)))
        self._entries += 1

    def add_sound(self, name: str, data: bytes) -> None:
        if self._zip is not None:
            self._zip.writestr(_member(name, zipfile.ZIP_STORED), data)

    def finish(self) -> None:
        assert self._file is not None, "it is finished once"
        self._put(to_line(footer(self._entries)))
        if self._zip is not None:
            self._zip.writestr(_member(INSIDE, zipfile.ZIP_DEFLATED), b"".join(self._lines))
            self._zip.close()
        file, self._file = self._file, None
        file.flush()
        os.fsync(file.fileno())
        file.close()
        os.replace(self._part, self._path)

    def abandon(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
            with suppress(OSError):
                self._part.unlink()

    def _put(self, line: str) -> None:
        data = f"{line}\n".encode()
        if self._zip is not None:  # an archive takes one file at a time: the lines go in at the end
            self._lines.append(data)
        else:
            assert self._file is not None
            self._file.write(data)


def _member(name: str, packing: int) -> zipfile.ZipInfo:
    """Without the moment of writing, so that the same sound gives the same bytes."""
    member = zipfile.ZipInfo(name)
    member.compress_type = packing
    member.external_attr = 0o600 << 16
    return member
