"""A program that writes to a journal and says on stdout what is safe, for tests that kill it or fill its disk.

    python child.py write HOME        turns and a recording without end; one line after each COMMIT
    python child.py record HOME       a recording at the pace of speech; one line per 20 ms frame
    python child.py migrate HOME N    opens copies of an older journal, each killed at another moment (every N-th statement,
                                      and other steps); one line per kind
    python child.py rekey HOME TIMES  another passphrase for copies of a journal, each killed at another step on the disk,
                                      every step so often; one line per kill
    python child.py fill HOME LIMIT   turns until the disk refuses, then again with room; one JSON line at the end

LIMIT: `tmpfs` (HOME/ballast is removed to make room) or a number of bytes no file may exceed.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from companion.errors import CompanionError
from companion.flow import FRAME_BYTES
from companion.journal.keys import Argon2Cost
from companion.journal.store import SqlJournal, open_journal
from companion.kinds import ReplyState
from companion.paths import find_home

KEY = b"k" * 32
OLD, NEW = "the passphrase of before", "the one that comes now"
CHEAP = Argon2Cost(memory_kib=64, passes=1, lanes=1)


def frame(number: int) -> bytes:
    return number.to_bytes(4, "little") * (FRAME_BYTES // 4)


def ack(line: str) -> None:
    os.write(1, line.encode() + b"\n")


async def finish(journal: SqlJournal, turn_id: int, text: str) -> None:
    await journal.finish_reply(
        turn_id,
        reply_text=text,
        heard_text=text,
        state=ReplyState.WHOLE,
        reply_at=2.0,
        engines={},
        timeline_ms={},
        cost_usd=None,
    )


async def write(journal: SqlJournal) -> None:
    session_id = await journal.begin_session("open")
    take = journal.spool()
    number = 0
    while True:
        number += 1
        take.write(frame(number))
        said = f"{os.getpid()} said {number}"
        turn_id = await journal.save_user(session_id, said, 1.0)
        ack(f"said {turn_id} {said}")
        for index in range(3):
            await journal.save_sentence(turn_id, f"Sentence {index}. ")
            ack(f"sentence {turn_id} {index}")
        if number % 2:
            await finish(journal, turn_id, "Sentence 0. Sentence 1. Sentence 2.")
            ack(f"whole {turn_id}")
        await change(journal, session_id, turn_id, number, said)


async def change(journal: SqlJournal, session_id: int, turn_id: int, number: int, said: str) -> None:
    """What a person does with it afterwards, each on other turns."""
    if number % 4 == 0:
        await journal.changing.edit_words(turn_id, f"{said}, put right")
        ack(f"edited {turn_id} {said}")
    if number % 5 == 0:
        token = await journal.changing.delete_turn(turn_id)
        ack(f"hidden {turn_id}")
        if number % 10 == 0:
            await journal.changing.undo(token)
            ack(f"shown {turn_id}")
    if number % 7 == 0:
        await journal.changing.set_labels(session_id, tags=[said], people=[said])
        ack(f"labelled {session_id} {number}")


async def record(journal: SqlJournal) -> None:
    take = journal.spool()
    number = 0
    while True:
        take.write(frame(number))
        number += 1
        ack(str(number))
        await asyncio.sleep(0.02)


async def fill(journal: SqlJournal, home: Path, limit: str) -> None:
    session_id = await journal.begin_session("open")
    saved: list[str] = []
    faults: list[str] = []
    refuse(home, limit)
    take = journal.spool()
    for number in range(10_000):
        text = f"thought {number} " + "x" * 2_000
        try:
            await journal.save_user(session_id, text, 1.0)
            saved.append(text)
        except CompanionError as error:
            faults.append(error.kind)
            if len(faults) == 5:
                break
    for number in range(2_000):
        take.write(frame(number))
    try:
        await take.finish()
    except CompanionError as error:
        faults.append(f"take {error.kind}")
    make_room(home, limit)
    await take.finish()
    await journal.save_user(session_id, "with room again", 1.0)
    saved.append("with room again")
    kept = [turn.user_text for turn in await journal.turns(session_id)]
    heard = await journal.read_take(take.id)
    whole = heard == b"".join(frame(number) for number in range(2_000))
    ack(json.dumps({"faults": faults, "kept_all": kept == saved, "saved": len(saved), "take_whole": whole}))


def refuse(home: Path, limit: str) -> None:
    if limit == "tmpfs":
        free = os.statvfs(home)
        (home / "ballast").write_bytes(bytes(max(0, free.f_bavail * free.f_frsize - 400_000)))
        return
    import resource

    resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), resource.RLIM_INFINITY))


def make_room(home: Path, limit: str) -> None:
    if limit == "tmpfs":
        (home / "ballast").unlink()
        return
    import resource

    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def migrate(home: Path, every: int) -> None:
    """Copies of HOME, `HOME.statement-N` and `HOME.step-N`, each opened by a process that is killed there."""
    for kind, die_before, stride in (
        ("statement", die_before_statement, every),
        ("step", die_before_step, 1),
    ):
        for number in range(1, 500, stride):
            copy = home.with_name(f"{home.name}.{kind}-{number}")
            shutil.copytree(home, copy)
            if not (pid := os.fork()):
                open_dying(copy, lambda n=number, die=die_before: die(n))
            _, status = os.waitpid(pid, 0)
            if os.WIFEXITED(status):  # it was open before it came to that
                shutil.rmtree(copy)
                ack(f"{kind} {number - 1} {os.WEXITSTATUS(status)}")
                break


def rekey(home: Path, times: int) -> None:
    """Copies of HOME, `HOME.step-N-M`, whose passphrase OLD was being changed to NEW when the process was killed."""
    for number in range(1, 200):
        for turn in range(times):
            copy = home.with_name(f"{home.name}.step-{number}-{turn}")
            shutil.copytree(home, copy)
            if not (pid := os.fork()):
                asyncio.run(change_passphrase(copy, number))
                os._exit(0)
            _, status = os.waitpid(pid, 0)
            if os.WIFEXITED(status):  # it was changed before it came to that
                assert not os.WEXITSTATUS(status)
                return
            ack(copy.name)


async def change_passphrase(root: Path, number: int) -> None:
    journal = await open_journal(find_home(root), passphrase=OLD)
    die_before_step(number)
    await journal.set_passphrase(NEW, cost=CHEAP)


def open_dying(root: Path, prepare: Callable[[], None]) -> None:
    """Ends the process."""
    from companion.journal import database, keys

    home = find_home(root)
    slots = keys.read_slots(home.key_slots)
    assert slots is not None
    key, _ = asyncio.run(slots.unlock(wrapping_key=KEY, passphrase=None))
    prepare()
    database.open_database(home.journal, key=key, journal_id=slots.journal_id, has_entries=True)
    os._exit(0)


def die_before_statement(number: int) -> None:
    """Of those that bring the schema up to date, and the first after them."""
    from companion.journal import database, migrations

    statements: list[str] = []

    def look(sql: str) -> None:
        if not sql.startswith("--"):  # what a statement does inside
            statements.append(sql)
        if len(statements) == number:
            os.kill(os.getpid(), signal.SIGKILL)

    def migrate(connection: Any) -> None:
        connection.set_trace_callback(look)
        migrations.migrate(connection)

    database.migrate = migrate


def die_before_step(number: int) -> None:
    """Of those on the disk that are not the database's own: opening, renaming, removing."""
    steps: list[str] = []

    def look(event: str, _arguments: object) -> None:
        if event == "open" or event.startswith("os."):
            steps.append(event)
        if len(steps) == number:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(look)


async def main(what: str, home: str, *more: str) -> None:
    journal = await open_journal(find_home(home), wrapping_key=KEY)
    ack("open")
    if what == "fill":
        await fill(journal, Path(home), *more)
    else:
        await {"write": write, "record": record}[what](journal)
    await journal.close()


if __name__ == "__main__":
    if sys.argv[1] == "migrate":
        migrate(Path(sys.argv[2]), int(sys.argv[3]))
    elif sys.argv[1] == "rekey":
        rekey(Path(sys.argv[2]), int(sys.argv[3]))
    else:
        asyncio.run(main(*sys.argv[1:]))
