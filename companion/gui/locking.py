"""What the window does when the app is locked: every word goes, one page stays; and all comes back. Main thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QShortcut

from companion.errors import CompanionError
from companion.events import Event, JournalOpened, LockChanged, Note
from companion.gui.shortcuts import ALWAYS, bind
from companion.language import tr

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from companion.app import Companion
    from companion.gui.attention import Attention
    from companion.gui.locked import LockedPage
    from companion.gui.window import Window

_OWN = Qt.FindChildOption.FindDirectChildrenOnly
"""Keys of a page do nothing while it is hidden, and go with it."""


class Locking(QObject):
    """Between `app.lock` and the window.

    Args:
        keep_draft: seals what was written and not sent.
        close_dialogs: what stands beside the window goes out of sight.
        come_forward: the window is shown before those of other programs.
        draft_put_away: told whether what was written is sealed and will be read again.
    """

    def __init__(
        self,
        app: Companion,
        window: Window,
        *,
        keep_draft: Callable[[], Awaitable[None]],
        close_dialogs: Callable[[], None],
        come_forward: Callable[[], None],
        draft_put_away: Callable[[bool], None],
    ) -> None:
        super().__init__(window)
        self._app, self._window = app, window
        self._come_forward = come_forward
        self._keep_draft, self._close_dialogs, self._draft_put_away = (
            keep_draft,
            close_dialogs,
            draft_put_away,
        )
        self.page: LockedPage | None = None
        self.attention: Attention | None = None
        self._unsent = ""
        """What nobody could seal while it was locked."""
        self._asleep: list[QShortcut] = []
        """Keys that lead nowhere while it is locked."""
        self._is_welcoming = False
        bind(window, {"lock": self.lock})
        window.rail.lock_requested.connect(self.lock)

    def follow(self, event: Event) -> None:
        match event:
            case JournalOpened() if self.attention is None:
                from companion.gui.attention import Attention

                self._app.lock.put_away = self._put_away
                self.attention = Attention(self._app.lock.touched, self)
            case LockChanged(is_locked=True):
                self._show_locked(event.opens_with)
            case LockChanged() if self._window.pages.is_locked:
                self._show_unlocked()

    def lock(self) -> None:
        if not self._app.lock.lock():
            self._app.events.emit(Note(text=tr("The journal is not open yet, so there is nothing to lock")))

    def _show_locked(self, opens_with: str) -> None:
        window = self._window
        if self.page is None:
            from companion.gui.locked import LockedPage

            self.page = LockedPage(window.look, self._app.lock.unlock)
            window.pages.addWidget(self.page)
        if window.pages.is_locked:  # somebody asked for something
            if not window.isActiveWindow():
                self._come_forward()
            return
        self._is_welcoming = window.shows_welcome
        window.pages.is_locked = True
        own = window.findChildren(QShortcut, options=_OWN)
        self._asleep = [each for each in own if each.isEnabled() and not each.property(ALWAYS)]
        for shortcut in self._asleep:
            shortcut.setEnabled(False)
        window.pages.setCurrentWidget(self.page)
        window.rail.hide()
        self.page.ask(opens_with)
        self._close_dialogs()

    def _show_unlocked(self) -> None:
        window = self._window
        text, self._unsent = self._unsent, ""
        if text:
            window.bring_back(text)
        window.pages.is_locked = False
        for shortcut in self._asleep:
            shortcut.setEnabled(True)
        if not self._is_welcoming:
            window.show_page(window.pages.shown)
        elif window.welcome is not None:
            window.show_welcome(window.welcome)

    async def _put_away(self) -> None:
        """What was not sent is sealed, and no word stays in the window; what cannot be sealed is held here meanwhile."""
        text = self._window.draft
        await self._keep_draft()
        try:
            is_kept = await self._app.archive.draft() == text
        except CompanionError:
            is_kept = False
        self._unsent = "" if is_kept else text
        self._draft_put_away(is_kept)
        self._window.page.forget()
        await self._window.pages.discard()
