"""A folder or a file of ours that is something else is told in its own sentence, and nothing waits for it."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from companion.errors import CompanionError, Kind
from companion.places import RefusedFile, read_notes, read_regular, try_to_write, unusable


def told(folder: Path) -> str:
    with pytest.raises(CompanionError) as caught:
        try_to_write(folder)
    assert caught.value.kind is Kind.FOLDER_UNUSABLE
    assert caught.value.hint
    return caught.value.message


def test_a_folder_that_can_be_written_is_made_and_left_empty(tmp_path: Path) -> None:
    try_to_write(tmp_path / "a" / "b")
    assert list((tmp_path / "a" / "b").iterdir()) == []


def test_each_bad_place_has_its_sentence(tmp_path: Path) -> None:
    file, link, loop = tmp_path / "file", tmp_path / "link", tmp_path / "loop"
    file.write_text("x")
    link.symlink_to("/media/stick/gone")
    loop.symlink_to(loop)
    assert told(file / "data") == f"{file} is a file, where there should be a folder."
    assert told(link / "data") == f"{link} is a link to /media/stick/gone, which is not there."
    assert "is a link to" in told(loop / "data")
    assert "is too long" in told(tmp_path / ("n" * 300))
    assert "cannot be used" in told(tmp_path / "a\0b")


@pytest.mark.parametrize(
    ("number", "kind", "says"),
    [
        (errno.ENOSPC, Kind.DISK_FULL, "is full"),
        (errno.EDQUOT, Kind.DISK_FULL, "is full"),
        (errno.EROFS, Kind.FOLDER_UNUSABLE, "can only be read"),
        (errno.EIO, Kind.FOLDER_UNUSABLE, "does not answer"),
        (errno.EACCES, Kind.FOLDER_UNUSABLE, "may not write"),
    ],
)
def test_each_refusal_of_a_disk_has_its_sentence(tmp_path: Path, number: int, kind: Kind, says: str) -> None:
    error = unusable(tmp_path, OSError(number, os.strerror(number)))
    assert error.kind is kind
    assert says in error.message
    assert error.hint


def test_a_folder_of_somebody_else_is_told_as_that(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    owner = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: owner + 1)
    assert "another user" in unusable(tmp_path / "data", PermissionError(errno.EACCES, "denied")).message


def test_pipes_devices_folders_and_giants_are_passed_by(tmp_path: Path) -> None:
    pipe, giant = tmp_path / "pipe", tmp_path / "giant"
    os.mkfifo(pipe)
    with giant.open("wb") as file:
        file.truncate(1 << 40)
    for path in (pipe, giant, tmp_path, Path("/dev/zero")):
        with pytest.raises(RefusedFile):
            read_regular(path)
        assert read_notes(path) == {}
    assert read_regular(tmp_path / "none") is None
    assert read_notes(tmp_path / "none") == {}


def test_a_list_or_half_an_object_is_no_note(tmp_path: Path) -> None:
    file = tmp_path / "notes.json"
    for text in ("[1]", '{"a":', "[" * 100_000, "\xff"):
        file.write_text(text, encoding="latin-1")
        assert read_notes(file) == {}
    file.write_text('{"a": 1}')
    assert read_notes(file) == {"a": 1}
