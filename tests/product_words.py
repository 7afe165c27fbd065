"""Every sentence a person reads: `python -m tests.product_words` prints them with their files, to be read aloud.

From the program's text constants (window, cards, settings, command line, what providers say), the practices, the guide's
wordings, the beginnings of care, and the README. Docstrings and comments are for whoever works on it and are left out.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from companion.paths import resources

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "companion"
NOT_READ = ("chaos/", "providers/here/mock.py", "gui/staged", "gui/gallery.py")
"""What nobody but a developer sees."""
_SENTENCE = re.compile(r"^[A-Z“\"'{(*]?.*[a-z]{2,} .*[a-z]{2,}", re.DOTALL)
_CODE = re.compile(
    r"SELECT |UPDATE |INSERT |CREATE |DELETE |ALTER |PRAGMA |\\[bwsd]|\(\?[:=!<]|https?://\S+$|^\W*[a-z_]+="
)


def sentences() -> Iterator[tuple[str, str]]:
    """(where it is, what it says)."""
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).as_posix()
        if not name.startswith(NOT_READ):
            yield from ((f"{name}:{line}", text) for line, text in _constants(path))
    for folder, pattern in (("practices", "*.md"), ("guide", "wordings.md"), ("care", "beginnings.txt")):
        for path in sorted((resources() / folder).glob(pattern)):
            for line, text in enumerate(path.read_text("utf-8").splitlines(), 1):
                if _SENTENCE.match(text.strip()):
                    yield f"resources/{folder}/{path.name}:{line}", text.strip()
    for line, text in enumerate((ROOT / "README.md").read_text("utf-8").splitlines(), 1):
        if _SENTENCE.match(text):
            yield f"README.md:{line}", text


def _constants(path: Path) -> Iterator[tuple[int, str]]:
    tree = ast.parse(path.read_text("utf-8"))
    inside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    documents = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if id(node) in documents or id(node) in inside:
            continue
        text = _text_of(node)
        if text and _SENTENCE.match(text) and not _CODE.search(text):
            yield node.lineno, " ".join(text.split())  # type: ignore[attr-defined]  # every constant has a line


def _text_of(node: ast.AST) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
    return ""


if __name__ == "__main__":
    wanted = tuple(sys.argv[1:])
    for where, text in sentences():
        if not wanted or where.startswith(wanted):
            print(f"{where}  {text}")
