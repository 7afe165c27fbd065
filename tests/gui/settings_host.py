"""The app as the settings window sees it, staged in memory: real settings, a real vault, scripted vendors."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import pytest
from PySide6.QtCore import QEvent
from PySide6.QtWidgets import QApplication, QWidget

from companion.app.backing_up import Elsewhere, Standing as BackupsStanding
from companion.app.parts import PARTS, Part, Step
from companion.app.servers import changes_for, changes_without
from companion.audio.devices import Device, DeviceList
from companion.errors import CompanionError, Kind
from companion.events import DataSent, EngineInUse, Events
from companion.flow import Health, Transcript
from companion.gui.settings.dialog import SettingsDialog
from companion.gui.settings.host import SettingsHost
from companion.gui.settings.page import SettingsPage
from companion.gui.theme import Look
from companion.journal.backed_sounds import Held
from companion.journal.backups import About, Backup
from companion.journal.salvage import Joined
from companion.kinds import TURN_ROLES, Role, VoiceInfo
from companion.ledger import Destination, Ledger, destinations
from companion.log import Secret
from companion.net import origin
from companion.providers.catalogue import Catalogue, ModelEntry
from companion.providers.here.mind.library import Pace
from companion.providers.here.models.fetcher import Progress
from companion.providers.here.models.listing import LocalModel, ModelKind, of_kind, usual
from companion.providers.here.models.store import Standing, State
from companion.providers.provider import Spec
from companion.providers.registry import specs
from companion.providers.servers import Discovery, OwnServer
from companion.records import Memory
from companion.settings import Settings, changed
from companion.vault import KeyState, MemoryVault, Vault

PageT = TypeVar("PageT", bound=SettingsPage)
GOOD_KEYS = {
    "openai": "sk-proj-aaaaaaaaaaaaaaaaaaaaaaaa7f3a",
    "anthropic": "sk-ant-bbbbbbbbbbbbbbbbbbbbbbbb1c2d",
}


Shown = TypeVar("Shown", bound=QWidget)


def device(name: str, *, is_default: bool = False) -> Device:
    return Device(name=name, host_api="ALSA", channels=1, default_rate_hz=48_000, is_default=is_default)


class StagedMemory:
    """What is remembered, and what was asked for."""

    def __init__(self) -> None:
        self.kept: list[Memory] = []
        self.log: list[tuple[object, ...]] = []

    async def memories(self) -> Sequence[Memory]:
        return self.kept

    async def remember(self, text: str) -> None:
        self.log.append(("remember", text))

    async def pin(self, memory_id: int, is_pinned: bool) -> None:
        self.log.append(("pin", memory_id, is_pinned))

    async def correct(self, memory_id: int, text: str) -> None:
        self.log.append(("correct", memory_id, text))

    async def forget(self, memory_id: int) -> None:
        self.log.append(("forget", memory_id))

    async def allow(self, memory_id: int) -> None:
        self.log.append(("allow", memory_id))

    def read_on(self) -> None:
        self.log.append(("read on",))


class StagedParts:
    """Parts that are here, but for those in `absent`; an installation waits for `may_finish`."""

    def __init__(self) -> None:
        self.absent: set[str] = set()
        self.can_be_installed = True
        self.fault: CompanionError | None = None
        self.may_finish = asyncio.Event()
        self.was_cancelled = False
        self.tell: Callable[[Step], None] = lambda _: None

    def missing(self, name: str) -> Part | None:
        return PARTS[name] if name in self.absent else None

    def line(self, part: Part) -> str:
        return f"pip install {part.package}"

    @property
    def update_line(self) -> str:
        return "pip install --upgrade reflection-companion"

    async def install(self, part: Part, told: Callable[[Step], None]) -> None:
        self.tell = told
        if self.fault is not None:
            raise self.fault
        try:
            await self.may_finish.wait()
        except asyncio.CancelledError:
            self.was_cancelled = True
            raise
        self.absent.discard(part.name)


class StagedBackups:
    """Backups that are there, and what was asked for."""

    def __init__(self) -> None:
        self.standing = BackupsStanding()
        self.kept: list[Backup] = []
        self.others: list[Elsewhere] = []
        self.sounds = (Held(), Held())
        self.program = ""
        self.apart: list[Path] = []
        self.log: list[tuple[object, ...]] = []
        self.passphrase = ""
        """What opens them; empty: the keyring."""

    def _open(self, passphrase: str) -> None:
        if passphrase != self.passphrase:
            raise CompanionError(Kind.WRONG_PASSPHRASE if passphrase else Kind.JOURNAL_LOCKED)

    async def make(self) -> Backup:
        self.log.append(("make",))
        if self.standing.failed is not None:
            raise self.standing.failed
        self.kept.insert(0, Backup(Path("/b/new.db"), 1_773_700_000.0, 2_000_000))
        return self.kept[0]

    async def list(self) -> Sequence[Backup]:
        return self.kept

    async def elsewhere(self) -> Sequence[Elsewhere]:
        return self.others

    async def synced(self) -> tuple[str, Sequence[Path]]:
        return self.program, self.apart

    async def join(self, copy: Path) -> Joined:
        self.log.append(("join", copy))
        self.apart.remove(copy)
        return Joined(1, 3)

    async def recordings(self) -> tuple[Held, Held]:
        return self.sounds

    async def look(self, path: Path, passphrase: str = "") -> About:
        self._open(passphrase)
        self.log.append(("look", path))
        return About(2, 5, [(1_773_614_700.0, "The <b>heron</b> stood by the weir.")])

    async def restore(self, path: Path, passphrase: str = "") -> Joined:
        self._open(passphrase)
        self.log.append(("restore", path))
        return Joined(1, 3)


class StagedHost:
    """Fulfils `SettingsHost`. What was asked of it stands in `log`."""

    def __init__(self, settings: Settings | None = None, vault: Vault | None = None) -> None:
        self.settings = settings or Settings()
        self.events = Events(report=self._raise)
        self.vault = vault or MemoryVault()
        self.backups = StagedBackups()
        self.parts = StagedParts()
        self.log: list[tuple[object, ...]] = []
        self.ledger = Ledger()
        self.sent: list[DataSent] = []
        self.refuses: CompanionError | None = None
        """Raised by the next `change`."""
        self.healths: dict[str, Health] = {
            "ollama": Health(
                ok=True, detail="Ollama is running.", latency_ms=3, models=("llama3.2", "qwen3:8b")
            ),
            "whisper": Health(ok=False, detail="The model “base” was not fetched yet."),
            "mind": Health(ok=False, detail="There is no model on this computer yet."),
            "piper": Health(ok=False, detail="The voice is not on this computer yet."),
        }
        self.answers_never = False
        """A vendor that is asked about a key, or a server, does not answer, or only when it may."""
        self.may_answer = asyncio.Event()
        self.inputs: tuple[Device, ...] = (device("Built-in Audio", is_default=True), device("Headset"))
        self.hears = "I had porridge."
        """What the next try of the microphone makes out."""
        self.network_fault: CompanionError | None = None
        """What fetching comes to, at once or after a while."""
        self.late_fault: CompanionError | None = None
        self.microphone_fault: CompanionError | None = None
        self.open_meters: list[str] = []
        self.previews: list[str] = []
        """Voices that sound now."""
        self.standings: dict[str, Standing] = {}
        """Models that are not absent."""
        self.pace_found: Pace | CompanionError | None = None
        """How fast the chosen model of this computer writes, or why it does not."""
        self.voice_objection_found = ""
        """Why a voice that is tried is too slow."""
        self.memory = StagedMemory()
        self.fetching = asyncio.Event()
        self.may_finish = asyncio.Event()

    def _raise(self, error: BaseException) -> None:
        raise error

    async def change(self, changes: Mapping[str, object]) -> None:
        if self.refuses is not None:
            error, self.refuses = self.refuses, None
            raise error
        self.settings = changed(self.settings, changes)
        self.log.append(("change", dict(changes)))
        for role in TURN_ROLES:
            name = self.settings.role(role).active
            self.events.emit(EngineInUse(role=role, provider=name, label=name, host=""))

    settings_file = Path("no-such-folder/settings.yaml")

    async def take_up(self) -> None:
        self.log.append(("take up",))

    def thinkers_elsewhere(self) -> Mapping[str, str]:
        return {"anthropic": "Anthropic", "openai": "OpenAI"}

    def provider_specs(self, role: Role) -> tuple[Spec, ...]:
        return tuple(spec for spec in specs() if role in spec.roles and spec.name != "mock")

    def models(self, role: Role, provider: str) -> Sequence[ModelEntry]:
        return Catalogue.load().models(provider, role)

    async def check(self, provider: str, role: Role, key: Secret | None = None) -> Health:
        self.log.append(("check", provider, key is not None))
        await (self.may_answer.wait() if self.answers_never and key is not None else asyncio.sleep(0))
        if provider in self.healths:
            return self.healths[provider]
        if key is None and (await self.key_state(provider)).present:
            key = await self.vault.get(provider, self._origin(provider))
        if key is not None and key.reveal() == GOOD_KEYS.get(provider):
            return Health(ok=True, detail="The key works.", latency_ms=212)
        return Health(ok=False, detail=f"{provider} did not accept the key.")

    def _origin(self, provider: str) -> str:
        return origin(next(spec.base_url for spec in specs() if spec.name == provider))

    def destinations(self) -> Sequence[Destination]:
        return destinations(self.ledger.today)

    global_key: str | None = None
    spent_usd = 0.0
    starts_with_system = False

    def start_with_system(self, is_on: bool) -> None:
        if self.refuses is not None:
            error, self.refuses = self.refuses, None
            raise error
        self.starts_with_system = is_on

    def receipts(self) -> Sequence[DataSent]:
        return self.sent

    async def save_key(self, provider: str, key: Secret, *, this_run_only: bool = False) -> None:
        await self.vault.put(provider, key, self._origin(provider), this_run_only=this_run_only)

    async def remove_key(self, provider: str) -> Callable[[], Awaitable[None]]:
        return await self.vault.remove(provider)

    async def key_state(self, provider: str) -> KeyState:
        return await self.vault.describe(provider)

    async def discover(self, server: OwnServer, key: Secret | None = None) -> Discovery:
        await (self.may_answer.wait() if self.answers_never else asyncio.sleep(0))
        return Discovery(health=Health(ok=False, detail="Nobody is staged there."), models={})

    async def add_server(self, server: OwnServer, roles: frozenset[Role], key: Secret | None = None) -> None:
        await self.change(changes_for(server, roles))

    async def remove_server(self, name: str) -> None:
        await self.change(changes_without(self.settings, name))

    async def voices(self, provider: str) -> Sequence[VoiceInfo]:
        return next(spec.voices for spec in specs() if spec.name == provider)

    async def preview_voice(self, provider: str, voice: str, speed: float) -> None:
        self.log.append(("preview", provider, voice, speed))
        self.previews.append(voice)
        try:
            await self.may_finish.wait()
        finally:
            self.previews.remove(voice)

    def stop_preview(self) -> None:
        self.log.append(("stop preview",))

    async def devices(self) -> DeviceList:
        return DeviceList(inputs=self.inputs, outputs=(device("Speakers", is_default=True),))

    async def meter(self, device_name: str) -> AsyncIterator[float]:
        if self.microphone_fault is not None:
            raise self.microphone_fault
        self.open_meters.append(device_name)
        try:
            while True:
                yield -20.0
                await asyncio.sleep(0.01)
        finally:
            self.open_meters.remove(device_name)

    async def listen(self, device_name: str) -> AsyncIterator[float | Transcript]:
        if self.microphone_fault is not None:
            raise self.microphone_fault
        self.open_meters.append(device_name)
        try:
            yield -30.0
            yield Transcript(text="I had")
            yield -20.0
            await self.may_finish.wait()
            yield Transcript(text=self.hears, is_final=True)
        finally:
            self.open_meters.remove(device_name)

    async def test_tone(self, device_name: str) -> None:
        self.log.append(("tone", device_name))

    async def pace(self, provider: str, model: str) -> Pace:
        self.log.append(("pace", provider, model))
        await asyncio.sleep(0)
        if isinstance(self.pace_found, CompanionError):
            raise self.pace_found
        assert self.pace_found is not None
        return self.pace_found

    async def voice_objection(self, provider: str, voice: str) -> str:
        self.log.append(("try", provider, voice))
        await asyncio.sleep(0)
        return self.voice_objection_found

    async def local_models(self, kind: ModelKind) -> Sequence[Standing]:
        return [self.standings.get(model.name, Standing(model, State.ABSENT)) for model in of_kind(kind)]

    async def fetch_model(self, model: LocalModel, on_progress: Callable[[Progress], None]) -> None:
        self.log.append(("fetch", model.name))
        on_progress(Progress(model=model.name, bytes_done=50_000_000, bytes_total=145_000_000))
        self.fetching.set()
        if self.network_fault is not None:
            raise self.network_fault
        try:
            await self.may_finish.wait()
        finally:
            self.fetching.clear()
        if self.late_fault is not None:
            raise self.late_fault
        if model.name == "small":
            raise CompanionError(Kind.DOWNLOAD_FAILED, who=model.label)
        self._have(model)

    def _have(self, model: LocalModel) -> None:
        self.standings[model.name] = Standing(model, State.READY, model.size)
        provider = model.kind.provider
        models = tuple(dict.fromkeys((*self.healths[provider].models, model.name)))
        self.healths[provider] = Health(ok=True, detail=f"{provider} is ready.", models=models)

    async def remove_model(self, model: LocalModel) -> None:
        self.log.append(("remove", model.name))
        self.standings.pop(model.name, None)

    async def import_model(self, source: Path) -> Standing:
        self.log.append(("import", source))
        if source.name == "broken.zip":
            raise CompanionError(Kind.BAD_FILE, "The archive is damaged.", hint="Use another.")
        model = usual(ModelKind.HEARING)
        self._have(model)
        return self.standings[model.name]


@asynccontextmanager
async def shown(host: SettingsHost, font_scale: float = 1.0) -> AsyncIterator[SettingsDialog]:
    """The settings window, closed and freed afterwards."""
    look = Look(font_scale=font_scale)
    look.wear()
    dialog = SettingsDialog(host, look)
    dialog.show()
    try:
        yield dialog
    finally:
        dialog.close()
        for page in dialog.pages.values():
            page.work.stop()
        await settle()
        dialog.deleteLater()
        await settle()


async def page_of(dialog: SettingsDialog, name: str, kind: type[PageT]) -> PageT:
    """The page of that name, shown."""
    dialog.show_page(name)
    await settle()
    assert isinstance(dialog.page, kind)
    return dialog.page


@pytest.fixture
def host() -> StagedHost:
    return StagedHost()


@pytest.fixture
async def dialog(host: StagedHost, qapp: QApplication) -> AsyncIterator[SettingsDialog]:
    async with shown(host) as dialog:
        yield dialog


def parts_of(page: QWidget, kind: type[Shown]) -> list[Shown]:
    """The widgets of a kind on a page, and beneath it where it says what happened."""
    beneath = page.notice.findChildren(kind) if isinstance(page, SettingsPage) else []
    return page.findChildren(kind) + beneath


async def settle(until: Callable[[], object] = lambda: False) -> None:
    """Lets Qt and asyncio run until `until` holds, or until there is nothing left to do."""
    for turn in range(400):
        QApplication.processEvents()
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        await asyncio.sleep(0.001)
        if until() or (turn > 15 and until() is False):
            return
