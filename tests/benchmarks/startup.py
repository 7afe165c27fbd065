"""From the start of the process to the first painted window, beside a bare PySide6 window in the same run.

    python -m tests.benchmarks.startup [ROUNDS]

Needs a screen; without one it starts a virtual one. Prints figures and asserts nothing.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack

PAINTED = "painted"
WATCH = """
import os, sys, time
from PySide6.QtCore import QEvent, QObject, QTimer
from PySide6.QtWidgets import QMainWindow
def painted():
    print("painted", time.monotonic(), flush=True)
    os._exit(0)
class Watch(QObject):
    def eventFilter(self, watched, event):
        if event.type() == QEvent.Type.Paint:
            watched.removeEventFilter(self)
            QTimer.singleShot(0, painted)  # after this pass over the window and all it holds
        return False
watch = Watch()
show = QMainWindow.show
def watched_show(window):
    window.installEventFilter(watch)
    show(window)
QMainWindow.show = watched_show
"""
"""On the main window alone: a filter on the application would show every widget to Python, which costs more."""
BARE = """
from PySide6.QtWidgets import QApplication, QLabel, QMainWindow
app = QApplication(["bare"])
window = QMainWindow()
window.setCentralWidget(QLabel("hello"))
window.resize(1160, 780)
window.show()
app.exec()
"""
OURS = """
from companion.__main__ import main
sys.argv = ["companion"]
main()
"""


def once(script: str, env: dict[str, str]) -> float:
    """Milliseconds of one start in a fresh process."""
    started_s = time.monotonic()
    out = subprocess.run(
        [sys.executable, "-c", WATCH + script], env=env, check=True, capture_output=True, text=True
    ).stdout
    return (float(out.split()[-1]) - started_s) * 1000


def main(rounds: int = 15) -> None:
    with ExitStack() as stack:
        env = dict(os.environ)
        if not any(env.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")):
            from tests.whole.desk import screen

            env["DISPLAY"] = stack.enter_context(screen())
        env.pop("PYTHONDONTWRITEBYTECODE", None)  # the first round writes it, as an installation does
        env["COMPANION_HOME"] = stack.enter_context(tempfile.TemporaryDirectory())
        times: dict[str, list[float]] = {"bare": [], "companion": []}
        for index in range(rounds + 1):
            for name, script in (("bare", BARE), ("companion", OURS)):
                taken = once(script, env)
                if index:  # the first one fills the caches
                    times[name].append(taken)
    bare, ours = (statistics.median(times[name]) for name in ("bare", "companion"))
    print(f"first painted window, median of {rounds}: bare PySide6 {bare:.0f} ms, companion {ours:.0f} ms")
    print(f"ratio {ours / bare:.2f} (aim: at most 1.6)")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 15)
