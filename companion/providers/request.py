"""A request under construction, and its answer on its way: whole, streamed, as a Python value, or with tools.

`Client.request()` begins one. On the loop.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from companion.errors import (
    AIProviderEmptyReplyError,
    AIProviderInvalidRequestError,
    AIProviderMalformedReplyError,
    AIProviderStreamCutError,
)
from companion.flow import ChatDelta, ChatRequest, Message, Speaker
from companion.kinds import Role
from companion.providers.provider import AIProvider
from companion.providers.response import ChatResponse, Collected, added
from companion.providers.wire.wellformed import require_well_formed

if TYPE_CHECKING:
    from companion.calls import ChatOptions, JsonSchema, Picture, SoundFile, Tool, ToolCall
    from companion.ports import Call
    from companion.providers.client import Client

MOST_ROUNDS = 8
"""How often a model may use tools before it has to answer."""


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

    def messages(
        self, *messages: Message | Mapping[str, Any] | Iterable[Message | Mapping[str, Any]]
    ) -> RequestBuilder:
        """Adds messages, ours or dictionaries in OpenAI's shape, or a list of them; those of the system stand first."""
        one_by_one = (
            each
            for given in messages
            for each in ([given] if isinstance(given, Message | Mapping) else given)
        )
        everything = (*self._request.messages, *map(Message.of, one_by_one))
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

    def provider(self, name: str | AIProvider) -> RequestBuilder:
        """Which provider, whatever the model: by its name in the client, or itself."""
        return replace(self, _provider=name if isinstance(name, str) else self.client.name_of(name))

    def options(self, options: ChatOptions) -> RequestBuilder:
        """Everything of `options` that is set."""
        return self._with(**options.fields())

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

    def tools(self, *tools: Tool | Mapping[str, Any] | Callable[..., Any]) -> RequestBuilder:
        """What the model may ask for: descriptions, ours or dictionaries, or Python functions with type hints, which
        `run` also calls.
        """
        from companion.calls import Tool
        from companion.providers.tools import tool_from

        described = [Tool.of(tool) if isinstance(tool, Tool | Mapping) else tool_from(tool) for tool in tools]
        functions = [tool for tool in tools if not isinstance(tool, Tool | Mapping)]
        return replace(
            self._with(tools=(*self._request.tools, *described)), _functions=(*self._functions, *functions)
        )

    def tool_choice(self, choice: str | Mapping[str, Any]) -> RequestBuilder:
        """`auto`, `none`, `required`, or the name of a tool; or OpenAI's dictionary of it."""
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
        call = self.client.call(provider, provider.chat)
        return ChatStream(provider, request, partial(self._read, provider=provider, request=request), call)

    async def send(self) -> ChatResponse:
        """The whole answer.

        Raises:
            AIProviderInvalidRequestError: the request is empty or malformed; nothing was sent.
            AIProviderMalformedReplyError: the answer is not of the form that was asked for, not even after repairs.
        """
        provider, request = self._addressed()
        return await self._formed(provider, request)

    async def do(self) -> ChatResponse:
        """The same as `send`."""
        return await self.send()

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
            call = self.client.call(provider, provider.chat)
            async with ChatStream(provider, request, call=call) as stream:
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
        self,
        provider: AIProvider,
        request: ChatRequest,
        read: Callable[[str], Any] = lambda _: None,
        call: Call[ChatRequest, ChatDelta] | None = None,
    ) -> None:
        """`read`: the value of the whole text, None where none was asked for. `call`: instead of the provider's own."""
        self._provider = provider
        self._call = call or provider.stacked(provider.chat)
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
            self._deltas = self._call(self._request)
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

    async def recv(self) -> ChatDelta | None:
        """The next piece; None: there is no more."""
        return await anext(self, None)

    async def close(self) -> None:
        """The same as `aclose`."""
        await self.aclose()

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
