"""One instance per home, and the door on which another instance or a key of the desktop knocks. Main thread.

A request is one line, "word time"; the answer is one line, too. What is read later than `FRESH_S` after it was asked for is
not done: nobody wants a microphone that opens by itself.
"""

from __future__ import annotations

import logging
import os
import stat
import sys
import time
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QLockFile

from companion.errors import CompanionError, Kind
from companion.language import tr

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from PySide6.QtNetwork import QLocalServer, QLocalSocket

    from companion.paths import Home

_log = logging.getLogger(__name__)
RAISE, TOGGLE_TALK, WELCOME = "raise", "toggle-talk", "welcome"
"""What may be asked for: come to the front; begin a take or end it; show the pages of the first start."""
FRESH_S = 2.0
_WAIT_S = 2.5
"""Longest wait for the answer: whoever is answered later is told that nothing was done."""
_LONGEST_LINE = 64
_HAS_ABSTRACT_NAMES = sys.platform.startswith("linux")


class Answer(StrEnum):
    """What became of a request."""

    DONE = "done"
    LATE = "late"
    """It was read too late, and dropped."""
    UNKNOWN = "unknown"
    """Nobody there does this: the app is closing."""
    SILENT = "silent"
    """The app is there and does not answer."""
    NOBODY = "nobody"
    """No app runs in this home."""


class Door:
    """A lock beside the data, and a local socket."""

    def __init__(self, home: Home, *, now: Callable[[], float] = time.time) -> None:
        self.answers: Mapping[str, Callable[[], None]] = {}
        """What is done when it is asked for."""
        self._lock = QLockFile(str(home.data / "companion.lock"))
        self._lock.setStaleLockTime(0)  # a lock is stale when its process is gone, never because it is old
        self._data = home.data
        self._now = now
        self._server: QLocalServer | None = None

    def enter(self) -> bool:
        """False: another instance has this home. A folder that nothing can be written into keeps nobody out."""
        with suppress(OSError, ValueError):  # the journal tells of it, in its own sentence
            self._data.mkdir(parents=True, exist_ok=True, mode=0o700)
        if self._lock.tryLock(0) or (self._lock.removeStaleLockFile() and self._lock.tryLock(0)):
            return True
        return self._lock.error() is not QLockFile.LockError.LockFailedError

    def claim(self) -> None:
        """Makes sure that nobody else keeps a journal in this home, which may have become writable only now.

        Raises:
            CompanionError: ALREADY_RUNNING.
        """
        if not self._lock.isLocked() and not self.enter():
            raise CompanionError(
                Kind.ALREADY_RUNNING,
                tr("Another window of Companion keeps this journal."),
                hint=tr("What you say here stays in this window until it is closed. Go on in the other one."),
            )

    def listen(self) -> None:
        """From now on requests are heard; not needed for the first frame."""
        from PySide6.QtNetwork import QLocalServer

        address, option = _address(self._data), QLocalServer.SocketOption
        if not _HAS_ABSTRACT_NAMES:
            QLocalServer.removeServer(address)
        self._server = QLocalServer()
        self._server.setSocketOptions(
            option.AbstractNamespaceOption if _HAS_ABSTRACT_NAMES else option.UserAccessOption
        )
        self._server.newConnection.connect(self._knocked)
        if not self._server.listen(address):
            _log.info("no local socket: %s", self._server.errorString())

    def leave(self) -> None:
        if self._server is not None:
            self._server.close()
        self._lock.unlock()

    def _knocked(self) -> None:
        assert self._server is not None
        while (connection := self._server.nextPendingConnection()) is not None:
            connection.disconnected.connect(connection.deleteLater)
            if not _is_own(int(connection.socketDescriptor())):
                _log.warning("another user knocked")
                connection.abort()
                continue
            connection.readyRead.connect(lambda heard=connection: self._hear(heard))
            if connection.bytesAvailable():
                self._hear(connection)

    def _hear(self, connection: QLocalSocket) -> None:
        if not connection.canReadLine():
            if connection.bytesAvailable() > _LONGEST_LINE:
                connection.abort()
            return
        asked = bytes(connection.readLine(_LONGEST_LINE).data()).decode("utf-8", "replace")
        connection.write(f"{self._do(asked)}\n".encode())
        connection.disconnectFromServer()

    def _do(self, asked: str) -> Answer:
        word, _, at = asked.strip().partition(" ")
        try:
            age_s = self._now() - float(at)
        except ValueError:
            return Answer.UNKNOWN
        if word not in self.answers:
            return Answer.UNKNOWN
        if not -FRESH_S <= age_s <= FRESH_S:  # a clock that was set back makes nothing fresh
            return Answer.LATE
        self.answers[word]()
        return Answer.DONE


def knock(data: Path, what: str, *, wait_s: float = _WAIT_S) -> Answer:
    """Asks the instance that has this home for something, and waits for its answer."""
    ask = _ask_pipe if sys.platform == "win32" else _ask_socket
    said = ask(_address(data), f"{what} {time.time():.3f}\n".encode(), wait_s)
    return next((answer for answer in Answer if answer == said), Answer.SILENT)


def _ask_socket(address: str, line: bytes, wait_s: float) -> str:
    import socket

    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(wait_s)
        try:
            connection.connect(f"\0{address}" if _HAS_ABSTRACT_NAMES else address)
            if not _is_own(connection.fileno()):
                return Answer.NOBODY
        except OSError:
            return Answer.NOBODY
        try:
            connection.sendall(line)
            return connection.recv(_LONGEST_LINE).decode("utf-8", "replace").strip()
        except OSError:
            return Answer.SILENT


def _ask_pipe(address: str, line: bytes, wait_s: float) -> str:
    from PySide6.QtNetwork import QLocalSocket

    connection = QLocalSocket()
    connection.connectToServer(address)
    if not connection.waitForConnected(round(wait_s * 1000)):
        return Answer.NOBODY
    connection.write(line)
    connection.waitForReadyRead(round(wait_s * 1000))
    return bytes(connection.readLine(_LONGEST_LINE).data()).decode("utf-8", "replace").strip()


def _address(data: Path) -> str:
    """The socket's name: the same for the same folder, by whatever road and from wherever one comes; always short."""
    import hashlib  # with all of OpenSSL

    owner = str(os.getuid()) if hasattr(os, "getuid") else ""
    name = (
        "companion-"
        + hashlib.sha256(f"{owner}:{os.path.realpath(data)}".encode("utf-8", "surrogateescape")).hexdigest()[
            :32
        ]
    )
    if _HAS_ABSTRACT_NAMES or sys.platform == "win32":
        return name
    return str(_own_folder(Path(f"/tmp/companion-{owner}")) / name)


def _own_folder(folder: Path) -> Path:
    """A folder that nobody but its owner can enter; where somebody else made it first, one that does not exist."""
    with suppress(OSError):
        folder.mkdir(mode=0o700, exist_ok=True)
        about = folder.lstat()
        if stat.S_ISDIR(about.st_mode) and about.st_uid == os.getuid():
            folder.chmod(0o700)  # whatever the umask was
            return folder
    return folder / "of somebody else"


def _is_own(descriptor: int) -> bool:
    """Whether the same person is at the other end; an abstract name has no permissions of its own."""
    if not _HAS_ABSTRACT_NAMES:
        return True
    import socket
    import struct

    with socket.socket(fileno=os.dup(descriptor)) as end:
        peer = end.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return bool(struct.unpack("3i", peer)[1] == os.getuid())
