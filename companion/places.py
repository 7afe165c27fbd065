"""What may lie where a file or folder of ours should be: whether it can be used, and in a sentence why not. Blocking."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from companion.errors import CompanionError, Kind
from companion.language import mark, tr

if TYPE_CHECKING:
    from pathlib import Path

FULL = frozenset({errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)})
_PROBE_BYTES = 4096
MOST_BYTES = 1 << 20
"""Of a small file of ours."""
_SHOWN_CHARS = 120


class RefusedFile(ValueError):
    """Something other than a readable file of reasonable size; it is left alone."""


def read_regular(path: Path, *, most_bytes: int = MOST_BYTES) -> bytes | None:
    """What the file holds; None: there is none. Never waits, not even for a pipe.

    Raises:
        RefusedFile: it is no regular file, too large, or may not be read.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise RefusedFile(tr("it could not be opened ({reason})", reason=error.strerror or error)) from error
    try:
        about = os.fstat(descriptor)
        if not stat.S_ISREG(about.st_mode):
            raise RefusedFile(tr("it is a folder or a device, not a file"))
        if about.st_size > most_bytes:
            raise RefusedFile(tr("it is larger than {size:,} kB", size=most_bytes // 1024))
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read(most_bytes)
    except OSError as error:
        raise RefusedFile(tr("it could not be read ({reason})", reason=error.strerror or error)) from error
    finally:
        os.close(descriptor)


def read_notes(path: Path, *, most_bytes: int = MOST_BYTES) -> dict[str, Any]:
    """The JSON object in a small file of ours; empty where there is none, or nothing that makes sense."""
    try:
        raw = read_regular(path, most_bytes=most_bytes)
        if not raw:
            return {}
        import json  # at a first start there is nothing to read

        found = json.loads(raw)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def try_to_write(folder: Path) -> None:
    """Makes the folder where it is not there, writes into it, and removes what it wrote.

    Raises:
        CompanionError: FOLDER_UNUSABLE or DISK_FULL, with a sentence about this folder.
    """
    try:
        import secrets  # here, because it loads OpenSSL, and the first frame of the window waits for this file

        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        probe = folder / f".can-write-{secrets.token_hex(4)}"
        try:
            descriptor = os.open(probe, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
            try:
                os.write(descriptor, bytes(_PROBE_BYTES))
                os.fsync(descriptor)  # some disks find out only now that they are full
            finally:
                os.close(descriptor)
        finally:
            with suppress(OSError):
                probe.unlink()
    except (OSError, ValueError) as error:  # ValueError: a name that no file system can hold
        raise unusable(folder, error) from error


def unusable(folder: Path, error: OSError | ValueError) -> CompanionError:
    """What a failure to write into `folder` means to a person."""
    number = error.errno if isinstance(error, OSError) else errno.EINVAL
    kind = Kind.DISK_FULL if number in FULL else Kind.FOLDER_UNUSABLE
    return CompanionError(kind, _sentence(folder, number, error), hint=_hint(number or 0), cause=error)


def _sentence(folder: Path, number: int | None, error: Exception) -> str:
    name = shown(folder)
    if number in FULL:
        return tr("The disk that holds {name} is full.", name=name)
    if number == errno.EROFS:
        return tr("The disk that holds {name} can only be read.", name=name)
    if number == errno.ENAMETOOLONG:
        return tr("The name of the folder {name} is too long for this disk.", name=name)
    if number in (errno.EIO, errno.ENXIO, errno.ENODEV, errno.ESTALE):
        return tr("The disk that holds {name} does not answer as it should.", name=name)
    if broken := _broken_link(folder):
        return tr(
            "{shown} is a link to {shown2}, which is not there.",
            shown=shown(broken),
            shown2=shown(_target(broken)),
        )
    if file := _file_in_the_way(folder):
        return tr("{shown} is a file, where there should be a folder.", shown=shown(file))
    if number in (errno.EACCES, errno.EPERM):
        if owner := _foreign(folder):
            return tr("The folder {shown} belongs to another user of this computer.", shown=shown(owner))
        return tr("Companion may not write into the folder {name}.", name=name)
    why = getattr(error, "strerror", None) or str(error)
    return tr("The folder {name} cannot be used: {why}.", name=name, why=why)


_KEPT = mark("What you say stays in this window until it is closed.")
_HINTS = {
    **dict.fromkeys(FULL, mark("Make room, then try again.")),
    errno.EROFS: mark("Make it writable, or start with another folder: companion --home FOLDER"),
    errno.ENAMETOOLONG: mark("Start with a shorter one: companion --home FOLDER"),
}


def _hint(number: int) -> str:
    return f"{tr(_KEPT)} {tr(_HINTS[number])}" if number in _HINTS else ""


def shown(path: Path) -> str:
    """A path as it can be read anywhere: its odd bytes replaced, its middle left out where it is very long."""
    text = str(path).encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    half = _SHOWN_CHARS // 2
    return text if len(text) <= _SHOWN_CHARS else f"{text[:half]}…{text[-half:]}"


def _ancestry(folder: Path) -> list[Path]:
    """The folder and those above it, the outermost first."""
    return [*reversed(folder.parents), folder]


def _broken_link(folder: Path) -> Path | None:
    with suppress(OSError, ValueError):
        return next((each for each in _ancestry(folder) if each.is_symlink() and not each.exists()), None)
    return None


def _target(link: Path) -> Path:
    with suppress(OSError):
        return link.readlink()
    return link


def _file_in_the_way(folder: Path) -> Path | None:
    with suppress(OSError, ValueError):
        return next((each for each in _ancestry(folder) if each.exists() and not each.is_dir()), None)
    return None


def _foreign(folder: Path) -> Path | None:
    """The innermost folder there is, where somebody else owns it."""
    if not hasattr(os, "getuid"):
        return None
    for each in reversed(_ancestry(folder)):
        with suppress(OSError):
            return each if each.stat().st_uid != os.getuid() else None
    return None
