"""Hearing and speech over OpenAI's audio calls as servers really answer them.

A take goes out as WAV, in parts where it is longer than the server takes, and comes back in words of any shape; a text
comes back in sound of any kind. Where a server refuses the form of sound that we chose, it is asked for another.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from companion.errors import AIProviderError, AIProviderInvalidRequestError
from companion.flow import Audio, HearRequest, SpeakRequest, Transcript
from companion.pcm import split_at_pauses, to_wav
from companion.providers.vendors.openai.dialect import Dialect
from companion.providers.vendors.openai.requests import Made, Requests
from companion.providers.wire.faults import CallContext, until_over
from companion.providers.wire.heard import clean, words_in, words_of
from companion.providers.wire.refusals import TAKE_TOO_LONG
from companion.providers.wire.sound import form_of, sound_of
from companion.providers.wire.sse import ServerSentEvent, Splitter, parsed

if TYPE_CHECKING:
    import httpx2

SPEECH_HZ = 24_000
"""Rate of the `pcm` format: headerless int16 mono (developers.openai.com, text to speech)."""
_SHORTEST_PART_S = 20.0
"""A take that is too long though it is shorter than twice this is not cut further."""
_OF_FORM = re.compile(r"response_?format|\bformat\b|\bcontainer\b|\bpcm\b|\bwav\b|\bcodec\b", re.IGNORECASE)


# -- hearing ------------------------------------------------------------------------------------------------


class Hearing:
    """Takes to words.

    Args:
        requests: where they go.
    """

    def __init__(self, requests: Requests, dialect: Dialect) -> None:
        self._requests = requests
        self._dialect = dialect

    async def hear(
        self, call: CallContext, request: HearRequest, model: str, take: Audio
    ) -> AsyncGenerator[Transcript, None]:
        """The words of a whole take, then exactly one final transcript.

        Raises:
            AIProviderError: it was refused.
        """
        longest_s = min(self._dialect.longest_take_s, self._dialect.longest_take_bytes / (2 * take.rate_hz))
        waiting, before = split_at_pauses(take, longest_s), ""
        last = Transcript(text="", is_final=True)
        while waiting:
            part = waiting.pop(0)
            try:
                async with aclosing(self._hear_part(call, request, model, part)) as words:
                    async for transcript in words:
                        text = f"{before} {transcript.text}".strip()
                        if transcript.is_final:
                            before, last = text, replace(transcript, text=text)
                        else:
                            yield replace(transcript, text=text, committed_chars=len(text))
            except AIProviderInvalidRequestError:
                if call.verdict is not TAKE_TOO_LONG and not call.refused_for_size:
                    raise
                if part.seconds < 2 * _SHORTEST_PART_S:
                    raise call.fault(TAKE_TOO_LONG) from None
                waiting = split_at_pauses(part, part.seconds * 0.6) + waiting
        yield last

    async def _hear_part(
        self, call: CallContext, request: HearRequest, model: str, part: Audio
    ) -> AsyncGenerator[Transcript, None]:
        file = ("take.wav", to_wav(part), "audio/wav")

        def make(refused: frozenset[str]) -> Made:
            form = _hear_form(self._dialect, request, model)
            optional = form.keys() & {"response_format", "stream", self._dialect.hearing_prompt}
            kept = {name: value for name, value in form.items() if name not in refused}
            return {"data": kept, "files": {"file": file}}, optional - refused

        query = self._dialect.sound_query
        response = await self._requests.answer(call, "/audio/transcriptions", model, make, query=query)
        words = follow_words(call, response.aiter_bytes(), response.headers.get("content-type", ""))
        async with aclosing(response), aclosing(words) as transcripts:
            async for transcript in transcripts:
                call.said = True
                yield transcript


def _hear_form(dialect: Dialect, request: HearRequest, model: str) -> dict[str, str]:
    form = {"model": model}
    if dialect.hearing_format:
        form["response_format"] = dialect.hearing_format
    if request.language:
        form["language"] = request.language
    if request.context and dialect.hearing_prompt:
        form[dialect.hearing_prompt] = request.context
    if dialect.hears_in_stream and "transcribe" in model:  # whisper-1 and its kind cannot
        form["stream"] = "true"
    return form


_BEGUN = re.compile(rb"(?m)^data:|\A\s*(?:data|event|d?a?t?\Z)")
"""The beginning of an event, and less of it."""


async def follow_words(
    call: CallContext, blocks: AsyncIterator[bytes], kind: str = ""
) -> AsyncGenerator[Transcript, None]:
    """The words of a recording while the server finds them, or all at once, then exactly one final transcript.

    Args:
        kind: the content type. What is called a stream of events and begins like one was cut off, and is no text.
    """
    stream, body = _Words(call), b""
    async with aclosing(until_over(blocks, stream.is_over)) as arriving:
        async for block in arriving:
            body += block if not stream.has_begun else b""
            for told in stream.take(block):
                yield told
    stream.take_rest()
    if stream.has_begun:
        yield stream.end()
    elif not body or (kind.startswith("text/event-stream") and _BEGUN.search(body)):
        raise call.cut()
    else:
        yield Transcript(text=words_in(call, body), is_final=True)


class _Words:
    """Events with words: pieces of a text (`transcript.text.delta`), or whole segments one after the other."""

    def __init__(self, call: CallContext) -> None:
        self.has_begun = False
        self._call = call
        self._splitter = Splitter()
        self._text = ""
        self._final: str | None = None
        self._has_ended = self._is_typed = self._is_in_segments = self._is_torn = False

    def is_over(self) -> bool:
        return self._final is not None

    def take(self, block: bytes) -> list[Transcript]:
        """What is new with a block."""
        return self._told(self._splitter.feed(block))

    def take_rest(self) -> None:
        """The last event, where no empty line ends it; half of one is no end of the words."""
        try:
            events = self._splitter.rest()
            self._is_torn = any(
                event.data and event.data[0] not in "{[" for event in events
            )  # bare words: half of them?
            self._told(events)
        except ValueError:
            self._is_torn = True

    def _told(self, events: Iterable[ServerSentEvent]) -> list[Transcript]:
        found = []
        for event in events:
            if event.data == "[DONE]":
                self._has_ended = True
            elif event.data and self._read(event.event, event.data):
                words = clean(self._text)
                found.append(Transcript(text=words, committed_chars=len(words)))
        return found

    def _read(self, name: str, data: str) -> bool:
        """Whether there are more words."""
        self.has_begun = True
        try:
            told = parsed(data)
        except ValueError:
            if data.lstrip().startswith(("{", "[")):
                raise
            told = data
        kind = str(told.get("type") or name or "") if isinstance(told, dict) else ""
        if isinstance(told, dict) and (kind == "error" or told.get("error") or told.get("object") == "error"):
            raise self._call.inside(told)
        if kind.endswith("text.delta"):
            self._is_typed = True
            self._text += told.get("delta") or told.get("text") or ""
            return True
        if kind in ("transcript.text.done", "transcription.done"):
            self._final = clean(told["text"])
        elif kind in ("", "message", "segment"):  # a server that sends its segments as they are
            self._text = f"{self._text} {words_of(self._call, told)}".strip()
            self._is_in_segments = True
            return True
        return False

    def end(self) -> Transcript:
        """The final transcript.

        Raises:
            AIProviderError: CUT_OFF where pieces came and not their end, or nothing that is known.
        """
        is_known_whole = self._has_ended or (self._is_in_segments and not (self._is_typed or self._is_torn))
        if self._final is None and not is_known_whole:
            raise self._call.cut()
        text = clean(self._text) if self._final is None else self._final
        return Transcript(text=text, is_final=True)


# -- speaking -----------------------------------------------------------------------------------------------


class Speech:
    """Texts to sound; knows which form of sound each model was found to give."""

    def __init__(self, requests: Requests, dialect: Dialect) -> None:
        self._requests = requests
        self._dialect = dialect
        self._forms: dict[str, tuple[str, ...]] = {}
        """Model -> forms of sound that may be asked for, the first is; "" is the server's own."""

    async def say(
        self, call: CallContext, request: SpeakRequest, model: str, text: str, voice: str
    ) -> AsyncGenerator[Audio, None]:
        """The sound of one text.

        Raises:
            AIProviderError: it was refused, or is no sound.
        """
        response = await self._answer(call, request, model, text, voice)
        form = form_of(response.headers, SPEECH_HZ)
        async with aclosing(response), aclosing(sound_of(call, response.aiter_bytes(), form)) as sound:
            async for audio in sound:
                call.said = True
                yield audio

    async def _answer(
        self, call: CallContext, request: SpeakRequest, model: str, text: str, voice: str
    ) -> httpx2.Response:
        body: dict[str, Any] = {"model": model, "input": text}
        if voice:
            body[self._dialect.voice_field] = voice
        if request.speed != 1.0:
            body["speed"] = request.speed
        while True:
            forms = self._forms.get(model) or tuple(
                dict.fromkeys((self._dialect.sound_format, "wav", "mp3", ""))
            )

            def make(refused: frozenset[str], form: str = forms[0]) -> Made:
                kept = {name: value for name, value in body.items() if name not in refused}
                return {"json": kept | ({"response_format": form} if form else {})}, {"speed"} & kept.keys()

            try:
                return await self._requests.answer(
                    call, "/audio/speech", model, make, query=self._dialect.sound_query
                )
            except AIProviderError as error:
                if (
                    len(forms) == 1
                    or error.status not in (400, 415, 422)
                    or not _OF_FORM.search(call.refused_with)
                ):
                    raise
                self._forms[model] = forms[1:]
