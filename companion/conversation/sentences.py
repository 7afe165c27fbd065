"""A growing reply is cut into pieces that are spoken in one breath. Text deltas in, `Sentence` values out; pure.

A piece is released the moment its end is certain: "!", "?" and the stops of other scripts at once, a full stop after an
ordinary word at once, and only after "3", "Dr", "J" or an open quote does the cutter wait to see what follows. The first
piece may end at a comma, so that the voice begins before the first sentence is finished.
"""

from __future__ import annotations

import re
import unicodedata

from companion.conversation.speech_text import spoken
from companion.flow import Sentence

SHORTEST = 20
"""Narrower pieces ("Yes.") wait for the next one, unless the reply ends. Widths: a CJK character counts two."""
SHORTEST_FIRST = 12
"""The same for the first piece: "I see." waits, for a clause at most; "That is a lot." goes out at once."""
SHORTEST_CLAUSE, LONGEST_CLAUSE = 24, 90
"""Where the first piece may end at a comma."""
_OPENERS = frozenset(
    {
        *(
            "sure",
            "yes",
            "yeah",
            "no",
            "well",
            "okay",
            "ok",
            "right",
            "ah",
            "oh",
            "hm",
            "hmm",
            "indeed",
            "i see",
        ),
        *("of course", "thank you", "true", "fair enough", "absolutely", "certainly", "exactly"),
        *("ja", "nein", "gut", "danke", "oui", "non", "bien sûr", "merci"),
    }
)
"""Said before a comma at the very beginning, these are spoken at once: the rest is there before they have sounded."""
LONGEST = 300
"""Wider pieces are cut at a space, or a comma before it."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Followed by a full stop, these end no sentence,
_ABBREVIATIONS = _words(
    "dr mr mrs ms prof st mme mlle rev hon gen capt lt sgt hr fr dipl ing vs e.g i.e cf approx al dept "
    "z.b d.h u.a o.ä s.o s.u bzw vgl ggf evtl zzgl inkl ebd str p.ex c.-à-d p.s"
)
# these end none before a number,
_BEFORE_NUMBERS = _words(
    "no nr fig vol chap sec pp ca abs art bd kap min max tel jan feb mar apr jun jul aug sep sept oct "
    "okt nov dec dez"
)
# and these end one only before a capital.
_MAY_END = _words("etc usw usf inc ltd co corp jr sr a.m p.m u.s u.k u.s.a u.v.m ff")
# Two letters that are a word and no abbreviation.
_SHORT_WORDS = _words(
    "it me us so do go up on in is be he we my to of at by or if am an as oh hi ok du er es ja zu da so "
    "ab an im um wo tu il le la en on et ou où si ça va sí"
)
_UNSURE = _ABBREVIATIONS | _BEFORE_NUMBERS | _MAY_END
_ORDINAL_LEADS = _words("am der die das den dem des im zum vom beim ein einen einem einer jeder jeden bis")

_STOPS = re.compile(r"[.!?…\n。．｡！？।॥؟۔]")
_CLAUSE_STOPS = re.compile(r"[,;:—–、，；：،؛]|(?<=\s)-(?=\s)")
_CLOSERS = "\"'”’“»«)]}」』】）》*_`"
_STOP_RUN = re.compile(r"[.!?…。．！？]*")
_SPACED_CLOSER = re.compile(r"\s»")
_FENCE = re.compile(r"[ \t]*(`{3,}|~{3,})")
_FENCE_START = re.compile(r"[ \t]*(?:`{1,2}|~{1,2})\Z")
_BLOCK_LINE = re.compile(r"[ \t]*(?:[-+*•][ \t]|\d{1,9}[.)](?:[ \t]|\Z)|#{1,6}[ \t]|\||>)")
_NOT_YET, _NO_END = -1, -2


class SentenceCutter:
    """Cuts one reply. The pieces, joined, are the reply to the letter.

    Each piece carries the white space that had arrived when it was released; what comes later opens the next piece.
    """

    def __init__(self) -> None:
        self._text = ""
        self._searched = 0
        self._start = 0
        self._index = 0
        self._is_early = True
        """The voice has not begun in earnest: the next piece may end at a comma."""

    def feed(self, text: str) -> list[Sentence]:
        """Takes the next delta; returns the pieces that ended with it."""
        self._text += text
        return self._cut(is_over=False)

    def finish(self) -> list[Sentence]:
        """Returns what is left once the reply is over."""
        return self._cut(is_over=True)

    def _cut(self, *, is_over: bool) -> list[Sentence]:
        pieces: list[Sentence] = []
        while self._text:
            end = find_end(self._text, is_first=self._is_early, is_over=is_over, searched=self._searched)
            if self._index == 0 and (opener := _end_of_opener(self._text)) is not None:
                end = opener
            if end is None:
                self._searched = len(self._text)
                break
            pieces.append(self._release(end))
        return pieces

    def _release(self, end: int) -> Sentence:
        text, self._text = self._text[:end], self._text[end:]
        piece = Sentence(index=self._index, text=text, start=self._start, spoken=spoken(text))
        self._searched = 0
        self._is_early = self._index == 0 and _end_of_opener(text) is not None
        self._start += end
        self._index += 1
        return piece


def _end_of_opener(text: str) -> int | None:
    """The end of a word or two such as "Sure," that open the reply."""
    lead, comma, _ = text[:24].partition(",")
    return len(lead) + 1 if comma and lead.strip().lower() in _OPENERS else None


def find_end(text: str, *, is_first: bool, is_over: bool, searched: int = 0) -> int | None:
    """Where the first piece of `text` ends, or None while that depends on what comes.

    Args:
        searched: how much of `text` is known to hold no end of a code fence; saves time in long ones.
    """
    begin = len(text) - len(text.lstrip())
    if begin == len(text):
        return begin if is_over else None
    block = _end_of_block(text, begin, searched, is_over)
    if block == _NOT_YET:
        return None
    if block != _NO_END:
        return _with_space(text, block)
    end = _end_of_sentence(text, begin, SHORTEST_FIRST if is_first else SHORTEST, is_over)
    if is_first:
        end = _end_of_clause(text, begin, end)
    if (end is None or end - begin > LONGEST // 2) and _width(text[begin:end]) > LONGEST:
        end = _end_at_length(text, begin)
    return len(text) if end is None and is_over else end


def _end_of_block(text: str, begin: int, searched: int, is_over: bool) -> int:
    """The end of the code fence or table that starts at `begin`; `_NO_END` if there is none, `_NOT_YET` if it is open."""
    fence = _FENCE.match(text, begin)
    if fence:
        sign = fence[1]
        close = re.compile(rf"\n[ \t]*{sign[0]}{{{len(sign)},}}[ \t]*(\n|\Z)")
        found = close.search(text, max(fence.end(), text.rfind("\n", 0, searched)))
        if found and (found[1] or is_over):
            return found.end()
        return len(text) if is_over else _NOT_YET
    if _FENCE_START.match(text, begin) and not is_over:
        return _NOT_YET
    if text[begin] == "|":
        outside = re.compile(r"\n(?![ \t]*\|)").search(text, begin)
        if outside and (text[outside.end() :].strip() or is_over):
            return outside.end()
        return len(text) if is_over else _NOT_YET
    return _NO_END


def _end_of_sentence(text: str, begin: int, shortest: int, is_over: bool) -> int | None:
    for stop in _STOPS.finditer(text, begin):
        at = stop.start()
        if stop[0] == "\n":
            end = stop.end()
        elif _is_inside_markup(text[begin:at]):
            continue
        elif stop[0] == ".":
            end = _end_at_full_stop(text, begin, at, is_over)
        else:
            end = _end_at_mark(text, begin, at, is_over)
        if end == _NO_END:
            continue
        if end == _NOT_YET:
            return None
        end = _with_space(text, end)
        if _width(text[begin:end].rstrip()) >= shortest or _begins_block(text, end):
            return end
    return None


def _end_at_mark(text: str, begin: int, at: int, is_over: bool) -> int:
    """The end at "!", "?", an ellipsis or another script's stop, with the closing quotes and brackets behind it."""
    end = _past_closers(text, at)
    following = text[end : end + 1]
    if text[at] == "!" and following == "[" and end == at + 1:
        return _NO_END  # an image
    if text[at] == "…":
        return _end_at_ellipsis(text, end, is_over)
    if not (is_over or text[end:].strip()) and _is_open(text[begin:end]):
        return _NOT_YET
    if text[at] in "!?" and following.isalnum() and following.isascii():
        return _NO_END
    return end


def _end_at_full_stop(text: str, begin: int, at: int, is_over: bool) -> int:
    if text[at + 1 : at + 2] == "." or text[at - 1 : at] == ".":
        end = _past_closers(text, at)
        return _end_at_ellipsis(text, end, is_over) if text[at - 1 : at] != "." else _NO_END
    end = _past_closers(text, at)
    word = text[max(text.rfind(" ", begin, at), text.rfind("\n", begin, at), begin - 1) + 1 : at].lstrip(
        "\"'“„«‘([*_"
    )
    if end < len(text) and not text[end].isspace():
        return _NO_END if not _is_wide(text[end]) else end
    if _is_ordinary(word):
        is_sure = is_over or bool(text[end:].strip()) or not _is_open(text[begin:end])
        return end if is_sure else _NOT_YET
    following = text[end:].lstrip()
    if not following:
        return end if is_over else _NOT_YET
    return end if _ends_before(word, following, text[begin : at - len(word)]) else _NO_END


def _end_at_ellipsis(text: str, end: int, is_over: bool) -> int:
    """Dots end a sentence before a capital, not in the middle of one."""
    following = text[end:].lstrip()
    if not following:
        return end if is_over else _NOT_YET
    return end if "\n" in text[end : len(text) - len(following)] or not following[0].islower() else _NO_END


def _is_ordinary(word: str) -> bool:
    """Whether a full stop behind `word` can only be the end of a sentence."""
    bare = word.rstrip(_CLOSERS)
    lower = bare.lower()
    if lower in _UNSURE or any(char.isdigit() or char in "./:@" for char in bare):
        return False
    shortest = 4 if bare[:1].isupper() else 3
    return len(bare) >= shortest or lower in _SHORT_WORDS


def _ends_before(word: str, following: str, before: str) -> bool:
    """Whether the full stop behind an unusual `word` ends the sentence, seeing what follows."""
    lower, starts_small = word.lower(), following[0].islower()
    if not word:
        return True
    if word.isdigit():
        previous = before.split()
        is_list_number = not before.strip() or before.endswith("\n")
        is_ordinal = len(word) <= 2 and bool(previous) and previous[-1].lower() in _ORDINAL_LEADS
        return not (starts_small or is_list_number or is_ordinal)
    if lower in _ABBREVIATIONS or (lower in _BEFORE_NUMBERS and following[0].isdigit()):
        return False
    if len(word) == 1 and word not in "Iay":
        return False  # an initial
    return not starts_small


def _end_of_clause(text: str, begin: int, sentence_end: int | None) -> int | None:
    """For the first piece: the first good place at a comma, if it comes before the sentence's end."""
    if sentence_end is not None and _width(text[begin:sentence_end].rstrip()) <= SHORTEST_CLAUSE * 2:
        return sentence_end
    if _BLOCK_LINE.match(text, begin):
        return sentence_end
    for stop in _CLAUSE_STOPS.finditer(text, begin, sentence_end if sentence_end is not None else len(text)):
        end = stop.end()
        width = _width(text[begin:end])
        if width > LONGEST_CLAUSE:
            break
        if width < SHORTEST_CLAUSE or _is_inside_markup(text[begin:end]) or "\n" in text[begin:end]:
            continue
        following = text[end : end + 1]
        if following.isspace() or _is_wide(stop[0]) or (not following and _is_clause(text, stop)):
            return _with_space(text, end)
    return sentence_end


def _is_clause(text: str, stop: re.Match[str]) -> bool:
    """Whether a comma at the very end of what has arrived is one: not "1,000", "10:30", "https:"."""
    before = text[stop.start() - 1 : stop.start()]
    return not before.isdigit() and stop[0] != ":" and not _is_open(text[: stop.end()])


def _end_at_length(text: str, begin: int) -> int:
    """Where to cut a sentence that is too long for one breath."""
    limit, width = begin, 0
    while limit < len(text) and width < LONGEST:
        width += _width(text[limit])
        limit += 1
    commas = [
        stop.end()
        for stop in _CLAUSE_STOPS.finditer(text, begin, limit)
        if text[stop.end() : stop.end() + 1].isspace()
    ]
    if commas and commas[-1] - begin > (limit - begin) // 2:
        return _with_space(text, commas[-1])
    space = max(text.rfind(" ", begin, limit), text.rfind("\n", begin, limit))
    return _with_space(text, space if space > begin else limit)


def _past_closers(text: str, at: int) -> int:
    run = _STOP_RUN.match(text, at)
    end = max(at + 1, run.end() if run else 0)
    while end < len(text) and text[end] in _CLOSERS:
        end += 1
    return end + 2 if _SPACED_CLOSER.match(text, end) else end


def _with_space(text: str, end: int) -> int:
    while end < len(text) and text[end].isspace():
        end += 1
    return end


def _begins_block(text: str, at: int) -> bool:
    """Whether code or a table follows, which a short piece is not joined with."""
    return bool(_FENCE.match(text, at)) or text.startswith("|", at)


def _is_inside_markup(piece: str) -> bool:
    """Whether `piece` ends within `code`, a [label], its (address), or a bare address."""
    if piece.count("`") % 2 or piece.count("[") > piece.count("]"):
        return True
    word = piece[max(piece.rfind(" "), piece.rfind("\n")) + 1 :]
    return ("](" in word and ")" not in word[word.rindex("](") :]) or "://" in word or word.startswith("www.")


def _is_open(piece: str) -> bool:
    """Whether a closing quote, bracket or emphasis mark is still to come."""
    return (
        piece.count('"') % 2 == 1
        or piece.count("**") % 2 == 1
        or any(
            piece.count(left) > piece.count(right)
            for left, right in ("()", "「」", "『』", "“”", "«»", "（）")
        )
        or piece.count("„") > piece.count("“") + piece.count("”")
    )


def _is_wide(char: str) -> bool:
    return not char.isascii() and unicodedata.east_asian_width(char) in "WF"


def _width(text: str) -> int:
    return len(text) if text.isascii() else len(text) + sum(map(_is_wide, text))
