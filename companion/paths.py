"""Where things live on disk. One `Home` per run; nothing is created until somebody writes.

`--home DIR` (or COMPANION_HOME) puts everything below one folder, which is what tests and portable copies use.
Otherwise the system's own places apply (XDG base directories, ~/Library, %APPDATA%).
"""

from __future__ import annotations

import errno
import os
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

from companion.frozen import Frozen


class Home(Frozen):
    """The app's folders."""

    config: Path
    data: Path
    state: Path
    """Logs and window geometry."""

    @property
    def settings(self) -> Path:
        return self.config / "settings.yaml"

    @property
    def journal(self) -> Path:
        return self.data / "journal.db"

    @property
    def key_slots(self) -> Path:
        return self.data / "keyslots.json"

    @property
    def reserve(self) -> Path:
        """Room set aside for a full disk."""
        return self.data / "reserve"

    @property
    def takes(self) -> Path:
        return self.data / "takes"

    @property
    def models(self) -> Path:
        return self.data / "models"

    @property
    def log(self) -> Path:
        return self.state / "companion.log"


def find_home(chosen: str | os.PathLike[str] | None = None) -> Home:
    """The folders for this run: `chosen`, else COMPANION_HOME, else the system's places."""
    root = chosen or os.environ.get("COMPANION_HOME")
    if root:
        base = Path(root).expanduser().absolute()
        return Home(config=base / "config", data=base / "data", state=base / "state")
    home = _user_home()
    if sys.platform == "win32":
        roaming = Path(os.environ.get("APPDATA") or home / "AppData/Roaming") / "Companion"
        local = Path(os.environ.get("LOCALAPPDATA") or home / "AppData/Local") / "Companion"
        return Home(config=roaming, data=roaming, state=local)
    if sys.platform == "darwin":
        support = home / "Library/Application Support/Companion"
        return Home(config=support, data=support, state=home / "Library/Logs/Companion")
    return Home(
        config=xdg_config() / "companion",
        data=xdg_data() / "companion",
        state=_xdg("XDG_STATE_HOME", home / ".local/state") / "companion",
    )


def resources() -> Path:
    """The folder of practices, prompts, icons and the model catalogue: inside the package, or beside it in a checkout."""
    inside = Path(__file__).parent / "resources"
    return inside if inside.is_dir() else Path(__file__).parent.parent / "resources"


def write_atomically(path: Path, content: bytes, *, mode: int = 0o600) -> None:
    """Replaces `path` with `content` so that a crash leaves the old file or the new one, never less.

    Raises:
        OSError: the old file is then untouched.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        try:
            os.chmod(file.name, mode)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            file.close()
            os.replace(file.name, path)
        except BaseException:
            with suppress(OSError):
                os.unlink(file.name)
            raise
    sync_folder(path.parent)


@contextmanager
def locked(path: Path, limit_s: float) -> Iterator[None]:
    """Within the block no other process holds `path`, a file that is only there to be held. Blocking.

    Raises:
        OSError: TimeoutError when somebody else holds it for longer than `limit_s`.
    """
    with open(path, "ab", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        until = time.monotonic() + limit_s
        while not hold(file.fileno()):
            if time.monotonic() > until:
                raise TimeoutError(f"{path.name} is held by another program")
            time.sleep(0.01)
        yield  # closing the file lets go of it


def is_held(path: Path) -> bool:
    """Whether another process has opened the file and holds it. Blocking, never waiting."""
    try:
        with path.open("rb") as file:
            return not hold(file.fileno())
    except OSError:
        return False


def hold(descriptor: int) -> bool:
    """Holds an open file until it is closed; False: another opening of it is held."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:  # where a file system knows no such thing, nobody else can hold it either
        return error.errno not in (errno.EAGAIN, errno.EACCES, errno.EDEADLK)
    return True


def sync_folder(folder: Path) -> None:
    """Makes a rename or a new file in `folder` survive a power cut, where the system can."""
    if sys.platform == "win32":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def xdg_config() -> Path:
    """Where programs of this person keep their settings."""
    return _xdg("XDG_CONFIG_HOME", _user_home() / ".config")


def xdg_data() -> Path:
    """Where programs of this person keep what the desktop finds: menu entries, icons."""
    return _xdg("XDG_DATA_HOME", _user_home() / ".local/share")


def _xdg(name: str, default: Path) -> Path:
    value = os.environ.get(name, "")
    return Path(value) if os.path.isabs(value) else default  # the specification ignores relative values


def _user_home() -> Path:
    try:
        return Path.home()
    except RuntimeError:  # no HOME and no passwd entry
        return Path.cwd()
