"""What espeak-ng may be given: short parts of plain text without endless words and without pictures. Pure.

espeak-ng 1.52 writes past its buffers, and is ended for it, where a word has some hundred characters that it takes for
initials or for one ending after the other ("A.B.C.A.B.C. ...", "s's's's' ..."), where a text changes its script at every
other letter, where a rare sign follows an emoji, and, in Vietnamese, Hindi or Danish, where a hyphen follows another sign
("“-U"). It never gets to see such a text.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

LONGEST_BREATH = 400
"""Characters given to espeak-ng at once, so that what a slow listener has not taken stays small."""
LONGEST_WORD = 48
"""Characters without a space: longer than what people write together, half of what the shortest crash needs."""
STRANGE = 12
"""Characters that an initial ("A.") counts for, and a change of script: both take their room in espeak-ng's buffers."""
_STRAY_HYPHEN = re.compile(r"(?<=_|[^\w\s])-(?=\w)")
_COMMANDS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_ENDLESS = re.compile(rf"\S{{{LONGEST_WORD + 1},}}")
_SENTENCE_END = re.compile(r"[.!?…]+\s+|[。！？]+\s*|\n+")
_INITIAL = re.compile(r"(?<!\w)\w[.]")
_FIRST_PICTURE = "\u2190"
"""Of the signs below it ("°", "©", "№") espeak-ng knows the words in every language."""
_JOINERS = "\u200c\u200d"
"""Of the unseen characters those that change how a word is read, in Persian and in the scripts of India."""


def speakable(text: str) -> str:
    """`text` without control characters, which espeak-ng takes for commands, and without half surrogates.

    Empty where nothing in it can be said.
    """
    plain = _COMMANDS.sub(" ", text).strip()
    return plain if any(character.isalnum() for character in plain) else ""


def breaths(text: str, longest: int = LONGEST_BREATH) -> Iterator[str]:
    """`text`, made harmless, in parts of at most `longest` characters: cut after a sentence, else at white space."""
    text = _STRAY_HYPHEN.sub(" ", "".join(map(_harmless, _COMMANDS.sub(" ", text))))
    text = _ENDLESS.sub(lambda word: " ".join(_short_words(word[0])), text)
    while text.strip():
        cut = most = _room(text, longest)
        if most < len(text):
            ends = [match.end() for match in _SENTENCE_END.finditer(text, 0, most)]
            cut = ends[-1] if ends else text.rfind(" ", 0, most) + 1 or most
        if text[:cut].strip():
            yield text[:cut]
        text = text[cut:]


def _room(text: str, longest: int) -> int:
    """How many characters of `text` fit into one breath."""
    initials = {match.start() for match in _INITIAL.finditer(text, 0, longest)}
    used, script = 0, ""
    for place, character in enumerate(text[:longest]):
        kind = _script(character)
        is_strange = place in initials or (bool(kind and script) and kind != script)
        script = kind or script
        used += STRANGE if is_strange else 1
        if used > longest:
            return max(place, 1)
    return min(len(text), longest)


def _script(character: str) -> str:
    """What is read in one way: LATIN, CYRILLIC ..., digits, signs; empty for what stands between words."""
    category = unicodedata.category(character)[0]
    if category == "L":
        return unicodedata.name(character, "?").partition(" ")[0]
    return category if category in "NS" else ""


def _harmless(character: str) -> str:
    """A space for a picture or what is no character, nothing for what cannot be seen, else the character itself."""
    category = unicodedata.category(character)
    if category == "Cf":
        return character if character in _JOINERS else ""
    is_picture = category == "So" and character >= _FIRST_PICTURE
    return " " if is_picture or category in ("Cn", "Co") else character


def _short_words(word: str) -> Iterator[str]:
    """Parts of at most `LONGEST_WORD` characters, cut after the last sign that is no letter or digit, if there is one."""
    while len(word) > LONGEST_WORD:
        signs = (place + 1 for place in range(LONGEST_WORD - 1, 0, -1) if _ends_a_part(word[place]))
        cut = next(signs, LONGEST_WORD)
        yield word[:cut]
        word = word[cut:]
    yield word


def _ends_a_part(character: str) -> bool:
    return unicodedata.category(character)[0] in "PSZ"
