"""Trouble on screen: one sentence, one next step, never in the way."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from companion.errors import Action, AIProviderAuthError, CompanionError, Kind
from companion.events import Phase, TakeDiscarded, TroubleCleared
from companion.gui import cards
from companion.gui.notices import ACTION_LABELS, Notice
from companion.gui.staged import AWAY, StagedAppearance, StagedHost, StagedSettings, trouble
from companion.gui.window import Window
from companion.kinds import Role


def press(window: Window, text: str) -> None:
    button = next(button for card in window.notices.cards for button in card.buttons if button.text() == text)
    button.click()


def test_a_refused_key_has_its_card(qtbot: QtBot, window: Window, host: StagedHost) -> None:
    trouble(host)
    notice = window.notices.current
    assert notice is not None
    assert notice.sentence == "Anthropic did not accept the key."
    assert notice.hint == "What you said is kept."
    assert [button.text() for button in window.notices.cards[0].buttons] == ["Open keys", "Answer offline"]
    assert window.notices.isVisible()
    assert not window.isModal()
    assert window.status.note.text() == "Not sent"


def test_the_keys_of_the_role_that_failed_are_opened(qtbot: QtBot, window: Window, host: StagedHost) -> None:
    host.fail(AIProviderAuthError(provider="deepgram", who="Deepgram"), role=Role.HEARS)
    with qtbot.waitSignal(window.settings_requested) as asked:
        press(window, "Open keys")
    assert asked.args == ["hearing"]
    assert not window.notices.isVisible()


def test_each_card_opens_its_own_role(qtbot: QtBot, window: Window, host: StagedHost) -> None:
    host.fail(AIProviderAuthError(provider="anthropic", who="Anthropic"), role=Role.THINKS)
    host.fail(CompanionError(Kind.VOICE_FAILED, who="Sonic"), role=Role.SPEAKS)
    with qtbot.waitSignal(window.settings_requested) as asked:
        press(window, "Open keys")
    assert asked.args == ["thinking"]


def test_what_the_app_can_do_goes_to_the_app(window: Window, host: StagedHost) -> None:
    trouble(host)
    press(window, "Answer offline")
    assert ("act", Action.ANSWER_OFFLINE) in host.pressed


@pytest.mark.parametrize(
    ("kind", "label", "page"),
    [
        (Kind.NO_MICROPHONE, "Choose microphone", "sound"),
        (Kind.NO_SPEAKER, "Choose speaker", "sound"),
        (Kind.VOICE_FAILED, "Choose voice", "voice"),
        (Kind.ENGINE_MISSING, "Choose hearing", "hearing"),
        (Kind.MODEL_UNKNOWN, "Choose model", "thinking"),
    ],
)
def test_choosing_opens_the_right_page(
    window: Window, host: StagedHost, kind: Kind, label: str, page: str
) -> None:
    asked: list[str] = []
    window.settings_requested.connect(asked.append)
    host.fail(CompanionError(kind), role=None)
    press(window, label)
    assert asked == [page]


def test_every_action_has_words() -> None:
    assert set(ACTION_LABELS) == set(Action)


def test_a_newer_card_of_the_same_kind_takes_its_place(window: Window, host: StagedHost) -> None:
    host.fail(CompanionError(Kind.UNREACHABLE, who="OpenAI"))
    host.fail(CompanionError(Kind.VOICE_FAILED, who="Sonic"), role=Role.SPEAKS)
    host.fail(CompanionError(Kind.UNREACHABLE, who="Groq"))
    assert window.notices.current is not None
    assert window.notices.current.sentence == "Groq cannot be reached."
    assert [card.accessibleName() for card in window.notices.cards] == [
        "Groq cannot be reached.",
        "Sonic could not speak the answer.",
    ]
    window.notices.cards[0].close_button.click()
    assert window.notices.current.sentence == "Sonic could not speak the answer."
    window.notices.cards[0].close_button.click()
    assert not window.notices.isVisible()


def test_when_two_roles_fail_in_one_turn_both_are_told(window: Window, host: StagedHost) -> None:
    host.fail(CompanionError(Kind.UNREACHABLE, who="OpenAI"), role=Role.THINKS)
    host.fail(CompanionError(Kind.UNREACHABLE, who="OpenAI"), role=Role.SPEAKS)
    shown = [card.accessibleName() for card in window.notices.cards if card.isVisible()]
    assert shown == ["Voice: OpenAI cannot be reached.", "Thinking: OpenAI cannot be reached."]


def test_each_card_acts_on_its_own_error(window: Window, host: StagedHost) -> None:
    thinking, voice = (CompanionError(Kind.UNREACHABLE, who=who) for who in ("OpenAI", "Sonic"))
    host.fail(thinking, role=Role.THINKS)
    host.fail(voice, role=Role.SPEAKS)
    window.notices.cards[1].buttons[0].click()
    assert host.acted_on == [thinking]
    window.notices.cards[0].buttons[0].click()
    assert host.acted_on == [thinking, voice]


@pytest.mark.parametrize(
    ("cleared", "left"),
    [
        (TroubleCleared(), {Kind.NO_KEYRING, Kind.NO_MICROPHONE, Kind.SETTINGS_BROKEN}),
        (TroubleCleared(is_all=True), {Kind.NO_MICROPHONE, Kind.SETTINGS_BROKEN, Kind.VOICE_FAILED}),
        (TroubleCleared(role=Role.HEARS), {Kind.NO_KEYRING, Kind.SETTINGS_BROKEN, Kind.VOICE_FAILED}),
        (
            TroubleCleared(kinds=frozenset({Kind.SETTINGS_BROKEN})),
            {Kind.NO_KEYRING, Kind.NO_MICROPHONE, Kind.VOICE_FAILED},
        ),
    ],
)
def test_what_is_right_again_takes_its_own_cards_away(
    window: Window, host: StagedHost, cleared: TroubleCleared, left: set[Kind]
) -> None:
    host.fail(CompanionError(Kind.NO_KEYRING), turn=None, role=None)
    host.fail(CompanionError(Kind.SETTINGS_BROKEN), turn=None, role=None)
    host.fail(CompanionError(Kind.NO_MICROPHONE), turn=None, role=Role.HEARS)
    host.fail(CompanionError(Kind.VOICE_FAILED), role=Role.SPEAKS)
    host.emit(cleared)
    assert {kind for kind in Kind if window.notices.has(kind)} == left


# -- a take that was thrown away -------------------------------------------------------------------------------


@pytest.mark.parametrize("by_key", [True, False])
def test_a_take_that_was_thrown_away_can_be_taken_back(
    qtbot: QtBot, window: Window, host: StagedHost, *, by_key: bool
) -> None:
    host.emit(TakeDiscarded(turn=1, can_undo=True))
    qtbot.keyClick(window.page.area.button, Qt.Key.Key_Escape)
    assert window.notices.isVisible(), "a second Esc does not take the way back"
    if by_key:
        qtbot.keyClick(window.page.area.button, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    else:
        press(window, "Undo")
    assert host.pressed[-1] == "undo"
    assert not window.notices.isVisible()
    qtbot.keyClick(window.page.area.button, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert host.pressed.count("undo") == 1


def test_in_a_text_field_the_key_undoes_what_was_typed(
    qtbot: QtBot, window: Window, host: StagedHost
) -> None:
    field = window.page.area.composer.field
    field.setFocus()
    qtbot.keyClicks(field, "word")
    host.emit(TakeDiscarded(turn=1, can_undo=True))
    qtbot.keyClick(field, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert field.toPlainText() == ""
    assert "undo" not in host.pressed


def test_the_way_back_goes_by_itself(
    qtbot: QtBot, window: Window, host: StagedHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cards, "UNDO_S", 0.03)
    host.emit(TakeDiscarded(turn=1, can_undo=True))
    qtbot.waitUntil(lambda: not window.notices.isVisible())


def test_a_take_that_is_gone_says_so(window: Window, host: StagedHost) -> None:
    host.can_undo = False
    host.emit(TakeDiscarded(turn=1, can_undo=True))
    press(window, "Undo")
    assert "gone" in window.status.note.text()


def test_a_take_without_speech_is_not_talked_about(window: Window, host: StagedHost) -> None:
    host.emit(TakeDiscarded(turn=1))
    assert not window.notices.isVisible()


# -- what is right again ---------------------------------------------------------------------------------------


def test_it_goes_when_all_is_right_again(window: Window, host: StagedHost) -> None:
    trouble(host)
    host.emit(TroubleCleared())
    assert not window.notices.isVisible()
    assert window.page.area.state.text() == "Ready"


def test_a_new_take_takes_the_last_turns_card_away(window: Window, host: StagedHost) -> None:
    host.fail(CompanionError(Kind.HEARD_NOTHING), role=Role.HEARS)
    host.fail(CompanionError(Kind.SETTINGS_BROKEN), turn=None, role=None)
    host.phase(Phase.ARMING, turn=2)
    assert window.notices.current is not None
    assert window.notices.current.kind == Kind.SETTINGS_BROKEN


def test_a_silent_voice_does_not_say_that_it_waits(window: Window, host: StagedHost) -> None:
    host.fail(CompanionError(Kind.VOICE_FAILED, who="Sonic"), role=Role.SPEAKS)
    assert window.page.area.state.text() == "Ready"


def test_a_long_card_keeps_every_word_in_a_small_window(
    qtbot: QtBot, window: Window, host: StagedHost
) -> None:
    window.resize(720, 560)
    host.begin(AWAY)
    host.fail(CompanionError(Kind.NO_AUDIO_SYSTEM), turn=None, role=None)
    qtbot.wait(50)
    hint = window.notices.cards[0].hint
    assert hint.height() >= hint.heightForWidth(hint.width()) - 1
    assert hint.width() > 200


def test_a_card_puts_its_buttons_below_where_letters_are_large(qtbot: QtBot, host: StagedHost) -> None:
    host.settings = StagedSettings(StagedAppearance(font_scale=2.0))
    window = Window(host)
    qtbot.addWidget(window)
    window.resize(760, 560)
    window.show()
    host.begin(AWAY)
    host.fail(CompanionError(Kind.KEY_REFUSED, who="A provider"), turn=None, role=None)
    card = window.notices.cards[0]
    qtbot.waitUntil(lambda: card.hint.width() > 400, timeout=2000)
    assert all(each.width() >= each.sizeHint().width() for each in card.buttons)
    assert card.hint.height() >= card.hint.heightForWidth(card.hint.width()) - 1


# -- links -----------------------------------------------------------------------------------------------------


def test_a_link_is_asked_about_with_its_real_host(window: Window, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[QUrl] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: opened.append(url) or True)
    window.page.script.link_followed.emit("https://bank.example:pw@evil.example/x")
    assert window.notices.current is not None
    assert window.notices.current.sentence == "Open evil.example?"
    assert opened == []
    press(window, "Open")
    assert [url.toString() for url in opened] == ["https://evil.example/x"]
    assert not window.notices.isVisible()


def test_a_link_can_be_copied_instead(window: Window) -> None:
    window.page.script.link_followed.emit("https://example.org/x")
    press(window, "Copy address")
    assert QGuiApplication.clipboard().text() == "https://example.org/x"


@pytest.mark.parametrize("address", ["file:///etc/passwd", "javascript:x", "smb://host/share"])
def test_other_addresses_have_no_open_button(window: Window, address: str) -> None:
    window.page.script.link_followed.emit(address)
    assert window.notices.current is not None
    assert window.notices.current.sentence == "This link is not opened."
    assert window.notices.cards[0].buttons == []


@pytest.mark.parametrize(
    ("kind", "role", "icon"),
    [
        (Kind.MICROPHONE_SILENT, None, "microphone"),
        (Kind.HEARD_NOTHING, Role.HEARS, "microphone"),
        (Kind.SPEAKER_LOST, None, "speaker"),
        (Kind.KEY_REFUSED, Role.HEARS, "key"),
        (Kind.JOURNAL_UNSAVED, None, "book"),
        (Kind.UNREACHABLE, Role.THINKS, "cloud"),
        (Kind.DISK_FULL, None, "notice"),
        (Kind.SLEPT, None, "moon"),
    ],
)
def test_a_card_pictures_what_it_is_about(
    window: Window, host: StagedHost, kind: Kind, role: Role | None, icon: str
) -> None:
    host.fail(CompanionError(kind, who="Somebody"), role=role)
    assert window.notices.current is not None
    assert window.notices.current.icon == icon


def test_cards_of_one_line_are_equally_high(qtbot: QtBot, window: Window) -> None:
    window.resize(1160, 780)
    heights = []
    for words, buttons in (("Short.", ()), ("A sentence that is much longer than others are, " * 2, ())):
        window.notices.tell(Notice(kind="x", sentence=words, hint="", buttons=buttons))
        QApplication.processEvents()
        heights.append(window.notices.cards[0].height())
    window.notices.tell(Notice(kind="x", sentence="With a button.", hint="", buttons=(("Do", lambda: None),)))
    QApplication.processEvents()
    assert max(*heights, window.notices.cards[0].height()) - min(heights) <= 2
