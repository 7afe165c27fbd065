"""What a message is about, where its words say so plainly: a row, a sleepless night, a decision ... Words in, pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from companion.paths import resources
from companion.providers.here.guide.lexicon import fields_of, read_sections


@dataclass(frozen=True, slots=True)
class Situation:
    """One kind of thing people tell, with what fits it."""

    name: str
    when: re.Pattern[str]
    unless: re.Pattern[str] | None
    weighs: bool
    """It is hard to tell."""
    statements: tuple[str, ...]
    questions: tuple[str, ...]


def situation_of(plain: str) -> Situation | None:
    """The first that fits the words of a message (lower case, single spaces, no marks)."""
    for each in load_situations():
        if each.when.search(plain) and not (each.unless and each.unless.search(plain)):
            return each
    return None


@lru_cache(maxsize=1)
def load_situations() -> tuple[Situation, ...]:
    """Those of `resources/guide/situations.md`."""
    return tuple(_situation(*section) for section in read_sections(resources() / "guide" / "situations.md"))


def _situation(name: str, lines: list[str]) -> Situation:
    fields = fields_of(lines)
    return Situation(
        name=name,
        when=re.compile(fields["when"]),
        unless=re.compile(fields["unless"]) if "unless" in fields else None,
        weighs=fields.get("weighs") == "yes",
        statements=tuple(line[1:].strip() for line in lines if line.startswith("-")),
        questions=tuple(line[1:].strip() for line in lines if line.startswith(">")),
    )
