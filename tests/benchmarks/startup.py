"""From the start of the process to the first painted window, and until that takes a key, beside a bare PySide6 window.

    python -m tests.benchmarks.startup [ROUNDS]

Three windows take turns: the bare one, ours at its first start (an empty home, the welcome), and ours for somebody who
has settings and a journal. As soon as one is painted a letter is pressed on the screen's keyboard; its time counts once
the window has dealt with it, and ours must have it in the field. Needs an X display and xdotool for that; without a
display it starts a virtual one. Prints figures, wall clock and processor time, and asserts nothing about them.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack

from companion.app import roles, shown_roles
from companion.journal.store import open_journal
from companion.kinds import TURN_ROLES
from companion.paths import Home, find_home
from companion.settings import load_settings, read_before

WATCH = """
import os, sys, time
is_pressed = sys.argv.pop() == "pressed"
from PySide6.QtCore import QEvent, QObject, QTimer
from PySide6.QtWidgets import QMainWindow
def tell(what, *more):
    print(what, time.monotonic(), time.process_time(), *more, flush=True)
def painted():
    tell("painted")
    if not is_pressed:
        os._exit(0)
def taken(window):
    page = getattr(window, "page", None)
    tell("taken", page.area.composer.draft if page is not None else "")
    os._exit(0)
class Watch(QObject):
    def eventFilter(self, watched, event):
        if event.type() == QEvent.Type.Paint and watched.isWidgetType():
            watched.removeEventFilter(self)
            QTimer.singleShot(0, painted)  # after this pass over the window and all it holds
        elif event.type() == QEvent.Type.KeyPress:
            QTimer.singleShot(0, lambda: taken(self.window))
        return False
watch = Watch()
show = QMainWindow.show
def watched_show(window):
    watch.window = window
    window.installEventFilter(watch)
    show(window)
    window.windowHandle().installEventFilter(watch)
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
main()
"""


BARE_NAME, FIRST, LATER = "bare PySide6", "first start", "later start"


class Start:
    """One start in a fresh process: wall clock and processor's milliseconds to the first frame, and to the letter."""

    def __init__(self, script: str, env: dict[str, str], *, is_pressed: bool) -> None:
        keys = subprocess.Popen(["xdotool", "-"], env=env, stdin=subprocess.PIPE) if is_pressed else None
        began_s = time.monotonic()
        command = [sys.executable, "-c", WATCH + script, "pressed" if is_pressed else "painted"]
        with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            self.figures, _ = _told(child.stdout.readline(), began_s)
            self.written = ""
            if keys is not None and keys.stdin is not None:
                keys.stdin.write(b"key --delay 0 a\n")
                keys.stdin.close()
                taken, self.written = _told(child.stdout.readline(), began_s)
                self.figures += taken
                keys.wait()


def _told(line: str, began_s: float) -> tuple[tuple[float, ...], str]:
    _, at_s, cpu_s, *rest = line.split()
    return ((float(at_s) - began_s) * 1000, float(cpu_s) * 1000), "".join(rest)


async def settle_in(home: Home) -> None:
    """Somebody has chosen and said something here before, and closed the window."""
    home.state.mkdir(parents=True)
    (home.state / "welcome.json").write_text('{"is_over": true}')
    home.config.mkdir(parents=True)
    home.settings.write_text(
        "practice:\n  current: evening-review\nproviders:\n  llm:\n    active: ollama\n    ollama:\n"
        "      model: llama3.2\nappearance:\n  font_scale: 1.1\ntalk:\n  language: de\n"
    )
    settings = load_settings(home).settings
    read_before.keep(home.settings, home.state / read_before.READ_BEFORE)
    shown_roles.keep(
        home.state / "roles.json", settings, [roles.in_use(settings, each) for each in TURN_ROLES]
    )
    journal = await open_journal(home, passphrase="four unrelated words here")
    session = await journal.begin_session("open-reflection")
    await journal.save_user(session, "The garden was quiet.", time.time())
    await journal.close()


def main(rounds: int = 15) -> None:
    with ExitStack() as stack:
        env = dict(os.environ)
        if not any(env.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")):
            from tests.whole.desk import screen

            env["DISPLAY"] = stack.enter_context(screen())
        env.pop("PYTHONDONTWRITEBYTECODE", None)  # the first round writes it, as an installation does
        is_pressed = bool(env.get("DISPLAY")) and shutil.which("xdotool") is not None
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        asyncio.run(settle_in(find_home(f"{folder}/{LATER}")))
        starts: dict[str, list[Start]] = {BARE_NAME: [], FIRST: [], LATER: []}
        for index in range(rounds + 1):
            for name, made in starts.items():
                home = f"{folder}/{name}" if name == LATER else f"{folder}/{name} {index}"
                start = Start(
                    BARE if name == BARE_NAME else OURS,
                    {**env, "COMPANION_HOME": home},
                    is_pressed=is_pressed,
                )
                assert name != LATER or not is_pressed or start.written == "a", "the letter is lost"
                if index:  # the first one fills the caches
                    made.append(start)
        told = {
            name: [statistics.median(row) for row in zip(*(each.figures for each in made), strict=True)]
            for name, made in starts.items()
        }
    print(
        f"median of {rounds}, ms (of the processor); ratio to the bare window; aim: first frame at most 1.6"
    )
    bare = told[BARE_NAME]
    for name, (painted, painted_cpu, *taken) in told.items():
        line = f"{name:13} first frame {painted:4.0f} ({painted_cpu:3.0f})  {painted / bare[0]:.2f}"
        line += f" ({painted_cpu / bare[1]:.2f})"
        if taken:
            line += f"   takes a letter {taken[0]:4.0f} ({taken[1]:3.0f})"
        print(line)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 15)
