"""The journal: how it is locked on this computer, or that nothing is kept. Main thread."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from companion.gui.boxes import NONE, in_column
from companion.gui.keys import key_in_a_sentence, key_named
from companion.gui.labels import text_label
from companion.gui.passphrase import PassphraseForm
from companion.gui.settings.card import ChoiceCard
from companion.gui.theme import Look
from companion.gui.welcome.host import WelcomeHost
from companion.gui.welcome.page import WelcomePage
from companion.language import mark, tr

_LOCKS = {
    "keyring": mark("Its key lies in this computer's keyring, so there is nothing for you to do."),
    "passphrase": mark("It is locked with your passphrase, and open now."),
    "memory": mark(
        "It could not be opened. A card in the window says what can be done; what you say meanwhile is not lost."
    ),
    "": mark("It is being opened."),
}
_ASKS = {
    "choose": (
        mark(
            "There is no safe keyring on this computer, so a passphrase locks your journal. You are asked for it at each "
            "start. Nobody can recover it: write it down. Without one, what you say is kept until you close the window."
        )
    ),
    "enter": mark(
        "Your journal is locked with a passphrase. What you say meanwhile is kept and moves into it."
    ),
}
_NOTHING = mark(
    "What you say is forgotten when the window closes. There is nothing to read again, and a recording whose words did "
    "not arrive is lost then."
)


class JournalPage(WelcomePage):
    name = "journal"
    title = mark("What you say is yours")
    lead = mark(
        "Every reflection is written into an encrypted journal on this computer before it goes anywhere."
    )

    def __init__(self, app: WelcomeHost, look: Look) -> None:
        super().__init__(app, look)
        self.hint = tr(
            "Hold {key_name} and say what is on your mind.",
            key_name=key_in_a_sentence(key_named(self.host.settings.talk.key)),
        )
        box = QWidget()
        column = in_column(inside=box, spacing=10, margins=NONE)
        self.keep = ChoiceCard(
            tr("Keep my reflections"),
            tr("Encrypted, and only you can open them. They never leave this computer."),
            look,
            box,
        )
        self.forget = ChoiceCard(tr("Keep nothing"), tr("Talk, and let it go."), look, box)
        for card in (self.keep, self.forget):
            column.addWidget(card)
            card.toggled.connect(self._show)
        self.column.addWidget(box)
        self.says = text_label("", "soft")
        self.column.addWidget(self.says)
        self.form: PassphraseForm | None = None
        self._needs = ""
        (self.keep if self.host.settings.journal.keep else self.forget).setChecked(True)

    @property
    def first(self) -> QWidget:
        return self.keep if self.keep.isChecked() else self.forget

    def appeared(self) -> None:
        super().appeared()
        self._show()
        self.work.start(self._look(), "look at the journal")

    def leave(self) -> bool:
        keeps = self.keep.isChecked()
        if keeps != self.host.settings.journal.keep:
            self.save({"journal.keep": keeps})
        if keeps and self.form is not None and self.form.field.text():
            self.form.try_it()
            return False
        return True

    async def _look(self) -> None:
        needs = await self.app.archive.needs()
        if needs != self._needs:
            self._needs = needs
            self._build_form()
        self._show()

    def _build_form(self) -> None:
        if self.form is not None:
            self.form.hide()
            self.form.deleteLater()
            self.form = None
        if self._needs:
            self.form = PassphraseForm(self._needs, self.app.archive.use_passphrase)
            self.form.opened.connect(self.ready)
            self.column.addWidget(self.form)

    def _show(self) -> None:
        kept = tr(_ASKS.get(self._needs) or _LOCKS.get(self.app.archive.storage, ""))
        self.says.setText(tr(_NOTHING) if self.forget.isChecked() else kept)
        if self.form is not None:
            self.form.setVisible(self.keep.isChecked())
