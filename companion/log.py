"""The log: counts, states and times, never what was said, never a key.

Secrets are registered by value (`hide`) and recognised by shape; the filter sits on the handler, so no library's
logger gets past it. `Secret` is the only type that carries a key through the program.
"""

from __future__ import annotations

import logging
import os
import re
import sys
import threading
import traceback
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from companion.errors import CompanionError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_MOST_HELD = 100
_CUT = 24
"""A secret of so many characters is known by its first or last half of them, too."""
_hidden: dict[str, tuple[_Spelling, ...]] = {}
_lock = threading.Lock()
_SHAPES = (
    r"(?P<lead>\b(?:bearer|token|authorization['\"]?\s*[:=]|x-api-key['\"]?\s*[:=]|xi-api-key['\"]?\s*[:=]|api[-_]?key['\"]?\s*[:=]|[?&]key=)\s*['\"]?(?:bearer\s+)?)(?P<value>[^\s'\"&,;)]{6,})"
    r"|(?P<bare>\b(?:sk-[A-Za-z0-9_\-]{6,}|AIza[A-Za-z0-9_\-]{10,}|gsk_[A-Za-z0-9]{8,}|hf_[A-Za-z0-9]{8,}|nvapi-[A-Za-z0-9_\-]{8,}|sk_[A-Za-z0-9_]{8,}))"
)
"""Of keys; compiled at the first line, not while the window waits."""
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
    """From now on `value` never appears in the log, however it is written: encoded, quoted, in capitals or cut short."""
    if len(value) >= 4:
        with _lock:
            if value not in _hidden:
                _hidden[value] = tuple(_Spelling.of(each) for each in dict.fromkeys(_spellings(value)))


def redact(text: str) -> str:
    """`text` with every registered secret and everything of a key's shape replaced by `***`."""
    with _lock:
        hidden = [each for spellings in _hidden.values() for each in spellings]
    small = text.lower()
    found = [each for each in hidden if each.begins in small or each.ends in small]
    for each in sorted(found, key=lambda each: -len(each.text)):
        text = re.sub(each.pattern, "***", text, flags=re.IGNORECASE)
    return re.sub(_SHAPES, lambda m: f"{m['lead']}***" if m["lead"] else "***", text, flags=re.IGNORECASE)


class _Spelling(NamedTuple):
    """One way in which a secret is written. Looked for by its ends, so that many secrets cost a line next to nothing."""

    text: str
    begins: str
    ends: str
    """In small letters."""
    pattern: str

    @classmethod
    def of(cls, text: str) -> _Spelling:
        if len(text) < _CUT:
            return cls(text, text.lower(), text.lower(), re.escape(text))
        head, tail = text[: _CUT // 2], text[-_CUT // 2 :]
        rest = r"[\w+/=%.\-]{0,400}"
        pattern = rf"{re.escape(text)}|{re.escape(head)}{rest}|{rest}{re.escape(tail)}"
        return cls(text, head.lower(), tail.lower(), pattern)


def _spellings(value: str) -> Iterator[str]:
    """The ways in which headers, addresses, documents and tracebacks write it."""
    import json  # with the first secret, which the window does not wait for
    from base64 import b64encode, urlsafe_b64encode
    from urllib.parse import quote, quote_plus

    yield value
    yield json.dumps(value)[1:-1]
    yield json.dumps(value, ensure_ascii=False)[1:-1]
    raw = value.encode("utf-8", "surrogatepass")
    yield quote(raw, safe="")
    yield quote_plus(raw)
    yield repr(value)[1:-1]
    yield repr(raw)[2:-1]
    yield raw.hex()
    for encode in (b64encode, urlsafe_b64encode):
        for shift in range(
            3
        ):  # after a user's name and a colon, as in Basic, it begins anywhere in a group of three
            whole = encode(bytes(shift) + raw).decode("ascii").rstrip("=")
            # the characters that its neighbours have a part in are left out
            core = whole[(0, 2, 3)[shift] : -1 if (shift + len(raw)) % 3 else None]
            if len(core) >= 6:
                yield core


class _Redaction(logging.Formatter):
    """Redacts the finished line. Of what is not ours it keeps the first line, of an exception no words but ours."""

    def format(self, record: logging.LogRecord) -> str:
        alone = logging.makeLogRecord(
            {**vars(record), "exc_text": None}
        )  # what another handler made of it is not ours
        return redact(super().format(alone))

    def formatMessage(self, record: logging.LogRecord) -> str:
        if not record.name.startswith("companion"):  # asyncio puts a whole task into the second line
            record.message = record.message.partition("\n")[0]
        return super().formatMessage(record)

    def formatException(self, ei: Any) -> str:
        return describe(ei[1]) if ei[1] is not None else ""


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
    """Sends every logger to `path` (512 kB, two kept), or to stderr where it is None.

    Where it cannot be written, stderr has the warnings.
    """
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
        handler.setLevel(logging.DEBUG if debug else logging.WARNING)  # a person reads there
    logging.raiseExceptions = (
        False  # a log on a full disk loses lines; nobody's terminal is written full instead
    )
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
    """An exception with its traceback and causes but without anybody's words: no locals, no text but our own."""
    lines: list[str] = []
    seen: set[int] = set()
    each: BaseException | None = error
    while each is not None and id(each) not in seen:
        seen.add(id(each))
        lines[:0] = [
            *(["Traceback (most recent call last):\n"] if each.__traceback__ else []),
            *traceback.format_tb(each.__traceback__),
            f"{_name(each)}\n",
            *(["\nwhich led to:\n\n"] if lines else []),
        ]
        each = each.__cause__ or (None if each.__suppress_context__ else each.__context__)
    return redact("".join(lines)).rstrip("\n")


def _name(error: BaseException) -> str:
    name = type(error).__qualname__
    if isinstance(error, CompanionError):
        return f"{name}: {error.kind}"
    if isinstance(error, OSError) and error.errno is not None:
        return f"{name}: {os.strerror(error.errno)}"
    return f"{name}: {error.name}" if isinstance(error, ImportError) else name
