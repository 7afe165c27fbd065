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
_SIGN = {first + place: letter for first, row in _ROWS[:6] for place, letter in enumerate(row)}
"""What a US keyboard writes there."""
_LATIN_ENDS = 0x250
_SPECIAL = 0x01000000
"""Qt's keys without a letter begin here."""
_DEAD = {
    0x01001250: ("`", "\u0300"),
    0x01001251: ("´", "\u0301"),
    0x01001252: ("^", "\u0302"),
    0x01001253: ("~", "\u0303"),
    0x01001254: ("¯", "\u0304"),
    0x01001255: ("˘", "\u0306"),
    0x01001256: ("˙", "\u0307"),
    0x01001257: ("¨", "\u0308"),
    0x01001258: ("°", "\u030a"),
    0x01001259: ("˝", "\u030b"),
    0x0100125A: ("ˇ", "\u030c"),
    0x0100125B: ("¸", "\u0327"),
    0x0100125C: ("˛", "\u0328"),
    0x01001260: ("\u0323", "\u0323"),
    0x01001261: ("\u0309", "\u0309"),
    0x01001262: ("\u031b", "\u031b"),
}
"""Keys that wait for a letter: the sign they show, and the mark they put on the letter."""


def alive(key: int) -> int:
    """The key by its own sign, for one that waits for a letter to put it on."""
    return ord(_DEAD[key][0]) if key in _DEAD else key


def accent(key: int) -> str:
    """The mark that a waiting key puts on the next letter; empty: it waits for none."""
    return _DEAD[key][1] if key in _DEAD else ""


def is_same_place(key: int, other: int, number: int) -> bool:
    """Whether `other`, in the layout of now, is written by the key with this number that writes `key` in another script."""
    return _script(key) != _script(other) and _NUMBER.get(key) == number


def meant_by_place(key: int, number: int) -> str:
    """The sign that a shortcut names a key by when it writes `key` and lies where `number` says; empty: by what it writes.

    A letter where another script is written, and a digit where digits take Shift, as in French and Czech.
    """
    sign = _SIGN.get(number, "")
    if sign.isdigit():
        return "" if key < 0x80 and chr(key).isalnum() else sign
    return sign if _script(key) > 0 else ""


def _script(key: int) -> int:
    """Which script a letter belongs to, as far as layouts mix them; keys without letters have one of their own."""
    if key >= _SPECIAL:
        return -1
    return 0 if key < _LATIN_ENDS else key >> 8
