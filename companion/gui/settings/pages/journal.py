"""Journal: what is kept, and the ways in and out."""

from __future__ import annotations

from PySide6.QtWidgets import QPushButton

from companion.gui.labels import text_label
from companion.gui.settings.backups import BackupsSection
from companion.gui.settings.chips import FlowLayout
from companion.gui.settings.form import FieldRow
from companion.gui.settings.host import SettingsHost
from companion.gui.settings.page import DeclaredPage, PageInfo
from companion.gui.theme import Look
from companion.language import tr
from companion.settings import Page


class JournalSettings(DeclaredPage):
    def __init__(self, host: SettingsHost, look: Look) -> None:
        super().__init__(host, look, tr("Journal"), Page.JOURNAL)
        folder = self._row("journal.backup_folder")
        self.column.removeWidget(folder)
        place = self.column.indexOf(self.buttons) - 1
        heading = text_label(tr("Another journal, and a copy anybody can read"), "strong")
        heading.setContentsMargins(0, 10, 0, 0)
        self.column.insertWidget(place, heading)
        row = FlowLayout()
        for words, wanted in ((tr("Import …"), "import"), (tr("Export …"), "export")):
            button = QPushButton(words)
            button.setObjectName(wanted)
            button.clicked.connect(lambda _=False, wanted=wanted: self.wanted.emit(wanted))
            row.addWidget(button)
        self.column.insertLayout(place + 1, row)
        self.backups = BackupsSection(host.backups, self.work)
        self.backups.setObjectName("backups")
        self.column.insertWidget(place, self.backups)
        self.column.insertWidget(place + 1, folder)
        self.spare_key = QPushButton(tr("Eight words that open it …"))
        self.spare_key.setObjectName("spare key")
        self.spare_key.setToolTip(
            tr("For when the keyring is lost: new words to write down; those of before then open nothing")
        )
        self.spare_key.clicked.connect(lambda: self.wanted.emit("spare key"))
        self.buttons.addWidget(self.spare_key)

    def _row(self, name: str) -> FieldRow:
        return next(row for row in self.rows if row.field.name == name)

    def refresh(self) -> None:
        super().refresh()
        self._row("journal.sound_days").setVisible(self.host.settings.journal.keep_sound == "days")

    def appeared(self) -> None:
        super().appeared()
        self.backups.refresh()


PAGE = PageInfo(
    name=Page.JOURNAL,
    title="Journal",
    order=70,
    build=JournalSettings,
)
