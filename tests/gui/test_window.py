"""The main window as a whole: what it shows of the app, and what it asks of it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractScrollArea,
    QApplication,
    QComboBox,
    QLabel,
    QLineEdit,
    QMenu,
    QPlainTextEdit,
    QPushButton,
    QScrollBar,
    QWidget,
)
from pytestqt.qtbot import QtBot

from companion.errors import Action, CompanionError, Kind
from companion.events import (
    DraftOffered,
    GlobalKeyChanged,
    JournalOpened,
    Mark,
    Note,
    Phase,
    PhaseLingers,
    PracticeChanged,
    ReplyContinued,
    SessionBegan,
    TakeDiscarded,
    TimelineMarked,
    Trouble,
    UserSaid,
)
from companion.flow import TurnRecord
from companion.gui.staged import (
    AWAY,
    HERE,
    OPENING,
    SAID,
    SCENES,
    TOLD,
    StagedHost,
    idle,
    listening,
    speaking,
)
from companion.gui.talkpage import where_it_goes
from companion.gui.window import Window
from companion.kinds import ReplyState, Role

TIMELINE_MS = {
    "released": 0.0,
    "last_frame": 40.0,
    "transcript": 240.0,
    "asked": 250.0,
    "first_token": 350.0,
    "first_clause": 400.0,
    "first_audio": 490.0,
    "first_sound": 520.0,
}


def test_the_first_page_asks_and_promises(window: Window, host: StagedHost) -> None:
    idle(host)
    page = window.page
    assert page.opening.text() == "What is on your mind this evening?"
    assert page.privacy.text() == "Nothing leaves this computer."
    assert window.status.kept.text() == "Saved · encrypted on this computer"
    assert window.status.note.text() == "Offline"
    assert window.focusWidget() is page.area.button


@pytest.mark.parametrize(
    ("hosts", "sentence"),
    [
        ({}, "Nothing leaves this computer."),
        ({Role.THINKS: "a.example"}, "Your words go to a.example."),
        ({Role.HEARS: "a.example"}, "Your voice goes to a.example."),
        ({Role.SPEAKS: "a.example"}, "The answers go to a.example."),
        (dict.fromkeys(Role, "a.example"), "Your voice, words and answers go to a.example."),
        (
            {Role.HEARS: "h.example", Role.THINKS: "t.example"},
            "Your voice goes to h.example, your words to t.example.",
        ),
    ],
)
def test_what_leaves_is_said_in_one_sentence(hosts: dict[Role, str], sentence: str) -> None:
    assert where_it_goes(hosts) == sentence


def test_pills_name_who_has_each_role_and_lead_to_its_settings(
    qtbot: QtBot, window: Window, host: StagedHost
) -> None:
    host.begin({**HERE, Role.THINKS: AWAY[Role.THINKS]})
    thinks, hears = window.bar.pills[Role.THINKS], window.bar.pills[Role.HEARS]
    assert thinks.label == "Claude Haiku"
    assert "goes to api.anthropic.com" in thinks.accessibleName()
    assert "on this computer" in hears.accessibleName()
    for role, page in ((Role.THINKS, "thinking"), (Role.HEARS, "hearing"), (Role.SPEAKS, "voice")):
        with qtbot.waitSignal(window.settings_requested) as asked:
            window.bar.pills[role].click()
        assert asked.args == [page]


def test_a_small_window_keeps_the_pills_without_their_names(window: Window, host: StagedHost) -> None:
    host.begin(AWAY)
    wide = window.bar.pills[Role.THINKS].sizeHint().width()
    window.resize(720, 560)
    assert window.bar.pills[Role.THINKS].sizeHint().width() < wide
    assert window.width() == 720


def test_the_sign_and_in_the_title_of_a_practice_is_no_key(window: Window, host: StagedHost) -> None:
    host.emit(PracticeChanged(name="own", title="R&D", step=1, steps=1, opening="?"))
    window.show()
    assert window.bar.practice.text() == "R&&D", "which Qt shows as R&D"
    assert window.bar.practice.shortcut().isEmpty()


def test_the_practice_and_its_step(window: Window, host: StagedHost) -> None:
    host.begin(HERE)
    assert window.bar.practice.text() == "Evening review"
    assert window.bar.step.text().startswith("2 of 4 · ")


@pytest.mark.qt_log_ignore("This plugin does not support", extend=True)
def test_the_menu_offers_practices_and_a_new_reflection(
    qtbot: QtBot, window: Window, host: StagedHost
) -> None:
    host.begin(HERE)
    host.say("Something")
    window.bar.practice.click()
    menu = window.bar.findChild(QMenu)
    assert menu is not None
    texts = [action.text() for action in menu.actions() if not action.isSeparator()]
    assert texts == [
        "Open reflection\t10 min",
        "Gratitude\t6 min",
        "Evening review\t8 min",
        "Difficult feeling\t12 min",
        "New reflection",
        "Your practices …",
    ]
    menu.actions()[1].trigger()
    menu.close()
    assert ("practice", "gratitude") in host.pressed
    assert window.page.welcome.isVisible()


def test_a_turn_from_first_word_to_last(window: Window, host: StagedHost) -> None:
    show_times(window, host)
    speaking(host)
    text = window.page.script.text()
    assert text == "\n".join(
        ["Companion · 21:05", OPENING, "You · 21:05", SAID, "Companion · 21:05", "".join(TOLD)]
    )
    assert window.status.note.text() == "heard 240 ms · first word 90 ms · first sound 520 ms"
    host.end("".join(TOLD), cost_usd=0.0004)
    assert window.status.cost.text() == "$0.0004"
    assert window.page.script.extraSelections() == []


def test_typed_words_count_from_sending(window: Window, host: StagedHost) -> None:
    show_times(window, host)
    host.say("Typed", turn=3)
    host.emit(TimelineMarked(turn=3, mark=Mark.ASKED, at_s=10.0))
    host.emit(TimelineMarked(turn=3, mark=Mark.FIRST_TOKEN, at_s=10.2))
    assert window.status.note.text() == "first word 200 ms"


def test_a_discarded_first_take_brings_the_question_back(window: Window, host: StagedHost) -> None:
    listening(host)
    assert not window.page.welcome.isVisible()
    host.emit(TakeDiscarded(turn=1))
    assert window.page.welcome.isVisible()


def test_a_reflection_gone_on_with_shows_what_was_said_before(window: Window, host: StagedHost) -> None:
    before = TurnRecord(id=7, session_id=3, at=1.0, user_text="The heron flew.", reply_text="Where to?")
    host.emit(SessionBegan(turns=(before,)))
    host.emit(UserSaid(turn=1, text="To the sea.", at=2.0, saved=True))
    text = window.page.script.text()
    assert text.index("The heron flew.") < text.index("Where to?") < text.index("To the sea.")
    assert window.page.welcome.isHidden()
    host.emit(SessionBegan())
    assert window.page.script.text() == ""


def test_saved_is_only_said_when_it_is(window: Window, host: StagedHost) -> None:
    assert window.status.kept.text() == "The journal is opening"
    host.emit(JournalOpened(storage="memory"))
    assert window.status.kept.text() == "Kept for this run only"
    host.emit(JournalOpened(storage="memory", is_by_choice=True))
    assert window.status.kept.text() == window.rail.private.text() == "Nothing is kept"
    host.emit(JournalOpened(storage="passphrase"))
    host.say("Words", saved=False)
    assert window.status.kept.text() == "Not saved yet · kept in memory"
    host.end("Yes.", said="Words")
    assert window.status.kept.text() == "Saved · encrypted on this computer"


def test_a_note_comes_and_goes(window: Window, host: StagedHost) -> None:
    idle(host)
    host.emit(Note(text="A recording is waiting to be written down"))
    assert window.status.note.text() == "A recording is waiting to be written down"
    window.status._back.timeout.emit()
    assert window.status.note.text() == "Offline"


# -- writing ---------------------------------------------------------------------------------------------------


def test_enter_sends_and_shift_enter_breaks_the_line(qtbot: QtBot, window: Window, host: StagedHost) -> None:
    field = window.page.area.composer.field
    field.setFocus()
    qtbot.keyClicks(field, "one")
    qtbot.keyClick(field, Qt.Key.Key_Return, Qt.KeyboardModifier.ShiftModifier)
    qtbot.keyClicks(field, "two")
    qtbot.keyClick(field, Qt.Key.Key_Return)
    assert host.pressed == [("submit", "one\ntwo")]
    assert field.toPlainText() == ""


def test_blank_words_are_not_sent(qtbot: QtBot, window: Window, host: StagedHost) -> None:
    field = window.page.area.composer.field
    field.setFocus()
    qtbot.keyClicks(field, "   ")
    qtbot.keyClick(field, Qt.Key.Key_Return)
    assert host.pressed == []


def test_words_that_were_not_taken_stay(qtbot: QtBot, window: Window, host: StagedHost) -> None:
    host.takes_words = False
    field = window.page.area.composer.field
    field.setFocus()
    qtbot.keyClicks(field, "keep me")
    qtbot.keyClick(field, Qt.Key.Key_Return)
    assert field.toPlainText() == "keep me"


def test_a_draft_survives_a_take_and_a_new_size(window: Window, host: StagedHost) -> None:
    composer = window.page.area.composer
    composer.field.setPlainText("half a thought")
    listening(host)
    host.phase(Phase.READY)
    window.resize(800, 600)
    assert composer.draft == "half a thought"


def test_the_field_grows_to_six_lines(window: Window) -> None:
    area = window.page.area
    heights = []
    for lines in (1, 3, 6, 12):
        area.composer.field.setPlainText("\n".join("x" * lines))
        heights.append(area.composer.height())
    assert heights[0] < heights[1] < heights[2] == heights[3]
    assert area.composer.geometry().bottom() <= area.rect().bottom()


def test_words_to_review_come_into_the_field(window: Window, host: StagedHost) -> None:
    window.page.area.composer.field.setPlainText("Before.")
    listening(host)
    host.emit(DraftOffered(turn=1, text="I did leave early."))
    host.phase(Phase.READY)
    composer = window.page.area.composer
    assert composer.draft == "Before. I did leave early."
    assert composer.isVisible()
    assert composer.has_focus
    assert window.page.welcome.isVisible()


def test_escape_throws_heard_words_away_but_never_written_ones(
    qtbot: QtBot, window: Window, host: StagedHost
) -> None:
    idle(host)
    composer = window.page.area.composer
    composer.field.setPlainText("Mine.")
    host.emit(DraftOffered(turn=1, text="Heard words"))
    host.phase(Phase.READY)
    assert "Esc throws it away" in window.status.note.text()
    qtbot.keyClick(window, Qt.Key.Key_Escape)
    assert (composer.draft, host.pressed) == ("Mine.", ["forget draft"])
    host.emit(DraftOffered(turn=2, text="heard words"))
    composer.field.setPlainText("Mine, and changed.")
    qtbot.keyClick(window, Qt.Key.Key_Escape)
    assert composer.draft == "Mine, and changed."


def test_whoever_wrote_goes_on_writing_after_a_take(window: Window, host: StagedHost) -> None:
    idle(host)
    area = window.page.area
    area.composer.field.setFocus()
    for phase in (Phase.ARMING, Phase.LISTENING, Phase.TRANSCRIBING, Phase.THINKING, Phase.SPEAKING):
        host.phase(phase)
        assert not area.composer.has_focus
    host.phase(Phase.READY)
    assert area.composer.has_focus
    area.button.setFocus()
    host.phase(Phase.ARMING, turn=2)
    host.phase(Phase.READY, turn=2)
    assert not area.composer.has_focus, "who talked goes on talking"


@pytest.mark.parametrize(
    ("key", "words"), [("Super+Space", "Super+Space talks from every window"), ("", "companion toggle-talk")]
)
def test_which_key_talks_everywhere_is_said(window: Window, host: StagedHost, key: str, words: str) -> None:
    window.resize(1400, 800)
    host.emit(GlobalKeyChanged(key=key))
    assert words in window.status.note.text()


def test_a_huge_paste_is_refused_and_the_draft_stays(window: Window) -> None:
    from PySide6.QtCore import QMimeData

    field = window.page.area.composer.field
    field.setPlainText("mine")
    data = QMimeData()
    data.setText("x" * 5_000_000)
    field.insertFromMimeData(data)
    assert field.toPlainText() == "mine"
    assert "nothing was pasted" in window.status.note.text()


def test_pasted_html_is_plain_text(window: Window) -> None:
    from PySide6.QtCore import QMimeData

    field = window.page.area.composer.field
    data = QMimeData()
    data.setHtml("<b>bold</b>")
    data.setText("bold\u202e!")
    field.insertFromMimeData(data)
    assert field.toPlainText() == "bold!"


# -- keyboard and screen reader --------------------------------------------------------------------------------


def test_shortcuts(qtbot: QtBot, window: Window, host: StagedHost) -> None:
    with qtbot.waitSignal(window.settings_requested):
        qtbot.keyClick(window, Qt.Key.Key_Comma, Qt.KeyboardModifier.ControlModifier)
    qtbot.keyClick(window, Qt.Key.Key_N, Qt.KeyboardModifier.ControlModifier)
    qtbot.keyClick(window, Qt.Key.Key_Escape)
    assert host.pressed == ["new session", "cancel"]


def test_a_cut_answer_offers_to_go_on_by_button_and_by_key(
    qtbot: QtBot, window: Window, host: StagedHost
) -> None:
    idle(host)
    host.say(SAID)
    host.tell(TOLD[0])
    host.fail(CompanionError(Kind.CUT_OFF, who="Claude Haiku"))
    host.end(TOLD[0], state=ReplyState.CUT_OFF)
    buttons = [button.text() for button in window.notices.findChildren(QPushButton) if button.isVisible()]
    assert buttons == ["Continue", "Try again"]
    assert "Ctrl+G" in window.notices.current.hint  # type: ignore[union-attr]
    assert window.status.note.text() == "Cut off"
    qtbot.keyClick(window, Qt.Key.Key_G, Qt.KeyboardModifier.ControlModifier)
    assert host.pressed == [("act", Action.CONTINUE)]
    host.phase(Phase.THINKING, turn=2)
    host.emit(ReplyContinued(turn=2, text=TOLD[0]))
    host.tell(TOLD[1], turn=2)
    host.end(TOLD[0] + TOLD[1], turn=2)
    assert window.page.script.text().count("Companion ·") == 2, "the opening and one answer"
    assert TOLD[0] + TOLD[1].rstrip() in window.page.script.text()


@pytest.mark.parametrize(
    ("phase", "marks", "words"),
    [
        (Phase.ARMING, (), "microphone to open"),
        (Phase.LISTENING, (), "closes in 30 seconds"),
        (Phase.TRANSCRIBING, (Mark.RELEASED,), "Flux is still writing down your words"),
        (Phase.THINKING, (Mark.ASKED,), "Claude Haiku to answer"),
        (Phase.THINKING, (Mark.ASKED, Mark.FIRST_TOKEN, Mark.FIRST_CLAUSE), "the voice, Sonic"),
        (Phase.SPEAKING, (Mark.FIRST_SOUND,), "the rest of the answer"),
    ],
)
def test_a_state_that_lasts_says_what_it_waits_for(
    window: Window, host: StagedHost, phase: Phase, marks: tuple[Mark, ...], words: str
) -> None:
    host.begin(AWAY)
    host.phase(phase)
    host.emit(*(TimelineMarked(turn=1, mark=mark, at_s=float(at)) for at, mark in enumerate(marks)))
    host.emit(PhaseLingers(turn=1, phase=phase, left_s=30.0))
    assert words in window.status.note.text()
    host.phase(Phase.READY)
    assert words not in window.status.note.text()


def test_the_budget_of_a_turn_is_shown_when_it_is_over(window: Window, host: StagedHost) -> None:
    show_times(window, host)
    speaking(host)
    host.end("".join(TOLD), timeline_ms=TIMELINE_MS)
    assert "first sound 520 of 700 ms · providers 390, Companion 130" in window.status.note.text()
    assert "first audio: 90 of 150 ms, kept" in window.status.note.toolTip()
    host.phase(Phase.ARMING, turn=2)
    assert "of 700 ms" not in window.status.note.text()


def show_times(window: Window, host: StagedHost) -> None:
    host.settings.appearance.show_times = True
    window.settings_changed()


def test_how_long_an_answer_took_is_for_those_who_want_it(window: Window, host: StagedHost) -> None:
    speaking(host)
    host.end("".join(TOLD), timeline_ms=TIMELINE_MS)
    assert " ms" not in window.status.note.text()


@pytest.mark.parametrize("kind", [Kind.HEARD_NOTHING, Kind.MICROPHONE_SILENT, Kind.MICROPHONE_BUSY])
def test_where_nothing_was_said_nothing_waits(window: Window, host: StagedHost, kind: Kind) -> None:
    host.emit(Trouble(error=CompanionError(kind), turn=1, role=Role.HEARS))
    assert window.page.area.state.text() == "Ready"
    assert "Not sent" not in window.status.note.text()


def test_an_answer_that_ends_asks_for_attention(
    window: Window, host: StagedHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    monkeypatch.setattr(QApplication, "alert", asked.append)
    speaking(host)
    assert asked == []
    host.end("".join(TOLD))
    assert asked == [window]


def is_qts_own(widget: QWidget) -> bool:
    """Scroll bars and viewports that Qt puts into its areas are named by the area."""
    parent = widget.parent()
    return any(part is not None and part.objectName().startswith("qt_") for part in (widget, parent))


@pytest.mark.parametrize("scene", SCENES)
async def test_every_control_has_a_name(window: Window, host: StagedHost, scene: str) -> None:
    import asyncio

    SCENES[scene](host)
    if scene == "journal":
        window.show_page("journal")
        await asyncio.sleep(0.05)
    controls = (
        QAbstractButton,
        QAbstractItemView,
        QComboBox,
        QLineEdit,
        QPlainTextEdit,
        QAbstractScrollArea,
        QScrollBar,
    )
    nameless = []
    for widget in window.findChildren(QWidget):
        if not isinstance(widget, controls) or is_qts_own(widget):
            continue
        spoken = QAccessible.queryAccessibleInterface(widget).text(QAccessible.Text.Name)
        if not spoken.strip():
            nameless.append(f"{type(widget).__name__} {widget.objectName()}")
    assert nameless == []


def test_labels_are_never_rich_text(window: Window, host: StagedHost) -> None:
    for scene in SCENES.values():
        scene(host)
    rich = [
        label.text()
        for label in window.findChildren(QLabel)
        if label.text() and label.textFormat() is not Qt.TextFormat.PlainText
    ]
    assert rich == []


def test_tab_reaches_every_control_and_comes_back(qtbot: QtBot, window: Window, host: StagedHost) -> None:
    idle(host)
    start = window.focusWidget()
    seen = []
    for _ in range(30):
        qtbot.keyClick(window.focusWidget(), Qt.Key.Key_Tab)
        seen.append(window.focusWidget())
        if seen[-1] is start:
            break
    assert seen[-1] is start
    assert window.page.area.composer.field in seen
    assert set(window.bar.pills.values()) <= set(seen)
    assert set(window.rail.buttons.values()) & set(seen)


# -- who answered ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answered", "caption"),
    [("guide", "Companion · Offline guide · "), ("staged/some-model", "Companion · "), ("", "Companion · ")],
)
def test_a_turn_is_labelled_with_who_answered_it_instead(
    window: Window, host: StagedHost, answered: str, caption: str
) -> None:
    SCENES["thinking"](host)
    host.tell(TOLD[0])
    host.end(TOLD[0], engines={Role.THINKS.value: answered})
    lines = window.page.script.toPlainText().splitlines()
    (above,) = (lines[place - 1] for place, line in enumerate(lines) if line.startswith(TOLD[0][:20]))
    assert re.fullmatch(f"{caption}\\d\\d:\\d\\d", above)


def test_waiting_says_for_how_long(window: Window, host: StagedHost) -> None:
    host.begin(AWAY)
    host.phase(Phase.TRANSCRIBING)
    for lasted_s, says in ((8.2, "· 8 s"), (75.0, "· 1 min 15 s")):
        host.emit(PhaseLingers(turn=1, phase=Phase.TRANSCRIBING, lasted_s=lasted_s, left_s=60.0))
        assert says in window.status.note.text()
    host.phase(Phase.THINKING)
    assert "min" not in window.status.note.text()


async def test_words_of_the_reflection_before_do_not_stand_on_the_new_page(
    window: Window, host: StagedHost
) -> None:
    idle(host)
    host.hear("said before", turn=1)
    host.emit(UserSaid(turn=1, text="said before", at=0.0, is_of_before=True))
    assert "said before" not in window.page.script.toPlainText()
    assert "before this one" in window.status.note.text()


# -- the window itself -----------------------------------------------------------------------------------------


def test_size_and_place_are_remembered(qtbot: QtBot, host: StagedHost, tmp_path: Path) -> None:
    file = tmp_path / "state" / "window.json"
    first = Window(host, geometry=file)
    qtbot.addWidget(first)
    first.show()
    first.resize(760, 640)
    first.close()
    second = Window(host, geometry=file)
    qtbot.addWidget(second)
    assert (second.width(), second.height()) == (760, 640)
    second.close()


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"x": "a"}', "nonsense", '{"x":0,"y":0,"width":1e9,"height":-3}']
)
def test_a_broken_geometry_file_does_not_stop_the_window(
    qtbot: QtBot, host: StagedHost, tmp_path: Path, content: str
) -> None:
    file = tmp_path / "window.json"
    file.write_text(content)
    window = Window(host, geometry=file)
    qtbot.addWidget(window)
    assert 720 <= window.width() <= 20_000
    window.close()
    assert json.loads(file.read_text())


def test_closing_is_told_and_events_are_no_longer_shown(
    qtbot: QtBot, window: Window, host: StagedHost
) -> None:
    with qtbot.waitSignal(window.closed):
        window.close()
    host.emit(Note(text="too late"))
    assert window.status.note.text() != "too late"


@pytest.mark.parametrize("scale", [0.8, 1.5, 2.0])
def test_large_text_leaves_room_for_the_words(window: Window, host: StagedHost, scale: float) -> None:
    host.settings.appearance.font_scale = scale
    window.settings_changed()
    window.resize(720, 560)
    speaking(host)
    assert window.page.script.height() > 60
    assert window.height() <= 800


def test_dark_is_dark(window: Window, host: StagedHost) -> None:
    light = window.grab().toImage().pixelColor(400, 200).lightness()
    host.settings.appearance.theme = "dark"
    window.settings_changed()
    assert light > 200
    assert window.grab().toImage().pixelColor(400, 200).lightness() < 60


def test_an_unsaved_ending_is_shown(window: Window, host: StagedHost) -> None:
    host.say("Words")
    host.tell("Yes.")
    host.end("Yes.", saved=False, state=ReplyState.WHOLE)
    assert window.status.kept.text() == "Not saved yet · kept in memory"


def test_importing_the_window_stays_light() -> None:
    heavy = ("markdown_it", "numpy", "httpx2", "openai", "companion.gui.journal")
    code = f"import sys, companion.gui.window; print([m for m in {heavy} if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_a_session_that_begins_by_itself_has_an_empty_page_with_its_question(
    window: Window, host: StagedHost
) -> None:
    speaking(host)
    host.end("".join(TOLD))
    question = "What is on your mind this morning?"
    told = PracticeChanged(name="open-reflection", title="Open reflection", step=1, steps=4, opening=question)
    host.emit(SessionBegan(), told)
    assert window.page.welcome.isVisible()
    assert window.page.opening.text() == question
    host.say("Good morning.", turn=2)
    text = window.page.script.text()
    assert text == f"Companion · 21:05\n{question}\nYou · 21:05\nGood morning."


def test_the_bar_says_what_a_step_is_for_and_when_the_practice_is_over(
    window: Window, host: StagedHost
) -> None:
    told = PracticeChanged(
        name="gratitude",
        title="Gratitude",
        step=2,
        steps=4,
        opening="What?",
        purpose="Notice who made it possible.",
    )
    host.emit(told)
    assert window.bar.step.text() == "2 of 4 · Notice who made it possible."
    assert window.bar.step.toolTip() == "Notice who made it possible."
    host.emit(replace(told, step=4, is_over=True))
    assert window.bar.step.text() == "Finished"
    assert window.bar.step.toolTip() == ""


def test_the_script_is_paged_from_the_field_and_one_key_leads_back(
    qtbot: QtBot, host: StagedHost, window: Window
) -> None:
    window.page.script.show_turns(
        [TurnRecord(id=n, session_id=1, at=0.0, user_text="word " * 80) for n in range(20)]
    )
    window.page.show_script(True)
    script, field = window.page.script, window.page.area.composer.field
    bar = script.verticalScrollBar()
    for widget in (field, window.page.area.button, script):
        widget.setFocus()
        before = bar.value()
        qtbot.keyClick(widget, Qt.Key.Key_PageUp)
        assert bar.value() < before <= bar.value() + script.viewport().height(), "no line is left out"
        assert script.jump.isVisible()
        below = window.page.area.button.geometry().translated(window.page.area.pos())
        assert not script.jump.geometry().intersects(script.geometry())
        assert not script.jump.geometry().intersects(below)
        assert window.page.rect().contains(script.jump.geometry())
        qtbot.keyClick(widget, Qt.Key.Key_Down, Qt.KeyboardModifier.ControlModifier)
        assert bar.value() == bar.maximum()
        assert script.jump.isHidden()
    field.setPlainText("line\n" * 30)
    field.setFocus()
    qtbot.keyClick(field, Qt.Key.Key_PageUp)
    assert bar.value() == bar.maximum(), "a long draft is paged itself"


@pytest.mark.parametrize(("scale", "is_large"), [(2.0, False), (1.0, True), (1.5, True)])
def test_on_a_low_page_the_button_gives_way_to_the_words(
    window: Window, scale: float, *, is_large: bool
) -> None:
    window.resize(900, 600)
    script = window.page.script
    script.show_turns([TurnRecord(id=1, session_id=1, at=0.0, user_text="Hm", reply_text="word " * 400)])
    window.page.show_script(True)
    window.look.choose_captions(are_large=False)
    usual = window.page.area.button.width()
    window.look.choose(theme="light", font_scale=scale, reduced_motion=False)
    window.look.choose_captions(are_large=is_large)
    QApplication.processEvents()
    assert window.page.area.button.width() < usual
    lines = script.viewport().height() / (1.6 * 19 * scale * (1.8 if is_large else 1.0))
    assert lines >= 3.5 if scale * (1.8 if is_large else 1.0) <= 2 else lines >= 2
    assert window.page.area.button.hitButton(window.page.area.button.rect().center())
