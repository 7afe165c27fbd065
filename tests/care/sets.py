"""The lines of this folder, each with what it is."""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from companion.kinds import Severity

HERE = Path(__file__).parent
_ENDS = re.compile(r"(?<=[.?!]) ")
_PLAIN = re.compile(r"[A-Za-z'’ ,.;:?!“”\"-]+")


@dataclass(frozen=True, slots=True)
class Line:
    """One thing a person might say."""

    text: str
    kind: str
    """A concern; "none": harmless."""
    marks: tuple[str, ...]

    @property
    def severity(self) -> Severity | None:
        """How serious it is; None: harmless."""
        named = (Severity[mark.upper()] for mark in self.marks if mark.upper() in Severity.__members__)
        return next(named, None)


def lines_of(name: str) -> list[Line]:
    head: list[str] = []
    found = []
    for text in (HERE / name).read_text(encoding="utf-8").splitlines():
        if text.startswith("["):
            head = text.strip("[]").split()
        elif text and not text.startswith("#"):
            found.append(Line(text, head[0], tuple(head[1:])))
    return found


def other_days() -> list[str]:
    """What was written for other tests, harmless: every second may be learnt from."""
    data = HERE.parent / "data"
    messages = [line.split("|")[1] for line in texts(data / "guide" / "messages.txt")]
    return [*messages, *texts(data / "recall" / "entries.txt")]


def texts(file: Path) -> list[str]:
    """The lines of a file that are neither headings nor notes."""
    return [line for line in file.read_text("utf-8").splitlines() if line and line[0] not in "#["]


def examples_of(file: Path) -> Iterator[tuple[str, str]]:
    """(what it is, what is said) for every line of a file of `resources/care/examples`, alternatives written out."""
    for text in file.read_text(encoding="utf-8").splitlines():
        if text[:2] not in ("+ ", "- ", "= "):
            continue
        for each in alternatives(text[2:]):
            yield text[0], each


def alternatives(text: str) -> Iterator[str]:
    """`text` once for each way to choose from its [a|b]."""
    parts = re.split(r"\[([^\]]*)\]", text)
    choices = [part.split("|") if at % 2 else [part] for at, part in enumerate(parts)]
    return map("".join, itertools.product(*choices))


def of_the_program() -> list[str]:
    """Sentences of the program, its tests and its help, none of them about care: English of every other kind."""
    root = HERE.parent.parent
    found: dict[str, None] = {}
    for file in sorted([*(root / "companion").rglob("*.py"), *(root / "tests").rglob("*.py")]):
        if "care" not in file.relative_to(root).as_posix():
            for node in ast.walk(ast.parse(file.read_text("utf-8"))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    found |= dict.fromkeys(" ".join(part.split()) for part in node.value.split("\n\n"))
    for file in sorted((root / "resources" / "help").glob("*.md")):
        found |= dict.fromkeys(_ENDS.split(" ".join(file.read_text("utf-8").split())))
    return [text for text in found if _PLAIN.fullmatch(text) and 3 <= len(text.split()) <= 60]
