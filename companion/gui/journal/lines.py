"""A reflection in a line or two, as the list and the reader write it."""

from __future__ import annotations

from companion import days
from companion.days import When
from companion.gui.clean import clean_text
from companion.kinds import mood_name
from companion.language import tr
from companion.records import SessionRecord


def title_of(session: SessionRecord) -> str:
    """Its title, the first words said, or when there are none, what it was."""
    return clean_text(session.title).replace("\n", " ").strip() or tr("Without words")


def minutes_of(session: SessionRecord) -> str:
    return tr("{minutes} min", minutes=max(1, round(session.seconds / 60)))


def when_of(session: SessionRecord) -> When:
    """When it began, where the person was then: that day is the one it belongs to."""
    return When.of(session.started_at, session.offset_s)


def day_of(session: SessionRecord) -> str:
    return when_of(session).day_in_words(days.now().day)


def mood_of(session: SessionRecord) -> str:
    """The marks in words; empty: none."""
    marks = [mood_name(mark) for mark in (session.mood_before, session.mood_after) if mark is not None]
    return " → ".join(dict.fromkeys(marks))
