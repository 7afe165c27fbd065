"""Ears and a voice for this computer: here already, or fetched when a person asks. Main thread."""

from __future__ import annotations

from PySide6.QtWidgets import QFrame, QPushButton

from companion.events import Note
from companion.gui.boxes import in_column, in_row
from companion.gui.labels import text_label
from companion.gui.settings.models import ModelList, ModelRow
from companion.gui.theme import Look
from companion.gui.welcome.host import WelcomeHost
from companion.gui.welcome.page import WelcomePage
from companion.hosts import host_of
from companion.language import language, mark, tr
from companion.providers.here.models.listing import ModelKind, usual

_DOES = {
    ModelKind.HEARING: mark("Writes down what you say. Without it: only English, 44 of 100 words wrong."),
    ModelKind.VOICE: mark("Reads the answers to you, naturally. Without it: a plain voice."),
}
_NO_VOICE = mark("A plain voice reads the answers to you. There is no natural one in this language yet.")
_LEAD = mark(
    "Two models make this computer hear and speak well. They are fetched once, only if you ask, and you can go on "
    "meanwhile."
)
_ALL_HERE = mark("What makes this computer hear and speak well is here already. Nothing needs to be fetched.")


class EnginesPage(WelcomePage):
    name = "sound"
    title = mark("Ears and a voice")
    lead = _LEAD

    def __init__(self, app: WelcomeHost, look: Look) -> None:
        super().__init__(app, look)
        self.lists: dict[ModelKind, ModelList] = {}
        for kind in _DOES:
            self.column.addWidget(self._build(kind))
        self.both = QPushButton()
        self.both.clicked.connect(self._fetch_both)
        self.both.hide()
        row = in_row(self.both)
        row.addStretch(1)
        self.column.addLayout(row)

    @property
    def is_fetching(self) -> bool:
        """Something is on its way, whatever page is shown."""
        return any(each.is_fetching for each in self.lists.values())

    def appeared(self) -> None:
        super().appeared()
        for each in self.lists.values():
            each.look()

    def _build(self, kind: ModelKind) -> QFrame:
        box = QFrame()
        box.setProperty("card", "true")
        column = in_column(
            text_label(tr(_DOES[kind] if self._can_be_had(kind) else _NO_VOICE), "small"),
            inside=box,
            spacing=4,
            margins=(18, 12, 18, 10),
        )
        models = self.lists[kind] = ModelList(
            self, kind, lambda: self._in_use(kind), lambda _: None, self._changed, is_short=True
        )
        models.shown.connect(self._show)
        models.setVisible(self._can_be_had(kind))
        column.addWidget(models)
        return box

    @staticmethod
    def _can_be_had(kind: ModelKind) -> bool:
        return usual(kind).speaks(language())

    def _in_use(self, kind: ModelKind) -> str:
        """This computer uses the first that is here."""
        return next((row.model.name for row in self._rows(kind) if row.is_fitting), "")

    def _rows(self, kind: ModelKind) -> list[ModelRow]:
        return list(self.lists[kind].rows.values())

    @property
    def _missing(self) -> list[ModelRow]:
        """The usual ones of which nothing is here yet, and that nobody is fetching."""
        wanted = [kind for kind in self.lists if self._can_be_had(kind) and not self._in_use(kind)]
        rows = [self.lists[kind].rows.get(usual(kind).name) for kind in wanted]
        return [row for row in rows if row is not None and not row.is_fetching]

    def _show(self) -> None:
        missing = self._missing
        megabytes = round(sum(row.model.size - row.standing.bytes_here for row in missing) / 1e6)
        self.both.setText(tr("Fetch both · {megabytes:,} MB", megabytes=megabytes))
        self.both.setVisible(len(missing) == len(self.lists))
        is_all_here = all(self._in_use(kind) for kind in self.lists if self._can_be_had(kind))
        self.lead_label.setText(tr(_ALL_HERE) if is_all_here else tr(_LEAD))
        homes = {host_of(row.model.homes[0]) for row in missing if row.model.homes}
        self.hint = tr("They come from {homes}.", homes=", ".join(sorted(homes))) if homes else ""
        self.hint_changed.emit()

    def _fetch_both(self) -> None:
        for row in self._missing:
            self.lists[row.model.kind].fetch(row)
        self._show()

    async def _changed(self, name: str) -> None:
        self._show()
        row = next((rows[name] for rows in (each.rows for each in self.lists.values()) if name in rows), None)
        if row is not None and row.standing.is_ready and not self.isVisible():
            self.host.events.emit(Note(text=tr("{label} is on this computer now", label=row.model.label)))
