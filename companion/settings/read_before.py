"""The settings file as it was read before: while its text is the same, a start waits for no YAML parser.

A small file of state holds the text and what it means. Blocking.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from companion import __version__, yaml_file
from companion.paths import write_atomically
from companion.places import RefusedFile, read_notes
from companion.yaml_file import BrokenFile, Node

if TYPE_CHECKING:
    from pathlib import Path


READ_BEFORE = "settings.json"
"""In the folder of state."""


def tree_of(text: str, kept: Path) -> Node | None:
    """The tree of a settings file with `text`; None for one without any value.

    Raises:
        BrokenFile: as `yaml_file.parse` does.
    """
    notes = read_notes(kept)
    if notes.get("of") == [__version__, text]:
        with suppress(TypeError, ValueError, AttributeError, RecursionError):
            return _node(notes.get("tree"))
    return yaml_file.parse(text)


def keep(file: Path, kept: Path) -> None:
    """Keeps what `file` means, for the next start; not where it has a fault, or the disk is full."""
    with suppress(OSError, RefusedFile, BrokenFile, RecursionError):  # a list may hold itself
        raw = yaml_file.read_bytes(file)
        text = yaml_file.decode(raw) if raw else ""
        if not text.strip() or read_notes(kept).get("of") == [__version__, text]:
            return
        root = yaml_file.parse(text)
        yaml_file.plain(root)  # which has no fault
        if root is not None:
            import json

            write_atomically(kept, json.dumps({"of": [__version__, text], "tree": _row(root)}).encode())


def _row(node: Node) -> list[Any]:
    value = node.value
    if isinstance(value, dict):
        value = {name: _row(child) for name, child in value.items()}
    elif isinstance(value, list):
        value = [_row(child) for child in value]
    return [value, node.line, node.column, node.is_flow]


def _node(row: Any) -> Node:
    value, line, column, is_flow = row
    if isinstance(value, dict):
        value = {name: _node(child) for name, child in value.items()}
    elif isinstance(value, list):
        value = [_node(child) for child in value]
    return Node(value, int(line), int(column), is_flow=bool(is_flow))
