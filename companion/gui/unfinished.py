"""Markdown that is still being written: what is open is closed, what may become a mark waits. Pure."""

from __future__ import annotations

import re

from companion.gui import formulas

_FENCE = re.compile(r"^\s*(?:[-*+>]\s+|\d+[.)]\s+)*(`{3,}|~{3,})", re.MULTILINE)
_ONLY_MARKS = re.compile(r"\s*(?:[-+*_#>=|`~:\s]+(?:\[[ xX]?\]?)?|\d{1,9}[.)]?)\s*")
_ROW_OF_RULES = re.compile(r"\s*\|?(?:\s*:?-+:?\s*\|?)+\s*")
_SIGN = re.compile(r"\\.|`+|\*+|_+|~~|!?\[|\](?:\([^()\s]*(?:\([^()\s]*\)[^()\s]*)*(?P<end>\))?)?", re.DOTALL)
_OPEN_END = re.compile(r"(?:[*_`~]+|!|\\)$")
_PARAGRAPH_END = re.compile(r"\n\s*\n|\n(?=\s*(?:[-+*]\s|\d{1,9}[.)]\s|#|>))")


def waits(text: str) -> bool:
    """Whether its last line is nothing but signs that may turn out to be marks."""
    last = text.rpartition("\n")[2]
    return bool(last) and _ONLY_MARKS.fullmatch(last) is not None


def closed(text: str) -> str:
    """`text`, the last block of an answer, as it can be shown while more of it comes."""
    fences = _FENCE.findall(text)
    head, _, last = text.rpartition("\n")
    is_waiting = waits(text)
    if len(fences) % 2 and not (is_waiting and not head):
        return text[: len(head)] if is_waiting and last.strip()[:1] in ("`", "~") else text
    if is_waiting:
        text, last = head, head.rpartition("\n")[2]
    text = _without_open_table(text).rstrip(" \t")
    breaks = [found.end() for found in _PARAGRAPH_END.finditer(text)]
    start = breaks[-1] if breaks else 0
    return text[:start] + _closed_marks(text[start:])


def _without_open_table(text: str) -> str:
    """A line that begins like a table waits for the row of rules that makes it one."""
    text = text.rstrip("\n")
    lines = text.split("\n")
    first = len(lines)
    while first and lines[first - 1].lstrip().startswith("|"):
        first -= 1
    rows = lines[first:]
    if not rows or (len(rows) > 2 or (len(rows) == 2 and _is_rules(rows[0], rows[1]))):
        return text
    is_still_possible = len(rows) == 1 or _ROW_OF_RULES.fullmatch(rows[1]) is not None
    return "\n".join(lines[:first]) if is_still_possible else text


def _is_rules(above: str, row: str) -> bool:
    cells = row.strip().strip("|").split("|")
    return _ROW_OF_RULES.fullmatch(row) is not None and len(cells) == len(above.strip().strip("|").split("|"))


def _closed_marks(text: str) -> str:
    """One paragraph, with its emphasis, code and links ended."""
    text = formulas.closed(_OPEN_END.sub("", text).rstrip())
    opened: list[str] = []
    links: list[int] = []
    place = 0
    while found := _SIGN.search(text, place):
        place, sign = found.end(), found.group()
        if sign[0] == "\\":
            continue
        if sign[0] == "`":
            end = text.find(sign, place)
            if end < 0:
                return _shut(text + sign, opened, links)
            place = end + len(sign)
        elif sign.endswith("["):
            links.append(found.start())
        elif sign[0] == "]":
            is_open = bool(links) and (found.end() == len(text) and found.group("end") is None)
            if is_open:  # an address that is not whole: only its words are shown
                start = links.pop()
                words = text[start : found.start()].lstrip("!")[1:]
                text = text[:start] + words
                place = len(text)
            elif links:
                links.pop()
        elif sign in opened[-1:]:
            opened.pop()
        elif _opens(text, found.start(), found.end(), sign):
            opened.append(sign)
        elif opened and sign[0] == opened[-1][0] and len(sign) < len(opened[-1]):
            opened[-1] = opened[-1][len(sign) :]
    return _shut(text, opened, links)


def _shut(text: str, opened: list[str], links: list[int]) -> str:
    for start in reversed(links):
        sign = 2 if text[start] == "!" else 1
        text = text[:start] + text[start + sign :]
    return text.rstrip() + "".join(reversed(opened))


def _opens(text: str, start: int, end: int, sign: str) -> bool:
    after = text[end : end + 1]
    before = text[start - 1 : start]
    return bool(after.strip()) and not (sign[0] == "_" and before.isalnum())
