"""What every other part of the app stands on: settings, keys, the gate to the network, the providers, what they cost.

Each is made at its first use. Belongs to one event loop's thread.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from companion import tasks
from companion.app import servers
from companion.app.keys import Keys
from companion.app.live_settings import LiveSettings
from companion.app.sound import Sound
from companion.events import Events

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping

    from companion.app.local_models import LocalModels
    from companion.app.outgoing import Outgoing
    from companion.app.pool import ProviderPool
    from companion.app.spending import Spending
    from companion.net import Net
    from companion.paths import Home
    from companion.ports import Microphone, Player
    from companion.settings import Settings
    from companion.settings.declared import Network
    from companion.vault import Vault


class Ground:
    """The base of `Companion`."""

    def __init__(
        self,
        home: Home,
        *,
        vault: Callable[[], Coroutine[Any, Any, Vault]] | None,
        microphone: Microphone | None,
        player: Player | None,
        in_memory: bool,
    ) -> None:
        self.home = home
        self.events = Events(tasks.report)
        self._live = LiveSettings(home, self.events, self._followers)
        self._undeclared = servers.declare(self.settings)
        self._in_memory = in_memory
        self._is_private = False
        """Nothing is kept for now, whatever the settings say."""
        self.before_unkept: Callable[[], Awaitable[None]] | None = None
        """Awaited before nothing is kept any more: an edit that is not saved yet belongs to the journal of before."""
        self.sound = Sound(lambda: self.settings, self.events, microphone=microphone, player=player)
        self.vault = Keys(vault)

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

        return Outgoing(self.home, self.events, is_kept=lambda: self._keeps)

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
    def models(self) -> LocalModels:
        """Those that run on this computer."""
        from companion.app.local_models import LocalModels

        return LocalModels(self.home.models, self.net, lambda: self.settings.network.models_mirror)

    @cached_property
    def _spending(self) -> Spending:
        from companion.app.spending import Spending

        return Spending(self.home.state / "spent.json", is_kept=lambda: self._keeps)

    # -- settings -------------------------------------------------------------------------------------------

    @property
    def settings(self) -> Settings:
        return self._live.now

    @settings.setter
    def settings(self, settings: Settings) -> None:
        """For this run only, before anything is begun."""
        self._live.now = settings

    async def change(self, changes: Mapping[str, object]) -> None:
        await self._live.change(changes)

    def _followers(self, before: Settings) -> Iterator[Callable[[], object]]:
        """What is to be done when the settings have changed from `before`."""
        if self.settings.servers != before.servers:
            yield lambda: servers.declare(self.settings)
        yield lambda: _let_out(self.net, self.settings.network)

    @property
    def _keeps(self) -> bool:
        return self.settings.journal.keep and not self._in_memory and not self._is_private


def _let_out(net: Net, network: Network) -> None:
    """The gate as the settings want it."""
    net.trusts_own_network = network.keys_in_own_network
    net.uses_proxy = network.use_proxy
    net.certificates = network.certificates
    net.shut = network.offline
