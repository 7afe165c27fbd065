"""Promises 1 and 2: after a session full of failures no file, log or process shows a key, in nine spellings."""

from __future__ import annotations

import logging
import os
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from companion.events import Trouble
from companion.kinds import Role
from companion.log import Secret, start_log
from companion.net import origin
from companion.paths import Home
from companion.vault import EnvironmentKey
from tests.app.test_companion import KeepingVault, running
from tests.reliability.proof import prove
from tests.servers import Script
from tests.servers.openai import OpenAIServer

KEY = "sk-canary/Yg7+53q==0123456789abcdefQrZ"
SPELLINGS: dict[str, bytes] = {
    "verbatim": KEY.encode(),
    "JSON": KEY.replace("/", r"\/").encode(),
    "URL": quote(KEY, safe="").encode(),
    "base64": b64encode(KEY.encode()).rstrip(b"=")[:-1],
    "Basic": b64encode(f"name:{KEY}".encode())[8:-4],
    "repr": repr(KEY)[1:-1].encode(),
    "bytes": repr(KEY.encode())[2:-1].encode(),
    "upper": KEY.upper().encode(),
    "cut": KEY[-18:].encode(),
}
FAILURES: tuple[dict[str, object], ...] = (
    *({"status": status} for status in (400, 401, 403, 404, 413, 429, 500, 503)),
    {"status": 502, "html": True},
    {"error_after": 1},
    {"cut_after": 1},
)


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Path]:
    root = logging.getLogger()
    before, level, file = root.handlers[:], root.level, tmp_path / "state" / "companion.log"
    start_log(file, debug=True)
    yield file
    root.setLevel(level)
    for added in [handler for handler in root.handlers if handler not in before]:
        root.removeHandler(added)
        added.close()


def children(pid: int) -> list[int]:
    """Of every generation."""
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += [int(child), *children(int(child))]
    return found


def hits(places: dict[str, bytes]) -> list[str]:
    return [
        f"{spelling} in {where}"
        for where, content in places.items()
        for spelling, form in SPELLINGS.items()
        if form in content
    ]


def told_of_children() -> dict[str, bytes]:
    """What /proc shows of them to everybody, and of their environment to their owner."""
    return {
        f"{pid} {name}": Path(f"/proc/{pid}/{name}").read_bytes()
        for pid in children(os.getpid())
        for name in ("cmdline", "environ")
    }


async def test_a_session_of_failures_shows_no_key_anywhere(
    tmp_path: Path, home: Home, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)  # nor do children inherit it
    places: dict[str, bytes] = {}
    async with OpenAIServer() as server:
        key = EnvironmentKey(secret=Secret(KEY), origin=origin(server.url), variable="OPENAI_API_KEY")
        chosen = {
            "providers__llm__active": "openai",
            "providers__llm__openai__base_url": server.url,
            "network__max_retries": 0,
        }
        async with running(home, KeepingVault(environment={"openai": key}), **chosen) as watched:
            for number, failure in enumerate(FAILURES):
                for name in ("status", "html", "error_after", "cut_after"):
                    setattr(server.script, name, failure.get(name, getattr(Script(), name)))
                server.script.message = f"the key {KEY} is not welcome"
                await watched.turn(f"Said into failure {number}.")
            provider = await watched.app.staff.provider(Role.SPEAKS, "builtin")
            await provider.check()
            told = watched.of(Trouble)
            places |= told_of_children()
        assert any(KEY in str(each.headers) for each in server.asked(""))
    assert len(told) >= len(FAILURES)
    places |= {"cards": "\n".join(f"{each.error.message} {each.error.hint}" for each in told).encode()}
    logging.getLogger("companion.test").info("the key %s, %r and %r", KEY, {"k": KEY}, KEY.encode())
    for folder in (home.config, home.data, home.state, log.parent):
        places |= {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert str(log) in places
    assert any(where.endswith(" environ") for where in places), "there was a child"
    assert hits(places) == []
    prove(1, "spellings of a key found in files after a session of failures", 0, 0, cases=len(places))
    prove(2, "spellings of a key found in log and processes", 0, 0, cases=len(SPELLINGS) * len(places))


def test_the_scan_finds_each_spelling() -> None:
    """Nothing proves nothing unless the same look finds something."""
    for name, form in SPELLINGS.items():
        assert f"{name} in there" in hits({"there": b"before " + form + b" after"})
