"""The app: every button of the window and every command of the command line is one method here.

`Companion(home)` and `tell()` cost little: they read the settings and what the window shows first, without asyncio. The
parts (`engine`, `staff`, `archive`, `net`) are made at their first use, and `open()` starts what can wait until the window
is on screen: keyring, journal, offline engines. Belongs to one event loop's thread.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from companion import tasks
from companion.app import roles, servers
from companion.app.sound import Sound
from companion.errors import Action, CompanionError, Kind
from companion.events import Event, Events, JournalOpened, SettingsChanged, Trouble, TroubleCleared
from companion.flow import TURN_ROLES, Role, SessionRecord, TurnRecord, Usage
from companion.paths import Home
from companion.practices import Practice, find_practice, load_practices, standing
from companion.settings import Settings, changed, load_settings, save

if TYPE_CHECKING:
    import asyncio

    from companion.app.archive import Archive
    from companion.app.outgoing import Outgoing
    from companion.app.pool import Patience, ProviderPool
    from companion.app.recovery import Recovery
    from companion.app.spending import Spending
    from companion.app.surroundings import Surroundings
    from companion.app.workbench import Workbench
    from companion.conversation.engine import Engine
    from companion.conversation.handsfree import HandsFree
    from companion.conversation.turn import Limits
    from companion.net import Net
    from companion.ports import Gate, Microphone, Player
    from companion.settings.declared import Network, Talk
    from companion.vault import Vault

_log = logging.getLogger(__name__)


WARM_AGAIN_S = 30.0
"""Connections may have closed themselves after this long."""


class Companion:
    """One app. The window reads `events` and `settings` and calls the rest."""

    def __init__(
        self,
        home: Home,
        *,
        vault: Callable[[], Coroutine[Any, Any, Vault]] | None = None,
        microphone: Microphone | None = None,
        player: Player | None = None,
        in_memory: bool = False,
    ) -> None:
        """The parts can be replaced: files as microphone and speaker, another vault, a journal in memory."""
        self.home = home
        self._own_practices = home.config / "practices"
        self.events = Events(tasks.report)
        loaded = load_settings(home)
        self.settings: Settings = loaded.settings
        self.loaded = loaded
        self._undeclared = servers.declare(self.settings)
        self._in_memory = in_memory
        self.sound = Sound(lambda: self.settings, self.events, microphone=microphone, player=player)
        self._open_vault = vault or _open_vault
        self._vault_task: asyncio.Task[Vault] | None = None
        self._opening: asyncio.Task[None] | None = None
        self._warming_sound: asyncio.Task[None] | None = None
        self._warmed_s = float("-inf")
        self._warming: list[asyncio.Task[None]] = []
        self._hands_free: HandsFree | None = None
        self._hands_free_as: tuple[bool, str, str] | None = None
        self._limits: tuple[Settings, Limits] | None = None
        self._stop_watching = self.events.watch(self._watch)

    # -- the parts ------------------------------------------------------------------------------------------

    @cached_property
    def net(self) -> Net:
        from companion.net import Net

        net = Net(self.outgoing.ledger)
        _let_out(net, self.settings.network)
        return net

    @cached_property
    def outgoing(self) -> Outgoing:
        """What left this computer today."""
        from companion.app.outgoing import Outgoing

        return Outgoing(self.home, self.events, is_kept=self.settings.journal.keep and not self._in_memory)

    @cached_property
    def staff(self) -> ProviderPool:
        from companion.app.pool import ProviderPool

        return ProviderPool(
            settings=lambda: self.settings,
            vault=self.vault,
            net=self.net,
            events=self.events,
            models=self.home.models,
            purse=self._spending,
        )

    @cached_property
    def _spending(self) -> Spending:
        from companion.app.spending import Spending

        is_kept = self.settings.journal.keep and not self._in_memory
        return Spending(self.home.state / "spent.json" if is_kept else None)

    @cached_property
    def bench(self) -> Workbench:
        """What the settings window needs beyond the settings."""
        from companion.app.workbench import Workbench

        return Workbench(self)

    @cached_property
    def recovery(self) -> Recovery:
        """Recordings whose words are not known yet."""
        from companion.app.recovery import Recovery

        return Recovery(
            journal=self.archive.journal,
            player=self.player,
            hear=lambda take_id: self.engine.hear_waiting(take_id),  # noqa: PLW0108 - whoever is the engine then
            hush=self.cancel,
            hearers=self.staff.hearers,
            events=self.events,
        )

    @cached_property
    def surroundings(self) -> Surroundings:
        from companion.app.surroundings import Surroundings

        return Surroundings(self)

    @cached_property
    def archive(self) -> Archive:
        from companion.app.archive import Archive

        return Archive(
            self.home,
            vault=self.vault,
            events=self.events,
            in_memory=self._in_memory or not self.settings.journal.keep,
        )

    @cached_property
    def engine(self) -> Engine:
        from companion.conversation.engine import Engine, Organs

        organs = Organs(
            microphone=self.sound.microphone,
            player=self.player,
            gate=_new_gate,
            journal=self.archive.using,
            providers=self.staff.engines,
            limits=self._turn_limits,
            review_first=lambda: self.settings.talk.review_before_sending,
            voice_choice=lambda: roles.voice_choice(self.settings),
            voice_model=self.staff.speech_to_speech,
            voice_cost_usd=_conversation_cost_usd,
        )
        return Engine(organs, self.events, self._first_practice())

    # -- beginning and end ----------------------------------------------------------------------------------

    async def open(self) -> None:
        """Opens keyring and journal and warms the offline engines. Never raises."""
        import asyncio

        from companion.memory import give_back

        give_back()
        if (trouble := self.loaded.trouble) is not None:
            self.events.emit(Trouble(error=trouble))
        if self._undeclared:
            self.events.emit(
                Trouble(error=CompanionError(Kind.SETTINGS_BROKEN, " ".join(self._undeclared), hint=""))
            )
        self._opening = tasks.spawn(self.archive.open(), name="open journal")
        await asyncio.wait([self._opening])
        self._warm()
        if self.sound.has_device_microphone:
            self._warming_sound = tasks.spawn(self._warm_sound(), name="warm sound")
        if self.sound.is_all_devices:
            from companion.app.cues import Cues

            Cues(self.events, self.player, lambda: self.settings.sound.cues)
            self.surroundings.open()
        await self._follow_talk_mode()

    def tell(self) -> None:
        """Emits who has each role and which practice it is, for a window that has just begun to watch."""
        for role in TURN_ROLES:
            self.events.emit(roles.in_use(self.settings, role))
        if "engine" in self.__dict__:
            self.engine.tell_practice()
        else:  # nothing has been said yet
            self.events.emit(standing(self._first_practice(), 0))

    async def close(self) -> None:
        """Stops and saves everything. Idempotent; nothing said or heard is lost."""
        import asyncio

        self.bench.stop_preview()
        await self.surroundings.close()
        if self._hands_free is not None:
            await self._hands_free.stop()
        await self.engine.close()
        if "recovery" in self.__dict__:
            await self.recovery.close()
        self._stop_watching()
        await tasks.stop(self._opening, *self._warming)  # what is made ready now would outlive the end
        if self._warming_sound is not None:
            await asyncio.wait([self._warming_sound])  # PortAudio must not be left in the middle of its start
        await self.staff.aclose()
        await self.sound.close()
        await self.archive.close()
        await self.net.aclose()
        await asyncio.to_thread(self.outgoing.save)
        await self._spending.close()

    async def vault(self) -> Vault:
        """The keys; opened once, at the first need."""
        import asyncio

        if self._vault_task is None:
            self._vault_task = tasks.spawn(self._open_vault(), name="open vault")
        return await asyncio.shield(self._vault_task)

    def _warm(self) -> None:
        """Connections and engines of the next turn are made ready while the person still speaks."""
        now_s = time.monotonic()
        if now_s - self._warmed_s > WARM_AGAIN_S:
            self._warmed_s = now_s
            self._warming = [task for task in self._warming if not task.done()]
            for role in (Role.HEARS, Role.SPEAKS, Role.THINKS):
                self._warming.append(tasks.spawn(self.staff.warm(role), name=f"warm {role}"))

    async def renew_connections(self) -> None:
        """Those that were open while the computer slept are gone, whatever they seem; new ones are made at once."""
        self.engine.renew()
        await tasks.stop(*self._warming)
        await self.staff.renew()
        self._warmed_s = float("-inf")
        self._warm()

    async def _warm_sound(self) -> None:
        """The first look at the devices costs a fifth of a second; better now than at the first press."""
        try:
            await self.bench.devices()
        except (CompanionError, TimeoutError) as error:
            _log.info("no sound yet: %s", error)

    # -- talking --------------------------------------------------------------------------------------------

    def press_talk(self) -> None:
        self.bench.stop_preview()
        self.engine.press()
        self._warm()

    def toggle_talk(self) -> None:
        """A key that knows no release: begins a take, or ends the open one."""
        self.bench.stop_preview()
        self.engine.toggle()
        self._warm()

    def release_talk(self) -> None:
        self.engine.release()

    def focus_lost(self) -> None:
        self.engine.focus_lost()

    def cancel(self) -> None:
        self.engine.cancel()

    def forget_draft(self) -> None:
        self.engine.forget_draft()

    def submit(self, text: str) -> bool:
        """False while a take is under way: the words stay in the composer."""
        return self.engine.submit(text)

    def act(self, action: Action) -> None:
        """A card's button that is not about choosing something in the settings."""
        offline = {
            Action.RETRY: frozenset[Role](),
            Action.ANSWER_OFFLINE: frozenset({Role.THINKS}),
            Action.HEAR_OFFLINE: frozenset({Role.HEARS}),
            Action.SPEAK_OFFLINE: frozenset({Role.SPEAKS}),
        }.get(action)
        if action is Action.HEAR_WAITING:
            tasks.spawn(self.engine.hear_waiting(), name="hear a waiting recording")
        elif action is Action.CONTINUE:
            self.engine.go_on()
        elif action is Action.NEW_JOURNAL:
            tasks.spawn(self._start_new_journal(), name="new journal")
        if offline is None:
            return
        if action is Action.SPEAK_OFFLINE:
            tasks.spawn(
                self.change({"providers.tts.active": roles.OFFLINE[Role.SPEAKS]}), name="speak offline"
            )
            self.events.emit(TroubleCleared())
        else:
            self.engine.retry(offline)

    # -- hands-free -----------------------------------------------------------------------------------------

    async def _follow_talk_mode(self) -> None:
        """Starts or stops hands-free listening as the settings say."""
        talk = self.settings.talk
        sound = self.settings.sound
        wanted = (talk.headphones, sound.microphone, sound.speaker) if talk.mode == "free" else None
        if wanted == self._hands_free_as:
            return
        self._hands_free_as = wanted
        if self._hands_free is not None:
            await self._hands_free.stop()
            self._hands_free = None
        if wanted is not None:
            from companion.audio.handsfree import OpenMicrophone
            from companion.conversation.handsfree import HandsFree

            player: Any = None if talk.headphones else self.player()
            ear = OpenMicrophone(self.sound.microphone(), player, tell=self.events.emit)
            self._hands_free = HandsFree(ear, self.engine, self.events)
            await self._hands_free.start()

    def mute(self, is_muted: bool) -> None:
        """Closes the open microphone of hands-free mode and nothing else, or opens it again."""
        if self._hands_free is not None:
            tasks.spawn(self._hands_free.mute(is_muted=is_muted), name="mute")

    # -- practices and sessions -----------------------------------------------------------------------------

    def practices(self) -> Sequence[Practice]:
        return load_practices(self._own_practices)

    def choose_practice(self, name: str) -> None:
        """A new session of this practice; it is also what the next start begins with."""
        self.engine.begin(find_practice(name, self._own_practices))
        tasks.spawn(self._remember_practice(name), name="remember practice")

    def new_session(self) -> None:
        self.engine.begin(self.engine.practice)

    async def sessions(self) -> Sequence[SessionRecord]:
        return await (await self.archive.journal()).sessions()

    async def turns(self, session_id: int) -> Sequence[TurnRecord]:
        return await (await self.archive.journal()).turns(session_id)

    async def journal_needs(self) -> str:
        """What a passphrase would do now: "choose" one for a new journal, "enter" that of a locked one, "" nothing."""
        await self.archive.is_open.wait()
        return self.archive.needs

    async def use_passphrase(self, passphrase: str) -> None:
        """Opens or makes the journal with a passphrase.

        Raises:
            CompanionError: WRONG_PASSPHRASE and all that opening can raise.
        """
        self.engine.hush()
        await self.engine.settle()
        before = await self.archive.journal()
        moved = await self.archive.use_passphrase(passphrase)
        self.engine.moved(before, await self.archive.journal(), moved)
        self.events.emit(TroubleCleared(is_all=True))

    async def _start_new_journal(self) -> None:
        """The journal that does not open is moved beside; what this run kept goes into the new one."""
        self.engine.hush()
        await self.engine.settle()
        before = await self.archive.journal()
        try:
            moved = await self.archive.start_anew()
        except CompanionError as error:
            self.events.emit(Trouble(error=error))
        else:
            self.engine.moved(before, await self.archive.journal(), moved)
            self.events.emit(TroubleCleared(is_all=True))

    # -- settings -------------------------------------------------------------------------------------------

    async def change(self, changes: Mapping[str, object]) -> None:
        """Switches live and saves.

        Raises:
            CompanionError: SETTINGS_UNSAVED; a valid value then holds for this run.
        """
        import asyncio

        before, self.settings = self.settings, changed(self.settings, changes)
        if self.settings.servers != before.servers:
            servers.declare(self.settings)
        _let_out(self.net, self.settings.network)
        self.events.emit(SettingsChanged(names=tuple(changes)))
        for role in TURN_ROLES:
            self.events.emit(roles.in_use(self.settings, role))
        self.sound.follow()
        if self._opening is not None:
            await self._follow_talk_mode()
            self.surroundings.follow_settings()
        await asyncio.to_thread(save, self.home, changes)

    # -- what the engine works with -------------------------------------------------------------------------

    def _turn_limits(self) -> Limits:
        """Asked at every step of a turn; worked out when the settings have changed."""
        if self._limits is None or self._limits[0] is not self.settings:
            self._limits = (self.settings, _limits(self.settings.talk, self.staff.patience()))
        return self._limits[1]

    def player(self) -> Player:
        """The speaker chosen now."""
        return self.sound.player()

    def _first_practice(self) -> Practice:
        return find_practice(self.settings.practice.current, self._own_practices)

    async def _remember_practice(self, name: str) -> None:
        try:
            await self.change({"practice.current": name})
        except CompanionError as error:
            self.events.emit(Trouble(error=error))

    def _watch(self, event: Event) -> None:
        if isinstance(event, JournalOpened) and event.waiting_takes:
            self.events.emit(Trouble(error=CompanionError(Kind.TAKES_WAITING)))


def _let_out(net: Net, network: Network) -> None:
    """The gate as the settings want it."""
    net.trusts_own_network = network.keys_in_own_network
    net.uses_proxy = network.use_proxy
    net.certificates = network.certificates
    net.shut = network.offline


def _limits(talk: Talk, patience: Patience) -> Limits:
    from companion.conversation.turn import Limits

    return Limits(
        tap_s=float("inf") if talk.mode == "tap" else talk.tap_ms / 1000,
        tail_s=talk.tail_ms / 1000,
        take_s=float(talk.longest_take_s),
        hold_only=talk.mode == "hold",
        hearing_s=patience.hearing_s,
        thinking_s=patience.thinking_s,
    )


def _conversation_cost_usd(name: str, usage: Usage) -> float | None:
    """What an answer of the voice model "provider/model" cost; None: not known."""
    from companion.providers.catalogue import Catalogue, cost_usd

    provider, _, model = name.partition("/")
    return cost_usd(Catalogue.load().find(model, provider), usage)


async def _open_vault() -> Vault:
    from companion.app.pool import environment_keys
    from companion.vault import Vault

    return await Vault.open(environment_keys())


def _new_gate() -> Gate:
    from companion.audio.segment import SpeechGate

    return SpeechGate()
