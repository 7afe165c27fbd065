"""What a page of the settings is: a title, the words it is found by, and a widget built when it is first shown.

A page file in `pages/` holds one `PAGE`; nothing lists them by hand. `SettingsPage` carries what all pages share: rows of
declared settings, one inline notice with buttons, and background work that ends with the page.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar

from PySide6.QtCore import Signal
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QLabel, QLayout, QPushButton, QVBoxLayout, QWidget

from companion import tasks
from companion.errors import CompanionError
from companion.frozen import Frozen
from companion.gui.announce import announce
from companion.gui.labels import dress, text_label
from companion.gui.settings.chips import Columns, FlowLayout
from companion.language import Worded, mark, tr
from companion.settings import Page, all_fields

if TYPE_CHECKING:
    import asyncio

    from companion.gui.settings.form import FieldRow
    from companion.gui.settings.host import SettingsHost
    from companion.gui.theme import Look
    from companion.settings.field import Value

_ALIKE = mark("""
    budget money cost costs price spend spending limit dollar dollars euro bill
    microphone mic mike input headset
    speaker loudspeaker output headphones earphones
    language tongue english german deutsch
    password passphrase pin
    theme dark light night colour colours color colors
    text font size large zoom bigger
    key token credential secret
    hands-free handsfree hands free talk
    send sent leaves upload share cloud telemetry
    delete erase forget remove
    animation motion move
    start autostart login boot
    tray systray indicator background minimise minimize
    notification notifications notify alert popup
    country region nation
    crisis emergency helpline hotline
    install installed missing part extra
    update updates upgrade version
    backup export copy save
    record recording recordings dictation
    accent voice voices speech
    certificate ssl tls https
    hotkey shortcut shortcuts keyboard
    server servers host localhost
    """)
"""Words by which different people look for the same thing, a line for each."""
Answers = Sequence[tuple[str, Callable[[], None]]]
"""Buttons beside a notice: what they say and do."""


class PageInfo(Worded, Frozen):
    """One entry of the list at the left."""

    WORDS = frozenset({"title", "words"})
    name: str
    """What `SettingsDialog.open` takes; the value of `Page` where settings belong to it."""
    title: str
    order: int
    build: Callable[[SettingsHost, Look], SettingsPage]
    words: str = ""
    """Further words the search finds it by."""

    def matches(self, text: str) -> bool:
        """Whether every word of a search occurs in the page's title, words or settings."""
        about = [self.title, self.words]
        about += [
            f"{f.declared.label} {f.declared.help}" for f in all_fields() if f.declared.page == self.name
        ]
        haystack = " ".join(about).casefold()
        return all(any(meant in haystack for meant in synonyms(word)) for word in text.casefold().split())


def synonyms(word: str) -> frozenset[str]:
    """A word of a search with the words that others use for the same thing; of one that is being typed, too."""
    lines = tr(_ALIKE).splitlines() if len(word) > 2 else ()
    groups = (frozenset(line.split()) for line in lines)
    return frozenset((word,)).union(
        *(each for each in groups if any(known.startswith(word) for known in each))
    )


@cache
def find_pages() -> tuple[PageInfo, ...]:
    """Every page there is, in order."""
    import importlib
    import pkgutil

    from companion.gui.settings import pages

    found = (
        importlib.import_module(f"{pages.__name__}.{each.name}").PAGE
        for each in pkgutil.iter_modules(pages.__path__)
    )
    return tuple(sorted(found, key=lambda page: page.order))


class Work:
    """Background work of one page; `stop` when its widgets go."""

    def __init__(self) -> None:
        self._tasks: dict[str, asyncio.Task[Any]] = {}

    def start(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Runs `work`; what still runs under the same name is cancelled, so the newest wish wins."""
        self.end(name)
        self._tasks[name] = tasks.spawn(work, name=f"settings: {name}")

    def end(self, name: str) -> None:
        task = self._tasks.pop(name, None)
        if task is not None:
            task.cancel()

    def stop(self) -> None:
        for name in tuple(self._tasks):
            self.end(name)


class Notice(QWidget):
    """One sentence and its buttons, inside the page; empty, it takes no room."""

    def __init__(self) -> None:
        super().__init__()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        self._label = text_label("", "warn")
        column.addWidget(self._label)
        self._buttons = FlowLayout()
        column.addLayout(self._buttons)
        self.hide()

    @property
    def text(self) -> str:
        return "" if self.isHidden() else self._label.text()

    def tell(self, text: str, answers: Answers = (), *, kind: str = "warn") -> None:
        """Shows `text`; empty text hides the notice."""
        empty(self._buttons)
        self._label.setText(text)
        dress(self._label, type=kind)
        for words, answer in answers:
            button = QPushButton(words)
            button.clicked.connect(self._answering(answer))
            self._buttons.addWidget(button)
        self.setVisible(bool(text))
        if text:
            announce(self, text)

    def _answering(self, answer: Callable[[], None]) -> Callable[[], None]:
        def pressed() -> None:
            self.tell("")
            answer()

        return pressed


class SettingsPage(QWidget):
    """Base of all pages: a title, then what the subclass adds to `column`."""

    wanted = Signal(str)
    """Something that the window can show is asked for, by name: "welcome"."""
    title_type: ClassVar[str] = "title"
    margins: ClassVar[tuple[int, int, int, int]] = (30, 26, 30, 28)

    def __init__(self, host: SettingsHost | None, look: Look, title: str) -> None:
        """`host`: None where a subclass has another way to it."""
        super().__init__()
        self._host, self.look = host, look
        self.work = Work()
        self.destroyed.connect(self.work.stop)
        self.setProperty("scrolled", "true")
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(*self.margins)
        self.column.setSpacing(14)
        self.heading = text_label(title, self.title_type)
        self.column.addWidget(self.heading)
        self.notice = Notice()
        self.column.addWidget(self.notice)
        self.rows: list[FieldRow] = []

    @property
    def host(self) -> SettingsHost:
        assert self._host is not None
        return self._host

    # -- what a subclass may extend -------------------------------------------------------------------------

    def is_outdated(self) -> bool:
        """Whether it must be built anew to show what there is now."""
        return False

    def offered(self, name: str) -> Mapping[Value, str]:
        """Values of a setting, with their words, that only the running app knows; none: those that are declared."""
        return {}

    def refresh(self) -> None:
        """Shows the settings as they are now."""
        for row in self.rows:
            row.refresh()

    def appeared(self) -> None:
        """The page is on screen."""
        self.refresh()

    def vanished(self) -> None:
        """The page is no longer on screen."""

    # -- what it uses ---------------------------------------------------------------------------------------

    def row(self, name: str) -> FieldRow:
        """A row for one setting, kept up to date with it."""
        from companion.gui.settings.form import FieldRow  # a page of the welcome has none

        row = FieldRow(name, lambda: self.host.settings, self.save, self.offered(name))
        self.rows.append(row)
        return row

    def add_rows(self, *names: str) -> None:
        for name in names:
            self.column.addWidget(self.row(name))

    def add_pair(self, left: QWidget, right: QWidget) -> None:
        """Two widgets side by side, equally wide."""
        pair = Columns()
        pair.addWidget(left)
        pair.addWidget(right)
        self.column.addLayout(pair)

    def add_reset(self) -> QPushButton:
        """A way back to the defaults for all rows of the page."""
        self.reset = QPushButton(tr("Back to the defaults"))
        self.reset.setAccessibleDescription(
            tr("All settings of the page {heading}", heading=self.heading.text())
        )
        self.reset.clicked.connect(lambda: self.save({row.field.name: None for row in self.rows}))
        self.buttons = FlowLayout()
        self.buttons.addWidget(self.reset)
        self.column.addSpacing(6)
        self.column.addLayout(self.buttons)
        return self.reset

    def save(self, changes: Mapping[str, object]) -> None:
        """Makes settings hold at once; a fault is told on the page and the control goes back."""
        self.work.start(self._save(dict(changes)), "save " + " ".join(changes))

    async def _save(self, changes: Mapping[str, object]) -> None:
        try:
            await self.host.change(changes)
        except CompanionError as error:
            self.tell_error(error)
        else:
            self.notice.tell("")
        self.refresh()

    def tell_error(self, error: CompanionError, answers: Answers = ()) -> None:
        self.notice.tell(f"{error.message} {error.hint}".strip(), answers)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.appeared()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self.vanished()


class DeclaredPage(SettingsPage):
    """A page that is nothing but its declared settings, with a way back to the defaults."""

    def __init__(self, host: SettingsHost, look: Look, title: str, page: Page) -> None:
        super().__init__(host, look, title)
        self.add_rows(*(field.name for field in all_fields() if field.declared.page is page))
        self.add_reset()
        self.column.addStretch(1)


def empty(layout: QLayout) -> None:
    """Takes every widget out of a layout and lets it go."""
    while (item := layout.takeAt(0)) is not None:
        widget = item.widget()
        if isinstance(widget, QLabel | QPushButton):
            widget.hide()
            widget.deleteLater()
