"""What somebody types to open a journal, in every spelling that means the same, and eight words to be written down."""

from __future__ import annotations

import re
import secrets
import unicodedata
from functools import lru_cache

from companion.paths import resources

WORDS = 8
"""Of about eleven bits each: nobody can guess eight."""
_LEAST_WORDS = 2_048
_WORD = re.compile(r"[a-z]+")


@lru_cache(maxsize=1)
def spare_words() -> tuple[str, ...]:
    """The short, plain words of `resources/spare_words.txt`."""
    words = tuple((resources() / "spare_words.txt").read_text("utf-8").split())
    assert len(set(words)) == len(words) >= _LEAST_WORDS
    return words


def draw_words() -> str:
    """Eight words by chance, with spaces between."""
    return " ".join(secrets.choice(spare_words()) for _ in range(WORDS))


def spellings(passphrase: str) -> tuple[str, ...]:
    """The same passphrase as it may have been typed; the first is how a new one is kept.

    Spaces and line ends around it and several between words mean nothing, nor which of Unicode's ways a letter was sent in.
    Slots of before kept it as it was typed. Eight words of our list are meant whatever their case, with commas or with the
    numbers they were written down with.
    """
    kept = " ".join(unicodedata.normalize("NFKC", passphrase).split())
    typed = unicodedata.normalize("NFC", passphrase)
    words = _WORD.findall(kept.casefold())
    is_drawn = len(words) == WORDS and set(words) <= set(spare_words())
    spelled = [" ".join(words)] if is_drawn else []
    return tuple(dict.fromkeys([*spelled, kept, typed, typed.strip()]))
