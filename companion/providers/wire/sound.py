"""Sound as servers really send it: a file of any kind or bare samples, in the open, in JSON, in events, or as a data URL.

Bytes of an HTTP answer go in, `Audio` comes out. What is text is read as text: an error in it is told, sound in it is
unpacked. `decoding` knows the files.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import re
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import aclosing
from typing import Any

from companion.decoding import Bare, Decoder, NoSound
from companion.errors import AIProviderError, Kind
from companion.flow import Audio
from companion.media import is_textual, media_type_of, spoken_of
from companion.providers.wire.faults import CallContext
from companion.providers.wire.sse import Splitter

_NAMED = (
    "audio",
    "audio_data",
    "audioContent",
    "audio_base64",
    "b64_json",
    "delta",
    "data",
    "content",
    "sound",
    "output",
)
"""Fields that servers pack sound into."""
_DEEP = 5
_TELLING = 16
"""Bytes that tell text from sound; more of them may tell otherwise."""
_URL = re.compile(r"data:((?:[\w.+-]+/[\w.+-]+)?(?:;[\w-]+=[^;,\s{]*)*)(;base64)?,", re.IGNORECASE)
_RATE = re.compile(r"(?:sample_?)?rate=\"?(\d{4,6})", re.IGNORECASE)
_CHANNELS = re.compile(r"channels=\"?(\d{1,2})", re.IGNORECASE)
_BASE64 = re.compile(r"[A-Za-z0-9+/_\-\r\n]{16,}={0,2}\s*")
_EVENTS = re.compile(r"\s*(?:data|event|id|retry)?:")


def form_of(headers: Mapping[str, str], rate_hz: int) -> Bare:
    """The form of bare samples by their content type ("audio/pcm;rate=16000"); `rate_hz` where it does not say."""
    told = headers.get("content-type", "")
    rate, channels = _RATE.search(told), _CHANNELS.search(told)
    if not rate:
        rate = re.fullmatch(r"(\d{4,6})", headers.get("x-sample-rate", ""))
    return Bare(int(rate[1]) if rate else rate_hz, channels=int(channels[1]) if channels else 1)


async def sound_of(
    call: CallContext, blocks: AsyncIterator[bytes], bare: Bare | None
) -> AsyncGenerator[Audio, None]:
    """The sound of an answer while it arrives.

    Args:
        bare: the form of bare samples, where they were asked for.

    Raises:
        AIProviderError: VOICE_FAILED for what is no sound; what the server calls an error; CUT_OFF for half a file.
    """
    decoder = Decoder(bare)
    try:
        head = await _head(blocks)
        if is_textual(kind := media_type_of(head)):
            async with aclosing(_sound_in_text(call, head, blocks, bare, kind)) as unpacked:
                async for audio in unpacked:
                    yield audio
            return
        if pcm := await _taken(decoder, head):
            yield Audio(pcm=pcm, rate_hz=decoder.rate_hz)
        async for block in blocks:
            if pcm := await _taken(decoder, block):
                yield Audio(pcm=pcm, rate_hz=decoder.rate_hz)
        pcm = await asyncio.to_thread(decoder.end) if decoder.is_slow else decoder.end()
        if pcm:
            yield Audio(pcm=pcm, rate_hz=decoder.rate_hz)
        if decoder.is_short:
            raise call.cut()
    except NoSound as error:
        raise no_voice(call, str(error)) from error


async def _taken(decoder: Decoder, block: bytes) -> bytes:
    return await asyncio.to_thread(decoder.take, block) if decoder.is_slow else decoder.take(block)


async def _head(blocks: AsyncIterator[bytes]) -> bytes:
    head = b""
    async for block in blocks:
        head += block
        if len(head) >= 1024 or (len(head) >= _TELLING and not is_textual(media_type_of(head))):
            break
        if _EVENTS.match(head[:64].decode("latin-1")) and b"\n\n" in head:
            break
    return head


async def _sound_in_text(
    call: CallContext, head: bytes, blocks: AsyncIterator[bytes], bare: Bare | None, kind: str
) -> AsyncGenerator[Audio, None]:
    start = head[:64].decode("utf-8", "replace")
    if _EVENTS.match(start) and not _URL.match(start):
        async with aclosing(_sound_in_events(call, head, blocks, bare)) as sound:
            async for audio in sound:
                yield audio
        return
    text = (head + b"".join([block async for block in blocks])).decode("utf-8", "replace").strip()
    packed = _packed_in(call, text)
    if packed is None:
        raise NoSound(f"{spoken_of(kind)} instead of sound")
    data, form = packed
    decoder = Decoder(form or bare)
    if pcm := await asyncio.to_thread(decoder.end, data):
        yield Audio(pcm=pcm, rate_hz=decoder.rate_hz)


async def _sound_in_events(
    call: CallContext, head: bytes, blocks: AsyncIterator[bytes], bare: Bare | None
) -> AsyncGenerator[Audio, None]:
    """Events that carry pieces of one sound (`speech.audio.delta`)."""
    decoder, splitter = Decoder(bare), Splitter()

    async def all_blocks() -> AsyncGenerator[bytes, None]:
        yield head
        async for block in blocks:
            yield block

    async with aclosing(all_blocks()) as arriving:
        async for block in arriving:
            for event in splitter.feed(block):
                is_end = not event.data or event.data == "[DONE]"
                packed = None if is_end else _packed_in(call, event.data)
                if packed and (pcm := await _taken(decoder, packed[0])):
                    yield Audio(pcm=pcm, rate_hz=decoder.rate_hz)
    if pcm := decoder.end():
        yield Audio(pcm=pcm, rate_hz=decoder.rate_hz)


def _packed_in(call: CallContext, text: str) -> tuple[bytes, Bare | None] | None:
    """Sound that is packed into text, and the form of bare samples where it says; None: there is none.

    Raises:
        AIProviderError: the text tells an error.
    """
    try:
        answer = json.loads(text)
    except (ValueError, RecursionError):
        answer = text
    if isinstance(answer, dict) and _is_failure(answer):
        raise call.inside(answer)
    for written in _candidates(answer, _DEEP):
        url = _URL.match(written)
        body = written[url.end() :] if url else written
        if (url and not url[2]) or not _BASE64.fullmatch(body):
            continue
        form = form_of({"content-type": url[1]}, 0) if url else None
        rate = answer.get("sample_rate") or answer.get("sampleRate") if isinstance(answer, dict) else None
        rate_hz = (form.rate_hz if form else 0) or (rate if isinstance(rate, int) else 0)
        try:
            return decoded_base64(body), Bare(rate_hz) if rate_hz else None
        except binascii.Error:
            continue
    return None


def _is_failure(answer: Mapping[str, Any]) -> bool:
    if answer.get("error") or answer.get("object") == "error" or answer.get("type") == "error":
        return True
    is_bare = not any(name in answer for name in _NAMED)
    return is_bare and any(
        isinstance(answer.get(name), (str, list)) for name in ("detail", "message", "errors")
    )


def _candidates(value: object, depth: int) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list) and depth:
        for part in value[:4]:
            yield from _candidates(part, depth - 1)
    elif isinstance(value, dict) and depth:
        for name in _NAMED:
            if name in value:
                yield from _candidates(value[name], depth - 1)
        for name in ("result", "results", "response"):
            yield from _candidates(value.get(name), depth - 1)


def decoded_base64(text: str) -> bytes:
    """Base64 in either alphabet, with or without its padding and with white space.

    Raises:
        binascii.Error: it is none.
    """
    plain = "".join(text.split()).rstrip("=").replace("-", "+").replace("_", "/")
    return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)


def no_voice(call: CallContext, what: str) -> AIProviderError:
    """The error for a voice that sent something else than sound."""
    who = call.spec.display_name
    return AIProviderError(f"{who} sent {what}.", call.spec.name, kind=Kind.VOICE_FAILED, who=who)
