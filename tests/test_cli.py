"""The command line: what it prints, where, and with which exit code. In this process, on files instead of devices."""

from __future__ import annotations

import json
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import Any

import pytest

from companion import __version__
from companion.cli import run
from companion.cli.surroundings import print_json
from companion.decoding import read_file

SPEECH = str(Path(__file__).parent / "data" / "austen-0890.wav")


def document(capsys: pytest.CaptureFixture[str]) -> Any:
    """The one JSON document on stdout."""
    return json.loads(capsys.readouterr().out)


def test_version_and_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert __version__ in capsys.readouterr().out
    assert run(["--help"]) == 0
    assert "reflect" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("line", "says", "more"),
    [
        ("sing", "There is no `companion sing`. There are: demo, ", ""),
        ("jurnal", "There is no `companion jurnal`. Did you mean journal?", ""),
        ("say", "companion say needs TEXT.", " say"),
        ("transcribe", "companion transcribe needs FILE.", " transcribe"),
        ("reflect", "companion reflect needs --mic.", " reflect"),
        ("draw river", "companion draw needs -o/--out.", " draw"),
        ("providers --chek", "companion providers takes no --chek. Did you mean --check?", " providers"),
        ("doctor now", "companion doctor takes no now.", " doctor"),
        ("config hide", "There is no `companion config hide`. There are: show.", " config"),
        ("models --role poet", "There is no `--role poet`. There are: llm, ", " models"),
        ("say hi --speed 99", "--speed: a number between 0.25 and 4 is needed.", " say"),
        ("--home", "--home needs a value.", ""),
        ("-D all doctor", "-D/--debug: unknown: all; there are: log, events.", ""),
        ("journal", "companion journal needs VERB.", " journal"),
        ("journal shwo", "There is no `companion journal shwo`. Did you mean show?", " journal"),
        ("journal list --since noon", "--since: noon is no day; write it as 2026-11-29.", " journal"),
        ("journal search", "companion journal search takes the words to look for.", " journal"),
        ("journal stats all", "companion journal stats takes nothing more.", " journal"),
        ("models remove", "companion models remove takes the name of a model; ", " models"),
        ("servers add attic", "companion servers add takes a name and an address, such as ", " servers"),
    ],
)
def test_wrong_usage_is_one_sentence_and_where_to_read_more(
    line: str, says: str, more: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(line.split()) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith(says)
    assert told.err.endswith(f"`companion{more} --help` says more.\n")
    assert told.err.count("\n") == 1


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("say ...", "There was nothing to say. Give it a text"),
        ("say hi --voice nobody --out a.wav", "There is no voice called nobody here. `companion voices`"),
        ("ask hi --model gtp-9", "Nobody known has a model called gtp-9, and Offline guide takes none."),
        ("ask hi --provider guide --model gpt-4o", "Offline guide takes no model."),
        (
            "say hi --provider piper --out a.wav",
            "The voice “en_US-joe-medium” is not on this computer yet. Fetch",
        ),
        ("journal import diary.zip", "There is no such file or folder. Look at its name: diary.zip"),
        ("journal merge copy.db", "There is no such file or folder. Look at its name: copy.db"),
        ("journal restore", "There is no backup yet. They make themselves"),
        ("servers remove attic", "There is no server called attic. None was added yet"),
    ],
)
def test_what_is_not_there_is_a_sentence_with_a_next_step(
    line: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(line.split()) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith(says)


@pytest.mark.parametrize(
    "line",
    [
        *("models import {}", "models import {} --link", "transcribe {}", "ask hi --image {}", "batch {}"),
        *("say hi -o {}", "say hi -o {}/a.wav", "draw x -o {}", "journal restore {}"),
    ],
)
def test_a_name_that_no_disk_takes_is_a_sentence(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(line.format("a" * 300).split()) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.count("\n") == 1
    assert "File name too long" in told.err


def test_what_is_fetched_is_fetched_from_a_terminal_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["transcribe", SPEECH, "--provider", "whisper"]) == 1
    assert capsys.readouterr().err.endswith(" In a terminal: companion models fetch\n")


def test_where_no_log_can_be_written_only_what_matters_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert run(["--home", str(tmp_path / "file"), "doctor"]) == 1
    assert " INFO " not in capsys.readouterr().err


def test_ask_prints_the_answer_as_it_comes(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["ask", "I had a long day at work and I am tired."]) == 0
    answer = capsys.readouterr().out
    assert answer.count("?") == 1
    assert len(answer) > 20


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "gbk", "utf-8"])
@pytest.mark.parametrize("more", [(), ("--json",)])
def test_a_console_that_lacks_a_character_ends_no_command(
    encoding: str, more: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = TextIOWrapper(BytesIO(), encoding=encoding)
    monkeypatch.setattr("sys.stdout", out)
    assert run(["ask", "hi", "--provider", "mock", *more]) == 0
    print_json({"answer": "Good evening 😊"})
    print("😊 \udce9")
    out.flush()
    written = out.buffer.getvalue().decode(encoding)  # type: ignore[attr-defined]
    told = json.loads(written[written.rindex("{") : written.rindex("}") + 1])
    assert told == {"answer": "Good evening 😊"}


def test_an_unknown_provider_is_a_problem_with_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["ask", "hello", "--provider", "nobody"]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert "There is no provider called 'nobody'. There are: anthropic" in said.err
    assert "Traceback" not in said.err


def test_a_missing_key_is_a_problem_with_a_next_step(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["ask", "hello", "--provider", "anthropic"]) == 1
    assert "Anthropic needs a key." in capsys.readouterr().err


@pytest.mark.parametrize("ending", ["wav", "mp3", "flac"])
def test_say_writes_a_sound_file(ending: str, tmp_path: Path) -> None:
    out = tmp_path / f"said.{ending}"
    assert run(["say", "Good evening, how was the day?", "--out", str(out), "--provider", "builtin"]) == 0
    assert 1.0 < read_file(out).seconds < 5.0


def test_say_refuses_an_ending_that_is_no_sound_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["say", "Hello", "--out", str(tmp_path / "said.txt")]) == 1
    assert "no ending of a sound file" in capsys.readouterr().err


def test_transcribe_prints_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["transcribe", SPEECH, "--json"]) == 0
    found = document(capsys)
    assert "rather selfish" in found["transcript"]
    assert found["provider"] == "builtin"
    assert found["seconds"] == pytest.approx(5.3, abs=0.2)


def test_a_file_without_speech_goes_to_no_recogniser(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from companion.flow import Audio
    from companion.pcm import write_file

    write_file(tmp_path / "silence.wav", Audio(pcm=bytes(64_000), rate_hz=16_000))
    assert run(["transcribe", str(tmp_path / "silence.wav")]) == 1
    said = capsys.readouterr()
    assert "I hear no speech" in said.err
    assert "not sent" in said.err
    assert said.out == ""


def test_transcribe_of_something_else_is_a_problem(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "letter.wav").write_text("Dear diary")
    for path in (tmp_path / "letter.wav", tmp_path / "nowhere.wav"):
        assert run(["transcribe", str(path)]) == 1
        assert f"{path.name} could not be read" in capsys.readouterr().err


def test_reflect_is_one_whole_turn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "answer.wav"
    assert run(["reflect", "--mic", SPEECH, "--speaker", str(out), "--fast", "--incognito", "--json"]) == 0
    found = document(capsys)
    assert set(found) >= {"transcript", "reply", "heard", "timeline", "engines", "cost_usd"}
    assert "rather selfish" in found["transcript"]
    assert found["heard"] == found["reply"]
    assert found["engines"] == {"llm": "guide/guide", "stt": "builtin", "tts": "builtin"}
    order = ["pressed", "released", "transcript", "asked", "first_token", "first_audio", "reply_done"]
    times = [found["timeline"][mark] for mark in order]
    assert times[0] < times[1] == 0.0 <= times[2] <= times[3] <= times[4]
    assert read_file(out).seconds > 1


def test_reflect_on_silence_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from companion.flow import Audio
    from companion.pcm import write_file

    write_file(tmp_path / "silence.wav", Audio(pcm=bytes(64_000), rate_hz=16_000))
    assert run(["reflect", "--mic", str(tmp_path / "silence.wav"), "--fast", "--incognito", "--json"]) == 1
    said = capsys.readouterr()
    assert json.loads(said.out)["transcript"] == ""
    assert "The microphone is silent." in said.err or "I heard nothing." in said.err


def test_providers_lists_everybody(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["providers", "--json"]) == 0
    rows = {row["name"]: row for row in document(capsys)}
    assert {"openai", "anthropic", "ollama", "guide", "builtin", "whisper"} <= set(rows)
    assert rows["guide"]["is_in_use"]
    assert rows["openai"]["roles"][:3] == ["llm", "stt", "tts"]
    assert "OPENAI_API_KEY" in rows["openai"]["detail"]


def test_providers_check_of_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["providers", "guide", "--check", "--json"]) == 0
    assert document(capsys)[0]["ok"] is True
    assert run(["providers", "anthropic", "--check", "--json"]) == 1
    assert document(capsys)[0]["ok"] is False


def test_config_show_tells_values_and_sources(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AI_PROVIDER", "anthropic")
    monkeypatch.setenv("AI_STT_PROVIDER", "deepgram")
    monkeypatch.setenv("AI_TTS_PROVIDER", "cartesia")
    assert run(["config", "show", "--json"]) == 0
    found = document(capsys)
    assert found["providers.stt.active"]["value"] == "deepgram"
    assert found["providers.tts.active"]["value"] == "cartesia"
    assert found["providers.llm.active"] == {"value": "anthropic", "source": "environment AI_PROVIDER"}
    assert found["talk.tail_ms"] == {"value": 200, "source": "default"}


def test_config_show_names_what_is_wrong(home: Any, capsys: pytest.CaptureFixture[str]) -> None:
    home.config.mkdir(parents=True)
    home.settings.write_text("talk: {tail_ms: -5}\n")
    assert run(["config", "show"]) == 0
    said = capsys.readouterr()
    assert "settings.yaml:1" in said.err
    assert "talk.tail_ms = 200" in said.out


def test_home_can_be_chosen(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = tmp_path / "elsewhere" / "config" / "settings.yaml"
    settings.parent.mkdir(parents=True)
    settings.write_text("appearance: {theme: dark}\n")
    assert run(["--home", str(tmp_path / "elsewhere"), "config", "show", "--json"]) == 0
    assert document(capsys)["appearance.theme"]["value"] == "dark"


def test_doctor_and_devices_are_documents(capsys: pytest.CaptureFixture[str]) -> None:
    run(["doctor", "--json"])
    findings = {finding["subject"]: finding for finding in document(capsys)}
    assert findings["Python and Qt"]["level"] == "ok"
    assert findings["Offline voice and recogniser"]["level"] == "ok"
    assert run(["devices", "--json"]) == 0
    assert set(document(capsys)) == {"inputs", "outputs"}


@pytest.mark.parametrize(
    "command",
    [
        ("say", "Good evening.", "-o"),
        ("draw", "a tree", "-o"),
        ("reflect", "--fast", "--mic", SPEECH, "--speaker"),
    ],
)
def test_where_a_command_writes_is_looked_at_first(
    command: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*command, str(tmp_path / "nowhere" / "it.wav")]) == 1
    assert f"There is no folder {tmp_path / 'nowhere'}." in capsys.readouterr().err
    assert run([*command, str(tmp_path)]) == 1
    said = capsys.readouterr()
    assert "is a folder" in said.err
    assert said.out == ""


def test_what_only_memory_holds_is_not_called_saved(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """There is no keyring here, so nothing can be kept."""
    run(["--home", str(tmp_path), "reflect", "--fast", "--json", "--mic", SPEECH])
    assert document(capsys)["saved"] is False
