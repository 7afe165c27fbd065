"""Gemini Live, speech to speech: `GeminiLive.connect` opens a conversation in which the vendor hears and answers.

Frames, typed words and requests go in through `GeminiLink`; what is heard and said comes out of `GeminiLink.events`, each
with the number of the turn it belongs to. The wire knows no such numbers: an answer belongs to the oldest turn that waits
for one. Facts that no vendor page settles are constants here (ai.google.dev/api/live). Everything belongs to the loop's
thread.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections import deque
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from companion.calls import RealtimeChoice
from companion.errors import AIProviderError, AIProviderUnavailableError
from companion.flow import CAPTURE_RATE_HZ, Audio, ChatDelta, Message, Speaker, Transcript, TurnSignal
from companion.net import Socket, SocketClosed
from companion.ports import VoiceModelEvent as Event
from companion.providers.provider import AIProvider, Spec
from companion.providers.vendors.google.wire import contents, raise_failure, reason_of, usage
from companion.providers.wire.faults import CallContext
from companion.providers.wire.languages import Language
from companion.providers.wire.sockets import address, close_soon, closed, connect, live, parsed
from companion.providers.wire.voice_model import VoiceModel

API_VERSION = "v1beta"
"""The pages of the live socket name no other; the vendor's SDK of November 2026 writes v1."""
PATH = f"/ws/google.ai.generativelanguage.{API_VERSION}.GenerativeService.BidiGenerateContent"
KEY_HEADER = "x-goog-api-key"
RATE_HZ = 24_000
"""Of the sound that comes, where its media type names no rate."""
MODALITIES = ("AUDIO",)
"""Live models of today answer in nothing else; who wants writing only gets the words of the sound."""
LONG_CONVERSATION: Mapping[str, Any] = {"slidingWindow": {}}
"""Without it a conversation ends after a quarter of an hour."""
HISTORY: Mapping[str, Any] = {"initialHistoryInClientContent": True}
"""What was said before goes in once, as content; later only what a person says does, in real time."""
ASIDE = "[For you, not said by the person: {}]"
"""How a model is told something in the middle of a conversation."""
_BLOCK_BYTES = CAPTURE_RATE_HZ * 2 * 80 // 1000
"""One message carries 80 ms."""
_TAIL_CHARS = 80
_PROPER = ("", "TURN_COMPLETE_REASON_UNSPECIFIED", "NEED_MORE_INPUT")
"""Reasons for the end of a turn that are none."""
_RATE = re.compile(r"rate=(\d+)")
_BY_REASON = (
    (("api key", "api_key", "unauthenticated"), 401),
    (("permission", "location is not supported"), 403),
    (("not found", "not supported for bidi"), 404),
    (("quota", "exhausted", "rate limit"), 429),
    (("deadline",), 504),
)
"""This socket closes with 1007, 1008 or 1011 for anything; its reason says what for."""
_NOTHING: Mapping[str, Any] = {}

LinkEvent = tuple[int, Event]


class GeminiLive(VoiceModel["GeminiLink"]):
    """Opens conversations. The pace of the voice and who writes down what is said cannot be chosen."""

    async def dial(self, instructions: str) -> AsyncGenerator[GeminiLink, None]:
        provider = self._provider
        with socket_faults(provider.spec) as call:
            socket = await dialled(call, provider, _setup(self._choice, instructions))
        yield GeminiLink(CallContext(provider.spec, opened=True), socket, self._choice, instructions)


class GeminiLink:
    """An open conversation. One reader of `events`; everything else may be called while it reads.

    Turns are numbers the caller chooses. Of a turn that was interrupted only what it took is told. Every method but
    `close` raises an AIProviderError when the socket has ended.
    """

    def __init__(self, call: CallContext, socket: Socket, choice: RealtimeChoice, instructions: str) -> None:
        self.name = f"{call.spec.name}/{choice.model}"
        self.is_spoken = choice.is_spoken
        self._follows_turns = choice.follows_turns
        self._call = call
        self._socket = socket
        self._instructions = instructions
        self._history: list[Message] | None = []
        """What was said before; None once it was sent."""
        self._asides: list[str] = []  # bounded by `respond`, which sends them
        self._typed: list[str] = []
        self._waiting = bytearray()
        self._is_active = False
        """The vendor was told that the person is about something."""
        self._has_sound = False
        # Bounded by the takes whose words are not all known: two, usually.
        self._hearing: deque[int] = deque()
        self._words: dict[int, str] = {}
        self._is_said = False
        """The vendor called the newest words the last ones."""
        self._answers: deque[_Answer] = deque()  # bounded by the requests without an answer: two, usually
        self._last: _Answer | None = None
        """The newest answer that came whole."""
        self._interrupted: set[int] = set()
        self._is_speech = False
        self._was_cut = False
        self._is_leaving = False
        self._is_closed = False

    @property
    def is_open(self) -> bool:
        """False also when the vendor has said that it will hang up, and nothing is under way any more."""
        is_leaving = self._is_leaving and not self._answers and not self._is_active
        return not self._is_closed and self._socket.is_open and not is_leaving

    # -- what goes in ---------------------------------------------------------------------------------------

    async def instruct(self, instructions: str) -> None:
        """What the model is told about its part from now on: the lines that are new, with the next thing said."""
        if instructions == self._instructions:
            return
        known = set(self._instructions.splitlines())
        new = [line for line in instructions.splitlines() if line.strip() and line not in known]
        self._instructions = instructions
        if new:
            self._asides.append(ASIDE.format("\n".join(new)))

    async def append(self, turn: int, frame: bytes) -> None:
        """The next frame of the take of `turn`, int16 mono at 16 kHz."""
        self._listen_for(turn)
        self._waiting += frame
        if len(self._waiting) >= _BLOCK_BYTES:
            await self._send_sound()

    async def commit(self, turn: int) -> None:
        """The take is over, and is what was said in `turn`. The vendor answers at `respond`."""
        self._listen_for(turn)
        await self._send_sound()

    async def clear(self) -> None:
        """Forgets the take that was begun; what the vendor has heard of it, it can only forget with the conversation."""
        self._waiting.clear()
        if self._has_sound:
            await self.close()

    async def add(self, message: Message) -> None:
        """Words that belong to the conversation: typed now, or said earlier."""
        if self._history is not None:
            self._history.append(message)
        elif message.role is Speaker.USER:
            self._typed.append(message.content)
        else:
            self._typed.append(ASIDE.format(message.content))

    async def respond(self, turn: int) -> None:
        """Asks for the answer of `turn`."""
        if not self._has_sound and self._history and self._history[-1].role is Speaker.USER:
            self._typed.append(self._history.pop().content)
        await self._begin()
        words, self._asides, self._typed = [*self._asides, *self._typed], [], []
        for text in words:
            await self._send(realtimeInput={"text": text})
        if not self._follows_turns:
            await self._send(realtimeInput={"activityEnd": {}})
        self._is_active = self._has_sound = False
        self._answers.append(_Answer(turn, tuple(self._hearing)))

    async def interrupt(self, turn: int, heard_s: float) -> None:
        """Ends the answer of `turn`. The vendor stops when it hears the person again, and is told what was heard then."""
        self._interrupted.add(turn)
        made = next((each for each in (*self._answers, self._last) if each and each.turn == turn), None)
        self._last = None
        if made is not None and (heard := made.heard(heard_s)):
            self._asides.append(ASIDE.format(f"They heard your last answer only up to “{heard}”."))

    async def close(self) -> None:
        """Ends the conversation. Idempotent."""
        self._is_closed = True
        close_soon(self._socket)

    def _listen_for(self, turn: int) -> None:
        if turn not in self._hearing:
            self._hearing.append(turn)

    async def _begin(self) -> None:
        """The person is about something: tells what was said before, then that. An answer under way is over with it."""
        if self._history is not None:
            said, self._history = contents(self._history), None
            await self._send(clientContent={**({"turns": said} if said else {}), "turnComplete": True})
        if self._is_active or self._follows_turns:
            return
        self._is_active = True
        if self._answers and not self._answers[0].has_begun:
            self._answers.clear()  # nothing of them will come any more
        await self._send(realtimeInput={"activityStart": {}})

    async def _send_sound(self) -> None:
        await self._begin()
        block = bytes(self._waiting)
        self._waiting.clear()
        if block:
            self._has_sound = True
            data = base64.b64encode(block).decode()
            kind = f"audio/pcm;rate={CAPTURE_RATE_HZ}"
            await self._send(realtimeInput={"audio": {"mimeType": kind, "data": data}})

    async def _send(self, **message: Any) -> None:
        if self._is_closed:
            raise AIProviderUnavailableError("", self._call.spec.name, who=self._call.spec.display_name)
        try:
            await self._socket.send(json.dumps(message, ensure_ascii=False))
        except SocketClosed as error:
            raise _hung_up(self._call, error) from error

    # -- what comes out -------------------------------------------------------------------------------------

    async def events(self) -> AsyncGenerator[LinkEvent, None]:
        """Turn numbers with what came for them, until `close`.

        A `Transcript` is what was said (all words so far), or with a `signal` that speech began or ended (turn 0); a
        `ChatDelta` is what is answered, the last one with its finish reason; `Audio` is its sound; a `CompanionError` a
        failure of the answer that leaves the conversation open.

        Raises:
            AIProviderError: the socket ended, or sent what cannot be read.
        """
        with socket_faults(self._call.spec):
            try:
                while True:
                    for told in self._read(parsed(await self._socket.receive()) or {}):
                        yield told
            except SocketClosed:
                if not self._is_closed and not (self._is_leaving and not self._answers):
                    raise

    def _read(self, message: Mapping[str, Any]) -> Iterator[LinkEvent]:
        raise_failure(self._call, message)
        self._is_leaving = self._is_leaving or "goAway" in message
        if (counted := message.get("usageMetadata")) and self._answers:
            self._answers[0].counted = counted
        if (content := message.get("serverContent")) is None:
            return
        if written := content.get("inputTranscription"):
            yield from self._read_words(written)
        if written := content.get("outputTranscription"):
            yield from self._read_answer(text=written.get("text") or "")
        for part in (content.get("modelTurn") or _NOTHING).get("parts") or ():
            if blob := part.get("inlineData"):
                yield from self._read_answer(sound=self._sound(blob))
        if content.get("generationComplete") and self._answers:
            yield from self._settle_all(self._answers[0])
        if content.get("interrupted"):
            yield from self._read_cut()
        if content.get("turnComplete"):
            yield from self._read_end(str(content.get("turnCompleteReason") or ""))

    def _read_words(self, written: Mapping[str, Any]) -> Iterator[LinkEvent]:
        """More of what was said. It belongs to the newest take; what comes for one whose words are known is too late."""
        if not self._hearing and not self._follows_turns:
            return
        while len(self._hearing) > 1:
            yield from self._settle()
        turn = self._hearing[0] if self._hearing else 0
        self._listen_for(turn)
        if self._follows_turns and not self._is_speech:
            self._is_speech = True
            yield 0, Transcript(text="", signal=TurnSignal.STARTED)
        self._words[turn] = self._words.get(turn, "") + (written.get("text") or "")
        self._is_said = bool(written.get("finished"))
        yield turn, Transcript(text=self._words[turn].strip())
        yield from self._settle_said()

    def _settle_said(self) -> Iterator[LinkEvent]:
        """What was called finished is so once it is answered; before that it may have been a pause in the take."""
        if self._is_said and self._answers and self._answers[0].has_begun:
            yield from self._settle_all(self._answers[0])

    def _settle_all(self, answer: _Answer) -> Iterator[LinkEvent]:
        while self._hearing and self._hearing[0] in answer.takes:
            yield from self._settle()

    def _settle(self) -> Iterator[LinkEvent]:
        """No more words will come for the oldest take."""
        self._is_said = False
        turn = self._hearing.popleft()
        text = self._words.pop(turn, "").strip()
        yield turn, Transcript(text=text, is_final=True, committed_chars=len(text))

    def _read_answer(self, text: str = "", sound: Audio | None = None) -> Iterator[LinkEvent]:
        if not self._answers and self._follows_turns:
            self._answers.append(_Answer(0, (0,)))
        if not self._answers or not (text or sound):
            return  # of an answer that is over here already
        if self._is_speech:
            self._is_speech = False
            yield 0, Transcript(text="", signal=TurnSignal.ENDED)
        answer = self._answers[0]
        answer.add(text, sound)
        yield from self._settle_said()
        if answer.turn in self._interrupted:
            return
        if text:
            yield answer.turn, ChatDelta(text=text)
        if sound is not None and self.is_spoken:
            yield answer.turn, sound

    def _sound(self, blob: Mapping[str, Any]) -> Audio:
        rate = _RATE.search(str(blob.get("mimeType", "")))
        try:
            pcm = base64.b64decode(blob.get("data") or "", validate=True)
        except binascii.Error as error:
            raise self._call.cut(error) from error
        return Audio(pcm=pcm[: len(pcm) & ~1], rate_hz=int(rate[1]) if rate else RATE_HZ)

    def _read_cut(self) -> Iterator[LinkEvent]:
        """The person was heard over the answer; the end of its turn follows."""
        self._was_cut = True
        if self._answers and self._answers[0].has_begun:
            yield from self._end(self._answers.popleft(), self._call.cut())

    def _read_end(self, reason: str) -> Iterator[LinkEvent]:
        was_cut, self._was_cut = self._was_cut, False
        if not self._answers or (was_cut and not self._answers[0].has_begun):
            return  # of an answer that is over here already
        self._last = answer = self._answers.popleft()
        yield from self._end(answer, self._outcome(answer, reason))

    def _end(self, answer: _Answer, how: Event) -> Iterator[LinkEvent]:
        """An answer is over, and so the words of its takes are known."""
        yield from self._settle_all(answer)
        took = usage(answer.counted)
        if took is not None and (answer.turn in self._interrupted or not isinstance(how, ChatDelta)):
            yield answer.turn, ChatDelta(usage=took)
        if answer.turn not in self._interrupted:
            yield answer.turn, how

    def _outcome(self, answer: _Answer, reason: str) -> Event:
        finish = "stop"
        if reason == "MALFORMED_FUNCTION_CALL":
            return self._call.inside({"code": "server_error"})
        if reason not in _PROPER:
            if not answer.has_begun:
                return self._call.inside({"code": "content_filter"})
            finish = "content_filter"
        return ChatDelta(finish_reason=finish, usage=usage(answer.counted))


class _Answer:
    """One answer, from its request on."""

    def __init__(self, turn: int, takes: tuple[int, ...]) -> None:
        """`takes`: the turns whose takes it answers."""
        self.turn, self.takes = turn, takes
        self.has_begun = False
        self.text = ""
        self.seconds = 0.0
        self.counted: object = None

    def add(self, text: str, sound: Audio | None) -> None:
        self.has_begun = True
        self.text += text
        self.seconds += sound.seconds if sound is not None else 0.0

    def heard(self, heard_s: float) -> str:
        """The last words of it that were heard, guessed from the time; empty: all of it, or nothing."""
        if heard_s >= self.seconds:
            return ""
        end = int(len(self.text) * heard_s / self.seconds)
        return self.text[:end].rpartition(" ")[0][-_TAIL_CHARS:].strip()


# -- the wire -----------------------------------------------------------------------------------------------


def _setup(choice: RealtimeChoice, instructions: str) -> dict[str, Any]:
    tag = Language.of(choice.language).tag
    language = {"languageCodes": [tag]} if tag else {}
    voice = {"prebuiltVoiceConfig": {"voiceName": choice.voice}}
    return {
        "model": f"models/{choice.model}",
        "generationConfig": {
            "responseModalities": list(MODALITIES),
            "speechConfig": {"voiceConfig": voice},
        },
        "systemInstruction": {"parts": [{"text": instructions}]},
        "realtimeInputConfig": {"automaticActivityDetection": {"disabled": not choice.follows_turns}},
        "inputAudioTranscription": language,
        "outputAudioTranscription": {},
        "contextWindowCompression": dict(LONG_CONVERSATION),
        "historyConfig": dict(HISTORY),
    }


async def dialled(call: CallContext, provider: AIProvider, setup: Mapping[str, Any]) -> Socket:
    """A socket that is set up and ready; close it. Call it inside `socket_faults`."""
    headers = {KEY_HEADER: provider.require_key()}
    socket = await connect(provider, address(provider.base_url, PATH), headers)
    try:
        await socket.send(json.dumps({"setup": setup}))
        while "setupComplete" not in (message := parsed(await socket.receive()) or {}):
            raise_failure(call, message)
    except BaseException:
        close_soon(socket)
        raise
    return socket


@contextmanager
def socket_faults(spec: Spec) -> Iterator[CallContext]:
    """`live.live` with this vendor's words for its failures."""
    with live(spec, reason_of) as call:
        try:
            yield call
        except SocketClosed as error:
            raise _hung_up(call, error) from error


def _hung_up(call: CallContext, error: SocketClosed) -> AIProviderError:
    """A socket that the vendor closed, by the reason it gives."""
    lowered = error.reason.lower()
    status = next((known for words, known in _BY_REASON if any(word in lowered for word in words)), None)
    if status is None:
        return closed(call, error)
    found = call.status(status, reason_of({"message": error.reason}), {}, error)
    found.status = None  # there was none; it only led to the right row of the table
    return found
