"""Journals that are one JSON document with a list: jrnl, Journey (a document for each entry), Diarium, Mini Diary."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from companion.exchange import times
from companion.exchange.formats.dayone import ZONE_UNKNOWN
from companion.exchange.reading import Reading
from companion.exchange.texts import (
    distinct,
    from_html,
    is_marked_up,
    is_true,
    list_of,
    name_of,
    names_of,
    text_of,
    title_and_rest,
    unescaped,
)
from companion.exchange.tree import Tree
from companion.language import mark, tr

_NO_DATE = mark("its date is missing or does not exist")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def _entries(document: object) -> list[Mapping[str, Any]]:
    """The list of a document that is one, has one, or is a single entry."""
    if isinstance(document, Mapping):
        return list_of(document["entries"]) if isinstance(document.get("entries"), list) else [document]
    return list_of(document)


# -- jrnl ---------------------------------------------------------------------------------------------------


def fits_jrnl(document: object) -> bool:
    if not isinstance(document, Mapping) or not isinstance(document.get("entries"), list):
        return False
    entries = list_of(document["entries"])
    return any("body" in entry and "date" in entry for entry in entries[:50]) or (
        not entries and "tags" in document
    )


def read_jrnl(document: Mapping[str, Any], _name: str, _tree: Tree, reading: Reading) -> None:
    for entry in list_of(document["entries"]):
        title, body = text_of(entry.get("title")), text_of(entry.get("body"))
        day, clock = name_of(entry.get("date")), name_of(entry.get("time"))
        moment = times.in_words(f"{day} {clock}") or times.in_words(day)
        if moment is None:
            reading.skip(f"{day or tr('without a date')}: {title[:60]}", _NO_DATE)
            continue
        tags = (tag.lstrip("@#") for tag in names_of(entry.get("tags")))
        reading.add(
            moment,
            body.strip(),
            title=title.strip(),
            what=f"{day}: {title[:60]}",
            is_starred=is_true(entry.get("starred")),
            tags=tags,
        )


# -- Journey ------------------------------------------------------------------------------------------------


def fits_journey(document: object) -> bool:
    return any("date_journal" in entry or "dateOfJournal" in entry for entry in _entries(document)[:50])


def read_journey(document: object, name: str, tree: Tree, reading: Reading) -> None:
    folder = name.rpartition("/")[0]
    for entry in _entries(document):
        _read_journey_entry(entry, name, f"{folder}/" if folder else "", tree, reading)


def _read_journey_entry(
    entry: Mapping[str, Any], name: str, folder: str, tree: Tree, reading: Reading
) -> None:
    zone, own_id = entry.get("timezone"), name_of(entry.get("id"))
    written = entry.get("date_journal", entry.get("dateOfJournal"))
    if isinstance(written, str) and written.strip().lstrip("-").isdigit() and len(written) < 20:
        written = int(written)
    if isinstance(written, int | float) and not isinstance(written, bool):
        moment = times.from_seconds(written / 1000, zone) if math.isfinite(written) else None
    else:
        moment = times.from_iso(written, zone)
    if moment is None:
        reading.skip(own_id or name, _NO_DATE)
        return
    if zone and times.zone_of(zone) is None:
        reading.remark(ZONE_UNKNOWN)
    media = (
        [name_of(each) for each in entry.get("photos") or [] if isinstance(each, str)]
        if isinstance(entry.get("photos"), list)
        else []
    )
    for medium in media:
        if tree.is_there(f"{folder}{medium}"):
            reading.leave_out(_kind_of(medium))
        else:
            reading.missing += 1
    reading.leave_out("place", 1 if entry.get("address") or _is_place(entry.get("lat")) else 0)
    kind, text = name_of(entry.get("type")).lower(), text_of(entry.get("text"))
    is_html = kind == "html" or (
        kind in ("", "0") and re.match(r"\s*<(p|div|h\d|ul|ol|span)\b", text) is not None
    )
    title, words = ("", from_html(text)) if is_html else title_and_rest(unescaped(text))
    reading.add(
        moment,
        words,
        title=title or text_of(entry.get("title")),
        own_id=own_id,
        what=own_id or name,
        mood=_feeling(entry.get("sentiment")),
        is_starred=is_true(entry.get("favourite") or entry.get("favorite")),
        tags=names_of(entry.get("tags")),
        has_more=bool(media),
    )


def _feeling(sentiment: object) -> int | None:
    """Journey's 0.25, 0.75, 1, 1.25, 1.75; 0 and whatever else are none."""
    if isinstance(sentiment, bool) or not isinstance(sentiment, int | float) or not 0 < sentiment < 2:
        return None
    return max(-3, min(3, round((sentiment - 1) * 4)))


def _is_place(degrees: object) -> bool:
    """The largest number there is stands for none."""
    return isinstance(degrees, int | float) and not isinstance(degrees, bool) and abs(degrees) <= 180


def _kind_of(file: str) -> str:
    ending = file.rpartition(".")[2].lower()
    if ending in ("mp3", "m4a", "aac", "wav", "ogg", "3gp"):
        return "recording"
    return "video" if ending in ("mp4", "mov", "webm") else "picture"


# -- Diarium ------------------------------------------------------------------------------------------------


def fits_diarium(document: object) -> bool:
    return any(
        "date" in entry and ("heading" in entry or "text" in entry or "html" in entry)
        for entry in _entries(document)[:50]
    )


def read_diarium(document: object, name: str, _tree: Tree, reading: Reading) -> None:
    for entry in _entries(document):
        written = name_of(entry.get("date"))
        moment = times.from_iso(written, entry.get("timeZone")) or times.in_words(written)
        if moment is None:
            reading.skip(f"{name}: {written or tr('without a date')}", _NO_DATE)
            continue
        text = text_of(entry.get("text")) or text_of(entry.get("html"))
        reading.leave_out("place", 1 if entry.get("location") else 0)
        reading.leave_out("weather report", 1 if entry.get("weather") else 0)
        reading.leave_out("rating", 1 if entry.get("rating") else 0)
        attached = entry.get("attachments") or entry.get("photos") or entry.get("files")
        reading.leave_out("picture", len(attached) if isinstance(attached, list) else 0)
        reading.add(
            moment,
            from_html(text) if is_marked_up(text) else text,
            title=text_of(entry.get("heading")) or text_of(entry.get("title")),
            own_id=name_of(entry.get("id") or entry.get("uuid")),
            what=tr("the entry of {day}", day=written),
            is_starred=is_true(entry.get("favorite") or entry.get("starred")),
            tags=distinct(tag.lstrip("#") for tag in names_of(entry.get("tags"))),
            people=names_of(entry.get("people")),
            has_more=bool(attached),
        )


# -- Mini Diary ---------------------------------------------------------------------------------------------


def fits_minidiary(document: object) -> bool:
    entries = document.get("entries") if isinstance(document, Mapping) else None
    if not isinstance(entries, Mapping):
        return False
    about = document.get("metadata") if isinstance(document, Mapping) else None
    is_named = isinstance(about, Mapping) and about.get("application") == "Mini Diary"
    return is_named or any(_DATE.fullmatch(str(day)) for day in list(entries)[:50])


def read_minidiary(document: Mapping[str, Any], _name: str, _tree: Tree, reading: Reading) -> None:
    for day, entry in document["entries"].items():
        moment = times.from_iso(day)
        if moment is None or not isinstance(entry, Mapping):
            reading.skip(
                tr("the entry of {day}", day=day), _NO_DATE if moment is None else mark("it is not an entry")
            )
            continue
        reading.add(
            moment,
            text_of(entry.get("text")).strip(),
            title=text_of(entry.get("title")).strip(),
            what=tr("the entry of {day}", day=day),
        )
