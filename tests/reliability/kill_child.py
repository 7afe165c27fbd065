"""The app without a window, talking and tidying without end; one line on stdout for everything it has said is safe.

    python kill_child.py HOME [POINT]     with a point it kills itself there

Lines: `open`, `said WORDS`, `whole WORDS`, `right WORDS` (put right), `gone WORDS` (deleted for good), `draft WORDS`,
`end`.
"""

from __future__ import annotations

import asyncio
import itertools
import math
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from companion.app import Companion
from companion.audio.virtual import CapturingPlayer
from companion.conversation.turn_saver import TurnSaver
from companion.events import Event, TurnFinished, UserSaid
from companion.flow import FRAME_BYTES
from companion.journal import changing, draft, keys, reserve, sounds, store, tables
from companion.kinds import ReplyState
from companion.paths import find_home
from companion.settings import changed
from companion.vault import MemoryVault
from tests.vaults import given

KEY = b"k" * 32
ROUNDS = 3
"""Of everything that can be killed at a point."""
SOUND = b"".join(
    round(9_000 * math.sin(2 * math.pi * 440 * n / 16_000)).to_bytes(2, "little", signed=True)
    for n in range(8_000)
)
"""Half a second of a tone, which no file may hold as it is."""

BEFORE, AFTER = False, True
POINTS: dict[str, tuple[Any, str, bool]] = {
    "the first words are marked": (keys.SlotsFile, "_write", AFTER),
    "a session begins": (store.SqlJournal, "begin_session", AFTER),
    "words, before COMMIT": (store.SqlJournal, "_add_turn", AFTER),
    "words, after COMMIT": (TurnSaver, "save_user", AFTER),
    "a sentence, before COMMIT": (store.SqlJournal, "_append", AFTER),
    "the answer, before COMMIT": (store.SqlJournal, "_change", AFTER),
    "the answer, after COMMIT": (store.SqlJournal, "finish_reply", AFTER),
    "words put right": (changing.Changing, "edit_words", AFTER),
    "hidden": (changing.Changing, "delete", AFTER),
    "a turn hidden, before COMMIT": (changing, "_hide_turn", AFTER),
    "brought back, before COMMIT": (changing, "_restore", AFTER),
    "merged, before COMMIT": (changing, "merge", AFTER),
    "recordings gone, before COMMIT": (sounds.Sounds, "remove_of", AFTER),
    "gone, before the log is emptied": (tables.Tables, "empty_log", BEFORE),
    "a draft": (draft.SealedDraft, "write", AFTER),
    "closing": (store.SqlJournal, "_end", BEFORE),
    "closed": (store.SqlJournal, "_end", AFTER),
}


class FixedVault(MemoryVault):
    """A keyring that knows the journal's key in every run."""

    where = "keyring"  # type: ignore[assignment]

    async def get_journal_key(self, journal_id: str) -> bytes:
        return KEY


def ack(line: str) -> None:
    os.write(1, line.encode() + b"\n")


def die_at(name: str) -> None:
    """This process is killed when it comes to the point."""
    owner, function, is_after = POINTS[name]
    real: Callable[..., Any] = getattr(owner, function)

    def die(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    if asyncio.iscoroutinefunction(real):

        async def patched(*given: Any, **more: Any) -> Any:
            if is_after:
                await real(*given, **more)
            die()
    else:

        def patched(*given: Any, **more: Any) -> Any:
            if is_after:
                real(*given, **more)
            die()

    setattr(owner, function, patched)


def watch(event: Event) -> None:
    if isinstance(event, UserSaid) and event.saved:
        ack(f"said {event.text}")
    if isinstance(event, TurnFinished) and event.saved and event.record.reply_state is ReplyState.WHOLE:
        ack(f"whole {event.record.user_text}")


async def turn(app: Companion, over: asyncio.Queue[TurnFinished], text: str) -> TurnFinished:
    assert app.submit(text)
    return await over.get()


async def main(home: Path, point: str) -> None:
    reserve.LEAST_FREE_BYTES = 2**62  # hundreds of homes with room set aside would fill the disk

    app = Companion(find_home(home), vault=given(FixedVault()), player=CapturingPlayer(realtime=False))
    app.settings = changed(app.settings, {"sound.speak_answers": False})
    over: asyncio.Queue[TurnFinished] = asyncio.Queue()
    app.events.watch(watch)
    app.events.watch(lambda event: over.put_nowait(event) if isinstance(event, TurnFinished) else None)
    await app.open()
    ack("open")
    if point:
        die_at(point)
    for number in itertools.count() if not point else range(ROUNDS):
        await live(app, over, f"{os.getpid()} {number}")
    await app.close()
    ack("end")


async def live(app: Companion, over: asyncio.Queue[TurnFinished], name: str) -> None:
    """What a person does in an evening, in less than a second."""
    desk = app.journal_desk
    kept = (await turn(app, over, f"kept {name}")).record
    wrong = (await turn(app, over, f"put right {name}")).record
    await desk.edit_words(wrong.id, f"put right {name}, now")
    ack(f"right put right {name}")
    await desk.undo(await desk.delete_turn(kept.id))
    app.new_session()
    other = (await turn(app, over, f"merged {name}")).record
    await desk.undo(await desk.merge(kept.session_id, [other.session_id]))
    app.new_session()
    gone = (await turn(app, over, f"gone {name}")).record
    await desk.undo(await desk.delete([gone.session_id]))
    await desk.delete_for_good([gone.session_id])
    ack(f"gone gone {name}")
    async with app.archive.using() as journal:
        take = journal.spool()
        for start in range(0, len(SOUND), FRAME_BYTES):
            take.write(SOUND[start : start + FRAME_BYTES])
        await take.finish()
    await app.archive.keep_draft(f"draft {name}")
    ack(f"draft draft {name}")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else ""))
