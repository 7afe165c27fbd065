"""One instance per home: the next one knocks, and a key of the desktop talks through the same door."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from companion.cli import run as run_command
from companion.gui.main import RAISE, TOGGLE_TALK, Door, knock
from companion.paths import Home, find_home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return find_home(str(tmp_path))


@pytest.fixture
def heard() -> list[str]:
    return []


@pytest.fixture
def door(qapp: object, home: Home, heard: list[str]) -> Iterator[Door]:
    made = Door(home)
    assert made.enter()
    made.answers = {name: lambda name=name: heard.append(name) for name in (RAISE, TOGGLE_TALK)}
    made.listen()
    yield made
    made.leave()


def test_a_second_instance_brings_the_first_to_the_front(
    qtbot: QtBot, door: Door, home: Home, heard: list[str]
) -> None:
    assert not Door(home).enter()
    qtbot.waitUntil(lambda: heard == [RAISE])


def test_the_command_of_a_desktop_key_talks_in_the_open_window(
    qtbot: QtBot, door: Door, home: Home, heard: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = str(home.data.parent)
    for times in (1, 2):
        assert run_command(["--home", folder, "toggle-talk"]) == 0
        qtbot.waitUntil(lambda times=times: heard == [TOGGLE_TALK] * times)
    assert capsys.readouterr().out == ""


def test_without_an_open_window_the_command_says_so(
    qapp: object, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["--home", str(tmp_path), "toggle-talk"]) == 1
    assert "not open" in capsys.readouterr().err


@pytest.mark.parametrize("word", ["", "delete everything", "x" * 10_000, "raise; toggle-talk"])
def test_what_nobody_knows_does_nothing(
    qtbot: QtBot, door: Door, home: Home, heard: list[str], word: str
) -> None:
    knock(home.data, word)
    knock(home.data, RAISE)
    qtbot.waitUntil(lambda: bool(heard))
    assert heard == [RAISE]
