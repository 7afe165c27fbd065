"""The main window: wires the app's events to the widgets and the widgets to the app's buttons. Main thread.

It reads events and decides nothing about a turn. What the person does goes to the `WindowHost` at once; what they see
changes only when the event comes back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, QTimer, Signal
from PySide6.QtWidgets import QApplication, QMainWindow, QWidget

from companion import days, events as e
from companion.errors import Kind
from companion.gui.announce import announce
from companion.gui.boxes import NONE, in_column, in_row
from companion.gui.cards import Cards
from companion.gui.care import AbovePage, CareCard
from companion.gui.focus import step
from companion.gui.keyboard import Keyboard, talk_keys
from companion.gui.keys import EVERYWHERE, key_name, key_named, talks_everywhere
from companion.gui.microphone import MicrophoneSign, MicrophoneState, Open
from companion.gui.notices import NoticeBar
from companion.gui.pages import Pages
from companion.gui.placement import come_into_view, remember, restore
from companion.gui.rail import Rail
from companion.gui.statusline import StatusLine
from companion.gui.talkpage import TalkPage
from companion.gui.theme import Look
from companion.gui.topbar import TopBar
from companion.kinds import ReplyState, Role
from companion.language import tr
from companion.tasks import spawn

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from PySide6.QtGui import (
        QCloseEvent,
        QKeyEvent,
        QPaintEvent,
        QShowEvent,
    )

    from companion.days import When
    from companion.flow import TurnRecord
    from companion.gui.host import WindowHost
    from companion.gui.welcome.view import WelcomeView

_LEAST_PX, _USUAL_PX = (720, 560), (1160, 780)
_WARM_AFTER_MS = 1_500


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
    folder_wanted = Signal(str)
    """The card of a file that does not open, by its kind, asks to see it."""
    text_size_wanted = Signal(int)
    """Larger (1), smaller (-1), or as usual (0)."""
    captions_wanted = Signal()
    """Large captions, or the usual ones."""
    turned = Signal()
    """Another page is shown."""
    put_away = Signal()
    """It was closed and goes on, out of sight."""
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
        self.look.wear_plain()
        self.phase = e.Phase.READY
        self.is_painted = False
        """The first frame is done."""
        self._turn = -1
        self._spoken_to = 0
        """How far into the answer the voice has come."""
        self._waited_for = ""
        self._session_usd = 0.0
        self._engines: dict[Role, e.EngineInUse] = {}
        self.welcome: WelcomeView | None = None
        self.stays_open: Callable[[], bool] = lambda: False
        """Whether a window that is closed goes on, out of sight."""
        self._is_leaving = False
        self.setWindowTitle("Companion")
        self.setMinimumSize(*_LEAST_PX)
        self._build()
        self._connect()
        self.look.wear_sheet()
        restore(self, geometry, QSize(*_USUAL_PX))
        self._unwatch = host.events.watch(self._on_event)

    # -- pages ----------------------------------------------------------------------------------------------

    def show_welcome(self, welcome: WelcomeView) -> None:
        """The pages of the first start, with nothing beside them."""
        if self.welcome is None:
            self.welcome = welcome
            self.pages.addWidget(welcome)
        self.pages.setCurrentWidget(welcome)
        self.rail.hide()
        welcome.take_focus()

    @property
    def shows_welcome(self) -> bool:
        return self.welcome is not None and self.pages.currentWidget() is self.welcome

    def show_page(self, page: str) -> None:
        """ "talk", "journal", "insights", "practices" or "help"."""
        if self.pages.is_locked:
            return
        self.rail.show()
        self.pages.turn_to(page)
        if self.shows_talk:
            self.page.area.take_focus()
        self.rail.show_page(page)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if not self.is_painted:
            self.is_painted = True
            QTimer.singleShot(0, self, self._keyboard.start)

    def settings_changed(self) -> None:
        """The settings are other than they were."""
        appearance, talk = self._host.settings.appearance, self._host.settings.talk
        self.look.choose(
            theme=appearance.theme,
            font_scale=appearance.font_scale,
            reduced_motion=appearance.reduced_motion,
        )
        self.look.choose_captions(are_large=appearance.large_captions)
        self.status.shows_times = appearance.show_times
        self.keys.key = key_named(talk.key)
        name = key_name(self.keys.key)
        self.page.show_talk_key(self.keys.key)
        self.page.show_asking(asks_mood=self._host.settings.practice.ask_mood)
        self.page.area.show_keys(name, EVERYWHERE, mode=talk.mode)

    def leave(self) -> None:
        """Closes it for good, whatever closing means otherwise."""
        self._is_leaving = True
        self.close()

    def closeEvent(self, event: QCloseEvent) -> None:
        self.remember_place()
        if not self._is_leaving and self.stays_open():
            event.ignore()
            self.hide()
            self.put_away.emit()
            return
        self._unwatch()
        self.microphone.stop()
        self.keys.stop()
        super().closeEvent(event)
        self.closed.emit()

    def remember_place(self) -> None:
        """For the next start."""
        remember(self, self._geometry_file)

    @property
    def draft(self) -> str:
        """What was written and not sent."""
        return self.page.area.composer.draft.strip()

    def bring_back(self, draft: str) -> None:
        """What was written in the last run and not sent."""
        self.page.area.composer.bring_back(draft)

    def show_paused(self, *, is_paused: bool) -> None:
        """Hands-free listening is paused while a dialog is in front, or goes on."""
        self.microphone.pause(is_paused=is_paused)
        self._show_standing()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        QTimer.singleShot(_WARM_AFTER_MS, self, self._warm)

    # -- building -------------------------------------------------------------------------------------------

    def _build(self) -> None:
        self.microphone = MicrophoneState(
            self._host.events, end_take=self._host.toggle_talk, mute=self._host.mute
        )
        talk_side = QWidget()
        self.pages = Pages(
            self.look, self._host, talk_side
        )  # while it is empty: it is laid out when it is seen
        self.rail = Rail(self.look, MicrophoneSign(self.microphone, self.look, is_upright=True))
        self.bar = TopBar(self.look, self._host.practices)
        self.notices = NoticeBar(self.look)
        self.care = CareCard(self.look)
        self.cards = Cards(self.notices, self._host, self)
        self.page = TalkPage(self.look, self._now)
        self.status = StatusLine(self.look)
        self.above = AbovePage(self.care, self.notices)
        column = in_column(self.bar, self.above, inside=talk_side, spacing=0, margins=NONE)
        column.addWidget(self.page, 1)
        column.addWidget(self.status)
        self.pages.currentChanged.connect(lambda _: self.turned.emit())
        whole = QWidget()
        whole.setProperty("page", "true")
        across = in_row(self.rail, inside=whole, spacing=0, margins=NONE)
        across.addWidget(self.pages, 1)
        self.setCentralWidget(whole)
        self.rail.show_page("talk")

    def _connect(self) -> None:
        host, area = self._host, self.page.area
        self.keys = talk_keys(self, host)
        self.settings_changed()
        area.button.talk_pressed.connect(host.press_talk)
        area.button.talk_released.connect(host.release_talk)
        area.composer.submitted.connect(self._submit)
        area.composer.refused.connect(self.status.show_note)
        for page in (self.page, self.pages):
            page.link_followed.connect(self._ask_about_link)
        self.pages.page_wanted.connect(self.show_page)
        self.pages.practice_chosen.connect(self._choose_practice)
        self.rail.page_chosen.connect(self.show_page)
        self.rail.settings_requested.connect(self.settings_requested)
        self.rail.private_wanted.connect(
            lambda is_private: spawn(self._set_private(is_private), name="begin or end what is private")
        )
        self.bar.settings_requested.connect(self.settings_requested)
        self.bar.practice_chosen.connect(self._choose_practice)
        self.bar.new_session_wanted.connect(self.begin_anew)
        self.page.mood_marked.connect(self._mark)
        self.page.titled.connect(lambda title: self._host.marking.name(title))  # noqa: PLW0108 - made when it is needed
        self.page.connect_earlier(lambda: host.recall, self.pages.open_day)
        self.page.another_wanted.connect(self.bar.open_menu)
        self.bar.practices_wanted.connect(lambda: self.show_page("practices"))
        self.notices.changed.connect(self._trouble_changed)
        self.cards.settings_requested.connect(self.settings_requested)
        self.cards.passphrase_wanted.connect(self.passphrase_wanted)
        self.cards.folder_wanted.connect(self.folder_wanted)
        self.cards.waiting_wanted.connect(self.pages.show_waiting)
        self.cards.too_late.connect(lambda: self.status.show_note(tr("That recording is gone")))
        self._keyboard = Keyboard(self, host)
        area.button.setFocus()

    def _warm(self) -> None:
        """What the first words will need."""
        from companion.gui import markdown

        markdown.warm()
        _ = self.page.script

    @property
    def shows_talk(self) -> bool:
        """Whether the talk page is shown."""
        return self.pages.shows_talk

    # -- what the person does -------------------------------------------------------------------------------

    def _come_forward(self) -> None:
        """A take was begun with a key, here or elsewhere: the page that shows it is seen, and nobody loses the focus."""
        if not self.shows_talk:
            self.show_page("talk")
        come_into_view(self)

    def _submit(self, text: str) -> None:
        was_heard = self.page.area.composer.holds_offer
        if self._host.submit(text):
            self.page.area.composer.clear()
            if was_heard:  # whoever speaks goes on speaking
                self.page.area.button.setFocus()
        elif self.phase in (e.Phase.ARMING, e.Phase.LISTENING, e.Phase.TRANSCRIBING):
            self.status.show_note(tr("That can be sent when the recording is over"))

    def focusNextPrevChild(self, next: bool) -> bool:
        return step(self, forward=next)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """A letter that nothing else wanted begins a line in the field."""
        if self.shows_talk and self.page.area.write(event):
            return
        super().keyPressEvent(event)

    def _mark(self, is_after: bool, mood: int | None, word: str) -> None:
        marks = self._host.marking
        (marks.mark_after if is_after else marks.mark_before)(mood, word)

    def _choose_practice(self, name: str) -> None:
        self._host.choose_practice(name)
        self.show_page("talk")

    def begin_anew(self) -> None:
        self._host.new_session()
        self.show_page("talk")

    async def _set_private(self, is_private: bool) -> None:
        await self.pages.keep_edited()
        self._host.set_private(is_private)

    def _clear_page(self) -> None:
        """Another session begins, and its page with its question."""
        self.notices.close_turn()
        if self.page.has_script:
            self.page.script.forget()
        self.page.forget_earlier()
        self.page.show_script(False)
        self._session_usd = 0.0
        self.status.begin_turn()

    def _ask_about_link(self, address: str) -> None:
        if not self.shows_talk:
            self.show_page("talk")
        self.cards.ask_about_link(address)

    # -- what happened --------------------------------------------------------------------------------------

    def _on_event(self, event: e.Event) -> None:
        self.page.follow(event)
        self.above.follow(event)
        self.status.follow(event)
        match event:
            case e.PhaseChanged():
                self._show_phase(event)
            case e.SentenceHeard():
                self._spoken_to = event.sentence.start + len(event.sentence.text)
            case e.TimelineMarked():
                self._begin_turn(event.turn)
                self.status.mark(event.mark, event.at_s)
            case e.Trouble():
                self.cards.tell(event)
            case e.TroubleCleared():
                self.cards.clear(event)
            case e.PhaseLingers():
                self._show_lingering(event)
            case e.UserSaid(is_of_before=True):
                self.status.show_note(tr("What you said last is in the reflection before this one"))
            case e.UserSaid():
                self._begin_turn(event.turn)
                self.status.show_saved(event.saved)
            case e.TurnFinished():
                self._finish(event)
            case e.DraftOffered():
                self.status.show_note(tr("Read it, change it if you like: Enter sends, Esc throws it away"))
            case e.TakeDiscarded(can_undo=True):
                self.cards.offer_undo()
            case _:
                self._show_surroundings(event)

    def _show_surroundings(self, event: e.Event) -> None:
        match event:
            case e.EngineInUse():
                self._engines[event.role] = event
                self.bar.show_engine(event.role, event.label, event.host)
                self.page.show_hosts({role: engine.host for role, engine in self._engines.items()})
                self._show_standing()
                self.settings_changed()  # whoever has a role now is told after every change of the settings
            case e.PracticeChanged():
                self.bar.show_practice(event)
                self.page.show_opening(event.opening)
            case e.SessionBegan():
                self._clear_page()
                self.page.show_earlier(event.turns)
            case e.LocalTimeChanged() if event.is_other_day or event.is_other_zone:
                self.pages.refresh_shown()
            case e.JournalOpened():
                self.status.show_storage(event.storage, is_private=event.is_by_choice)
                self.rail.show_private(is_private=event.is_by_choice)
                self.pages.show_another_journal()
            case e.GlobalKeyChanged():
                self.status.show_note(talks_everywhere(event.key))
            case e.HandsFreeChanged():
                self.is_muted = event.is_muted
                self.page.area.show_hands_free(
                    is_on=event.is_on, is_muted=event.is_muted, is_paused=event.is_paused
                )
                self._show_standing()
                if event.is_on and not event.cancels_echo:
                    self.status.show_note(
                        tr("Headphones work better here: without them you cannot talk over the answer")
                    )

    def _show_phase(self, event: e.PhaseChanged) -> None:
        before, self.phase = self.phase, event.phase
        self._waited_for = ""
        if event.phase is e.Phase.ARMING and before is not e.Phase.ARMING:
            self._begin_turn(event.turn)
            self.notices.close_turn()
            self._come_forward()
        area = self.page.area
        area.show_phase(event.phase, latched=event.latched)
        if event.phase is not before:
            announce(area.button, f"{area.state.text()}. {area.hint.text}")
        self._show_standing()

    def _trouble_changed(self) -> None:
        self.page.area.show_trouble(self.notices.stops_turn)
        self._show_standing()

    def _show_standing(self) -> None:
        fault = ""
        if self.notices.stops_turn and self.phase is e.Phase.READY:
            fault = tr("Cut off") if self.notices.stops_only(Kind.CUT_OFF) else tr("Not sent")
        self.status.show_standing(_standing(self.phase, self._engines, self.microphone.open, fault))

    def _show_lingering(self, event: e.PhaseLingers) -> None:
        """What the state waits for and for how long, or that it ends soon; read aloud once for each thing waited for."""
        names = {role: engine.label for role, engine in self._engines.items()}
        text = self.status.waiting_for(event.phase, event.left_s, names)
        if not text:
            return
        self.status.show_waiting(text, 0.0 if event.phase is e.Phase.LISTENING else event.lasted_s)
        if text != self._waited_for:
            self._waited_for = text
            announce(self.page.area.button, text)

    def _begin_turn(self, turn: int) -> None:
        if turn != self._turn:
            self._turn = turn
            self._spoken_to = 0
            self.status.begin_turn()

    def _finish(self, event: e.TurnFinished) -> None:
        record = event.record
        self.page.script.finish(
            event.turn, record, _answered_instead(self._host, self._engines.get(Role.THINKS), record)
        )
        self.status.show_saved(event.saved)
        self.status.show_cost(record.cost_usd)
        self.status.show_budget(record.timeline_ms)
        self._session_usd += record.cost_usd or 0.0
        if record.reply_text:
            QApplication.alert(self)  # does nothing while the window is in front
        self.status.cost.setToolTip(
            tr("This reflection so far: ${session_usd:.4f}", session_usd=self._session_usd)
        )
        unspoken = record.reply_text[self._spoken_to :].strip()
        if unspoken and record.reply_state is ReplyState.WHOLE:
            announce(self.page.script, f"Companion: {unspoken}")
        self.pages.refresh_shown()


def _answered_instead(host: WindowHost, chosen: e.EngineInUse | None, record: TurnRecord) -> str:
    """Who answered, where it was not the one who is chosen."""
    who = record.engines.get(Role.THINKS.value, "")
    is_other = bool(who) and chosen is not None and who.partition("/")[0] != chosen.provider
    return host.label_of(who) if is_other and record.reply_text else ""


def _standing(phase: e.Phase, engines: Mapping[Role, e.EngineInUse], microphone: Open, fault: str) -> str:
    """What the foot of the window says of the moment."""
    hears = engines.get(Role.HEARS)
    if microphone is Open.PAUSED:
        return tr("Hands-free listening is paused while a dialog is in front")
    if fault:
        return fault
    if phase is e.Phase.LISTENING and hears is not None and hears.host:
        return tr("{label} · live", label=hears.label)
    return tr("Offline") if engines and not any(engine.host for engine in engines.values()) else ""
