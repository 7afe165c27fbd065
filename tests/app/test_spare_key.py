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
from tests.reliability.proof import prove


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


class LostKeyring(MemoryVault):
    """One that has lost the journal's key, or does not give it."""

    def __init__(self, fault: Kind | None = None, *, holds: bytes | None = None, takes: bool = True) -> None:
        super().__init__()
        self._fault, self._holds, self._takes = fault, holds, takes

    async def get_journal_key(self, journal_id: str) -> bytes | None:
        if self._fault is not None:
            raise CompanionError(self._fault)
        return self._holds

    async def put_journal_key(self, journal_id: str, key: bytes, *, this_run_only: bool = False) -> None:
        if not self._takes:
            raise CompanionError(self._fault or Kind.NO_KEYRING)
        self._holds = key


LOST: dict[str, Callable[[], LostKeyring]] = {
    "another computer": LostKeyring,
    "another person's account": LostKeyring,
    "the keyring was emptied": LostKeyring,
    "another keyring holds another key": lambda: LostKeyring(holds=bytes(range(32))),
    "the keyring holds a key that is no key": lambda: LostKeyring(holds=b""),
    "there is no keyring": lambda: LostKeyring(Kind.NO_KEYRING, takes=False),
    "a keyring that keeps nothing": lambda: LostKeyring(takes=False),
    "the keyring does not answer": lambda: LostKeyring(Kind.KEYRING_TIMEOUT, takes=False),
    "the keyring fails": lambda: LostKeyring(Kind.KEYRING_FAILED, takes=False),
    "it answers no more, and takes what it is given": lambda: LostKeyring(Kind.KEYRING_TIMEOUT),
    "it fails, and takes what it is given": lambda: LostKeyring(Kind.KEYRING_FAILED),
    "it holds a key that is too long": lambda: LostKeyring(holds=bytes(2_000)),
}


async def test_twelve_lost_keyrings_lose_no_journal(home: Home) -> None:
    desk = Desk(home)
    await desk.archive.open()
    await desk.reflect(2)
    words = desk.key.draw()
    await desk.key.keep(words)
    await desk.archive.close()
    slots = home.key_slots.read_bytes()
    opened = 0
    for name, lose in LOST.items():
        home.key_slots.write_bytes(slots)
        lost = Desk(home)
        lost.vault = lose()
        await lost.archive.open()
        assert lost.archive.storage == "memory", name
        await lost.reflect(1)
        await lost.archive.use_passphrase(words)
        async with lost.archive.using() as journal:
            opened += len(await journal.sessions()) == 3 + opened
        await lost.archive.close()
    prove(
        7,
        "journals opened with eight words after a lost keyring",
        opened,
        len(LOST),
        cases=len(LOST),
        at_least=True,
    )
