"""Servers of a person's own, by the names they were given: declarations in, Specs and provider classes out.

A declaration with several addresses is a cluster of servers that are alike: a request goes to the one that answered last,
at first to the first, and to the next when it fails before it has begun. Event loop's thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from functools import cache, cached_property, partial
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlsplit

from companion.errors import AIProviderInvalidRequestError, CompanionError, Kind
from companion.flow import Health
from companion.hosts import is_this_computer
from companion.kinds import Role, VoiceInfo
from companion.language import mark, tr, trn
from companion.providers import registry
from companion.providers.model_names import label_of_model, made_for
from companion.providers.provider import AIProvider, Spec, opened
from companion.providers.vendors import compatible

if TYPE_CHECKING:
    from companion.calls import Embeddings, EmbedRequest
    from companion.flow import Audio, ChatDelta, ChatRequest, HearRequest, SpeakRequest, Transcript
    from companion.ports import Call
    from companion.providers.middleware import Candidate, Outcome

KINDS = {
    "openai": frozenset({Role.THINKS, Role.HEARS, Role.SPEAKS, Role.EMBEDS}),
    "wyoming": frozenset({Role.HEARS, Role.SPEAKS}),
}
"""What a server speaks -> what such servers can be."""
_VERBS = {
    Role.THINKS: mark("think"),
    Role.HEARS: mark("hear"),
    Role.SPEAKS: mark("speak"),
    Role.EMBEDS: mark("compare texts"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnServer:
    """One server, or several that are alike."""

    name: str
    addresses: tuple[str, ...]
    """Normalised; one is asked after the other."""
    kind: str = "openai"
    label: str = ""
    """As the person calls it; empty: its name."""
    roles: frozenset[Role] = frozenset()
    """What it is used for; empty: all that its kind can be."""

    @property
    def called(self) -> str:
        return self.label or self.name


def declare(servers: Iterable[OwnServer], *, alone: bool = False) -> tuple[str, ...]:
    """Makes servers providers like any other, under their names. Returns what could not be declared, in sentences.

    Args:
        alone: those that were declared before are there no longer.
    """
    made, problems = {}, []
    for server in servers:
        if server.name != server.name.lower():
            problems.append(tr("servers.{name}: its name is written in small letters.", name=server.name))
        elif registry.is_vendor(server.name):
            problems.append(
                tr(
                    "servers.{name}: a provider of that name is there already; give the server another one.",
                    name=server.name,
                )
            )
        elif server.kind not in KINDS or not server.addresses:
            problems.append(
                tr(
                    "servers.{name}: an address is needed, and openai or wyoming as its kind.",
                    name=server.name,
                )
            )
        else:
            made[server.name] = (spec_of(server), partial(class_of, server))
    registry.declare_servers(made, alone=alone)
    return tuple(problems)


def key_variable(name: str) -> str:
    """The environment variable that may hold the server's key; no vendor's key is called so."""
    plain = "".join(sign if sign.isalnum() else " " for sign in name).split()
    return "_".join(("COMPANION", "KEY", *plain)).upper()


def spec_of(server: OwnServer) -> Spec:
    """What is known of a server before it is asked."""
    roles = server.roles & KINDS[server.kind] or KINDS[server.kind]
    if server.kind == "wyoming":
        from companion.providers.vendors import wyoming

        like = wyoming.SPEC
    else:
        like = compatible.specs()["compatible"]
    return replace(
        like,
        name=server.name,
        display_name=server.called,
        aliases=(),
        roles=roles,
        base_url=" ".join(server.addresses),
        key_env=(key_variable(server.name),) if like.key_env else (),
        summary=_summary(server),
        is_server=True,
    )


@cache
def class_of(server: OwnServer) -> type[AIProvider]:
    """The class behind a declaration."""
    spec = spec_of(server)
    named = f"Server{server.name.title().replace('-', '').replace('_', '')}"
    if len(server.addresses) > 1:
        return type(named, (Cluster,), {"spec": spec, "server": server})
    if server.kind == "wyoming":
        from companion.providers.vendors.wyoming import WyomingProvider

        return type(named, (WyomingProvider,), {"spec": spec})
    made = compatible.compatible(server.name, compatible.rows()["compatible"])
    return type(named, (made,), {"spec": spec})


def _summary(server: OwnServer) -> str:
    elsewhere = [_host(each) for each in server.addresses if not is_this_computer(each)]
    where = (
        tr("What you say goes to {hosts}.", hosts=_listed(elsewhere, tr(" or ")))
        if elsewhere
        else tr("It runs on this computer.")
    )
    if len(server.addresses) == 1:
        return f"{tr('A server of your own.')} {where}"
    count = len(server.addresses)
    several = tr("{n} servers of your own: the next is asked when one does not answer.", n=count)
    return f"{several} {where}"


def _host(address: str) -> str:
    return urlsplit(address).netloc


def _listed(names: Sequence[str], word: str) -> str:
    return word.join(filter(None, (", ".join(names[:-1]), names[-1]))) if names else ""


class Cluster(AIProvider):
    """Servers that are alike, of which any may do a request."""

    spec: ClassVar[Spec] = Spec(name="cluster", display_name="Cluster", roles=frozenset())
    server: ClassVar[OwnServer]

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._arguments = {name: given for name, given in arguments.items() if name not in ("voice", "net")}
        self._first = 0

    @cached_property
    def members(self) -> tuple[AIProvider, ...]:
        """A provider for each address, in their order."""
        made = []
        for address in self.base_url.split():
            label = f"{self.server.called} ({_host(address)})"
            one = class_of(replace(self.server, addresses=(address,), label=label))
            made.append(one(**{**self._arguments, "base_url": address, "net": self.net}))
        return tuple(made)

    async def chat(self, request: ChatRequest) -> AsyncGenerator[ChatDelta, None]:
        async with opened(self._first_of("chat"), lambda: request) as deltas:
            async for delta in deltas:
                yield delta

    async def transcribe(self, request: HearRequest) -> AsyncGenerator[Transcript, None]:
        from companion.providers.replay import Replay

        async with aclosing(Replay(request.frames)) as take:
            each = lambda: replace(request, frames=take.again())  # noqa: E731 - heard from its beginning
            async with opened(self._first_of("transcribe"), each) as transcripts:
                async for transcript in transcripts:
                    yield transcript

    async def speak(self, request: SpeakRequest) -> AsyncGenerator[Audio, None]:
        async with opened(self._first_of("speak"), lambda: request) as sound:
            async for audio in sound:
                yield audio

    async def embed(self, request: EmbedRequest) -> AsyncGenerator[Embeddings, None]:
        async with opened(self._first_of("embed"), lambda: request) as found:
            async for vectors in found:
                yield vectors

    async def voices(self) -> Sequence[VoiceInfo]:
        refusal: CompanionError | None = None
        for member in self._in_turn():
            try:
                return await member.voices()
            except CompanionError as error:
                refusal = refusal or error
        raise refusal or self._unsupported(mark("{who} cannot speak."), tr("Give it an address."))

    async def check(self) -> Health:
        healths = await asyncio.gather(*(member.check() for member in self.members))
        well = [health for health in healths if health.ok]
        count = len(healths)
        if not well:
            return replace(
                healths[0], detail=f"{tr('None of the {n} servers answers.', n=count)} {healths[0].detail}"
            )
        silent = [
            _host(member.base_url)
            for member, health in zip(self.members, healths, strict=True)
            if not health.ok
        ]
        detail = tr("{n} of {count} servers answer.", n=len(well), count=count)
        if silent:
            missing = trn(
                "{hosts} does not.", "{hosts} do not.", len(silent), hosts=_listed(silent, tr(" and "))
            )
            detail = f"{detail} {missing}"
        return Health(
            ok=True,
            detail=detail,
            latency_ms=min((each.latency_ms for each in well if each.latency_ms is not None), default=None),
            models=tuple(dict.fromkeys(model for health in well for model in health.models)),
        )

    async def warm(self) -> None:
        for member in self._in_turn()[:1]:
            await member.warm()

    async def aclose(self) -> None:
        if "members" in self.__dict__:
            for member in self.members:
                await member.aclose()
        await super().aclose()

    def _in_turn(self) -> tuple[AIProvider, ...]:
        """Who answered last comes first."""
        return (*self.members[self._first :], *self.members[: self._first])

    def _first_of(self, verb: str) -> Call[Callable[[], Any], Any]:
        """The call of whichever member answers; its request is made anew for each of them."""
        from companion.providers.middleware import fallback

        def told(outcome: Outcome) -> None:
            names = [member.spec.display_name for member in self.members]
            self._first = names.index(outcome.answered_by)

        async def run(make: Callable[[], Any]) -> AsyncGenerator[Any, None]:
            refusals: list[CompanionError] = []
            candidates = [self._candidate(member, verb, refusals) for member in self._in_turn()]
            try:
                async with opened(fallback(candidates, on_outcome=told), make) as chunks:
                    async for chunk in chunks:
                        yield chunk
            except CompanionError as error:
                raise _most_telling(refusals, error) from error.__cause__

        return run

    def _candidate(
        self, member: AIProvider, verb: str, refusals: list[CompanionError]
    ) -> Candidate[Callable[[], Any], Any]:
        from companion.ledger import Cargo
        from companion.providers.middleware import Candidate, timeouts

        policy = self.policy
        share_s = policy.first_s / len(self.members)  # one that is silent must leave time for the others
        call = timeouts(getattr(member, verb), share_s, policy.idle_s, policy.total_s, spec=member.spec)

        async def run(make: Callable[[], Any]) -> AsyncGenerator[Any, None]:
            try:
                async with opened(call, make()) as chunks:
                    async for chunk in chunks:
                        yield chunk
            except CompanionError as error:
                refusals.append(error)
                raise

        return Candidate(name=member.spec.display_name, call=run, may_see=frozenset(Cargo))


def _most_telling(refusals: Sequence[CompanionError], usual: CompanionError) -> CompanionError:
    """Of several servers' refusals, that of one which is there and says what it wants."""
    absent = (Kind.UNREACHABLE, Kind.TIMEOUT)
    return next((refusal for refusal in refusals if refusal.kind not in absent), usual)


# -- what a server can do -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovery:
    """What a server was found to be able to do."""

    health: Health
    models: dict[Role, tuple[str, ...]]
    """Names per role; a role without is not there."""
    voices: int = 0
    answered: str = ""
    """How many of a cluster did, in a sentence; empty: it is no cluster."""

    @property
    def roles(self) -> frozenset[Role]:
        """Empty: it did not say."""
        return frozenset(self.models) | (frozenset({Role.SPEAKS}) if self.voices else frozenset())

    @property
    def sentence(self) -> str:
        """What a person reads."""
        if not self.health.ok:
            return self.health.detail
        answered = self.answered
        if not answered and self.health.latency_ms is not None:
            answered = tr("It answers in {ms:.0f} ms.", ms=self.health.latency_ms)
        elif not answered:
            answered = tr("It answers.")
        if not self.roles:
            unsaid = tr("It does not list its models: enter a model's name where you choose it.")
            return f"{answered} {unsaid}"
        can = _listed([self._can(role) for role in _VERBS if role in self.roles], tr(" and "))
        told = tr("They can {what}.", what=can) if self.answered else tr("It can {what}.", what=can)
        return f"{answered} {told}"

    def _can(self, role: Role) -> str:
        names = self.models.get(role, ())
        shown = ", ".join(map(label_of_model, names[:2]))
        if len(names) > 2:
            shown = trn("{names} and {n} more", "{names} and {n} more", len(names) - 2, names=shown)
        if role is Role.SPEAKS and self.voices:
            shown = trn("{n} voice", "{n} voices", self.voices)
        verb = tr(_VERBS[role])
        return f"{verb} ({shown})" if shown else verb


async def discover(provider: AIProvider, kind: str) -> Discovery:
    """Asks a server what it has. Reports, never raises a `CompanionError`."""
    health = await provider.check()
    if not health.ok:
        return Discovery(health=health, models={})
    if kind == "wyoming":
        found = {Role.HEARS: health.models} if health.models else {}
    else:
        found = {role: names for role in KINDS[kind] if (names := made_for(role, health.models))}
    voices = await _count_voices(provider, kind, found)
    answered = health.detail if isinstance(provider, Cluster) else ""
    return Discovery(health=health, models=found, voices=voices, answered=answered)


async def _count_voices(provider: AIProvider, kind: str, found: dict[Role, tuple[str, ...]]) -> int:
    if kind != "wyoming" and Role.SPEAKS not in found:
        return 0
    try:
        return len(await provider.voices())
    except CompanionError:
        return 0


def read_server(name: str, values: dict[str, Any]) -> OwnServer:
    """A server as a configuration file declares it: `address` (one, or several in a list), `kind`, `label`, `does`.

    Raises:
        AIProviderInvalidRequestError: it cannot be one.
    """
    given = values.get("address") or ()
    addresses = given.replace(",", " ").split() if isinstance(given, str) else [str(each) for each in given]
    unknown = values.keys() - {"address", "kind", "label", "does"}
    if unknown:
        raise AIProviderInvalidRequestError(f"servers.{name} has no {', '.join(sorted(unknown))}.", name)
    return OwnServer(
        name=name,
        addresses=tuple(addresses),
        kind=str(values.get("kind") or "openai"),
        label=str(values.get("label") or ""),
        roles=roles_of(str(values.get("does") or "")),
    )


def roles_of(text: str) -> frozenset[Role]:
    """Roles by their values, `llm stt`; others are left out."""
    return frozenset(role for role in Role if role.value in text.replace(",", " ").split())
