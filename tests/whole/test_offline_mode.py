"""Offline mode opens no socket to a network: system calls of whole sessions, and a run where there is no network."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.reliability.proof import prove
from tests.whole.desk import DATA, RunningApp, desk
from tests.whole.tracer import need_strace

pytestmark = pytest.mark.whole
ELSEWHERE = """\
network: {offline: %s}
reply: {longest_answer: 60}
talk: {engine: openai-realtime}
providers:
  llm: {active: openai, stand_ins: anthropic guide, openai: {base_url: "http://127.0.0.1:9/v1"}}
  stt: {active: deepgram, stand_ins: openai}
  tts: {active: cartesia, stand_ins: openai builtin}
"""
"""Everything is asked of vendors, and every stand-in is one, too."""
KEYS = dict.fromkeys(
    ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "DEEPGRAM_API_KEY", "CARTESIA_API_KEY"), "sk-ant-0123456789abcdef"
)
_INET = re.compile(r"\bsocket\(AF_INET6?,")
_ANY = re.compile(r"\bsocket(?:pair)?\(AF_")


def strace(log: Path) -> list[str]:
    """The command that writes every socket call of a program and its children to `log`; skips where there is none."""
    need_strace()
    # -D: what is started is the program itself, so that signals reach it
    return ["strace", "-D", "-f", "--seccomp-bpf", "-qq", "-e", "trace=network", "-o", str(log)]


def home_with(folder: Path, *, offline: bool) -> Path:
    """A home whose settings choose vendors for everything."""
    home = folder / f"offline-{offline}"
    (home / "config").mkdir(parents=True)
    (home / "config" / "settings.yaml").write_text(ELSEWHERE % str(offline).lower())
    return home


def counted(log: Path) -> tuple[int, int]:
    """Network sockets, and all sockets, so that an empty log is noticed."""
    calls = log.read_text(errors="replace")
    return len(_INET.findall(calls)), len(_ANY.findall(calls))


def reflect(home: Path, folder: Path) -> tuple[dict[str, object], Path]:
    log = folder / f"{home.name}.strace"
    command = [
        *strace(log),
        sys.executable,
        "-m",
        "companion",
        "--home",
        str(home),
        "reflect",
        "--fast",
        "--json",
    ]
    command += ["--mic", str(DATA / "austen-0890.wav"), "--speaker", str(folder / "answer.wav")]
    env = {**os.environ, **KEYS, "DBUS_SESSION_BUS_ADDRESS": "unix:path=/nonexistent"}
    done = subprocess.run(command, env=env, check=False, capture_output=True, text=True, timeout=120)
    assert done.stdout, done.stderr[-2000:]
    said: dict[str, object] = json.loads(done.stdout)
    return said, log


def test_a_spoken_turn_opens_no_network_socket(tmp_path: Path) -> None:
    said, log = reflect(home_with(tmp_path, offline=True), tmp_path)
    assert said["reply"]
    assert said["engines"] == {"llm": "guide/guide", "stt": "builtin", "tts": "builtin"}
    inet, every = counted(log)
    assert every > 0, "the log shows sockets at all"
    prove(40, "network sockets of a spoken turn without a window", inet, 0, cases=1)


def test_the_same_turn_opens_some_where_offline_mode_is_off(tmp_path: Path) -> None:
    """Nothing proves nothing unless the same look finds something."""
    _, log = reflect(home_with(tmp_path, offline=False), tmp_path)
    assert counted(log)[0] > 0


@pytest.mark.long
def test_a_session_in_the_window_opens_no_network_socket(tmp_path: Path) -> None:
    home, log = home_with(tmp_path, offline=True), tmp_path / "window.strace"
    with desk() as place:
        command = [*strace(log), sys.executable, "-m", "companion", "--home", str(home), "-D", "events,log"]
        app = RunningApp(command, {**place.env, **KEYS})
        place.apps.append(app)
        app.wait_for("JournalOpened")
        place.xdotool("search", "--sync", "--onlyvisible", "--name", "Companion", "windowactivate", "--sync")
        place.write("I had a long day and I am tired")
        written = app.wait_for("TurnFinished", limit_s=90)
        since = app.mark()
        place.press("F9")
        app.wait_for("PhaseChanged", phase="listening", since=since)
        place.speak("austen-0890.wav")
        place.release("F9")
        spoken = app.wait_for("TurnFinished", since=since, limit_s=90)
        place.tap("ctrl+comma")  # the settings look for engines of this computer
        place.tap("ctrl+shift+d")
        place.xdotool("search", "--sync", "--onlyvisible", "--name", "^Settings$")
        app.close(limit_s=40)
        for turn in (written, spoken):
            assert turn["record"]["engines"]["llm"] == "guide/guide"
            assert turn["record"]["reply_text"]
    inet, every = counted(log)
    assert every > 10
    prove(40, "network sockets of a session in the window", inet, 0, cases=2)


OFFLINE_SET = (
    "tests/whole/test_offline.py",
    "tests/audio",
    "tests/journal",
    "tests/conversation/test_engine.py",
    "tests/conversation/test_turn.py",
    "tests/conversation/test_handsfree.py",
    "tests/conversation/test_sentences.py",
    "tests/conversation/test_speech_text.py",
    "tests/providers/test_builtin.py",
    "tests/providers/test_guide.py",
    "tests/providers/test_worker.py",
    "tests/test_pcm.py",
    "tests/test_practices.py",
)
"""What a person can do without any network."""


@pytest.mark.long
def test_everything_that_needs_no_network_works_without_one() -> None:
    """In a network namespace of its own there is not even a loopback interface that is up."""
    if subprocess.run(["unshare", "-rn", "true"], check=False, capture_output=True).returncode:
        pytest.skip("this system gives no network namespaces to programs (unshare -rn)")
    root = Path(__file__).parent.parent.parent
    assert [name for name in OFFLINE_SET if not (root / name).exists()] == []
    command = ["unshare", "-rn", sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *OFFLINE_SET]
    done = subprocess.run(command, cwd=root, check=False, capture_output=True, text=True, timeout=900)
    print(done.stdout[-2000:])
    passed = re.search(r"(\d+) passed", done.stdout)
    failed = re.search(r"(\d+) (?:failed|error)", done.stdout)
    assert passed is not None, done.stdout[-4000:]
    lost = int(failed[1]) if failed else 0
    prove(40, "tests of the offline set that fail without a network", lost, 0, cases=int(passed[1]))
