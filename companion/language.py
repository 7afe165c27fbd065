"""The language of the interface: every sentence a person reads goes through `tr`, `trn` or `trc`.

    tr("Delete {name}?", name=title)                         the sentence in the language of the interface, with its values
    trn("{n} reflection", "{n} reflections", n)              as its language counts
    trc("a button", "Open")                                  where one English word needs two translations
    mark("Delete")                                           in a table that is made at import: `tr` when it is read

English is written in the program and loads nothing; another language is a catalogue, `resources/languages/<code>.po`, read
when the window starts (`use`). Values are set in as `str.format` does; numbers with `,` or a point (`{n:,}`, `{x:.1f}`) as
the language writes them. Any thread; the language changes only between one window and the next.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from pathlib import Path

SYSTEM = "system"
"""The language of the computer."""
ENGLISH = "en"
PSEUDO, PSEUDO_RTL = "pseudo", "pseudo-rtl"
"""For whoever works on the window."""
NAMES: Mapping[str, str] = {ENGLISH: "English", "de": "Deutsch", "hi": "हिन्दी"}
"""The languages of the interface, each in its own words."""
_CONTEXT = "\x04"
"""Between context and text, as gettext has it."""
_POINTS = {"de": (".", ",")}
"""What groups digits, and what stands before the fraction, where it is not as in English."""
_STOPS = {"hi": "।"}
"""What ends a sentence where it is no point."""
_INDIAN = ("hi",)
"""Groups of two digits above the thousands."""


class Catalogue:
    """A language and what is said in it.

    Args:
        said: what stands for an English text; one with a context begins with it and `\\x04`.
        counted: what stands for a text that counts, by the English for one: a form for each of `form`.
        form: which of its forms a number takes.
    """

    def __init__(
        self,
        language: str,
        said: Mapping[str, str] = {},
        counted: Mapping[str, Sequence[str]] = {},
        form: Callable[[int], int] = lambda n: int(n != 1),
    ) -> None:
        self.language, self._said, self._counted, self._form = language, said, counted, form

    def find(self, text: str) -> str:
        """Its words for `text`; without any, `text` itself."""
        return self._said.get(text) or _bare(text)

    def count(self, one: str, many: str, n: int) -> str:
        """Its words for `n` of something; without any, the English."""
        forms = self._counted.get(one)
        return (forms[self._form(n)] if forms is not None else "") or (one if n == 1 else many)


class Pseudo(Catalogue):
    """English that looks translated and is a third longer, to see which words nobody marked and which have no room.

    `PSEUDO_RTL`: its lines begin at the right.
    """

    def find(self, text: str) -> str:
        return self._stretched(_bare(text))

    def count(self, one: str, many: str, n: int) -> str:
        return self._stretched(one if n == 1 else many)

    def _stretched(self, text: str) -> str:
        mark_of_side = "\u200f" if self.language == PSEUDO_RTL else ""
        return f"{mark_of_side}{_stretched(text)}{mark_of_side}"


def _stretched(text: str) -> str:
    parts = re.split(r"(\{[^{}]*\}|\s+)", text)
    said = "".join(part if part[:1] == "{" else part.translate(_ACCENTS) for part in parts)
    longer = " ····" * (len(text) // 15) or "·" * (len(text) // 3)
    return f"‹{said}{longer}›"


_ACCENTS = str.maketrans("aeiouAEIOU", "áéíóúÁÉÍÓÚ")
_catalogue: Catalogue | None = None


def use(catalogue: Catalogue | None) -> None:
    """From now on the interface speaks this language; None: English."""
    global _catalogue  # noqa: PLW0603 - a program has one interface
    _catalogue = catalogue


def language() -> str:
    """The language in use, by its code."""
    return _catalogue.language if _catalogue is not None else ENGLISH


def mark(text: str) -> str:
    """`text` itself, found for the catalogues here and translated where it is read."""
    return text


class Worded:
    """Base of the values that tables hold: the fields named in `WORDS` are translated as they are read."""

    __slots__ = ()
    WORDS: ClassVar[frozenset[str]]
    if not TYPE_CHECKING:

        def __getattribute__(self, name: str) -> object:
            value = object.__getattribute__(self, name)
            if _catalogue is None or name == "WORDS" or name not in self.WORDS:
                return value
            return {key: tr(text) for key, text in value.items()} if isinstance(value, Mapping) else tr(value)


def tr(text: str, /, **values: object) -> str:
    """`text` in the language of the interface, with its values."""
    said = _catalogue.find(text) if _catalogue is not None and text else text
    return _filled(said, values)


def trc(context: str, text: str, /, **values: object) -> str:
    """`text` where the same English means something else elsewhere; `context` says where this is."""
    said = _catalogue.find(f"{context}{_CONTEXT}{text}") if _catalogue is not None else text
    return _filled(said, values)


def trn(one: str, many: str, n: int, /, **values: object) -> str:
    """The sentence for `n` things; `{n}` in it is the number."""
    english = one if n == 1 else many
    said = _catalogue.count(one, many, n) if _catalogue is not None else english
    return _filled(said, {"n": n, **values})


def sentence(text: str) -> str:
    """`text` with the full stop of the language."""
    return f"{text}{_STOPS.get(language(), '.')}"


def _bare(text: str) -> str:
    return text.partition(_CONTEXT)[2] or text


def _filled(text: str, values: Mapping[str, object]) -> str:
    if not values:
        return str(text)
    if _catalogue is None:
        return text.format(**values)
    return text.format(
        **{name: _Number(value) if _is_number(value) else value for name, value in values.items()}
    )


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


class _Number:
    """Written as the language of the interface does where a format is asked for."""

    __slots__ = ("_value",)

    def __init__(self, value: object) -> None:
        self._value = value

    def __str__(self) -> str:
        return str(self._value)

    def __format__(self, wanted: str) -> str:
        return number(format(self._value, wanted)) if wanted else str(self._value)


def number(text: str) -> str:
    """A number as Python writes it (`1,234.5`), as the language of the interface writes it."""
    if language() in _INDIAN:
        return _in_lakhs(text)
    group, point = _POINTS.get(language(), (",", "."))
    return text.translate({ord(","): group, ord("."): point})


def _in_lakhs(text: str) -> str:
    if "," not in text:
        return text
    whole, point, fraction = text.partition(".")
    digits = whole.replace(",", "")
    head, tail = digits[:-3], digits[-3:]
    grouped = re.sub(r"(?<=\d)(?=(?:\d\d)+$)", ",", head)
    return f"{grouped},{tail}{point}{fraction}"


# -- catalogues ---------------------------------------------------------------------------------------------

_ENTRY = r'^(?:msgctxt (".*")\n)?msgid (".*")\n(?:msgid_plural ".*"\n)?((?:msgstr(?:\[\d\])? ".*"\n?)+)'
_FORM = r'^msgstr(?:\[\d\])? (".*")$'


def load(folder: Path, code: str) -> Catalogue:
    """The catalogue of a language, from its file in `folder`.

    Raises:
        OSError: there is none.
        ValueError: it is none.
    """
    if code in (PSEUDO, PSEUDO_RTL):
        return Pseudo(code)
    return read((folder / f"{code}.po").read_text("utf-8"), code)


def read(text: str, code: str) -> Catalogue:
    """A catalogue from the text of its `.po` file.

    Raises:
        ValueError: it is not one.
    """
    said: dict[str, str] = {}
    counted: dict[str, tuple[str, ...]] = {}
    for context, english, forms in re.findall(_ENTRY, text.replace('"\n"', ""), re.MULTILINE):
        key = _unquoted(english)
        if context:
            key = f"{_unquoted(context)}{_CONTEXT}{key}"
        if forms.startswith("msgstr["):
            counted[key] = tuple(map(_unquoted, re.findall(_FORM, forms, re.MULTILINE)))
        else:
            said[key] = _unquoted(forms[7:].rstrip("\n"))
    header = said.pop("", "")
    if not header:
        raise ValueError("not a catalogue")
    found = re.search(r"plural=([^;]+);", header)
    return Catalogue(code, said, counted, _form(found[1].strip() if found else "n != 1"))


def _form(expression: str) -> Callable[[int], int]:
    """The usual rules without the cost of a parser."""
    match expression.strip("()").replace(" ", ""):
        case "n!=1":
            return lambda n: int(n != 1)
        case "n>1":
            return lambda n: int(n > 1)
    from gettext import c2py

    rule: Callable[[int], int] = c2py(expression)
    return rule


def _unquoted(quoted: str) -> str:
    if "\\" not in quoted:
        return quoted[1:-1]
    import json

    text = json.loads(quoted)  # the escapes of both are the same
    return text if isinstance(text, str) else ""
