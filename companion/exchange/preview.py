"""What an import would bring, in figures and in the sentences that the window and the command line both show. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

FUTURE, EARLY, TWICE = "future", "early", "twice"
ODD = {
    FUTURE: ("{n} dated in the future", "{n} dated in the future"),
    EARLY: ("{n} dated before 1900", "{n} dated before 1900"),
    TWICE: ("{n} that shares its name with another", "{n} that share their names with others"),
}
"""What may be odd about an entry that can come in or be left out: for one, for several."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """An account of one import before anything is kept."""

    name: str
    """Of the file or folder."""
    formats: tuple[str, ...]
    """Labels, "Day One"."""
    entries: int = 0
    """That can come in: new ones and those that are here already."""
    first: date | None = None
    last: date | None = None
    here: int = 0
    """Are in the journal already and stay as they are."""
    odd: Mapping[str, int] = field(default_factory=dict)
    """New entries that are odd in a way of `ODD`."""
    journals: tuple[str, ...] = ()
    skipped: tuple[tuple[str, str], ...] = ()
    """What is not read, and why; the first 200."""
    skipped_count: int = 0
    refused: tuple[tuple[str, str], ...] = ()
    """Files that are not opened, and why."""
    remarks: Mapping[str, int] = field(default_factory=dict)
    """What should be known of entries that come in, and of how many."""
    unkept: Mapping[str, int] = field(default_factory=dict)
    """Kinds of things that stay outside, and how many."""
    sounds: int = 0
    """Recordings that come in with their words."""
    missing: int = 0
    """Pictures and recordings that are spoken of and are not in the file."""

    @property
    def new(self) -> int:
        return self.entries - self.here

    def coming(self, leave_out: frozenset[str] = frozenset()) -> int:
        """How many would be kept, where odd ones are left out; one that is odd in two ways counts by the first."""
        return self.new - sum(count for kind, count in self.odd.items() if kind in leave_out)

    @property
    def headline(self) -> str:
        """ "412 reflections from Day One, 3 March 2019 to 5 May 2024"."""
        where = f" from {' and '.join(self.formats)}" if self.formats else ""
        return f"{counted(self.new, 'reflection')}{where}{_span(self.first, self.last)}"

    def notes(self) -> list[str]:
        """Everything else, a sentence each; the most important first."""
        said = []
        if self.here:
            said.append(
                f"{counted(self.here, 'entry', 'entries')} already in the journal: nothing is changed there."
            )
        for kind, count in self.odd.items():
            said.append(f"{ODD[kind][count != 1].format(n=f'{count:,}')}.")
        if self.skipped_count:
            said.append(f"{counted(self.skipped_count, 'thing')} skipped; each is named below.")
        said += [f"{counted(count, 'entry', 'entries')}: {text}." for text, count in self.remarks.items()]
        if self.unkept:
            things = ", ".join(counted(count, kind) for kind, count in self.unkept.items())
            said.append(f"Not kept yet: {things}. They stay in the file you import from.")
        if self.sounds:
            said.append(f"With {counted(self.sounds, 'recording')}, which are sealed like all others here.")
        if self.missing:
            said.append(
                f"{counted(self.missing, 'picture or recording', 'pictures or recordings')} missing in the file."
            )
        if len(self.journals) > 1:
            said.append(f"It holds {len(self.journals)} journals: {', '.join(self.journals)}.")
        return said

    def left_outside(self) -> list[str]:
        """Each skipped thing and each file that was not opened, with why."""
        listed = [f"{what}: {why}" for what, why in (*self.refused, *self.skipped)]
        unnamed = self.skipped_count - len(self.skipped)
        return [*listed, f"and {unnamed:,} more"] if unnamed > 0 else listed


def counted(count: int, noun: str, nouns: str | None = None) -> str:
    """ "1 reflection", "1,204 reflections"."""
    return f"{count:,} {noun if count == 1 else nouns or f'{noun}s'}"


_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


def _span(first: date | None, last: date | None) -> str:
    if first is None or last is None:
        return ""
    if first == last:
        return f", of {_said(first)}"
    return f", {_said(first)} to {_said(last)}"


def _said(day: date) -> str:
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"
