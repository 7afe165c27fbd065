"""`companion models fetch|list|remove|import|export`, and the list of all providers' models beside them."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from companion.cli import run
from companion.paths import Home
from companion.providers.here.models.listing import LocalModel, ModelKind
from tests.models.conftest import FILES, a_model
from tests.models.test_store import laid
from tests.servers.files import FileServer

Know = Callable[..., LocalModel]
Out = pytest.CaptureFixture[str]


@pytest.fixture
def files() -> Iterator[FileServer]:
    """On a loop of its own, because a command brings its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    server = FileServer(dict(FILES))
    asyncio.run_coroutine_threadsafe(server.__aenter__(), loop).result(10)
    yield server
    asyncio.run_coroutine_threadsafe(server.__aexit__(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    loop.close()


@pytest.fixture
def model(files: FileServer, know: Know) -> LocalModel:
    voice = LocalModel(
        kind=ModelKind.VOICE, name="joe", label="Joe", licence="CC0", is_usual=True, about_mb=63
    )
    return know(a_model(files.url), voice)


@pytest.mark.usefixtures("model")
def test_a_model_is_fetched_listed_exported_removed_and_imported(
    home: Home, tmp_path: Path, capsys: Out
) -> None:
    assert run(["models", "fetch", "whisper-base"]) == 0
    said = capsys.readouterr()
    folder = home.models / "hearing" / "base"
    assert f"Whisper base is on this computer: {folder}" in said.out
    assert "Whisper base: 1 of 1 MB" in said.err
    assert run(["models", "list", "--json"]) == 0
    first, second = json.loads(capsys.readouterr().out)
    assert (first["kind"], first["name"], first["state"]) == ("hearing", "base", "ready")
    assert (second["state"], second["can_be_fetched"]) == ("absent", False)
    assert run(["models", "export", "base", str(tmp_path / "stick")]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "stick" / "base")
    assert run(["models", "remove", "base"]) == 0
    assert "Whisper base is gone" in capsys.readouterr().out
    assert not folder.exists()
    assert run(["models", "import", str(tmp_path / "stick" / "base")]) == 0
    assert "Whisper base (hearing, base) is on this computer." in capsys.readouterr().out
    assert (folder / "model.bin").read_bytes() == FILES["model.bin"]


@pytest.mark.usefixtures("model")
def test_the_list_says_where_they_lie_and_what_only_comes_by_hand(home: Home, capsys: Out) -> None:
    assert run(["models", "list"]) == 0
    said = capsys.readouterr().out
    assert "by hand" in said
    assert f"They lie in {home.models}" in said


@pytest.mark.usefixtures("model")
def test_a_folder_of_ones_own_is_used_where_it_lies(tmp_path: Path, capsys: Out) -> None:
    own = laid(tmp_path / "whisper-huge", {"model.bin": b"x", "config.json": b"{}"})
    assert run(["models", "import", str(own), "--link"]) == 0
    assert "whisper-huge (hearing, whisper-huge)" in capsys.readouterr().out
    assert run(["models", "remove", "whisper-huge"]) == 0
    assert (own / "model.bin").exists()


@pytest.mark.usefixtures("model")
def test_a_mirror_in_the_settings_is_asked_first(
    files: FileServer, monkeypatch: pytest.MonkeyPatch, capsys: Out
) -> None:
    monkeypatch.setenv("COMPANION_NETWORK__MODELS_MIRROR", f"{files.url}/mine")
    assert run(["models", "fetch", "base"]) == 0
    assert {path for path, *_ in files.asked} == {f"/mine/hearing/base/{name}" for name in FILES}
    assert capsys.readouterr().out


@pytest.mark.usefixtures("model")
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["fetch", "nothing"], "There is no model called 'nothing'"),
        (["fetch", "joe"], "Joe cannot be fetched"),
        (["remove", "base"], "There is no model 'base' for hearing on this computer."),
        (["export", "base", "/tmp"], "There is no model 'base' for hearing on this computer."),
        (["import", "/nowhere"], "/nowhere could not be read"),
        (["import", "/nowhere", "--link"], "/nowhere is no folder with a model"),
    ],
)
def test_what_does_not_work_is_a_sentence(arguments: list[str], says: str, capsys: Out) -> None:
    assert run(["models", *arguments]) == 1
    said = capsys.readouterr()
    assert says in said.err
    assert "Traceback" not in said.err
    assert said.out == ""


def test_a_source_that_fails_is_a_sentence(files: FileServer, model: LocalModel, capsys: Out) -> None:
    files.fault = "status-503"
    assert run(["models", "fetch", "base", "--tries", "1"]) == 1
    assert "Whisper base could not be fetched (127.0.0.1: it answers 503)." in capsys.readouterr().err
    assert len(files.asked) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["sing"],
        ["list", "base"],
        ["remove"],
        ["import"],
        ["export", "base"],
        ["import", "a", "b", "--link"],
        ["fetch", "--link"],
    ],
)
def test_wrong_usage_is_exit_code_2(arguments: list[str], capsys: Out) -> None:
    assert run(["models", *arguments]) == 2
    assert capsys.readouterr().out == ""


def test_without_a_verb_it_lists_all_providers_models(capsys: Out) -> None:
    assert run(["models", "--provider", "openai", "--role", "stt", "--json"]) == 0
    assert {row["provider"] for row in json.loads(capsys.readouterr().out)} == {"openai"}


def test_the_weights_for_an_app_are_brought_without_what_only_tests_have() -> None:
    """`make run` installs no pytest."""
    script = "import sys; sys.modules['pytest'] = None; from tests.weights import FOLDER"
    subprocess.run([sys.executable, "-c", script], check=True, cwd=Path(__file__).parents[2])
