"""The catalogue: what can go wrong at a provider, one named fault each, and the card a person must get for it.

`act` spoils an HTTP answer (also the one to a WebSocket's handshake), `slip` a message of an open WebSocket. Where a card
is None the person must notice nothing. Rows are those of the catalogue of bad inputs.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from functools import cache, partial
from random import Random

from companion.chaos.answers import BLOCK, Answer, ndjson, sse, tone
from companion.chaos.talk import Message, Over, Slip, Talk
from companion.chaos.wire import HTTP, LIVE, Asked, Line, Way
from companion.errors import Kind

CHAT = frozenset({Way.CHAT})
STREAMED = frozenset({Way.CHAT, Way.HEAR})
SPEAK = frozenset({Way.SPEAK})
EVERY = HTTP | LIVE
PORTAL = (
    b"<html><head><title>Sign in</title></head><body>Welcome to the airport. Please sign in.</body></html>"
)
BLOCK_OF_NOTHING = b"x" * 65_536


@dataclass(slots=True)
class Scene:
    """One answer about to be spoiled."""

    line: Line
    asked: Asked
    answer: Answer
    dice: Random
    tick_s: float
    """How long the slow ones take from byte to byte."""

    @property
    def somewhere(self) -> int:
        """How many pieces of content come before it happens: at least one, never all."""
        return self.dice.randint(1, max(1, len(self.answer.content) - 1))

    async def begin(self, pieces: int = 0) -> None:
        """The head and the first pieces of a good answer."""
        await self.line.head(200, self.answer.media_type)
        await self.line.parts((*self.answer.first, *self.answer.content[:pieces]))

    async def finish(self, after: int = 0) -> None:
        """The rest of a good answer."""
        await self.line.parts((*self.answer.content[after:], *self.answer.last))
        await self.line.end()

    async def refuse(
        self, status: int, headers: Mapping[str, str] | None = None, code: str = "", message: str = ""
    ) -> None:
        await self.line.whole(status, self.answer.refusal(status, code, message), headers=headers)


Act = Callable[[Scene], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Something that goes wrong."""

    name: str
    row: int
    """Of the catalogue of bad inputs."""
    what: str
    """What happens, as a sentence for the demo."""
    ways: frozenset[Way]
    card: Kind | None
    """What the person is told."""
    otherwise: Mapping[Way, Kind | None] = field(default_factory=dict)
    """Where that depends on what was asked for."""
    act: Act | None = None
    slip: Slip | None = None

    def card_for(self, way: Way) -> Kind | None:
        return self.otherwise.get(way, self.card)


FAULTS: dict[str, Fault] = {}


def _add(name: str, row: int, what: str, ways: frozenset[Way], card: Kind | None, **parts: object) -> None:
    FAULTS[name] = Fault(name=name, row=row, what=what, ways=ways, card=card, **parts)  # type: ignore[arg-type]


def _fault(
    name: str, row: int, what: str, card: Kind | None, ways: frozenset[Way] = CHAT, **otherwise: Kind | None
) -> Callable[[Act], Act]:
    """Puts an `act` into the catalogue. `otherwise`: way=card."""

    def keep(act: Act) -> Act:
        _add(
            name,
            row,
            what,
            ways,
            card,
            act=act,
            otherwise={Way(way): kind for way, kind in otherwise.items()},
        )
        return act

    return keep


# -- before the answer --------------------------------------------------------------------------------------


@_fault("redirect_elsewhere", 27, "The service sends us on to another address.", Kind.NOT_AN_API, EVERY)
async def _redirect(scene: Scene) -> None:
    await scene.line.whole(307, b"", headers={"location": "https://elsewhere.example/v1"})


@_fault("captive_portal", 28, "A sign-in page of the network answers instead.", Kind.NOT_AN_API, EVERY)
async def _portal(scene: Scene) -> None:
    await scene.line.whole(200, PORTAL, "text/html; charset=utf-8")


@_fault("other_protocol", 29, "Something else answers at this address.", Kind.NOT_AN_API, HTTP)
async def _other_protocol(scene: Scene) -> None:
    await scene.line.raw(b"\x15\x03\x01\x00\x02\x02\x46")  # TLS: unexpected message
    await scene.line.hang_up()


@_fault("banner", 29, "Something else says hello and hangs up.", Kind.UNREACHABLE, HTTP)
async def _banner(scene: Scene) -> None:
    await scene.line.raw(b"SSH-2.0-OpenSSH_9.9\r\n")
    await scene.line.hang_up()


@_fault("connection_reset", 31, "The connection breaks before anything comes.", Kind.UNREACHABLE, EVERY)
async def _reset(scene: Scene) -> None:
    scene.line.cut()


@_fault("black_hole", 31, "The request is taken and never answered.", Kind.TIMEOUT, EVERY)
async def _hole(scene: Scene) -> None:
    await scene.line.silence()


def _retry_after(value: Callable[[], str]) -> Mapping[str, str]:
    return {"retry-after": value()}


def _status(
    name: str,
    row: int,
    status: int,
    card: Kind,
    what: str,
    *,
    code: str = "",
    message: str = "",
    headers: Callable[[], Mapping[str, str]] = dict,
    ways: frozenset[Way] = EVERY,
) -> None:
    async def act(scene: Scene) -> None:
        await scene.refuse(status, headers(), code, message)

    _add(name, row, what, ways, card, act=act)


_status("status_401", 32, 401, Kind.KEY_REFUSED, "The service does not accept the key.")
_status("status_403", 32, 403, Kind.FORBIDDEN, "The key may not do this.")
_status("status_402", 33, 402, Kind.NO_CREDIT, "The account has no credit.")
_status(
    "quota_in_429", 33, 429, Kind.NO_CREDIT, "The account's quota is used up.", code="insufficient_quota", ways=HTTP
)  # fmt: skip
_status("status_404", 34, 404, Kind.MODEL_UNKNOWN, "The service has no such model.")
_status("status_413", 35, 413, Kind.INVALID_REQUEST, "The request is too long for the service.")
_status(
    "context_too_long", 35, 400, Kind.INVALID_REQUEST, "The conversation is too long for the model.",
    message="This model's maximum context length is 8192 tokens.", ways=CHAT,
)  # fmt: skip
for _name, _value, _what in (
    ("seconds", lambda: "3", "asks for a pause of 3 seconds"),
    ("minute", lambda: "60", "asks for a pause of a minute"),
    ("date", lambda: formatdate(usegmt=True), "asks for a pause, by the clock"),
    ("absurd", lambda: "1000000000", "asks for a pause of thirty years"),
    ("negative", lambda: "-1", "asks for a pause of less than nothing"),
    ("words", lambda: "soon", 'asks to come back "soon"'),
):
    _status(
        f"pause_{_name}", 36, 429, Kind.RATE_LIMITED, f"Too many requests: the service {_what}.",
        headers=partial(_retry_after, _value),
    )  # fmt: skip
for _status_code, _what in (
    (500, "fails inside"),
    (502, "is behind a broken gateway"),
    (503, "is overloaded"),
):
    _status(f"status_{_status_code}", 37, _status_code, Kind.UNAVAILABLE, f"The service {_what}.")
_status("status_504", 37, 504, Kind.TIMEOUT, "The service waits in vain for itself.")
_status("status_529", 37, 529, Kind.UNAVAILABLE, "The service is overloaded, as Anthropic says it.")


@_fault("gateway_page", 37, "A gateway answers 502 with a web page.", Kind.UNAVAILABLE, EVERY)
async def _gateway(scene: Scene) -> None:
    await scene.line.whole(502, b"<html><body><h1>502 Bad Gateway</h1>nginx</body></html>", "text/html")


# -- inside a stream ----------------------------------------------------------------------------------------


@_fault("overloaded_inside", 38, "All begins well, then the stream says: overloaded.", Kind.UNAVAILABLE)
async def _error_first(scene: Scene) -> None:
    await scene.begin()
    await scene.line.part(scene.answer.error_inside(529, "overloaded_error"))
    await scene.line.end()


@_fault("overloaded_midway", 38, "In the middle of the answer the stream says: overloaded.", Kind.UNAVAILABLE)
async def _error_midway(scene: Scene) -> None:
    await scene.begin(scene.somewhere)
    await scene.line.part(scene.answer.error_inside(529, "overloaded_error"))
    await scene.line.end()


@_fault("no_ending", 39, "The answer just stops, without its last word.", Kind.CUT_OFF, STREAMED)
async def _no_ending(scene: Scene) -> None:
    await scene.begin(scene.somewhere)
    await scene.line.end()


@_fault("cut_midway", 39, "The connection breaks in the middle of the answer.", Kind.CUT_OFF, HTTP)
async def _cut(scene: Scene) -> None:
    await scene.begin(scene.somewhere)
    await asyncio.sleep(0.01)  # a reset overtakes what was written
    scene.line.cut()


@_fault("stall", 40, "The answer stops coming, with the line open.", Kind.TIMEOUT, HTTP)
async def _stall(scene: Scene) -> None:
    await scene.begin(min(5, scene.somewhere))
    await scene.line.silence()


@_fault("only_keepalives", 41, "Nothing but signs of life, for ever.", Kind.TIMEOUT)
async def _alive(scene: Scene) -> None:
    await scene.begin()
    while True:
        await scene.line.part(scene.answer.alive)
        await asyncio.sleep(min(0.5, scene.tick_s))


@_fault("slow_loris", 42, "The answer comes one byte at a time, with long pauses.", Kind.TIMEOUT, HTTP)
async def _loris(scene: Scene) -> None:
    await scene.begin(1)
    for byte in b"".join(scene.answer.content[1:]):
        await asyncio.sleep(scene.tick_s)
        await scene.line.part(bytes((byte,)))


@_fault("endless", 43, "The answer never ends.", None)
async def _endless(scene: Scene) -> None:
    await scene.begin(len(scene.answer.content))
    while True:
        numbers = " ".join(str(scene.dice.randrange(10**9)) for _ in range(20))
        await scene.line.part(scene.answer.saying(f" {numbers}"))


@_fault("in_circles", 43, "The answer goes round in circles.", None)
async def _circles(scene: Scene) -> None:
    await scene.begin()
    while True:
        await scene.line.part(scene.answer.saying("I hear you. "))


@_fault("giant_line", 44, "One line of 300 megabytes.", Kind.UNAVAILABLE, STREAMED)
async def _giant_line(scene: Scene) -> None:
    await scene.begin()
    await scene.line.part(scene.answer.saying("x").rstrip()[:-6])
    for _ in range(300 * 16):
        await scene.line.part(BLOCK_OF_NOTHING)


@_fault("gzip_bomb", 45, "A megabyte that unpacks to a gigabyte.", Kind.NOT_AN_API, HTTP)
async def _gzip(scene: Scene) -> None:
    await scene.line.head(200, scene.answer.media_type, {"content-encoding": "gzip"})
    await scene.line.parts((_a_megabyte_of_nothing(),) * 1024)
    await scene.line.end()


@cache
def _a_megabyte_of_nothing() -> bytes:
    import gzip

    return gzip.compress(bytes(1 << 20))


@_fault("broken_text", 46, "Some characters arrive broken.", None, STREAMED)
async def _bad_utf8(scene: Scene) -> None:
    await scene.begin()
    await scene.line.part(scene.answer.saying("caf\u00e9 ").replace("\u00e9".encode(), b"\xe9\xff"))
    await scene.finish()


@_fault("torn_bytes", 47, "Every byte comes by itself, in the middle of letters and lines.", None, STREAMED)
async def _torn(scene: Scene) -> None:
    await scene.line.head(200, scene.answer.media_type)
    for byte in b"".join(scene.answer.parts):
        await scene.line.part(bytes((byte,)))
    await scene.line.end()


@_fault("windows_lines", 47, "Lines end as on Windows, and are cut between their two signs.", None, STREAMED)
async def _crlf(scene: Scene) -> None:
    await scene.line.head(200, scene.answer.media_type)
    for part in b"".join(scene.answer.parts).replace(b"\n", b"\r\n").split(b"\r"):
        await scene.line.part(part + b"\r")
    await scene.line.end()


@_fault("broken_json", 48, "An event that is no JSON.", Kind.NOT_AN_API)
async def _broken_json(scene: Scene) -> None:
    await scene.begin()
    await scene.line.part(scene.answer.framed(b"{oops"))
    await scene.finish()


@_fault("broken_json_midway", 48, "In the middle of the answer, an event that is no JSON.", Kind.CUT_OFF)
async def _broken_json_midway(scene: Scene) -> None:
    after = scene.somewhere
    await scene.begin(after)
    await scene.line.part(scene.answer.framed(b"{oops"))
    await scene.finish(after)


@_fault("wrong_types", 49, "Fields hold what they should not.", Kind.NOT_AN_API)
async def _wrong_types(scene: Scene) -> None:
    await scene.begin()
    await scene.line.part(_openly_wrong(scene.answer))
    await scene.finish()


def _openly_wrong(answer: Answer) -> bytes:
    match answer.vendor:
        case "anthropic":
            return sse({"type": "content_block_delta", "index": "x", "delta": 7}, "content_block_delta")
        case "ollama":
            return ndjson({"message": ["no"], "done": False})
        case _:
            return sse({"id": 1, "object": "chat.completion.chunk", "choices": [7]})


def _odd(name: str, what: str, value: str, card: Kind | None) -> None:
    async def act(scene: Scene) -> None:
        await scene.begin()
        await scene.line.part(scene.answer.odd(value))
        await scene.finish()

    _add(name, 50, what, CHAT, card, act=act)


_odd(
    "deep_json",
    "Brackets within brackets, a hundred thousand deep.",
    "[" * 100_000 + "]" * 100_000,
    Kind.NOT_AN_API,
)
_odd("huge_number", "A number of five thousand digits.", "9" * 5000, Kind.NOT_AN_API)
_odd("not_a_number", "A number that is none.", "NaN", None)
_odd("unknown_fields", "Fields nobody knows.", '{"a": [1, null, {"b": "c"}]}', None)


@_fault("lone_surrogate", 50, "Half a character, escaped.", None)
async def _surrogate(scene: Scene) -> None:
    await scene.begin()
    await scene.line.part(scene.answer.saying("half <> ").replace(b"<>", b"\\ud83d"))
    await scene.finish()


@_fault("unknown_events", 51, "Events nobody knows, in between.", None)
async def _unknown_events(scene: Scene) -> None:
    await scene.begin()
    odd = {"type": "brand_new", "old_turn": 3, "choices": [], "message": {}, "done": False}
    await scene.line.part(ndjson(odd) if scene.answer.vendor == "ollama" else sse(odd, "brand_new"))
    await scene.finish()


@_fault("uninvited_tool", 52, "The model wants to use a tool that nobody gave it.", None)
async def _uninvited(scene: Scene) -> None:
    await scene.begin(len(scene.answer.content))
    await scene.line.part(scene.answer.wishing("delete_journal", '{"all": true}'))
    await scene.finish(len(scene.answer.content))


@_fault("empty_reply", 53, "The answer is empty.", Kind.EMPTY_REPLY)
async def _empty(scene: Scene) -> None:
    await scene.begin()
    await scene.finish(len(scene.answer.content))


@_fault("only_spaces", 53, "The answer is nothing but spaces.", Kind.EMPTY_REPLY)
async def _spaces(scene: Scene) -> None:
    await scene.begin()
    await scene.line.part(scene.answer.saying("   \n "))
    await scene.finish(len(scene.answer.content))


# -- hearing ------------------------------------------------------------------------------------------------


@_fault("heard_nothing", 58, "The recogniser finds no words.", None, frozenset({Way.HEAR}))
async def _heard_nothing(scene: Scene) -> None:
    await scene.begin()
    await scene.line.part(sse({"type": "transcript.text.done", "text": ""}))
    await scene.line.end()


@_fault("hallucination", 58, "The recogniser writes ten pages over silence.", None, frozenset({Way.HEAR}))
async def _hallucination(scene: Scene) -> None:
    await scene.begin()
    await scene.line.part(sse({"type": "transcript.text.done", "text": "Thank you for watching. " * 1000}))
    await scene.line.end()


@_fault("words_taken_back", 59, "The recogniser takes words back.", None, frozenset({Way.HEAR}))
async def _shrinking(scene: Scene) -> None:
    await scene.begin(len(scene.answer.content))
    await scene.line.part(sse({"type": "transcript.text.done", "text": "I had a long day."}))
    await scene.line.end()


# -- speaking -----------------------------------------------------------------------------------------------


@_fault("voice_sends_page", 60, "The voice sends a web page.", Kind.NOT_AN_API, SPEAK)
async def _voice_page(scene: Scene) -> None:
    await scene.line.whole(200, PORTAL, "text/html")


@_fault("voice_sends_json", 60, "The voice sends text instead of sound.", Kind.VOICE_FAILED, SPEAK)
async def _voice_json(scene: Scene) -> None:
    await scene.line.whole(200, json.dumps({"queued": True}).encode())


@_fault("voice_silent", 60, "The voice sends no sound at all.", Kind.VOICE_FAILED, SPEAK)
async def _voice_silent(scene: Scene) -> None:
    await scene.line.whole(200, b"", "audio/pcm")


@_fault("voice_sends_file", 60, "The voice sends another kind of sound.", Kind.VOICE_FAILED, SPEAK)
async def _voice_file(scene: Scene) -> None:
    await scene.line.whole(200, b"ID3\x04" + bytes(4000), "audio/pcm")


@_fault("voice_endless", 61, "Ten hours of sound.", None, SPEAK)
async def _voice_endless(scene: Scene) -> None:
    await scene.begin()
    minute = tone(60.0)
    for _ in range(600):
        await scene.line.part(minute)
    await scene.line.end()


@_fault("voice_lying_file", 61, "A sound file that says it is four gigabytes long.", None, SPEAK)
async def _voice_lying(scene: Scene) -> None:
    await scene.line.head(200, "audio/pcm")
    await scene.line.part(
        b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0\1\0\1\0\xc0\x5d\0\0\x80\xbb\0\0\2\0\x10\0data\xff\xff\xff\xff"
    )
    for _ in range(1000):
        await scene.line.part(BLOCK_OF_NOTHING)


@_fault("voice_odd_bytes", 62, "Half a sample at the end, and the samples torn.", None, SPEAK)
async def _voice_odd(scene: Scene) -> None:
    sound = b"".join(scene.answer.content) + b"\x01"
    await scene.line.head(200, scene.answer.media_type)
    await scene.line.parts(sound[at : at + BLOCK - 1] for at in range(0, len(sound), BLOCK - 1))
    await scene.line.end()


@_fault("voice_too_loud", 62, "Sound at full scale.", None, SPEAK)
async def _voice_loud(scene: Scene) -> None:
    await scene.line.head(200, scene.answer.media_type)
    await scene.line.parts((b"\xff\x7f\x00\x80" * (BLOCK // 4),) * 5)
    await scene.line.end()


# -- WebSockets ---------------------------------------------------------------------------------------------


def _slip(
    name: str,
    row: int,
    what: str,
    card: Kind | None,
    slip: Slip,
    **otherwise: Kind | None,
) -> None:
    cards = {Way(way): kind for way, kind in otherwise.items()}
    _add(name, row, what, LIVE, card, slip=slip, otherwise=cards)


def _closing(code: int, reason: str = "", after: int = 1) -> Slip:
    """Hangs up instead of saying message `after` (0: the greeting)."""

    async def slip(talk: Talk, message: Message) -> Message:
        if talk.said >= after:
            await talk.close(code, reason)
        return message

    return slip


for _code, _card, _what in (
    (1006, Kind.UNAVAILABLE, "without a word"),
    (1011, Kind.UNAVAILABLE, "because of an error of its own"),
    (1012, Kind.UNAVAILABLE, "because it restarts"),
    (1013, Kind.UNAVAILABLE, "and asks to come back later"),
):
    _slip(f"hangs_up_{_code}", 54, f"The service hangs up {_what}.", _card, _closing(_code))
for _code, _reason, _card, _what in (
    (1009, "", Kind.INVALID_REQUEST, "because the message was too big"),
    (1008, "invalid api key", Kind.KEY_REFUSED, "because of the key"),
    (1003, "", Kind.INVALID_REQUEST, "because it wants other data"),
    (1007, "", Kind.INVALID_REQUEST, "because the data was broken"),
    (4401, "", Kind.KEY_REFUSED, "because it does not know us"),
):
    _slip(f"hangs_up_{_code}", 55, f"The service hangs up {_what}.", _card, _closing(_code, _reason))


async def _midway(talk: Talk, message: Message) -> Message:
    if talk.said >= 3:
        talk.line.cut()
    return message


_slip("cut_live", 54, "The live connection breaks in the middle.", Kind.CUT_OFF, _midway)


async def _giant_frame(talk: Talk, message: Message) -> Message:
    return message if talk.said < 1 else "x" * (5 * 2**20)


_slip("giant_frame", 56, "A live message of five megabytes.", Kind.UNAVAILABLE, _giant_frame)


async def _swapped(talk: Talk, message: Message) -> Message:
    return message.encode() if isinstance(message, str) else message.hex()


_slip("swapped_frames", 56, "Text where sound should be.", Kind.VOICE_FAILED, _swapped, live_hear=None)


async def _garbage(talk: Talk, message: Message) -> Message | None:
    if talk.said < 1:
        return message
    await talk.line.raw(b"\xff\xfe\xfd garbage")
    return None


_slip("broken_frames", 56, "Frames that are none.", Kind.UNAVAILABLE, _garbage)


async def _mute(talk: Talk, message: Message) -> Message:
    await talk.line.silence()
    raise Over


_slip("never_answers", 57, "The live connection opens and nobody speaks.", Kind.TIMEOUT, _mute)
