"""The talk key: held, repeated, lost, and left alone where it means something else."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, Qt
from PySide6.QtGui import QGuiApplication, QKeyEvent, QKeySequence
from PySide6.QtTest import QSignalSpy, QTest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from companion.events import Phase, PhaseChanged
from companion.gui.keys import key_named
from companion.gui.settings.pages.shortcuts import KeyButton
from companion.gui.staged import StagedHost
from companion.gui.window import Window

PRESS, RELEASE = QEvent.Type.KeyPress, QEvent.Type.KeyRelease
LONGER_THAN_A_REPEAT_MS = 120


def send(
    widget: QWidget,
    kind: QEvent.Type,
    key: Qt.Key = Qt.Key.Key_Space,
    *,
    repeat: bool = False,
    modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier,
) -> None:
    text = " " if key is Qt.Key.Key_Space else ""
    QCoreApplication.sendEvent(widget, QKeyEvent(kind, key, modifiers, text, repeat))


def test_space_is_held_and_let_go(qtbot: QtBot, window: Window, host: StagedHost) -> None:
    button = window.page.area.button
    send(button, PRESS)
    assert host.pressed == ["press"]
    send(button, RELEASE)
    qtbot.waitUntil(lambda: host.pressed == ["press", "release"])


def test_marked_repeats_are_one_press(qtbot: QtBot, window: Window, host: StagedHost) -> None:
    button = window.page.area.button
    send(button, PRESS)
    for _ in range(5):
        send(button, RELEASE, repeat=True)
        send(button, PRESS, repeat=True)
    qtbot.wait(LONGER_THAN_A_REPEAT_MS)
    assert host.pressed == ["press"]


def test_unmarked_release_and_press_pairs_are_one_press(
    qtbot: QtBot, window: Window, host: StagedHost
) -> None:
    button = window.page.area.button
    send(button, PRESS)
    for _ in range(8):
        send(button, RELEASE)
        send(button, PRESS)
        qtbot.wait(15)
    qtbot.wait(LONGER_THAN_A_REPEAT_MS)
    assert host.pressed == ["press"]
    send(button, RELEASE)
    qtbot.waitUntil(lambda: host.pressed == ["press", "release"])


def test_in_a_text_field_it_types_a_space(window: Window, host: StagedHost) -> None:
    field = window.page.area.composer.field
    field.setFocus()
    send(field, PRESS)
    send(field, RELEASE)
    assert field.toPlainText() == " "
    assert host.pressed == []


def test_on_another_button_it_presses_that_button(qtbot: QtBot, window: Window, host: StagedHost) -> None:
    settings = window.rail.buttons["settings"]
    settings.setFocus()
    with qtbot.waitSignal(window.settings_requested):
        send(settings, PRESS)
        send(settings, RELEASE)
    assert host.pressed == []


def test_in_the_script_it_talks_and_does_not_scroll(window: Window, host: StagedHost) -> None:
    host.say("Something")
    window.page.script.setFocus()
    send(window.page.script, PRESS)
    assert host.pressed == ["press"]


def test_f9_talks_in_a_text_field(qtbot: QtBot, window: Window, host: StagedHost) -> None:
    field = window.page.area.composer.field
    field.setFocus()
    assert "F9" in window.page.area.hint.text
    send(field, PRESS, Qt.Key.Key_F9)
    send(field, RELEASE, Qt.Key.Key_F9)
    qtbot.waitUntil(lambda: host.pressed == ["press", "release"])
    assert field.toPlainText() == ""


def test_the_release_counts_wherever_the_focus_went(qtbot: QtBot, window: Window, host: StagedHost) -> None:
    send(window.page.area.button, PRESS)
    field = window.page.area.composer.field
    field.setFocus()
    send(field, RELEASE)
    qtbot.waitUntil(lambda: host.pressed == ["press", "release"])


def test_a_chosen_key_talks_and_is_shown(qtbot: QtBot, window: Window, host: StagedHost) -> None:
    host.settings.talk.key = "F8"
    window.settings_changed()
    assert "Hold F8" in window.page.area.hint.text
    send(window.page.area.button, PRESS, Qt.Key.Key_F8)
    assert host.pressed == ["press"]


def test_with_control_it_is_no_talk_key(window: Window, host: StagedHost) -> None:
    send(window.page.area.button, PRESS, modifiers=Qt.KeyboardModifier.ControlModifier)
    assert host.pressed == []


def test_losing_the_focus_ends_the_take(qtbot: QtBot, window: Window, host: StagedHost) -> None:
    send(window.page.area.button, PRESS)
    app = QGuiApplication.instance()
    assert isinstance(app, QGuiApplication)
    app.applicationStateChanged.emit(Qt.ApplicationState.ApplicationInactive)
    assert host.pressed == ["press", "focus lost"]
    send(window.page.area.button, RELEASE)
    qtbot.wait(LONGER_THAN_A_REPEAT_MS)
    assert host.pressed == ["press", "focus lost"]


def test_escape_cancels_even_while_writing(qtbot: QtBot, window: Window, host: StagedHost) -> None:
    window.page.area.composer.field.setFocus()
    qtbot.keyClick(window.page.area.composer.field, Qt.Key.Key_Escape)
    assert host.pressed == ["cancel"]


def test_a_closed_window_hears_no_key(window: Window, host: StagedHost) -> None:
    button = window.page.area.button
    window.close()
    send(button, PRESS)
    assert host.pressed == []


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("Space", Qt.Key.Key_Space),
        ("F8", Qt.Key.Key_F8),
        ("", Qt.Key.Key_Space),
        ("nonsense", Qt.Key.Key_Space),
    ],
)
def test_keys_are_named_as_in_the_settings(qapp: object, name: str, key: Qt.Key) -> None:
    assert key_named(name) == key


def letter(widget: QWidget, text: str, key: int = 0) -> None:
    number = key or ord(text.upper())
    for kind in (PRESS, RELEASE):
        event = QKeyEvent(kind, number, Qt.KeyboardModifier.NoModifier, text)
        QCoreApplication.sendEvent(widget, event)


@pytest.mark.parametrize("phase", Phase)
def test_letters_go_to_the_field_in_every_phase(window: Window, host: StagedHost, phase: Phase) -> None:
    host.events.emit(PhaseChanged(turn=1, phase=phase))
    composer = window.page.area.composer
    for start in (window.page.area.button, window.page.script, window.rail.buttons["talk"]):
        start.setFocus()
        letter(start, "a")
        assert composer.has_focus
        letter(composer.field, "b")
    assert composer.field.toPlainText() == "ababab"
    assert composer.isVisible()
    host.events.emit(PhaseChanged(turn=1, phase=Phase.READY))
    assert composer.isVisible()


def test_letters_beside_the_field_are_lost_to_nobody_when_the_next_take_begins(
    window: Window, host: StagedHost
) -> None:
    host.events.emit(PhaseChanged(turn=1, phase=Phase.LISTENING))
    letter(window.page.area.button, "a")
    host.events.emit(PhaseChanged(turn=1, phase=Phase.READY))
    host.events.emit(PhaseChanged(turn=2, phase=Phase.ARMING))
    assert not window.page.area.composer.isVisible()
    assert window.draft == "a"


@pytest.mark.parametrize(
    ("waiting", "then", "written"),
    [
        (Qt.Key.Key_Dead_Acute, "e", "é"),
        (Qt.Key.Key_Dead_Circumflex, "O", "Ô"),
        (Qt.Key.Key_Dead_Diaeresis, " ", "¨"),
        (Qt.Key.Key_Dead_Grave, "x", "x"),
    ],
)
def test_an_accent_pressed_elsewhere_waits_for_its_letter(
    window: Window, waiting: Qt.Key, then: str, written: str
) -> None:
    field = window.page.area.composer.field
    letter(window.page.area.button, "", waiting.value)
    assert field.hasFocus()
    letter(field, then)
    letter(field, "s")
    assert field.toPlainText() == f"{written}s"


def test_what_is_pasted_elsewhere_goes_to_the_field(qtbot: QtBot, window: Window) -> None:
    QGuiApplication.clipboard().setText("from another window")
    window.page.area.button.setFocus()
    qtbot.keyClick(window.page.area.button, Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
    assert window.draft == "from another window"


def test_what_is_written_while_a_take_goes_on_is_not_sent_and_says_why(
    qtbot: QtBot, window: Window, host: StagedHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host, "submit", lambda _: False)
    host.events.emit(PhaseChanged(turn=1, phase=Phase.LISTENING))
    letter(window.page.area.button, "a")
    qtbot.keyClick(window.page.area.composer.field, Qt.Key.Key_Return)
    assert window.draft == "a"
    assert "when the recording is over" in window.status.note.text()


FRENCH_2, CZECH_0, RUSSIAN_J = (0x00C9, 11), (0x00C9, 19), (0x041E, 44)


@pytest.mark.parametrize(
    ("key", "page"), [(FRENCH_2, "journal"), (RUSSIAN_J, "journal"), ((ord("É"), 12), "insights")]
)
def test_a_shortcut_is_found_by_its_place_where_the_layout_writes_something_else(
    window: Window, monkeypatch: pytest.MonkeyPatch, key: tuple[int, int], page: str
) -> None:
    shown: list[str] = []
    monkeypatch.setattr(window, "show_page", shown.append)
    pressed = QKeyEvent(PRESS, key[0], Qt.KeyboardModifier.ControlModifier, key[1], 0, 0)
    QCoreApplication.sendEvent(window.page.area.button, pressed)
    assert shown == [page]


def test_by_its_place_no_letter_of_the_same_script_means_another(window: Window) -> None:
    pressed = QKeyEvent(
        PRESS, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier, 24, 0, 0
    )  # French, where Q is
    QCoreApplication.sendEvent(window.page.area.button, pressed)
    assert window.isVisible()


def test_what_asks_for_the_usual_size_is_found_by_its_place(qtbot: QtBot, window: Window) -> None:
    with qtbot.waitSignal(window.text_size_wanted) as size:
        pressed = QKeyEvent(PRESS, CZECH_0[0], Qt.KeyboardModifier.ControlModifier, CZECH_0[1], 0, 0)
        QCoreApplication.sendEvent(window.page.area.button, pressed)
    assert size.args == [0]


@pytest.mark.parametrize(
    ("keys", "kept", "refused"),
    [
        ("F9", "", "F9 talks already"),
        ("F1", "", "open this help"),
        ("Ctrl+Q", "", "end the program"),
        ("Ctrl+F7", "", ""),
        ("F7", "F7", ""),
    ],
)
def test_a_key_that_is_being_chosen_does_nothing_else(
    window: Window, host: StagedHost, keys: str, kept: str, refused: str
) -> None:
    window.keys.start()
    button = KeyButton("Talk key")
    button.setParent(window)
    button.show()
    button.setFocus()
    button.click()
    taken, said = QSignalSpy(button.taken), QSignalSpy(button.refused)
    size = QSignalSpy(window.text_size_wanted)
    QCoreApplication.sendEvent(
        button, QKeyEvent(PRESS, CZECH_0[0], Qt.KeyboardModifier.ControlModifier, CZECH_0[1], 0, 0)
    )
    assert size.count() == 0
    button.click()
    pressed = QKeySequence(keys)[0]
    QTest.keyClick(button, pressed.key(), pressed.keyboardModifiers())
    assert host.pressed == []
    assert window.shows_talk
    assert window.isVisible()
    assert button.accessibleName().startswith("Talk key: ")
    assert (taken.at(0)[0] if taken.count() else "") == kept
    assert refused in (said.at(0)[0] if said.count() else "")
