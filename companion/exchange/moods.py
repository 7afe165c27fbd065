"""Moods of other journals on our scale, from -3 very unpleasant to 3 very pleasant, where a mood is one of theirs.

A name of the person's own says nothing about the scale: it is kept as a word, without a number.
"""

from __future__ import annotations

import re
import unicodedata

DAYLIO = {"rad": 3, "good": 1, "meh": 0, "bad": -2, "awful": -3}
"""The five that Daylio comes with."""
_VERY = re.compile(
    r"^(very|sehr|tres|muy|molto|muito|zeer|heel|mycket|meget|veldig|bardzo|очень)\b|^(とても|非常|매우)"
)
_SLIGHTLY = re.compile(
    r"^(slightly|somewhat|etwas|leicht|legerement|un peu|ligeramente|algo|leggermente|un po'?|ligeiramente|um pouco|"
    r"enigszins|licht|nagot|lidt|litt|nieco|немного|слегка)\b|^(やや|少し|有点|略微|약간)"
)
_NEUTRAL = re.compile(r"neutr|neutral|ニュートラル|中性|平静|보통|нейтраль")
_UNPLEASANT = re.compile(
    r"unpleasant|unangenehm|desagreable|desagradable|spiacevol|sgradevol|desagradavel|onaangenaam|onprettig|obehaglig|"
    r"ubehagelig|nieprzyjemn|неприятн|不快|不愉快|불쾌"
)
_PLEASANT = re.compile(
    r"pleasant|angenehm|agreable|agradable|piacevol|gradevol|agradavel|aangenaam|prettig|behaglig|behagelig|przyjemn|"
    r"приятн|快い|快適|愉快|유쾌"
)


def state_of_mind(words: str) -> int | None:
    """The seven steps of "Slightly pleasant" in several languages; None: another word."""
    decomposed = unicodedata.normalize("NFD", " ".join(words.casefold().replace("’", "'").split()))
    bare = "".join(char for char in decomposed if not "\u0300" <= char <= "\u036f")
    plain = unicodedata.normalize("NFC", bare)  # Korean syllables whole again
    if _NEUTRAL.search(plain):
        return 0
    size = 3 if _VERY.search(plain) else 1 if _SLIGHTLY.search(plain) else 2
    if _UNPLEASANT.search(plain):
        return -size
    return size if _PLEASANT.search(plain) else None
