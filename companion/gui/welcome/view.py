"""The pages of the welcome as one: which is shown, where the focus is, and the buttons below. Main thread.

A page is built when it is first turned to, and stays, so that what is being fetched goes on.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Signal
from PySide6.QtWidgets import (
    QApplication,
    QFrame,
    QHBoxLayout,
    QLayout,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QWidget,
)

from companion.app.welcome import PAGES
from companion.gui.announce import announce
from companion.gui.boxes import in_column
from companion.gui.labels import label
from companion.language import tr

if TYPE_CHECKING:
    from PySide6.QtGui import QKeyEvent, QResizeEvent

    from companion.gui.theme import Look
    from companion.gui.welcome.host import WelcomeHost
    from companion.gui.welcome.page import WelcomePage

_BUILDS = {
    "begin": ("begin", "BeginPage"),
    "sound": ("engines", "EnginesPage"),
    "microphone": ("microphone", "MicrophonePage"),
    "thinking": ("thinker", "ThinkerPage"),
    "journal": ("journal", "JournalPage"),
}
_WIDE_PX, _MARGIN_PX = 640, 28
_BAR_PX = 12
"""Room for the bar that scrolls, beside the words."""


class WelcomeView(QWidget):
    """One per window."""

    over = Signal()
    """It was finished or skipped: the first reflection may begin."""
    settings_wanted = Signal(str)
    """A page of the settings, by name."""

    def __init__(self, app: WelcomeHost, look: Look) -> None:
        super().__init__()
        self._app, self._look = app, look
        self.pages: dict[str, WelcomePage] = {}
        self.page: WelcomePage | None = None
        self._build()
        look.changed.connect(self._fit)

    def turn_to(self, name: str) -> None:
        """Shows a page."""
        if self.page is not None:
            self.page.hide()
        if name not in self.pages:
            self._add(name)
        self.page = self.pages[name]
        self.page.show()
        place = PAGES.index(name)
        is_last = name == PAGES[-1]
        self.step.setText(tr("{place} of {pages}", place=place + 1, pages=len(PAGES)))
        self.back.setVisible(place > 0)
        self.skip.setVisible(not is_last)
        self.go_on.setText(tr("Begin") if is_last else tr("Continue"))
        self._show_hint()
        self._scroll.verticalScrollBar().setValue(0)
        self._fit()
        self.take_focus()
        if self.isVisible():  # before the first frame nobody hears it
            announce(self, f"{self.step.text()}. {tr(self.page.title)}. {self.page.lead_label.text()}")

    def take_focus(self) -> None:
        """Puts the keyboard where the page begins."""
        first = self.page.first if self.page is not None else None
        (first or self.go_on).setFocus(Qt.FocusReason.OtherFocusReason)

    def leave(self, *, for_a_while: bool = False) -> None:
        """Another page of the window is shown: what sounds or listens ends, and what is fetched goes on.

        `for_a_while`: it comes back.
        """
        if self.page is not None:
            self.page.stop()
        if not for_a_while:
            self._app.welcome.end()

    def close_pages(self) -> None:
        """The window closes: everything that runs for a page ends."""
        for page in self.pages.values():
            page.stop()
            page.work.stop()

    def escape(self) -> None:
        """Ends what sounds or listens, else the welcome."""
        if self.page is None or not self.page.stop():
            self.over.emit()

    # -- building -------------------------------------------------------------------------------------------

    def _build(self) -> None:
        self.step = label("", "soft")
        self._inner = QWidget()
        self._inner.setProperty("scrolled", "true")
        self._inner.installEventFilter(self)
        self._column = in_column(self.step, inside=self._inner, spacing=20, margins=(0, 0, _BAR_PX, 0))
        self._scroll = QScrollArea()
        self._scroll.setWidgetResizable(True)
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setWidget(self._inner)
        self._foot = self._build_foot()
        column = in_column(inside=self, spacing=20, margins=(_MARGIN_PX, 24, _MARGIN_PX - _BAR_PX, 24))
        column.addStretch(1)
        for each in (self._scroll, self._foot):
            column.addWidget(each, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addStretch(1)

    def _build_foot(self) -> QWidget:
        self.hint = label("", "soft", wraps=True)
        self.back, self.skip, self.go_on = (
            QPushButton(tr("Back")),
            QPushButton(tr("Skip")),
            QPushButton(tr("Continue")),
        )
        self.skip.setAccessibleDescription(
            tr("Leaves the welcome; it is in the settings, under General, again")
        )
        self.go_on.setProperty("tone", "primary")
        self.back.clicked.connect(self._turn_back)
        self.skip.clicked.connect(self.over)
        self.go_on.clicked.connect(self._continue)
        foot = QWidget()
        row = self._foot_row = QHBoxLayout(foot)
        row.setContentsMargins(0, 0, _BAR_PX, 0)
        row.setSpacing(14)
        row.addWidget(self.hint, 1)
        for button in (self.back, self.skip, self.go_on):
            row.addWidget(button)
        return foot

    def _add(self, name: str) -> None:
        module, kind = _BUILDS[name]
        page: WelcomePage = getattr(import_module(f"companion.gui.welcome.{module}"), kind)(
            self._app, self._look
        )
        page.hide()
        page.ready.connect(lambda: self._ready(page))
        page.hint_changed.connect(self._show_hint)
        page.unfolded.connect(self._bring_into_view)
        page.wanted.connect(self.settings_wanted)
        self._column.addWidget(page)
        self.pages[name] = page

    # -- turning --------------------------------------------------------------------------------------------

    def _continue(self) -> None:
        if self.page is not None and self.page.leave():
            self._turn_on()

    def _ready(self, page: WelcomePage) -> None:
        if page is self.page:
            self._turn_on()

    def _turn_on(self) -> None:
        assert self.page is not None
        self._app.welcome.go_on(self.page.name)
        place = PAGES.index(self.page.name) + 1
        if place < len(PAGES):
            self.turn_to(PAGES[place])
        else:
            self.over.emit()

    def _turn_back(self) -> None:
        assert self.page is not None
        self.turn_to(PAGES[max(0, PAGES.index(self.page.name) - 1)])

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter goes on, but for what has a use for it."""
        if event.key() not in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            super().keyPressEvent(event)
            return
        focus = QApplication.focusWidget()
        if isinstance(focus, QPushButton):
            focus.click()
        elif not isinstance(focus, QLineEdit):
            self._continue()

    def _show_hint(self) -> None:
        self.hint.setText(tr(self.page.hint) if self.page is not None else "")

    def _bring_into_view(self, part: QWidget) -> None:
        """Once it has its place."""
        QTimer.singleShot(0, self, lambda: self._scroll.ensureWidgetVisible(part, 0, 0))

    # -- fitting --------------------------------------------------------------------------------------------

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() is QEvent.Type.LayoutRequest:
            QTimer.singleShot(0, self, self._fit)
        return False

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        """In the middle where it has room; else the words scroll, and the buttons stay in sight."""
        wide = min(self.width() - 2 * _MARGIN_PX, self._look.px(_WIDE_PX)) + _BAR_PX
        if wide < _BAR_PX:
            return
        self._foot.setFixedWidth(wide)
        self._scroll.setFixedWidth(wide)
        foot = _height(self._foot_row, wide)
        self._foot.setFixedHeight(foot)
        room = max(60, self.height() - foot - 68)
        needed = _height(self._column, wide)
        bar = self._scroll.verticalScrollBar().sizeHint().width() if needed > room else 0
        self._column.setContentsMargins(0, 0, max(0, _BAR_PX - bar), 0)
        self._scroll.setFixedHeight(min(needed, room))


def _height(layout: QLayout, wide: int) -> int:
    """What it needs where it is so wide."""
    return layout.totalHeightForWidth(wide) if layout.hasHeightForWidth() else layout.totalSizeHint().height()
