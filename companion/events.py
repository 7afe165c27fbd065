"""What happened, as the window, the command line and the tests see it.

The engine and the organs emit; watchers only read. Emission is synchronous, on the event loop's thread, in the
order things happened; a watcher that raises is reported and does not stop the others.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, TypeVar

from companion.frozen import Frozen

if TYPE_CHECKING:
    from companion.errors import CompanionError, Kind
    from companion.flow import Help, Sentence, Transcript, TurnRecord
    from companion.kinds import Concern, ReplyState, Role, Severity
    from companion.records import Earlier


class Phase(StrEnum):
    """Where the turn machine stands."""

    READY = "ready"
    ARMING = "arming"
    """The microphone was asked to open; no sample has arrived yet."""
    LISTENING = "listening"
    TRANSCRIBING = "transcribing"
    THINKING = "thinking"
    SPEAKING = "speaking"


class Mark(StrEnum):
    """Points on a turn's timeline, in the order they usually come."""

    PRESSED = "pressed"
    FIRST_FRAME = "first_frame"
    RELEASED = "released"
    """A press inside the tail of a take takes it back; it is marked again."""
    LAST_FRAME = "last_frame"
    """The recogniser was told that the take is over."""
    TRANSCRIPT = "transcript"
    ASKED = "asked"
    FIRST_TOKEN = "first_token"
    FIRST_CLAUSE = "first_clause"
    FIRST_AUDIO = "first_audio"
    FIRST_SOUND = "first_sound"
    REPLY_DONE = "reply_done"
    LAST_SOUND = "last_sound"


class Event(Frozen):
    """Base of all events."""


class PhaseChanged(Event):
    """The turn machine stands elsewhere."""

    turn: int
    phase: Phase
    latched: bool = False
    """Listening goes on without the key held; the next press sends."""


class PhaseLingers(Event):
    """The phase has lasted longer than it usually does, or will soon end by itself. Told again while it goes on."""

    turn: int
    phase: Phase
    lasted_s: float = 0.0
    left_s: float
    """Until it ends by itself."""


class HandsFreeChanged(Event):
    """Whether the microphone stays open and a turn begins by speaking."""

    is_on: bool
    is_muted: bool = False
    """By the person; the microphone is closed."""
    is_paused: bool = False
    """While a dialog is in front, the screen is locked or the talk key is used; the microphone is closed."""
    cancels_echo: bool = True
    """False: with loudspeakers the answer cannot be talked over; headphones are better."""


class TakeOpened(Event):
    """A microphone records a take, or does no more: told by the take itself, whose end takes a moment."""

    is_open: bool


class MicrophoneKept(Event):
    """Whether the device stays open between takes, as the person chose; nothing is recorded of it."""

    is_open: bool


class GlobalKeyChanged(Event):
    """The key that talks in every window, as the desktop names it; empty: this desktop gives none."""

    key: str


class LevelMeasured(Event):
    """Loudness of what goes in (while listening) or out (while speaking), about 25 times a second."""

    level_db: float
    """dBFS, -90 is silence."""
    is_input: bool


class TranscriptHeard(Event):
    """The words of the take so far, or all of them."""

    turn: int
    transcript: Transcript


class TakeDiscarded(Event):
    """The take was thrown away unsent (Esc), or held no speech."""

    turn: int
    can_undo: bool = False
    """It held speech and can be taken back for a moment."""


class DraftOffered(Event):
    """The transcript waits in the composer to be reviewed before it is sent (a setting)."""

    turn: int
    text: str


class UserSaid(Event):
    """The person's words of this turn, committed to the journal, about to be sent."""

    turn: int
    text: str
    at: float
    offset_s: int | None = None
    """How far the person's clock was ahead of UTC; None: as this computer's is."""
    saved: bool = True
    """False: the journal could not take them; they are in memory."""
    is_of_before: bool = False
    """They belong to the reflection before this one, which was left while they were still being heard."""


class EarlierRecalled(Event):
    """Earlier passages of the journal go with the question to whoever answers it."""

    turn: int
    passages: tuple[Earlier, ...]
    """The newest first."""


class JournalRead(Event):
    """How far the journal is read for finding by meaning; told while it goes on, and at its end."""

    done: int
    whole: int


class ReplyContinued(Event):
    """The answer that was cut off goes on, in this turn; it belongs to the last exchange on the page."""

    turn: int
    text: str
    """What is kept of it."""


class ReplyDelta(Event):
    """A piece of the answer, as it is written."""

    turn: int
    text: str


class ReplyTakenBack(Event):
    """What came of the answer was thought aloud, as shows only now; it comes anew."""

    turn: int
    text: str
    """What is left of it: the part that was kept of an earlier try, or nothing."""


class SentenceHeard(Event):
    """This sentence is being played now."""

    turn: int
    sentence: Sentence


class WordHeard(Event):
    """This word of the sentence told last is being spoken now; only from voices that say when each word sounds."""

    turn: int
    start: int
    """Offsets in the reply."""
    end: int


class ReplyEnded(Event):
    """The answer is complete on screen, or as complete as it will be. Speech may still go on."""

    turn: int
    text: str
    state: ReplyState


class TurnFinished(Event):
    """The turn is over and saved."""

    turn: int
    record: TurnRecord
    saved: bool
    is_of_before: bool = False
    """As of `UserSaid`."""


class TimelineMarked(Event):
    """A turn has reached a point of its timeline."""

    turn: int
    mark: Mark
    at_s: float
    """Seconds on the engine's monotonic clock."""


class Trouble(Event):
    """Something a person should know; becomes a card."""

    error: CompanionError
    turn: int | None = None
    role: Role | None = None
    """Which choice failed, where one did."""


class TroubleCleared(Event):
    """What was wrong with the last turn is right again; its cards may go. With a field: only what the field names."""

    is_all: bool = False
    """What was wrong with the app: a missing keyring, a journal that did not open."""
    role: Role | None = None
    """What was wrong with this role, in a turn or outside."""
    kinds: frozenset[Kind] = frozenset()
    """Cards of these kinds."""


class CareOffered(Event):
    """The person may be in danger: who can be reached is shown, at once and silently."""

    turn: int
    concern: Concern
    severity: Severity
    help: Help


class CareEased(Event):
    """They say that they are safe: what was shown may go."""

    turn: int


class ProgramNoted(Event):
    """A notice that is due: that this is a program, or that a pause may do good."""

    text: str


class MicrophoneTried(Event):
    """A microphone was tried, outside any turn, and these words were made out; nothing of it is kept."""

    text: str


class Note(Event):
    """A quiet remark for the status line."""

    text: str


class DeviceNoted(Note):
    """Another microphone or speaker is in use than the chosen one, it is back, or sound was lost on the way."""

    is_input: bool
    device: str
    """The one in use, as a person reads it."""
    fell_back: bool = False
    """It is not the chosen one."""
    lost_s: float = 0.0


class EngineInUse(Event):
    """Who has a role now, as the window's pills show it."""

    role: Role
    provider: str
    """Registered name."""
    label: str
    """What the pill says: "Offline guide", "This computer", "Claude Haiku 5.5"."""
    host: str
    """Where the data goes; empty: it stays on this computer."""


class SettingsChanged(Event):
    """Some settings have other values now."""

    names: tuple[str, ...]


class PracticeChanged(Event):
    """Which practice it is, and where the session stands in it."""

    name: str
    title: str
    step: int
    steps: int
    opening: str
    """The question the empty page shows."""
    icon: str = "leaf"
    """Name of one in `resources/icons`."""
    purpose: str = ""
    """What the step is for, in one sentence."""
    is_over: bool = False
    """The last step is done; the talk may go on freely."""


class ReflectionMarked(Event):
    """What is marked of the reflection under way, as it will be kept. Moods: -3 .. 3, None: not marked."""

    title: str
    """The person's own or the offered one; empty: the first words."""
    before: int | None
    after: int | None
    word_before: str = ""
    word_after: str = ""


class SessionBegan(Event):
    """What is said from now on belongs to another session, and the page is empty."""

    turns: tuple[TurnRecord, ...] = ()
    """What was said in it before, where one is gone on with: then the page shows that."""


class LocalTimeChanged(Event):
    """It is another hour for the person: time went by, the clock was set, or the computer travelled."""

    is_other_day: bool
    is_other_zone: bool
    """Its clock is ahead of UTC by another amount than before."""


class JournalOpened(Event):
    """The journal can be read and written."""

    storage: str
    """How its key is kept: "keyring", "passphrase" or "memory"."""
    waiting_takes: int = 0
    is_by_choice: bool = False
    """It is in memory because nothing is to be kept."""


class BackupsLooked(Event):
    """How backups of the journal stand, after one was made, failed, or was found."""

    last_good: float | None
    """When the newest was made, in seconds since 1970; None: there is none."""
    has_failed: bool
    """The last try did not make one."""


class LockChanged(Event):
    """The app was locked: nothing of the journal is to be seen until it is unlocked. Or it was unlocked."""

    is_locked: bool
    opens_with: str = ""
    """"keyring", "passphrase" or "memory" (nothing is asked), of a locked one."""


class SpareKeyOffered(Event):
    """There is something to lose, and only this computer's keyring opens it."""


class DataSent(Event):
    """Something of the person's left this computer, as the egress gate counted it."""

    role: Role
    who: str
    """The provider's display name."""
    host: str
    what: str
    """In words: "412 words", "8 s of your voice"."""
    sent_bytes: int
    at: float
    """Seconds since the epoch."""


E = TypeVar("E", bound=Event)
Watcher = Callable[[Event], None]


class Events:
    """The bus: one per app. Not thread-safe: emit on the loop's thread only."""

    def __init__(self, report: Callable[[BaseException], None]) -> None:
        """`report` receives what a watcher raised."""
        self._watchers: list[Watcher] = []
        self._report = report

    def watch(self, watcher: Watcher) -> Callable[[], None]:
        """Calls `watcher` with every event from now on; returns the way to stop it."""
        self._watchers.append(watcher)

        def stop() -> None:
            if watcher in self._watchers:
                self._watchers.remove(watcher)

        return stop

    def emit(self, event: Event) -> None:
        for watcher in tuple(self._watchers):
            try:
                watcher(event)
            except Exception as error:  # noqa: BLE001 - reported, and the other watchers still hear the event
                self._report(error)
