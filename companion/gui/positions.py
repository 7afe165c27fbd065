"""Where a key lies on the keyboard, whatever the layout writes there: "T" is the key that writes "Е" in Russian. Pure.

Key numbers are those of X11 and Wayland. Letters are as Qt names keys: upper case.
"""

from __future__ import annotations

_ROWS = (
    (10, "1234567890-="),
    (24, "QWERTYUIOP[]"),
    (38, "ASDFGHJKL;'"),
    (49, "`"),
    (51, "\\"),
    (52, "ZXCVBNM,./"),
    (24, "ЙЦУКЕНГШЩЗХЪ"),
    (38, "ФЫВАПРОЛДЖЭ"),
    (49, "Ё"),
    (52, "ЯЧСМИТЬБЮ"),
    (26, "ΕΡΤΥΘΙΟΠ"),
    (38, "ΑΣΔΦΓΗΞΚΛ"),
    (52, "ΖΧΨΩΒΝΜ"),
    (26, "קראטוןםפ"),
    (38, "שדגכעיחלךף"),
    (52, "זסבהנמצתץ"),
)
"""The number of a row's first key, and what the usual layouts of four scripts write there."""
_NUMBER = {ord(letter): first + place for first, row in _ROWS for place, letter in enumerate(row)}
_LATIN_ENDS = 0x250
_SPECIAL = 0x01000000
"""Qt's keys without a letter begin here."""
_DEAD = {
    0x01001250: "`",
    0x01001251: "´",
    0x01001252: "^",
    0x01001253: "~",
    0x01001254: "¯",
    0x01001257: "¨",
    0x01001258: "°",
    0x0100125B: "¸",
}


def alive(key: int) -> int:
    """The key by its own sign, for one that waits for a letter to put it on."""
    return ord(_DEAD[key]) if key in _DEAD else key


def is_same_place(key: int, other: int, number: int) -> bool:
    """Whether `other`, in the layout of now, is written by the key with this number that writes `key` in another script."""
    return _script(key) != _script(other) and _NUMBER.get(key) == number


def _script(key: int) -> int:
    """Which script a letter belongs to, as far as layouts mix them; keys without letters have one of their own."""
    if key >= _SPECIAL:
        return -1
    return 0 if key < _LATIN_ENDS else key >> 8
