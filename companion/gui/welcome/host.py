"""What the welcome asks of the app. `companion.app` fulfils it; tests stage it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from companion.app.welcome import Welcome
    from companion.gui.settings.host import SettingsHost


class JournalDoor(Protocol):
    """How the journal opens."""

    @property
    def storage(self) -> str:
        """ "keyring", "passphrase" or "memory"; empty while it is opening."""

    async def needs(self) -> str:
        """What a passphrase would do now: "choose" one for a new journal, "enter" that of a locked one, "" nothing."""

    async def use_passphrase(self, passphrase: str) -> None:
        """Opens the journal, or makes one. Raises `CompanionError` when it does not open."""


class WelcomeHost(Protocol):
    """The app as the welcome knows it. The parts are made when they are asked for."""

    @property
    def welcome(self) -> Welcome: ...

    @property
    def settings_backend(self) -> SettingsHost: ...

    @property
    def archive(self) -> JournalDoor: ...
