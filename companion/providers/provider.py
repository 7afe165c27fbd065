"""What every provider is: one class with three calls of one shape, and the simple methods programs use (features B1).

A vendor's file holds one `SPEC` and one subclass that overrides `chat`, `transcribe` or `speak`. Constructing a provider
is cheap: SDKs and connections come with the first call. Errors are `AIProviderError`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from companion.errors import AIProviderAuthError, AIProviderNotSupportedError, Kind
from companion.flow import (
    Audio,
    ChatDelta,
    ChatRequest,
    Health,
    HearRequest,
    Message,
    ModelInfo,
    Role,
    Speaker,
    SpeakRequest,
    Transcript,
    VoiceInfo,
)
from companion.log import Secret

if TYPE_CHECKING:
    from companion.net import Net


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """What is known of a provider before its code is loaded: enough for settings, validation and `PROVIDER_CONFIGS`."""

    name: str
    """Registered name, lower case."""
    display_name: str
    roles: frozenset[Role]
    aliases: tuple[str, ...] = ()
    needs_key: bool = False
    key_env: tuple[str, ...] = ()
    """Environment variables that may hold the key, the first wins."""
    key_prefixes: tuple[str, ...] = ()
    """How its keys begin, to notice a key pasted under the wrong vendor."""
    key_page: str = ""
    """Where a person gets a key."""
    base_url: str = ""
    """Default address; empty: there is none, the work is done here."""
    default_models: Mapping[Role, str] = field(default_factory=dict)
    voices: tuple[VoiceInfo, ...] = ()
    """Voices that are known without asking."""
    summary: str = ""
    """One sentence for the settings card: what it is and where the words go."""
    install: str = ""
    """How to install it, where it is an extra."""


class AIProvider:
    """A provider of thinking, hearing or speaking. Use as is, or subclass to add a vendor.

    Args:
        api_key: the vendor's key; a plain string is wrapped at once.
        model: default for `chat` and `generate_completion`; empty: the vendor's default.
        base_url: another address of the same protocol.
        net: the gate to use; by default the provider makes one of its own and closes it with itself.
        tts_model: default for `speak`.
        tts_voice: default voice.
        stt_model: default for `transcribe`.
        voice: who speaks for a vendor without speech (features B7).
        options: what a dialect understands besides; unknown names are refused by it.
    """

    spec: ClassVar[Spec]

    def __init__(
        self,
        *,
        api_key: str | Secret | None = None,
        model: str = "",
        base_url: str = "",
        net: Net | None = None,
        tts_model: str = "",
        tts_voice: str = "",
        stt_model: str = "",
        voice: AIProvider | None = None,
        **options: Any,
    ) -> None:
        if options:
            raise TypeError(f"{self.spec.name}: unknown option {', '.join(sorted(options))}")
        self.api_key = Secret(api_key) if isinstance(api_key, str) and api_key else api_key or None
        self.base_url = base_url or self.spec.base_url
        defaults = self.spec.default_models
        self.models: Mapping[Role, str] = {
            Role.THINKS: model or defaults.get(Role.THINKS, ""),
            Role.HEARS: stt_model or defaults.get(Role.HEARS, ""),
            Role.SPEAKS: tts_model or defaults.get(Role.SPEAKS, ""),
        }
        self.tts_voice = tts_voice
        self._voice = voice
        self._net = net
        self._owns_net = net is None

    # -- what a dialect overrides ---------------------------------------------------------------------------

    def chat(self, request: ChatRequest) -> AsyncIterator[ChatDelta]:
        """Streams an answer; the last delta carries `finish_reason`. One attempt, no retry.

        Raises:
            AIProviderError: of the kind that fits; AIProviderStreamCutError when the stream ends without its end.
        """
        raise self._unsupported("write answers", "Choose another provider for thinking.")

    def transcribe(self, request: HearRequest) -> AsyncIterator[Transcript]:
        """Streams what is heard: partial transcripts where the engine can, then exactly one final."""
        raise self._unsupported("recognise speech", "Choose another provider for hearing.")

    def speak(self, request: SpeakRequest) -> AsyncIterator[Audio]:
        """Streams the sound of a text in chunks of one sample rate."""
        raise self._unsupported("speak", "Configure a voice: the built-in one or OpenAI, for instance.")

    async def voices(self) -> Sequence[VoiceInfo]:
        """The voices to choose from; asks the vendor where it has a list."""
        return self.spec.voices

    async def check(self) -> Health:
        """The vendor's cheapest authenticated call. Reports, never raises an `AIProviderError`."""
        return Health(ok=True, detail="Ready.")

    async def warm(self) -> None:
        """Imports the SDK and prepares connections so that the next call is quick. Never raises."""

    async def aclose(self) -> None:
        """Closes connections. Idempotent."""
        if self._owns_net and self._net is not None:
            await self._net.aclose()
            self._net = None

    # -- what dialects share --------------------------------------------------------------------------------

    @property
    def net(self) -> Net:
        if self._net is None:
            from companion.net import Net

            self._net = Net()
        return self._net

    def require_key(self) -> str:
        """The key, revealed for one request.

        Raises:
            AIProviderAuthError: KEY_MISSING when there is none.
        """
        if self.api_key is None:
            raise AIProviderAuthError("", self.spec.name, kind=Kind.KEY_MISSING, who=self.spec.display_name)
        return self.api_key.reveal()

    def _unsupported(self, what: str, hint: str) -> AIProviderNotSupportedError:
        name = self.spec.display_name
        return AIProviderNotSupportedError(f"{name} cannot {what}.", self.spec.name, who=name, hint=hint)

    async def __aenter__(self) -> AIProvider:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(model={self.models[Role.THINKS]!r})"

    # -- the simple face (features B1) ----------------------------------------------------------------------

    async def generate_completion(
        self, system_prompt: str, user_prompt: str, max_tokens: int = 500, temperature: float = 0.7
    ) -> str:
        """The whole answer as text."""
        parts = [
            part
            async for part in self.generate_completion_stream(
                system_prompt, user_prompt, max_tokens, temperature
            )
        ]
        return "".join(parts)

    async def generate_completion_stream(
        self, system_prompt: str, user_prompt: str, max_tokens: int = 500, temperature: float = 0.7
    ) -> AsyncIterator[str]:
        """The answer as it is written."""
        messages = (Message(Speaker.SYSTEM, system_prompt), Message(Speaker.USER, user_prompt))
        request = ChatRequest(messages=messages, max_tokens=max_tokens, temperature=temperature)
        async for delta in self.chat(request):
            if delta.text:
                yield delta.text

    async def generate_tts(self, text: str, voice: str = "", speed: float = 1.0) -> bytes:
        """The sound of `text` as an MP3 file."""
        from companion.pcm import to_mp3

        chunks = [chunk async for chunk in self.speak(SpeakRequest(text=text, voice=voice, speed=speed))]
        rate_hz = chunks[0].rate_hz if chunks else 24_000
        return to_mp3(Audio(pcm=b"".join(chunk.pcm for chunk in chunks), rate_hz=rate_hz))

    def get_model_info(self) -> ModelInfo:
        """The chat model this provider uses."""
        return ModelInfo(
            provider=self.spec.name,
            model_name=self.models[Role.THINKS],
            supports_tts=Role.SPEAKS in self.spec.roles,
        )

    async def get_available_voices(self) -> list[str]:
        """Ids of the voices `generate_tts` takes."""
        return [voice.id for voice in await self.voices()]
