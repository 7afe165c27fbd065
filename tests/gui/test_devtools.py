"""The developer tools: what they show, what they keep to themselves, and that they rest while they are closed."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QAccessible, QMouseEvent
from PySide6.QtWidgets import QAbstractButton, QAbstractScrollArea, QApplication, QLineEdit, QTabBar, QWidget
from pytestqt.qtbot import QtBot

from companion import tasks
from companion.app import Companion
from companion.audio.virtual import CapturingPlayer, FileMicrophone
from companion.decoding import read_file
from companion.errors import CompanionError, Kind
from companion.events import Event, Phase, PhaseChanged, TurnFinished
from companion.flow import Audio, TurnRecord
from companion.gui.devtools import Devtools
from companion.gui.devtools_bars import answer_line
from companion.gui.devtools_facts import log_tail, size
from companion.gui.shell import Shell
from companion.gui.staged import EVENING, SAID, TOLD, StagedHost, listening, speaking
from companion.gui.window import Window
from companion.net import Traffic
from companion.paths import Home
from companion.vault import MemoryVault
from tests.vaults import given

SPEECH = Path(__file__).parent.parent / "data" / "austen-0890.wav"
TIMELINE = {
    "first_frame": -2000.0,
    "released": 0.0,
    "last_frame": 200.0,
    "transcript": 240.0,
    "asked": 250.0,
    "first_token": 360.0,
    "first_clause": 400.0,
    "first_audio": 480.0,
    "first_sound": 520.0,
    "last_sound": 4000.0,
}


def record(number: int, timeline: dict[str, float] | None = None) -> TurnRecord:
    times = TIMELINE if timeline is None else timeline
    return TurnRecord(id=number, session_id=1, at=EVENING + number, user_text=SAID, timeline_ms=times)


@dataclass
class Talked:
    history: list[TurnRecord] = field(default_factory=list)


@dataclass
class Counted:
    traffic: dict[str, Traffic] = field(default_factory=dict)


class ToolsHost(StagedHost):
    """The scripted app with what only the developer tools ask for."""

    def __init__(self, home: Home) -> None:
        super().__init__()
        self.home, self.engine, self.net = home, Talked(), Counted()


@pytest.fixture
def host(home: Home) -> ToolsHost:  # type: ignore[override]
    return ToolsHost(home)


@pytest.fixture
def tools(window: Window, host: ToolsHost) -> Iterator[Devtools]:
    made = Devtools(host, window.look, window)
    made.open()
    yield made
    made.close()


def tab(tools: Devtools, name: str) -> None:
    names = [tools.tabs.tabText(place) for place in range(tools.tabs.count())]
    tools.tabs.setCurrentIndex(names.index(name))


# -- turns -----------------------------------------------------------------------------------------------------


def test_a_finished_turn_becomes_a_waterfall(tools: Devtools, host: ToolsHost) -> None:
    assert tools.turns.nothing.isVisible()
    host.emit(TurnFinished(turn=1, record=record(1), saved=True))
    assert not tools.turns.nothing.isVisible()
    assert [row.figure for row in tools.turns.turns.rows] == ["520 ms"]
    assert [(row.name, row.figure) for row in tools.turns.waterfall.rows] == [
        ("talking", "2000 ms"),
        ("tail", "200 ms"),
        ("hearing", "40 ms"),
        ("asking", "10 ms"),
        ("first token", "110 ms"),
        ("first clause", "40 ms"),
        ("first audio", "80 ms"),
        ("first sound", "40 ms"),
        ("speaking", "3480 ms"),
    ]
    assert [row.figure for row in tools.turns.budget.rows] == [
        "240 of 300 ms",
        "110 of 100 ms · over",
        "80 of 150 ms",
        "520 of 700 ms",
    ]


def test_earlier_turns_of_the_session_are_there_when_it_opens(window: Window, host: ToolsHost) -> None:
    host.engine.history += [record(1), record(2, {}), record(3, {"released": 0.0, "asked": 10.0})]
    tools = Devtools(host, window.look, window)
    tools.open()
    assert [row.figure for row in tools.turns.turns.rows] == ["10 ms", "no times", "520 ms"]
    tools.close()


def test_the_answer_of_a_turn_is_measured_without_its_words() -> None:
    def told(number: int, reply: str) -> TurnRecord:
        return TurnRecord(id=number, session_id=1, at=EVENING, user_text=SAID, reply_text=reply)

    first, second = told(1, "What stayed with you?"), told(2, "Well done. And what stayed with you?")
    assert answer_line(first, ()) == "Answer of 4 words: nothing found"
    assert answer_line(second, [first]) == "Answer of 7 words: praise, repeated"
    assert answer_line(told(3, ""), ()) == "No answer"


def test_the_keyboard_goes_through_turns_and_stages(qtbot: QtBot, tools: Devtools, host: ToolsHost) -> None:
    for number, sound in ((1, 520.0), (2, 900.0)):
        timeline = {**TIMELINE, "first_sound": sound}
        host.emit(TurnFinished(turn=number, record=record(number, timeline), saved=True))
    turns, waterfall = tools.turns.turns, tools.turns.waterfall
    turns.setFocus()
    assert waterfall.rows[-2].figure == "420 ms"
    qtbot.keyClick(turns, Qt.Key.Key_Down)
    assert waterfall.rows[-2].figure == "40 ms"
    assert "520 ms to the first sound" in tools.turns.detail.text()
    waterfall.setFocus()
    for _ in range(3):
        qtbot.keyClick(waterfall, Qt.Key.Key_Down)
    spoken = tools.turns.detail.text()
    assert spoken.endswith("ms after release")
    assert (
        QAccessible.queryAccessibleInterface(waterfall)
        .child(waterfall.currentIndex().row())
        .text(QAccessible.Text.Name)
        == spoken
    )


def test_who_looks_at_an_older_turn_stays_there(tools: Devtools, host: ToolsHost) -> None:
    for number in (1, 2):
        host.emit(
            TurnFinished(turn=number, record=record(number, {"released": 0, "asked": number}), saved=True)
        )
    tools.turns.turns.choose(1)
    host.emit(TurnFinished(turn=3, record=record(3), saved=True))
    assert tools.turns.turns.currentIndex().row() == 2
    assert tools.turns.waterfall.rows[0].figure == "1 ms"


def test_pointing_at_a_bar_tells_its_times(qtbot: QtBot, tools: Devtools, host: ToolsHost) -> None:
    host.emit(TurnFinished(turn=1, record=record(1), saved=True))
    bars = tools.turns.waterfall
    qtbot.waitUntil(lambda: bars.height() > 180)
    for row, told in (
        (0, "talking, you: 2000 ms, from -2000 to 0 ms after release"),
        (1, "tail, the program: 200 ms, from 0 to 200 ms after release"),
    ):
        index = bars.model().index(row, 0)
        point_at(bars.viewport(), QPointF(bars.visualRect(index).center()))
        assert tools.turns.detail.text() == told
        assert index.data(Qt.ItemDataRole.ToolTipRole) == told


def point_at(widget: QWidget, place: QPointF) -> None:
    none = Qt.MouseButton.NoButton
    move = QMouseEvent(
        QEvent.Type.MouseMove, place, widget.mapToGlobal(place), none, none, Qt.KeyboardModifier.NoModifier
    )
    QApplication.sendEvent(widget, move)


def test_bars_are_painted_where_their_time_is(
    qtbot: QtBot, tools: Devtools, host: ToolsHost, window: Window
) -> None:
    host.emit(TurnFinished(turn=1, record=record(1), saved=True))
    bars = tools.turns.waterfall
    qtbot.waitUntil(lambda: bars.height() > 180)
    picture = bars.viewport().grab().toImage()
    ours = window.look.colour("soft").rgb()
    names, figures = bars.column_widths()

    def painted(row: int) -> list[int]:
        y = bars.visualRect(bars.model().index(row, 0)).center().y()
        return [x for x in range(names + 12, picture.width() - figures - 12) if picture.pixel(x, y) == ours]

    tail, first_sound = painted(1), painted(7)
    assert tail
    assert first_sound
    assert max(tail) < min(first_sound)
    assert len(tail) > 3 * len(first_sound)


# -- events ----------------------------------------------------------------------------------------------------


def test_events_are_told_without_anybodys_words(tools: Devtools, host: ToolsHost) -> None:
    tab(tools, "Events")
    listening(host)
    speaking(host)
    host.end("".join(TOLD))
    host.fail(CompanionError(Kind.CUT_OFF, "She said: leave."))
    tools.events.refresh()
    text = tools.events.lines.toPlainText()
    assert "PhaseChanged  turn=1  phase=listening  latched=False" in text
    assert "error=cut_off" in text
    assert "host=api.anthropic.com" in text
    assert f"UserSaid  turn=1  text={len(SAID)} characters" in text
    said = f"{SAID} {' '.join(TOLD)} Welcome back. She said: leave."
    for phrase in (said[at : at + 12] for at in range(0, len(said) - 12, 6)):
        assert phrase not in text, phrase


def test_words_are_shown_when_they_are_asked_for(tools: Devtools, host: ToolsHost) -> None:
    tab(tools, "Events")
    host.say("The river was calm.")
    tools.events.shows_words.click()
    assert "text=The river was calm." in tools.events.lines.toPlainText()
    tools.events.shows_words.click()
    assert "river" not in tools.events.lines.toPlainText()


def test_what_comes_often_is_counted_and_the_list_stays_short(tools: Devtools, host: ToolsHost) -> None:
    tab(tools, "Events")
    host.tell(*("word " for _ in range(50)))
    for _ in range(600):
        host.phase(Phase.READY)
    host.tell("a", "b")
    tools.events.refresh()
    lines = tools.events.lines.toPlainText().splitlines()
    assert len(lines) == 200
    assert "ReplyDelta ×2" in lines[-1]


def test_lines_stand_still_while_some_are_selected(tools: Devtools, host: ToolsHost) -> None:
    tab(tools, "Events")
    host.phase(Phase.LISTENING)
    tools.events.refresh()
    tools.events.lines.selectAll()
    host.phase(Phase.THINKING)
    tools.events.refresh()
    assert "thinking" not in tools.events.lines.toPlainText()


# -- tasks, log, network ---------------------------------------------------------------------------------------


async def test_running_tasks_are_listed_with_where_they_wait(tools: Devtools) -> None:
    over = asyncio.Event()

    async def wait_here() -> None:
        await over.wait()

    task = tasks.spawn(wait_here(), name="a task of this test")
    await asyncio.sleep(0)
    tab(tools, "Tasks")
    assert "a task of this test" in tools.tasks.toPlainText()
    assert "wait_here · test_devtools.py" in tools.tasks.toPlainText()
    over.set()
    await task
    tools.tasks.refresh()
    assert "a task of this test" not in tools.tasks.toPlainText()


def test_the_log_is_followed(tools: Devtools, home: Home, qtbot: QtBot) -> None:
    tab(tools, "Log")
    assert tools.log.toPlainText() == ""
    home.state.mkdir(parents=True)
    home.log.write_text("\n".join(f"line {number}" for number in range(500)) + "\n")
    qtbot.waitUntil(lambda: tools.log.toPlainText().endswith("line 499"))
    assert tools.log.toPlainText().startswith("line 200")
    bar = tools.log.verticalScrollBar()
    assert bar.value() == bar.maximum() > 0
    bar.setValue(5)
    with home.log.open("a") as file:
        file.write("line 500\n")
    tools.log.refresh()
    assert bar.value() == 5


def test_a_long_log_begins_with_a_whole_line(tmp_path: Path) -> None:
    path = tmp_path / "companion.log"
    path.write_text("".join(f"{number:06d} {'x' * 1000}\n" for number in range(200)))
    lines = log_tail(path)
    assert {len(line) for line in lines} == {1007}
    assert lines[-1].startswith("000199")


def test_traffic_is_told_per_host(tools: Devtools, host: ToolsHost) -> None:
    tab(tools, "Network")
    assert tools.network.placeholderText() == "Nothing has left this computer."
    host.net.traffic["api.example.org"] = Traffic(sent=20_310, received=1_234_567, requests=7)
    host.net.traffic["127.0.0.1"] = Traffic(sent=3, received=9, requests=1)
    tools.network.refresh()
    assert tools.network.toPlainText().splitlines() == [
        "api.example.org",
        "    7 requests, 20.3 kB sent, 1.2 MB received",
        "127.0.0.1",
        "    1 request, 3 B sent, 9 B received",
    ]


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (999_949, "999.9 kB"), (999_950, "1.0 MB")],
)
def test_sizes_are_readable(count: int, text: str) -> None:
    assert size(count) == text


# -- pretending ------------------------------------------------------------------------------------------------


def test_pretended_words_go_where_typed_ones_go(qtbot: QtBot, tools: Devtools, host: ToolsHost) -> None:
    tools.pretend.setFocus()
    qtbot.keyClicks(tools.pretend, "  I said this ")
    qtbot.keyClick(tools.pretend, Qt.Key.Key_Return)
    assert host.pressed == [("submit", "I said this")]
    assert tools.pretend.text() == ""
    qtbot.keyClick(tools.pretend, Qt.Key.Key_Return)
    assert len(host.pressed) == 1


def test_refused_words_stay(qtbot: QtBot, tools: Devtools, host: ToolsHost) -> None:
    host.takes_words = False
    tools.pretend.setFocus()
    qtbot.keyClicks(tools.pretend, "Later")
    qtbot.keyClick(tools.pretend, Qt.Key.Key_Return)
    assert tools.pretend.text() == "Later"
    assert tools.refusal.isVisible()
    host.takes_words = True
    qtbot.keyClick(tools.pretend, Qt.Key.Key_Return)
    assert not tools.refusal.isVisible()


# -- the dock itself -------------------------------------------------------------------------------------------


def test_nothing_runs_while_it_is_hidden(qtbot: QtBot, tools: Devtools, host: ToolsHost) -> None:
    assert tools.is_running
    host.say("Before.")
    tools.hide()
    assert not tools.is_running
    assert not tools._timer.isActive()
    host.say("Meanwhile.")
    tools.show()
    tab(tools, "Events")
    assert tools.events.lines.toPlainText() == ""


def test_every_control_has_a_name_and_tab_reaches_it(qtbot: QtBot, tools: Devtools, window: Window) -> None:
    for place in range(tools.tabs.count()):
        tools.tabs.setCurrentIndex(place)
        controls = [
            widget
            for widget in tools.findChildren(QWidget)
            if isinstance(widget, QAbstractButton | QAbstractScrollArea | QLineEdit | QTabBar)
            and widget.isVisible()
            and widget.focusPolicy() & Qt.FocusPolicy.TabFocus
        ]
        for widget in controls:
            assert QAccessible.queryAccessibleInterface(widget).text(QAccessible.Text.Name).strip(), widget
        window.page.area.button.setFocus()
        seen = set()
        for _ in range(40):
            qtbot.keyClick(window.focusWidget(), Qt.Key.Key_Tab)
            seen.add(window.focusWidget())
        assert set(controls) <= seen


@pytest.mark.parametrize("scale", [0.8, 1.0, 2.0])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_follows_theme_and_size(
    tools: Devtools, host: ToolsHost, window: Window, theme: str, scale: float
) -> None:
    host.emit(TurnFinished(turn=1, record=record(1), saved=True))
    window.look.choose(theme=theme, font_scale=scale, reduced_motion=False)
    ground = tools.grab().toImage().pixelColor(4, 4).lightness()
    assert ground > 200 if theme == "light" else ground < 60
    row = tools.turns.turns.sizeHintForRow(0)
    assert row >= window.look.font("small").pointSizeF() * 96 / 72


# -- in the real app -------------------------------------------------------------------------------------------


@pytest.fixture
async def shell(qtbot: QtBot, home: Home) -> object:
    home.config.mkdir(parents=True)
    home.settings.write_text(
        "providers:\n  llm: {active: mock}\n  stt: {active: mock}\n  tts: {active: mock}\ntalk: {tail_ms: 40}\n"
    )

    microphone = FileMicrophone(Audio(pcm=read_file(SPEECH).pcm[:48_000], rate_hz=16_000))
    app = Companion(
        home, vault=given(MemoryVault()), microphone=microphone, player=CapturingPlayer(), in_memory=True
    )
    made = Shell(app)
    qtbot.addWidget(made.window)
    made.show()
    await app.open()
    yield made, app, microphone
    made.window.keys.stop()  # as a window does that is closed
    made.hide()
    await app.close()
    made.close()


async def test_a_spoken_turn_of_the_real_app(
    qtbot: QtBot, shell: tuple[Shell, Companion, FileMicrophone]
) -> None:
    made, app, microphone = shell
    window = made.window
    window.resize(1500, 780)
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    qtbot.keyClick(
        window, Qt.Key.Key_D, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
    )
    assert made.devtools is not None
    over, is_listening = asyncio.Event(), asyncio.Event()

    def watch(event: Event) -> None:
        if isinstance(event, TurnFinished):
            over.set()
        if isinstance(event, PhaseChanged) and event.phase is Phase.LISTENING:
            is_listening.set()

    app.events.watch(watch)
    async with asyncio.timeout(20):
        await app.change({"appearance.show_times": True})
        app.press_talk()
        await is_listening.wait()
        await microphone.ended.wait()
        app.release_talk()
        await over.wait()
    times = app.engine.history[-1].timeline_ms
    note = r"first sound (\d+) of 700 ms · providers (\d+), Companion (\d+)"
    figures = re.fullmatch(note, window.status.note.text())
    assert figures is not None
    whole, providers, ours = (int(figure) for figure in figures.groups())
    assert whole == pytest.approx(times["first_sound"], abs=1)
    assert providers + ours == pytest.approx(whole, abs=2)
    names = [row.name for row in made.devtools.turns.waterfall.rows]
    assert names[:5] == ["opening", "talking", "tail", "hearing", "asking"]
    tail = next(row for row in made.devtools.turns.waterfall.rows if row.name == "tail")
    assert tail.stages[0].ms >= 40
    qtbot.keyClick(
        window, Qt.Key.Key_D, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
    )
    assert made.devtools is None


async def test_a_narrow_window_grows_for_it_and_shrinks_again(
    qtbot: QtBot, shell: tuple[Shell, Companion, FileMicrophone]
) -> None:
    made = shell[0]
    made.window.resize(730, 600)
    made.toggle_devtools()
    assert made.devtools is not None
    assert made.window.width() > 730
    made.devtools.close_button.click()
    assert made.devtools is None
    assert made.window.width() == 730
    made.toggle_devtools()
    made.window.close()
    assert made.window.width() == 730
    assert made.devtools is None
