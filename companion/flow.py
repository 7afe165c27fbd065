"""The nouns of one turn, in the order they flow.

    microphone frames -> utterance -> transcript -> prompt -> token stream -> sentences -> speech audio -> speaker

Values only: frozen, no behaviour beyond what follows from their own fields, no imports from the house.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from companion.calls import JsonSchema, Picture, SoundFile, Tool, ToolCall
    from companion.errors import Kind

CAPTURE_RATE_HZ = 16_000
"""Every take is int16 mono at this rate, whatever the device delivers."""
FRAME_MS = 20
"""Length of one captured frame."""
FRAME_BYTES = CAPTURE_RATE_HZ * FRAME_MS // 1000 * 2


class Role(StrEnum):
    """What a provider can do. Values are the settings' names."""

    THINKS = "llm"
    HEARS = "stt"
    SPEAKS = "tts"
    EMBEDS = "embeddings"
    DRAWS = "images"


TURN_ROLES = (Role.THINKS, Role.HEARS, Role.SPEAKS)
"""The three choices a person makes for a turn: who thinks, who hears, who speaks."""


# -- hearing ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class SpokenWord:
    """A word of speech and when it sounds, where the voice says so."""

    text: str
    start_s: float
    """From the beginning of the sound of its request."""
    end_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Audio:
    """A piece of sound."""

    pcm: bytes
    """Signed 16-bit little-endian mono samples."""
    rate_hz: int
    piece: int = 0
    """Which piece of a request's `pieces` it says, counted from 0; never goes back."""
    words: tuple[SpokenWord, ...] = ()
    usage: Usage | None = None
    """Of a voice that charges by tokens: for the request so far."""

    @property
    def seconds(self) -> float:
        return len(self.pcm) / 2 / self.rate_hz


@dataclass(frozen=True, slots=True, kw_only=True)
class HearRequest:
    """Ask a recogniser for the words in a take, possibly while it is still being spoken."""

    frames: AsyncIterator[bytes]
    """int16 mono frames at `rate_hz`; ends when the take ends."""
    rate_hz: int = CAPTURE_RATE_HZ
    language: str = "en"
    """BCP 47 tag."""
    model: str = ""
    """Empty: the provider's default."""
    context: str = ""
    """Words that are likely, for recognisers that take a prompt."""
    turns: bool = False
    """Wants to be told where turns begin and end, of recognisers that can (`Spec.follows_turns`)."""


class TurnSignal(StrEnum):
    """What a recogniser that follows turns says about the one under way."""

    STARTED = "started"
    EAGER_END = "eager_end"
    """Probably over; an answer may be prepared and must be thrown away when RESUMED follows."""
    RESUMED = "resumed"
    ENDED = "ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    """The words so far. A recogniser yields any number of partial ones, then exactly one final."""

    text: str
    """All words of the take up to now, not a delta."""
    is_final: bool = False
    committed_chars: int = 0
    """How many leading characters of a partial text will not change any more."""
    start_s: float = 0.0
    """Where in the take the text begins."""
    confidence: float | None = None
    """0..1, where the recogniser says."""
    signal: TurnSignal | None = None
    """Set by recognisers that follow turns themselves (`Spec.follows_turns`)."""
    usage: Usage | None = None
    """Of a model that charges for hearing by tokens; on the final one."""


# -- thinking -----------------------------------------------------------------------------------------------


class Speaker(StrEnum):
    """Who said a message; the values are the wire's role names."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


@dataclass(frozen=True, slots=True)
class Message:
    """One entry of a prompt."""

    role: Speaker
    content: str
    name: str = ""
    """Who speaks, where several share a role; of a tool's answer: the tool."""
    images: tuple[Picture, ...] = ()
    sounds: tuple[SoundFile, ...] = ()
    tool_calls: tuple[ToolCall, ...] = ()
    """Of the assistant: what it asked for."""
    tool_call_id: str = ""
    """Of a tool's answer: the call it answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatRequest:
    """Ask a model to go on with a conversation."""

    messages: tuple[Message, ...]
    """System first, then user and assistant in turn, ending with user."""
    model: str = ""
    """Empty: the provider's default."""
    max_tokens: int | None = None
    temperature: float | None = None
    """0..2. Dropped where a model has no such parameter, like the other numbers here; the answer's `notices` say so."""
    top_p: float | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()
    tools: tuple[Tool, ...] = ()
    tool_choice: str = "auto"
    """`auto`, `none`, `required`, or the name of a tool."""
    schema: JsonSchema | None = None
    """The answer is JSON of this shape."""
    json: bool = False
    """The answer is a JSON object of any shape."""
    reasoning_effort: str = ""
    """`none`, `low`, `medium`, `high`; empty: the model's own."""
    cache: bool = False
    """The prompt will come again: vendors that charge for keeping it may keep it."""
    user: str = ""
    """A stable, anonymous name of the end user, for vendors that take one."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    practice: str = ""
    """Name of the guided practice, which the offline guide follows; models are told through the system prompt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens as the vendor counted them."""

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    """The part of `input_tokens` that was read from the vendor's prompt cache."""
    audio_input_tokens: int = 0
    """The part of `input_tokens` that was sound, where the vendor charges for it apart."""
    audio_output_tokens: int = 0
    cached_audio_tokens: int = 0
    """The part of `cached_tokens` that was sound."""

    @property
    def is_plausible(self) -> bool:
        """Whether these are numbers of tokens. A provider from elsewhere may say anything."""
        figures = (
            self.input_tokens,
            self.output_tokens,
            self.cached_tokens,
            self.audio_input_tokens,
            self.audio_output_tokens,
            self.cached_audio_tokens,
        )
        return all(type(figure) is int and 0 <= figure <= MOST_TOKENS for figure in figures)


MOST_TOKENS = 20_000_000
"""More than any model reads or writes in one request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatDelta:
    """A piece of a streamed answer. The last one carries `finish_reason`; a stream without it was cut off."""

    text: str = ""
    finish_reason: str | None = None
    """`stop`, `length`, `content_filter`, or `tool_calls`."""
    usage: Usage | None = None
    model: str = ""
    """The model that answered, as the vendor names it; on the last delta."""
    id: str = ""
    """The vendor's id of the answer; on the last delta."""
    tool_calls: tuple[ToolCall, ...] = ()
    """Whole calls, never parts of one; on the last delta."""
    reasoning: str = ""
    """A piece of the model's thoughts, where it tells them; never spoken."""
    retracts: bool = False
    """All text before this delta was thought, as the end of the thoughts shows only now; `reasoning` is its last part."""
    notices: tuple[str, ...] = ()
    """What was asked for and not sent because the model does not take it, one sentence each; on the last delta."""
    raw: Mapping[str, Any] | None = None
    """The vendor's last event as it came, for what has no field here."""


# -- speaking -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """A piece of a reply that is spoken in one breath."""

    index: int
    """0-based within the reply."""
    text: str
    """As written, with the white space that follows it: joining all sentences gives the reply back."""
    start: int
    """Offset of `text` in the reply."""
    spoken: str
    """What the voice is given; empty where nothing is to be said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeakRequest:
    """Ask a voice for the sound of a text. Yields `Audio` chunks of one rate, in order."""

    text: str = ""
    pieces: AsyncIterator[str] | None = None
    """The text as it is written, instead of `text`, for voices that take it so (`Spec.streams_text`)."""
    voice: str = ""
    """Empty: the provider's default."""
    speed: float = 1.0
    """0.25..4, 1 is the voice's own pace."""
    model: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiceInfo:
    """A voice a person can choose."""

    id: str
    name: str
    language: str = "en"
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInfo:
    """A model as its provider tells it (features B1)."""

    provider: str
    model_name: str
    supports_tts: bool = False
    max_tokens: int | None = None
    """Longest answer."""
    context_window: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """What a provider's check found (`companion providers --check`, the Test button)."""

    ok: bool
    detail: str
    """One sentence."""
    latency_ms: float | None = None
    models: tuple[str, ...] = ()
    """Model ids the vendor lists, where the check asked for them."""
    kind: Kind | None = None
    """What is wrong, where it is known."""


# -- the journal --------------------------------------------------------------------------------------------


class ReplyState(StrEnum):
    """How an answer ended."""

    PARTIAL = "partial"
    """Still being written, or the app ended in the middle."""
    WHOLE = "whole"
    INTERRUPTED = "interrupted"
    """The person talked over it: `heard` is what they heard."""
    CUT_OFF = "cut_off"
    """The provider's stream ended early."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnRecord:
    """One exchange as the journal keeps it."""

    id: int
    session_id: int
    at: float
    """Seconds since the epoch, when the person's words were committed."""
    user_text: str
    reply_text: str = ""
    """All that the model wrote."""
    heard_text: str = ""
    """What the person heard or read of it; what the model is shown next time."""
    reply_state: ReplyState = ReplyState.PARTIAL
    reply_at: float | None = None
    engines: dict[str, str] = field(default_factory=dict)
    """Role value -> "provider/model"."""
    timeline_ms: dict[str, float] = field(default_factory=dict)
    cost_usd: float | None = None
    offset_s: int | None = None
    """How far the person's clock was ahead of UTC at `at`; None: not kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRecord:
    """One reflection as the journal lists it."""

    id: int
    started_at: float
    practice: str
    title: str
    """The first words said, or empty."""
    turns: int
    seconds: float
    """From first words to last answer."""
    offset_s: int | None = None
    """How far the person's clock was ahead of UTC when it began; None: not kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingTake:
    """A recording whose words are not known yet; sealed on disk until they are."""

    id: str
    recorded_at: float
    seconds: float
    offset_s: int | None = None
    """How far the person's clock was ahead of UTC then; None: not kept."""


class Concern(StrEnum):
    """What a person may be in danger from, or carry."""

    SUICIDE = "suicide"
    SELF_HARM = "selfharm"
    VIOLENCE = "violence"
    """Suffered."""
    THREAT = "threat"
    """Violence that is threatened."""
    EATING = "eating"
    MEDICAL = "medical"
    REALITY = "reality"
    """Losing touch with it."""
    CHILD = "child"
    BEREAVEMENT = "bereavement"


class Severity(IntEnum):
    """How much a person needs others now."""

    CARE = 1
    """No alarm: something heavy that is borne, or is long past."""
    UNCLEAR = 2
    """It may be danger: it is asked for directly."""
    HIGH = 3
    IMMINENT = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class HelpLine:
    """One service that answers day and night."""

    name: str
    call: str
    text: str = ""
    """What is sent where; empty: it takes no text messages."""
    page: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Help:
    """Who can be reached in one country."""

    code: str
    """ISO 3166; empty: the country is not known."""
    country: str
    emergency: str
    """Empty: not known."""
    line: HelpLine | None = None
    """None: none is known for certain."""
    directory: str = ""
    """Where lines of every country are listed."""
    checked: str | None = None
    """When the line was checked against a page, as a date."""
