"""What the desktop tells over D-Bus: that the computer goes to sleep or is locked, and a talk key for every window. And
what it is told: a notification.

Out: calls on the event loop's thread. On systems without D-Bus, and where a service is missing, nothing comes; the clocks
(`awake`) and the command `companion toggle-talk` serve there.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from companion.language import tr
from companion.tasks import spawn, stop

if TYPE_CHECKING:
    from jeepney import Message
    from jeepney.io.asyncio import DBusRouter

_log = logging.getLogger(__name__)
_MOST_SIGNALS = 32
_REPLY_S = 5.0
_ASK_S = 300.0
"""The desktop may ask the person about a key."""
_LOGIN = "org.freedesktop.login1"
_PORTAL = "org.freedesktop.portal.Desktop"
_PORTAL_PATH = "/org/freedesktop/portal/desktop"
_SHORTCUTS = "org.freedesktop.portal.GlobalShortcuts"
_SHORTCUT = "talk"
_NOTIFICATIONS = (
    "org.freedesktop.Notifications",
    "/org/freedesktop/Notifications",
    "org.freedesktop.Notifications",
)
_ENDS = ("ActionInvoked", "NotificationClosed")
_HEED_S = 600.0
"""How long a press on a notification is waited for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ears:
    """Who is called."""

    sleeps: Callable[[], None]
    """The computer is about to sleep."""
    wakes: Callable[[], None]
    locks: Callable[[], None]
    unlocks: Callable[[], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class TalkKey:
    """A key that the desktop gives, for every window."""

    pressed: Callable[[], None]
    released: Callable[[], None]
    bound: Callable[[str], None]
    """The desktop's words for the key; empty: it gives none."""


class Desktop:
    """One per app. `open` returns at once; what cannot be reached is left out."""

    def __init__(self, ears: Ears) -> None:
        self._ears = ears
        self._tasks: list[asyncio.Task[None]] = []
        self._key: asyncio.Task[None] | None = None
        self._notice: asyncio.Task[None] | None = None

    def open(self) -> None:
        if sys.platform == "linux":
            self._tasks = [
                spawn(self._quietly(self._follow_login), name="follow the login service"),
                spawn(self._quietly(self._follow_screen), name="follow the screen lock"),
            ]

    def ask_for_key(self, key: TalkKey | None, trigger: str = "") -> None:
        """Asks the desktop for a global key, `trigger` if it may be chosen; None gives it back."""
        if self._key is not None:
            self._key.cancel()
            self._key = None
        if key is not None and sys.platform == "linux":
            self._key = spawn(self._follow_key(key, trigger), name="follow the global key")
        elif key is not None:
            key.bound("")

    async def notify(self, text: str, pressed: Callable[[], None]) -> bool:
        """Shows a notification, and heeds a press on the last one only; False: nobody here shows any."""
        if not self._tasks:
            return False
        await stop(self._notice)
        shown: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._notice = spawn(self._follow_notice(text, pressed, shown), name="follow a notification")
        return await shown

    async def close(self) -> None:
        await stop(self._key, self._notice, *self._tasks)
        self._tasks, self._key, self._notice = [], None, None

    async def _quietly(self, follow: Callable[[], Awaitable[None]]) -> None:
        try:
            await follow()
        except (OSError, KeyError, ImportError, TimeoutError, ValueError, EOFError) as error:
            _log.info("not told by the desktop: %s", error)

    async def _follow_login(self) -> None:
        ears = self._ears
        async with (
            _bus("SYSTEM") as router,
            _signals(router, "org.freedesktop.login1.Manager") as manager,
            _signals(router, "org.freedesktop.login1.Session") as session,
        ):
            own = await _own_session(router)
            async for message in _merged(manager, session):
                name, path = _member(message), _path(message)
                if name == "PrepareForSleep":
                    (ears.sleeps if message.body[0] else ears.wakes)()
                elif name in ("Lock", "Unlock") and own in ("", path):
                    (ears.locks if name == "Lock" else ears.unlocks)()

    async def _follow_screen(self) -> None:
        """Desktops that tell their lock screen themselves."""
        async with (
            _bus("SESSION") as router,
            _signals(router, "org.freedesktop.ScreenSaver") as plain,
            _signals(router, "org.gnome.ScreenSaver") as gnome,
        ):
            async for message in _merged(plain, gnome):
                if _member(message) == "ActiveChanged":
                    (self._ears.locks if message.body[0] else self._ears.unlocks)()

    async def _follow_key(self, key: TalkKey, trigger: str) -> None:
        try:
            async with _bus("SESSION") as router, _signals(router, _SHORTCUTS) as signals:
                session, words = await _bind(router, trigger)
                key.bound(words or trigger)
                while True:
                    message = await signals.get()
                    if _member(message) in ("Activated", "Deactivated") and message.body[0] == session:
                        (key.pressed if _member(message) == "Activated" else key.released)()
        except (OSError, KeyError, ImportError, TimeoutError, ValueError, EOFError) as error:
            _log.info("no global key: %s", error)
            key.bound("")

    async def _follow_notice(
        self, text: str, pressed: Callable[[], None], shown: asyncio.Future[bool]
    ) -> None:
        try:
            async with _bus("SESSION") as router, _signals(router, _NOTIFICATIONS[2]) as signals:
                number = await _show_notice(router, text)
                shown.set_result(True)
                async with asyncio.timeout(_HEED_S):
                    while (message := await signals.get()).body[0] != number or _member(message) not in _ENDS:
                        pass
                if _member(message) == "ActionInvoked":
                    pressed()
        except (OSError, KeyError, ImportError, TimeoutError, ValueError, EOFError) as error:
            _log.info("no notification: %s", error)
        finally:
            if not shown.done():
                shown.set_result(False)


# -- the bus ------------------------------------------------------------------------------------------------


@asynccontextmanager
async def _bus(name: str) -> AsyncIterator[DBusRouter]:
    from jeepney.io.asyncio import open_dbus_router

    opening = open_dbus_router(bus=name)
    connecting = spawn(opening.__aenter__(), name="connect to the desktop", is_awaited=True)
    try:
        # Not to be stopped half-way: jeepney 0.9 takes our end for its receiver's, goes on, and leaves its socket open.
        router = await asyncio.shield(connecting)
    except asyncio.CancelledError:
        await asyncio.wait([connecting], timeout=_REPLY_S)
        if not connecting.cancel() and connecting.exception() is None:
            await opening.__aexit__(None, None, None)
        raise
    try:
        yield router
    finally:
        await opening.__aexit__(None, None, None)


@asynccontextmanager
async def _signals(router: DBusRouter, interface: str) -> AsyncIterator[asyncio.Queue[Message]]:
    """Signals of an interface, from whoever sends them."""
    from jeepney import MatchRule, message_bus
    from jeepney.io.asyncio import Proxy

    rule = MatchRule(type="signal", interface=interface)
    async with asyncio.timeout(_REPLY_S):
        await Proxy(message_bus, router).AddMatch(rule)
    with router.filter(rule, bufsize=_MOST_SIGNALS) as queue:
        yield queue


async def _merged(*queues: asyncio.Queue[Message]) -> AsyncGenerator[Message, None]:
    waiting = {spawn(queue.get(), name="next signal"): queue for queue in queues}
    try:
        while True:
            done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                queue = waiting.pop(task)
                waiting[spawn(queue.get(), name="next signal")] = queue
                yield task.result()
    finally:
        await stop(*waiting)


async def _call(
    router: DBusRouter, to: tuple[str, str, str], method: str, signature: str = "", body: tuple[Any, ...] = ()
) -> tuple[Any, ...]:
    """Calls a method of (service, path, interface).

    Raises:
        ValueError: it was refused, or nobody is there.
    """
    from jeepney import DBusAddress, MessageType, new_method_call

    service, path, interface = to
    address = DBusAddress(path, bus_name=service, interface=interface)
    async with asyncio.timeout(_REPLY_S):
        reply = await router.send_and_get_reply(new_method_call(address, method, signature or None, body))
    if reply.header.message_type is MessageType.error:
        raise ValueError(f"{method}: {reply.body}")
    found: tuple[Any, ...] = reply.body
    return found


async def _show_notice(router: DBusRouter, text: str) -> int:
    """The desktop's number of it.

    Raises:
        ValueError: nobody shows any.
    """
    hints = {"desktop-entry": ("s", "companion"), "transient": ("b", True)}
    body = ("Companion", 0, "companion", "Companion", text, ["default", tr("Show")], hints, -1)
    return int((await _call(router, _NOTIFICATIONS, "Notify", "susssasa{sv}i", body))[0])


async def _own_session(router: DBusRouter) -> str:
    """Path of the session this process runs in; empty: not known, so any session's lock counts."""
    manager = (_LOGIN, "/org/freedesktop/login1", "org.freedesktop.login1.Manager")
    try:
        return str((await _call(router, manager, "GetSessionByPID", "u", (os.getpid(),)))[0])
    except (ValueError, TimeoutError):
        return ""


async def _bind(router: DBusRouter, trigger: str) -> tuple[str, str]:
    """A session of the portal with the talk key bound, and the desktop's words for the key.

    Raises:
        ValueError: there is no such portal, or the person did not want it.
    """
    token = f"companion{os.getpid()}"
    options = {"handle_token": ("s", f"{token}a"), "session_handle_token": ("s", token)}
    created = await _answered(router, "CreateSession", "a{sv}", (options,), f"{token}a")
    session = str(created["session_handle"][1])
    wish = {"description": ("s", tr("Talk with Companion")), "preferred_trigger": ("s", trigger)}
    body = (session, [(_SHORTCUT, wish)], "", {"handle_token": ("s", f"{token}b")})
    bound = await _answered(router, "BindShortcuts", "oa(sa{sv})sa{sv}", body, f"{token}b")
    shortcuts: Mapping[str, Any] = dict(bound.get("shortcuts", ("", []))[1])
    given = shortcuts.get(_SHORTCUT, {})
    return session, str(given.get("trigger_description", ("s", ""))[1])


async def _answered(
    router: DBusRouter,
    method: str,
    signature: str,
    body: tuple[Any, ...],
    token: str,
) -> Mapping[str, Any]:
    """What a request to the portal is answered with, which may take as long as the person thinks."""
    own = (router.unique_name or "").lstrip(":").replace(".", "_")
    path = f"{_PORTAL_PATH}/request/{own}/{token}"
    async with _signals(router, "org.freedesktop.portal.Request") as responses:
        await _call(router, (_PORTAL, _PORTAL_PATH, _SHORTCUTS), method, signature, body)
        async with asyncio.timeout(_ASK_S):
            while _path(answer := await responses.get()) != path:
                pass
    if answer.body[0] != 0:
        raise ValueError(f"{method}: not wanted")
    found: Mapping[str, Any] = answer.body[1]
    return found


def _member(message: Message) -> str:
    from jeepney import HeaderFields

    return str(message.header.fields.get(HeaderFields.member, ""))


def _path(message: Message) -> str:
    from jeepney import HeaderFields

    return str(message.header.fields.get(HeaderFields.path, ""))
