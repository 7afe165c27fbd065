"""The verbs of `companion journal`: what is kept, listed, shown, counted, exported; other programs' journals, imported.

Reading goes on beside a window that is open; importing asks for it to be closed.
"""

from __future__ import annotations

import argparse
import getpass
import sys
from collections.abc import Sequence
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from companion.cli.surroundings import Add, print_json, remark, with_app
from companion.cli.usage import more
from companion.errors import CompanionError, Kind
from companion.places import shown

if TYPE_CHECKING:
    from companion.app import Companion
    from companion.exchange.importing import Incoming
    from companion.journal.exchanging import Batch
    from companion.journal.store import SqlJournal
    from companion.records import Hit, Selection, SessionRecord

_USUAL_LIMIT = 20
_SOUND_BYTES_PER_S = 32_000
_NEEDS = {
    "search": "the words to look for",
    "show": "an id; companion journal list has them",
    "export": "one place to write to: a folder, a .jsonl or a .zip",
    "import": "one file or folder, or --undo NUMBER",
    "backup": "one folder at most",
    "restore": "the name of one backup at most",
    "merge": "the file of the other journal",
}
"""What follows a verb; the others take nothing."""
FORMATS = ("markdown", "jsonl", "dayone")
ODD = ("future", "early", "twice")


def declare(add: Add) -> None:
    journal = add("journal", "List, show, export or import reflections.", with_app(_run))
    journal.add_argument("what", metavar="VERB", choices=[*_VERBS], help=f"{', '.join(_VERBS)}")
    journal.add_argument(
        "names",
        nargs="*",
        default=[],
        metavar="NAME",
        help="search: words; show: ids; export: where to; import: a file or folder, from ten other journals",
    )
    journal.add_argument("--since", type=_day, metavar="YYYY-MM-DD", help="from this day on")
    journal.add_argument("--until", type=_day, metavar="YYYY-MM-DD", help="up to this day")
    journal.add_argument(
        "--tag", action="append", default=[], metavar="T", help="with this tag; again for more"
    )
    journal.add_argument("--starred", action="store_true", help="only those with a star")
    journal.add_argument(
        "--limit",
        type=int,
        default=_USUAL_LIMIT,
        metavar="N",
        help=f"list, search: so many, {_USUAL_LIMIT} usually; list 0: all",
    )
    journal.add_argument("--format", choices=FORMATS, help="export: usually by the ending of its name")
    journal.add_argument(
        "--sound", action="store_true", help="export: with the recordings that are kept, as FLAC"
    )
    journal.add_argument("--preview", action="store_true", help="import: only say what would come in")
    journal.add_argument(
        "--leave-out",
        nargs="+",
        choices=ODD,
        default=[],
        help="import: without entries that are odd in this way",
    )
    journal.add_argument("--undo", type=int, metavar="NUMBER", help="import: take an import out again")
    journal.add_argument("--json", action="store_true")


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text} is no day; write it as 2026-11-29") from error


async def _run(app: Companion, args: argparse.Namespace) -> int:
    count = len(args.names)
    fits = {
        "list": not count,
        "stats": not count,
        "search": count,
        "show": count,
        "export": count == 1,
        "import": count == (args.undo is None),
        "verify": not count,
        "backup": count <= 1,
        "restore": count <= 1,
        "merge": count == 1,
    }
    if not fits[args.what]:
        needs = _NEEDS.get(args.what, "nothing more")
        remark(f"companion journal {args.what} takes {needs}. {more('companion journal')}")
        return 2
    if args.what in ("import", "merge") and args.names and not _path(args.names[0]).exists():
        hint = f"Look at its name: {shown(Path(args.names[0]))}"
        raise CompanionError(Kind.BAD_FILE, "There is no such file or folder.", hint=hint)
    return int(await _VERBS[args.what](app, args))


def _ask(words: str) -> str:
    """A passphrase, unseen; from a pipe, its first line."""
    if sys.stdin.isatty():
        return getpass.getpass(words)
    return sys.stdin.readline().rstrip("\r\n")


def _path(name: str) -> Path:
    return Path(name).expanduser()


def _selection(args: argparse.Namespace) -> Selection:
    from companion.records import Selection

    return Selection(
        first_day=args.since, last_day=args.until, tags=frozenset(args.tag), is_starred=args.starred
    )


def _plain(text: str) -> str:
    """As it may be shown in a terminal: what was imported may hold anything."""
    from companion.conversation.speech_text import clean_text

    return clean_text(text)


# -- reading ------------------------------------------------------------------------------------------------


async def _list(app: Companion, args: argparse.Namespace) -> int:
    from companion.app.journal_on_disk import reading

    async with reading(app, _ask) as journal:
        found = await journal.list.page(limit=args.limit or -1, selection=_selection(args))
        total = await journal.list.count(_selection(args))
    if args.json:
        print_json([_row(each) for each in found])
        return 0
    for each in found:
        when = _when(each)
        marks = " ".join((*(["★"] if each.is_starred else []), *(f"#{tag}" for tag in each.tags)))
        title = " ".join(_plain(each.title).split()) or "Without words"
        print(f"{each.uid[:8]}  {when.local:%Y-%m-%d %H:%M}  {title}  {_plain(marks)}".rstrip())
    if total > len(found):
        remark(f"{len(found)} of {total:,}; --limit 0 lists all")
    return 0


def _when(session: SessionRecord) -> Any:
    from companion.days import When

    return When.of(session.started_at, session.offset_s)


def _row(session: SessionRecord) -> dict[str, Any]:
    when = _when(session)
    return {
        "id": session.uid,
        "began": when.local.isoformat(timespec="seconds"),
        "utc_offset_s": when.offset_s,
        "title": session.title,
        "practice": session.practice,
        "turns": session.turns,
        "seconds": round(session.seconds, 1),
        "mood_before": session.mood_before,
        "mood_after": session.mood_after,
        "mood_word": session.mood_word,
        "starred": session.is_starred,
        "tags": list(session.tags),
        "people": list(session.people),
        "source": session.source,
    }


async def _search(app: Companion, args: argparse.Namespace) -> int:
    from companion.app.journal_on_disk import reading

    typed = " ".join(args.names)
    async with reading(app, _ask) as journal:
        hits = await journal.finding.search(typed, _selection(args), args.limit or _USUAL_LIMIT)
        found = [(hit, await journal.list.session(hit.session_id)) for hit in hits]
    if args.json:
        print_json([_hit_row(hit, session) for hit, session in found if session is not None])
        return 0
    for hit, session in found:
        if session is not None:
            when = _when(session)
            print(f"{session.uid[:8]}  {when.local:%Y-%m-%d %H:%M}  {_marked(hit)}")
    if not found:
        remark("Nothing was found.")
    return 0


def _marked(hit: Hit) -> str:
    """The passage; the words in it that were asked for stand out where somebody looks."""
    if not sys.stdout.isatty():
        return " ".join(_plain(hit.passage).split())
    parts, end = [], 0
    for first, last in hit.spans:
        parts += [_plain(hit.passage[end:first]), f"\x1b[1m{_plain(hit.passage[first:last])}\x1b[0m"]
        end = last
    return " ".join("".join([*parts, _plain(hit.passage[end:])]).split())


def _hit_row(hit: Hit, session: SessionRecord) -> dict[str, Any]:
    return {
        "id": session.uid,
        "began": _when(session).local.isoformat(timespec="seconds"),
        "title": session.title,
        "passage": hit.passage,
        "spans": [list(span) for span in hit.spans],
        "score": round(hit.score, 4),
        "by": "words" if hit.is_by_words else "meaning",
        "is_answer": hit.is_answer,
    }


async def _show(app: Companion, args: argparse.Namespace) -> int:
    from companion.app.journal_on_disk import reading
    from companion.exchange.lines import to_document
    from companion.exchange.writing.markdown import day_text
    from companion.records import Selection

    async with reading(app, _ask) as journal:
        ids = frozenset([await _meant(journal, name) for name in args.names])
        entries = [entry async for entry in journal.exchange.entries(Selection(ids=ids))]
    if args.json:
        print_json([to_document(entry) for entry in entries])
    else:
        for entry in entries:
            print(_plain(day_text(entry.day, [entry])))
    return 0


async def _meant(journal: SqlJournal, name: str) -> int:
    """The reflection whose id begins so.

    Raises:
        CompanionError: BAD_FILE, none or several do.
    """
    found = await journal.exchange.named(name) if name else []
    if len(found) == 1:
        return found[0]
    raise CompanionError(
        Kind.BAD_FILE,
        f"{'No' if not found else 'More than one'} reflection has an id that begins with {name!r}.",
        hint="`companion journal list` shows the ids.",
    )


async def _stats(app: Companion, args: argparse.Namespace) -> int:
    from companion.app.journal_on_disk import reading
    from companion.insights import summary
    from companion.insights.rows import duration

    selection = _selection(args)
    async with reading(app, _ask) as journal:
        turns, words = await journal.exchange.totals(selection)
        figures = summary(await journal.insights.read(selection))
        figures |= {"turns": turns, "words": words, "bytes": _size(app.home.journal)}
        recordings, seconds = await journal.sounds.total_s()
        figures |= {"recordings": recordings, "recorded_s": round(seconds)}
    if args.json:
        print_json(figures)
        return 0
    print(f"{figures['reflections']:,} reflections on {figures['days']:,} days", end="")
    print(f", {figures['first_day']} to {figures['last_day']}" if figures["days"] else "")
    if figures["days"]:
        most_often = figures["most_often"]
        print(duration(figures["seconds"]) + (f", most often on {most_often}" if most_often else ""))
    print(
        f"{turns:,} turns, about {words:,} words of yours; {_size(app.home.journal) / 1e6:,.1f} MB, encrypted"
    )
    if recordings:
        print(
            f"{recordings:,} recordings, {duration(seconds)}; {seconds * _SOUND_BYTES_PER_S / 1e6:,.1f} MB, encrypted"
        )
    for name in ("tags", "people"):
        labels: list[tuple[str, int]] = list(figures[name].items())[:10]
        if labels:
            print(f"{name}: {', '.join(f'{_plain(label)} ({uses:,})' for label, uses in labels)}")
    return 0


def _size(path: Path) -> int:
    total = 0
    for each in (path, path.with_name(f"{path.name}-wal")):
        with suppress(OSError):
            total += each.stat().st_size
    return total


# -- export -------------------------------------------------------------------------------------------------


async def _export(app: Companion, args: argparse.Namespace) -> int:
    from contextlib import asynccontextmanager

    from companion.app.exchange import Exchange
    from companion.app.journal_on_disk import reading
    from companion.exchange.preview import reflections

    path = _path(args.names[0])
    format_name = args.format or _format_by(path, with_sound=args.sound)
    if args.sound and format_name == "dayone":
        remark("Day One takes no FLAC: the recordings are left out.")
    async with reading(app, _ask) as journal:

        @asynccontextmanager
        async def using() -> Any:
            yield journal

        exchange = Exchange(journal=using, place=lambda: app.archive.place)
        bar = _Bar("exported")
        try:
            done = await exchange.export(
                path, format_name, selection=_selection(args), with_sound=args.sound, told=bar.show
            )
        finally:
            bar.end()
    if args.json:
        print_json(
            {
                "path": str(done.path),
                "format": format_name,
                "reflections": done.reflections,
                "recordings": done.recordings,
            }
        )
    else:
        print(f"Exported {reflections(done.reflections)} to {done.path}")
    remark("An export is not encrypted: anybody who has it can read it.")
    if done.lost_recordings:
        remark(f"{done.lost_recordings:,} recordings could not be opened and are not in it.")
    return 0


def _format_by(path: Path, *, with_sound: bool) -> str:
    ending = path.suffix.lower()
    if ending in (".jsonl", ".ndjson"):
        return "jsonl"
    if ending == ".zip":
        return "jsonl" if with_sound else "dayone"
    return "markdown"


class _Bar:
    """How far it is, on stderr, where somebody looks."""

    def __init__(self, doing: str) -> None:
        self._doing, self._is_open = doing, False

    def show(self, done: int, total: int) -> None:
        if sys.stderr.isatty():
            of = f" of {total:,}" if total else ""
            sys.stderr.write(f"\r{done:,}{of} {self._doing} ")
            sys.stderr.flush()
            self._is_open = True

    def end(self) -> None:
        if self._is_open:
            sys.stderr.write("\n")


# -- import -------------------------------------------------------------------------------------------------


async def _import(app: Companion, args: argparse.Namespace) -> int:
    from companion.app.journal_on_disk import open_for_writing
    from companion.exchange.preview import reflections
    from companion.gui.door import Door

    door = Door(app.home)
    try:
        if args.preview:
            return _tell(await _previewed(app, _path(args.names[0])), None, args)
        await open_for_writing(app, _ask, lambda: _claim(door))
        if args.undo is not None:
            count = await app.exchange.undo(args.undo)
            if args.json:
                print_json({"taken_out": count})
            else:
                print(f"Taken out again: {reflections(count)}")
            return 0
        incoming = await _looked(app, _path(args.names[0]))
        batch = await app.exchange.take(incoming, frozenset(args.leave_out))
        return _tell(incoming, batch, args)
    finally:
        door.leave()


def _claim(door: Any) -> None:
    if not door.enter():
        raise CompanionError(
            Kind.ALREADY_RUNNING,
            "Companion is open and keeps this journal.",
            hint="Close its window, or import there: Journal, then Import.",
        )


async def _looked(app: Companion, path: Path) -> Incoming:
    bar = _Bar("entries read")
    try:
        return await app.exchange.look(path, bar.show)
    finally:
        bar.end()


async def _previewed(app: Companion, path: Path) -> Incoming:
    """What would come in; where there is a journal, without what is in it already."""
    from companion.app.journal_on_disk import reading
    from companion.exchange import importing
    from companion.journal.store import look_at

    bar = _Bar("entries read")
    try:
        incoming = await importing.read(path, lambda count: bar.show(count, 0))
    finally:
        bar.end()
    if look_at(app.home).is_new:
        return incoming
    async with reading(app, _ask) as journal:
        names = (name for each in incoming.held for name in (each.uid, each.source) if name)
        return incoming.without(await journal.exchange.here(names))


def _tell(incoming: Incoming, batch: Batch | None, args: argparse.Namespace) -> int:
    preview = incoming.preview
    if args.json:
        print_json(
            {
                "file": preview.name,
                "formats": list(preview.formats),
                "entries": preview.entries,
                "new": preview.new,
                "already_here": preview.here,
                "imported": batch.kept if batch else 0,
                "batch": batch.id if batch else None,
                "first_day": preview.first.isoformat() if preview.first else None,
                "last_day": preview.last.isoformat() if preview.last else None,
                "odd": dict(preview.odd),
                "skipped_count": preview.skipped_count,
                "skipped": _pairs(preview.skipped),
                "refused": _pairs(preview.refused),
                "remarks": dict(preview.remarks),
                "not_kept": dict(preview.unkept),
                "recordings": preview.sounds,
                "missing": preview.missing,
                "journals": list(preview.journals),
            }
        )
        return 0
    print(_plain(preview.headline))
    for note in (*preview.notes(), *(f"  {line}" for line in preview.left_outside())):
        print(_plain(note))
    if batch is None:
        print("Nothing was imported: this was a preview.")
    elif batch.kept:
        print(f"Imported {batch.kept:,}. To take it out again: companion journal import --undo {batch.id}")
    else:
        print("Nothing new was imported.")
    return 0


def _pairs(rows: Sequence[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"what": what, "why": why} for what, why in rows]


# -- backups ------------------------------------------------------------------------------------------------


async def _verify(app: Companion, args: argparse.Namespace) -> int:
    """Every page of the journal, and of each backup."""
    from companion.app.journal_on_disk import verify

    found = await verify(app, _ask)
    if args.json:
        print_json([each.row() for each in found])
    else:
        for each in found:
            print(each)
    return 0 if all(each.is_sound for each in found) else 1


async def _backup(app: Companion, args: argparse.Namespace) -> int:
    from companion.app.journal_on_disk import back_up

    made = await back_up(app, _ask, _path(args.names[0]) if args.names else None)
    if args.json:
        print_json({"path": str(made.path), "made_at": made.made_at, "bytes": made.bytes})
    else:
        print(f"Backed up to {made.path}, {made.bytes / 1e6:,.1f} MB, opened and checked")
    return 0


async def _restore(app: Companion, args: argparse.Namespace) -> int:
    """The backup with this file name, or the newest."""
    from companion.app.journal_on_disk import restore
    from companion.gui.door import Door

    door = Door(app.home)
    try:
        _claim(door)
        path, joined = await restore(app, _ask, _path(args.names[0]) if args.names else None)
    finally:
        door.leave()
    if args.json:
        newer = {"newer_reflections": joined.sessions, "newer_turns": joined.turns}
        print_json({"path": str(path), **newer, "recordings": joined.recordings})
    else:
        print(f"Restored from {path}, with {joined.turns:,} newer turns of the file before")
        if joined.recordings:
            print(f"{joined.recordings:,} recordings came back too.")
        print("The file before is kept beside it.")
    return 0


async def _merge(app: Companion, args: argparse.Namespace) -> int:
    """Adds what another copy of this journal holds beyond it."""
    from companion.app.journal_on_disk import merge, open_for_writing
    from companion.gui.door import Door

    door = Door(app.home)
    try:
        await open_for_writing(app, _ask, lambda: _claim(door))
        joined = await merge(app, _path(args.names[0]))
    finally:
        door.leave()
    if args.json:
        print_json({"reflections": joined.sessions, "turns": joined.turns})
    else:
        print(
            f"Added {joined.sessions:,} reflections and {joined.turns:,} turns; the other file stays as it is"
        )
    return 0


_VERBS = {
    "list": _list,
    "search": _search,
    "show": _show,
    "stats": _stats,
    "export": _export,
    "import": _import,
    "verify": _verify,
    "backup": _backup,
    "restore": _restore,
    "merge": _merge,
}
