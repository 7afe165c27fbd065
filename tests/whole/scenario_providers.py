"""A person at the real window: chooses OpenAI in the settings, talks, switches to Anthropic, talks again. Run on a desk.

    python -m tests.whole.scenario_providers --home DIR --say WAV --shots DIR

The window, dialog, keyring, sound and SDKs are the real ones; mouse and keys are given to the widgets a person would use.
Prints one JSON line at the end. The vendors are the servers whose addresses stand in the settings of DIR.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget

from companion.app import Companion
from companion.events import Event, Phase, PhaseChanged, Trouble, TurnFinished
from companion.gui import main as gui
from companion.gui.settings.dialog import SettingsDialog
from companion.gui.settings.role_page import RolePage
from companion.gui.window import Window
from companion.paths import find_home

OPENAI_KEY = "sk-canary-openai-0123456789abcdef"
ANTHROPIC_KEY = "sk-ant-canary-0123456789abcdef"
Found = dict[str, Any]


async def until(true: Callable[[], object], what: str, limit_s: float = 30.0) -> None:
    deadline = time.monotonic() + limit_s
    while not true():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited for {what}")
        await asyncio.sleep(0.02)


def top_level(kind: type[Any]) -> Any:
    return next((w for w in QApplication.topLevelWidgets() if isinstance(w, kind) and w.isVisible()), None)


class Person:
    def __init__(self, app: Companion, options: argparse.Namespace) -> None:
        self.app, self.options = app, options
        self.events: list[Event] = []
        app.events.watch(self.events.append)
        self.window: Window = top_level(Window)

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    def shot(self, widget: QWidget, name: str) -> None:
        widget.grab().save(str(Path(self.options.shots) / f"{name}.png"))

    async def open_page(self, name: str) -> tuple[SettingsDialog, RolePage]:
        if top_level(SettingsDialog) is None:
            QTest.keyClick(self.window, Qt.Key.Key_Comma, Qt.KeyboardModifier.ControlModifier)
            await until(lambda: top_level(SettingsDialog), "the settings")
        dialog: SettingsDialog = top_level(SettingsDialog)
        dialog.show_page(name)
        page = dialog.page
        assert isinstance(page, RolePage)
        await asyncio.sleep(0.4)
        return dialog, page

    async def choose(self, page: RolePage, provider: str, key: str = "") -> None:
        """Clicks the provider's card or chip; pastes its key where it wants one."""
        button = page.cards[provider] if page.cards[provider].isVisible() else page.chips[provider]
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)
        await until(
            lambda: page.setup is not None and page.setup.spec.name == provider, "the provider's details"
        )
        if key:
            assert page.setup is not None
            assert page.setup.key is not None
            row = page.setup.key
            QTest.keyClicks(row.field, key)
            QTest.mouseClick(row.keep, Qt.MouseButton.LeftButton)
        role = page.role
        await until(lambda: self.app.settings.role(role).active == provider, f"{provider} for {role}")

    async def close_settings(self) -> None:
        QTest.keyClick(top_level(SettingsDialog), Qt.Key.Key_Escape)
        await until(lambda: top_level(SettingsDialog) is None, "the settings to close")
        self.window.activateWindow()
        await asyncio.sleep(0.3)

    async def turn(self, act: Callable[[], Any]) -> TurnFinished:
        before = len(self.of(TurnFinished))
        result = act()
        if result is not None:
            await result
        await until(lambda: len(self.of(TurnFinished)) > before, "the end of the turn", 60)
        finished: TurnFinished = self.of(TurnFinished)[-1]
        return finished

    async def talk(self) -> None:
        """Holds Space while the recording is spoken into the microphone."""
        button = self.window.page.area.button
        button.setFocus()
        QTest.keyPress(button, Qt.Key.Key_Space)
        listening = [e for e in self.of(PhaseChanged) if e.phase is Phase.LISTENING]
        await until(
            lambda: len([e for e in self.of(PhaseChanged) if e.phase is Phase.LISTENING]) > len(listening),
            "the microphone",
        )
        speech = await asyncio.create_subprocess_exec("paplay", "-d", "vmic", self.options.say)
        self.shot(self.window, "listening")
        await speech.wait()
        QTest.keyRelease(button, Qt.Key.Key_Space)

    def write(self, text: str) -> None:
        field = self.window.page.area.composer.field
        field.setFocus()
        QTest.keyClicks(field, text)
        QTest.keyClick(field, Qt.Key.Key_Return)


async def live(app: Companion, options: argparse.Namespace, found: Found) -> None:
    person = Person(app, options)
    await app.sessions()  # returns once the journal is open
    dialog, page = await person.open_page("thinking")
    await person.choose(page, "openai", OPENAI_KEY)
    person.shot(dialog, "settings-thinking")
    for name in ("hearing", "voice"):
        _, page = await person.open_page(name)
        await person.choose(page, "openai")
    await person.close_settings()

    first = await person.turn(person.talk)
    found["first"] = {"said": first.record.user_text, "reply": first.record.reply_text, "saved": first.saved}
    found["first"] |= {
        "engines": first.record.engines,
        "timeline": first.record.timeline_ms,
        "cost": first.record.cost_usd,
    }
    person.shot(person.window, "after-openai")

    _, page = await person.open_page("thinking")
    await person.choose(page, "anthropic", ANTHROPIC_KEY)
    await person.close_settings()
    second = await person.turn(lambda: person.write("And what do you think now?"))
    found["second"] = {
        "said": second.record.user_text,
        "reply": second.record.reply_text,
        "saved": second.saved,
    }
    found["second"]["engines"] = second.record.engines
    person.shot(person.window, "after-anthropic")
    found["troubles"] = [event.error.message for event in person.of(Trouble)]

    refusing = await asyncio.create_subprocess_exec(*options.revoke.split())  # from now on the key is refused
    await refusing.wait()
    await person.turn(lambda: person.write("Is anybody there?"))
    await asyncio.sleep(0.3)
    found["refused"] = [event.error.message for event in person.of(Trouble)][len(found["troubles"]) :]
    person.shot(person.window, "key-refused")


def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("home", "say", "shots", "revoke"):
        parser.add_argument(f"--{name}", required=True)
    options = parser.parse_args()
    found: Found = {}

    async def then(app: Companion) -> None:
        try:
            await live(app, options, found)
        except Exception as error:  # noqa: BLE001 - told to whoever started the scenario
            found["error"] = repr(error)
        top_level(Window).close()

    home = find_home(options.home)
    found["exit"] = gui.run(home, lambda: Companion(home), then=then)
    print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
