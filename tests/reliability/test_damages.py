"""Promise 6: a damaged journal is called damaged wherever the damage is, and nothing of it is removed."""

from __future__ import annotations

import shutil
from pathlib import Path
from random import Random

import pytest

from companion.errors import CompanionError, Kind
from companion.journal.store import open_journal
from companion.paths import Home, find_home
from tests.reliability.kill_child import KEY
from tests.reliability.proof import prove

SALT_BYTES = 16
"""Harmless where they are damaged: they follow from the key."""


async def verdict(home: Home) -> Kind | None:
    try:
        await (await open_journal(home, wrapping_key=KEY)).close()
    except CompanionError as error:
        return error.kind
    return None


@pytest.mark.parametrize("count", [10, pytest.param(120, marks=pytest.mark.long)])
async def test_damage_is_called_damage_wherever_it_is(tmp_path: Path, count: int) -> None:
    dice, made = Random(6), find_home(tmp_path / "made")
    journal = await open_journal(made, wrapping_key=KEY)
    session_id = await journal.begin_session("open")
    for number in range(20):
        await journal.save_user(session_id, f"Thought {number}. " * 50, 1.0)
    await journal.close()
    whole = made.journal.read_bytes()
    wrong: list[str] = []
    for number in range(count):
        home = find_home(tmp_path / "damaged")
        shutil.rmtree(tmp_path / "damaged", ignore_errors=True)
        shutil.copytree(tmp_path / "made", tmp_path / "damaged")
        place = dice.randrange(SALT_BYTES, len(whole))
        spoilt = whole[:place] + bytes([whole[place] ^ 0x10]) + whole[place + 1 :]
        home.journal.write_bytes(whole[:place] if number % 2 else spoilt)
        found = await verdict(home)
        if found is not Kind.JOURNAL_DAMAGED or not home.journal.exists() or not home.key_slots.exists():
            wrong.append(f"{'cut' if number % 2 else 'bit'} at {place}: {found}")
    assert wrong == []
    prove(6, "damages of a journal with another verdict, or with a file gone", len(wrong), 0, cases=count)
