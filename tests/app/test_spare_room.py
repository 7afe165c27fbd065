"""Room is set aside after the first turn, told when it was used, and made again; not in a folder that is synced."""

from __future__ import annotations

import errno

import pytest

from companion.errors import Kind
from companion.events import Trouble, TroubleCleared
from companion.journal import reserve, store
from companion.paths import Home
from tests.app.test_companion import Watched, running, texts
from tests.waiting import until


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reserve, "LEAST_FREE_BYTES", 1)
    monkeypatch.setattr(reserve, "MOST_BYTES", 4096)


def fills_once(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk refuses the next words until there is room."""
    real = store.SqlJournal._add_turn

    def add(*given: object, **more: object) -> object:
        if home.reserve.exists():
            raise OSError(errno.ENOSPC, "full")
        return real(*given, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(store.SqlJournal, "_add_turn", add)


async def test_a_full_disk_is_told_and_the_words_are_saved_at_once(
    home: Home, monkeypatch: pytest.MonkeyPatch, expected_warnings: pytest.LogCaptureFixture
) -> None:
    async with running(home) as watched:
        await watched.turn("there is plenty")
        await until(home.reserve.exists)
        with monkeypatch.context() as full:
            fills_once(home, full)
            await watched.turn("now it is full")
            assert await texts(watched.app) == ["there is plenty", "now it is full"]
            await watched.until(lambda: told(watched))
        (card,) = told(watched)
        assert "set aside" in card.error.hint
        assert card.error.actions == ()
        await watched.turn("there is room again")
        await until(home.reserve.exists)
        await watched.until(lambda: cleared(watched))


def told(watched: Watched) -> list[Trouble]:
    return [each for each in watched.of(Trouble) if each.error.kind is Kind.DISK_FULL]


def cleared(watched: Watched) -> bool:
    return any(each.kinds and Kind.DISK_FULL in each.kinds for each in watched.of(TroubleCleared))


async def test_a_folder_that_is_synced_is_left_alone(home: Home) -> None:
    home.data.mkdir(parents=True)
    (home.data / ".stfolder").touch()
    async with running(home) as watched:
        await watched.turn("said at home")
        await until(lambda: watched.app.spare_room._looking is not None)
        task = watched.app.spare_room._looking
        assert task is not None
        await task
        assert not home.reserve.exists()
