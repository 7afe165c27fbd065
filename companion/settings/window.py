"""How the window looks, and what it does beside the conversation."""

from __future__ import annotations

from companion.frozen import Frozen
from companion.language import NAMES, SYSTEM
from companion.settings.field import Page, setting


class General(Frozen):
    """The window's language, and what it does while it is not in front."""

    interface_language: str = setting(
        SYSTEM,
        label="Language of the window",
        help="From the next start on. What you speak, and what is spoken, is chosen under Hearing and Voice.",
        choices={SYSTEM: "Like the system", **NAMES},
        page=Page.GENERAL,
        environment="COMPANION_LANG",
    )
    tray: bool = setting(
        True,
        label="Show an icon in the tray",
        help="Where the desktop has a tray. It tells whether the microphone is open, and has a menu.",
        page=Page.GENERAL,
    )
    close_to_tray: bool = setting(
        False,
        label="Closing the window leaves it in the tray",
        help="It goes on until you choose Quit there or press Ctrl+Q. Without a tray, closing ends it.",
        page=Page.GENERAL,
    )
    tell_answers: bool = setting(
        True,
        label="Tell me when an answer has come and I am in another window",
        help="A notification of the desktop. It says that there is an answer, and not a word of it.",
        page=Page.GENERAL,
    )


class Appearance(Frozen):
    """How the window looks."""

    theme: str = setting(
        "system",
        label="Colours",
        choices={"system": "Like the system", "light": "Light", "dark": "Dark"},
        page=Page.APPEARANCE,
    )
    font_scale: float = setting(
        1.0,
        label="Text size",
        low=0.8,
        high=2.0,
        suggestions={0.9: "Small", 1.0: "Normal", 1.2: "Large", 1.5: "Very large", 2.0: "Largest"},
        page=Page.APPEARANCE,
    )
    reduced_motion: bool = setting(
        False, label="Reduce motion", help="Nothing turns or pulses.", page=Page.APPEARANCE
    )
    large_captions: bool = setting(
        False,
        label="Large captions",
        help="What is said and answered in very large letters, to be read from afar. Ctrl+Shift+R switches it.",
        page=Page.APPEARANCE,
    )
    show_times: bool = setting(False, label="Show how long answers take", page=Page.APPEARANCE)
