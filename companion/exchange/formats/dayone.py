"""Day One: a JSON file for each journal, in a zip with its pictures or alone; and the older `.dayone` of property lists.

Moments are UTC with the zone beside them. The text is Markdown with escaped punctuation; `dayone-moment://` stands for
pictures and recordings, which lie in `photos/` by their MD5 sum.
"""

from __future__ import annotations

import json
import plistlib
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from xml.parsers.expat import ExpatError

from companion.exchange import times
from companion.exchange.reading import Reading
from companion.exchange.texts import is_true, list_of, name_of, names_of, text_of, title_and_rest, unescaped
from companion.exchange.tree import BadMember, Tree
from companion.language import mark, tr

NAME, LABEL = "dayone", "Day One"
_MOMENT = re.compile(
    r"!?\[[^\[\]]{0,400}\]\((?:dayone-moment:|photos/)[^)\n]{0,400}\)|dayone-moment:[^\s)]{0,400}"
)
_LINK = re.compile(r"\[([^\[\]]{1,400})\]\(dayone2?://[^)\n]{0,400}\)")
_MEDIA = {"photos": "picture", "audios": "recording", "videos": "video", "pdfAttachments": "document"}
_FOLDERS = {"photos": "photos", "audios": "audios", "videos": "videos", "pdfAttachments": "pdfs"}
ZONE_UNKNOWN = mark("its time zone is not known, so this computer's is used")


def fits(document: object) -> bool:
    """Whether a JSON document is a journal of Day One."""
    if not isinstance(document, Mapping) or not isinstance(document.get("entries"), list):
        return False
    entries = list_of(document["entries"])
    if not entries:
        return (
            "version" in (document.get("metadata") or {})
            if isinstance(document.get("metadata"), dict)
            else False
        )
    return any("creationDate" in entry for entry in entries[:50])


def read(document: Mapping[str, Any], name: str, tree: Tree, reading: Reading) -> None:
    folder, _, file = name.rpartition("/")
    journal = file.removesuffix(".json")
    reading.journals.append(journal)
    for entry in list_of(document["entries"]):
        _read_entry(entry, journal, f"{folder}/" if folder else "", tree, reading)


def _read_entry(entry: Mapping[str, Any], journal: str, folder: str, tree: Tree, reading: Reading) -> None:
    zone = entry.get("timeZone")
    what = f"{journal}: {name_of(entry.get('uuid')) or tr('an entry without a name')}"
    moment = times.from_iso(entry.get("creationDate"), zone)
    if moment is None:
        reading.skip(what, mark("its date is missing or does not exist"))
        return
    if zone and times.zone_of(zone) is None:
        reading.remark(ZONE_UNKNOWN)
    has_media = _account_for(entry, folder, tree, reading)
    title, words = title_and_rest(plain(text_of(entry.get("text")) or _rich(entry.get("richText"))))
    reading.add(
        moment,
        words,
        title=title,
        own_id=name_of(entry.get("uuid")),
        what=what,
        is_starred=is_true(entry.get("starred")),
        tags=names_of(entry.get("tags")),
        has_more=has_media,
    )


def plain(text: str) -> str:
    """The words of Day One's Markdown."""
    return unescaped(_LINK.sub(r"\1", _MOMENT.sub("", text)))


def _rich(value: object) -> str:
    """The text of an entry that has only its rich form."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return ""
    contents = value.get("contents") if isinstance(value, Mapping) else None
    return "".join(text_of(part.get("text")) for part in list_of(contents))


def _account_for(entry: Mapping[str, Any], folder: str, tree: Tree, reading: Reading) -> bool:
    has_media = False
    for kind, noun in _MEDIA.items():
        for medium in list_of(entry.get(kind)):
            has_media = True
            ending = name_of(medium.get("type") or medium.get("format")).lower()
            name = f"{folder}{_FOLDERS[kind]}/{name_of(medium.get('md5'))}"
            endings = (
                ending,
                {"jpg": "jpeg", "jpeg": "jpg"}.get(ending, ""),
                "m4a" if noun == "recording" else "",
            )
            if medium.get("md5") and any(tree.is_there(f"{name}.{each}") for each in endings if each):
                reading.leave_out(noun)
            else:
                reading.missing += 1
    reading.leave_out("place", 1 if entry.get("location") else 0)
    reading.leave_out("weather report", 1 if entry.get("weather") else 0)
    return has_media


# -- Day One Classic ----------------------------------------------------------------------------------------


def read_classic(tree: Tree, reading: Reading, taken: set[str]) -> None:
    """Every `.doentry` of a folder."""
    names = [name for name in tree.names() if name.lower().endswith(".doentry")]
    if not names:
        return
    reading.recognised(NAME, "Day One Classic")
    taken.update(names)
    for name in names:
        try:
            document = plistlib.loads(tree.read(name))
        except BadMember as bad:
            reading.skip(name, str(bad))
            continue
        except (ValueError, TypeError, KeyError, IndexError, OverflowError, ExpatError, RecursionError):
            reading.skip(name, mark("it is damaged"))
            continue
        _read_classic_entry(document, name, tree, reading)


def _read_classic_entry(document: object, name: str, tree: Tree, reading: Reading) -> None:
    entry = document if isinstance(document, Mapping) else {}
    created, zone = entry.get("Creation Date"), entry.get("Time Zone")
    moment = times.from_utc(created, zone) if isinstance(created, datetime) else times.from_iso(created, zone)
    if moment is None:
        reading.skip(name, mark("its date is missing or does not exist"))
        return
    if zone and times.zone_of(zone) is None:
        reading.remark(ZONE_UNKNOWN)
    stem = name.rpartition("/")[2].rpartition(".")[0]
    folder = name.rpartition("entries/")[0]
    has_photo = any(tree.is_there(f"{folder}photos/{stem}.{ending}") for ending in ("jpg", "jpeg", "png"))
    reading.leave_out("picture", 1 if has_photo else 0)
    reading.leave_out("place", 1 if entry.get("Location") else 0)
    reading.leave_out("weather report", 1 if entry.get("Weather") else 0)
    title, words = title_and_rest(plain(text_of(entry.get("Entry Text"))))
    reading.add(
        moment,
        words,
        title=title,
        own_id=name_of(entry.get("UUID")) or stem,
        what=name,
        is_starred=is_true(entry.get("Starred")),
        tags=names_of(entry.get("Tags")),
        has_more=has_photo,
    )
