"""What every provider is: one class with three calls of one shape, and the simple methods programs use.

A vendor's file holds one `SPEC` and one subclass that overrides `chat`, `transcribe` or `speak`, which make one attempt
each. `stacked` and the simple methods add patience: retries, deadlines and the rest of `Policy`. Constructing a
provider is cheap: SDKs and connections come with the first call. Errors are `AIProviderError`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from companion.errors import (
    AIProviderAuthError,
    AIProviderNotSupportedError,
    AIProviderTimeoutError,
    AIProviderUnavailableError,
    Kind,
)
from companion.flow import (
    Audio,
    ChatDelta,
    ChatRequest,
    Health,
    HearRequest,
    Message,
    ModelInfo,
    Role,
    Speaker,
    SpeakRequest,
    Transcript,
    Usage,
    VoiceInfo,
)
from companion.hosts import host_of, is_own_network
from companion.log import Secret

if TYPE_CHECKING:
    from companion.calls import DrawRequest, Embeddings, EmbedRequest, Picture, RealtimeChoice
    from companion.net import Net
    from companion.ports import Call, SpeechToSpeech
    from companion.providers.middleware import Budget, CallFigures

RequestT = TypeVar("RequestT")
ChunkT = TypeVar("ChunkT")
AnswerT = TypeVar("AnswerT")

QUESTION_S = 30.0
"""Longest wait for the answer to a small question beside the calls."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """What is known of a provider before its code is loaded: enough for settings, validation and `PROVIDER_CONFIGS`."""

    name: str
    """Registered name, lower case."""
    display_name: str
    roles: frozenset[Role]
    aliases: tuple[str, ...] = ()
    needs_key: bool = False
    key_env: tuple[str, ...] = ()
    """Environment variables that may hold the key, the first wins."""
    key_prefixes: tuple[str, ...] = ()
    """How its keys begin, to notice a key pasted under the wrong vendor."""
    key_page: str = ""
    """Where a person gets a key."""
    base_url: str = ""
    """Default address; empty: there is none, the work is done here."""
    own_address: bool = False
    """The address is the person's own, `base_url` only a guess or an example; so are its keys and models."""
    address_env: str = ""
    """Environment variable that may hold it."""
    is_server: bool = False
    """A person declared it, with its address and its name; both are changed where it was declared."""
    default_models: Mapping[Role, str] = field(default_factory=dict)
    voices: tuple[VoiceInfo, ...] = ()
    """Voices that are known without asking."""
    hears_live: bool = False
    """Its recogniser works while the person still speaks; others wait for the end of the take."""
    live_models: frozenset[str] = frozenset()
    """The models that do so where the others do not."""
    follows_turns: bool = False
    """Its recogniser tells when a turn begins and ends (`Transcript.signal`)."""
    streams_text: bool = False
    """Its voice takes the text while it is written (`SpeakRequest.pieces`)."""
    realtime: tuple[str, ...] = ()
    """Models that hear, think and speak in one go (`AIProvider.realtime`), the default first; empty: none."""
    realtime_voices: tuple[str, ...] = ()
    """The voices of those models, the default first."""
    summary: str = ""
    """One sentence for the settings card: what it is and where the words go."""
    install: str = ""
    """How to install it, where it is an extra."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How patient we are with a provider. Seconds count only while we wait for it, not while its answer is used."""

    first_s: float = 15.0
    """To the first word or sound."""
    idle_s: float = 10.0
    """Between two pieces of the answer; keep-alives are no pieces."""
    total_s: float = 1800.0
    """Altogether: ends what never ends. An answer that is being written is not cut by it."""
    attempts: int = 3
    """How often a request is sent at most; 1: no retry."""
    backoff_s: float = 0.5
    """Pause before the second attempt; doubles with each further one."""
    patience_s: float = 120.0
    """A vendor that asks for a longer pause is not waited for."""
    breaker: bool = True
    breaker_threshold: int = 5
    """Failures in a row after which the provider is left alone."""
    breaker_rest_s: float = 30.0
    """How long it is left alone before one request tries again."""
    requests_per_minute: int = 0
    """0: no limit."""
    max_chars: int = 32_000
    """Longest answer."""
    max_audio_s: float = 600.0
    """Longest speech of one request."""

    @property
    def thinking_s(self) -> float:
        """To the first word of a model that is known to think before it answers."""
        return max(self.first_s, min(THINKING * self.first_s, LONGEST_THOUGHT_S))

    def waiting(self, seconds: float) -> Policy:
        """The same for who wants to wait that long: a short wait shortens the clocks, a long one lengthens them."""
        if seconds > USUAL_WAIT_S:
            return replace(self, first_s=max(self.first_s, seconds), idle_s=max(self.idle_s, seconds))
        return replace(self, first_s=min(self.first_s, seconds), idle_s=min(self.idle_s, seconds))


USUAL_WAIT_S = 60.0
"""What nobody has set; the clocks of a policy are then as they are."""
THINKING = 8.0
"""A model that thinks may be silent for so many times as long as another."""
LONGEST_THOUGHT_S = 120.0
LOCAL_POLICY = Policy(first_s=120.0, idle_s=60.0)
"""Engines without a key run on this computer: they load models and share its processor; they are slow, not gone."""


class AIProvider:
    """A provider of thinking, hearing or speaking. Use as is, or subclass to add a vendor.

    Args:
        api_key: the vendor's key; a plain string is wrapped at once.
        model: default for `chat` and `generate_completion`; empty: the vendor's default.
        base_url: another address of the same protocol.
        net: the gate to use; by default the provider makes one of its own and closes it with itself.
        tts_model: default for `speak`.
        tts_voice: default voice.
        embedding_model: default for `embed`.
        image_model: default for `draw`.
        stt_model: default for `transcribe`.
        voice: who speaks for a vendor without speech; it is closed together with this provider.
        options: what a dialect understands besides; unknown names are refused by it.
    """

    spec: ClassVar[Spec]
    policy: Policy = Policy()
    """For `stacked` and the simple methods; `LOCAL_POLICY` where there is no key. The factory refines it."""
    recogniser: str = ""
    """The model that hears, of a provider that finds out for itself which is there."""
    budget: Budget | None = None
    """Where everything that goes through `stacked` is paid from; a conversation with a voice model is booked on it too."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if not hasattr(cls, "spec"):  # a program's own class; a vendor's file writes its SPEC out
            roles = frozenset(role for role, names in _METHODS.items() if _overrides(cls, names))
            cls.spec = Spec(name=cls.__name__.lower(), display_name=cls.__name__, roles=roles)
        if cls.policy is AIProvider.policy and not cls.spec.needs_key:
            cls.policy = LOCAL_POLICY

    def __init__(
        self,
        *,
        api_key: str | Secret | None = None,
        model: str = "",
        base_url: str = "",
        net: Net | None = None,
        tts_model: str = "",
        tts_voice: str = "",
        stt_model: str = "",
        embedding_model: str = "",
        image_model: str = "",
        voice: AIProvider | None = None,
        **options: Any,
    ) -> None:
        if options:
            raise TypeError(f"{self.spec.name}: unknown option {', '.join(sorted(options))}")
        self.api_key = Secret(api_key) if isinstance(api_key, str) and api_key else api_key or None
        self.base_url = base_url or self.spec.base_url
        defaults = self.spec.default_models
        self.models: Mapping[Role, str] = {
            Role.THINKS: model or defaults.get(Role.THINKS, ""),
            Role.HEARS: stt_model or defaults.get(Role.HEARS, ""),
            Role.SPEAKS: tts_model or defaults.get(Role.SPEAKS, ""),
            Role.EMBEDS: embedding_model or defaults.get(Role.EMBEDS, ""),
            Role.DRAWS: image_model or defaults.get(Role.DRAWS, ""),
        }
        self.tts_voice = tts_voice
        self._voice = voice
        self._net = net
        self._owns_net = net is None
        self._stacks: dict[object, tuple[object, Call[Any, Any]]] = {}

    # -- what a dialect overrides ---------------------------------------------------------------------------

    def chat(self, request: ChatRequest) -> AsyncGenerator[ChatDelta, None]:
        """Streams an answer; the last delta carries `finish_reason`. One attempt, no retry.

        Raises:
            AIProviderError: of the kind that fits; AIProviderStreamCutError when the stream ends without its end.
        """
        raise self._unsupported("write answers", "Choose another provider for thinking.")

    def transcribe(self, request: HearRequest) -> AsyncGenerator[Transcript, None]:
        """Streams what is heard: partial transcripts where the engine can, then exactly one final."""
        raise self._unsupported("recognise speech", "Choose another provider for hearing.")

    def speak(self, request: SpeakRequest) -> AsyncGenerator[Audio, None]:
        """Streams the sound of a text in chunks of one sample rate."""
        if self._voice is None:
            raise self._unsupported("speak", "Configure a voice: the built-in one or OpenAI, for instance.")
        return self._voice.speak(request)

    def embed(self, request: EmbedRequest) -> AsyncGenerator[Embeddings, None]:
        """Yields the vectors of all texts of the request, once."""
        raise self._unsupported("turn text into vectors", "Choose another provider for embeddings.")

    def draw(self, request: DrawRequest) -> AsyncGenerator[Picture, None]:
        """Yields the pictures of the request as they are ready, usually one."""
        raise self._unsupported("draw pictures", "Choose another provider for images.")

    def realtime(self, choice: RealtimeChoice) -> SpeechToSpeech:
        """Who opens conversations with a model that hears, thinks and speaks in one go (`Spec.realtime`)."""
        raise self._unsupported("hold a spoken conversation", "Choose another engine for conversations.")

    async def voices(self) -> Sequence[VoiceInfo]:
        """The voices to choose from; asks the vendor where it has a list."""
        return self.spec.voices if self._voice is None else await self._voice.voices()

    async def check(self) -> Health:
        """The vendor's cheapest authenticated call. Reports, never raises an `AIProviderError`."""
        return Health(ok=True, detail="Ready.")

    async def warm(self) -> None:
        """Imports the SDK and prepares connections so that the next call is quick. Never raises."""

    async def aclose(self) -> None:
        """Closes connections. Idempotent."""
        if self._voice is not None:
            await self._voice.aclose()
        if self._owns_net and self._net is not None:
            await self._net.aclose()
            self._net = None

    # -- what dialects share --------------------------------------------------------------------------------

    @property
    def net(self) -> Net:
        if self._net is None:
            from companion.net import Net

            self._net = Net()
        return self._net

    def stacked(self, call: Call[RequestT, ChunkT]) -> Call[RequestT, ChunkT]:
        """`call`, one of this provider's own, behind its policy and its budget: `provider.stacked(provider.chat)`.

        The same call gives the same stack again, so the circuit breaker and the rate limit remember; another policy makes
        a new one in its place.
        """
        made_for, stacked = self._stacks.get(call, (None, call))
        if made_for != (wanted := (self.policy, self.budget)):
            stacked = self._stacked_anew(call)
            self._stacks[call] = wanted, stacked
        return stacked

    def _stacked_anew(self, call: Call[RequestT, ChunkT]) -> Call[RequestT, ChunkT]:
        from companion.providers.middleware import affordable, measured, stack

        if self.budget is not None:  # inside, because every attempt is paid for
            call = measured(call, self.budget, spec=self.spec, price=self.price, default_model=self._model_of)
        call = stack(call, self.policy, self.spec, thinks=self._thinks)
        if self.budget is not None and self.may_cost:
            call = affordable(call, self.budget, spec=self.spec)
        return call

    @property
    def may_cost(self) -> bool:
        """Whether its calls may cost money: there is a key, and whoever wants it is no machine of one's own."""
        if self.spec.needs_key:
            return True
        return self.api_key is not None and not all(
            is_own_network(host_of(address)) for address in self.base_url.split()
        )

    def price(self, figures: CallFigures) -> float | None:
        """What a call cost, by the catalogue; None: not known."""
        from companion.providers.middleware.figures import catalogue_price

        return catalogue_price(figures) if self.may_cost else 0.0

    def knows_price(self, role: Role, model: str = "") -> bool:
        """Whether it is known what a request to `model` (empty: the default) costs, be it nothing."""
        from companion.providers.middleware import CallFigures

        name, usage = model or self._model_of(role), Usage(input_tokens=1, output_tokens=1)
        usage_of = usage if role not in (Role.HEARS, Role.SPEAKS) else None
        call = CallFigures(
            provider=self.spec.name, model=name, role=role, usage=usage_of, sound_s=1.0, chars=1
        )
        return self.price(call) is not None

    def _model_of(self, role: Role) -> str:
        return self.models.get(role, "")

    def _thinks(self, request: object) -> bool:
        """Whether the model that is asked is known to think before it answers."""
        if not isinstance(request, ChatRequest) or request.reasoning_effort == "none":
            return False
        from companion.providers.catalogue import Catalogue

        entry = Catalogue.load().find(request.model or self.models[Role.THINKS], self.spec.name)
        return entry is not None and "reasoning" in entry.abilities

    async def asked(self, question: Callable[[], Awaitable[AnswerT]]) -> AnswerT:
        """What a small question beside the calls is answered (which models, which voices); asked twice if need be.

        Raises:
            AIProviderError: what `question` raises; TIMEOUT.
        """
        from companion.providers.middleware import retry

        async def once(_: None) -> AsyncGenerator[AnswerT, None]:
            try:
                async with asyncio.timeout(QUESTION_S):
                    answer = await question()
            except TimeoutError as error:
                raise AIProviderTimeoutError("", self.spec.name, error, who=self.spec.display_name) from error
            yield answer

        policy = self.policy
        attempts = min(2, policy.attempts)
        call = retry(once, attempts, backoff_s=policy.backoff_s, patience_s=5.0, within_s=policy.first_s / 2)
        async with opened(call, None) as answers:
            return await anext(answers)

    def require_key(self) -> str:
        """The key, revealed for one request.

        Raises:
            AIProviderAuthError: KEY_MISSING when there is none, KEY_MALFORMED when it cannot be one.
        """
        if self.api_key is None:
            raise AIProviderAuthError("", self.spec.name, kind=Kind.KEY_MISSING, who=self.spec.display_name)
        key = self.api_key.reveal().strip()
        if not (key.isascii() and key.isprintable()):  # no header can carry it
            raise AIProviderAuthError("", self.spec.name, kind=Kind.KEY_MALFORMED, who=self.spec.display_name)
        return key

    def _unsupported(self, what: str, hint: str) -> AIProviderNotSupportedError:
        name = self.spec.display_name
        return AIProviderNotSupportedError(f"{name} cannot {what}.", self.spec.name, who=name, hint=hint)

    async def __aenter__(self) -> AIProvider:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(model={self.models[Role.THINKS]!r})"

    # -- the simple face (features B1) ----------------------------------------------------------------------

    async def generate_completion(
        self, system_prompt: str, user_prompt: str, max_tokens: int = 500, temperature: float = 0.7
    ) -> str:
        """The whole answer as text."""
        from companion.providers.response import said

        request = simple_request(system_prompt, user_prompt, max_tokens, temperature)
        async with opened(self.stacked(self.chat), request) as deltas:
            came = [delta async for delta in deltas]
        return "".join(delta.text for delta in said(came))

    async def generate_completion_stream(
        self, system_prompt: str, user_prompt: str, max_tokens: int = 500, temperature: float = 0.7
    ) -> AsyncGenerator[str, None]:
        """The answer as it is written."""
        request = simple_request(system_prompt, user_prompt, max_tokens, temperature)
        async with opened(self.stacked(self.chat), request) as deltas:
            async for delta in deltas:
                if delta.text:
                    yield delta.text

    async def generate_tts(self, text: str, voice: str = "", speed: float = 1.0) -> bytes:
        """The sound of `text` as an MP3 file."""
        from companion.pcm import to_mp3

        request = SpeakRequest(text=text, voice=voice, speed=speed)
        async with opened(self.stacked(self.speak), request) as sound:
            chunks = [chunk async for chunk in sound]
        rate_hz = chunks[0].rate_hz if chunks else 24_000
        return to_mp3(Audio(pcm=b"".join(chunk.pcm for chunk in chunks), rate_hz=rate_hz))

    def get_model_info(self) -> ModelInfo:
        """The chat model this provider uses, with what the catalogue knows of it."""
        from companion.providers.catalogue import Catalogue

        model = self.models[Role.THINKS]
        entry = Catalogue.load().find(model, self.spec.name)
        return ModelInfo(
            provider=self.spec.name,
            model_name=model,
            supports_tts=Role.SPEAKS in self.spec.roles or self._voice is not None,
            max_tokens=entry.max_output if entry else None,
            context_window=entry.context_window if entry else None,
        )

    async def count_tokens(self, request: ChatRequest) -> int:
        """How many tokens a request is before its answer: the vendor's own count where it has one, else an estimate."""
        from companion.tokens import estimate_request

        return estimate_request(request)

    async def list_models(self) -> tuple[str, ...]:
        """Ids of the models there are: asked of the vendor, or from the catalogue where it has no list.

        Raises:
            AIProviderError: KEY_MISSING; UNAVAILABLE, with the reason, where the vendor could not be asked.
        """
        if self.spec.needs_key:
            self.require_key()
        health = await self.check()
        if not health.ok:
            raise AIProviderUnavailableError(health.detail, self.spec.name, who=self.spec.display_name)
        if health.models:
            return health.models
        from companion.providers.catalogue import Catalogue

        return tuple(entry.model for entry in Catalogue.load().models(self.spec.name))

    async def get_available_voices(self) -> list[str]:
        """Ids of the voices `generate_tts` takes."""
        return [voice.id for voice in await self.voices()]


class opened(Generic[RequestT, ChunkT]):
    """The chunks of one call, closed at the end of the block whatever happens: `async with opened(call, request)`."""

    def __init__(self, call: Call[RequestT, ChunkT], request: RequestT) -> None:
        self._chunks = call(request)

    async def __aenter__(self) -> AsyncIterator[ChunkT]:
        return self._chunks

    async def __aexit__(self, *_: object) -> None:
        close = getattr(self._chunks, "aclose", None)  # async generators have it, bare iterators need not
        if close is not None:
            await close()


def simple_request(system_prompt: str, user_prompt: str, max_tokens: int, temperature: float) -> ChatRequest:
    """The request behind `generate_completion`."""
    return ChatRequest(
        messages=(Message(Speaker.SYSTEM, system_prompt), Message(Speaker.USER, user_prompt)),
        max_tokens=max_tokens,
        temperature=temperature,
    )


_METHODS: Mapping[Role, tuple[str, ...]] = {
    Role.THINKS: ("chat", "generate_completion", "generate_completion_stream"),
    Role.HEARS: ("transcribe",),
    Role.SPEAKS: ("speak", "generate_tts"),
    Role.EMBEDS: ("embed",),
    Role.DRAWS: ("draw",),
}


def _overrides(cls: type[AIProvider], names: tuple[str, ...]) -> bool:
    return any(getattr(cls, name) is not getattr(AIProvider, name) for name in names)
