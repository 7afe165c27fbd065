"""The words of a take while it grows: which are firm, which may still change, and how its stretches are joined. Pure.

A recogniser that hears only whole recordings is shown the growing stretch again and again. Words that two looks in a row
agree on, and that are not among the newest, are firm and stay as they are. Where the speaker pauses a stretch is closed:
the look at the whole of it has the last word, and the next begins.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import SequenceMatcher

_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef"
"""Scripts that are written without spaces: each letter counts as a word."""
_UNIT = re.compile(rf"\s*(?:[{_UNSPACED}]|[^\s{_UNSPACED}]+)")
_STOPS = ".!?。！？"
_COMMAS = ",;，、"
_OPEN_ENDS = re.compile(r"(?:\.{2,}|…|[-–—])$")
_SMALL_WORDS = (
    # English
    "the a an and but or so to of in on at by for with from as if that this these those it its it's he she we they you "
    "my your his her our their is are was were be been am have has had do does did not because when while which who "
    "what where how then than there here just also about into over after before until "
    # German, French, Spanish, Italian, Portuguese, Dutch
    "und aber oder denn dass weil wenn als wie der die das den dem des ein eine einen ich du er sie es wir ihr nicht mit "
    "von zu im auf für bei nach aus war ist hat et mais ou que qui le la les un une des de du en dans je tu il elle nous "
    "vous ce pas pour avec sur y o pero porque el los las una del al yo no con por para e ma perché che il lo gli "
    "di da per io non è mas os as um uma do da eu não com het een maar dat ik je wij met van voor niet"
)
_SMALL = frozenset(_SMALL_WORDS.split())
"""Words that begin no name: inside a sentence they are written small."""


def count_words(text: str) -> int:
    """How many words a text has; in scripts without spaces, letters."""
    return len(_UNIT.findall(text))


class LiveWords:
    """The words of one take."""

    def __init__(self) -> None:
        self._done = ""
        """Closed stretches, joined."""
        self._firm: list[str] = []
        self._open: list[str] = []
        """Words of the stretch under way: those that stay, and those after them in the latest look."""
        self._latest: list[str] = []

    def look(self, text: str) -> None:
        """Takes what the stretch under way is heard as now."""
        units = _UNIT.findall(text.strip())
        rest = units[_place_after(self._firm, units) :]
        before = self._latest[_place_after(self._firm, self._latest) :]
        agreed = 0
        # How the newest words are heard depends on what follows them, and so does how they are written.
        for old, new in zip(before[:-2], rest[:-1], strict=False):
            if _plain(old) != _plain(new):
                break
            agreed += 1
        self._firm = [*self._firm, *rest[:agreed]]
        self._open, self._latest = rest[agreed:], units

    def close(self, text: str) -> None:
        """Takes what the stretch is heard as in the end; the next one begins."""
        self._done = joined(self._done, text)
        self._firm, self._open, self._latest = [], [], []

    @property
    def text(self) -> str:
        return joined(self._done, "".join([*self._firm, *self._open]))

    @property
    def committed_chars(self) -> int:
        """How many characters at the beginning of `text` stay as they are, whatever is said next."""
        if self._firm:
            return len(joined(self._done, "".join(self._firm)))
        return len(self._done.rstrip(_STOPS + _COMMAS + "…-–— "))  # the stop goes where the sentence goes on


def joined(left: str, right: str) -> str:
    """Two stretches of one take as one text: no stop or capital where the sentence goes on."""
    left, right = left.strip(), right.strip()
    if not left or not right:
        return left or right
    goes_on = right[0].islower()
    if _OPEN_ENDS.search(left):
        left, goes_on = _OPEN_ENDS.sub("", left).rstrip(), True
    elif goes_on:
        left = left.rstrip(_STOPS)
    first = re.match(r"[\w'’]+", right)
    if (goes_on or left[-1:] not in _STOPS) and first and first[0].lower() in _SMALL:
        right = right[0].lower() + right[1:]
    gap = "" if re.match(rf"[{_UNSPACED}]{{2}}", (left[-1:] or "a") + right[0]) else " "
    return f"{left}{gap}{right}"


def ended(text: str) -> str:
    """The text of a whole take: a sentence that was heard as going on ends here all the same."""
    if text[-1:] and text[-1] in _COMMAS:
        return text[:-1] + ("." if text[-1].isascii() else "。")
    return text


def _place_after(firm: Sequence[str], units: Sequence[str]) -> int:
    """Where in `units` the words go on that follow the firm ones, however many it has for them."""
    if not firm:
        return 0
    wanted, found = [_plain(unit) for unit in firm], [_plain(unit) for unit in units]
    if found[: len(wanted)] == wanted:
        return len(wanted)
    blocks = SequenceMatcher(None, wanted, found, autojunk=False).get_matching_blocks()
    last = [block for block in blocks if block.size][-1:]
    if not last:
        return min(len(firm), len(units))
    missing = len(wanted) - (last[0].a + last[0].size)
    return min(len(units), last[0].b + last[0].size + missing)


def _plain(unit: str) -> str:
    """A word as it sounds: without marks and capitals."""
    return re.sub(r"[^\w]", "", unit).casefold()
