"""How long the event loop stands still while 5,000 pieces of an answer stream into the script.

Prints the longest stall and the processor time for the script, and for the plain way (each piece inserted as it comes) in
the same run. Run: QT_QPA_PLATFORM=offscreen python -m tests.benchmarks.stream_ui
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtCore import QTimer
from PySide6.QtGui import QTextCursor
from PySide6.QtWidgets import QApplication, QTextBrowser

from companion.days import When
from companion.events import ReplyDelta
from companion.gui.staged import EVENING, StagedHost
from companion.gui.window import Window
from companion.kinds import ReplyState

PIECES = 5_000
PER_TICK = 5
"""Pieces that arrive together; with a tick each millisecond this is far faster than any model writes."""
WORDS = ("quiet ", "and ", "the river, ", "walked ", "slowly ", "home. ")
MARKED = ("**quiet** ", "and ", *WORDS * 6, "the *river*.\n\n")


class Heart:
    """Beats each millisecond of an idle loop; remembers the longest pause, and the longest one this thread worked in."""

    def __init__(self) -> None:
        self.longest_s = 0.0
        self.longest_work_s = 0.0
        self._last, self._worked = time.perf_counter(), time.thread_time()
        self._timer = QTimer()
        self._timer.setInterval(1)
        self._timer.timeout.connect(self._beat)
        self._timer.start()

    def _beat(self) -> None:
        now, worked = time.perf_counter(), time.thread_time()
        self.longest_s = max(self.longest_s, now - self._last)
        self.longest_work_s = max(self.longest_work_s, worked - self._worked)
        self._last, self._worked = now, worked


def stream(
    write: Callable[[str], None], finish: Callable[[str], None], words: tuple[str, ...]
) -> dict[str, float]:
    """Feeds the pieces from a timer, as a loop would; returns the longest stall and the time taken."""
    app = QApplication.instance()
    assert isinstance(app, QApplication)
    heart, sent, done = Heart(), 0, False
    whole: list[str] = []

    def feed() -> None:
        nonlocal sent
        for _ in range(PER_TICK):
            piece = words[sent % len(words)]
            whole.append(piece)
            write(piece)
            sent += 1
            if sent == PIECES:
                feeding.stop()
                finish("".join(whole))
                QTimer.singleShot(200, end)
                return

    def end() -> None:
        nonlocal done
        done = True

    feeding = QTimer()
    feeding.setInterval(1)
    feeding.timeout.connect(feed)
    started, cpu = time.perf_counter(), time.process_time()
    feeding.start()
    while not done:
        app.processEvents()
    return {
        "longest_stall_ms": round(heart.longest_s * 1000, 1),
        "longest_work_ms": round(heart.longest_work_s * 1000, 1),
        "seconds": round(time.perf_counter() - started, 2),
        "cpu_s": round(time.process_time() - cpu, 2),
    }


def in_script(words: tuple[str, ...]) -> dict[str, float]:
    host = StagedHost()
    window = Window(host, now=lambda: When.of(EVENING))
    window.show()
    QApplication.processEvents()
    host.say("Tell me a long story.")
    result = stream(
        lambda piece: host.emit(ReplyDelta(turn=1, text=piece)),
        lambda text: host.end(text, state=ReplyState.WHOLE),
        words,
    )
    window.close()
    window.deleteLater()
    return result


def the_plain_way(words: tuple[str, ...]) -> dict[str, float]:
    view = QTextBrowser()
    view.resize(660, 420)
    view.show()
    QApplication.processEvents()

    def write(piece: str) -> None:
        cursor = view.textCursor()
        cursor.movePosition(QTextCursor.MoveOperation.End)
        cursor.insertText(piece)
        view.verticalScrollBar().setValue(view.verticalScrollBar().maximum())

    result = stream(write, lambda _: None, words)
    view.close()
    view.deleteLater()
    return result


def main() -> None:
    app = QApplication(["stream_ui"])
    from companion.gui import markdown

    markdown.warm()  # as the window does while nothing happens
    figures = {
        "pieces": PIECES,
        "script": in_script(WORDS),
        "script_markdown": in_script(MARKED),
        "plain_insert": the_plain_way(WORDS),
    }
    print(json.dumps(figures, indent=1))
    del app


if __name__ == "__main__":
    main()
