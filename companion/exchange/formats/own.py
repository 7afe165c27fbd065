"""Companion's own JSON Lines: a header, then a reflection a line; and the sound beside it, where it was exported."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from companion.entries import Entry
from companion.exchange.lines import FORMAT, VERSION, from_document
from companion.exchange.reading import Reading
from companion.exchange.texts import decoded
from companion.exchange.tree import BadMember, Refused, Tree
from companion.language import mark

NAME, LABEL = "companion", "Companion"


def read_own(tree: Tree, reading: Reading, taken: set[str], *, is_alone: bool) -> None:
    """Every file that begins with our header; `is_alone`: whatever its ending."""
    for name in tree.names():
        if not (is_alone or name.lower().endswith((".jsonl", ".ndjson", ".json"))):
            continue
        try:
            data = tree.read(name)
        except BadMember as bad:
            reading.skip(name, str(bad))
            taken.add(name)
            continue
        head = _document(data.lstrip(b"\xef\xbb\xbf")[:400].partition(b"\n")[0])
        if head.get("format") != FORMAT:
            continue
        if not isinstance(head.get("version"), int) or head["version"] > VERSION:
            raise Refused(mark("This file was written by a newer version of Companion."))
        taken.add(name)
        reading.recognised(NAME, LABEL)
        _read_lines(decoded(data).split("\n")[1:], name, tree, reading)


def _read_lines(lines: list[str], name: str, tree: Tree, reading: Reading) -> None:
    folder = name.rpartition("/")[0]
    before, promised = reading.entries + reading.skipped_count, None
    for number, line in enumerate(lines, 2):
        if not line.strip():
            continue
        document = _document(line)
        if "turns" not in document and isinstance(document.get("entries"), int):
            promised = document["entries"]
            continue
        entry = from_document(document)
        if entry is None:
            reading.skip(f"{name}, line {number}", mark("it is not a reflection, or it is damaged"))
            continue
        reading.keep(_with_sounds(entry, folder, tree, reading), what=f"{name}, line {number}")
    found = reading.entries + reading.skipped_count - before
    if promised is None or promised > found:
        reading.remark(mark("the file ends too early, so something of it is missing"))


def _with_sounds(entry: Entry, folder: str, tree: Tree, reading: Reading) -> Entry:
    """With those recordings whose files are there, by their names in the tree."""
    turns = []
    for turn in entry.turns:
        named = [
            replace(sound, file=f"{folder}/{sound.file}" if folder else sound.file) for sound in turn.sounds
        ]
        there = tuple(sound for sound in named if turn.uid and tree.is_there(sound.file))
        reading.missing += len(named) - len(there)
        reading.sounds += len(there)
        turns.append(replace(turn, sounds=there))
    return replace(entry, turns=tuple(turns))


def _document(line: str | bytes) -> Mapping[str, Any]:
    try:
        document = json.loads(line, parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}
