"""About: what this is, its version, its licences."""

from __future__ import annotations

from companion import __version__
from companion.gui.labels import text_label
from companion.gui.settings.host import SettingsHost
from companion.gui.settings.page import PageInfo, SettingsPage
from companion.gui.theme import Look
from companion.language import mark, tr

_TEXTS = (
    ("strong", f"Companion {__version__}"),
    (
        "soft",
        mark(
            "A private voice companion for reflection. It listens, asks, and keeps what you say on your own computer."
        ),
    ),
    (
        "soft",
        mark(
            "You are talking with a program, not with a person. It is no therapist and no doctor. If you are in "
            "distress or in danger, please turn to people who can be with you, or call your local emergency "
            "number or crisis line."
        ),
    ),
    ("strong", mark("When things are bad")),
    (
        "soft",
        mark(
            "Before your words go to anybody who thinks, they are looked at on this computer, by written rules "
            "and a small network, for danger to you or to somebody else: thoughts of suicide, self-harm, "
            "violence, eating disorders, emergencies, losing touch with reality, a child at risk. Where these "
            "find it, a card shows who you can reach in your country at any hour, and the answer begins with "
            "words that were written beforehand: they take it seriously, ask plainly where it is not clear, and "
            "name help and somebody you trust. Then the conversation goes on."
        ),
    ),
    (
        "soft",
        mark(
            "Nobody is told or called, and nothing is sent to anyone new. Say that you are safe, and the card "
            "goes and does not come back for it. They make mistakes: they may miss something, or ask without "
            "need. Answers are looked at too, before they are spoken: one that describes a way to do harm, "
            "speaks for it, claims to be a person, or makes leaving hard is stopped, and you are told. You are "
            "reminded every three hours of use that this is a program, and of a pause after about forty minutes. "
            "The country and the name of somebody you trust are under Privacy; care itself cannot be switched "
            "off."
        ),
    ),
    ("strong", mark("Licences")),
    (
        "soft",
        mark(
            "Companion is free software under the MIT licence. It stands on libraries of others, each with its "
            "own licence. Those that ask for more than to be named: Qt, used through PySide6 and shiboken6 (LGPL "
            "3); the resampler soxr and libsndfile inside soundfile with its MP3 decoder and encoder (LGPL 2.1 "
            "or later). They are ordinary packages that you may replace by other versions. espeak-ng, the plain "
            "voice and reader of the natural ones (GPL 3 or later), is a separate program part: it is loaded in "
            "a process of its own and comes with the package espeakng-loader. The network that looks for danger "
            "is made from all-MiniLM-L6-v2 (Apache 2.0). Models that you fetch have licences of their own, which "
            "are named beside them."
        ),
    ),
)


class AboutPage(SettingsPage):
    def __init__(self, host: SettingsHost, look: Look) -> None:
        super().__init__(host, look, tr("About"))
        for kind, text in _TEXTS:
            self.column.addWidget(text_label(tr(text), kind))
        self.column.addStretch(1)


PAGE = PageInfo(
    name="about",
    title="About",
    order=100,
    build=AboutPage,
)
