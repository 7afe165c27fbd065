"""What the developer tools say about events, tasks, hosts and the log, as lines of text. Pure but for reading the log.

An event becomes its name and its facts. What somebody said is a fact of so many characters: only numbers, states and
the names in `_NAMES` are shown as they are, so that an event nobody thought of gives no words away either.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any

from companion.errors import CompanionError
from companion.events import Event, LevelMeasured, ReplyDelta
from companion.log import redact
from companion.net import Traffic

KEPT_EVENTS = 200
LOG_LINES = 300
_LOG_BYTES = 64 * 1024
_LONGEST = 160
"""Characters of a text that is shown."""
_NAMES = frozenset({"provider", "label", "host", "storage", "name", "names", "model", "finish_reason"})
"""Fields whose text is the program's own."""
_OFTEN = (LevelMeasured, ReplyDelta)
"""Shown once with a count when they follow each other."""


def facts(event: Event, *, shows_words: bool = False) -> str:
    """ "turn=3  phase=listening"; with `shows_words` also what was said."""
    return "  ".join(f"{name}={value}" for name, value in _facts(event, shows_words))


def _facts(value: Any, shows_words: bool) -> Iterator[tuple[str, str]]:
    for each in fields(value):
        held = getattr(value, each.name)
        if is_dataclass(held) and not isinstance(held, type):
            yield from _facts(held, shows_words)
        elif isinstance(held, CompanionError):
            yield each.name, held.kind.value
            if shows_words:
                yield "message", _shown(held.message)
        elif held is not None and held != "":
            is_open = shows_words or each.name in _NAMES
            yield each.name, _plain(held, is_open)


def _plain(held: Any, is_open: bool) -> str:
    match held:
        case Enum():
            return str(held.value)
        case bool() | int():
            return str(held)
        case float():
            return f"{held:.3f}".rstrip("0").rstrip(".")
        case str():
            return _shown(held) if is_open else f"{len(held)} characters"
        case tuple() | list() | dict():
            return _shown(str(held)) if is_open else str(len(held))
    return type(held).__name__


def _shown(text: str) -> str:
    text = redact(" ".join(text.split()))
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


@dataclass(slots=True)
class _Happened:
    at: float
    event: Event
    times: int = 1
    line: str = ""
    """Empty: to be written again."""


class Happenings:
    """The last events, oldest first."""

    def __init__(self) -> None:
        self._kept: deque[_Happened] = deque(maxlen=KEPT_EVENTS)
        self._shows_words = False

    def add(self, event: Event, at: float) -> None:
        last = self._kept[-1] if self._kept else None
        if last is not None and isinstance(event, _OFTEN) and type(last.event) is type(event):
            last.event, last.times, last.line = event, last.times + 1, ""
        else:
            self._kept.append(_Happened(at, event))

    def forget(self) -> None:
        self._kept.clear()

    def lines(self, *, shows_words: bool) -> list[str]:
        is_other = shows_words != self._shows_words
        self._shows_words = shows_words
        for happened in self._kept:
            if is_other or not happened.line:
                happened.line = self._line(happened)
        return [happened.line for happened in self._kept]

    def _line(self, happened: _Happened) -> str:
        when = datetime.fromtimestamp(happened.at).astimezone()
        name = type(happened.event).__name__ + (f" ×{happened.times}" if happened.times > 1 else "")
        told = facts(happened.event, shows_words=self._shows_words)
        return f"{when:%H:%M:%S}.{when.microsecond // 1000:03d}  {name}  {told}"


def task_lines(tasks: Iterable[asyncio.Task[Any]]) -> list[str]:
    """Name of each task and where it waits."""
    running = sorted((task for task in tasks if not task.done()), key=lambda task: task.get_name())
    return [f"{task.get_name()}  {_place(task)}" for task in running]


def _place(task: asyncio.Task[Any]) -> str:
    stack = task.get_stack(limit=1)
    if not stack:
        return ""
    code = stack[0].f_code
    return f"{code.co_qualname} · {Path(code.co_filename).name}:{stack[0].f_lineno}"


def traffic_lines(traffic: Mapping[str, Traffic]) -> list[str]:
    """Every host, the busiest first, with what went there and came back."""
    busiest = sorted(traffic.items(), key=lambda item: -(item[1].sent + item[1].received))
    return [line for host, account in busiest for line in (host, _traffic_line(account))]


def _traffic_line(account: Traffic) -> str:
    requests = "1 request" if account.requests == 1 else f"{account.requests} requests"
    last = (
        f", last at {datetime.fromtimestamp(account.last_at).astimezone():%H:%M:%S}"
        if account.last_at
        else ""
    )
    return f"    {requests}, {size(account.sent)} sent, {size(account.received)} received{last}"


def size(count: int) -> str:
    """Bytes as a person reads them."""
    if count < 1000:
        return f"{count} B"
    if count < 999_950:
        return f"{count / 1000:.1f} kB"
    return f"{count / 1_000_000:.1f} MB"


def log_tail(path: Path) -> list[str]:
    """The last lines of the log, redacted when they were written; empty where there is none."""
    try:
        with path.open("rb") as file:
            start = max(0, os.fstat(file.fileno()).st_size - _LOG_BYTES)
            file.seek(start)
            lines = file.read(_LOG_BYTES).decode("utf-8", "replace").splitlines()
    except OSError:
        return []
    whole = lines[1:] if start else lines  # the first one may be cut in the middle
    return whole[-LOG_LINES:]
