"""OpenAI, and every server that speaks its dialect: chat, hearing, speech, vectors, pictures, videos, batches.

The calls of a turn are requests of our own (`requests` says why). The SDK is for what no turn waits for: the list of
models, vectors and pictures; it is imported on a thread. How a server differs from OpenAI is a `Dialect`, data.
"""

from __future__ import annotations

import asyncio
import base64
import json
import math
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlsplit

from companion.errors import (
    AIProviderError,
    AIProviderInvalidRequestError,
    AIProviderModelNotFoundError,
    CompanionError,
    Kind,
)
from companion.flow import Audio, ChatDelta, ChatRequest, Health, HearRequest, SpeakRequest, Transcript
from companion.kinds import Role, VoiceInfo
from companion.language import mark, tr
from companion.providers.model_names import made_for
from companion.providers.provider import AIProvider, Spec
from companion.providers.vendors.openai import responses
from companion.providers.vendors.openai.chat import Asked, Reply, compose, ended
from companion.providers.vendors.openai.dialect import OPENAI, Dialect
from companion.providers.vendors.openai.endpoints import Elsewhere, Endpoint, Endpoints, sent_on
from companion.providers.vendors.openai.requests import Made, Requests
from companion.providers.vendors.openai.sound import Hearing, Speech
from companion.providers.wire.bodies import json_body
from companion.providers.wire.faults import CallContext, health, in_call, until_over
from companion.providers.wire.languages import for_whisper, heard_in_any_language
from companion.providers.wire.sound import no_voice
from companion.providers.wire.sse import AnswerSplitter
from companion.providers.wire.usage import tokens
from companion.providers.wire.voices import said_in_any_voice
from companion.providers.wire.windows import Windows

if TYPE_CHECKING:
    import httpx2
    from openai import AsyncOpenAI

    from companion.calls import DrawRequest, Embeddings, EmbedRequest, Picture, RealtimeChoice
    from companion.jobs import BatchProgress, BatchRequest, VideoProgress, VideoRequest
    from companion.ports import SpeechToSpeech
    from companion.providers.catalogue import ModelEntry
    from companion.providers.wire.voice_sockets import Links

_VOICES = (
    ("alloy", "balanced"),
    ("ash", "clear, warm"),
    ("ballad", "melodic"),
    ("coral", "bright, friendly"),
    ("echo", "even"),
    ("fable", "expressive, British"),
    ("onyx", "deep"),
    ("nova", "lively"),
    ("sage", "calm"),
    ("shimmer", "light"),
    ("verse", "versatile"),
    ("marin", "natural"),
    ("cedar", "natural, low"),
)
_LIVE_HEARING = frozenset({"gpt-live-transcribe", "gpt-realtime-whisper"})
"""Recognisers that are reached over the realtime socket and hear while the person speaks."""
_EMBED_BATCH = 256
"""Texts of one request for vectors; OpenAI takes 300,000 tokens at once."""

SPEC = Spec(
    name="openai",
    display_name="OpenAI",
    roles=frozenset({Role.THINKS, Role.HEARS, Role.SPEAKS, Role.EMBEDS, Role.DRAWS, Role.FILMS}),
    needs_key=True,
    key_env=("OPENAI_API_KEY",),
    key_prefixes=("sk-",),
    key_page="https://platform.openai.com/api-keys",
    base_url="https://api.openai.com/v1",
    live_models=_LIVE_HEARING,
    batches=True,
    realtime=("gpt-realtime-2.1", "gpt-realtime-2.1-mini", "gpt-realtime-2"),
    realtime_voices=(
        "marin",
        "cedar",
        "alloy",
        "ash",
        "ballad",
        "coral",
        "echo",
        "sage",
        "shimmer",
        "verse",
    ),
    default_models={
        Role.THINKS: "gpt-6-luna",
        Role.HEARS: "gpt-transcribe",
        Role.SPEAKS: "gpt-4o-mini-tts",
        Role.EMBEDS: "text-embedding-3-small",
        Role.DRAWS: "gpt-image-2.5-flare",
    },
    voices=tuple(VoiceInfo(id=name, name=name.capitalize(), description=how) for name, how in _VOICES),
    summary="Thinks, hears and speaks well. Your words and your voice go to api.openai.com.",
)


class OpenAIProvider(AIProvider):
    """OpenAI or a compatible server at `base_url`.

    Args:
        organization: whose account is charged, where a key belongs to several; likewise `project`.
        api_version: of a server that wants it in every address, as Azure's dated ones do.
    """

    spec = SPEC
    dialect: ClassVar[Dialect] = OPENAI
    headers: Mapping[str, str]
    """Sent with every request, besides the dialect's."""
    query: Mapping[str, str]
    """Added to every address."""
    _client: AsyncOpenAI | None = None

    def __init__(
        self,
        *,
        organization: str = "",
        project: str = "",
        api_version: str = "",
        **arguments: Any,
    ) -> None:
        super().__init__(**arguments)
        named = {"OpenAI-Organization": organization, "OpenAI-Project": project}
        self.headers = {name: value for name, value in named.items() if value}
        self.query = {"api-version": api_version} if api_version else {}
        if self.spec.own_address:
            self.base_url = _with_path(self.base_url, self.spec.base_url)
        self._requests = Requests(self, self.dialect)
        self._endpoints = Endpoints(self.dialect)
        self._hearing = Hearing(self._requests, self.dialect)
        self._speech = Speech(self._requests, self.dialect)
        self.windows = Windows()
        self._found_models: dict[Role, str] = {}
        self._found_voice: str | None = None
        self._begin_in_thought: dict[str, bool] = {}
        """Model -> whether its last answer began with thoughts that nothing opened."""
        self._links: Links | None = None

    # -- thinking -------------------------------------------------------------------------------------------

    def chat(self, request: ChatRequest) -> AsyncGenerator[ChatDelta, None]:
        return self.windows.answer(self._chat, request)

    async def _chat(self, request: ChatRequest) -> AsyncGenerator[ChatDelta, None]:
        with in_call(self.spec) as call:
            model = await self._model(Role.THINKS, request.model)
            entry = _entry(model, self.spec.name)
            route = self._endpoints.route(self.base_url, model, request, entry)
            for left, endpoint in enumerate(route, 1 - len(route)):
                reply: responses.Reply | Reply
                kind = responses.Reply if endpoint is Endpoint.RESPONSES else Reply
                reply = kind(call, model, begins_in_thought=self._begin_in_thought.get(model))
                splitter = AnswerSplitter()
                try:
                    response, notices = await self._ask(
                        call, endpoint, request, model, entry, is_last=not left
                    )
                    async with aclosing(response):
                        blocks = until_over(response.aiter_raw(), reply.is_over, reply.is_closed)
                        async with aclosing(blocks):
                            async for (
                                block
                            ) in blocks:  # a loop of its own for each layer would cost every piece
                                for event in splitter.feed(block):
                                    if delta := reply.take(event.data, event.event):
                                        yield delta
                    for delta in ended(reply, splitter):
                        yield delta
                    last = reply.last(notices)
                except Elsewhere as elsewhere:
                    self._endpoints.note(self.base_url, model, endpoint, elsewhere)
                    continue
                if (learned := reply.begins_in_thought()) is not None:
                    self._begin_in_thought[model] = learned
                yield last
                return

    async def _ask(
        self,
        call: CallContext,
        endpoint: Endpoint,
        request: ChatRequest,
        model: str,
        entry: ModelEntry | None,
        *,
        is_last: bool,
    ) -> tuple[httpx2.Response, tuple[str, ...]]:
        """The answer of one endpoint, begun, and what was not sent; the caller closes it.

        Raises:
            Elsewhere: it belongs to the other one, and this is not the last to try.
        """
        asked: Asked | None = None

        def make(refused: frozenset[str]) -> Made:
            nonlocal asked
            if endpoint is Endpoint.RESPONSES:
                asked = responses.compose(request, self.spec, model, entry=entry, refused=refused)
            else:
                asked = compose(request, self.spec, self.dialect, model, entry=entry, refused=refused)
            return {"json": asked.body}, asked.optional

        def elsewhere(status: int, body: object) -> Elsewhere | None:
            return None if is_last else sent_on(endpoint, self.base_url, status, body)

        response = await self._requests.answer(call, endpoint, model, make, sent_on=elsewhere)
        assert asked is not None
        return response, asked.notices

    # -- hearing --------------------------------------------------------------------------------------------

    def transcribe(self, request: HearRequest) -> AsyncGenerator[Transcript, None]:
        return heard_in_any_language(self, request, self._hear, for_whisper)

    async def _hear(self, request: HearRequest) -> AsyncGenerator[Transcript, None]:
        model = self._successor(request.model or self.models[Role.HEARS])
        if model in self.spec.live_models:
            from companion.providers.vendors.openai.realtime import hear

            async with aclosing(hear(self, request, model)) as live:
                async for transcript in live:
                    yield transcript
            return
        pcm = b"".join([frame async for frame in request.frames])
        if not pcm:
            raise AIProviderError("", self.spec.name, kind=Kind.HEARD_NOTHING, who=self.spec.display_name)
        with in_call(self.spec) as call:
            model = await self._model(Role.HEARS, request.model)
            take = Audio(pcm=pcm, rate_hz=request.rate_hz)
            async with aclosing(self._hearing.hear(call, request, model, take)) as transcripts:
                async for transcript in transcripts:
                    yield transcript

    # -- speaking -------------------------------------------------------------------------------------------

    def speak(self, request: SpeakRequest) -> AsyncGenerator[Audio, None]:
        return said_in_any_voice(self, request, self._speak, self._first_voice)

    async def _speak(self, request: SpeakRequest) -> AsyncGenerator[Audio, None]:
        with in_call(self.spec) as call:
            model = await self._model(Role.SPEAKS, request.model)
            voice = request.voice or await self._first_voice()
            if model in self.spec.realtime:
                async with aclosing(self._read_out(request, model, voice)) as read_out:
                    async for audio in read_out:
                        yield audio
                return
            for text in _portions(request.text, self.dialect.longest_text):
                async with aclosing(self._speech.say(call, request, model, text, voice)) as sound:
                    async for audio in sound:
                        yield audio
            if not call.said:
                raise no_voice(call, "no sound")

    def _read_out(self, request: SpeakRequest, model: str, voice: str) -> AsyncGenerator[Audio, None]:
        from companion.providers.vendors.openai.voice import links_of, read_out

        if self._links is None:
            self._links = links_of(self)
        return read_out(self, self._links, request, model, voice)

    async def _first_voice(self) -> str:
        """The voice to use where none was chosen; empty: the server's own."""
        if self._found_voice is None:
            self._found_voice = next((voice.id for voice in await self.voices()), "")
        return self._found_voice

    async def voices(self) -> Sequence[VoiceInfo]:
        """The known ones, or those the server lists; none where it does not."""
        if self.spec.voices or not self.dialect.voices_path or Role.SPEAKS not in self.spec.roles:
            return await super().voices()
        with suppress(CompanionError):
            return await self.asked(self._listed_voices)
        return ()

    async def _listed_voices(self) -> Sequence[VoiceInfo]:
        with in_call(self.spec) as call:
            response = await self._requests.send("GET", self.dialect.voices_path)
            if response.status_code >= 400:
                raise await call.refusal(response)
            async with aclosing(response):
                listed = json.loads(await response.aread())
            return tuple(_voices_of(listed.get("voices") if isinstance(listed, dict) else listed))

    # -- vectors and pictures ---------------------------------------------------------------------------------

    async def embed(self, request: EmbedRequest) -> AsyncGenerator[Embeddings, None]:
        from companion.calls import Embeddings

        vectors: list[tuple[float, ...]] = []
        read = 0
        with in_call(self.spec):
            model = await self._model(Role.EMBEDS, request.model)
            client, headers = await self._sdk()
            extra: dict[str, Any] = {}
            if request.dimensions is not None and self.dialect.dimensions:
                extra[self.dialect.dimensions] = request.dimensions
            if self.dialect.query_field:
                extra[self.dialect.query_field] = "query" if request.is_query else "passage"
            for at in range(0, len(request.texts), _EMBED_BATCH):
                batch = list(request.texts[at : at + _EMBED_BATCH])
                answer = await client.embeddings.create(
                    model=model, input=batch, encoding_format="float", extra_body=extra, extra_headers=headers
                )
                found = sorted(answer.data, key=lambda one: one.index)
                if len(found) != len(batch):
                    raise ValueError(f"{len(found)} vectors for {len(batch)} texts")
                vectors += [_of_length_one(one.embedding) for one in found]
                read += tokens(getattr(answer.usage, "prompt_tokens", None)) or 0
        yield Embeddings(vectors=tuple(vectors), model=model, input_tokens=read)

    async def draw(self, request: DrawRequest) -> AsyncGenerator[Picture, None]:
        from companion.calls import Picture

        with in_call(self.spec):
            model = await self._model(Role.DRAWS, request.model)
            client, headers = await self._sdk()
            size: dict[str, Any] = {"size": request.size} if request.size else {}
            answer = await client.images.generate(
                model=model, prompt=request.prompt, n=1, extra_headers=headers, **size
            )
            drawn = [
                Picture(
                    data=base64.b64decode(image.b64_json or ""),
                    url="" if image.b64_json else image.url or "",
                    media_type=f"image/{answer.output_format or 'png'}",
                    prompt=image.revised_prompt or "",
                )
                for image in answer.data or ()
            ]
            if not drawn:
                raise ValueError("no picture")
            drawn[0] = replace(
                drawn[0],
                input_tokens=tokens(getattr(answer.usage, "input_tokens", None)) or 0,
                output_tokens=tokens(getattr(answer.usage, "output_tokens", None)) or 0,
            )
        for picture in drawn:
            yield picture

    # -- jobs -----------------------------------------------------------------------------------------------

    def film(self, request: VideoRequest) -> AsyncGenerator[VideoProgress, None]:
        model = request.model or self.models[Role.FILMS]
        if Role.FILMS not in self.spec.roles:
            return super().film(request)
        if not model and not request.job:
            hint = "Choose another provider for videos, or name a model if a gateway still has one."
            raise self._unsupported(mark("{who} cannot make videos any more."), hint)
        from companion.providers.vendors.openai.video import film

        return film(self, self._requests, request, model)

    def batch(self, request: BatchRequest) -> AsyncGenerator[BatchProgress, None]:
        if not self.spec.batches:
            return super().batch(request)
        from companion.providers.vendors.openai.batch import batch

        def endpoint(model: str, asked: ChatRequest) -> Endpoint:
            return self._endpoints.route(self.base_url, model, asked, _entry(model, self.spec.name))[0]

        return batch(self, self._requests, request, successor=self._successor, endpoint=endpoint)

    # -- talking to the server --------------------------------------------------------------------------------

    def realtime(self, choice: RealtimeChoice) -> SpeechToSpeech:
        if not self.spec.realtime:
            return super().realtime(choice)
        from companion.providers.vendors.openai.realtime import OpenAIRealtime

        return OpenAIRealtime(self, choice)

    async def _model(self, role: Role, wanted: str) -> str:
        """The model to ask; a server whose models are its own is asked for the first that looks made for the role.

        Raises:
            AIProviderModelNotFoundError: none was chosen, and it lists none.
        """
        if model := wanted or self.models[role] or self._found_models.get(role, ""):
            return self._successor(model)
        models = await self._models() if self.dialect.lists_models else ()
        if not models:
            who = self.spec.display_name
            raise AIProviderModelNotFoundError(
                tr("No model of {who} is chosen.", who=who),
                self.spec.name,
                who=who,
                hint=tr("Enter the name of its model."),
            )
        self._found_models[role] = next(iter(made_for(role, models)), models[0])
        return self._found_models[role]

    def _successor(self, model: str) -> str:
        """What the vendor names instead of a model that has ended since this program was made."""
        entry = _entry(model, self.spec.name)
        return entry.successor or model if entry is not None and entry.is_retired() else model

    async def _sdk(self) -> tuple[AsyncOpenAI, dict[str, Any]]:
        """The vendor's own client, and the headers to give with each call."""
        headers: dict[str, Any] = dict(self._requests.headers())
        await asyncio.to_thread(_load_sdk)
        from openai import AsyncOpenAI, Omit

        if self._client is None:
            http = self.net.client()
            client = AsyncOpenAI(
                api_key=self._requests.key() or "none",
                base_url=self.base_url,
                http_client=http,
                timeout=http.timeout,
                max_retries=0,
            )
            # The SDK reads these from the environment; a key works with the account it was made for.
            client.organization = client.project = client.admin_api_key = None
            self._client = client
        return self._client, headers if "Authorization" in headers else {"Authorization": Omit(), **headers}

    async def _models(self) -> Sequence[str]:
        client, headers = await self._sdk()
        return [model.id for model in (await client.models.list(extra_headers=headers)).data]

    async def check(self) -> Health:
        return await health(self, self._models, self._knock if Role.THINKS in self.spec.roles else None)

    async def _knock(self, call: CallContext) -> None:
        """A question without a message: it costs nothing, and is refused only by who accepts key and address.

        Raises:
            AIProviderError: it was refused for another reason.
        """
        model = self.models[Role.THINKS] or "none"
        body = json_body({"model": model, "messages": []}, self.spec)
        response = await self._requests.send("POST", "/chat/completions", content=body)
        if response.status_code in (400, 422):
            error = await call.refusal(response)
            if isinstance(error, AIProviderInvalidRequestError):
                return
            raise error
        if response.status_code > 400:
            raise await call.refusal(response)
        await response.aclose()

    async def warm(self) -> None:
        if self.api_key is not None or not self.spec.needs_key:
            with suppress(CompanionError), in_call(self.spec):
                _entry(self.models[Role.THINKS], self.spec.name)  # the catalogue is read once
                await self.net.warm(self.base_url)

    async def aclose(self) -> None:
        from companion.providers.wire.sockets import all_closed

        self._client = None
        self._requests.close()
        if self._links is not None:
            await self._links.aclose()
        await all_closed()
        await super().aclose()


PROVIDER = OpenAIProvider


def _with_path(address: str, like: str) -> str:
    """An address as people give it, host and port, with the path that such servers have."""
    with suppress(ValueError):  # what is no address is told when it is used
        if not urlsplit(address).path.strip("/"):
            return address.rstrip("/") + (urlsplit(like).path.rstrip("/") or "/v1")
    return address


def _entry(model: str, provider: str) -> ModelEntry | None:
    from companion.providers.catalogue import Catalogue

    return Catalogue.load().find(model, provider)


def _portions(text: str, longest: int) -> list[str]:
    if len(text) <= longest:
        return [text]
    import textwrap

    return textwrap.wrap(text, longest, break_on_hyphens=False)


def _voices_of(listed: object) -> list[VoiceInfo]:
    found = []
    for one in listed if isinstance(listed, list) else ():
        voice = one if isinstance(one, dict) else {"id": one}
        name = voice.get("id") or voice.get("voice_id") or voice.get("name")
        if isinstance(name, str):
            label = str(voice.get("name") or name)
            found.append(VoiceInfo(id=name, name=label, language=str(voice.get("language") or "en")))
    return found


def _of_length_one(vector: Sequence[float]) -> tuple[float, ...]:
    length = math.sqrt(math.fsum(x * x for x in vector))
    return tuple(x / length for x in vector) if length else tuple(vector)


def _load_sdk() -> None:
    """What the SDK would otherwise import at first use, on the loop."""
    import openai.resources.embeddings
    import openai.resources.images
    import openai.resources.models  # noqa: F401
