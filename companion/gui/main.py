"""The start of the window: one QApplication, one event loop for Qt and asyncio, one instance per home.

The window is painted before anything slow begins: asyncio, keyring, journal, offline engines and SDKs come after the first
frame. What the person does in between waits in Qt's queue.
Errors that nobody caught (slots, tasks, threads) all reach `_Faults`.
"""

from __future__ import annotations

import gc
import logging
import os
import sys
import threading
from contextlib import suppress
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QDeadlineTimer, QEventLoop, QLocale, QSocketNotifier, QTimer
from PySide6.QtGui import QGuiApplication, QIcon
from PySide6.QtWidgets import QApplication

from companion import tasks
from companion.app import Companion, interface
from companion.app.crashes import Crashes, plain_settings
from companion.errors import CARDS, CompanionError, Kind
from companion.events import Events, Trouble
from companion.gui.door import RAISE, TOGGLE_TALK, WELCOME, Answer, Door, knock
from companion.gui.shell import Shell
from companion.gui.theme import STYLE, STYLED
from companion.gui.tongue import speak_readably
from companion.language import SYSTEM, tr
from companion.log import describe, hold_log, start_log
from companion.paths import Home, find_home, resources

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable, Coroutine
    from types import TracebackType

_log = logging.getLogger(__name__)
NO_DISPLAY = (
    "There is no display here, so the window cannot open. What works without one: "
    "`companion reflect --mic FILE --speaker FILE` and `companion demo --screenshots DIR`."
)
NOT_RUNNING = "Companion is not open, so there is nothing to talk to. Start it with `companion`."
TOO_BUSY = "Companion is open but did not answer in time, so nothing was started or stopped. Try again."
DESKTOP_NAME = "companion"
"""Of the desktop entry, `app.desktop_entry.NAME`, and of the icon."""
FRAME_MS = 500
"""Longest wait for the first frame; a window that opens minimised has none."""


def has_display() -> bool:
    """Whether a window can open, as far as the environment tells."""
    names = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    return not sys.platform.startswith("linux") or any(os.environ.get(name) for name in names)


def run_window(home: Home, *, debug: frozenset[str] = frozenset(), shows_welcome: bool = False) -> int:
    """The app until its window is closed; the exit code. `shows_welcome`: it begins with the pages of the first start."""
    return run(home, lambda: Companion(home), debug=debug, asks=WELCOME if shows_welcome else RAISE)


def run_demo(home: Home, *, debug: frozenset[str] = frozenset(), chaos: bool = False) -> int:
    """The app with a scripted conversation; keeps nothing, needs no microphone. `chaos`: with one that goes wrong."""
    from companion.gui.demo import demo_app, play, play_chaos

    if not chaos:
        return run(home, lambda: demo_app(home), then=play, debug=debug, is_alone=False)
    with TemporaryDirectory(
        prefix="companion-demo-"
    ) as folder:  # the failing provider is chosen in its settings
        there = find_home(folder)
        return run(home, lambda: demo_app(there), then=play_chaos, debug=debug, is_alone=False)


def run(
    home: Home,
    make: Callable[[], Companion],
    *,
    then: Callable[[Companion], Awaitable[None]] | None = None,
    debug: frozenset[str] = frozenset(),
    is_alone: bool = True,
    asks: str = RAISE,
) -> int:
    """A window on the app that `make` gives; `then` plays along in it. The exit code.

    Args:
        is_alone: only one such window per home.
        asks: what this start is for, also of the window that is there already; one of `door`'s words.
    """
    if not has_display():
        print(NO_DISPLAY, file=sys.stderr)  # noqa: T201 - there is no window to say it in
        return 1
    hold_log()
    qt = _application()
    qt.setApplicationName("Companion")
    qt.setDesktopFileName(DESKTOP_NAME)
    qt.setWindowIcon(
        QIcon(str(resources() / "icons" / f"{DESKTOP_NAME}.png"))
    )  # a picture: it needs no drawing yet
    qt.setQuitOnLastWindowClosed(False)  # otherwise the loop ends before everything is saved
    interface.speak(SYSTEM, QLocale.system().bcp47Name())  # until the settings are read
    door = Door(home) if is_alone else None
    if door is not None and not door.enter():
        card = CARDS[Kind.ALREADY_RUNNING]
        is_raised = knock(home.data, asks) is Answer.DONE
        hint = card.hint if is_raised else tr("It does not answer just now.")
        print(f"{card.sentence} {hint}", file=sys.stderr)  # noqa: T201 - this instance has no window
        return 0 if is_raised else 1

    crashes = Crashes(home) if is_alone else None
    if crashes is not None:
        crashes.begin()
    try:
        app = make()
        if crashes is not None and crashes.is_again:
            app.settings = plain_settings(app.settings)
        unread = speak_readably(qt, app.settings.general.interface_language)
        if "events" in debug:
            from companion.app.tape import write_tape

            write_tape(app.events, sys.stderr)
        faults = _Faults(app.events)
        app.welcome.is_due = app.welcome.is_due or asks == WELCOME
        shell = Shell(app)
        begins_painted = not shell.needs_loop
        if begins_painted:
            shell.show()
            _paint(shell)
    finally:
        start_log(home.log, debug="log" in debug)
        gc.freeze()  # what the start has made stays: no later collection looks through it
        gc.enable()
    try:
        for trouble in (crashes.trouble if crashes is not None else None, unread):
            if trouble is not None:
                app.events.emit(Trouble(error=trouble))
        return _loop(qt, _live(app, shell, faults, then, door, shows=not begins_painted))
    finally:
        if crashes is not None:
            crashes.end()
        if door is not None:
            door.leave()


def _application() -> QApplication:
    running = QApplication.instance()
    if isinstance(running, QApplication):
        return running
    qt = QApplication(["companion", "-style", STYLE])
    qt.setProperty(STYLED, True)
    return qt


def _loop(qt: QApplication, life: Coroutine[Any, Any, None]) -> int:
    import asyncio

    import qasync

    loop = qasync.QEventLoop(qt)
    asyncio.set_event_loop(loop)
    with loop, tasks.generators_closed(loop):
        loop.run_until_complete(life)
    return 0


async def _live(
    app: Companion,
    shell: Shell,
    faults: _Faults,
    then: Callable[[Companion], Awaitable[None]] | None,
    door: Door | None,
    *,
    shows: bool,
) -> None:
    import asyncio

    from companion.app.ahead import load_ahead

    closing = asyncio.Event()
    faults.watch(asyncio.get_running_loop())
    if shows:
        shell.show()
    shell.window.closed.connect(closing.set)
    if not shell.window.isVisible():  # closed already
        closing.set()
    signals = _Signals(closing.set)
    qt = QApplication.instance()
    assert isinstance(qt, QApplication)
    qt.commitDataRequest.connect(shell.leave_soon)
    QTimer.singleShot(
        0, QGuiApplication.sync
    )  # what `_paint` left lies where nothing but the next event looks
    await load_ahead()
    if door is not None:
        door.answers = {
            RAISE: shell.bring_to_front,
            TOGGLE_TALK: app.toggle_talk,
            WELCOME: shell.welcome_again,
        }
        door.listen()
        app.archive.claim = door.claim
    opening = tasks.spawn(app.open(), name="open")
    show = tasks.spawn(_show(then, app), name="demo") if then is not None else None
    await closing.wait()
    if door is not None:
        door.answers = {}
    shell.hide()
    await tasks.stop(show)
    await shell.keep_written()
    await tasks.stop(opening)
    await app.close()
    shell.close()
    signals.close()
    faults.stop()


async def _show(then: Callable[[Companion], Awaitable[None]], app: Companion) -> None:
    await then(app)


def _paint(shell: Shell) -> None:
    """Returns after the first frame is on screen. Keys and clicks are left for the loop that comes."""
    until = QDeadlineTimer(FRAME_MS)
    flags = QEventLoop.ProcessEventsFlag.ExcludeUserInputEvents
    while not shell.window.is_painted and not until.hasExpired():
        QApplication.processEvents(flags, 20)


class _Signals:
    """SIGTERM, SIGINT and SIGHUP (logout) close the window properly; a socket pair wakes Qt's loop, which Python cannot."""

    def __init__(self, stop: Callable[[], None]) -> None:
        import signal
        import socket

        self._stop = stop
        self._reader, self._writer = socket.socketpair()
        for end in (self._reader, self._writer):
            end.setblocking(False)
        signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        for name in ("SIGTERM", "SIGINT", "SIGHUP"):
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), self._note)
        self._notifier = QSocketNotifier(self._reader.fileno(), QSocketNotifier.Type.Read)
        self._notifier.activated.connect(self._woken)

    def close(self) -> None:
        import signal

        self._notifier.setEnabled(False)
        signal.set_wakeup_fd(-1)
        self._reader.close()
        self._writer.close()

    def _note(self, number: int, frame: object) -> None:
        """Without a handler of Python's the signal would end the process here."""

    def _woken(self) -> None:
        with suppress(BlockingIOError):
            self._reader.recv(64)
        self._stop()


def toggle_talk(home: Home) -> int:
    """Begins a take in the running app, or ends the open one; the exit code. For a key of the desktop."""
    match knock(home.data, TOGGLE_TALK):
        case Answer.DONE:
            return 0
        case Answer.LATE | Answer.SILENT:
            says = TOO_BUSY
        case _:
            says = NOT_RUNNING
    print(says, file=sys.stderr)  # noqa: T201 - a command without a window
    return 1


class _Faults:
    """Unhandled errors of slots, tasks, callbacks and threads: logged without anybody's words, shown as one card."""

    def __init__(self, events: Events) -> None:
        self._events = events
        self._is_telling = False
        tasks.report_to(self.take)
        sys.excepthook = self._from_slot
        threading.excepthook = self._from_thread

    def watch(self, loop: asyncio.AbstractEventLoop) -> None:
        loop.set_exception_handler(self._from_loop)

    def stop(self) -> None:
        tasks.report_to(None)
        sys.excepthook = sys.__excepthook__
        threading.excepthook = threading.__excepthook__

    def take(self, error: BaseException) -> None:
        """The end of the one road."""
        _log.error("unhandled: %s", describe(error))
        if self._is_telling:  # the card itself failed
            return
        self._is_telling = True
        try:
            shown = error if isinstance(error, CompanionError) else CompanionError(Kind.INTERNAL, cause=error)
            self._events.emit(Trouble(error=shown))
        finally:
            self._is_telling = False

    def _from_slot(
        self, kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        self.take(error)

    def _from_thread(self, args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None:
            _log.error("in thread %s: %s", args.thread and args.thread.name, describe(args.exc_value))

    def _from_loop(self, loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
        error = context.get("exception")
        if isinstance(error, BaseException):
            self.take(error)
        else:
            _log.error("loop: %s", context.get("message"))
