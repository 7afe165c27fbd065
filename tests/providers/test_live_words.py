"""The words of a growing take: which are firm, what changes, and what a text of several stretches reads like."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from companion.providers.here.process.live_words import LiveWords, ended, joined


def firm(words: LiveWords) -> str:
    return words.text[: words.committed_chars]


def test_words_that_two_looks_agree_on_are_firm_but_for_the_newest() -> None:
    words = LiveWords()
    words.look("And so my")
    assert (words.text, firm(words)) == ("And so my", "")
    words.look("And so my fellow Americans asked")
    assert firm(words) == "And"
    words.look("And so my fellow Americans ask not")
    assert firm(words) == "And so my fellow"
    assert words.text == "And so my fellow Americans ask not"


def test_a_firm_word_stays_as_it_was_written() -> None:
    words = LiveWords()
    words.look("unless to be rather")
    words.look("unless to be rather cold")
    words.look("Unless, to be rather cold hearted and")
    assert words.text.startswith("unless to")
    words.look("A lesson to be rather cold hearted and rather")
    assert words.text == "unless to be rather cold hearted and rather"


def test_the_look_at_the_whole_stretch_has_the_last_word() -> None:
    words = LiveWords()
    for text in ("I asked not what", "I asked not what your country", "I asked not what your country can"):
        words.look(text)
    assert firm(words).startswith("I asked not what")
    words.close("I ask not what your country can do.")
    assert words.text == "I ask not what your country can do."


def test_scripts_without_spaces_become_firm_letter_by_letter() -> None:
    words = LiveWords()
    words.look("今天天气很好")
    words.look("今天天气很好我们")
    assert firm(words) == "今天天气"


@pytest.mark.parametrize(
    ("left", "right", "text"),
    [
        ("", "Hello.", "Hello."),
        ("Hello.", "", "Hello."),
        ("I went home.", "It was late.", "I went home. It was late."),
        ("I went home", "And it was late.", "I went home and it was late."),
        ("I went home,", "And it was late.", "I went home, and it was late."),
        ("I went home...", "And it was late.", "I went home and it was late."),
        ("I went home…", "Anna was there.", "I went home Anna was there."),
        ("I went home.", "and it was late.", "I went home and it was late."),
        ("I thought that", "I could.", "I thought that I could."),
        ("Ich ging nach Hause,", "Und es war spät.", "Ich ging nach Hause, und es war spät."),
        ("Is it late?", "It is.", "Is it late? It is."),
        ("今天天气", "很好。", "今天天气很好。"),
    ],
)
def test_stretches_are_joined_as_a_person_would_write_them(left: str, right: str, text: str) -> None:
    assert joined(left, right) == text


@given(
    st.lists(
        st.tuples(
            st.lists(
                st.sampled_from(["And,", "so.", "My", "fellow…", "ask", "not", "世界", "the"]), max_size=8
            )
        ),
        max_size=8,
    )
)
def test_what_is_firm_does_not_change_within_a_stretch(looks: list[tuple[list[str]]]) -> None:
    words = LiveWords()
    words.close("I went home.")
    before = firm(words)
    for (look,) in looks:
        words.look(" ".join(look))
        assert words.text.startswith(before)
        before = firm(words)


@pytest.mark.parametrize(
    ("text", "end"), [("so it is,", "so it is."), ("是的，", "是的。"), ("so it is.", "so it is."), ("", "")]
)
def test_a_take_ends_with_a_stop(text: str, end: str) -> None:
    assert ended(text) == end


def test_the_comma_of_a_closed_stretch_is_not_firm() -> None:
    words = LiveWords()
    words.close("so it is,")
    assert words.text[: words.committed_chars] == "so it is"
