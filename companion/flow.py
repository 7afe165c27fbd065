"""The nouns of one turn, in the order they flow.

    microphone frames -> utterance -> transcript -> prompt -> token stream -> sentences -> speech audio -> speaker

Values only: frozen, no behaviour beyond what follows from their own fields, no imports from the house.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import InitVar, dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from companion.calls import Spelling
from companion.kinds import ReplyState

if TYPE_CHECKING:
    from companion.calls import ChatOptions, JsonSchema, Picture, SoundFile, Tool, ToolCall
    from companion.errors import Kind
    from companion.records import KeptSound

CAPTURE_RATE_HZ = 16_000
"""Every take is int16 mono at this rate, whatever the device delivers."""
FRAME_MS = 20
"""Length of one captured frame."""
FRAME_BYTES = CAPTURE_RATE_HZ * FRAME_MS // 1000 * 2


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
    notices: tuple[str, ...] = ()
    """What was done otherwise than asked, one sentence each; on the first piece."""
    usage: Usage | None = None
    """Of a voice that charges by tokens: for the request so far."""

    @property
    def seconds(self) -> float:
        return len(self.pcm) / 2 / self.rate_hz

    @property
    def data(self) -> bytes:
        """The same as `pcm`."""
        return self.pcm

    @property
    def sample_rate(self) -> int:
        """The same as `rate_hz`."""
        return self.rate_hz

    @property
    def channels(self) -> int:
        return 1


class AudioChunk(Audio, metaclass=Spelling):
    """`Audio`, as a program's own voice or microphone writes it."""

    def __new__(cls, data: bytes, sample_rate: int = CAPTURE_RATE_HZ, channels: int = 1) -> Audio:  # type: ignore[misc]
        if channels != 1:
            raise ValueError(
                f"sound is mono here, not of {channels} channels: mix it with companion.pcm.to_mono"
            )
        return Audio(pcm=data, rate_hz=sample_rate)


@dataclass(frozen=True, slots=True, kw_only=True)
class HearRequest:
    """Ask a recogniser for the words in a take, possibly while it is still being spoken."""

    frames: AsyncIterator[bytes]
    """int16 mono frames at `rate_hz`; ends when the take ends."""
    rate_hz: int = CAPTURE_RATE_HZ
    language: str = ""
    """BCP 47 tag; empty: the recogniser finds out, if it can."""
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
    language: str = ""
    """Tag of the language that was certainly heard, which need not be the one asked for; empty: not known."""
    signal: TurnSignal | None = None
    """Set by recognisers that follow turns themselves (`Spec.follows_turns`)."""
    notices: tuple[str, ...] = ()
    """What was done otherwise than asked, one sentence each; on the final one."""
    usage: Usage | None = None
    """Of a model that charges for hearing by tokens; on the final one."""


TranscriptChunk = TranscriptionResult = Transcript


# -- thinking -----------------------------------------------------------------------------------------------


class Speaker(StrEnum):
    """Who said a message; the values are the wire's role names."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


MessageRole = Speaker
EARLIER = "earlier"
"""Among a message's notes: what the person said on earlier days, as JSON; `conversation.earlier` makes text of it."""


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
    metadata: Mapping[str, str] = field(default_factory=dict, hash=False)
    """The program's own notes; they stay here."""

    def __post_init__(self) -> None:
        if type(self.role) is not Speaker:
            object.__setattr__(self, "role", _speaker(self.role))

    @staticmethod
    def of(value: Message | Mapping[str, Any]) -> Message:
        """A message written as a dictionary, in OpenAI's shape.

        Raises:
            AIProviderInvalidRequestError: it is none; says what is missing.
        """
        if isinstance(value, Message):
            return value
        if not isinstance(value, Mapping) or "role" not in value:
            from companion.errors import AIProviderInvalidRequestError

            raise AIProviderInvalidRequestError("A message has a role and a content.")
        from companion.calls import ToolCall

        text, images = _content(value.get("content"))
        return Message(
            value["role"],
            text,
            name=str(value.get("name") or ""),
            images=(*images, *value.get("images", ())),
            sounds=tuple(value.get("sounds", ())),
            tool_calls=tuple(map(ToolCall.of, value.get("tool_calls") or ())),
            tool_call_id=str(value.get("tool_call_id") or ""),
            metadata=value.get("metadata") or {},
        )


def _speaker(role: str) -> Speaker:
    try:
        return Speaker(role)
    except ValueError as error:
        from companion.errors import AIProviderInvalidRequestError

        roles = ", ".join(each.value for each in Speaker)
        raise AIProviderInvalidRequestError(
            f"Nobody in a conversation is called {str(role)[:40]!r}: there are {roles}."
        ) from error


def _content(content: Any) -> tuple[str, tuple[Picture, ...]]:
    """Text and pictures of a dictionary's content: a text, nothing, or a list of OpenAI's parts."""
    if content is None or isinstance(content, str):
        return content or "", ()
    from base64 import b64decode

    from companion.calls import Picture

    texts: list[str] = []
    images: list[Picture] = []
    for part in content:
        image = part.get("image_url") if isinstance(part, Mapping) else None
        url = str(image.get("url", "") if isinstance(image, Mapping) else image or "")
        if url.startswith("data:"):
            label, _, data = url.partition(",")
            images.append(Picture(data=b64decode(data), media_type=label[5:].partition(";")[0]))
        elif url:
            images.append(Picture(url=url))
        else:
            texts.append(part if isinstance(part, str) else str(part.get("text") or ""))
    return "".join(texts), tuple(images)


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
    options: InitVar[ChatOptions | None] = None
    """The other fields in one value, for programs that keep them so; what it sets wins."""

    def __post_init__(self, options: ChatOptions | None) -> None:
        if options is not None:
            for name, value in options.fields().items():
                object.__setattr__(self, name, value)
        if type(self.messages) is not tuple or any(type(each) is not Message for each in self.messages):
            object.__setattr__(self, "messages", tuple(map(Message.of, self.messages)))
        if self.tools:
            from companion.calls import Tool

            object.__setattr__(self, "tools", tuple(map(Tool.of, self.tools)))
        stop: Any = self.stop
        if type(stop) is not tuple:
            object.__setattr__(self, "stop", (stop,) if isinstance(stop, str) else tuple(stop or ()))
        if isinstance(self.tool_choice, Mapping):
            chosen = self.tool_choice.get("function") or self.tool_choice
            object.__setattr__(self, "tool_choice", str(chosen.get("name") or chosen.get("type") or "auto"))


class CompletionRequest(ChatRequest, metaclass=Spelling):
    """`ChatRequest`, written as two prompts."""

    def __new__(  # type: ignore[misc]
        cls,
        system_prompt: str,
        user_prompt: str,
        max_tokens: int = 500,
        temperature: float = 0.7,
        stop_sequences: list[str] | None = None,
    ) -> ChatRequest:
        return ChatRequest(
            messages=(Message(Speaker.SYSTEM, system_prompt), Message(Speaker.USER, user_prompt)),
            max_tokens=max_tokens,
            temperature=temperature,
            stop=tuple(stop_sequences or ()),
        )


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
    def prompt_tokens(self) -> int:
        """The same as `input_tokens`."""
        return self.input_tokens

    @property
    def completion_tokens(self) -> int:
        """The same as `output_tokens`."""
        return self.output_tokens

    @property
    def total_tokens(self) -> int:
        return self.input_tokens + self.output_tokens

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


@dataclass(
    frozen=True, kw_only=True
)  # without slots: what is left open is read from the class, and costs nothing
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

    @property
    def content(self) -> str:
        """The same as `text`."""
        return self.text

    @property
    def delta(self) -> ChatDelta:
        """The same, for programs that look for what is new inside a chunk."""
        return self


def text_delta(text: str) -> ChatDelta:
    """`ChatDelta(text=text)` in an eighth of the time: nearly all pieces of an answer are that."""
    delta = object.__new__(ChatDelta)
    object.__setattr__(delta, "text", text)
    return delta


ChatStreamChunk = ChatDelta


class TextChunk(ChatDelta, metaclass=Spelling):
    """`ChatDelta`, as a program's own model writes it."""

    def __new__(cls, content: str = "", finish_reason: str | None = None) -> ChatDelta:  # type: ignore[misc]
        return ChatDelta(text=content, finish_reason=finish_reason)


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


class TTSRequest(SpeakRequest, metaclass=Spelling):
    """`SpeakRequest`, by position."""

    def __new__(cls, text: str, voice: str = "", speed: float = 1.0) -> SpeakRequest:  # type: ignore[misc]
        return SpeakRequest(text=text, voice=voice, speed=speed)


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """A model as its provider tells it (features B1)."""

    provider: str
    model_name: str
    supports_tts: bool = False
    max_tokens: int = 4096
    """Longest answer; where nobody knows it, what every model of that kind can."""
    context_window: int = 8192


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
    uid: str = ""
    """Its name for good, in exports too."""
    said_text: str | None = None
    """What the recogniser wrote, where the person has changed `user_text` since."""
    edited_at: float | None = None
    sounds: tuple[KeptSound, ...] = ()
    """Recordings of it that are kept, in the order they were made."""


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
