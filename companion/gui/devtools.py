"""The developer tools, Ctrl+Shift+D: turns as waterfalls, events, tasks, log, network, and words that pretend to be said.

In: what the app knows already. Nothing is watched, read or timed while the dock is hidden, and closing it forgets all.
Main thread.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from PySide6.QtCore import QEvent, QObject, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QCloseEvent, QHideEvent, QShowEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QDockWidget,
    QHBoxLayout,
    QLineEdit,
    QMainWindow,
    QPlainTextEdit,
    QPushButton,
    QStackedWidget,
    QTabBar,
    QWidget,
)

from companion import tasks
from companion.events import Event, Events, TurnFinished
from companion.flow import TurnRecord
from companion.gui import icons
from companion.gui.boxes import NONE, in_column
from companion.gui.devtools_bars import TurnsPane
from companion.gui.devtools_facts import Happenings, log_tail, task_lines, traffic_lines
from companion.gui.labels import label
from companion.gui.theme import Look
from companion.net import Traffic
from companion.paths import Home

KEYS = "Ctrl+Shift+D"
_REFRESH_MS = 250
_LEAST_PX = 340
_LEFT_PX = 660
"""Width the window itself keeps beside the dock, where the screen has room."""


class _Conversation(Protocol):
    @property
    def history(self) -> Sequence[TurnRecord]: ...


class _Gate(Protocol):
    @property
    def traffic(self) -> Mapping[str, Traffic]: ...


class DevtoolsHost(Protocol):
    """The app as the developer tools know it."""

    @property
    def events(self) -> Events: ...

    @property
    def home(self) -> Home: ...

    @property
    def net(self) -> _Gate: ...

    @property
    def engine(self) -> _Conversation: ...

    def submit(self, text: str) -> bool: ...


class _Pane(Protocol):
    def refresh(self) -> None: ...


class LinesPane(QPlainTextEdit):
    """Lines that are asked for again and again; they stand still while some are selected.

    Args:
        name: for screen readers.
        nothing: what stands there when there are no lines.
        lines: gives them, the newest last.
    """

    def __init__(self, name: str, nothing: str, lines: Callable[[], list[str]]) -> None:
        super().__init__()
        self._lines = lines
        self.setReadOnly(True)
        self.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.setAccessibleName(name)
        self.setPlaceholderText(nothing)
        self.setTabChangesFocus(True)
        self.setUndoRedoEnabled(False)
        self.setProperty("mono", "true")

    def refresh(self) -> None:
        text = "\n".join(self._lines())
        if text == self.toPlainText() or self.textCursor().hasSelection():
            return
        bar = self.verticalScrollBar()
        is_at_end, place = bar.value() >= bar.maximum() - 1, bar.value()
        self.setPlainText(text)
        bar.setValue(bar.maximum() if is_at_end else min(place, bar.maximum()))


class EventsPane(QWidget):
    """What happened since the dock was opened."""

    def __init__(self) -> None:
        super().__init__()
        self.happened = Happenings()
        self.lines = LinesPane("Events", "Nothing has happened since this was opened.", self._lines)
        self.shows_words = QCheckBox("Show words")
        self.shows_words.setToolTip("What was said and answered stands in the lines, too")
        self.shows_words.toggled.connect(lambda _: self.refresh())
        column = in_column(self.shows_words, inside=self, spacing=4, margins=NONE)
        column.addWidget(self.lines, 1)

    def refresh(self) -> None:
        self.lines.refresh()

    def _lines(self) -> list[str]:
        return self.happened.lines(shows_words=self.shows_words.isChecked())


class Devtools(QDockWidget):
    """One per window, made when it is opened."""

    closed = Signal()

    def __init__(self, host: DevtoolsHost, look: Look, window: QMainWindow) -> None:
        super().__init__("Developer tools", window)
        self._host, self._look, self._window = host, look, window
        self._widened_px = 0
        window.installEventFilter(self)
        self._unwatch: Callable[[], None] | None = None
        feature = QDockWidget.DockWidgetFeature
        self.setFeatures(feature.DockWidgetClosable | feature.DockWidgetMovable)
        self.turns = TurnsPane(look)
        self.events = EventsPane()
        self.tasks = LinesPane(
            "Running tasks", "Nothing runs in the background.", lambda: task_lines(tasks.alive())
        )
        self.log = LinesPane("Log", "The log is empty.", lambda: log_tail(host.home.log))
        self.network = LinesPane(
            "Network", "Nothing has left this computer.", lambda: traffic_lines(host.net.traffic)
        )
        self._panes: tuple[_Pane, ...] = (self.turns, self.events, self.tasks, self.log, self.network)
        self.tabs = QTabBar()
        self._stack = QStackedWidget()
        self.close_button = QPushButton()
        self.pretend = QLineEdit()
        self.refusal = label("", "warn", wraps=True)
        self.setTitleBarWidget(self._build_title())
        self.setWidget(self._build())
        self._timer = QTimer(self)
        self._timer.setInterval(_REFRESH_MS)
        self._timer.timeout.connect(self._refresh)
        look.changed.connect(self._dress)
        self._dress()

    @property
    def is_running(self) -> bool:
        """Whether it watches and refreshes."""
        return self._unwatch is not None

    # -- building -------------------------------------------------------------------------------------------

    def _build_title(self) -> QWidget:
        title = QWidget()
        row = QHBoxLayout(title)
        row.setContentsMargins(16, 10, 10, 6)  # the dock asks the layout for its height, nothing else
        row.setSpacing(10)
        row.addWidget(label("Developer tools", "bar-title"))
        row.addStretch(1)
        self.close_button.setProperty("tone", "plain")
        self.close_button.setAccessibleName("Close the developer tools")
        self.close_button.setToolTip(f"Close ({KEYS})")
        self.close_button.clicked.connect(self.close)
        row.addWidget(self.close_button)
        return title

    def _build(self) -> QWidget:
        self.tabs.setAccessibleName("Developer tools")
        self.tabs.setDrawBase(False)
        self.tabs.setExpanding(False)
        for name, pane in zip(("Turns", "Events", "Tasks", "Log", "Network"), self._panes, strict=True):
            assert isinstance(pane, QWidget)
            self.tabs.addTab(name)
            self._stack.addWidget(pane)
        self.tabs.currentChanged.connect(self._turn_to)
        self.pretend.setPlaceholderText("Pretend I said …")
        self.pretend.setAccessibleName("Pretend I said")
        self.pretend.returnPressed.connect(self._pretend)
        self.refusal.hide()
        whole = QWidget()
        whole.setProperty("devtools", "true")
        whole.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        column = in_column(self.tabs, inside=whole, spacing=8, margins=(12, 4, 12, 12))
        column.addWidget(self._stack, 1)
        column.addWidget(self.refusal)
        column.addWidget(self.pretend)
        return whole

    def _dress(self) -> None:
        picture = icons.icon("close", self._look.colour("soft"), 16)
        self.close_button.setIcon(picture)
        self.close_button.setIconSize(QSize(16, 16))
        self.widget().setMinimumWidth(self._look.px(_LEAST_PX))

    # -- life -----------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Docks at the right; a narrow window grows for it, and shrinks again when it closes."""
        window, screen = self._window, self._window.screen().availableGeometry()
        window.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, self)
        self.show()
        wanted = self._look.px(_LEAST_PX) + _LEFT_PX
        if not window.isMaximized() and not window.isFullScreen():
            self._widened_px = max(0, min(wanted, screen.width()) - window.width())
            window.resize(window.width() + self._widened_px, window.height())

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if self._unwatch is None:
            self._unwatch = self._host.events.watch(self._watch)
            self.turns.show_turns(self._host.engine.history)
            self._timer.start()
            self._refresh()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        if self._unwatch is not None:
            self._unwatch()
            self._unwatch = None
            self._timer.stop()
            self.events.happened.forget()

    def closeEvent(self, event: QCloseEvent) -> None:
        super().closeEvent(event)
        self._window.removeEventFilter(self)
        self._window.removeDockWidget(self)
        if self._widened_px and not self._window.isMaximized():
            self._window.resize(self._window.width() - self._widened_px, self._window.height())
        self.closed.emit()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Goes before the window does, which then remembers the size it had without the dock."""
        if watched is self._window and event.type() is QEvent.Type.Close:
            self.close()
        return super().eventFilter(watched, event)

    def _watch(self, event: Event) -> None:
        self.events.happened.add(event, time.time())
        if isinstance(event, TurnFinished):
            self.turns.add(event.record)

    def _turn_to(self, place: int) -> None:
        self._stack.setCurrentIndex(place)
        self._refresh()

    def _refresh(self) -> None:
        self._panes[self._stack.currentIndex()].refresh()

    def _pretend(self) -> None:
        text = self.pretend.text().strip()
        if not text:
            return
        is_taken = self._host.submit(text)
        self.refusal.setText("" if is_taken else "A recording is under way; the words stay here.")
        self.refusal.setVisible(not is_taken)
        if is_taken:
            self.pretend.clear()
