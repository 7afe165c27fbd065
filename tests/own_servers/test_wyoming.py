"""A household: wyoming-faster-whisper hears, llama.cpp thinks, wyoming-piper speaks, each as its authors ship it.

Their models are of random weights and made by the tests, so the words are none; all the rest is real.
"""

from __future__ import annotations

import json
import subprocess
import wave
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import tiny_voice
from tests.environments import environment
from tests.own_servers.running import companion, free_port, listening
from tests.own_servers.test_llama_cpp import model, serving

pytestmark = pytest.mark.long
__all__ = ["model"]
SPEAKS = ("wyoming-piper==2.5.2", "piper-tts==1.8.0")
HEARS = ("wyoming-faster-whisper==3.8.1", "faster-whisper==1.2.1")
HERE = Path(__file__).parent
VOICE = "en_US-lessac-medium"
"""One it knows by name, so that it looks for nothing elsewhere."""
SPEECH = str(HERE.parent / "data" / "austen-0890.wav")


@pytest.fixture(scope="module")
def voice(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder, python = tmp_path_factory.mktemp("voices"), environment("wyoming-piper", *SPEAKS)
    tiny_voice.write(folder, VOICE)
    url = f"tcp://127.0.0.1:{(port := free_port())}"
    command = [python, "-m", "wyoming_piper", "--voice", VOICE, "--uri", url, "--data-dir", folder]
    with listening(command, port):
        yield url


@pytest.fixture(scope="module")
def ears(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder, python = tmp_path_factory.mktemp("ears"), environment("wyoming-whisper", *HEARS)
    subprocess.run([python, HERE / "tiny_whisper.py", folder], check=True)
    url = f"tcp://127.0.0.1:{(port := free_port())}"
    command = [python, "-m", "wyoming_faster_whisper", "--model", folder, "--uri", url, "--data-dir", folder]
    with listening([*command, "--stt-library", "faster-whisper", "--language", "en"], port):
        yield url


def test_a_voice_speaks_under_its_name(voice: str, tmp_path: Path) -> None:
    assert "It can speak (" in companion("servers", "add", "attic", voice)
    assert VOICE in companion("voices", "--provider", "attic")
    file = tmp_path / "answer.wav"
    companion("say", "It was a long day.", "--provider", "attic", "--voice", VOICE, "-o", str(file))
    with wave.open(str(file)) as sound:
        assert sound.getframerate() == 16_000
        assert 1.0 < sound.getnframes() / sound.getframerate() < 5.0


def test_a_whole_turn_through_three_servers(
    voice: str, ears: str, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(model, context=4096) as mind:
        for name, address in (("workshop", mind), ("study", ears), ("attic", voice)):
            companion("servers", "add", name, address)
        for role, name in (("LLM", "workshop"), ("STT", "study"), ("TTS", "attic")):
            monkeypatch.setenv(f"COMPANION_PROVIDERS__{role}__ACTIVE", name)
        monkeypatch.setenv("COMPANION_PROVIDERS__TTS__ATTIC__VOICE", VOICE)
        monkeypatch.setenv("COMPANION_REPLY__LONGEST_ANSWER", "60")
        sound = tmp_path / "answer.wav"
        turn = ("reflect", "--mic", SPEECH, "--speaker", str(sound), "--fast", "--incognito", "--json")
        told = json.loads(companion(*turn, code=1))  # a mind of random weights never comes to an end
    assert told["transcript"].split(), "something was heard"
    assert told["reply"].split(), "something was answered"
    assert {role: name.split("/")[0] for role, name in told["engines"].items()} == {
        "llm": "workshop",
        "stt": "study",
        "tts": "attic",
    }
    with wave.open(str(sound)) as spoken:
        assert spoken.getnframes() / spoken.getframerate() > 1.0
