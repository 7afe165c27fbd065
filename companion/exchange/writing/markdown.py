"""Markdown: a folder for each year, a file for each day, with a front matter that other programs understand."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path

from companion.days import When
from companion.entries import Entry
from companion.exchange.texts import distinct
from companion.language import mark, tr

_SETTLED = timedelta(days=2)
"""Entries come by the moment they began; on a journey the person's day may go back by one."""
_MOODS = {
    -3: "very unpleasant",
    -2: "unpleasant",
    -1: "slightly unpleasant",
    0: "neutral",
    1: "slightly pleasant",
    2: "pleasant",
    3: "very pleasant",
}


class Markdown:
    """See `Writer`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._part = folder.with_name(f".{folder.name}.part")
        shutil.rmtree(self._part, ignore_errors=True)
        self._part.mkdir(mode=0o700)
        self._days: dict[date, list[Entry]] = {}
        self._is_open = True

    def add(self, entry: Entry) -> None:
        self._days.setdefault(entry.day, []).append(entry)
        for day in [each for each in self._days if each + _SETTLED < entry.day]:
            self._write(day, self._days.pop(day))

    def add_sound(self, name: str, data: bytes) -> None:
        path = self._part / name
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _put(path, data)

    def finish(self) -> None:
        for day, entries in self._days.items():
            self._write(day, entries)
        os.replace(self._part, self._folder)
        self._is_open = False

    def abandon(self) -> None:
        if self._is_open:
            shutil.rmtree(self._part, ignore_errors=True)
            self._is_open = False

    def _write(self, day: date, entries: list[Entry]) -> None:
        path = self._part / f"{day.year:04d}" / f"{day:%Y-%m-%d}.md"
        path.parent.mkdir(exist_ok=True, mode=0o700)
        _put(path, day_text(day, entries).encode("utf-8", "replace"))


def day_text(day: date, entries: Iterable[Entry]) -> str:
    """One day as Markdown."""
    entries = list(entries)
    front = ["---", f"date: {day.isoformat()}"]
    for name, words in (
        ("tags", distinct(tag for entry in entries for tag in entry.tags)),
        ("people", distinct(person for entry in entries for person in entry.people)),
        ("mood", distinct(_mood(entry) for entry in entries)),
    ):
        if words:
            front.append(f"{name}: {json.dumps(list(words), ensure_ascii=False)}")
    if any(entry.is_starred for entry in entries):
        front.append("starred: true")
    heading = entries[0].when.day_in_words(date.min)
    return "\n".join((*front, "---", f"# {heading}", "", *(_entry_text(entry) for entry in entries)))


def _entry_text(entry: Entry) -> str:
    title = " ".join(entry.title.split())
    star = " ★" if entry.is_starred else ""
    parts = [f"## {entry.when.clock} {title}".rstrip() + star]
    if mood := _mood(entry):
        parts.append(tr("Mood: {mood}", mood=mood))
    for turn in entry.turns:
        clock = When.of(turn.at, turn.offset_s).clock
        has_answer = bool(turn.answer)
        if turn.words:
            parts.append(
                f"**{tr('You')}**, {clock}\n\n{turn.words}"
                if has_answer or len(entry.turns) > 1
                else turn.words
            )
        if has_answer:
            parts.append(f"**Companion**\n\n{_quoted(turn.answer)}")
        parts += [f"[{tr(_SIDES[sound.side])}](../{sound.file})" for sound in turn.sounds if sound.file]
    if entry.summary:
        parts.append(f"*{' '.join(entry.summary.split())}*")
    return "\n\n".join(parts) + "\n"


_SIDES = {"said": mark("What you said"), "answer": mark("The answer")}


def _mood(entry: Entry) -> str:
    before, after = (
        tr(_MOODS.get(mood, "")) if mood is not None else "" for mood in (entry.mood_before, entry.mood_after)
    )
    if entry.mood_word and not (before and after):
        return entry.mood_word
    steps = f"{before} → {after}" if before and after and before != after else before or after
    return f"{steps} ({entry.mood_word})" if entry.mood_word else steps


def _quoted(text: str) -> str:
    return "\n".join(f"> {line}".rstrip() for line in text.split("\n"))


def _put(path: Path, data: bytes) -> None:
    with open(os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "wb") as file:
        file.write(data)
