"""A person's own practices as files: written whole, drafts kept apart, strange names, full disks, deleting with undo."""

from __future__ import annotations

import asyncio
import errno
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from companion.app import practice_shelf
from companion.app.practice_shelf import PracticeShelf
from companion.errors import CompanionError, Kind
from companion.practices import (
    Practice,
    Step,
    load_practices,
    parse_practice,
    practice_faults,
    read_draft,
    write_practice,
)

WALK = Practice(
    name="",
    title="A walk",
    summary="Go once more.",
    icon="wind",
    minutes=6,
    order=1000,
    openings={"any": "Where did you go?", "night": "Where did you go today?"},
    pace="slow",
    closing="You are home.",
    steps=(
        Step(title="Out", purpose="See it.", questions=("What about {topic}?",), guidance="Stay with it."),
    ),
)


@pytest.fixture
def shelf(tmp_path: Path) -> PracticeShelf:
    return PracticeShelf(tmp_path / "own")


def titles(shelf: PracticeShelf) -> list[str]:
    return [entry.practice.title for entry in shelf.entries() if entry.is_own]


async def test_what_is_saved_can_be_followed_at_once(shelf: PracticeShelf, tmp_path: Path) -> None:
    before = load_practices(tmp_path / "own")
    name = await shelf.save(WALK)
    assert name == "a-walk"
    (new,) = {p.name for p in load_practices(tmp_path / "own")} - {p.name for p in before}
    assert new == name
    (entry,) = (entry for entry in shelf.entries() if entry.is_own)
    assert entry.practice == replace(WALK, name="a-walk")
    assert await shelf.save(replace(WALK, name=name, title="A long walk"), name) == name, "it keeps its name"
    assert titles(shelf) == ["A long walk"]


async def test_what_has_faults_is_a_draft_that_no_session_follows(
    shelf: PracticeShelf, tmp_path: Path
) -> None:
    name = await shelf.save(replace(WALK, openings={}))
    (entry,) = (entry for entry in shelf.entries() if entry.is_own)
    assert entry.fault.startswith("The opening question is missing")
    assert name not in {practice.name for practice in load_practices(tmp_path / "own")}
    assert await shelf.save(replace(WALK, title="Round the lake"), name) == "round-the-lake"
    assert [path.name for path in (tmp_path / "own").iterdir()] == ["round-the-lake.md"]
    await shelf.save(replace(WALK, title="Round the lake", closing="Home?"), "round-the-lake")
    (entry,) = (entry for entry in shelf.entries() if entry.is_own)
    assert (entry.has_draft, entry.practice.closing, entry.fault) == (True, "Home?", "")
    (followed,) = (each for each in load_practices(tmp_path / "own") if each.name == "round-the-lake")
    assert followed.closing == "You are home."


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Größe & Mut", "groe-mut"),
        ("../../etc/passwd", "etc-passwd"),
        ("CON", "practice-con"),
        ("散歩", "practice"),
        ("   ", "practice"),
        ("Gratitude", "gratitude-2"),
        ("x" * 300, "x" * 48),
        (".hidden\x00", "hidden"),
    ],
)
async def test_strange_titles_become_plain_names_of_files(
    title: str, name: str, shelf: PracticeShelf, tmp_path: Path
) -> None:
    assert await shelf.save(replace(WALK, title=title)) == name
    written = await asyncio.to_thread(lambda: [path for path in tmp_path.rglob("*.*") if path.is_file()])
    assert [path.parent for path in written] == [tmp_path / "own"]
    assert await shelf.save(replace(WALK, title=title)) not in {"", name}, "another one of the same title"


async def test_a_deleted_practice_comes_back_as_it_was(shelf: PracticeShelf, tmp_path: Path) -> None:
    name = await shelf.save(WALK)
    written = (tmp_path / "own" / "a-walk.md").read_bytes()
    await shelf.delete(name)
    assert titles(shelf) == []
    assert await shelf.undo_delete()
    assert (tmp_path / "own" / "a-walk.md").read_bytes() == written
    assert not await shelf.undo_delete()
    await shelf.delete(name)
    await shelf.save(WALK)
    assert await shelf.undo_delete()
    assert titles(shelf) == ["A walk", "A walk"], "one that was written meanwhile is left alone"
    await shelf.delete(name)
    shelf.forget_deleted()
    assert not list((tmp_path / "own").glob("*.deleted"))


async def test_an_own_version_of_a_shipped_one_gives_way_when_it_is_deleted(
    shelf: PracticeShelf, tmp_path: Path
) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "stillness.md").write_text(
        write_practice(replace(WALK, title="My stillness")), "utf-8"
    )
    assert titles(shelf) == ["My stillness"]
    await shelf.delete("stillness")
    assert "Stillness" in {entry.practice.title for entry in shelf.entries()}


async def test_a_full_disk_leaves_what_was_there(
    shelf: PracticeShelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = await shelf.save(WALK)

    def full(path: Path, content: bytes) -> None:
        raise OSError(errno.ENOSPC, "no room")

    monkeypatch.setattr(practice_shelf, "write_atomically", full)
    with pytest.raises(CompanionError) as caught:
        await shelf.save(replace(WALK, title="Gone"), name)
    assert caught.value.kind is Kind.DISK_FULL
    assert "stays on the page" in caught.value.hint
    assert titles(shelf) == ["A walk"]


async def test_a_file_that_is_no_practice_is_listed_with_its_fault(
    shelf: PracticeShelf, tmp_path: Path, expected_warnings: pytest.LogCaptureFixture
) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (own / "odd.md").write_bytes(b"\xff\xfe")
    (own / "half.md").write_text("no front matter", "utf-8")
    (own / "picture.md").write_text("---\ntitle: Pic\nicon: ../../x\nany: What?\n---\n## One\n", "utf-8")
    found = {entry.practice.name: entry for entry in shelf.entries() if entry.is_own}
    assert found["odd"].fault
    assert "front matter" in found["half"].fault
    assert found["picture"].practice.icon == "leaf", "a picture that is not there would break the menu"
    await shelf.delete("odd")
    assert "odd" not in {entry.practice.name for entry in shelf.entries()}


words = st.text(max_size=40)


@settings(max_examples=150, deadline=None)
@given(
    title=words,
    opening=words,
    closing=words,
    steps=st.lists(st.tuples(words, words, st.lists(words, max_size=3), words), max_size=3),
)
def test_whatever_is_written_is_read_again_as_it_was(
    title: str, opening: str, closing: str, steps: list[tuple[str, str, list[str], str]]
) -> None:
    def plain(text: str) -> str:
        return " ".join(text.split())

    practice = replace(
        WALK,
        name="x",
        title=plain(title) or "T",
        openings={"any": plain(opening)} if plain(opening) else {},
        closing=plain(closing),
        steps=tuple(
            Step(
                title=plain(name),
                purpose=plain(purpose),
                questions=tuple(filter(None, map(plain, questions))),
                guidance=plain(guidance),
            )
            for name, purpose, questions, guidance in steps
        ),
    )
    text = write_practice(practice)
    assert read_draft(text, "x") == practice
    if not list(practice_faults(text)):
        assert parse_practice(text, "x") == practice
