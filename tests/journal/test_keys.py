"""The journal opens for those who may, tells the others what is needed, and never loses its key on the way."""

from __future__ import annotations

import asyncio
import json
import uuid
from dataclasses import replace

import pytest

from companion.errors import CompanionError, Kind
from companion.journal import keys
from companion.journal.keys import Argon2Cost, SlotKind, new_slots, read_slots, write_slots
from companion.journal.store import look_at, open_in_memory, open_journal
from companion.log import redact
from companion.paths import Home
from tests.journal.conftest import CHEAP, KEYRING, PASSPHRASE, Opener, tell

OTHER = b"\x55" * 32


async def refusal(home: Home, **secrets: object) -> CompanionError:
    with pytest.raises(CompanionError) as caught:
        await open_journal(home, **secrets, cost=CHEAP)  # type: ignore[arg-type]
    return caught.value


async def test_an_empty_home_is_new_and_asking_creates_nothing(home: Home) -> None:
    assert look_at(home).is_new
    assert (await refusal(home)).kind is Kind.NO_KEYRING
    assert not home.data.exists()


async def test_the_id_a_keyring_entry_was_made_for_is_kept(home: Home) -> None:
    journal_id = str(uuid.uuid4())
    journal = await open_journal(home, wrapping_key=KEYRING, journal_id=journal_id)
    await journal.close()
    assert look_at(home).journal_id == journal_id
    assert not look_at(home).is_new


@pytest.mark.parametrize(
    ("made_with", "opens_with", "storage"),
    [
        ({"wrapping_key": KEYRING}, {"wrapping_key": KEYRING}, "keyring"),
        ({"passphrase": PASSPHRASE}, {"passphrase": PASSPHRASE}, "passphrase"),
        ({"passphrase": "é ä"}, {"passphrase": "e\u0301 a\u0308"}, "passphrase"),
        ({"wrapping_key": KEYRING, "passphrase": PASSPHRASE}, {"wrapping_key": KEYRING}, "keyring"),
        ({"wrapping_key": KEYRING, "passphrase": PASSPHRASE}, {"passphrase": PASSPHRASE}, "passphrase"),
        (
            {"wrapping_key": KEYRING, "passphrase": PASSPHRASE},
            {"wrapping_key": OTHER, "passphrase": PASSPHRASE},
            "passphrase",
        ),
    ],
)
async def test_any_of_its_secrets_opens_it(
    opened: Opener, home: Home, made_with: dict[str, object], opens_with: dict[str, object], storage: str
) -> None:
    first = await opened(**made_with)
    session_id, _ = await tell(first, "Kept.")
    await first.close()
    assert look_at(home).opens_with == first.opens_with
    assert len(first.opens_with) == len(made_with)
    again = await opened(**opens_with)
    assert again.storage == storage
    assert [turn.user_text for turn in await again.turns(session_id)] == ["Kept."]


@pytest.mark.parametrize(
    ("made_with", "tried_with", "kind"),
    [
        ({"passphrase": PASSPHRASE}, {"passphrase": PASSPHRASE + "!"}, Kind.WRONG_PASSPHRASE),
        ({"passphrase": PASSPHRASE}, {"wrapping_key": KEYRING}, Kind.JOURNAL_LOCKED),
        ({"passphrase": PASSPHRASE}, {}, Kind.JOURNAL_LOCKED),
        ({"wrapping_key": KEYRING}, {"wrapping_key": OTHER}, Kind.JOURNAL_LOCKED),
        ({"wrapping_key": KEYRING}, {"passphrase": PASSPHRASE}, Kind.JOURNAL_LOCKED),
        ({"wrapping_key": KEYRING, "passphrase": PASSPHRASE}, {"wrapping_key": OTHER}, Kind.JOURNAL_LOCKED),
    ],
)
async def test_anything_else_is_refused_and_changes_nothing(
    opened: Opener, home: Home, made_with: dict[str, object], tried_with: dict[str, object], kind: Kind
) -> None:
    await (await opened(**made_with)).close()
    before = {path.name: path.read_bytes() for path in home.data.iterdir()}
    for _ in range(3):
        assert (await refusal(home, **tried_with)).kind is kind
    assert {path.name: path.read_bytes() for path in home.data.iterdir()} == before


async def test_a_lost_keyring_is_made_good_with_the_passphrase(opened: Opener) -> None:
    await (await opened(wrapping_key=KEYRING, passphrase=PASSPHRASE)).close()
    rescued = await opened(wrapping_key=OTHER, passphrase=PASSPHRASE)
    await rescued.set_wrapping_key(OTHER)
    await rescued.close()
    again = await opened(wrapping_key=OTHER)
    assert again.opens_with == {SlotKind.KEYRING, SlotKind.PASSPHRASE}


async def test_a_passphrase_can_be_added_and_changed(opened: Opener, home: Home) -> None:
    journal = await opened(wrapping_key=KEYRING)
    await journal.set_passphrase(PASSPHRASE, cost=CHEAP)
    await journal.set_passphrase("another one", cost=CHEAP)
    await journal.close()
    assert (await refusal(home, passphrase=PASSPHRASE)).kind is Kind.WRONG_PASSPHRASE
    assert (await opened(passphrase="another one")).opens_with == {SlotKind.KEYRING, SlotKind.PASSPHRASE}


async def test_killed_between_two_passphrases_both_open_it(
    opened: Opener, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    verify = keys.SlotsFile.verify_passphrase

    async def look_and_verify(file: keys.SlotsFile, passphrase: str) -> None:
        seen.append(home.key_slots.read_bytes())
        await verify(file, passphrase)

    monkeypatch.setattr(keys.SlotsFile, "verify_passphrase", look_and_verify)
    journal = await opened(passphrase=PASSPHRASE)
    await journal.set_passphrase("another one", cost=CHEAP)
    await journal.close()
    home.key_slots.write_bytes(seen[0])
    await (await opened(passphrase=PASSPHRASE)).close()
    await (await opened(passphrase="another one")).close()


async def test_a_passphrase_that_cannot_be_read_back_leaves_the_old_one(
    opened: Opener, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = await opened(passphrase=PASSPHRASE)
    old = home.key_slots.read_bytes()
    monkeypatch.setattr(
        keys, "write_slots", lambda path, slots: None
    )  # a disk that says yes and keeps nothing
    with pytest.raises(CompanionError):
        await journal.set_passphrase("another one", cost=CHEAP)
    monkeypatch.undo()
    assert home.key_slots.read_bytes() == old


async def test_words_and_passphrase_may_be_saved_at_once(opened: Opener, home: Home) -> None:
    journal = await opened(wrapping_key=KEYRING)
    await asyncio.gather(journal.set_passphrase(PASSPHRASE, cost=CHEAP), tell(journal, "Kept."))
    slots = read_slots(home.key_slots)
    assert slots is not None
    assert slots.has_entries
    assert slots.kinds == {SlotKind.KEYRING, SlotKind.PASSPHRASE}


async def test_production_cost_is_what_the_slot_records(home: Home) -> None:
    journal = await open_journal(home, passphrase=PASSPHRASE)
    await journal.close()
    (slot,) = json.loads(home.key_slots.read_bytes())["slots"]
    assert (slot["kdf"], slot["memory_kib"], slot["passes"], slot["lanes"]) == ("argon2id", 262_144, 3, 4)
    assert home.key_slots.stat().st_mode & 0o777 == 0o600


async def test_every_wrapping_is_fresh() -> None:
    slots, data_key = new_slots()
    one, two = [await slots.passphrase_slot(data_key, PASSPHRASE, CHEAP) for _ in range(2)]
    assert one.salt != two.salt
    assert one.wrapped != two.wrapped


async def test_a_slot_works_in_its_own_journal_only() -> None:
    mine, key = new_slots()
    theirs, _ = new_slots()
    moved = replace(theirs, slots=(mine.keyring_slot(key, KEYRING),))
    with pytest.raises(CompanionError) as caught:
        moved.unlock_with_wrapping_key(KEYRING)
    assert caught.value.kind is Kind.JOURNAL_LOCKED


def test_the_data_key_never_reaches_the_log() -> None:
    slots, data_key = new_slots()
    assert data_key.reveal() not in redact(f"PRAGMA key = x'{data_key.reveal()}'")
    assert data_key.reveal() not in repr((slots, data_key))


def test_slots_read_back_as_written(home: Home) -> None:
    slots, key = new_slots()
    slots = replace(slots.with_slot(slots.keyring_slot(key, KEYRING)), has_entries=True)
    write_slots(home.key_slots, slots)
    assert read_slots(home.key_slots) == slots


@pytest.mark.parametrize(
    "cost",
    [
        Argon2Cost(memory_kib=2**40),
        Argon2Cost(passes=0),
        Argon2Cost(lanes=10_000),
        Argon2Cost(memory_kib=8, lanes=2),
    ],
)
async def test_a_slot_that_asks_for_the_impossible_is_not_tried(home: Home, cost: Argon2Cost) -> None:
    slots, key = new_slots()
    slot = await slots.passphrase_slot(key, PASSPHRASE, CHEAP)
    write_slots(home.key_slots, slots.with_slot(replace(slot, cost=cost)))
    assert (await refusal(home, passphrase=PASSPHRASE)).kind is Kind.JOURNAL_DAMAGED


async def test_a_journal_in_memory_has_no_keys() -> None:
    journal = await open_in_memory()
    assert journal.opens_with == frozenset()
    with pytest.raises(RuntimeError):
        await journal.set_passphrase(PASSPHRASE)
    await journal.close()
