"""One of two first starts at the same moment; a JSON line tells what came of it.

python pair_child.py HOME NAME [door]     begins when a line comes on stdin; with `door` it is a window's lock alone
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from companion.app import Companion
from companion.audio.virtual import CapturingPlayer
from companion.events import Trouble, TurnFinished
from companion.journal import reserve
from companion.paths import find_home
from companion.settings import changed
from tests.reliability.point_child import FileVault
from tests.vaults import given


async def reflect(home: Path, name: str) -> dict[str, object]:
    reserve.LEAST_FREE_BYTES = 2**62  # many homes with room set aside would fill the disk

    app = Companion(
        find_home(home), vault=given(FileVault(home / "keyring")), player=CapturingPlayer(realtime=False)
    )
    app.settings = changed(app.settings, {"sound.speak_answers": False})
    over: asyncio.Queue[TurnFinished] = asyncio.Queue()
    troubles: list[str] = []
    app.events.watch(lambda event: over.put_nowait(event) if isinstance(event, TurnFinished) else None)
    app.events.watch(lambda event: troubles.append(event.error.kind) if isinstance(event, Trouble) else None)
    await app.open()
    app.submit(f"said by {name}")
    finished = await over.get()
    kept = finished.saved and app.archive.storage not in ("", "memory")
    await app.close()
    return {"kept": kept, "troubles": troubles}


def enter(home: Path) -> dict[str, object]:
    """Holds the door until stdin ends."""
    from companion.gui.door import Door

    door = Door(find_home(home))
    is_in = door.enter()
    print(json.dumps({"in": is_in}), flush=True)
    sys.stdin.readline()
    return {"left": is_in}


if __name__ == "__main__":
    place = Path(sys.argv[1])
    if sys.argv[3:] == ["door"]:
        import companion.gui.door  # noqa: F401 - so that both are as fast
    print("ready", flush=True)
    sys.stdin.readline()
    found = enter(place) if sys.argv[3:] == ["door"] else asyncio.run(reflect(place, sys.argv[2]))
    print(json.dumps(found), flush=True)
