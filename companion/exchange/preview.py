"""What an import would bring, in figures and in the sentences that the window and the command line both show. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date

from companion.days import date_in_words
from companion.language import mark, number, sentence, tr, trn

FUTURE, EARLY, TWICE = "future", "early", "twice"
ODD: Mapping[str, Callable[[int], str]] = {
    FUTURE: lambda n: trn("{n:,} dated in the future", "{n:,} dated in the future", n),
    EARLY: lambda n: trn("{n:,} dated before 1900", "{n:,} dated before 1900", n),
    TWICE: lambda n: trn(
        "{n:,} that shares its name with another", "{n:,} that share their names with others", n
    ),
}
"""What may be odd about an entry that can come in or be left out, and how many such are told."""
_LEAVE_OUT: Mapping[str, Callable[[int], str]] = {
    FUTURE: lambda n: trn("Leave out {n:,} dated in the future", "Leave out {n:,} dated in the future", n),
    EARLY: lambda n: trn("Leave out {n:,} dated before 1900", "Leave out {n:,} dated before 1900", n),
    TWICE: lambda n: trn(
        "Leave out {n:,} that shares its name with another",
        "Leave out {n:,} that share their names with others",
        n,
    ),
}
_UNKEPT: Mapping[str, Callable[[int], str]] = {
    mark("picture"): lambda n: trn("{n:,} picture", "{n:,} pictures", n),
    "recording": lambda n: trn("{n:,} recording", "{n:,} recordings", n),
    "video": lambda n: trn("{n:,} video", "{n:,} videos", n),
    "document": lambda n: trn("{n:,} document", "{n:,} documents", n),
    "attachment": lambda n: trn("{n:,} attachment", "{n:,} attachments", n),
    "place": lambda n: trn("{n:,} place", "{n:,} places", n),
    "weather report": lambda n: trn("{n:,} weather report", "{n:,} weather reports", n),
    "rating": lambda n: trn("{n:,} rating", "{n:,} ratings", n),
}
"""What is left out, by the words of the readers of `formats`."""


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
        told = reflections(self.new)
        if self.formats:
            told = tr(
                "{reflections} from {formats}", reflections=told, formats=tr(" and ").join(self.formats)
            )
        return f"{told}{_span(self.first, self.last)}"

    def notes(self) -> list[str]:
        """Everything else, a sentence each; the most important first."""
        said = []
        if self.here:
            said.append(
                trn(
                    "{n:,} entry already in the journal: nothing is changed there.",
                    "{n:,} entries already in the journal: nothing is changed there.",
                    self.here,
                )
            )
        for kind, count in self.odd.items():
            said.append(sentence(ODD[kind](count)))
        if self.skipped_count:
            said.append(
                trn(
                    "{n:,} thing skipped; each is named below.",
                    "{n:,} things skipped; each is named below.",
                    self.skipped_count,
                )
            )
        said += [sentence(f"{entries(count)}: {tr(text)}") for text, count in self.remarks.items()]
        if self.unkept:
            things = ", ".join(_unkept(count, kind) for kind, count in self.unkept.items())
            said.append(
                tr(
                    "Companion cannot keep these yet: {things}. They stay in the file you import from.",
                    things=things,
                )
            )
        if self.sounds:
            said.append(
                trn(
                    "With {n:,} recording, encrypted like all others here.",
                    "With {n:,} recordings, encrypted like all others here.",
                    self.sounds,
                )
            )
        if self.missing:
            said.append(
                trn(
                    "{n:,} picture or recording missing in the file.",
                    "{n:,} pictures or recordings missing in the file.",
                    self.missing,
                )
            )
        if len(self.journals) > 1:
            names = ", ".join(self.journals)
            said.append(tr("There are {n} journals in it: {names}.", n=len(self.journals), names=names))
        return said

    def left_outside(self) -> list[str]:
        """Each skipped thing and each file that was not opened, with why."""
        listed = [f"{tr(what)}: {tr(why)}" for what, why in (*self.refused, *self.skipped)]
        unnamed = self.skipped_count - len(self.skipped)
        return [*listed, trn("and {n:,} more", "and {n:,} more", unnamed)] if unnamed > 0 else listed


def leave_out(kind: str, count: int) -> str:
    """Words for a tick that keeps odd entries out, by the names of `ODD`."""
    return _LEAVE_OUT[kind](count)


def reflections(count: int) -> str:
    """ "1 reflection", "1,204 reflections"."""
    return trn("{n:,} reflection", "{n:,} reflections", count)


def entries(count: int) -> str:
    """ "1 entry", "1,204 entries"."""
    return trn("{n:,} entry", "{n:,} entries", count)


def _unkept(count: int, kind: str) -> str:
    told = _UNKEPT.get(kind)
    return told(count) if told is not None else f"{number(f'{count:,}')} {kind}"


def _span(first: date | None, last: date | None) -> str:
    if first is None or last is None:
        return ""
    if first == last:
        return tr(", of {day}", day=date_in_words(first))
    return tr(", {first} to {last}", first=date_in_words(first), last=date_in_words(last))
