"""`companion journal`: what it prints and changes, beside a window that is open and without one."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from companion.cli import run
from companion.errors import CompanionError, Kind
from companion.gui.door import Door
from companion.journal.keys import Argon2Cost
from companion.journal.store import open_journal
from companion.paths import Home
from tests.exchange import samples

CHEAP = Argon2Cost(memory_kib=64, passes=1, lanes=1)
PASSPHRASE = "eight small words that nobody else would guess"
Command = Callable[..., Any]


@pytest.fixture
def journal_of(home: Home) -> Home:
    """A home whose journal opens with a passphrase and holds one reflection."""

    async def make() -> None:
        journal = await open_journal(home, passphrase=PASSPHRASE, cost=CHEAP)
        session = await journal.begin_session("gratitude", 1_700_000_000.0, 3_600)
        await journal.save_user(session, "The river was \x1b[31mhigh.", 1_700_000_000.0, 3_600)
        await journal.changing.set_labels(session, tags=["walks"])
        await journal.close()

    asyncio.run(make())
    return home


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs `companion journal` with the passphrase on stdin; gives its code, stdout and stderr."""

    def run_it(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.stdin", io.StringIO(f"{PASSPHRASE}\n"))
        code = run(["journal", *arguments])
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        return code, said.out, said.err

    return run_it


def test_without_a_journal_there_is_a_sentence(home: Home, command: Command) -> None:
    code, out, err = command("list")
    assert (code, out) == (1, "")
    assert "There is no journal here yet." in err


@pytest.mark.parametrize(
    "wrong", [("show",), ("search",), ("export",), ("import",), ("list", "x"), ("list", "--since", "soon")]
)
def test_wrong_usage_is_exit_code_2(wrong: tuple[str, ...], home: Home, command: Command) -> None:
    assert command(*wrong)[0] == 2


def test_reflections_are_listed_shown_and_counted(journal_of: Home, command: Command) -> None:
    code, out, _ = command("list")
    assert code == 0
    assert "2023-11-14 23:13  The river was [31mhigh.  #walks" in out
    (row,) = json.loads(command("list", "--json")[1])
    assert (row["began"], row["tags"], row["practice"]) == ("2023-11-14T23:13:20", ["walks"], "gratitude")
    assert "# Tuesday 14 November 2023" in command("show", row["id"][:6])[1]
    assert (
        json.loads(command("show", row["id"], "--json")[1])[0]["turns"][0]["words"]
        == "The river was \x1b[31mhigh."
    )
    assert "2023-11-14 23:13  The river was" in command("search", "rivers")[1]
    (hit,) = json.loads(command("search", "river", "--json")[1])
    assert hit["passage"][slice(*hit["spans"][0])] == "river"
    assert "Nothing was found." in command("search", "xylophone")[2]
    assert "No reflection has an id" in command("show", "zz")[2]
    figures = json.loads(command("stats", "--json")[1])
    assert (figures["reflections"], figures["turns"], figures["words"]) == (1, 1, 4)
    assert json.loads(command("list", "--since", "2024-01-01", "--json")[1]) == []


def test_an_import_is_previewed_kept_known_again_and_undone(
    journal_of: Home, command: Command, tmp_path: Path
) -> None:
    path = str(samples.dayone(tmp_path))
    code, out, _ = command("import", path, "--preview")
    assert code == 0
    assert out.startswith("4 reflections from Day One, 27 October 2019 to 20 April 2024\n")
    assert "Nothing was imported" in out
    done = json.loads(command("import", path, "--json")[1])
    assert (done["imported"], done["skipped_count"], done["missing"]) == (4, 0, 2)
    assert "I counted 12 herons" in command("search", "heron")[1]
    again = json.loads(command("import", path, "--json")[1])
    assert (again["imported"], again["already_here"]) == (0, 4)
    assert len(json.loads(command("list", "--json")[1])) == 5
    assert "Taken out again: 4 reflections" in command("import", "--undo", str(done["batch"]))[1]
    assert len(json.loads(command("list", "--json")[1])) == 1
    assert "There is no such file or folder." in command("import", str(tmp_path / "nowhere"))[2]
    assert "File name too long." in command("import", str(tmp_path / ("a" * 300)))[2]
    code, out, err = command("import", str(samples.written(tmp_path / "x.json", "[[[")))
    assert (code, out) == (1, "")
    assert "The journal is unchanged." in err


def test_an_export_is_made_by_its_name_and_warned_of(
    journal_of: Home, command: Command, tmp_path: Path
) -> None:
    for name, inside in (("a.jsonl", "a.jsonl"), ("b.zip", "b.zip"), ("notes", "notes/2023/2023-11-14.md")):
        code, out, err = command("export", str(tmp_path / name), "--tag", "walks")
        assert code == 0
        assert "Exported 1 reflection to" in out
        assert "not encrypted" in err
        assert (tmp_path / inside).is_file()
    code, _, err = command("export", str(tmp_path / "a.jsonl"))
    assert code == 1
    assert "a.jsonl is there already." in err


def test_beside_an_open_window_it_reads_and_does_not_import(
    journal_of: Home, command: Command, tmp_path: Path
) -> None:
    door = Door(journal_of)
    assert door.enter()
    try:
        assert len(json.loads(command("list", "--json")[1])) == 1
        code, out, err = command("import", str(samples.daylio(tmp_path)))
        assert (code, out) == (1, "")
        assert "Companion is open and keeps this journal. Close its window" in err
    finally:
        door.leave()


async def test_a_reader_sees_what_was_kept_and_can_change_nothing(home: Home) -> None:
    writing = await open_journal(home, wrapping_key=bytes(32), cost=CHEAP)
    session = await writing.begin_session("open-reflection", 1_000.0, 0)
    await writing.save_user(session, "Said.", 1_000.0, 0)
    reading = await open_journal(home, wrapping_key=bytes(32), for_reading=True)
    assert [each.title for each in await reading.list.page()] == ["Said."]
    await writing.save_user(session, "More.", 1_001.0, 0)
    assert len(await reading.turns(session)) == 2
    with pytest.raises(CompanionError) as caught:
        await reading.begin_session("open-reflection")
    assert caught.value.kind is Kind.JOURNAL_UNSAVED
    await reading.close()
    await writing.save_user(session, "And more.", 1_002.0, 0)
    await writing.close()


def test_kept_recordings_are_counted_and_opened(journal_of: Home, command: Command) -> None:
    async def keep() -> None:
        journal = await open_journal(journal_of, passphrase=PASSPHRASE)
        await journal.keep_answer(1, b"\1\0" * 16_000 * 90, goes_on=False)
        await journal.close()

    asyncio.run(keep())
    assert "1 recordings, 2 min; 2.9 MB, encrypted" in command("stats")[1]
    assert command("backup")[0] == 0
    code, out, _ = command("verify")
    assert (code, out.count("1 of 1 recordings are sound")) == (0, 2)
    (take,) = journal_of.takes.glob("*.take")
    take.unlink()
    code, out, _ = command("verify")
    assert code == 1
    assert "0 of 1 recordings are sound, 1 are not there" in out


def test_a_journal_is_verified_backed_up_and_restored(journal_of: Home, command: Command) -> None:
    code, out, _ = command("backup", "--json")
    made = json.loads(out)
    assert code == 0
    assert Path(made["path"]).stat().st_size == made["bytes"]
    assert command("verify")[0] == 0
    content = bytearray(journal_of.journal.read_bytes())
    content[9_000] ^= 1
    journal_of.journal.write_bytes(content)
    code, out, _ = command("verify", "--json")
    assert (code, [row["ok"] for row in json.loads(out)]) == (1, [False, True])
    code, out, _ = command("restore", "no such.db")
    assert code == 1
    door = Door(journal_of)
    assert door.enter()
    assert command("restore")[0] == 1
    door.leave()
    code, out, _ = command("restore", "--json")
    assert (code, json.loads(out)["path"]) == (0, made["path"])
    assert "The river was" in command("list")[1]
    assert len(list(journal_of.data.glob("set-aside-*/journal.db"))) == 1


def test_on_a_new_computer_the_passphrase_brings_a_backup_back(
    journal_of: Home, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drive = tmp_path / "drive"
    assert command("backup", str(drive))[0] == 0
    (backup,) = drive.glob("*.db")
    monkeypatch.setenv("COMPANION_HOME", str(tmp_path / "new"))
    code, out, err = command("restore", str(backup))
    assert (code, "Restored from" in out) == (0, True), err
    assert "The river was" in command("list")[1]


def test_a_conflicted_copy_is_merged_and_a_file_of_another_kind_refused(
    journal_of: Home, command: Command, tmp_path: Path
) -> None:
    other = tmp_path / "journal (conflicted copy).db"
    other.write_bytes(journal_of.journal.read_bytes())

    async def say() -> None:
        journal = await open_journal(journal_of, passphrase=PASSPHRASE)
        session = await journal.begin_session("open", 1_700_100_000.0, 0)
        await journal.save_user(session, "Said here.", 1_700_100_000.0, 0)
        await journal.close()

    before = journal_of.journal.read_bytes()
    asyncio.run(say())
    there = journal_of.journal.read_bytes()
    journal_of.journal.write_bytes(before)
    other.write_bytes(there)
    code, out, _ = command("merge", str(other), "--json")
    assert (code, json.loads(out)) == (0, {"reflections": 1, "turns": 1})
    assert json.loads(command("merge", str(other), "--json")[1]) == {"reflections": 0, "turns": 0}
    other.write_bytes(b"something else" * 1000)
    assert command("merge", str(other))[0] == 1
