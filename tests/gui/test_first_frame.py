"""What is loaded when the first frame is on the screen, of the whole app in a process of its own.

Whatever is named here costs a start its time; it comes with the loop, while the person looks.
"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from companion.app import roles, shown_roles
from companion.kinds import TURN_ROLES
from companion.paths import Home
from companion.settings import load_settings
from companion.settings.read_before import READ_BEFORE, keep

HEAVY = (
    *("asyncio", "qasync", "ssl", "email", "hashlib", "subprocess", "importlib.metadata", "numpy"),
    *("httpx2", "ruamel.yaml", "markdown_it", "keyring", "sqlcipher3", "PySide6.QtNetwork"),
    *("companion.net", "companion.flow", "companion.calls", "companion.records", "companion.ports"),
    *(
        "companion.vault",
        "companion.conversation",
        "companion.journal",
        "companion.insights",
        "companion.audio",
    ),
    *("companion.providers.provider", "companion.providers.catalogue", "companion.providers.model_names"),
    *("companion.providers.here.models", "companion.settings.address", "companion.yaml_edit"),
    *(
        "companion.gui.transcript",
        "companion.gui.markdown",
        "companion.gui.settings.form",
        "companion.gui.journal",
    ),
    *("companion.gui.wrapping", "companion.gui.tray", "companion.gui.help", "companion.gui.welcome.engines"),
)
SCRIPT = f"""
import sys
import companion.gui.main as main
from companion.paths import find_home
def loop(qt, life):
    life.close()
    from PySide6.QtWidgets import QMainWindow
    (window,) = [each for each in qt.topLevelWidgets() if isinstance(each, QMainWindow)]
    print("painted" if window.is_painted else "not painted", "welcome" if window.shows_welcome else "talk")
    print(*[each for each in {HEAVY} if each in sys.modules])
    import linecache
    print(*[each for each in linecache.cache if each.endswith(("window.py", "theme.py"))])  # sources that were read
    sys.stdout.flush()
    __import__("os")._exit(0)
main._loop = loop
main.run_window(find_home())
"""


def first_frame(home: Home) -> list[str]:
    env = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "COMPANION_HOME": str(home.config.parent)}
    out = subprocess.run([sys.executable, "-c", SCRIPT], env=env, capture_output=True, text=True, check=True)
    return out.stdout.splitlines()


def test_a_newcomer_waits_for_none_of_it(home: Home) -> None:
    assert first_frame(home) == ["painted welcome", "", ""]


@pytest.mark.parametrize("who", ["guide", "ollama", "anthropic"])
def test_neither_does_who_comes_back(home: Home, who: str) -> None:
    home.settings.parent.mkdir(parents=True, exist_ok=True)
    home.settings.write_text(f"providers:\n  llm:\n    active: {who}\npractice:\n  current: gratitude\n")
    settings = load_settings(home).settings
    keep(home.settings, home.state / READ_BEFORE)
    told = [roles.in_use(settings, role) for role in TURN_ROLES]
    shown_roles.keep(home.state / "roles.json", settings, told)
    assert first_frame(home) == ["painted talk", "", ""]
