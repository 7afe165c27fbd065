"""What somebody returns to: tags first, then their own words, by days; never a feeling, never what is grave."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta

import pytest

from companion.insights import Row, Span
from companion.insights.rows import Choice
from companion.insights.themes import background_of, themes_of
from companion.insights.words import Reader, languages_in, stem_of

TODAY = date(2026, 11, 19)
SPAN = Span.of(Choice.WEEKS, TODAY)
ENGLISH = frozenset(("English",))


def days(texts: Sequence[str], *, end: date = TODAY, **fields: tuple[str, ...]) -> list[Row]:
    """A reflection a day, the last at `end`."""
    evening = datetime.combine(end, datetime.min.time()) + timedelta(hours=20)
    return [
        Row(began=evening - timedelta(days=len(texts) - 1 - n), words=text, **fields)  # type: ignore[arg-type]
        for n, text in enumerate(texts)
    ]


def shown(rows: Sequence[Row]) -> list[str]:
    return [theme.words for theme in themes_of(rows, SPAN).themes]


def test_words_that_come_back_are_shown_as_they_are_said() -> None:
    found = themes_of(
        days(
            [
                "I walked along the river with my sister.",
                "My sister called and it was good.",
                "Emails again. The river was high.",
                "I answered an email and then went to the river.",
                "Work and rest are out of balance. My sister knows.",
                "Too many emails, and work and rest do not meet.",
                "Work and rest again; I went to the river.",
            ]
        ),
        SPAN,
    )
    assert {theme.words: theme.days for theme in found.themes} == {
        "the river": 4,
        "my sister": 3,
        "emails": 3,
        "work and rest": 3,
    }
    assert found.sentence == "You came back to the river on 4 days of the last 12 weeks, and to emails on 3."
    for theme in found.themes:
        assert sum(theme.periods) == theme.days
        assert len(theme.periods) == len(found.periods) == 12


def test_tags_come_first_and_are_not_counted_twice() -> None:
    rows = days(["The garden is full of weeds and apples."] * 6, tags=("Garden",), people=("Jo",))
    themes = themes_of(rows, SPAN).themes
    assert [(theme.words, theme.kind) for theme in themes[:2]] == [("Garden", "tag"), ("Jo", "person")]
    assert not any("garden" in theme.words for theme in themes[2:])


def test_no_feeling_is_named_and_nothing_grave_is_brought_up() -> None:
    text = (
        "I was so anxious and sad, full of grief and shame, happy too. The funeral. I thought of suicide and death "
        "and was tired of everything, and lonely. The bread was good."
    )
    assert shown(days([text] * 8)) == ["the bread"]


def test_a_long_talk_about_something_is_one_day() -> None:
    assert shown(days(["pottery " * 500, *["I made soup with leeks."] * 6])) == ["leeks", "soup"]


def test_a_way_to_speak_is_no_theme() -> None:
    """In a language nobody listed words for, what is said nearly every day is left out."""
    rows = days(
        [f"ja ma olen jälle siin, {'jõgi oli vaikne' if n % 4 == 0 else 'töö oli pikk'}" for n in range(20)]
    )
    assert languages_in(row.words for row in rows) == frozenset()
    found = shown(rows)
    assert any("jõgi" in words for words in found)
    assert not any("jälle" in words for words in found)


def test_german_is_read_too() -> None:
    rows = days(
        [
            "Ich war mit meiner Schwester am Fluss und es war schön.",
            "Meine Schwester hat angerufen, das war gut.",
        ]
        * 4
    )
    assert languages_in(row.words for row in rows) == {"Deutsch"}
    assert "Schwester" in " ".join(shown(rows))
    assert not {"ich", "war", "und"} & set(" ".join(shown(rows)).split())


def test_hindi_is_read_too() -> None:
    rows = days(
        [
            "मैं अपनी बहन के साथ नदी पर थी और बहुत अच्छा लगा।",
            "बहन ने फ़ोन किया, नदी की बात हुई।",
        ]
        * 4
    )
    assert languages_in(row.words for row in rows) == {"हिन्दी"}
    told = " ".join(shown(rows))
    assert "बहन" in told
    assert not {"मैं", "और", "के", "बहुत"} & set(told.split())


def test_what_is_new_comes_before_what_was_always_there() -> None:
    before = days(["The shop was open and the tram was late."] * 30, end=SPAN.first - timedelta(days=1))
    new = ("cello", "lake", "roof", "kite")
    rows = days(
        [f"There was the {name}." + " The shop was open." * (n % 2) for name in new for n in range(6)]
    )
    themes = themes_of(rows, SPAN, lambda languages: background_of(before, languages)).themes
    assert {theme.words: theme.is_rising for theme in themes} == {
        "the shop": False,
        **{f"the {name}": True for name in new},
    }


@pytest.mark.parametrize(
    ("missing", "texts"),
    [
        ("What you return to appears after five days with words; there are 2.", ["The river."] * 2),
        ("What you return to appears after five days with words; there are none.", []),
        ("Nothing came back on three days of the last 12 weeks yet.", list("abcdefgh")),
    ],
)
def test_what_is_missing_is_said(missing: str, texts: list[str]) -> None:
    assert themes_of(days(texts), SPAN).missing == missing


@pytest.mark.parametrize(
    "forms",
    [
        "walk walks walked walking",
        "email emails",
        "story stories",
        "run running runs",
        "box boxes",
        "house houses",
    ],
)
def test_forms_of_a_word_are_one(forms: str) -> None:
    assert len({stem_of(form) for form in forms.split()}) == 1


@pytest.mark.parametrize(
    "pair", ["glass glance", "boss bus", "sister sisal", "bed be", "thing think", "news newt"]
)
def test_other_words_stay_apart(pair: str) -> None:
    one, other = pair.split()
    assert stem_of(one) != stem_of(other)


@pytest.mark.parametrize(
    "text",
    ["", "...", "42 & 7_7", "今日は川へ行きました", "\u202e\ud83d ' -", "I'll — don’t “it’s”", "x" * 5_000],
)
def test_odd_text_has_no_theme_and_does_no_harm(text: str) -> None:
    assert not list(Reader(ENGLISH).terms(text))
    assert shown(days([text] * 6)) == []


def test_letters_that_grow_in_lower_case_are_found() -> None:
    assert shown(days(["İİİ the Bosphorus was grey."] * 6)) == ["the bosphorus", "grey"]
