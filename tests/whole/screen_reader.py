"""What a screen reader of the desktop finds in a running window: its tree over AT-SPI, read from another process."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from jeepney import DBusAddress, Message, MessageType, Properties, new_method_call
from jeepney.io.blocking import DBusConnection, open_dbus_connection

_LAUNCHERS = (
    Path("/usr/libexec/at-spi-bus-launcher"),
    Path("/usr/lib/at-spi2-core/at-spi-bus-launcher"),
)
_ROOT = "/org/a11y/atspi/accessible/root"
_SHOWING = 25
"""Number of the state of what is on the screen."""
APP_ENV = {"QT_LINUX_ACCESSIBILITY_ALWAYS_ON": "1"}
"""Variables of an app that is to be read."""


@dataclass(frozen=True, slots=True)
class Node:
    """One thing of the window."""

    owner: str
    path: str
    name: str
    text: str
    """Of what has one: the words inside."""

    def of(self, interface: str) -> DBusAddress:
        return DBusAddress(self.path, self.owner, f"org.a11y.atspi.{interface}")


class ScreenReader:
    """Reads every app on its desk."""

    def __init__(self, bus: DBusConnection) -> None:
        self._bus = bus

    def nodes(self, *, shown: bool = True) -> list[Node]:
        """All there is, outer things first; `shown`: only what is on the screen."""
        return list(self._below("org.a11y.atspi.Registry", _ROOT, shown=shown, is_root=True))

    def words(self, *, shown: bool = True) -> str:
        """Every name and every text, one a line."""
        return "\n".join(part for node in self.nodes(shown=shown) for part in (node.name, node.text) if part)

    def until(self, holds: Callable[[str], bool], limit_s: float = 15.0) -> str:
        """The words on the screen, once they are as wanted."""
        deadline = time.monotonic() + limit_s
        while not holds(words := self.words()):
            assert time.monotonic() < deadline, f"on the screen is: {words}"
            time.sleep(0.1)
        return words

    def roles(self, name: str) -> set[str]:
        """What everything that is called so is to a screen reader: "page tab", "heading" ..."""
        found = [node for node in self.nodes() if node.name == name]
        return {
            str(told[0])
            for node in found
            if (told := self._ask(new_method_call(node.of("Accessible"), "GetRoleName")))
        }

    def press(self, name: str, limit_s: float = 15.0) -> None:
        """Presses what is called so, or begins so, once it is there."""
        deadline = time.monotonic() + limit_s
        while not (found := [node for node in self.nodes() if node.name.startswith(name)]):
            assert time.monotonic() < deadline, f"no {name!r}; on the screen is: {self.words()}"
            time.sleep(0.1)
        for node in found:
            if self._ask(new_method_call(node.of("Action"), "DoAction", "i", (0,))):
                return
        raise AssertionError(f"{name!r} cannot be pressed")

    def _below(self, owner: str, path: str, *, shown: bool, is_root: bool = False) -> Iterator[Node]:
        place = DBusAddress(path, owner, "org.a11y.atspi.Accessible")
        if not is_root:
            states = self._ask(new_method_call(place, "GetState"))
            is_app = path == _ROOT
            if shown and not is_app and not (states and states[0][0] >> _SHOWING & 1):
                return
            yield self._node(owner, path)
        children = self._ask(new_method_call(place, "GetChildren"))
        for child_owner, child in children[0] if children else ():
            yield from self._below(child_owner, child, shown=shown)

    def _node(self, owner: str, path: str) -> Node:
        name = self._ask(Properties(DBusAddress(path, owner, "org.a11y.atspi.Accessible")).get("Name"))
        text = DBusAddress(path, owner, "org.a11y.atspi.Text")
        words = self._ask(new_method_call(text, "GetText", "ii", (0, -1)))
        return Node(owner, path, name[0][1] if name else "", str(words[0]) if words else "")

    def _ask(self, message: Message) -> tuple[Any, ...]:
        """The answer; empty where there is none."""
        reply = self._bus.send_and_get_reply(message, timeout=5)
        return () if reply.header.message_type is MessageType.error else reply.body


@contextmanager
def screen_reader(env: Mapping[str, str]) -> Iterator[ScreenReader]:
    """One on the desk with these variables. Skips where the service is missing; under CI=true that is a failure."""
    launcher = next((path for path in _LAUNCHERS if path.exists()), None)
    if launcher is None:
        says = "no accessibility bus here: sudo apt-get install --no-install-recommends at-spi2-core"
        if os.environ.get("CI"):
            pytest.fail(says)
        pytest.skip(says)
    service = subprocess.Popen(
        [launcher, "--launch-immediately"],
        env=dict(env),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        with open_dbus_connection(_address(env["DBUS_SESSION_BUS_ADDRESS"])) as bus:
            yield ScreenReader(bus)
    finally:
        service.terminate()
        service.wait(5)


def _address(session_bus: str) -> str:
    """Of the bus on which apps tell what they show."""
    asked = new_method_call(DBusAddress("/org/a11y/bus", "org.a11y.Bus", "org.a11y.Bus"), "GetAddress")
    with open_dbus_connection(session_bus) as bus:
        for _ in range(100):
            reply = bus.send_and_get_reply(asked, timeout=5)
            if reply.header.message_type is not MessageType.error:
                return str(reply.body[0])
            time.sleep(0.05)
    raise RuntimeError("the accessibility bus did not come up")
