"""The offline guide in German and Hindi: it answers in the language it is spoken to, and says back only what is safe."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from companion import language
from companion.flow import ChatRequest, Message, Speaker
from companion.language import Catalogue
from companion.paths import resources
from companion.phrases import listed, read_lines
from companion.practices import Wish, find_practice, load_practices, title_in, wish_in
from companion.providers.here.guide.provider import write_answer
from companion.providers.here.guide.tongues import load_tongue, spoken
from companion.providers.here.guide.wording import SENTENCE_END, load_wordings

ENGLISH = re.compile(
    r"\b(?:the|you|your|what|which|this|that|with|and|to|of|here|once more)\b", re.IGNORECASE
)
TOLD = {
    "de": (
        "Hallo", "Heute hatte ich Streit mit meiner Schwester", "Ich weiß nicht", "ok", "Eine andere Frage",
        "Meine Oma ist gestorben", "hier bleiben", "Wer bist du?", "weiter", "Warum ist das so?", "Müde",
        "Das stimmt nicht", "Du verstehst mich nicht", "Wie wird das Wetter?", "Hörst du mich?", "hm", "...",
        "Es war viel los und dann kam noch meine Mutter und wir haben lange geredet und am Ende war es doch "
        "ganz schön, auch wenn ich erst keine Lust hatte", "Hört jemand mit?", "Bitte keine Fragen mehr", "Ja",
    ),
    "hi": (
        "नमस्ते", "मेरी बहन से झगड़ा हुआ", "पता नहीं", "ठीक है", "दूसरा सवाल", "मेरे पिता गुज़र गए", "यहीं रुकें",
        "आप कौन हैं?", "आगे", "ऐसा क्यों है?", "थकान", "यह सही नहीं है", "आप मेरी बात नहीं समझते", "मौसम कैसा है",
        "क्या कोई सुन रहा है", "हम्म", "...", "आज दफ़्तर में बहुत काम था और फिर घर आकर भी बैठ नहीं पाया क्योंकि बच्चे को "
        "बुख़ार था और दवा लेने जाना पड़ा और देर हो गई", "कोई सवाल नहीं", "हाँ",
    ),
}  # fmt: skip


def talk(*said: str, practice: str = "open-reflection") -> list[str]:
    messages: list[Message] = []
    for text in said:
        messages.append(Message(Speaker.USER, text))
        answer = write_answer(ChatRequest(messages=tuple(messages), practice=practice))
        messages.append(Message(Speaker.ASSISTANT, answer))
    return [message.content for message in messages[1::2]]


@pytest.fixture(params=sorted(spoken()))
def interface(request: pytest.FixtureRequest) -> Iterator[str]:
    language.use(Catalogue(request.param))
    yield request.param
    language.use(None)


def test_german_and_hindi_are_spoken() -> None:
    assert spoken() == {"de", "hi"}


@pytest.mark.parametrize("code", sorted(spoken()))
@pytest.mark.parametrize("practice", [each.name for each in load_practices()])
def test_no_answer_holds_english_or_is_said_twice(code: str, practice: str) -> None:
    answers = talk(*TOLD[code], practice=practice)
    assert not [text for text in answers if not text or ENGLISH.search(text) or "{" in text]
    if code == "hi":
        assert not [
            text for text in answers if re.search("[A-Za-z]{2,}", re.sub("Thinking|Privacy", "", text))
        ]
    assert len(set(answers)) == len(answers)
    assert not [text for text in answers if text.count("?") > 1]


@pytest.mark.parametrize("code", sorted(spoken()))
def test_only_what_is_asked_is_a_question_and_each_kind_has_its_sentences(code: str) -> None:
    pools, english = load_wordings(code), load_wordings()
    for name, lines in pools.items():
        assert lines, name
        if not name.startswith("again"):
            assert {line.endswith("?") for line in lines} == {name.endswith("asked")}, name
    kinds = {*load_tongue(code).whole, *load_tongue(code).within, *(wish.value for wish in Wish if wish)}
    assert kinds - {"around"} <= pools.keys()
    assert pools.keys() - english.keys() <= {"heard", "topic asked"}
    assert {f"{kind} asked" for kind in kinds} & english.keys() - pools.keys() <= {"put right asked"}


@pytest.mark.parametrize("code", sorted(spoken()))
def test_every_phrase_is_understood_as_what_it_is_listed_for(code: str) -> None:
    lines = read_lines((resources() / "guide" / code / "words.txt").read_text("utf-8"))
    tongue = load_tongue(code)
    kinds = [*tongue.whole, *tongue.within]
    wrong = [
        (phrase, found, kind)
        for kind in kinds
        for phrase in listed(lines.get(kind, "") or lines[f"in {kind}"])
        if (found := tongue.kind_of(phrase)) != kind and not wish_in(phrase)
    ]
    earlier = [each for each in wrong if kinds.index(each[1]) > kinds.index(each[2])] if wrong else []
    assert not earlier, "another line takes it"
    assert len(wrong) < 8, "what stands in two lines is of the first"


@pytest.mark.parametrize(
    ("said", "turned"),
    [
        ("Heute hatte ich Streit mit meiner Schwester.", "Heute hattest du Streit mit deiner Schwester"),
        ("Ich freue mich auf morgen", "du freust dich auf morgen"),
        ("Es war lang. Mein Chef hat mich gelobt!", "dein Chef hat dich gelobt"),
        ("Ich bin heute sehr müde.", "du bist heute sehr müde"),
        ("Ich bin ein Versager.", ""),
        ("Ich bin nicht gut genug.", ""),
        ("Ich bin hoffnungslos und leer.", ""),
        ("Niemand mag mich wirklich.", ""),
        ("Das war alles mein Fehler.", ""),
        ("Ich sollte mehr Sport machen.", ""),
        ("Ich bin müde, weil ich nicht schlafe.", ""),
        ("Hatte heute Streit mit ihm", ""),
        ("Ich quietsche manchmal im Schlaf", ""),
        ("Ich liebe dich so sehr", ""),
    ],
)
def test_their_words_are_turned_only_where_that_surely_comes_out_right(said: str, turned: str) -> None:
    assert load_tongue("de").turn(said) == turned
    assert load_tongue("hi").turn("आज मैं बहुत थक गया हूँ") == "", "its verbs show who speaks"


@pytest.mark.parametrize(
    ("code", "said", "about"),
    [
        ("de", "Ich war bei meinen Eltern.", "deine Eltern"),
        ("de", "mit meinem Kollegen war es schwierig", ""),
        ("de", "Mein Kollege war da", "deinen Kollegen"),
        ("de", "Die Mutter im Laden", ""),
        ("hi", "मेरे भाई ने फ़ोन किया", "आपके भाई"),
        ("hi", "भाई ने फ़ोन किया", ""),
    ],
)
def test_whom_they_speak_of_is_turned_to_them(code: str, said: str, about: str) -> None:
    assert load_tongue(code).topic_in(said) == about


@pytest.mark.parametrize(
    ("code", "crisis", "number"),
    [("de", "Ich will nicht mehr leben", "Telefonseelsorge"), ("hi", "मैं मरना चाहता हूँ", "14416")],
)
def test_in_danger_people_are_named_in_their_language(code: str, crisis: str, number: str) -> None:
    first, then = talk(crisis, TOLD[code][3])
    assert number in first
    assert "112" in first
    assert then.split("?")[0] + "?" in " ".join(
        f"{before} {asked}"
        for before in load_wordings(code)["emergency after"]
        for asked in load_wordings(code)["emergency asked"]
    )


@pytest.mark.parametrize(
    ("said", "code", "kind"),
    [
        ("Tschüss, bis morgen.", "de", "goodbye"),
        ("Danke, gute Nacht!", "de", "good night"),
        ("Vielen Dank fürs Zuhören", "de", "thanks"),
        ("stopp", "de", "goodbye"),
        ("धन्यवाद, फिर मिलेंगे", "hi", "goodbye"),
        ("शुक्रिया", "hi", "thanks"),
    ],
)
def test_who_leaves_is_let_go(said: str, code: str, kind: str) -> None:
    answer = talk(TOLD[code][1], said)[-1]
    assert answer in load_wordings(code)[kind]


def test_a_talk_stays_in_its_language_until_another_is_spoken() -> None:
    german, still, english = talk("Meine Arbeit ist heute zu viel.", "ok", "My sister came to see me today.")
    assert still in {
        f"{said} {asked}"
        for said in load_wordings("de")["little"]
        for asked in load_wordings("de")["little asked"]
    }
    assert "deine Arbeit" in german
    assert "your sister" in english.lower() or "Your sister" in english


def test_the_interface_decides_where_a_word_does_not(interface: str) -> None:
    hello, word, bye = talk("hi", "ok", "bye")
    pools = load_wordings(interface)
    assert hello.startswith(tuple(pools["greeting"]))
    assert word.startswith(tuple(pools["little"]))
    assert bye in pools["goodbye"]
    assert "sister" in talk("I miss my sister.")[0]


@pytest.mark.parametrize(("code", "title"), [("de", "Mein Hund im Garten"), ("hi", "माँ के हाथ का खाना")])
def test_a_practice_ends_with_its_closing_and_a_title_in_their_language(code: str, title: str) -> None:
    practice = find_practice("gratitude", code=code)
    told = [f"{title}.", *[TOLD[code][1]] * len(practice.steps)]
    closing = talk(*told, practice="gratitude")[-1]
    assert practice.closing in closing
    assert title_in(closing) == title


@pytest.mark.parametrize(
    ("code", "loss", "yes", "what"),
    [
        ("de", "Mein Vater ist im März gestorben.", "ja", "Was?"),
        ("hi", "मेरे पिता पिछले महीने गुज़र गए।", "हाँ", "क्या कहा?"),
    ],
)
def test_a_word_after_something_hard_belongs_to_it_and_what_was_not_heard_is_said_again(
    code: str, loss: str, yes: str, what: str
) -> None:
    _, little, again = talk(loss, yes, what)
    first, *_, last = SENTENCE_END.split(little)
    assert first in load_wordings(code)["hard little"]
    assert last.rstrip(".।") in again
