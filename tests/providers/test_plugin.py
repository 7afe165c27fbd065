"""A vendor that somebody else publishes appears in the library, on the command line and in the settings window.

The package of `tests/plugin` is laid out in a folder as an installer lays it, and every program runs in a process of its
own that finds this folder beside Companion.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

PLUGIN = Path(__file__).parent.parent / "plugin"
KEY = "echo-key-0123456789"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the module and the metadata that pip would write."""
    folder = tmp_path_factory.mktemp("site")
    project = tomllib.loads((PLUGIN / "pyproject.toml").read_text())["project"]
    (folder / "companion_echo.py").write_text((PLUGIN / "companion_echo.py").read_text())
    info = folder / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir()
    about = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    (info / "METADATA").write_text(about)
    for group, points in project["entry-points"].items():
        lines = [f"{name} = {value}" for name, value in points.items()]
        (info / "entry_points.txt").write_text("\n".join([f"[{group}]", *lines, ""]))
    return folder


class Beside:
    """Runs programs that find the vendor installed."""

    def __init__(self, folder: Path, home: Path) -> None:
        own = {"PYTHONPATH": str(folder), "COMPANION_HOME": str(home), "QT_QPA_PLATFORM": "offscreen"}
        self.environ = {**os.environ, **own}

    def run(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, *arguments]
        environ = {**self.environ, **variables}
        return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=False)

    def program(self, text: str, **variables: str) -> Any:
        """The one JSON document that a program prints."""
        done = self.run("-c", text, **variables)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def companion(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return self.run("-m", "companion", *arguments, **variables)


@pytest.fixture
def beside(installed: Path, tmp_path: Path) -> Beside:
    return Beside(installed, tmp_path / "companion")


def test_the_library_knows_it(beside: Beside) -> None:
    found = beside.program(
        """
import asyncio, json
from companion.providers import AIProviderFactory, PROVIDER_CONFIGS, get_ai_provider, load_config

async def main():
    async with get_ai_provider() as provider:
        return {
            "listed": AIProviderFactory.get_available_providers(),
            "answer": await provider.generate_completion("", "well said"),
            "sound": len(await provider.generate_tts("well said", "hum")),
            "voices": provider.get_available_voices(),
            "models": await provider.list_models(),
            "key_env": PROVIDER_CONFIGS["echo"].api_key_env,
            "by_alias": AIProviderFactory.create("parrot").spec.name,
            "configured": load_config("none.yaml").llm.spec.name,
        }

print(json.dumps(asyncio.run(main())))
""",
        AI_PROVIDER="echo",
        ECHO_API_KEY=KEY,
    )
    assert {"echo", "parrot", "openai", "guide"} <= set(found["listed"])
    assert found["answer"] == "well said "
    assert found["sound"] > 500
    assert found["voices"] == ["hum"]
    assert found["models"] == ["echo-1", "echo-letters", "echo-dot"]
    assert found["key_env"] == ["ECHO_API_KEY"]
    assert (found["by_alias"], found["configured"]) == ("echo", "echo")


def test_the_command_line_knows_it(beside: Beside, tmp_path: Path) -> None:
    listed = {row["name"]: row for row in json.loads(beside.companion("providers", "--json").stdout)}
    assert listed["echo"]["roles"] == ["llm", "tts", "embeddings", "images"]
    assert listed["echo"]["key"] == "missing"

    unready = beside.companion("providers", "echo", "--check", "--json")
    assert unready.returncode == 1
    (row,) = json.loads(unready.stdout)
    assert (row["verdict"], row["ok"]) == ("keyless", False)
    assert "https://echo.example/keys" in row["next"]
    assert "ECHO_API_KEY" in row["next"]

    ready = beside.companion("providers", "echo", "--check", "--json", ECHO_API_KEY=KEY)
    assert ready.returncode == 0, ready.stderr
    (row,) = json.loads(ready.stdout)
    assert (row["verdict"], row["key"], row["reach"]) == ("ready", "present", True)
    assert KEY not in ready.stdout + ready.stderr

    asked = beside.companion("ask", "say it again", "--provider", "parrot", ECHO_API_KEY=KEY)
    assert (asked.returncode, asked.stdout.strip()) == (0, "say it again")

    out = tmp_path / "dot.png"
    drawn = beside.companion("draw", "a dot", "-o", str(out), "--provider", "echo", ECHO_API_KEY=KEY)
    assert drawn.returncode == 0, drawn.stderr
    assert out.read_bytes().startswith(b"\x89PNG")

    logged = beside.companion("-D", "log", "ask", "quietly", "--provider", "echo", ECHO_API_KEY=KEY)
    assert logged.returncode == 0
    logs = [path.read_text() for path in (tmp_path / "companion").rglob("*.log*")]
    assert logs
    assert KEY not in "".join(logs) + logged.stdout + logged.stderr

    made = beside.companion("embed", "tea", "toast", "--provider", "echo", "--json", ECHO_API_KEY=KEY)
    assert json.loads(made.stdout)["vectors"] == [[1, 1, 1, 0, 0, 0, 0, 0], [0, 2, 1, 1, 0, 0, 1, 0]]


def test_the_settings_window_shows_it(beside: Beside) -> None:
    found = beside.program(
        f"""
import json, sys
sys.path.insert(0, {str(PLUGIN.parent.parent)!r})
from PySide6.QtWidgets import QApplication, QPushButton, QLabel
import qasync, asyncio
from companion.gui.settings.dialog import SettingsDialog
from companion.gui.theme import Look
from tests.gui.settings_host import StagedHost

async def main():
    look = Look()
    look.wear()
    host = StagedHost()
    dialog = SettingsDialog(host, look)
    dialog.show()
    found = {{}}
    for page in ("thinking", "voice"):
        dialog.show_page(page)
        for _ in range(60):
            await asyncio.sleep(0.005)
        widgets = [*dialog.page.findChildren(QLabel), *dialog.page.findChildren(QPushButton)]
        found[page] = [widget.text() for widget in widgets]
    dialog.close()
    for page in dialog.pages.values():
        page.work.stop()
    return found

application = QApplication([])
print(json.dumps(qasync.run(main())))
"""
    )
    assert any("Echo" in text for text in found["thinking"])
    assert any("Echo" in text for text in found["voice"])
