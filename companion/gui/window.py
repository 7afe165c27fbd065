"""The main window: wires the app's events to the widgets and the widgets to the app's buttons. Main thread.

It reads events and decides nothing about a turn. What the person does goes to the `WindowHost` at once; what they see
changes only when the event comes back.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer, Signal
from PySide6.QtGui import (
    QCloseEvent,
    QKeySequence,
    QPaintEvent,
    QShortcut,
    QShowEvent,
)
from PySide6.QtWidgets import QHBoxLayout, QMainWindow, QStackedWidget, QVBoxLayout, QWidget

from companion import days
from companion import events as e
from companion.days import When
from companion.errors import Action, Kind
from companion.flow import ReplyState, Role
from companion.gui.announce import announce
from companion.gui.host import WindowHost
from companion.gui.keys import EVERYWHERE, GO_ON_KEY, TalkKeys, key_name, key_named, talks_everywhere
from companion.gui.notices import Notice, NoticeBar
from companion.gui.placement import remember, restore
from companion.gui.rail import Rail
from companion.gui.statusline import StatusLine
from companion.gui.talkpage import TalkPage
from companion.gui.theme import Look
from companion.gui.topbar import TopBar, settings_page

if TYPE_CHECKING:
    from companion.gui.journal import JournalPage

_LEAST_PX = (720, 560)
_WARM_AFTER_MS = 1_500
_PAGES = {
    Action.CHOOSE_MICROPHONE: "sound",
    Action.CHOOSE_SPEAKER: "sound",
    Action.CHOOSE_HEARING: "hearing",
    Action.CHOOSE_VOICE: "voice",
}
"""Where a card's button leads; keys and models are on the page of the role that failed."""


class Window(QMainWindow):
    """The window.

    Args:
        host: the app.
        look: the running look; made from the settings when not given.
        geometry: where size and place are remembered; None: nowhere.
        now: the clock of the captions, seconds since the epoch.
    """

    settings_requested = Signal(str)
    """A settings page by name; empty: the first."""
    passphrase_wanted = Signal()
    """The card of a locked journal or a missing keyring asks for it."""
    folder_wanted = Signal()
    """The card of a file that does not open asks to see it."""
    closed = Signal()

    def __init__(
        self,
        host: WindowHost,
        *,
        look: Look | None = None,
        geometry: Path | None = None,
        now: Callable[[], When] = days.now,
    ) -> None:
        super().__init__()
        self._host = host
        self._geometry_file = geometry
        self._now = now
        appearance = host.settings.appearance
        self.look = look or Look(
            theme=appearance.theme,
            font_scale=appearance.font_scale,
            reduced_motion=appearance.reduced_motion,
            parent=self,
        )
        self.look.wear()
        self._phase = e.Phase.READY
        self.is_painted = False
        """The first frame is done."""
        self._opening = ""
        self._turn = -1
        self._was_spoken = False
        self._session_usd = 0.0
        self._engines: dict[Role, e.EngineInUse] = {}
        self.setWindowTitle("Companion")
        self.setMinimumSize(*_LEAST_PX)
        self._build()
        self._connect()
        restore(self, geometry)
        self._unwatch = host.events.watch(self._on_event)

    # -- pages ----------------------------------------------------------------------------------------------

    def show_page(self, page: str) -> None:
        """ "talk" or "journal"."""
        if page == "journal":
            journal = self._journal_page()
            self._stack.setCurrentWidget(journal)
            journal.setFocus()
            journal.refresh()
        else:
            self._stack.setCurrentWidget(self._talk_side)
            self.page.area.button.setFocus()
        self.rail.show_page(page)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if not self.is_painted:
            self.is_painted = True
            QTimer.singleShot(0, self.keys.start)

    def settings_changed(self) -> None:
        """The settings are other than they were."""
        appearance, talk = self._host.settings.appearance, self._host.settings.talk
        self.look.choose(
            theme=appearance.theme,
            font_scale=appearance.font_scale,
            reduced_motion=appearance.reduced_motion,
        )
        self.keys.key = key_named(talk.key)
        name = key_name(self.keys.key)
        self.page.show_talk_key(name)
        self.page.area.show_keys(name, EVERYWHERE, mode=talk.mode)

    def closeEvent(self, event: QCloseEvent) -> None:
        remember(self, self._geometry_file)
        self._unwatch()
        self.keys.stop()
        super().closeEvent(event)
        self.closed.emit()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._warming.start()

    # -- building -------------------------------------------------------------------------------------------

    def _build(self) -> None:
        self.rail = Rail(self.look)
        self.bar = TopBar(self.look, self._host.practices)
        self.notices = NoticeBar(self.look)
        self.page = TalkPage(self.look)
        self.status = StatusLine(self.look)
        self._journal: JournalPage | None = None
        margins = QWidget()
        row = QVBoxLayout(margins)
        row.setContentsMargins(28, 0, 28, 10)
        row.addWidget(self.notices)
        margins.hide()
        self.notices.changed.connect(lambda: margins.setVisible(self.notices.current is not None))
        self._talk_side = QWidget()
        column = QVBoxLayout(self._talk_side)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.bar)
        column.addWidget(margins)
        column.addWidget(self.page, 1)
        column.addWidget(self.status)
        self._stack = QStackedWidget()
        self._stack.addWidget(self._talk_side)
        whole = QWidget()
        whole.setProperty("page", "true")
        across = QHBoxLayout(whole)
        across.setContentsMargins(0, 0, 0, 0)
        across.setSpacing(0)
        across.addWidget(self.rail)
        across.addWidget(self._stack, 1)
        self.setCentralWidget(whole)
        self.rail.show_page("talk")
        self._warming = QTimer(self)
        self._warming.setSingleShot(True)
        self._warming.setInterval(_WARM_AFTER_MS)
        self._warming.timeout.connect(self._warm)

    def _connect(self) -> None:
        host, area = self._host, self.page.area
        self.keys = TalkKeys(
            self,
            may_talk=lambda: self._stack.currentWidget() is self._talk_side,
            pressed=self._press_talk,
            released=host.release_talk,
            lost=host.focus_lost,
        )
        self.settings_changed()
        area.button.talk_pressed.connect(self._press_talk)
        area.button.talk_released.connect(host.release_talk)
        area.composer.submitted.connect(self._submit)
        area.composer.refused.connect(self.status.show_note)
        self.page.link_followed.connect(self._ask_about_link)
        self.rail.page_chosen.connect(self.show_page)
        self.rail.settings_requested.connect(self.settings_requested)
        self.bar.settings_requested.connect(self.settings_requested)
        self.bar.practice_chosen.connect(self._choose_practice)
        self.bar.new_session_wanted.connect(self._begin_anew)
        self.notices.changed.connect(self._trouble_changed)
        for keys, action in (
            ("Ctrl+,", lambda: self.settings_requested.emit("")),
            ("Ctrl+N", self._begin_anew),
            ("Ctrl+J", lambda: self.show_page("journal" if self.shows_talk else "talk")),
            ("Ctrl+M", lambda: self._host.mute(not self._is_muted)),
            (GO_ON_KEY, lambda: self._host.act(Action.CONTINUE)),
            ("Esc", self._escape),
        ):
            QShortcut(QKeySequence(keys), self).activated.connect(action)
        area.button.setFocus()

    def _warm(self) -> None:
        """What the first words will need."""
        from companion.gui import markdown

        markdown.warm()
        _ = self.page.script

    @property
    def shows_talk(self) -> bool:
        """Whether the talk page is shown."""
        return self._stack.currentWidget() is self._talk_side

    def _journal_page(self) -> JournalPage:
        from companion.gui.journal import JournalPage

        if self._journal is None:
            self._journal = JournalPage(self.look, self._host)
            self._journal.talk_wanted.connect(lambda: self.show_page("talk"))
            self._journal.link_followed.connect(self._ask_about_link)
            self._stack.addWidget(self._journal)
        return self._journal

    # -- what the person does -------------------------------------------------------------------------------

    def _press_talk(self) -> None:
        if not self.shows_talk:
            self.show_page("talk")
        self._host.press_talk()

    def _escape(self) -> None:
        if self._phase is e.Phase.READY and self.page.area.composer.take_back_offer():
            self._host.forget_draft()
            self.status.show_note("Thrown away; nothing was sent")
            return
        if self._phase is e.Phase.READY and (notice := self.notices.current) is not None:
            self.notices.close_kind(notice.kind)
        self._host.cancel()

    def _submit(self, text: str) -> None:
        if self._host.submit(text):
            self.page.area.composer.clear()

    def _choose_practice(self, name: str) -> None:
        self._host.choose_practice(name)
        self.show_page("talk")

    def _begin_anew(self) -> None:
        self._host.new_session()
        self.show_page("talk")

    def _clear_page(self) -> None:
        """Another session begins, and its page with its question."""
        self.notices.close_turn()
        if self.page.has_script:
            self.page.script.forget()
        self.page.show_script(False)
        self._session_usd = 0.0
        self.status.begin_turn()

    def _act(self, action: Action, role: Role | None) -> None:
        if action in (Action.OPEN_KEYS, Action.CHOOSE_MODEL):
            self.settings_requested.emit(settings_page(role))
        elif action in _PAGES:
            self.settings_requested.emit(_PAGES[action])
        elif action is Action.SHOW_WAITING:
            self.show_page("journal")
            self._journal_page().show_waiting()
        elif action is Action.USE_PASSPHRASE:
            self.passphrase_wanted.emit()
        elif action is Action.SHOW_FILE:
            self.folder_wanted.emit()
        else:
            self._host.act(action)

    def _ask_about_link(self, address: str) -> None:
        from companion.gui.links import ask

        if not self.shows_talk:
            self.show_page("talk")
        self.notices.tell(ask(address))

    # -- what happened --------------------------------------------------------------------------------------

    def _on_event(self, event: e.Event) -> None:
        match event:
            case e.LevelMeasured():
                self.page.area.button.show_level(event.level_db)
            case e.ReplyDelta():
                self._begin_script()
                self.page.script.stream(event.turn, event.text, self._now())
            case e.PhaseChanged():
                self._show_phase(event)
            case e.TranscriptHeard():
                self._begin_script()
                self.page.script.hear(event.turn, event.transcript, self._now())
            case e.SentenceHeard():
                self._was_spoken = True
                self.page.script.speak(event.turn, event.sentence)
            case e.WordHeard():
                self.page.script.speak_word(event.turn, event.start, event.end)
            case e.TimelineMarked():
                self._begin_turn(event.turn)
                self.status.mark(event.mark, event.at_s)
            case e.Trouble() | e.TroubleCleared():
                self._show_trouble(event)
            case e.PhaseLingers():
                self._show_lingering(event)
            case e.UserSaid() | e.ReplyContinued() | e.ReplyEnded() | e.TurnFinished():
                self._show_turn(event)
            case e.TakeDiscarded() | e.DraftOffered():
                self._show_turn(event)
            case _:
                self._show_surroundings(event)

    def _show_turn(self, event: e.Event) -> None:
        script = self.page.script
        match event:
            case e.UserSaid():
                self._begin_turn(event.turn)
                self._begin_script()
                script.say(event.turn, event.text, When.of(event.at, event.offset_s))
                self.status.show_saved(event.saved)
            case e.ReplyContinued():
                self._begin_script()
                script.go_on(event.turn, event.text)
            case e.ReplyEnded():
                script.end_reply(event.turn, event.text, event.state)
            case e.TurnFinished():
                self._finish(event)
            case e.DraftOffered():
                script.discard(event.turn)
                self._end_script_if_empty()
                self.page.area.offer(event.text)
                self.status.show_note("Read it, change it if you like: Enter sends, Esc throws it away")
            case e.TakeDiscarded():
                script.discard(event.turn)
                self._end_script_if_empty()

    def _show_surroundings(self, event: e.Event) -> None:
        match event:
            case e.Note():
                self.status.show_note(event.text)
            case e.DataSent():
                self.status.show_sent(event.what, event.host)
            case e.EngineInUse():
                self._engines[event.role] = event
                self.bar.show_engine(event.role, event.label, event.host)
                self.page.show_hosts({role: engine.host for role, engine in self._engines.items()})
                self._show_standing()
                self.settings_changed()  # whoever has a role now is told after every change of the settings
            case e.PracticeChanged():
                self._opening = event.opening
                self.bar.show_practice(event.name, event.title, event.step, event.steps)
                self.page.show_opening(event.opening)
            case e.SessionBegan():
                self._clear_page()
            case e.LocalTimeChanged():
                self._show_other_time(event)
            case e.JournalOpened():
                self.status.show_storage(event.storage)
            case e.GlobalKeyChanged():
                self.status.show_note(talks_everywhere(event.key))
            case e.HandsFreeChanged():
                self._is_muted = event.is_muted
                self.page.area.show_hands_free(is_on=event.is_on, is_muted=event.is_muted)
                if event.is_on and not event.cancels_echo:
                    self.status.show_note("Headphones are better here: the answer cannot be talked over")

    def _show_other_time(self, event: e.LocalTimeChanged) -> None:
        if self._journal is not None and not self.shows_talk and (event.is_other_day or event.is_other_zone):
            self._journal.refresh()

    def _show_phase(self, event: e.PhaseChanged) -> None:
        before, self._phase = self._phase, event.phase
        if event.phase is e.Phase.ARMING:
            self._begin_turn(event.turn)
            self.notices.close_turn()
        if event.phase is e.Phase.READY and self.page.has_script:
            self.page.script.quiet()
        area = self.page.area
        area.show_phase(event.phase, latched=event.latched)
        if event.phase is not before:
            announce(area.button, f"{area.state.text()}. {area.hint.text}")
        self._show_standing()

    def _show_trouble(self, event: e.Event) -> None:
        if isinstance(event, e.Trouble):
            self.notices.tell(Notice.of(event, self._act))
        elif isinstance(event, e.TroubleCleared) and event.is_all:
            self.notices.close_all()
        else:
            self.notices.close_turn()

    def _trouble_changed(self) -> None:
        self.page.area.show_trouble(self.notices.stops_turn)
        self._show_standing()

    def _show_standing(self) -> None:
        hears = self._engines.get(Role.HEARS)
        if self.notices.stops_turn and self._phase is e.Phase.READY:
            text = "Cut off" if self.notices.stops_only(Kind.CUT_OFF) else "Not sent"
        elif self._phase is e.Phase.LISTENING and hears is not None and hears.host:
            text = f"{hears.label} · live"
        elif self._engines and not any(engine.host for engine in self._engines.values()):
            text = "Offline"
        else:
            text = ""
        self.status.show_standing(text)

    def _show_lingering(self, event: e.PhaseLingers) -> None:
        """What the state waits for, or that it ends soon."""
        names = {role: engine.label for role, engine in self._engines.items()}
        text = self.status.waiting_for(event.phase, event.left_s, names)
        if text:
            self.status.show_waiting(text)
            announce(self.page.area.button, text)

    def _begin_turn(self, turn: int) -> None:
        if turn != self._turn:
            self._turn = turn
            self._was_spoken = False
            self.status.begin_turn()

    def _begin_script(self) -> None:
        script = self.page.script
        if script.is_empty and self._opening:
            script.open_with(self._opening, self._now())
        self.page.show_script(True)

    def _end_script_if_empty(self) -> None:
        if self.page.script.has_only_opening:
            self.page.script.forget()
            self.page.show_script(False)

    def _finish(self, event: e.TurnFinished) -> None:
        record = event.record
        self.page.script.finish(event.turn, record)
        self.status.show_saved(event.saved)
        self.status.show_cost(record.cost_usd)
        self.status.show_budget(record.timeline_ms)
        self._session_usd += record.cost_usd or 0.0
        self.status.cost.setToolTip(f"This reflection so far: ${self._session_usd:.4f}")
        if not self._was_spoken and record.reply_text and record.reply_state is ReplyState.WHOLE:
            announce(self.page.script, f"Companion: {record.reply_text}")
        if self._journal is not None and not self.shows_talk:
            self._journal.refresh()
