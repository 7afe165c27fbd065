"""What happens around the app: sleep, a locked screen, a clock that was set, a key of the desktop, on a real D-Bus."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from companion import days
from companion.app import Companion
from companion.app.awake import LOOK_S, Awake, Clocks
from companion.app.desktop import Desktop, Ears, TalkKey
from companion.app.surroundings import Surroundings
from companion.audio.virtual import CapturingPlayer
from companion.days import When
from companion.errors import Action, Kind
from companion.events import (
    Event,
    LocalTimeChanged,
    Note,
    Phase,
    PracticeChanged,
    ReplyDelta,
    Trouble,
    TurnFinished,
)
from companion.kinds import ReplyState, Role
from companion.log import Secret
from companion.net import origin
from companion.paths import Home
from companion.settings import changed
from companion.vault import EnvironmentKey, MemoryVault, Vault
from tests.servers import OpenAIServer
from tests.waiting import until

HOUR_S = 3600.0
REPLY = "You kept the promise to leave early, and the walk was real. What would you keep of it?"


# -- clocks -------------------------------------------------------------------------------------------------


@dataclass
class Time:
    """Three clocks that a test moves."""

    awake: float = 100.0
    with_sleep: float = 500.0
    day: float = 1_795_000_000.0
    """11:06:40 in the morning, UTC."""
    offset_s: int = 0

    @property
    def clocks(self) -> Clocks:
        return Clocks(awake=lambda: self.awake, with_sleep=lambda: self.with_sleep, day=lambda: self.when)

    @property
    def when(self) -> When:
        return When(self.day, self.offset_s)

    def work(self, seconds: float) -> None:
        self.awake += seconds
        self.with_sleep += seconds
        self.day += seconds

    def sleep(self, seconds: float) -> None:
        self.with_sleep += seconds
        self.day += seconds


@dataclass
class Watch:
    """An `Awake` on clocks a test moves, and what it told."""

    time: Time = field(default_factory=Time)
    woke: list[float] = field(default_factory=list)
    was_set: list[float] = field(default_factory=list)
    hours: list[tuple[int, int]] = field(default_factory=list)
    """From which hour to which."""

    def __post_init__(self) -> None:
        self.awake = Awake(self.woke.append, self.was_set.append, self._hour, self.time.clocks)

    def _hour(self, before: When, now: When) -> None:
        self.hours.append((before.hour, now.hour))

    def look(self) -> None:
        self.time.work(LOOK_S)
        self.awake.look()


def test_ordinary_time_tells_nothing() -> None:
    watch = Watch()
    for _ in range(50):
        watch.look()
    watch.time.work(20.0)  # a busy loop comes late
    watch.look()
    watch.time.day += 30.0  # an ordinary correction
    watch.look()
    assert (watch.woke, watch.was_set) == ([], [])


@pytest.mark.parametrize("seconds", [6.0, 60.0, 8 * HOUR_S, 3 * 24 * HOUR_S])
def test_sleep_is_noticed_once_and_is_no_jump_of_the_clock(seconds: float) -> None:
    watch = Watch()
    watch.time.sleep(seconds)
    watch.look()
    watch.look()
    assert watch.woke == [pytest.approx(seconds)]
    assert watch.was_set == []


@pytest.mark.parametrize("seconds", [HOUR_S, -HOUR_S, 365 * 24 * HOUR_S, -365 * 24 * HOUR_S])
def test_a_clock_that_was_set_is_no_sleep(seconds: float) -> None:
    watch = Watch()
    watch.time.day += seconds
    watch.look()
    watch.look()
    assert (watch.woke, watch.was_set) == ([], [pytest.approx(seconds)])


def test_where_no_clock_counts_sleep_a_late_timer_does() -> None:
    watch = Watch()
    watch.time.work(HOUR_S)
    watch.look()
    assert watch.woke == [pytest.approx(HOUR_S)]


def test_every_hour_is_told_once_midnight_too() -> None:
    watch = Watch()
    for _ in range(int(14 * HOUR_S / LOOK_S)):
        watch.look()
    assert watch.hours == [(hour % 24, (hour + 1) % 24) for hour in range(11, 25)]
    assert (watch.woke, watch.was_set) == ([], [])


@pytest.mark.parametrize(
    "offset_s", [13 * 3600, -12 * 3600, 14 * 3600, 5 * 3600 + 45 * 60, -3 * 3600 - 30 * 60, 3600]
)
def test_another_time_zone_is_another_hour_and_no_sleep(offset_s: int) -> None:
    watch = Watch()
    watch.time.offset_s = offset_s
    watch.look()
    watch.look()
    assert watch.hours == [(11, (11 * 3600 + 400 + offset_s) // 3600 % 24)]
    assert (watch.woke, watch.was_set) == ([], [])


def test_a_sleep_that_is_known_already_still_ends_in_another_hour() -> None:
    watch = Watch()
    watch.time.sleep(8 * HOUR_S)
    watch.time.offset_s = -5 * 3600
    watch.awake.forget()
    watch.look()
    assert watch.hours == [(11, 14)]
    assert watch.woke == []


# -- the app ------------------------------------------------------------------------------------------------


@dataclass
class Room:
    """An app on a vendor's server, with clocks a test moves."""

    app: Companion
    server: OpenAIServer
    time: Time
    seen: list[Event] = field(default_factory=list)

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.seen if isinstance(event, kind)]

    def sleep(self, seconds: float = HOUR_S) -> None:
        self.time.sleep(seconds)
        self.time.work(LOOK_S)
        self.app.surroundings.look()


@pytest.fixture
async def room(home: Home) -> AsyncIterator[Room]:
    async with OpenAIServer() as server:
        server.script.reply = REPLY

        async def vault() -> Vault:
            key = EnvironmentKey(
                secret=Secret("sk-room-0123456789abcd"), origin=origin(server.url), variable=""
            )
            return MemoryVault(environment={"openai": key})

        app = Companion(home, vault=vault, player=CapturingPlayer(realtime=False), in_memory=True)
        choice = {"providers.llm.active": "openai", "providers.llm.openai.base_url": server.url}
        app.settings = changed(app.settings, {**choice, "sound.speak_answers": False})
        time = Time()
        app.__dict__["surroundings"] = Surroundings(
            app.events,
            engine=lambda: app.engine,
            talk=lambda: app.settings.talk,
            press=app.press_talk,
            release=app.release_talk,
            pause=app.pause_hands_free,
            resume=app.resume_hands_free,
            renew=app.renew_connections,
            lock=app.lock.lock_with_screen,
            clocks=time.clocks,
        )
        made = Room(app, server, time)
        app.events.watch(made.seen.append)
        await app.open()
        yield made
        await app.close()


async def test_an_answer_the_computer_slept_through_is_kept_and_can_go_on(room: Room) -> None:
    room.server.script.stall_after = 8
    room.app.submit("I left early today.")
    await until(lambda: len(room.of(ReplyDelta)) >= 8)
    room.sleep()
    await until(lambda: bool(room.of(TurnFinished)))
    record = room.of(TurnFinished)[0].record
    assert record.reply_state is ReplyState.INTERRUPTED
    assert REPLY.startswith(record.reply_text)
    assert record.reply_text
    assert [t.reply_text for s in await room.app.sessions() for t in await room.app.turns(s.id)] == [
        record.reply_text
    ]
    notice = room.of(Trouble)[0].error
    assert (notice.kind, notice.message) == (Kind.SLEPT, "Welcome back.")
    assert notice.actions == (Action.CONTINUE, Action.RETRY)
    room.server.script.stall_after = None
    room.server.script.reply = "and the walk was real."
    room.app.act(Action.CONTINUE)
    await until(lambda: len(room.of(TurnFinished)) == 2)
    last = room.of(TurnFinished)[1].record
    assert (last.id, last.reply_state) == (record.id, ReplyState.WHOLE)
    assert last.reply_text.endswith("and the walk was real.")


async def test_connections_from_before_the_sleep_are_not_used_again(room: Room) -> None:
    room.app.submit("First.")
    await until(lambda: bool(room.of(TurnFinished)) and room.app.engine.state.phase is Phase.READY)
    before = await room.app.staff.provider(Role.THINKS, "openai")
    room.sleep()
    async with asyncio.timeout(20):
        while await room.app.staff.provider(Role.THINKS, "openai") is before:  # noqa: ASYNC110 - renewed in the background
            await asyncio.sleep(0.005)
    room.app.submit("Second.")
    await until(lambda: len(room.of(TurnFinished)) == 2)
    assert room.of(TurnFinished)[1].record.reply_text == REPLY
    assert [note.text for note in room.of(Note)] == ["Welcome back"]
    assert not room.of(Trouble)


async def test_a_clock_that_goes_back_changes_no_order(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    real = time.time
    for number, words in enumerate(("First.", "Second.", "Third.")):
        monkeypatch.setattr(time, "time", lambda back=number: real() - back * 24 * HOUR_S)
        room.app.submit(words)
        await until(lambda: len(room.of(TurnFinished)) == number + 1)  # noqa: B023 - waited for at once
    room.time.day -= 24 * HOUR_S
    room.time.work(LOOK_S)
    room.app.surroundings.look()
    kept = [t.user_text for s in await room.app.sessions() for t in await room.app.turns(s.id)]
    assert kept == ["First.", "Second.", "Third."]
    assert "order" in room.of(Note)[0].text


async def test_question_and_page_follow_the_hour_while_the_window_stays_open(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(days, "now", lambda: room.time.when)
    room.app.settings = changed(room.app.settings, {"practice.current": "open-reflection"})
    for hours, part, is_other_day in ((11, "tonight", False), (8, "this morning", True)):
        room.seen.clear()
        room.time.work(hours * HOUR_S)
        room.app.surroundings.look()
        assert room.of(PracticeChanged)[-1].opening == f"What is on your mind {part}?"
        (told,) = room.of(LocalTimeChanged)
        assert (told.is_other_day, told.is_other_zone) == (is_other_day, False)


async def test_a_flight_is_noticed(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(days, "now", lambda: room.time.when)
    room.time.offset_s = 13 * 3600
    room.time.work(LOOK_S)
    room.app.surroundings.look()
    (told,) = room.of(LocalTimeChanged)
    assert told.is_other_day
    assert told.is_other_zone
    assert room.of(PracticeChanged)[-1].opening == "What is on your mind tonight?"
    assert not room.of(Note)


# -- a real bus ---------------------------------------------------------------------------------------------


@pytest.fixture
def bus(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A private message bus that stands for the system's and the session's."""
    daemon = shutil.which("dbus-daemon")
    assert daemon, "dbus-daemon is needed: apt-get install dbus-daemon"
    process = subprocess.Popen(
        [daemon, "--session", "--nofork", "--nopidfile", "--print-address=1"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    address = process.stdout.readline().strip()
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", address)
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", address)
    yield address
    process.terminate()
    process.wait(5)
    process.stdout.close()


@dataclass
class Told:
    """What the desktop told."""

    calls: list[str] = field(default_factory=list)

    def note(self, what: str) -> Callable[[], None]:
        return lambda: self.calls.append(what)

    @property
    def ears(self) -> Ears:
        return Ears(
            sleeps=self.note("sleeps"),
            wakes=self.note("wakes"),
            locks=self.note("locks"),
            unlocks=self.note("unlocks"),
        )


async def _tell(address: str, path: str, member: str, *arguments: str) -> None:
    process = await asyncio.create_subprocess_exec(
        "dbus-send", f"--bus={address}", "--type=signal", path, member, *arguments
    )
    assert await process.wait() == 0


async def test_an_app_that_ends_while_it_connects_to_the_desktop_does_end(bus: str) -> None:
    """At whatever step of connecting it is stopped."""
    for steps in range(60):
        desktop = Desktop(Told().ears)
        desktop.open()
        for _ in range(steps):
            await asyncio.sleep(0.0002)
        async with asyncio.timeout(5):
            await desktop.close()


async def test_sleep_and_lock_are_heard_from_the_bus(bus: str) -> None:
    told = Told()
    desktop = Desktop(told.ears)
    desktop.open()
    login, session = "/org/freedesktop/login1", "/org/freedesktop/login1/session/_31"
    manager = "org.freedesktop.login1.Manager"
    async with asyncio.timeout(20):
        while not told.calls:  # until it listens
            await _tell(bus, login, f"{manager}.PrepareForSleep", "boolean:true")
            await asyncio.sleep(0.05)
    told.calls.clear()
    await _tell(bus, login, f"{manager}.PrepareForSleep", "boolean:true")
    await _tell(bus, login, f"{manager}.PrepareForSleep", "boolean:false")
    await _tell(bus, session, "org.freedesktop.login1.Session.Lock")
    await _tell(bus, session, "org.freedesktop.login1.Session.Unlock")
    await _tell(bus, "/ScreenSaver", "org.freedesktop.ScreenSaver.ActiveChanged", "boolean:true")
    await until(lambda: told.calls.count("locks") == 2 and "unlocks" in told.calls)
    assert sorted(told.calls) == ["locks", "locks", "sleeps", "unlocks", "wakes"]
    await desktop.close()


async def test_without_a_bus_nothing_comes_and_nothing_breaks(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DBUS_SYSTEM_BUS_ADDRESS", "DBUS_SESSION_BUS_ADDRESS"):
        monkeypatch.setenv(name, "unix:path=/nonexistent/bus")
    told, words = Told(), list[str]()
    desktop = Desktop(told.ears)
    desktop.open()
    desktop.ask_for_key(TalkKey(pressed=told.note("p"), released=told.note("r"), bound=words.append))
    await until(lambda: words == [""])
    await desktop.close()
    assert told.calls == []


class Portal:
    """The desktop's global shortcuts, on the bus: as the portal's interface description has them."""

    NAME = "org.freedesktop.portal.Desktop"
    PATH = "/org/freedesktop/portal/desktop"
    SHORTCUTS = "org.freedesktop.portal.GlobalShortcuts"

    def __init__(self, *, is_wanted: bool = True) -> None:
        self.is_wanted = is_wanted
        self.asked: list[tuple[str, Any]] = []
        self.session = ""
        self.is_up = asyncio.Event()

    async def serve(self) -> None:
        from jeepney import HeaderFields, MatchRule, message_bus, new_method_return
        from jeepney.io.asyncio import Proxy, open_dbus_router

        async with open_dbus_router() as self.router:
            await Proxy(message_bus, self.router).RequestName(self.NAME)
            rule = MatchRule(type="method_call", interface=self.SHORTCUTS)
            with self.router.filter(rule, bufsize=8) as calls:
                self.is_up.set()
                while True:
                    call = await calls.get()
                    member = call.header.fields[HeaderFields.member]
                    sender = call.header.fields[HeaderFields.sender].lstrip(":").replace(".", "_")
                    self.asked.append((member, call.body))
                    options = call.body[0] if member == "CreateSession" else call.body[3]
                    request = f"{self.PATH}/request/{sender}/{options['handle_token'][1]}"
                    await self.router.send(new_method_return(call, "o", (request,)))
                    await self._respond(request, member, sender, call.body)

    async def _respond(self, request: str, member: str, sender: str, body: Any) -> None:
        if member == "CreateSession":
            self.session = f"{self.PATH}/session/{sender}/{body[0]['session_handle_token'][1]}"
            results: dict[str, Any] = {"session_handle": ("s", self.session)}
        else:
            given = [("talk", {"trigger_description": ("s", "Super+Space")})]
            results = {"shortcuts": ("a(sa{sv})", given)}
        code = 0 if self.is_wanted or member == "CreateSession" else 1
        await self._signal(request, "org.freedesktop.portal.Request", "Response", "ua{sv}", (code, results))

    async def press(self, member: str, session: str = "") -> None:
        body = (session or self.session, "talk", 7, {})
        await self._signal(self.PATH, self.SHORTCUTS, member, "osta{sv}", body)

    async def _signal(self, path: str, interface: str, member: str, signature: str, body: Any) -> None:
        from jeepney import DBusAddress, new_signal

        await self.router.send(new_signal(DBusAddress(path, interface=interface), member, signature, body))


async def test_a_key_of_the_desktop_talks_in_every_window(bus: str) -> None:
    from companion.tasks import spawn, stop

    portal, told, words = Portal(), Told(), list[str]()
    serving = spawn(portal.serve(), name="portal")
    await portal.is_up.wait()
    desktop = Desktop(told.ears)
    key = TalkKey(pressed=told.note("pressed"), released=told.note("released"), bound=words.append)
    desktop.ask_for_key(key, "CTRL+ALT+space")
    await until(lambda: bool(words))
    assert words == ["Super+Space"]
    assert portal.asked[1][1][1][0][1]["preferred_trigger"] == ("s", "CTRL+ALT+space")
    await portal.press("Activated", "/somebody/elses")
    await portal.press("Activated")
    await portal.press("Deactivated")
    await until(lambda: len(told.calls) == 2)
    assert told.calls == ["pressed", "released"]
    await desktop.close()
    await stop(serving)


async def test_a_key_the_person_does_not_want_is_told(bus: str) -> None:
    from companion.tasks import spawn, stop

    portal, told, words = Portal(is_wanted=False), Told(), list[str]()
    serving = spawn(portal.serve(), name="portal")
    await portal.is_up.wait()
    desktop = Desktop(told.ears)
    desktop.ask_for_key(TalkKey(pressed=told.note("p"), released=told.note("r"), bound=words.append))
    await until(lambda: words == [""])
    await desktop.close()
    await stop(serving)


class Notices:
    """The desktop's notifications, on the bus."""

    NAME = "org.freedesktop.Notifications"
    PATH = "/org/freedesktop/Notifications"

    def __init__(self) -> None:
        self.shown: list[tuple[Any, ...]] = []
        self.is_up = asyncio.Event()

    async def serve(self) -> None:
        from jeepney import MatchRule, message_bus, new_method_return
        from jeepney.io.asyncio import Proxy, open_dbus_router

        async with open_dbus_router() as self.router:
            await Proxy(message_bus, self.router).RequestName(self.NAME)
            with self.router.filter(MatchRule(type="method_call", interface=self.NAME), bufsize=8) as calls:
                self.is_up.set()
                while True:
                    call = await calls.get()
                    self.shown.append(call.body)
                    await self.router.send(new_method_return(call, "u", (len(self.shown),)))

    async def press(self, number: int) -> None:
        from jeepney import DBusAddress, new_signal

        address = DBusAddress(self.PATH, interface=self.NAME)
        await self.router.send(new_signal(address, "ActionInvoked", "us", (number, "default")))


async def test_a_notification_is_shown_and_leads_to_the_window(bus: str) -> None:
    from companion.tasks import spawn, stop

    notices, told = Notices(), Told()
    desktop = Desktop(told.ears)
    assert not await desktop.notify("Too early.", told.note("pressed")), "nobody follows the desktop yet"
    desktop.open()
    assert not await desktop.notify("The answer has come.", told.note("pressed")), "this desktop shows none"
    serving = spawn(notices.serve(), name="notifications")
    await notices.is_up.wait()
    assert await desktop.notify("The answer has come.", told.note("first"))
    assert await desktop.notify("The answer has come.", told.note("second"))
    assert [(shown[0], shown[3], shown[4]) for shown in notices.shown] == [
        ("Companion", "Companion", "The answer has come.")
    ] * 2
    await notices.press(1)
    await notices.press(2)
    await until(lambda: bool(told.calls))
    assert told.calls == ["second"]
    await desktop.close()
    await stop(serving)
