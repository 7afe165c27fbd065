"""What keys do in the window. Main thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QDialog

from companion.errors import Action
from companion.events import Phase
from companion.gui.keys import TalkKeys
from companion.gui.shortcuts import bind, press_by_place
from companion.language import tr

if TYPE_CHECKING:
    from companion.gui.host import WindowHost
    from companion.gui.window import Window


def talk_keys(window: Window, host: WindowHost) -> TalkKeys:
    """The talk key and what it does."""
    return TalkKeys(
        window,
        may_talk=lambda: window.shows_talk,
        pressed=host.press_talk,
        released=host.release_talk,
        lost=host.focus_lost,
        otherwise=press_by_place,
    )


class Keyboard:
    """All other keys. One per window."""

    def __init__(self, window: Window, host: WindowHost) -> None:
        self._window, self._host = window, host
        bind(
            window,
            {
                "settings": lambda: window.settings_requested.emit(""),
                "help": self.help,
                "new": window.begin_anew,
                "private": window.rail.buttons["private"].click,
                "journal": lambda: window.show_page("journal" if window.shows_talk else "talk"),
                "page 1": lambda: window.show_page("talk"),
                "page 2": lambda: window.show_page("journal"),
                "page 3": lambda: window.show_page("insights"),
                "search": window.pages.look_for,
                "mute": lambda: host.mute(not window.is_muted),
                "read": self.read_on,
                "now": window.page.jump_to_now,
                "go on": lambda: host.act(Action.CONTINUE),
                "escape": self.escape,
                "larger": lambda: window.text_size_wanted.emit(1),
                "smaller": lambda: window.text_size_wanted.emit(-1),
                "usual": lambda: window.text_size_wanted.emit(0),
                "captions": window.captions_wanted.emit,
                "full": lambda: window.setWindowState(window.windowState() ^ Qt.WindowState.WindowFullScreen),
                "close": window.close,
                "quit": window.leave,
            },
        )

    def start(self) -> None:
        """After the first frame: keys talk, and a screen reader is told what things are."""
        from companion.gui.roles import tell_roles

        tell_roles()
        self._window.keys.start()

    def read_on(self) -> None:
        """The voice falls silent; what is still to come is only shown."""
        if self._window.phase in (Phase.SPEAKING, Phase.THINKING):
            self._host.read_on()
            self._window.status.show_note(tr("The voice is silent; the answer goes on"))

    def help(self) -> None:
        """The topic about what one is at; over a dialog in a window of its own."""
        from companion.gui.help import HelpDialog, topic_here

        window, front, topic = self._window, QApplication.activeWindow(), topic_here()
        if isinstance(front, HelpDialog):
            return
        if not isinstance(front, QDialog):
            window.activateWindow()
            window.show_page("help")
            page = window.pages.help
        else:
            dialog = HelpDialog(window.look, lambda: self._host.settings.talk.key, front)
            page = dialog.page
            page.link_followed.connect(window.pages.link_followed)
            page.link_followed.connect(dialog.close)
            bind(dialog, {"close": dialog.close})
            dialog.open()
        if topic:
            page.show_topic(topic)

    def escape(self) -> None:
        """Ends the nearest thing that can be ended: a search, a take, an answer, a card, a page."""
        window, host = self._window, self._host
        if window.welcome is not None and window.shows_welcome:
            window.welcome.escape()
        elif window.phase is not Phase.READY:
            host.cancel()
        elif window.pages.escape():
            pass  # an editor or a search is closed
        elif not window.shows_talk:
            host.cancel()  # a recording that is played
            window.show_page(window.pages.back)
        elif window.page.area.composer.take_back_offer():
            host.forget_draft()
            window.status.show_note(tr("Thrown away; nothing was sent"))
        else:
            window.cards.dismiss()
            host.cancel()
