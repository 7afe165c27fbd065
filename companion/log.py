"""The log: counts, states and times, never what was said, never a key.

Secrets are registered by value (`hide`) and recognised by shape; the filter sits on the handler, so no library's
logger gets past it. `Secret` is the only type that carries a key through the program.
"""

from __future__ import annotations

import logging
import re
import sys
import threading
import traceback
from pathlib import Path
from typing import NoReturn

_MOST_HELD = 100
_hidden: set[str] = set()
_lock = threading.Lock()
_SHAPES = re.compile(
    r"(?P<lead>\b(?:bearer|token|authorization['\"]?\s*[:=]|x-api-key['\"]?\s*[:=]|xi-api-key['\"]?\s*[:=]|api[-_]?key['\"]?\s*[:=]|[?&]key=)\s*['\"]?(?:bearer\s+)?)(?P<value>[^\s'\"&,;)]{6,})"
    r"|(?P<bare>\b(?:sk-[A-Za-z0-9_\-]{6,}|AIza[A-Za-z0-9_\-]{10,}|gsk_[A-Za-z0-9]{8,}|hf_[A-Za-z0-9]{8,}|nvapi-[A-Za-z0-9_\-]{8,}|sk_[A-Za-z0-9_]{8,}))",
    re.IGNORECASE,
)
_QUIET = (
    "httpx2",
    "httpcore2",
    "websockets",
    "openai",
    "anthropic",
    "asyncio",
    "qasync",
    "keyring",
    "markdown_it",
)


class Secret:
    """A key. `str`, `repr`, format, pickle and JSON never show it; `reveal()` is the only way to the value."""

    __slots__ = ("__value",)

    def __init__(self, value: str) -> None:
        self.__value = value
        hide(value)

    def reveal(self) -> str:
        return self.__value

    @property
    def ending(self) -> str:
        """The last four characters, enough for a person to know which key it is; empty for short ones."""
        return self.__value[-4:] if len(self.__value) >= 12 else ""

    def __bool__(self) -> bool:
        return bool(self.__value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other.reveal() == self.__value

    def __hash__(self) -> int:
        return hash(self.__value)

    def __repr__(self) -> str:
        return "Secret('***')"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret cannot be pickled")


def hide(value: str) -> None:
    """From now on `value` never appears in the log."""
    if len(value) >= 4:
        with _lock:
            _hidden.add(value)


def redact(text: str) -> str:
    """`text` with every registered secret and everything of a key's shape replaced by `***`."""
    with _lock:
        values = sorted(_hidden, key=len, reverse=True)
    for value in values:
        text = text.replace(value, "***")
    return _SHAPES.sub(lambda m: f"{m['lead']}***" if m["lead"] else "***", text)


class _Redaction(logging.Formatter):
    """Redacts the finished line, arguments and traceback included."""

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


class _Held(logging.Handler):
    """Keeps the few lines of the very start."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        if len(self.records) < _MOST_HELD:
            self.records.append(record)


def hold_log() -> None:
    """Keeps what is logged until `start_log`, which is too slow for before a window's first frame."""
    logging.getLogger().addHandler(_Held())


def start_log(path: Path | None, *, debug: bool = False) -> None:
    """Sends every logger to `path` (512 kB, two kept), or to stderr where `path` is None or cannot be written."""
    from logging.handlers import (
        RotatingFileHandler,
    )  # brings sockets and pickle, which most processes never need

    root = logging.getLogger()
    handler: logging.Handler
    try:
        if path is None:
            handler = logging.StreamHandler(sys.stderr)
        else:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            handler = RotatingFileHandler(path, maxBytes=512_000, backupCount=2, encoding="utf-8")
    except OSError:
        handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Redaction("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    held: list[logging.LogRecord] = []
    for old in root.handlers[:]:
        if isinstance(old, _Held) or isinstance(old.formatter, _Redaction):
            root.removeHandler(old)
            old.close()
        if isinstance(old, _Held):
            held += old.records
    root.addHandler(handler)
    for record in held:
        handler.handle(record)
    root.setLevel(logging.DEBUG if debug else logging.INFO)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


def describe(error: BaseException) -> str:
    """An exception with its traceback and causes but without anybody's words: no locals, redacted."""
    return redact("".join(traceback.format_exception(error)))
