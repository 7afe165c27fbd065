"""The round button and the words beneath it."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QColor, QImage
from pytestqt.qtbot import QtBot

from companion.events import LevelMeasured, Phase
from companion.gui.staged import StagedHost, idle, listening, trouble
from companion.gui.talk import Face, TalkButton, face_of, loudness
from companion.gui.theme import LIGHT, Look
from companion.gui.window import Window


@pytest.fixture
def button(qtbot: QtBot) -> TalkButton:
    made = TalkButton(Look(theme="light"))
    qtbot.addWidget(made)
    made.show()
    return made


def colour_at(button: TalkButton, dx: int, dy: int) -> QColor:
    image: QImage = button.grab().toImage()
    ratio = image.devicePixelRatio()
    middle = button.rect().center()
    return image.pixelColor(int((middle.x() + dx) * ratio), int((middle.y() + dy) * ratio))


def test_resting_is_raised_paper_and_listening_is_the_accent(button: TalkButton) -> None:
    assert colour_at(button, 0, 35).name().upper() == LIGHT.raised
    button.show_face(Face.LISTENING)
    assert colour_at(button, 0, 35).name().upper() == LIGHT.accent


def test_rings_follow_the_level(button: TalkButton) -> None:
    button.show_face(Face.LISTENING)
    quiet = button.grab().toImage()
    for _ in range(5):
        button.show_level(-15.0)
    assert button.grab().toImage() != quiet


def test_loudness_spans_silence_to_a_close_voice() -> None:
    assert loudness(-90) == 0
    assert loudness(0) == 1
    assert 0.3 < loudness(-35) < 0.7


def test_nothing_moves_by_itself_unless_somebody_waits(button: TalkButton) -> None:
    moving = {}
    for face in Face:
        button.show_face(face)
        moving[face] = button.is_animated
    assert [face for face, moves in moving.items() if moves] == [Face.TRANSCRIBING, Face.THINKING]


def test_a_hidden_button_does_not_turn(button: TalkButton) -> None:
    button.show_face(Face.THINKING)
    button.hide()
    assert not button.is_animated
    button.show()
    assert button.is_animated


def test_reduced_motion_neither_turns_nor_pulses(qtbot: QtBot) -> None:
    button = TalkButton(Look(theme="light", reduced_motion=True))
    qtbot.addWidget(button)
    button.show()
    button.show_face(Face.THINKING)
    assert not button.is_animated
    button.show_face(Face.LISTENING)
    still = button.grab().toImage()
    button.show_level(-12.0)
    assert button.grab().toImage() == still


def test_press_and_release_are_told_apart_and_only_on_the_disc(qtbot: QtBot, button: TalkButton) -> None:
    heard: list[str] = []
    button.talk_pressed.connect(lambda: heard.append("press"))
    button.talk_released.connect(lambda: heard.append("release"))
    qtbot.mousePress(button, Qt.MouseButton.LeftButton, pos=QPoint(3, 3))
    qtbot.mouseRelease(button, Qt.MouseButton.LeftButton, pos=QPoint(3, 3))
    assert heard == []
    qtbot.mousePress(button, Qt.MouseButton.LeftButton)
    qtbot.mouseMove(button, QPoint(-40, -40))
    assert heard == ["press"]
    qtbot.mouseRelease(button, Qt.MouseButton.LeftButton, pos=QPoint(-40, -40))
    assert heard == ["press", "release"]


def test_a_button_hidden_while_held_lets_go(qtbot: QtBot, button: TalkButton) -> None:
    qtbot.mousePress(button, Qt.MouseButton.LeftButton)
    with qtbot.waitSignal(button.talk_released):
        button.hide()


def test_assistive_technology_can_tap_it(qtbot: QtBot, button: TalkButton) -> None:
    with qtbot.waitSignals([button.talk_pressed, button.talk_released]):
        button.click()


def test_the_name_says_what_the_next_press_does(button: TalkButton) -> None:
    button.show_face(Face.SPEAKING)
    assert (button.accessibleName(), button.accessibleDescription()) == (
        "Interrupt",
        "The companion is speaking",
    )
    button.show_face(Face.READY)
    assert button.accessibleName() == "Talk"


def test_trouble_shows_only_while_nothing_goes_on() -> None:
    assert face_of(Phase.READY, is_in_trouble=True) is Face.TROUBLE
    assert face_of(Phase.LISTENING, is_in_trouble=True) is Face.LISTENING


# -- the words -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("phase", "state", "hint"),
    [
        (Phase.READY, "Ready", "Hold Space to speak · tap to keep listening"),
        (Phase.ARMING, "One moment", "the microphone is opening"),
        (Phase.LISTENING, "Listening", "0:00 · release to send · Esc discards"),
        (Phase.TRANSCRIBING, "Writing it down", "Esc discards"),
        (Phase.THINKING, "Thinking", "press to interrupt"),
        (Phase.SPEAKING, "Speaking", "press to interrupt · Ctrl+R to read only"),
    ],
)
def test_each_phase_has_its_words(
    window: Window, host: StagedHost, phase: Phase, state: str, hint: str
) -> None:
    host.phase(phase)
    area = window.page.area
    assert (area.state.text(), area.hint.text) == (state, hint)


def test_a_key_silences_the_voice_and_leaves_the_answer(
    qtbot: QtBot, window: Window, host: StagedHost
) -> None:
    window._keyboard.read_on()
    assert "read on" not in host.pressed
    host.phase(Phase.SPEAKING)
    qtbot.keyClick(window, Qt.Key.Key_R, Qt.KeyboardModifier.ControlModifier)
    assert host.pressed[-1] == "read on"


def test_a_latched_take_says_how_it_ends(window: Window, host: StagedHost) -> None:
    host.phase(Phase.LISTENING, latched=True)
    assert window.page.area.hint.text == "0:00 · press again to send · Esc discards"


def test_the_seconds_of_a_take_are_counted(qtbot: QtBot, window: Window, host: StagedHost) -> None:
    host.phase(Phase.LISTENING)
    qtbot.waitUntil(lambda: window.page.area.hint.text.startswith("0:01"), timeout=3000)


def test_trouble_waits_for_the_person(window: Window, host: StagedHost) -> None:
    trouble(host)
    area = window.page.area
    assert (area.state.text(), area.hint.text) == ("Waiting for you", "your words are saved")
    assert area.button.face is Face.TROUBLE
    host.phase(Phase.ARMING, turn=2)
    assert area.button.face is Face.ARMING


def test_the_composer_makes_room_while_somebody_speaks(window: Window, host: StagedHost) -> None:
    idle(host)
    composer, button = window.page.area.composer, window.page.area.button
    assert composer.isVisible()
    place = button.pos()
    listening(host)
    assert not composer.isVisible()
    assert button.pos() == place
    host.phase(Phase.READY)
    assert composer.isVisible()


def test_somebody_who_writes_keeps_the_field(qtbot: QtBot, window: Window, host: StagedHost) -> None:
    composer = window.page.area.composer
    composer.field.setFocus()
    host.phase(Phase.THINKING)
    host.phase(Phase.SPEAKING)
    assert composer.isVisible()


def test_levels_reach_the_button(window: Window, host: StagedHost) -> None:
    host.phase(Phase.LISTENING)
    before = window.page.area.button.grab().toImage()
    for _ in range(4):
        host.emit(LevelMeasured(level_db=-14.0, is_input=True))
    assert window.page.area.button.grab().toImage() != before


def test_the_loudest_rings_touch_no_word(qtbot: QtBot) -> None:
    host = StagedHost()
    window = Window(host)
    qtbot.addWidget(window)
    window.show()
    listening(host)
    host.emit(LevelMeasured(level_db=0.0, is_input=True))
    area = window.page.area
    button, state = area.button, area.state
    middle = button.mapTo(window, button.rect().center())
    reach = next(
        y
        for y in range(button.height() // 2, 0, -1)
        if colour_at(button, 0, y).name() != colour_at(button, 70, 70).name()
    )
    written = state.fontMetrics().tightBoundingRect(state.text())
    line = state.mapTo(window, state.rect().center()).y()
    assert line - written.height() / 2 - (middle.y() + reach) >= 3
