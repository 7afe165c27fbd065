"""Who thinks, hears and speaks: settings and keys in, `TurnProviders` for one turn out.

Providers are made on first use and kept as long as name, address and key stay the same, so connections, circuit breakers
and the worker process live on from turn to turn; those that nobody wants any more are closed once nobody uses them. Every
one of them is handed out with the month's budget, so that whatever goes through it is paid from there. Belongs to the
loop's thread.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import os
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import aclosing, asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from companion.app import languages, roles
from companion.app.fallbacks import Fallbacks, Member
from companion.app.metered import UNPRICED, MeteredVoiceModel
from companion.app.request_size import RequestSize
from companion.conversation.earlier import told
from companion.conversation.written_answer import TurnProviders
from companion.errors import AIProviderAuthError, CompanionError, Kind
from companion.events import DataSent, Events, Note
from companion.flow import (
    Audio,
    ChatDelta,
    ChatRequest,
    Health,
    HearRequest,
    Message,
    SpeakRequest,
    Transcript,
    Usage,
)
from companion.hosts import is_this_host, origin
from companion.kinds import TURN_ROLES, Role
from companion.language import tr
from companion.ledger import Cargo, Errand, carried, on_errand
from companion.log import Secret
from companion.net import Net
from companion.pcm import scaled
from companion.ports import Call
from companion.providers import registry
from companion.providers.config import key_variables
from companion.providers.middleware import Budget, MemoryPurse, Purse
from companion.providers.provider import USUAL_WAIT_S, AIProvider, BeginsWith, Policy, Spec, opened
from companion.settings import Settings
from companion.vault import EnvironmentKey, KeyState, Vault

if TYPE_CHECKING:
    from companion.ports import SpeechToSpeech
    from companion.providers.servers import Discovery, OwnServer

_log = logging.getLogger(__name__)
LONGEST_PAUSE_S = 5.0
"""A vendor that asks for a longer pause is not waited for in silence: somebody else answers, or the person is told."""
CHECK_S = 60.0
"""All the time for finding out whether somebody works; each question of it has a clock of its own."""
MOST_UNWANTED = 4
"""So many providers that were only looked at in the settings are kept."""
_CALLS = {Role.THINKS: "chat", Role.HEARS: "transcribe", Role.SPEAKS: "speak"}
_CARGO = {Role.THINKS: Cargo.WORDS, Role.HEARS: Cargo.VOICE, Role.SPEAKS: Cargo.ANSWERS}
_instead: ContextVar[Mapping[Role, str]] = ContextVar("instead", default=MappingProxyType({}))


@contextmanager
def instead(chosen: Mapping[Role, str]) -> Iterator[None]:
    """Turns that this task begins inside are done by other engines than the settings say."""
    token = _instead.set(chosen)
    try:
        yield
    finally:
        _instead.reset(token)


class ProviderPool:
    """The providers of one app."""

    def __init__(
        self,
        *,
        settings: Callable[[], Settings],
        vault: Callable[[], asyncio.Future[Vault] | Any],
        net: Net,
        events: Events,
        models: Path,
        purse: Purse | None = None,
    ) -> None:
        """`vault()` is awaited: it may still be opening. `models`: folder of downloaded models. `purse`: of the month."""
        self._settings = settings
        self._vault = vault
        self._net = net
        self._events = events
        self._models = models
        self._voice_model: MeteredVoiceModel | None = None
        self.budget = Budget(
            purse or MemoryPurse(), limit=lambda: self._settings().reply.monthly_budget_usd or None
        )
        """Of the month, for everything that is asked through this pool."""
        self._hired: dict[_Hired, AIProvider] = {}
        """By whom it is and with what; the one that was wanted latest is the last."""
        self._lent: Counter[AIProvider] = Counter()
        self._leaving: set[AIProvider] = set()
        """No longer wanted, still used."""
        self._remarks: set[str] = set()
        """What was said of languages; once is enough."""
        self.found: dict[Role, str] = {}
        """Which one of this computer's recognisers hears, and which of its voices speaks, where it was found out."""
        self._keys: dict[tuple[str, str], Secret | None] = {}
        """Provider and origin -> its key, as the vault gave it."""
        self._known: dict[tuple[Role, str], tuple[Settings, AIProvider]] = {}
        """Who has a role by these settings: each turn asks several times."""

    # -- one turn -------------------------------------------------------------------------------------------

    def engines(self, offline: frozenset[Role], *, is_aloud: bool = False) -> TurnProviders:
        """This turn's engines; `offline` roles stay on this computer whatever is chosen, `is_aloud`: there is a voice."""
        settings, instead = self._settings(), _instead.get()
        names = {role: instead.get(role) or roles.name_of(settings, role, offline) for role in TURN_ROLES}
        full_names = {role.value: roles.full_name_of(settings, role, names[role]) for role in TURN_ROLES}
        thinkers, hearers, speakers = (
            self._fallbacks(settings, role, names[role], full_names) for role in TURN_ROLES
        )
        volume, language = settings.sound.volume, roles.language_of(settings)

        def think(messages: tuple[Message, ...], practice: str) -> AsyncGenerator[ChatDelta, None]:
            most = settings.reply.longest_answer
            return thinkers.ask(lambda: ChatRequest(messages=messages, max_tokens=most, practice=practice))

        def hear(frames: AsyncIterator[bytes]) -> AsyncGenerator[Transcript, None]:
            heard = hearers.hear(frames, lambda again: HearRequest(frames=again, language=language))
            return self._remarked(heard, language, full_names)

        def speak(text: str) -> AsyncGenerator[Audio, None]:
            sound = speakers.ask(lambda: SpeakRequest(text=text))
            return self._voiced(sound, volume, full_names)

        def speak_stream(pieces: AsyncIterator[str]) -> AsyncGenerator[Audio, None]:
            sound = speakers.ask_along(pieces, lambda again: SpeakRequest(pieces=again))
            return self._voiced(sound, volume, full_names)

        is_spoken = is_aloud or settings.sound.speak_answers
        specs = {r: _spec(name) for r, name in names.items()}
        return TurnProviders(
            think=think,
            hear=hear,
            speak=speak if is_spoken else None,
            speak_stream=speak_stream if is_spoken and specs[Role.SPEAKS].streams_text else None,
            hears_live=specs[Role.HEARS].hears_live
            or settings.role(Role.HEARS).block(names[Role.HEARS]).model in specs[Role.HEARS].live_models,
            names=full_names,
            cost_usd=lambda usage: _cost_usd(settings, full_names[Role.THINKS].partition("/")[0], usage),
        )

    async def _remarked(
        self, heard: AsyncGenerator[Transcript, None], language: str, full_names: dict[str, str]
    ) -> AsyncGenerator[Transcript, None]:
        """The same transcripts; says once that another language was heard than is set, and names who really heard."""
        async with aclosing(heard) as transcripts:
            async for transcript in transcripts:
                if transcript.is_final:
                    remark = languages.remark(language, transcript.language)
                    if remark and remark not in self._remarks:
                        self._remarks.add(remark)
                        self._events.emit(Note(text=remark))
                    self._name_found(Role.HEARS, full_names)
                yield transcript

    async def _voiced(
        self, spoken: AsyncGenerator[Audio, None], volume: float, full_names: dict[str, str]
    ) -> AsyncGenerator[Audio, None]:
        """The same sound as loud as it is set; names whose voice it really is."""
        async with aclosing(spoken) as sound:
            async for audio in sound:
                self._name_found(Role.SPEAKS, full_names)
                yield scaled(audio, volume)

    def _name_found(self, role: Role, full_names: dict[str, str]) -> None:
        """Adds which of this computer's recognisers or voices it was, where that was found out."""
        found = self.found.get(role)
        if found and full_names[role.value] == roles.OFFLINE[role]:
            full_names[role.value] += f"/{found}"

    def _fallbacks(
        self, settings: Settings, role: Role, name: str, full_names: dict[str, str]
    ) -> Fallbacks[Any, Any]:
        """Who has a role in a turn; `full_names` follows who really does."""
        members = [
            Member(each, _spec(each).display_name, self._call(settings, role, each))
            for each in (name, *roles.stand_ins(settings, role, name))
        ]

        def switched(to: str) -> None:
            full_names[role.value] = roles.full_name_of(settings, role, to)

        return Fallbacks(role, members, self._events, switched)

    def patience(self) -> Patience:
        """How long the turns that begin now may wait."""
        settings = self._settings()
        return Patience(
            hearing_s=_longest_s(settings, Role.HEARS, lambda policy: policy.first_s),
            thinking_s=_longest_s(settings, Role.THINKS, lambda policy: policy.thinking_s),
        )

    def _call(self, settings: Settings, role: Role, name: str) -> Call[Any, Any]:
        """A request of one role to one provider, as it is set up for it, booked by the gate and told when it left."""

        async def run(request: Any) -> AsyncGenerator[Any, None]:
            block = settings.role(role).block(name)
            async with self.lent(role, name) as provider:
                asked = provider.stacked(getattr(provider, _CALLS[role]))
                if role is Role.SPEAKS:
                    request = replace(request, voice=block.voice, speed=block.speed, model=block.model)
                    if request.pieces is not None and not provider.spec.streams_text:
                        asked = _each_piece(asked)
                else:
                    request = replace(request, model=block.model)
                errand, size = Errand(who=provider.spec.display_name, cargo=_CARGO[role]), RequestSize()
                if role is Role.THINKS and name != roles.OFFLINE[role]:  # the guide reads the note itself
                    sent = told(request.messages, may_know=roles.may_recall(settings, name))
                    request = replace(request, messages=sent.messages)
                    errand.excerpt_bytes = size.quotes(sent.quotes, sent.excerpts)
                try:
                    async with opened(lambda it: carried(errand, asked(size.weighed(it))), request) as chunks:
                        async for chunk in chunks:
                            self._follow(provider, role)
                            yield chunk
                finally:
                    self._tell_sent(role, errand, lambda: _receipt(provider, role, request.model, size))

        return run

    def _follow(self, provider: AIProvider, role: Role) -> None:
        """A model that has come to this computer, or gone, shows in the pill as soon as it is used, or not any more."""
        if provider.spec.name != roles.FINDS_OUT.get(role):
            return
        found = {
            Role.HEARS: provider.recogniser,
            Role.SPEAKS: provider.speaker,
            Role.THINKS: provider.thinker,
        }.get(role, "")
        if found != self.found.get(role, ""):
            self.found[role] = found
            self._events.emit(roles.in_use(self._settings(), role, found))

    def _tell_sent(self, role: Role, errand: Errand, what: Callable[[], str]) -> None:
        for host, traffic in errand.went.items():
            if traffic.sent and not is_this_host(host):
                self._events.emit(
                    DataSent(
                        role=role,
                        who=errand.who,
                        host=host,
                        what=what(),
                        sent_bytes=traffic.sent,
                        at=traffic.last_at,
                    )
                )

    # -- who that is ----------------------------------------------------------------------------------------

    @asynccontextmanager
    async def lent(
        self, role: Role, name: str, key: Secret | None = None
    ) -> AsyncGenerator[AIProvider, None]:
        """As `provider`, which is not closed within the block, whatever is changed meanwhile."""
        provider = await self._chosen(role, name, key)
        self._lent[provider] += 1
        try:
            await self._dismiss(provider)
            yield provider
        finally:
            await self._give_back(provider)

    async def _give_back(self, provider: AIProvider) -> None:
        self._lent[provider] -= 1
        await self._close_unused(provider)

    async def provider(self, role: Role, name: str, key: Secret | None = None) -> AIProvider:
        """The provider `name`, with its key from the vault unless one is given, and with the month's budget.

        Raises:
            CompanionError: PROVIDER_UNKNOWN; KEY_MISSING, KEY_ELSEWHERE, KEYRING_TIMEOUT, KEYRING_FAILED.
        """
        provider = await self._chosen(role, name, key)
        await self._dismiss(provider)
        return provider

    async def _chosen(self, role: Role, name: str, key: Secret | None) -> AIProvider:
        settings = self._settings()
        known = self._known.get((role, name))
        if known is not None and known[0] is settings and key is None:
            return known[1]
        keys, is_given = self._keys, key is not None
        spec = registry.find(name)
        address = roles.address_of(settings, role, spec.name)
        if key is None and (spec.needs_key or spec.key_env):
            key = await self._key(spec, address)
        hired = _Hired(registry.provider_class(spec.name), address, key)
        provider = self._hired.pop(hired, None) or self._hire(spec, address, key)
        self._hired[hired] = provider  # the last in line is the one that was wanted latest
        chosen = {each: settings.role(each).block(spec.name).model for each in TURN_ROLES}
        defaults = {each: spec.default_models.get(each, "") for each in TURN_ROLES}
        provider.models = {**provider.models, **{each: chosen[each] or defaults[each] for each in TURN_ROLES}}
        provider.policy = _policy(settings, spec)
        provider.budget = self.budget
        if role in TURN_ROLES and (model := provider.models[role]):
            from companion.providers.catalogue import Catalogue  # a window that starts does not wait for it

            Catalogue.load().warn_once(model, spec.name)
        if not is_given and keys is self._keys:  # else another key was saved meanwhile
            self._known[role, name] = settings, provider
        return provider

    async def _dismiss(self, newest: AIProvider) -> None:
        """Closes those that the settings do not mean any more, but for a few that were wanted lately."""
        if len(self._hired) == 1:
            return
        settings = self._settings()
        unwanted = [
            hired
            for hired, each in self._hired.items()
            if each is not newest and not self._is_meant(settings, each, hired)
        ]
        same = [hired for hired in unwanted if self._hired[hired].spec.name == newest.spec.name]
        others = [hired for hired in unwanted if hired not in same]
        leaving = [self._hired.pop(hired) for hired in (*same, *others[:-MOST_UNWANTED])]
        self._leaving.update(leaving)
        if leaving:
            self._known.clear()
        for provider in leaving:
            await self._close_unused(provider)

    async def _close_unused(self, provider: AIProvider) -> None:
        if provider in self._leaving and not self._lent[provider]:
            self._leaving.discard(provider)
            del self._lent[provider]
            await provider.aclose()

    def _is_meant(self, settings: Settings, provider: AIProvider, hired: _Hired) -> bool:
        """Whether the settings, with the keys as they are, would make this one."""
        name, voice_model = provider.spec.name, roles.speech_to_speech(settings)
        for role in TURN_ROLES:
            in_charge = settings.role(role).active
            names = (in_charge, *roles.stand_ins(settings, role, in_charge), voice_model and voice_model.name)
            if name not in names:
                continue
            address = roles.address_of(settings, role, name)
            if address == hired.address and self._keys.get((name, origin(address)), hired.key) == hired.key:
                return True
        return False

    async def _key(self, spec: Spec, address: str) -> Secret | None:
        place = (spec.name, origin(address))
        if place not in self._keys:  # the keyring is a process of its own: asked once, not in every turn
            keys = self._keys
            vault: Vault = await self._vault()
            key = await vault.get(*place)
            if key is None and spec.needs_key:
                raise AIProviderAuthError("", spec.name, kind=Kind.KEY_MISSING, who=spec.display_name)
            keys[place] = key  # not among those that were read after a change meanwhile
            return key
        return self._keys[place]

    def _hire(self, spec: Spec, address: str, key: Secret | None) -> AIProvider:
        from companion.providers.making import make

        made_by = registry.provider_class(spec.name)
        takes = inspect.signature(made_by.__init__).parameters
        options: dict[str, Any] = {"models_dir": self._models} if "models_dir" in takes else {}
        known = {"api_key": key, "base_url": address, "net": self._net, **options}
        return make(made_by, spec, known, chosen=options)

    async def speech_to_speech(self) -> SpeechToSpeech:
        """The voice model that hears, thinks and speaks at once.

        Raises:
            CompanionError: PROVIDER_UNKNOWN; KEY_MISSING, KEY_ELSEWHERE, KEYRING_TIMEOUT, KEYRING_FAILED.
        """
        settings = self._settings()
        spec = roles.speech_to_speech(settings)
        if spec is None:
            raise CompanionError(Kind.PROVIDER_UNKNOWN)
        provider = await self.provider(Role.THINKS, spec.name)
        if self._voice_model is not None:
            self._voice_model.forget()
        model = provider.realtime(roles.realtime_choice(settings, spec))
        self._voice_model = MeteredVoiceModel(
            model, spec.display_name, self._events, self.budget, lambda: self.lent(Role.THINKS, spec.name)
        )
        return self._voice_model

    async def warm(self, role: Role, begins_with: BeginsWith | None = None) -> None:
        """A use that finds everything in place; whatever is wrong is said when it is really used.

        `begins_with()`: what the next question begins with, for a model here that can read it already.
        """
        try:
            async with self.lent(role, roles.name_of(self._settings(), role)) as provider:
                with on_errand(Errand(who=provider.spec.display_name)):
                    if role is Role.SPEAKS:
                        await provider.warm_voice(self._settings().role(role).block(provider.spec.name).voice)
                    else:
                        await provider.warm()
                    if begins_with is not None:
                        await provider.read_ahead(begins_with)
                self._follow(provider, role)
        except CompanionError as error:
            _log.info("not warmed: %s", error.kind)

    # -- the settings page ----------------------------------------------------------------------------------

    async def check(self, name: str, role: Role, key: Secret | None) -> Health:
        """Asks the provider whether key, address and model work. Never raises a `CompanionError`."""
        try:
            async with self.lent(role, name, key) as provider:
                async with asyncio.timeout(CHECK_S):
                    return await provider.check()
        except TimeoutError:
            return _late()
        except CompanionError as error:
            return Health(ok=False, detail=f"{error.message} {error.hint}".strip(), kind=error.kind)

    async def discover(self, server: OwnServer, key: Secret | None) -> Discovery:
        """What a server can do, declared or not. Never raises a `CompanionError`."""
        from companion.providers.servers import Discovery, class_of, discover, spec_of

        try:
            kept = key or await self._kept_key(spec_of(server))
            async with class_of(server)(api_key=kept, net=self._net) as provider:
                with on_errand(Errand(who=server.called)):
                    async with asyncio.timeout(CHECK_S):
                        return await discover(provider, server.kind)
        except TimeoutError:
            return Discovery(health=_late(), models={})
        except CompanionError as error:
            detail = f"{error.message} {error.hint}".strip()
            return Discovery(health=Health(ok=False, detail=detail, kind=error.kind), models={})

    async def _kept_key(self, spec: Spec) -> Secret | None:
        vault: Vault = await self._vault()
        return await vault.get(spec.name, origin(spec.base_url)) if spec.key_env else None

    async def hearers(self) -> Mapping[str, str]:
        """Who could hear now: registered name -> label. Without a key that is asked for, nobody can."""
        found = {}
        for spec in registry.with_role(Role.HEARS):
            if spec.name != "mock" and (not spec.needs_key or (await self.key_state(spec.name)).present):
                found[spec.name] = spec.display_name
        return found

    async def save_key(self, name: str, key: Secret, *, this_run_only: bool = False) -> None:
        """Keeps a key, bound to the address the provider has now."""
        spec = registry.find(name)
        vault: Vault = await self._vault()
        address = _key_address(self._settings(), spec)
        await vault.put(spec.name, key, origin(address), this_run_only=this_run_only)
        self._forget_keys()

    async def remove_key(self, name: str) -> Callable[[], Awaitable[None]]:
        vault: Vault = await self._vault()
        try:
            return partial(self._bring_back, await vault.remove(registry.find(name).name))
        finally:
            self._forget_keys()

    def _forget_keys(self) -> None:
        self._keys = {}  # not emptied: who reads the vault now keeps what it finds there out of the new ones
        self._known.clear()

    async def _bring_back(self, removed: Callable[[], Awaitable[None]]) -> None:
        await removed()
        self._forget_keys()

    async def key_state(self, name: str) -> KeyState:
        vault: Vault = await self._vault()
        return await vault.describe(registry.find(name).name)

    async def renew(self) -> None:
        """Gives up connections that may be dead; the next request makes new ones."""
        await self.aclose()

    async def aclose(self) -> None:
        """Ends connections and the worker process."""
        everybody = (*self._hired.values(), *self._leaving)
        self._hired.clear()
        self._leaving.clear()
        self._known.clear()
        for provider in everybody:
            await provider.aclose()


@dataclass(frozen=True, slots=True)
class _Hired:
    """What tells one hired provider from another."""

    cls: type[AIProvider]
    address: str
    key: Secret | None


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a turn may wait, as the policies of whoever may be asked say."""

    hearing_s: float
    """From the end of a take to its words."""
    thinking_s: float
    """From the question to the first word."""


def _each_piece(call: Call[SpeakRequest, Audio]) -> Call[SpeakRequest, Audio]:
    """For a voice that wants whole texts: every piece is a request of its own."""

    async def run(request: SpeakRequest) -> AsyncGenerator[Audio, None]:
        assert request.pieces is not None
        index = 0
        async for piece in request.pieces:
            if piece.strip():
                async with opened(call, replace(request, text=piece, pieces=None)) as sound:
                    async for audio in sound:
                        yield replace(audio, piece=index)
            index += 1

    return run


def _spec(name: str) -> Spec:
    """What is known of a provider; of one that is not there, nothing (asking it says so)."""
    try:
        return registry.find(name)
    except CompanionError:
        return Spec(name=name, display_name=name, roles=frozenset())


def environment_keys() -> dict[str, EnvironmentKey]:
    """Keys that the environment holds, each bound to its vendor's own address."""
    found = {}
    for spec in registry.specs():
        address = os.environ.get(spec.address_env, "").strip() or spec.base_url
        for variable in key_variables(spec):
            if value := os.environ.get(variable, "").strip():
                found[spec.name] = EnvironmentKey(
                    secret=Secret(value), origin=origin(address), variable=variable
                )
                break
    return found


def _policy(settings: Settings, spec: Spec) -> Policy:
    network = settings.network
    patience = registry.provider_class(spec.name).policy
    if spec.needs_key or network.timeout_s > USUAL_WAIT_S:  # engines of this computer are slow, not gone
        patience = patience.waiting(network.timeout_s)
    return replace(
        patience,
        attempts=network.max_retries + 1,
        backoff_s=network.retry_backoff_s,
        patience_s=LONGEST_PAUSE_S,
        breaker=network.circuit_breaker,
        breaker_threshold=network.circuit_breaker_threshold,
        requests_per_minute=network.requests_per_min,
    )


def _longest_s(settings: Settings, role: Role, wait_s: Callable[[Policy], float]) -> float:
    """Until everybody who may be asked was asked as often as their policies allow, and did not answer."""
    name = roles.name_of(settings, role)
    known = [_spec(each) for each in (name, *roles.stand_ins(settings, role, name))]
    policies = [_policy(settings, spec) for spec in known if spec.roles]
    # `retry` begins no attempt later than half of the first wait, or than the vendor asked for.
    return sum(1.5 * wait_s(each) + each.attempts * each.patience_s for each in policies)


def _cost_usd(settings: Settings, name: str, usage: Usage) -> float | None:
    from companion.providers.catalogue import cost_usd

    entry = roles.entry_of(settings, Role.THINKS, name)
    return cost_usd(entry, usage) if entry is not None else None


def _receipt(provider: AIProvider, role: Role, model: str, size: RequestSize) -> str:
    return size.in_words + ("" if provider.knows_price(role, model) else tr(UNPRICED))


def _key_address(settings: Settings, spec: Spec) -> str:
    """One key serves a vendor's roles; an own address in any of them is the one it is for."""
    own = (settings.role(role).block(spec.name).base_url for role in TURN_ROLES)
    return next((address for address in own if address), spec.base_url)


def _late() -> Health:
    detail = tr("There was no answer within {n:.0f} seconds.", n=CHECK_S)
    return Health(ok=False, detail=detail, kind=Kind.TIMEOUT)
