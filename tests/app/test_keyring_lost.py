"""A keyring that lost the journal's key or never comes back: nothing is lost, and the card offers what can work."""

from __future__ import annotations

import pytest

from companion.app import checkup
from companion.errors import Action
from companion.events import JournalOpened, Trouble
from companion.paths import Home
from companion.vault import Vault
from tests.app.test_companion import KeepingVault, NoKeyring, running, texts

EIGHT = "any eight words that nobody has written before"


class Garbled(KeepingVault):
    """What some other program put in the key's place."""

    async def _read(self, account: str) -> str | None:
        return "c29tZXRoaW5nIGVsc2U=" if account not in self._memory else await super()._read(account)


class Stale(KeepingVault):
    """The key of another journal, as after a restored keyring."""

    async def get_journal_key(self, journal_id: str) -> bytes | None:
        return await super().get_journal_key(journal_id) or bytes(32)


each_loss = pytest.mark.parametrize("loss", [KeepingVault, Garbled, Stale, NoKeyring])
"""Emptied, garbled, of another journal, and not there at all."""


async def filled(home: Home, *, has_words: bool) -> KeepingVault:
    vault = KeepingVault()
    async with running(home, vault) as watched:
        await watched.turn("Said before it was lost.")
        if has_words:
            async with watched.app.archive.using() as journal:
                await journal.set_passphrase(EIGHT)
    return vault


async def diagnosis(home: Home, vault: Vault, monkeypatch: pytest.MonkeyPatch) -> checkup.Finding:
    async def opened(*_: object) -> Vault:
        return vault

    monkeypatch.setattr(checkup.Vault, "open", opened)
    return await checkup._journal(home)


@each_loss
async def test_the_eight_words_open_it_and_give_the_keyring_a_new_key(
    home: Home, loss: type[KeepingVault], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await diagnosis(home, await filled(home, has_words=True), monkeypatch)).level == "ok"
    lost = loss()
    told = await diagnosis(home, lost, monkeypatch)
    assert told.level == "problem"
    assert "passphrase" in told.detail
    lost = loss()
    async with running(home, lost) as second:
        error = second.of(Trouble)[0].error
        assert {Action.USE_PASSPHRASE, Action.RETRY, Action.NEW_JOURNAL} <= set(error.actions)
        assert "keyring" in error.message
        await second.app.use_passphrase(EIGHT)
        assert await texts(second.app) == ["Said before it was lost."]
    if loss is not NoKeyring:
        async with running(home, lost) as third:
            assert third.of(JournalOpened)[0].storage == "keyring"


@each_loss
async def test_without_words_the_old_one_is_kept_beside_a_new_one(
    home: Home, loss: type[KeepingVault], monkeypatch: pytest.MonkeyPatch
) -> None:
    vault = await filled(home, has_words=False)
    told = await diagnosis(home, loss(), monkeypatch)
    assert told.level == "problem"
    assert "left as it is" in told.detail
    async with running(home, loss()) as second:
        error = second.of(Trouble)[0].error
        assert Action.USE_PASSPHRASE not in error.actions
        assert {Action.RETRY, Action.NEW_JOURNAL} <= set(error.actions)
        second.app.act(Action.NEW_JOURNAL)
        await second.until(lambda: len(second.of(JournalOpened)) + len(second.of(Trouble)) > 2)
        if loss is NoKeyring:
            await second.app.use_passphrase(EIGHT)
        await second.turn("Said after.")
        assert await texts(second.app) == ["Said after."]
    (aside,) = home.data.glob("set-aside-*")
    for path in (home.journal, home.key_slots):
        path.unlink()
        (aside / path.name).rename(path)
    async with running(home, vault) as found_again:
        assert await texts(found_again.app) == ["Said before it was lost."]


async def test_a_new_journal_meets_nothing_that_the_old_one_left_half_done(home: Home) -> None:
    """A rollback journal that stayed behind would be played back into the new file."""
    await filled(home, has_words=False)
    left = home.journal.with_name("journal.db-journal")
    left.write_bytes(b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7" + bytes(4096))
    async with running(home, KeepingVault()) as second:
        second.app.act(Action.NEW_JOURNAL)
        await second.until(lambda: len(second.of(JournalOpened)) > 1)
    assert not left.exists()
