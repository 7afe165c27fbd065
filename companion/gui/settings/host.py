"""What the settings window asks of the app. `companion.app` fulfils it; tests stage it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # the first page of the welcome is painted before any of them is needed
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
    from pathlib import Path

    from companion.app.backing_up import Elsewhere, Standing as BackupsStanding
    from companion.app.parts import Part, Step
    from companion.audio.devices import DeviceList
    from companion.events import DataSent, Events
    from companion.flow import Health, Transcript
    from companion.journal.backed_sounds import Held
    from companion.journal.backups import About, Backup
    from companion.journal.salvage import Joined
    from companion.kinds import Role, VoiceInfo
    from companion.ledger import Destination
    from companion.log import Secret
    from companion.providers.catalogue import ModelEntry
    from companion.providers.here.mind.library import Pace
    from companion.providers.here.models.fetcher import Progress
    from companion.providers.here.models.listing import LocalModel, ModelKind
    from companion.providers.here.models.store import Standing
    from companion.providers.provider import Spec
    from companion.providers.servers import Discovery, OwnServer
    from companion.records import Memory
    from companion.settings import Settings
    from companion.vault import KeyState


class MemorySource(Protocol):
    """What of other days may be brought up. Faults are `CompanionError`."""

    async def memories(self) -> Sequence[Memory]:
        """Pinned ones first, forbidden ones last."""

    async def remember(self, text: str) -> None:
        """Something of the person's own writing, always brought up."""

    async def pin(self, memory_id: int, is_pinned: bool) -> None: ...

    async def correct(self, memory_id: int, text: str) -> None:
        """It is told so from now on; empty: as it was said."""

    async def forget(self, memory_id: int) -> None:
        """Never brought up again; it stays in the journal."""

    async def allow(self, memory_id: int) -> None: ...

    def read_on(self) -> None:
        """A model that has come or gone is noticed."""


class PartSource(Protocol):
    """What can be installed on top. Faults are `CompanionError`."""

    def missing(self, name: str) -> Part | None:
        """The part, if it is not here."""

    @property
    def can_be_installed(self) -> bool:
        """Whether it can be done from here; else there is `line`."""

    def line(self, part: Part) -> str:
        """What installs it in a terminal."""

    @property
    def update_line(self) -> str:
        """What brings Companion itself up to date in a terminal."""

    async def install(self, part: Part, told: Callable[[Step], None]) -> None:
        """Cancelling the task stops it."""


class BackupSource(Protocol):
    """Backups of the journal. Faults are `CompanionError`."""

    standing: BackupsStanding

    async def elsewhere(self) -> Sequence[Elsewhere]:
        """Folders with backups of before, and that of now where it is not connected."""

    async def recordings(self) -> tuple[Held, Held]:
        """The kept ones here, and their copies beside the backups."""

    async def make(self) -> Backup: ...

    async def list(self) -> Sequence[Backup]:
        """Newest first."""

    async def synced(self) -> tuple[str, Sequence[Path]]:
        """The program that copies the journal's folder to other computers, and its copies that went apart."""

    async def join(self, copy: Path) -> Joined:
        """Adds what a copy holds that went apart; the copy stays, put aside."""

    async def look(self, path: Path, passphrase: str = "") -> About: ...

    async def restore(self, path: Path, passphrase: str = "") -> Joined:
        """It is the journal then, with what came after it; the file of before stays beside."""


class SettingsHost(Protocol):
    """The app as the settings window knows it. Everything belongs to the loop's thread; faults are `CompanionError`."""

    @property
    def settings(self) -> Settings: ...

    @property
    def events(self) -> Events: ...

    @property
    def global_key(self) -> str | None:
        """The desktop's name of the key that talks in every window; empty: it gives none; None: it was not asked."""

    @property
    def memory(self) -> MemorySource: ...

    @property
    def parts(self) -> PartSource: ...

    @property
    def backups(self) -> BackupSource: ...

    @property
    def spent_usd(self) -> float:
        """What was spent in this month, as far as prices are known."""

    @property
    def starts_with_system(self) -> bool: ...

    def start_with_system(self, is_on: bool) -> None:
        """Whether the window opens when the person logs in."""

    def thinkers_elsewhere(self) -> Mapping[str, str]:
        """Who is asked, or may stand in, or is allowed to know the journal, and is not this computer: name -> label."""

    async def change(self, changes: Mapping[str, object]) -> None:
        """Saves settings by dotted name and makes them hold at once; None gives a default back."""

    @property
    def settings_file(self) -> Path: ...

    async def take_up(self) -> None:
        """What another hand changed in the settings file holds from now on."""

    def provider_specs(self, role: Role) -> tuple[Spec, ...]: ...

    def models(self, role: Role, provider: str) -> Sequence[ModelEntry]:
        """The known models, best first; others work too."""

    def destinations(self) -> Sequence[Destination]:
        """Who got something today, as the egress gate booked it, the latest first."""

    def receipts(self) -> Sequence[DataSent]:
        """The latest things sent, newest last."""

    async def check(self, provider: str, role: Role, key: Secret | None = None) -> Health:
        """Asks the vendor, with `key` or the kept one. Reports, never raises."""

    async def save_key(self, provider: str, key: Secret, *, this_run_only: bool = False) -> None: ...

    async def remove_key(self, provider: str) -> Callable[[], Awaitable[None]]:
        """What it returns brings the key back."""

    async def key_state(self, provider: str) -> KeyState: ...

    async def discover(self, server: OwnServer, key: Secret | None = None) -> Discovery:
        """Asks a server of one's own what it can do, declared or not. Reports, never raises."""

    async def add_server(self, server: OwnServer, roles: frozenset[Role], key: Secret | None = None) -> None:
        """Declares a server, or declares it anew; it is a provider then."""

    async def remove_server(self, name: str) -> None: ...

    async def voices(self, provider: str) -> Sequence[VoiceInfo]: ...

    async def preview_voice(self, provider: str, voice: str, speed: float) -> None:
        """Returns when it was heard or stopped; a new one stops the last."""

    def stop_preview(self) -> None: ...

    async def devices(self) -> DeviceList: ...

    def meter(self, device_name: str) -> AsyncIterator[float]:
        """The microphone's level in dB until the iterator is closed."""

    def listen(self, device_name: str) -> AsyncIterator[float | Transcript]:
        """One try of a microphone through whoever hears now: levels in dB, then the words, until a pause."""

    async def test_tone(self, device_name: str) -> None: ...

    async def pace(self, provider: str, model: str) -> Pace:
        """How fast `model` (empty: the chosen one) writes on this machine; takes some seconds."""

    async def voice_objection(self, provider: str, voice: str) -> str:
        """Why a voice is too slow on this machine; empty: it is quick enough. Takes some seconds."""

    async def local_models(self, kind: ModelKind) -> Sequence[Standing]:
        """The models of this computer, those of the list first, and how they stand."""

    async def fetch_model(self, model: LocalModel, on_progress: Callable[[Progress], None]) -> None:
        """Fetches a model, or what is damaged of it. Cancelling it stops it; the next call goes on from there."""

    async def remove_model(self, model: LocalModel) -> None: ...

    async def import_model(self, source: Path) -> Standing:
        """Copies a model out of a folder or an archive."""
