"""The settings window: a list of pages with a search above it, and the page that is shown. Main thread.

Not modal and without OK or Cancel: every change holds at once. A page is built when it is first shown.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from PySide6.QtCore import QEvent, QFileSystemWatcher, QObject, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QCloseEvent, QHideEvent, QKeyEvent
from PySide6.QtWidgets import (
    QDialog,
    QFrame,
    QListWidget,
    QListWidgetItem,
    QScrollArea,
    QStackedWidget,
    QWidget,
)

from companion.events import EngineInUse, Event, GlobalKeyChanged
from companion.gui.announce import announce
from companion.gui.boxes import NONE, in_column, in_row
from companion.gui.focus import give, reading_order, step
from companion.gui.labels import text_label
from companion.gui.search_field import SearchField
from companion.gui.settings.finding import find
from companion.gui.settings.host import SettingsHost
from companion.gui.settings.page import PageInfo, SettingsPage, find_pages
from companion.gui.theme import Look
from companion.gui.touch import scroll_by_touch
from companion.language import mark, tr
from companion.paths import write_atomically
from companion.places import read_regular
from companion.settings import Page

_SIZE = QSize(900, 660)
_SMALLEST = QSize(620, 420)
_FRAME = QSize(8, 40)
"""About what a title bar and borders need."""
_LIST_PX = 196
_NOTHING = mark(
    "No setting is called “{text}”. Try another word for it, such as “microphone” or “costs”. Esc shows all pages."
)


class SettingsDialog(QDialog):
    """One per window; `turned` tells that another page is shown.

    Args:
        state: a file that remembers the size and the page; None: they are not remembered.
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
        size, page = _remembered(state)
        self.resize((size or self._grown(_SIZE)).boundedTo(self._room))
        self.pages: dict[str, SettingsPage] = {}
        self._infos: dict[str, PageInfo] = {info.name: info for info in find_pages()}
        self._framed: dict[str, QWidget] = {}
        self._stack = QStackedWidget()
        line = QFrame()
        line.setProperty("hairline", "upright")
        row = in_row(self._build_list(), line, inside=self, spacing=0, margins=NONE)
        row.addWidget(self._stack, 1)
        self._found: dict[str, tuple[str, ...]] = {}
        """Pages that were looked for, the best first, with what is meant there."""
        self._nothing = text_label("", "hint")
        self._nothing.setContentsMargins(30, 26, 30, 28)
        self._nothing.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._stack.addWidget(self._nothing)
        self._watch_file()
        self._look.changed.connect(self._take_look)
        self._take_look()
        self._stop_watching = host.events.watch(self._watch)
        self.destroyed.connect(self._stop_watching)
        self.show_page(page)

    def open(self) -> None:
        """Shows the window and brings it to the front; nothing else is blocked."""
        if self.isVisible():
            self.raise_()
        self.show()
        self.activateWindow()

    def show_page(self, name: str = "") -> None:
        """Turns to a page by name; empty: the one that was shown last; unknown: the first."""
        name = name or self._name
        name = name if name in self._infos else next(iter(self._infos))
        self.search.clear()
        self.list.setCurrentRow(list(self._infos).index(name))
        self.list.setFocus()

    @property
    def tests_microphone(self) -> bool:
        """Whether the page is shown on which one speaks to try the microphone."""
        return self.isVisible() and self._name == Page.SOUND

    @property
    def page(self) -> SettingsPage | None:
        """The page that is shown."""
        return self.pages.get(self._name)

    @property
    def _name(self) -> str:
        """Of the page that is shown; empty: none is."""
        item = self.list.currentItem()
        return str(item.data(Qt.ItemDataRole.UserRole)) if item is not None else ""

    # -- the left side --------------------------------------------------------------------------------------

    def _build_list(self) -> QWidget:
        self._side = QWidget()
        column = in_column(inside=self._side, spacing=12, margins=(12, 20, 12, 12))
        self.search = SearchField(self._look, tr("Search the settings"))
        self.search.setPlaceholderText(tr("Search"))
        self.search.textChanged.connect(self._filter)
        self.search.installEventFilter(self)
        self.list = QListWidget()
        self.list.setAccessibleName(tr("Pages of the settings"))
        self.list.setWordWrap(True)
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
        self.setMinimumSize(self._grown(_SMALLEST).boundedTo(self._room))
        self._side.setFixedWidth(self._look.px(_LIST_PX))

    def _grown(self, size: QSize) -> QSize:
        return QSize(self._look.px(size.width()), self._look.px(size.height()))

    @property
    def _room(self) -> QSize:
        """What a window may take of the screen."""
        if self._state is None:  # it is drawn, not used
            return self._grown(_SIZE)
        return self.screen().availableSize() - _FRAME

    def _filter(self, text: str) -> None:
        """Shows the pages that were looked for, and turns to the best; without words, all pages."""
        titles = {name: info.title for name, info in self._infos.items()}
        self._found = {each.page: each.places for each in find(text, titles, self._host)}
        for place, name in enumerate(self._infos):
            self.list.item(place).setHidden(bool(text.strip()) and name not in self._found)
        if text.strip() and not self._found:
            self._nothing.setText(tr(_NOTHING, text=text.strip()))
            announce(self, self._nothing.text())
            self._stack.setCurrentWidget(self._nothing)
        elif self._found:
            self._turn(next(iter(self._found)))
        else:
            self._turn_to(self.list.currentItem())

    def _turn(self, name: str) -> None:
        item = self.list.item(list(self._infos).index(name))
        if item is self.list.currentItem():
            self._turn_to(item)
        else:
            self.list.setCurrentItem(item)

    def _show_found(self) -> None:
        """Once the page has its size."""
        if self.page is not None and (spot := self.page.mark(self._found.get(self._name, ()))) is not None:
            self.page.reveal(spot)

    def _go_to_found(self) -> None:
        """The keyboard is where what was looked for is."""
        spot = self.page.mark(self._found.get(self._name, ())) if self.page is not None else None
        inside = [spot, *reading_order(spot)] if spot is not None else [self.list]
        give(
            next(
                (each for each in reversed(inside[:2]) if each.focusPolicy() & Qt.FocusPolicy.TabFocus),
                self.list,
            )
        )

    def _turn_to(self, item: QListWidgetItem | None) -> None:
        if item is None:
            return
        name = str(item.data(Qt.ItemDataRole.UserRole))
        if name in self.pages and self.pages[name].is_outdated():
            self._drop_page(name)
        if name not in self.pages:
            self.pages[name] = self._infos[name].build(self._host, self._look)
            self.pages[name].wanted.connect(self.wanted)
            self._framed[name] = _framed(self.pages[name])
            self._stack.addWidget(self._framed[name])
        self._stack.setCurrentWidget(self._framed[name])
        self.setProperty("help", f"settings:{name}")
        QTimer.singleShot(0, self, self._show_found)
        self.turned.emit()

    def _drop_page(self, name: str) -> None:
        self.pages.pop(name).work.stop()
        framed = self._framed.pop(name)
        self._stack.removeWidget(framed)
        framed.deleteLater()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """In the search arrow down goes to the list, Enter to what was found, and Escape empties it first."""
        if watched is self.search and event.type() is QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            if event.key() == Qt.Key.Key_Down:
                self.list.setFocus()
                return True
            if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self._go_to_found()
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

    def _watch_file(self) -> None:
        """What an editor writes into the settings file is shown at once; some write another file in its place."""
        self._watcher = QFileSystemWatcher(self)
        for told in (self._watcher.fileChanged, self._watcher.directoryChanged):
            told.connect(lambda _: self._file_changed())
        self._file_changed()

    def _file_changed(self) -> None:
        file = self._host.settings_file
        there = [str(path) for path in (file, file.parent) if path.exists()]
        new = set(there).difference(self._watcher.files(), self._watcher.directories())
        if new:
            self._watcher.addPaths(sorted(new))
        if self.page is not None:
            self.page.take_up()

    # -- life -----------------------------------------------------------------------------------------------

    def _watch(self, event: Event) -> None:
        tells = isinstance(event, EngineInUse | GlobalKeyChanged)
        if tells and self.isVisible() and self.page is not None:
            self.page.refresh()

    def closeEvent(self, event: QCloseEvent) -> None:
        super().closeEvent(event)
        self._remember()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._remember()

    def _remember(self) -> None:
        if self._state is not None and _remembered(self._state) != (self.size(), self._name):
            line = f"{self.width()}x{self.height()} {self._name}\n"
            with suppress(OSError):  # a size that is forgotten harms nobody
                write_atomically(self._state, line.encode())


def _framed(page: SettingsPage) -> QWidget:
    """The page, which scrolls, and below it what it has to say, which does not."""
    box = QWidget()
    column = in_column(inside=box, spacing=0, margins=NONE)
    area = QScrollArea()
    scroll_by_touch(area)
    area.setWidgetResizable(True)
    area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    area.setWidget(page)
    page.notice.setProperty("foot", "true")
    page.notice.row.setContentsMargins(30, 10, 30, 10)
    column.addWidget(area, 1)
    column.addWidget(page.notice)
    return box


def _remembered(state: Path | None) -> tuple[QSize | None, str]:
    """Size and page of last time; None and empty: they are not known."""
    size, _, page = (
        (read_regular(state) or b"" if state else b"").decode("ascii", "replace").strip().partition(" ")
    )
    width, _, height = size.partition("x")
    is_size = width.isascii() and width.isdigit() and height.isascii() and height.isdigit()
    return (QSize(int(width[:5]), int(height[:5])) if is_size else None), page
