"""YAML text to a tree of plain values with positions; `yaml_edit` writes other values into such a text.

Reading builds the tree from parser events, without recursion and without constructing any object a tag might ask for,
and stops at fixed depths and counts. Runs wherever it is called; ruamel is imported at the first call.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from companion.language import ENGLISH, language, tr
from companion.places import read_regular

if TYPE_CHECKING:
    from pathlib import Path

MAX_BYTES = 256 * 1024
MAX_DEPTH = 32
MAX_ALIASES = 32
_INT = re.compile(r"[-+]?[0-9]+|0x[0-9a-fA-F]+|0o[0-7]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_SPECIAL = {".inf": "inf", "+.inf": "inf", "-.inf": "-inf", ".nan": "nan"}


@dataclass(slots=True, eq=False, repr=False)
class Node:
    """A value and where it stands. `value` is None, bool, int, float, str, a list of nodes or a dict of nodes."""

    value: Any
    line: int
    """1-based."""
    column: int
    fault: str = ""
    """Why the value must not be used; empty: it may."""
    is_flow: bool = False
    """A group in braces or a list in brackets."""


class BrokenFile(ValueError):
    """The text is no YAML we read. `line` and `column` are 1-based; 0 where there is no place to name."""

    def __init__(self, message: str, line: int = 0, column: int = 0) -> None:
        super().__init__(message)
        self.line = line
        self.column = column


def read_bytes(path: Path) -> bytes | None:
    """What the file holds; None: there is none. Never waits, not even for a pipe.

    Raises:
        RefusedFile: it is no regular file, too large, or may not be read.
    """
    return read_regular(path, most_bytes=MAX_BYTES)


def decode(raw: bytes) -> str:
    """UTF-8, or UTF-16 where a byte order mark says so.

    Raises:
        BrokenFile: neither, or it holds NUL characters.
    """
    is_utf16 = raw.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        text = raw.decode("utf-16" if is_utf16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise BrokenFile(tr("this is not UTF-8 text"), line, 1) from error
    place = text.find("\0")
    if place >= 0:
        before = text[:place]
        column = place - before.rfind("\n")
        raise BrokenFile(tr("a NUL character stands here"), before.count("\n") + 1, column)
    return text.replace("\r\n", "\n")


@dataclass(slots=True, eq=False, repr=False)
class _Builder:
    """The tree so far: a stack of open collections and the anchors seen."""

    root: Node | None = None
    open: list[tuple[Node, list[Node]]] = field(default_factory=list)
    """Each open collection with its children, keys and values alternating in a mapping."""
    anchors: dict[str, Node] = field(default_factory=dict)
    aliases: int = 0

    def add(self, node: Node) -> None:
        if self.open:
            self.open[-1][1].append(node)
        elif self.root is None:
            self.root = node
        else:
            raise BrokenFile(tr("a second document begins here"), node.line, node.column)

    def close(self) -> None:
        node, children = self.open.pop()
        node.value = _mapping(children) if isinstance(node.value, dict) else children


def parse(text: str) -> Node | None:
    """The tree of `text`; None for a text without any value.

    Raises:
        BrokenFile: it is not YAML, or deeper or more entangled than settings can be.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    builder = _Builder()
    try:
        for event in YAML(typ="safe", pure=True).parse(text):
            _take(builder, event)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
        known = (
            str(error.problem or "") if language() == ENGLISH else ""
        )  # the parser speaks no other language
        raise BrokenFile(known or tr("this is not YAML"), line, column) from error
    except (YAMLError, RecursionError, ValueError, NotImplementedError) as error:
        if isinstance(error, BrokenFile):
            raise
        raise BrokenFile(tr("this is not YAML")) from error
    return builder.root


def _take(builder: _Builder, event: Any) -> None:
    kind = type(event).__name__
    if kind in ("MappingEndEvent", "SequenceEndEvent"):
        builder.close()
        return
    if kind not in ("ScalarEvent", "AliasEvent", "MappingStartEvent", "SequenceStartEvent"):
        return
    line, column = event.start_mark.line + 1, event.start_mark.column + 1
    if kind == "AliasEvent":
        builder.aliases += 1
        if builder.aliases > MAX_ALIASES or event.anchor not in builder.anchors:
            raise BrokenFile(tr("there are too many aliases, or one without its anchor"), line, column)
        builder.add(builder.anchors[event.anchor])
        return
    tag = str(event.tag or "")
    is_odd = bool(tag) and not tag.endswith(":str")
    fault = tr("the tag {tag} is not understood here", tag=tag[:60]) if is_odd else ""
    if kind == "ScalarEvent":
        plain = event.implicit[0] and not tag
        node = Node(scalar(event.value) if plain else event.value, line, column, fault)
        builder.add(node)
    else:
        if len(builder.open) >= MAX_DEPTH:
            raise BrokenFile(tr("values are nested deeper than {most} levels", most=MAX_DEPTH), line, column)
        empty: Any = {} if kind == "MappingStartEvent" else []
        node = Node(empty, line, column, fault, is_flow=bool(event.flow_style))
        builder.add(node)
        builder.open.append((node, []))
    if event.anchor:
        builder.anchors[event.anchor] = node


def scalar(text: str) -> bool | int | float | str | None:
    """An unquoted scalar by the core schema of YAML 1.2: `no` is text, as a language tag must be."""
    if text in ("", "~", "null", "Null", "NULL"):
        return None
    if text in ("true", "True", "TRUE", "false", "False", "FALSE"):
        return text.lower() == "true"
    if _INT.fullmatch(text) and len(text) <= 32:
        return int(text, 0) if text[:2] in ("0x", "0o") else int(text)
    if text.lower() in _SPECIAL or _FLOAT.fullmatch(text):
        return float(_SPECIAL.get(text.lower(), text))
    return text


def _mapping(children: list[Node]) -> dict[str, Node]:
    result: dict[str, Node] = {}
    for key, value in zip(children[::2], children[1::2], strict=True):
        name = str(key.value) if not isinstance(key.value, (list, dict)) else "?"
        placed = Node(value.value, key.line, key.column, value.fault or key.fault, value.is_flow)
        if name in result:
            first = result[name]
            lines = {"first": first.line, "second": key.line}
            first.fault = tr("this is written twice, in line {first} and in line {second}", **lines)
        else:
            result[name] = placed
    return result


def plain(node: Node | None) -> Any:
    """The values of a tree alone: dicts, lists and scalars.

    Raises:
        BrokenFile: a value must not be used; names its place.
    """
    if node is None:
        return None
    if node.fault:
        raise BrokenFile(node.fault, node.line, node.column)
    if isinstance(node.value, dict):
        return {name: plain(child) for name, child in node.value.items()}
    return [plain(child) for child in node.value] if isinstance(node.value, list) else node.value
