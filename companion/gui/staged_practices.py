"""Practices for pictures, the gallery and tests: those of the app, and a few of a person's own, in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from companion.errors import CompanionError
from companion.practices import Practice, Step, find_faults, load_practices, write_practice

WALK = Practice(
    name="a-walk-in-words",
    title="A walk in words",
    summary="Go once more where you went today.",
    icon="wind",
    minutes=6,
    order=1000,
    openings={"any": "Where did you go?"},
    pace="slow",
    closing="You are home again.",
    steps=(
        Step(
            title="Setting out",
            purpose="See the beginning.",
            questions=("What did you see first?", "What was {topic} like?"),
            guidance="Stay with what could be seen and heard.",
        ),
        Step(
            title="The turn",
            purpose="Find the place where you turned back.",
            questions=("Where did you turn back?",),
        ),
    ),
)
UNFINISHED = Practice(
    name="sunday",
    title="Sunday",
    summary="",
    icon="book",
    minutes=10,
    order=1000,
    openings={},
    steps=(Step(title=""),),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StagedEntry:
    practice: Practice
    is_own: bool
    fault: str = ""
    has_draft: bool = False


class StagedShelf:
    """What was saved stands in `own`."""

    def __init__(self, *own: Practice) -> None:
        self.own = {practice.name: practice for practice in own}
        self.deleted: Practice | None = None
        self.trouble: CompanionError | None = None
        """Raised instead of saving."""

    def entries(self) -> Sequence[StagedEntry]:
        own = [StagedEntry(practice=each, is_own=True, fault=_fault(each)) for each in self.own.values()]
        shipped = load_practices(Path("no-such-folder"))
        return [*own, *(StagedEntry(practice=each, is_own=False) for each in shipped)]

    async def save(self, practice: Practice, name: str = "") -> str:
        if self.trouble is not None:
            raise self.trouble
        name = name or practice.title.lower().replace(" ", "-") or "practice"
        self.own[name] = practice
        return name

    async def delete(self, name: str) -> None:
        self.deleted = self.own.pop(name)

    async def undo_delete(self) -> bool:
        if self.deleted is None:
            return False
        self.own[self.deleted.name] = self.deleted
        return True

    def forget_deleted(self) -> None:
        self.deleted = None


def _fault(practice: Practice) -> str:
    return next((fault.sentence for fault in find_faults(write_practice(practice))), "")
