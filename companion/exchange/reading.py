"""What a format finds in its files, as it finds it: entries on their way out, and an account of everything else."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

from companion.entries import Entry, EntryTurn
from companion.exchange.lines import to_document
from companion.exchange.texts import distinct, storable, tidied
from companion.exchange.times import Moment
from companion.language import mark, tr

MOST_ENTRIES = 500_000
MOST_TOLD = 200
"""Skipped things that are named; the rest is counted."""
LONGEST_WORDS = 1_000_000
_LONGEST_TITLE = 200
_LONGEST_NAME = 300
_EARLY = datetime(1900, 1, 1)  # noqa: DTZ001 - a day on a calendar


class TooMuch(Exception):
    """More than a journal can be."""


class Reading:
    """One import being read.

    Args:
        send: takes each entry, as a document, with what is odd about it: "future", "early", "twice" or nothing.
        now: seconds since the epoch.
    """

    def __init__(self, send: Callable[[dict[str, Any], str], None], now: float) -> None:
        self._send = send
        self._latest = now + 86_400
        self.formats: dict[str, str] = {}
        """Name -> label of those that were recognised."""
        self.journals: list[str] = []
        self.entries = 0
        self.skipped: list[tuple[str, str]] = []
        self.skipped_count = 0
        self.refused: list[tuple[str, str]] = []
        self.remarks: Counter[str] = Counter()
        self.unkept: Counter[str] = Counter()
        """Kind of thing that is there and does not come in -> how many."""
        self.sounds = 0
        """Recordings that come in with their words."""
        self.missing = 0
        """Pictures and recordings that are spoken of and are not there."""
        self._seen: dict[str, str] = {}
        self._format = ""

    def recognised(self, name: str, label: str) -> None:
        self._format = name
        self.formats.setdefault(name, label)

    # -- entries --------------------------------------------------------------------------------------------

    def add(
        self,
        moment: Moment,
        words: str,
        *,
        own_id: str = "",
        what: str = "",
        title: str = "",
        mood: int | None = None,
        mood_word: str = "",
        is_starred: bool = False,
        tags: Iterable[str] = (),
        people: Iterable[str] = (),
        has_more: bool = False,
    ) -> None:
        """An entry of another journal.

        Args:
            own_id: what it is called there.
            what: what it is called where it is skipped.
            has_more: there is something in it that does not come in, so that it is not empty.
        """
        words, title = tidied(storable(words)), " ".join(storable(title).split())
        if len(title) > _LONGEST_TITLE:
            title, words = "", f"{title}\n{words}".rstrip()
        if title and not words:
            title, words = "", title
        entry = Entry(
            began=moment.at,
            offset_s=moment.offset_s,
            title=title,
            mood_after=mood,
            mood_word=storable(mood_word),
            is_starred=is_starred,
            tags=distinct(storable(tag) for tag in tags),
            people=distinct(storable(person) for person in people),
            turns=(EntryTurn(at=moment.at, offset_s=moment.offset_s, words=words),),
        )
        what = what or tr("the entry of {day}", day=f"{entry.when.local:%Y-%m-%d}")
        if not (words or entry.mood_word or mood is not None or entry.tags or is_starred or has_more):
            self.skip(what, mark("nothing is written in it"))
        elif len(words) > LONGEST_WORDS:
            self.skip(what, mark("it is longer than a million characters"))
        else:
            self.keep(entry, own_id=own_id, what=what)

    def keep(self, entry: Entry, *, own_id: str = "", what: str = "") -> None:
        """An entry that is complete but for its source; one of our own has its uid and keeps its source."""
        is_ours, digest = bool(entry.uid), _digest(entry)
        name = entry.uid or f"{self._format}:{own_id[:_LONGEST_NAME] or digest}"
        odd = self._oddness(entry)
        if (before := self._seen.get(name)) is not None:
            if before == digest:
                self.skip(what or name, mark("the same entry is there twice"))
                return
            odd, is_ours, name = "twice", False, self._free_name(name)
            turns = tuple(replace(turn, uid="") for turn in entry.turns)
            entry = replace(entry, uid="", turns=turns)
        self._seen[name] = digest
        if not is_ours:
            entry = replace(entry, source=name)
        self.entries += 1
        if self.entries > MOST_ENTRIES:
            raise TooMuch(tr("There are more than {most:,} entries.", most=MOST_ENTRIES))
        self._send(to_document(entry), odd)

    def _oddness(self, entry: Entry) -> str:
        if entry.began > self._latest:
            return "future"
        return "early" if entry.when.local < _EARLY else ""

    def _free_name(self, name: str) -> str:
        number = 2
        while f"{name}#{number}" in self._seen:
            number += 1
        return f"{name}#{number}"

    # -- everything else ------------------------------------------------------------------------------------

    def skip(self, what: str, why: str) -> None:
        """Something that is not read."""
        self.skipped_count += 1
        if len(self.skipped) < MOST_TOLD:
            self.skipped.append((storable(what)[:_LONGEST_NAME], why))

    def refuse(self, members: Iterable[tuple[str, str]]) -> None:
        """Files of an archive or folder that are not opened."""
        self.refused += [(storable(name)[:_LONGEST_NAME], why) for name, why in members][:MOST_TOLD]

    def remark(self, text: str) -> None:
        """Something that the person should know of an entry that comes in; equal ones are counted."""
        self.remarks[text] += 1

    def leave_out(self, kind: str, count: int = 1) -> None:
        """Something of an entry that is not kept: "picture", "place"."""
        if count:
            self.unkept[kind] += count

    def account(self) -> dict[str, Any]:
        """All but the entries, for the last line."""
        return {
            "formats": self.formats,
            "journals": self.journals,
            "entries": self.entries,
            "skipped": self.skipped,
            "skipped_count": self.skipped_count,
            "refused": self.refused,
            "remarks": dict(self.remarks.most_common(20)),
            "unkept": dict(self.unkept),
            "sounds": self.sounds,
            "missing": self.missing,
        }


def _digest(entry: Entry) -> str:
    told = (
        entry.when.local.isoformat(timespec="seconds"),
        entry.title,
        entry.words,
        entry.mood_word,
        str(entry.mood_after),
    )
    return hashlib.sha256("\0".join(told).encode()).hexdigest()[:24]
