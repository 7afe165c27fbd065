"""What is kept of a conversation: words before they are sent, the reply sentence by sentence, the whole turn at its end.

Between the engine and the journal. What the journal cannot take stays in memory, is told once, and is tried again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

from companion import days
from companion.conversation.live_turn import LiveTurn
from companion.errors import CompanionError
from companion.events import Events, Trouble, TroubleCleared, UserSaid
from companion.flow import ReplyState, Sentence
from companion.ports import Journal, Spool
from companion.tasks import spawn


class Keeping:
    """Of one session; what comes late for it is kept in it though another has begun."""

    def __init__(
        self, journal: Callable[[], Awaitable[Journal]], events: Events, practice: str, after: Keeping | None
    ) -> None:
        """`practice`: the first words start a session of it. `after`: the session before; what it owes is taken over."""
        self.session_id: int | None = None
        self.unsent: list[Spool] = after.unsent if after is not None else []
        """Recordings whose words wait in the composer; they go when the next words are committed."""
        self._journal = journal
        self._events = events
        self._practice = practice
        self._unsaved: list[LiveTurn] = after._unsaved if after is not None else []

    async def save_user(self, turn: LiveTurn) -> None:
        """The person's words are committed before they are sent; where that fails they stay in memory, and it is said."""
        is_again = turn.id is not None
        if not turn.at:
            when = days.now()
            turn.at, turn.offset_s = when.at, when.offset_s
        try:
            await self._commit_user(await self._journal(), turn)
        except CompanionError as error:
            self._remember(turn, error)
        else:
            spools = [*turn.spools(), *self.unsent]
            self.unsent.clear()
            if spools:  # the turn waits for it at its end; the answer does not
                turn.saves.append(spawn(self._forget(turn, spools), name="discard recordings"))
        if not is_again:
            saved = turn.id is not None
            said = UserSaid(turn=turn.number, text=turn.text, at=turn.at, offset_s=turn.offset_s, saved=saved)
            self._events.emit(said)

    async def save_sentence(self, turn: LiveTurn, sentence: Sentence) -> None:
        """Appends to the reply in the journal. A turn that is not there yet is saved as a whole at its end."""
        if turn.id is None:
            return
        try:
            await (await self._journal()).save_sentence(turn.id, sentence.text)
        except CompanionError as error:
            self._remember(turn, error)

    async def save(self, turn: LiveTurn) -> bool:
        """Commits all that is known of a finished turn; False when it cannot be."""
        record = turn.record
        assert record is not None, "only a finished turn is saved as a whole"
        try:
            journal = await self._journal()
            await journal.finish_reply(
                await self._commit_user(journal, turn),
                reply_text=record.reply_text,
                heard_text=record.heard_text,
                state=record.reply_state,
                reply_at=record.reply_at or turn.at,
                engines=record.engines,
                timeline_ms=record.timeline_ms,
                cost_usd=record.cost_usd,
            )
        except CompanionError as error:
            self._remember(turn, error)
            return False
        if turn in self._unsaved:
            self._unsaved.remove(turn)
        return True

    async def reopen(self, turn: LiveTurn, kept: str) -> None:
        """The answer that was cut off goes on after what is kept of it; the sentences to come are appended."""
        before = turn.continues
        if turn.id is None or before is None:
            return
        try:
            await (await self._journal()).finish_reply(
                turn.id,
                reply_text=kept,
                heard_text=kept,
                state=ReplyState.PARTIAL,
                reply_at=before.reply_at or turn.at,
                engines=before.engines,
                timeline_ms=before.timeline_ms,
                cost_usd=before.cost_usd,
            )
        except CompanionError as error:
            self._remember(turn, error)

    async def save_again(self) -> None:
        """Tries what could not be saved."""
        finished = [turn for turn in self._unsaved if turn.record is not None]
        if finished and all([await turn.keeping.save(turn) for turn in finished]):
            self._events.emit(TroubleCleared())

    async def finish(self, spool: Spool, turn: int) -> None:
        """The recording is on disk, or it is said that it is not."""
        try:
            await spool.finish()
        except CompanionError as error:
            self._events.emit(Trouble(error=error, turn=turn))

    async def _commit_user(self, journal: Journal, turn: LiveTurn) -> int:
        if turn.id is None:
            if self.session_id is None:
                began = turn.began
                self.session_id = await journal.begin_session(self._practice, began.at, began.offset_s)
            turn.id = await journal.save_user(self.session_id, turn.text, turn.at, turn.offset_s)
        return turn.id

    async def _forget(self, turn: LiveTurn, spools: Iterable[Spool]) -> None:
        try:
            await discard(spools)
        except CompanionError as error:
            self._remember(turn, error)

    def _remember(self, turn: LiveTurn, error: CompanionError) -> None:
        if turn not in self._unsaved:
            self._unsaved.append(turn)
            self._events.emit(Trouble(error=error, turn=turn.number))


async def discard(spools: Iterable[Spool]) -> None:
    """Forgets recordings."""
    for spool in spools:
        await spool.discard()


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
