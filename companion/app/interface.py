"""The language the interface speaks: the one that is chosen, else the computer's, else English."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

from companion import language
from companion.paths import resources

if TYPE_CHECKING:
    from collections.abc import Mapping

_log = logging.getLogger(__name__)
_VARIABLES = ("LC_ALL", "LC_MESSAGES", "LANG")
"""Where a computer says it, the strongest first."""


def speak(chosen: str, system: str = "") -> str:
    """Takes up a language and returns its code; English costs nothing.

    Args:
        chosen: the setting: a code, or `language.SYSTEM`.
        system: what the desktop says, where it says so: a tag such as `de-AT`.
    """
    wanted = chosen if chosen != language.SYSTEM else of_computer(os.environ, system)
    if wanted != language.language():
        language.use(load(wanted) if wanted != language.ENGLISH else None)
    return language.language()


def of_computer(environment: Mapping[str, str], system: str = "") -> str:
    """The code of the first language named that the interface speaks."""
    told = next((environment[name] for name in _VARIABLES if environment.get(name)), "") or system
    code = told.replace("-", "_").partition("_")[0].partition(".")[0].lower()
    return code if code in language.NAMES else language.ENGLISH


def load(code: str) -> language.Catalogue | None:
    """The catalogue of a language; None, and a line in the log: it could not be read, and English it stays."""
    try:
        return language.load(resources() / "languages", code)
    except (OSError, ValueError) as error:
        _log.error("the language %s cannot be read: %s", code, type(error).__name__)
        return None
