"""What the check scripts share: steering the server, expecting a failure, and running every check of a script."""

from __future__ import annotations

import json
import struct
import sys
import traceback
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

KEY = "sk-vendor-0123456789abcdef"
REPLY = "That sounds like a full day. What stayed with you the most?"
TRANSCRIPT = "I had a long day and I am a little tired."


def server() -> str:
    """The address of the server, as the product would be given it."""
    return sys.argv[1]


def host() -> str:
    """The same without its path."""
    parts = urlsplit(server())
    return f"{parts.scheme}://{parts.netloc}"


def wav(seconds: float) -> bytes:
    """Silence as a file, 16 kHz mono."""
    pcm = bytes(int(seconds * 16_000) * 2)
    form = (16, 1, 1, 16_000, 32_000, 2, 16)
    head = struct.pack("<4sI4s4sIHHIIHH", b"RIFF", 36 + len(pcm), b"WAVE", b"fmt ", *form)
    return head + struct.pack("<4sI", b"data", len(pcm)) + pcm


def script(**fields: Any) -> None:
    """What the server does from now on (`tests.servers.script.Script`)."""
    _post("/_control/script", fields)


def _post(path: str, body: Mapping[str, Any]) -> None:
    data = json.dumps(body).encode()
    request = urllib.request.Request(f"{host()}{path}", data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        answer.read()


@contextmanager
def expected(error: type[BaseException], holds: Callable[[Any], bool]) -> Iterator[None]:
    """The block fails with `error`, of which `holds` is true."""
    found: BaseException | None = None
    try:
        yield
    except error as caught:
        found = caught
    assert found is not None, f"no {error.__name__}"
    assert holds(found), repr(found)


def run(checks: Mapping[str, Any]) -> None:
    """Runs every `check_…` of a script, each on a server that is well; the process fails if one does."""
    failed = []
    for name, check in checks.items():
        if not name.startswith("check_"):
            continue
        _post("/_control/reset", {})
        try:
            check()
        except Exception:  # noqa: BLE001 - the next checks are run all the same
            failed.append(name)
            traceback.print_exc()
        else:
            sys.stdout.write(f"{name}\n")
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")
