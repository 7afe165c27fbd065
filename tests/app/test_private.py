"""Promise 41: a private reflection leaves nothing, neither in the journal nor in any file, and is shown all the time."""

from __future__ import annotations

from companion.events import JournalOpened
from companion.flow import FRAME_BYTES
from companion.paths import Home
from tests.app.test_companion import KeepingVault, running, texts
from tests.app.test_journal_desk import known
from tests.journal.conftest import bytes_on_disk
from tests.reliability.proof import prove

SENTINEL = "zebra violin marmalade"
SOUND = b"\x5a\xa5" * (FRAME_BYTES // 2)


def files(home: Home) -> set[str]:
    roots = (home.config, home.data, home.state)
    return {str(path) for root in roots if root.exists() for path in root.rglob("*") if path.is_file()}


async def test_it_leaves_nothing(home: Home) -> None:
    vault = KeepingVault()
    async with running(home, vault) as first:
        await first.turn("Kept before.")
        before = files(home)
        first.app.set_private(True)
        await first.until(lambda: first.of(JournalOpened)[-1].is_by_choice)
        await first.turn(f"{SENTINEL}, said in private.")
        assert await texts(first.app) == [f"{SENTINEL}, said in private."], "it can be read while it lasts"
        async with first.app.archive.using() as journal:
            take = journal.spool()
            for _ in range(200):
                take.write(SOUND)
            await take.finish()
        await first.app.archive.keep_draft(f"{SENTINEL}, not sent")
        new = {path for path in files(home) - before if "log" not in path}
        assert "Kept before." not in known(first)
        first.app.set_private(False)
        await first.until(lambda: not first.of(JournalOpened)[-1].is_by_choice)
        assert SENTINEL not in known(first), "no answer that is kept comes back to it"
        await first.turn("Kept after.")
        assert await texts(first.app) == ["Kept after.", "Kept before."]
        first.app.set_private(True)
        await first.until(lambda: first.of(JournalOpened)[-1].is_by_choice)
        assert await texts(first.app) == [], "the one before it is gone"
    async with running(home, vault) as second:
        assert await texts(second.app) == ["Kept after.", "Kept before."]
        assert await second.app.archive.draft() == ""
        async with second.app.archive.using() as journal:
            assert await journal.waiting_takes() == []
            found = await journal.finding.words("zebra")
    everything = bytes_on_disk(home.data.parent)
    hits = len(found) + sum(
        everything.count(part) for part in (SENTINEL.encode(), SENTINEL.encode("utf-16-le"), SOUND)
    )
    prove(41, "traces of a private reflection", hits, 0, cases=3)
    prove(41, "new files of a private reflection", len(new), 0, cases=1)


async def test_it_ends_with_the_app_and_the_settings_say_the_rest(home: Home) -> None:
    async with running(home, KeepingVault(), journal__keep=False) as first:
        first.app.set_private(True)
        first.app.set_private(False)
        await first.turn("Said where nothing is kept.")
        assert first.of(JournalOpened)[-1].is_by_choice
