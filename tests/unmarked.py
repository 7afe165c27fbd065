"""What a person reads and no translator ever sees: texts of the rooms in `ROOMS` that nobody marked for the catalogues."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tests.catalogues import MARKERS, PACKAGE, called, told_by

ROOMS = (
    "errors.py",
    "settings/",
    "app/",
    "care/notices.py",
    "exchange/",
    "places.py",
    "yaml_file.py",
    "yaml_edit.py",
    "providers/validator.py",
    "providers/fitting.py",
    "insights/",
    "days.py",
    "records.py",
    "gui/",
)
"""Those whose every sentence is marked."""
_ENGLISH = (
    "gui/main.py",
    "gui/theme.py",
    "gui/demo.py",
    "gui/devtools",
    "gui/gallery.py",
    "gui/placement.py",
    "gui/screenshots.py",
    "gui/staged",
    "app/checkup.py",
    "app/headless.py",
    "app/journal_on_disk.py",
    "app/parts.py",
    "app/synced.py",
    "exchange/times.py",
    "exchange/writing/",
)
"""What only developers see, what stands in a terminal, what other programs read, and names."""
MEANT = {
    "Space",
    "Companion",
    "a dialog is in front",
    "takes keys",
    "the microphone is tested",
    "the welcome is shown",
    "Companion: {}",
    "Companion: {}{}",
    "Companion · {}",
    "{} {} ms",
    "thrown away",
    "Companion {}",
    "pip install --upgrade reflection-companion",
    "spare key",
    "of somebody else",
    "Wyoming",
    "remember practice",
    "Notify",
    "Lock",
    "Unlock",
    "Activated",
    "Deactivated",
    "the screen is locked",
    "go on",
    "delete for good",
    "Mini Diary",
    "Journey",
    "Diarium",
    "Apple Journal",
    "Daylio",
    "Day One",
    "Day One Classic",
    "Creation Date",
    "Time Zone",
    "Location",
    "Weather",
    "Entry Text",
    "Starred",
    "Tags",
    "weather report",
    "estado de ánimo",
    "companion journal",
    "Resources/",
    "Thumbs.db",
    "True",
    "False",
    "Null",
    "not needed",
}
"""Names, and texts that only the program itself reads."""
_SENTENCE = re.compile(r"^[A-Z“\"'{(*]?.*[a-z]{2,} .*[a-z]{2,}", re.DOTALL)
_WORD = re.compile(r"^[A-Z“][a-z]+(?![a-z]*[A-Z_])")
_CODE = re.compile(
    r"\\[bwsd]|\(\?[:=!<]|://\S+$|^\W*[a-z_]+=|^[a-z_]+\.\w+$|px 0;|^\[Desktop Entry\]|^# Settings of"
)
_KEYS = re.compile(r"^(Ctrl|Shift|Alt|Esc|Del)\b")
_MEASURE = re.compile(r"(^|[ }])(of|min|MB|and|to|in|on|with|by|for|or|ms|s|h)([ {]|$)")
_OURS = """
    _begin getLogger debug info warning error exception setObjectName setProperty spawn start end compile startswith
    endswith replace split partition rpartition strip lstrip rstrip import_module cast TypeVar getattr setattr
    hasattr Signal encode decode find index count glob with_name with_suffix normalize property inherits Path
    urlsplit removeprefix removesuffix NewType field setStyleSheet QKeySequence fullmatch match search sub strftime
    print ZoneInfo setApplicationName colour icon font dress Secret getenv setdefault write_text wait_for Literal
    find_field
"""
"""Calls whose texts nobody reads but the program and its log."""
_OUR_OWN = frozenset(_OURS.split())
_PROGRAMMERS = (
    "RuntimeError",
    "KeyError",
    "TypeError",
    "OSError",
    "AssertionError",
    "NotImplementedError",
    "ValueError",
)


def unmarked(*paths: str) -> list[str]:
    """Where each is and what it says, of the files whose names begin so; without any, of `ROOMS`."""
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).as_posix()
        if name.startswith(paths or ROOMS) and (paths or not name.startswith(_ENGLISH)):
            found += [
                f"{name}:{line}: {text}" for line, text in _unmarked_in(ast.parse(path.read_text("utf-8")))
            ]
    return found


def _unmarked_in(tree: ast.Module) -> Iterator[tuple[int, str]]:
    above = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    parts = {part for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    documents = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if node in parts or node in documents or not isinstance(node, (ast.Constant, ast.JoinedStr)):
            continue
        text = _text_of(node)
        if text not in MEANT and _is_read(text, node) and not _is_marked_or_ours(node, above):
            yield node.lineno, text


def _text_of(node: ast.Constant | ast.JoinedStr) -> str:
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    return "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)


def _is_read(text: str, node: ast.AST) -> bool:
    """Whether it looks like words for a person."""
    if not re.search(r"[A-Za-z]{2,}", text) or _CODE.search(text) or _KEYS.search(text):
        return False
    is_filled = isinstance(node, ast.JoinedStr) and bool(_MEASURE.search(text))
    return bool(_SENTENCE.match(text) or _WORD.match(text) or is_filled)


def _is_marked_or_ours(node: ast.expr, above: dict[ast.AST, ast.AST]) -> bool:
    each: ast.AST = node
    calls = 0
    while (parent := above.get(each)) is not None:
        match parent:
            case ast.Call() if each is not parent.func:
                calls += 1
                if called(parent) in MARKERS or any(_is_in(node, told) for told in told_by(parent)):
                    return True
                name = parent.func.attr if isinstance(parent.func, ast.Attribute) else called(parent)
                if (calls == 1 and name in _OUR_OWN) or name == "setting" or (name in _PROGRAMMERS):
                    return True
            case ast.Compare() | ast.Assert() | ast.MatchValue() if each is node:
                return True
            case ast.Subscript() if each is parent.slice:
                return True
            case ast.Dict() if any(each is key for key in parent.keys):
                return True
            case ast.keyword(arg="name" | "key" | "environment" | "kind" | "tone" | "type" | "words"):
                return True
            case ast.arg():
                return True
            case ast.Assign(targets=[ast.Name(id="__all__")]):
                return True
            case ast.AnnAssign() if each is parent.annotation:
                return True
            case ast.FunctionDef() | ast.AsyncFunctionDef() if each is parent.returns:
                return True
        each = parent
    return False


def _is_in(node: ast.AST, told: ast.AST) -> bool:
    return any(node is each for each in ast.walk(told))
