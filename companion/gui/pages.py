"""The pages of the window: the talk side, and the others, each made when it is first shown. Main thread."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QStackedWidget, QWidget

from companion.gui.host import WindowHost
from companion.gui.theme import Look

if TYPE_CHECKING:
    from companion.gui.journal import JournalPage
    from companion.gui.practices.page import PracticesPage


class Pages(QStackedWidget):
    """Shows one of them."""

    talk_wanted = Signal()
    practice_chosen = Signal(str)
    link_followed = Signal(str)

    def __init__(self, look: Look, host: WindowHost, talk: QWidget) -> None:
        """`talk`: what is shown first."""
        super().__init__()
        self._look, self._host, self._talk = look, host, talk
        self.addWidget(talk)

    @property
    def shows_talk(self) -> bool:
        return self.currentWidget() is self._talk

    def turn_to(self, page: str) -> None:
        """ "journal" or "practices"; anything else is the talk side."""
        if "practices" in self.__dict__ and self.currentWidget() is self.practices:
            self.practices.leave()
        if page == "journal":
            self.setCurrentWidget(self.journal)
            self.journal.setFocus()
            self.journal.refresh()
        elif page == "practices":
            self.setCurrentWidget(self.practices)
            self.practices.refresh()
            self.practices.list.setFocus()
        else:
            self.setCurrentWidget(self._talk)

    @cached_property
    def journal(self) -> JournalPage:
        from companion.gui.journal import JournalPage

        page = JournalPage(self._look, self._host)
        page.talk_wanted.connect(self.talk_wanted)
        page.link_followed.connect(self.link_followed)
        self.addWidget(page)
        return page

    @cached_property
    def practices(self) -> PracticesPage:
        """Written, kept and tried here."""
        from companion.gui.practices.page import PracticesPage

        page = PracticesPage(self._look, self._host.shelf)
        page.practice_chosen.connect(self.practice_chosen)
        self.addWidget(page)
        return page

    def refresh_journal(self) -> None:
        """Something in it has changed: it is read again where it can be seen."""
        if "journal" in self.__dict__ and not self.shows_talk:
            self.journal.refresh()

    async def keep_practice(self) -> None:
        """What is being written as a practice is on disk."""
        if "practices" in self.__dict__:
            await self.practices.close_page()
