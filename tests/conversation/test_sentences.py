"""Cutting a growing reply: nothing is lost, ends are known at once, and what is one breath stays one piece."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings, strategies as st

from companion.conversation.sentences import LONGEST, SentenceCutter
from companion.flow import Sentence


def tokens(text: str) -> list[str]:
    """Roughly what a model streams: words with their leading space, punctuation by itself."""
    return re.findall(r"\s?[^\s.,!?]+|\s?[.,!?]|\s+", text)


def cut(chunks: list[str]) -> list[Sentence]:
    cutter = SentenceCutter()
    pieces = [piece for chunk in chunks for piece in cutter.feed(chunk)]
    pieces += cutter.finish()
    assert "".join(piece.text for piece in pieces) == "".join(chunks)
    return pieces


def pieces_of(text: str) -> list[str]:
    by_token = [piece.text.strip() for piece in cut(tokens(text))]
    at_once = [piece.text.strip() for piece in cut([text])]
    assert by_token == at_once
    return by_token


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        # a short first sentence takes the next clause along; a longer one goes out alone
        ("I see. You carry this alone. What helps?", ["I see. You carry this alone.", "What helps?"]),
        ("That is a lot. And it goes on and on.", ["That is a lot.", "And it goes on and on."]),
        ("You kept the promise to leave, and part of you stayed at the desk. Was it hard?",
         ["You kept the promise to leave,", "and part of you stayed at the desk.", "Was it hard?"]),
        # a full stop that is none
        ("Dr. Smith met J. K. Rowling at 3.5 p.m. on Monday. That went well for everyone.",
         ["Dr. Smith met J. K. Rowling at 3.5 p.m. on Monday.", "That went well for everyone."]),
        ("It was, e.g. fun to be there. No. 5 is alive and well. I said no. Then I went home again.",
         ["It was, e.g. fun to be there.", "No. 5 is alive and well.", "I said no. Then I went home again."]),
        ("Version 2.0 is out. It costs 1,000 euros, or so they say, in 2024. Then it got cheaper.",
         ["Version 2.0 is out.", "It costs 1,000 euros, or so they say, in 2024.", "Then it got cheaper."]),
        # quotes and brackets close with their sentence
        ('He said "stop right there." Then he left (for good this time). And so on.',
         ['He said "stop right there."', "Then he left (for good this time).", "And so on."]),
        ("**A bold sentence here.** Then another one follows.", ["**A bold sentence here.**", "Then another one follows."]),
        # dots in the middle and at the end
        ("It went on… maybe too long. Perhaps... Then it stopped at last.",
         ["It went on… maybe too long.", "Perhaps... Then it stopped at last."]),
        # addresses, labels and code are not cut inside
        ("See [this page. Really](https://a.b/c?d=1.2) now please. Thank you for that.",
         ["See [this page. Really](https://a.b/c?d=1.2) now please.", "Thank you for that."]),
        ("Run `a.b. c!` now if you please. That should be enough.",
         ["Run `a.b. c!` now if you please.", "That should be enough."]),
        # lists
        ("Three things:\n\n1. Breathe in slowly\n2. Breathe out and wait\n\nThat is all there is.",
         ["Three things:", "1. Breathe in slowly", "2. Breathe out and wait", "That is all there is."]),
        # German
        ("Das war am 3. Mai, z. B. im Garten hinterm Haus. Prof. Maier kam usw. Und dann war es still.",
         ["Das war am 3. Mai, z. B. im Garten hinterm Haus.", "Prof. Maier kam usw.", "Und dann war es still."]),
        # French
        ("Vous êtes là ? Oui, « c'est bien. » On continue encore un peu.",
         ["Vous êtes là ?", "Oui, « c'est bien. »", "On continue encore un peu."]),
        # Japanese
        ("今日はとても疲れました。でも、嬉しいこともありました。それは何ですか？",
         ["今日はとても疲れました。", "でも、嬉しいこともありました。", "それは何ですか？"]),
        # Hindi
        ("आज का दिन बहुत अच्छा था। मैं ठीक हूँ और खुश भी हूँ। आप कैसे हैं?",
         ["आज का दिन बहुत अच्छा था।", "मैं ठीक हूँ और खुश भी हूँ।", "आप कैसे हैं?"]),
    ],
)  # fmt: skip
def test_where_pieces_end(text: str, pieces: list[str]) -> None:
    assert pieces_of(text) == pieces


@pytest.mark.parametrize(
    "last", ["now", "Garten", "don't", "it", "(now)", "you?!", "go!", "fini !", "終わり。", "समाप्त।"]
)
def test_an_ordinary_end_is_released_with_its_own_token(last: str) -> None:
    cutter = SentenceCutter()
    cutter.feed("This is a sentence of some length that ends with")
    stop = "" if last[-1] in "!?。।" else "."
    assert cutter.feed(f" {last}") or cutter.feed(stop)


@pytest.mark.parametrize("last", ["Dr", "3", "J", "etc", "e.g", "no", '"now'])
def test_a_doubtful_end_waits_for_what_follows(last: str) -> None:
    cutter = SentenceCutter()
    assert not cutter.feed(f"This is a sentence of some length that ends with {last}")
    assert not cutter.feed(".")


def test_the_first_clause_goes_out_at_the_comma() -> None:
    cutter = SentenceCutter()
    assert not cutter.feed("You have been on your feet since five")
    (first,) = cutter.feed(",")
    assert first.text == "You have been on your feet since five,"
    assert not cutter.feed(" and nobody asked how you are doing,")


def test_a_number_with_a_comma_is_no_clause() -> None:
    cutter = SentenceCutter()
    assert not cutter.feed("You walked more than about 1,")
    assert not cutter.feed("000 steps up the")


def test_code_is_one_piece_and_is_announced() -> None:
    code = "```python\nprint('Hello. World!')\n\nx = 1\n```\n"
    pieces = cut(tokens(f"Look:\n{code}And there it is, all of it."))
    assert [piece.text for piece in pieces][:2] == ["Look:\n", code]
    assert pieces[1].spoken == "There is some code on screen."
    assert pieces[2].spoken == "And there it is, all of it."


def test_a_fence_that_never_closes_is_one_piece() -> None:
    pieces = cut(tokens("Here you are then:\n```\na. b! c?\n\nd. e."))
    assert [piece.text for piece in pieces] == ["Here you are then:\n", "```\na. b! c?\n\nd. e."]


def test_a_table_is_one_piece() -> None:
    table = "| Day | Mood |\n|---|---|\n| Mon. | good! |\n"
    pieces = cut(tokens(f"Your week so far:\n\n{table}\nThat was the week."))
    assert pieces[1].text.strip() == table.strip()
    assert pieces[1].spoken == "There is a table on screen: Day, Mood."


def test_no_piece_is_longer_than_a_breath() -> None:
    pieces = cut(tokens("well then " * 200 + "the end."))
    assert all(len(piece.text) <= LONGEST + 1 for piece in pieces)
    assert all(piece.text.endswith((" ", ".")) for piece in pieces)


def test_a_word_without_end_is_cut_anyway() -> None:
    assert max(len(piece.text) for piece in cut(["x" * 2000])) <= LONGEST


def test_short_answers_are_joined_unless_the_reply_ends() -> None:
    assert [piece.text for piece in cut(["Yes."])] == ["Yes."]
    assert [piece.text for piece in cut(tokens("Yes. No. Maybe."))] == ["Yes. No. Maybe."]


def test_offsets_count_from_the_start_of_the_reply() -> None:
    text = "I see what you mean there. And then? It went on, of course, for quite a while longer."
    for piece in cut(tokens(text)):
        assert text[piece.start : piece.start + len(piece.text)] == piece.text


def test_an_empty_reply_has_no_pieces() -> None:
    assert cut([""]) == []


ALPHABET = st.sampled_from(
    [*"ab AB.,!?…\n\"'()[]`*#|-:;1。、「」।»é", "```", "\n\n", "Dr.", "http://a.b/", " word"]
)


@settings(deadline=None)
@given(st.lists(ALPHABET, max_size=120), st.data())
def test_joining_the_pieces_gives_the_reply_for_any_chunks(parts: list[str], data: st.DataObject) -> None:
    text = "".join(parts)
    chunks: list[str] = []
    at = 0
    while at < len(text):
        size = data.draw(st.integers(1, 9))
        chunks.append(text[at : at + size])
        at += size
    pieces = cut(chunks)
    assert [piece.index for piece in pieces] == list(range(len(pieces)))
    start = 0
    for piece in pieces:
        assert piece.start == start
        assert piece.text
        start += len(piece.text)


@settings(deadline=None)
@given(st.text(max_size=400))
def test_any_text_is_cut_without_loss(text: str) -> None:
    cut(list(text))
    cut([text])


def test_an_opening_word_is_spoken_before_its_sentence_ends() -> None:
    cutter = SentenceCutter()
    assert [piece.text for piece in cutter.feed("Sure,")] == ["Sure,"]
    pieces = [piece.text for piece in cutter.feed(" I can help you with that right now.")]
    assert pieces == [" I can help you with that right now."]
    other = SentenceCutter()
    assert other.feed("The river, said the ferryman") == [], "an ordinary first word waits for its clause"
