"""About: what this is, its version, its licences."""

from __future__ import annotations

from companion import __version__
from companion.gui.settings.form import text_label
from companion.gui.settings.host import SettingsHost
from companion.gui.settings.page import PageInfo, SettingsPage
from companion.gui.theme import Look

_TEXTS = (
    ("strong", f"Companion {__version__}"),
    (
        "soft",
        "A private voice companion for reflection. It listens, asks, and keeps what you say on your own computer.",
    ),
    (
        "soft",
        "It is no therapist and no doctor. If you are in distress or in danger, please turn to people who can be with "
        "you, or call your local emergency number or crisis line.",
    ),
    ("strong", "Licences"),
    (
        "soft",
        "Companion is free software under the MIT licence. The offline voice is espeak-ng, a separate component under "
        "GPL 3 or later that runs in a process of its own. Qt is used under LGPL 3 through PySide6.",
    ),
)


class AboutPage(SettingsPage):
    def __init__(self, host: SettingsHost, look: Look) -> None:
        super().__init__(host, look, "About")
        for kind, text in _TEXTS:
            self.column.addWidget(text_label(text, kind))
        self.column.addStretch(1)


PAGE = PageInfo(
    name="about", title="About", order=100, build=AboutPage, words="version licence help crisis therapy"
)
