"""Deleted for good means gone: from the pages, the log, the recordings; what remains elsewhere is named."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from companion.errors import CompanionError
from companion.journal.copies import KEPT_COPY_S, folder_of
from companion.journal.keys import read_slots
from companion.journal.store import SqlJournal
from companion.paths import Home
from companion.records import Selection
from tests.journal import child
from tests.journal.conftest import KEYRING, Opener, tell
from tests.reliability.proof import prove

SENTINEL = "the heron by the weir"
PAGE, RESERVED = 4096, 80
DELETED = Selection(is_deleted=True)


async def clear_bytes(home: Home) -> bytes:
    """Every page of the database and its log as it is under the encryption, whether in use or free."""
    slots = read_slots(home.key_slots)
    assert slots is not None
    secret, _ = await slots.unlock(wrapping_key=KEYRING, passphrase=None)
    key = bytes.fromhex(secret.reveal())
    main = home.journal.read_bytes()
    pages = [main[at : at + PAGE] for at in range(0, len(main), PAGE)]
    log = home.journal.with_name("journal.db-wal")
    if log.exists():
        frames = log.read_bytes()[32:]
        pages += [frames[at + 24 : at + 24 + PAGE] for at in range(0, len(frames), PAGE + 24)]
    return b"".join(_open_page(page, key, 16 if at == 0 else 0) for at, page in enumerate(pages))


def _open_page(page: bytes, key: bytes, salt: int) -> bytes:
    """SQLCipher 4: AES-256-CBC, then the initial vector and an HMAC; the first page begins with the salt."""
    end = PAGE - RESERVED
    plain = Cipher(algorithms.AES(key), modes.CBC(page[end : end + 16])).decryptor()
    return plain.update(page[salt:end])


async def kept(journal: SqlJournal, turn_id: int, seconds: float = 1.0) -> str:
    take_id = await journal.sounds.seal(child.frame(7) * int(seconds * 50))
    await journal.keep_sound(turn_id, [take_id])
    return take_id


async def tell_all(journal: SqlJournal) -> tuple[int, list[str]]:
    """A reflection that says the sentinel wherever it can; its id and its recordings."""
    session_id, turn_id = await tell(journal, f"{SENTINEL}, first. " * 400)
    await child.finish(journal, turn_id, f"So it was {SENTINEL}? " * 300)
    other = await journal.save_user(session_id, f"I saw {SENTINEL}.", 1_001.0)
    await journal.changing.edit_words(other, f"Yes, I saw {SENTINEL} again.")
    await journal.changing.set_title(session_id, f"About {SENTINEL}")
    await journal.changing.set_summary(session_id, SENTINEL)
    await journal.changing.set_mood(session_id, before=1, word=SENTINEL)
    await journal.changing.set_labels(session_id, tags=[SENTINEL], people=[SENTINEL])
    await journal.remembering.told([turn_id])
    (memory,) = await journal.remembering.all()
    await journal.remembering.correct(memory.id, SENTINEL)
    return session_id, [await kept(journal, turn_id), await kept(journal, other)]


async def test_what_is_deleted_for_good_is_nowhere_in_the_files(opened: Opener, home: Home) -> None:
    journal = await opened()
    for number in range(30):
        await tell(journal, f"An ordinary day, {number}. " * 40)
    session_id, sounds = await tell_all(journal)
    assert SENTINEL.encode() in await clear_bytes(home)
    assert {path.stem for path in home.takes.glob("*.take")} == set(sounds)
    await journal.changing.delete([session_id])
    assert await journal.changing.purge() == 0  # it can still be brought back
    assert await journal.changing.purge(time.time() + 1) == 1
    left = (await clear_bytes(home)).count(SENTINEL.encode())
    prove(15, "traces in pages, log and recordings of what was deleted for good", left, 0, cases=1)
    assert list(home.takes.glob("*")) == []
    assert await journal.list.count() == 30
    assert await journal.list.page(selection=DELETED) == []
    await journal.close()
    assert SENTINEL.encode() not in await clear_bytes(home)


@pytest.mark.parametrize("way", ["at once", "a turn of it", "merged"])
async def test_everything_of_it_goes(opened: Opener, home: Home, way: str) -> None:
    journal = await opened()
    session_id, _ = await tell_all(journal)
    keep, turn_id = await tell(journal, "Kept.")
    if way == "a turn of it":
        await journal.changing.delete_turn((await journal.turns(session_id))[1].id)
    if way == "merged":
        into, _ = await tell(journal, "Its neighbour.")
        await journal.changing.merge(into, [session_id])
        session_id = into
    assert await journal.changing.delete_for_good([session_id, 99]) == (1 if way == "at once" else 2)
    assert SENTINEL.encode() not in await clear_bytes(home)
    assert list(home.takes.glob("*")) == []
    assert [each.id for each in await journal.sessions()] == [keep]
    assert [turn.id for turn in await journal.turns(keep)] == [turn_id]


async def test_what_others_keep_of_it_goes_with_it(opened: Opener) -> None:
    """Tables of other parts: by a trigger of theirs, also when the turn goes with its session, or by a step."""
    journal = await opened()
    session_id, turn_id = await tell(journal, "Gone.")

    def prepare(connection: Any) -> None:
        connection.execute("CREATE TABLE words (turn_id INTEGER, text TEXT)")
        connection.execute("CREATE TABLE meaning (session_id INTEGER)")
        connection.execute(
            "CREATE TRIGGER forget AFTER DELETE ON turn BEGIN DELETE FROM words WHERE turn_id = old.id; END"
        )
        connection.execute("INSERT INTO words VALUES (?, 'Gone.')", (turn_id,))
        connection.execute("INSERT INTO meaning VALUES (?)", (session_id,))

    def step(connection: Any, session_ids: list[int]) -> None:
        connection.executemany("DELETE FROM meaning WHERE session_id = ?", [(each,) for each in session_ids])

    await journal.tables.write(prepare)
    journal.tables.purge_steps.append(step)
    await journal.changing.delete_for_good([session_id])
    left = "SELECT count(*) FROM words UNION ALL SELECT count(*) FROM meaning"
    assert await journal.tables.read(lambda connection: connection.execute(left).fetchall()) == [(0,), (0,)]


async def test_what_comes_late_for_it_is_let_go_and_new_words_begin_another(journal: SqlJournal) -> None:
    session_id, turn_id = await tell(journal, "Gone.", practice="gratitude")
    token = await journal.changing.delete([session_id])
    await journal.changing.delete_for_good([session_id])
    await journal.save_sentence(turn_id, "Late.")
    await child.finish(journal, turn_id, "Late.")
    assert await journal.sessions() == []
    with pytest.raises(CompanionError):
        await journal.changing.undo(token)
    await journal.save_user(session_id, "New.", 2_000.0)
    assert [(each.title, each.practice) for each in await journal.sessions()] == [("New.", "gratitude")]


async def test_where_it_remains_is_named(opened: Opener, home: Home) -> None:
    journal = await opened()
    session_id, turn_id = await tell(journal, "Gone.")
    await journal.finish_reply(
        turn_id,
        reply_text="Yes.",
        heard_text="Yes.",
        state=(await journal.turns(session_id))[0].reply_state,
        reply_at=1.0,
        engines={"llm": "openai/large", "stt": "builtin/en"},
        timeline_ms={},
        cost_usd=None,
    )
    folder = folder_of(home.journal)
    folder.mkdir()
    for name in ("one.db", "two.db", "notes.txt"):
        (folder / name).write_bytes(b"")
    _set_age(folder / "two.db", 10 * 86_400)
    remains = await journal.changing.remains([session_id])
    assert remains.engines == (("llm", "openai/large"), ("stt", "builtin/en"))
    # told last week, so the copy of before that knows nothing of it
    assert [name for name, _ in remains.copies] == ["one.db"]
    assert remains.copies[0][1] == pytest.approx(time.time() + KEPT_COPY_S, abs=60)
    assert await journal.changing.remains([99]) == type(remains)((), ())
    assert remains.aside == ()


def _set_age(path: Path, seconds: float) -> None:
    import os

    at = time.time() - seconds
    os.utime(path, (at, at))


async def test_what_is_due_goes_by_itself(
    opened: Opener, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = await opened()
    session_id, turn_id = await tell(journal, "Kept.")
    gone, _ = await tell(journal, "Gone.")
    take_id = await kept(journal, turn_id)
    folder = folder_of(home.journal)
    folder.mkdir()
    (folder / "one.db").write_bytes(b"")
    await journal.changing.delete([gone])
    now = time.time()
    seen = {}
    for days in (1, 6.9, 7.1, 29.9, 30.1):
        monkeypatch.setattr(time, "time", lambda later=now + days * 86_400: later)
        await journal.tidy(sound_days=30)
        (turn,) = await journal.turns(session_id)
        hidden = await journal.list.page(selection=DELETED)
        seen[days] = (len(hidden), [sound.take_id for sound in turn.sounds], (folder / "one.db").exists())
    assert seen == {
        1: (1, [take_id], True),
        6.9: (1, [take_id], True),
        7.1: (0, [take_id], True),
        29.9: (0, [take_id], True),
        30.1: (0, [], False),
    }
    assert list(home.takes.glob("*")) == []


# -- recordings ---------------------------------------------------------------------------------------------


async def test_a_kept_recording_stands_with_its_turn_and_waits_no_longer(journal: SqlJournal) -> None:
    session_id, turn_id = await tell(journal, "Kept.")
    spool = journal.spool()
    spool.write(child.frame(1) * 75)
    await spool.finish()
    silent = journal.spool()
    await silent.finish()
    other = await journal.sounds.seal(child.frame(2) * 50)
    await journal.keep_sound(turn_id, [spool.id, silent.id])
    (turn,) = await journal.turns(session_id)
    ((take_id, side, seconds),) = [(each.take_id, each.side, each.seconds) for each in turn.sounds]
    assert (take_id, side, seconds) == (spool.id, "said", 1.5)
    assert await journal.read_take(take_id) == child.frame(1) * 75
    assert [take.id for take in await journal.waiting_takes()] == [other]
    assert await journal.sounds.total_s() == (1, 1.5)
    await journal.sounds.remove([take_id])
    assert (await journal.turns(session_id))[0].sounds == ()
    with pytest.raises(CompanionError):
        await journal.read_take(take_id)


async def test_a_recording_of_what_was_deleted_meanwhile_goes_too(journal: SqlJournal) -> None:
    session_id, turn_id = await tell(journal, "Gone.")
    take_id = await journal.sounds.seal(child.frame(1) * 50)
    await journal.changing.delete_for_good([session_id])
    await journal.keep_sound(turn_id, [take_id])
    assert await journal.waiting_takes() == []
    with pytest.raises(CompanionError):
        await journal.read_take(take_id)


async def test_a_recording_goes_and_comes_back_with_its_turn(journal: SqlJournal) -> None:
    session_id, turn_id = await tell(journal, "Kept.")
    await journal.save_user(session_id, "More.", 1.0)
    take_id = await kept(journal, turn_id)
    token = await journal.changing.delete_turn(turn_id)
    assert await journal.waiting_takes() == []
    await journal.changing.undo(token)
    (turn, _) = await journal.turns(session_id)
    assert [each.take_id for each in turn.sounds] == [take_id]


async def test_kept_recordings_move_from_memory_to_disk(opened: Opener) -> None:
    from companion.journal.store import open_in_memory

    memory = await open_in_memory()
    session_id, turn_id = await tell(memory, "Kept.")
    take_id = await kept(memory, turn_id)
    disk = await opened()
    moved = await disk.take_in(memory)
    (turn,) = await disk.turns(moved.sessions[session_id])
    assert [each.take_id for each in turn.sounds] == [take_id]
    assert await disk.waiting_takes() == []
    assert await disk.read_take(take_id) == await memory.read_take(take_id)
    await memory.close()
