"""The journal as a person uses it in the real window: brought in, said, found, put right, deleted, taken away, locked.

The window is read as a screen reader of the desktop reads it. What is left is read from the command line afterwards.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from companion import days
from tests.whole.desk import Desk, RunningApp
from tests.whole.screen_reader import APP_ENV, ScreenReader, screen_reader

pytestmark = pytest.mark.whole
QUIET = {"COMPANION_SOUND__CUES": "false", "COMPANION_SOUND__SPEAK_ANSWERS": "false"}
VIOLIN, HERON, WALK = (
    "I started my violin lesson again after eleven years.",
    "The heron stood by the weir this morning.",
    "I walked home along the canal.",
)
SECRET = "marmalade"


def journal(place: Desk, *arguments: str) -> Any:
    """What `companion journal ... --json` says."""
    command = [sys.executable, "-m", "companion", "--home", str(place.home), "journal", *arguments, "--json"]
    done = subprocess.run(command, env=place.env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def written_elsewhere(folder: Path) -> Path:
    """Another journal's export: two entries of earlier days."""
    today = days.now().day
    entries = [
        {"date": str(today - timedelta(days=back)), "time": "09:30", "title": text, "body": "", "tags": []}
        for back, text in ((40, VIOLIN), (20, WALK))
    ]
    path = folder / "jrnl.json"
    path.write_text(json.dumps({"tags": {}, "entries": entries}))
    return path


def say(place: Desk, app: RunningApp, text: str) -> None:
    mark = app.mark()
    place.write(text)
    app.wait_for("TurnFinished", since=mark)


def choose(place: Desk, path: Path) -> None:
    """In the dialog that asks for a file or a folder."""
    place.xdotool("search", "--sync", "--onlyvisible", "--name", "^(Bring in another journal|Where to)$")
    time.sleep(0.5)
    place.type(str(path))
    place.tap("Return")


def bring_in(place: Desk, reader: ScreenReader, path: Path) -> None:
    reader.press("Bring in another journal")
    reader.press("Choose a file")
    choose(place, path)
    reader.press("Import 2 reflections")
    reader.until(lambda words: "Imported 2 reflections" in words)


def test_a_journal_from_the_first_word_to_the_lock_and_the_command_line(place: Desk, tmp_path: Path) -> None:
    with screen_reader(place.env) as reader:
        app = place.start_ready(env={**QUIET, **APP_ENV})

        # pages are tabs, marks of mood are choices, the question heads the page
        assert "page tab" in reader.roles("Journal")
        assert reader.roles("Neither") == {"radio button"}
        assert any(reader.roles(node.name) == {"heading"} for node in reader.nodes() if "?" in node.name)

        # brought in, taken out again, brought in
        place.tap("ctrl+2")
        bring_in(place, reader, written_elsewhere(tmp_path))
        reader.press("Undo")
        reader.until(lambda words: "2 reflections taken out again" in words)
        reader.press("Done")
        reader.until(lambda words: "Nothing here yet" in words and "taken out" not in words)
        bring_in(place, reader, tmp_path / "jrnl.json")
        reader.press("Done")
        reader.until(lambda words: "canal" in words and "Imported" not in words)

        # said; what bears on it comes back
        place.tap("ctrl+1")
        say(place, app, HERON)
        place.tap("ctrl+n")
        mark = app.mark()
        say(place, app, "When did I start the violin lesson?")
        assert VIOLIN in str(app.wait_for("EarlierRecalled", since=mark)["passages"])
        words = reader.until(lambda words: "Remembering" in words)
        assert "eleven years" in words.split("Remembering", 1)[1]
        assert "you said" in words

        # found from anywhere, put right
        place.tap("ctrl+k")
        time.sleep(0.3)
        place.type("heron")
        reader.until(lambda words: HERON in words and "violin" not in words)
        place.tap("Down")
        place.tap("ctrl+e")
        reader.until(lambda words: "People" in words)
        place.type("The weir")
        place.tap("Tab")
        place.tap("ctrl+End")
        place.type(" It flew.")
        place.tap("ctrl+Return")
        reader.until(lambda words: "The weir, " in words and f"{HERON} It flew." in words)

        # deleted and brought back
        place.tap("Delete")
        reader.until(lambda words: "Deleted 1 reflection" in words and "Nothing was found" in words)
        place.tap("ctrl+z")
        reader.until(lambda words: "The weir, " in words)

        # taken away
        reader.press("Export")
        reader.press("JSON Lines")
        reader.press("The whole journal (4 reflections)")
        reader.press("Choose a folder")
        choose(place, tmp_path)
        reader.until(lambda words: "Exported 4 reflections" in words)
        (export,) = tmp_path.glob("Companion *.jsonl")
        assert f"{HERON} It flew." in export.read_text()
        reader.press("Done")
        reader.until(lambda words: "Exported" not in words)

        # in figures
        place.tap("ctrl+3")
        reader.until(lambda words: "You reflected on 3 days of the last 12 weeks" in words)

        # in private: nothing of it stays, not even on the page
        place.tap("ctrl+1")
        mark = app.mark()
        place.tap("ctrl+shift+n")
        app.wait_for("JournalOpened", since=mark, is_by_choice=True)
        reader.until(lambda words: "Nothing is kept" in words)
        say(place, app, f"A jar of {SECRET}.")
        place.tap("ctrl+2")
        reader.until(lambda words: SECRET in words)
        mark = app.mark()
        place.tap("ctrl+shift+n")
        app.wait_for("JournalOpened", since=mark, is_by_choice=False)
        reader.until(lambda words: "The weir, " in words)
        assert SECRET not in reader.words(shown=False)

        # locked
        mark = app.mark()
        place.tap("ctrl+shift+l")
        reader.until(lambda words: "Unlock" in words)
        app.wait_for("LockChanged", since=mark, is_locked=True)
        everything = reader.words(shown=False)
        for word in ("heron", "weir", "violin", "canal"):
            assert word not in everything
        place.tap("Return")
        reader.until(lambda words: "The weir, " in words)
        assert app.of("Trouble") == []
        # Qt remarks on whoever asks for a thing that has just gone from the window
        assert [line for line in app.other_lines if not line.startswith("qt.accessibility")] == []
        assert app.close() == 0

    # with the window closed
    listed = journal(place, "list")
    assert {each["title"] for each in listed} == {
        "When did I start the violin lesson?",
        "The weir",
        WALK,
        VIOLIN,
    }
    (hit, *_) = journal(place, "search", "heron")
    assert (hit["title"], hit["passage"]) == ("The weir", f"{HERON} It flew.")
    (shown,) = journal(place, "show", hit["id"])
    assert f"{HERON} It flew." in json.dumps(shown)
    figures = journal(place, "stats")
    assert (figures["reflections"], figures["days"]) == (4, 3)
    journal(place, "export", str(tmp_path / "again.jsonl"))
    assert (tmp_path / "again.jsonl").read_text() == export.read_text()
    assert journal(place, "search", SECRET) == []
    for path in place.home.rglob("*"):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes(), path
