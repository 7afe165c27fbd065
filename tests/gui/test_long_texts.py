"""No text, whatever its shape, holds the window up: as it comes, as it is kept, in another width."""

from __future__ import annotations

import time

import pytest
from PySide6.QtCore import QMimeData
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from companion.days import When
from companion.flow import TurnRecord
from companion.gui import markdown
from companion.gui.composer import LONGEST_CHARS, Composer
from companion.gui.theme import Look
from companion.gui.transcript import Script
from companion.kinds import ReplyState
from tests.reliability.proof import prove

CHARS = 32_000
AT = When(1_763_586_300.0, 0)
SHAPES = {
    "prose": "the quiet river walked slowly home and the light was gone. ",
    "one word": "a",
    "lines": "a\n",
    "blank lines": "a\n\n",
    "bullets": "- a\n",
    "numbers": "1. a\n",
    "deep lists": "- a\n  - b\n    - c\n      - d\n",
    "emphasis": "*a* ",
    "strong": "**a** _b_ ~~c~~ ",
    "open emphasis": "*a ",
    "narrow table": "|a|b|\n|-|-|\n" + "|a|b|\n" * 8_000,
    "wide table": f"|{'a|' * 60}\n|{'-|' * 60}\n" + f"|{'a|' * 60}\n" * 300,
    "table of words": "|a|b|\n|-|-|\n" + "|the quiet river walked|slowly home and slowly|\n" * 1_000,
    "many tables": "|a|b|\n|-|-|\n|c|d|\n\n",
    "quotes": "> a\n\n",
    "deep quotes": ">" * 60 + " a\n\n",
    "Arabic": "سلام عليكم ورحمة ",
    "joined signs": "👩‍👩‍👧‍👦",
    "marks above marks": "a" + "\u0301" * 40_000,
    "code": "```\n" + "x = 1\n" * 8_000,
    "inline code": "`" + "x" * 40_000,
    "links": "[a](http://b.cc) ",
    "addresses": "http://b.cc/d_e www.b.cc a@b.cc ",
    "rules": "---\n\n",
    "headings": "# a\n",
    "brackets": "[",
    "ticks": "` `` ``` ",
    "entities": "&amp;&#9829; ",
}


def spent_ms(script: Script, started_s: float) -> float:
    """Processor time of this thread, once everything is laid out."""
    for _ in range(4):
        QApplication.processEvents()
    assert script.document().size().height() > 0
    return 1000 * (time.thread_time() - started_s)


@pytest.fixture(scope="module", autouse=True)
def warm() -> None:
    markdown.warm()


def longest_ms(qtbot: QtBot, text: str, said: str = "Hm") -> float:
    script = Script(Look(theme="light"), from_below=True)
    qtbot.addWidget(script)
    script.resize(900, 600)
    script.show()
    times: list[float] = []
    record = TurnRecord(id=1, session_id=1, at=AT.at, user_text=said, reply_text=text, reply_at=AT.at)
    spent_ms(script, 0)
    started = time.thread_time()
    script.stream(1, text, AT)
    script.end_reply(1, text, ReplyState.WHOLE)
    times.append(spent_ms(script, started))
    for wide in (500, 900):
        started = time.thread_time()
        script.resize(wide, 600)
        times.append(spent_ms(script, started))
    started = time.thread_time()
    script.show_turns([record])
    times.append(spent_ms(script, started))
    return max(times)


def test_no_shape_of_32_000_characters_holds_the_window_up(qtbot: QtBot) -> None:
    longest = {}
    for name, piece in SHAPES.items():
        text = (piece * (CHARS // len(piece) + 1))[:CHARS]
        longest[name] = longest_ms(qtbot, text)
        if (
            longest[name] > 50
        ):  # the figure is the text's, not that of a cold start or a collection of garbage
            longest[name] = min(longest[name], longest_ms(qtbot, text))
    slowest = max(longest, key=lambda name: longest[name])
    prove(
        32,
        "longest stall by a text",
        longest[slowest],
        100,
        cases=len(SHAPES),
        unit="ms of processor time",
        clock="real",
    )


def test_a_megabyte_of_any_shape_said_and_answered_holds_nothing_up(qtbot: QtBot) -> None:
    """As an import or a server without limits would bring it: a part is shown, and more on request."""
    longest = {}
    for name, piece in SHAPES.items():
        text = (piece * (1_000_000 // len(piece) + 1))[:1_000_000]
        longest[name] = longest_ms(qtbot, text, text)
        if longest[name] > 50:
            longest[name] = min(longest[name], longest_ms(qtbot, text, text))
    slowest = max(longest.values())
    prove(
        32, "longest stall by a megabyte", slowest, 100,
        cases=len(SHAPES), unit="ms of processor time", clock="real",
    )  # fmt: skip


def test_what_is_pasted_holds_nothing_up_and_what_is_too_long_is_refused_unread(qtbot: QtBot) -> None:
    longest = 0.0
    for piece in (*SHAPES.values(), "a" + "\u0301\u202e" * 20):
        place = QWidget()
        qtbot.addWidget(place)
        composer = Composer(Look(theme="light"), place)
        place.show()
        for chars in (LONGEST_CHARS - 100, 50_000_000 // len(piece[:40].encode())):
            refused: list[str] = []
            composer.refused.connect(refused.append)
            before, given = composer.draft, QMimeData()
            given.setText((piece * (chars // len(piece) + 1))[:chars])
            started = time.thread_time()
            composer.field.insertFromMimeData(given)
            QApplication.processEvents()
            longest = max(longest, 1000 * (time.thread_time() - started))
            assert bool(refused) is (chars > LONGEST_CHARS)
            assert composer.draft
            assert not refused or composer.draft == before
    prove(
        32, "longest stall by a paste", longest, 100,
        cases=len(SHAPES) + 1, unit="ms of processor time", clock="real",
    )  # fmt: skip
