"""The microphone and the speaker that the settings name, each made once and kept while it is the chosen one.

Belongs to the loop's thread. Files or other parts given in their place always win.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from companion.tasks import spawn

if TYPE_CHECKING:
    from collections.abc import Callable

    from companion.audio.capture import DeviceMicrophone
    from companion.audio.playback import DevicePlayer
    from companion.conversation.handsfree import Wish
    from companion.events import Events
    from companion.ports import Ear, Microphone, Player
    from companion.settings import Settings

QUIET_S = 0.7
"""A room rings on after the last sound; a take that reached back into it would bring the app's own words."""


class Sound:
    """`microphone()` and `player()` are what the engine asks for at each turn."""

    def __init__(
        self,
        settings: Callable[[], Settings],
        events: Events,
        *,
        microphone: Microphone | None = None,
        player: Player | None = None,
    ) -> None:
        self._settings, self._events = settings, events
        self._given_microphone, self._given_player = microphone, player
        self._microphone: DeviceMicrophone | None = None
        self._player: DevicePlayer | None = None

    @property
    def has_device_microphone(self) -> bool:
        return self._given_microphone is None

    @property
    def is_all_devices(self) -> bool:
        """Neither microphone nor speaker is a file."""
        return self._given_microphone is None and self._given_player is None

    def microphone(self) -> Microphone:
        """The microphone chosen now."""
        if self._given_microphone is not None:
            return self._given_microphone
        from companion.audio.capture import DeviceMicrophone

        self.follow()
        if self._microphone is None:
            name, keeps_open = self._chosen
            self._microphone = DeviceMicrophone(
                name, keeps_open=keeps_open, may_reach_back=self._is_quiet, tell=self._events.emit
            )
        return self._microphone

    def player(self) -> Player:
        """The speaker chosen now."""
        if self._given_player is not None:
            return self._given_player
        from companion.audio.playback import DevicePlayer

        self.follow()
        if self._player is None:
            self._player = DevicePlayer(self._settings().sound.speaker, tell=self._events.emit)
        return self._player

    def wish(self) -> Wish | None:
        """How hands-free listens by the settings; None: not at all."""
        from companion.conversation.handsfree import Wish

        talk, sound = self._settings().talk, self._settings().sound
        if talk.mode != "free":
            return None
        return Wish(headphones=talk.headphones, microphone=sound.microphone, speaker=sound.speaker)

    def ear(self, wish: Wish) -> Ear:
        """The open microphone of hands-free mode, not opened yet."""
        from companion.audio.handsfree import OpenMicrophone

        player: Any = None if wish.headphones else self.player()
        return OpenMicrophone(self.microphone(), player, tell=self._events.emit)

    def follow(self) -> None:
        """Closes what is not the chosen one any more."""
        microphone, player = self._microphone, self._player
        if microphone is not None and (microphone.device_name, microphone.keeps_open) != self._chosen:
            self._microphone = None
            spawn(microphone.close(), name="close the old microphone")
        if player is not None and player.device_name != self._settings().sound.speaker:
            self._player = None
            spawn(player.close(), name="close the old speaker")

    async def rest(self) -> None:
        """Closes a microphone that is kept open without need, so that devices can be looked for."""
        if self._microphone is not None:
            await self._microphone.rest()

    async def close(self) -> None:
        """Closes everything. Idempotent."""
        for organ in (self._microphone, self._player, self._given_player):
            if organ is not None:
                await organ.close()

    @property
    def _chosen(self) -> tuple[str, bool]:
        """Name of the microphone, and whether it stays open between takes; hands-free, muting always closes it."""
        settings = self._settings()
        return settings.sound.microphone, settings.sound.keep_microphone_open and settings.talk.mode != "free"

    def _is_quiet(self) -> bool:
        """Nothing of the app's own voice is left in the room."""
        return self._player is None or self._player.silent_s > QUIET_S
