"""What a setting is: a dataclass field that carries its label, help, range and page, and checks the values it is given.

Values in, values or a `ValueError` with a sentence for a person out. No files, no tree.
"""

from __future__ import annotations

import math
import re
from dataclasses import field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from companion.durations import finite, seconds
from companion.frozen import Frozen
from companion.language import Worded, tr
from companion.log import redact

if TYPE_CHECKING:
    from collections.abc import Mapping

Value = bool | int | float | str
LONGEST_TEXT = 2000
"""Characters a text setting may have."""
_KEY_SHAPE = re.compile(r"^\s*(?:Bearer\s+)?(?:sk[-_]|AIza|gsk_|hf_|nvapi-|xai-)[A-Za-z0-9_\-]{16,}\s*$")
_YES_NO = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


class Page(StrEnum):
    """Where the dialog shows a setting."""

    GENERAL = "general"
    THINKING = "thinking"
    HEARING = "hearing"
    VOICE = "voice"
    TALKING = "talking"
    SOUND = "sound"
    SHORTCUTS = "shortcuts"
    JOURNAL = "journal"
    PRIVACY = "privacy"
    APPEARANCE = "appearance"
    ADVANCED = "advanced"


class Declared(Worded, Frozen):
    """What a field says about itself beyond name, type and default."""

    WORDS = frozenset({"label", "help", "choices", "suggestions", "none"})
    label: str
    help: str = ""
    unit: str = ""
    low: float | None = None
    high: float | None = None
    choices: Mapping[Value, str] = field(default_factory=dict)
    """The only values allowed, each with the words a person reads."""
    suggestions: Mapping[Value, str] = field(default_factory=dict)
    """Named values; others are allowed too."""
    none: str = ""
    """What 0 means, where it is not a number like the others."""
    is_file: bool = False
    """The text is the path of a file."""
    is_folder: bool = False
    """The text is the path of a folder."""
    takes_variables: bool = False
    """`${NAME}` in the file stands for a variable of the environment; everywhere else it is text like any other."""
    page: Page | None = Page.ADVANCED
    """None: it is chosen elsewhere in the window."""
    environment: str = ""
    """A variable that sets it, besides COMPANION_<GROUP>__<FIELD>."""
    environment_unit: float = 1.0
    """How much one of that variable is in `unit`."""


def setting(default: Value, *, label: str, **declared: Any) -> Any:
    """A dataclass field that is a setting; `declared` are the fields of `Declared`."""
    return field(default=default, metadata={"declared": Declared(label=label, **declared)})


class _OutOfRangeError(ValueError):
    """It is a number, and not one that is possible."""


class Field(Frozen):
    """One setting by its dotted name."""

    name: str
    default: Value
    declared: Declared

    @property
    def kind(self) -> type[bool] | type[int] | type[float] | type[str]:
        return type(self.default)

    def check(self, value: object) -> Value:
        """`value` as this field holds it.

        Raises:
            ValueError: with the sentence a person reads.
        """
        checked = self._typed(value)
        declared = self.declared
        if declared.choices and checked not in declared.choices:
            wanted = ", ".join(str(choice) for choice in declared.choices)
            raise ValueError(tr("one of {wanted} is needed, not {shown}", wanted=wanted, shown=_shown(value)))
        too_low = declared.low is not None and isinstance(checked, (int, float)) and checked < declared.low
        too_high = declared.high is not None and isinstance(checked, (int, float)) and checked > declared.high
        if too_low or too_high:
            unit = f" {tr(declared.unit)}" if declared.unit else ""
            raise _OutOfRangeError(
                tr(
                    "{low:g} to {high:g}{unit} is possible, not {shown}",
                    low=declared.low,
                    high=declared.high,
                    unit=unit,
                    shown=_shown(value),
                )
            )
        return checked

    def _typed(self, value: object) -> Value:
        if self.kind is bool:
            return _truth(value)
        if self.kind is str:
            return _text(value)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise ValueError(tr("a number is needed, not {shown}", shown=_shown(value)))
        if not math.isfinite(value):
            raise _OutOfRangeError(tr("a number with an end is needed"))
        if self.kind is float:
            return float(value)
        if not isinstance(value, int):
            raise ValueError(tr("a whole number is needed, not {shown}", shown=_shown(value)))
        return value

    def parse(self, text: str) -> Value:
        """The value that `text` means, for environment variables and the command line.

        Raises:
            ValueError: with the sentence a person reads.
        """
        text = text.strip()
        if self.kind is bool:
            return self.check({"1": True, "0": False}.get(text, text))
        if self.kind is str:
            return self.check(text)
        try:
            if self.declared.unit == "s":
                return self.check(self.kind(seconds(text)))
            return self.check(int(text) if self.kind is int else float(text))
        except _OutOfRangeError:
            raise
        except (ValueError, OverflowError) as error:
            shown = _shown(text)
            if self.kind is int:
                raise ValueError(tr("a whole number is needed, not {shown}", shown=shown)) from error
            raise ValueError(tr("a number is needed, not {shown}", shown=shown)) from error

    def parse_variable(self, text: str) -> Value:
        """The value that the text of its own variable (`environment`) means.

        Raises:
            ValueError: with the sentence a person reads.
        """
        if self.declared.environment_unit == 1.0:
            return self.parse(text)
        try:
            value = finite(text) * self.declared.environment_unit
            return self.check(self.kind(round(value) or math.ceil(value)))  # a little is not nothing
        except _OutOfRangeError:
            raise
        except ValueError as error:
            raise ValueError(tr("a number is needed, not {shown}", shown=_shown(text))) from error


def _truth(value: object) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in _YES_NO:
        return _YES_NO[value.lower()]
    raise ValueError(tr("yes or no is needed, not {shown}", shown=_shown(value)))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(tr("text is needed, not {shown}", shown=_shown(value)))
    if len(value) > LONGEST_TEXT or any(ord(char) < 32 or ord(char) == 127 for char in value):
        raise ValueError(tr("one line of at most {longest} characters is needed", longest=LONGEST_TEXT))
    if _KEY_SHAPE.search(value):
        raise ValueError(
            tr("this looks like a key; keys are kept in the system's keyring, never in settings")
        )
    return value


def _shown(value: object) -> str:
    if isinstance(value, (list, tuple, dict)):
        return tr("a list") if isinstance(value, (list, tuple)) else tr("a group of values")
    text = redact(value if isinstance(value, str) else repr(value))
    return tr("“{text}”", text=text[:40]) if text else tr("nothing")
