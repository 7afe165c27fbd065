"""Importing and exporting, as the window and the command line do it: a preview, then all of it or nothing, and back again.

Belongs to the loop's thread. Every method may raise `CompanionError`; whatever is cancelled or fails leaves the journal, or
the folder that was exported to, as it was.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from contextlib import AbstractAsyncContextManager, aclosing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from companion.app.archive import Place
from companion.entries import Entry, EntrySound
from companion.errors import CompanionError, Kind
from companion.flow import CAPTURE_RATE_HZ, Audio
from companion.language import tr
from companion.records import Selection

if TYPE_CHECKING:
    from companion.exchange.importing import Incoming
    from companion.exchange.writing import Writer
    from companion.journal.exchanging import Batch
    from companion.journal.store import SqlJournal

Told = Callable[[int, int], None]
"""Hears how many are done, and of how many; 0: not known."""
EVERYTHING = Selection()
_WRITTEN_AT_ONCE = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """An export that is done."""

    path: Path
    reflections: int
    recordings: int = 0
    lost_recordings: int = 0
    """Could not be opened any more."""


class Exchange:
    """One per app.

    Args:
        journal: the one that is open.
        place: where what is kept goes now.
        left: told which reflections were taken out again: one that goes on now is to be left.
    """

    def __init__(
        self,
        *,
        journal: Callable[[], AbstractAsyncContextManager[SqlJournal]],
        place: Callable[[], Place],
        left: Callable[[SqlJournal, Collection[int]], None] = lambda *_: None,
    ) -> None:
        self._journal, self._place, self._left = journal, place, left

    # -- in -------------------------------------------------------------------------------------------------

    async def look(self, path: Path, told: Told = lambda *_: None) -> Incoming:
        """What an import would bring; nothing is kept yet.

        Raises:
            CompanionError: BAD_FILE; the journal is unchanged.
        """
        from companion.exchange import importing

        incoming = await importing.read(path, lambda count: told(count, 0))
        async with self._journal() as journal:
            names = (name for each in incoming.held for name in (each.uid, each.source) if name)
            return incoming.without(await journal.exchange.here(names))

    async def take(self, incoming: Incoming, leave_out: frozenset[str] = frozenset()) -> Batch:
        """Keeps what was looked at; without those that are odd in the ways of `leave_out`.

        Raises:
            CompanionError: JOURNAL_LOCKED where nothing is kept on disk now; DISK_FULL, JOURNAL_UNSAVED.
        """
        async with self._journal() as journal:
            if self._place() is not Place.OPEN or journal.storage == "memory":
                error = CompanionError(
                    Kind.JOURNAL_LOCKED,
                    tr("Nothing is kept on this computer at the moment, so an import would be lost."),
                    hint=tr("Open the journal, or let reflections be kept, and import then."),
                )
                error.actions = ()
                raise error
            preview = incoming.preview
            formats = ", ".join(preview.formats)
            batch = await journal.exchange.take(formats, preview.name, incoming.entries(leave_out))
            await self._take_sounds(journal, incoming)
        return batch

    async def _take_sounds(self, journal: SqlJournal, incoming: Incoming) -> None:
        """Recordings of what is here now and has none; what breaks off goes on when the file is imported again."""
        from companion.exchange.importing import sounds_of

        if not incoming.sounds:
            return
        turns = await journal.exchange.without_sound(sound.turn_uid for sound in incoming.sounds)
        wanted = {sound.name: sound for sound in incoming.sounds if sound.turn_uid in turns}
        async with aclosing(sounds_of(incoming.path, list(wanted))) as found:
            async for name, pcm in found:
                sound = wanted[name]
                await journal.exchange.add_sound(turns[sound.turn_uid], sound.side, pcm, sound.kept_at)

    async def undo(self, batch_id: int) -> int:
        """Takes an import out again; how many reflections that were."""
        async with self._journal() as journal:
            ids = await journal.exchange.undo(batch_id)
            self._left(journal, ids)
        return len(ids)

    # -- out ------------------------------------------------------------------------------------------------

    async def count(self, selection: Selection = EVERYTHING) -> int:
        """How many reflections an export would hold."""
        async with self._journal() as journal:
            return await journal.list.count(selection)

    async def export(
        self,
        path: Path,
        format_name: str,
        *,
        selection: Selection = EVERYTHING,
        with_sound: bool = False,
        told: Told = lambda *_: None,
    ) -> Exported:
        """Writes reflections to `path`, which must not be there yet; whole, or not at all.

        Args:
            format_name: of `companion.exchange.writing.FORMATS`.
            with_sound: recordings that are kept go with them, as FLAC.

        Raises:
            CompanionError: BAD_FILE, the name is taken or the folder cannot be written; DISK_FULL; what reading raises.
        """
        from companion.exchange.writing import WITH_SOUND, writer_for

        has_sound = with_sound and format_name in WITH_SOUND
        async with self._journal() as journal:
            total = await journal.list.count(selection)
            try:
                writer = await asyncio.to_thread(writer_for, format_name, path, with_sound=has_sound)
                try:
                    done = await self._write(
                        journal, writer, selection, has_sound, lambda count: told(count, total)
                    )
                    await asyncio.to_thread(writer.finish)
                finally:
                    await asyncio.to_thread(writer.abandon)
            except OSError as error:
                raise _unwritten(error) from error
        return replace(done, path=path)

    async def _write(
        self,
        journal: SqlJournal,
        writer: Writer,
        selection: Selection,
        has_sound: bool,
        told: Callable[[int], None],
    ) -> Exported:
        count = recordings = lost = 0
        waiting: list[Entry] = []
        told(0)
        async for entry in journal.exchange.entries(selection):
            if has_sound and any(turn.sounds for turn in entry.turns):
                entry, kept, gone = await self._with_sounds(journal, writer, entry)  # noqa: PLW2901
                recordings, lost = recordings + kept, lost + gone
            waiting.append(entry)
            count += 1
            if len(waiting) >= _WRITTEN_AT_ONCE:
                await asyncio.to_thread(_add_all, writer, waiting)
                waiting = []
                told(count)
        await asyncio.to_thread(_add_all, writer, waiting)
        told(count)
        return Exported(path=Path(), reflections=count, recordings=recordings, lost_recordings=lost)

    async def _with_sounds(self, journal: SqlJournal, writer: Writer, entry: Entry) -> tuple[Entry, int, int]:
        """The entry with the names of its sound files, which are written; how many there are, and how many are lost."""
        kept = lost = 0
        turns = []
        for turn in entry.turns:
            sounds: list[EntrySound] = []
            for number, sound in enumerate(turn.sounds, 1):
                name = f"sound/{turn.uid}-{sound.side.value}{'' if number == 1 else f'-{number}'}.flac"
                try:
                    pcm = await journal.read_take(sound.take_id)
                except CompanionError as error:
                    if error.kind not in (Kind.TAKE_DAMAGED, Kind.BAD_FILE):
                        raise
                    lost += 1
                    continue
                await asyncio.to_thread(_add_sound, writer, name, pcm)
                sounds.append(replace(sound, file=name))
                kept += 1
            turns.append(replace(turn, sounds=tuple(sounds)))
        return replace(entry, turns=tuple(turns)), kept, lost


def _add_all(writer: Writer, entries: list[Entry]) -> None:
    for entry in entries:
        writer.add(entry)


def _add_sound(writer: Writer, name: str, pcm: bytes) -> None:
    from companion.pcm import to_flac

    writer.add_sound(name, to_flac(Audio(pcm=pcm, rate_hz=CAPTURE_RATE_HZ)))


def _unwritten(error: OSError) -> CompanionError:
    from companion.journal.writer import unsaved

    kind = unsaved(error).kind
    reason = error.strerror or tr("the disk refuses")
    told = CompanionError(
        kind if kind is Kind.DISK_FULL else Kind.BAD_FILE,
        tr("The export could not be written: {reason}.", reason=reason),
        hint=tr("Nothing was left there. Choose another place, or make room."),
        cause=error,
    )
    told.actions = ()
    return told
