"""What is said before something is deleted for good about copies that remain is what is there afterwards."""

from __future__ import annotations

import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest

from companion.app.backing_up import BackingUp
from companion.app.journal_desk import JournalDesk
from companion.journal.backups import list_backups
from companion.journal.copies import folder_of
from companion.journal.database import open_for_look
from companion.paths import Home
from companion.places import shown
from tests.app.test_archive import Run, running
from tests.reliability.proof import prove


@dataclass
class Scene:
    """A journal with "the heron" in it, and the folders of its backups."""

    home: Home
    run: Run
    tmp: Path
    chosen: str = ""

    def __post_init__(self) -> None:
        archive = self.run.archive
        self.backups = BackingUp(self.home, archive, archive._events, lambda: self.chosen)
        nothing = cast(Any, None)
        self.desk = JournalDesk(
            journal=archive.using,
            engine=lambda: cast(Any, self),  # nothing is under way
            practice=nothing,
            sound_days=lambda: None,
            played=nothing,
            voice=nothing,
            events=archive._events,
            backups=self.backups,
        )

    def leave(self, *_: object) -> None:
        """What an engine would be told."""

    def choose(self, name: str) -> Path:
        folder = self.tmp / name
        folder.mkdir(exist_ok=True)
        self.chosen = str(folder)
        return folder

    def unplug(self, folder: Path) -> Path:
        return folder.rename(folder.with_name(f"{folder.name} in a drawer"))

    async def deleted(self) -> tuple[str, list[Path]]:
        """Deletes it for good; what was told of copies before, and the files that hold it afterwards."""
        async with self.run.archive.using() as journal:
            (heron,) = [each.id for each in await journal.list.page() if "heron" in each.title]
            key, journal_id = journal.key_and_id
        told = await self.desk.copies_in_words([heron])
        await self.desk.delete_for_good([heron])
        assert self.backups._clearing is not None
        await self.backups._clearing
        holding = []
        for path in sorted(self.tmp.rglob("*.db")):
            with closing(open_for_look(path, key, journal_id, is_living=path == self.home.journal)) as look:
                if look.execute("SELECT 1 FROM turn WHERE user_text LIKE '%heron%'").fetchone():
                    holding.append(path)
        return told, holding


@pytest.fixture
async def scene(home: Home, tmp_path: Path) -> AsyncIterator[Scene]:
    async with running(home) as run:
        await run.say("the heron by the weir")
        await run.say("to keep")
        made = Scene(home, run, tmp_path)
        yield made
        await made.backups.close()


Case = Callable[[Scene], Awaitable[Path | None]]
"""Makes copies; returns the folder in which one remains, as it is known; None: none does."""


async def _no_backup(scene: Scene) -> None:
    return None


async def _beside(scene: Scene) -> None:
    await scene.backups.make()


async def _chosen(scene: Scene) -> None:
    scene.choose("drive")
    await scene.backups.make()


async def _chosen_away(scene: Scene) -> Path:
    drive = scene.choose("drive")
    await scene.backups.make()
    scene.unplug(drive)
    return drive


async def _chosen_but_bare(scene: Scene) -> Path:
    """The place of the drive is there, the drive is not."""
    drive = await _chosen_away(scene)
    (scene.tmp / "other").mkdir()  # or the disk gives the new folder the number of the old one
    drive.mkdir()
    return drive


async def _former(scene: Scene) -> None:
    scene.choose("old")
    await scene.backups.make()
    scene.choose("new")


async def _former_away(scene: Scene) -> Path:
    old = scene.choose("old")
    await scene.backups.make()
    scene.unplug(old)
    scene.choose("new")
    await scene.backups.make()
    return old


async def _former_emptied(scene: Scene) -> None:
    old = scene.choose("old")
    made = await scene.backups.make()
    made.path.unlink()
    scene.choose("new")
    assert old.is_dir()


async def _said_after(scene: Scene) -> None:
    """The drive was away already when it was said."""
    async with scene.run.archive.using() as journal:
        (heron,) = [each.id for each in await journal.list.page() if "heron" in each.title]
        await journal.changing.delete_for_good([heron])
    drive = scene.choose("drive")
    await scene.backups.make()
    scene.unplug(drive)
    await scene.run.say("the heron again")


async def _of_an_old_version(scene: Scene) -> Path:
    made = await scene.backups.make()
    copy = made.path.rename(made.path.with_name("before-version-4.db"))
    return copy.parent


async def _put_aside(scene: Scene) -> Path:
    made = await scene.backups.make()
    await scene.backups.restore(made.path)
    (aside,) = scene.home.data.glob("set-aside-*")
    return aside


async def _back_again(scene: Scene) -> None:
    """The former drive comes back: it loses what was deleted meanwhile with the next backup."""
    old = scene.choose("old")
    await scene.backups.make()
    drawer = scene.unplug(old)
    scene.choose("new")
    drawer.rename(old)


CASES: tuple[Case, ...] = (
    *(_no_backup, _beside, _chosen, _chosen_away, _chosen_but_bare, _former, _former_away),
    *(_former_emptied, _said_after, _of_an_old_version, _put_aside, _back_again),
)
_right = set[str]()


@pytest.mark.parametrize("case", CASES)
async def test_the_list_of_copies_is_what_there_is(scene: Scene, case: Case) -> None:
    where = await case(scene)
    told, holding = await scene.deleted()
    if where is None:
        assert (told, holding) == ("", [])
    else:
        named = "Copies of the journal" if where == folder_of(scene.home.journal) else shown(where)
        assert named in told
        assert holding != []
    _right.add(case.__name__)
    if len(_right) == len(CASES):
        what = "cases in which the copies that remain are those that are named"
        prove(15, what, len(_right), len(CASES), cases=len(CASES), at_least=True)


async def test_a_drive_that_comes_back_loses_what_was_deleted_and_is_named_until_then(scene: Scene) -> None:
    old = await _former_away(scene)
    await scene.deleted()
    (away,) = await scene.backups.elsewhere()
    assert (away.path, away.is_there, away.owes) == (old, False, True)
    assert abs(away.newest_at - time.time()) < 60
    old.with_name(f"{old.name} in a drawer").rename(old)
    await scene.backups._clear()
    (back,) = await scene.backups.elsewhere()
    assert (back.is_there, back.owes) == (True, False)
    async with scene.run.archive.using() as journal:
        journal_id = journal.key_and_id[1]
    (backup,) = list_backups(old, journal_id)
    assert [text for _, text in (await scene.backups.look(backup.path)).lines] == ["to keep"]
    shutil.rmtree(old)
    old.mkdir()
    shutil.rmtree(old)  # thrown away for good: it owes nothing
    assert [each.owes for each in await scene.backups.elsewhere()] == [False]
