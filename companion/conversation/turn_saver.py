"""What is saved of a conversation: words before they are sent, the reply sentence by sentence, the whole turn at its end.

Between turns and journal. Every turn goes to the journal its session began in; while one of them is written, nothing is
moved between journals. What cannot be saved stays in memory, is told once, and is tried again before anything newer, and
by itself every few seconds.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol
from weakref import WeakSet

from companion import days
from companion.conversation.session import Session
from companion.errors import CompanionError, Kind
from companion.events import Events, Trouble, TroubleCleared, UserSaid
from companion.flow import Sentence
from companion.kinds import KeepSound, ReplyState
from companion.ports import Journal, Spool
from companion.tasks import spawn, stop

if TYPE_CHECKING:
    from companion.conversation.live_turn import LiveTurn

AGAIN_S = 5.0
"""Until what could not be saved is tried again."""
_UNSAVED = frozenset({Kind.JOURNAL_UNSAVED, Kind.DISK_FULL})
"""What is right again when everything is saved."""


class Moved(Protocol):
    """Where everything of one journal went in another."""

    @property
    def sessions(self) -> Mapping[int, int]:
        """Old id -> new id."""

    @property
    def turns(self) -> Mapping[int, int]:
        """Old id -> new id."""

    @property
    def takes(self) -> Mapping[str, Spool]:
        """Old id -> the sealed copy in the other journal."""


class TurnSaver:
    """One per engine."""

    def __init__(
        self,
        journal: Callable[[], AbstractAsyncContextManager[Journal]],
        events: Events,
        keeps_sound: Callable[[], KeepSound],
    ) -> None:
        """`journal()`: the one that is open, which nobody moves while it is used."""
        self.unsent: list[Spool] = []
        """Recordings whose words wait in the composer; they go when the next words are committed."""
        self._journal, self._events, self._keeps_sound = journal, events, keeps_sound
        self._unsaved: list[LiveTurn] = []
        self._unfinished: list[Spool] = []
        """Recordings whose end is not on disk."""
        self._trying: asyncio.Task[None] | None = None
        self._alive: WeakSet[LiveTurn] = WeakSet()
        self._saving = asyncio.Lock()
        """One turn at a time, so that none is written twice."""

    def know(self, turn: LiveTurn) -> None:
        """`turn` may still be written: it is told where its journal moves."""
        self._alive.add(turn)

    @asynccontextmanager
    async def journal_of(self, session: Session) -> AsyncGenerator[Journal, None]:
        """The journal of `session`; the one that is open now, where nothing of it is kept yet."""
        async with self._journal() as now:
            yield session.journal or now

    async def save_user(self, turn: LiveTurn) -> None:
        """The person's words are committed before they are sent; where that fails they stay in memory, and it is said."""
        if not turn.at:
            now = days.now()
            turn.at, turn.offset_s = now.at, now.offset_s
        try:
            async with self._saving:
                await self._commit_user(turn)
        except CompanionError as error:
            self._remember(turn, error)
        else:
            spools = [*turn.spools(), *self.unsent]
            self.unsent.clear()
            if spools:  # the turn waits for it at its end; the answer does not
                turn.saves.append(spawn(self._settle(spools, turn), name="settle recordings"))
        if not turn.is_again:
            is_saved = turn.id is not None
            said = UserSaid(
                turn=turn.number,
                text=turn.text,
                at=turn.at,
                offset_s=turn.offset_s,
                saved=is_saved,
                is_of_before=turn.is_left,
            )
            self._events.emit(said)

    async def save_sentence(self, turn: LiveTurn, sentence: Sentence) -> None:
        """Appends to the reply in the journal. A turn that is not there yet is saved as a whole at its end."""
        if turn.id is None:
            return
        try:
            async with self.journal_of(turn.session) as journal:
                await journal.save_sentence(turn.id, sentence.text)
        except CompanionError as error:
            self._remember(turn, error)

    async def save(self, turn: LiveTurn) -> bool:
        """Commits all that is known of a finished turn; False when it cannot be."""
        async with self._saving:
            try:
                await self._commit(turn)
            except CompanionError as error:
                self._remember(turn, error)
                return False
            with suppress(CompanionError):  # it was told when it happened
                await self._catch_up()
            return True

    async def reopen(self, turn: LiveTurn, kept: str) -> None:
        """An answer goes on after `kept`, of an earlier try or empty; the sentences to come are appended."""
        before = turn.continues
        if turn.id is None:
            return
        try:
            async with self.journal_of(turn.session) as journal:
                await journal.finish_reply(
                    turn.id,
                    reply_text=kept,
                    heard_text=kept,
                    state=ReplyState.PARTIAL,
                    reply_at=(before and before.reply_at) or turn.at,
                    engines=before.engines if before else {},
                    timeline_ms=before.timeline_ms if before else {},
                    cost_usd=before.cost_usd if before else None,
                )
        except CompanionError as error:
            self._remember(turn, error)

    async def save_again(self) -> None:
        """Tries what could not be saved, and tells it where it still cannot be."""
        async with self._saving:
            try:
                await self._catch_up()
            except CompanionError as error:
                self._events.emit(Trouble(error=error, turn=self._unsaved[0].number))

    async def close(self) -> None:
        """Tries a last time."""
        async with self._saving:  # never in the middle of a turn, which would then be written twice
            await stop(self._trying)
        await self.save_again()

    def replaced(self, turn: LiveTurn) -> None:
        """Another try has taken its place: it is not saved any more."""
        if turn in self._unsaved:
            self._unsaved.remove(turn)

    async def finish(self, spool: Spool, turn: int) -> None:
        """The recording is on disk, or it is said that it is not."""
        try:
            await spool.finish()
        except CompanionError as error:
            self._unfinished.append(spool)
            self._events.emit(Trouble(error=error, turn=turn))
            self._try_later()

    async def _settle(self, spools: Sequence[Spool], turn: LiveTurn) -> None:
        """The words are kept: their recordings stay with them, or go, as the person wants it."""
        if not self._keeps_sound().stays or turn.id is None:
            await self.discard(spools, turn)
            return
        try:
            for spool in spools:
                await spool.finish()
            async with self.journal_of(turn.session) as journal:
                await journal.keep_sound(turn.id, [spool.id for spool in spools])
        except CompanionError as error:
            self._events.emit(Trouble(error=error, turn=turn.number))

    async def keep_answer(self, turn: LiveTurn) -> None:
        """The sound of its answer stays with its words, as far as it was heard."""
        sound, turn.answer_sound = turn.answer_sound, None
        if sound is None or turn.id is None or not (pcm := await asyncio.to_thread(sound.heard)):
            return
        try:
            async with self.journal_of(turn.session) as journal:
                await journal.keep_answer(turn.id, pcm, goes_on=turn.continues is not None)
        except CompanionError as error:
            self._events.emit(Trouble(error=error, turn=turn.number))

    async def discard(self, spools: Iterable[Spool], turn: LiveTurn | None = None) -> None:
        """Forgets recordings."""
        for spool in spools:
            try:
                await spool.discard()
            except CompanionError as error:
                self._events.emit(Trouble(error=error, turn=turn.number if turn is not None else None))

    def moved(self, before: Journal, after: Journal, moved: Moved) -> None:
        """All of `before` is in `after` now. Nobody writes meanwhile."""
        sessions = {turn.session for turn in self._alive}
        for session in sessions:
            self.session_moved(session, before, after, moved)
        for turn in self._alive:
            if turn.session.journal not in (None, after):
                continue
            if turn.id is not None:
                turn.id = moved.turns.get(turn.id)
            if turn.record is not None:
                turn.record = replace(turn.record, id=turn.id or 0, session_id=turn.session.id or 0)
            if turn.spool is not None:
                if turn.spool.id in moved.takes:
                    turn.spool = moved.takes[turn.spool.id]
                else:
                    turn.seal_in(after)
        self.unsent[:] = [moved.takes.get(spool.id, spool) for spool in self.unsent]

    def session_moved(self, session: Session, before: Journal, after: Journal, moved: Moved) -> None:
        """The same for a session, whether a turn of it is alive or not."""
        if session.journal is not before:
            return
        session.journal, session.id = after, moved.sessions.get(session.id or 0)
        session.changes.clear()  # they are of turns by their old numbers
        session.history[:] = [
            replace(turn, id=moved.turns.get(turn.id, turn.id), session_id=session.id or 0)
            for turn in session.history
        ]

    async def _catch_up(self) -> None:
        """What could not be saved is, as far as there is room.

        Raises:
            CompanionError: of the first that still cannot.
        """
        finished = [turn for turn in self._unsaved if turn.record is not None]
        for turn in finished:
            await self._commit(turn)
        if finished and not self._unsaved:
            self._events.emit(TroubleCleared(kinds=_UNSAVED))

    async def _commit(self, turn: LiveTurn) -> None:
        record = turn.record
        assert record is not None, "only a finished turn is saved as a whole"
        turn_id = await self._commit_user(turn)
        async with self.journal_of(turn.session) as journal:
            await journal.finish_reply(
                turn_id,
                reply_text=record.reply_text,
                heard_text=record.heard_text,
                state=record.reply_state,
                reply_at=record.reply_at or turn.at,
                engines=record.engines,
                timeline_ms=record.timeline_ms,
                cost_usd=record.cost_usd,
            )
        self.replaced(turn)

    async def _commit_user(self, turn: LiveTurn) -> int:
        """The words are in the journal, after those said before them that could not be saved yet."""
        if turn.id is not None:
            return turn.id
        older = self._unsaved[: self._unsaved.index(turn)] if turn in self._unsaved else list(self._unsaved)
        for each in older:
            if each.record is not None and each.id is None:
                await self._commit(each)
        async with self.journal_of(turn.session) as journal:
            session_id = await turn.session.begin_in(journal, turn.chain()[0].began)
            turn.id = await journal.save_user(session_id, turn.text, turn.at, turn.offset_s)
        return turn.id

    def _remember(self, turn: LiveTurn, error: CompanionError) -> None:
        if turn not in self._unsaved:
            self._unsaved.append(turn)
            self._events.emit(Trouble(error=error, turn=turn.number))
        self._try_later()

    def _try_later(self) -> None:
        if self._trying is None or self._trying.done():
            self._trying = spawn(self._keep_trying(), name="save what was not saved")

    async def _keep_trying(self) -> None:
        """Ends once there was room for everything."""
        while self._unsaved or self._unfinished:
            await asyncio.sleep(AGAIN_S)
            with suppress(CompanionError):  # it was told when it happened
                async with self._saving:
                    await self._catch_up()
                while self._unfinished:
                    await self._unfinished[0].finish()
                    del self._unfinished[0]


class KeptTake:
    """A recording of an earlier run as a `Spool`: already sealed, it can only be forgotten."""

    def __init__(self, journal: Journal, take_id: str) -> None:
        self.id = take_id
        self._journal = journal

    def write(self, frame: bytes) -> None:
        """Nothing is added to it."""

    async def finish(self) -> None:
        """It is finished."""

    async def discard(self) -> None:
        await self._journal.discard_take(self.id)
