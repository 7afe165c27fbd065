"""The language of a text, as far as a voice needs to know it: by its letters and its commonest words. Pure, any thread."""

from __future__ import annotations

import re
from collections.abc import Sequence

from companion.kinds import VoiceInfo
from companion.language import ENGLISH, NAMES, language
from companion.providers.here.guide.lexicon import load_languages

_COMMON = """
    more all right the and you is that it to of what with for your how this not are was have do like time there here
    when about i my a be at on as or if so can would who which take goodbye hello thank they we she he
"""
_ENGLISH = frozenset(_COMMON.split())
_LOOKED_AT = 400
"""Characters."""


def language_of(text: str, before: str = "") -> str:
    """The tag of the language of `text`: `de`. Where it does not tell, `before`, and else the interface's."""
    text = text[:_LOOKED_AT].lower().replace("’", "'")
    letters = sum(map(str.isalpha, text))
    words = re.findall(r"[^\W\d_]+(?:'[^\W\d_]+)?", text)
    counted = {"en": sum(word in _ENGLISH for word in words)}
    for each in load_languages():
        if each.script is not None and 2 * len(each.script.findall(text)) > letters > 0:
            return each.code or before
        if each.code:
            counted[each.code] = sum(word in each.words for word in words)
    best, second = sorted(counted, key=lambda code: -counted[code])[:2]
    if counted[best] > counted[second]:
        return best
    return before or of_interface() or ENGLISH


def of_interface() -> str:
    """The language of the window, by its code; empty where that is English, as whoever speaks anything may have it."""
    return language() if language() in NAMES and language() != ENGLISH else ""


def voice_for(tag: str, voices: Sequence[VoiceInfo]) -> str:
    """The id of the first of `voices` that speaks this language; else of the first."""
    return next((voice.id for voice in voices if base(voice.language or "en") == tag), voices[0].id)


def base(tag: str) -> str:
    """`pt` of `pt-BR`."""
    return tag.partition("-")[0].lower()
