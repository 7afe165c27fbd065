"""Other values in a YAML text, with its comments and everything else as they were. Text in, text out.

Only the lines that change are written anew, where they can be told for certain: a name and its value on one line of a
block. All else goes through ruamel's round trip, which takes seconds for a large file. Runs wherever it is called.
"""

from __future__ import annotations

import json
import re
import warnings
from io import StringIO
from typing import TYPE_CHECKING, Any

from companion.language import tr
from companion.yaml_file import BrokenFile, Node, parse, plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_SEVERAL = re.compile(r"^(?:---|\.\.\.|%)", re.MULTILINE)
"""More than one plain document."""
_OTHER_BREAKS = re.compile("[\r\x85\u2028\u2029]")
_OPENS = re.compile(r"""[\w"'][^:#&*!]*:[ \t]*(?:#.*)?""")
"""A line that begins a group and nothing else."""


def edit(text: str, changes: Mapping[str, object], root: Node | None = None) -> str:
    """`text` with other values by dotted name. None removes a name.

    Args:
        root: the tree of `text`, where it is known.

    Raises:
        BrokenFile: the text cannot be carried over.
    """
    edited = _edit_lines(text, changes, root) if root is not None else None
    return edit_whole(text, changes) if edited is None else edited


# -- by lines -----------------------------------------------------------------------------------------------


class _Unsure(Exception):
    """It is written otherwise than in plain lines."""


def _edit_lines(text: str, changes: Mapping[str, object], root: Node) -> str | None:
    """The edited text; None: that cannot be done for certain."""
    is_plain = isinstance(root.value, dict) and root.value and not root.is_flow
    if not is_plain or _SEVERAL.search(text) or _OTHER_BREAKS.search(text):
        return None
    try:
        lines = _Lines(text, root)
        for name, value in changes.items():
            lines.change(tuple(name.split(".")), value)
        lines.add_all()
        parts = {name.split(".", 1)[0] for name in changes}
        wanted: dict[str, Any] = {name: plain(root.value[name]) for name in parts if name in root.value}
        for name, value in changes.items():
            _put(wanted, name.split("."), value)
        if _signs(plain(parse(lines.parts(parts))) or {}) != _signs(wanted):
            return None
    except (BrokenFile, _Unsure):
        return None
    return lines.text()


def _signs(values: Any) -> str:
    """Alike only for values of the same kinds: 1 is not true."""
    return json.dumps(values, sort_keys=True)


class _Lines:
    """A text as lines, each with what stands in its place by now."""

    def __init__(self, text: str, root: Node) -> None:
        self._old, self._root = text.removesuffix("\n").split("\n"), root
        self._new: list[list[str]] = [[line] for line in self._old]
        self._gone: set[tuple[str, ...]] = set()
        self._added: dict[tuple[str, ...], dict[str, object]] = {}

    def change(self, path: tuple[str, ...], value: object) -> None:
        """Writes one value, or takes it out."""
        group = self._root
        for depth, part in enumerate(path):
            found = group.value.get(part)
            if found is None:
                if value is not None:
                    self._added.setdefault(path[:depth], {})[".".join(path[depth:])] = value
                return
            if depth < len(path) - 1:
                group = self._opened(found)
        if isinstance(found.value, (dict, list)):
            raise _Unsure
        at, column, piece = self._alone(path[-1], found)
        if value is not None:
            self._new[at] = [self._old[at][:column] + edit_whole(piece, {path[-1]: value}).rstrip("\n")]
        else:
            self._remove(path, at)

    def add_all(self) -> None:
        """Puts what is new behind what its group holds."""
        for path, values in self._added.items():
            if any(path[: len(gone)] == gone for gone in self._gone):
                raise _Unsure
            group = self._node(path)
            first = min(group.value.values(), key=lambda node: node.line)
            indent = self._old[first.line - 1][: first.column - 1]
            written = edit_whole("", values).rstrip("\n").split("\n")
            at = self._end_of(group) if path else len(self._old) - 1
            self._new[at] += [indent + line for line in written]

    def parts(self, names: Iterable[str]) -> str:
        """These values of the outermost group, and what was added behind all."""
        starts = sorted(node.line - 1 for node in self._root.value.values())
        chosen: list[str] = []
        for name in names:
            if name in self._root.value:
                start = self._root.value[name].line - 1
                end = next((each for each in starts if each > start), len(self._old))
                chosen += [line for lines in self._new[start:end] for line in lines]
        if (added := self._added.get(())) and not any(self._is_last(name) for name in names):
            chosen += self._new[-1][-len(edit_whole("", added).rstrip("\n").split("\n")) :]
        return "\n".join(chosen) + "\n"

    def text(self) -> str:
        return "\n".join(line for lines in self._new for line in lines) + "\n"

    def _is_last(self, name: str) -> bool:
        """The last lines are its, too."""
        values = self._root.value
        return name in values and values[name].line == max(node.line for node in values.values())

    def _node(self, path: tuple[str, ...]) -> Node:
        group = self._root
        for part in path:
            group = group.value[part]
        return group

    def _opened(self, group: Node) -> Node:
        """A group whose values stand in lines of their own below its name."""
        begins = self._old[group.line - 1][group.column - 1 :]
        if (
            not isinstance(group.value, dict)
            or not group.value
            or group.is_flow
            or not _OPENS.fullmatch(begins)
        ):
            raise _Unsure
        return group

    def _alone(self, name: str, node: Node) -> tuple[int, int, str]:
        """The number of its line, where it begins in it, and name and value, which nothing else shares."""
        at, column = node.line - 1, node.column - 1
        piece = self._old[at][column:]
        if self._old[at][:column].strip(" ") or "&" in piece:
            raise _Unsure
        if _signs(plain(parse(piece))) != _signs({name: plain(node)}):
            raise _Unsure
        return at, column, piece

    def _end_of(self, group: Node) -> int:
        name, last = max(group.value.items(), key=lambda item: item[1].line)
        if isinstance(last.value, dict) and last.value and not last.is_flow:
            return self._end_of(self._opened(last))
        return self._alone(name, last)[0]

    def _remove(self, path: tuple[str, ...], at: int) -> None:
        self._new[at] = []
        self._gone.add(path)
        above = path[:-1]
        if all((*above, name) in self._gone for name in self._node(above).value):
            if not above:
                raise _Unsure
            self._remove(above, self._node(above).line - 1)


# -- whole --------------------------------------------------------------------------------------------------


def edit_whole(text: str, changes: Mapping[str, object]) -> str:
    """The same through ruamel's tree of all that is there.

    Raises:
        BrokenFile: the text cannot be carried over.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    yaml = YAML()
    yaml.allow_duplicate_keys = True
    yaml.preserve_quotes = True
    yaml.width = 1000
    try:
        with warnings.catch_warnings(action="ignore"):  # of odd but valid input; what is there stays as it is
            tree = yaml.load(text)
        comments_only = tree is None
        if comments_only:
            tree = yaml.map()
        for name, value in changes.items():
            _put(tree, name.split("."), value)
        out = StringIO()
        yaml.dump(tree, out)
    except (YAMLError, RecursionError, ValueError, NotImplementedError, TypeError, AttributeError) as error:
        # ruamel meets odd but valid input with errors of many types
        raise BrokenFile(tr("the text cannot be edited")) from error
    return (text.rstrip("\n") + "\n\n" if comments_only and text.strip() else "") + out.getvalue()


def _put(tree: Any, path: list[str], value: object) -> None:
    head, *rest = path
    if not rest:
        if value is None:
            tree.pop(head, None)
        else:
            tree[head] = value
        return
    if not isinstance(tree.get(head), dict):
        if value is None:
            return
        tree[head] = type(tree)()
    _put(tree[head], rest, value)
    if not tree[head]:
        del tree[head]
