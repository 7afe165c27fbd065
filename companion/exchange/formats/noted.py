"""Journals kept as files by day: RedNotebook's months, and the daily notes of Obsidian and of others that write Markdown.

A note is one of a day by its name, by its folders (`2023/11/05.md`), or by `date` in its front matter; other notes are
skipped by name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from companion.exchange import times
from companion.exchange.reading import Reading
from companion.exchange.texts import (
    decoded,
    distinct,
    hashtags,
    is_true,
    name_of,
    names_of,
    text_of,
    title_and_rest,
)
from companion.exchange.times import Moment
from companion.exchange.tree import BadMember, SingleFile, Tree
from companion.language import mark, tr
from companion.yaml_file import BrokenFile, parse, plain

_MONTH = re.compile(r"(?:.*/)?(\d{4})-(\d{2})\.txt")
_PICTURES = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".heic", ".svg", ".bmp", ".avif", ".tif", ".tiff")
_FRONT = re.compile(r"---[ \t]*\n(.*?\n)?(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
_EMBED = re.compile(
    r"!\[\[([^\[\]|#^]{1,400})[^\[\]]{0,400}\]\]|!\[[^\[\]]{0,400}\]\(<?([^()<>\s]{1,800})>?[^()]{0,400}\)"
)
_WIKI_LINK = re.compile(r"\[\[(?:[^\[\]|]{0,400}\|)?([^\[\]|]{1,400})\]\]")
_COMMENT = re.compile(r"%%.*?%%", re.DOTALL)
_DIGITS = re.compile(r"(?<!\d)(\d{4})[-_. ]?(\d{2})[-_. ]?(\d{2})(?!\d)")
_MOODS = ("mood", "stimmung", "humeur", "humor", "umore", "ánimo", "animo", "estado de ánimo", "feeling")
_STARS = ("starred", "star", "favorite", "favourite", "pinned")
_PEOPLE = ("people", "persons", "person", "who")
_MOST_FRONT = 64_000
_MAX_MONTH = 4 * 2**20


# -- RedNotebook --------------------------------------------------------------------------------------------


def read_months(tree: Tree, reading: Reading, taken: set[str]) -> None:
    """RedNotebook's `data/2024-01.txt`: a day's number, its text and its categories."""
    for name in tree.names():
        found = _MONTH.fullmatch(name)
        if found is None:
            continue
        try:
            text = decoded(tree.read(name))
            if not re.match(r"\s*(?:\d{1,2}\s*:|\{\s*\}?|#|---)", text):
                continue
            taken.add(name)
            reading.recognised("rednotebook", "RedNotebook")
            if len(text) > _MAX_MONTH:
                raise BadMember(mark("it is too large for one month"))
            days = _values(text)
        except BadMember as bad:
            reading.skip(name, str(bad))
            continue
        for number, entry in days.items():
            _read_day(f"{found[1]}-{found[2]}", number, entry, tree, reading)


def _values(text: str) -> Mapping[str, Any]:
    try:
        values = plain(parse(text))
    except BrokenFile as broken:
        if broken.line:
            told = tr("it cannot be read: {fault} in line {line}", fault=broken, line=broken.line)
        else:
            told = tr("it cannot be read: {fault}", fault=broken)
        raise BadMember(told) from broken
    except RecursionError as error:
        raise BadMember(mark("it is nested too deeply")) from error
    return values if isinstance(values, dict) else {}


def _read_day(month: str, number: object, entry: object, tree: Tree, reading: Reading) -> None:
    what = tr("the entry of {day}", day=f"{month}-{number}")
    moment = (
        times.from_iso(f"{month}-{int(str(number)):02d}") if re.fullmatch(r"\d{1,2}", str(number)) else None
    )
    if moment is None:
        reading.skip(what, mark("that day does not exist"))
        return
    parts = entry if isinstance(entry, Mapping) else {"text": entry}
    text = name_or_text(parts.get("text"))
    pictures = re.findall(r'\[""[^"]*""(\.\w+)\??\d*\]', text)
    reading.leave_out("picture", len(pictures))
    words = re.sub(r'\[""[^"]*""\.\w+\??\d*\]', "", text)
    words = re.sub(r'\[([^\[\]"]+) ""([^"]*)""\]', r"\1 (\2)", words)
    tags, mood, more = list(hashtags(words)), "", []
    for category, inside in parts.items():
        if category == "text":
            continue
        values = _category(inside)
        if category.casefold() == "tags":
            tags += values
        elif category.casefold() in _MOODS and values:
            mood = ", ".join(values)
        else:
            more.append(f"{category}: {', '.join(values)}" if values else category)
    reading.add(
        moment,
        "\n\n".join(filter(None, (words.strip(), "\n".join(more)))),
        what=what,
        mood_word=mood,
        tags=tags,
        has_more=bool(pictures),
    )


def _category(inside: object) -> list[str]:
    if isinstance(inside, Mapping):
        return [f"{name} {name_of(value)}".strip() for name, value in inside.items()]
    return list(names_of(inside))


def name_or_text(value: object) -> str:
    """A text; what YAML takes for a number is one too."""
    return text_of(value) if isinstance(value, str) else name_of(value)


# -- daily notes --------------------------------------------------------------------------------------------


def read_notes(tree: Tree, reading: Reading, taken: set[str], endings: tuple[str, ...]) -> None:
    """Every note of a day; the others are skipped by name, where there are notes of days at all."""
    others: list[str] = []
    found_any = False
    pictures = _pictures_of(tree)
    for name in tree.names():
        if name in taken or not name.lower().endswith(endings):
            continue
        try:
            text = decoded(tree.read(name))
        except BadMember as bad:
            reading.skip(name, str(bad))
            continue
        front, body = _front_matter(text)
        moment = _moment_of(f"{tree.name}/{name}", front)
        if moment is None:
            others.append(name)
            continue
        if not found_any:
            reading.recognised("markdown", tr("Daily notes"))
        found_any = True
        taken.add(name)
        has_picture = _account_for_pictures(body, pictures, reading)
        _read_note(moment, name, front, body, reading, has_picture=has_picture)
    if found_any:
        taken.update(others)
        for name in others:
            reading.skip(
                name.rpartition("/")[2], mark("there is no date in its name, so it is not a daily note")
            )


def _account_for_pictures(body: str, pictures: frozenset[str], reading: Reading) -> bool:
    """Whether the note shows pictures; they are counted."""
    has_picture = False
    for found in _EMBED.finditer(body):
        each = found[1] or found[2]
        file = each.replace("%20", " ").rpartition("/")[2].strip().lower()
        if not file.endswith(_PICTURES) or "://" in each:
            continue
        has_picture = True
        if file in pictures:
            reading.leave_out("picture")
        else:
            reading.missing += 1
    return has_picture


def _read_note(
    moment: Moment, name: str, front: Mapping[str, Any], body: str, reading: Reading, *, has_picture: bool
) -> None:
    words = _WIKI_LINK.sub(r"\1", _EMBED.sub(_kept_embed, _COMMENT.sub("", body)))
    title, words = title_and_rest(words)
    raw_tags = front.get("tags", front.get("tag", front.get("keywords")))
    if isinstance(raw_tags, str):
        raw_tags = re.split(r"[,\s]+", raw_tags)
    tags = (tag.lstrip("#") for tag in (*names_of(raw_tags), *hashtags(body)))
    reading.add(
        moment,
        words,
        title=title or name_or_text(front.get("title")),
        what=name,
        mood_word=next((word for key in _MOODS if (word := _one(front.get(key)))), ""),
        is_starred=any(is_true(front.get(key)) for key in _STARS),
        tags=distinct(tags),
        people=next((people for key in _PEOPLE if (people := names_of(front.get(key)))), ()),
        has_more=has_picture,
    )


def _kept_embed(found: re.Match[str]) -> str:
    """A picture goes; another note that is shown there stays as its name."""
    file = (found[1] or found[2]).strip()
    return "" if file.lower().endswith(_PICTURES) or found[2] else file


def _one(value: object) -> str:
    return ", ".join(names_of(value)) if isinstance(value, list) else name_of(value)


def _pictures_of(tree: Tree) -> frozenset[str]:
    if isinstance(tree, SingleFile):
        return frozenset()
    names = (name.rpartition("/")[2].lower() for name in tree.names())
    return frozenset(name for name in names if name.endswith(_PICTURES))


def _front_matter(text: str) -> tuple[Mapping[str, Any], str]:
    found = _FRONT.match(text.lstrip("\ufeff"))
    if found is None:
        return {}, text
    head, body = found[1] or "", text.lstrip("\ufeff")[found.end() :]
    try:
        values = _values(head) if len(head) <= _MOST_FRONT else {}
    except BadMember:  # what can be read of it line by line
        pairs = (re.fullmatch(r"([\w ]{1,40}):[ \t]*(.*)", line) for line in head.split("\n"))
        values = {pair[1]: pair[2].strip().strip("\"'") for pair in pairs if pair}
    return {str(key).strip().casefold(): value for key, value in values.items()}, body


def _moment_of(name: str, front: Mapping[str, Any]) -> Moment | None:
    written = next(
        (moment for key in ("date", "created") if (moment := times.in_words(name_of(front.get(key))))), None
    )
    day = _day_of(name)
    if day is None:
        return times.in_words(name_of(front.get("date") or front.get("datum") or front.get("fecha")))
    if written is not None and written.has_clock and written.local.date() == day:
        return written
    clock = times.clock_in(name_of(front.get("time")))
    if clock is not None:
        return times.on_clock(datetime(day.year, day.month, day.day) + clock)  # noqa: DTZ001 - on a wall
    return times.on_day(day)


def _day_of(name: str) -> date | None:
    """The day in a note's name, or in its name and folders together."""
    stem = name.rpartition("/")[2].rpartition(".")[0]
    for found in _DIGITS.finditer(stem):
        try:
            return date(int(found[1]), int(found[2]), int(found[3]))
        except ValueError:
            continue
    if (moment := times.in_words(stem)) is not None:
        return moment.local.date()
    parts = [part for part in re.split(r"[/._ -]+", name.rpartition(".")[0]) if part.isdigit()]
    if len(parts) >= 3 and len(parts[-3]) == 4 and len(parts[-2]) <= 2 and len(parts[-1]) <= 2:
        try:
            return date(int(parts[-3]), int(parts[-2]), int(parts[-1]))
        except ValueError:
            return None
    return None
