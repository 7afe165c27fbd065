"""Ollama, a model server on this computer, through its own API (its OpenAI-shaped one cannot stop a model thinking aloud).

NDJSON lines over the gate's HTTP client; an answer is whole only after the line with `done`. Needs no key. With no model
chosen it uses the first that is installed. A conversation that outgrows the server's usual window gets a wider one, since
the server would silently forget its beginning.
"""

from __future__ import annotations

import base64
import json
import math
import re
import secrets
import time
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from companion.errors import (
    AIProviderModelNotFoundError,
    AIProviderNotSupportedError,
    AIProviderUnavailableError,
    CompanionError,
    Kind,
)
from companion.flow import ChatDelta, ChatRequest, Health, Message, Speaker
from companion.kinds import Role
from companion.language import mark, tr
from companion.providers.fitting import kept_by, kept_for, left_out, notice, require_abilities
from companion.providers.provider import AIProvider, Spec
from companion.providers.wire.bodies import json_body
from companion.providers.wire.faults import CallContext, in_call, our_own, until_over, when_loaded
from companion.providers.wire.sse import parsed
from companion.providers.wire.usage import tokens, usage_of
from companion.providers.wire.words import Thoughts, Words, thinks_aloud, whole

if TYPE_CHECKING:
    import httpx2

    from companion.calls import Embeddings, EmbedRequest, Tool, ToolCall
    from companion.providers.catalogue import ModelEntry

KEEP_ALIVE = "10m"
"""How long the server keeps the model in memory after an answer: a reflection has long pauses."""
USUAL_WINDOW = 4096
"""Tokens a server lets a model see unless it is told otherwise."""
ROOM_TO_ANSWER = 1024
"""Tokens left for an answer without a limit of its own."""
PULL_SILENCE_S = 600.0
"""How long a download may be silent: a server checks many gigabytes at its end."""
_FIRST_MODEL = "llama3.2"
_FIRST_EMBEDDING_MODEL = "nomic-embed-text"
_LACKING = frozenset({"user", "metadata", "name"})
_THINKS_BY_LEVEL = re.compile("gpt-oss")
"""Models that take a level where the others take yes or no."""
_LEVELS = {"minimal": "low", "xhigh": "high", "max": "high"}
LOAD_S = 0.8
"""The part of the wait for a first word that a model may take to be loaded."""

SPEC = Spec(
    name="ollama",
    display_name="Ollama",
    roles=frozenset({Role.THINKS, Role.EMBEDS}),
    aliases=("local",),
    base_url="http://127.0.0.1:11434",
    summary="A model on your own computer. Your words stay here.",
    install="Get Ollama from https://ollama.com, then run: ollama pull llama3.2",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PullProgress:
    """How far the download of a model is."""

    status: str
    """In the server's words: "pulling manifest", "verifying sha256 digest", at the end "success"."""
    completed: int = 0
    """Bytes that have come, of all parts named so far."""
    total: int = 0


class OllamaProvider(AIProvider):
    """What an Ollama server at `base_url` has installed.

    Args:
        num_ctx: how many tokens of a conversation the model sees; 0: as many as it needs, from the server's usual up.
        api_key: only for a server behind a gate of its own.
    """

    spec = SPEC
    _client: httpx2.AsyncClient | None = None
    _first_model = ""

    def __init__(self, *, num_ctx: int = 0, **settings: Any) -> None:
        super().__init__(**settings)
        self.num_ctx = num_ctx
        self._window = USUAL_WINDOW
        self._begin_in_thought: dict[str, bool] = {}
        """Model -> whether its last answer began with thoughts that nothing opened."""

    def _http(self) -> httpx2.AsyncClient:
        if self._client is None:
            key = self.require_key() if self.api_key is not None else ""
            headers = {"Authorization": f"Bearer {key}"} if key else {}
            self._client = self.net.client(self.base_url, headers)
        return self._client

    # -- thinking -------------------------------------------------------------------------------------------

    async def chat(self, request: ChatRequest) -> AsyncGenerator[ChatDelta, None]:
        try:
            with in_call(self.spec) as call:
                model = request.model or await self._default_model()
                with our_own(self.spec):
                    body, notices = compose(request, model, _entry(model))
                    if window := self._window_for(request, _entry(model)):
                        body["options"]["num_ctx"] = window
                aloud = self._begin_in_thought.get(model, thinks_aloud(model))
                reply, lines = _Reply(call, Thoughts(begins_in_thought=aloud)), _Lines()
                async with aclosing(await self._ask(call, "/api/chat", body)) as response:
                    call.opened = True
                    blocks = until_over(response.aiter_raw(), reply.is_over)
                    async with aclosing(blocks):
                        async for block in blocks:
                            for line in lines.feed(block):
                                if delta := reply.take(line):
                                    yield delta
                for delta in reply.rest(lines.rest()):
                    yield delta
                last = reply.last(notices)
                if reply.words.has_words:
                    self._begin_in_thought[model] = reply.words.began_in_thought
                yield last
        except CompanionError as error:
            raise self._nearer(error, request.model) from error.__cause__

    async def _ask(self, call: CallContext, path: str, body: Mapping[str, Any]) -> httpx2.Response:
        """An answer that has begun and is no refusal; the caller closes it."""
        raw, http = json_body(body, self.spec), self._http()

        async def ask() -> httpx2.Response:
            headers = {"Content-Type": "application/json"}
            return await http.send(
                http.build_request("POST", path, content=raw, headers=headers), stream=True
            )

        return await when_loaded(call, ask, LOAD_S * self.policy.first_s)

    def _window_for(self, request: ChatRequest, entry: ModelEntry | None) -> int:
        """The window to ask for; 0: the server's own. It only grows, because each change loads the model anew."""
        if self.num_ctx:
            return self.num_ctx
        answer = request.max_tokens or ROOM_TO_ANSWER
        letters = sum(len(message.content) for message in request.messages)
        if letters + answer > self._window or any(message.images for message in request.messages):
            from companion.tokens import estimate_request

            needed = estimate_request(request) + answer
            most = entry.context_window if entry and entry.context_window else needed * 2
            while self._window < needed and self._window * 2 <= most:
                self._window *= 2
        return self._window if self._window > USUAL_WINDOW else 0

    # -- vectors --------------------------------------------------------------------------------------------

    async def embed(self, request: EmbedRequest) -> AsyncGenerator[Embeddings, None]:
        from companion.calls import Embeddings

        model = request.model or self.models[Role.EMBEDS]
        try:
            with in_call(self.spec) as call:
                model = model or await self._default_embedding_model()
                body: dict[str, Any] = {
                    "model": model,
                    "input": list(request.texts),
                    "keep_alive": KEEP_ALIVE,
                }
                if request.dimensions is not None:
                    body["dimensions"] = request.dimensions
                response = await self._http().post("/api/embed", json=body)
                await _require_success(call, response)
                answer = response.json()
                vectors = tuple(_of_length_one(vector) for vector in answer["embeddings"])
                if len(vectors) != len(request.texts):
                    raise ValueError(f"{len(vectors)} vectors for {len(request.texts)} texts")
                tokens = answer.get("prompt_eval_count") or 0
                yield Embeddings(vectors=vectors, model=answer.get("model") or model, input_tokens=tokens)
        except CompanionError as error:
            raise self._nearer(error, model) from error.__cause__

    # -- models ---------------------------------------------------------------------------------------------

    async def pull(self, model: str) -> AsyncGenerator[PullProgress, None]:
        """Has the server fetch a model. Closing it ends the download; what came is kept and goes on next time.

        Raises:
            AIProviderModelNotFoundError: there is no such model.
            AIProviderError: of the other kinds, as they come.
        """
        import httpx2

        parts: dict[str, tuple[int, int]] = {}
        status, lines = "", _Lines()
        try:
            with in_call(self.spec) as call:
                patience = httpx2.Timeout(PULL_SILENCE_S)
                asked = self._http().stream("POST", "/api/pull", json={"model": model}, timeout=patience)
                async with asked as response:
                    await _require_success(call, response)
                    call.opened = call.said = True
                    async with aclosing(
                        until_over(response.aiter_raw(), lambda: status == "success")
                    ) as blocks:
                        async for block in blocks:
                            for line in lines.feed(block):
                                status = _pulled(call, line, parts)
                                done, total = (
                                    sum(figures) for figures in zip((0, 0), *parts.values(), strict=True)
                                )
                                yield PullProgress(status=status, completed=done, total=total)
                if status != "success":
                    raise call.cut()
        except CompanionError as error:
            raise self._nearer(error, model) from error.__cause__

    def _nearer(self, error: CompanionError, model: str = "") -> CompanionError:
        """Says what a person can do about the two usual troubles of a server of one's own."""
        if error.kind is Kind.UNREACHABLE and error.retryable:  # neither a bad address nor a bad certificate
            error = AIProviderUnavailableError(
                tr("There is no Ollama server at {base_url}.", base_url=self.base_url),
                self.spec.name,
                error,
                kind=Kind.UNREACHABLE,
                hint=tr("Start it with: ollama serve. What you said is kept."),
                who=self.spec.display_name,
            )
        elif (
            error.kind is Kind.MODEL_UNKNOWN
            and isinstance(error, AIProviderModelNotFoundError)
            and error.status
        ):
            error.hint = tr(
                "Fetch it with: {command}",
                command=f"ollama pull {model or self.models[Role.THINKS] or _FIRST_MODEL}",
            )
        return error

    async def _default_model(self) -> str:
        if chosen := self.models[Role.THINKS] or self._first_model:
            return chosen
        installed = await self._installed()
        if not installed:
            raise AIProviderModelNotFoundError(
                tr("Ollama has no model yet."),
                self.spec.name,
                who=self.spec.display_name,
                hint=tr("Fetch one with: ollama pull {first_model}", first_model=_FIRST_MODEL),
            )
        self._first_model = installed[0]
        return self._first_model

    async def _default_embedding_model(self) -> str:
        installed = await self._installed(embeds=True)
        if not installed:
            raise AIProviderModelNotFoundError(
                tr("Ollama has no model for vectors yet."),
                self.spec.name,
                who=self.spec.display_name,
                hint=tr(
                    "Fetch one with: ollama pull {first_embedding_model}",
                    first_embedding_model=_FIRST_EMBEDDING_MODEL,
                ),
            )
        return installed[0]

    async def _installed(self, *, embeds: bool = False) -> tuple[str, ...]:
        """The models that answer, or those that make vectors."""
        with in_call(self.spec) as call:
            response = await self._http().get("/api/tags")
            await _require_success(call, response)
            listed = response.json()["models"]
            names = ((model.get("model") or model["name"], model) for model in listed)
            return tuple(name for name, model in names if _only_embeds(name, model) is embeds)

    async def check(self) -> Health:
        started = time.perf_counter()
        try:
            models = await self.asked(self._installed)
        except CompanionError as error:
            return Health(ok=False, detail=self._nearer(error).message, kind=error.kind)
        elapsed_ms = (time.perf_counter() - started) * 1000
        if not models:
            return Health(
                ok=False,
                detail=tr("Ollama has no model yet: ollama pull {first_model}", first_model=_FIRST_MODEL),
                latency_ms=elapsed_ms,
                kind=Kind.MODEL_UNKNOWN,
            )
        return Health(
            ok=True,
            detail=tr("Ollama is ready: {models}.", models=models[0]),
            latency_ms=elapsed_ms,
            models=models,
        )

    async def warm(self) -> None:
        """Also has the server load the model: that takes seconds the first time."""
        with suppress(CompanionError), in_call(self.spec):
            model = await self._default_model()
            body: dict[str, Any] = {"model": model, "messages": [], "keep_alive": KEEP_ALIVE}
            if self.num_ctx or self._window > USUAL_WINDOW:
                body["options"] = {
                    "num_ctx": self.num_ctx or self._window
                }  # another window would load it anew
            await self._http().post("/api/chat", json=body)

    async def aclose(self) -> None:
        self._client = None
        await super().aclose()


PROVIDER = LocalProvider = OllamaProvider


# -- the question -------------------------------------------------------------------------------------------


def compose(
    request: ChatRequest, model: str, entry: ModelEntry | None = None
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The body for `model`, and what was left out of it.

    Raises:
        AIProviderNotSupportedError: something that must not be left out is asked of a model that cannot do it.
    """
    # The server holds any model to a grammar.
    able = entry and replace(entry, abilities=entry.abilities | {"json"})
    require_abilities(request, SPEC, able, frozenset({"sounds"}))
    if request.tools and request.tool_choice not in ("auto", "none"):
        raise _unable(
            mark("{who} cannot make a model use a tool."), "Let the model choose: tool_choice `auto`."
        )
    missing = set(left_out(request, entry, _LACKING))
    effort = request.reasoning_effort if "reasoning_effort" not in missing else ""
    if request.reasoning_effort == "none":
        missing.discard("reasoning_effort")
    body: dict[str, Any] = {
        "model": model,
        "messages": _messages(request.messages),
        "stream": True,
        "think": _think(model, effort),
        "keep_alive": KEEP_ALIVE,
        "options": _options(request),
    }
    if request.tools and request.tool_choice != "none":
        body["tools"] = [_tool(tool) for tool in request.tools]
    if request.schema is not None:
        body["format"] = dict(request.schema.schema)
    elif request.json:
        body["format"] = "json"
    label = entry.label if entry else model
    return body, tuple(notice(label, name) for name in sorted(missing))


def _unable(message: str, hint: str) -> AIProviderNotSupportedError:
    who = SPEC.display_name
    return AIProviderNotSupportedError(tr(message, who=who), SPEC.name, who=who, hint=hint)


def _options(request: ChatRequest) -> dict[str, Any]:
    names = {
        "max_tokens": "num_predict",
        "temperature": "temperature",
        "top_p": "top_p",
        "frequency_penalty": "frequency_penalty",
        "presence_penalty": "presence_penalty",
        "seed": "seed",
    }
    options = {wire: value for name, wire in names.items() if (value := getattr(request, name)) is not None}
    return {**options, "stop": list(request.stop)} if request.stop else options


def _think(model: str, effort: str) -> bool | str:
    """Not unless asked: a person is waiting for a spoken answer."""
    if effort in ("", "none"):
        return False
    return _LEVELS.get(effort, effort) if _THINKS_BY_LEVEL.search(model) else True


def _tool(tool: Tool) -> dict[str, Any]:
    parameters = dict(tool.parameters) or {"type": "object", "properties": {}}
    function = {"name": tool.name, "description": tool.description, "parameters": parameters}
    return {"type": "function", "function": function}


def _messages(messages: Sequence[Message]) -> list[dict[str, Any]]:
    names = {call.id: call.name for message in messages for call in message.tool_calls}
    return [_message(message, names) for message in messages]


def _message(message: Message, names: Mapping[str, str]) -> dict[str, Any]:
    wire: dict[str, Any] = {"role": message.role.value, "content": message.content}
    if message.role is Speaker.TOOL:
        wire["tool_name"] = message.name or names.get(message.tool_call_id, "")
    if message.images:
        if any(not picture.data for picture in message.images):
            raise _unable(
                mark("{who} cannot fetch a picture from an address."),
                tr("Give it the picture itself. Nothing was sent."),
            )
        wire["images"] = [base64.b64encode(picture.data).decode() for picture in message.images]
    if message.tool_calls:
        wire["tool_calls"] = [
            {"function": {"name": c.name, "arguments": _given(c)}} for c in message.tool_calls
        ]
        if thoughts := kept_by(SPEC.name, message.tool_calls[0].opaque):
            wire["thinking"] = thoughts
    return wire


def _given(call: ToolCall) -> dict[str, Any]:
    """The server takes nothing but an object."""
    try:
        given = json.loads(call.arguments or "{}")
    except ValueError:
        given = None
    return given if isinstance(given, dict) else {"invalid_json": call.arguments}


def _entry(model: str) -> ModelEntry | None:
    from companion.providers.catalogue import Catalogue

    return Catalogue.load().find(model, SPEC.name)


def _only_embeds(name: str, model: dict[str, Any]) -> bool:
    """Models that turn text into vectors are listed beside the others and cannot answer."""
    entry = _entry(name)
    is_known = entry is not None and entry.role is Role.EMBEDS
    return is_known or "embed" in name or "bert" in str((model.get("details") or {}).get("family"))


def _of_length_one(vector: Sequence[float]) -> tuple[float, ...]:
    length = math.sqrt(math.fsum(x * x for x in vector))
    return tuple(x / length for x in vector) if length else tuple(vector)


# -- the answer ---------------------------------------------------------------------------------------------


async def _require_success(call: CallContext, response: httpx2.Response) -> None:
    if response.status_code >= 400:
        raise await call.refusal(response)


class _Lines:
    """The lines of NDJSON, one object each. Split at newlines only: text may hold any other separator."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, block: bytes) -> list[bytes]:
        """The lines a block completes, not parsed: what comes before a broken one counts."""
        *lines, self._rest = (self._rest + block).split(b"\n")
        return [line for line in lines if line.strip()]

    def rest(self) -> list[bytes]:
        """The last line, which needs no newline."""
        rest, self._rest = self._rest, b""
        return [rest] if rest.strip() else []


def _pulled(call: CallContext, raw: bytes, parts: dict[str, tuple[int, int]]) -> str:
    """Notes what a line of a download says; returns its status."""
    line = json.loads(raw.decode("utf-8", "replace"))
    if "error" in line:
        if "not exist" in str(line["error"]) or "not found" in str(line["error"]):
            raise call.status(404, line, {})
        raise call.inside(line)
    if digest := line.get("digest"):
        parts[digest] = (line.get("completed") or 0, line.get("total") or 0)
    return str(line.get("status") or "")


class _Reply:
    """What a chat stream has told so far."""

    def __init__(self, call: CallContext, thoughts: Thoughts) -> None:
        self._call = call
        self.words = Words(thoughts)
        self._end: dict[str, Any] | None = None
        self._is_empty = True
        self._thoughts: list[str] = []
        self._calls: list[ToolCall] = []

    def is_over(self) -> bool:
        return self._end is not None

    def take(self, raw: bytes) -> ChatDelta | None:
        """What one line adds; notes the rest.

        Raises:
            AIProviderError: the line is a failure.
        """
        line = parsed(raw.decode("utf-8", "surrogateescape"))
        if "error" in line:
            raise self._call.inside(line)
        self._is_empty = False
        if line.get("done"):
            self._end = line
        message = line.get("message") or _NOTHING
        text = message.get("content") or ""
        if not isinstance(text, str):
            raise TypeError("content of a message is not text")
        if calls := message.get("tool_calls"):
            self._note(calls)
        thought = message.get("thinking")
        if not thought and self._call.said:  # nearly all of them
            return self.words.take(text)
        return self._noted(self.words.take(text, thought if isinstance(thought, str) else ""))

    def _noted(self, delta: ChatDelta | None) -> ChatDelta | None:
        if delta is not None and delta.reasoning:
            self._thoughts.append(delta.reasoning)
        if not self._call.said and self.words.has_words:
            self._call.said = True
        return delta

    def rest(self, lines: Sequence[bytes]) -> Iterator[ChatDelta]:
        """What the end brings: the last line, even one that broke off, and what was held back."""
        for line in lines:
            with suppress(*() if self._is_empty else (ValueError,)):
                if delta := self.take(line):
                    yield delta
        if delta := self._noted(self.words.rest()):
            yield delta

    def _note(self, calls: Sequence[Mapping[str, Any]]) -> None:
        from companion.calls import ToolCall

        for call in calls:
            function = call["function"]
            given = whole(json.dumps(function.get("arguments") or {}, ensure_ascii=False))
            call_id = call.get("id") or f"call_{secrets.token_hex(6)}"
            opaque = "" if self._calls else kept_for(SPEC.name, "".join(self._thoughts))
            self._calls.append(ToolCall(id=call_id, name=function["name"], arguments=given, opaque=opaque))

    def last(self, notices: Sequence[str] = ()) -> ChatDelta:
        """The closing delta.

        Raises:
            AIProviderError: the stream did not say `done`, or said nothing else.
        """
        call, end = self._call, self._end
        if end is None:
            raise call.cut()
        ended = "length" if end.get("done_reason") == "length" else "stop"
        if not self.words.has_words and not self._calls:
            raise call.empty(ended, thought=self.words.has_thoughts)
        usage = usage_of(read=tokens(end.get("prompt_eval_count")), written=tokens(end.get("eval_count")))
        return ChatDelta(
            finish_reason="tool_calls" if self._calls else ended,
            usage=usage,
            model=end.get("model") or "",
            tool_calls=tuple(self._calls),
            notices=tuple(notices),
            raw=end,
        )


_NOTHING: Mapping[str, Any] = {}
