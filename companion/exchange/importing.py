"""The app's end of an import: starts the process that reads, holds what it sends, and says what would come in.

What was read is held in this process' memory and nowhere else until it is kept: nothing of a journal lies on the disk in
plain text. Belongs to the loop's thread.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

from companion.children import kill, start_child
from companion.entries import Entry
from companion.errors import CompanionError, Kind
from companion.exchange.lines import from_document
from companion.exchange.preview import ODD, Preview
from companion.language import mark, tr
from companion.records import SoundSide

_log = logging.getLogger(__name__)
LONGEST_S = 180.0
"""By the clock on the wall; the process has a minute of computing."""
_LONGEST_LINE = 32 * 2**20
_LONGEST_SOUND = 64 * 2**20
"""Half an hour and some more."""
MOST_HELD_BYTES = 384 * 2**20
_TELL_EVERY = 25
"""Entries between two words about how far it is; the loop has its turn there too."""
UNCHANGED = mark("The journal is unchanged.")
_TOO_LONG = mark("It takes too long to read.")


@dataclass(frozen=True, slots=True)
class Held:
    """An entry as the reading process sent it."""

    line: bytes
    uid: str
    source: str
    odd: str
    day: date


@dataclass(frozen=True, slots=True)
class SoundFile:
    """A recording in the file that is imported."""

    turn_uid: str
    side: SoundSide
    name: str
    kept_at: float


@dataclass(slots=True)
class Incoming:
    """One import, read and not yet kept."""

    preview: Preview
    held: list[Held] = field(default_factory=list)
    path: Path = Path()
    sounds: list[SoundFile] = field(default_factory=list)
    """Of all entries, also of those that are in the journal already."""

    def without(self, here: Collection[str]) -> Incoming:
        """The same, where entries of these uids and sources are in the journal already."""
        new = [each for each in self.held if each.uid not in here and each.source not in here]
        odd = Counter(each.odd for each in new if each.odd)
        days = [each.day for each in new]
        preview = replace(
            self.preview,
            here=self.preview.here + len(self.held) - len(new),
            odd={kind: odd[kind] for kind in ODD if odd[kind]},
            first=min(days, default=None),
            last=max(days, default=None),
        )
        return replace(self, preview=preview, held=new)

    def entries(self, leave_out: frozenset[str] = frozenset()) -> Iterator[Entry]:
        """In their order; without those that are odd in these ways."""
        for each in self.held:
            entry = from_document(json.loads(each.line)["entry"])
            if entry is not None and each.odd not in leave_out:
                yield entry


async def read(path: Path, told: Callable[[int], None] = lambda _: None) -> Incoming:
    """Reads what lies at `path` in a process of its own.

    Args:
        told: hears how many entries were found so far.

    Raises:
        CompanionError: BAD_FILE; the sentence says what is wrong with it.
    """
    try:
        process = await start_child("exchange.child", _absolute(path), longest_line=_LONGEST_LINE)
    except (OSError, ValueError) as error:
        raise _refused(tr("It could not be read: the process that reads does not start."), error) from error
    try:
        async with asyncio.timeout(LONGEST_S):
            incoming = await _receive(process, path, told)
            await process.wait()
    except TimeoutError as error:
        raise _refused(tr(_TOO_LONG), error) from error
    finally:
        kill(process)
        await process.wait()
    if incoming is None:
        _log.info("the process that reads ended with %s", process.returncode)
        raise _refused(tr("It could not be read: it needs too much time or memory, or is damaged."))
    return incoming


def _absolute(path: Path) -> str:
    return str(path.expanduser().absolute())


async def sounds_of(path: Path, names: Sequence[str]) -> AsyncGenerator[tuple[str, bytes], None]:
    """Recordings of an export of ours, as int16 mono at 16 kHz; those that are no sound are left out.

    Raises:
        CompanionError: BAD_FILE, the process that reads ended too early.
    """
    process = await start_child("exchange.child", _absolute(path), "--sounds", longest_line=_LONGEST_LINE)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write("".join(f"{json.dumps(name)}\n" for name in names).encode())
        process.stdin.close()
        for name in names:
            async with asyncio.timeout(LONGEST_S):
                said = json.loads(await process.stdout.readline())
                pcm = await process.stdout.readexactly(min(int(said["bytes"]), _LONGEST_SOUND))
            if pcm and said["sound"] == name:
                yield name, pcm
    except (TimeoutError, OSError, ValueError, KeyError, TypeError, asyncio.IncompleteReadError) as error:
        raise _refused(tr("The recordings could not be read."), error) from error
    finally:
        kill(process)
        await process.wait()


async def _receive(
    process: asyncio.subprocess.Process, path: Path, told: Callable[[int], None]
) -> Incoming | None:
    """None: the process ended in the middle."""
    assert process.stdout is not None
    held: list[Held] = []
    sounds: list[SoundFile] = []
    size = 0
    while True:
        try:
            line = await process.stdout.readline()
            said = json.loads(line) if line.endswith(b"\n") else None
        except ValueError as error:  # a line that never ends, or none of ours
            raise _refused(tr("It could not be read: one of its entries is too large."), error) from error
        if not isinstance(said, dict):
            return None
        if "refused" in said:
            raise _refused(tr(str(said["refused"])[:400]))
        if "done" in said:
            preview = _preview(path.name or str(path), said["done"], len(held))
            return Incoming(preview, held, path, sounds).without(())
        entry = from_document(said.get("entry") or {})
        if entry is None:
            continue
        size += len(line)
        if size > MOST_HELD_BYTES:
            raise _refused(tr("It is larger than can be imported at once. Import it in parts."))
        sounds += [
            SoundFile(turn.uid, sound.side, sound.file, sound.kept_at)
            for turn in entry.turns
            for sound in turn.sounds
            if turn.uid
        ]
        held.append(Held(line, entry.uid, entry.source, str(said.get("odd", "")), entry.day))
        if len(held) % _TELL_EVERY == 0:
            told(len(held))
            await asyncio.sleep(0)


def _preview(name: str, account: Mapping[str, Any], entries: int) -> Preview:
    return Preview(
        name=name,
        formats=tuple(map(str, account["formats"].values())),
        entries=entries,
        journals=tuple(map(str, account["journals"])),
        skipped=_pairs(account["skipped"]),
        skipped_count=int(account["skipped_count"]),
        refused=_pairs(account["refused"]),
        remarks={str(text): int(count) for text, count in account["remarks"].items()},
        unkept={str(kind): int(count) for kind, count in account["unkept"].items()},
        sounds=int(account["sounds"]),
        missing=int(account["missing"]),
    )


def _pairs(rows: list[list[str]]) -> tuple[tuple[str, str], ...]:
    return tuple((str(what), str(why)) for what, why in rows)


def _refused(sentence: str, cause: BaseException | None = None) -> CompanionError:
    error = CompanionError(Kind.BAD_FILE, sentence, hint=tr(UNCHANGED), cause=cause)
    error.actions = ()
    return error
