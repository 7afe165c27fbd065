"""The turn machine: a table of what a press means when, and properties over any sequence of inputs."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings, strategies as st

from companion.conversation.turn import (
    Ask,
    Broken,
    Cancel,
    CancelReply,
    Carry,
    Command,
    DiscardTake,
    DropPrepared,
    Fail,
    Flush,
    FocusLost,
    Heard,
    Hush,
    Input,
    KeepTake,
    KeepWords,
    Leave,
    Limits,
    Locked,
    MicFailed,
    MicLost,
    MicOpened,
    OpenMic,
    Prepare,
    Press,
    Progressed,
    Rehear,
    Release,
    RetryHearing,
    Slept,
    SoundFailed,
    SoundStarted,
    SpeechBegan,
    SpeechEnded,
    SpeechPaused,
    SpeechResumed,
    State,
    Stop,
    Submit,
    TakeUtterance,
    Tell,
    Tick,
    Toggle,
    Transcribe,
    TurnOver,
    step,
)
from companion.errors import Kind
from companion.events import Phase
from tests.reliability.proof import prove

LIMITS = Limits()


class Bench:
    """The machine on a table: feeds inputs at given times and collects commands."""

    def __init__(self, limits: Limits = LIMITS) -> None:
        self.state, self.now, self.limits = State(), 0.0, limits
        self.commands: list[Command] = []

    def feed(self, *inputs: Input, after: float = 0.0) -> Bench:
        self.now += after
        for each in inputs:
            self.state, commands = step(self.state, each, self.now, self.limits)
            self.commands += commands
        return self

    def take_commands(self) -> list[Command]:
        commands, self.commands = self.commands, []
        return commands


def listening() -> Bench:
    bench = Bench().feed(Press()).feed(MicOpened(1), after=0.05)
    bench.take_commands()
    return bench


def speaking() -> Bench:
    bench = (
        listening()
        .feed(Release(), after=1.0)
        .feed(Tick(), after=0.2)
        .feed(Heard(1, "hello"), SoundStarted(1))
    )
    bench.take_commands()
    return bench


def test_hold_speak_release_asks_with_the_words() -> None:
    bench = Bench()
    assert bench.feed(Press()).state.phase is Phase.ARMING
    assert bench.take_commands() == [OpenMic(1)]
    assert bench.feed(MicOpened(1), after=0.05).state.phase is Phase.LISTENING
    assert bench.feed(Release(), after=2.0).state.phase is Phase.LISTENING, "the tail is still recorded"
    assert bench.feed(Tick(), after=0.19).state.phase is Phase.LISTENING
    assert bench.feed(Tick(), after=0.02).state.phase is Phase.TRANSCRIBING
    assert bench.take_commands() == [Transcribe(1)]
    assert bench.feed(Heard(1, "good evening")).state.phase is Phase.THINKING
    assert bench.take_commands() == [Ask(1, "good evening")]
    assert bench.feed(SoundStarted(1)).state.phase is Phase.SPEAKING
    assert bench.feed(TurnOver(1)).state == State(turn=1, since_s=bench.now)


def test_a_voice_that_fails_in_the_middle_of_an_answer_speaks_no_longer() -> None:
    bench = speaking().feed(SoundFailed(1))
    assert bench.state.phase is Phase.THINKING
    assert bench.feed(TurnOver(1)).state.phase is Phase.READY


def test_a_tap_latches_and_the_next_press_stops() -> None:
    bench = Bench().feed(Press()).feed(MicOpened(1), after=0.05).feed(Release(), after=0.1)
    assert bench.state.latched
    assert bench.feed(Tick(), after=30).state.phase is Phase.LISTENING
    bench.feed(Press(), Release(), after=1).feed(Tick(), after=0.3)
    assert bench.state.phase is Phase.TRANSCRIBING


def test_with_hold_only_a_tap_is_a_short_take() -> None:
    bench = (
        Bench(Limits(hold_only=True)).feed(Press()).feed(MicOpened(1), after=0.05).feed(Release(), after=0.1)
    )
    assert not bench.state.latched
    assert bench.feed(Tick(), after=0.3).state.phase is Phase.TRANSCRIBING


def test_a_release_during_arming_still_stops_the_take() -> None:
    bench = Bench().feed(Press()).feed(Release(), after=0.4).feed(MicOpened(1), after=0.1)
    assert bench.state.phase is Phase.LISTENING
    assert bench.feed(Tick(), after=0.25).state.phase is Phase.TRANSCRIBING


def test_a_press_inside_the_tail_goes_on_with_the_same_take() -> None:
    bench = listening().feed(Release(), after=1.0).feed(Press(), after=0.1).feed(Tick(), after=1.0)
    assert (bench.state.phase, bench.state.turn) == (Phase.LISTENING, 1)
    assert bench.take_commands() == []


def test_a_lost_key_up_ends_with_the_focus() -> None:
    assert listening().feed(FocusLost(), after=1.0).feed(Tick(), after=0.3).state.phase is Phase.TRANSCRIBING


def test_a_latched_take_outlives_the_focus() -> None:
    bench = Bench().feed(Press()).feed(MicOpened(1)).feed(Release(), after=0.1).feed(FocusLost(), after=1)
    assert bench.feed(Tick(), after=1).state.phase is Phase.LISTENING


def test_the_longest_take_is_used_not_lost() -> None:
    bench = listening().feed(Tick(), after=300.0)
    assert bench.state.phase is Phase.TRANSCRIBING
    assert bench.take_commands() == [Transcribe(1)]
    assert bench.feed(Press()).state.turn == 1, "the key is still down: no new turn"


def test_barge_in_silences_cancels_and_opens_the_microphone() -> None:
    bench = speaking().feed(Press())
    assert bench.take_commands() == [Flush(1), CancelReply(1), OpenMic(2)]
    assert bench.state.phase is Phase.ARMING


def test_a_press_while_transcribing_carries_the_words_over() -> None:
    bench = listening().feed(Release(), after=1.0).feed(Tick(), after=0.2)
    bench.take_commands()
    assert bench.feed(Press()).take_commands() == [Carry(1), OpenMic(2)]
    assert bench.feed(Heard(1, "late words")).state.phase is Phase.ARMING


@pytest.mark.parametrize(
    "late", [Heard(1, "old"), SoundStarted(1), TurnOver(1), MicOpened(1), MicFailed(1), MicLost(1)]
)
def test_what_belongs_to_an_older_turn_changes_nothing(late: Input) -> None:
    bench = speaking().feed(Press())
    before = bench.state
    assert bench.feed(late).state == before


def test_escape_discards_a_take_and_stops_an_answer() -> None:
    assert listening().feed(Cancel()).take_commands() == [DiscardTake(1, on_purpose=True)]
    assert speaking().feed(Cancel()).take_commands() == [Flush(1), CancelReply(1)]
    assert Bench().feed(Cancel()).take_commands() == []


def test_typing_interrupts_an_answer_but_not_a_take() -> None:
    assert speaking().feed(Submit("and also")).take_commands() == [
        Flush(1),
        CancelReply(1),
        Ask(2, "and also"),
    ]
    assert listening().feed(Submit("and also")).take_commands() == []


def test_a_kept_take_can_be_heard_again() -> None:
    bench = Bench().feed(Rehear(5.0))
    assert bench.take_commands() == [RetryHearing(1)]
    assert bench.feed(Heard(1, "now I have it")).take_commands() == [Ask(1, "now I have it")]


def test_a_microphone_that_fails_or_never_answers_leads_back_to_ready() -> None:
    assert Bench().feed(Press(), MicFailed(1)).state.phase is Phase.READY
    bench = Bench().feed(Press()).feed(Tick(), after=60)
    assert bench.state.phase is Phase.READY
    assert any(isinstance(command, Fail) for command in bench.commands)


def test_a_microphone_lost_in_the_middle_keeps_what_was_said() -> None:
    assert listening().feed(MicLost(1)).take_commands() == [Transcribe(1)]


def test_hearing_that_never_ends_keeps_the_take() -> None:
    bench = listening().feed(Release(), after=1.0).feed(Tick(), after=0.2)
    bench.feed(Tick(), after=LIMITS.hearing_s - 1)
    assert bench.state.phase is Phase.TRANSCRIBING, "a slow recogniser has the time that its policy gives it"
    bench.feed(Tick(), after=20)
    assert bench.state.phase is Phase.READY
    assert KeepTake(1) in bench.commands


def test_stop_keeps_an_unfinished_take() -> None:
    assert listening().feed(Stop()).take_commands() == [KeepTake(1)]


def test_hands_free_speech_begins_pauses_goes_on_and_ends() -> None:
    bench = Bench().feed(SpeechBegan())
    assert bench.state.phase is Phase.LISTENING
    assert bench.take_commands() == [TakeUtterance(1)]
    assert bench.feed(SpeechPaused(1)).take_commands() == [Prepare(1)]
    assert bench.feed(SpeechResumed(1)).take_commands() == [DropPrepared(1)]
    assert bench.feed(SpeechEnded(1)).take_commands() == [Transcribe(1)], "no tail: the pause was one"


def test_hands_free_speech_interrupts_an_answer_but_not_the_talk_key() -> None:
    assert speaking().feed(SpeechBegan()).take_commands() == [Flush(1), CancelReply(1), TakeUtterance(2)]
    assert listening().feed(SpeechBegan()).take_commands() == []


def test_a_key_without_release_begins_a_take_and_ends_it() -> None:
    bench = Bench().feed(Toggle())
    assert bench.take_commands() == [OpenMic(1)]
    bench.feed(MicOpened(1), after=0.1)
    assert (bench.state.phase, bench.state.latched) == (Phase.LISTENING, True)
    bench.feed(Toggle(), after=3.0).feed(Tick(), after=0.3)
    assert bench.take_commands() == [Transcribe(1)]
    assert speaking().feed(Toggle()).take_commands() == [Flush(1), CancelReply(1), OpenMic(2)]


def test_locking_ends_a_take_that_goes_on_by_itself_and_nothing_else() -> None:
    bench = Bench().feed(Press()).feed(MicOpened(1), after=0.05).feed(Release(), after=0.1)
    bench.take_commands()
    assert bench.feed(Locked(), after=1).feed(Tick(), after=0.3).take_commands() == [Transcribe(1)]
    assert Bench().feed(Press(), Locked()).feed(MicOpened(1), after=0.1).state.closing_s is not None
    assert speaking().feed(Locked()).take_commands() == []
    assert Bench().feed(Locked()).state.phase is Phase.READY


def test_sleep_ends_everything_and_keeps_it() -> None:
    assert listening().feed(Slept()).take_commands() == [KeepTake(1)]
    assert speaking().feed(Slept()).take_commands() == [Flush(1), CancelReply(1)]
    assert speaking().feed(Slept()).state.phase is Phase.READY
    assert Bench().feed(Slept()).take_commands() == []


def test_the_person_is_told_before_the_longest_take_ends() -> None:
    bench = Bench(Limits(take_s=300.0)).feed(Press()).feed(MicOpened(1), after=0.05)
    bench.take_commands()
    bench.feed(Tick(), after=269.0)
    assert bench.take_commands() == []
    assert bench.feed(Tick(), after=1.5).take_commands() == [
        Tell(1, Phase.LISTENING, pytest.approx(270.5), pytest.approx(29.5))
    ]
    assert bench.feed(Tick(), after=1.0).take_commands() == [], "once"
    assert bench.feed(Tick(), after=30.0).take_commands() == [Transcribe(1)]


def carrying(bench: Bench | None = None) -> Bench:
    """A second take has begun while the first is being heard."""
    bench = bench or listening()
    bench.feed(Release(), after=1.0).feed(Tick(), after=0.2).feed(Press()).feed(MicOpened(2), after=0.05)
    bench.take_commands()
    return bench


@pytest.mark.parametrize(
    ("comes", "discards"),
    [(Cancel(), DiscardTake(2, on_purpose=True)), (MicFailed(2), DiscardTake(2))],
)
def test_a_second_take_that_comes_to_nothing_touches_only_itself(comes: Input, discards: Command) -> None:
    bench = carrying()
    if isinstance(comes, MicFailed):
        bench = listening().feed(Release(), after=1.0).feed(Tick(), after=0.2).feed(Press())
        bench.take_commands()
    assert bench.feed(comes).take_commands() == [discards, Transcribe(2)]
    assert bench.feed(Heard(2, "what the first one said")).take_commands() == [
        Ask(2, "what the first one said")
    ]


def test_a_second_microphone_that_never_answers_leaves_the_first_take_alone() -> None:
    bench = listening().feed(Release(), after=1.0).feed(Tick(), after=0.2).feed(Press())
    bench.take_commands()
    bench.feed(Tick(), after=9.0)
    assert bench.take_commands() == [DiscardTake(2), Fail(2, Kind.MICROPHONE_BUSY), Transcribe(2)]


def test_escape_while_both_are_heard_throws_both_away() -> None:
    bench = carrying().feed(Release(), after=1.0).feed(Tick(), after=0.3)
    bench.take_commands()
    assert bench.feed(Cancel()).take_commands() == [DiscardTake(2, on_purpose=True)]


def test_hush_silences_an_answer_and_finishes_a_take() -> None:
    assert speaking().feed(Hush()).take_commands() == [Flush(1), CancelReply(1)]
    assert listening().feed(Hush(), after=1).feed(Tick(), after=0.3).take_commands() == [Transcribe(1)]
    heard = listening().feed(Release(), after=1.0).feed(Tick(), after=0.3)
    heard.take_commands()
    assert heard.feed(Hush()).take_commands() == []
    assert heard.state.phase is Phase.TRANSCRIBING
    assert Bench().feed(Hush()).state.phase is Phase.READY


def test_who_reads_on_silences_the_voice_and_nothing_else() -> None:
    bench = speaking().feed(Hush(reads_on=True))
    assert bench.take_commands() == [Flush(1, goes_on=True)]
    assert bench.state.phase is Phase.THINKING
    assert bench.feed(Hush(reads_on=True)).take_commands() == [Flush(1, goes_on=True)]
    assert bench.feed(TurnOver(1)).state.phase is Phase.READY
    assert (
        listening().feed(Hush(reads_on=True)).take_commands()
        == Bench().feed(Hush(reads_on=True)).take_commands()
        == []
    )


def test_another_session_frees_the_machine_and_loses_no_word() -> None:
    assert listening().feed(Leave()).take_commands() == [Transcribe(1), KeepWords(1)]
    heard = listening().feed(Release(), after=1.0).feed(Tick(), after=0.3)
    heard.take_commands()
    assert heard.feed(Leave()).take_commands() == [KeepWords(1)]
    assert heard.state.phase is Phase.READY
    assert heard.feed(Heard(1, "late")).take_commands() == [], "nobody is asked"
    assert speaking().feed(Leave()).take_commands() == [Flush(1), CancelReply(1)]
    assert Bench().feed(Press(), Leave()).take_commands() == [OpenMic(1), DiscardTake(1)]
    both = listening().feed(Release(), after=1.0).feed(Tick(), after=0.2).feed(Press())
    both.take_commands()
    assert both.feed(Leave()).take_commands() == [DiscardTake(2), Transcribe(2), KeepWords(2)]


def test_an_answer_that_goes_on_is_never_cut_by_the_machines_own_clock() -> None:
    bench = speaking()
    for _ in range(40):
        bench.feed(Progressed(1), after=100.0).feed(Tick())
    assert bench.state.phase is Phase.SPEAKING
    written = listening().feed(Release(), after=1.0).feed(Tick(), after=0.2).feed(Heard(1, "hello"))
    for _ in range(40):
        written.feed(Progressed(1), after=100.0).feed(Tick())
    assert written.state.phase is Phase.THINKING
    written.feed(Tick(), after=LIMITS.thinking_s + 1)
    assert written.state.phase is Phase.READY, "one that stands still is"


def test_hearing_that_lasts_is_told_again_and_again() -> None:
    bench = listening().feed(Release(), after=1.0).feed(Tick(), after=0.2)
    bench.take_commands()
    told = [bench.feed(Tick(), after=after).take_commands() for after in (4.0, 9.0, 1.0, 10.0)]
    assert [len(each) for each in told] == [1, 0, 1, 1]
    assert bench.feed(Cancel()).state.phase is Phase.READY, "and Esc ends it"


def test_what_lasts_long_says_so_and_well_before_it_fails() -> None:
    bench = Bench().feed(Press())
    bench.take_commands()
    for phase, forward in (
        (Phase.ARMING, MicOpened(1)),
        (Phase.TRANSCRIBING, Heard(1, "hello")),
        (Phase.THINKING, SoundStarted(1)),
    ):
        if phase is Phase.TRANSCRIBING:
            bench.feed(Release(), after=1.0).feed(Tick(), after=0.3)
            bench.take_commands()
        assert bench.state.phase is phase
        assert bench.state.wake_s is not None
        bench.now = bench.state.wake_s
        told = bench.feed(Tick()).take_commands()
        assert [type(each) for each in told] == [Tell]
        assert told[0].phase is phase  # type: ignore[attr-defined]
        assert told[0].left_s > 5  # type: ignore[attr-defined]
        assert bench.feed(Tick(), after=0.1).take_commands() == []
        bench.feed(forward)
        bench.take_commands()


turns = st.integers(0, 4)
inputs = st.one_of(
    st.sampled_from(
        [
            Press(),
            Release(),
            FocusLost(),
            Toggle(),
            Locked(),
            Slept(),
            Cancel(),
            Hush(),
            Hush(reads_on=True),
            Leave(),
            Tick(),
            Submit("words"),
            Rehear(3.0),
            SpeechBegan(),
            Stop(),
        ]
    ),
    st.builds(MicOpened, turns),
    st.builds(MicFailed, turns),
    st.builds(MicLost, turns),
    st.builds(Heard, turns, st.sampled_from(["", " ", "words"])),
    st.builds(Progressed, turns),
    st.builds(SoundStarted, turns),
    st.builds(SoundFailed, turns),
    st.builds(TurnOver, turns),
    st.builds(Broken, turns),
    st.builds(SpeechPaused, turns),
    st.builds(SpeechResumed, turns),
    st.builds(SpeechEnded, turns),
)


@given(st.lists(st.tuples(inputs, st.floats(0, 400)), max_size=60))
@settings(max_examples=400, deadline=None)
def test_any_sequence_ends_ready_after_stop_and_no_phase_lacks_a_deadline(
    sequence: list[tuple[Input, float]],
) -> None:
    bench = Bench()
    for given_input, after in sequence:
        bench.feed(given_input, after=after)
        if bench.state.phase is not Phase.READY:
            assert bench.state.deadline_s is not None
    bench.feed(Stop())
    assert bench.state.phase is Phase.READY
    assert bench.feed(Press(), Submit("more")).state.phase is Phase.READY


@given(st.lists(st.tuples(inputs.filter(lambda i: not isinstance(i, Stop)), st.floats(0, 5)), max_size=40))
@settings(max_examples=300, deadline=None)
def test_left_alone_every_phase_leads_to_ready_by_its_deadlines(sequence: list[tuple[Input, float]]) -> None:
    bench = Bench()
    for given_input, after in sequence:
        bench.feed(given_input, after=after)
    while bench.state.wake_s is not None:
        bench.now = max(bench.now, bench.state.wake_s)
        bench.feed(Tick())
    assert bench.state.phase is Phase.READY


@given(st.lists(inputs, max_size=60))
@settings(max_examples=300, deadline=None)
def test_every_microphone_that_was_opened_is_closed(sequence: list[Input]) -> None:
    bench = Bench().feed(*sequence, Stop())
    opened = {c.turn for c in bench.commands if isinstance(c, OpenMic | TakeUtterance)}
    closed = {c.turn for c in bench.commands if isinstance(c, DiscardTake | KeepTake | Transcribe)}
    assert opened <= closed


def test_a_hundred_thousand_events_never_leave_a_stuck_phase_or_two_voices() -> None:
    dice, bench = random.Random(11), Bench()
    open_mics: set[int] = set()
    asking: set[int] = set()
    for _ in range(100_000):
        turn = bench.state.turn + dice.choice((0, 0, 0, 0, -1, 1))
        reports = (
            MicOpened,
            MicFailed,
            MicLost,
            Progressed,
            SoundStarted,
            SoundFailed,
            TurnOver,
            Broken,
            SpeechPaused,
            SpeechResumed,
            SpeechEnded,
        )
        plain = (
            Press(),
            Release(),
            FocusLost(),
            Toggle(),
            Locked(),
            Slept(),
            Cancel(),
            Hush(),
            Leave(),
            Submit("words"),
            Rehear(1.0),
            SpeechBegan(),
            Tick(),
        )
        given = dice.choice(
            (*plain, *(report(turn) for report in reports), Heard(turn, dice.choice(("", "words"))))
        )
        if isinstance(given, Tick) and bench.state.wake_s is not None:
            bench.now = max(bench.now, bench.state.wake_s)
        for command in bench.feed(given, after=dice.random() * 0.4).take_commands():
            match command:
                case OpenMic() | TakeUtterance():
                    assert not open_mics, "one microphone at a time"
                    open_mics.add(command.turn)
                case DiscardTake() | KeepTake() | Transcribe():
                    open_mics.discard(command.turn)
                case Carry():
                    assert command.turn not in open_mics
                case CancelReply():
                    asking.discard(command.turn)
                case Ask():
                    assert not asking, "the answer before was silenced first"
                    asking.add(command.turn)
        if bench.state.phase is Phase.READY:
            asking.clear()
        assert (bench.state.phase is Phase.READY) == (bench.state.deadline_s is None)
        assert (bench.state.phase in (Phase.ARMING, Phase.LISTENING)) == bool(open_mics)
    prove(28, "stuck phases, second voices and lost microphones", 0, 0, cases=100_000, clock="virtual")
