"""The export: its form, all of the journal or some of it, with or without sound; then where it lies. Main thread."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QButtonGroup, QCheckBox, QFileDialog, QRadioButton, QVBoxLayout, QWidget

from companion import days
from companion.exchange.preview import reflections
from companion.exchange.writing import FORMATS, WITH_SOUND, ending_of, free_path
from companion.gui.exchange.host import DoneExport, ExchangeHost
from companion.gui.exchange.steps import Progress, Steps, shown
from companion.gui.labels import text_label, tip
from companion.gui.theme import Look
from companion.language import mark, tr, trn
from companion.records import Selection

_TITLE = mark("Export your journal")
_PLAIN = mark(
    "An export is not encrypted: whoever gets the file can read every word. Keep it where you would keep a diary."
)
_TITLE_PX = 440
"""What a long title has of a line."""
_ALL = Selection()
_CHOOSE, _WRITE, _DONE = range(3)


class ExportDialog(Steps):
    """See the module.

    Args:
        chosen: what is offered beside the whole journal, with what it is called; None: nothing.
    """

    def __init__(
        self,
        host: ExchangeHost,
        look: Look,
        parent: QWidget | None = None,
        *,
        chosen: tuple[Selection, str] | None = None,
    ) -> None:
        super().__init__(tr(_TITLE), look, parent)
        self._host, self._chosen = host, chosen
        self._path: Path | None = None
        self.forms: dict[str, QRadioButton] = {}
        self._build_choice(self.page())
        column = self.page()
        self.progress = Progress(tr("How much has been exported"))
        column.addWidget(self.progress)
        column.addStretch(1)
        column = self.page()
        self.outcome = text_label("", "soft")
        self.outcome.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        column.addWidget(self.outcome)
        column.addWidget(text_label(tr(_PLAIN), "warn"))
        column.addStretch(1)
        self.later = self.button(tr("Not now"), self.reject)
        self.start = self.button(tr("Choose a folder …"), self._choose, is_likely=True)
        self.cancel = self.button(tr("Cancel"), self._back)
        self.show_folder = self.button(tr("Show folder"), self._show_folder)
        self.close_button = self.button(tr("Done"), self.accept, is_likely=True)
        self._follow()
        self._back()

    def open(self) -> None:
        super().open()
        self.begin(self._count, lambda: None)

    def _build_choice(self, column: QVBoxLayout) -> None:
        self._forms = QButtonGroup(self)
        for name, (label, what, _) in FORMATS.items():
            words = tr(what)
            button = QRadioButton(f"{label}: {words[:1].lower()}{words[1:]}")
            self.forms[name] = button
            self._forms.addButton(button)
            column.addWidget(button)
            button.toggled.connect(self._follow)
        self.forms["markdown"].setChecked(True)
        column.addSpacing(8)
        self._scope = QButtonGroup(self)
        self.everything, self.some = QRadioButton(tr("The whole journal")), QRadioButton()
        for button in (self.everything, self.some):
            self._scope.addButton(button)
            column.addWidget(button)
        self.everything.setChecked(True)
        self.some.setVisible(self._chosen is not None)
        if self._chosen is not None:
            words = shown(tr("Only {chosen}", chosen=self._chosen[1]))
            room = self.look.px(_TITLE_PX)
            cut = self.some.fontMetrics().elidedText(words, Qt.TextElideMode.ElideRight, room)
            self.some.setText(cut.replace("&", "&&"))
            self.some.setToolTip(tip(words))
            self.some.setAccessibleName(words)
            self.some.setChecked(True)
        column.addSpacing(8)
        self.sound = QCheckBox(tr("With the recordings that are kept (FLAC)"))
        column.addWidget(self.sound)
        column.addStretch(1)
        column.addWidget(text_label(tr(_PLAIN), "warn"))

    # -- choosing -------------------------------------------------------------------------------------------

    @property
    def form(self) -> str:
        """The name of the format that is chosen."""
        return next(name for name, button in self.forms.items() if button.isChecked())

    @property
    def _selection(self) -> Selection:
        return self._chosen[0] if self._chosen is not None and self.some.isChecked() else _ALL

    def _follow(self) -> None:
        """Day One takes no FLAC."""
        if hasattr(self, "sound"):
            self.sound.setEnabled(self.form in WITH_SOUND)

    async def _count(self) -> None:
        count = await self._host.count(_ALL)
        self.everything.setText(tr("The whole journal ({reflections})", reflections=reflections(count)))
        self.start.setEnabled(count > 0)
        if not count:
            self.tell(tr("There is nothing in the journal yet."))

    def _back(self) -> None:
        self.stop()
        self.turn_to(_CHOOSE, tr(_TITLE), self.later, self.start)

    def _choose(self) -> None:
        chooser = QFileDialog(self, tr("Where to"))
        chooser.setFileMode(QFileDialog.FileMode.Directory)
        chooser.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        chooser.fileSelected.connect(lambda name: self.write(Path(name)))
        chooser.open()

    # -- writing --------------------------------------------------------------------------------------------

    def write(self, folder: Path) -> None:
        """Exports into `folder`, under a name that is free there."""
        has_sound = self.sound.isChecked() and self.form in WITH_SOUND
        stem = f"Companion {days.now().day.isoformat()}"
        path = free_path(folder, stem, ending_of(self.form, with_sound=has_sound))
        self._far(0, 0)
        self.turn_to(_WRITE, tr("Writing {name} …", name=path.name), self.cancel)
        self.begin(lambda: self._write(path, has_sound), self._back)

    async def _write(self, path: Path, has_sound: bool) -> None:
        done = await self._host.export(
            path, self.form, selection=self._selection, with_sound=has_sound, told=self._far
        )
        self._show(done)

    def _far(self, done: int, total: int) -> None:
        words = (
            tr("{done:,} of {reflections}", done=done, reflections=reflections(total))
            if total
            else tr("One moment …")
        )
        self.progress.show_far(words, done, total)

    def _show(self, done: DoneExport) -> None:
        self._path = done.path
        told = [
            tr("It is a folder: {path}", path=done.path)
            if done.path.is_dir()
            else tr("It is a file: {path}", path=done.path)
        ]
        if done.recordings:
            told.append(trn("With {n:,} recording.", "With {n:,} recordings.", done.recordings))
        if done.lost_recordings:
            told.append(
                trn(
                    "{n:,} recording could not be opened any more.",
                    "{n:,} recordings could not be opened any more.",
                    done.lost_recordings,
                )
            )
        self.outcome.setText(shown("\n\n".join(told)))
        heading = trn("Exported {n:,} reflection", "Exported {n:,} reflections", done.reflections)
        self.turn_to(_DONE, heading, self.show_folder, self.close_button)

    def _show_folder(self) -> None:
        if self._path is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._path.parent)))
