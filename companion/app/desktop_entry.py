"""The entry in the desktop's menu, with its icon, and the one that opens the window at login. Blocking, small files.

As freedesktop.org's Desktop Entry, Icon Theme and Autostart specifications have it; other systems have other ways.
"""

from __future__ import annotations

import re
import sys
from contextlib import suppress
from pathlib import Path

from companion.errors import CompanionError, Kind
from companion.language import mark, tr
from companion.paths import Home, find_home, resources, write_atomically, xdg_config, xdg_data

NAME = "companion"
"""The window says that it belongs to the entry of this name."""
_ENTRY = """[Desktop Entry]
Type=Application
Name=Companion
Comment=A private voice companion for reflection
Comment[de]=Ein privater Begleiter, mit dem du laut nachdenkst
Comment[hi]=आत्मचिंतन के लिए बोलकर बात करने वाला निजी साथी
Exec={command}
Icon={icon}
Terminal=false
StartupNotify=true
StartupWMClass=companion
Categories=Utility;
Keywords=voice;journal;diary;reflection;speech;
Keywords[de]=Stimme;Tagebuch;Reflexion;Sprache;Nachdenken;
Keywords[hi]=आवाज़;डायरी;चिंतन;बोलना;
"""
_SPECIAL = re.compile(r'["`$\\]')
_OTHERS_SAY = mark("A desktop that reads .desktop files is needed; on this system pin the program by hand.")


def install(home: Home) -> list[Path]:
    """Puts Companion into the menu; returns the files that were written.

    Raises:
        CompanionError: NOT_SUPPORTED, FOLDER_UNUSABLE.
    """
    _check_system()
    entry, drawing, picture = _places()
    source = resources() / "icons"
    for path in (drawing, picture):
        _write(path, (source / path.name).read_bytes())
    _write(entry, _text(home).encode())
    return [entry, drawing, picture]


def remove() -> list[Path]:
    """Takes all of it away again, also the start at login; returns the files that were there.

    Raises:
        CompanionError: FOLDER_UNUSABLE.
    """
    found = [path for path in (*_places(), _autostart()) if path.exists()]
    for path in found:
        _unlink(path)
    return found


def starts_with_system() -> bool:
    """Whether the window opens when the person logs in."""
    text = ""
    with suppress(OSError, UnicodeDecodeError):
        text = _autostart().read_text(encoding="utf-8")
    return bool(text) and "Hidden=true" not in text  # some desktops switch an entry off so


def start_with_system(home: Home, *, is_on: bool) -> None:
    """Has the window open when the person logs in, or not any more.

    Raises:
        CompanionError: NOT_SUPPORTED, FOLDER_UNUSABLE.
    """
    _check_system()
    if is_on:
        _write(_autostart(), _text(home).encode())
    else:
        _unlink(_autostart())


def command(home: Home) -> str:
    """What the entry runs: this very installation, quoted as the specification asks."""
    script = Path(sys.executable).parent / NAME
    words = [str(script)] if script.is_file() else [sys.executable, "-m", "companion"]
    root = home.config.parent
    if home == find_home(root):  # not the system's own places
        words += ["--home", str(root)]
    return " ".join(_quoted(word) for word in words)


def _quoted(word: str) -> str:
    escaped = _SPECIAL.sub(lambda found: f"\\{found[0]}", word)
    escaped = escaped.replace("\\", "\\\\")  # once more: the value is a string of the file, too
    return f'"{escaped}"'.replace("%", "%%")


def _text(home: Home) -> str:
    drawing = _places()[1]
    icon = NAME if drawing.exists() else str(resources() / "icons" / drawing.name)
    return _ENTRY.format(command=command(home), icon=icon)


def _places() -> tuple[Path, Path, Path]:
    """Entry, drawn icon, painted icon."""
    icons = xdg_data() / "icons/hicolor"
    return (
        xdg_data() / f"applications/{NAME}.desktop",
        icons / f"scalable/apps/{NAME}.svg",
        icons / f"256x256/apps/{NAME}.png",
    )


def _autostart() -> Path:
    return xdg_config() / f"autostart/{NAME}.desktop"


def _check_system() -> None:
    if sys.platform in ("win32", "darwin"):
        raise CompanionError(
            Kind.NOT_SUPPORTED, tr("This system knows no desktop entries."), hint=tr(_OTHERS_SAY)
        )


def _write(path: Path, content: bytes) -> None:
    try:
        write_atomically(path, content, mode=0o644)
    except OSError as error:
        raise _unusable(path, error) from error


def _unlink(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise _unusable(path, error) from error


def _unusable(path: Path, error: OSError) -> CompanionError:
    said = error.strerror or type(error).__name__
    return CompanionError(
        Kind.FOLDER_UNUSABLE, tr("{path} cannot be written: {reason}.", path=path, reason=said), cause=error
    )
