"""Google Gemini over its own wire: chat, hearing, voices, vectors, pictures, videos, live talk.

Requests go out through the gate's HTTP client with the key in a header; chat, hearing and speech are event streams that
end with a finish reason and EOF. The words of the wire are in `wire`, live conversations in `live`.
"""

from __future__ import annotations

import json
import math
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from companion.bounds import MAX_MESSAGE
from companion.errors import AIProviderError, AIProviderInvalidRequestError, CompanionError, Kind
from companion.flow import Audio, ChatDelta, ChatRequest, Health, HearRequest, SpeakRequest, Transcript
from companion.kinds import Role, VoiceInfo
from companion.providers.provider import AIProvider, Spec
from companion.providers.wire.bodies import json_body
from companion.providers.wire.faults import CallContext, health, in_call, our_own, until_over
from companion.providers.wire.languages import Language, heard_in_any_language
from companion.providers.wire.sse import AnswerSplitter, parsed, says_nothing
from companion.providers.wire.usage import figure, tokens
from companion.providers.wire.voices import said_in_any_voice

if TYPE_CHECKING:
    import httpx2

    from companion.calls import DrawRequest, Embeddings, EmbedRequest, Picture, RealtimeChoice
    from companion.jobs import VideoProgress, VideoRequest
    from companion.ports import SpeechToSpeech

API_VERSION = "v1"
"""What the vendor's SDK of November 2026 puts before every path; older pages say v1beta."""
KEY_HEADER = "x-goog-api-key"
PAGE = 1000
"""Models or voices on one page of a list."""
MOST_PAGES = 20
VECTORS_AT_ONCE = 100
"""The vendor takes no more texts in one request."""
_VOICES = (
    ("Sulafat", "warm"), ("Achird", "friendly"), ("Vindemiatrix", "gentle"), ("Achernar", "soft"),
    ("Algieba", "smooth"), ("Despina", "smooth"), ("Callirrhoe", "easy-going"), ("Umbriel", "easy-going"),
    ("Aoede", "breezy"), ("Enceladus", "breathy"), ("Iapetus", "clear"), ("Erinome", "clear"),
    ("Schedar", "even"), ("Gacrux", "mature"), ("Sadaltager", "knowledgeable"), ("Charon", "informative"),
    ("Rasalgethi", "informative"), ("Kore", "firm"), ("Orus", "firm"), ("Alnilam", "firm"),
    ("Zephyr", "bright"), ("Autonoe", "bright"), ("Leda", "youthful"), ("Zubenelgenubi", "casual"),
    ("Pulcherrima", "forward"), ("Puck", "upbeat"), ("Laomedeia", "upbeat"), ("Sadachbia", "lively"),
    ("Fenrir", "excitable"), ("Algenib", "gravelly"),
)  # fmt: skip
"""Speak every language of their models."""

SPEC = Spec(
    name="google",
    display_name="Google Gemini",
    roles=frozenset({Role.THINKS, Role.HEARS, Role.SPEAKS, Role.EMBEDS, Role.DRAWS, Role.FILMS}),
    aliases=("gemini",),
    needs_key=True,
    key_env=("GEMINI_API_KEY", "GOOGLE_API_KEY"),
    key_prefixes=("AIza", "AQ."),
    key_page="https://aistudio.google.com/apikey",
    base_url="https://generativelanguage.googleapis.com",
    default_models={
        Role.THINKS: "gemini-3.8-flash",
        Role.HEARS: "gemini-3.5-transcribe",
        Role.SPEAKS: "gemini-3.8-flash-lite-tts",
        Role.EMBEDS: "gemini-embedding-2",
        Role.DRAWS: "gemini-3.1-flash-lite-image",
        Role.FILMS: "gemini-omni-1.2-flash",
    },
    voices=tuple(VoiceInfo(id=name, name=name, description=how) for name, how in _VOICES),
    live_models=frozenset({"gemini-3.5-transcribe-live"}),
    realtime=("gemini-3.8-live", "gemini-3.1-flash-live-preview"),
    realtime_voices=tuple(name for name, _ in _VOICES),
    summary="Thinks, hears, speaks and draws. Your words and your voice go to Google.",
)


class GoogleProvider(AIProvider):
    """Everything the Gemini API does, with a key of Google AI Studio."""

    spec = SPEC

    async def chat(self, request: ChatRequest) -> AsyncGenerator[ChatDelta, None]:
        from companion.providers.vendors.google.wire import Reply, compose

        model = request.model or self.models[Role.THINKS]
        with in_call(self.spec) as call:
            with our_own(self.spec):
                asked = compose(request, self.spec, model)
            reply = Reply(call, asked, model)
            async with (
                aclosing(self._stream(call, model, asked.body)) as chunks,
                aclosing(until_over(chunks, reply.is_over, lambda: False)) as events,
            ):
                async for event in events:
                    if (delta := reply.take(event)) is not None:
                        yield delta
            if (delta := reply.rest()) is not None:
                yield delta
            yield reply.end()

    def transcribe(self, request: HearRequest) -> AsyncGenerator[Transcript, None]:
        form = lambda tag: Language.of(tag).tag  # noqa: E731 - BCP 47
        return heard_in_any_language(self, request, self._hear, form)

    async def _hear(self, request: HearRequest) -> AsyncGenerator[Transcript, None]:
        from companion.pcm import split_at_pauses
        from companion.providers.vendors.google.sound import LONGEST_TAKE_S, Hearing, hear_body

        model = request.model or self.models[Role.HEARS]
        if model in self.spec.live_models:
            from companion.providers.vendors.google.hearing import hear_live

            async with aclosing(hear_live(self, request, model)) as live:
                async for transcript in live:
                    yield transcript
            return
        pcm = b"".join([frame async for frame in request.frames])
        if not pcm:
            raise AIProviderError("", self.spec.name, kind=Kind.HEARD_NOTHING, who=self.spec.display_name)
        with in_call(self.spec) as call:
            parts = split_at_pauses(Audio(pcm=pcm, rate_hz=request.rate_hz), LONGEST_TAKE_S)
            before = ""
            for part in parts:
                hearing = Hearing(call)
                body = hear_body(request, model, part)
                async with (
                    aclosing(self._stream(call, model, body)) as chunks,
                    aclosing(until_over(chunks, hearing.is_over)) as events,
                ):
                    async for event in events:
                        if hearing.take(event):
                            text = f"{before} {hearing.text}".strip()
                            yield Transcript(text=text, committed_chars=len(text))
                last = hearing.end()
                before = f"{before} {last.text}".strip()
            yield replace(last, text=before, committed_chars=len(before))

    def speak(self, request: SpeakRequest) -> AsyncGenerator[Audio, None]:
        return said_in_any_voice(self, request, self._speak, self._default_voice)

    async def _default_voice(self) -> str:
        return SPEC.voices[0].id

    async def _speak(self, request: SpeakRequest) -> AsyncGenerator[Audio, None]:
        from companion.providers.vendors.google.sound import Speech, speak_body

        model = request.model or self.models[Role.SPEAKS]
        voice = request.voice or SPEC.voices[0].id
        with in_call(self.spec) as call:
            speech = Speech(call)
            body = speak_body(request, model, voice)
            async with (
                aclosing(self._stream(call, model, body, MAX_MESSAGE)) as chunks,
                aclosing(until_over(chunks, speech.is_over)) as events,
            ):
                async for event in events:
                    for audio in speech.take(event):
                        yield audio
            if (rest := speech.end()) is not None:
                yield rest

    async def embed(self, request: EmbedRequest) -> AsyncGenerator[Embeddings, None]:
        from companion.calls import Embeddings
        from companion.providers.vendors.google.wire import embed_body

        model = request.model or self.models[Role.EMBEDS]
        vectors: list[tuple[float, ...]] = []
        read = 0
        with in_call(self.spec) as call:
            for at in range(0, len(request.texts), VECTORS_AT_ONCE):
                texts = request.texts[at : at + VECTORS_AT_ONCE]
                found = await self._post(
                    call, f"{_path(model)}:batchEmbedContents", embed_body(request, model, texts)
                )
                made = [_unit(each["values"]) for each in found["embeddings"]]
                if len(made) != len(texts):
                    raise call.inside({"code": "server_error"})
                vectors += made
                read += tokens(figure(found, "usageMetadata", "promptTokenCount")) or 0
        yield Embeddings(vectors=tuple(vectors), model=model, input_tokens=read)

    async def draw(self, request: DrawRequest) -> AsyncGenerator[Picture, None]:
        from companion.providers.vendors.google.wire import Drawing, draw_body

        model = request.model or self.models[Role.DRAWS]
        with in_call(self.spec) as call:
            answer = await self._post(call, f"{_path(model)}:generateContent", draw_body(request))
            drawing = Drawing(call)
            pictures = drawing.take(answer)
            drawing.require_end()
            if took := drawing.usage:
                pictures[0] = replace(
                    pictures[0], input_tokens=took.input_tokens, output_tokens=took.output_tokens
                )
        for picture in pictures:
            yield picture

    def film(self, request: VideoRequest) -> AsyncGenerator[VideoProgress, None]:
        from companion.providers.vendors.google.video import film

        return film(self, self._send, request, request.model or self.models[Role.FILMS])

    def realtime(self, choice: RealtimeChoice) -> SpeechToSpeech:
        from companion.providers.vendors.google.live import GeminiLive

        return GeminiLive(self, choice)

    async def voices(self) -> Sequence[VoiceInfo]:
        """Also those a person made there; without a key, or when the list cannot be had, those that are known."""
        if self.api_key is None:
            return self.spec.voices
        with suppress(CompanionError):
            own = await self.asked(self._own_voices)
            known = {voice.id for voice in self.spec.voices}
            return (*self.spec.voices, *(voice for voice in own if voice.id not in known))
        return self.spec.voices

    async def _own_voices(self) -> Sequence[VoiceInfo]:
        with in_call(self.spec) as call:
            return [_voice(each) async for each in self._listed(call, "voices", _VOICE_PAGE)]

    async def check(self) -> Health:
        async def list_models() -> Sequence[str]:
            with in_call(self.spec) as call:
                return [
                    each["name"].removeprefix("models/")
                    async for each in self._listed(call, "models", _MODEL_PAGE)
                ]

        async def knock(call: CallContext) -> None:
            """A count of nothing: it costs nothing, and is refused only by who accepts key and address."""
            with suppress(AIProviderInvalidRequestError):
                await self._post(call, f"{_path(self.models[Role.THINKS])}:countTokens", {"contents": []})

        return await health(self, list_models, knock)

    async def warm(self) -> None:
        if self.api_key is not None:
            with suppress(CompanionError), in_call(self.spec):
                await self.net.warm(self.base_url)

    async def aclose(self) -> None:
        from companion.providers.wire.sockets import all_closed

        await all_closed()
        await super().aclose()

    async def count_tokens(self, request: ChatRequest) -> int:
        """The vendor's own count; free of charge, and a request over the network.

        Raises:
            AIProviderError: as `chat`.
        """
        from companion.providers.vendors.google.wire import compose

        model = request.model or self.models[Role.THINKS]

        async def count() -> int:
            with in_call(self.spec) as call:
                asked = {"model": f"models/{model}", **compose(request, self.spec, model).body}
                path = f"{_path(model)}:countTokens"
                return int((await self._post(call, path, {"generateContentRequest": asked}))["totalTokens"])

        return await self.asked(count)

    # -- the wire -------------------------------------------------------------------------------------------

    def _http(self, max_line: int = 0, max_body: int = 0) -> httpx2.AsyncClient:
        base = f"{self.base_url.rstrip('/')}/{API_VERSION}/"
        key = {KEY_HEADER: self.require_key()}
        return self.net.client(base, key, max_line=max_line, max_body=max_body)

    async def _send(
        self,
        call: CallContext,
        method: str,
        address: str,
        body: Mapping[str, Any] | None = None,
        *,
        max_body: int = 0,
    ) -> httpx2.Response:
        """An answer that has begun and is no refusal; the caller closes it."""
        http = self._http(max_body=max_body)
        content: dict[str, Any] = (
            {} if body is None else {"content": json_body(body, self.spec), "headers": _JSON}
        )
        response = await http.send(http.build_request(method, address, **content), stream=True)
        try:
            await _require_success(call, response)
        except CompanionError:
            await response.aclose()
            raise
        return response

    async def _stream(
        self, call: CallContext, model: str, body: Mapping[str, Any], max_line: int = 0
    ) -> AsyncGenerator[Any, None]:
        """The events of `streamGenerateContent`, parsed. What comes without being framed as one is read at the end."""
        address = f"{_path(model)}:streamGenerateContent?alt=sse"
        raw = json_body(body, self.spec)
        asked = self._http(max_line).stream("POST", address, content=raw, headers=_JSON)
        async with asked as response:
            await _require_success(call, response)
            call.opened = True
            splitter = AnswerSplitter(max_line)
            async for block in response.aiter_raw():  # the gate lets no encoding through
                for event in splitter.feed(block):
                    if (found := _event(event.data)) is not None:
                        yield found
            for event in splitter.rest():
                last: Any = None
                with suppress(*[ValueError] * splitter.is_events):
                    last = _event(event.data)
                for each in last if isinstance(last, list) else (last,):
                    if each is not None:
                        yield each

    async def _post(self, call: CallContext, address: str, body: Mapping[str, Any]) -> Any:
        response = await self._http().post(address, content=json_body(body, self.spec), headers=_JSON)
        await _require_success(call, response)
        return response.json()

    async def _listed(
        self, call: CallContext, what: str, page: Mapping[str, str]
    ) -> AsyncGenerator[Mapping[str, Any], None]:
        """All entries of a list, page by page."""
        query = {page["size"]: str(PAGE)}
        for _ in range(MOST_PAGES):
            response = await self._http().get(what, params=query)
            await _require_success(call, response)
            found = response.json()
            for each in found.get(what) or ():
                yield each
            token = found.get("nextPageToken") or found.get("next_page_token")
            if not token:
                return
            query = {**query, page["token"]: token}


PROVIDER = GoogleProvider

_JSON = {"Content-Type": "application/json"}
_MODEL_PAGE = {"size": "pageSize", "token": "pageToken"}
_VOICE_PAGE = {"size": "page_size", "token": "page_token"}
"""Newer parts of the API write their names with underscores."""


def _path(model: str) -> str:
    """Where a model lives; a name with a slash is a path of its own (`tunedModels/…`)."""
    model = quote(model, safe="/:@", errors="replace")  # what is no name of a model is told by the vendor
    return model if "/" in model else f"models/{model}"


def _voice(listed: Mapping[str, Any]) -> VoiceInfo:
    name = listed.get("display_name") or listed.get("displayName") or listed["id"]
    return VoiceInfo(
        id=listed["id"],
        name=name,
        language=listed.get("language_code") or listed.get("languageCode") or "",
        description=listed.get("description") or "",
    )


def _unit(values: Sequence[float]) -> tuple[float, ...]:
    """The vector at length 1; shortened ones of older models are not."""
    length = math.sqrt(math.fsum(value * value for value in values))
    return tuple(value / length for value in values) if length else tuple(values)


def _event(data: str) -> Any:
    """None: only a sign of life."""
    try:
        return parsed(data)
    except ValueError:
        if says_nothing(data):
            return None
        raise


async def _require_success(call: CallContext, response: httpx2.Response) -> None:
    if response.status_code < 400:
        return
    from companion.providers.vendors.google.wire import refusal

    raw = await response.aread()
    body: object
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        body = raw.decode("utf-8", "replace")
    raise refusal(call, response.status_code, body, response.headers)
