"""The settings window: a list of pages with a search above it, and the page that is shown. Main thread.

Not modal and without OK or Cancel: every change holds at once. A page is built when it is first shown.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from PySide6.QtCore import QEvent, QObject, QSize, Qt, Signal
from PySide6.QtGui import QAction, QCloseEvent, QHideEvent, QKeyEvent
from PySide6.QtWidgets import (
    QDialog,
    QFrame,
    QHBoxLayout,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QScrollArea,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from companion.events import EngineInUse, Event, GlobalKeyChanged
from companion.gui import icons
from companion.gui.focus import step
from companion.gui.settings.form import text_label
from companion.gui.settings.host import SettingsHost
from companion.gui.settings.page import PageInfo, SettingsPage, find_pages
from companion.gui.theme import Look
from companion.language import tr
from companion.paths import write_atomically
from companion.places import read_regular
from companion.settings import Page

_SIZE = QSize(900, 660)
_SMALLEST = QSize(620, 420)
_FRAME = QSize(8, 40)
"""About what a title bar and borders need."""
_LIST_PX = 196


class SettingsDialog(QDialog):
    """One per window; `turned` tells that another page is shown.

    Args:
        state: a file that remembers the size; None: it is not remembered.
    """

    turned = Signal()
    wanted = Signal(str)
    """A page asks for something that the window shows, by name."""

    def __init__(
        self, host: SettingsHost, look: Look, parent: QWidget | None = None, *, state: Path | None = None
    ) -> None:
        super().__init__(parent)
        self._host, self._look, self._state = host, look, state
        self.setWindowTitle(tr("Settings"))
        usual = QSize(look.px(_SIZE.width()), look.px(_SIZE.height()))
        room = self.screen().availableSize() - _FRAME if state is not None else usual
        self.setMinimumSize(_SMALLEST.boundedTo(room))
        self.resize((_read_size(state) or usual).boundedTo(room))
        self.pages: dict[str, SettingsPage] = {}
        self._infos: dict[str, PageInfo] = {info.name: info for info in find_pages()}
        self._scrolls: dict[str, QScrollArea] = {}
        self._stack = QStackedWidget()
        line = QFrame()
        line.setProperty("hairline", "upright")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self._build_list())
        row.addWidget(line)
        row.addWidget(self._stack, 1)
        self._nothing = text_label(tr("No setting matches."), "hint")
        self._nothing.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._stack.addWidget(self._nothing)
        self._look.changed.connect(self._take_look)
        self._take_look()
        self._stop_watching = host.events.watch(self._watch)
        self.destroyed.connect(self._stop_watching)
        self.show_page()

    def open(self) -> None:
        """Shows the window and brings it to the front; nothing else is blocked."""
        if self.isVisible():
            self.raise_()
        self.show()
        self.activateWindow()

    def show_page(self, name: str = "") -> None:
        """Turns to a page by name; an unknown or empty one is the first."""
        name = name if name in self._infos else next(iter(self._infos))
        self.search.clear()
        self.list.setCurrentRow(list(self._infos).index(name))
        self.list.setFocus()

    @property
    def tests_microphone(self) -> bool:
        """Whether the page is shown on which one speaks to try the microphone."""
        item = self.list.currentItem()
        return self.isVisible() and item is not None and item.data(Qt.ItemDataRole.UserRole) == Page.SOUND

    @property
    def page(self) -> SettingsPage | None:
        """The page that is shown."""
        item = self.list.currentItem()
        return self.pages.get(str(item.data(Qt.ItemDataRole.UserRole))) if item is not None else None

    # -- the left side --------------------------------------------------------------------------------------

    def _build_list(self) -> QWidget:
        self._side = QWidget()
        column = QVBoxLayout(self._side)
        column.setContentsMargins(12, 20, 12, 12)
        column.setSpacing(12)
        self.search = QLineEdit()
        self.search.setPlaceholderText(tr("Search"))
        self.search.setAccessibleName(tr("Search the settings"))
        self.search.setClearButtonEnabled(True)
        clear = self.search.findChild(QToolButton)
        if clear is not None:
            clear.setAccessibleName(tr("Clear the search"))
        self._search_icon = QAction(tr("Search"), self)
        self.search.addAction(self._search_icon, QLineEdit.ActionPosition.LeadingPosition)
        self.search.textChanged.connect(self._filter)
        self.search.installEventFilter(self)
        self.list = QListWidget()
        self.list.setAccessibleName(tr("Pages of the settings"))
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        for info in self._infos.values():
            item = QListWidgetItem(info.title)
            item.setData(Qt.ItemDataRole.UserRole, info.name)
            self.list.addItem(item)
        self.list.currentItemChanged.connect(lambda item, _: self._turn_to(item))
        column.addWidget(self.search)
        column.addWidget(self.list, 1)
        return self._side

    def _take_look(self) -> None:
        self._side.setFixedWidth(self._look.px(_LIST_PX))
        self._search_icon.setIcon(icons.icon("search", self._look.colour("faint"), 16))

    def _filter(self, text: str) -> None:
        first: QListWidgetItem | None = None
        for place in range(self.list.count()):
            item = self.list.item(place)
            is_found = self._infos[str(item.data(Qt.ItemDataRole.UserRole))].matches(text)
            item.setHidden(not is_found)
            first = item if is_found and first is None else first
        current = self.list.currentItem()
        if first is None:
            self._stack.setCurrentWidget(self._nothing)
        elif current is None or current.isHidden():
            self.list.setCurrentItem(first)
        else:
            self._turn_to(current)

    def _turn_to(self, item: QListWidgetItem | None) -> None:
        if item is None:
            return
        name = str(item.data(Qt.ItemDataRole.UserRole))
        if name in self.pages and self.pages[name].is_outdated():
            self._drop_page(name)
        if name not in self.pages:
            self.pages[name] = self._infos[name].build(self._host, self._look)
            self.pages[name].wanted.connect(self.wanted)
            self._scrolls[name] = _scrolled(self.pages[name])
            self._stack.addWidget(self._scrolls[name])
        self._stack.setCurrentWidget(self._scrolls[name])
        self.turned.emit()

    def _drop_page(self, name: str) -> None:
        self.pages.pop(name).work.stop()
        scroll = self._scrolls.pop(name)
        self._stack.removeWidget(scroll)
        scroll.deleteLater()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Arrow down in the search goes to the list, Escape there empties it before it closes the window."""
        if watched is self.search and event.type() is QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            if event.key() == Qt.Key.Key_Down:
                self.list.setFocus()
                return True
            if event.key() == Qt.Key.Key_Escape and self.search.text():
                self.search.clear()
                return True
        return super().eventFilter(watched, event)

    def focusNextPrevChild(self, next: bool) -> bool:
        return step(self, forward=next)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter confirms a field; it must not press some button the dialog thinks is the default one."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            event.accept()
            return
        super().keyPressEvent(event)

    # -- life -----------------------------------------------------------------------------------------------

    def _watch(self, event: Event) -> None:
        tells = isinstance(event, EngineInUse | GlobalKeyChanged)
        if tells and self.isVisible() and self.page is not None:
            self.page.refresh()

    def closeEvent(self, event: QCloseEvent) -> None:
        super().closeEvent(event)
        self._remember_size()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._remember_size()

    def _remember_size(self) -> None:
        if self._state is not None and _read_size(self._state) != self.size():
            with suppress(OSError):  # a size that is forgotten harms nobody
                write_atomically(self._state, f"{self.width()}x{self.height()}\n".encode())


def _scrolled(page: QWidget) -> QScrollArea:
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    area.setWidget(page)
    return area


def _read_size(state: Path | None) -> QSize | None:
    if state is not None:
        with suppress(ValueError):
            width, _, height = (read_regular(state) or b"").decode("ascii").strip().partition("x")
            wished = QSize(int(width), int(height))
            return wished.expandedTo(_SMALLEST)
    return None
