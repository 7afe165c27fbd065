"""Who can be reached in a country: the rows of `resources/care/help.yaml`. Pure, any thread.

A line that was not checked is not shown; then there is the emergency number and the international directory.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache

from companion.flow import Help, HelpLine
from companion.language import tr
from companion.paths import resources

DIRECTORY = "findahelpline.com"
"""Lists free lines of every country."""
LOCAL = {
    "": "your local emergency number",
    "de": "den Notruf",
    "fr": "numéro d'urgence",
    "es": "número de emergencias",
    "it": "numero di emergenza",
    "pt": "o número de emergência",
    "nl": "het noodnummer",
    "hi": "आपातकालीन नंबर",
}
"""What stands in a sentence of a language where no number is known."""
_WORDS = {
    "(ambulance)": "",
    "(police)": "",
    "(Dutch)": "(nl)",
    "(French)": "(fr)",
    " from a mobile,": "",
    " or ": " / ",
}
"""The English between numbers, as other languages can read it."""


@lru_cache(maxsize=1)
def load() -> Mapping[str, Help]:
    """By the ISO 3166 code of the country."""
    text = (resources() / "care" / "help.yaml").read_text(encoding="utf-8")
    rows = json.loads("\n".join(line for line in text.splitlines() if not line.startswith("#")))
    return {row["code"]: _help(row) for row in rows}


def find(code: str) -> Help:
    """What is known for a country; for one that is not listed, what holds everywhere."""
    return load().get(code.strip().upper(), Help(code="", country="", emergency="", directory=DIRECTORY))


def countries() -> dict[str, str]:
    """Code -> name in the language of the interface, by name."""
    named = {each.code: tr(each.country) for each in load().values()}
    return dict(sorted(named.items(), key=lambda each: each[1]))


def in_a_sentence(shown: Help) -> str:
    """For a report: which numbers a person of this country is shown."""
    if not shown.code:
        return f"No country is known: {LOCAL['']} and {DIRECTORY} are shown. Set care.region."
    line = f"{shown.line.name}, {shown.line.call}" if shown.line is not None else DIRECTORY
    return f"{shown.country}: emergency {shown.emergency}; {line}."


def numbers(told: str, language: str) -> str:
    """Numbers of the file for a sentence of another language ("192 (ambulance) or 190 (police)": "192 / 190")."""
    if language:
        for english, plain in _WORDS.items():
            told = told.replace(english, plain)
    return " ".join(told.split())


def _help(row: dict[str, object]) -> Help:
    line, checked = row["line"], row["checked"]
    return Help(
        code=str(row["code"]),
        country=str(row["country"]),
        emergency=str(row["emergency"]),
        line=HelpLine(**line) if isinstance(line, dict) and checked else None,
        directory=DIRECTORY,
        checked=str(checked) if checked else None,
    )
