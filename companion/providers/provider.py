"""What every provider is: one class with three calls of one shape, and the simple methods programs use (`simple`).

A vendor's file holds one `SPEC` and one subclass that overrides `chat`, `transcribe` or `speak`, which make one attempt
each; a program's own class may override simple methods instead. `stacked` and the simple methods add patience: retries,
deadlines and the rest of `Policy`. Constructing a provider is cheap: SDKs and connections come with the first call.
Errors are `AIProviderError`.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar

from companion.errors import (
    AIProviderAuthError,
    AIProviderKeyMissingError,
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
    SpeakRequest,
    Transcript,
    Usage,
)
from companion.hosts import host_of, is_own_network
from companion.kinds import Role, VoiceInfo
from companion.language import mark, tr
from companion.log import Secret
from companion.providers import written
from companion.providers.simple import SimpleMethods, opened, simple_request
from companion.providers.spec import Spec

if TYPE_CHECKING:
    from companion.calls import DrawRequest, Embeddings, EmbedRequest, Picture, RealtimeChoice
    from companion.jobs import BatchProgress, BatchRequest, VideoProgress, VideoRequest
    from companion.net import Net
    from companion.ports import Call, SpeechToSpeech
    from companion.providers.middleware import Budget, CallFigures

FROM_ENVIRONMENT = Secret("")
"""No key was given, and none was refused: the vendor's variables may hold one."""
__all__ = [
    "FROM_ENVIRONMENT",
    "AIProvider",
    "BaseImageProvider",
    "Policy",
    "Spec",
    "opened",
    "simple_request",
]
RequestT = TypeVar("RequestT")
ChunkT = TypeVar("ChunkT")
AnswerT = TypeVar("AnswerT")
BeginsWith = Callable[[], tuple[Message, ...]]
"""Gives what the next question to a model begins with."""

QUESTION_S = 30.0
"""Longest wait for the answer to a small question beside the calls."""


def revealed(key: Secret | str) -> str:
    """The text of a key; a program's own class may keep its key as one."""
    return key.reveal() if isinstance(key, Secret) else str(key)


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
    requests_per_minute: float = 0
    """0: no limit."""
    requests_at_once: int = 0
    """How many of them may begin together; 0: a minute's worth."""
    max_chars: int = 32_000
    """Longest answer."""
    max_audio_s: float = 600.0
    """Longest speech of one request."""
    poll_s: float = 2.0
    """Pause before a job at the vendor is looked at again; grows up to fifteen times as long."""

    @property
    def thinking_s(self) -> float:
        """To the first word of a model that is known to think before it answers."""
        return max(self.first_s, min(THINKING * self.first_s, LONGEST_THOUGHT_S))

    @property
    def of_jobs(self) -> Policy:
        """For work that takes minutes or hours and has clocks of its own: only what says nothing at all is ended."""
        return replace(self, first_s=JOB_SILENCE_S, idle_s=JOB_SILENCE_S, total_s=JOB_TOTAL_S)

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
JOB_SILENCE_S = 900.0
JOB_TOTAL_S = 7 * 86_400.0
LOCAL_POLICY = Policy(first_s=120.0, idle_s=60.0)
"""Engines without a key run on this computer: they load models and share its processor; they are slow, not gone."""


class AIProvider(SimpleMethods):
    """A provider of thinking, hearing or speaking. Use as is, or subclass to add a vendor.

    Args:
        config: of a program's own provider: a value whose `api_key`, `model` and `voice` are taken over.
        api_key: the vendor's key; a plain string is wrapped at once. Not given, nor another address: what the vendor's
            variables say; None: no key.
        model: default for `chat` and `generate_completion`; empty: the vendor's default.
        base_url: another address of the same protocol.
        net: the gate to use; by default the provider makes one of its own and closes it with itself.
        tts_model: default for `speak`.
        tts_voice: default voice.
        embedding_model: default for `embed`.
        image_model: default for `draw`.
        video_model: default for `film`.
        stt_model: default for `transcribe`.
        voice: who speaks for a vendor without speech; it is closed together with this provider.
        options: what a dialect understands besides; unknown names are refused by it.
    """

    spec: ClassVar[Spec]
    _is_described: ClassVar[bool] = False
    makes: ClassVar[Role] = Role.THINKS
    """What `generate` gives, where a program's own class overrides it."""
    policy: Policy = Policy()
    """For `stacked` and the simple methods; `LOCAL_POLICY` where there is no key. The factory refines it."""
    recogniser: str = ""
    """The model that hears, of a provider that finds out for itself which is there."""
    speaker: str = ""
    """The voice that speaks, in the same way: its label."""
    thinker: str = ""
    """The model that thinks, in the same way."""
    budget: Budget | None = None
    """Where everything that goes through `stacked` is paid from; a conversation with a voice model is booked on it too."""
    api_key: Secret | None
    """A program's own class may keep it as a string, for a library of its own."""
    base_url: str
    models: Mapping[Role, str]
    tts_voice: str
    defaults: Mapping[str, Any]
    """Fields of requests that are filled in where a request leaves them as they are: `temperature`, `speed` ..."""
    config: Any
    """What a program's own provider was made with."""
    settings: Mapping[str, Any]
    """What it was configured with and its constructor does not take: for `initialize`."""
    _role: Role | None
    """What it was made for, where it can do several things."""
    _voice: AIProvider | None
    _stand_in: AIProvider | None
    _net: Net | None
    _owns_net: bool
    _is_open: bool
    """Between `connect` and `disconnect`; a program's own class may keep that as `_connected`."""
    _turn: Transcript | None
    _closes: bool
    _made_with: dict[str, Any]
    _stacks: dict[object, tuple[object, Call[Any, Any]]]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "spec" in vars(cls):  # a vendor's file writes its SPEC out
            cls._is_described = True
        elif not cls._is_described:  # a program's own class is what it overrides
            spelled = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", cls.__name__).upper()
            cls.spec = Spec(
                name=cls.__name__.lower(),
                display_name=cls.__name__,
                roles=frozenset(role for role in Role if written.method(cls, role)),
                key_env=(f"{spelled}_API_KEY",),
            )
        if cls.policy is AIProvider.policy and not cls.spec.needs_key:
            cls.policy = LOCAL_POLICY

    def __new__(cls, *_: Any, **arguments: Any) -> Self:
        """An instance that is whole even where a program's own class never calls `super().__init__`."""
        if not hasattr(cls, "spec"):
            raise TypeError(
                f"{cls.__name__} is nobody in particular: subclass it, or ask AIProviderFactory for one"
            )
        self = super().__new__(cls)
        key = arguments.get("api_key")
        self._made_with = {**arguments, **({"api_key": Secret(key)} if isinstance(key, str) and key else {})}
        self.api_key, self.base_url, self.tts_voice = None, "", ""
        self.models = dict.fromkeys(Role, "")
        self.defaults, self.settings, self.config = {}, {}, None
        self._role = self._voice = self._stand_in = self._net = self._turn = None
        self._owns_net, self._is_open, self._closes = True, False, False
        self._stacks = {}
        return self

    def __init__(
        self,
        config: Any = None,
        /,
        *,
        api_key: str | Secret | None = FROM_ENVIRONMENT,
        model: str = "",
        base_url: str = "",
        net: Net | None = None,
        tts_model: str = "",
        tts_voice: str = "",
        stt_model: str = "",
        embedding_model: str = "",
        image_model: str = "",
        video_model: str = "",
        voice: AIProvider | None = None,
        **options: Any,
    ) -> None:
        if options:
            raise TypeError(f"{self.spec.name}: unknown option {', '.join(sorted(options))}")
        if api_key is FROM_ENVIRONMENT and not base_url and config is None:
            from companion.providers.config import arguments_from_environment

            found = arguments_from_environment(self.spec)
            api_key, base_url = found.get("api_key"), found.get("base_url", "")
            model, tts_model = model or found.get("model", ""), tts_model or found.get("tts_model", "")
            tts_voice = tts_voice or found.get("tts_voice", "")
        self.config = config
        api_key = api_key or getattr(config, "api_key", None)
        self.api_key = Secret(api_key) if isinstance(api_key, str) and api_key else api_key or None
        self.base_url = base_url or self.spec.base_url
        model = model or str(getattr(config, "model", None) or "")
        defaults = self.spec.default_models
        self.models = {
            Role.THINKS: model or defaults.get(Role.THINKS, ""),
            Role.HEARS: stt_model or defaults.get(Role.HEARS, ""),
            Role.SPEAKS: tts_model or defaults.get(Role.SPEAKS, ""),
            Role.EMBEDS: embedding_model or defaults.get(Role.EMBEDS, ""),
            Role.DRAWS: image_model or defaults.get(Role.DRAWS, ""),
            Role.FILMS: video_model or defaults.get(Role.FILMS, ""),
        }
        self.tts_voice = tts_voice or str(getattr(config, "voice", None) or "")
        self._voice = voice
        self._net = net
        self._owns_net = net is None

    # -- what a dialect overrides ---------------------------------------------------------------------------

    def chat(self, request: ChatRequest) -> AsyncGenerator[ChatDelta, None]:
        """Streams an answer; the last delta carries `finish_reason`. One attempt, no retry.

        Raises:
            AIProviderError: of the kind that fits; AIProviderStreamCutError when the stream ends without its end.
        """
        if written.method(type(self), Role.THINKS):
            return written.chat(self, request)
        raise self._unsupported(
            mark("{who} cannot write answers."), tr("Choose another provider for thinking.")
        )

    def transcribe(self, request: HearRequest) -> AsyncGenerator[Transcript, None]:
        """Streams what is heard: partial transcripts where the engine can, then exactly one final."""
        if written.method(type(self), Role.HEARS):
            return written.transcribe(self, request)
        raise self._unsupported(
            mark("{who} cannot recognise speech."), tr("Choose another provider for hearing.")
        )

    def speak(self, request: SpeakRequest) -> AsyncGenerator[Audio, None]:
        """Streams the sound of a text in chunks of one sample rate.

        A vendor without speech speaks through the voice it was given, else through the one the environment names.
        """
        if written.method(type(self), Role.SPEAKS):
            return written.speak(self, request)
        if self._voice is None and self._stand_in is None:
            from companion.providers.config import voice_for

            self._stand_in = voice_for(self.spec, None if self._owns_net else self._net)
        voice = self._voice or self._stand_in
        if voice is None:
            raise self._unsupported(
                mark("{who} cannot speak."),
                tr("Configure a voice: the built-in one or OpenAI, for instance."),
            )
        return voice.speak(request)

    def embed(self, request: EmbedRequest) -> AsyncGenerator[Embeddings, None]:
        """Yields the vectors of all texts of the request, once."""
        if written.method(type(self), Role.EMBEDS):
            return written.embed(self, request)
        raise self._unsupported(
            mark("{who} cannot turn text into vectors."), tr("Choose another provider for embeddings.")
        )

    def draw(self, request: DrawRequest) -> AsyncGenerator[Picture, None]:
        """Yields the pictures of the request as they are ready, usually one."""
        if written.method(type(self), Role.DRAWS):
            return written.draw(self, request)
        raise self._unsupported(
            mark("{who} cannot draw pictures."), tr("Choose another provider for images.")
        )

    def film(self, request: VideoRequest) -> AsyncGenerator[VideoProgress, None]:
        """Makes a video into a file; yields how far it is, at last with the video."""
        raise self._unsupported(
            mark("{who} cannot make videos."), tr("Choose another provider for videos: Google, for instance.")
        )

    def batch(self, request: BatchRequest) -> AsyncGenerator[BatchProgress, None]:
        """Has many chat requests answered in one job; yields how far it is, at last with the answers in order."""
        hint = tr("Ask one by one, or choose a provider with batches: OpenAI or Anthropic.")
        raise self._unsupported(mark("{who} cannot answer requests in batches."), hint)

    def realtime(self, choice: RealtimeChoice) -> SpeechToSpeech:
        """Who opens conversations with a model that hears, thinks and speaks in one go (`Spec.realtime`)."""
        raise self._unsupported(
            mark("{who} cannot hold a spoken conversation."), tr("Choose another engine for conversations.")
        )

    async def voices(self) -> Sequence[VoiceInfo]:
        """The voices to choose from; asks the vendor where it has a list."""
        if self._voice is not None:
            return await self._voice.voices()
        return self.spec.voices or await written.voices(self)

    async def check(self) -> Health:
        """The vendor's cheapest authenticated call. Reports, never raises an `AIProviderError`."""
        return Health(ok=True, detail=tr("Ready."))

    async def warm(self) -> None:
        """Imports the SDK and prepares connections so that the next call is quick. Never raises."""

    async def read_ahead(self, begins_with: BeginsWith) -> None:
        """Reads what the next question begins with; for a model of this computer. Never raises.

        Nobody else takes it: words that were not asked for yet leave this computer for no one.
        """

    async def warm_voice(self, voice: str) -> None:
        """As `warm`, for who will speak with `voice`."""
        await self.warm()

    async def aclose(self) -> None:
        """Closes connections. Idempotent."""
        await written.close(self)
        for voice in (self._voice, self._stand_in):
            if voice is not None:
                await voice.aclose()
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

    def stacked(self, call: Call[RequestT, ChunkT], policy: Policy | None = None) -> Call[RequestT, ChunkT]:
        """`call`, one of this provider's own, behind its policy and its budget: `provider.stacked(provider.chat)`.

        The same call gives the same stack again, so the circuit breaker and the rate limit remember; another policy makes
        a new one in its place. What a request leaves open is filled in from `defaults`.

        Args:
            policy: instead of the provider's own; its stack is kept beside that one.
        """
        place = (call, policy is not None)
        made_for, stacked = self._stacks.get(place, (None, call))
        if made_for != (wanted := (policy or self.policy, self.budget)):
            stacked = self._stacked_anew(call, policy or self.policy)
            self._stacks[place] = wanted, stacked
        return stacked

    def _stacked_anew(self, call: Call[RequestT, ChunkT], policy: Policy) -> Call[RequestT, ChunkT]:
        from companion.providers.middleware import affordable, measured, stack

        policy = policy.of_jobs if call in (self.film, self.batch) else policy
        call = written.as_call(self, call)
        if self.budget is not None:  # inside, because every attempt is paid for
            call = measured(call, self.budget, spec=self.spec, price=self.price, default_model=self._model_of)
        call = stack(call, policy, self.spec, thinks=self._thinks)
        if self.budget is not None and self.may_cost:
            call = affordable(call, self.budget, spec=self.spec)
        return written.filling(self, call)

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

        model = request.model or self.models[Role.THINKS]
        entry = Catalogue.load().find(model, self.spec.name)
        if entry is not None and entry.abilities:
            return "reasoning" in entry.abilities
        from companion.providers.wire.words import (
            thinks_aloud,
        )  # of a model that nobody knows its name says it

        return bool(request.reasoning_effort) or thinks_aloud(model)

    async def asked(self, question: Callable[[], Awaitable[AnswerT]]) -> AnswerT:
        """What a small question beside the calls is answered (which models, which voices); asked twice if need be.

        Raises:
            AIProviderError: what `question` raises; TIMEOUT.
        """
        import asyncio  # here, because the first frame of the window waits for this file

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
            AIProviderKeyMissingError: there is none.
            AIProviderAuthError: KEY_MALFORMED when no header can carry it.
        """
        if not self.api_key:
            raise key_missing(self.spec)
        key = revealed(self.api_key).strip()
        if not (key.isascii() and key.isprintable()):
            raise AIProviderAuthError("", self.spec.name, kind=Kind.KEY_MALFORMED, who=self.spec.display_name)
        return key

    def _unsupported(self, message: str, hint: str) -> AIProviderNotSupportedError:
        """`message`: a sentence with {who} in it."""
        name = self.spec.display_name
        return AIProviderNotSupportedError(tr(message, who=name), self.spec.name, who=name, hint=hint)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        model = self.models[self._role or Role.THINKS] or next(filter(None, self.models.values()), "")
        return f"{type(self).__name__}(model={model!r})"

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


class BaseImageProvider(AIProvider):
    """A provider whose `generate` draws."""

    makes = Role.DRAWS

    async def generate_batch(self, prompts: Sequence[str], **options: Any) -> list[Picture]:
        """A picture for each prompt, in their order."""
        from companion.providers.client import Client

        client = Client(self)
        return [await client.draw(prompt, **options) for prompt in prompts]


STTProvider = TTSProvider = LLMProvider = Provider = AIProvider
BaseTextProvider = BaseAudioProvider = BaseTTSProvider = BaseVoiceProvider = BaseRealtimeProvider = AIProvider
"""A class of a program's own may name what it is for; what it can do is seen from what it overrides."""


def key_missing(spec: Spec) -> AIProviderKeyMissingError:
    """That there is no key, in words for a program: where it is looked for, and where one is made."""
    from companion.providers.config import key_variables

    variables = key_variables(spec)
    ways = [f"set {variables[0]}"] if variables else []
    page = f" Keys are made at {spec.key_page}." if spec.key_page else ""
    hint = f"{' or '.join(['Give it as `api_key`', *ways])}.{page}"
    return AIProviderKeyMissingError("", spec.name, who=spec.display_name, hint=hint)
