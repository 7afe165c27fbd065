"""The app without a window on a disk that fills again and again; one JSON line at the end.

    python full_child.py HOME COUNT     COUNT times so many bytes of room more, beginning with none

While there is no room two turns are written, a recording is made and a setting changed; then there is room again, and
nobody asks for anything.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import sys
from contextlib import suppress
from pathlib import Path

from companion.app import Companion
from companion.audio.virtual import CapturingPlayer
from companion.conversation import turn_saver
from companion.errors import CompanionError
from companion.events import TurnFinished
from companion.flow import FRAME_BYTES
from companion.paths import find_home
from companion.ports import Spool
from companion.settings import changed, load_settings
from tests.reliability.kill_child import FixedVault
from tests.vaults import given

STEP_BYTES = 4096 + 17
"""Of room, from one time to the next: not a whole number of pages."""
FRAME = b"\x05\x01" * (FRAME_BYTES // 2)
FRAMES = 60
LIMIT_S = 20.0


class Disk:
    """A small disk of its own, or a limit on the size of every file where none can be mounted."""

    def __init__(self, home: Path) -> None:
        self._home, self._ballast = home, home / "ballast"
        self._is_mounted = os.path.ismount(home)

    def fill(self, room: int) -> None:
        if self._is_mounted:
            free = os.statvfs(self._home)
            self._ballast.write_bytes(bytes(max(0, free.f_bavail * free.f_frsize - room)))
        else:
            resource.setrlimit(resource.RLIMIT_FSIZE, (max(4096, room), resource.RLIM_INFINITY))

    def empty(self) -> None:
        self._ballast.unlink(missing_ok=True)
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


async def turn(app: Companion, over: asyncio.Queue[TurnFinished], words: str) -> bool:
    """Whether it was saved at once."""
    assert app.submit(words)
    return (await asyncio.wait_for(over.get(), LIMIT_S)).saved


async def texts(app: Companion) -> list[str]:
    return [turn.user_text for each in reversed(await app.sessions()) for turn in await app.turns(each.id)]


async def until_saved(app: Companion, said: list[str]) -> None:
    async with asyncio.timeout(LIMIT_S):
        while await texts(app) != said:  # noqa: ASYNC110 - nobody tells when something was saved
            await asyncio.sleep(0.02)


async def record(app: Companion) -> Spool:
    """Its end may have found no room."""
    async with app.archive.using() as journal:
        take = journal.spool()
        for _ in range(FRAMES):
            take.write(FRAME)
        with suppress(CompanionError):
            await take.finish()
    return take


async def main(home: Path, count: int) -> None:
    turn_saver.AGAIN_S = 0.05

    app = Companion(find_home(home), vault=given(FixedVault()), player=CapturingPlayer(realtime=False))
    app.settings = changed(app.settings, {"sound.speak_answers": False})
    over: asyncio.Queue[TurnFinished] = asyncio.Queue()
    app.events.watch(lambda event: over.put_nowait(event) if isinstance(event, TurnFinished) else None)
    await app.open()
    disk, said, refused, wrong = Disk(home), ["before"], 0, list[str]()
    await turn(app, over, "before")
    for number in range(count):
        disk.fill(number * STEP_BYTES)
        for which in ("first", "second"):
            said.append(f"{which} {number} " + "x" * 3000)
            refused += not await turn(app, over, said[-1])
        take = await record(app)
        try:
            await app.change({"appearance.theme": "dark" if number % 2 else "light"})
        except CompanionError:
            refused += 1
        if load_settings(app.home, {}).problems:
            wrong.append(f"settings at {number}")
        disk.empty()
        try:
            await until_saved(app, said)
        except TimeoutError:
            wrong.append(f"turns at {number}")
        async with app.archive.using() as journal:
            await take.finish()
            if await journal.read_take(take.id) != FRAME * FRAMES:
                wrong.append(f"recording at {number}")
    await app.change({"appearance.theme": "dark"})
    if load_settings(app.home, {}).settings.appearance.theme != "dark":
        wrong.append("settings")
    await app.close()
    print(json.dumps({"said": said, "refused": refused, "wrong": wrong}), flush=True)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
