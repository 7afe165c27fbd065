"""The import: choose a file, see what would come in and what would not, keep it, take it out again. Main thread."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QCheckBox, QFileDialog, QFrame, QListWidget, QScrollArea, QVBoxLayout, QWidget

from companion.exchange.formats import KNOWN
from companion.exchange.importing import Incoming
from companion.exchange.preview import ODD, Preview, entries, leave_out
from companion.gui.boxes import in_column
from companion.gui.exchange.host import ExchangeHost
from companion.gui.exchange.steps import Progress, Steps, line
from companion.gui.labels import text_label
from companion.gui.theme import Look
from companion.language import mark, sentence, tr, trn

_TITLE = mark("Bring in another journal")
_WHAT = mark(
    "This can be read: {known}. Choose the file you exported there, or the folder. Companion sees by itself "
    "which journal it is."
)
_SAFE = mark(
    "The file is read without any network. First you see what would come in, and nothing is kept before you say so."
)
_CHOOSE, _READ, _LOOK, _DONE = range(4)


class ImportDialog(Steps):
    """See the module."""

    changed = Signal()
    """Something came into the journal, or went out again."""

    def __init__(self, host: ExchangeHost, look: Look, parent: QWidget | None = None) -> None:
        super().__init__(tr(_TITLE), look, parent)
        self._host = host
        self._incoming: Incoming | None = None
        self._batch = 0
        self.setAcceptDrops(True)
        column = self.page()
        for words in (tr(_WHAT, known=tr(KNOWN)), tr(_SAFE)):
            column.addWidget(text_label(words, "soft"))
        column.addWidget(text_label(tr("You can also drop the file here."), "caption"))
        column.addStretch(1)
        column = self.page()
        self.progress = Progress(tr("How much of the file has been read"))
        column.addWidget(self.progress)
        column.addStretch(1)
        self._build_preview(self.page())
        column = self.page()
        self.outcome = text_label("", "soft")
        column.addWidget(self.outcome)
        column.addStretch(1)
        self.later = self.button(tr("Not now"), self.reject)
        self.folder = self.button(
            tr("Choose a folder …"), lambda: self._choose(QFileDialog.FileMode.Directory)
        )
        self.file = self.button(
            tr("Choose a file …"), lambda: self._choose(QFileDialog.FileMode.ExistingFile), is_likely=True
        )
        self.cancel = self.button(tr("Cancel"), self._back)
        self.other = self.button(tr("Another file"), self._back)
        self.keep = self.button(tr("Import"), self._keep, is_likely=True)
        self.undo = self.button(tr("Undo"), self._undo)
        self.close_button = self.button(tr("Done"), self.accept, is_likely=True)
        self._back()

    def _build_preview(self, column: QVBoxLayout) -> None:
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        inside = QWidget()
        inside.setProperty("scrolled", "true")
        inner = in_column(inside=inside, spacing=8, margins=(0, 0, 8, 0))
        self.headline = text_label("", "strong")
        inner.addWidget(self.headline)
        self._notes = in_column(spacing=8)
        inner.addLayout(self._notes)
        self.choices: dict[str, QCheckBox] = {}
        for kind in ODD:
            box = QCheckBox()
            box.toggled.connect(self._count)
            self.choices[kind] = box
            inner.addWidget(box)
        self._named = text_label(tr("What is left out"), "small")
        self.outside = QListWidget()
        self.outside.setAccessibleName(tr("What is left out, and why"))
        self.outside.setWordWrap(True)
        self.outside.setTextElideMode(Qt.TextElideMode.ElideNone)
        self.outside.setProperty("framed", "true")
        self.outside.setMinimumHeight(self.look.px(120))
        inner.addWidget(self._named)
        inner.addWidget(self.outside, 1)
        inner.addStretch(0)
        area.setWidget(inside)
        column.addWidget(area, 1)

    # -- choosing -------------------------------------------------------------------------------------------

    def _back(self) -> None:
        self.stop()
        self.tell("")
        self._incoming = None
        self.turn_to(_CHOOSE, tr(_TITLE), self.later, self.folder, self.file)

    def _choose(self, mode: QFileDialog.FileMode) -> None:
        chooser = QFileDialog(self, tr(_TITLE))
        chooser.setFileMode(mode)
        chooser.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        chooser.fileSelected.connect(lambda name: self.read(Path(name)))
        chooser.open()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if event.mimeData().hasUrls() and not self.is_busy:
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        files = [url.toLocalFile() for url in event.mimeData().urls() if url.isLocalFile()]
        if files:
            event.acceptProposedAction()
            self.read(Path(files[0]))

    # -- reading and showing --------------------------------------------------------------------------------

    def read(self, path: Path) -> None:
        """Looks at what lies there and shows it."""
        self.stop()
        self._far(0, 0)
        self.turn_to(_READ, tr("Reading {name} …", name=path.name), self.cancel)
        self.begin(lambda: self._look(path), self._back)

    async def _look(self, path: Path) -> None:
        incoming = await self._host.look(path, self._far)
        self._incoming = incoming
        self._show(incoming.preview)

    def _far(self, done: int, total: int) -> None:
        words = tr("{entries} so far", entries=entries(done)) if done else tr("One moment …")
        self.progress.show_far(words, done, total)

    def _show(self, preview: Preview) -> None:
        self.headline.setText(preview.headline)
        while (item := self._notes.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.hide()
                widget.deleteLater()
        told = set()
        for kind, box in self.choices.items():
            count = preview.odd.get(kind, 0)
            told.add(sentence(ODD[kind](count)))
            box.setText(leave_out(kind, count))
            box.setChecked(False)
            box.setVisible(count > 0)
        for note in preview.notes():
            if note not in told:
                self._notes.addWidget(line(note, "soft"))
        outside = preview.left_outside()
        self.outside.clear()
        self.outside.addItems([line(each, "small").text() for each in outside])
        self.outside.setVisible(bool(outside))
        self._named.setVisible(bool(outside))
        if preview.new:
            self.turn_to(_LOOK, tr("What {name} would bring", name=preview.name), self.other, self.keep)
        else:
            self.turn_to(_LOOK, tr("Nothing new in {name}", name=preview.name), self.other, self.close_button)
        self._count()

    @property
    def _left_out(self) -> frozenset[str]:
        return frozenset(kind for kind, box in self.choices.items() if box.isChecked())

    def _count(self) -> None:
        if self._incoming is not None:
            coming = self._incoming.preview.coming(self._left_out)
            self.keep.setText(trn("Import {n:,} reflection", "Import {n:,} reflections", coming))
            self.keep.setEnabled(coming > 0)

    # -- keeping and undoing --------------------------------------------------------------------------------

    def _keep(self) -> None:
        if self._incoming is not None:
            incoming = self._incoming
            self.progress.show_far(tr("Either all of it is imported, or nothing is."), 0, 0)
            self.turn_to(_READ, tr("Keeping it …"), self.cancel)
            self.begin(lambda: self._take(incoming), lambda: self._show(incoming.preview))

    async def _take(self, incoming: Incoming) -> None:
        batch = await self._host.take(incoming, self._left_out)
        self._batch = batch.id
        self.outcome.setText(tr("You will find them in the journal, on the days they were written."))
        self.turn_to(
            _DONE,
            trn("Imported {n:,} reflection", "Imported {n:,} reflections", batch.kept),
            self.undo,
            self.close_button,
        )
        self.changed.emit()

    def _undo(self) -> None:
        self.undo.setEnabled(False)
        self.begin(self._take_out, lambda: self.undo.setEnabled(True))

    async def _take_out(self) -> None:
        count = await self._host.undo(self._batch)
        self.outcome.setText(tr("The journal is as it was before. The file can be imported again."))
        self.turn_to(
            _DONE,
            trn("{n:,} reflection taken out again", "{n:,} reflections taken out again", count),
            self.close_button,
        )
        self.undo.setEnabled(True)
        self.changed.emit()
