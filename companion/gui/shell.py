"""The window with its dialogs, wired to the app: opens settings, asks for a passphrase, comes to the front.

`Window` and `SettingsDialog` know their hosts only; this is the one place that knows both and the app.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QGuiApplication

from companion.errors import Action, CompanionError, Kind
from companion.events import Event, JournalOpened, Note, SettingsChanged, SpareKeyOffered, Trouble, UserSaid
from companion.gui.infront import InFront
from companion.gui.locking import Locking
from companion.gui.microphone import SignOn
from companion.gui.shortcuts import bind
from companion.gui.theme import next_scale
from companion.gui.window import Window
from companion.language import tr
from companion.log import describe
from companion.tasks import spawn

if TYPE_CHECKING:
    from PySide6.QtWidgets import QDialog

    from companion.app import Companion
    from companion.gui.background import Background
    from companion.gui.devtools import Devtools
    from companion.gui.exchange.steps import Steps
    from companion.gui.passphrase import PassphraseDialog
    from companion.gui.settings.dialog import SettingsDialog
    from companion.gui.spare_key import SpareKeyDialog
    from companion.gui.welcome.view import WelcomeView
    from companion.records import Selection

_log = logging.getLogger(__name__)
_DIALOG, _TEST, _WELCOME = "a dialog is in front", "the microphone is tested", "the welcome is shown"
"""Why hands-free listening is paused."""
_TRAY_AFTER_MS = 400
"""The first frame and the first key come before the icon in the tray."""


class Shell:
    """One per window."""

    def __init__(self, app: Companion) -> None:
        self._app = app
        self.settings: SettingsDialog | None = None
        self.passphrase: PassphraseDialog | None = None
        self.spare_key: SpareKeyDialog | None = None
        self.devtools: Devtools | None = None
        self.exchange: Steps | None = None
        """The import or the export that is open."""
        self.welcome: WelcomeView | None = None
        self.background: Background | None = None
        self._paused: set[str] = set()
        self._is_draft_read = self._is_draft_kept = self._is_welcoming = self._has_asked = False
        self.window = Window(app, geometry=app.home.state / "window.json")
        app.before_unkept = self.window.pages.keep_edited
        self.window.settings_requested.connect(self.open_settings)
        self.window.passphrase_wanted.connect(lambda: spawn(self.ask_passphrase(), name="ask passphrase"))
        self.window.folder_wanted.connect(self._show_folder)
        self.window.care.region_chosen.connect(
            lambda code: spawn(app.change({"care.region": code}), name="remember the country")
        )
        self.window.turned.connect(self._page_turned)
        self.window.pages.import_wanted.connect(self.open_import)
        self.window.pages.export_wanted.connect(self.open_export)
        self._front = InFront(self._front_changed, self._show_microphone, self.window)
        self.window.text_size_wanted.connect(self._change_text_size)
        self.window.captions_wanted.connect(self._switch_captions)
        self.window.pages.welcome_wanted.connect(self.show_welcome)
        bind(self.window, {"devtools": self.toggle_devtools})
        self.locking = Locking(
            app,
            self.window,
            keep_draft=self.keep_draft,
            close_dialogs=self._close_dialogs,
            come_forward=self.bring_to_front,
            draft_put_away=self._draft_put_away,
        )
        self._unwatch = app.events.watch(self._watch)
        app.tell()

    @property
    def needs_loop(self) -> bool:
        """It begins with a page of the welcome that works in the background from the first moment."""
        return self._app.welcome.is_due and not self._app.welcome.is_at_beginning

    def show(self) -> None:
        if self._app.welcome.is_due:
            self.show_welcome()
        self.window.show()
        QTimer.singleShot(_TRAY_AFTER_MS, self.window, self.follow_background)

    def follow_background(self) -> None:
        """From now on there is an icon in the tray, if it is wanted, and answers are told of."""
        from companion.gui.background import Background

        if self.background is None:
            self.background = Background(self._app, self.window)
            self.background.show_wanted.connect(self.bring_to_front)
            self.background.lock_wanted.connect(self.locking.lock)
            self.window.put_away.connect(self._close_dialogs)

    def hide(self) -> None:
        """Out of sight at once; saving goes on."""
        self._close_dialogs()
        if self.welcome is not None:
            self.welcome.close_pages()
        self.window.remember_place()
        self.window.hide()

    def _close_dialogs(self) -> None:
        for dialog in (self.settings, self.passphrase, self.spare_key, self.devtools, self.exchange):
            if dialog is not None:
                dialog.close()

    def leave_soon(self) -> None:
        """The session of the desktop ends; what comes after this may not be waited for."""
        self.window.stays_open = lambda: False
        self.window.remember_place()
        spawn(self.keep_written(), name="keep draft")

    async def keep_written(self) -> None:
        """What stands in the composer and in the editors is there at the next start."""
        await self.window.pages.keep_edited()
        await self.window.pages.keep_practice()
        await self.keep_draft()

    def close(self) -> None:
        self._unwatch()
        if self.background is not None:
            self.background.close()
        self.window.deleteLater()

    def bring_to_front(self) -> None:
        self.window.setWindowState(self.window.windowState() & ~Qt.WindowState.WindowMinimized)
        self.window.show()
        self.window.raise_()
        self.window.activateWindow()

    # -- the welcome ----------------------------------------------------------------------------------------

    def show_welcome(self) -> None:
        """Shows the pages of the first start, where the person left them."""
        if self.welcome is None:
            from companion.gui.welcome.view import WelcomeView

            self.welcome = WelcomeView(self._app, self.window.look)
            self.welcome.over.connect(lambda: self.window.show_page("talk"))
            self.welcome.settings_wanted.connect(self.open_settings)
            SignOn(self.window.microphone, self.window.look, self.welcome)
        if not self.window.shows_welcome and not self.window.pages.is_locked:
            self.welcome.turn_to(self._app.welcome.page)
            self.window.show_welcome(self.welcome)

    def welcome_again(self) -> None:
        """Somebody asked for it, maybe in another window."""
        self.show_welcome()
        self.bring_to_front()

    def _page_turned(self) -> None:
        is_left = self.welcome is not None and self._is_welcoming and not self.window.shows_welcome
        if is_left and self.welcome is not None:
            self.welcome.leave(for_a_while=self.window.pages.is_locked)
        self._is_welcoming = self.window.shows_welcome
        self._follow_welcome()

    def _follow_welcome(self) -> None:
        """Hands-free listening, where there is any, is paused on pages on which one may try the microphone."""
        is_free = self._app.settings.talk.mode == "free"
        self._pause(_WELCOME, is_paused=self._is_welcoming and is_free)

    def _change_text_size(self, step: int) -> None:
        scale = next_scale(self._app.settings.appearance.font_scale, step)
        self._app.events.emit(Note(text=tr("Text size {scale:.0%}", scale=scale)))
        spawn(self._app.change({"appearance.font_scale": scale}), name="change the size of the text")

    def _switch_captions(self) -> None:
        are_large = not self._app.settings.appearance.large_captions
        spawn(self._app.change({"appearance.large_captions": are_large}), name="change the captions")

    # -- dialogs --------------------------------------------------------------------------------------------

    def open_settings(self, page: str = "") -> None:
        """Opens the settings at a page; a second request brings the open dialog there."""
        if self.window.pages.is_locked:
            return
        if self.settings is None:
            from companion.gui.settings.dialog import SettingsDialog

            state = self._app.home.state / "settings-window.json"
            self.settings = SettingsDialog(
                self._app.settings_backend, self.window.look, self.window, state=state
            )
            self.settings.finished.connect(self._forget_settings)
            self.settings.turned.connect(self._follow_test)
            self.settings.wanted.connect(self._show_wanted)
            self._take_in(self.settings)
        self.settings.show_page(page)
        self.settings.open()
        self._follow_test()

    def _show_wanted(self, name: str) -> None:
        """What a page of the settings asks for; they make room for it."""
        if self.settings is not None:
            self.settings.close()
        if name == "welcome":
            self.welcome_again()
        elif name == "import":
            self.open_import()
        elif name == "export":
            self.open_export(None)
        elif name == "spare key":
            self.open_spare_key()

    def open_import(self) -> None:
        """Opens the import; an export that is open makes room."""
        from companion.gui.exchange.importing import ImportDialog

        if not isinstance(self.exchange, ImportDialog):
            dialog = ImportDialog(self._app.exchange, self.window.look, self.window)
            dialog.changed.connect(self.window.pages.refresh_shown)
            self._open_exchange(dialog)

    def open_export(self, chosen: tuple[Selection, str] | None) -> None:
        """Opens the export; `chosen`, with what it is called, is offered beside the whole journal."""
        from companion.gui.exchange.exporting import ExportDialog

        if not isinstance(self.exchange, ExportDialog):
            self._open_exchange(
                ExportDialog(self._app.exchange, self.window.look, self.window, chosen=chosen)
            )

    def _open_exchange(self, dialog: Steps) -> None:
        if self.exchange is not None:
            self.exchange.close()
        self.exchange = dialog
        dialog.finished.connect(self._forget_exchange)
        self._take_in(dialog)
        dialog.open()

    def _forget_exchange(self) -> None:
        if self.exchange is not None:
            gone, self.exchange = self.exchange, None
            self._front.remove(gone)
            gone.deleteLater()

    def toggle_devtools(self) -> None:
        """Opens the developer tools, or closes them; they remember nothing."""
        if self.devtools is not None:
            self.devtools.close()
            return
        from companion.gui.devtools import Devtools

        self.devtools = Devtools(self._app, self.window.look, self.window)
        self.devtools.closed.connect(self._forget_devtools)
        self.devtools.open()

    async def ask_passphrase(self) -> None:
        """Asks for the journal's passphrase where one helps."""
        purpose = await self._app.journal_needs()
        if not purpose:
            self._app.events.emit(Note(text=tr("No passphrase is needed now")))
            return
        if self.passphrase is None:
            from companion.gui.passphrase import PassphraseDialog

            self.passphrase = PassphraseDialog(
                purpose, self._app.use_passphrase, self.window.look, self.window
            )
            self.passphrase.finished.connect(self._forget_passphrase)
            self._take_in(self.passphrase)
        self.passphrase.open()

    def open_spare_key(self) -> None:
        """Shows eight new words for the journal; they hold once they were typed back."""
        if self._app.archive.storage in ("", "memory"):
            self._app.events.emit(Note(text=tr("Nothing is kept now, so there is no journal to open")))
            return
        if self.spare_key is None and not self.window.pages.is_locked:
            from companion.gui.spare_key import SpareKeyDialog

            key = self._app.spare_key
            self.spare_key = SpareKeyDialog(
                key.draw(), is_same=key.is_same, keep=key.keep, look=self.window.look, parent=self.window
            )
            self.spare_key.finished.connect(self._forget_spare_key)
            self._take_in(self.spare_key)
        if self.spare_key is not None:
            self.spare_key.open()

    def _forget_spare_key(self) -> None:
        if self.spare_key is not None:
            gone, self.spare_key = self.spare_key, None
            self._front.remove(gone)
            gone.deleteLater()

    def _take_in(self, dialog: QDialog) -> None:
        """A dialog shows whether the microphone is open, and hands-free mode does not listen while it is in front."""
        self._show_microphone(dialog)
        bind(dialog, {"close": dialog.close})
        dialog.finished.connect(self._take_back_focus)
        self._front.add(dialog)

    def _take_back_focus(self) -> None:
        """Where nothing else gives the keys to the next window, as without a window manager."""
        if QGuiApplication.applicationState() == Qt.ApplicationState.ApplicationActive:
            self.window.activateWindow()

    def _show_microphone(self, dialog: QDialog) -> None:
        SignOn(self.window.microphone, self.window.look, dialog)

    def _front_changed(self, dialog: QDialog | None) -> None:
        self._pause(_DIALOG, is_paused=dialog is not None)

    def _follow_test(self) -> None:
        self._pause(_TEST, is_paused=self.settings is not None and self.settings.tests_microphone)

    def _pause(self, reason: str, *, is_paused: bool) -> None:
        if is_paused == (reason in self._paused):
            return
        if is_paused:
            self._paused.add(reason)
            self._app.pause_hands_free(reason)
        else:
            self._paused.discard(reason)
            self._app.resume_hands_free(reason)
        self.window.show_paused(is_paused=bool(self._paused))

    def _show_folder(self, kind: str) -> None:
        from PySide6.QtCore import QUrl
        from PySide6.QtGui import QDesktopServices

        home = self._app.home
        folder = {Kind.SETTINGS_BROKEN: home.config, Kind.CRASHED: home.state}.get(Kind(kind), home.data)
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))

    def _forget_settings(self) -> None:
        if self.settings is not None:
            gone, self.settings = self.settings, None
            self._front.remove(gone)
            self._follow_test()
            gone.deleteLater()

    def _forget_devtools(self) -> None:
        if self.devtools is not None:
            self.devtools.deleteLater()
            self.devtools = None

    def _forget_passphrase(self) -> None:
        if self.passphrase is not None:
            gone, self.passphrase = self.passphrase, None
            self._front.remove(gone)
            gone.deleteLater()

    # -- words that were not sent ---------------------------------------------------------------------------

    async def keep_draft(self) -> None:
        """What stands in the composer is there again at the next start, where anything is kept."""
        try:
            if not self._is_draft_read:
                await self._read_draft()
            text = self.window.draft
            if text or self._is_draft_kept:
                await self._app.archive.keep_draft(text)
                self._is_draft_kept = bool(text)
        except CompanionError as error:  # the window is closing: there is nobody to tell
            _log.warning("the draft could not be kept: %s", describe(error))

    def _draft_put_away(self, is_kept: bool) -> None:
        self._is_draft_read = not is_kept

    async def _read_draft(self) -> None:
        text = await self._app.archive.draft()
        if text and not self._is_draft_read:
            self._is_draft_kept = True
            self.window.bring_back(text)
        self._is_draft_read = True

    def _watch(self, event: Event) -> None:
        self.locking.follow(event)
        match event:
            case SettingsChanged():
                self.window.settings_changed()
                self._follow_welcome()
            case JournalOpened() if event.storage != "memory" and not self._is_draft_read:
                spawn(self._read_draft(), name="read draft")
            case Trouble() if (
                _asks_for_passphrase(event) and not self._has_asked and not self.window.shows_welcome
            ):
                self._has_asked = True  # at the start; later the card does
                spawn(self.ask_passphrase(), name="ask passphrase")
            case SpareKeyOffered():
                self.window.cards.offer_spare_key(self.open_spare_key)
            case UserSaid() if self._is_draft_kept:
                spawn(self.keep_draft(), name="keep draft")


def _asks_for_passphrase(trouble: Trouble) -> bool:
    """The journal is there and its passphrase opens it."""
    return trouble.error.kind is Kind.JOURNAL_LOCKED and Action.USE_PASSPHRASE in trouble.error.actions
