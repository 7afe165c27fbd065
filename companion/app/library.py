"""The app as far as it keeps something: reading the journal, its figures, and the lock before it.

The base of `Companion` that comes after `Ground`. Belongs to one event loop's thread.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from companion.app.ground import Ground
from companion.events import Note
from companion.language import tr

if TYPE_CHECKING:
    from collections.abc import Sequence

    from companion.app.archive import Archive
    from companion.app.insight_desk import InsightDesk
    from companion.app.journal_desk import JournalDesk
    from companion.app.locking import Lock
    from companion.app.played import Played
    from companion.app.spare_key import SpareKey
    from companion.app.spare_room import SpareRoom
    from companion.conversation.engine import Engine
    from companion.conversation.handsfree import HandsFree
    from companion.flow import TurnRecord
    from companion.practices import Practice
    from companion.records import SessionRecord


class Library(Ground):
    """What it stands on, `Companion` makes."""

    if TYPE_CHECKING:

        @cached_property
        def archive(self) -> Archive: ...

        @cached_property
        def engine(self) -> Engine: ...

        @cached_property
        def hands_free(self) -> HandsFree: ...

        @cached_property
        def journal_desk(self) -> JournalDesk: ...

        @cached_property
        def _played(self) -> Played: ...

        def practices(self) -> Sequence[Practice]: ...

    # -- reading --------------------------------------------------------------------------------------------

    async def sessions(self) -> Sequence[SessionRecord]:
        async with self.archive.using() as journal:
            return await journal.sessions()

    async def turns(self, session_id: int) -> Sequence[TurnRecord]:
        async with self.archive.using() as journal:
            return await journal.turns(session_id)

    @cached_property
    def insights(self) -> InsightDesk:
        """The journal's own figures."""
        from companion.app.insight_desk import InsightDesk

        return InsightDesk(
            self.archive.using, titles=lambda: {each.name: each.title for each in self.practices()}
        )

    async def _keep_or_not(self) -> None:
        """As the settings want it now."""
        try:
            if not self._keeps and self.before_unkept is not None:
                await self.before_unkept()
        finally:
            self.archive.keep(self._keeps)

    def set_private(self, is_private: bool) -> None:
        """What is said from now on leaves nothing, until it is switched off again; another reflection begins.

        So an answer that is kept never comes back to what was said in private.
        """
        is_other = is_private != self._is_private
        self._is_private = is_private
        self.archive.keep(self._keeps, anew=True)
        if is_other and "engine" in self.__dict__:
            self._played.stop()
            self.engine.begin(self.engine.practice)
        if not is_private and not self.settings.journal.keep:
            self.events.emit(Note(text=tr("Nothing is kept: the settings say so")))

    # -- opening and locking --------------------------------------------------------------------------------

    async def journal_needs(self) -> str:
        """What a passphrase would do now: "choose" one for a new journal, "enter" that of a locked one, "" nothing."""
        return await self.archive.needs()

    async def use_passphrase(self, passphrase: str) -> None:
        """Opens or makes the journal with a passphrase; what is under way goes on.

        Raises:
            CompanionError: WRONG_PASSPHRASE, JOURNAL_LOCKED where there is no passphrase, and all that opening can raise.
        """
        await self.archive.use_passphrase(passphrase)

    @cached_property
    def spare_room(self) -> SpareRoom:
        """Room on the disk for the moment it is full."""
        from companion.app.spare_room import SpareRoom

        return SpareRoom(self.home, self.archive, self.events)

    @cached_property
    def lock(self) -> Lock:
        """The app locked and unlocked."""
        from companion.app.locking import Lock

        return Lock(
            self.events,
            archive=self.archive,
            engine=lambda: self.engine,
            settings=lambda: self.settings.journal,
            hush=self._played.stop,
            hands_free=lambda: self.hands_free,
            forget=self._forget_journal,
            go_on=lambda session: self.journal_desk.go_on(session),  # noqa: PLW0108 - made when it is needed
        )

    @cached_property
    def spare_key(self) -> SpareKey:
        """Eight words beside the keyring."""
        from companion.app.spare_key import SpareKey

        return SpareKey(self.events, self.archive, self.home.state, lambda: self._keeps)

    @property
    def _is_locked(self) -> bool:
        """Whether what was asked for has to wait; says so then."""
        is_locked = "lock" in self.__dict__ and self.lock.is_locked
        if is_locked:
            self.lock.tell()
        return is_locked

    def _forget_journal(self) -> None:
        """Nothing that was worked out from it stays."""
        if "insights" in self.__dict__:
            self.insights.forget()
