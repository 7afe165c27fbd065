"""In which country this computer is, as far as it says so itself: its time zone, then its language. Looks, asks nobody."""

from __future__ import annotations

import locale
import os
import re
from pathlib import Path

_ZONES = Path("/usr/share/zoneinfo")
_TABLE = "zone.tab"
_OF_LOCALE = re.compile(r"[A-Za-z]{2,3}[_-]([A-Za-z]{2})\b")


def system_region() -> str:
    """An ISO 3166 code; empty where nothing tells."""
    return _of_zone(_zone()) or _of_language()


def _zone() -> str:
    """The name of the time zone, such as Europe/Vienna; empty: not known."""
    if name := os.environ.get("TZ", "").lstrip(":"):
        return name
    try:
        return Path("/etc/localtime").resolve(strict=True).relative_to(_ZONES.resolve()).as_posix()
    except (OSError, ValueError):
        return ""


def _of_zone(zone: str) -> str:
    if not zone:
        return ""
    try:
        rows = (_ZONES / _TABLE).read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    found = [row.split("\t") for row in rows if not row.startswith("#")]
    return next((row[0] for row in found if len(row) > 2 and row[2] == zone), "")


def _of_language() -> str:
    names = (
        *(os.environ.get(name, "") for name in ("LC_ALL", "LC_MESSAGES", "LANG")),
        locale.getlocale()[0] or "",
    )
    found = (_OF_LOCALE.match(name) for name in names)
    return next((match[1].upper() for match in found if match is not None), "")
