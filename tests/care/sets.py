"""The lines of this folder, each with what it is."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from companion.flow import Severity

HERE = Path(__file__).parent


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
