"""The verbs between the nouns: what the engine asks of the organs. Implementations never import each other.

Every provider call has one shape, `Call`: a request in, an async iterator of chunks out. Closing the iterator early
(`aclose`, or cancelling the task that reads it) ends the work at once, at the far side too. Every failure is a
`CompanionError`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from typing import Protocol, TypeVar

from companion.errors import CompanionError
from companion.flow import (
    Audio,
    ChatDelta,
    ChatRequest,
    HearRequest,
    Message,
    SpeakRequest,
    Transcript,
    TurnRecord,
    TurnSignal,
)
from companion.kinds import ReplyState
from companion.records import SessionRecord, WaitingTake

RequestT = TypeVar("RequestT", contravariant=True)
ChunkT = TypeVar("ChunkT", covariant=True)


class Call(Protocol[RequestT, ChunkT]):
    """One provider call."""

    def __call__(self, request: RequestT, /) -> AsyncGenerator[ChunkT, None]: ...


ChatCall = Call[ChatRequest, ChatDelta]
HearCall = Call[HearRequest, Transcript]
SpeakCall = Call[SpeakRequest, Audio]


VoiceModelEvent = Transcript | ChatDelta | Audio | CompanionError
"""What a vendor that hears and answers in one go tells."""


class Conversation(Protocol):
    """An open conversation with a vendor. Turns are our numbers; of what was interrupted only the usage is told.

    Raises:
        CompanionError: from every method but `close`, once the connection has ended.
    """

    @property
    def name(self) -> str:
        """Who it is with, "provider/model"."""

    @property
    def is_open(self) -> bool: ...

    @property
    def is_spoken(self) -> bool:
        """Answers come with sound; False: in writing only."""

    async def instruct(self, instructions: str) -> None:
        """What the model is told about its part from now on."""

    async def append(self, turn: int, frame: bytes) -> None:
        """The next frame of the take of `turn`, int16 mono at 16 kHz."""

    async def commit(self, turn: int) -> None:
        """The take is over, and is what was said in `turn`."""

    async def clear(self) -> None:
        """Forgets the take that was begun."""

    async def add(self, message: Message) -> None:
        """Words that belong to the conversation."""

    async def respond(self, turn: int) -> None:
        """Asks for the answer of `turn`."""

    async def interrupt(self, turn: int, heard_s: float) -> None:
        """Ends the answer of `turn`; the vendor keeps `heard_s` seconds of its sound as said."""

    def events(self) -> AsyncGenerator[tuple[int, VoiceModelEvent], None]:
        """What comes, with its turn: words said, the answer (ended by a finish reason), its sound, failures.

        HEARING_FAILED says that the words of the turn will not come; any other failure that its answer will not.

        Raises:
            CompanionError: the connection ended.
        """

    async def close(self) -> None: ...


class SpeechToSpeech(Protocol):
    """A vendor that hears and answers in one go."""

    async def connect(self, instructions: str) -> Conversation:
        """Opens a conversation.

        Raises:
            CompanionError: it cannot be opened.
        """


class Take(Protocol):
    """One recording under way. The microphone is open as long as `is_open` says so."""

    @property
    def is_open(self) -> bool: ...

    @property
    def level_db(self) -> float:
        """Loudness of the newest block, dBFS; -90 is silence."""

    @property
    def dropped_frames(self) -> int:
        """Frames lost because nobody read them for 30 s (oldest first)."""

    @property
    def is_silent(self) -> bool:
        """Nothing but digital silence has come so far: a muted or refused microphone, not a quiet person."""

    def frames(self) -> AsyncGenerator[bytes, None]:
        """20 ms int16 mono frames at 16 kHz, from the first real sample; ends after `close`, once all were read.

        Raises:
            CompanionError: MICROPHONE_LOST when the device goes away.
        """

    async def close(self) -> None:
        """Closes the device. What was recorded can still be read. Idempotent."""


class Microphone(Protocol):
    """Where takes come from."""

    async def open(self) -> Take:
        """Returns once the first real samples have arrived.

        Raises:
            CompanionError: NO_AUDIO_SYSTEM, NO_MICROPHONE, MICROPHONE_BUSY, MICROPHONE_DENIED.
        """


class EarSignal(Protocol):
    """Something about a hands-free turn."""

    @property
    def signal(self) -> TurnSignal: ...

    @property
    def utterance(self) -> Take:
        """What is said in it; ends by itself when the turn does, `close` gives it up."""

    @property
    def at_s(self) -> float:
        """When it happened, on the monotonic clock."""


class Ear(Protocol):
    """The open microphone of hands-free mode."""

    @property
    def is_muted(self) -> bool: ...

    @property
    def cancels_echo(self) -> bool:
        """False: over a loudspeaker nobody can talk over the app's voice."""

    async def open(self) -> None:
        """Opens the microphone, at first and after `mute`.

        Raises:
            CompanionError: as `Microphone.open`.
        """

    async def mute(self) -> None:
        """Closes the device and nothing else."""

    def signals(self) -> AsyncGenerator[EarSignal, None]:
        """Turns as they begin, pause, go on and end.

        Raises:
            CompanionError: MICROPHONE_LOST.
        """

    async def close(self) -> None: ...


class Gate(Protocol):
    """Tells speech from silence and noise, so that nothing but speech is ever sent."""

    def feed(self, frame: bytes) -> None:
        """The next 20 ms frame, int16 mono at 16 kHz."""

    @property
    def heard_speech(self) -> bool: ...

    @property
    def pause_s(self) -> float:
        """How long nobody has spoken."""


class Player(Protocol):
    """Where speech goes. All methods belong to the loop's thread; frames of a turn that is over are dropped here."""

    def begin(self, turn: int) -> None:
        """From now on only `turn` sounds; `heard_s` starts at 0. Opens the device lazily, at the first `write`."""

    async def write(self, turn: int, audio: Audio) -> None:
        """Queues sound; waits while the queue holds 30 s. Drops it silently if `turn` is not the current one.

        Raises:
            CompanionError: NO_AUDIO_SYSTEM, NO_SPEAKER, SPEAKER_LOST.
        """

    async def drain(self, turn: int) -> None:
        """Returns when all that was written for `turn` has been heard, or the turn was flushed or replaced.

        Raises:
            CompanionError: SPEAKER_LOST.
        """

    def flush(self) -> float:
        """Silences within one block, with a 10 ms fade. Returns the seconds of this turn that were heard."""

    @property
    def heard_s(self) -> float:
        """Seconds of the current turn's sound that have left the speaker."""

    @property
    def level_db(self) -> float:
        """Loudness of what sounds now, dBFS; -90 is silence."""

    async def close(self) -> None:
        """Closes the device. Idempotent."""


class Spool(Protocol):
    """A take on its way to disk, sealed, at most one second behind."""

    id: str

    def write(self, frame: bytes) -> None:
        """Never blocks and never raises; a full disk is told by `finish`."""

    async def finish(self) -> None:
        """All that was written is on disk.

        Raises:
            CompanionError: DISK_FULL, JOURNAL_UNSAVED.
        """

    async def discard(self) -> None:
        """Removes the file. Idempotent."""


class Journal(Protocol):
    """Where turns are kept. Every method returns after COMMIT.

    Raises:
        CompanionError: JOURNAL_UNSAVED, DISK_FULL, JOURNAL_LOCKED.
    """

    async def begin_session(self, practice: str, at: float | None = None, offset_s: int | None = None) -> int:
        """Starts a session at `at` (None: now), where clocks were `offset_s` ahead of UTC; returns its id."""

    async def save_user(self, session_id: int, text: str, at: float, offset_s: int | None = None) -> int:
        """Starts a turn with the person's words, said where clocks were `offset_s` ahead of UTC; returns its id."""

    async def save_sentence(self, turn_id: int, text: str) -> None:
        """Appends to the reply, which stays `partial`."""

    async def finish_reply(
        self,
        turn_id: int,
        *,
        reply_text: str,
        heard_text: str,
        state: ReplyState,
        reply_at: float,
        engines: Mapping[str, str],
        timeline_ms: Mapping[str, float],
        cost_usd: float | None,
    ) -> None: ...

    async def sessions(self, limit: int = 500) -> Sequence[SessionRecord]:
        """Newest first; sessions without a turn are left out."""

    async def turns(self, session_id: int) -> Sequence[TurnRecord]:
        """In the order they were said."""

    def spool(self) -> Spool:
        """A new sealed recording."""

    async def waiting_takes(self) -> Sequence[WaitingTake]:
        """Recordings of earlier runs or failures whose words are not known yet, oldest first."""

    async def read_take(self, take_id: str) -> bytes:
        """int16 mono at 16 kHz; as much as can be opened."""

    async def take_damage(self, take_id: str) -> float:
        """Seconds of a recording that are damaged, though the rest of it opens.

        Raises:
            CompanionError: TAKE_DAMAGED when nothing opens, BAD_FILE when it is gone.
        """

    async def discard_take(self, take_id: str) -> None: ...

    async def keep_sound(self, turn_id: int, take_ids: Iterable[str]) -> None:
        """These finished takes stay with the turn and wait no longer."""

    async def keep_answer(self, turn_id: int, pcm: bytes, *, goes_on: bool) -> None:
        """The sound of its answer (int16 mono at 16 kHz) stays with the turn, instead of that of an earlier try.

        Args:
            goes_on: it is the rest of an answer that was cut off, and is kept beside its beginning.
        """

    async def keep_draft(self, text: str) -> None:
        """Words that were not sent, for the next start; empty: none. A journal in memory keeps none."""

    async def draft(self) -> str: ...

    async def close(self) -> None: ...
