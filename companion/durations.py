"""Lengths of time as people write them: `30s`, `500ms`, `1m30s`, `2h`, or plain seconds. Pure."""

from __future__ import annotations

import math
import re

_UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = re.compile(r"(\d+(?:\.\d+)?|\.\d+)(ms|s|m|h)")
_WHOLE = re.compile(rf"(?:{_PART.pattern})+")


def seconds(text: str) -> float:
    """How long that is, in seconds.

    Raises:
        ValueError: it is no length of time.
    """
    text = text.strip().lower().replace(" ", "")
    sign, rest = (-1.0, text[1:]) if text.startswith("-") else (1.0, text)
    if not _WHOLE.fullmatch(rest):
        return finite(text)
    return sign * sum(float(number) * _UNITS_S[unit] for number, unit in _PART.findall(rest))


def finite(text: str) -> float:
    """A number with an end.

    Raises:
        ValueError: it is none.
    """
    number = float(text.strip())
    if not math.isfinite(number):
        raise ValueError(f"{text[:40]} is no number with an end")
    return number
