"""Journals that are one text file: Day One's plain text, and what jrnl keeps or writes.

Day One begins each entry with indented lines `Date:`, `Weather:`; jrnl with `[date time] title`, in old versions without
brackets. A line in brackets that holds no date is text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from companion.exchange import times
from companion.exchange.formats.dayone import plain
from companion.exchange.reading import Reading
from companion.exchange.texts import at_tags, decoded, hashtags, names_of, title_and_rest
from companion.exchange.times import Moment
from companion.exchange.tree import BadMember, Tree
from companion.language import mark, tr

_FIELD = re.compile(r"\t([^\t:\n]{1,24}):[ \t]+(\S[^\n]*)")
_BRACKETED = re.compile(r"\[([^\]\n]{6,60})\][ \t]*(.*)")
_DATE_LIKE = re.compile(r"\[\d{4}-\d{2}-\d{2}\b[^\]\n]*\].*")
"""Meant as the beginning of an entry, even where that day does not exist."""
_BARE = re.compile(r"(\d{4}-\d{2}-\d{2} \d{1,2}:\d{2}(?::\d{2})?(?: ?[AaPp][Mm])?)[ \t]+(\S.*)")
_TAG_FIELDS = ("tags", "schlagwörter", "étiquettes", "etiquetas", "tag")
_MONTH_FIRST = re.compile(r"(?<!\d)\d{1,2}/(\d{1,2})/\d{4}")
_LOOKED_AT = 400
"""Lines at the beginning that show whether a file is a journal."""


def read_texts(tree: Tree, reading: Reading, taken: set[str], *, is_alone: bool) -> None:
    """Every text file that is a journal; `is_alone`: whatever its ending."""
    for name in tree.names():
        if name in taken or not (is_alone or name.lower().endswith((".txt", ".text", ".jrnl"))):
            continue
        try:
            text = decoded(tree.read(name))
        except BadMember as bad:
            reading.skip(name, str(bad))
            continue
        lines = text.split("\n")
        if any(_field_date(line) for line in lines[:_LOOKED_AT]):
            reading.recognised("dayone-text", tr("Day One text"))
            _read_dayone(lines, reading)
        elif any(_jrnl_head(line) for line in lines[:_LOOKED_AT]):
            reading.recognised("jrnl", "jrnl")
            _read_jrnl(lines, reading, is_month_first=_is_month_first(text))
        else:
            continue
        taken.add(name)


# -- Day One ------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Page:
    """An entry while its lines are read."""

    moment: Moment | None
    head: str
    fields: dict[str, str] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)


def _field_date(line: str) -> Moment | None:
    found = _FIELD.fullmatch(line.rstrip())
    return times.in_words(found[2]) if found else None


def _read_dayone(lines: list[str], reading: Reading) -> None:
    first = next(
        (found[1] for line in lines if (found := _FIELD.fullmatch(line.rstrip())) and _field_date(line)), ""
    )
    for page in _dayone_pages(lines, first):
        if page.moment is None:
            reading.skip(page.head, mark("its date does not exist, or cannot be understood"))
            continue
        tags = next((value for name, value in page.fields.items() if name.casefold() in _TAG_FIELDS), "")
        about = {name.casefold() for name in page.fields}
        reading.leave_out("weather report", 1 if about & {"weather", "wetter", "météo", "tiempo"} else 0)
        reading.leave_out("place", 1 if about & {"location", "ort", "lieu", "ubicación"} else 0)
        reading.leave_out("picture", 1 if about & {"photo", "photos", "foto", "fotos"} else 0)
        title, words = title_and_rest(plain("\n".join(page.lines)))
        reading.add(page.moment, words, title=title, what=page.head, tags=names_of(tags))


def _dayone_pages(lines: list[str], date_field: str) -> Iterator[_Page]:
    """`date_field`: what the field of the date is called in the language of the file."""
    page: _Page | None = None
    for line in lines:
        found = _FIELD.fullmatch(line.rstrip())
        if found and found[1] == date_field:
            if page is not None:
                yield page
            page = _Page(times.in_words(found[2]), tr("the entry of {day}", day=found[2].strip()))
        elif page is not None and found and not any(page.lines):
            page.fields[found[1]] = found[2]
        elif page is not None:
            page.lines.append(line)
    if page is not None:
        yield page


# -- jrnl ---------------------------------------------------------------------------------------------------


def _jrnl_head(line: str, *, is_month_first: bool = False) -> tuple[Moment, str] | None:
    found = _BRACKETED.fullmatch(line.rstrip()) or _BARE.fullmatch(line.rstrip())
    if found is None or not any(char.isdigit() for char in found[1]):
        return None
    moment = times.in_words(found[1], is_month_first=is_month_first)
    return (moment, found[2].strip()) if moment is not None else None


def _read_jrnl(lines: list[str], reading: Reading, *, is_month_first: bool) -> None:
    for page in _jrnl_pages(lines, is_month_first=is_month_first):
        words = "\n".join(page.lines).strip()
        if page.moment is None:
            if words or page.head:
                reading.skip(page.head or mark("the first lines"), mark("it has no date that exists"))
            continue
        title, is_starred = without_star(page.head)
        tags = (*at_tags(f"{title}\n{words}"), *hashtags(f"{title}\n{words}"))
        reading.add(page.moment, words, title=title, is_starred=is_starred, tags=tags)


def _jrnl_pages(lines: list[str], *, is_month_first: bool) -> Iterator[_Page]:
    page = _Page(None, "")
    for line in lines:
        head = _jrnl_head(line, is_month_first=is_month_first)
        if head is not None:
            yield page
            page = _Page(*head)
        elif _DATE_LIKE.fullmatch(line.rstrip()):
            yield page
            page = _Page(None, line.strip())
        else:
            page.lines.append(line)
    yield page


def without_star(title: str) -> tuple[str, bool]:
    """A title without the star before or behind it, and whether there was one."""
    title = title.strip()
    if title == "*" or title.startswith("* "):
        return title[1:].strip(), True
    is_starred = title.endswith((" *", "\t*"))
    return title.removesuffix("*").strip() if is_starred else title, is_starred


def _is_month_first(text: str) -> bool:
    """Whether dates with slashes begin with the month: some day is one that no month can be."""
    return any(int(found[1]) > 12 for found in _MONTH_FIRST.finditer(text))
