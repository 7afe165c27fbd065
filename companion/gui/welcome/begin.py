"""The first page: what this is and is not, what leaves this computer, and where a person wants to begin. Main thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QBoxLayout, QWidget

from companion.gui.labels import ReadingLabel
from companion.gui.settings.card import ChoiceCard
from companion.gui.welcome.page import WelcomePage
from companion.language import mark, tr

if TYPE_CHECKING:
    from companion.gui.theme import Look
    from companion.gui.welcome.host import WelcomeHost


class BeginPage(WelcomePage):
    name = "begin"
    title = mark("A quiet place to think out loud")
    lead = mark(
        "Hold a key, say what is on your mind, hear a thoughtful answer. What you say is kept in a journal that only "
        "you can open."
    )
    hint = mark("You can change this at any time.")

    def __init__(self, app: WelcomeHost, look: Look) -> None:
        super().__init__(app, look)
        self.column.addWidget(
            ReadingLabel(
                tr(
                    "This is a program, not a person, and no therapy. Nothing leaves this computer unless you choose a "
                    "provider."
                ),
                "said",
            )
        )
        box = QWidget()
        self._row = QBoxLayout(self.direction(), box)
        self._row.setContentsMargins(0, 6, 0, 0)
        self._row.setSpacing(14)
        self.here = ChoiceCard(
            tr("Stay on this computer"),
            tr(
                "Works now, without any account. A simple guide answers. Better ears, a natural voice and a language model "
                "can be fetched to run here."
            ),
            look,
            box,
        )
        self.away = ChoiceCard(
            tr("Use a provider"),
            tr(
                "Thoughtful answers from a large model. You choose who sees your words; the key stays in the "
                "system's keyring."
            ),
            look,
            box,
        )
        for card in (self.here, self.away):
            self._row.addWidget(card, 1)
        self.column.addWidget(box)
        (self.away if app.welcome.uses_provider else self.here).setChecked(True)
        look.changed.connect(lambda: self._row.setDirection(self.direction()))

    @property
    def first(self) -> QWidget:
        return self.away if self.away.isChecked() else self.here

    def leave(self) -> bool:
        self.app.welcome.uses_provider = self.away.isChecked()
        return True
