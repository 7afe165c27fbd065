"""The voice of a home: wyoming-piper, as its authors ship it, with a voice of random weights that the test makes."""

from __future__ import annotations

import socket
import subprocess
import time
import wave
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.environments import environment
from tests.own_servers.test_cluster import companion

pytestmark = pytest.mark.long
PACKAGES = ("wyoming-piper==2.5.2", "piper-tts==1.8.0", "onnx==1.23.2")
START_S = 60.0
VOICE = "en_US-lessac-medium"
"""One it knows by name, so that it looks for nothing elsewhere."""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder, python = tmp_path_factory.mktemp("voices"), environment("wyoming-piper", *PACKAGES)
    subprocess.run([python, Path(__file__).parent / "tiny_piper.py", folder, VOICE], check=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    command = [python, "-m", "wyoming_piper", "--voice", VOICE, "--uri", url, "--data-dir", folder]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + START_S
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", int(url.rpartition(":")[2]))) == 0:
                    break
            assert process.poll() is None, "the server ended"
            assert time.monotonic() < deadline, "the server does not answer"
            time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait(10)


def test_it_speaks_for_us_under_its_name(address: str, tmp_path: Path) -> None:
    assert "It can speak (" in companion("servers", "add", "attic", address)
    assert VOICE in companion("voices", "--provider", "attic")
    file = tmp_path / "answer.wav"
    companion("say", "It was a long day.", "--provider", "attic", "--voice", VOICE, "-o", str(file))
    with wave.open(str(file)) as sound:
        assert sound.getframerate() == 16_000
        assert 1.0 < sound.getnframes() / sound.getframerate() < 5.0
