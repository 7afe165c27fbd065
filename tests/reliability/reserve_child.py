"""The app without a window on a small disk with room set aside, which others fill; one JSON line at the end.

python reserve_child.py HOME TIMES
"""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import suppress
from pathlib import Path

from companion.app import Companion
from companion.audio.virtual import CapturingPlayer
from companion.conversation import turn_saver
from companion.errors import Kind
from companion.events import Trouble, TroubleCleared, TurnFinished
from companion.journal import reserve
from companion.paths import find_home
from companion.settings import changed
from tests.reliability.full_child import Disk, texts, turn
from tests.reliability.kill_child import FixedVault
from tests.vaults import given


async def main(home: Path, times: int) -> None:
    turn_saver.AGAIN_S = 0.05
    reserve.LEAST_FREE_BYTES, reserve.SHARE = 8 * 2**20, 8

    app = Companion(find_home(home), vault=given(FixedVault()), player=CapturingPlayer(realtime=False))
    app.settings = changed(app.settings, {"sound.speak_answers": False})
    over: asyncio.Queue[TurnFinished] = asyncio.Queue()
    cards: list[str] = []
    cleared = 0

    def watch(event: object) -> None:
        nonlocal cleared
        if isinstance(event, TurnFinished):
            over.put_nowait(event)
        elif isinstance(event, Trouble) and event.error.kind is Kind.DISK_FULL:
            cards.append(event.error.hint)
        elif isinstance(event, TroubleCleared):
            cleared += Kind.DISK_FULL in (event.kinds or ())

    async def until(is_there: bool) -> None:
        async with asyncio.timeout(20):
            while app.home.reserve.exists() is not is_there:  # noqa: ASYNC110 - nobody tells of a file
                await asyncio.sleep(0.01)

    app.events.watch(watch)
    await app.open()
    disk, said, unsaved = Disk(home), list[str](), 0
    for number in range(times):
        said.append(f"plenty {number}")
        await turn(app, over, said[-1])
        await until(is_there=True)
        with suppress(OSError):  # the journal took the last page itself
            disk.fill(0)
        said.append(f"full {number} " + "x" * 3000)
        unsaved += not await turn(app, over, said[-1])
        await until(is_there=False)
        disk.empty()
    kept = await texts(app)
    await app.close()
    result = {"whole": kept == said, "unsaved": unsaved, "cards": cards, "cleared": cleared}
    print(json.dumps(result), flush=True)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
