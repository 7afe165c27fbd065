"""Eight words beside the keyring: offered when there is something to lose, and good for the day the keyring is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta

import pytest

from companion import days
from companion.app.archive import Archive
from companion.app.spare_key import SpareKey
from companion.days import When
from companion.errors import CompanionError, Kind
from companion.events import Event, Events, Note, SpareKeyOffered
from companion.paths import Home
from companion.tasks import report
from companion.vault import MemoryVault, Vault


class Desk:
    """An archive with a vault, and the offers it made."""

    def __init__(self, home: Home) -> None:
        self.vault: Vault = MemoryVault()
        self.events = Events(report)
        self.seen: list[Event] = []
        self.events.watch(self.seen.append)
        self.archive = Archive(home, vault=self._vault, events=self.events)
        self.key = SpareKey(self.events, self.archive, home.state, lambda: True)

    async def _vault(self) -> Vault:
        return self.vault

    async def reflect(self, times: int) -> None:
        async with self.archive.using() as journal:
            for _ in range(times):
                await journal.save_user(await journal.begin_session("gratitude"), "Words.", 1.0)

    async def offers(self) -> int:
        """How many there were, after a look."""
        self.key._look_soon()
        if self.key._looking is not None:
            await asyncio.wait([self.key._looking])
        return sum(isinstance(event, SpareKeyOffered) for event in self.seen)

    def again(self) -> None:
        """As after another start."""
        self.key._is_offered = False


@pytest.fixture
async def desk(home: Home) -> AsyncIterator[Desk]:
    made = Desk(home)
    await made.archive.open()
    yield made
    await made.key.close()
    await made.archive.close()


async def test_offered_after_the_third_reflection_and_again_after_ninety_days(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await desk.offers() == 0
    await desk.reflect(2)
    assert await desk.offers() == 0
    await desk.reflect(1)
    assert await desk.offers() == 1
    assert await desk.offers() == 1
    now = days.now()

    def later(number: int) -> Callable[[], When]:
        return lambda: When(now.at + timedelta(days=number).total_seconds(), now.offset_s)

    for number, offers in ((1, 1), (89, 1), (90, 2), (179, 2), (180, 3)):
        desk.again()
        monkeypatch.setattr(days, "now", later(number))
        assert await desk.offers() == offers, number


async def test_not_offered_where_there_are_such_words(desk: Desk) -> None:
    await desk.reflect(3)
    words = desk.key.draw()
    await desk.key.keep(words)
    desk.again()
    assert await desk.offers() == 0
    await desk.archive.close()


async def test_typed_back_in_any_spelling_and_not_otherwise(desk: Desk) -> None:
    words = desk.key.draw()
    assert desk.key.is_same(words, words.upper().replace(" ", "  "))
    assert not desk.key.is_same(words, " ".join(words.split()[:-1]))
    assert not desk.key.is_same(words, " ".join(reversed(words.split())))


async def test_with_the_keyring_lost_the_words_open_it_and_the_keyring_gets_its_key_back(
    desk: Desk, home: Home
) -> None:
    await desk.reflect(1)
    words = desk.key.draw()
    await desk.key.keep(words)
    await desk.archive.close()

    moved = Desk(home)  # another computer: its keyring knows nothing
    await moved.archive.open()
    assert moved.archive.storage == "memory"
    assert await moved.archive.needs() == "enter"
    with pytest.raises(CompanionError) as refused:
        await moved.archive.use_passphrase("eight other words that nobody has ever drawn")
    assert refused.value.kind is Kind.WRONG_PASSPHRASE
    await moved.archive.use_passphrase(f" {words.title()}\n")
    async with moved.archive.using() as journal:
        assert len(await journal.sessions()) == 1
    assert any(isinstance(event, Note) and "keyring opens" in event.text for event in moved.seen)
    await moved.archive.close()

    at_home = Desk(home)
    at_home.vault = moved.vault
    await at_home.archive.open()
    assert at_home.archive.storage == "keyring"
    await at_home.archive.close()
