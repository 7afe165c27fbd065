"""What the cards above the page do: trouble told and cleared, a take taken back, links asked about. Main thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QKeySequence, QShortcut

from companion.errors import Action, Kind
from companion.gui.notices import Notice, NoticeBar
from companion.gui.topbar import settings_page
from companion.language import tr

if TYPE_CHECKING:
    from collections.abc import Callable

    from PySide6.QtWidgets import QWidget

    from companion.events import Trouble, TroubleCleared
    from companion.gui.host import WindowHost

UNDO_S = 10.0
"""How long a take that was thrown away can be taken back."""
_THROWN_AWAY, _SPARE_KEY = "thrown away", "spare key"
_PAGES = {
    Action.CHOOSE_MICROPHONE: "sound",
    Action.CHOOSE_SPEAKER: "sound",
    Action.CHOOSE_HEARING: "hearing",
    Action.CHOOSE_VOICE: "voice",
    Action.RESTORE_BACKUP: "journal",
}
"""Where a card's button leads; keys and models are on the page of the role that failed."""
_OF_JOURNAL = frozenset(
    {
        Kind.NO_KEYRING,
        Kind.KEYRING_TIMEOUT,
        Kind.KEYRING_FAILED,
        Kind.JOURNAL_LOCKED,
        Kind.WRONG_PASSPHRASE,
        Kind.JOURNAL_MISSING,
        Kind.JOURNAL_DAMAGED,
        Kind.JOURNAL_FOREIGN,
        Kind.JOURNAL_UNSAVED,
        Kind.FOLDER_UNUSABLE,
    }
)
"""What is right again when the journal is open."""


class Cards(QObject):
    """Between the events, the bar and the app."""

    settings_requested = Signal(str)
    waiting_wanted = Signal()
    """The recordings that wait for their words."""
    passphrase_wanted = Signal()
    folder_wanted = Signal(str)
    """The kind of a file that does not open."""
    too_late = Signal()
    """What was thrown away is gone."""

    def __init__(self, bar: NoticeBar, host: WindowHost, window: QWidget) -> None:
        super().__init__(window)
        self._bar, self._host = bar, host
        self._undo = QShortcut(QKeySequence(QKeySequence.StandardKey.Undo), window)
        self._undo.setEnabled(False)  # a text field that has the focus undoes its own words first
        self._undo.activated.connect(self._take_back)
        bar.changed.connect(lambda: self._undo.setEnabled(bar.has(_THROWN_AWAY)))

    def tell(self, trouble: Trouble) -> None:
        self._bar.tell(Notice.of(trouble, self._act))

    def clear(self, event: TroubleCleared) -> None:
        """Closes the cards that the event names, and no other."""
        if event.role is not None:
            self._bar.close_role(event.role)
        if event.kinds:
            self._bar.close_kinds(event.kinds)
        if event.is_all:
            self._bar.close_kinds(_OF_JOURNAL)
        if event.role is None and not event.kinds and not event.is_all:
            self._bar.close_turn()

    def dismiss(self) -> None:
        """Closes the newest, as Esc does; what can be undone stays its time."""
        notice = self._bar.current
        if notice is not None and notice.kind != _THROWN_AWAY:
            self._bar.close_one(notice)

    def offer_undo(self) -> None:
        """A take was thrown away."""
        self._bar.tell(
            Notice(
                kind=_THROWN_AWAY,
                sentence=tr("Recording thrown away."),
                hint="",
                buttons=((tr("Undo"), self._take_back),),
                tone="plain",
                icon="microphone",
                stays_s=UNDO_S,
            )
        )

    def offer_spare_key(self, show: Callable[[], None]) -> None:
        """Only the keyring of this computer opens the journal so far."""

        def chosen() -> None:
            self._bar.close_kinds({_SPARE_KEY})
            show()

        self._bar.tell(
            Notice(
                kind=_SPARE_KEY,
                sentence=tr("Only this computer's keyring opens your journal."),
                hint=tr("Write down eight words that open it too, in case the keyring is lost."),
                buttons=((tr("Show eight words"), chosen),),
                tone="plain",
                icon="key",
            )
        )

    def ask_about_link(self, address: str) -> None:
        from companion.gui.links import ask

        self._bar.tell(ask(address))

    def _take_back(self) -> None:
        self._bar.close_kinds({_THROWN_AWAY})
        if not self._host.undo_discard():
            self.too_late.emit()

    def _act(self, action: Action, trouble: Trouble) -> None:
        if action in (Action.OPEN_KEYS, Action.CHOOSE_MODEL):
            self.settings_requested.emit(settings_page(trouble.role))
        elif action in _PAGES:
            self.settings_requested.emit(_PAGES[action])
        elif action is Action.SHOW_WAITING:
            self.waiting_wanted.emit()
        elif action is Action.USE_PASSPHRASE:
            self.passphrase_wanted.emit()
        elif action is Action.SHOW_FILE:
            self.folder_wanted.emit(trouble.error.kind.value)
        else:
            self._host.act(action, trouble.error)
