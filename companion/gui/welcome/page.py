"""What the pages of the welcome share: a title, a few sentences, and when one may go on. Main thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QBoxLayout, QWidget

from companion.events import Trouble
from companion.gui.labels import ReadingLabel, dress
from companion.gui.settings.page import Answers, SettingsPage
from companion.language import tr

if TYPE_CHECKING:
    from companion.errors import CompanionError
    from companion.gui.settings.host import SettingsHost
    from companion.gui.theme import Look
    from companion.gui.welcome.host import WelcomeHost

SIDE_BY_SIDE_SCALE = 1.3
"""Largest text with which two cards fit beside each other, and a title is set large."""


class WelcomePage(SettingsPage):
    """Base of all pages. `column` begins with title and lead."""

    title_type = "opening"
    margins = (0, 0, 0, 0)
    name: ClassVar[str]
    """As in `companion.app.welcome.PAGES`."""
    title: ClassVar[str]
    lead: ClassVar[str]
    hint = ""
    """What stands beside the buttons."""
    hint_changed = Signal()
    unfolded = Signal(QWidget)
    """Something has appeared that a person wants to see."""
    ready = Signal()
    """What `leave` began is done: the next page may come."""

    def __init__(self, app: WelcomeHost, look: Look) -> None:
        self.app = app
        super().__init__(None, look, tr(self.title))
        self.lead_label = ReadingLabel(tr(self.lead), "said")
        self.column.insertSpacing(1, 6)
        self.column.insertWidget(2, self.lead_label)
        self.column.insertSpacing(3, 4)
        look.changed.connect(self._take_look)
        self._take_look()

    @property
    def host(self) -> SettingsHost:
        """Made when a page asks for it: the first one is painted without."""
        return self.app.settings_backend

    @property
    def first(self) -> QWidget | None:
        """What has the focus when the page comes."""
        return None

    def leave(self) -> bool:
        """The person goes on. False: something is to be done first, and `ready` follows when it is."""
        return True

    def stop(self) -> bool:
        """Ends what sounds or listens; False: nothing does."""
        return False

    def tell_error(self, error: CompanionError, answers: Answers = ()) -> None:
        """On the page; as a card of the window where another one is shown by now."""
        if self.isVisible():
            super().tell_error(error, answers)
        else:
            self.host.events.emit(Trouble(error=error))

    def direction(self) -> QBoxLayout.Direction:
        """How two cards stand, with letters of this size."""
        is_wide = self.look.scale <= SIDE_BY_SIDE_SCALE
        return QBoxLayout.Direction.LeftToRight if is_wide else QBoxLayout.Direction.TopToBottom

    def _take_look(self) -> None:
        dress(self.heading, type="opening" if self.look.scale <= SIDE_BY_SIDE_SCALE else "heading")
