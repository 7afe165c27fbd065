"""One way to ask anybody: requests built step by step, answered whole, streamed, as a Python value, or with tools.

    async with Client() as client:
        response = await client.request().system("Be brief.").user("What is dusk?").model("claude-haiku-5-5").send()

The model chooses the provider. Everything goes through the provider's own patience (`AIProvider.policy`). On the loop.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from companion.errors import (
    AIProviderEmptyReplyError,
    AIProviderError,
    AIProviderInvalidRequestError,
    AIProviderMalformedReplyError,
    AIProviderStreamCutError,
)
from companion.flow import ChatDelta, ChatRequest, Message, Role, Speaker
from companion.providers.provider import AIProvider, Spec, opened
from companion.providers.response import ChatResponse, Collected, added
from companion.providers.wire.wellformed import require_well_formed

if TYPE_CHECKING:
    from pathlib import Path

    from companion.calls import Embeddings, JsonSchema, Picture, SoundFile, Tool, ToolCall
    from companion.jobs import BatchAnswer, BatchProgress, BatchRequest, Video
    from companion.ports import Call

RequestT = TypeVar("RequestT")
ChunkT = TypeVar("ChunkT")

MOST_ROUNDS = 8
"""How often a model may use tools before it has to answer."""


class Client:
    """Asks one or several providers.

    Args:
        providers: who may be asked, the first by default; names are created from the environment, and closed with the
            client. None given: whoever has the model that is asked for, by the catalogue; without a model as
            `AIProviderFactory.create` chooses.

    Raises:
        AIProviderError: PROVIDER_UNKNOWN; INVALID_REQUEST for two providers of one name.
    """

    def __init__(self, *providers: AIProvider | str) -> None:
        from companion.providers import registry

        self._names = tuple(
            registry.find(one).name if isinstance(one, str) else one.spec.name for one in providers
        )
        self._providers = {one.spec.name: one for one in providers if isinstance(one, AIProvider)}
        if len(set(self._names)) < len(self._names):
            raise AIProviderInvalidRequestError("Two providers of one client need names of their own.")
        self._own: dict[str, AIProvider] = {}

    def request(self) -> RequestBuilder:
        """An empty request to build on."""
        return RequestBuilder(self)

    def provider_for(
        self, model: str = "", name: str = "", role: Role = Role.THINKS
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

        if name:
            name = self._spec(name).name
            return self._provider(name), Catalogue.load().model_id(model, name, role)
        if not model:
            able = (own for own in self._names if role in self._spec(own).roles)
            return self._provider(next(able, next(iter(self._names), ""))), ""
        for own in self._names:
            if Catalogue.load().find(model, own, role) is not None:
                return self._provider(own), Catalogue.load().model_id(model, own, role)
        named = Catalogue.load().resolve(model, role)
        if len(self._names) == 1 and named.provider != self._names[0]:
            return self._provider(self._names[0]), model  # a server with many models may well have this one
        if named.provider is None or (named.provider in self._names or not self._names):
            return self._provider(named.provider or next(iter(self._names), "")), named.model
        raise AIProviderInvalidRequestError(
            f"{model} is a model of {named.provider}, and this client asks {', '.join(self._names)}.",
            hint="Give the client that provider, or name one with .provider().",
        )

    def _spec(self, name: str) -> Spec:
        from companion.providers import registry

        own = self._providers.get(name)
        return own.spec if own is not None else registry.find(name)

    def _provider(self, name: str) -> AIProvider:
        """The provider of that name; empty: chosen by the environment."""
        from companion.providers.config import AIProviderFactory, chosen_provider

        name = name or chosen_provider()
        found = self._providers.get(name) or self._own.get(name)
        if found is None:
            found = self._own[name] = AIProviderFactory.create(name)
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
        return await _only(provider, provider.stacked(provider.embed), request)

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
        return await _only(provider, provider.stacked(provider.draw), request)

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
        async with opened(chosen.stacked(chosen.batch), batch) as progress:
            async for each in progress:
                on_progress(each)
                found = each.answers
        if found is None:
            raise AIProviderEmptyReplyError("", chosen.spec.name, who=chosen.spec.display_name)
        return tuple(_outcome(chosen, each, requests, batch) for each in found)

    async def aclose(self) -> None:
        """Closes the providers the client made itself. Idempotent."""
        while self._own:
            _, provider = self._own.popitem()
            await provider.aclose()

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


@dataclass(frozen=True, slots=True)
class RequestBuilder:
    """A request under construction. Every step gives a new one; the old one can be built on again."""

    client: Client
    _request: ChatRequest = field(default_factory=lambda: ChatRequest(messages=()))
    _provider: str = ""
    _functions: tuple[Callable[..., Any], ...] = ()
    _type: Any = None
    _repairs: int = 0
    _limit: int | None = None

    # -- the conversation -----------------------------------------------------------------------------------

    def system(self, text: str) -> RequestBuilder:
        """Adds to what the model is told about its part; always stands first."""
        return self.messages(Message(Speaker.SYSTEM, text))

    def user(
        self,
        text: str = "",
        *,
        images: tuple[Picture, ...] = (),
        sounds: tuple[SoundFile, ...] = (),
        name: str = "",
    ) -> RequestBuilder:
        """Adds what the user says, shows and plays."""
        return self.messages(Message(Speaker.USER, text, name=name, images=images, sounds=sounds))

    def assistant(self, text: str = "", *, tool_calls: tuple[ToolCall, ...] = ()) -> RequestBuilder:
        """Adds an earlier answer."""
        return self.messages(Message(Speaker.ASSISTANT, text, tool_calls=tool_calls))

    def tool(self, call: ToolCall, answer: str) -> RequestBuilder:
        """Adds the answer to a tool call."""
        return self.messages(Message(Speaker.TOOL, answer, name=call.name, tool_call_id=call.id))

    def messages(self, *messages: Message) -> RequestBuilder:
        """Adds messages as they are; those of the system stand first."""
        everything = (*self._request.messages, *messages)
        system = [message for message in everything if message.role is Speaker.SYSTEM]
        others = [message for message in everything if message.role is not Speaker.SYSTEM]
        return self._with(messages=(*system, *others))

    def images(self, *images: Picture) -> RequestBuilder:
        """Shows pictures with the user's last message."""
        last = self._last_of_user()
        return self._replacing_last(replace(last, images=(*last.images, *images)))

    def sounds(self, *sounds: SoundFile) -> RequestBuilder:
        """Plays sounds with the user's last message, to models that listen."""
        last = self._last_of_user()
        return self._replacing_last(replace(last, sounds=(*last.sounds, *sounds)))

    def trimmed(self, limit: int | None = None) -> RequestBuilder:
        """Leaves out the oldest turns where the conversation is longer than `limit` tokens, by estimate.

        Without a limit: the model's context window, less the room for the answer; a model the catalogue does not know is
        sent everything.
        """
        return replace(self, _limit=limit or 0)

    # -- who, and how ---------------------------------------------------------------------------------------

    def model(self, model: str) -> RequestBuilder:
        """Which model: an id, an alias or `provider/model`. It chooses the provider."""
        return self._with(model=model)

    def provider(self, name: str) -> RequestBuilder:
        """Which provider, whatever the model."""
        return replace(self, _provider=name)

    def temperature(self, value: float) -> RequestBuilder:
        return self._with(temperature=value)

    def max_tokens(self, value: int) -> RequestBuilder:
        return self._with(max_tokens=value)

    def top_p(self, value: float) -> RequestBuilder:
        return self._with(top_p=value)

    def frequency_penalty(self, value: float) -> RequestBuilder:
        return self._with(frequency_penalty=value)

    def presence_penalty(self, value: float) -> RequestBuilder:
        return self._with(presence_penalty=value)

    def seed(self, value: int) -> RequestBuilder:
        return self._with(seed=value)

    def stop(self, *words: str) -> RequestBuilder:
        return self._with(stop=words)

    def reasoning(self, effort: str) -> RequestBuilder:
        """How long the model may think: `none`, `low`, `medium`, `high`."""
        return self._with(reasoning_effort=effort)

    def cache(self, wanted: bool = True) -> RequestBuilder:
        """The prompt will come again: vendors that charge for keeping it may keep it."""
        return self._with(cache=wanted)

    def end_user(self, name: str) -> RequestBuilder:
        """A stable, anonymous name of who uses the program."""
        return self._with(user=name)

    def metadata(self, **values: str) -> RequestBuilder:
        return self._with(metadata={**self._request.metadata, **values})

    # -- tools and forms ------------------------------------------------------------------------------------

    def tools(self, *tools: Tool | Callable[..., Any]) -> RequestBuilder:
        """What the model may ask for: descriptions, or Python functions with type hints, which `run` also calls."""
        from companion.calls import Tool
        from companion.providers.tools import tool_from

        described = [tool if isinstance(tool, Tool) else tool_from(tool) for tool in tools]
        functions = [tool for tool in tools if not isinstance(tool, Tool)]
        return replace(
            self._with(tools=(*self._request.tools, *described)), _functions=(*self._functions, *functions)
        )

    def tool_choice(self, choice: str) -> RequestBuilder:
        """`auto`, `none`, `required`, or the name of a tool."""
        return self._with(tool_choice=choice)

    def json(self) -> RequestBuilder:
        """The answer is a JSON object, which the response holds as `parsed`."""
        return self._with(json=True)

    def schema(self, form: JsonSchema | Mapping[str, Any] | type, *, repairs: int = 0) -> RequestBuilder:
        """The answer is JSON of this form, checked; the response holds it as `parsed`.

        Args:
            form: a JSON schema, or a dataclass or TypedDict, of which `parsed` is then an instance.
            repairs: how often the model is told what is wrong with its answer and asked again.
        """
        from companion.calls import JsonSchema
        from companion.providers.schema import all_required, is_strict, schema_of

        python_type, name = None, "answer"
        if isinstance(form, type):
            python_type, name = form, form.__name__.lower()
            form = all_required(schema_of(form))  # a model fills in what has a default; vendors want it so
        if not isinstance(form, JsonSchema):
            form = JsonSchema(schema=form, name=name[:64], strict=is_strict(form))
        return replace(self._with(schema=form), _type=python_type, _repairs=repairs)

    # -- asking ---------------------------------------------------------------------------------------------

    def build(self) -> ChatRequest:
        """The request as it would be sent.

        Raises:
            AIProviderInvalidRequestError: it is empty or malformed.
        """
        return self._addressed()[1]

    async def count_tokens(self) -> int:
        """How many tokens the request is: by the vendor where it counts, else by estimate."""
        provider, request = self._addressed()
        return await provider.count_tokens(request)

    def stream(self) -> ChatStream:
        """The answer as it is written: `async with request.stream() as answer: async for delta in answer: ...`.

        Raises:
            AIProviderInvalidRequestError: the request is empty or malformed.
        """
        provider, request = self._addressed()
        return ChatStream(provider, request, partial(self._read, provider=provider, request=request))

    async def send(self) -> ChatResponse:
        """The whole answer.

        Raises:
            AIProviderInvalidRequestError: the request is empty or malformed; nothing was sent.
            AIProviderMalformedReplyError: the answer is not of the form that was asked for, not even after repairs.
        """
        provider, request = self._addressed()
        return await self._formed(provider, request)

    async def run(self, *, max_rounds: int = MOST_ROUNDS) -> ChatResponse:
        """The answer after the model has used the functions given to `tools` as it liked.

        The response's `messages` hold all that was said and done; its `usage` is that of all rounds.

        Raises:
            AIProviderInvalidRequestError: also for a tool that was only described.
            AIProviderEmptyReplyError: after `max_rounds` the model still wants tools instead of answering.
        """
        from companion.providers.tools import Toolbox

        provider, request = self._addressed()
        box = Toolbox(self._functions)
        if len(box.tools) < len(request.tools) or not box.tools:
            raise AIProviderInvalidRequestError("To run tools, give .tools() the functions themselves.")
        usage = None
        for _ in range(max_rounds):
            response = await self._formed(provider, request)
            usage = added(usage, response.usage)
            if not response.tool_calls:
                return replace(response, usage=usage)
            answers = await box.answer(response.tool_calls)
            request = replace(request, messages=(*response.messages, *answers), tool_choice="auto")
        who = provider.spec.display_name
        raise AIProviderEmptyReplyError(
            f"{who} used tools {max_rounds} times and did not answer.",
            provider.spec.name,
            who=who,
            retryable=False,
        )

    async def _formed(self, provider: AIProvider, request: ChatRequest) -> ChatResponse:
        """An answer of the form that was asked for."""
        usage = None
        for left in range(self._repairs, -1, -1):
            async with ChatStream(provider, request) as stream:
                response = await stream.response()
            response = replace(response, usage=(usage := added(usage, response.usage)))
            if response.tool_calls:
                return response
            try:
                return replace(response, parsed=self._read(response.text, provider=provider, request=request))
            except AIProviderMalformedReplyError as error:
                if not left or not response.text.strip():
                    raise
                asked = f"That is not what was asked for: {error.cause}. Answer again, with nothing but the right JSON."
                request = replace(request, messages=(*response.messages, Message(Speaker.USER, asked)))
        raise AssertionError("unreachable")

    def _read(self, text: str, *, provider: AIProvider, request: ChatRequest) -> Any:
        """The value of an answer; None where no form was asked for."""
        if not (request.schema or request.json):
            return None
        from companion.providers.schema import read_answer, schema_of, value_of

        who = provider.spec.display_name
        schema = request.schema.schema if request.schema else None
        value = read_answer(text, schema_of(self._type) if self._type else schema, who, provider.spec.name)
        try:
            return value if self._type is None else value_of(self._type, value)
        except (ValueError, TypeError) as error:  # a class may refuse what fits its schema
            raise AIProviderMalformedReplyError("", provider.spec.name, error, who=who) from error

    def _addressed(self) -> tuple[AIProvider, ChatRequest]:
        """Who is asked, and what."""
        require_well_formed(self._request)
        provider, model = self.client.provider_for(self._request.model, self._provider)
        if model:
            from companion.providers.catalogue import Catalogue

            Catalogue.load().warn_once(model, provider.spec.name)
        request = replace(self._request, model=model)
        if self._limit is not None and (limit := self._limit or _room(provider, request)):
            from companion.tokens import estimate_request, trim_messages

            limit -= estimate_request(replace(request, messages=()))
            block = max(1, limit // 4) if request.cache else 1  # a cache needs a beginning that stays
            request = replace(request, messages=trim_messages(request.messages, limit, block=block))
        return provider, request

    def _with(self, **fields: Any) -> RequestBuilder:
        return replace(self, _request=replace(self._request, **fields))

    def _last_of_user(self) -> Message:
        messages = self._request.messages
        if not messages or messages[-1].role is not Speaker.USER:
            raise AIProviderInvalidRequestError(
                "Pictures and sounds go with a message of the user: call .user() first."
            )
        return messages[-1]

    def _replacing_last(self, message: Message) -> RequestBuilder:
        return self._with(messages=(*self._request.messages[:-1], message))


def _room(provider: AIProvider, request: ChatRequest) -> int:
    """Tokens of the model's window that the answer does not need; 0: not known."""
    from companion.providers.catalogue import Catalogue

    entry = Catalogue.load().find(request.model or provider.models[Role.THINKS], provider.spec.name)
    if entry is None or entry.context_window is None:
        return 0
    answer = request.max_tokens or min(entry.max_output or 0, entry.context_window // 4)
    return max(1, entry.context_window - answer)


class ChatStream:
    """An answer on its way. Leaving the `async with`, or the loop over it, ends the work at the vendor too.

    Nothing here refers back to it, so that a loop left without `async with` frees it, and the answer with it, at once.
    """

    def __init__(
        self, provider: AIProvider, request: ChatRequest, read: Callable[[str], Any] = lambda _: None
    ) -> None:
        """`read`: the value of the whole text, None where none was asked for."""
        self._provider = provider
        self._request = request
        self._value_of = read
        self._collected = Collected()
        self._deltas: AsyncIterator[ChatDelta] | None = None

    @property
    def text(self) -> str:
        """What has come so far."""
        return self._collected.text

    def __aiter__(self) -> AsyncIterator[ChatDelta]:
        return self

    async def __anext__(self) -> ChatDelta:
        if self._deltas is None:
            self._deltas = self._provider.stacked(self._provider.chat)(self._request)
        delta = await anext(self._deltas)
        self._collected.add(delta)
        return delta

    async def response(self) -> ChatResponse:
        """The whole answer; reads what has not been read yet.

        Raises:
            AIProviderError: it did not come to its end, or is not of the form that was asked for.
        """
        async for _ in self:
            pass
        whole = self._collected.whole(self._provider.spec.name, self._request.messages)
        if whole is None:
            spec = self._provider.spec
            raise AIProviderStreamCutError("", spec.name, who=spec.display_name)
        return whole if whole.tool_calls else replace(whole, parsed=self._value_of(whole.text))

    async def aclose(self) -> None:
        """Ends the answer. Idempotent."""
        close = getattr(self._deltas, "aclose", None)
        if close is not None:
            await close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()
