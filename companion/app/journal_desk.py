"""Changing what the journal keeps. What is deleted or put right there is so in the conversation under way too.

Also lets go what is due, at the start and whenever a day begins. Every method may raise what the journal raises. Belongs to
the loop's thread.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Collection, Sequence
from contextlib import AbstractAsyncContextManager, aclosing
from dataclasses import replace
from typing import TYPE_CHECKING

from companion import days
from companion.app import roles
from companion.errors import CompanionError
from companion.events import Event, Events, LocalTimeChanged, Trouble
from companion.language import tr
from companion.places import shown
from companion.records import Selection
from companion.tasks import spawn, stop

if TYPE_CHECKING:
    import asyncio

    from companion.app.backing_up import BackingUp
    from companion.app.played import Played
    from companion.conversation.engine import Engine
    from companion.flow import Audio, TurnRecord
    from companion.journal.changing import Remains
    from companion.journal.store import SqlJournal
    from companion.practices import Practice
    from companion.records import Hit, SessionRecord

EVERYTHING = Selection()


class JournalDesk:
    """One per app.

    Args:
        journal: the one that is open.
        practice: by its name, or the open one where it is gone.
        sound_days: how many days recordings are kept; None: as long as their words.
        played: plays sound that is no answer.
        voice: the one that is chosen.
        why_empty: why what was said may not be seen now.
        backups: of the journal; told that something may have gone for good.
    """

    def __init__(
        self,
        *,
        journal: Callable[[], AbstractAsyncContextManager[SqlJournal]],
        engine: Callable[[], Engine],
        practice: Callable[[str], Practice],
        sound_days: Callable[[], int | None],
        played: Callable[[], Played],
        voice: Callable[[], Callable[[str], AsyncGenerator[Audio, None]] | None],
        events: Events,
        backups: BackingUp,
        why_empty: Callable[[], CompanionError | None] = lambda: None,
    ) -> None:
        self._journal, self._engine, self._practice = journal, engine, practice
        self._played, self._voice = played, voice
        self._sound_days, self._events, self._why_empty = sound_days, events, why_empty
        self._backups = backups
        self._tidying: asyncio.Task[None] | None = None
        self._unwatch: Callable[[], None] | None = None

    def open(self) -> None:
        """Lets go what is due, now and on every day to come."""
        self._unwatch = self._events.watch(self._note)
        self._tidy()

    async def close(self) -> None:
        if self._unwatch is not None:
            self._unwatch()
        await stop(self._tidying)

    # -- reading --------------------------------------------------------------------------------------------

    async def page(
        self, before: tuple[float, int] | None = None, limit: int = 100, selection: Selection = EVERYTHING
    ) -> Sequence[SessionRecord]:
        """Newest first, those that began before `before`: when one began, and its id.

        An empty page is never given for a journal that holds more than can be seen; that raises why.
        """
        async with self._journal() as journal:
            found = await journal.list.page(before, limit, selection)
        if not found and before is None and selection == EVERYTHING and (why := self._why_empty()):
            raise why
        return found

    async def turns(self, session_id: int) -> Sequence[TurnRecord]:
        """In the order they were said."""
        async with self._journal() as journal:
            return await journal.list.turns(session_id)

    async def labels(self, kind: str) -> Sequence[str]:
        """Every "tag" or "person" that is in use, most used first."""
        async with self._journal() as journal:
            return [name for name, _ in await journal.list.labels(kind)]

    async def words(self, typed: str, selection: Selection = EVERYTHING) -> Sequence[Hit]:
        """Passages with these words, while the last one is still being written. Best first."""
        async with self._journal() as journal:
            return await journal.finding.words(typed, selection)

    async def search(self, typed: str, selection: Selection = EVERYTHING) -> Sequence[Hit]:
        """By words and by meaning, best first."""
        async with self._journal() as journal:
            return await journal.finding.search(typed, selection)

    # -- marks ----------------------------------------------------------------------------------------------

    async def set_marks(
        self,
        session_id: int,
        *,
        title: str,
        tags: Sequence[str],
        people: Sequence[str],
        mood_before: int | None,
        mood_after: int | None,
        mood_word: str,
    ) -> None:
        """Title (empty: the first words), labels and moods of one reflection."""
        async with self._journal() as journal:
            changing = journal.changing
            await changing.set_title(session_id, title)
            await changing.set_labels(session_id, tags=tags, people=people)
            await changing.set_mood(session_id, before=mood_before, after=mood_after, word=mood_word)

    async def star(self, session_id: int, is_starred: bool) -> None:
        async with self._journal() as journal:
            await journal.changing.star(session_id, is_starred)

    # -- deleting -------------------------------------------------------------------------------------------

    async def delete(self, session_ids: Collection[int]) -> int:
        """Hides reflections; returns the token for `undo`. The one under way is left: what is said now begins another."""
        async with self._journal() as journal:
            token = await journal.changing.delete(session_ids)
            self._engine().leave(journal, session_ids)
        return token

    async def delete_turn(self, turn_id: int) -> int:
        """Hides one turn; returns the token for `undo`. Nobody who answers later is told of it."""
        async with self._journal() as journal:
            token = await journal.changing.delete_turn(turn_id)
            self._engine().recall_anew(journal, lambda turn: None if turn.id == turn_id else turn)
        return token

    async def undo(self, token: int) -> None:
        async with self._journal() as journal:
            await journal.changing.undo(token)

    async def delete_for_good(self, session_ids: Collection[int]) -> None:
        async with self._journal() as journal:
            await journal.changing.delete_for_good(session_ids)
            self._engine().leave(journal, session_ids)
        self._backups.clear_soon()

    async def restore(self, session_ids: Collection[int]) -> None:
        """Brings deleted ones back."""
        async with self._journal() as journal:
            await journal.changing.restore(session_ids)

    async def copies_in_words(self, session_ids: Collection[int]) -> str:
        """Where copies of them are that deleting does not reach, in sentences; empty: nowhere."""
        remains = await self.remains(session_ids)
        said = []
        if remains.copies:
            last = max(until for _, until in remains.copies)
            day = days.When.of(last, None).day_in_words(days.now().day)
            said.append(tr("Copies of the journal hold it until {day}.", day=day))
        for away in await self._backups.elsewhere():
            if not away.is_there and remains.began is not None and away.newest_at >= remains.began:
                newest = days.When.of(away.newest_at, None).day_in_words(days.now().day)
                said.append(
                    tr(
                        "Backups in {shown}, which is not connected, hold it until it is; the newest is of "
                        "{newest}.",
                        shown=shown(away.path),
                        newest=newest,
                    )
                )
        for aside in remains.aside:
            said.append(
                tr("The file put aside in {shown} holds it until you remove that folder.", shown=shown(aside))
            )
        others = sorted({roles.label_of(name) for _, name in remains.engines if _is_elsewhere(name)})
        if others:
            names = tr(" and ").join(others)
            said.append(tr("{names} had it to answer you, and may keep it for a time.", names=names))
        return " ".join(said)

    async def remains(self, session_ids: Collection[int]) -> Remains:
        """Where copies of them are that deleting does not reach."""
        async with self._journal() as journal:
            return await journal.changing.remains(session_ids)

    # -- putting right and going on -------------------------------------------------------------------------

    async def edit_words(self, turn_id: int, text: str) -> None:
        """What the person said, put right; whoever answers next reads it so."""
        async with self._journal() as journal:
            await journal.changing.edit_words(turn_id, text)

            def right(turn: TurnRecord) -> TurnRecord:
                return replace(turn, user_text=text) if turn.id == turn_id else turn

            self._engine().recall_anew(journal, right)

    async def merge(self, into: int, others: Collection[int]) -> int:
        """One reflection of several; returns the token for `undo`. What is said now in one of them goes on in it."""
        async with self._journal() as journal:
            return await journal.changing.merge(into, others)

    async def go_on(self, session_id: int) -> bool:
        """What is said from now on belongs to this reflection; False: it is not there any more."""
        async with self._journal() as journal:
            from companion.conversation.session import Marked, Session

            session = await journal.list.session(session_id)
            if session is None or session.deleted_at is not None:
                return False
            turns = await journal.list.turns(session_id)
            practice = self._practice(session.practice)
            before = Session(
                practice,
                history=list(turns),
                journal=journal,
                id=session_id,
                taken_up=days.now(),
                marked=Marked.of(session),
            )
            self._engine().go_on_in(before)
        return True

    async def read_aloud(self, text: str) -> None:
        """Speaks a text of the journal with the voice that is chosen; what sounded before stops. Returns when it is over.

        Raises:
            CompanionError: what the voice or the speaker raises.
        """
        await self._played().play(self._spoken(text))

    # -- inside ---------------------------------------------------------------------------------------------

    async def _spoken(self, text: str) -> AsyncGenerator[Audio, None]:
        from companion.conversation.sentences import SentenceCutter

        cutter, voice = SentenceCutter(), self._voice()
        for sentence in (*cutter.feed(text), *cutter.finish()):
            if voice is not None and sentence.spoken:
                async with aclosing(voice(sentence.spoken)) as sound:
                    async for audio in sound:
                        yield audio

    def _note(self, event: Event) -> None:
        if isinstance(event, LocalTimeChanged) and event.is_other_day:
            self._tidy()

    def _tidy(self) -> None:
        if self._tidying is None or self._tidying.done():
            self._tidying = spawn(self._let_go(), name="tidy the journal")

    async def _let_go(self) -> None:
        try:
            async with self._journal() as journal:
                await journal.tidy(sound_days=self._sound_days())
                self._backups.clear_soon()
                await journal.check()
        except CompanionError as error:
            self._events.emit(Trouble(error=error))


def _is_elsewhere(full_name: str) -> bool:
    """Whether "provider/model" runs on another computer; one that is not known any more may."""
    from companion.hosts import is_this_computer
    from companion.providers import registry

    try:
        address = registry.find(full_name.partition("/")[0]).base_url
    except CompanionError:
        return True
    return bool(address) and not is_this_computer(address)
