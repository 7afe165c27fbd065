"""The pages of the window: the talk side, and the others, each made when it is first shown. Main thread."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QStackedWidget, QWidget

if TYPE_CHECKING:
    from datetime import date

    from companion.gui.help import HelpPage
    from companion.gui.host import WindowHost
    from companion.gui.insights import InsightsPage
    from companion.gui.journal import JournalPage
    from companion.gui.practices.page import PracticesPage
    from companion.gui.theme import Look


class Pages(QStackedWidget):
    """Shows one of them."""

    page_wanted = Signal(str)
    practice_chosen = Signal(str)
    link_followed = Signal(str)
    import_wanted = Signal()
    welcome_wanted = Signal()
    export_wanted = Signal(object)
    """With what is chosen in the journal: a `Selection` and what it is called."""

    def __init__(self, look: Look, host: WindowHost, talk: QWidget) -> None:
        """`talk`: what is shown first."""
        super().__init__()
        self._look, self._host, self._talk = look, host, talk
        self.shown = "talk"
        """The page that was turned to last."""
        self._before = "talk"
        """The page from which somebody turned to the help."""
        self.is_locked = False
        """Nothing but the locked page is to be shown."""
        self.addWidget(talk)

    @property
    def shows_talk(self) -> bool:
        return self.currentWidget() is self._talk

    @property
    def back(self) -> str:
        """The page that Escape leads to."""
        return self._before if self.shown == "help" else "talk"

    def turn_to(self, page: str) -> None:
        """ "journal", "insights", "practices" or "help"; anything else is the talk side."""
        if "practices" in self.__dict__ and self.currentWidget() is self.practices:
            self.practices.leave()
        if page == "help" != self.shown:
            self._before = self.shown
        self.shown = page
        if page == "journal":
            self._show(self.journal, self.journal)
            self.journal.refresh()
        elif page == "insights":
            self._show(self.insights, self.insights)
            self.insights.refresh()
        elif page == "practices":
            self.setCurrentWidget(self.practices)
            self.practices.refresh()
            self.practices.list.setFocus()
        elif page == "help":
            self._show(self.help, self.help.list)
        else:
            self.setCurrentWidget(self._talk)

    def _show(self, page: QWidget, first: QWidget) -> None:
        """Turns to it; the focus is where it was on this page, or at what comes first."""
        before = page.focusWidget()
        self.setCurrentWidget(page)
        is_there = before is not None and before.isVisible() and before.isEnabled()
        (before if before is not None and is_there else first).setFocus()

    @cached_property
    def journal(self) -> JournalPage:
        from companion.gui.journal import JournalPage

        page = JournalPage(self._look, self._host)
        page.talk_wanted.connect(lambda: self.page_wanted.emit("talk"))
        page.link_followed.connect(self.link_followed)
        page.import_wanted.connect(self.import_wanted)
        page.export_wanted.connect(self.export_wanted)
        self.addWidget(page)
        return page

    @cached_property
    def insights(self) -> InsightsPage:
        """Pictures of the journal."""
        from companion.gui.insights import InsightsPage

        page = InsightsPage(self._look, self._host.insights)
        page.talk_wanted.connect(lambda: self.page_wanted.emit("talk"))
        page.day_wanted.connect(self.open_day)
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

    @cached_property
    def help(self) -> HelpPage:
        """What this is and how it is used."""
        from companion.gui.help import HelpPage

        page = HelpPage(self._look, lambda: self._host.settings.talk.key)
        page.link_followed.connect(self.link_followed)
        page.welcome_wanted.connect(self.welcome_wanted)
        self.addWidget(page)
        return page

    async def discard(self) -> None:
        """All but the talk side go, with every word in them; they are made anew when they are shown again."""
        await self.keep_practice()
        for name in ("journal", "insights", "practices"):
            page = self.__dict__.pop(name, None)
            if isinstance(page, QWidget):
                if name != "practices":
                    await page.close_reading()  # type: ignore[attr-defined]
                self.removeWidget(page)
                page.deleteLater()

    def show_another_journal(self) -> None:
        """Another journal is open than the one these pages have read."""
        if "journal" in self.__dict__:
            self.journal.begin_anew()
        self.refresh_shown()

    async def keep_edited(self) -> None:
        """A reflection that is being put right is kept as it stands."""
        if "journal" in self.__dict__:
            await self.journal.keep_edited()

    def refresh_shown(self) -> None:
        """Something in the journal has changed: a page that shows it reads it again."""
        shown: Any = self.currentWidget()
        if "journal" in self.__dict__ and shown is self.journal:
            self.journal.refresh()
        if "insights" in self.__dict__ and shown is self.insights:
            self.insights.refresh()

    def show_waiting(self) -> None:
        """The recordings that wait for their words."""
        self.page_wanted.emit("journal")
        self.journal.show_waiting()

    def look_for(self) -> None:
        """The journal's search, from anywhere."""
        self.page_wanted.emit("journal")
        self.journal.look_for()

    def escape(self) -> bool:
        """Leaves what is open on the page that is shown; False: nothing is."""
        shown: Any = self.currentWidget()
        made: tuple[Any, ...] = tuple(self.__dict__.get(name) for name in ("journal", "practices", "help"))
        return any(page is shown and page.escape() for page in made if page is not None)

    def open_day(self, day: date) -> None:
        self.page_wanted.emit("journal")
        self.journal.show_day(day)

    async def keep_practice(self) -> None:
        """What is being written as a practice is on disk."""
        if "practices" in self.__dict__:
            await self.practices.close_page()
