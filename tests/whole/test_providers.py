"""The whole app through the vendors' own SDKs: keys entered in the dialog, kept in the real keyring, found nowhere else."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.whole.desk import DATA, Desk, desk
from tests.whole.scenario_providers import ANTHROPIC_KEY, OPENAI_KEY

pytestmark = pytest.mark.whole


class Vendor:
    """A vendor's server in a process of its own."""

    def __init__(self, name: str) -> None:
        command = [sys.executable, "-m", "tests.servers", name]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.url: str = json.loads(self.process.stdout.readline())["url"]
        self.root = self.url.removesuffix("/v1")

    def requests(self, path: str) -> list[dict[str, Any]]:
        with urllib.request.urlopen(f"{self.root}/_control/requests", timeout=10) as answer:
            return [seen for seen in json.load(answer) if seen["path"].endswith(path)]

    def script(self, **what: Any) -> None:
        body = json.dumps(what).encode()
        request = urllib.request.Request(
            f"{self.root}/_control/script", data=body, headers={"Content-Type": "application/json"}
        )
        urllib.request.urlopen(request, timeout=10).close()


@contextmanager
def vendor(name: str) -> Iterator[Vendor]:
    own = Vendor(name)
    try:
        yield own
    finally:
        own.process.terminate()
        own.process.wait(10)
        assert own.process.stdout is not None
        own.process.stdout.close()


def in_keyring(place: Desk, provider: str) -> str:
    """What another program reads from the keyring."""
    code = (
        "import sys, keyring.backends.SecretService as s; "
        f"print(s.Keyring().get_password('reflection-companion', 'key:{provider}'))"
    )
    command = [sys.executable, "-c", code]
    return subprocess.run(command, env=place.env, check=True, capture_output=True, text=True).stdout


def encodings(key: str) -> list[bytes]:
    raw = key.encode()
    return [
        raw,
        key.encode("utf-16-le"),
        base64.b64encode(raw)[:-4],
        raw.hex().encode(),
        urllib.parse.quote(key).encode(),
    ]


def test_keys_in_the_dialog_openai_then_anthropic_between_two_turns(tmp_path: Path) -> None:
    with desk() as place, vendor("openai") as openai, vendor("anthropic") as anthropic:
        openai.script(keys=[OPENAI_KEY], reply="You told me about a long day. What stayed with you?")
        anthropic.script(keys=[ANTHROPIC_KEY], reply="It sounds calmer now. What would help tomorrow?")
        settings = place.home / "config" / "settings.yaml"
        settings.parent.mkdir(parents=True)
        blocks = "".join(f"  {role}:\n    openai: {{base_url: {openai.url}}}\n" for role in ("stt", "tts"))
        settings.write_text(
            f"providers:\n{blocks}  llm:\n    openai: {{base_url: {openai.url}}}\n"
            f"    anthropic: {{base_url: {anthropic.url}}}\n"
        )
        revoke = json.dumps({"keys": ["sk-ant-another"]}).replace(" ", "")
        recording = place.sound.record_speaker()
        command = [
            *(sys.executable, "-m", "tests.whole.scenario_providers"),
            *("--home", str(place.home), "--say", str(DATA / "austen-0890.wav"), "--shots", str(tmp_path)),
            *("--revoke", f"{sys.executable} -m tests.whole.script {anthropic.root} {revoke}"),
        ]
        done = subprocess.run(
            command, env=place.env, check=False, capture_output=True, text=True, timeout=150
        )
        sound = recording.stop()
        assert done.returncode == 0, done.stderr[-3000:]
        found = json.loads(done.stdout.splitlines()[-1])
        assert "error" not in found, (found, done.stderr[-3000:])

        assert found["first"]["reply"] == "You told me about a long day. What stayed with you?"
        assert found["first"]["saved"]
        assert found["first"]["cost"] is not None, "the vendor's usage became a price"
        assert found["first"]["engines"]["llm"].startswith("openai/")
        assert found["second"]["reply"] == "It sounds calmer now. What would help tomorrow?"
        assert found["second"]["engines"]["llm"].startswith("anthropic/")
        assert found["troubles"] == []
        assert found["refused"] == ["Anthropic did not accept the key."]

        heard = openai.requests("/audio/transcriptions")
        assert len(heard) == 1, "the take was uploaded once"
        assert len(openai.requests("/responses")) == 1
        assert openai.requests("/audio/speech"), "the answer was spoken by OpenAI"
        assert {seen["headers"]["authorization"] for seen in openai.requests("")} == {f"Bearer {OPENAI_KEY}"}
        asked = anthropic.requests("/messages")
        history = json.dumps(asked[0]["body"], ensure_ascii=False)
        assert found["first"]["reply"] in history, "the conversation went along to the other vendor"
        assert OPENAI_KEY not in json.dumps(anthropic.requests("")), "no key goes to another vendor"
        assert float(np.abs(sound.samples).max()) > 300, "something was heard"

        assert OPENAI_KEY in in_keyring(place, "openai")
        assert ANTHROPIC_KEY in in_keyring(place, "anthropic")
        files = [path for path in place.home.rglob("*") if path.is_file()]
        for key in (OPENAI_KEY, ANTHROPIC_KEY):
            for shape in encodings(key):
                assert [path.name for path in files if shape in path.read_bytes()] == []
                assert shape not in done.stderr.encode()
