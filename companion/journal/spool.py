"""Takes on their way to disk: 20 ms frames in, `takes/<id>.take` out, sealed half a second at a time.

`write` belongs to the loop's thread and only fills a buffer; sealing, appending and fsync happen on the journal's writer
thread. A take that ends with its program is at most a second short. File: `MAGIC`, then records of a 4-byte big-endian
length and nonce + AES-256-GCM ciphertext + tag, bound to the take's id and the record's number, so that nothing can be
swapped or reordered. A torn last record is ignored; a damaged one is left out.
"""

from __future__ import annotations

import logging
import os
import re
import secrets
import struct
import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Protocol

from companion import days
from companion.errors import CompanionError, Kind
from companion.flow import CAPTURE_RATE_HZ
from companion.journal.writer import Writer
from companion.language import tr
from companion.paths import hold, is_held, sync_folder
from companion.ports import Spool
from companion.records import WaitingTake

_log = logging.getLogger(__name__)
MAGIC = b"companion take 1\n"
_BYTES_PER_S = CAPTURE_RATE_HZ * 2
_RECORD_BYTES = _BYTES_PER_S // 2
_NONCE_BYTES = 12
_SEAL_BYTES = _NONCE_BYTES + 16
_MOST_RECORD_BYTES = _BYTES_PER_S
_MOST_HELD_BYTES = 600 * _BYTES_PER_S
_ID = re.compile(r"(\d{13,16})([+-]\d{1,5})?-[0-9a-f]{8}")
"""Milliseconds since the epoch, seconds ahead of UTC (not in older ones), and what makes it unique."""


class Takes(Protocol):
    """All recordings of one journal."""

    def new(self) -> Spool: ...
    async def waiting(self, kept: frozenset[str] = frozenset()) -> Sequence[WaitingTake]:
        """Oldest first, without those that are being recorded and those that are kept."""

    async def read(self, take_id: str) -> bytes: ...
    async def damage(self, take_id: str) -> float: ...
    async def discard(self, take_id: str) -> None: ...

    def seconds_of(self, take_id: str) -> float:
        """How long a finished one is; 0: it is not there. Runs on the writer thread."""

    def remove(self, take_ids: Iterable[str]) -> None:
        """Finished ones go for good. Runs on the writer thread. Raises OSError."""

    def close(self) -> None:
        """Puts what is still being recorded on disk. Runs on the writer thread."""


class SealedTakes:
    """Recordings as sealed files in one folder."""

    def __init__(self, folder: Path, key: bytes, writer: Writer) -> None:
        """`key`: 32 bytes, used for nothing else."""
        self._folder = folder
        self._key = key
        self._writer = writer
        self._open: dict[str, SealedTake] = {}

    def new(self, take_id: str = "") -> SealedTake:
        """A new recording; `take_id` of one that is moved here, which keeps its name."""
        take_id = take_id or _new_id()
        take = SealedTake(take_id, self._path(take_id), self._key, self._writer, self._open)
        self._open[take_id] = take
        return take

    async def waiting(self, kept: frozenset[str] = frozenset()) -> Sequence[WaitingTake]:
        others = kept.union(self._open)
        return await self._writer.run(lambda: self._list(others))

    async def read(self, take_id: str) -> bytes:
        path = self._path(take_id)
        return (await self._writer.run(lambda: open_take(path, self._key, take_id))).pcm

    async def damage(self, take_id: str) -> float:
        """Seconds that are damaged, though the rest opens.

        Raises:
            CompanionError: as `read`.
        """
        path = self._path(take_id)
        return (await self._writer.run(lambda: open_take(path, self._key, take_id))).lost_s

    async def discard(self, take_id: str) -> None:
        if take := self._open.get(take_id):
            await take.discard()
            return
        path = self._path(take_id)
        await self._writer.run(lambda: None if is_held(path) else _remove(path))

    def seconds_of(self, take_id: str) -> float:
        return _seconds(self._path(take_id))

    def remove(self, take_ids: Iterable[str]) -> None:
        for take_id in take_ids:
            _remove(self._path(take_id))

    def close(self) -> None:
        for take in list(self._open.values()):
            try:
                take.end()
            except OSError as error:
                _log.warning("the end of a recording could not be kept: %s", error.strerror)

    def _path(self, take_id: str) -> Path:
        if not _ID.fullmatch(take_id):
            raise _gone()
        return self._folder / f"{take_id}.take"

    def _list(self, others: frozenset[str]) -> list[WaitingTake]:
        ids = sorted(path.stem for path in self._folder.glob("*.take") if _ID.fullmatch(path.stem))
        found = [
            _waiting(take_id, _seconds(self._path(take_id)))
            for take_id in ids
            if take_id not in others and not is_held(self._path(take_id))
        ]
        return [take for take in found if take.seconds > 0]


class SealedTake:
    """One recording under way: a `Spool`."""

    def __init__(
        self, take_id: str, path: Path, key: bytes, writer: Writer, recording: dict[str, SealedTake]
    ) -> None:
        """`recording`: where the take stands until it is finished or discarded."""
        self.id = take_id
        self._path = path
        self._key = key
        self._writer = writer
        self._recording = recording
        self._lock = threading.Lock()
        self._held = bytearray()
        self._is_queued = False
        self._due_bytes = _RECORD_BYTES
        self._is_over = False
        self._file: IO[bytes] | None = None
        self._records = 0
        self._end = 0

    def write(self, frame: bytes) -> None:
        """Holds up to ten minutes while the disk refuses, and tries twice a second. What comes later is not kept."""
        with self._lock:
            if self._is_over or len(self._held) >= _MOST_HELD_BYTES:
                return
            self._held += frame
            if self._is_queued or len(self._held) < self._due_bytes:
                return
            self._is_queued = True
        try:
            self._writer.submit(self._append)
        except CompanionError:  # a busy or closed journal; `finish` tells
            self._is_queued = False

    async def finish(self) -> None:
        self._is_over = True
        await self._writer.run(self.end)
        self._recording.pop(self.id, None)

    async def discard(self) -> None:
        with self._lock:
            self._is_over = True
            self._held.clear()
        await self._writer.run(self._remove)
        self._recording.pop(self.id, None)

    def end(self) -> None:
        """Puts everything on disk and closes the file. Runs on the writer thread. Raises OSError; may be tried again."""
        self._is_over = True
        self._append()
        self._close_file()

    def _append(self) -> None:
        with self._lock:
            self._is_queued = False
            self._due_bytes = len(self._held) + _RECORD_BYTES
            held = bytes(self._held)
        if not held:
            return
        sealed = b"" if self._end else MAGIC
        records = self._records
        for start in range(0, len(held), _MOST_RECORD_BYTES):
            sealed += _seal(held[start : start + _MOST_RECORD_BYTES], self._key, self.id, records)
            records += 1
        self._put(sealed)
        self._records, self._end = records, self._end + len(sealed)
        with self._lock:
            del self._held[: len(held)]
            self._due_bytes = _RECORD_BYTES

    def _put(self, sealed: bytes) -> None:
        if self._file is None:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(self._path, os.O_CREAT | os.O_RDWR | getattr(os, "O_BINARY", 0), 0o600)
            self._file = os.fdopen(descriptor, "r+b", buffering=0)
            hold(descriptor)  # another process sees by this that it is being recorded
        try:
            self._file.seek(self._end)
            view = memoryview(sealed)
            while view:
                view = view[self._file.write(view) :]
            os.fsync(self._file.fileno())
        except OSError:
            with suppress(OSError):
                self._file.truncate(self._end)  # the next try starts at a whole record
            raise
        if not self._end:
            sync_folder(self._path.parent)

    def _remove(self) -> None:
        self._close_file()
        _remove(self._path)

    def _close_file(self) -> None:
        if self._file:
            self._file.close()
            self._file = None


class MemoryTakes:
    """Recordings of a journal that leaves nothing on disk."""

    def __init__(self) -> None:
        self._kept: dict[str, MemoryTake] = {}

    def new(self) -> MemoryTake:
        take = MemoryTake(self._kept)
        self._kept[take.id] = take
        return take

    async def waiting(self, kept: frozenset[str] = frozenset()) -> Sequence[WaitingTake]:
        return [
            _waiting(take_id, len(pcm) / _BYTES_PER_S)
            for take_id, pcm in self.finished().items()
            if take_id not in kept
        ]

    async def read(self, take_id: str) -> bytes:
        if take_id not in self._kept:
            raise _gone()
        return bytes(self._kept[take_id].pcm)

    async def damage(self, take_id: str) -> float:
        """Memory does not rot."""
        return 0.0

    def finished(self) -> Mapping[str, bytes]:
        """The sound of those that are over, by id."""
        return {take.id: bytes(take.pcm) for take in self._kept.values() if take.is_over and take.pcm}

    async def discard(self, take_id: str) -> None:
        self._kept.pop(take_id, None)

    def seconds_of(self, take_id: str) -> float:
        return len(self.finished().get(take_id, b"")) / _BYTES_PER_S

    def remove(self, take_ids: Iterable[str]) -> None:
        for take_id in take_ids:
            self._kept.pop(take_id, None)

    def close(self) -> None:
        self._kept.clear()


class MemoryTake:
    """One recording in memory, ten minutes at most: a `Spool`."""

    def __init__(self, kept: dict[str, MemoryTake]) -> None:
        self.id = _new_id()
        self.pcm = bytearray()
        self.is_over = False
        self._kept = kept

    def write(self, frame: bytes) -> None:
        if not self.is_over and len(self.pcm) < _MOST_HELD_BYTES:
            self.pcm += frame

    async def finish(self) -> None:
        self.is_over = True

    async def discard(self) -> None:
        self.is_over = True
        self._kept.pop(self.id, None)


def _new_id() -> str:
    """Sorts by time; the name tells when it was recorded, and where."""
    now = days.now()
    return f"{max(0, int(now.at * 1000)):013d}{now.offset_s:+d}-{secrets.token_hex(4)}"


def _waiting(take_id: str, seconds: float) -> WaitingTake:
    name = _ID.fullmatch(take_id)
    assert name is not None, "only what has such a name is listed"
    offset_s = int(name[2]) if name[2] else None
    return WaitingTake(id=take_id, recorded_at=int(name[1]) / 1000, offset_s=offset_s, seconds=seconds)


def _gone() -> CompanionError:
    return CompanionError(
        Kind.BAD_FILE,
        tr("That recording is not here any more."),
        hint=tr("Its words may already be in the journal."),
    )


def _seal(pcm: bytes, key: bytes, take_id: str, number: int) -> bytes:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    nonce = secrets.token_bytes(_NONCE_BYTES)
    sealed = nonce + AESGCM(key).encrypt(nonce, pcm, _bound_to(take_id, number))
    return struct.pack(">I", len(sealed)) + sealed


def sealed_whole(pcm: bytes, key: bytes, take_id: str) -> bytes:
    """The file of a recording that is over."""
    starts = range(0, len(pcm), _MOST_RECORD_BYTES)
    return MAGIC + b"".join(
        _seal(pcm[at : at + _MOST_RECORD_BYTES], key, take_id, number) for number, at in enumerate(starts)
    )


def _bound_to(take_id: str, number: int) -> bytes:
    return f"companion take {take_id} record {number}".encode()


@dataclass(slots=True)
class _Found:
    """What a recording's file holds."""

    sealed: list[bytes] = field(default_factory=list)
    """Its records, up to where it makes sense."""
    rest_bytes: int = 0
    """What follows, and is more than the torn end of a program that was killed."""


@dataclass(frozen=True, slots=True)
class _Opened:
    pcm: bytes
    lost_s: float
    """How much of it is damaged."""


def _look_into(path: Path) -> _Found:
    """Raises OSError."""
    found = _Found()
    with path.open("rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            return found
        while len(head := file.read(4)) == 4:
            (size,) = struct.unpack(">I", head)
            if not _SEAL_BYTES < size <= _MOST_RECORD_BYTES + _SEAL_BYTES:
                break
            if len(record := file.read(size)) < size:
                return found
            found.sealed.append(record)
        rest = os.fstat(file.fileno()).st_size - file.tell()
    found.rest_bytes = rest if rest > _RECORD_BYTES else 0
    return found


def _seconds(path: Path) -> float:
    try:
        found = _look_into(path)
    except OSError:  # removed or unreadable: not one to offer
        return 0.0
    return (sum(len(record) - _SEAL_BYTES for record in found.sealed) + found.rest_bytes) / _BYTES_PER_S


def open_take(path: Path, key: bytes, take_id: str) -> _Opened:
    """As much as can be opened."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    try:
        found = _look_into(path)
    except FileNotFoundError as error:
        raise _gone() from error
    except OSError as error:
        raise CompanionError(
            Kind.TAKE_DAMAGED, tr("That recording cannot be read from the disk."), cause=error
        ) from error
    pcm, lost_bytes = bytearray(), found.rest_bytes
    for number, record in enumerate(found.sealed):
        try:
            pcm += AESGCM(key).decrypt(
                record[:_NONCE_BYTES], record[_NONCE_BYTES:], _bound_to(take_id, number)
            )
        except InvalidTag:
            lost_bytes += len(record) - _SEAL_BYTES
    if not pcm:
        raise CompanionError(Kind.TAKE_DAMAGED)
    return _Opened(bytes(pcm), lost_bytes / _BYTES_PER_S)


def _remove(path: Path) -> None:
    with suppress(FileNotFoundError):
        path.unlink()
        sync_folder(path.parent)
