"""What is marked of the reflection under way: moods with a word, a title. Kept with it, whenever its journal opens.

A mark holds at once and is kept as soon as that can be: behind a journal that is still opening, again after a fault, with
the reflection it was made in though another has begun. Belongs to the loop's thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

from companion import days
from companion.errors import CompanionError
from companion.events import (
    Event,
    Events,
    JournalOpened,
    Note,
    PracticeChanged,
    ReflectionMarked,
    SessionBegan,
    TroubleCleared,
    TurnFinished,
    UserSaid,
)
from companion.language import tr
from companion.practices import standing, summary_in, title_in
from companion.tasks import spawn

if TYPE_CHECKING:
    from companion.conversation.engine import Engine
    from companion.conversation.session import Marked, Session
    from companion.flow import TurnRecord
    from companion.ports import Journal

LONGEST_TITLE, LONGEST_WORD = 120, 40
_AGAIN = (UserSaid, TurnFinished, TroubleCleared, JournalOpened)
"""After these, what could not be kept is tried again."""
_MOST_TRIES = 20
"""Then the reflection is gone, or nothing can be kept at all."""


class Marking:
    """One per app.

    Args:
        engine: the conversation.
        using: the journal that is open, which nobody moves while it is used.
    """

    def __init__(
        self,
        events: Events,
        engine: Callable[[], Engine],
        using: Callable[[], AbstractAsyncContextManager[Journal]],
    ) -> None:
        self._events, self._engine, self._using = events, engine, using
        self._unkept: dict[Session, int] = {}
        """What is still to be kept, and how often that was tried."""
        self._keeping: asyncio.Task[None] | None = None
        self._unwatch = events.watch(self._follow)

    # -- what the person does -------------------------------------------------------------------------------

    def mark_before(self, mood: int | None, word: str = "") -> None:
        """How they are as it begins: -3 .. 3, None takes the mark back."""
        marked = self._marked
        marked.before, marked.word_before = mood, _short(word, LONGEST_WORD) if mood is not None else ""
        self._changed("before", "word")

    def mark_after(self, mood: int | None, word: str = "") -> None:
        """How they are now that it is over."""
        marked = self._marked
        marked.after, marked.word_after = mood, _short(word, LONGEST_WORD) if mood is not None else ""
        self._changed("after", "word")

    def name(self, title: str) -> None:
        """Their own title; empty: the first words."""
        self._marked.title, self._marked.is_own_title = _short(title, LONGEST_TITLE), True
        self._changed("title")

    # -- what happens ---------------------------------------------------------------------------------------

    def tell(self) -> None:
        """Emits what is marked now."""
        marked = self._marked
        self._events.emit(
            ReflectionMarked(
                title=marked.title,
                before=marked.before,
                after=marked.after,
                word_before=marked.word_before,
                word_after=marked.word_after,
            )
        )

    async def close(self) -> None:
        """What is marked is kept, where it can be."""
        self._unwatch()
        if self._keeping is not None:
            await asyncio.wait([self._keeping])
        await self._keep_all()

    @property
    def _marked(self) -> Marked:
        return self._engine().session.marked

    def _follow(self, event: Event) -> None:
        match event:
            case SessionBegan():
                self.tell()
            case TurnFinished() if title_in(event.record.reply_text) and self._ends_with(event.record):
                self._offer(event.record.reply_text)
            case PracticeChanged(is_over=True):
                self.tell()
        if self._unkept and isinstance(event, _AGAIN):
            self._begin_keeping()

    def _ends_with(self, record: TurnRecord) -> bool:
        """Whether this turn is one of the reflection under way, and its practice was over by then."""
        session = self._engine().session
        said = [turn.user_text for turn in session.history]
        return any(turn is record for turn in session.history) and standing(session.practice, said).is_over

    def _offer(self, answer: str) -> None:
        """The end of a practice: its title stands until the person writes another."""
        marked = self._marked
        marked.summary = summary_in(answer)
        if not marked.is_own_title:
            marked.title = _short(title_in(answer), LONGEST_TITLE)
            self._changed("title")
        self._changed("summary")

    def _changed(self, *names: str) -> None:
        self._marked.unkept.update(names)
        self._unkept[self._engine().session] = 0
        self.tell()
        self._begin_keeping()

    # -- keeping --------------------------------------------------------------------------------------------

    def _begin_keeping(self) -> None:
        if self._keeping is None or self._keeping.done():
            self._keeping = spawn(self._keep_all(), name="keep marks")

    async def _keep_all(self) -> None:
        """Keeps what is unkept; what changes meanwhile is kept too."""
        for _ in range(_MOST_TRIES):
            before = dict(self._unkept)
            for session in before:
                await self._keep(session)
            if not self._unkept or all(self._unkept.get(each) for each in before):
                return

    async def _keep(self, session: Session) -> None:
        tries = self._unkept.pop(session, 0)
        try:
            async with self._using() as journal:
                await session.begin_in(journal, days.now())
                await _write(session)
        except CompanionError as error:
            if tries == 0:
                self._events.emit(Note(text=f"{tr('What you marked is not kept yet.')} {error.message}"))
            if tries < _MOST_TRIES:
                self._unkept.setdefault(session, tries + 1)


async def _write(session: Session) -> None:
    from companion.journal.store import SqlJournal

    journal, marked = session.journal, session.marked
    if not isinstance(journal, SqlJournal) or session.id is None:
        return
    unkept, marked.unkept = marked.unkept, set()
    try:
        moods = {"before": marked.before, "after": marked.after, "word": marked.word}
        changed = {name: value for name, value in moods.items() if name in unkept}
        if changed:
            await journal.changing.set_mood(session.id, **changed)  # type: ignore[arg-type]  # each as its name says
        if "title" in unkept:
            await journal.changing.set_title(session.id, marked.title)
        if "summary" in unkept:
            await journal.changing.set_summary(session.id, marked.summary)
    except BaseException:
        marked.unkept |= unkept
        raise


def _short(text: str, most: int) -> str:
    return " ".join(text.split())[:most].rstrip()
