"""When the welcome comes by itself, how far it is remembered, and that it says once what the first notice says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from companion.app import Companion
from companion.app.welcome import PAGES, Welcome
from companion.events import Event, ProgramNoted
from companion.paths import Home
from companion.vault import MemoryVault
from tests.vaults import given


def test_it_comes_at_the_very_first_start_and_never_again_once_it_was_left(home: Home) -> None:
    first = Welcome(home)
    assert first.is_due
    first.begin()
    first.end()
    assert not first.is_due
    assert not Welcome(home).is_due


def test_who_closes_the_window_in_the_middle_goes_on_there(home: Home) -> None:
    first = Welcome(home)
    first.begin()
    first.uses_provider = True
    for page in PAGES[:2]:
        first.go_on(page)
    home.journal.parent.mkdir(parents=True)
    home.journal.touch()  # made meanwhile
    again = Welcome(home, ["settings.yaml:1"])
    assert again.is_due
    assert again.page == PAGES[2]
    assert again.uses_provider
    again.end()
    seen_again = Welcome(home)
    seen_again.go_on(PAGES[2])  # reopened, and the window closed in the middle
    assert not Welcome(home).is_due


@pytest.mark.parametrize("trace", ["settings", "journal", "key_slots"])
def test_a_home_in_which_somebody_lives_is_not_welcomed(home: Home, trace: str) -> None:
    path: Path = getattr(home, trace)
    path.parent.mkdir(parents=True)
    path.write_text("")
    assert not Welcome(home).is_due


@pytest.mark.parametrize(
    ("set_by", "is_due"),
    [
        ([], True),
        (["environment OPENAI_MODEL", "environment AI_PROVIDER"], True),
        (["environment COMPANION_SOUND__CUES"], False),
        (["settings.production.yaml:3"], False),
    ],
)
def test_only_what_was_set_for_this_program_tells_of_somebody(
    home: Home, set_by: list[str], is_due: bool
) -> None:
    assert Welcome(home, set_by).is_due is is_due


def test_a_run_that_leaves_no_trace_shows_none(home: Home) -> None:
    welcome = Welcome(home, is_kept=False)
    assert not welcome.is_due
    welcome.end()
    assert not home.state.exists()


@pytest.mark.parametrize("kept", ["", "[]", "{", '{"done": 3}', '{"done": ["begin", "elsewhere", 7]}'])
def test_a_damaged_file_costs_nothing(home: Home, kept: str) -> None:
    home.state.mkdir(parents=True)
    (home.state / "welcome.json").write_text(kept)
    welcome = Welcome(home)
    assert welcome.is_due
    assert welcome.page in PAGES
    welcome.end()
    assert json.loads((home.state / "welcome.json").read_text())["is_over"] is True


@pytest.mark.parametrize("is_new", [True, False])
async def test_that_it_is_a_program_is_told_once(home: Home, is_new: bool) -> None:
    if not is_new:
        home.settings.parent.mkdir(parents=True)
        home.settings.write_text("providers:\n  tts: {active: mock}\n")
    app = Companion(home, vault=given(MemoryVault()))
    told: list[Event] = []
    app.events.watch(told.append)
    assert app.welcome.is_due is is_new
    await app.open()
    assert any(isinstance(each, ProgramNoted) for each in told) is not is_new
    await app.close()
