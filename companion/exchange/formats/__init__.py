"""The formats of other journals, and `recognise_and_read`, which finds out by the files themselves which ones are there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from companion.exchange.formats import apple, daylio, dayone, listed, noted, own, written
from companion.exchange.reading import Reading
from companion.exchange.texts import parsed
from companion.exchange.tree import DEEPEST, BadMember, Refused, SingleFile, Tree, inner_archives
from companion.language import mark, sentence, tr

Fits = Callable[[object], bool]
Read = Callable[[Any, str, Tree, Reading], None]
_DOCUMENTS: tuple[tuple[str, str, Fits, Read], ...] = (
    (dayone.NAME, dayone.LABEL, dayone.fits, dayone.read),
    ("minidiary", "Mini Diary", listed.fits_minidiary, listed.read_minidiary),
    ("journey", "Journey", listed.fits_journey, listed.read_journey),
    ("jrnl", "jrnl", listed.fits_jrnl, listed.read_jrnl),
    ("diarium", "Diarium", listed.fits_diarium, listed.read_diarium),
)
"""Kinds of JSON documents: name, label, how one is known, what reads it."""
KNOWN = mark(
    "Day One, Day One Classic, jrnl, Journey, Daylio, Apple Journal, Diarium, Mini Diary, RedNotebook, "
    "daily notes in Markdown (Obsidian), and Companion itself"
)
_TOLD_ENDINGS = (".json", ".jsonl", ".csv", ".md", ".txt", ".html", ".doentry", ".xml")


def recognise_and_read(tree: Tree, reading: Reading, depth: int = 0) -> None:
    """Reads all that is a journal in `tree`.

    Raises:
        Refused: nothing in it is one; the text says what it is instead, where that can be told.
    """
    taken: set[str] = set()
    is_alone = isinstance(tree, SingleFile)
    reading.refuse(tree.refused())
    own.read_own(tree, reading, taken, is_alone=is_alone)
    dayone.read_classic(tree, reading, taken)
    apple.read_pages(tree, reading, taken)
    broken = _read_documents(tree, reading, taken, is_alone=is_alone)
    daylio.read_tables(tree, reading, taken, is_alone=is_alone)
    noted.read_months(tree, reading, taken)
    noted.read_notes(tree, reading, taken, (".md", ".markdown"))
    is_text = is_alone and not tree.name.lower().endswith((".json", ".csv"))
    written.read_texts(tree, reading, taken, is_alone=is_text)
    noted.read_notes(tree, reading, taken, (".txt",))
    if not taken:
        _read_inner(tree, reading, depth)
    if not reading.formats:
        raise Refused(_what_it_is(broken, is_alone=is_alone))
    _tell_untaken(tree, reading, taken, broken)


def _read_documents(tree: Tree, reading: Reading, taken: set[str], *, is_alone: bool) -> dict[str, str]:
    """The JSON documents; returns those that cannot be read, and why."""
    broken: dict[str, str] = {}
    for name in tree.names():
        if name in taken or not (is_alone or name.lower().endswith(".json")):
            continue
        try:
            data = tree.read(name)
            if data.lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n\0")[:1] not in (b"{", b"["):
                continue
            document = parsed(data)
        except BadMember as bad:
            broken[name] = str(bad)
            continue
        for kind, label, fits, read in _DOCUMENTS:
            if fits(document):
                taken.add(name)
                reading.recognised(kind, label)
                read(document, name, tree, reading)
                break
    return broken


def _read_inner(tree: Tree, reading: Reading, depth: int) -> None:
    for name, inner in inner_archives(tree):
        if isinstance(inner, Refused):
            reading.skip(name, str(inner))
        elif depth + 1 >= DEEPEST:
            reading.skip(name, mark("an archive within an archive within an archive is not opened"))
        else:
            try:
                recognise_and_read(inner, reading, depth + 1)
            except Refused as refused:
                reading.skip(name, str(refused))


def _what_it_is(broken: dict[str, str], *, is_alone: bool) -> str:
    for why in broken.values():
        if is_alone or len(broken) == 1:
            said = tr(why)
            return sentence(f"{said[:1].upper()}{said[1:]}")
    return tr("No journal was found in it. These can be read: {formats}.", formats=tr(KNOWN))


def _tell_untaken(tree: Tree, reading: Reading, taken: set[str], broken: dict[str, str]) -> None:
    for name in tree.names():
        if name not in taken and name.lower().endswith(_TOLD_ENDINGS):
            reading.skip(name, broken.get(name, mark("it is not part of a journal that Companion can read")))
