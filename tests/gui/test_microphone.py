"""While the microphone is open every page and every dialog says so, and a press there closes it."""

from __future__ import annotations

import asyncio

import pytest
from PySide6.QtGui import QAccessible
from PySide6.QtWidgets import QDialog
from pytestqt.qtbot import QtBot

from companion.events import HandsFreeChanged, LevelMeasured, MicrophoneKept, Phase, TakeOpened
from companion.gui.microphone import MicrophoneSign, Open, SignOn
from companion.gui.passphrase import PassphraseDialog
from companion.gui.staged import StagedHost, idle, journal
from companion.gui.window import Window


def sign_of(window: Window) -> MicrophoneSign:
    return window.rail.findChildren(MicrophoneSign)[0]


async def test_every_page_shows_it_from_the_first_moment_to_the_last(
    window: Window, host: StagedHost
) -> None:
    journal(host)
    for page in ("talk", "journal"):
        window.show_page(page)
        await asyncio.sleep(0)
        sign = sign_of(window)
        assert not sign.isVisible()
        host.phase(Phase.LISTENING)
        assert sign.isVisible()
        assert window.rect().contains(sign.mapTo(window, sign.rect().center()))
        host.phase(Phase.TRANSCRIBING)
        assert not sign.isVisible()


def test_a_key_pressed_anywhere_brings_the_talk_page(window: Window, host: StagedHost) -> None:
    idle(host)
    window.pages.setCurrentWidget(window.pages.journal)
    assert not window.shows_talk
    host.phase(Phase.ARMING)
    assert window.shows_talk


async def test_words_that_begin_by_themselves_turn_no_page(window: Window, host: StagedHost) -> None:
    journal(host)
    host.emit(HandsFreeChanged(is_on=True))
    window.show_page("journal")
    await asyncio.sleep(0)
    host.phase(Phase.LISTENING)
    assert not window.shows_talk
    assert sign_of(window).isVisible()


def test_a_dialog_that_opens_in_the_middle_of_a_take_shows_it_too(
    qtbot: QtBot, window: Window, host: StagedHost
) -> None:
    host.phase(Phase.LISTENING)

    async def use(text: str) -> None:
        """Nothing is opened here."""

    for dialog in (QDialog(window), PassphraseDialog("enter", use, window.look, window)):
        sign = SignOn(window.microphone, window.look, dialog).sign
        dialog.resize(460, 200)
        dialog.show()
        assert sign.isVisible()
        assert dialog.rect().contains(sign.geometry())
        dialog.close()


@pytest.mark.parametrize(
    ("given", "shows", "does"),
    [
        (Phase.ARMING, Open.OPENING, "toggle"),
        (Phase.LISTENING, Open.LISTENING, "toggle"),
        (HandsFreeChanged(is_on=True), Open.WAITING, ("mute", True)),
        (HandsFreeChanged(is_on=True, is_muted=True), Open.CLOSED, None),
        (HandsFreeChanged(is_on=True, is_paused=True), Open.CLOSED, None),
        (HandsFreeChanged(is_on=False), Open.CLOSED, None),
    ],
)
def test_it_shows_what_the_microphone_really_does_and_a_press_ends_it(
    window: Window, host: StagedHost, given: Phase | HandsFreeChanged, shows: Open, does: object
) -> None:
    host.phase(given) if isinstance(given, Phase) else host.emit(given)
    assert window.microphone.open is shows
    sign = sign_of(window)
    if does is None:
        assert not sign.isVisible()
        return
    sign.click()
    assert host.pressed == [does]
    assert window.microphone.open is shows, "it changes when the microphone does, not before"


def test_a_device_that_is_kept_open_is_shown_between_recordings(window: Window, host: StagedHost) -> None:
    idle(host)
    sign = sign_of(window)
    host.emit(MicrophoneKept(is_open=True))
    assert (window.microphone.open, sign.isVisible(), sign.isEnabled()) == (Open.KEPT, True, False)
    assert "Nothing is recorded" in sign.toolTip()
    host.phase(Phase.LISTENING)
    assert window.microphone.open is Open.LISTENING
    host.emit(TakeOpened(is_open=True))
    host.phase(Phase.TRANSCRIBING)
    assert window.microphone.open is Open.LISTENING, "until the device is let go"
    host.emit(TakeOpened(is_open=False))
    assert window.microphone.open is Open.KEPT
    host.emit(MicrophoneKept(is_open=False))
    assert not sign.isVisible()


def test_while_a_dialog_is_in_front_the_pause_is_told(window: Window, host: StagedHost) -> None:
    idle(host)
    host.emit(HandsFreeChanged(is_on=True))
    window.show_paused(is_paused=True)
    assert window.microphone.open is Open.WAITING, "it is still open"
    host.emit(HandsFreeChanged(is_on=True, is_paused=True))
    assert window.microphone.open is Open.PAUSED
    assert "paused" in window.page.area.hint.text
    assert "paused" in window.status.note.text()
    assert not sign_of(window).isEnabled()
    host.emit(HandsFreeChanged(is_on=True))
    window.show_paused(is_paused=False)
    assert "paused" not in window.status.note.text()


def test_it_has_words_for_those_who_do_not_see_it(window: Window, host: StagedHost) -> None:
    host.phase(Phase.LISTENING)
    host.emit(LevelMeasured(level_db=-20.0, is_input=True))
    spoken = QAccessible.queryAccessibleInterface(sign_of(window))
    assert spoken.text(QAccessible.Text.Name) == "Listening"
    assert "Press to stop and send" in spoken.text(QAccessible.Text.Description)
