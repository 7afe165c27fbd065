"""What a page of the settings is: a title, and a widget built when it is first shown.

A page file in `pages/` holds one `PAGE`; nothing lists them by hand. `SettingsPage` carries what all pages share: rows of
declared settings, one inline notice with buttons, and background work that ends with the page.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar

from PySide6.QtCore import QEvent, QPoint, QRect, QRectF, QTimer, Signal
from PySide6.QtGui import (
    QHideEvent,
    QPainter,
    QPaintEvent,
    QShowEvent,
)
from PySide6.QtWidgets import QFrame, QLabel, QLayout, QPushButton, QScrollArea, QVBoxLayout, QWidget

from companion import tasks
from companion.errors import CompanionError
from companion.frozen import Frozen
from companion.gui.announce import announce
from companion.gui.focus import show
from companion.gui.labels import dress, text_label
from companion.gui.settings.chips import Columns, FlowLayout
from companion.language import Worded, tr
from companion.settings import Page, all_fields, value_of

if TYPE_CHECKING:
    import asyncio

    from companion.gui.settings.form import FieldRow
    from companion.gui.settings.host import SettingsHost
    from companion.gui.theme import Look
    from companion.settings.field import Value

_AROUND_PX = 60
"""What is seen beside a place that was looked for."""
Answer = tuple[str, Callable[[], None]]
Answers = Sequence[Answer]
"""Buttons beside a notice: what they say and do."""


class PageInfo(Worded, Frozen):
    """One entry of the list at the left."""

    WORDS = frozenset({"title"})
    name: str
    """What `SettingsDialog.open` takes; the value of `Page` where settings belong to it."""
    title: str
    order: int
    build: Callable[[SettingsHost, Look], SettingsPage]


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

    def start(self, work: Coroutine[Any, Any, object], name: str) -> None:
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


class Notice(QFrame):
    """One sentence and its buttons; empty, it takes no room."""

    def __init__(self) -> None:
        super().__init__()
        self.row = FlowLayout(self)
        self._label = text_label("", "warn", fills=True)
        self.row.addWidget(self._label)
        self._answers: list[QPushButton] = []
        self.hide()

    @property
    def text(self) -> str:
        return "" if self.isHidden() else self._label.text()

    def tell(self, text: str, answers: Answers = (), *, kind: str = "warn") -> None:
        """Shows `text`; empty text hides the notice."""
        for old in self._answers:
            self.row.removeWidget(old)
            old.hide()
            old.deleteLater()
        self._answers.clear()
        self._label.setText(text)
        dress(self._label, type=kind)
        for words, answer in answers:
            button = QPushButton(words)
            button.clicked.connect(self._answering(answer))
            self._answers.append(button)
            self.row.addWidget(button)
        self.setVisible(bool(text))
        if text:
            QTimer.singleShot(0, self, lambda: show(self))
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
        self._marked: tuple[str, ...] = ()

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

    def spot(self, name: str) -> QWidget | None:
        """The widget of a place by its name, with its label; None: it is not shown."""
        found = self.findChild(QWidget, name)
        around = found.parentWidget() if found is not None else None
        found = around if around is not None and around.property("labelled") else found
        return found if found is not None and found.isVisibleTo(self) else None

    # -- what it uses ---------------------------------------------------------------------------------------

    def row(self, name: str) -> FieldRow:
        """A row for one setting, kept up to date with it."""
        from companion.gui.settings.form import FieldRow  # a page of the welcome has none

        row = FieldRow(name, lambda: self.host.settings, self.save, self.reset_rows, self.offered(name))
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
        self.reset.setObjectName("reset")
        self.reset.setAccessibleDescription(
            tr("All settings of the page {heading}", heading=self.heading.text())
        )
        self.reset.clicked.connect(lambda: self.reset_rows(*(row.field.name for row in self.rows)))
        self.buttons = FlowLayout()
        self.buttons.addWidget(self.reset)
        self.column.addSpacing(6)
        self.column.addLayout(self.buttons)
        return self.reset

    def mark(self, places: Sequence[str]) -> QWidget | None:
        """Marks places that were looked for instead of those before; the first that is shown."""
        self._marked = tuple(places)
        self.update()
        return next(iter(self._spots()), None)

    def _spots(self) -> list[QWidget]:
        return [spot for name in self._marked if (spot := self.spot(name)) is not None]

    def reveal(self, widget: QWidget) -> None:
        """Scrolls there, once the page has its new height."""
        self.column.activate()
        area: QWidget | None = self
        while area is not None and not isinstance(area, QScrollArea):
            area = area.parentWidget()
        if area is not None:
            self.resize(self.width(), self.column.totalHeightForWidth(self.width()))
            area.ensureWidgetVisible(widget, 0, _AROUND_PX)

    def take_up(self) -> None:
        """Shows what another hand changed in the settings file."""

        async def taken_up() -> None:
            await self.host.take_up()
            self.refresh()

        self.work.start(taken_up(), "take up the file")

    def save(self, changes: Mapping[str, object], undo: Answer | None = None) -> None:
        """Makes settings hold at once; a fault is told on the page and the control goes back.

        Args:
            undo: offered where a default was given back.
        """
        self.work.start(self._save(dict(changes), undo), "save " + " ".join(changes))

    def reset_rows(self, *names: str) -> None:
        """Gives settings their defaults back; what was before comes back with one click."""
        before = {name: value_of(self.host.settings, name) for name in names}
        self.save(dict.fromkeys(names), (tr("Undo"), lambda: self.save(before)))

    async def _save(self, changes: Mapping[str, object], undo: Answer | None) -> None:
        try:
            await self.host.change(changes)
        except CompanionError as error:
            self.tell_error(error)
        else:
            self.notice.tell(tr("Back to the default.") if undo else "", [undo] if undo else (), kind="small")
        self.refresh()

    def tell_error(self, error: CompanionError, answers: Answers = ()) -> None:
        self.notice.tell(f"{error.message} {error.hint}".strip(), answers)

    def event(self, event: QEvent) -> bool:
        if event.type() is QEvent.Type.LayoutRequest and self._marked:
            self.update()  # what is marked may lie elsewhere
        return super().event(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(self.look.colour("accent"))
        painter.setBrush(self.look.colour("accent_soft"))
        for spot in self._spots():
            place = QRectF(QRect(spot.mapTo(self, QPoint(0, 0)), spot.size()))
            painter.drawRoundedRect(place.adjusted(-8.5, -6.5, 8.5, 6.5), 12, 12)
        painter.end()

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
