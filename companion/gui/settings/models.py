"""The models of this computer as rows: what each is, how it stands, and fetch, use, remove, import. Main thread."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QFileDialog,
    QFrame,
    QProgressBar,
    QPushButton,
    QWidget,
)

from companion.errors import CompanionError
from companion.gui.boxes import NONE, in_column
from companion.gui.labels import dress, text_label
from companion.gui.settings.chips import FlowLayout
from companion.gui.settings.page import SettingsPage
from companion.language import language, mark, tr, trn
from companion.providers.here.mind.library import WORDS_PER_TOKEN
from companion.providers.here.models.fetcher import Progress
from companion.providers.here.models.listing import LocalModel, ModelKind, usual
from companion.providers.here.models.store import Standing, State

FEW = 4
"""So many rows are shown at once; those that are here, or chosen, always."""
_MODEL = (
    mark("Models on this computer"),
    mark("Import a model"),
    mark("Import a model from a file"),
    mark("Import a model from a folder"),
)
_VOICE = (
    mark("Voices on this computer"),
    mark("Import a voice"),
    mark("Import a voice from a file"),
    mark("Import a voice from a folder"),
)
"""Title of the list, and what its buttons do."""


class ModelRow(QFrame):
    """One model: its name and how it stands, its facts, its buttons; a bar while it is fetched."""

    def __init__(self, owner: ModelList, model: LocalModel) -> None:
        super().__init__()
        self.model = model
        column = in_column(inside=self, spacing=4, margins=(0, 2, 0, 8))
        top = FlowLayout()
        self.name = text_label(model.label, "strong")
        self.said = text_label("", "small", fills=True)
        top.addWidget(self.name)
        top.addWidget(self.said)
        self.fetch, self.use = QPushButton(tr("Fetch")), QPushButton(tr("Use"))
        self.cancel, self.remove = QPushButton(tr("Cancel")), QPushButton(tr("Remove"))
        self.remove.setProperty("tone", "plain")
        for button, does in (
            (self.fetch, owner.fetch),
            (self.use, owner.use),
            (self.cancel, owner.cancel),
            (self.remove, owner.ask_to_remove),
        ):
            button.clicked.connect(lambda _=False, does=does: does(self))
            top.addWidget(button)
        column.addLayout(top)
        column.addWidget(text_label(facts(model), "caption"))
        self.bar = QProgressBar()
        self.bar.setRange(0, 1000)
        self.bar.setAccessibleName(tr("How much of {label} is here", label=model.label))
        column.addWidget(self.bar)
        self.is_fetching = False
        self.standing = Standing(model, State.ABSENT)
        self.is_chosen = False

    def show_standing(self, standing: Standing, *, is_chosen: bool) -> None:
        """How it stands now, and whether it is what is used."""
        self.standing, self.is_chosen = standing, is_chosen
        if not self.is_fetching:
            self._show()

    @property
    def is_fitting(self) -> bool:
        """It is here and speaks the language of the window."""
        return self.standing.is_ready and self.model.speaks(language())

    def begin(self) -> None:
        self.is_fetching = True
        self._show()
        self._say(tr("Fetching …"), "small")

    def end(self, said: str = "") -> None:
        self.is_fetching = False
        self._show()
        if said:
            self._say(said, "small")

    def show_progress(self, progress: Progress) -> None:
        self.bar.setValue(round(progress.fraction * 1000))
        megabytes = tr(
            "{bytes_done:,.0f} of {bytes_total:,.0f} MB",
            bytes_done=progress.bytes_done / 1e6,
            bytes_total=progress.bytes_total / 1e6,
        )
        self._say(tr("Checking …") if progress.is_checking else megabytes, "small")

    def _show(self) -> None:
        state, model, label = self.standing.state, self.model, self.model.label
        is_here = state is State.READY
        words = {State.ABSENT: tr("Fetch"), State.PARTIAL: tr("Go on"), State.DAMAGED: tr("Fetch again")}
        self.fetch.setText(words.get(state, tr("Fetch")))
        self.fetch.setVisible(not self.is_fetching and not is_here and model.can_be_fetched)
        self.use.setVisible(not self.is_fetching and is_here and not self.is_chosen)
        self.cancel.setVisible(self.is_fetching)
        is_ours = not (self.standing.is_elsewhere and model.files)
        self.remove.setVisible(not self.is_fetching and state is not State.ABSENT and is_ours)
        self.bar.setVisible(self.is_fetching)
        for button in (self.fetch, self.use, self.cancel, self.remove):
            button.setAccessibleName(f"{button.text()} {label}")
        self._say(*self._words())

    def _words(self) -> tuple[str, str]:
        match self.standing.state:
            case State.READY:
                stands, kind = (tr("in use"), "good") if self.is_chosen else (tr("on this computer"), "small")
                return " · ".join(filter(None, (stands, pace(self.standing)))), kind
            case State.DAMAGED:
                return tr("damaged"), "warn"
            case State.PARTIAL:
                return tr(
                    "{bytes_here:,.0f} of {size_mb:,} MB are here",
                    bytes_here=self.standing.bytes_here / 1e6,
                    size_mb=self.model.size_mb,
                ), "small"
            case _:
                return "" if self.model.can_be_fetched else tr("only by hand"), "small"

    def _say(self, text: str, kind: str) -> None:
        self.said.setText(text)
        dress(self.said, type=kind)


class ModelList(QWidget):
    """The models of one kind.

    Args:
        is_short: only those that are here, else the usual one, and nothing but to fetch it.
        chosen: the name of the one that is used; empty: none is.
        use: makes it the one that is used.
        changed: follows every fetch, removal and import.
    """

    shown = Signal()
    """One of them stands otherwise than before."""

    def __init__(
        self,
        page: SettingsPage,
        kind: ModelKind,
        chosen: Callable[[], str],
        use: Callable[[str], None],
        changed: Callable[[str], Coroutine[Any, Any, None]],
        *,
        is_short: bool = False,
    ) -> None:
        super().__init__()
        self.setObjectName("models")
        self._page, self.kind, self._is_short = page, kind, is_short
        self._chosen, self._use, self._changed = chosen, use, changed
        self.rows: dict[str, ModelRow] = {}
        self._is_folded = True
        column = in_column(inside=self, spacing=4, margins=NONE)
        title, self._imports, from_file, from_folder = _VOICE if kind is ModelKind.VOICE else _MODEL
        if not is_short:
            column.addWidget(text_label(tr(title), "small"))
        self._column = in_column(spacing=0)
        column.addLayout(self._column)
        self._foot = QWidget()
        column.addWidget(self._foot)
        self._foot.setVisible(not is_short)  # with a parent: alone it would be a window for a moment
        foot = FlowLayout(self._foot)
        self.more, self.file, self.folder = (
            QPushButton(tr("Show all")),
            QPushButton(tr("Import a file …")),
            QPushButton(tr("a folder …")),
        )
        self.file.setAccessibleName(tr(from_file))
        self.folder.setAccessibleName(tr(from_folder))
        self.file.clicked.connect(lambda: self._choose(QFileDialog.FileMode.ExistingFile))
        self.folder.clicked.connect(lambda: self._choose(QFileDialog.FileMode.Directory))
        self.more.clicked.connect(self._unfold)
        for button in (self.more, self.file, self.folder):
            button.setProperty("tone", "link")
            foot.addWidget(button)

    @property
    def is_fetching(self) -> bool:
        return any(row.is_fetching for row in self.rows.values())

    @property
    def first_here(self) -> str:
        """The model that is used where nobody chose: the usual one, else the first that is here; empty: none is."""
        here = [row for row in self.rows.values() if row.standing.is_ready and not row.model.is_tried]
        here.sort(key=lambda row: (not row.model.speaks(language()), not row.model.is_usual))
        return here[0].model.name if here else ""

    def look(self) -> None:
        """Finds out what is here, in the background."""
        self._page.work.start(self._look(), f"models {self.kind}")

    def refresh(self) -> None:
        """Shows which one is used."""
        for name, row in self.rows.items():
            row.show_standing(row.standing, is_chosen=name == self._chosen())
        self._fold()

    async def _look(self) -> None:
        for standing in await self._page.host.local_models(self.kind):
            name = standing.model.name
            if name not in self.rows:
                self.rows[name] = ModelRow(self, standing.model)
                self._column.addWidget(self.rows[name])
            self.rows[name].show_standing(standing, is_chosen=False)
        self.refresh()
        self.shown.emit()

    def _fold(self) -> None:
        if self._is_short:
            self._show_few()
            return
        shown = 0
        for row in self.rows.values():
            is_kept = row.is_fetching or row.is_chosen or row.standing.state is not State.ABSENT
            is_shown = is_kept or not self._is_folded or (shown < FEW and row.model.can_be_fetched)
            row.setVisible(is_shown)
            shown += is_shown
        hidden = sum(row.isHidden() for row in self.rows.values())
        self.more.setText(tr("{hidden} more", hidden=hidden))
        self.more.setAccessibleName(tr("Show {hidden} more", hidden=hidden))
        self.more.setVisible(hidden > 0)

    def _show_few(self) -> None:
        """Those that are here or come, in the language of the window; else the one to begin with."""
        known = [row for row in self.rows.values() if row.is_fetching or row.is_fitting]
        for row in self.rows.values():
            row.setVisible(row in known or (not known and row.model.name == usual(self.kind).name))
            row.remove.hide()

    def _unfold(self) -> None:
        self._is_folded = False
        self._fold()

    # -- what a person does ---------------------------------------------------------------------------------

    def fetch(self, row: ModelRow) -> None:
        """Fetches a model, or what is damaged of it."""
        self._page.work.start(self._fetch(row), f"fetch {row.model.name}")

    async def _fetch(self, row: ModelRow) -> None:
        row.begin()
        self.shown.emit()
        try:
            await self._page.host.fetch_model(row.model, row.show_progress)
        except CompanionError as error:
            self._page.tell_error(error)
        row.end()
        await self._look()
        await self._changed(row.model.name)

    def cancel(self, row: ModelRow) -> None:
        """Stops fetching."""
        self._page.work.end(f"fetch {row.model.name}")
        row.standing = Standing(row.model, State.PARTIAL)
        row.end(tr("Stopped. What was fetched is kept."))
        self._fold()
        self.shown.emit()

    def use(self, row: ModelRow) -> None:
        """Makes it the one that is used."""
        self._use(row.model.name)

    def ask_to_remove(self, row: ModelRow) -> None:
        """Removes a model after one more question."""
        again = tr("It can be fetched again.") if row.model.can_be_fetched else tr("Only you have its files.")
        if row.standing.is_elsewhere:
            again = tr("Your folder is left as it is.")
        self._page.notice.tell(
            tr("Remove {label}? {again}", label=row.model.label, again=again),
            [(tr("Remove"), lambda: self._page.work.start(self._remove(row), f"remove {row.model.name}"))],
            kind="small",
        )

    async def _remove(self, row: ModelRow) -> None:
        try:
            await self._page.host.remove_model(row.model)
        except CompanionError as error:
            self._page.tell_error(error)
        row.show_standing(Standing(row.model, State.ABSENT), is_chosen=row.is_chosen)
        await self._look()
        await self._changed(row.model.name)

    def _choose(self, mode: QFileDialog.FileMode) -> None:
        dialog = QFileDialog(self, tr(self._imports))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setFileMode(mode)
        if mode is QFileDialog.FileMode.ExistingFile:
            dialog.setNameFilter(tr("Models (*.zip *.whl *.gguf *.onnx *.bin);;All files (*)"))
        dialog.fileSelected.connect(lambda path: self.take_in(Path(path)))
        dialog.open()

    def take_in(self, source: Path) -> None:
        """Copies a model in."""
        self._page.work.start(self._take_in(source), "import")

    async def _take_in(self, source: Path) -> None:
        self._page.notice.tell(tr("Importing {name} …", name=source.name), kind="small")
        try:
            standing = await self._page.host.import_model(source)
        except CompanionError as error:
            self._page.tell_error(error)
            return
        self._page.notice.tell(
            tr("{label} is on this computer now.", label=standing.model.label), kind="small"
        )
        await self._look()
        await self._changed(standing.model.name)


def pace(standing: Standing) -> str:
    """How quick a model was on this machine; empty: it was not used here yet."""
    figure = standing.figure
    if figure is None:
        return ""
    if standing.model.kind is ModelKind.MIND:
        words = max(1, round(figure * WORDS_PER_TOKEN))
        return trn("about {n} word a second", "about {n} words a second", words)
    return tr("{figure:.2g} s for a second of speech", figure=figure)


def facts(model: LocalModel) -> str:
    """Size, memory, languages, licence and what it is good for, in one line."""
    parts = [tr("{size_mb:,} MB", size_mb=model.size_mb)]
    if model.memory_mb:
        parts.append(tr("{memory_mb:,} MB of memory", memory_mb=model.memory_mb))
    parts += [model.spoken_languages, model.licence, model.note]
    return " · ".join(part for part in parts if part)
