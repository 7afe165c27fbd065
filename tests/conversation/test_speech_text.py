"""What is spoken and what is cleaned away."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given, settings, strategies as st

from companion.conversation.speech_text import clean_text, spoken
from companion.log import Secret

CODE = "There is some code on screen."


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("That sounds like a lot.", "That sounds like a lot."),
        (" And then it rained.\n\n", "And then it rained."),
        ("Hello **world**, this is *fine* and ~~not~~ `ok`!", "Hello world, this is fine and not ok!"),
        ("## What matters\n\nYou do.", "What matters. You do."),
        ("- Milk\n- Bread\n- *Eggs*", "Milk. Bread. Eggs."),
        ("1. Breathe in\n2. Breathe out", "1. Breathe in. 2. Breathe out."),
        ("    - a nested item", "a nested item."),
        ("> quoted\n> text", "quoted text"),
        ("Read [this page](https://example.com/a?b=1) now.", "Read this page now."),
        ("See https://www.example.com/path?x=1. Then go.", "See example.com. Then go."),
        ("<https://user:word@example.org:8080/x>", "example.org"),
        ("![a cat](cat.png)", ""),
        ("```python\nprint('hi')\n```\n", CODE),
        ("```\nnever closed", CODE),
        ("Run `pip install x_y` or `a[0] = {}`.", "Run pip install x y or the code on screen."),
        ("| Day | Mood |\n|---|---|\n| Mon | good |\n", "There is a table on screen: Day, Mood."),
        ("The value $e^{i\\pi}$ is known.", "The value the formula on screen is known."),
        ("$$\\int x^2$$", "There is a formula on screen."),
        ("It costs $5 and $6, or 50% of €20.", "It costs $5 and $6, or 50% of €20."),
        ("<speak>Hi <break time='1s'/>there</speak>", "Hi there"),
        ("<script>alert(1)</script>Hello.", "Hello."),
        ("AT&amp;T &lt;speak&gt; R&D", "AT&T R&D"),
        ("3 < 5 and 6 > 2", "3 5 and 6 2"),
        ("Nice 😀👨‍👩‍👧! Well done 🇩🇪 👍🏽", "Nice! Well done"),
        ("🎉🎉🎉", ""),
        ("---", ""),
        ("...", ""),
        ("***", ""),
        ("Really!!! Yes =====>", "Really! Yes"),
        ("C++, C# and 2 + 2 = 4", "C++, C# and 2 + 2 = 4"),
        ("a -- b", "a – b"),
        ('" Next one', "Next one"),
        ("** Next one", "Next one"),
        ("You said so [1].[^2]", "You said so."),
        ("Your key is sk-abcdef1234567890.", "Your key is a code on screen."),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc123abc123", "a code on screen"),
        ("QWxhZGRpbjpvcGVuIHNlc2FtZQ1234567890abcdEFGH", "a code on screen"),
        ("The tokenisation of a token gesture.", "The tokenisation of a token gesture."),
        # other languages come through whole
        ("Ich heiße Jürgen; das kostet 3,50 Euro – am 3. Mai.", "Ich heiße Jürgen; das kostet 3,50 Euro – am 3. Mai."),
        ("Donaudampfschifffahrtsgesellschaftskapitän", "Donaudampfschifffahrtsgesellschaftskapitän"),
        ("Vraiment ? Oui, « c'est ça ».", "Vraiment ? Oui, « c'est ça »."),
        ("今日は**とても**疲れました。", "今日はとても疲れました。"),
        ("आज का दिन *अच्छा* था।", "आज का दिन अच्छा था।"),
        ("اليوم كان جميلا.", "اليوم كان جميلا."),
    ],
)  # fmt: skip
def test_what_the_voice_says(written: str, said: str) -> None:
    assert spoken(written) == said


def test_a_key_in_use_is_never_spoken_whatever_its_shape() -> None:
    Secret("plain7pass")
    assert "plain7pass" not in spoken("It is plain7pass, I think.")


@settings(deadline=None)
@given(st.text(max_size=200))
def test_no_markup_is_ever_spoken(text: str) -> None:
    said = spoken(text)
    assert not re.search(r"[`*|<>\[\]{}~^\\_\x00-\x1f]", said)
    assert said == said.strip()
    assert not said or any(map(str.isalnum, said))


@settings(deadline=None)
@given(st.lists(st.sampled_from("one two three four well fine night".split()), min_size=1, max_size=20))  # noqa: SIM905
def test_every_word_of_plain_prose_is_spoken(words: list[str]) -> None:
    text = " ".join(words) + "."
    assert spoken(text) == text
    assert spoken(f"**{text}**") == text


# -- cleaning


@pytest.mark.parametrize(
    ("dirty", "clean"),
    [
        ("plain", "plain"),
        ("a\x00b\x1bc\x7fd\x85e", "abcde"),
        ("one\r\ntwo\rthree\u2028four\tfive", "one\ntwo\nthree\nfour\tfive"),
        ("a\u200bb\ufeffc\u00add", "abcd"),
        ("pay \u202eevil", "pay evil"),
        ("tag\U000e0041\U000e007fged", "tagged"),
        ("x\ufdd0\uffff\U0010ffffy\ud800z", "xyz"),
        ("\u2067open", "\u2067open\u2069"),
        ("closed\u2069 twice", "closed twice"),
        ("\u2066one\ntwo", "\u2066one\u2069\ntwo"),
        ("Z" + "\u0335" * 40, "Z" + "\u0335" * 4),
        ("e\u0301", "é"),
        ("e\u200b\u0301", "é"),
    ],
)
def test_what_is_cleaned(dirty: str, clean: str) -> None:
    assert clean_text(dirty) == clean


@pytest.mark.parametrize(
    "text",
    [
        "שלום עולם",
        "السلام عليكم",
        "👨‍👩‍👧‍👦 👩🏽‍💻 ❤️ 🇩🇪 1️⃣",
        "می‌خواهم",
        "क्‍ष नमस्ते",
        "Größe, naïve, Œuvre",
        "日本語、한국어",
        "ภาษาไทย",
        "a\n\tb",
    ],
)
def test_ordinary_text_of_any_script_is_unchanged(text: str) -> None:
    assert clean_text(text) == text


@settings(max_examples=300, deadline=None)
@given(
    st.text(
        alphabet=st.characters(codec=None) | st.sampled_from("\u2066\u2069\u200d\u0301\u0335\r\n"),
        max_size=60,
    )
)
def test_nothing_forbidden_is_left_and_cleaning_twice_changes_nothing(text: str) -> None:
    clean = clean_text(text)
    for char in clean:
        code = ord(char)
        assert char in "\n\t" or unicodedata.category(char) not in {"Cc", "Cs"}
        assert not 0xE0000 <= code <= 0xE007F
        assert not 0x202A <= code <= 0x202E
        assert not 0xFDD0 <= code <= 0xFDEF
        assert code & 0xFFFE != 0xFFFE
    for line in clean.split("\n"):
        assert sum(line.count(sign) for sign in "\u2066\u2067\u2068") == line.count("\u2069")
    run = 0
    for char in clean:
        run = run + 1 if unicodedata.category(char).startswith("M") else 0
        assert run <= 4
    assert unicodedata.is_normalized("NFC", clean)
    assert clean_text(clean) == clean
