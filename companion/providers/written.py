"""Providers as programs write them: whichever simple methods a class overrides become `chat`, `transcribe` and `speak`.

A class may override `generate_completion`, or connect and transcribe a stream, or give bytes of speech, and is then a
provider like any other: through the factory, the client, the contract's calls and their middleware. What such a method
raises becomes an `AIProviderError`; what it needs first (`connect`, `initialize`) is done before its first call.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import fields, replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from companion.errors import (
    AIProviderEmptyReplyError,
    AIProviderError,
    AIProviderInvalidRequestError,
    AIProviderNotSupportedError,
    AIProviderTimeoutError,
    AIProviderUnavailableError,
    CompanionError,
    Kind,
)
from companion.flow import (
    Audio,
    AudioChunk,
    ChatDelta,
    ChatRequest,
    HearRequest,
    Message,
    Speaker,
    SpeakRequest,
    Transcript,
)
from companion.kinds import Role, VoiceInfo

if TYPE_CHECKING:
    from companion.calls import DrawRequest, Embeddings, EmbedRequest, Picture
    from companion.ports import Call
    from companion.providers.provider import AIProvider

RequestT = TypeVar("RequestT")
ChunkT = TypeVar("ChunkT")

_OWN: Mapping[Role, tuple[str, ...]] = {
    Role.THINKS: ("chat",),
    Role.HEARS: ("transcribe",),
    Role.SPEAKS: ("speak",),
    Role.EMBEDS: ("embed",),
    Role.DRAWS: ("draw",),
    Role.FILMS: ("film",),
}
"""The calls themselves: a class that overrides one needs nothing from here."""
_SIMPLE: Mapping[Role, tuple[str, ...]] = {
    Role.THINKS: (
        "chat_stream",
        "generate_completion_stream",
        "stream_chat",
        "generate_stream",
        "generate_completion",
    ),
    Role.HEARS: ("stream_transcribe", "speech_to_text", "transcribe_stream"),
    Role.SPEAKS: ("stream_synthesize", "text_to_speech", "synthesize_stream", "generate_tts", "synthesize"),
    Role.EMBEDS: ("embeddings",),
}
"""Those that come in pieces first."""
SPEECH_HZ = 24_000
"""Rate of bare samples, where nothing says another."""
_FILES = (b"RIFF", b"ID3", b"fLaC", b"OggS", b"\xff\xfb", b"\xff\xf3", b"\xff\xf2")
"""How files of sound begin."""


def method(cls: type[AIProvider], role: Role) -> str:
    """The name of what a class overrides for a role; empty: nothing."""
    names = (*_OWN[role], *_SIMPLE.get(role, ()), *(("generate",) if cls.makes is role else ()))
    return next((name for name in names if overrides(cls, name)), "")


def overrides(cls: type[AIProvider], name: str) -> bool:
    """Whether a class, or one below `AIProvider` that it comes from, has its own."""
    from companion.providers.provider import AIProvider

    return getattr(cls, name) is not getattr(AIProvider, name)


def as_call(provider: AIProvider, call: Call[RequestT, ChunkT]) -> Call[RequestT, ChunkT]:
    """`call`; where it is a coroutine that gives a whole answer, the same in pieces."""
    if not inspect.iscoroutinefunction(call):
        return call
    asked: object = call
    if asked == provider.chat and overrides(type(provider), "chat_stream"):
        streamed: Call[Any, Any] = partial(chat, provider)
        return streamed
    whole: Callable[[RequestT], Any] = call

    async def run(request: RequestT) -> AsyncGenerator[Any, None]:
        await _ready(provider)
        with _ours(provider):
            answer = await whole(request)
        if isinstance(request, ChatRequest):
            for delta in deltas_of(answer):
                yield delta
        else:
            yield answer

    return run


def filling(provider: AIProvider, call: Call[RequestT, ChunkT]) -> Call[RequestT, ChunkT]:
    """`call`, whose requests get the provider's `defaults` for what they leave as it is."""

    def run(request: RequestT) -> AsyncGenerator[ChunkT, None]:
        return call(_filled(request, provider.defaults))

    return run


def _filled(request: RequestT, defaults: Mapping[str, Any]) -> RequestT:
    if not defaults:
        return request
    usual = {each.name: each.default for each in fields(request)}  # type: ignore[arg-type]
    open_ones = {
        name: value
        for name, value in defaults.items()
        if name in usual and getattr(request, name) == usual[name]
    }
    return replace(request, **open_ones) if open_ones else request  # type: ignore[type-var]


async def close(provider: AIProvider) -> None:
    """Ends what a program's own class has begun in its own way."""
    if provider._closes:  # its method calls ours
        return
    provider._closes = True
    try:
        for name in ("disconnect", "cleanup", "close"):
            if overrides(type(provider), name):
                with _ours(provider):
                    await _awaited(getattr(provider, name)())
        provider._is_open = False
        if "_connected" in vars(provider):
            vars(provider)["_connected"] = False
    finally:
        provider._closes = False


async def voices(provider: AIProvider) -> Sequence[VoiceInfo]:
    """The voices a program's own class names: ids, or dictionaries with id, name, language and description."""
    if not overrides(type(provider), "get_available_voices"):
        return ()
    await _ready(provider)
    with _ours(provider):
        listed = await _awaited(provider.get_available_voices())
    return tuple(
        VoiceInfo(id=one, name=one)
        if isinstance(one, str)
        else VoiceInfo(**{name: str(one.get(name) or one["id"]) for name in ("id", "name")}, **_said_of(one))
        for one in listed
    )


def _said_of(voice: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(voice[name]) for name in ("language", "description") if voice.get(name)}


# -- thinking -----------------------------------------------------------------------------------------------


async def chat(provider: AIProvider, request: ChatRequest) -> AsyncGenerator[ChatDelta, None]:
    """The answer of whatever a class overrides to think."""
    name = method(type(provider), Role.THINKS)
    if name == "chat":  # it gives whole answers, and has this beside it
        name = "chat_stream"
    if name != "chat_stream":
        _require_plain(provider, request)

    def given() -> Any:
        if name == "chat_stream":
            return provider.chat_stream(request)
        return _given(getattr(provider, name), _asked(provider, name, request))

    await _ready(provider)
    last: ChatDelta | None = None
    said = False
    with _ours(provider):
        pieces = pieces_of(given())
        async with aclosing(pieces):
            async for piece in pieces:
                for delta in deltas_of(piece, ends=name in ("generate", "generate_completion")):
                    said = said or bool(delta.text or delta.tool_calls)
                    if delta.finish_reason:
                        last = delta
                    else:
                        yield delta
    if not said:
        raise AIProviderEmptyReplyError("", provider.spec.name, who=provider.spec.display_name)
    yield last or ChatDelta(finish_reason="stop", model=request.model or provider.models[Role.THINKS])


def _require_plain(provider: AIProvider, request: ChatRequest) -> None:
    """A class that overrides simple methods is only given words."""
    more: dict[str, object] = {"tools": request.tools, "a schema": request.schema}
    more |= {"pictures": any(each.images for each in request.messages)}
    more |= {"sound": any(each.sounds for each in request.messages)}
    for what, asked in more.items():
        if asked:
            who = provider.spec.display_name
            raise AIProviderNotSupportedError(
                f"{who} cannot be given {what}.",
                provider.spec.name,
                who=who,
                hint="Override `chat`, which is given the whole request.",
            )


def _asked(provider: AIProvider, name: str, request: ChatRequest) -> dict[str, Any]:
    """The arguments of the method `name`."""
    system = "\n\n".join(each.content for each in request.messages if each.role is Speaker.SYSTEM)
    others = tuple(each for each in request.messages if each.role is not Speaker.SYSTEM)
    model = request.model or provider.models[Role.THINKS]
    if name.startswith("generate_completion"):
        return {
            "system_prompt": system,
            "user_prompt": others[-1].content if len(others) == 1 else _as_script(others),
            "max_tokens": 500 if request.max_tokens is None else request.max_tokens,
            "temperature": 0.7 if request.temperature is None else request.temperature,
        }
    asked = {
        each: getattr(request, each)
        for each in ("temperature", "max_tokens", "top_p", "seed", "stop", "user")
    }
    asked = {each: value for each, value in asked.items() if value not in (None, "", ())}
    if name == "stream_chat":
        named = {"model": request.model} if request.model else {}
        return {"messages": list(others), "system_prompt": system or None, **asked, **named}
    from companion.calls import GenerationSettings

    plain = [{"role": each.role.value, "content": each.content} for each in request.messages]
    return {"messages": plain, "model": model, "settings": GenerationSettings(**asked)}


def _as_script(messages: Iterable[Message]) -> str:
    """A conversation for a class that takes one prompt."""
    return "\n\n".join(f"{each.role.value.capitalize()}: {each.content}" for each in messages)


def deltas_of(piece: object, *, ends: bool = True) -> Iterable[ChatDelta]:
    """What a method gave, as deltas; `ends`: a bare text is the whole answer."""
    if isinstance(piece, ChatDelta):
        return (piece,)
    from companion.providers.response import ChatResponse

    if ends or isinstance(piece, ChatResponse):
        return ChatResponse.of(piece).deltas()
    text = piece if isinstance(piece, str) else getattr(piece, "content", None)
    return (ChatDelta(text=str(text)),) if text else ()


# -- hearing ------------------------------------------------------------------------------------------------


async def transcribe(provider: AIProvider, request: HearRequest) -> AsyncGenerator[Transcript, None]:
    """The words of whatever a class overrides to hear: each of its finals is a stretch of the take, not its end."""
    name = method(type(provider), Role.HEARS)
    await _ready(provider)
    chunks = name == "stream_transcribe"

    async def frames() -> AsyncGenerator[Any, None]:
        async for frame in request.frames:
            yield AudioChunk(frame, request.rate_hz) if chunks else frame

    arguments = {"audio_stream": frames(), "language": request.language, "context": request.context or None}
    settled: list[str] = []
    latest = Transcript(text="")
    with _ours(provider):
        pieces = pieces_of(_given(getattr(provider, name), arguments))
        async with aclosing(pieces):
            async for piece in pieces:
                latest = piece if isinstance(piece, Transcript) else _transcript(piece)
                if latest.is_final and latest.text:
                    settled.append(latest.text)
                so_far = " ".join(settled if latest.is_final else [*settled, latest.text])
                yield replace(latest, text=so_far, is_final=False)
    rest = [] if latest.is_final else [latest.text]
    text = " ".join(filter(None, [*settled, *rest]))
    yield Transcript(text=text, is_final=True, confidence=latest.confidence)


def _transcript(piece: object) -> Transcript:
    if isinstance(piece, str):
        return Transcript(text=piece)
    told = {each.name: getattr(piece, each.name) for each in fields(Transcript) if hasattr(piece, each.name)}
    return Transcript(**{"text": "", **told})


# -- speaking -----------------------------------------------------------------------------------------------


async def speak(provider: AIProvider, request: SpeakRequest) -> AsyncGenerator[Audio, None]:
    """The sound of whatever a class overrides to speak: chunks, bare samples, or a file by its bytes."""
    name = method(type(provider), Role.SPEAKS)
    await _ready(provider)
    text = request.text
    if request.pieces is not None:
        text = "".join([piece async for piece in request.pieces])
    rate_hz = _rate_of(provider)
    voice = request.voice or provider.tts_voice
    arguments = {"text": text, "voice": voice, "voice_id": voice, "speed": request.speed}
    if name == "stream_synthesize":
        arguments["sample_rate"] = rate_hz
    file = b""
    odd = b""
    with _ours(provider):
        pieces = pieces_of(_given(getattr(provider, name), arguments))
        async with aclosing(pieces):
            async for piece in pieces:
                if isinstance(piece, Audio):
                    yield piece
                elif file or (not odd and bytes(piece[:4]).startswith(_FILES)):
                    file += piece
                else:
                    whole = odd + piece
                    odd = whole[len(whole) & ~1 :]
                    if pcm := whole[: len(whole) & ~1]:
                        yield Audio(pcm=pcm, rate_hz=rate_hz)
    if file:
        yield _read(provider, file)


def _rate_of(provider: AIProvider) -> int:
    given = getattr(provider.config, "sample_rate_output", None) or provider.defaults.get("sample_rate")
    return int(given or SPEECH_HZ)


def _read(provider: AIProvider, file: bytes) -> Audio:
    from companion.decoding import NoSound, decoded

    try:
        return decoded(file)
    except NoSound as error:
        who = provider.spec.display_name
        raise AIProviderError(
            f"{who} sent {error}.", provider.spec.name, error, kind=Kind.VOICE_FAILED, who=who
        ) from error


# -- vectors, and drawing ------------------------------------------------------------------------------------


async def embed(provider: AIProvider, request: EmbedRequest) -> AsyncGenerator[Embeddings, None]:
    """The vectors of a class that overrides `embeddings`: ours, or lists of numbers. Made 1 long."""
    import math

    from companion.calls import Embeddings

    await _ready(provider)
    with _ours(provider):
        found = await _awaited(provider.embeddings(request))
        if not isinstance(found, Embeddings):
            lengths = [math.hypot(*vector) or 1.0 for vector in found]
            scaled = [tuple(x / long for x in each) for each, long in zip(found, lengths, strict=True)]
            found = Embeddings(vectors=tuple(scaled), model=request.model)
    yield found


async def draw(provider: AIProvider, request: DrawRequest) -> AsyncGenerator[Picture, None]:
    """The pictures of a class whose `generate` draws: ours, or the bytes of their files."""
    from companion.calls import Picture

    await _ready(provider)
    arguments = {"prompt": request.prompt, "model": request.model, "size": request.size}
    with _ours(provider):
        pieces = pieces_of(_given(provider.generate, arguments))
        async with aclosing(pieces):
            async for piece in pieces:
                yield (
                    piece if isinstance(piece, Picture) else Picture(data=bytes(piece), prompt=request.prompt)
                )


# -- what all of them need ----------------------------------------------------------------------------------


async def _ready(provider: AIProvider) -> None:
    """A class that has to connect or to be configured first has done so."""
    if provider.is_connected:
        return
    import asyncio

    lock: asyncio.Lock = vars(provider).setdefault("_begins", asyncio.Lock())
    async with lock:  # two first calls at once begin it once
        if not provider.is_connected:
            await _begin(provider)


async def _begin(provider: AIProvider) -> None:
    cls = type(provider)
    with _ours(provider):
        if overrides(cls, "initialize"):
            from companion.providers.making import bare

            await _awaited(provider.initialize(bare(provider.settings)))
        if overrides(cls, "connect"):
            await _awaited(provider.connect())
    provider._is_open = True
    if "_connected" in vars(provider):
        vars(provider)["_connected"] = True


def _given(call: Callable[..., Any], arguments: Mapping[str, Any]) -> Any:
    """`call` with those of the arguments that it has."""
    known = inspect.signature(call).parameters.values()
    if any(each.kind is each.VAR_KEYWORD for each in known):
        names = {each.name for each in known}
        extra = {"voice", "voice_id"} & names and {"voice", "voice_id"} - names
        return call(**{name: value for name, value in arguments.items() if name not in (extra or ())})
    return call(**{each.name: arguments[each.name] for each in known if each.name in arguments})


async def pieces_of(given: Any) -> AsyncGenerator[Any, None]:
    """What a method gave, one by one: an iterator of either kind, a coroutine, or one value."""
    given = await _awaited(given)
    if hasattr(given, "__aiter__"):
        try:
            async for piece in given:
                yield piece
        finally:
            if (end := getattr(given, "aclose", None)) is not None:
                await end()
    elif isinstance(given, (list, tuple, Iterator)):
        for piece in given:
            yield piece
    elif given is not None:
        yield given


async def _awaited(given: Any) -> Any:
    is_voices = isinstance(given, list)
    return await given if inspect.isawaitable(given) and not is_voices else given


@contextmanager
def _ours(provider: AIProvider) -> Iterator[None]:
    """What a program's own class raises, as one of our errors."""
    spec = provider.spec
    try:
        yield
    except CompanionError:
        raise
    except Exception as error:  # a program's own code, whose every fault is one sentence for its user
        kinds: dict[type[Exception] | tuple[type[Exception], ...], type[AIProviderError]] = {
            NotImplementedError: AIProviderNotSupportedError,
            TimeoutError: AIProviderTimeoutError,
            ConnectionError: AIProviderUnavailableError,
            (ValueError, TypeError): AIProviderInvalidRequestError,
        }
        cls = next((ours for theirs, ours in kinds.items() if isinstance(error, theirs)), AIProviderError)
        from companion.log import redact

        said = redact(str(error))[:300] or type(error).__name__
        raise cls(f"{spec.display_name}: {said}", spec.name, error, who=spec.display_name) from error
