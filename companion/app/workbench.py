"""What the settings window needs of the app: who can be chosen, keys, checks, devices, previews.

`Workbench` is the settings window's host; changing a setting itself is the app's. Belongs to the loop's thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from companion import tasks
from companion.app import servers
from companion.errors import CompanionError, Kind
from companion.events import DataSent, Events
from companion.flow import Health, Role, SpeakRequest, VoiceInfo
from companion.ledger import Errand, carried, on_errand
from companion.log import Secret
from companion.providers import registry
from companion.providers.provider import Spec, opened
from companion.settings import Settings

if TYPE_CHECKING:
    from companion.app.companion import Companion
    from companion.audio.devices import DeviceList
    from companion.ledger import Destination
    from companion.providers.catalogue import ModelEntry
    from companion.providers.here.whisper import Progress
    from companion.providers.servers import Discovery, OwnServer
    from companion.vault import KeyState

PREVIEW_TURN = -1
"""The preview's own turn number in the player."""
_PREVIEW = "Hello. This is how I sound when we think something over together."


class Workbench:
    """One per app."""

    def __init__(self, app: Companion) -> None:
        self._app = app
        self._preview_task: asyncio.Task[None] | None = None

    @property
    def settings(self) -> Settings:
        return self._app.settings

    @property
    def events(self) -> Events:
        return self._app.events

    async def change(self, changes: Mapping[str, object]) -> None:
        """As `Companion.change`."""
        await self._app.change(changes)

    def provider_specs(self, role: Role) -> tuple[Spec, ...]:
        """Who can be chosen for a role; the mock is for tests."""
        return tuple(spec for spec in registry.with_role(role) if spec.name != "mock")

    def models(self, role: Role, provider: str) -> Sequence[ModelEntry]:
        from companion.providers.catalogue import Catalogue

        return Catalogue.load().models(provider, role)

    def destinations(self) -> Sequence[Destination]:
        """Who got something today, as the gate booked it."""
        return self._app.outgoing.destinations()

    @property
    def global_key(self) -> str | None:
        return self._app.surroundings.key

    def receipts(self) -> Sequence[DataSent]:
        """The latest things sent, newest last."""
        return tuple(self._app.outgoing.receipts)

    async def check(self, provider: str, role: Role, key: Secret | None = None) -> Health:
        return await self._app.staff.check(provider, role, key)

    async def save_key(self, provider: str, key: Secret, *, this_run_only: bool = False) -> None:
        await self._app.staff.save_key(provider, key, this_run_only=this_run_only)

    async def remove_key(self, provider: str) -> None:
        await self._app.staff.remove_key(provider)

    async def key_state(self, provider: str) -> KeyState:
        return await self._app.staff.key_state(provider)

    async def voices(self, provider: str) -> Sequence[VoiceInfo]:
        async with self._app.staff.lent(Role.SPEAKS, provider) as engine:
            with on_errand(Errand(who=engine.spec.display_name)):
                return await engine.voices()

    async def download_model(
        self, provider: str, model: str, on_progress: Callable[[Progress], None] = lambda _: None
    ) -> None:
        """Fetches a model of an engine of this computer; cancelling the task stops it.

        Raises:
            CompanionError: DOWNLOAD_FAILED, ENGINE_MISSING, NOT_SUPPORTED.
        """
        from companion.providers.here.piper import PiperProvider
        from companion.providers.here.whisper import WhisperProvider

        role = Role.SPEAKS if provider == "piper" else Role.HEARS
        async with self._app.staff.lent(role, provider) as engine:
            if not isinstance(engine, WhisperProvider | PiperProvider):
                raise CompanionError(
                    Kind.NOT_SUPPORTED, f"{engine.spec.display_name} has no models to fetch."
                )
            with on_errand(Errand(who=engine.spec.display_name)):
                await engine.download(model, on_progress)

    async def discover(self, server: OwnServer, key: Secret | None = None) -> Discovery:
        """Asks a server what it can do, whether it is declared or not; without `key`, with the kept one."""
        return await self._app.staff.discover(server, key)

    async def add_server(self, server: OwnServer, roles: frozenset[Role], key: Secret | None = None) -> None:
        """Declares a server, or declares it anew, and keeps its key.

        Raises:
            CompanionError: SETTINGS_UNSAVED; of the keyring, the server is then declared without its key.
        """
        await self._app.change(servers.changes_for(server, roles))
        if key is not None:
            await self.save_key(server.name, key)

    async def remove_server(self, name: str) -> None:
        """A server nobody uses any more, and its key.

        Raises:
            CompanionError: of the keyring, and nothing was changed; SETTINGS_UNSAVED.
        """
        if (await self.key_state(name)).where in ("keyring", "memory"):
            await self.remove_key(name)
        await self._app.change(servers.changes_without(self.settings, name))

    # -- sound ----------------------------------------------------------------------------------------------

    async def devices(self) -> DeviceList:
        from companion.audio import devices

        await self._app.sound.rest()
        return await devices.in_thread(devices.list_devices, limit_s=5.0)

    async def meter(self, device_name: str) -> AsyncGenerator[float, None]:
        """The level of a microphone in dB, until the iterator is closed."""
        from companion.audio.capture import DeviceMicrophone

        take = await DeviceMicrophone(device_name).open()
        try:
            async for _ in take.frames():
                yield take.level_db
        finally:
            await take.close()

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
        self.stop_preview()
        self._preview_task = tasks.spawn(
            self._preview(provider, voice, speed), name="preview", is_awaited=True
        )
        await asyncio.wait([self._preview_task])
        if not self._preview_task.cancelled() and (error := self._preview_task.exception()) is not None:
            raise error

    def stop_preview(self) -> None:
        if self._preview_task is not None and not self._preview_task.done():
            self._preview_task.cancel()

    async def _preview(self, provider: str, voice: str, speed: float) -> None:
        player = self._app.player()
        model = self.settings.role(Role.SPEAKS).block(provider).model
        async with self._app.staff.lent(Role.SPEAKS, provider) as engine:
            self._app.cancel()
            try:
                player.begin(PREVIEW_TURN)
                request = SpeakRequest(text=_PREVIEW, voice=voice, speed=speed, model=model)
                errand = Errand(who=engine.spec.display_name)
                asked = engine.stacked(engine.speak)
                async with opened(lambda it: carried(errand, asked(it)), request) as sound:
                    async for audio in sound:
                        await player.write(PREVIEW_TURN, audio)
                await player.drain(PREVIEW_TURN)
            except asyncio.CancelledError:
                player.flush()
                raise
