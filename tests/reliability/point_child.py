"""A journal used on one thread, so that each step it takes on the disk has a number at which a tracer can kill it.

    python point_child.py HOME SCENARIO

One line on stdout for everything that is safe: `words`, `answer`, `sound`, `passphrase`, `settings`, at last `end`.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from companion.app.opening import JournalOnDisk
from companion.flow import FRAME_BYTES
from companion.journal import store, writer
from companion.journal.keys import Argon2Cost
from companion.journal.store import SqlJournal
from companion.kinds import ReplyState
from companion.paths import find_home, write_atomically
from companion.settings.layers import save
from companion.vault import Vault

CHEAP = Argon2Cost(memory_kib=64, passes=1, lanes=1)
OLD, NEW = "an old passphrase", "a new passphrase"
SOUND = b"\x05\x01" * (FRAME_BYTES // 2) * 60


class FileVault(Vault):
    """A keyring that remembers from run to run, and may be killed like everything else."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder

    async def get_journal_key(self, journal_id: str) -> bytes | None:
        file = self._folder / journal_id
        return file.read_bytes() if file.exists() else None

    async def put_journal_key(self, journal_id: str, key: bytes, *, this_run_only: bool = False) -> None:
        write_atomically(self._folder / journal_id, key)


def disk(home: Path) -> JournalOnDisk:
    async def vault() -> Vault:
        return FileVault(home / "keyring")

    return JournalOnDisk(find_home(home), vault)


class AtOnce(writer.Writer):
    """Does each job where it is asked for."""

    def _queue(self, job: Callable[[], Any]) -> Future[Any]:
        future: Future[Any] = Future()
        self._run(job, future)
        return future


async def at_once(job: Callable[..., Any], *given: Any) -> Any:
    return job(*given)


def ack(line: str) -> None:
    os.write(1, line.encode() + b"\n")


async def a_turn(journal: SqlJournal, words: str) -> None:
    session_id = await journal.begin_session("open")
    turn_id = await journal.save_user(session_id, words, 1.0)
    ack("words")
    await journal.save_sentence(turn_id, "One. ")
    await journal.finish_reply(
        turn_id,
        reply_text="One. Two.",
        heard_text="One. Two.",
        state=ReplyState.WHOLE,
        reply_at=2.0,
        engines={},
        timeline_ms={},
        cost_usd=None,
    )
    ack("answer")


async def first_start(home: Path) -> None:
    journal = await disk(home).with_keyring()
    await a_turn(journal, "first words")
    await journal.close()


async def turn(home: Path) -> None:
    journal = await disk(home).with_keyring()
    take = journal.spool()
    take.write(SOUND)
    await take.finish()
    ack("sound")
    await a_turn(journal, "later words")
    await journal.close()


async def passphrase(home: Path) -> None:
    journal = await disk(home).with_keyring()
    await journal.set_passphrase(NEW, cost=CHEAP)
    ack("passphrase")
    await a_turn(journal, "later words")
    await journal.close()


async def settings(home: Path) -> None:
    save(find_home(home), {"appearance.theme": "dark"})
    ack("settings")


SCENARIOS = {"first start": first_start, "turn": turn, "passphrase": passphrase, "settings": settings}


if __name__ == "__main__":
    store.Writer = AtOnce  # type: ignore[misc]
    asyncio.to_thread = at_once
    asyncio.run(SCENARIOS[sys.argv[2]](Path(sys.argv[1])))
    ack("end")
