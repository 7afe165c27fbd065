"""Events as JSON lines, for `-D events` and for tests that watch a running app from outside.

A tape holds what was said. It is written only when it was asked for on the command line, to the stream that was named.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from typing import IO, Any

from companion.errors import CompanionError
from companion.events import Event, Events


def write_tape(events: Events, stream: IO[str]) -> Callable[[], None]:
    """Writes every event from now on: `event` is its name, `t` the monotonic clock in seconds. Returns the way to stop."""

    def write(event: Event) -> None:
        line = {"event": type(event).__name__, "t": time.monotonic(), **_plain(event)}
        stream.write(json.dumps(line, ensure_ascii=False, default=str) + "\n")
        stream.flush()

    return events.watch(write)


def _plain(value: Any) -> Any:
    if isinstance(value, CompanionError):
        actions = [action.value for action in value.actions]
        return {"kind": value.kind.value, "message": value.message, "hint": value.hint, "actions": actions}
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: _plain(getattr(value, each.name)) for each in fields(value)}
    return value
