"""The turn machine: when the microphone opens and closes, who is asked, what a press means now.

Pure: `step(state, input, now_s, limits) -> (state, commands)`. Times are seconds on one monotonic clock. `engine.py`
carries commands out and feeds back what happened; whatever belongs to an older turn is ignored here. Every phase but
READY has a deadline, so no state outlives what it waits for, and moments before it at which the person is told.

    READY -Press-> ARMING -MicOpened-> LISTENING -tail ends-> TRANSCRIBING -Heard-> THINKING -SoundStarted-> SPEAKING
      ^                                                                               |                        |
      +------------------------------ TurnOver, Cancel, a deadline, Stop -------------+------------------------+
    Press in THINKING or SPEAKING is barge-in: [Flush, CancelReply, OpenMic] of the next turn.

Only `Cancel` (Esc) throws a take away. Everything else that comes between silences an answer and finishes a take: `Hush`
lets its turn go on, `Leave` frees the machine for another session while the words are still being written down.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from companion.errors import Kind
from companion.events import Phase

ARMING_S = 8.0
"""Longest wait for a microphone to open."""
SPEAKING_S = 660.0
"""Longest stretch of speech without anything new in it."""
PATIENCE_S = {Phase.ARMING: 1.5, Phase.TRANSCRIBING: 4.0, Phase.THINKING: 6.0}
"""After so long the person is told what is being waited for."""
TELL_AGAIN_S = 10.0
"""And so often again, while recogniser or model are still at work."""
WARNING_S = 30.0
"""So long before the end of the longest take the person is told; of a short one, in its last fifth."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a person can set about takes, and how long those who have a part in the turn may work."""

    tap_s: float = 0.25
    """A press shorter than this latches; the next press stops."""
    tail_s: float = 0.2
    """Recording goes on this long after release."""
    take_s: float = 300.0
    """Longest take; it is sent then, not lost."""
    hold_only: bool = False
    """A tap is a very short take instead of a latch."""
    hearing_s: float = 600.0
    """Longest wait for a transcript, besides the length of the take: what the recogniser's own clocks allow, and more."""
    thinking_s: float = 300.0
    """Longest wait for something new of an answer; the provider's own clocks are shorter."""


# -- inputs -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Press:
    """The talk key or button went down."""


@dataclass(frozen=True, slots=True)
class Release:
    """It came up."""


@dataclass(frozen=True, slots=True)
class FocusLost:
    """The key-up may never come: a held take ends."""


@dataclass(frozen=True, slots=True)
class Toggle:
    """A key of the desktop that knows no release: begins a take that goes on by itself, or ends it."""


@dataclass(frozen=True, slots=True)
class Locked:
    """Nobody is at the computer any more: a take ends, one that goes on by itself too."""


@dataclass(frozen=True, slots=True)
class Slept:
    """The computer is about to sleep, or has slept: what is under way ends where it is, and is kept."""


@dataclass(frozen=True, slots=True)
class Cancel:
    """Esc: the only way to throw words away."""


@dataclass(frozen=True, slots=True)
class Hush:
    """Something else wants to be heard or seen: an answer is silenced, a take is finished, hearing goes on."""

    reads_on: bool = False
    """The person would rather read: only the voice falls silent; the answer goes on and counts as heard."""


@dataclass(frozen=True, slots=True)
class Leave:
    """Another session begins: as `Hush`, but what is still being heard is only kept, and the machine is free at once."""


@dataclass(frozen=True, slots=True)
class Submit:
    """Words that were typed, or are to be asked again."""

    text: str
    again: bool = False
    """The words are saved already; only the answer is wanted."""
    goes_on: bool = False
    """Only the rest of it, after where it was cut off."""


@dataclass(frozen=True, slots=True)
class Rehear:
    """A kept recording goes to a recogniser (again)."""

    take_s: float = 0.0


@dataclass(frozen=True, slots=True)
class SpeechBegan:
    """Hands-free: somebody began to speak; the utterance is at hand."""


@dataclass(frozen=True, slots=True)
class SpeechPaused:
    """Hands-free: a short pause; the turn is probably over."""

    turn: int


@dataclass(frozen=True, slots=True)
class SpeechResumed:
    """Hands-free: it was not."""

    turn: int


@dataclass(frozen=True, slots=True)
class SpeechEnded:
    """Hands-free: the turn is over."""

    turn: int


@dataclass(frozen=True, slots=True)
class MicOpened:
    turn: int


@dataclass(frozen=True, slots=True)
class MicFailed:
    """It could not be opened."""

    turn: int


@dataclass(frozen=True, slots=True)
class MicLost:
    """It went away in the middle; what was recorded is transcribed."""

    turn: int


@dataclass(frozen=True, slots=True)
class Heard:
    """The final transcript. Empty: there is nothing to ask."""

    turn: int
    text: str


@dataclass(frozen=True, slots=True)
class Progressed:
    """Something new of the answer was written or heard."""

    turn: int


@dataclass(frozen=True, slots=True)
class SoundStarted:
    turn: int


@dataclass(frozen=True, slots=True)
class SoundFailed:
    turn: int


@dataclass(frozen=True, slots=True)
class TurnOver:
    """Answer and speech are done, or failed."""

    turn: int


@dataclass(frozen=True, slots=True)
class Broken:
    """Work for this turn ended in an error nobody foresaw."""

    turn: int


@dataclass(frozen=True, slots=True)
class Tick:
    """Time passed; due at `State.wake_s`."""


@dataclass(frozen=True, slots=True)
class Stop:
    """The app ends. Nothing happens after it."""


Report = (
    SpeechPaused
    | SpeechResumed
    | SpeechEnded
    | MicOpened
    | MicFailed
    | MicLost
    | Heard
    | Progressed
    | SoundStarted
    | SoundFailed
    | TurnOver
    | Broken
)
"""What organs say about a turn."""
Input = (
    Press
    | Release
    | FocusLost
    | Toggle
    | Locked
    | Slept
    | Cancel
    | Hush
    | Leave
    | Submit
    | Rehear
    | SpeechBegan
    | Report
    | Tick
    | Stop
)


# -- commands -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Command:
    """Something to do for one turn."""

    turn: int


@dataclass(frozen=True, slots=True)
class OpenMic(Command):
    """Open it and start hearing."""


@dataclass(frozen=True, slots=True)
class TakeUtterance(Command):
    """Hear the utterance that has begun."""


@dataclass(frozen=True, slots=True)
class Prepare(Command):
    """Ask, unheard, with the words so far: the turn is probably over."""


@dataclass(frozen=True, slots=True)
class DropPrepared(Command):
    """The person goes on: what was prepared is thrown away."""


@dataclass(frozen=True, slots=True)
class Transcribe(Command):
    """Close the microphone; the transcript of the take is wanted."""


@dataclass(frozen=True, slots=True)
class RetryHearing(Command):
    """The transcript of the kept recording is wanted."""


@dataclass(frozen=True, slots=True)
class Carry(Command):
    """The transcript of this turn goes before the next one's words."""


@dataclass(frozen=True, slots=True)
class KeepWords(Command):
    """The turn goes on by itself until its words are kept; nobody answers them."""


@dataclass(frozen=True, slots=True)
class DiscardTake(Command):
    """Close the microphone and forget the take; what this turn carries of an earlier one is not touched."""

    on_purpose: bool = False
    """The person threw it away, and may take that back."""


@dataclass(frozen=True, slots=True)
class KeepTake(Command):
    """Close the microphone; the recording stays sealed on disk."""


@dataclass(frozen=True, slots=True)
class Ask(Command):
    text: str
    again: bool = False
    goes_on: bool = False


@dataclass(frozen=True, slots=True)
class Tell(Command):
    """The phase takes long, or will end by itself: say what it waits for, or when."""

    phase: Phase
    lasted_s: float
    left_s: float


@dataclass(frozen=True, slots=True)
class Flush(Command):
    """Silence, now."""

    goes_on: bool = False
    """And for the rest of the answer, which is read."""


@dataclass(frozen=True, slots=True)
class CancelReply(Command):
    """Stop asking and speaking; save what was heard."""


@dataclass(frozen=True, slots=True)
class Fail(Command):
    """A deadline passed: say so."""

    kind: Kind


# -- the machine --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    phase: Phase = Phase.READY
    turn: int = 0
    since_s: float = 0.0
    """When the phase began."""
    pressed_s: float | None = None
    """When the key that is still down went down."""
    latched: bool = False
    carries: bool = False
    """The words of an earlier take, which is still being heard, belong to this turn too."""
    stop_asked: bool = False
    """Released before the microphone was open."""
    closing_s: float | None = None
    """When the release tail ends."""
    deadline_s: float | None = None
    tell_s: float | None = None
    """When the person is told what this phase waits for."""
    stopped: bool = False

    @property
    def wake_s(self) -> float | None:
        """When the next `Tick` is due."""
        due = [at for at in (self.closing_s, self.deadline_s, self.tell_s) if at is not None]
        return min(due) if due else None


Step = tuple[State, tuple[Command, ...]]


def step(state: State, given: Input, now_s: float, limits: Limits) -> Step:
    """What follows from `given` at `now_s`."""
    if state.stopped:
        return state, ()
    if isinstance(given, Stop):
        return replace(_ready(state, now_s), stopped=True), _abandon(state, keep_take=True)
    if isinstance(given, Report):
        return _report(state, given, now_s, limits) if given.turn == state.turn else (state, ())
    if isinstance(given, Press):
        return _press(state, now_s, limits)
    if isinstance(given, Toggle | Locked):
        return _toggle(state, now_s, limits, may_begin=isinstance(given, Toggle))
    if isinstance(given, Slept):
        return _ready(state, now_s), _abandon(state, keep_take=True)
    if isinstance(given, SpeechBegan):
        return _speech_began(state, now_s, limits)
    if isinstance(given, Release | FocusLost):
        return _release(state, now_s, limits, is_tap_allowed=isinstance(given, Release))
    if isinstance(given, Cancel):
        return _cancel(state, now_s, limits)
    if isinstance(given, Hush):
        return _hush(state, now_s, limits, reads_on=given.reads_on)
    if isinstance(given, Leave):
        return _leave(state, now_s)
    if isinstance(given, Submit | Rehear):
        return _submit(state, given, now_s, limits)
    return _tick(state, now_s, limits)


def _press(state: State, now_s: float, limits: Limits) -> Step:
    if state.pressed_s is not None:  # a second press without release: auto-repeat that slipped through
        return state, ()
    if state.phase in (Phase.READY, Phase.THINKING, Phase.SPEAKING, Phase.TRANSCRIBING):
        armed, commands = _next(state, Phase.ARMING, now_s, ARMING_S)
        return replace(armed, pressed_s=now_s), (*commands, OpenMic(armed.turn))
    if state.latched and state.closing_s is None and not state.stop_asked:
        return _close(replace(state, latched=False), now_s, limits), ()
    return replace(state, pressed_s=now_s, latched=False, stop_asked=False, closing_s=None), ()


def _toggle(state: State, now_s: float, limits: Limits, *, may_begin: bool) -> Step:
    if state.phase in (Phase.ARMING, Phase.LISTENING):
        ended = replace(state, pressed_s=None, latched=False)
        return (ended if state.closing_s is not None else _close(ended, now_s, limits)), ()
    if not may_begin:
        return state, ()
    armed, commands = _press(replace(state, pressed_s=None), now_s, limits)
    return replace(armed, pressed_s=None, latched=True), commands


def _speech_began(state: State, now_s: float, limits: Limits) -> Step:
    if state.phase in (Phase.ARMING, Phase.LISTENING):
        return state, ()  # the key is being talked with
    begun, commands = _next(state, Phase.LISTENING, now_s, limits.take_s)
    return begun, (*commands, TakeUtterance(begun.turn))


def _next(state: State, phase: Phase, now_s: float, limit_s: float) -> Step:
    """A take of the next turn begins: an answer is interrupted, a take that is being heard is carried along."""
    is_heard = state.phase is Phase.TRANSCRIBING
    begun = replace(_enter(state, phase, state.turn + 1, now_s, limit_s), carries=is_heard)
    return begun, (Carry(state.turn),) if is_heard else _abandon(state)


def _cancel(state: State, now_s: float, limits: Limits) -> Step:
    match state.phase:
        case Phase.READY:
            return state, ()
        case Phase.ARMING | Phase.LISTENING:
            return _without_take(state, now_s, limits, DiscardTake(state.turn, on_purpose=True))
        case Phase.TRANSCRIBING:
            return _ready(state, now_s), (DiscardTake(state.turn, on_purpose=True),)
    return _ready(state, now_s), _abandon(state)


def _without_take(state: State, now_s: float, limits: Limits, *commands: Command) -> Step:
    """The take of this turn comes to nothing; what it carries is heard all the same."""
    if not state.carries:
        return _ready(state, now_s), commands
    return _transcribing(replace(state, since_s=now_s), now_s, limits, *commands)


def _hush(state: State, now_s: float, limits: Limits, *, reads_on: bool) -> Step:
    match state.phase:
        case Phase.THINKING | Phase.SPEAKING if reads_on:
            thinking = _enter(state, Phase.THINKING, state.turn, now_s, limits.thinking_s)
            return (thinking if state.phase is Phase.SPEAKING else state), (Flush(state.turn, goes_on=True),)
        case _ if reads_on:
            return state, ()
        case Phase.ARMING | Phase.LISTENING:
            return _toggle(state, now_s, limits, may_begin=False)
        case Phase.THINKING | Phase.SPEAKING:
            return _ready(state, now_s), _abandon(state)
    return state, ()


def _leave(state: State, now_s: float) -> Step:
    turn = state.turn
    match state.phase:
        case Phase.ARMING if not state.carries:
            return _ready(state, now_s), (DiscardTake(turn),)
        case Phase.ARMING:
            return _ready(state, now_s), (DiscardTake(turn), Transcribe(turn), KeepWords(turn))
        case Phase.LISTENING:
            return _ready(state, now_s), (Transcribe(turn), KeepWords(turn))
        case Phase.TRANSCRIBING:
            return _ready(state, now_s), (KeepWords(turn),)
    return _ready(state, now_s), _abandon(state)


def _release(state: State, now_s: float, limits: Limits, *, is_tap_allowed: bool) -> Step:
    if state.pressed_s is None:
        return state, ()
    is_tap = is_tap_allowed and not limits.hold_only and now_s - state.pressed_s < limits.tap_s
    state = replace(state, pressed_s=None)
    if state.phase not in (Phase.ARMING, Phase.LISTENING):
        return state, ()
    if is_tap and state.closing_s is None:
        return replace(state, latched=True), ()
    return _close(state, now_s, limits), ()


def _close(state: State, now_s: float, limits: Limits) -> State:
    """The take is to end: after the tail when it runs, as soon as it runs when it is still arming."""
    if state.phase is Phase.ARMING:
        return replace(state, stop_asked=True)
    return replace(state, closing_s=now_s + limits.tail_s)


def _submit(state: State, given: Submit | Rehear, now_s: float, limits: Limits) -> Step:
    if state.phase in (Phase.ARMING, Phase.LISTENING, Phase.TRANSCRIBING):
        return state, ()  # a take is under way; the window keeps the draft
    turn = state.turn + 1
    if isinstance(given, Rehear):
        state_now = _enter(state, Phase.TRANSCRIBING, turn, now_s, limits.hearing_s + given.take_s)
        return state_now, (*_abandon(state), RetryHearing(turn))
    state_now = _enter(state, Phase.THINKING, turn, now_s, limits.thinking_s)
    return state_now, (*_abandon(state), Ask(turn, given.text, given.again, given.goes_on))


def _report(
    state: State,
    given: Report,
    now_s: float,
    limits: Limits,
) -> Step:
    turn, phase = state.turn, state.phase
    match given, phase:
        case MicOpened(), Phase.ARMING:
            listening = replace(
                state,
                phase=Phase.LISTENING,
                since_s=now_s,
                stop_asked=False,
                deadline_s=now_s + limits.take_s,
                tell_s=_tell_s(Phase.LISTENING, now_s, limits.take_s),
            )
            return (_close(listening, now_s, limits) if state.stop_asked else listening), ()
        case MicFailed(), Phase.ARMING:
            return _without_take(state, now_s, limits, DiscardTake(turn))
        case MicLost() | SpeechEnded(), Phase.LISTENING:
            return _transcribing(state, now_s, limits)
        case SpeechPaused(), Phase.LISTENING:
            return state, (Prepare(turn),)
        case SpeechResumed(), Phase.LISTENING:
            return state, (DropPrepared(turn),)
        case Heard(), Phase.TRANSCRIBING if given.text.strip():
            return _enter(state, Phase.THINKING, turn, now_s, limits.thinking_s), (Ask(turn, given.text),)
        case (Heard(), Phase.TRANSCRIBING) | (TurnOver(), Phase.THINKING | Phase.SPEAKING):
            return _ready(state, now_s), ()
        case Progressed(), Phase.THINKING:
            return replace(state, deadline_s=now_s + limits.thinking_s, tell_s=None), ()
        case Progressed(), Phase.SPEAKING:
            return replace(state, deadline_s=now_s + SPEAKING_S), ()
        case SoundStarted(), Phase.THINKING:
            return _enter(state, Phase.SPEAKING, turn, now_s, SPEAKING_S), ()
        case SoundFailed(), Phase.SPEAKING:
            return _enter(state, Phase.THINKING, turn, now_s, limits.thinking_s), ()
        case Broken(), _:
            return _ready(state, now_s), _abandon(state, keep_take=True)
    return state, ()


def _tick(state: State, now_s: float, limits: Limits) -> Step:
    if state.closing_s is not None and now_s >= state.closing_s:
        return _transcribing(state, now_s, limits)
    if state.deadline_s is None or now_s < state.deadline_s:
        if state.tell_s is None or now_s < state.tell_s or state.deadline_s is None:
            return state, ()
        told = Tell(state.turn, state.phase, now_s - state.since_s, state.deadline_s - now_s)
        goes_on = state.phase in (Phase.TRANSCRIBING, Phase.THINKING)
        return replace(state, tell_s=now_s + TELL_AGAIN_S if goes_on else None), (told,)
    turn = state.turn
    match state.phase:
        case Phase.LISTENING:  # the longest take: what was said is used
            return _transcribing(state, now_s, limits)
        case Phase.ARMING:
            return _without_take(state, now_s, limits, DiscardTake(turn), Fail(turn, Kind.MICROPHONE_BUSY))
        case Phase.TRANSCRIBING:
            return _ready(state, now_s), (KeepTake(turn), Fail(turn, Kind.HEARING_FAILED))
        case _:
            return _ready(state, now_s), (*_abandon(state), Fail(turn, Kind.TIMEOUT))


def _transcribing(state: State, now_s: float, limits: Limits, *first: Command) -> Step:
    heard = _enter(state, Phase.TRANSCRIBING, state.turn, now_s, limits.hearing_s + now_s - state.since_s)
    return heard, (*first, Transcribe(state.turn))


def _abandon(state: State, *, keep_take: bool = False) -> tuple[Command, ...]:
    """What must stop when this phase is left early."""
    turn = state.turn
    match state.phase:
        case Phase.ARMING | Phase.LISTENING | Phase.TRANSCRIBING:
            return (KeepTake(turn),) if keep_take else (DiscardTake(turn),)
        case Phase.THINKING | Phase.SPEAKING:
            return (Flush(turn), CancelReply(turn))
    return ()


def _ready(state: State, now_s: float) -> State:
    return State(turn=state.turn, since_s=now_s)


def _enter(state: State, phase: Phase, turn: int, now_s: float, limit_s: float) -> State:
    return State(
        phase=phase,
        turn=turn,
        since_s=now_s,
        deadline_s=now_s + limit_s,
        tell_s=_tell_s(phase, now_s, limit_s),
        pressed_s=state.pressed_s,
    )


def _tell_s(phase: Phase, now_s: float, limit_s: float) -> float | None:
    if phase is Phase.LISTENING:
        return now_s + limit_s - min(WARNING_S, limit_s / 5)
    return now_s + PATIENCE_S[phase] if phase in PATIENCE_S else None
