"""The engine process from outside: how it starts, what it inherits, how it ends, and that nothing waits for it for ever."""

from __future__ import annotations

import asyncio
import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from companion.children import look_at
from companion.errors import AIProviderError, Kind
from companion.kinds import Role
from companion.providers.here.process.breaths import breaths
from companion.providers.here.process.engines import LOOKS, SILENCE_S, EngineJob, EngineProcess
from companion.providers.here.process.pipe import (
    HEADER,
    MAX_PAYLOAD,
    BrokenPipeline,
    Frame,
    encode,
    parse_header,
    read_frame,
)
from companion.providers.provider import Spec
from tests import tiny_voice

SPEC = Spec(name="here", display_name="Here", roles=frozenset({Role.SPEAKS}))
SPEECH = {"text": "Rest is part of the work. " * 200, "voice": "en-us", "words_per_minute": 175}


def is_alive(pid: int | None) -> bool:
    return pid is not None and os.path.exists(f"/proc/{pid}")


def told_to(pid: int | None) -> bytes:
    """What anybody on this computer can read of a process: its environment and arguments."""
    return b"".join(Path(f"/proc/{pid}/{name}").read_bytes() for name in ("environ", "cmdline"))


def limits_of(pid: int | None) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/limits").read_text().splitlines()[1:]
    return {line[:25].strip(): line[25:].split()[0] for line in lines}


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


async def speak(engines: EngineProcess, **order: object) -> int:
    job = await engines.job(SPEC, "speak", **{**SPEECH, "text": "Rest.", **order})
    try:
        return sum([len(piece) - 4 async for piece in job])
    finally:
        job.cancel()


# -- frames -------------------------------------------------------------------------------------------------


def test_a_frame_survives_the_pipe() -> None:
    source = io.BytesIO(encode(7, Frame.DATA, b"abc") + encode(0, Frame.PING))
    assert read_frame(source) == (7, Frame.DATA, b"abc")
    assert read_frame(source) == (0, Frame.PING, b"")
    assert read_frame(source) is None


@pytest.mark.parametrize("cut", range(1, 12))
def test_half_a_frame_is_the_end(cut: int) -> None:
    assert read_frame(io.BytesIO(encode(7, Frame.DATA, b"abc")[:cut])) is None


@pytest.mark.parametrize(
    "header", [HEADER.pack(MAX_PAYLOAD + 1, 1, Frame.DATA), HEADER.pack(1, 1, 99), b"print(" * 2]
)
def test_what_is_no_frame_is_refused_before_it_is_read(header: bytes) -> None:
    with pytest.raises(BrokenPipeline):
        parse_header(header[: HEADER.size])
    with pytest.raises(ValueError, match="too long"):
        encode(1, Frame.DATA, bytes(MAX_PAYLOAD + 1))


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", []),
        ("Short.", ["Short."]),
        ("One is here. Two is there. Three is", ["One is here. ", "Two is there. ", "Three is"]),
        ("no end at all in this", ["no end at all in ", "this"]),
        ("x" * 45, ["x" * 20, "x" * 20, "x" * 5]),
    ],
)
def test_long_texts_are_cut_where_a_speaker_breathes(text: str, parts: list[str]) -> None:
    assert list(breaths(text, longest=20)) == parts


# -- the process --------------------------------------------------------------------------------------------


async def test_the_child_inherits_no_key_and_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    canary = "canary-4711"
    names = (
        "OPENAI_API_KEY",
        "MY_VENDOR_API_KEY",
        "HF_TOKEN",
        "AWS_SECRET_ACCESS_KEY",
        "DB_PASSWORD",
        "HTTPS_PROXY",
    )
    for name in names:
        monkeypatch.setenv(name, canary)
    monkeypatch.setenv("COMPANION_TEST_PLAIN", "kept")
    engines = EngineProcess()
    await engines.start()
    visible = told_to(engines.pid)
    await engines.aclose()
    assert canary.encode() not in visible
    assert b"COMPANION_TEST_PLAIN=kept" in visible


async def test_starting_and_closing_leaves_no_process_and_no_file_open() -> None:
    engines = EngineProcess()
    await engines.start()
    await engines.aclose()
    before, pids = open_files(), set()
    for _ in range(3):
        assert await speak(engines) > 0
        pids.add(engines.pid)
        await engines.aclose()
    assert open_files() == before
    assert len(pids) == 3
    assert not any(is_alive(pid) for pid in pids)


async def test_closing_in_the_middle_of_speech_ends_it() -> None:
    engines = EngineProcess()
    job = await engines.job(SPEC, "speak", **SPEECH)
    await anext(job)
    pid = engines.pid
    await engines.aclose()
    with pytest.raises(AIProviderError):
        async for _ in job:
            pass
    assert not is_alive(pid)


async def test_a_cancelled_speech_is_over_in_the_process_too() -> None:
    engines = EngineProcess()
    job = await engines.job(SPEC, "speak", **SPEECH)
    await anext(job)
    job.cancel()
    async for (
        _
    ) in job:  # ends with the process' own word that the job is over, not by running through 3 minutes
        pass
    assert job.result == {}
    assert await speak(engines) > 0
    await engines.aclose()


async def test_a_process_that_stands_still_is_replaced() -> None:
    engines = EngineProcess(silence_s=0.8)
    job = await engines.job(SPEC, "speak", **SPEECH)
    await anext(job)
    assert engines.pid is not None
    os.kill(engines.pid, signal.SIGSTOP)
    with pytest.raises(AIProviderError) as caught:
        async for _ in job:
            pass
    assert caught.value.kind is Kind.ENGINE_CRASHED
    assert await speak(engines) > 0
    (
        await engines.job(SPEC, "speak", **SPEECH)
    ).cancel()  # it was stopped from outside: the text is not to blame
    await engines.aclose()


def test_who_stands_still_is_replaced_within_five_seconds_and_who_computes_is_given_longer() -> None:
    assert SILENCE_S + SILENCE_S / LOOKS <= 5.0
    busy = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        first = look_at(busy.pid)
        while look_at(busy.pid) == first:  # a computer may have other things to do
            time.sleep(0.01)
        os.kill(busy.pid, signal.SIGSTOP)
        while (still := look_at(busy.pid)) is None or still.state != "T":
            time.sleep(0.01)
        time.sleep(0.05)
        assert look_at(busy.pid) == still
    finally:
        busy.kill()
        busy.wait()
    assert look_at(busy.pid) is None


async def test_a_busy_app_does_not_blame_the_process() -> None:
    engines = EngineProcess(silence_s=0.8)
    job = await engines.job(SPEC, "speak", **SPEECH)
    await anext(job)
    pid = engines.pid
    time.sleep(1.2)  # noqa: ASYNC251 - a window that is stuck
    assert sum([len(piece) async for piece in job]) > 1_000_000
    assert engines.pid == pid
    await engines.aclose()


async def test_a_process_that_dies_idle_is_replaced() -> None:
    engines = EngineProcess()
    assert await speak(engines) > 0
    pid = engines.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    while engines.pid == pid:  # noqa: ASYNC110 - the process is outside, there is no event
        await asyncio.sleep(0.01)
    assert await speak(engines) > 0
    await engines.aclose()


async def test_an_engine_that_cannot_start_is_told_and_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = open_files()
    for command in (
        "/nonexistent/python",
        "/bin/false",
        "/bin/cat",
    ):  # is missing, ends at once, never says a word
        monkeypatch.setattr(sys, "executable", command)
        with pytest.raises(AIProviderError) as caught:
            await EngineProcess(start_s=0.2).job(SPEC, "speak", **SPEECH)
        assert caught.value.kind is Kind.ENGINE_CRASHED
    assert open_files() == before


async def test_an_order_the_engine_cannot_follow_fails_alone() -> None:
    engines = EngineProcess()
    with pytest.raises(AIProviderError) as caught:
        await speak(engines, text=5)
    assert caught.value.kind is Kind.VOICE_FAILED
    assert await speak(engines) > 0
    await engines.aclose()


def test_the_process_ends_with_its_parent_and_keeps_its_pipe_clean() -> None:
    """A crash of the app leaves no engine behind: the end of stdin is enough, in the middle of a job too."""
    process = subprocess.Popen(
        [sys.executable, "-m", "companion.providers.here.process.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(encode(1, Frame.START, json.dumps({"work": "speak", **SPEECH}).encode()))
    process.stdin.flush()
    assert read_frame(process.stdout) == (0, Frame.PONG, b"")  # type: ignore[arg-type]
    frame = read_frame(process.stdout)  # type: ignore[arg-type]
    assert frame is not None
    assert frame[:2] == (1, Frame.DATA)
    _, complaints = process.communicate(timeout=10)
    assert process.returncode == 0
    assert complaints == b""


@pytest.mark.parametrize(("how", "is_refused"), [("SIGSEGV", True), ("SIGABRT", True), ("SIGKILL", False)])
async def test_a_text_that_ended_the_process_is_not_sent_again(how: str, is_refused: bool) -> None:
    engines = EngineProcess()
    job = await engines.job(SPEC, "speak", **SPEECH)
    await anext(job)
    assert engines.pid is not None
    os.kill(engines.pid, getattr(signal, how))
    with pytest.raises(AIProviderError) as caught:
        _ = [piece async for piece in job]
    assert caught.value.kind is Kind.ENGINE_CRASHED
    assert await speak(engines) > 0, "another text is spoken"
    pid = engines.pid
    if is_refused:
        with pytest.raises(AIProviderError) as caught:
            await engines.job(SPEC, "speak", **SPEECH)
        assert caught.value.kind is Kind.VOICE_FAILED
    else:
        (await engines.job(SPEC, "speak", **SPEECH)).cancel()
    assert engines.pid == pid
    await engines.aclose()


async def done(job: EngineJob) -> None:
    async for _ in job:
        pass


async def hear(engines: EngineProcess, sound: bytes, ends: int = 0) -> AIProviderError:
    """What a take ends with that is fed this sound for ever, or until the process is sent a signal."""
    job = await engines.job(SPEC, "hear")
    for piece in (bytes(640), sound, sound):
        await job.send(piece)
    if ends:
        assert engines.pid is not None
        os.kill(engines.pid, ends)
    with pytest.raises(AIProviderError) as caught:
        await done(job)
    job.cancel()
    return caught.value


async def test_a_recording_that_ended_the_process_is_not_heard_again() -> None:
    engines, fatal = EngineProcess(), os.urandom(640)
    crashed = await hear(engines, fatal, signal.SIGSEGV)
    assert (crashed.kind, crashed.who) == (Kind.ENGINE_CRASHED, "The built-in recogniser")
    refused = await hear(engines, fatal)
    assert refused.kind is Kind.HEARING_FAILED
    assert "will not be tried again" in refused.message
    assert (await hear(engines, os.urandom(640), signal.SIGKILL)).kind is Kind.ENGINE_CRASHED
    await engines.aclose()


async def test_a_recording_is_not_blamed_for_a_text_spoken_beside_it() -> None:
    engines, sound = EngineProcess(), os.urandom(640)
    speaking = await engines.job(SPEC, "speak", **SPEECH)
    await anext(speaking)
    await hear(engines, sound, signal.SIGABRT)
    speaking.cancel()
    assert (await hear(engines, sound, signal.SIGKILL)).kind is Kind.ENGINE_CRASHED
    with pytest.raises(AIProviderError) as caught:
        await engines.job(SPEC, "speak", **SPEECH)
    assert caught.value.kind is Kind.VOICE_FAILED
    await engines.aclose()


async def test_a_model_that_ended_the_process_is_not_loaded_again_until_it_is_another(tmp_path: Path) -> None:
    model, engines = tmp_path / "voice.onnx", EngineProcess()
    model.write_bytes(b"some model")
    os.mkfifo(tmp_path / "voice.onnx.json")  # reading it takes for ever, as loading a large model may
    job = await engines.job(SPEC, "load_voice", file=str(model))
    assert engines.pid is not None
    os.kill(engines.pid, signal.SIGSEGV)
    with pytest.raises(AIProviderError) as caught:
        await done(job)
    assert caught.value.kind is Kind.ENGINE_CRASHED
    with pytest.raises(AIProviderError) as caught:
        await engines.job(SPEC, "speak_naturally", file=str(model), text="Rest.", speed=1.0, speaker="")
    assert caught.value.kind is Kind.ENGINE_MISSING
    model.write_bytes(b"another model")
    (tmp_path / "voice.onnx.json").unlink()
    job = await engines.job(SPEC, "load_voice", file=str(model))
    with pytest.raises(AIProviderError, match="is damaged"):
        await done(job)
    await engines.aclose()


async def test_a_model_that_worked_is_not_blamed_for_a_text(tmp_path: Path) -> None:
    engines = EngineProcess()
    order = {"file": str(tiny_voice.write(tmp_path, "tiny")), "speed": 1.0, "speaker": ""}
    await done(await engines.job(SPEC, "load_voice", **order))
    job = await engines.job(SPEC, "speak_naturally", **order, text="A fatal sentence. " * 500)
    await anext(job)
    assert engines.pid is not None
    os.kill(engines.pid, signal.SIGSEGV)
    with pytest.raises(AIProviderError):
        await done(job)
    await done(await engines.job(SPEC, "speak_naturally", **order, text="Rest."))
    await engines.aclose()


# -- what the process cannot do -----------------------------------------------------------------------------

TRIES = """
import os, pathlib, socket, sys, threading
from companion.confined import confine
folder = pathlib.Path(sys.argv[1])
held = confine()
def is_refused(act):
    try:
        act()
    except PermissionError:
        return True
    return False
acts = {
    "no network": (
        lambda: socket.socket(),
        lambda: socket.socket(socket.AF_UNIX),
        lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
        lambda: socket.create_connection(("127.0.0.1", int(sys.argv[2]))),
    ),
    "no writing of files": (
        lambda: (folder / "new").write_text("x"),
        lambda: (folder / "old").write_text("x"),
        lambda: os.truncate(folder / "old", 0),
        lambda: (folder / "old").unlink(),
        lambda: os.rename(folder / "old", folder / "new"),
        lambda: os.mkdir(folder / "dir"),
        lambda: os.symlink("old", folder / "link"),
    ),
}
said = {}
def look():
    for name, each in acts.items():
        said[name] = [is_refused(act) for act in each] if name in held else "not here"
thread = threading.Thread(target=look)
thread.start()
thread.join()
open(os.devnull, "w").write("x")
print(said, (folder / "old").read_text())
"""


def test_what_runs_in_the_process_reaches_no_network_and_changes_no_file(tmp_path: Path) -> None:
    (tmp_path / "old").write_text("kept")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        told = subprocess.run(
            [sys.executable, "-c", TRIES, str(tmp_path), port], capture_output=True, text=True, check=True
        )
    assert "False" not in told.stdout, told.stdout
    assert told.stdout.strip().endswith("kept")


async def test_the_process_says_what_it_gave_up_and_has_its_limits() -> None:
    engines = EngineProcess()
    job = await engines.job(SPEC, "tell_protections")
    _ = [piece async for piece in job]
    held = job.result["protections"]
    assert {"no core dumps", "a limit to memory", "a limit to processor time"} <= set(held)
    rows = limits_of(engines.pid)
    assert rows["Max core file size"] == "0"
    assert rows["Max open files"] == "256"
    assert rows["Max address space"].isdigit()
    assert rows["Max cpu time"].isdigit()
    await engines.aclose()
