"""One instance per home: the next one knocks, and a key of the desktop talks through the same door."""

from __future__ import annotations

import os
import stat
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from companion.cli import run as run_command
from companion.errors import CompanionError
from companion.gui.door import FRESH_S, RAISE, TOGGLE_TALK, Answer, Door, _own_folder, knock
from companion.paths import Home, find_home


class Asked(threading.Thread):
    """Another program that asks; the window's loop goes on meanwhile."""

    def __init__(self, ask: Callable[[], object]) -> None:
        super().__init__(daemon=True)
        self._ask = ask
        self.got: object = None
        self.start()

    def run(self) -> None:
        self.got = self._ask()

    def answer(self, qtbot: QtBot) -> object:
        qtbot.waitUntil(lambda: not self.is_alive())
        return self.got


class Clock:
    """The window's, which may be ahead of the clock of those who ask."""

    ahead_s = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead_s


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return find_home(str(tmp_path))


@pytest.fixture
def heard() -> list[str]:
    return []


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def door(qapp: object, home: Home, heard: list[str], clock: Clock) -> Iterator[Door]:
    made = Door(home, now=clock)
    assert made.enter()
    made.answers = {name: lambda name=name: heard.append(name) for name in (RAISE, TOGGLE_TALK)}
    made.listen()
    yield made
    made.leave()


def test_a_second_instance_finds_the_first_and_can_ask_it(
    qtbot: QtBot, door: Door, home: Home, heard: list[str]
) -> None:
    assert not Door(home).enter()
    assert Asked(lambda: knock(home.data, RAISE)).answer(qtbot) is Answer.DONE
    assert heard == [RAISE]


def test_a_home_that_cannot_be_written_keeps_nobody_out_until_it_can(qtbot: QtBot, tmp_path: Path) -> None:
    place = tmp_path / "drive"
    place.symlink_to(tmp_path / "not there")
    first, second = Door(find_home(str(place))), Door(find_home(str(place)))
    assert first.enter()
    assert second.enter()
    (tmp_path / "not there").mkdir()
    first.claim()
    with pytest.raises(CompanionError, match="Another window"):
        second.claim()
    first.leave()
    second.claim()
    second.leave()


def test_where_sockets_are_files_they_lie_where_only_their_owner_can_enter(
    qtbot: QtBot, home: Home, heard: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("companion.gui.door._HAS_ABSTRACT_NAMES", False)
    folder = Path(f"/tmp/companion-{os.getuid()}")
    before = os.umask(0)
    door = Door(home)
    door.answers = {RAISE: lambda: heard.append(RAISE)}
    door.listen()
    os.umask(before)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert Asked(lambda: knock(home.data, RAISE)).answer(qtbot) is Answer.DONE
    door.leave()
    (tmp_path / "link").symlink_to(tmp_path)
    assert not _own_folder(tmp_path / "link").exists()


def test_the_command_of_a_desktop_key_talks_in_the_open_window(
    qtbot: QtBot, door: Door, home: Home, heard: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["--home", str(home.data.parent), "toggle-talk"]
    for times in (1, 2):
        assert Asked(lambda: run_command(command)).answer(qtbot) == 0
        assert heard == [TOGGLE_TALK] * times
    assert capsys.readouterr().out == ""


def test_the_window_is_found_from_elsewhere_and_by_another_road(
    qtbot: QtBot, tmp_path: Path, heard: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    far = tmp_path.joinpath(*["a folder with a long name"] * 8)
    far.mkdir(parents=True)
    (tmp_path / "link").symlink_to(far)
    door = Door(find_home(str(far)))
    door.answers = {TOGGLE_TALK: lambda: heard.append(TOGGLE_TALK)}
    door.listen()
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    for road in (far, tmp_path / "link", tmp_path / "link" / ".." / far.name):
        assert (
            Asked(lambda road=road: knock(find_home(str(road)).data, TOGGLE_TALK)).answer(qtbot)
            is Answer.DONE
        )
    door.leave()
    assert heard == [TOGGLE_TALK] * 3


def test_what_is_read_too_late_is_not_done_and_said(
    qtbot: QtBot, door: Door, home: Home, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    begun: list[str] = []
    door.answers = {TOGGLE_TALK: lambda: begun.append(TOGGLE_TALK)}
    command = ["--home", str(home.data.parent), "toggle-talk"]
    for clock.ahead_s in (FRESH_S + 1, -FRESH_S - 1):
        assert Asked(lambda: run_command(command)).answer(qtbot) == 1
        assert "nothing was started" in capsys.readouterr().err
    assert begun == []


def test_a_window_that_does_not_answer_is_not_waited_for(
    qtbot: QtBot, door: Door, home: Home, heard: list[str], clock: Clock
) -> None:
    assert (
        knock(home.data, TOGGLE_TALK, wait_s=0.03) is Answer.SILENT
    )  # this thread is the window's, and it is busy
    clock.ahead_s = FRESH_S + 1
    assert Asked(lambda: knock(home.data, RAISE)).answer(qtbot) is Answer.LATE
    assert heard == []


def test_a_window_that_is_closing_does_nothing_more(
    qtbot: QtBot, door: Door, home: Home, heard: list[str]
) -> None:
    door.answers = {}
    assert Asked(lambda: knock(home.data, TOGGLE_TALK)).answer(qtbot) is Answer.UNKNOWN


def test_without_an_open_window_the_command_says_so(
    qapp: object, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["--home", str(tmp_path), "toggle-talk"]) == 1
    assert "not open" in capsys.readouterr().err


@pytest.mark.parametrize(
    "word", ["", "delete everything", "x" * 10_000, "raise; toggle-talk", "raise 1e999\nraise"]
)
def test_what_nobody_knows_does_nothing(
    qtbot: QtBot, door: Door, home: Home, heard: list[str], word: str
) -> None:
    assert Asked(lambda: knock(home.data, word)).answer(qtbot) is not Answer.DONE
    assert Asked(lambda: knock(home.data, RAISE)).answer(qtbot) is Answer.DONE
    assert heard == [RAISE]
