"""One way to ask anybody: requests built step by step, answered whole, streamed, as a Python value, or with tools.

    async with Client() as client:
        response = await client.request().system("Be brief.").user("What is dusk?").model("claude-haiku-5-5").send()

The model chooses the provider. Everything goes through the provider's own patience (`AIProvider.policy`), and through what
the program adds with `use`. On the loop.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

from companion.errors import (
    AIProviderEmptyReplyError,
    AIProviderError,
    AIProviderInvalidRequestError,
    AIProviderStreamCutError,
)
from companion.flow import Audio, ChatRequest, Message, SpeakRequest, Transcript
from companion.kinds import Role
from companion.providers.provider import AIProvider, Spec, opened
from companion.providers.request import ChatStream, RequestBuilder
from companion.providers.response import ChatResponse, Collected

if TYPE_CHECKING:
    from companion.calls import ChatOptions, Embeddings, EmbedRequest, Picture
    from companion.jobs import BatchAnswer, BatchProgress, BatchRequest, Video
    from companion.ports import Call
    from companion.providers.config_file import Config
    from companion.providers.middleware import Middleware

RequestT = TypeVar("RequestT")
ChunkT = TypeVar("ChunkT")


class Client:
    """Asks one or several providers.

    Args:
        providers: who may be asked, the first by default; names are created from the environment, and closed with the
            client. A `Config` stands for all it names. None given: whoever has the model that is asked for, by the
            catalogue; without a model as `AIProviderFactory.create` chooses.
        named: providers under names of the program's own; of several of one vendor without such a name the second is
            `openai-2`, and so on.

    Raises:
        AIProviderInvalidRequestError: PROVIDER_UNKNOWN.
    """

    def __init__(self, *providers: AIProvider | str | Config, **named: AIProvider | str) -> None:
        self._specs: dict[str, Spec] = {}
        """Who may be asked, by the name they have here."""
        self._providers: dict[str, AIProvider] = {}
        self._by_role: dict[Role, str] = {}
        """Who has a role, where a `Config` says so."""
        self._configs: list[Config] = []
        self._wanted: dict[str, str] = {}
        """As whom those are created that were only named."""
        self._own: dict[str, AIProvider] = {}
        self._middleware: tuple[Middleware | Callable[[Any], Any], ...] = ()
        self._calls: dict[object, Call[Any, Any]] = {}
        for one in providers:
            if isinstance(one, AIProvider | str):
                self._take(one)
            else:
                self._configs.append(one)
                for role in one.active:
                    self._by_role[role] = self._take(one.provider(role))
        for name, one in named.items():
            self._take(one, name)

    def _take(self, one: AIProvider | str, name: str = "") -> str:
        """Remembers somebody who may be asked; their name here."""
        from companion.providers.config import meant

        if isinstance(one, AIProvider):
            wanted, spec = one.spec.name, one.spec
        else:
            spec, model = meant(one)
            wanted = one.strip().lower() if model else spec.name
        name, number = name or wanted, 1
        while name in self._specs:
            name, number = f"{wanted}-{number + 1}", number + 1
        self._specs[name] = spec
        if isinstance(one, AIProvider):
            self._providers[name] = one
        else:
            self._wanted[name] = wanted
        return name

    def name_of(self, provider: AIProvider) -> str:
        """The name a provider has here; one the client did not know may be asked from now on."""
        known = (name for name, each in self._providers.items() if each is provider)
        return next(known, "") or self._take(provider)

    @property
    def _names(self) -> tuple[str, ...]:
        return tuple(self._specs)

    def use(self, *middleware: Middleware | Callable[[Any], Any]) -> Self:
        """Puts middleware around everything this client asks, the last outermost: `client.use(RetryMiddleware(3))`.

        Each is of `companion.providers.middleware`, or a function from a call to a call. What one does, the provider's own
        policy then leaves to it.
        """
        self._middleware = (*self._middleware, *middleware)
        self._calls.clear()
        return self

    def call(self, provider: AIProvider, call: Call[RequestT, ChunkT]) -> Call[RequestT, ChunkT]:
        """A call of a provider behind its policy and the client's middleware."""
        if not self._middleware:
            return provider.stacked(call)
        if call not in self._calls:
            from companion.providers.middleware import composed

            self._calls[call] = composed(provider, call, self._middleware)
        return self._calls[call]

    def request(self, ready: ChatRequest | None = None) -> RequestBuilder:
        """A request to build on: an empty one, or one that is there already."""
        return RequestBuilder(self) if ready is None else RequestBuilder(self, ready)

    def new_request(self) -> RequestBuilder:
        """The same as `request`."""
        return self.request()

    async def chat(
        self,
        request: ChatRequest | Iterable[Message | Mapping[str, Any]],
        options: ChatOptions | None = None,
        **fields: Any,
    ) -> ChatResponse:
        """The whole answer to a request, or to messages with the fields of one.

        Raises:
            AIProviderInvalidRequestError: it is empty or malformed; nothing was sent.
        """
        return await self._ready(request, options, fields).send()

    def chat_stream(
        self,
        request: ChatRequest | Iterable[Message | Mapping[str, Any]],
        options: ChatOptions | None = None,
        **fields: Any,
    ) -> ChatStream:
        """The same as it is written."""
        return self._ready(request, options, fields).stream()

    def _ready(
        self,
        request: ChatRequest | Iterable[Message | Mapping[str, Any]],
        options: ChatOptions | None,
        fields: dict[str, Any],
    ) -> RequestBuilder:
        if not isinstance(request, ChatRequest):
            request = ChatRequest(messages=tuple(map(Message.of, request)))
        return self.request(replace(request, options=options, **fields))

    def provider_for(
        self, model: str = "", name: str = "", role: Role | str = Role.THINKS
    ) -> tuple[AIProvider, str]:
        """Who is asked for a model, and the model's id for them; empty: the default of the first that can.

        Args:
            model: id, alias, or `provider/model`; one that nobody knows goes to the first provider.
            name: a provider by name, whatever the model.

        Raises:
            AIProviderError: PROVIDER_UNKNOWN; INVALID_REQUEST where another provider's model is asked for than the
                client has.
        """
        from companion.providers.catalogue import Catalogue

        role = Role(role)
        if name:
            return self._provider(name), Catalogue.load().model_id(model, self._spec(name).name, role)
        if not model:
            able = (own for own, spec in self._specs.items() if role in spec.roles)
            first = self._by_role.get(role) or next(able, next(iter(self._specs), ""))
            return self._provider(first, role), ""
        for own, spec in self._specs.items():
            if Catalogue.load().find(model, spec.name, role) is not None:
                return self._provider(own), Catalogue.load().model_id(model, spec.name, role)
        named = Catalogue.load().resolve(model, role)
        vendors = {spec.name: own for own, spec in reversed(self._specs.items())}
        if len(vendors) == 1 and named.provider not in vendors:
            return self._provider(
                next(iter(self._specs))
            ), model  # a server with many models may well have this one
        if named.provider is None or named.provider in vendors or not vendors:
            own = vendors.get(named.provider or "", named.provider or next(iter(self._specs), ""))
            return self._provider(own), named.model
        raise AIProviderInvalidRequestError(
            f"{model} is a model of {named.provider}, and this client asks {', '.join(self._names)}.",
            hint="Give the client that provider, or name one with .provider().",
        )

    def _spec(self, name: str) -> Spec:
        from companion.providers import registry

        return self._specs.get(name) or registry.find(name)

    def _provider(self, name: str, role: Role = Role.THINKS) -> AIProvider:
        """The provider of that name; empty: chosen by the environment."""
        from companion.providers.config import AIProviderFactory, chosen_provider, meant, named_for

        name = name or (named_for(role) if role is not Role.THINKS else "") or chosen_provider()
        if name not in self._specs:
            spec, model = meant(name, role)
            name = spec.name if not model else name
        found = self._providers.get(name) or self._own.get(name)
        if found is None:
            found = self._own[name] = AIProviderFactory.create(self._wanted.get(name, name), role=role)
        return found

    async def embed(self, *texts: str, model: str = "", dimensions: int | None = None) -> Embeddings:
        """The vectors of texts, in their order, each of length 1; patient as its provider.

        Raises:
            AIProviderInvalidRequestError: there is no text, or an empty one.
        """
        from companion.calls import EmbedRequest

        if not texts or not all(text.strip() for text in texts):
            raise AIProviderInvalidRequestError("There is no text to make a vector of.")
        provider, model = self.provider_for(model, role=Role.EMBEDS)
        request = EmbedRequest(texts=texts, model=model, dimensions=dimensions)
        return await _only(provider, self.call(provider, provider.embed), request)

    async def embeddings(
        self, texts: EmbedRequest | Iterable[str] | str, *, model: str = "", dimensions: int | None = None
    ) -> Embeddings:
        """The same as `embed`, for a list or a request."""
        from companion.calls import EmbedRequest

        if isinstance(texts, EmbedRequest):
            return await self.embed(*texts.texts, model=texts.model, dimensions=texts.dimensions)
        given = [texts] if isinstance(texts, str) else texts
        return await self.embed(*given, model=model, dimensions=dimensions)

    async def transcribe(
        self,
        sound: Audio | bytes | Path | AsyncIterator[bytes],
        *,
        language: str = "en",
        model: str = "",
        context: str = "",
    ) -> Transcript:
        """The words of a recording: sound, the bytes of a file, a file, or int16 mono frames at 16 kHz as they come.

        Raises:
            CompanionError: BAD_FILE, what it was given is no recording.
        """
        from companion.providers.takes import request_of

        provider, model = self.provider_for(model, role=Role.HEARS)
        request = request_of(sound, language=language, model=model, context=context)
        final = None
        async with opened(self.call(provider, provider.transcribe), request) as transcripts:
            async for transcript in transcripts:
                final = transcript
        if final is None:
            raise AIProviderStreamCutError("", provider.spec.name, who=provider.spec.display_name)
        return final

    async def speak(self, text: str, *, voice: str = "", speed: float = 1.0, model: str = "") -> Audio:
        """The sound of a text; a voice there is not is replaced by the provider's default.

        Raises:
            AIProviderInvalidRequestError: there is no text.
        """
        if not text.strip():
            raise AIProviderInvalidRequestError("There is nothing to say.")
        provider, model = self.provider_for(model, role=Role.SPEAKS)
        request = SpeakRequest(text=text, voice=voice, speed=speed, model=model)
        async with opened(self.call(provider, provider.speak), request) as sound:
            chunks = [chunk async for chunk in sound]
        if not chunks:
            raise AIProviderEmptyReplyError("", provider.spec.name, who=provider.spec.display_name)
        notices = tuple(dict.fromkeys(notice for chunk in chunks for notice in chunk.notices))
        return Audio(pcm=b"".join(chunk.pcm for chunk in chunks), rate_hz=chunks[0].rate_hz, notices=notices)

    async def draw(self, prompt: str, *, model: str = "", size: str = "") -> Picture:
        """A picture; patient as its provider.

        Raises:
            AIProviderInvalidRequestError: the prompt is empty.
        """
        from companion.calls import DrawRequest

        if not prompt.strip():
            raise AIProviderInvalidRequestError("There is nothing to draw.")
        provider, model = self.provider_for(model, role=Role.DRAWS)
        request = DrawRequest(prompt=prompt, model=model, size=size)
        return await _only(provider, self.call(provider, provider.draw), request)

    async def generate_video(self, prompt: str, out: Path | str, *, model: str = "", **wanted: Any) -> Video:
        """A video in the file `out`, once it is made; patient as its provider.

        Args:
            wanted: what else `AIProvider.generate_video` takes, such as `seconds`, `on_progress` and `keeps_running`; with
                `job` one that was begun before is taken up again.

        Raises:
            AIProviderInvalidRequestError: the prompt is empty.
        """
        if not prompt.strip() and not wanted.get("job"):
            raise AIProviderInvalidRequestError("There is nothing to make a video of.")
        provider, model = self.provider_for(model, role=Role.FILMS)
        return await provider.generate_video(prompt, out, model=model, **wanted)

    async def batch(
        self,
        *requests: RequestBuilder,
        provider: str = "",
        on_progress: Callable[[BatchProgress], object] = lambda _: None,
        **wanted: Any,
    ) -> tuple[ChatResponse | AIProviderError, ...]:
        """The answers to many requests in one job, in their order; in the place of one that failed stands its error.

        Args:
            provider: by name; needed where nothing but the id of a job is given.
            on_progress: hears how far it is.
            wanted: what else `BatchRequest` has: `job`, `keeps_running`, `wait_s`.

        Raises:
            AIProviderError: the batch as a whole was refused.
        """
        from companion.jobs import BatchRequest

        addressed = [request._addressed() for request in requests]
        asked = [(who if not provider else self.provider_for(name=provider)[0]) for who, _ in addressed]
        chosen = asked[0] if asked else self.provider_for(name=provider)[0]
        if any(who is not chosen for who in asked):
            raise AIProviderInvalidRequestError("The requests of a batch go to one provider.")
        batch = BatchRequest(requests=tuple(request for _, request in addressed), **wanted)
        found: tuple[BatchAnswer, ...] | None = None
        async with opened(self.call(chosen, chosen.batch), batch) as progress:
            async for each in progress:
                on_progress(each)
                found = each.answers
        if found is None:
            raise AIProviderEmptyReplyError("", chosen.spec.name, who=chosen.spec.display_name)
        return tuple(_outcome(chosen, each, requests, batch) for each in found)

    async def aclose(self) -> None:
        """Closes the providers the client made itself, and those of a `Config`. Idempotent."""
        while self._own:
            _, provider = self._own.popitem()
            await provider.aclose()
        for config in self._configs:
            await config.aclose()

    async def close(self) -> None:
        """The same as `aclose`."""
        await self.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


async def _only(provider: AIProvider, call: Call[RequestT, ChunkT], request: RequestT) -> ChunkT:
    """The first chunk of a call that yields one."""
    async with opened(call, request) as chunks:
        async for chunk in chunks:
            return chunk
    raise AIProviderEmptyReplyError("", provider.spec.name, who=provider.spec.display_name)


def _outcome(
    provider: AIProvider, found: BatchAnswer, builders: tuple[RequestBuilder, ...], batch: BatchRequest
) -> ChatResponse | AIProviderError:
    """What came of one request of a batch, read in the form it was asked for."""
    known = found.index < len(builders)
    asked = batch.requests[found.index] if known else ChatRequest(messages=())
    collected = Collected()
    if found.answer is not None:
        collected.add(found.answer)
    response = collected.whole(provider.spec.name, asked.messages)
    if response is None:
        return found.error or AIProviderEmptyReplyError(
            "", provider.spec.name, who=provider.spec.display_name
        )
    if not known or response.tool_calls:
        return response
    try:
        value = builders[found.index]._read(response.text, provider=provider, request=asked)
    except AIProviderError as error:
        return error
    return replace(response, parsed=value)
