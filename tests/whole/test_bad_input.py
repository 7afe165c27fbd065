"""What goes wrong on a real computer: each gives its sentence, the app goes on, and nothing said or typed is lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from tests.whole.desk import Desk, RunningApp, desk

pytestmark = pytest.mark.whole
NO_SOUND = {"PULSE_SERVER": "unix:/nonexistent"}


def answered(place: Desk, app: RunningApp, text: str) -> dict[str, object]:
    """Types `text` and returns the finished turn's record."""
    since = app.mark()
    place.write(text)
    record: dict[str, object] = app.wait_for("TurnFinished", since=since)["record"]
    assert record["user_text"] == text
    assert record["reply_text"]
    return record


def trouble(app: RunningApp, since: int = 0, limit_s: float = 30.0) -> dict[str, object]:
    error: dict[str, object] = app.wait_for("Trouble", since=since, limit_s=limit_s)["error"]
    return error


def kept_turns(place: Desk, home: str) -> list[str]:
    """What the journal of `home` holds, read by another process with the same keyring."""
    code = (
        "import asyncio, sys\n"
        "from companion.app import Companion\n"
        "from companion.paths import find_home\n"
        "async def main():\n"
        "    app = Companion(find_home(sys.argv[1]))\n"
        "    await app.open()\n"
        "    for session in await app.sessions():\n"
        "        for turn in await app.turns(session.id): print(turn.user_text)\n"
        "    await app.close()\n"
        "asyncio.run(main())\n"
    )
    command = [sys.executable, "-c", code, str(place.folder / home)]
    done = subprocess.run(command, env=place.env, check=True, capture_output=True, text=True, timeout=60)
    return done.stdout.splitlines()


def test_without_a_sound_system_writing_still_works(place: Desk) -> None:
    app = place.start_ready(env=NO_SOUND, home="mute")
    since = app.mark()
    place.press()
    error = trouble(app, since)
    place.release()
    assert error["kind"] == "no_microphone"
    assert error["message"] == "No microphone was found."
    app.wait_for("PhaseChanged", phase="ready", since=since)
    answered(place, app, "I write instead.")
    assert app.close() == 0
    assert kept_turns(place, "mute") == ["I write instead."]


def test_a_muted_microphone_is_named_and_nothing_is_sent(place: Desk) -> None:
    app = place.start_ready(home="muted")
    since = app.mark()
    place.press()
    error = trouble(app, since)
    time.sleep(0.5)
    place.release()
    assert error["kind"] == "microphone_silent"
    app.wait_for("TakeDiscarded", since=since)
    app.wait_for("PhaseChanged", phase="ready", since=since)
    assert app.of("UserSaid", since) == []
    assert app.close() == 0


def test_a_provider_that_cannot_be_reached_is_told_and_the_guide_answers(place: Desk) -> None:
    settings = place.folder / "far" / "config" / "settings.yaml"
    settings.parent.mkdir(parents=True)
    settings.write_text(
        "providers:\n  llm:\n    active: ollama\n    ollama: {base_url: 'http://127.0.0.1:9', model: m}\n"
    )
    app = place.start_ready(home="far")
    record = answered(place, app, "Are you there?")
    error = trouble(app)
    assert error["kind"] == "unreachable"
    assert error["hint"] == "Offline guide answered instead."
    assert record["reply_state"] == "whole"
    assert app.close() == 0


def test_broken_settings_are_kept_aside_and_the_app_starts(place: Desk) -> None:
    config = place.folder / "broken" / "config"
    config.mkdir(parents=True)
    (config / "settings.yaml").write_text("[" * 500)
    app = place.start_ready(home="broken")
    error = trouble(app)
    assert error["kind"] == "settings_broken"
    assert "settings.yaml:1:" in str(error["message"])
    assert [path.read_text() for path in config.glob("*.bad-*")] == ["[" * 500]
    answered(place, app, "It works all the same.")
    assert app.close() == 0


def test_a_second_start_brings_the_first_window_to_the_front(place: Desk) -> None:
    app = place.start_ready(home="twice")
    place.xdotool("search", "--onlyvisible", "--name", "^Companion$", "windowminimize")
    second = place.start(home="twice")
    assert second.process.wait(30) == 0
    second.end()
    assert any("already open" in line for line in second.other_lines)
    deadline = time.monotonic() + 10
    while not visible(place):
        assert time.monotonic() < deadline, "the first window stays minimised"
        time.sleep(0.1)
    app.process.send_signal(signal.SIGKILL)
    app.process.wait()
    again = place.start_ready(home="twice")
    assert again.close() == 0, "a lock whose owner is gone holds nobody up"


def visible(place: Desk) -> bool:
    command = ["xdotool", "search", "--onlyvisible", "--name", "^Companion$"]
    return subprocess.run(command, env=place.env, check=False, capture_output=True).returncode == 0


def test_killed_in_the_middle_of_an_answer_the_words_are_there_again(place: Desk) -> None:
    app = place.start_ready(home="killed")
    place.write("This must not be lost.")
    app.wait_for("PhaseChanged", phase="speaking")
    app.process.send_signal(signal.SIGKILL)
    app.process.wait()
    assert kept_turns(place, "killed") == ["This must not be lost."]


def test_killed_while_recording_the_take_waits(place: Desk) -> None:
    app = place.start_ready(home="cut")
    place.press()
    app.wait_for("PhaseChanged", phase="listening")
    place.speak("austen-0890.wav")
    app.process.send_signal(signal.SIGKILL)
    app.process.wait()
    place.release()
    again = place.start_ready(home="cut")
    assert again.wait_for("JournalOpened")["waiting_takes"] == 1
    assert trouble(again)["kind"] == "takes_waiting"
    since = again.mark()
    place.click(0.75, 90)  # the card's first button
    said = again.wait_for("UserSaid", since=since)["text"]
    assert "selfish" in said, said
    again.wait_for("TurnFinished", since=since)
    assert again.close() == 0


def test_closing_in_the_middle_of_an_answer_saves_and_ends(place: Desk) -> None:
    app = place.start_ready(home="closed")
    place.write("Close now.")
    app.wait_for("PhaseChanged", phase="speaking")
    place.tap("alt+F4")
    assert app.process.wait(20) == 0
    assert app.of("TurnFinished")[0]["record"]["reply_state"] == "interrupted"
    assert kept_turns(place, "closed") == ["Close now."]


def test_without_a_keyring_the_app_says_so_and_keeps_the_words_for_this_run() -> None:
    with desk(keyring=False) as place:
        app = place.start_ready()
        assert app.wait_for("JournalOpened")["storage"] == "memory"
        error = trouble(app)
        assert error["kind"] == "no_keyring"
        assert error["actions"] == ["use_passphrase"]
        answered(place, app, "Remember me while you run.")
        assert app.close() == 0


def test_without_a_display_one_sentence_names_what_works_here() -> None:
    env = {
        name: value
        for name, value in os.environ.items()
        if name not in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    }
    done = subprocess.run(
        [sys.executable, "-m", "companion"], env=env, check=False, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    assert "companion reflect" in done.stderr
    assert "companion demo --screenshots" in done.stderr
    assert "Traceback" not in done.stderr
