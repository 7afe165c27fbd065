"""What a card's button does: each fault has its own way to be tried again, and every press is answered.

In: the button and the error of its card. Out: the engine, the journal's owner, the recordings, the settings. Buttons that
lead to a place (keys, devices, a passphrase, a folder) are the window's. Belongs to the loop's thread.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any

from companion.app import roles
from companion.app.archive import Archive, Place
from companion.errors import Action, Kind
from companion.events import Events, Note, Phase, Trouble, TroubleCleared
from companion.kinds import Role
from companion.language import tr

if TYPE_CHECKING:
    from companion.app.recovery import Recovery
    from companion.conversation.engine import Engine

_TAKE = (Phase.ARMING, Phase.LISTENING, Phase.TRANSCRIBING)
_MICROPHONE = frozenset(
    {
        Kind.NO_MICROPHONE,
        Kind.MICROPHONE_BUSY,
        Kind.MICROPHONE_DENIED,
        Kind.MICROPHONE_SILENT,
        Kind.MICROPHONE_LOST,
    }
)
_KEYRING = frozenset({Kind.NO_KEYRING, Kind.KEYRING_TIMEOUT, Kind.KEYRING_FAILED, Kind.JOURNAL_LOCKED})
_DISK = frozenset({Kind.JOURNAL_UNSAVED, Kind.DISK_FULL, Kind.FOLDER_UNUSABLE})
_HERE = {
    Action.ANSWER_OFFLINE: frozenset({Role.THINKS}),
    Action.HEAR_OFFLINE: frozenset({Role.HEARS}),
}
Begin = Callable[[Coroutine[Any, Any, Any], str], object]


class Remedies:
    """One per app.

    Args:
        engine: the one of now.
        begin: starts work with a name; its faults are told.
        open_microphone: begins a take that goes on until the next press.
        change: as `Companion.change`.
        save_again: puts settings on disk that could not be saved.
        download_again: fetches the model whose fetching failed; False: there is none.
    """

    def __init__(
        self,
        events: Events,
        *,
        engine: Callable[[], Engine],
        archive: Archive,
        recovery: Recovery,
        begin: Begin,
        open_microphone: Callable[[], None],
        change: Callable[[Mapping[str, object]], Coroutine[Any, Any, None]],
        save_again: Callable[[], Awaitable[None]],
        download_again: Callable[[], Awaitable[bool]],
    ) -> None:
        self._events, self._engine = events, engine
        self._archive, self._recovery, self._begin = archive, recovery, begin
        self._open_microphone, self._change = open_microphone, change
        self._save_again, self._download_again = save_again, download_again

    def act(self, action: Action, trouble: Trouble | None) -> None:
        """`trouble`: what the card tells of; None: nothing is known of it."""
        match action:
            case Action.RETRY:
                self._retry(trouble)
            case Action.ANSWER_OFFLINE | Action.HEAR_OFFLINE:
                self._ask(lambda: self._engine().retry(_HERE[action]))
            case Action.CONTINUE:
                self._ask(self._engine().go_on)
            case Action.SPEAK_OFFLINE:
                chosen = {"providers.tts.active": roles.OFFLINE[Role.SPEAKS]}
                self._begin(self._change(chosen), "speak offline")
                self._events.emit(TroubleCleared(role=Role.SPEAKS))
            case Action.HEAR_WAITING:
                self._begin(self._recovery.hear_next(), "hear a waiting recording")
            case Action.NEW_JOURNAL:
                self._begin(self._archive.start_anew(), "new journal")

    def _retry(self, trouble: Trouble | None) -> None:
        kind = trouble.error.kind if trouble is not None else None
        is_of_turn = trouble is not None and trouble.turn is not None
        is_listening = kind is Kind.INTERNAL and trouble is not None and trouble.role is Role.HEARS
        if kind in _MICROPHONE or (is_listening and not is_of_turn):
            self._listen()
        elif kind is Kind.SETTINGS_UNSAVED:
            self._begin(self._save_settings(), "save settings again")
        elif kind is Kind.DOWNLOAD_FAILED and not is_of_turn:
            self._begin(self._download(), "fetch again")
        elif kind in _KEYRING | _DISK and not is_of_turn:
            self._begin(self._open_journal(), "open journal again")
        elif kind in _DISK:
            self._events.emit(Note(text=tr("Saving again")))
            self._engine().retry()
        else:
            if kind in _KEYRING and self._archive.place is Place.MEMORY:
                self._begin(self._archive.try_again(), "open journal again")
            self._ask(self._engine().retry)

    def _ask(self, again: Callable[[], None]) -> None:
        """Asks the engine; where nothing comes of it, says why."""
        engine = self._engine()
        before = engine.state
        again()
        if engine.state.turn != before.turn or before.phase in (Phase.THINKING, Phase.SPEAKING):
            return
        if before.phase in _TAKE:
            self._events.emit(Note(text=tr("One moment: your words are still being written down")))
        else:
            self._events.emit(TroubleCleared())
            self._events.emit(Note(text=tr("There is nothing to try again")))

    def _listen(self) -> None:
        if self._engine().state.phase in (Phase.ARMING, Phase.LISTENING):
            self._events.emit(Note(text=tr("The microphone is open")))
        else:
            self._open_microphone()

    async def _save_settings(self) -> None:
        await self._save_again()
        self._events.emit(TroubleCleared(is_all=True))
        self._events.emit(Note(text=tr("The settings are saved")))

    async def _download(self) -> None:
        self._events.emit(Note(text=tr("Fetching it again")))
        if await self._download_again():
            self._events.emit(TroubleCleared(is_all=True))
            self._events.emit(Note(text=tr("It is here now")))

    async def _open_journal(self) -> None:
        await self._recovery.remove_again()
        await self._archive.try_again()
