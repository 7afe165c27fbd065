"""What was heard: by the times of words where a voice tells them, by the share of the sound elsewhere."""

from __future__ import annotations

import pytest

from companion.conversation.heard import GuessedTrack, SpokenTrack
from companion.conversation.sentences import SentenceCutter
from companion.flow import Audio, Sentence, SpokenWord

REPLY = "You **noticed** something, today. That counts for a lot; really. What would you keep?"
RATE_HZ = 8_000


def sound(seconds: float, *words: tuple[str, float, float]) -> Audio:
    told = tuple(SpokenWord(text=text, start_s=start, end_s=end) for text, start, end in words)
    return Audio(pcm=bytes(round(seconds * RATE_HZ) * 2), rate_hz=RATE_HZ, words=told)


def sentences(text: str = REPLY) -> list[Sentence]:
    cutter = SentenceCutter()
    return [*cutter.feed(text), *cutter.finish()]


def track_of(*spoken: tuple[Sentence, Audio], one_request: bool = False) -> SpokenTrack:
    track = SpokenTrack()
    for at, (sentence, audio) in enumerate(spoken):
        if not at or not one_request:
            track.request()
        track.begin(sentence)
        track.add(audio)
        track.end()
    return track


FIRST = (("You", 0.0, 0.2), ("noticed", 0.2, 0.8), ("something,", 0.8, 1.2), ("today.", 1.2, 2.0))
SECOND = (("That", 0.0, 0.2), ("counts", 0.2, 0.5), ("for", 0.5, 0.6), ("a", 0.6, 0.65), ("lot;", 0.65, 1.0))


def test_the_word_that_sounds_is_known_by_its_place_in_the_reply() -> None:
    first, second, *_ = sentences()
    track = track_of((first, sound(2.0, *FIRST)), (second, sound(1.0, *SECOND)))
    said = [track.word_at(at_s) for at_s in (0.1, 0.4, 1.0, 1.9, 2.1, 2.3, 2.9)]
    assert [REPLY[slice(*place)] for place in said if place] == [
        "You", "noticed", "something", "today", "That", "counts", "lot",
    ]  # fmt: skip
    assert track.word_at(3.5) is None


@pytest.mark.parametrize(
    ("heard_s", "text"),
    [
        (0.0, ""),
        (0.05, ""),
        (0.7, "You **noticed**"),
        (1.1, "You **noticed** something,"),
        (1.98, "You **noticed** something, today."),
        (2.4, "You **noticed** something, today. That counts"),
        (3.0, "You **noticed** something, today. That counts for a lot; really."),
    ],
)
def test_a_cut_falls_between_the_words_that_were_heard(heard_s: float, text: str) -> None:
    first, second, *_ = sentences()
    track = track_of((first, sound(2.0, *FIRST)), (second, sound(1.0, *SECOND)))
    assert REPLY[: track.chars_until(heard_s)].rstrip() == text


def test_the_words_of_one_request_count_from_its_beginning() -> None:
    first, second, *_ = sentences()
    later = tuple((text, start + 2.0, end + 2.0) for text, start, end in SECOND)
    track = track_of((first, sound(2.0, *FIRST)), (second, sound(1.0, *later)), one_request=True)
    place = track.word_at(2.3)
    assert place is not None
    assert REPLY[slice(*place)] == "counts"


def test_words_that_come_before_or_after_their_sound_find_their_place() -> None:
    first, second, *_ = sentences()
    track = SpokenTrack()
    track.request()
    track.begin(first)
    track.add(sound(0.1, *FIRST, ("That", 2.0, 2.2)))  # all at once, and one of the sentence to come
    track.add(sound(1.9))
    track.end()
    track.begin(second)
    track.add(sound(0.5))
    track.add(sound(0.5, ("counts", 2.2, 2.5)))
    found = [track.word_at(at_s) for at_s in (0.9, 2.1, 2.3)]
    assert [REPLY[slice(*place)] for place in found if place] == ["something", "That", "counts"]


def test_times_that_stop_early_say_nothing_about_the_rest() -> None:
    long = sentences("This sentence goes on for quite a while after its times have stopped coming in.")[0]
    track = track_of((long, sound(6.0, ("This", 0.0, 0.3), ("sentence", 0.3, 0.7))))
    assert track.chars_until(3.0) > len("This sentence goes on")


def test_a_repeated_word_is_found_once_each_time() -> None:
    reply = "No, no, and no."
    track = track_of(
        (
            Sentence(index=0, text=reply, start=0, spoken=reply),
            sound(2.0, ("No", 0.0, 0.3), ("no", 0.5, 0.8), ("no", 1.5, 1.8)),
        )
    )
    assert [track.word_at(at_s) for at_s in (0.1, 0.6, 1.6)] == [(0, 2), (4, 6), (12, 14)]


def test_without_times_the_share_of_the_sound_decides() -> None:
    first, second, *_ = sentences()
    track = track_of((first, sound(2.0)), (second, sound(2.0)))
    assert track.word_at(1.0) is None
    assert REPLY[: track.chars_until(2.0)].rstrip() == "You **noticed** something, today."
    assert 0 < len(REPLY[: track.chars_until(3.0)].rstrip()) - len("You **noticed** something, today.") < 25


def test_silent_parts_between_two_heard_sentences_count_as_read() -> None:
    reply = "Try this. `x = 1` Then rest."
    spoken = [sentence for sentence in sentences(reply) if sentence.spoken]
    track = track_of(*((sentence, sound(1.0)) for sentence in spoken))
    assert reply[: track.chars_until(float(len(spoken)))] == reply


def test_an_unaligned_answer_is_followed_by_its_share() -> None:
    track = GuessedTrack()
    track.write(REPLY, sentences())
    track.add(sound(8.5))
    track.end()
    assert track.at(0.0) is None
    assert [s.index for s in map(track.at, (0.1, 4.5, 8.0)) if s] == [0, 1, 2]
    assert track.chars_until(8.5) == len(REPLY)
    assert REPLY[: track.chars_until(4.25)].endswith("That")
