"""A part that is not installed, as a card: what it is for, a button that installs it, or a line that does. Main thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtWidgets import (
    QApplication,
    QFrame,
    QLineEdit,
    QProgressBar,
    QPushButton,
)

from companion.errors import CompanionError
from companion.gui.boxes import in_column
from companion.gui.labels import text_label
from companion.gui.settings.chips import FlowLayout
from companion.gui.settings.form import name_control
from companion.gui.settings.page import SettingsPage
from companion.language import mark, tr

if TYPE_CHECKING:
    from companion.app.parts import Part, Step

_GOES_OUT = mark(
    "It is fetched by pip, a program of its own, from wherever that is set up to fetch. What it sends does not appear "
    "under Privacy; offline mode stops it."
)
_BY_HAND = mark("This installation cannot be changed from here. In a terminal:")


class PartCard(QFrame):
    """Hidden while the part is here.

    Args:
        name: of the part, as `app.parts` has it.
        came: the part is here now.
    """

    def __init__(self, page: SettingsPage, name: str, came: Callable[[], None] = lambda: None) -> None:
        super().__init__()
        self._page, self._name, self._came = page, name, came
        self._part: Part | None = None
        self._is_running = False
        self.setProperty("card", "true")
        column = in_column(inside=self, spacing=8, margins=(18, 13, 18, 15))
        top = FlowLayout()
        self.title = text_label("", "strong", fills=True)
        self.install = QPushButton(tr("Install"))
        self.cancel = QPushButton(tr("Cancel"))
        self.copy = QPushButton(tr("Copy this line"))
        for button in (self.title, self.install, self.cancel, self.copy):
            top.addWidget(button)
        column.addLayout(top)
        self.about = text_label("", "caption")
        column.addWidget(self.about)
        self.line = QLineEdit()
        self.line.setReadOnly(True)
        name_control(self.line, tr("Line that installs it"))
        column.addWidget(self.line)
        self.bar = QProgressBar()
        column.addWidget(self.bar)
        self.said = text_label("", "small")
        column.addWidget(self.said)
        self.install.clicked.connect(self._begin)
        self.cancel.clicked.connect(self._stop)
        self.copy.clicked.connect(lambda: QApplication.clipboard().setText(self.line.text()))
        self.hide()

    @property
    def is_running(self) -> bool:
        return self._is_running

    def show_if(self, is_wanted: bool) -> None:
        """Shows it where it is wanted and missing; one that is being installed stays."""
        if self._is_running:
            return
        self._part = self._page.host.parts.missing(self._name) if is_wanted else None
        if self._part is not None:
            self._show(self._part)
        self.setVisible(self._part is not None)

    def _show(self, part: Part) -> None:
        can = self._page.host.parts.can_be_installed
        self.title.setText(tr("{part} is not installed", part=part.label))
        size = tr("It takes about {size} MB.", size=part.size_mb) if part.size_mb else ""
        self.about.setText(" ".join(filter(None, (part.does, size, tr(_GOES_OUT if can else _BY_HAND)))))
        self.line.setText(self._page.host.parts.line(part))
        self.line.setCursorPosition(0)
        name_control(self.line, tr("Line that installs {part}", part=part.label))
        self.bar.setAccessibleName(tr("How much of {part} is here", part=part.label))
        self.install.setAccessibleName(tr("Install {part}", part=part.label))
        self.copy.setAccessibleName(tr("Copy the line that installs {part}", part=part.label))
        self.install.setVisible(can and not self._is_running)
        self.cancel.setVisible(self._is_running)
        self.line.setVisible(not can)
        self.copy.setVisible(not can)
        self.bar.setVisible(self._is_running)
        self.said.setVisible(self._is_running)

    def _begin(self) -> None:
        if self._part is not None and not self._is_running:
            self._page.work.start(self._install(self._part), f"install {self._name}")

    async def _install(self, part: Part) -> None:
        self._is_running = True
        self._page.notice.tell("")
        self._show(part)
        self.cancel.setFocus()
        try:
            await self._page.host.parts.install(part, self._tell)
        except CompanionError as error:
            self._page.tell_error(error)
        else:
            self._page.notice.tell(
                tr("{part} is installed and used from now on.", part=part.label), kind="good"
            )
            self._came()
        finally:
            self._is_running = False
        self.show_if(True)

    def _tell(self, step: Step) -> None:
        self.said.setText(step.words)
        self.bar.setRange(0, 1000 if step.share is not None else 0)
        if step.share is not None:
            self.bar.setValue(round(step.share * 1000))

    def _stop(self) -> None:
        self._page.work.end(f"install {self._name}")
        self._is_running = False
        self._page.notice.tell(tr("Stopped. Nothing was changed."), kind="small")
        self.show_if(True)
        self.install.setFocus()
