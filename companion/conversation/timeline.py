"""What a turn's marks mean: who kept the person waiting, for how long, and whether that is within the budget.

In: `TurnRecord.timeline_ms`, milliseconds after release by name of the mark; marks may be missing. Out: stages, the
budget against what happened, and both as text. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from companion.events import Mark
from companion.language import mark, tr

TEXT_COLUMNS = 40
"""Width of the bars in the text form, from release to the first sound."""


class Owner(StrEnum):
    """Whose time a stage is."""

    YOU = "you"
    HEARING = "hearing"
    THINKING = "thinking"
    VOICE = "voice"
    OURS = "ours"


PROVIDERS = frozenset({Owner.HEARING, Owner.THINKING, Owner.VOICE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A stretch of a turn."""

    name: str
    start_ms: float
    """After release; negative before it."""
    end_ms: float
    owner: Owner
    is_waited_for: bool = False
    """The first sound could not come before it was over; these stages follow each other without a gap."""

    @property
    def ms(self) -> float:
        return self.end_ms - self.start_ms


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """One line of the budget and what was spent of it."""

    name: str
    limit_ms: float
    actual_ms: float | None
    """None: this turn has no such stretch, or its marks are missing."""
    providers_ms: float = 0.0
    """The part of hearing, thinking and voice."""
    ours_ms: float = 0.0

    @property
    def is_kept(self) -> bool | None:
        return None if self.actual_ms is None else self.actual_ms < self.limit_ms

    def document(self) -> dict[str, object]:
        """As plain values, for JSON."""
        return {
            "name": self.name,
            "limit_ms": self.limit_ms,
            "actual_ms": None if self.actual_ms is None else round(self.actual_ms, 1),
            "providers_ms": round(self.providers_ms, 1),
            "ours_ms": round(self.ours_ms, 1),
            "kept": self.is_kept,
        }


_PATH = (
    (Mark.RELEASED, "", Owner.YOU),
    (Mark.LAST_FRAME, mark("tail"), Owner.OURS),
    (Mark.TRANSCRIPT, mark("hearing"), Owner.HEARING),
    (Mark.ASKED, mark("asking"), Owner.OURS),
    (Mark.FIRST_TOKEN, mark("first token"), Owner.THINKING),
    (Mark.FIRST_CLAUSE, mark("first clause"), Owner.OURS),
    (Mark.FIRST_AUDIO, mark("first audio"), Owner.VOICE),
    (Mark.FIRST_SOUND, mark("first sound"), Owner.OURS),
)
"""The way to the first sound: each stage is named after the mark that ends it."""

_BESIDE = (
    (mark("opening"), Mark.PRESSED, Mark.FIRST_FRAME, Owner.OURS),
    (mark("talking"), Mark.FIRST_FRAME, Mark.RELEASED, Owner.YOU),
    (mark("writing"), Mark.FIRST_TOKEN, Mark.REPLY_DONE, Owner.THINKING),
    (mark("speaking"), Mark.FIRST_SOUND, Mark.LAST_SOUND, Owner.VOICE),
)
"""Stages that nobody waits for."""

_BUDGET = (
    (mark("end of turn"), Mark.RELEASED, Mark.TRANSCRIPT, 300.0),
    (mark("first token"), Mark.ASKED, Mark.FIRST_TOKEN, 100.0),
    (mark("first audio"), Mark.FIRST_CLAUSE, Mark.FIRST_AUDIO, 150.0),
    (mark("whole"), Mark.RELEASED, Mark.FIRST_SOUND, 700.0),
)


def stages(timeline: Mapping[str, float]) -> tuple[Stage, ...]:
    """All that is known of the turn, in the order of beginning."""
    path = _waited_for(timeline)
    found = list(_along(path))
    beside = list(_BESIDE)
    if Mark.TRANSCRIPT not in path:  # words and sound came at once, and nothing waited for these words
        beside.append(("hearing", Mark.RELEASED, Mark.TRANSCRIPT, Owner.HEARING))
    for name, begin, end, owner in beside:
        start_ms, end_ms = _at(timeline, begin), _at(timeline, end)
        if start_ms is not None and end_ms is not None and start_ms < end_ms:
            found.append(Stage(name=name, start_ms=start_ms, end_ms=end_ms, owner=owner))
    return tuple(sorted(found, key=lambda stage: (stage.start_ms, stage.end_ms)))


def budget(timeline: Mapping[str, float]) -> tuple[Spent, ...]:
    """End of turn, first token, first audio and the whole, each with its limit."""
    path = _waited_for(timeline)
    return tuple(_spent(name, limit_ms, path, within=(begin, end)) for name, begin, end, limit_ms in _BUDGET)


def waterfall(timeline: Mapping[str, float]) -> list[str]:
    """Stages as bars and the budget below them, for a terminal; ASCII only."""
    found = stages(timeline)
    if not found:
        return ["There are no times for this turn."]
    end_ms = max((stage.end_ms for stage in found if stage.is_waited_for), default=0.0)
    lines = [_bar_line(stage, max(end_ms, 1.0)) for stage in found]
    return [*lines, "", *(_budget_line(spent) for spent in budget(timeline))]


def told(spent: Spent) -> str:
    """What was spent against its limit, in words: "kept", "over", or that it did not happen."""
    if spent.actual_ms is None:
        return tr("not in this turn")
    return tr("kept") if spent.is_kept else tr("over")


def _at(timeline: Mapping[str, float], mark: Mark) -> float | None:
    at_ms = timeline.get(mark.value)
    return at_ms if at_ms is not None and math.isfinite(at_ms) else None


def _waited_for(timeline: Mapping[str, float]) -> dict[Mark, float]:
    """The marks that lead to the first sound, with their times after release.

    A mark that comes after one that should follow it held nothing up and is left out: the transcript of
    speech-to-speech, the question of an answer that was prepared early.
    """
    path: dict[Mark, float] = {}
    next_ms = math.inf
    for point, _, _ in reversed(_PATH):
        at_ms = _at(timeline, point)
        if at_ms is not None and max(at_ms, 0.0) <= next_ms:
            path[point] = next_ms = max(at_ms, 0.0)
    return dict(reversed(path.items()))


def _along(path: Mapping[Mark, float]) -> list[Stage]:
    found: list[Stage] = []
    start_ms: float | None = None
    for point, name, owner in _PATH:
        if point not in path:
            continue
        if start_ms is not None:
            found.append(
                Stage(name=name, start_ms=start_ms, end_ms=path[point], owner=owner, is_waited_for=True)
            )
        start_ms = path[point]
    return found


def _spent(name: str, limit_ms: float, path: Mapping[Mark, float], *, within: tuple[Mark, Mark]) -> Spent:
    begin, end = within
    if begin not in path or end not in path:
        return Spent(name=name, limit_ms=limit_ms, actual_ms=None)
    start_ms, end_ms = path[begin], path[end]
    between = (stage for stage in _along(path) if start_ms <= stage.start_ms and stage.end_ms <= end_ms)
    providers_ms = sum(stage.ms for stage in between if stage.owner in PROVIDERS)
    actual_ms = end_ms - start_ms
    return Spent(
        name=name,
        limit_ms=limit_ms,
        actual_ms=actual_ms,
        providers_ms=providers_ms,
        ours_ms=actual_ms - providers_ms,
    )


def _bar_line(stage: Stage, whole_ms: float) -> str:
    def column(at_ms: float) -> int:
        return round(min(max(at_ms / whole_ms, 0.0), 1.0) * TEXT_COLUMNS)

    if stage.end_ms <= 0 and stage.start_ms < 0:
        bar = "<"
    elif stage.start_ms >= whole_ms and not stage.is_waited_for:
        bar = " " * TEXT_COLUMNS + ">"
    else:
        begin = min(column(stage.start_ms), TEXT_COLUMNS - 1)
        bar = " " * begin + "#" * max(1, column(stage.end_ms) - begin)
        bar += ">" if stage.end_ms > whole_ms else ""
    return f"{stage.name:<13}{stage.owner:<9}{stage.ms:>8.0f} ms  {bar}"


def _budget_line(spent: Spent) -> str:
    if spent.actual_ms is None:
        return f"{spent.name:<13}{told(spent)}"
    parts = f"providers {spent.providers_ms:.0f}, ours {spent.ours_ms:.0f}"
    return f"{spent.name:<13}{spent.actual_ms:>6.0f} of {spent.limit_ms:.0f} ms  {told(spent)}  ({parts})"
