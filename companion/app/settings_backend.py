"""What the settings window needs of the app: who can be chosen, keys, checks, devices, previews.

Belongs to the loop's thread.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from functools import cached_property
from typing import TYPE_CHECKING

from companion.app import desktop_entry, roles, servers
from companion.errors import CompanionError, Kind
from companion.events import DataSent, Events, MicrophoneTried
from companion.flow import Audio, Health, SpeakRequest, Transcript
from companion.kinds import Role, VoiceInfo
from companion.language import language, mark, tr
from companion.ledger import Errand, carried, on_errand
from companion.log import Secret
from companion.paths import Home
from companion.providers import registry
from companion.providers.provider import Spec, opened
from companion.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

    from companion.app.backing_up import BackingUp
    from companion.app.local_models import LocalModels
    from companion.app.outgoing import Outgoing
    from companion.app.parts import Parts
    from companion.app.played import Played
    from companion.app.pool import ProviderPool
    from companion.app.recall import Recall
    from companion.app.sound import Sound
    from companion.audio.devices import DeviceList
    from companion.ledger import Destination
    from companion.ports import Microphone
    from companion.providers.catalogue import ModelEntry
    from companion.providers.here.mind.library import Pace
    from companion.providers.here.models.fetcher import Progress
    from companion.providers.here.models.listing import LocalModel, ModelKind
    from companion.providers.here.models.store import Standing
    from companion.providers.servers import Discovery, OwnServer
    from companion.vault import KeyState

ROLES_OF_MODELS = {"hearing": Role.HEARS, "voice": Role.SPEAKS}
_PREVIEW = mark("Hello. This is how I sound when we think something over together.")
_TAG = re.compile(r"([a-z]{2,3})[-_]")
"""How the name of a voice begins that reads one language."""


class SettingsBackend:
    """The settings window's host; one per app.

    Args:
        settings: those of now.
        change: saves settings by dotted name and makes them hold at once.
        lend: a microphone for a test, while hands-free mode does not listen.
        global_key: the desktop's name of the key that talks in every window; empty: it gives none; None: not asked.
        played: plays sounds that are no answers.
        memory: what of other days may be brought up.
        backups: of the journal.
        home: whose window opens when the person logs in.
        take_up: makes hold what another hand changed in the settings file.
    """

    def __init__(
        self,
        *,
        settings: Callable[[], Settings],
        events: Events,
        change: Callable[[Mapping[str, object]], Awaitable[None]],
        pool: ProviderPool,
        models: LocalModels,
        outgoing: Outgoing,
        sound: Sound,
        lend: Callable[[Microphone], Microphone],
        global_key: Callable[[], str | None],
        played: Played,
        memory: Callable[[], Recall],
        backups: Callable[[], BackingUp],
        home: Home,
        take_up: Callable[[], Awaitable[None]],
    ) -> None:
        self._take_up = take_up
        self._settings, self._change, self._pool, self._models = settings, change, pool, models
        self._outgoing, self._sound, self._global_key, self._played = outgoing, sound, global_key, played
        self.events = events
        self._lend, self._memory, self._home = lend, memory, home
        self._backups = backups

    @cached_property
    def parts(self) -> Parts:
        """What can be installed on top."""
        from companion.app.parts import Parts

        return Parts(lambda: self.settings.network)

    @property
    def backups(self) -> BackingUp:
        """Of the journal."""
        return self._backups()

    @property
    def memory(self) -> Recall:
        """What of other days may be brought up."""
        return self._memory()

    @property
    def spent_usd(self) -> float:
        """What was spent in this month, as far as prices are known."""
        return self._pool.budget.spent_usd

    @property
    def starts_with_system(self) -> bool:
        return desktop_entry.starts_with_system()

    def start_with_system(self, is_on: bool) -> None:
        """Whether the window opens when the person logs in.

        Raises:
            CompanionError: NOT_SUPPORTED, FOLDER_UNUSABLE.
        """
        desktop_entry.start_with_system(self._home, is_on=is_on)

    def thinkers_elsewhere(self) -> Mapping[str, str]:
        """Who is asked, or may stand in, or is allowed to know the journal, and is not this computer: name -> label."""
        return roles.thinkers_elsewhere(self.settings)

    @property
    def settings(self) -> Settings:
        return self._settings()

    @property
    def settings_file(self) -> Path:
        return self._home.settings

    async def take_up(self) -> None:
        await self._take_up()

    async def change(self, changes: Mapping[str, object]) -> None:
        """As `Companion.change`."""
        await self._change(changes)

    def provider_specs(self, role: Role) -> tuple[Spec, ...]:
        """Who can be chosen for a role; the mock is for tests."""
        return tuple(spec for spec in registry.with_role(role) if spec.name != "mock")

    def models(self, role: Role, provider: str) -> Sequence[ModelEntry]:
        from companion.providers.catalogue import Catalogue

        return Catalogue.load().models(provider, role)

    def destinations(self) -> Sequence[Destination]:
        """Who got something today, as the gate booked it."""
        return self._outgoing.destinations()

    @property
    def global_key(self) -> str | None:
        return self._global_key()

    def receipts(self) -> Sequence[DataSent]:
        """The latest things sent, newest last."""
        return tuple(self._outgoing.receipts)

    async def check(self, provider: str, role: Role, key: Secret | None = None) -> Health:
        return await self._pool.check(provider, role, key)

    async def save_key(self, provider: str, key: Secret, *, this_run_only: bool = False) -> None:
        await self._pool.save_key(provider, key, this_run_only=this_run_only)

    async def remove_key(self, provider: str) -> Callable[[], Awaitable[None]]:
        return await self._pool.remove_key(provider)

    async def key_state(self, provider: str) -> KeyState:
        return await self._pool.key_state(provider)

    async def voices(self, provider: str) -> Sequence[VoiceInfo]:
        async with self._pool.lent(Role.SPEAKS, provider) as engine:
            with on_errand(Errand(who=engine.spec.display_name)):
                return await engine.voices()

    async def pace(self, provider: str, model: str = "") -> Pace:
        """How fast `model`, or the chosen one, writes on this machine.

        Raises:
            CompanionError: it does not; NOT_SUPPORTED for whoever runs elsewhere.
        """
        from companion.providers.here.mind.provider import MindProvider

        async with self._pool.lent(Role.THINKS, provider) as engine:
            if not isinstance(engine, MindProvider):
                raise CompanionError(
                    Kind.NOT_SUPPORTED,
                    tr("{display_name} does not write here.", display_name=engine.spec.display_name),
                )
            with on_errand(Errand(who=engine.spec.display_name)):
                return await engine.pace(model)

    async def voice_objection(self, provider: str, voice: str) -> str:
        """Tries a voice: why it is too slow on this machine; empty: it is quick enough.

        Raises:
            CompanionError: it does not speak.
        """
        from companion.providers.here.piper import PiperProvider

        async with self._pool.lent(Role.SPEAKS, provider) as engine:
            return (await engine.trial(voice)).objection if isinstance(engine, PiperProvider) else ""

    async def local_models(self, kind: ModelKind) -> Sequence[Standing]:
        """The models of this computer, those of the list first."""
        return await self._models.all(kind)

    async def fetch_model(self, model: LocalModel, on_progress: Callable[[Progress], None]) -> None:
        """Fetches a model of this computer; cancelling the task stops it.

        Raises:
            CompanionError: DOWNLOAD_FAILED, DISK_FULL, NETWORK_SHUT, NOT_SUPPORTED.
        """
        await self._models.fetch(model, on_progress)
        await self._use(model.kind)

    async def remove_model(self, model: LocalModel) -> None:
        """Takes a model away.

        Raises:
            CompanionError: BAD_FILE while it is being fetched.
        """
        await self._models.remove(model)
        await self._use(model.kind)

    async def import_model(self, source: Path) -> Standing:
        """Copies a model out of a folder or an archive.

        Raises:
            CompanionError: BAD_FILE, DISK_FULL.
        """
        standing = await self._models.add(source)
        await self._use(standing.model.kind)
        return standing

    async def _use(self, kind: ModelKind) -> None:
        """What came or went is noticed now, and not by the next turn."""
        if (role := ROLES_OF_MODELS.get(kind)) is not None:
            await self._pool.warm(role)

    async def discover(self, server: OwnServer, key: Secret | None = None) -> Discovery:
        """Asks a server what it can do, whether it is declared or not; without `key`, with the kept one."""
        return await self._pool.discover(server, key)

    async def add_server(self, server: OwnServer, roles: frozenset[Role], key: Secret | None = None) -> None:
        """Declares a server, or declares it anew, and keeps its key.

        Raises:
            CompanionError: SETTINGS_UNSAVED; of the keyring, the server is then declared without its key.
        """
        await self._change(servers.changes_for(server, roles))
        if key is not None:
            await self.save_key(server.name, key)

    async def remove_server(self, name: str) -> None:
        """A server nobody uses any more, and its key.

        Raises:
            CompanionError: of the keyring, and nothing was changed; SETTINGS_UNSAVED.
        """
        if (await self.key_state(name)).where in ("keyring", "memory"):
            await self.remove_key(name)
        await self._change(servers.changes_without(self.settings, name))

    # -- sound ----------------------------------------------------------------------------------------------

    async def devices(self) -> DeviceList:
        from companion.audio import devices

        await self._sound.rest()
        return await devices.in_thread(devices.list_devices, limit_s=5.0)

    async def meter(self, device_name: str) -> AsyncGenerator[float, None]:
        """The level of a microphone in dB, until the iterator is closed. Hands-free waits so long: no word is a turn."""
        from companion.audio.capture import DeviceMicrophone

        take = await self._lend(DeviceMicrophone(device_name)).open()
        try:
            async for _ in take.frames():
                yield take.level_db
        finally:
            await take.close()

    async def listen(self, device_name: str) -> AsyncGenerator[float | Transcript, None]:
        """One try of a microphone through whoever hears now: levels in dB, then the words. As `microphone_check.listen`."""
        from companion.app.microphone_check import listen
        from companion.audio.capture import DeviceMicrophone
        from companion.segment import SpeechGate

        microphone = self._lend(DeviceMicrophone(device_name))
        hear, patience_s = self._pool.engines(frozenset()).hear, self._pool.patience().hearing_s
        async with aclosing(listen(microphone, SpeechGate(), hear, patience_s)) as found:
            async for each in found:
                if isinstance(each, Transcript) and each.is_final:
                    self.events.emit(MicrophoneTried(text=each.text))
                yield each

    async def test_tone(self, device_name: str) -> None:
        """A soft tone on a speaker; returns when it is over."""
        from companion.audio.playback import DevicePlayer
        from companion.pcm import tone

        player = DevicePlayer(device_name)
        try:
            player.begin(0)
            await player.write(0, tone())
            await player.drain(0)
        finally:
            await player.close()

    async def preview_voice(self, provider: str, voice: str, speed: float) -> None:
        """Speaks a sentence with a voice; a new preview stops the last. Returns when it is over."""
        await self._played.play(self._preview(provider, voice, speed))

    def stop_preview(self) -> None:
        """Silence, now."""
        self._played.stop()

    async def _preview(self, provider: str, voice: str, speed: float) -> AsyncGenerator[Audio, None]:
        model = self.settings.role(Role.SPEAKS).block(provider).model
        tag = _TAG.match(voice)
        text = tr(_PREVIEW) if tag is None or tag[1] == language() else _PREVIEW
        request = SpeakRequest(text=text, voice=voice, speed=speed, model=model)
        async with self._pool.lent(Role.SPEAKS, provider) as engine:
            errand, asked = Errand(who=engine.spec.display_name), engine.stacked(engine.speak)
            async with opened(lambda it: carried(errand, asked(it)), request) as sound:
                async for audio in sound:
                    yield audio
