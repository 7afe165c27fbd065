"""The line at the foot: where the words are kept, and what the last turn took and cost. Main thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QFontMetrics, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QLabel, QWidget

from companion import days
from companion.events import BackupsLooked, DataSent, Event, Mark, Note, Phase
from companion.gui import icons
from companion.gui.announce import announce
from companion.gui.boxes import in_row
from companion.gui.labels import label
from companion.kinds import TURN_ROLES, Role
from companion.language import mark, tr, trn

if TYPE_CHECKING:
    from collections.abc import Mapping

    from companion.gui.theme import Look

_HEIGHT_PX = 30
_NOTE_MS = 6_000
_OLD_BACKUP_S = 2 * 86_400.0
_ON_DISK = ("keyring", "passphrase")
_KEPT = {
    "keyring": ("lock", mark("Saved · encrypted on this computer")),
    "passphrase": ("lock", mark("Saved · encrypted on this computer")),
    "memory": ("unlocked", mark("Kept for this run only")),
    "nowhere": ("private", mark("Nothing is kept")),
    "": ("lock", mark("The journal is opening")),
}
_TIMES = (
    (mark("heard"), Mark.RELEASED, Mark.TRANSCRIPT),
    (mark("first word"), Mark.ASKED, Mark.FIRST_TOKEN),
    (mark("first sound"), Mark.RELEASED, Mark.FIRST_SOUND),
)
_TIMES_TIP = mark(
    "“Heard” and “first sound” are counted from the moment you let go, “first word” from the request for an answer"
)


class StatusLine(QWidget):
    """Left: the journal. Right: a note, the turn's times and cost, or that nothing leaves."""

    def __init__(self, look: Look, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._look = look
        self.shows_times = False
        """How long an answer took, for those who want to know."""
        self._storage = ""
        self._is_saved = True
        self._backups: BackupsLooked | None = None
        self._kept_text = self._kept_short = self._note_text = ""
        self._marks: dict[Mark, float] = {}
        self._sent: list[str] = []
        self._icon = QLabel()
        self._icon.setAccessibleName(tr("Journal"))
        self.kept = label("", "caption")
        self.note = label("", "caption")
        self.cost = label("", "caption")
        self.cost.setContentsMargins(14, 0, 0, 0)
        self.cost.hide()
        self._standing = self._waiting = self._budget = self._budget_tip = self._tip = ""
        self.setProperty("statusline", True)
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        row = in_row(self._icon, self.kept, inside=self, spacing=4, margins=(28, 0, 28, 0))
        row.addStretch(1)
        row.addWidget(self.note)
        row.addWidget(self.cost)
        self._back = QTimer(self)
        self._back.setSingleShot(True)
        self._back.setInterval(_NOTE_MS)
        self._back.timeout.connect(self._show_right)
        look.changed.connect(self._show)
        self._show()

    def follow(self, event: Event) -> None:
        """Remarks, receipts, and how backups stand."""
        match event:
            case Note():
                self.show_note(event.text)
            case DataSent() if event.role in TURN_ROLES:
                self._sent.append(f"{event.what} → {event.host}")
                self._show_tip()
            case BackupsLooked():
                self._backups = event
                self._show()

    def show_storage(self, storage: str, *, is_private: bool = False) -> None:
        """How the journal's key is kept; empty: the journal is not open yet. `is_private`: nothing is to be kept."""
        self._storage = "nowhere" if is_private else storage
        self._show()

    def show_saved(self, is_saved: bool) -> None:
        """False: words are in memory that the journal could not take."""
        self._is_saved = is_saved
        self._show()

    def show_standing(self, text: str) -> None:
        """What the right side says when there is nothing newer; what was waited for is over."""
        self._standing, self._waiting = text, ""
        if not self._back.isActive():  # a remark stays its time
            self._show_right()

    def show_waiting(self, text: str, lasted_s: float = 0.0) -> None:
        """What the state waits for, and for how long it has, until `show_standing`."""
        self._waiting = f"{text} · {_duration(lasted_s)}" if lasted_s >= 1 else text
        self._show_right()

    def show_budget(self, timeline_ms: Mapping[str, float]) -> None:
        """What the turn took of its budget, once it is over; nothing where no sound was waited for."""
        from companion.conversation.timeline import budget, told

        spent = budget(timeline_ms)
        whole = spent[-1]
        if whole.actual_ms is None:
            return
        self._budget = tr(
            "first sound {actual_ms:.0f} of {limit_ms:.0f} ms · providers {providers_ms:.0f}, "
            "Companion {ours_ms:.0f}",
            actual_ms=whole.actual_ms,
            limit_ms=whole.limit_ms,
            providers_ms=whole.providers_ms,
            ours_ms=whole.ours_ms,
        )
        self._budget_tip = "\n".join(
            tr(
                "{name}: {actual:.0f} of {limit:.0f} ms, {told}",
                name=tr(each.name),
                actual=each.actual_ms,
                limit=each.limit_ms,
                told=told(each),
            )
            if each.actual_ms is not None
            else f"{tr(each.name)}: {told(each)}"
            for each in spent
        )
        self._show_right()

    def waiting_for(self, phase: Phase, left_s: float, names: Mapping[Role, str]) -> str:
        """What a state that lasts long waits for, by the marks of this turn; `names` are those of the engines."""
        match phase:
            case Phase.ARMING:
                return tr("Waiting for the microphone to open")
            case Phase.LISTENING:
                return trn(
                    "The microphone closes in {n} second; what you said is sent then",
                    "The microphone closes in {n} seconds; what you said is sent then",
                    round(left_s),
                )
            case Phase.TRANSCRIBING:
                who = names.get(Role.HEARS) or tr("The recogniser")
                return tr("{who} is still writing down your words", who=who)
            case Phase.THINKING if Mark.FIRST_CLAUSE in self._marks and Mark.FIRST_SOUND not in self._marks:
                return tr("Waiting for the voice, {who}", who=names.get(Role.SPEAKS) or tr("which is slow"))
            case Phase.THINKING if Mark.FIRST_TOKEN in self._marks:
                return tr("{who} is still writing", who=names.get(Role.THINKS) or tr("The companion"))
            case Phase.THINKING:
                who = names.get(Role.THINKS, "")
                return tr("Waiting for {who} to answer", who=who) if who else tr("Waiting for an answer")
            case Phase.SPEAKING:
                return tr("Waiting for the rest of the answer")
        return ""

    def show_note(self, text: str) -> None:
        """A remark that goes by itself; read aloud once."""
        announce(self.note, text)
        self._note_text = text
        self._back.start()
        self._fit()

    def begin_turn(self) -> None:
        self._marks.clear()
        self._sent.clear()
        self._budget = self._waiting = ""
        self.show_cost(None)
        self._show_right()

    def mark(self, mark: Mark, at_s: float) -> None:
        """A point of the turn's timeline."""
        self._marks[mark] = at_s
        if any(mark is end for _, _, end in _TIMES):
            self._show_right()

    def show_cost(self, usd: float | None) -> None:
        self.cost.setText(f"${usd:.4f}" if usd else "")
        self.cost.setVisible(bool(usd))

    def _show(self) -> None:
        text = tr(_KEPT.get(self._storage, _KEPT[""])[1])
        if not self._is_saved:
            text = tr("Not saved yet · kept in memory")
        backups = self._backups_in_words() if self._is_saved and self._storage in _ON_DISK else ""
        kind = "caption" if self._is_saved else "warn"
        if self.kept.property("type") != kind:
            self.kept.setProperty("type", kind)
            self.kept.style().unpolish(self.kept)
            self.kept.style().polish(self.kept)
        self._kept_text = f"{text} · {backups}" if backups else text
        self._kept_short = tr("Saved · {backups}", backups=backups) if backups else text
        self._fit()
        self.setFixedHeight(self._look.px(_HEIGHT_PX))
        if self.isVisible():
            self._draw()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._draw()

    def _draw(self) -> None:
        """The icon."""
        icon = _KEPT.get(self._storage, _KEPT[""])[0] if self._is_saved else "unlocked"
        colour = self._look.colour("faint" if self._is_saved else "warn")
        self._icon.setPixmap(icons.pixmap(icon, colour, 12, self.devicePixelRatioF()))

    def _backups_in_words(self) -> str:
        """The last good one, where the last try failed or it is old; else nothing."""
        if self._backups is None:
            return ""
        last_good, has_failed = self._backups.last_good, self._backups.has_failed
        today = days.now()
        if last_good is None:
            return tr("No backup yet") if has_failed else ""
        if not has_failed and today.at - last_good <= _OLD_BACKUP_S:
            return ""
        made = days.When.of(last_good, None)
        when = tr("today") if made.day == today.day else made.short(today.day)
        return tr("Last good backup: {when}", when=when)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        """Where both sides have no room, the right one gives way, but for a remark that goes by itself.

        Backups are told even where little else is.
        """
        metrics = QFontMetrics(self._look.font("caption"))
        noted = metrics.horizontalAdvance(self._note_text)
        cost = self.cost.sizeHint().width() if self.cost.isVisibleTo(self) else 0
        whole = self.width() - 2 * 28 - 30 - cost
        kept = self._kept_text if metrics.horizontalAdvance(self._kept_text) <= whole else self._kept_short
        if self._back.isActive() or self._waiting:
            sides = (kept, self._kept_short, "")
            kept = next((each for each in sides if metrics.horizontalAdvance(each) + noted <= whole), "")
        room = whole - metrics.horizontalAdvance(kept)
        self.kept.setText(kept)
        self.note.setText(metrics.elidedText(self._note_text, Qt.TextElideMode.ElideRight, max(room, 0)))
        self.note.setAccessibleName(self._note_text)
        self._show_tip()

    def _show_right(self) -> None:
        self._back.stop()
        marks = self._marks
        budget = self._budget if self.shows_times else ""
        times = " · ".join(
            f"{tr(name)} {max(0.0, marks[end] - marks[begin]) * 1000:.0f} ms"
            for name, begin, end in _TIMES
            if self.shows_times and begin in marks and end in marks
        )
        self._note_text = self._waiting or budget or times or self._standing
        self._fit()
        self._tip = self._budget_tip if budget else tr(_TIMES_TIP) if times else ""
        self._show_tip()

    def _show_tip(self) -> None:
        cut = self._note_text if self.note.text() != self._note_text else ""
        self.note.setToolTip("\n".join(part for part in (cut, self._tip, *self._sent) if part))


def _duration(seconds: float) -> str:
    """ "8 s", "2 min 5 s"."""
    minutes, rest = divmod(round(seconds), 60)
    return tr("{minutes} min {n} s", minutes=minutes, n=rest) if minutes else tr("{n} s", n=rest)
