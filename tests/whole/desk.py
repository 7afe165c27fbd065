"""A whole desk for the whole app: screen, window manager, keyboard, sound server, session bus and keyring, all private.

`desk(folder)` starts them; `Desk.start()` runs `companion` on it and reads its events, `Desk.hold()` and `Desk.tap()` press
real keys, `Desk.screenshot()` keeps what is on the screen.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.whole.secrets import need_keyring, private_keyring
from tests.whole.sound import SoundServer, require_sound, sound_server

_PARTS = {"Xvfb": "xvfb", "xdotool": "xdotool", "openbox": "openbox"}
DATA = Path(__file__).parent.parent / "data"


def need_desk() -> None:
    """Skips where a part is missing, naming it; under CI=true that is a failure."""
    missing = [package for program, package in _PARTS.items() if shutil.which(program) is None]
    if missing:
        says = f"no virtual screen here: sudo apt-get install --no-install-recommends {' '.join(missing)}"
        if os.environ.get("CI"):
            pytest.fail(says)
        pytest.skip(says)
    require_sound()
    need_keyring()


class RunningApp:
    """`companion` as a process of its own; `events` are what it reports, in order."""

    def __init__(self, command: list[str], env: dict[str, str]) -> None:
        self.events: list[dict[str, Any]] = []
        self.other_lines: list[str] = []
        self._news = threading.Condition()
        self.started_s = time.monotonic()
        self.process = subprocess.Popen(command, env=env, stderr=subprocess.PIPE, text=True)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self._news:
                if line.startswith('{"event"'):
                    self.events.append(json.loads(line))
                else:
                    self.other_lines.append(line.rstrip())
                self._news.notify_all()

    def mark(self) -> int:
        """A place in the events to wait from."""
        return len(self.events)

    def wait_for(self, event: str, *, since: int = 0, limit_s: float = 60.0, **match: Any) -> dict[str, Any]:
        """The first event of that name after `since` whose fields equal `match`."""
        deadline = time.monotonic() + limit_s
        with self._news:
            while True:
                for each in self.events[since:]:
                    if each["event"] == event and all(
                        each.get(name) == value for name, value in match.items()
                    ):
                        return each
                left = deadline - time.monotonic()
                if left <= 0 or self.process.poll() is not None:
                    raise AssertionError(f"no {event} {match}; {self.tell(since)}")
                self._news.wait(min(left, 0.5))

    def of(self, event: str, since: int = 0) -> list[dict[str, Any]]:
        return [each for each in self.events[since:] if each["event"] == event]

    def tell(self, since: int = 0) -> str:
        names = [each["event"] for each in self.events[since:] if each["event"] != "LevelMeasured"]
        return f"exit code {self.process.poll()}, events {names[-30:]}, other {self.other_lines[-10:]}"

    def end(self) -> None:
        """Kills what still runs."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._reader.join(5)
        assert self.process.stderr is not None
        self.process.stderr.close()

    def close(self, limit_s: float = 20.0) -> int:
        """Asks the app to end, as a logout does; its exit code."""
        self.process.terminate()
        try:
            return self.process.wait(limit_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise


class Desk:
    """One person's computer."""

    def __init__(self, folder: Path, sound: SoundServer, env: dict[str, str]) -> None:
        self.folder, self.sound, self.env = folder, sound, env
        self.home = folder / "companion"
        self.apps: list[RunningApp] = []

    def settle(self, settings: str, home: str = "") -> None:
        """Writes the settings file (YAML) the app of this home starts with."""
        path = (self.folder / home if home else self.home) / "config" / "settings.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(settings)

    def start(
        self, *arguments: str, env: dict[str, str] | None = None, home: str = "", is_new: bool = False
    ) -> RunningApp:
        """Starts the app; `home` is a folder of the desk other than the usual one.

        Args:
            is_new: the person has never seen it; else they have seen the welcome.
        """
        place = self.folder / home if home else self.home
        if not is_new:
            _settle_in(place)
        command = [sys.executable, "-m", "companion", "--home", str(place), "-D", "events,log", *arguments]
        app = RunningApp(command, {**self.env, **(env or {})})
        self.apps.append(app)
        return app

    def start_ready(
        self, *arguments: str, env: dict[str, str] | None = None, home: str = "", is_new: bool = False
    ) -> RunningApp:
        """Starts the app and waits until its window has the keyboard and its journal is open."""
        app = self.start(*arguments, env=env, home=home, is_new=is_new)
        app.wait_for("JournalOpened")
        for tries_left in (2, 1, 0):  # a window that is just being mapped may be found and not yet be there
            try:
                self.xdotool(
                    "search", "--sync", "--onlyvisible", "--name", "^Companion$", "windowactivate", "--sync"
                )
                break
            except subprocess.CalledProcessError:
                if not tries_left:
                    raise
                time.sleep(1.0)
        time.sleep(0.3)
        return app

    def xdotool(self, *arguments: str) -> str:
        command = ["timeout", "20", "xdotool", *arguments]
        return subprocess.run(command, env=self.env, check=True, capture_output=True, text=True).stdout

    def press(self, key: str = "space") -> None:
        self.xdotool("keydown", key)

    def release(self, key: str = "space") -> None:
        self.xdotool("keyup", key)

    def tap(self, key: str = "space") -> None:
        self.xdotool("key", key)

    def click(self, across: float, up_px: int) -> None:
        """Clicks in the window: `across` is a share of its width, `up_px` counts from its bottom when negative."""
        window = self.xdotool("search", "--onlyvisible", "--name", "^Companion$").split()[0]
        shape = dict(line.split("=") for line in self.xdotool("getwindowgeometry", "--shell", window).split())
        x, y = int(int(shape["WIDTH"]) * across), up_px % int(shape["HEIGHT"])
        self.xdotool("mousemove", "--window", window, str(x), str(y), "click", "1")
        time.sleep(0.2)

    def write(self, text: str) -> None:
        """Types into the text field and sends."""
        time.sleep(0.5)  # the field comes back when an answer is over
        self.click(0.53, -78)
        self.type(text)
        self.tap("Return")

    def type(self, text: str) -> None:
        self.xdotool("type", "--delay", "8", text)

    def speak(self, wav: str, *, wait: bool = True) -> None:
        self.sound.speak_into_mic(DATA / wav, wait=wait)

    def screenshot(self, path: Path) -> None:
        subprocess.run(["import", "-window", "root", str(path)], env=self.env, check=True)


def _settle_in(home: Path) -> None:
    seen = home / "state" / "welcome.json"
    if not seen.exists():
        seen.parent.mkdir(parents=True, exist_ok=True)
        seen.write_text('{"is_over": true}')


@contextmanager
def screen() -> Iterator[str]:
    """A virtual screen; yields the value of DISPLAY."""
    reader, writer = os.pipe()
    command = [
        "Xvfb",
        "-displayfd",
        str(writer),
        *["-screen", "0", "1280x860x24", "-nolisten", "tcp", "-noreset"],
    ]
    server = subprocess.Popen(
        command, pass_fds=[writer], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    os.close(writer)
    try:
        with os.fdopen(reader) as pipe:
            yield ":" + pipe.readline().strip()
    finally:
        _end(server)


def _end(process: subprocess.Popen[Any]) -> None:
    process.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextmanager
def desk(*, keyring: bool = True) -> Iterator[Desk]:
    """A desk; without `keyring` there is no session bus either."""
    need_desk()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="desk-")))
        secrets = dict(stack.enter_context(private_keyring(folder))) if keyring else {}
        sound = stack.enter_context(sound_server())
        display = stack.enter_context(screen())
        kept = {
            name: os.environ[name] for name in ("PATH", "LANG", "VIRTUAL_ENV", "CI") if name in os.environ
        }
        home = folder / "home"
        home.mkdir(exist_ok=True)
        env = {
            **kept,
            "HOME": str(home),
            **secrets,
            **sound.env,
            "DISPLAY": display,
            "QT_QPA_PLATFORM": "xcb",
        }
        if not keyring:
            env["DBUS_SESSION_BUS_ADDRESS"] = "unix:path=/nonexistent"
        manager = subprocess.Popen(["openbox"], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        stack.callback(_end, manager)
        own = Desk(folder, sound, env)
        try:
            yield own
        finally:
            for app in own.apps:
                app.end()
