"""Each provider tried alone from the command line, against vendors' servers of this machine."""

from __future__ import annotations

import asyncio
import base64
import datetime
import json
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest

from companion.cli import run
from companion.decoding import read_file
from companion.errors import AIProviderInvalidRequestError
from companion.flow import ChatDelta, ChatRequest
from companion.kinds import Role
from companion.paths import Home
from companion.providers import AIProvider, AIProviderFactory, Catalogue, ModelEntry, registry
from tests.servers import OllamaServer, Script, VendorServer
from tests.servers.compatible import CompatibleServer

SPEECH = str(Path(__file__).parent / "data" / "austen-0890.wav")
ServerT = TypeVar("ServerT", bound=VendorServer)


@contextmanager
def running(server: ServerT) -> Iterator[ServerT]:
    """The server on a loop of its own, because a command brings its own too."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(server.start(), loop).result(10)
        yield server
        asyncio.run_coroutine_threadsafe(server.stop(), loop).result(10)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


@pytest.fixture
def ollama(monkeypatch: pytest.MonkeyPatch) -> Iterator[OllamaServer]:
    with running(OllamaServer()) as server:
        monkeypatch.setenv("LOCAL_MODEL_URL", server.url)
        yield server


@pytest.fixture
def compatible(home: Home) -> Iterator[CompatibleServer]:
    with running(CompatibleServer()) as server:
        home.config.mkdir(parents=True, exist_ok=True)
        models = {"llm": "big", "stt": "", "tts": ""}
        roles = "".join(
            f"  {role}: {{compatible: {{base_url: '{server.url}', model: '{model}'}}}}\n"
            for role, model in models.items()
        )
        home.settings.write_text(f"providers:\n{roles}")
        yield server


def document(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def test_a_provider_that_nobody_chose_can_be_asked(
    ollama: OllamaServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        run(["ask", "How was it?", "--provider", "local", "--model", "qwen3:4b", "--system", "Be brief."])
        == 0
    )
    assert capsys.readouterr().out == f"{ollama.script.reply}\n"
    asked = ollama.asked("/api/chat")[-1].body
    assert (asked["model"], asked["messages"][0]) == ("qwen3:4b", {"role": "system", "content": "Be brief."})


def test_an_answer_as_a_document_tells_who_and_how_much(
    ollama: OllamaServer, capsys: pytest.CaptureFixture[str]
) -> None:
    ollama.script.models = ["qwen3"]
    assert run(["ask", "How was it?", "--model", "qwen3", "--json"]) == 0  # whose it is, the catalogue knows
    found = document(capsys)
    assert (found["provider"], found["answer"]) == ("ollama", ollama.script.reply)
    assert found["finish_reason"] == "stop"
    assert found["output_tokens"] > 0
    assert found["cost_usd"] == 0


def test_a_picture_is_shown_to_a_model(
    ollama: OllamaServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = tmp_path / "dusk.txt"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n dusk")
    (tmp_path / "dawn.png").write_bytes(b"%PDF-1.7 dawn")
    asked = ["ask", "What is this?", "--provider", "ollama", "--model", "llava:7b", "--image"]
    ollama.script.models = ["llava:7b"]
    assert run([*asked, str(picture)]) == 0
    shown = ollama.asked("/api/chat")[-1].body["messages"][-1]
    assert base64.b64decode(shown["images"][0]) == picture.read_bytes()
    for name in ("dawn.png", "none.png"):
        assert run([*asked, str(tmp_path / name)]) == 1
        assert name in capsys.readouterr().err


def test_what_a_provider_answers_is_printed_while_it_comes(
    ollama: OllamaServer, capsys: pytest.CaptureFixture[str]
) -> None:
    ollama.script = Script(reply="one two three four five six", cut_after=3)
    assert run(["ask", "Count.", "--provider", "ollama", "--model", "qwen3:4b"]) == 1
    said = capsys.readouterr()
    assert said.out.startswith("one two")
    assert "was cut off" in said.err


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (Script(status=404, message="model 'x' not found"), "companion models --provider ollama --live"),
        (Script(status=503), "Try again in a minute."),
    ],
)
def test_a_refusal_is_a_sentence_with_a_next_step(
    script: Script,
    said: str,
    ollama: OllamaServer,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AI_MAX_RETRIES", "0")
    ollama.script = script
    assert run(["ask", "How was it?", "--provider", "ollama", "--model", "qwen3:4b"]) == 1
    problem = capsys.readouterr().err
    assert said in problem
    assert "is kept" not in problem


def test_another_server_hears_speaks_and_makes_vectors(
    compatible: CompatibleServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["transcribe", SPEECH, "--provider", "compatible", "--language", "de", "--json"]) == 0
    heard = document(capsys)
    assert (heard["transcript"], heard["provider"]) == (compatible.script.transcript, "compatible")
    assert heard["seconds"] == pytest.approx(5.3, abs=0.2)

    for ending in ("mp3", "wav"):
        out = tmp_path / f"said.{ending}"
        assert (
            run(["say", "Good evening.", "--provider", "compatible", "--speed", "1.5", "-o", str(out)]) == 0
        )
        assert read_file(out).seconds > 0.2
    assert compatible.asked("/audio/speech")[-1].body["speed"] == 1.5

    assert run(["embed", "dawn", "dusk", "--provider", "compatible", "--json"]) == 0
    assert len(document(capsys)["vectors"]) == 2


def test_the_check_of_a_server_tells_reach_and_models(
    compatible: CompatibleServer, capsys: pytest.CaptureFixture[str]
) -> None:
    compatible.script.models = ["small"]
    assert run(["providers", "compatible", "--check", "--json"]) == 1
    (row,) = document(capsys)
    assert (row["key"], row["reach"], row["verdict"]) == ("not needed", True, "unlisted")
    assert (row["models"]["llm"], row["unknown_models"]) == ("big", ["big"])
    assert "--live" in row["next"]
    compatible.script.models = ["big"]
    assert run(["providers", "compatible", "--check"]) == 0
    said = capsys.readouterr().out
    assert "READY" in said
    assert "models known" in said
    assert " ms" in said


def test_a_server_that_is_not_there_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LOCAL_MODEL_URL", "http://127.0.0.1:9")
    assert run(["providers", "ollama", "--check", "--json"]) == 1
    (row,) = document(capsys)
    assert (row["verdict"], row["reach"]) == ("unreachable", False)
    assert "http://127.0.0.1:9" in row["next"]


def test_a_vendors_own_list_of_models(ollama: OllamaServer, capsys: pytest.CaptureFixture[str]) -> None:
    ollama.script.models = ["qwen3:8b", "nobody-knows:1b"]
    assert run(["models", "--provider", "ollama", "--live", "--json"]) == 0
    rows = {row["model"]: row for row in document(capsys)}
    assert set(rows) == {"qwen3:8b", "nobody-knows:1b"}
    assert rows["nobody-knows:1b"]["context_window"] is None


def test_models_are_listed_with_what_matters(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["models", "--json"]) == 0
    rows = document(capsys)
    assert len(rows) >= 60
    assert len({row["provider"] for row in rows}) >= 10
    haiku = next(row for row in rows if row["model"] == "claude-haiku-5-5")
    assert haiku["aliases"] == ["haiku"]
    assert (haiku["context_window"], haiku["price_in"], haiku["price_out"]) == (1_000_000, 0.1, 0.5)
    assert "tools" in haiku["abilities"]
    assert "temperature" in haiku["refuses"]
    assert run(["models", "--role", "realtime", "--provider", "openai", "--json"]) == 0
    assert "gpt-realtime-2.1" in {row["model"] for row in document(capsys)}


def test_models_are_a_table_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["models", "--role", "stt"]) == 0
    head, *lines = capsys.readouterr().out.splitlines()
    assert head.split()[:3] == ["provider", "model", "role"]
    assert any(
        line.startswith("groq") and "whisper-large-v3" in line and "$0.111/h" in line for line in lines
    )


@pytest.fixture
def ending(monkeypatch: pytest.MonkeyPatch) -> None:
    """A catalogue in which a model ends in a month, whatever the day is."""
    day = datetime.date.today() + datetime.timedelta(days=30)  # noqa: DTZ011 - as people count days
    old = ModelEntry(
        provider="ollama", model="old-1", role=Role.THINKS, label="Old 1", retires=day, successor="new-1"
    )
    new = ModelEntry(provider="ollama", model="new-1", role=Role.THINKS, label="New 1")
    monkeypatch.setattr(Catalogue, "load", staticmethod(lambda: Catalogue([old, new])))
    monkeypatch.setattr("companion.providers.catalogue._warned", set())


@pytest.mark.usefixtures("ending")
def test_a_model_that_ends_soon_is_warned_of_where_it_is_met(
    home: Home,
    ollama: OllamaServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    ollama.script.models = ["old-1"]
    monkeypatch.setenv("LOCAL_MODEL_NAME", "old-1")
    monkeypatch.setenv("AI_PROVIDER", "ollama")
    warning = "its vendor names New 1 (new-1) instead."
    for command in (["models"], ["doctor"]):
        run(command)
        assert warning in capsys.readouterr().out
    assert run(["providers", "ollama", "--check"]) == 0
    assert warning in capsys.readouterr().out
    assert run(["ask", "How was it?", "--provider", "ollama"]) == 0
    said = capsys.readouterr()
    assert warning in said.err
    assert warning not in said.out
    assert home.log.read_text().count(warning) == 1


def test_an_error_under_a_name_nobody_knows_is_a_sentence_too(capsys: pytest.CaptureFixture[str]) -> None:
    class Odd(AIProvider):
        async def chat(self, request: ChatRequest) -> AsyncIterator[ChatDelta]:
            raise AIProviderInvalidRequestError("It was too late.", "odd-but-other")
            yield

    AIProviderFactory.register("odd", Odd)
    try:
        assert run(["ask", "hi", "--provider", "odd"]) == 1
    finally:
        registry.unregister("odd")
    assert capsys.readouterr().err.strip() == "It was too late."


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["models", "--provider", "nobody"], "There is no provider called 'nobody'"),
        (["transcribe", SPEECH, "--provider", "anthropic"], "Anthropic cannot do that. These can: "),
        (["say", "hello", "--provider", "nobody"], "There is no provider called 'nobody'"),
        (["draw", "a dot", "-o", "dot.png", "--provider", "guide"], "cannot do that. These can: "),
        (["film", "a dot", "-o", "dot.mp4", "--provider", "guide"], "cannot do that. These can: "),
        (["film", " ", "-o", "dot.mp4"], "There is nothing to make a video of."),
        (["film", "a dot", "-o", "dot.mp4"], "Google Gemini needs a key."),
        (["batch"], "There are no questions to ask."),
        (["batch", "missing.txt", "--provider", "mock"], "missing.txt could not be read"),
        (["batch", SPEECH, "--provider", "mock"], "it is no text"),
        (["batch", "--job", "x", "--provider", "guide"], "cannot answer requests in batches."),
        (["ask", "hi", "--provider", "anthropic"], "set ANTHROPIC_API_KEY"),
        (["ask", "hi", "--model", "haiku"], "Anthropic needs a key."),
        (["models", "--provider", "openai", "--live"], "OpenAI needs a key."),
    ],
)
def test_what_cannot_be_is_one_sentence(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == 1
    told = capsys.readouterr()
    assert said in told.err
    assert told.out == ""
    assert "Traceback" not in told.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["models", "--live"],
        ["models", "--role", "poet"],
        ["say", "hello", "--speed", "9"],
        ["say", "hello", "--speed", "fast"],
        ["draw", "a dot"],
        ["film", "a dot"],
        ["embed"],
    ],
)
def test_wrong_usage_is_exit_code_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == 2
    assert capsys.readouterr().out == ""


def test_voices_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["voices", "--json"]) == 0  # of whoever speaks now: this computer
    voices = document(capsys)
    assert {"id", "name", "language", "description"} == set(voices[0])
    assert "en-gb" in {voice["id"] for voice in voices}
    assert run(["voices", "--provider", "builtin"]) == 0
    assert "British" in capsys.readouterr().out


def test_a_video_goes_into_its_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "dot.mp4"
    assert run(["film", "a dot", "-o", str(out), "--provider", "mock"]) == 0
    told = capsys.readouterr()
    assert out.read_bytes()[4:8] == b"ftyp"
    assert told.err.splitlines() == ["job mock-job-1: 0%", "job mock-job-1: 50%", "job mock-job-1: 100%"]
    assert told.out == ""


def test_a_file_of_questions_is_answered_line_by_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = tmp_path / "asked.jsonl"
    asked.write_text(
        'What is dusk?\n\n{"prompt": "And dawn?", "system": "Be brief."}\n"Noon?"\n', encoding="utf-8"
    )
    assert run(["batch", str(asked), "--provider", "mock"]) == 0
    told = capsys.readouterr()
    rows = [json.loads(line) for line in told.out.splitlines()]
    assert [row["index"] for row in rows] == [0, 1, 2]
    assert all(row["answer"] and row["error"] is None and row["input_tokens"] for row in rows)
    assert "job mock-job-1: 3 of 3" in told.err
    asked.write_text('{"text": "no prompt"}', encoding="utf-8")
    assert run(["batch", str(asked), "--provider", "mock"]) == 1
    assert "Line 1 has no question." in capsys.readouterr().err


def test_vectors_need_no_key_and_no_network(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["embed", "a walk by the sea", "walking along the sea", "tax return", "--json"]) == 0
    found = document(capsys)
    assert found["provider"] == "builtin"
    near, far = (
        sum(a * b for a, b in zip(found["vectors"][0], other, strict=True)) for other in found["vectors"][1:]
    )
    assert near > far
